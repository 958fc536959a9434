//! What a negotiation told, for programs and for people.

use serde::Serialize;
#[cfg(test)]
use spdm_evidence::schema;

use super::{Style, Table};
use crate::exit::ErrorObject;
use crate::object_head::FormVersion;

/// What a device says of itself; nothing of it is authentic. `docs/schema/info.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What a device says of itself",
        description = "What spdm info --json prints; nothing of it is authentic. Where the negotiation fails, error \
                       says why, and what was to come is null or empty; where not even VERSION came, there is a report \
                       instead (report.json), or an error (error.json) where the device cannot be reached."
    )
)]
pub(crate) struct Info {
    pub(crate) schema: FormVersion<1>,
    /// The device, as the command line names it.
    pub(crate) target: String,
    /// The version that was negotiated; null where none was.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(crate) version: Option<&'static str>,
    /// The versions that VERSION lists: 1.2; 1.2.1 with an update version; and behind an alpha version, -alpha and its
    /// number.
    pub(crate) versions: Vec<String>,
    /// Flags of CAPABILITIES by name; those without a name together, in hexadecimal.
    pub(crate) capabilities: Vec<String>,
    /// CTExponent of CAPABILITIES.
    pub(crate) ct_exponent: Option<u8>,
    /// DataTransferSize of CAPABILITIES in bytes; null before 1.2.
    pub(crate) data_transfer_size: Option<u32>,
    /// MaxSPDMmsgSize of CAPABILITIES in bytes; null before 1.2.
    pub(crate) max_spdm_msg_size: Option<u32>,
    /// What ALGORITHMS selects, as in a report; null where nothing was agreed on.
    #[cfg_attr(
        test,
        schemars(with = "Option<std::collections::BTreeMap<String, Option<String>>>")
    )]
    pub(crate) algorithms: serde_json::Value,
    /// What the device supports; it is asked only where nothing was agreed on, and tells from 1.3 on.
    pub(crate) supported: Option<SupportedAlgorithms>,
    /// The provisioned slots, where the device has certificates.
    pub(crate) slots: Vec<Slot>,
    /// Why nothing was agreed on.
    pub(crate) error: Option<ErrorObject>,
}

/// Algorithms that a device supports, by name; those without a name together, in hexadecimal.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct SupportedAlgorithms {
    pub(crate) base_asym: Vec<String>,
    pub(crate) base_hash: Vec<String>,
    pub(crate) pqc_asym: Vec<String>,
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

/// A negotiation.
pub(crate) fn info(info: &Info, style: Style) -> String {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    let versions = info.versions.join(", ");
    match info.version {
        Some(version) => line("version", format!("{version} of {versions}")),
        None => line("versions", versions),
    }
    if let Some(exponent) = info.ct_exponent {
        line("CTExponent", exponent.to_string());
    }
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
    if let Some(supported) = &info.supported {
        for (name, algorithms) in [
            ("supports", &supported.base_asym),
            ("supports", &supported.pqc_asym),
            ("supports", &supported.base_hash),
        ] {
            if !algorithms.is_empty() {
                line(name, algorithms.join(", "));
            }
        }
    }
    for capability in &info.capabilities {
        line("capability", capability.clone());
    }
    for slot in &info.slots {
        line(&format!("slot {}", slot.slot), slot.digest.clone());
    }
    format!("{}\n{}", style.strong(&info.target), table.plain(style.whole_in_pipes()))
}
