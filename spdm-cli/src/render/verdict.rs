//! Verdicts: what was found at a glance, then who, what and why.

use spdm_codec::ContentChanged;
use spdm_evidence::{
    AttestationCheck, CheckStatus, DeviceModes, DeviceRequests, HandshakeProtection, MeasuredValue,
    RecordProtection, Report, ReportErrorKind, SessionEnd, SessionKeys, SessionKind,
};
use spdm_requester::SummaryAgreement;

use super::appraised::appraised;
use super::certificate::certificates;
use super::claims::claims;
use super::{Style, Table, hex_cut, waived};
use crate::chain::Explained;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::verdict::Verdict;

/// Values longer than this are cut, unless -v is given.
const VALUE_LEN: usize = 64;
/// Both are signed; which of them is right, nobody can say.
const SUMMARY_DIFFERS: &str = "WARNING: MeasurementSummaryHash, which the device signed before, is not the hash of these measurements";

/// Shows a verdict.
pub(crate) fn show(verdict: &Verdict, console: &mut Console) -> Result<(), Failure> {
    if console.json() {
        console.verdict(verdict, None)?;
        notes(verdict, console);
        return Ok(());
    }
    let (style, most) = (console.style(), value_len(console));
    let report = &verdict.report;
    let parts = [
        headline(verdict, style),
        device(report, style),
        session(report, style),
        checks(report, style, |_| true),
        measured(report, style, most),
        claims(report, style),
        advice(report, style),
    ];
    console.report(&parts.concat())?;
    notes(verdict, console);
    Ok(())
}

/// Shows the verdict over a chain alone, then each certificate.
pub(crate) fn show_chain(
    verdict: &Verdict,
    explained: Option<&Explained<'_>>,
    console: &mut Console,
) -> Result<(), Failure> {
    let style = console.style();
    let report = &verdict.report;
    let of_chain = |check: AttestationCheck| {
        let name = check.name();
        check != AttestationCheck::ChainDigest
            && (name.starts_with("chain.") || name.starts_with("leaf."))
    };
    let parts = [
        headline(verdict, style),
        explained.map(|explained| certificates(explained, style)).unwrap_or_default(),
        checks(report, style, of_chain),
        advice(report, style),
    ];
    console.report(&parts.concat())?;
    notes(verdict, console);
    Ok(())
}

/// Shows measurements first, and of the checks only what matters for them.
pub(crate) fn show_measured(verdict: &Verdict, console: &mut Console) -> Result<(), Failure> {
    if console.json() {
        console.verdict(verdict, None)?;
        notes(verdict, console);
        return Ok(());
    }
    let (style, most) = (console.style(), value_len(console));
    let report = &verdict.report;
    if report.measurements().is_empty() {
        notes(verdict, console);
        return Err(not_measured(verdict));
    }
    let signature = match report.status(AttestationCheck::MeasurementsSignature) {
        CheckStatus::Pass if verdict.verified() => {
            style.good("signed by the key of a trusted chain over a fresh nonce")
        }
        CheckStatus::Pass if lacks_anchor(report) => {
            style.strong("signed by the device's key, but nobody vouches for the key")
        }
        CheckStatus::Pass
            if report.status(AttestationCheck::MeasurementsReference) == CheckStatus::Fail =>
        {
            style.bad("signed by the device's key, but not what is expected")
        }
        CheckStatus::Pass => style.bad("signed by the device's key, but the device is rejected"),
        CheckStatus::Fail => match verdict.error() {
            Some((ReportErrorKind::Signature, _)) => style.bad("the signature does not hold"),
            _ => style.bad("the measurements do not hold"),
        },
        CheckStatus::Skipped => style.strong("not signed: nothing of this is authentic"),
    };
    let of_measurements =
        [AttestationCheck::MeasurementsSignature, AttestationCheck::MeasurementsFormat];
    let mut failed = report
        .checks()
        .iter()
        .filter(|row| row.status == CheckStatus::Fail && of_measurements.contains(&row.check));
    // Without measurements it does not matter who vouches for the key.
    let (error, advice) = match failed.next() {
        Some(row) => (Some(verdict.worded(&row.detail)), String::new()),
        None => {
            let error = verdict.error().filter(|_| !verdict.verified());
            (error.map(|(_, message)| message), advice(report, style))
        }
    };
    let error = error.map(|message| format!("{}\n", style.faint(message)));
    let parts = [
        session(report, style),
        measured(report, style, most),
        claims(report, style),
        format!("{signature}\n"),
        error.unwrap_or_default(),
        advice,
    ];
    console.report(&parts.concat())?;
    notes(verdict, console);
    Ok(())
}

/// There is nothing to show.
fn not_measured(verdict: &Verdict) -> Failure {
    let report = &verdict.report;
    // What went wrong with measurements says more than who vouches for the key.
    let of_measurements =
        [AttestationCheck::MeasurementsSignature, AttestationCheck::MeasurementsFormat];
    let failed = report
        .checks()
        .iter()
        .find(|row| row.status == CheckStatus::Fail && of_measurements.contains(&row.check));
    let error = verdict.error().map_or("nothing was signed", |(_, message)| message);
    let message = failed.map_or(error, |row| verdict.worded(&row.detail));
    let message = format!("{}: not measured: {message}", report.target());
    Failure::new(verdict.exit, message).with_hint(verdict.hint())
}

/// A verb that gives no verdict could not do its job. Programs get a report of how far it came; of a device that cannot be
/// reached or does not answer there is nothing to report.
pub(crate) fn not_done(verdict: &Verdict, console: &mut Console) -> Result<Exit, Failure> {
    if console.json() && verdict.exit != Exit::Transport {
        console.verdict(verdict, None)?;
        console.hint(next_step(verdict).as_deref());
        return Ok(verdict.exit);
    }
    let failure = failure(verdict);
    let message = format!("{}: {}", verdict.report.target(), failure.message);
    Err(Failure { message, ..failure })
}

/// Why a verb that gives no verdict could not do its job.
pub(crate) fn failure(verdict: &Verdict) -> Failure {
    let (kind, message) = verdict
        .error()
        .map_or((None, "nothing was found"), |(kind, message)| (Some(kind), message));
    let hint = next_step(verdict);
    let failure = Failure::new(verdict.exit, message).with_hint(hint.as_deref());
    Failure { kind, ..failure }
}

/// What a person can try: where nobody vouches for the chain, the root that they may know from elsewhere.
fn next_step(verdict: &Verdict) -> Option<String> {
    let pin = || {
        let report = &verdict.report;
        let root = report.identity().root_sha256.as_ref().filter(|_| lacks_anchor(report))?;
        Some(format!(
            "if you know from elsewhere that this root is the vendor's, pin it: --trust-root-hash {root}"
        ))
    };
    verdict.hint().map(str::to_owned).or_else(pin)
}

fn value_len(console: &Console) -> usize {
    if console.verbosity() > 0 { usize::MAX } else { VALUE_LEN }
}

/// Says what was passed over.
pub(crate) fn notes(verdict: &Verdict, console: &Console) {
    let prefix = verdict.file().map(|file| format!("{file}: ")).unwrap_or_default();
    for note in verdict.report.notes() {
        console.note(&format!("note: {prefix}{note}"));
    }
}

fn headline(verdict: &Verdict, style: Style) -> String {
    let report = &verdict.report;
    let target = report.target();
    if verdict.verified() {
        let why = match (report.basis(), report.fresh()) {
            (Some(basis), Some(true)) => format!("{basis}; fresh"),
            (Some(basis), _) => format!("{basis}; freshness was not asked"),
            (None, _) => "the chain is trusted".to_owned(),
        };
        let waived = waived::rows(report, style);
        return format!("{}  {target}: {why}\n{waived}", style.good("VERIFIED"));
    }
    if is_of_psk(report) && matches!(verdict.error(), Some((ReportErrorKind::Unproven, _))) {
        let what = "with a holder of the pre-shared key; no identity is proven";
        return format!("{}  {target}: {what}\n", style.strong("PSK SESSION"));
    }
    let why = match verdict.error() {
        _ if lacks_anchor(report) && nothing_else_failed(report) => "no trust anchor",
        Some((_, message)) => message,
        None => "nothing was proven",
    };
    format!("{}  {target}: {why}\n", style.bad("NOT VERIFIED"))
}

fn is_of_psk(report: &Report) -> bool {
    report.session().is_some_and(|session| session.kind == SessionKind::Psk)
}

fn lacks_anchor(report: &Report) -> bool {
    report.status(AttestationCheck::ChainAnchor) == CheckStatus::Fail
        && report.checks().iter().any(|result| {
            result.check == AttestationCheck::ChainAnchor
                && result.detail.starts_with(spdm_x509::Rule::NoTrustAnchor.text())
        })
}

fn nothing_else_failed(report: &Report) -> bool {
    let failed = report.checks().iter().filter(|result| result.status == CheckStatus::Fail);
    failed.count() == 1 && report.error().is_none_or(|error| error.kind == ReportErrorKind::Chain)
}

fn device(report: &Report, style: Style) -> String {
    let identity = report.identity();
    let mut table = Table::default();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.row([name.to_owned(), value]);
        }
    };
    line("subject", identity.subject.clone());
    line("name", (!identity.san.is_empty()).then(|| identity.san.join(", ")));
    line("serial", identity.serial.clone());
    line("root SHA-256", identity.root_sha256.clone());
    line(
        "slot",
        report.slot().map(|slot| match slot {
            0xFF => "provisioned public key".to_owned(),
            slot => slot.to_string(),
        }),
    );
    let algorithm = |name| report.algorithms().get(name).cloned().flatten();
    let agreed = [
        report.version().map(|version| format!("SPDM {version}")),
        algorithm("base_asym").or_else(|| algorithm("pqc_asym")),
        algorithm("base_hash"),
    ];
    let agreed: Vec<String> = agreed.into_iter().flatten().collect();
    line("connection", (!agreed.is_empty()).then(|| agreed.join(", ")));
    line("nonce of CHALLENGE", report.nonces().challenge.clone());
    line("nonce of GET_MEASUREMENTS", report.nonces().measurements.clone());
    line("nonce of KEY_EXCHANGE", report.nonces().key_exchange.clone());
    let table = table.plain(style);
    if table.is_empty() { table } else { format!("{}\n{table}", style.strong("Device")) }
}

/// What was agreed for a session, and what became of it.
fn session(report: &Report, style: Style) -> String {
    let Some(session) = report.session() else { return String::new() };
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    line("id", session.id.clone());
    let keys = match (session.kind, &session.key_exchange) {
        (SessionKind::Psk, _) => "a pre-shared key".to_owned(),
        (SessionKind::KeyExchange, Some(algorithm)) => format!("{algorithm}, signed by the device"),
        (SessionKind::KeyExchange, None) => "signed by the device".to_owned(),
    };
    line("keys from", keys);
    let handshake = match session.handshake {
        HandshakeProtection::Secured => "secured",
        HandshakeProtection::InTheClear => "in the clear",
    };
    line("handshake", handshake.to_owned());
    let protection = match session.records {
        RecordProtection::Encrypted => "encrypted",
        RecordProtection::Authenticated => "authenticated, NOT encrypted",
    };
    let version = session.secured_messages.as_ref().map(|version| format!("DSP0277 {version}"));
    let records = [Some(protection.to_owned()), session.aead.clone(), version];
    line("records", records.into_iter().flatten().collect::<Vec<_>>().join(", "));
    let period = match session.heartbeat_period {
        0 => "not demanded".to_owned(),
        period => format!("at least every {period} s"),
    };
    let answered = match session.heartbeats {
        0 => String::new(),
        count => format!("; {count} answered"),
    };
    line("heartbeat", format!("{period}{answered}"));
    if !session.key_updates.is_empty() {
        let updates = session.key_updates.iter().map(|keys| match keys {
            SessionKeys::Requests => "requests",
            SessionKeys::Both => "both directions",
        });
        line("new keys for", updates.collect::<Vec<_>>().join(", "));
    }
    if let Some(DeviceRequests { polls, requests, refused, .. }) = session.polled {
        let refused = match refused {
            0 => String::new(),
            refused => format!(", {refused} of them refused"),
        };
        line("polls", format!("{polls}; requests of the device: {requests}{refused}"));
    }
    for exchange in &session.vendor_defined {
        line("vendor-defined", format!("{} -> {}", exchange.request, exchange.response));
    }
    let end = match session.end {
        SessionEnd::Closed => "closed",
        SessionEnd::Lost => "LOST",
    };
    line("end", end.to_owned());
    format!("{}\n{}", style.strong("Session"), table.plain(style))
}

fn checks(report: &Report, style: Style, wanted: impl Fn(AttestationCheck) -> bool) -> String {
    // Where nothing could be checked, the reason is in the headline.
    if report.checks().iter().all(|result| result.status == CheckStatus::Skipped) {
        return String::new();
    }
    let mut table = Table::default();
    let results = || report.checks().iter().filter(|result| wanted(result.check));
    for result in results() {
        let status = match result.status {
            CheckStatus::Pass => "pass",
            CheckStatus::Fail => "FAIL",
            CheckStatus::Skipped => "-",
        };
        table.row([status.to_owned(), result.check.name().to_owned(), result.detail.clone()]);
    }
    let statuses: Vec<CheckStatus> = results().map(|result| result.status).collect();
    let rows = table.show(style, |row, column, cell| match (statuses.get(row), column) {
        (Some(CheckStatus::Pass), 0) => style.good(cell),
        (Some(CheckStatus::Fail), 0) => style.bad(cell),
        (Some(CheckStatus::Skipped), _) | (_, 2) => style.faint(cell),
        _ => cell.to_owned(),
    });
    format!("{}\n{rows}", style.strong("Checks"))
}

/// The measurements as a table; nothing where there are none.
pub(crate) fn measured(report: &Report, style: Style, most: usize) -> String {
    let values = report.measurements();
    if values.is_empty() {
        return String::new();
    }
    let signed = match report.status(AttestationCheck::MeasurementsSignature) {
        CheckStatus::Pass if report.session().is_some() => "signed, in the session",
        CheckStatus::Pass => "signed",
        _ if is_of_psk(report) => "not signed, in the session",
        CheckStatus::Skipped if report.nonces().measurements.is_some() => "signed, not checked",
        _ => "not signed",
    };
    let rows = appraised(report, style, most)
        .unwrap_or_else(|| table(&values.iter().collect::<Vec<_>>(), style, most));
    let warning = match report.measurement_summary() {
        SummaryAgreement::Differs => style.bad(SUMMARY_DIFFERS) + "\n",
        _ => String::new(),
    };
    let changed = match report.content_changed() {
        None => "",
        Some(ContentChanged::NotDetected) => ", the device does not look for changes meanwhile",
        Some(ContentChanged::Unchanged) => ", unchanged while they were read",
        Some(ContentChanged::Changed) => ", CHANGED while they were read",
    };
    format!("{} ({signed}{changed})\n{rows}{warning}", style.strong("Measurements"))
}

/// Measurements with their values.
pub(super) fn table(values: &[&MeasuredValue], style: Style, most: usize) -> String {
    let mut table = Table::default();
    table.row(["index", "type", "form", "value"].map(str::to_owned));
    for value in values {
        let form = if value.raw { "raw" } else { "digest" };
        let shown = hex_cut(&value.value, most);
        table.row([value.index.to_string(), value.kind.to_owned(), form.to_owned(), shown]);
        for words in in_words(value, most) {
            table.row([String::new(), words]);
        }
    }
    table.show(style, |row, _, cell| if row == 0 { style.faint(cell) } else { cell.to_owned() })
}

/// What a raw value means.
pub(super) fn in_words(value: &MeasuredValue, most: usize) -> Vec<String> {
    let text = value.text.as_ref().map(|text| {
        // It is printable, but may hold quotes.
        let shown: String = text.chars().take(most).collect();
        let end = if shown.len() < text.len() { "…" } else { "" };
        match value.kind {
            "firmware_version" => format!("version {shown:?}{end}"),
            _ => format!("text {shown:?}{end}"),
        }
    });
    let svn = value.svn.map(|svn| format!("security version {svn}"));
    let modes = value.device_mode.iter().flat_map(modes);
    text.into_iter().chain(svn).chain(modes).collect()
}

/// The modes of a device.
fn modes(modes: &DeviceModes) -> [String; 2] {
    let list = |words: &[String]| match words {
        [] => "none".to_owned(),
        words => words.join(", ").replace('_', " "),
    };
    [
        ("operational mode", &modes.operational_state, &modes.operational_capabilities),
        ("debug mode", &modes.debug_state, &modes.debug_capabilities),
    ]
    .map(|(what, state, possible)| {
        format!("{what}: {} (possible: {})", list(state), list(possible))
    })
}

/// How to go on where only the anchor is missing.
fn advice(report: &Report, style: Style) -> String {
    let Some(root) = &report.identity().root_sha256 else { return String::new() };
    if !lacks_anchor(report) {
        return String::new();
    }
    // It is longer than a line of a terminal; two lines can be copied into a shell, too.
    let option = match style.is_terminal() {
        true => format!("  --trust-root-hash \\\n  {root}"),
        false => format!("  --trust-root-hash {root}"),
    };
    format!(
        "not verified: no trust anchor. If you know from elsewhere that this root is the vendor's, pin it:\n{option}\n"
    )
}
