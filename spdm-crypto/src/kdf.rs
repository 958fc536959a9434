//! HMAC and HKDF.

use core::fmt;

use crate::digest::Digest;
use crate::hash::Unsupported;
use crate::hash_algorithm::HashAlgorithm;
use crate::secret::Secret;

/// Why nothing was derived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KdfError {
    /// The backend does not have HMAC and HKDF with this hash.
    Unsupported(Unsupported),
    /// The secret is shorter than RFC 5869 has it, or belongs to another backend.
    InvalidSecret,
    /// More bytes were asked for than HKDF has, or than fit a [`Secret`].
    Length,
}

impl fmt::Display for KdfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(error) => write!(f, "HMAC and HKDF: {error}"),
            Self::InvalidSecret => f.write_str("the secret does not fit the key derivation"),
            Self::Length => f.write_str("more bytes were asked for than can be derived"),
        }
    }
}

impl core::error::Error for KdfError {}

impl From<Unsupported> for KdfError {
    fn from(error: Unsupported) -> Self {
        Self::Unsupported(error)
    }
}

/// HMAC (RFC 2104) and HKDF (RFC 5869).
///
/// Compare MACs in constant time, as [`HandshakeSecrets::check_verify_data`] does.
///
/// [`HandshakeSecrets::check_verify_data`]: crate::HandshakeSecrets::check_verify_data
pub trait Kdf: fmt::Debug + Send + Sync {
    /// Whether this hash is implemented.
    fn supports(&self, hash: HashAlgorithm) -> bool;

    /// HMAC of the concatenated `parts`.
    ///
    /// # Errors
    /// [`KdfError`].
    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError>;

    /// HKDF-Extract: a pseudorandom key as long as a digest. `input` is what a key exchange gave, or bytes
    /// that everybody knows.
    ///
    /// # Errors
    /// [`KdfError`].
    fn extract(&self, hash: HashAlgorithm, salt: &Secret, input: &[u8])
    -> Result<Secret, KdfError>;

    /// HKDF-Expand of the concatenated `info` to bytes that leave the backend: an IV, for instance.
    ///
    /// # Errors
    /// [`KdfError`]; then `out` must not be used.
    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError>;

    /// HKDF-Expand of the concatenated `info` to a secret of `len` bytes. A backend whose secrets are handles
    /// keeps it: AEAD keys, too, so that its [`Aead`](crate::Aead) must know them.
    ///
    /// # Errors
    /// [`KdfError`].
    fn expand(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        len: usize,
    ) -> Result<Secret, KdfError> {
        let mut secret = Secret::zeroed(len).ok_or(KdfError::Length)?;
        self.expand_into(hash, key, info, secret.place())?;
        Ok(secret)
    }

    /// A secret is about to be erased: frees what it stands for, where it is a handle.
    fn forget(&self, secret: &Secret) {
        let _ = secret;
    }
}

/// A pre-shared key. One in hardware derives the handshake secret itself.
pub trait PreSharedKey: fmt::Debug + Send + Sync {
    /// HKDF-Extract of the key with this salt; `kdf` is the provider's, for keys that are bytes.
    ///
    /// # Errors
    /// [`KdfError`].
    fn extract(
        &self,
        kdf: &dyn Kdf,
        hash: HashAlgorithm,
        salt: &Secret,
    ) -> Result<Secret, KdfError>;
}

/// A pre-shared key in memory, which the caller erases.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "bytes and nothing else")]
pub struct PskBytes<'a>(pub &'a [u8]);

impl PreSharedKey for PskBytes<'_> {
    fn extract(
        &self,
        kdf: &dyn Kdf,
        hash: HashAlgorithm,
        salt: &Secret,
    ) -> Result<Secret, KdfError> {
        kdf.extract(hash, salt, self.0)
    }
}

impl fmt::Debug for PskBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PskBytes").finish_non_exhaustive()
    }
}
