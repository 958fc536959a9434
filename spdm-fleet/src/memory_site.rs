//! A site in the memory of one process.

use core::hash::BuildHasher as _;
use core::time::Duration;
use std::collections::hash_map::{Entry as MapEntry, RandomState};
use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::item::ItemId;
use crate::outcome::Outcome;
use crate::queue::{Delivery, Message, Queue, QueueError, Submission};
use crate::site::{DeadMessage, Lease, Site, TargetState};

/// How long nothing may be heard of a message, or of a place, before it is given to somebody else.
const SILENCE: Duration = Duration::from_secs(30);

/// A site for one process, and for tests. What is in it ends with it.
#[derive(Debug)]
pub struct MemorySite {
    work: MemoryQueue,
    evidence: MemoryQueue,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// By item and attempt.
    outcomes: Vec<Outcome>,
    published: HashSet<(ItemId, u32)>,
    targets: HashMap<String, TargetState>,
    dead: Vec<(String, String)>,
    begun: HashMap<String, u64>,
    leases: HashMap<String, (u64, Instant)>,
    next_lease: u64,
}

impl MemorySite {
    /// An empty site. Each queue holds `most` bytes at most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self::with_silence(most, SILENCE)
    }

    /// An empty site that gives a message to somebody else after so long without a sign of life.
    #[must_use]
    pub fn with_silence(most: usize, silence: Duration) -> Self {
        Self {
            work: MemoryQueue::new("the queue of work", Once::ByName, most, silence),
            evidence: MemoryQueue::new("the queue of evidence", Once::ByContent, most, silence),
            memory: Mutex::default(),
        }
    }

    /// Every outcome, in the order in which they came.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.memory().outcomes.clone()
    }

    /// What is remembered of a target.
    #[must_use]
    pub fn target(&self, target: &str) -> Option<TargetState> {
        self.memory().targets.get(target).cloned()
    }

    /// Names of messages that nobody can work on, each with what went wrong last.
    #[must_use]
    pub fn dead(&self) -> Vec<(String, String)> {
        self.memory().dead.clone()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site for MemorySite {
    fn work(&self) -> &dyn Queue {
        &self.work
    }

    fn evidence(&self) -> &dyn Queue {
        &self.evidence
    }

    fn publish(&self, outcome: &Outcome) -> Result<Submission, QueueError> {
        let mut memory = self.memory();
        if !memory.published.insert((outcome.item.clone(), outcome.attempt)) {
            return Ok(Submission::Duplicate);
        }
        memory.outcomes.push(outcome.clone());
        Ok(Submission::New)
    }

    fn stored(&self, outcome: &Outcome) -> Result<Option<Outcome>, QueueError> {
        let is_same =
            |stored: &&Outcome| stored.item == outcome.item && stored.attempt == outcome.attempt;
        Ok(self.memory().outcomes.iter().find(is_same).cloned())
    }

    fn record(&self, outcome: &Outcome) -> Result<(), QueueError> {
        let mut memory = self.memory();
        let before = memory.targets.get(&outcome.target);
        if let Some(after) = TargetState::after(before, outcome) {
            memory.targets.insert(outcome.target.clone(), after);
        }
        Ok(())
    }

    fn bury(&self, dead: &DeadMessage<'_>) -> Result<(), QueueError> {
        self.memory().dead.push((dead.id.to_owned(), dead.error.to_owned()));
        Ok(())
    }

    fn begun(&self, id: &str) -> Result<u64, QueueError> {
        Ok(self.memory().begun.get(id).copied().unwrap_or_default())
    }

    fn set_begun(&self, id: &str, count: u64) -> Result<(), QueueError> {
        self.memory().begun.insert(id.to_owned(), count);
        Ok(())
    }

    fn lease(&self, host: &str, places: u32) -> Result<Option<Lease>, QueueError> {
        let mut memory = self.memory();
        memory.next_lease += 1;
        let revision = memory.next_lease;
        for place in 0..places {
            let name = format!("{host}.{place}");
            let taken = memory.leases.get(&name);
            if taken.is_none_or(|(_, since)| since.elapsed() > SILENCE) {
                memory.leases.insert(name.clone(), (revision, Instant::now()));
                return Ok(Some(Lease::new(name, revision)));
            }
        }
        Ok(None)
    }

    fn release(&self, lease: &Lease) -> Result<(), QueueError> {
        let mut memory = self.memory();
        if let MapEntry::Occupied(taken) = memory.leases.entry(lease.name().to_owned())
            && taken.get().0 == lease.revision()
        {
            taken.remove();
        }
        Ok(())
    }
}

/// Which messages are the same.
#[derive(Clone, Copy, Debug)]
enum Once {
    /// Those of one name.
    ByName,
    /// Those of one name and one body: what a collector makes up does not take the place of what another one says.
    ByContent,
}

#[derive(Debug)]
struct MemoryQueue {
    name: &'static str,
    once: Once,
    hasher: RandomState,
    most: usize,
    silence: Duration,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// With a digest of the body, where that counts.
    names: HashSet<(String, Option<u64>)>,
    bytes: usize,
    next_token: u64,
}

#[derive(Debug)]
struct Entry {
    id: String,
    body: Vec<u8>,
    deliveries: u64,
    /// When it may be delivered.
    due: Instant,
    /// What the last delivery of it is called.
    token: u64,
}

impl MemoryQueue {
    fn new(name: &'static str, once: Once, most: usize, silence: Duration) -> Self {
        let (state, news, hasher) = (Mutex::default(), Condvar::new(), RandomState::new());
        Self { name, once, hasher, most, silence, state, news }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a delivered message may be delivered next; nothing where somebody else was given it since.
    fn put_off(&self, delivery: &Delivery, by: Duration) {
        let mut state = self.state();
        if let Some(entry) = state.entries.iter_mut().find(|entry| entry.token == delivery.token())
        {
            entry.due = Instant::now() + by;
        }
        drop(state);
        self.news.notify_all();
    }
}

impl Queue for MemoryQueue {
    fn submit(&self, message: &Message<'_>) -> Result<Submission, QueueError> {
        let name = (
            message.id.to_owned(),
            match self.once {
                Once::ByName => None,
                Once::ByContent => Some(self.hasher.hash_one(message.body)),
            },
        );
        let mut state = self.state();
        if state.names.contains(&name) {
            return Ok(Submission::Duplicate);
        }
        let bytes = state.bytes.saturating_add(message.body.len());
        if bytes > self.most {
            return Err(QueueError::Full { queue: self.name.to_owned() });
        }
        state.bytes = bytes;
        state.names.insert(name);
        let (id, body) = (message.id.to_owned(), message.body.to_vec());
        state.entries.push(Entry { id, body, deliveries: 0, due: Instant::now(), token: 0 });
        drop(state);
        self.news.notify_one();
        Ok(Submission::New)
    }

    fn fetch(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let end = Instant::now() + wait;
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let mut deliveries = Vec::new();
            let State { entries, next_token, .. } = &mut *state;
            for entry in entries.iter_mut().filter(|entry| entry.due <= now).take(most) {
                *next_token += 1;
                entry.token = *next_token;
                entry.deliveries += 1;
                entry.due = now + self.silence;
                deliveries.push(Delivery::new(
                    entry.token,
                    entry.id.clone(),
                    entry.body.clone(),
                    entry.deliveries,
                ));
            }
            if !deliveries.is_empty() || now >= end {
                return Ok(deliveries);
            }
            let next = state.entries.iter().map(|entry| entry.due).min().unwrap_or(end).min(end);
            let waited = self.news.wait_timeout(state, next.saturating_duration_since(now));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn done(&self, delivery: &Delivery) -> Result<(), QueueError> {
        let mut state = self.state();
        let place = state.entries.iter().position(|entry| entry.token == delivery.token());
        if let Some(place) = place {
            let entry = state.entries.swap_remove(place);
            state.bytes = state.bytes.saturating_sub(entry.body.len());
        }
        Ok(())
    }

    fn later(&self, delivery: &Delivery, delay: Duration) -> Result<(), QueueError> {
        self.put_off(delivery, delay);
        Ok(())
    }

    fn alive(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.put_off(delivery, self.silence);
        Ok(())
    }
}
