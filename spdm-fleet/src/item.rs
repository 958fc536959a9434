//! Items of work: one target of one job.

use core::fmt;

use serde::{Deserialize, Serialize};
use spdm_crypto::Provider;
use spdm_evidence::sha256_hex;

use crate::target::Target;

/// The longest item in JSON, in bytes (fleet: one message of a queue).
pub const MAX_ITEM_LEN: usize = 4096;

/// A run over a list of targets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Job {
    /// Its name.
    pub name: String,
    /// SHA-256 over targets, profiles, references and policies, in hexadecimal digits: a run that is resumed must be about the
    /// same.
    pub digest: String,
}

/// The name of an item: `sha256:` and the digest of job, target and class.
///
/// The same target in one job is the same item, whoever submits it and how often.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ItemId(
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^sha256:[0-9a-f]{64}$")))] String,
);

/// What stands before the digits of an item's name.
const ID_PREFIX: &str = "sha256:";
/// Digits of an item's name.
const ID_DIGITS: usize = 64;

impl TryFrom<String> for ItemId {
    type Error = &'static str;

    /// It has one length and one spelling: it goes into MACs and into names of messages.
    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = name.strip_prefix(ID_PREFIX).unwrap_or_default();
        if digits.len() == ID_DIGITS && digits.bytes().all(is_digit) {
            return Ok(Self(name));
        }
        Err("expected the name of an item: sha256: and 64 hexadecimal digits in lower case")
    }
}

impl ItemId {
    /// The item of a target. `None` where the backend has no SHA-256.
    #[must_use]
    pub fn of(provider: &Provider, job: &str, target: &str, class: &str) -> Option<Self> {
        let parts = [job.as_bytes(), &[0], target.as_bytes(), &[0], class.as_bytes()];
        Some(Self(format!("{ID_PREFIX}{}", sha256_hex(provider, &parts)?)))
    }

    /// Of a message that names none.
    pub(crate) fn none() -> Self {
        Self(format!("{ID_PREFIX}{}", "0".repeat(ID_DIGITS)))
    }

    /// The digits alone.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.strip_prefix(ID_PREFIX).unwrap_or_default()
    }

    /// As results show it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One target of one job.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Item {
    /// The job's name.
    pub job: String,
    /// The job's digest, where several machines work on it ([`Job::digest`]): a job of the same name about something else is
    /// another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_digest: Option<String>,
    /// Its own name.
    pub item: ItemId,
    /// What is to be attested.
    #[serde(flatten)]
    pub target: Target,
}

impl Item {
    /// The item of a target. `None` where the backend has no SHA-256.
    #[must_use]
    pub fn new(provider: &Provider, job: &str, target: Target) -> Option<Self> {
        let item = ItemId::of(provider, job, &target.target, &target.class)?;
        Some(Self { job: job.to_owned(), job_digest: None, item, target })
    }

    /// The item of a target in a job that several machines work on. `None` where the backend has no SHA-256.
    #[must_use]
    pub fn of_job(provider: &Provider, job: &Job, target: Target) -> Option<Self> {
        let item = Self::new(provider, &job.name, target)?;
        Some(Self { job_digest: Some(job.digest.clone()), ..item })
    }
}

#[cfg(test)]
mod tests {
    use spdm_crypto::rustcrypto::PROVIDER;

    use super::{Item, ItemId, MAX_ITEM_LEN};
    use crate::target::Target;

    #[test]
    fn an_item_is_named_by_job_target_and_class() {
        let id = |job, target, class| ItemId::of(&PROVIDER, job, target, class).unwrap();
        let one = id("job", "tcp:a", "gpu");
        assert_eq!(one, id("job", "tcp:a", "gpu"));
        // Nothing moves from one part into the next.
        for other in [
            id("job2", "tcp:a", "gpu"),
            id("job", "tcp:b", "gpu"),
            id("job", "tcp:a", "ssd"),
            id("job\0tcp", ":a", "gpu"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        let id = ItemId::of(&PROVIDER, "job", "tcp:a", "gpu").unwrap();
        assert_eq!(ItemId::try_from(id.as_str().to_owned()), Ok(id.clone()));
        for wrong in
            [id.digits().to_owned(), format!("{id}0"), id.as_str().to_uppercase(), String::new()]
        {
            ItemId::try_from(wrong).unwrap_err();
        }
    }

    #[test]
    fn json_holds_an_item() {
        let item = Item::new(&PROVIDER, "job", Target::new("tcp:a")).unwrap();
        let json = serde_json::to_string(&item).unwrap();
        assert!(json.len() < MAX_ITEM_LEN);
        assert_eq!(serde_json::from_str::<Item>(&json).unwrap(), item);
    }
}
