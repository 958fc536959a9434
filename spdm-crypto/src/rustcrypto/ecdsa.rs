//! ECDSA on the NIST curves.

use crate::asym_algorithm::{AsymAlgorithm, EcCurve};
use crate::hash::Hash as _;
use crate::hash_algorithm::HashAlgorithm;
use crate::rustcrypto::hash::OneShot;
use crate::verify::{Invalid, Signed, Verify};

/// ECDSA verification on the enabled curves with the enabled hashes.
///
/// A key is an uncompressed point on the curve, not the point at infinity. Of a signature, r and s are in
/// 1..n-1; a high s is accepted, as FIPS 186-5 does.
#[derive(Clone, Copy, Debug)]
pub struct Ecdsa;

impl Verify for Ecdsa {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        let AsymAlgorithm::Ecdsa(curve) = asym else { return false };
        let enabled = match curve {
            EcCurve::P256 => cfg!(feature = "p256"),
            EcCurve::P384 => cfg!(feature = "p384"),
            EcCurve::P521 => cfg!(feature = "p521"),
        };
        enabled && OneShot.supports(hash)
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
        match asym {
            #[cfg(feature = "p256")]
            AsymAlgorithm::Ecdsa(EcCurve::P256) => p256::verify(key, &digest, signature),
            #[cfg(feature = "p384")]
            AsymAlgorithm::Ecdsa(EcCurve::P384) => p384::verify(key, &digest, signature),
            #[cfg(feature = "p521")]
            AsymAlgorithm::Ecdsa(EcCurve::P521) => p521::verify(key, &digest, signature),
            _ => Err(Invalid),
        }
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        match asym {
            #[cfg(feature = "p256")]
            AsymAlgorithm::Ecdsa(EcCurve::P256) => p256::key(key).map(drop),
            #[cfg(feature = "p384")]
            AsymAlgorithm::Ecdsa(EcCurve::P384) => p384::key(key).map(drop),
            #[cfg(feature = "p521")]
            AsymAlgorithm::Ecdsa(EcCurve::P521) => p521::key(key).map(drop),
            _ => Err(Invalid),
        }
    }
}

/// The same code for each curve: the crates of the curves share no crate that is here without them, so a
/// generic function could not name its bounds.
macro_rules! curve {
    ($curve:ident, $coordinate_len:expr) => {
        mod $curve {
            use ::$curve::AffinePoint;
            use ::$curve::ecdsa::{Signature, VerifyingKey};
            use ::$curve::elliptic_curve::point::AffineCoordinates as _;
            use signature::hazmat::PrehashVerifier as _;

            use crate::asym_algorithm::EcCurve;
            use crate::digest::{Digest, fit_prehash};
            use crate::verify::Invalid;

            const LEN: usize = $coordinate_len.coordinate_len();

            #[inline(never)]
            pub(super) fn key(point: &[u8]) -> Result<VerifyingKey, Invalid> {
                // SEC1 has compressed forms too; SPDM and its certificates use this one. The parser of SEC1 would link
                // square roots for the others: 2 088 bytes of flash (thumbv7em, opt-level z).
                let [4, coordinates @ ..] = point else { return Err(Invalid) };
                let (x, y) = coordinates.split_at_checked(LEN).ok_or(Invalid)?;
                let (x, y) =
                    (x.try_into().map_err(|_| Invalid)?, y.try_into().map_err(|_| Invalid)?);
                // Refuses coordinates that are not those of a point on the curve.
                let point = AffinePoint::from_coordinates(x, y).into_option().ok_or(Invalid)?;
                VerifyingKey::from_affine(point).map_err(|_| Invalid)
            }

            pub(super) fn verify(
                point: &[u8],
                digest: &Digest,
                signature: &[u8],
            ) -> Result<(), Invalid> {
                let key = key(point)?;
                verify_with(&key, &fit_prehash::<LEN>(digest), signature)
            }

            /// Both this and [`key`] need kilobytes of stack: as calls of their own, one after the other.
            #[inline(never)]
            fn verify_with(
                key: &VerifyingKey,
                prehash: &[u8; LEN],
                signature: &[u8],
            ) -> Result<(), Invalid> {
                let signature = Signature::from_slice(signature).map_err(|_| Invalid)?;
                key.verify_prehash(prehash, &signature).map_err(|_| Invalid)
            }
        }
    };
}

#[cfg(feature = "p256")]
curve!(p256, EcCurve::P256);
#[cfg(feature = "p384")]
curve!(p384, EcCurve::P384);
#[cfg(feature = "p521")]
curve!(p521, EcCurve::P521);
