//! What a collector hands on to whoever judges.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::item::Item;
use crate::journal::MAX_LINE_LEN;
use crate::judge::EVIDENCE_CHECK;
use crate::outcome::{Fault, Finding, OutcomeKind, Reason, SCHEMA};
use crate::timestamp::Timestamp;
use crate::want::Want;

/// Evidence of one attempt, or why there is none. One JSON object.
///
/// Nothing in it is trusted: a judge takes target and class from whoever submitted them, freshness from the nonce, and the
/// verdict from the evidence.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a collector makes it")]
pub struct EvidenceMessage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The item, as the collector repeats it.
    #[serde(flatten)]
    pub item: Item,
    /// The mark of whoever submitted, as the collector repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Who collected: host and process.
    pub collector: String,
    /// When.
    pub collected_at: Timestamp,
    /// How long the device took, in milliseconds.
    #[serde(default)]
    pub device_ms: u64,
    /// Requests that were answered.
    #[serde(default)]
    pub round_trips: u32,
    /// What was to be collected, as the collector repeats it: another attempt is to collect the same. Everything where it is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub want: Option<Want>,
    /// The evidence file (docs/schema/evidence.json); null where there is none.
    #[serde(default)]
    pub evidence: Option<Box<RawValue>>,
    /// Why there is no evidence, or none that is complete.
    #[serde(default)]
    pub failure: Option<CollectFailure>,
}

impl EvidenceMessage {
    /// As JSON of [`MAX_LINE_LEN`] bytes at most: evidence that is longer is left out, and that is why there is none.
    ///
    /// # Errors
    /// [`serde_json::Error`], which does not occur.
    pub fn into_json(mut self) -> Result<(Self, Vec<u8>), serde_json::Error> {
        let json = serde_json::to_vec(&self)?;
        if json.len() < MAX_LINE_LEN {
            return Ok((self, json));
        }
        let got = json.len();
        let reason = Reason {
            check: EVIDENCE_CHECK.to_owned(),
            index: None,
            detail: format!("its evidence takes {got} bytes, and {MAX_LINE_LEN} are the most"),
        };
        let (outcome, fault) = (OutcomeKind::DeviceError, Fault::Device);
        let reason = Some(reason);
        self.failure = Some(CollectFailure { outcome, fault, reason, passing: false });
        self.evidence = None;
        let json = serde_json::to_vec(&self)?;
        Ok((self, json))
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

/// Why a collector has no evidence.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a collector makes it")]
pub struct CollectFailure {
    /// How the attempt ended. A collector has no verdict: [`OutcomeKind::Verified`] and [`OutcomeKind::Rejected`] are not
    /// believed.
    pub outcome: OutcomeKind,
    /// Whose fault it is.
    pub fault: Fault,
    /// Why.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// Whether the same may come out differently by itself.
    pub passing: bool,
}

impl From<Finding> for CollectFailure {
    fn from(finding: Finding) -> Self {
        let Finding { kind, fault, reason, passing } = finding;
        Self { outcome: kind, fault, reason, passing }
    }
}
