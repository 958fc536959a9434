//! Verification of signatures.

use core::fmt;

use crate::asym_algorithm::AsymAlgorithm;
use crate::digest::Digest;
use crate::hash_algorithm::HashAlgorithm;

/// What a signature is over.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a backend must handle both")]
pub enum Signed<'a> {
    /// A ready digest of the algorithm's hash; see [`AsymAlgorithm::takes_prehash`].
    Prehash(&'a Digest),
    /// The message itself, which the backend hashes where the algorithm does. `context` is the FIPS 204
    /// context string or empty; algorithms without one ignore it.
    Message {
        /// The message.
        bytes: &'a [u8],
        /// The context string.
        context: &'a [u8],
    },
}

#[cfg(any(feature = "p256", feature = "p384", feature = "p521", feature = "rsa"))]
impl Signed<'_> {
    /// The digest that ECDSA and RSA sign: a ready one of the right length, or the hash of the message.
    pub(crate) fn prehash(
        self,
        hash: HashAlgorithm,
        backend: &impl crate::hash::Hash,
    ) -> Result<Digest, Invalid> {
        match self {
            Self::Prehash(digest) if digest.as_bytes().len() == hash.digest_len() => Ok(*digest),
            Self::Prehash(_) => Err(Invalid),
            Self::Message { bytes, .. } => backend.digest(hash, &[bytes]).map_err(|_| Invalid),
        }
    }
}

/// The signature (or the key) is not valid. There is nothing more to say about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it")]
pub struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature or the key is not valid")
    }
}

impl core::error::Error for Invalid {}

/// Verification of one family of algorithms.
pub trait Verify: fmt::Debug + Send + Sync {
    /// Whether [`Self::verify`] implements this pair. Ed25519 and ML-DSA ignore the hash.
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool;

    /// Verifies a signature. Key and signature encodings: see [`AsymAlgorithm`]; the key must have exactly
    /// the size that `asym` names.
    ///
    /// # Errors
    /// [`Invalid`] for anything but a valid signature by a valid key: also a malformed key, a key of
    /// another size, a signature of another length, or a pair that is not supported.
    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid>;

    /// Checks a public key without a signature: encoding, size, point on the curve, exponent.
    ///
    /// # Errors
    /// [`Invalid`] for a key that [`Self::verify`] would never accept a signature from.
    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid>;
}
