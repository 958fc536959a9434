//! Authenticated encryption.

use core::fmt;

use spdm_codec::AeadCipherSuite;

use crate::secret::Secret;
use crate::verify::Invalid;

/// Length of a nonce in bytes, the same with every algorithm.
pub const NONCE_LEN: usize = 12;
/// Length of a tag in bytes, the same with every algorithm.
pub const TAG_LEN: usize = 16;

/// An AEAD.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AeadAlgorithm {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// Every AEAD of this crate.
    pub const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::ChaCha20Poly1305];

    /// Key size in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// The bit of `AEADCipherSuite`.
    #[must_use]
    pub const fn cipher_suite(self) -> AeadCipherSuite {
        match self {
            Self::Aes128Gcm => AeadCipherSuite::AES_128_GCM,
            Self::Aes256Gcm => AeadCipherSuite::AES_256_GCM,
            Self::ChaCha20Poly1305 => AeadCipherSuite::CHACHA20_POLY1305,
        }
    }

    /// The algorithm of a selected `AEADCipherSuite` with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_cipher_suite(selected: AeadCipherSuite) -> Option<Self> {
        Self::ALL.into_iter().find(|aead| aead.cipher_suite() == selected)
    }

    /// DSP0274 name, for example `AES_256_GCM`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.cipher_suite().name().unwrap_or("unknown AEAD")
    }
}

impl fmt::Display for AeadAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why nothing was sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AeadError {
    /// The backend does not have this algorithm.
    Unsupported(AeadAlgorithm),
    /// The key has another length, or belongs to another backend.
    InvalidKey,
    /// The backend failed; nothing that SPDM seals is too long.
    Failed,
}

impl fmt::Display for AeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(algorithm) => {
                write!(f, "the crypto backend does not implement {algorithm}")
            }
            Self::InvalidKey => f.write_str("the key does not fit the AEAD"),
            Self::Failed => f.write_str("the encryption failed"),
        }
    }
}

impl core::error::Error for AeadError {}

/// Authenticated encryption with one family of algorithms, in place.
pub trait Aead: fmt::Debug + Send + Sync {
    /// Whether [`Self::seal`] and [`Self::open`] implement this algorithm.
    fn supports(&self, algorithm: AeadAlgorithm) -> bool;

    /// Encrypts `in_out` and returns the tag. A nonce is used once with a key: see [`RecordKey::seal`].
    ///
    /// # Errors
    /// [`AeadError`]; then `in_out` must not be sent.
    ///
    /// [`RecordKey::seal`]: crate::RecordKey::seal
    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError>;

    /// Decrypts `in_out`.
    ///
    /// # Errors
    /// [`Invalid`] where the tag is wrong, or key and algorithm do not fit. Then `in_out` is as before, so
    /// that another key may be tried: no unauthenticated plaintext is ever in it.
    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid>;

    /// A key is about to be erased: frees what it stands for, where it is a handle.
    fn forget(&self, key: &Secret) {
        let _ = key;
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::AeadCipherSuite;

    use super::AeadAlgorithm;

    #[test]
    fn a_selection_has_one_bit() {
        for aead in AeadAlgorithm::ALL {
            assert_eq!(AeadAlgorithm::from_cipher_suite(aead.cipher_suite()), Some(aead));
            assert_eq!(aead.cipher_suite().name(), Some(aead.name()));
        }
        let two = AeadCipherSuite::AES_128_GCM | AeadCipherSuite::AES_256_GCM;
        for selected in [AeadCipherSuite::empty(), two, AeadCipherSuite::SM4_GCM] {
            assert_eq!(AeadAlgorithm::from_cipher_suite(selected), None);
        }
    }
}
