//! AES-GCM and ChaCha20-Poly1305.

#[cfg(feature = "aes-gcm")]
use ::aes_gcm::aead;
#[cfg(not(feature = "aes-gcm"))]
use ::chacha20poly1305::aead;

use self::aead::{AeadInOut, KeyInit};
use crate::aead::{Aead, AeadAlgorithm, AeadError, NONCE_LEN, TAG_LEN};
use crate::secret::Secret;
use crate::verify::Invalid;

/// AES-GCM with 128 and 256 bits. Keys are bytes.
#[cfg(feature = "aes-gcm")]
#[derive(Clone, Copy, Debug)]
pub struct AesGcm;

#[cfg(feature = "aes-gcm")]
impl Aead for AesGcm {
    fn supports(&self, algorithm: AeadAlgorithm) -> bool {
        matches!(algorithm, AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm)
    }

    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        match algorithm {
            AeadAlgorithm::Aes128Gcm => {
                seal::<::aes_gcm::Aes128Gcm>(key, nonce, associated, in_out)
            }
            AeadAlgorithm::Aes256Gcm => {
                seal::<::aes_gcm::Aes256Gcm>(key, nonce, associated, in_out)
            }
            AeadAlgorithm::ChaCha20Poly1305 => Err(AeadError::Unsupported(algorithm)),
        }
    }

    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid> {
        match algorithm {
            AeadAlgorithm::Aes128Gcm => {
                open::<::aes_gcm::Aes128Gcm>(key, nonce, associated, in_out, tag)
            }
            AeadAlgorithm::Aes256Gcm => {
                open::<::aes_gcm::Aes256Gcm>(key, nonce, associated, in_out, tag)
            }
            AeadAlgorithm::ChaCha20Poly1305 => Err(Invalid),
        }
    }
}

/// ChaCha20-Poly1305. Keys are bytes.
#[cfg(feature = "chacha20poly1305")]
#[derive(Clone, Copy, Debug)]
pub struct ChaCha20Poly1305;

#[cfg(feature = "chacha20poly1305")]
impl Aead for ChaCha20Poly1305 {
    fn supports(&self, algorithm: AeadAlgorithm) -> bool {
        algorithm == AeadAlgorithm::ChaCha20Poly1305
    }

    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        if !self.supports(algorithm) {
            return Err(AeadError::Unsupported(algorithm));
        }
        seal::<::chacha20poly1305::ChaCha20Poly1305>(key, nonce, associated, in_out)
    }

    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid> {
        if !self.supports(algorithm) {
            return Err(Invalid);
        }
        open::<::chacha20poly1305::ChaCha20Poly1305>(key, nonce, associated, in_out, tag)
    }
}

fn cipher<A: KeyInit>(key: &Secret) -> Result<A, AeadError> {
    let key = key.expose_secret().ok_or(AeadError::InvalidKey)?;
    A::new_from_slice(key).map_err(|_| AeadError::InvalidKey)
}

fn seal<A: KeyInit + AeadInOut>(
    key: &Secret,
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    in_out: &mut [u8],
) -> Result<[u8; TAG_LEN], AeadError> {
    let cipher = cipher::<A>(key)?;
    let nonce = nonce.as_slice().try_into().map_err(|_| AeadError::Failed)?;
    let tag = cipher.encrypt_inout_detached(nonce, associated, in_out.into());
    let tag = tag.map_err(|_| AeadError::Failed)?;
    tag.as_slice().try_into().map_err(|_| AeadError::Failed)
}

/// The tag is checked before anything is decrypted.
fn open<A: KeyInit + AeadInOut>(
    key: &Secret,
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    in_out: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), Invalid> {
    let cipher = cipher::<A>(key).map_err(|_| Invalid)?;
    let nonce = nonce.as_slice().try_into().map_err(|_| Invalid)?;
    let tag = tag.as_slice().try_into().map_err(|_| Invalid)?;
    cipher.decrypt_inout_detached(nonce, associated, in_out.into(), tag).map_err(|_| Invalid)
}
