//! Every secret and nonce of a device, out of one number.

use core::fmt;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{HashAlgorithm, RandomUnavailable};

/// The origin of keys and nonces: random, or the same in every run.
pub(crate) struct Entropy {
    master: [u8; 32],
    seed: Option<u64>,
}

impl Entropy {
    pub(crate) fn new(seed: Option<u64>) -> Result<Self, RandomUnavailable> {
        let mut master = [0; 32];
        match seed {
            Some(seed) => master = sha256(&[b"spdm emulator seed", &seed.to_le_bytes()]),
            None => PROVIDER.random.fill(&mut master)?,
        }
        Ok(Self { master, seed })
    }

    /// The one of a device that is kept: its master secret.
    pub(crate) const fn kept(master: [u8; 32], seed: Option<u64>) -> Self {
        Self { master, seed }
    }

    /// What every secret is made of.
    pub(crate) const fn master(&self) -> &[u8] {
        &self.master
    }

    /// The number that it was made of.
    pub(crate) const fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Whether keys and nonces are the same in every run.
    pub(crate) fn is_seeded(&self) -> bool {
        self.seed.is_some()
    }

    /// The seed of the key with this name.
    pub(crate) fn key_seed(&self, name: &str) -> [u8; 32] {
        sha256(&[&self.master, b"key", name.as_bytes()])
    }

    /// A serial number for the certificate of this subject: positive and 16 bytes long.
    pub(crate) fn serial_number(&self, subject: &str) -> [u8; 16] {
        let digest = sha256(&[&self.master, b"serial", subject.as_bytes()]);
        let mut serial = [0x40; 16];
        serial.iter_mut().skip(1).zip(digest).for_each(|(place, byte)| *place = byte);
        serial
    }

    /// The nonce of this number.
    pub(crate) fn nonce(&self, number: u64) -> [u8; 32] {
        sha256(&[&self.master, b"nonce", &number.to_le_bytes()])
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    if let Ok(digest) = PROVIDER.hash.digest(HashAlgorithm::Sha256, parts) {
        out.iter_mut().zip(digest.as_bytes()).for_each(|(place, byte)| *place = *byte);
    }
    out
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").finish_non_exhaustive()
    }
}
