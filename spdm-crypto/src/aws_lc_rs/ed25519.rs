//! Ed25519.

use ::aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use crate::asym_algorithm::AsymAlgorithm;
use crate::hash_algorithm::HashAlgorithm;
use crate::rustcrypto;
use crate::verify::{Invalid, Signed, Verify};

/// Pure Ed25519, as strict as [`rustcrypto::Ed25519`].
///
/// AWS-LC accepts points of small order, as RFC 8032 does: RustCrypto looks at the key and at R before.
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
        let (r, _) = signature.split_at_checked(32).ok_or(Invalid)?;
        self.check_key(asym, key)?;
        self.check_key(asym, r)?;
        UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature).map_err(|_| Invalid)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        rustcrypto::Ed25519.check_key(asym, key)
    }
}
