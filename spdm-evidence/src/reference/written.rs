//! Reference values of any format, and measurements, written as JSON of this project.

use serde::Deserialize;
use spdm_appraisal::{Claims, Digests, ElementId, Environment, ReferenceValue, Svn};
use spdm_codec::{ContentChanged, DmtfMeasurement, MeasurementForm, MeasurementType};
use spdm_requester::{AttestationCheck, CheckStatus};

use super::environment::DeviceEnvironment;
use super::file::ReferenceFile;
use super::own::{ValueRow, type_named};
use super::subject::Subject;
use crate::error::Error;
use crate::report::{MeasuredValue, Report};

/// Reference values to be written as JSON (`docs/schema/reference.json`), and what JSON cannot say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WrittenReference {
    rows: Vec<ValueRow>,
    left_out: Vec<String>,
}

/// The types whose content is another one in each run, or is for people.
const NOT_EXPECTED: [MeasurementType; 3] = [
    MeasurementType::FreeformManifest,
    MeasurementType::Informational,
    MeasurementType::StructuredManifest,
];

/// What a printed report says of measurements.
#[derive(Deserialize)]
struct PrintedReport {
    verified: bool,
    checks: Vec<PrintedCheck>,
    measurements: Vec<PrintedMeasurement>,
    content_changed: Option<String>,
}

#[derive(Deserialize)]
struct PrintedCheck {
    check: String,
    status: String,
}

#[derive(Deserialize)]
struct PrintedMeasurement {
    index: u8,
    #[serde(rename = "type")]
    kind: String,
    raw: bool,
    value: String,
}

impl PrintedMeasurement {
    fn read(&self) -> Result<MeasuredValue, Error> {
        let value = hex::decode(&self.value).map_err(|_| Error::Hex { field: "value" })?;
        // One that this build has no name for is left out, whatever it is.
        let value_type = type_named(&self.kind).unwrap_or(MeasurementType::Other(0x7F));
        let form = match self.raw {
            true => MeasurementForm::RawBitStream,
            false => MeasurementForm::Digest,
        };
        let measurement = DmtfMeasurement { value_type, form, value: &value };
        Ok(MeasuredValue::of_measurement(self.index, &measurement))
    }
}

impl WrittenReference {
    /// What the measurements of a verified device should be from now on: digests and raw values as they are, security
    /// version numbers as they are or higher. Manifests and what is informational are left out.
    ///
    /// # Errors
    /// [`Error::NotVerified`]: the device is not verified, its measurements are not signed, or they changed while they
    /// were read.
    pub fn of_report(report: &Report) -> Result<Self, Error> {
        let signed = report.status(AttestationCheck::MeasurementsSignature) == CheckStatus::Pass;
        let changed = report.content_changed() == Some(ContentChanged::Changed);
        if report.verified() && signed && !changed {
            Ok(Self::of_measurements(report.measurements()))
        } else {
            Err(Error::NotVerified)
        }
    }

    /// As [`Self::of_report`], of a report that was printed as JSON (`docs/schema/report.json`), which is taken at its word.
    ///
    /// # Errors
    /// [`Error::NotVerified`]; [`Error::Json`] and [`Error::Hex`] where it is no report.
    pub fn of_printed_report(json: &[u8]) -> Result<Self, Error> {
        let report: PrintedReport =
            serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
        let signature = AttestationCheck::MeasurementsSignature.name();
        let mut checks = report.checks.iter();
        let signed = checks.any(|row| row.check == signature && row.status == "pass");
        let changed = report.content_changed.as_deref() == Some("changed");
        if !report.verified || !signed || changed {
            return Err(Error::NotVerified);
        }
        let measured = report.measurements.iter().map(PrintedMeasurement::read);
        Ok(Self::of_measurements(&measured.collect::<Result<Vec<_>, _>>()?))
    }

    fn of_measurements(measured: &[MeasuredValue]) -> Self {
        let mut written = Self::default();
        for value in measured {
            let kind = value.value_type.filter(|kind| !matches!(kind, MeasurementType::Other(_)));
            if kind.is_none_or(|kind| NOT_EXPECTED.contains(&kind)) {
                written.left_out.push(format!("measurement {} ({})", value.index, value.kind));
                continue;
            }
            let row = ValueRow {
                index: value.index,
                kind: Some(value.kind.to_owned()),
                ..ValueRow::default()
            };
            written.rows.push(match value.svn {
                Some(svn) => ValueRow { min_svn: Some(svn), ..row },
                None => {
                    let hex = hex::encode(&value.value);
                    ValueRow { raw: value.raw, value: Some(hex), ..row }
                }
            });
        }
        written
    }

    /// The reference values of a file for a device of this environment, as far as JSON can say them. A file about several
    /// environments needs one: otherwise what is right for one device would be for another.
    ///
    /// # Errors
    /// The environments that the file is about, in words, where it is about several and none is named.
    pub fn of_file(
        file: &ReferenceFile<'_>,
        environment: &DeviceEnvironment,
    ) -> Result<Self, Vec<String>> {
        let subject = Subject::default();
        let asserted = match environment {
            DeviceEnvironment::Asserted(asserted) => Some(asserted.environment()),
            DeviceEnvironment::OfCertificate | DeviceEnvironment::Any => None,
        };
        let states: Vec<_> = file
            .all_states(&subject)
            .filter(|state| asserted.is_none_or(|device| state.environment.covers(&device)))
            .collect();
        let mut environments: Vec<Environment<'_>> = Vec::new();
        for state in &states {
            if !environments.contains(&state.environment) {
                environments.push(state.environment);
            }
        }
        if environments.len() > 1 && *environment == DeviceEnvironment::OfCertificate {
            return Err(environments.iter().map(in_words).collect());
        }
        let mut written = Self::default();
        for environment in environments.iter().filter(|e| **e != Environment::default()) {
            written.left_out.push(format!("that the values are about {}", in_words(environment)));
        }
        let belongs = |values: usize| values > 1 && states.len() > 1;
        if states.iter().any(|state| belongs(state.values.iter().count())) {
            written.left_out.push("which values belong together".to_owned());
        }
        for state in &states {
            for value in state.values.iter() {
                if let Err(what) = written.add(&value) {
                    let origin = state.origin;
                    let place = format!("tag {}, entry {}", origin.tag, origin.triple);
                    written.left_out.push(format!("{what} ({place})"));
                }
            }
        }
        Ok(written)
    }

    /// Adds a value to those of its index.
    fn add(&mut self, value: &ReferenceValue<'_>) -> Result<(), String> {
        let index = match value.id {
            ElementId::Index(index) => u8::try_from(index).ok().filter(|i| (1..=254).contains(i)),
            _ => None,
        };
        let index = index.ok_or("a value that is of no measurement index")?;
        if value.authorized_by.is_some() {
            return Err(format!("measurement {index}: whose measurement it has to be"));
        }
        let new = row_of(index, &value.claims).ok_or_else(|| {
            format!("measurement {index}: a value of several attributes or of another kind")
        })?;
        let Some(row) = self.rows.iter_mut().find(|row| row.index == index) else {
            self.rows.push(new);
            return Ok(());
        };
        let is_alike = row.min_svn.is_none()
            && new.min_svn.is_none()
            && (&row.kind, row.raw, &row.mask) == (&new.kind, new.raw, &new.mask);
        if *row == new {
            return Ok(());
        }
        if !is_alike {
            return Err(format!("measurement {index}: an alternative of another kind"));
        }
        let mut all: Vec<String> = row.value.take().into_iter().collect();
        all.extend(row.any_of.take().unwrap_or_default());
        for value in new.value.into_iter().chain(new.any_of.unwrap_or_default()) {
            if !all.contains(&value) {
                all.push(value);
            }
        }
        (row.value, row.any_of) = one_or_more(all);
        Ok(())
    }

    /// What JSON cannot say, or should not, in words.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Whether there is no value, so that it would be no file of reference values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The JSON, a line for each measurement.
    #[must_use]
    pub fn to_json(&self) -> String {
        let rows = self.rows.iter().filter_map(|row| serde_json::to_string(row).ok());
        let rows: Vec<_> = rows.map(|row| format!("    {row}")).collect();
        format!("{{\n  \"measurements\": [\n{}\n  ]\n}}\n", rows.join(",\n"))
    }
}

fn one_or_more(mut values: Vec<String>) -> (Option<String>, Option<Vec<String>>) {
    if values.len() == 1 { (values.pop(), None) } else { (None, Some(values)) }
}

/// One attribute as a row; `None` where there are others, which all have to hold.
fn row_of(index: u8, claims: &Claims<'_>) -> Option<ValueRow> {
    let Claims { version, svn, digests, raw, measurement_type, .. } = *claims;
    let rest = Claims {
        version: None,
        svn: None,
        digests: None,
        raw: None,
        measurement_type: None,
        ..*claims
    };
    if !rest.is_nothing() {
        return None;
    }
    let kind = measurement_type.map(|kind| kind.name().to_owned());
    let row = ValueRow { index, kind, ..ValueRow::default() };
    let of_type = |kind: MeasurementType| Some(kind.name().to_owned());
    match (digests, raw, svn, version) {
        (Some(digests), None, None, None) => {
            let (value, any_of) = one_or_more(values_of(&digests)?);
            Some(ValueRow { value, any_of, ..row })
        }
        (None, Some(raw), None, None) => Some(ValueRow {
            raw: true,
            value: Some(hex::encode(raw.value)),
            mask: raw.mask.map(hex::encode),
            ..row
        }),
        (None, None, Some(Svn::AtLeast(least)), None) => {
            Some(ValueRow { min_svn: Some(least), ..row })
        }
        (None, None, Some(Svn::Exact(svn)), None) => Some(ValueRow {
            raw: true,
            kind: of_type(MeasurementType::FirmwareSecurityVersion),
            value: Some(hex::encode(svn.to_le_bytes())),
            ..row
        }),
        (None, None, None, Some(version)) if version.scheme.is_none() => Some(ValueRow {
            raw: true,
            kind: of_type(MeasurementType::FirmwareVersion),
            value: Some(hex::encode(version.text)),
            ..row
        }),
        _ => None,
    }
}

/// The digests of known algorithms, each once. A measurement has one digest, so that one of them is expected; JSON names no
/// algorithm, for the device's is known.
fn values_of(digests: &Digests<'_>) -> Option<Vec<String>> {
    let mut values = Vec::new();
    for digest in digests.iter() {
        if matches!(digest.algorithm, spdm_appraisal::DigestAlgorithm::Unknown(_)) {
            continue;
        }
        let value = hex::encode(digest.value.bytes().collect::<Vec<_>>());
        if !values.contains(&value) {
            values.push(value);
        }
    }
    // Nothing would be expected, or an algorithm is there twice, which nothing matches.
    (!values.is_empty() && digests.agree(digests)).then_some(values)
}

fn in_words(environment: &Environment<'_>) -> String {
    let Environment { vendor, model, .. } = environment;
    let parts = [("vendor", vendor), ("model", model)];
    let parts = parts
        .iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?.escape_debug())));
    let mut parts: Vec<String> = parts.collect();
    let rest = Environment { vendor: None, model: None, ..*environment };
    if rest != Environment::default() {
        parts.push("other attributes".to_owned());
    }
    parts.join(", ")
}
