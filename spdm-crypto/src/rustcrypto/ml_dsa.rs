//! ML-DSA.

use ::ml_dsa::{EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use ::ml_dsa::{Signature, VerifyingKey};

use crate::asym_algorithm::{AsymAlgorithm, MlDsaSet};
use crate::hash_algorithm::HashAlgorithm;
use crate::verify::{Invalid, Signed, Verify};

/// Pure ML-DSA (FIPS 204 §5.3) with its context string, which has 255 bytes at most.
///
/// Only [`Signed::Message`]: HashML-DSA is another algorithm. A key is expanded to a matrix of 16, 30 or 56
/// KiB for each verification: on the heap with the feature `signing`, else on the stack.
#[derive(Clone, Copy, Debug)]
pub struct MlDsa;

impl Verify for MlDsa {
    fn supports(&self, asym: AsymAlgorithm, _: HashAlgorithm) -> bool {
        matches!(asym, AsymAlgorithm::MlDsa(_))
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        _: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let Signed::Message { bytes, context } = signed else { return Err(Invalid) };
        match asym {
            AsymAlgorithm::MlDsa(MlDsaSet::P44) => {
                verify::<MlDsa44>(key, bytes, context, signature)
            }
            AsymAlgorithm::MlDsa(MlDsaSet::P65) => {
                verify::<MlDsa65>(key, bytes, context, signature)
            }
            AsymAlgorithm::MlDsa(MlDsaSet::P87) => {
                verify::<MlDsa87>(key, bytes, context, signature)
            }
            _ => Err(Invalid),
        }
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        // Every string of the right length is the encoding of a key (FIPS 204 Algorithm 23).
        match asym {
            AsymAlgorithm::MlDsa(set) if key.len() == set.public_key_len() => Ok(()),
            _ => Err(Invalid),
        }
    }
}

fn verify<P: MlDsaParams>(
    key: &[u8],
    message: &[u8],
    context: &[u8],
    signature: &[u8],
) -> Result<(), Invalid> {
    // The signature first: to expand a key is most of the work.
    let signature = Signature::<P>::try_from(signature).map_err(|_| Invalid)?;
    let key = EncodedVerifyingKey::<P>::try_from(key).map_err(|_| Invalid)?;
    let key = VerifyingKey::<P>::decode(&key);
    if key.verify_with_context(message, context, &signature) { Ok(()) } else { Err(Invalid) }
}
