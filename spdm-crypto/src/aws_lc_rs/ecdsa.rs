//! ECDSA on the NIST curves.

use ::aws_lc_rs::digest;
use ::aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED,
    EcdsaVerificationAlgorithm, UnparsedPublicKey,
};

use crate::asym_algorithm::{AsymAlgorithm, EcCurve};
use crate::aws_lc_rs::hash::OneShot;
use crate::digest::{Digest, fit_prehash};
use crate::hash_algorithm::HashAlgorithm;
use crate::verify::{Invalid, Signed, Verify};

/// ECDSA verification on every curve with every hash.
#[derive(Clone, Copy, Debug)]
pub struct Ecdsa;

impl Verify for Ecdsa {
    fn supports(&self, asym: AsymAlgorithm, _: HashAlgorithm) -> bool {
        matches!(asym, AsymAlgorithm::Ecdsa(_))
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let digest = signed.prehash(hash, &OneShot)?;
        let AsymAlgorithm::Ecdsa(curve) = asym else { return Err(Invalid) };
        let key = unparsed(curve, key)?;
        let digest = fitted(curve, &digest).ok_or(Invalid)?;
        key.verify_digest(&digest, signature).map_err(|_| Invalid)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        let AsymAlgorithm::Ecdsa(curve) = asym else { return Err(Invalid) };
        unparsed(curve, key)?.parse().map(drop).map_err(|_| Invalid)
    }
}

/// A key of the one encoding that SPDM has: others are SEC1, too.
fn unparsed(curve: EcCurve, point: &[u8]) -> Result<UnparsedPublicKey<&[u8]>, Invalid> {
    let algorithm: &'static EcdsaVerificationAlgorithm = match curve {
        EcCurve::P256 => &ECDSA_P256_SHA256_FIXED,
        EcCurve::P384 => &ECDSA_P384_SHA384_FIXED,
        EcCurve::P521 => &ECDSA_P521_SHA512_FIXED,
    };
    match point {
        [4, coordinates @ ..] if coordinates.len() == 2 * curve.coordinate_len() => {
            Ok(UnparsedPublicKey::new(algorithm, point))
        }
        _ => Err(Invalid),
    }
}

/// The digest as the integer that the curve signs, labelled as one of the hash that AWS-LC pairs with the curve.
pub(super) fn fitted(curve: EcCurve, digest: &Digest) -> Option<digest::Digest> {
    match curve {
        EcCurve::P256 => {
            digest::Digest::import_less_safe(&fit_prehash::<32>(digest), &digest::SHA256)
        }
        EcCurve::P384 => {
            digest::Digest::import_less_safe(&fit_prehash::<48>(digest), &digest::SHA384)
        }
        EcCurve::P521 => {
            digest::Digest::import_less_safe(&fit_prehash::<64>(digest), &digest::SHA512)
        }
    }
    .ok()
}
