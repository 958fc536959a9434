//! Ed25519.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::asym_algorithm::AsymAlgorithm;
use crate::hash_algorithm::HashAlgorithm;
use crate::verify::{Invalid, Signed, Verify};

/// Pure Ed25519 (RFC 8032 §5.1), strict: s below the group order, canonical encodings, and neither the key
/// nor R of small order, for which one signature would fit nearly every message.
///
/// Only [`Signed::Message`]: the algorithm has no prehash.
#[derive(Clone, Copy, Debug)]
pub struct Ed25519;

impl Verify for Ed25519 {
    fn supports(&self, asym: AsymAlgorithm, _: HashAlgorithm) -> bool {
        asym == AsymAlgorithm::Ed25519
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        _: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let Signed::Message { bytes, .. } = signed else { return Err(Invalid) };
        let key = verifying_key(asym, key)?;
        let signature = Signature::from_slice(signature).map_err(|_| Invalid)?;
        key.verify_strict(bytes, &signature).map_err(|_| Invalid)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        verifying_key(asym, key).map(drop)
    }
}

fn verifying_key(asym: AsymAlgorithm, key: &[u8]) -> Result<VerifyingKey, Invalid> {
    let bytes: &[u8; 32] = match (asym, key.try_into()) {
        (AsymAlgorithm::Ed25519, Ok(bytes)) => bytes,
        _ => return Err(Invalid),
    };
    // The crate takes y modulo p; RFC 8032 §5.1.3 says that a y of p or more does not decode.
    if let [0xED..=0xFF, middle @ .., 0x7F | 0xFF] = bytes
        && middle.iter().all(|byte| *byte == 0xFF)
    {
        return Err(Invalid);
    }
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| Invalid)?;
    if key.is_weak() { Err(Invalid) } else { Ok(key) }
}
