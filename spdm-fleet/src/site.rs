//! What the workers of a site share.

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, OutcomeKind};
use crate::queue::{Queue, QueueError, Submission};
use crate::timestamp::Timestamp;

/// Queues and memory that workers share. Everything in it can be done twice.
pub trait Site: Send + Sync {
    /// Attempts that collectors are to make.
    fn work(&self) -> &dyn Queue;

    /// Evidence that is to be judged.
    fn evidence(&self) -> &dyn Queue;

    /// Stores an outcome, once for each attempt.
    ///
    /// # Errors
    /// [`QueueError`]; then it is not stored.
    fn publish(&self, outcome: &Outcome) -> Result<Submission, QueueError>;

    /// The outcome that is stored of the same attempt, where one is.
    ///
    /// # Errors
    /// [`QueueError`].
    fn stored(&self, outcome: &Outcome) -> Result<Option<Outcome>, QueueError>;

    /// Remembers an outcome as the last of its target.
    ///
    /// # Errors
    /// [`QueueError`].
    fn record(&self, outcome: &Outcome) -> Result<(), QueueError>;

    /// Puts aside a message that nobody can work on.
    ///
    /// # Errors
    /// [`QueueError`]; then it is not stored.
    fn bury(&self, dead: &DeadMessage<'_>) -> Result<(), QueueError>;

    /// How often a message was begun again without an end.
    ///
    /// # Errors
    /// [`QueueError`].
    fn begun(&self, id: &str) -> Result<u64, QueueError>;

    /// Remembers how often that was.
    ///
    /// # Errors
    /// [`QueueError`].
    fn set_begun(&self, id: &str, count: u64) -> Result<(), QueueError>;

    /// Takes one of `places` places of a host, for a while; `None` where all are taken.
    ///
    /// # Errors
    /// [`QueueError`].
    fn lease(&self, host: &str, places: u32) -> Result<Option<Lease>, QueueError>;

    /// Gives a place back.
    ///
    /// # Errors
    /// [`QueueError`]; then it is free after a while.
    fn release(&self, lease: &Lease) -> Result<(), QueueError>;
}

/// A place of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    name: String,
    revision: u64,
}

impl Lease {
    /// A place of this name, in the state of this number.
    #[must_use]
    pub const fn new(name: String, revision: u64) -> Self {
        Self { name, revision }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its state.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }
}

/// A message that nobody can work on.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a worker makes it")]
pub struct DeadMessage<'d> {
    /// The message's name.
    pub id: &'d str,
    /// The class of its item, as far as the message says one.
    pub class: &'d str,
    /// The job that it is about, as far as it says one.
    pub job: &'d str,
    /// The message.
    pub body: &'d [u8],
    /// What went wrong last.
    pub error: &'d str,
}

/// What is remembered of a target.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TargetState {
    /// What was attested.
    pub target: String,
    /// Whose rules held.
    pub class: String,
    /// The end of the last attempt.
    pub last_attempt: Timestamp,
    /// When the device was asked then: outcomes do not come in the order of the attempts. `None` where that is not known.
    #[serde(default)]
    pub last_asked: Option<Timestamp>,
    /// The end of the last one that was verified.
    pub last_success: Option<Timestamp>,
    /// How the last attempt ended.
    pub last_outcome: OutcomeKind,
    /// The job of the last attempt.
    pub job: String,
    /// Its number.
    pub attempt: u32,
    /// Outcomes since the last success, of attempts that no other one followed.
    pub consecutive_failures: u64,
}

impl TargetState {
    /// What is remembered after an outcome; `None` where it says nothing new.
    ///
    /// An attempt counts from when the device was asked, so that what is judged late does not hide what came later. A collector
    /// says when that was, and cannot say that it was later than the verdict; a rejection counts from its verdict, so that none
    /// is hidden by what a collector says.
    #[must_use]
    pub fn after(before: Option<&Self>, outcome: &Outcome) -> Option<Self> {
        let queued = outcome.ms.queued;
        let asked = Timestamp::from_unix_ms(outcome.started.unix_ms().saturating_sub(queued));
        if let Some(before) = before {
            let is_rejected = outcome.outcome == OutcomeKind::Rejected;
            let is_old = match (before.job == outcome.job, before.last_asked) {
                (true, _) => outcome.attempt <= before.attempt,
                (false, Some(last_asked)) if !is_rejected => asked < last_asked,
                (false, _) => outcome.finished < before.last_attempt,
            };
            if is_old {
                return None;
            }
        }
        let verified = outcome.outcome == OutcomeKind::Verified;
        let failures = before.map_or(0, |before| before.consecutive_failures);
        Some(Self {
            target: outcome.target.clone(),
            class: outcome.class.clone(),
            last_attempt: outcome.finished,
            last_asked: before.and_then(|before| before.last_asked).max(Some(asked)),
            last_success: match verified {
                true => Some(outcome.finished),
                false => before.and_then(|before| before.last_success),
            },
            last_outcome: outcome.outcome,
            job: outcome.job.clone(),
            attempt: outcome.attempt,
            consecutive_failures: match (verified, outcome.is_final) {
                (true, _) => 0,
                (false, true) => failures.saturating_add(1),
                (false, false) => failures,
            },
        })
    }
}
