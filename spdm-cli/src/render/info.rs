//! What a negotiation told.

use super::{Style, Table};
use crate::info::Info;

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
