//! How an attempt ended: a closed set, one JSON line each.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::attester::Attempt;
use crate::item::{Item, ItemId};
use crate::timestamp::Timestamp;

/// The version of an outcome's JSON (docs/schema/outcome.json).
pub const SCHEMA: u32 = 1;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a closed set: whoever reads results must decide about each"
)]
pub enum OutcomeKind {
    /// Everything that was required was checked, and passed.
    Verified,
    /// A check failed.
    Rejected,
    /// Nobody could decide: no anchor, no profile of the class, an algorithm that is not built in.
    Undecidable,
    /// No answer, or no connection.
    Unreachable,
    /// The device broke the protocol.
    DeviceError,
    /// The run ended before.
    Cancelled,
    /// This program failed.
    InternalError,
}

impl OutcomeKind {
    /// Every kind, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Verified,
        Self::Rejected,
        Self::Undecidable,
        Self::Unreachable,
        Self::DeviceError,
        Self::Cancelled,
        Self::InternalError,
    ];

    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Undecidable => "undecidable",
            Self::Unreachable => "unreachable",
            Self::DeviceError => "device_error",
            Self::Cancelled => "cancelled",
            Self::InternalError => "internal_error",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose fault it is that an item is not verified.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a closed set: whoever reads results must decide about each"
)]
pub enum Fault {
    /// Nobody's: it is verified, or was not tried.
    None,
    /// The device: chain, signature, protocol.
    Device,
    /// The policy of whoever judges: the device is what it says, and that is not wanted.
    Policy,
    /// A measurement differs from its reference value, or a file of reference values does not count.
    Reference,
    /// What somebody configured here: no anchor, no profile, a clock.
    Configuration,
    /// The way to the device.
    Transport,
    /// This program.
    Us,
}

impl Fault {
    /// Every fault, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Device,
        Self::Policy,
        Self::Reference,
        Self::Configuration,
        Self::Transport,
        Self::Us,
    ];

    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Device => "device",
            Self::Policy => "policy",
            Self::Reference => "reference",
            Self::Configuration => "configuration",
            Self::Transport => "transport",
            Self::Us => "us",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an item is not verified.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The check that failed, as reports name it; another word where no check did, such as `connection` or `profile`.
    pub check: String,
    /// The measurement that differs, where one does: the first.
    #[serde(default)]
    pub index: Option<u8>,
    /// A sentence for people. It may quote the device: escape it where it is shown.
    pub detail: String,
}

/// What an attempt came to, and whose fault that is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// How it ended.
    pub kind: OutcomeKind,
    /// Whose fault it is.
    pub fault: Fault,
    /// Why it is not verified; `None` where it is.
    pub reason: Option<Reason>,
    /// Whether the same may come out differently by itself: no answer, BUSY. Only then it is tried again.
    pub passing: bool,
}

/// Where the evidence of an item is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// SHA-256 of the file, in hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = spdm_evidence::schema::HEX_32)))]
    pub sha256: String,
    /// The file, where it was kept.
    #[serde(default)]
    pub file: Option<String>,
    /// Its length in bytes.
    pub bytes: u64,
}

/// What an item was judged by: SHA-256 of the files, in hexadecimal digits; null where there is none.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// `--policy`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = spdm_evidence::schema::HEX_32)))]
    pub policy_sha256: Option<String>,
    /// Every `--reference`, in the order of the options.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = spdm_evidence::schema::HEX_32)))]
    pub references_sha256: Option<String>,
    /// The trust anchors.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = spdm_evidence::schema::HEX_32)))]
    pub anchors_sha256: Option<String>,
    /// The version of this program.
    pub tool: String,
    /// The time that certificates were held against; null where validity was not looked at.
    pub at: Option<String>,
}

/// How long things took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Milliseconds {
    /// From when the attempt was due to its begin.
    pub queued: u64,
    /// The exchange with the device.
    pub device: u64,
    /// What was judged after it.
    pub verify: u64,
}

/// How an attempt at an item ended. One JSON line.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "How an attempt at an item ended",
        description = "A line of a journal of spdm fleet, but the first."
    )
)]
pub struct Outcome {
    /// [`SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "The version of the form.", extend("const" = SCHEMA)))]
    pub schema: u32,
    /// The job's name.
    pub job: String,
    /// The job's digest, where several machines work on it: which job of this name it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_digest: Option<String>,
    /// The item's name.
    pub item: ItemId,
    /// What was attested.
    pub target: String,
    /// Whose rules held.
    pub class: String,
    /// The machine that answers for it.
    pub host: String,
    /// What the list says of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Whether no other attempt follows.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Whose fault it is.
    pub fault: Fault,
    /// Why it is not verified.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// The report of `spdm attest --json`; null where there is none, or where it was left out.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")
    )]
    pub report: Option<Box<RawValue>>,
    /// The evidence; null where none was kept.
    #[serde(default)]
    pub evidence: Option<EvidenceFile>,
    /// What it was judged by.
    pub inputs: Inputs,
    /// When the attempt began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How long things took.
    pub ms: Milliseconds,
    /// Requests that were answered.
    pub round_trips: u32,
    /// Who did it: host and process, `host/pid`.
    pub worker: String,
}

impl Outcome {
    /// The outcome of an attempt. `is_final` says that no other attempt follows.
    #[must_use]
    pub fn new(
        item: &Item,
        number: u32,
        attempt: Attempt,
        is_final: Finality,
        span: Span,
        worker: &str,
    ) -> Self {
        let Attempt { finding, report, evidence, inputs, device_ms, verify_ms, round_trips } =
            attempt;
        let target = &item.target;
        Self {
            schema: SCHEMA,
            job: item.job.clone(),
            job_digest: item.job_digest.clone(),
            item: item.item.clone(),
            target: target.target.clone(),
            class: target.class.clone(),
            host: target.own_host().to_owned(),
            labels: target.labels.clone(),
            attempt: number,
            outcome: finding.kind,
            is_final: is_final == Finality::Final,
            fault: finding.fault,
            reason: finding.reason,
            report,
            evidence,
            inputs,
            started: span.started,
            finished: span.finished,
            ms: Milliseconds {
                queued: span.started.ms_since(span.due),
                device: device_ms,
                verify: verify_ms,
            },
            round_trips,
            worker: worker.to_owned(),
        }
    }
}

/// Whether another attempt follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Finality {
    /// None.
    Final,
    /// Another one.
    TriedAgain,
}

/// When an attempt was due, began and ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "three times")]
pub struct Span {
    /// From when on it could have begun.
    pub due: Timestamp,
    /// Its begin.
    pub started: Timestamp,
    /// Its end.
    pub finished: Timestamp,
}
