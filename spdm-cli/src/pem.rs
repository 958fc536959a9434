//! PEM: labelled base64. Bundles of certificates are read by `spdm-evidence`.

use core::fmt::Write;

use pem_rfc7468::LineEnding;
use spdm_evidence::CertificateList;

/// A certificate as PEM.
pub(crate) fn certificate(der: &[u8]) -> Option<String> {
    pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, der).ok()
}

/// A certification request as PEM.
pub(crate) fn certification_request(der: &[u8]) -> Option<String> {
    pem_rfc7468::encode_string("CERTIFICATE REQUEST", LineEnding::LF, der).ok()
}

/// What stands between the certificates of a bundle: `2 blocks that are no certificates were passed over: PRIVATE KEY,
/// X509 CRL`.
pub(crate) fn passed_over(list: &CertificateList) -> Option<String> {
    let labels = list.passed_over();
    let count = labels.len();
    let mut kinds = labels.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let kinds = kinds.join(", ");
    match count {
        0 => None,
        1 => Some(format!("a block that is no certificate was passed over: {kinds}")),
        _ => Some(format!("{count} blocks that are no certificates were passed over: {kinds}")),
    }
}

/// What lies behind the last certificate of a file in DER.
pub(crate) fn behind(list: &CertificateList) -> Option<String> {
    let behind = list.behind();
    if behind.is_empty() {
        return None;
    }
    let last = list.certificates().len().saturating_sub(1);
    let at: usize = list.certificates().iter().map(Vec::len).sum();
    let count = behind.len();
    let bytes = if count == 1 { "byte" } else { "bytes" };
    Some(format!(
        "no certificate follows behind certificate {last}, at offset {at}: {count} {bytes}, {}",
        described(behind)
    ))
}

/// What bytes look like that nobody expected.
pub(crate) fn described(bytes: &[u8]) -> String {
    let all_are = |byte: u8| bytes.iter().all(|other| *other == byte);
    match bytes {
        [0x30, 0x82, _, _, 2, 1, 3, ..] => "PKCS #12".to_owned(),
        [0x30, 0x81, _, 2, ..] | [0x30, 0x82, _, _, 2, ..] | [0x30, _, 2, ..] => "a key".to_owned(),
        [b'\n' | b'\r'] | [b'\r', b'\n'] => "a line end".to_owned(),
        _ if bytes.iter().all(u8::is_ascii_whitespace) => "white space".to_owned(),
        _ if all_are(0xFF) => "nothing but ff, as erased flash".to_owned(),
        _ if all_are(0) => "nothing but zeros".to_owned(),
        _ => {
            let mut digits = String::new();
            bytes.iter().take(8).for_each(|byte| {
                let _ = write!(digits, "{byte:02x}");
            });
            format!("bytes that begin {digits}")
        }
    }
}
