//! ML-DSA.

use ::aws_lc_rs::signature::{
    ML_DSA_44, ML_DSA_65, ML_DSA_87, PqdsaVerificationAlgorithm, UnparsedPublicKey,
};

use crate::asym_algorithm::{AsymAlgorithm, MlDsaSet};
use crate::hash_algorithm::HashAlgorithm;
use crate::rustcrypto;
use crate::verify::{Invalid, Signed, Verify};

/// Pure ML-DSA (FIPS 204 §5.3), as strict as [`rustcrypto::MlDsa`].
///
/// AWS-LC verifies signatures with an empty context, which are those of certificates. Its stable interface takes
/// no context string, so RustCrypto verifies those of SPDM messages, which takes five times as long.
#[derive(Clone, Copy, Debug)]
pub struct MlDsa;

impl Verify for MlDsa {
    fn supports(&self, asym: AsymAlgorithm, _: HashAlgorithm) -> bool {
        matches!(asym, AsymAlgorithm::MlDsa(_))
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        match (asym, signed) {
            (AsymAlgorithm::MlDsa(set), Signed::Message { bytes, context: [] }) => {
                // AWS-LC also takes a key as SubjectPublicKeyInfo, which is longer.
                self.check_key(asym, key)?;
                let key = UnparsedPublicKey::new(algorithm(set), key);
                key.verify(bytes, signature).map_err(|_| Invalid)
            }
            _ => rustcrypto::MlDsa.verify(asym, hash, key, signed, signature),
        }
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        rustcrypto::MlDsa.check_key(asym, key)
    }
}

const fn algorithm(set: MlDsaSet) -> &'static PqdsaVerificationAlgorithm {
    match set {
        MlDsaSet::P44 => &ML_DSA_44,
        MlDsaSet::P65 => &ML_DSA_65,
        MlDsaSet::P87 => &ML_DSA_87,
    }
}
