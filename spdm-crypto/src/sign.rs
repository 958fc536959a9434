//! Signing, for mutual authentication and for emulated devices.

use core::fmt;

use crate::asym_algorithm::AsymAlgorithm;
use crate::hash_algorithm::HashAlgorithm;
use crate::verify::Signed;

/// Why a key could not sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignError {
    /// The output buffer is too short.
    BufferTooSmall {
        /// Bytes needed.
        needed: usize,
    },
    /// The key does not sign this kind of message.
    Unsupported,
    /// The backend failed.
    Failed,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "a signature takes {needed} bytes"),
            Self::Unsupported => f.write_str("the key does not sign this kind of message"),
            Self::Failed => f.write_str("the signing operation failed"),
        }
    }
}

impl core::error::Error for SignError {}

/// A private key that a backend owns; the key itself never comes out.
///
/// [`Signed`] says whether a digest or a message is signed: 1.0 and 1.1 sign the digest of a transcript, later
/// versions a message with a context. A key that takes no digests ([`AsymAlgorithm::takes_prehash`]) refuses
/// them.
pub trait Sign: fmt::Debug + Send + Sync {
    /// The algorithm of the key.
    fn algorithm(&self) -> AsymAlgorithm;

    /// Signs into `out` with the encoding of [`AsymAlgorithm`] and returns the length in bytes.
    ///
    /// # Errors
    /// [`SignError`].
    fn sign(
        &self,
        hash: HashAlgorithm,
        signed: Signed<'_>,
        out: &mut [u8],
    ) -> Result<usize, SignError>;
}
