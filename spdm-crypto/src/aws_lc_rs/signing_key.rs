//! Private keys that AWS-LC owns.

use core::fmt;

use ::aws_lc_rs::digest;
use ::aws_lc_rs::rand::SystemRandom;
use ::aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};

use crate::asym_algorithm::{AsymAlgorithm, EcCurve, RsaScheme};
use crate::aws_lc_rs::ecdsa::fitted;
use crate::aws_lc_rs::hash::{OneShot, algorithm};
use crate::hash_algorithm::HashAlgorithm;
use crate::sign::{Sign, SignError};
use crate::verify::Signed;

/// The bytes are no PKCS#8 key of the algorithm, or AWS-LC has no such keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a unit")]
pub struct KeyRejected;

impl fmt::Display for KeyRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no private key of the algorithm in PKCS#8 DER")
    }
}

impl core::error::Error for KeyRejected {}

/// A private key in memory that AWS-LC owns, uses in constant time, and erases.
///
/// ECDSA and PSS signatures are randomized. RSA goes with SHA-2 only; there is no ML-DSA.
pub struct SigningKey {
    algorithm: AsymAlgorithm,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcCurve, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaScheme, RsaKeyPair),
}

impl SigningKey {
    /// A key of this algorithm from PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyRejected`].
    pub fn from_pkcs8_der(algorithm: AsymAlgorithm, der: &[u8]) -> Result<Self, KeyRejected> {
        let pair = match algorithm {
            AsymAlgorithm::Ecdsa(curve) => {
                let signing = match curve {
                    EcCurve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    EcCurve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
                    EcCurve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
                };
                EcdsaKeyPair::from_pkcs8(signing, der).map(|pair| Pair::Ecdsa(curve, pair))
            }
            AsymAlgorithm::Ed25519 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519)
            }
            AsymAlgorithm::Rsa(scheme, _) => {
                RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(scheme, pair))
            }
            AsymAlgorithm::MlDsa(_) => return Err(KeyRejected),
        };
        let pair = pair.map_err(|_| KeyRejected)?;
        match (&pair, algorithm) {
            (Pair::Rsa(_, pair), AsymAlgorithm::Rsa(_, bits))
                if pair.public_modulus_len() != bits.bytes() =>
            {
                Err(KeyRejected)
            }
            _ => Ok(Self { algorithm, pair }),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Sign for SigningKey {
    fn algorithm(&self) -> AsymAlgorithm {
        self.algorithm
    }

    fn sign(
        &self,
        hash: HashAlgorithm,
        signed: Signed<'_>,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        let needed = self.algorithm.signature_len();
        let out = out.get_mut(..needed).ok_or(SignError::BufferTooSmall { needed })?;
        match &self.pair {
            Pair::Ecdsa(curve, pair) => {
                let digest = signed.prehash(hash, &OneShot).map_err(|_| SignError::Unsupported)?;
                let digest = fitted(*curve, &digest).ok_or(SignError::Failed)?;
                let signature = pair.sign_digest(&digest).map_err(|_| SignError::Failed)?;
                copy(signature.as_ref(), out)
            }
            Pair::Ed25519(pair) => {
                let Signed::Message { bytes, .. } = signed else {
                    return Err(SignError::Unsupported);
                };
                copy(pair.try_sign(bytes).map_err(|_| SignError::Failed)?.as_ref(), out)
            }
            Pair::Rsa(scheme, pair) => {
                let encoding = encoding(*scheme, hash).ok_or(SignError::Unsupported)?;
                if let Signed::Message { bytes, .. } = signed {
                    let random = SystemRandom::new();
                    pair.sign(encoding, &random, bytes, out).map_err(|_| SignError::Failed)?;
                    return Ok(needed);
                }
                let digest = signed.prehash(hash, &OneShot).map_err(|_| SignError::Unsupported)?;
                let digest = digest::Digest::import_less_safe(digest.as_bytes(), algorithm(hash));
                let digest = digest.map_err(|_| SignError::Failed)?;
                pair.sign_digest(encoding, &digest, out).map_err(|_| SignError::Failed)?;
                Ok(needed)
            }
        }
    }
}

fn encoding(scheme: RsaScheme, hash: HashAlgorithm) -> Option<&'static dyn RsaEncoding> {
    match (scheme, hash) {
        (RsaScheme::Pkcs1, HashAlgorithm::Sha256) => Some(&RSA_PKCS1_SHA256),
        (RsaScheme::Pkcs1, HashAlgorithm::Sha384) => Some(&RSA_PKCS1_SHA384),
        (RsaScheme::Pkcs1, HashAlgorithm::Sha512) => Some(&RSA_PKCS1_SHA512),
        (RsaScheme::Pss, HashAlgorithm::Sha256) => Some(&RSA_PSS_SHA256),
        (RsaScheme::Pss, HashAlgorithm::Sha384) => Some(&RSA_PSS_SHA384),
        (RsaScheme::Pss, HashAlgorithm::Sha512) => Some(&RSA_PSS_SHA512),
        (_, HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_384 | HashAlgorithm::Sha3_512) => None,
    }
}

fn copy(signature: &[u8], out: &mut [u8]) -> Result<usize, SignError> {
    if signature.len() != out.len() {
        return Err(SignError::Failed);
    }
    out.copy_from_slice(signature);
    Ok(signature.len())
}
