//! AES-GCM and ChaCha20-Poly1305.

use ::aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

use crate::aead::{Aead, AeadAlgorithm, AeadError, NONCE_LEN, TAG_LEN};
use crate::secret::Secret;
use crate::verify::Invalid;

/// Every AEAD of this crate. Keys are bytes.
#[derive(Clone, Copy, Debug)]
pub struct Aeads;

impl Aead for Aeads {
    fn supports(&self, _: AeadAlgorithm) -> bool {
        true
    }

    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = less_safe_key(algorithm, key)?
            .seal_in_place_separate_tag(nonce, Aad::from(associated), in_out)
            .map_err(|_| AeadError::Failed)?;
        tag.as_ref().try_into().map_err(|_| AeadError::Failed)
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
        let key = less_safe_key(algorithm, key).map_err(|_| Invalid)?;
        // AWS-LC leaves zeros behind a wrong tag, where this interface promises what was there before.
        let sealed = in_out.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.open_separate_gather(nonce, Aad::from(associated), &sealed, tag, in_out);
        opened.map_err(|_| {
            in_out.copy_from_slice(&sealed);
            Invalid
        })
    }
}

fn less_safe_key(algorithm: AeadAlgorithm, key: &Secret) -> Result<LessSafeKey, AeadError> {
    let algorithm = match algorithm {
        AeadAlgorithm::Aes128Gcm => &AES_128_GCM,
        AeadAlgorithm::Aes256Gcm => &AES_256_GCM,
        AeadAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
    };
    let key = key.expose_secret().ok_or(AeadError::InvalidKey)?;
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| AeadError::InvalidKey)
}
