//! Why a device is not verified, out of its report.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spdm_evidence::printable_text;

/// Measurements of one device that are shown.
const MAX_MEASUREMENTS: usize = 32;
/// Bytes of a value that are shown, and of those in front of the first difference.
const MAX_BYTES: usize = 512;
const BYTES_BEFORE: usize = 32;
/// Failing checks that are shown, and characters of what each says.
const MAX_CHECKS: usize = 30;
const MAX_TEXT: usize = 2048;

/// What the page shows of a report.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    subject: Option<String>,
    serial: Option<String>,
    root: Option<String>,
    /// The failing ones.
    checks: Vec<CheckPart>,
    /// The differing ones.
    measurements: Vec<Differing>,
    more_measurements: usize,
}

#[derive(Debug, Serialize)]
struct Differing {
    index: u8,
    #[serde(rename = "type")]
    kind: String,
    raw: bool,
    value: String,
    text: Option<String>,
    svn: Option<u64>,
    /// The alternative that differs least, alone.
    expected: Vec<Expected>,
    /// How many there are.
    alternatives: usize,
    /// How many bytes the value has, where only some are shown.
    cut: Option<usize>,
    /// The number of the first byte that is shown.
    from: usize,
}

#[derive(Debug, Serialize)]
struct Expected {
    form: String,
    value: String,
    mask: Option<String>,
    file: String,
    signer: Option<String>,
}

/// The part of a report that is read.
#[derive(Deserialize)]
struct ReportPart {
    checks: Vec<CheckPart>,
    identity: IdentityPart,
    measurements: Vec<MeasuredPart>,
}

#[derive(Debug, Deserialize, Serialize)]
struct CheckPart {
    check: String,
    #[serde(skip_serializing)]
    status: String,
    detail: String,
}

#[derive(Deserialize)]
struct IdentityPart {
    subject: Option<String>,
    serial: Option<String>,
    root_sha256: Option<String>,
}

#[derive(Deserialize)]
struct MeasuredPart {
    index: u8,
    #[serde(rename = "type")]
    kind: String,
    raw: bool,
    value: String,
    text: Option<String>,
    svn: Option<u64>,
    reference: String,
    expected: Vec<ExpectedPart>,
}

#[derive(Deserialize)]
struct ExpectedPart {
    form: String,
    value: String,
    mask: Option<String>,
    origin: OriginPart,
}

#[derive(Deserialize)]
struct OriginPart {
    file: String,
    signer: Option<String>,
}

impl Detail {
    /// `None` where it is no report.
    pub(super) fn of(report: &RawValue) -> Option<Self> {
        let report: ReportPart = serde_json::from_str(report.get()).ok()?;
        let failing = report.checks.into_iter().filter(|check| check.status == "fail");
        let checks = failing.take(MAX_CHECKS).map(CheckPart::shown).collect();
        let differing = report.measurements.into_iter().filter(|row| row.reference == "mismatch");
        let mut measurements: Vec<_> = differing.map(Differing::of).collect();
        let more_measurements = measurements.len().saturating_sub(MAX_MEASUREMENTS);
        measurements.truncate(MAX_MEASUREMENTS);
        let IdentityPart { subject, serial, root_sha256 } = report.identity;
        Some(Self {
            subject: subject.map(|text| shown(&text)),
            serial: serial.map(|text| shown(&text)),
            root: root_sha256.map(|text| shown(&text)),
            checks,
            measurements,
            more_measurements,
        })
    }

    pub(super) fn has_measurements(&self) -> bool {
        !self.measurements.is_empty()
    }

    pub(super) fn leave_out_measurements(&mut self) {
        self.measurements = Vec::new();
        self.more_measurements = 0;
    }
}

impl CheckPart {
    fn shown(self) -> Self {
        Self { check: shown(&self.check), detail: shown(&self.detail), ..self }
    }
}

impl Differing {
    fn of(row: MeasuredPart) -> Self {
        let alternatives = row.expected.len();
        let best = row.expected.into_iter().next();
        let len = row.value.len() / 2;
        let expected_len = best.as_ref().map_or(0, |best| best.value.len() / 2);
        let first = best.as_ref().map_or(0, |best| first_difference(&row.value, &best.value));
        let is_cut = len.max(expected_len) > MAX_BYTES;
        let from = if is_cut && first >= MAX_BYTES { first - BYTES_BEFORE } else { 0 };
        let window = |hex: String| part(&hex, from);
        let expected = best.map(|best| Expected {
            value: match best.form.as_str() {
                "digest" | "raw" => window(best.value),
                _ => shown(&best.value),
            },
            form: shown(&best.form),
            mask: best.mask.map(window),
            file: shown(&best.origin.file),
            signer: best.origin.signer.as_deref().map(shown),
        });
        Self {
            index: row.index,
            kind: shown(&row.kind),
            raw: row.raw,
            value: window(row.value),
            text: row.text.as_deref().map(shown),
            svn: row.svn,
            expected: expected.into_iter().collect(),
            alternatives,
            cut: is_cut.then_some(len),
            from,
        }
    }
}

/// The number of the first byte that is not the same.
fn first_difference(one: &str, other: &str) -> usize {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other);
    same.count() / 2
}

/// So many bytes of hexadecimal digits, from one on.
fn part(hex: &str, from: usize) -> String {
    let digits = hex.chars().skip(from.saturating_mul(2)).take(MAX_BYTES * 2);
    digits.filter(char::is_ascii_hexdigit).collect()
}

/// A text of a device, or of a file, without what could steer a reader.
pub(super) fn shown(text: &str) -> String {
    let mut text = printable_text(text);
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}
