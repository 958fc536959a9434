//! PEM: labelled base64. Bundles of certificates are read by `spdm-evidence`.

use pem_rfc7468::LineEnding;

/// A certificate as PEM.
pub(crate) fn certificate(der: &[u8]) -> Option<String> {
    pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, der).ok()
}

/// The DER of a `PUBLIC KEY`; `None` where the text is none.
pub(crate) fn public_key(text: &[u8]) -> Option<Vec<u8>> {
    match pem_rfc7468::decode_vec(text) {
        Ok(("PUBLIC KEY", der)) => Some(der),
        _ => None,
    }
}
