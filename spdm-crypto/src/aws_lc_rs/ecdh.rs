//! Diffie-Hellman on the NIST curves.

use ::aws_lc_rs::agreement::{
    self, Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey,
};

use super::ephemeral_keys::EphemeralKeys;
use crate::asym_algorithm::EcCurve;
use crate::key_exchange::{
    KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, SharedSecret, draw_scalar,
};
use crate::random::SecureRandom;
use crate::secret::Secret;

static KEYS: EphemeralKeys<PrivateKey> = EphemeralKeys::new();

/// Elliptic curve Diffie-Hellman on every curve. A private key stays in AWS-LC; its secret is a handle, which is to be
/// given to [`KeyExchangeMethod::forget`].
#[derive(Clone, Copy, Debug)]
pub struct Ecdh;

/// An encoded point of P-521.
const MAX_POINT: usize = 1 + 2 * 66;

impl KeyExchangeMethod for Ecdh {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        matches!(algorithm, KeyExchangeAlgorithm::Ecdh(_))
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let (curve, ecdh) = curve_of(algorithm)?;
        let mut key = None;
        draw_scalar(curve, random, |bytes| {
            key = PrivateKey::from_private_key(ecdh, bytes).ok();
            key.is_some()
        })?;
        keep(curve, key, public)
    }

    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let (curve, ecdh) = curve_of(algorithm)?;
        keep(curve, PrivateKey::from_private_key(ecdh, private).ok(), public)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        let (curve, ecdh) = curve_of(algorithm)?;
        let key = KEYS.get(private).filter(|key| key.algorithm() == ecdh);
        let key = key.ok_or(KeyExchangeError::InvalidPrivate)?;
        let mut point = [4; MAX_POINT];
        let point = point.get_mut(..=2 * curve.coordinate_len());
        let point = point.ok_or(KeyExchangeError::InvalidPeer)?;
        match point.split_first_mut() {
            Some((_, place)) if place.len() == peer.len() => place.copy_from_slice(peer),
            _ => return Err(KeyExchangeError::InvalidPeer),
        }
        let peer = UnparsedPublicKey::new(ecdh, &*point);
        agreement::agree(&key, peer, KeyExchangeError::InvalidPeer, |secret| {
            let place = shared.place(secret.len()).ok_or(KeyExchangeError::InvalidPeer)?;
            place.copy_from_slice(secret);
            Ok(())
        })
    }

    fn forget(&self, private: &Secret) {
        KEYS.forget(private);
    }
}

const fn curve_of(
    algorithm: KeyExchangeAlgorithm,
) -> Result<(EcCurve, &'static Algorithm), KeyExchangeError> {
    match algorithm {
        KeyExchangeAlgorithm::Ecdh(EcCurve::P256) => Ok((EcCurve::P256, &ECDH_P256)),
        KeyExchangeAlgorithm::Ecdh(EcCurve::P384) => Ok((EcCurve::P384, &ECDH_P384)),
        KeyExchangeAlgorithm::Ecdh(EcCurve::P521) => Ok((EcCurve::P521, &ECDH_P521)),
        _ => Err(KeyExchangeError::Unsupported(algorithm)),
    }
}

/// Writes the public value of a key, and keeps the key.
fn keep(
    curve: EcCurve,
    key: Option<PrivateKey>,
    public: &mut [u8],
) -> Result<Secret, KeyExchangeError> {
    let key = key.ok_or(KeyExchangeError::InvalidPrivate)?;
    write_public(curve, &key, public)?;
    Ok(KEYS.keep(key))
}

fn write_public(
    curve: EcCurve,
    key: &PrivateKey,
    public: &mut [u8],
) -> Result<(), KeyExchangeError> {
    let point = key.compute_public_key().map_err(|_| KeyExchangeError::InvalidPrivate)?;
    match point.as_ref() {
        [4, coordinates @ ..] if coordinates.len() == public.len() => {
            public.copy_from_slice(coordinates);
            Ok(())
        }
        _ => Err(KeyExchangeError::PublicLength { needed: 2 * curve.coordinate_len() }),
    }
}
