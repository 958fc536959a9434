//! `spdm mel`: the measurement extension log, which nothing signs.

use serde::Serialize;
use spdm_codec::MelEntry;
use spdm_evidence::MeasuredValue;
#[cfg(test)]
use spdm_evidence::schema;
use spdm_requester::{UnsignedLog, blocking};

use crate::args::MelArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{WithoutAgreement, inquire};
use crate::live::{LiveDevice, Telling};
use crate::object_head::{AskedDevice, FormVersion};
use crate::render::{self, Style, Table};
use crate::trust::Trust;
use crate::trusted_session::{TrustedPeer, converse};

/// The longest log that is taken, in bytes.
const LOG_LEN: usize = 0x10_0000;

/// What `spdm mel --json` prints: `docs/schema/mel.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The measurement extension log of a device",
        description = "What spdm mel --json prints; nothing signs it. Where there is no log, there is a report instead \
                       (report.json), or an error (error.json) where the device cannot be reached."
    )
)]
pub(crate) struct ExtensionLog {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    /// Always false: no message signs a log, in a session or not.
    signed: bool,
    /// How many responses it came in: only a log that came in one is sure to be of one moment.
    responses: u32,
    /// The entries, in the device's order.
    entries: Vec<LogEntry>,
    /// What a reader should know besides.
    notes: Vec<String>,
}

/// An entry of the log.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct LogEntry {
    /// MELIndex.
    entry: u32,
    /// MeasIndex: the measurement that it belongs to.
    index: u8,
    /// The type in snake case, for example informational.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether the value is a raw bit stream instead of a digest.
    raw: bool,
    /// The value, in hexadecimal.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    value: String,
    /// A raw value as text, where it is printable.
    text: Option<String>,
    /// The security version number of mutable firmware, where the value is one.
    svn: Option<u64>,
}

impl LogEntry {
    fn of(entry: &MelEntry<'_>) -> Self {
        let MeasuredValue { index, kind, raw, value, text, svn, .. } =
            MeasuredValue::of_measurement(entry.meas_index, &entry.measurement);
        let value = hex::encode(value);
        Self { entry: entry.mel_index, index, kind, raw, value, text, svn }
    }
}

impl ExtensionLog {
    fn new(asked: AskedDevice, fetched: &UnsignedLog<'_>) -> Self {
        let out_of_order = fetched.first_out_of_order().map(|entry| {
            format!("entry {} is not above the entry before it (MELIndex)", entry.mel_index)
        });
        let several = (fetched.responses > 1).then(|| {
            format!("it came in {} responses: it may have grown in between", fetched.responses)
        });
        Self {
            schema: FormVersion,
            asked,
            signed: false,
            responses: fetched.responses,
            entries: fetched.log.iter().map(|entry| LogEntry::of(&entry)).collect(),
            notes: out_of_order.into_iter().chain(several).collect(),
        }
    }
}

/// Fetches the log and shows it.
pub(crate) fn run(args: &MelArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    args.session.check_unused(&args.trust)?;
    let secrets_out = args.session.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.session.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    device.offer_extension_log();
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = args.session.choice().map(|choice| TrustedPeer::read(&choice, &trust, &mut device));
    let peer = peer.transpose()?;
    device.settle()?;
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |mut inquiry, requester| {
        let clock = inquiry.clock;
        let version = requester.negotiated().version.as_str();
        let asked = converse(peer.as_ref(), requester, &mut inquiry, |requester, place, line| {
            let mut buffer = vec![0; LOG_LEN];
            let flow = place.enter(requester).fetch_measurement_extension_log(&mut buffer);
            let (requester, fetched) = blocking::run(flow, line, &clock)?;
            let target = args.device.target.to_string();
            let asked = AskedDevice { target, version, session: place.session_id() };
            Ok((requester, ExtensionLog::new(asked, &fetched)))
        });
        asked.map(|(_, log)| log)
    });
    device.finish()?;
    let log = match inquired.result {
        Ok(log) => log,
        Err(verdict) => return render::not_done(&verdict, console),
    };
    if console.json() {
        console.object(&log)?;
        return Ok(Exit::Done);
    }
    for note in &log.notes {
        console.note(&format!("note: {note}"));
    }
    console.report(&text(&log, console.style()))?;
    Ok(Exit::Done)
}

/// The log for people.
fn text(log: &ExtensionLog, style: Style) -> String {
    let mut table = Table::default();
    table.row(["entry", "measurement", "type", "value"].map(str::to_owned));
    for entry in &log.entries {
        let svn = entry.svn.map(|svn| svn.to_string());
        let value = entry.text.clone().or(svn).unwrap_or_else(|| entry.value.clone());
        let kind = entry.kind.replace('_', " ");
        table.row([entry.entry.to_string(), entry.index.to_string(), kind, value]);
    }
    let style = style.whole_in_pipes();
    let table = table.show(style, |row, _, cell| match row {
        0 => style.faint(cell),
        _ => cell.to_owned(),
    });
    let entries = match log.entries.len() {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let said = match log.asked.session {
        None => "not signed: whoever answers can say what it likes",
        Some(_) => "not signed; in a session with the device, which can say what it likes",
    };
    let table = if log.entries.is_empty() { String::new() } else { table };
    format!(
        "{}\n  measurement extension log, {entries}\n  {said}\n{table}",
        style.strong(&log.asked.target)
    )
}
