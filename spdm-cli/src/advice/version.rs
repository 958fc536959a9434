//! What a version does not have: the device may well have it in another one.

use spdm_codec::SpdmVersion;

use crate::overheard::Overheard;

/// What a capability stands for, and the first version that has it.
fn origin(capability: &str) -> Option<(&'static str, SpdmVersion)> {
    use SpdmVersion::{V1_1, V1_2, V1_3, V1_4};
    let name = capability.split(' ').next().unwrap_or_default();
    Some(match name {
        "KEY_EX_CAP" => ("KEY_EXCHANGE", V1_1),
        "PSK_CAP" => ("PSK_EXCHANGE", V1_1),
        "MAC_CAP" | "ENCRYPT_CAP" => ("a session", V1_1),
        "HBEAT_CAP" => ("HEARTBEAT", V1_1),
        "KEY_UPD_CAP" => ("KEY_UPDATE", V1_1),
        "ENCAP_CAP" => ("an encapsulated request", V1_1),
        "PUB_KEY_ID_CAP" => ("a provisioned public key", V1_1),
        "CSR_CAP" => ("GET_CSR", V1_2),
        "SET_CERT_CAP" => ("SET_CERTIFICATE", V1_2),
        "GET_KEY_PAIR_INFO_CAP" => ("GET_KEY_PAIR_INFO", V1_3),
        "SET_KEY_PAIR_INFO_CAP" => ("SET_KEY_PAIR_INFO", V1_3),
        "MEL_CAP" => ("GET_MEASUREMENT_EXTENSION_LOG", V1_3),
        "EP_INFO_CAP" => ("GET_ENDPOINT_INFO", V1_3),
        "EVENT_CAP" => ("GET_SUPPORTED_EVENT_TYPES", V1_3),
        "Erase" => ("Erase of SET_CERTIFICATE", V1_3),
        "SLOT_MGMT_CAP" => ("SLOT_MANAGEMENT", V1_4),
        _ => return None,
    })
}

/// What is asked for, the version that was negotiated, and the first one that has it, where that is later.
fn later(capability: &str, heard: &Overheard) -> Option<(&'static str, SpdmVersion, SpdmVersion)> {
    let (what, since) = origin(capability)?;
    let (negotiated, _) = heard.capabilities?;
    (negotiated < since).then_some((what, negotiated, since))
}

/// The sentence, where the version is to blame.
pub(super) fn sentence(capability: &str, heard: &Overheard) -> Option<String> {
    let (what, negotiated, since) = later(capability, heard)?;
    let (negotiated, since) = (negotiated.as_str(), since.as_str());
    Some(format!("{what} is of SPDM {since} and later, and SPDM {negotiated} was negotiated"))
}

/// Where the device speaks a version that has it, the options are in the way.
pub(super) fn hint(capability: &str, heard: &Overheard) -> Option<String> {
    let (_, _, since) = later(capability, heard)?;
    let mut versions = heard.versions.iter().filter(|entry| entry.alpha() == 0);
    let speaks = versions.any(|entry| entry.version() >= Some(since));
    let since = since.as_str();
    speaks.then(|| {
        format!("the device speaks SPDM {since}: leave out --max-version, or --max-version {since}")
    })
}
