//! Outcomes of a job as a queue delivers them: each at least once, in any order.

use std::collections::HashMap;

use spdm_crypto::Provider;

use crate::item::{ItemId, Job};
use crate::outcome::{Fault, Outcome, OutcomeKind, SCHEMA};

/// What an outcome says beside those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever reads must decide about each")]
pub enum Arrival {
    /// Something new.
    New,
    /// What was said before of the same attempt.
    Repeated,
    /// Something else than was said before of the same attempt. Both count: a [`Summary`](crate::Summary) makes an internal
    /// error of it.
    Contradiction,
    /// It is of another job, or its item is not that of its target: it counts for nothing.
    Foreign,
}

/// Knows which outcomes of a job have come, and whether all of them have.
#[derive(Debug)]
pub struct Arrivals<'a> {
    provider: &'a Provider,
    job: &'a Job,
    items: u64,
    said: HashMap<ItemId, Vec<Said>>,
    ended: u64,
}

/// An outcome, without its report.
#[derive(Debug, Eq, PartialEq)]
struct Said {
    attempt: u32,
    outcome: OutcomeKind,
    fault: Fault,
    is_final: bool,
}

impl<'a> Arrivals<'a> {
    /// Of a job of so many items, of which nothing has come.
    #[must_use]
    pub fn new(provider: &'a Provider, job: &'a Job, items: u64) -> Self {
        Self { provider, job, items, said: HashMap::new(), ended: 0 }
    }

    /// An outcome has come.
    pub fn take(&mut self, outcome: &Outcome) -> Arrival {
        let Outcome { job, target, class, .. } = outcome;
        let own = ItemId::of(self.provider, job, target, class);
        // Of a job of this name that is about something else, messages may still be on their way.
        let is_other = outcome.job_digest.as_ref().is_some_and(|other| *other != self.job.digest);
        let is_of_job = *job == self.job.name && !is_other;
        if outcome.schema != SCHEMA || !is_of_job || own.as_ref() != Some(&outcome.item) {
            return Arrival::Foreign;
        }
        let said = self.said.entry(outcome.item.clone()).or_default();
        let new = Said {
            attempt: outcome.attempt,
            outcome: outcome.outcome,
            fault: outcome.fault,
            is_final: outcome.is_final,
        };
        if said.contains(&new) {
            return Arrival::Repeated;
        }
        let arrival = match said.iter().any(|other| other.attempt == new.attempt) {
            true => Arrival::Contradiction,
            false => Arrival::New,
        };
        let had_ended = has_ended(said);
        said.push(new);
        match (had_ended, has_ended(said)) {
            (false, true) => self.ended = self.ended.saturating_add(1),
            (true, false) => self.ended = self.ended.saturating_sub(1),
            _ => {}
        }
        arrival
    }

    /// The number of the attempt at this item that is to be made next, from 1; `None` where it has its last outcome.
    #[must_use]
    pub fn next_attempt(&self, item: &ItemId) -> Option<u32> {
        let said = self.said.get(item).map(Vec::as_slice).unwrap_or_default();
        if has_ended(said) {
            return None;
        }
        let last = said.iter().map(|said| said.attempt).max().unwrap_or_default();
        Some(last.saturating_add(1))
    }

    /// Items that have their last outcome.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.ended
    }

    /// Whether every item has its last outcome.
    #[must_use]
    pub const fn are_complete(&self) -> bool {
        self.ended >= self.items
    }
}

/// Whether no attempt follows the last one.
fn has_ended(said: &[Said]) -> bool {
    let last = said.iter().map(|said| said.attempt).max();
    let mut of_last = said.iter().filter(|said| Some(said.attempt) == last);
    of_last.any(|said| said.is_final)
}
