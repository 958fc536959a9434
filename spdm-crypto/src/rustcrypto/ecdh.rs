//! Diffie-Hellman on the NIST curves.

use crate::asym_algorithm::EcCurve;
use crate::key_exchange::{
    KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, SharedSecret,
};
use crate::random::SecureRandom;
use crate::secret::Secret;

/// Elliptic curve Diffie-Hellman on the enabled curves.
///
/// A public value is a point on the curve, with coordinates below p; the point at infinity has no encoding.
#[derive(Clone, Copy, Debug)]
pub struct Ecdh;

impl KeyExchangeMethod for Ecdh {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        let KeyExchangeAlgorithm::Ecdh(curve) = algorithm else { return false };
        match curve {
            EcCurve::P256 => cfg!(feature = "p256"),
            EcCurve::P384 => cfg!(feature = "p384"),
            EcCurve::P521 => cfg!(feature = "p521"),
        }
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let private = match algorithm {
            #[cfg(feature = "p256")]
            KeyExchangeAlgorithm::Ecdh(EcCurve::P256) => p256::private(random)?,
            #[cfg(feature = "p384")]
            KeyExchangeAlgorithm::Ecdh(EcCurve::P384) => p384::private(random)?,
            #[cfg(feature = "p521")]
            KeyExchangeAlgorithm::Ecdh(EcCurve::P521) => p521::private(random)?,
            _ => return Err(KeyExchangeError::Unsupported(algorithm)),
        };
        public_value(algorithm, &private, public)?;
        Ok(private)
    }

    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let private = Secret::new(private).ok_or(KeyExchangeError::InvalidPrivate)?;
        public_value(algorithm, &private, public)?;
        Ok(private)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        match algorithm {
            #[cfg(feature = "p256")]
            KeyExchangeAlgorithm::Ecdh(EcCurve::P256) => p256::agree(private, peer, shared),
            #[cfg(feature = "p384")]
            KeyExchangeAlgorithm::Ecdh(EcCurve::P384) => p384::agree(private, peer, shared),
            #[cfg(feature = "p521")]
            KeyExchangeAlgorithm::Ecdh(EcCurve::P521) => p521::agree(private, peer, shared),
            _ => Err(KeyExchangeError::Unsupported(algorithm)),
        }
    }
}

fn public_value(
    algorithm: KeyExchangeAlgorithm,
    private: &Secret,
    public: &mut [u8],
) -> Result<(), KeyExchangeError> {
    match algorithm {
        #[cfg(feature = "p256")]
        KeyExchangeAlgorithm::Ecdh(EcCurve::P256) => p256::public(private, public),
        #[cfg(feature = "p384")]
        KeyExchangeAlgorithm::Ecdh(EcCurve::P384) => p384::public(private, public),
        #[cfg(feature = "p521")]
        KeyExchangeAlgorithm::Ecdh(EcCurve::P521) => p521::public(private, public),
        _ => Err(KeyExchangeError::Unsupported(algorithm)),
    }
}

/// The same code for each curve, as for ECDSA.
macro_rules! curve {
    ($curve:ident, $id:expr) => {
        mod $curve {
            use ::$curve::elliptic_curve::sec1::ToSec1Point as _;
            use ::$curve::{PublicKey, SecretKey, ecdh::diffie_hellman};

            use crate::asym_algorithm::EcCurve;
            use crate::key_exchange::{KeyExchangeError, SharedSecret, draw_scalar};
            use crate::random::SecureRandom;
            use crate::secret::Secret;

            const CURVE: EcCurve = $id;
            const LEN: usize = CURVE.coordinate_len();

            pub(super) fn private(random: &dyn SecureRandom) -> Result<Secret, KeyExchangeError> {
                draw_scalar(CURVE, random, |bytes| SecretKey::from_slice(bytes).is_ok())
            }

            fn key(private: &Secret) -> Result<SecretKey, KeyExchangeError> {
                match private.expose_secret() {
                    Some(bytes) if bytes.len() == LEN => {
                        SecretKey::from_slice(bytes).map_err(|_| KeyExchangeError::InvalidPrivate)
                    }
                    _ => Err(KeyExchangeError::InvalidPrivate),
                }
            }

            pub(super) fn public(private: &Secret, out: &mut [u8]) -> Result<(), KeyExchangeError> {
                let point = key(private)?.public_key().to_sec1_point(false);
                match point.as_bytes() {
                    [4, coordinates @ ..] if coordinates.len() == out.len() => {
                        out.copy_from_slice(coordinates);
                        Ok(())
                    }
                    _ => Err(KeyExchangeError::PublicLength { needed: 2 * LEN }),
                }
            }

            pub(super) fn agree(
                private: &Secret,
                peer: &[u8],
                shared: &mut SharedSecret,
            ) -> Result<(), KeyExchangeError> {
                let key = key(private)?;
                let mut point = [4; 1 + 2 * LEN];
                match point.split_first_mut() {
                    Some((_, place)) if place.len() == peer.len() => place.copy_from_slice(peer),
                    _ => return Err(KeyExchangeError::InvalidPeer),
                }
                let peer = PublicKey::from_sec1_bytes(&point)
                    .map_err(|_| KeyExchangeError::InvalidPeer)?;
                let secret = diffie_hellman(key.to_nonzero_scalar(), peer.as_affine());
                let place = shared.place(LEN).ok_or(KeyExchangeError::InvalidPeer)?;
                place.copy_from_slice(secret.raw_secret_bytes());
                Ok(())
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
