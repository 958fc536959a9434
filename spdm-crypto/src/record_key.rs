//! The AEAD key of one direction of a session.

use core::fmt;

use zeroize::Zeroizing;

use crate::aead::{Aead, AeadAlgorithm, AeadError, NONCE_LEN, TAG_LEN};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::verify::Invalid;

/// How a sequence number enters the nonce of a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a number has two ends")]
pub enum SequenceOrder {
    /// Little-endian into the first eight bytes of the IV: DSP0277 1.2, and the reading of 1.0 and 1.1 that
    /// implementations agree on.
    #[default]
    LittleEndian,
    /// Big-endian into the last eight bytes, as the texts of DSP0277 1.0 and 1.1 can be read too.
    BigEndian,
}

/// The AEAD key and IV of one direction.
pub struct RecordKey {
    aead: &'static dyn Aead,
    algorithm: AeadAlgorithm,
    key: Secret,
    iv: Zeroizing<[u8; NONCE_LEN]>,
}

impl RecordKey {
    pub(crate) fn new(
        aead: &'static dyn Aead,
        algorithm: AeadAlgorithm,
        key: Secret,
        iv: Zeroizing<[u8; NONCE_LEN]>,
    ) -> Self {
        Self { aead, algorithm, key, iv }
    }

    /// A key and IV from elsewhere: from a log of secrets, for instance.
    ///
    /// # Errors
    /// [`AeadError`] where the backend does not have the AEAD, or the key has another length.
    pub fn import(
        provider: &Provider,
        algorithm: AeadAlgorithm,
        key: &[u8],
        iv: &[u8; NONCE_LEN],
    ) -> Result<Self, AeadError> {
        let aead = provider.aead(algorithm).ok_or(AeadError::Unsupported(algorithm))?;
        if key.len() != algorithm.key_len() {
            return Err(AeadError::InvalidKey);
        }
        let key = Secret::new(key).ok_or(AeadError::InvalidKey)?;
        Ok(Self { aead, algorithm, key, iv: Zeroizing::new(*iv) })
    }

    /// The AEAD.
    #[must_use]
    pub const fn algorithm(&self) -> AeadAlgorithm {
        self.algorithm
    }

    /// The key and the IV, for a log of secrets: whoever has them reads the session. `None` where the backend keeps the key.
    #[must_use]
    pub fn expose_secret(&self) -> Option<(&[u8], &[u8; NONCE_LEN])> {
        Some((self.key.expose_secret()?, &self.iv))
    }

    /// Encrypts `in_out` and returns the tag. **Use a sequence number once**: two records with the same one
    /// reveal how they differ, and with AES-GCM the authentication key.
    ///
    /// # Errors
    /// [`AeadError`]; then `in_out` must not be sent.
    pub fn seal(
        &self,
        sequence: u64,
        order: SequenceOrder,
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        let nonce = self.nonce(sequence, order);
        self.aead.seal(self.algorithm, &self.key, &nonce, associated, in_out)
    }

    /// Decrypts `in_out`.
    ///
    /// # Errors
    /// [`Invalid`] where the tag is wrong; then `in_out` is as before, and another key may be tried.
    pub fn open(
        &self,
        sequence: u64,
        order: SequenceOrder,
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid> {
        let nonce = self.nonce(sequence, order);
        self.aead.open(self.algorithm, &self.key, &nonce, associated, in_out, tag)
    }

    fn nonce(&self, sequence: u64, order: SequenceOrder) -> [u8; NONCE_LEN] {
        let mut nonce = *self.iv;
        let bytes = sequence.to_le_bytes();
        match order {
            SequenceOrder::LittleEndian => {
                nonce.iter_mut().zip(bytes).for_each(|(place, byte)| *place ^= byte);
            }
            SequenceOrder::BigEndian => {
                nonce.iter_mut().rev().zip(bytes).for_each(|(place, byte)| *place ^= byte);
            }
        }
        nonce
    }
}

impl Drop for RecordKey {
    fn drop(&mut self) {
        self.aead.forget(&self.key);
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
