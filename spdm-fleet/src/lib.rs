//! Attestation of many devices: a list of targets goes in, one outcome for each comes out.
//!
//! ```text
//! targets ──> Item ──> Attester::attest ──> Attempt ──> Outcome ──> journal, tables, metrics
//!                        (once per attempt)              (one JSON line)
//! ```
//!
//! An [`Outcome`] is one of a closed set, and says whose fault it is. It is `verified` only where a report of spdm-evidence
//! says so: what could not be checked, and what this program got wrong, never is.
#![forbid(unsafe_code)]

mod arrivals;
mod attester;
mod coverage;
mod durations;
mod evidence_message;
mod finding;
mod item;
mod job_digest;
mod journal;
mod judge;
pub mod junit;
mod key;
mod memory_site;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod nonce;
mod outcome;
mod page;
mod queue;
#[cfg(feature = "redfish")]
pub mod redfish;
mod runner;
mod schedule;
#[cfg(feature = "schema")]
pub mod schema;
mod site;
#[cfg(feature = "sqlite")]
mod sqlite;
mod submit;
mod summary;
mod tally;
mod target;
mod targets;
mod timestamp;
mod want;
mod work_message;
mod worker;

pub use arrivals::{Arrival, Arrivals};
pub use attester::{Attempt, Attester, Work};
pub use coverage::covers;
pub use durations::{Durations, Percentiles};
pub use evidence_message::{CollectFailure, EvidenceMessage};
pub use finding::Failed;
pub use item::{Item, ItemId, Job, MAX_ITEM_LEN};
pub use job_digest::JobDigest;
pub use journal::{Journal, JournalError, JournalFile, JournalHead, JournalReader, MAX_LINE_LEN};
pub use judge::{
    Case, EVIDENCE_CHECK, EvidenceCheck, FRESHNESS_CHECK, ITEM_CHECK, Judge, Submitted,
};
pub use key::{FleetKey, FleetKeyError};
pub use memory_site::MemorySite;
pub use metrics::{Metrics, MetricsServer};
#[cfg(feature = "nats")]
pub use nats::{
    Classes, Goes, JobRecord, NatsAccess, NatsFileError, NatsFileProblem, NatsLogin,
    NatsLoginError, NatsSettings, NatsSite, TlsRefusal,
};
pub use nonce::{NonceFault, NonceKind, Nonces};
pub use outcome::{
    EvidenceFile, Fault, Finality, Finding, Inputs, Milliseconds, Outcome, OutcomeKind, Reason,
    SCHEMA, Span,
};
pub use page::Page;
pub use queue::{Delivery, Message, Queue, QueueError, ReadLater, Stage, Submission};
pub use runner::{OutcomeSink, Run, Watcher, run};
pub use schedule::{Limits, Next, Schedule, Ticket};
pub use site::{DeadMessage, Lease, Site, TargetState};
#[cfg(feature = "sqlite")]
pub use sqlite::{Store, StoreError};
pub use submit::{FIRST_ATTEMPT, SubmittedCount, submit, too_long};
pub use summary::{Grouping, ItemSummary, Summary};
pub use tally::{FailOn, Tally};
pub use target::{Target, Transport};
pub use targets::{
    MAX_CLASS_LEN, MAX_TARGET_LINE_LEN, MAX_TARGETS, TargetsError, TargetsFault, read_targets,
};
pub use timestamp::Timestamp;
pub use want::{Want, WantedMeasurements};
pub use work_message::{WorkMessage, WorkNonces};
pub use worker::{
    CollectRole, Collected, Collector, Handled, JudgeRole, Role, Step, WorkObserver, Worker,
    WorkerError,
};
