//! What whoever submits hands to a collector.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use spdm_codec::RequesterNonce;
use spdm_crypto::KdfError;

use crate::item::Item;
use crate::nonce::{NonceKind, Nonces};
use crate::outcome::SCHEMA;
use crate::timestamp::Timestamp;
use crate::want::Want;

/// One attempt that a collector is to make. One JSON object of [`MAX_ITEM_LEN`](crate::MAX_ITEM_LEN) bytes at most.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "whoever submits makes it")]
pub struct WorkMessage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The item.
    #[serde(flatten)]
    pub item: Item,
    /// The mark of whoever submits over the item, the attempt and what is to be collected ([`Nonces::seal`]).
    pub seal: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Not to be begun before. The nonces are of this time.
    pub not_before: Timestamp,
    /// After this, evidence would be too old.
    pub not_after: Timestamp,
    /// What is to be collected.
    pub want: Want,
    /// With which nonces.
    pub nonces: WorkNonces,
}

/// The nonces of an attempt.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "whoever submits makes it")]
pub struct WorkNonces {
    /// Of CHALLENGE.
    #[serde(with = "digits")]
    pub challenge: RequesterNonce,
    /// Of GET_MEASUREMENTS.
    #[serde(with = "digits")]
    pub measurements: RequesterNonce,
}

impl WorkMessage {
    /// An attempt that may begin at a time, with nonces of that time.
    ///
    /// # Errors
    /// The backend has no HMAC with SHA-256.
    pub fn new(
        nonces: &Nonces<'_>,
        item: Item,
        attempt: u32,
        not_before: Timestamp,
        window: Duration,
        want: Want,
    ) -> Result<Self, KdfError> {
        let issue = |kind| nonces.issue(kind, &item, attempt, not_before);
        Ok(Self {
            schema: SCHEMA,
            seal: nonces.seal(&item, attempt, &want)?,
            nonces: WorkNonces {
                challenge: issue(NonceKind::Challenge)?,
                measurements: issue(NonceKind::Measurements)?,
            },
            item,
            attempt,
            not_before,
            not_after: not_before.after(window),
            want,
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is no JSON of this form, or of another [`SCHEMA`].
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        use serde::de::Error as _;
        let message: Self = serde_json::from_slice(json)?;
        if message.schema == SCHEMA {
            return Ok(message);
        }
        let (got, expected) = (message.schema, SCHEMA);
        Err(serde_json::Error::custom(format!("schema {got} instead of {expected}")))
    }
}

/// Nonces as hexadecimal digits.
mod digits {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use spdm_codec::RequesterNonce;

    pub(super) fn serialize<S: Serializer>(
        nonce: &RequesterNonce,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(nonce.0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<RequesterNonce, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut nonce = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut nonce)
            .map_err(|_| D::Error::custom("expected 64 hexadecimal digits"))?;
        Ok(RequesterNonce(nonce))
    }
}
