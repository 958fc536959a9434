//! What a negotiation told, for programs and for people.

use serde::Serialize;
#[cfg(test)]
use spdm_evidence::schema;

use super::{Style, Table};

/// What a device says of itself; nothing of it is authentic. `docs/schema/info.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What a device says of itself",
        description = "What spdm info --json prints; nothing of it is authentic. Where the device does not get that \
                       far, there is a report instead (report.json)."
    )
)]
pub(crate) struct Info {
    #[cfg_attr(test, schemars(extend("const" = Info::SCHEMA)))]
    pub(crate) schema: u32,
    /// The device, as the command line names it.
    pub(crate) target: String,
    /// The version that was negotiated.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(crate) version: &'static str,
    /// The versions that VERSION lists.
    #[cfg_attr(test, schemars(inner(regex(pattern = schema::VERSION))))]
    pub(crate) versions: Vec<&'static str>,
    /// Flags of CAPABILITIES by name; those without a name together, in hexadecimal.
    pub(crate) capabilities: Vec<String>,
    /// CTExponent of CAPABILITIES.
    pub(crate) ct_exponent: u8,
    /// DataTransferSize of CAPABILITIES in bytes; null before 1.2.
    pub(crate) data_transfer_size: Option<u32>,
    /// MaxSPDMmsgSize of CAPABILITIES in bytes; null before 1.2.
    pub(crate) max_spdm_msg_size: Option<u32>,
    /// What ALGORITHMS selects, as in a report.
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, Option<String>>"))]
    pub(crate) algorithms: serde_json::Value,
    /// The provisioned slots, where the device has certificates.
    pub(crate) slots: Vec<Slot>,
    /// Always null: where something fails, there is a report instead.
    pub(crate) error: Option<()>,
}

/// A provisioned slot.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct Slot {
    #[cfg_attr(test, schemars(range(max = 7)))]
    pub(crate) slot: u8,
    /// The digest of its chain.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    pub(crate) digest: String,
}

impl Info {
    /// The version of the object's form.
    pub(crate) const SCHEMA: u32 = 1;
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
    format!("{}\n{}", style.strong(&info.target), table.plain(style))
}
