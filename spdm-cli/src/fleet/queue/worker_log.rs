//! What a worker says of itself while it works, and what it counted in the end.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use spdm_evidence::printable_text;
use spdm_fleet::{Step, WorkObserver};

use super::shown::ShownWork;
use crate::console::{self, Console};

/// What is said once is not said again for so long: a server that is away is away for every message.
const SILENCE: Duration = Duration::from_secs(10);
/// Sentences that are remembered.
const MOST_SAID: usize = 64;

/// Counts, and says what went wrong.
#[derive(Debug)]
pub(super) struct WorkerLog {
    is_quiet: bool,
    verbosity: u8,
    collected: AtomicU64,
    judged: AtomicU64,
    handed_back: AtomicU64,
    given_up: AtomicU64,
    put_aside: AtomicU64,
    said: Mutex<HashMap<String, Instant>>,
}

impl WorkerLog {
    /// Says as much as the options of this console ask for.
    pub(super) fn of(console: &Console) -> Self {
        Self {
            is_quiet: console.is_quiet(),
            verbosity: console.verbosity(),
            collected: AtomicU64::new(0),
            judged: AtomicU64::new(0),
            handed_back: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            put_aside: AtomicU64::new(0),
            said: Mutex::default(),
        }
    }

    /// What this worker did until now.
    pub(super) fn counted<'w>(&self, worker: &'w str) -> ShownWork<'w> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut shown = ShownWork::new(worker);
        shown.collected = of(&self.collected);
        shown.judged = of(&self.judged);
        shown.handed_back = of(&self.handed_back);
        shown.given_up = of(&self.given_up);
        shown.put_aside = of(&self.put_aside);
        shown
    }

    /// Says something that is no error.
    pub(super) fn note(&self, text: &str) {
        if !self.is_quiet {
            console::say(text);
        }
    }

    fn is_news(&self, text: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, since| since.elapsed() < SILENCE);
        if said.len() >= MOST_SAID || said.contains_key(text) {
            return false;
        }
        said.insert(text.to_owned(), Instant::now());
        true
    }
}

impl WorkObserver for WorkerLog {
    fn after(&self, step: Step, id: &str) {
        let (count, what) = match step {
            Step::EvidenceSubmitted => (Some(&self.collected), "evidence is handed on"),
            Step::OutcomePublished => (Some(&self.judged), "outcome is stored"),
            Step::HandedBack => (Some(&self.handed_back), "handed back"),
            Step::GivenUp => (Some(&self.given_up), "given up"),
            Step::PutAside => (Some(&self.put_aside), "put aside"),
            _ => (None, "done"),
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if self.verbosity > 0 {
            console::say(&format!("{}: {what}", printable_text(id)));
        }
    }

    fn failed(&self, id: &str, error: &str) {
        let error = printable_text(error);
        if self.is_quiet || !self.is_news(&error) {
            return;
        }
        match id {
            "" => console::say(&format!("warning: {error}; it is tried again")),
            id => console::say(&format!("warning: {}: {error}", printable_text(id))),
        }
    }
}
