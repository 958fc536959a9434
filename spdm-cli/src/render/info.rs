//! What a negotiation told, for programs and for people.

use serde::Serialize;

use super::{Style, Table};

/// What a device says of itself; nothing of it is authentic.
#[derive(Debug, Serialize)]
pub(crate) struct Info {
    pub(crate) schema: u32,
    pub(crate) target: String,
    /// The version that was negotiated.
    pub(crate) version: &'static str,
    /// The versions that VERSION lists.
    pub(crate) versions: Vec<&'static str>,
    /// Flags of CAPABILITIES by name.
    pub(crate) capabilities: Vec<String>,
    pub(crate) ct_exponent: u8,
    pub(crate) data_transfer_size: Option<u32>,
    pub(crate) max_spdm_msg_size: Option<u32>,
    /// What ALGORITHMS selects, as in a report.
    pub(crate) algorithms: serde_json::Value,
    pub(crate) slots: Vec<Slot>,
    pub(crate) error: Option<()>,
}

/// A provisioned slot.
#[derive(Debug, Serialize)]
pub(crate) struct Slot {
    pub(crate) slot: u8,
    /// The digest of its chain.
    pub(crate) digest: String,
}

/// A negotiation.
pub(crate) fn info(info: &Info, style: Style) -> String {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    line("version", format!("{} of {}", info.version, info.versions.join(", ")));
    line("CTExponent", info.ct_exponent.to_string());
    if let Some(size) = info.data_transfer_size {
        line("DataTransferSize", size.to_string());
    }
    if let Some(size) = info.max_spdm_msg_size {
        line("MaxSPDMmsgSize", size.to_string());
    }
    for (name, value) in info.algorithms.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            line(name, value.to_owned());
        }
    }
    for capability in &info.capabilities {
        line("capability", capability.clone());
    }
    for slot in &info.slots {
        line(&format!("slot {}", slot.slot), slot.digest.clone());
    }
    format!("{}\n{}", style.strong(&info.target), table.plain())
}
