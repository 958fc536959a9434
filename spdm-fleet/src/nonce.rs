//! Nonces that prove when they were made, for which item and which attempt, without a database.
//!
//! `issued_at (8 bytes, big-endian, ms since 1970) ‖ HMAC-SHA-256(key, label ‖ kind ‖ job ‖ item ‖ attempt ‖ issued_at)[..24]`.
//! Everything behind the job has a fixed length, so nothing moves from one part into the next.

use core::fmt;
use core::time::Duration;

use spdm_codec::RequesterNonce;
use spdm_crypto::{KdfError, Provider};
use subtle::ConstantTimeEq as _;

use crate::item::Item;
use crate::key::FleetKey;
use crate::timestamp::Timestamp;
use crate::want::Want;

const NONCE_LABEL: &[u8] = b"spdm-fleet-nonce v1";
const SEAL_LABEL: &[u8] = b"spdm-fleet-item v1";
/// Bytes of the time, and of the MAC behind it.
const TIME_LEN: usize = 8;
const MAC_LEN: usize = 24;

/// The signature that a nonce is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the two signatures of an attestation")]
pub enum NonceKind {
    /// That of CHALLENGE_AUTH.
    Challenge,
    /// That of MEASUREMENTS.
    Measurements,
}

impl NonceKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Challenge => 1,
            Self::Measurements => 2,
        }
    }
}

/// Why a nonce proves no freshness.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NonceFault {
    /// This key did not make it for this item, this attempt and this signature.
    NotOurs,
    /// It was made too long ago.
    Old {
        /// How long ago.
        age: Duration,
        /// How old it may be.
        window: Duration,
    },
    /// It was made in the future: the clock of whoever submits is ahead of this one.
    Ahead {
        /// How far in the future.
        by: Duration,
    },
}

impl fmt::Display for NonceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str(
                "the nonce was not issued for this item and attempt, or not with this key",
            ),
            Self::Old { age, window } => write!(
                f,
                "the nonce was issued {} s ago, and {} s are the most: the evidence is old, or the clock of who submitted is behind",
                age.as_secs(),
                window.as_secs()
            ),
            Self::Ahead { by } => write!(
                f,
                "the nonce was issued {} s in the future: the clock of who submitted is ahead of this one",
                by.as_secs()
            ),
        }
    }
}

impl core::error::Error for NonceFault {}

/// Issues nonces, and tells its own.
#[derive(Clone, Copy, Debug)]
pub struct Nonces<'k> {
    provider: &'k Provider,
    key: &'k FleetKey,
}

impl<'k> Nonces<'k> {
    /// How far a clock may be ahead of this one.
    pub const SKEW: Duration = Duration::from_secs(30);
    /// How old a nonce may be where nobody says otherwise.
    pub const WINDOW: Duration = Duration::from_secs(600);

    /// Those of a key.
    #[must_use]
    pub const fn new(provider: &'k Provider, key: &'k FleetKey) -> Self {
        Self { provider, key }
    }

    /// The backend.
    #[must_use]
    pub const fn provider(&self) -> &'k Provider {
        self.provider
    }

    /// The nonce of a signature of an attempt.
    ///
    /// # Errors
    /// The backend has no HMAC with SHA-256.
    pub fn issue(
        &self,
        kind: NonceKind,
        item: &Item,
        attempt: u32,
        at: Timestamp,
    ) -> Result<RequesterNonce, KdfError> {
        let time = at.unix_ms().to_be_bytes();
        let mac = self.mac(kind, item, attempt, time)?;
        let mut nonce = [0; TIME_LEN + MAC_LEN];
        let (head, tail) = nonce.split_at_mut(TIME_LEN);
        head.copy_from_slice(&time);
        tail.copy_from_slice(&mac);
        Ok(RequesterNonce(nonce))
    }

    /// Whether this nonce was issued for the attempt, and not longer ago than `window`. Returns when.
    ///
    /// The time counts only once the MAC holds: nobody else can choose it.
    ///
    /// # Errors
    /// [`NonceFault`], or the backend has no HMAC with SHA-256.
    pub fn check(
        &self,
        nonce: &RequesterNonce,
        kind: NonceKind,
        item: &Item,
        attempt: u32,
        now: Timestamp,
        window: Duration,
    ) -> Result<Result<Timestamp, NonceFault>, KdfError> {
        let (time, given) = nonce.0.split_first_chunk::<TIME_LEN>().unwrap_or((&[0; 8], &[]));
        let mac = self.mac(kind, item, attempt, *time)?;
        if !bool::from(mac.as_slice().ct_eq(given)) {
            return Ok(Err(NonceFault::NotOurs));
        }
        let issued = Timestamp::from_unix_ms(u64::from_be_bytes(*time));
        let by = Duration::from_millis(issued.ms_since(now));
        let age = Duration::from_millis(now.ms_since(issued));
        Ok(if by > Self::SKEW {
            Err(NonceFault::Ahead { by })
        } else if age > window {
            Err(NonceFault::Old { age, window })
        } else {
            Ok(issued)
        })
    }

    /// A mark of whoever submits over an item, the digest of its job included, the number of an attempt and what is to be collected, 64 hexadecimal digits: what
    /// the name does not cover (host, labels, the name that the leaf must carry) comes back from a collector, too.
    ///
    /// # Errors
    /// The backend has no HMAC with SHA-256.
    pub fn seal(&self, item: &Item, attempt: u32, want: &Want) -> Result<String, KdfError> {
        Ok(hex::encode(self.seal_bytes(item, attempt, want)?))
    }

    /// Whether whoever submits has marked this attempt at the item, of which so much is to be collected.
    ///
    /// # Errors
    /// The backend has no HMAC with SHA-256.
    pub fn has_sealed(
        &self,
        item: &Item,
        attempt: u32,
        want: &Want,
        seal: &str,
    ) -> Result<bool, KdfError> {
        let expected = self.seal_bytes(item, attempt, want)?;
        let given = hex::decode(seal).unwrap_or_default();
        Ok(expected.as_slice().ct_eq(&given).into())
    }

    fn seal_bytes(
        &self,
        item: &Item,
        attempt: u32,
        want: &Want,
    ) -> Result<[u8; FleetKey::LEN], KdfError> {
        // The members of both in JSON have one order, and labels are sorted. Where one object ends the other begins.
        let json = serde_json::to_vec(item).unwrap_or_default();
        let wanted = serde_json::to_vec(want).unwrap_or_default();
        self.key.mac(self.provider, &[SEAL_LABEL, &attempt.to_be_bytes(), &json, &wanted])
    }

    fn mac(
        &self,
        kind: NonceKind,
        item: &Item,
        attempt: u32,
        time: [u8; TIME_LEN],
    ) -> Result<[u8; MAC_LEN], KdfError> {
        let parts = [
            NONCE_LABEL,
            &[kind.byte()],
            item.job.as_bytes(),
            item.item.as_str().as_bytes(),
            &attempt.to_be_bytes(),
            &time,
        ];
        let mac = self.key.mac(self.provider, &parts)?;
        mac.first_chunk().copied().ok_or(KdfError::Length)
    }
}
