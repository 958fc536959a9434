//! The cipher suites of records.

use spdm_codec::{AeadCipherSuite, TAG_LEN};

use crate::secrets::{IV_LEN, Key};

/// A cipher suite that is built in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cipher {
    #[cfg(feature = "secrets")]
    Aes128Gcm,
    #[cfg(feature = "secrets")]
    Aes256Gcm,
    #[cfg(feature = "secrets")]
    ChaCha20Poly1305,
}

#[cfg(feature = "secrets")]
impl Cipher {
    pub(super) const fn new(suite: AeadCipherSuite) -> Option<Self> {
        match suite {
            AeadCipherSuite::AES_128_GCM => Some(Self::Aes128Gcm),
            AeadCipherSuite::AES_256_GCM => Some(Self::Aes256Gcm),
            AeadCipherSuite::CHACHA20_POLY1305 => Some(Self::ChaCha20Poly1305),
            _ => None,
        }
    }

    /// Decrypts `data` in place; `None`, where the tag or the length of the key is wrong.
    pub(super) fn open(
        self,
        key: &Key,
        nonce: &[u8; IV_LEN],
        associated: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Option<()> {
        match self {
            Self::Aes128Gcm => open::<aes_gcm::Aes128Gcm>(key, nonce, associated, data, tag),
            Self::Aes256Gcm => open::<aes_gcm::Aes256Gcm>(key, nonce, associated, data, tag),
            Self::ChaCha20Poly1305 => {
                open::<chacha20poly1305::ChaCha20Poly1305>(key, nonce, associated, data, tag)
            }
        }
    }
}

#[cfg(feature = "secrets")]
fn open<A: aes_gcm::KeyInit + aes_gcm::aead::AeadInOut>(
    key: &Key,
    nonce: &[u8; IV_LEN],
    associated: &[u8],
    data: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Option<()> {
    let cipher = A::new_from_slice(&key.key).ok()?;
    let nonce = nonce.as_slice().try_into().ok()?;
    let tag = tag.as_slice().try_into().ok()?;
    cipher.decrypt_inout_detached(nonce, associated, data.into(), tag).ok()
}

#[cfg(not(feature = "secrets"))]
impl Cipher {
    pub(super) const fn new(_: AeadCipherSuite) -> Option<Self> {
        None
    }

    pub(super) const fn open(
        self,
        _: &Key,
        _: &[u8; IV_LEN],
        _: &[u8],
        _: &mut [u8],
        _: &[u8; TAG_LEN],
    ) -> Option<()> {
        match self {}
    }
}
