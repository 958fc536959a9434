//! Digests as reports and files show them.

use spdm_crypto::{HashAlgorithm, Provider};

/// SHA-256 over these parts, one behind the other, in 64 hexadecimal digits. `None` where the provider lacks SHA-256.
#[must_use]
pub fn sha256_hex(provider: &Provider, parts: &[&[u8]]) -> Option<String> {
    let digest = provider.hash.digest(HashAlgorithm::Sha256, parts).ok()?;
    Some(hex::encode(digest.as_bytes()))
}
