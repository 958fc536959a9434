//! What a journal says in the end: the last outcome of each item.

use core::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use crate::durations::Durations;
use crate::item::ItemId;
use crate::journal::{JournalError, JournalHead, JournalReader};
use crate::outcome::{Fault, Outcome, OutcomeKind, Reason};
use crate::tally::{FailOn, Tally};
use crate::timestamp::Timestamp;

/// Characters of a sentence that are kept; the journal has all of it.
const MAX_DETAIL: usize = 2048;
/// The exit code of a run that did not end: something may be rejected.
const UNFINISHED: u8 = 1;
/// The check of an item of which the journal says two things at once.
const CONTRADICTION: &str = "journal";

/// The last outcome of an item. No report is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ItemSummary {
    /// The item's name.
    pub item: ItemId,
    /// What was attested.
    pub target: String,
    /// Whose rules held.
    pub class: Arc<str>,
    /// The machine that answers for it.
    pub host: Arc<str>,
    /// Where it is: the label `site`, else the host.
    pub site: Arc<str>,
    /// The number of its last attempt, from 1.
    pub attempt: u32,
    /// How that ended.
    pub outcome: OutcomeKind,
    /// Whether no other attempt follows.
    pub is_final: bool,
    /// Whose fault it is.
    pub fault: Fault,
    /// Why it is not verified. The sentence may quote the device: escape it where it is shown.
    pub reason: Option<Reason>,
    /// When the last attempt began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The last attempt was cancelled.
    is_cancelled: bool,
    verdicts: Verdicts,
}

/// By what items are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Grouping {
    /// The class.
    Class,
    /// The machine that answers for it.
    Host,
    /// Whose fault it is.
    Fault,
}

impl Grouping {
    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Host => "host",
            Self::Fault => "fault",
        }
    }
}

/// The last outcome of each item, in the order in which they came first.
#[derive(Debug)]
pub struct Summary {
    head: JournalHead,
    items: Vec<ItemSummary>,
    index: HashMap<ItemId, usize>,
    names: HashSet<Arc<str>>,
    counts: Tally,
    attempts: u64,
    device: Durations,
    verify: Durations,
    is_torn: bool,
}

impl Summary {
    /// Of a job of which nothing is known yet.
    #[must_use]
    pub fn new(head: JournalHead) -> Self {
        Self {
            head,
            items: Vec::new(),
            index: HashMap::new(),
            names: HashSet::new(),
            counts: Tally::default(),
            attempts: 0,
            device: Durations::default(),
            verify: Durations::default(),
            is_torn: false,
        }
    }

    /// Reads a journal to its end.
    ///
    /// # Errors
    /// What [`JournalReader`] says of its lines.
    pub fn read<R: BufRead>(reader: &mut JournalReader<R>) -> Result<Self, JournalError> {
        let mut summary = Self::new(reader.head().clone());
        for outcome in &mut *reader {
            summary.take(&outcome?);
        }
        summary.is_torn = reader.is_torn();
        Ok(summary)
    }

    /// Counts an outcome, and says which of [`Self::items`] it is about.
    ///
    /// The attempt with the highest number is the last one, in whatever order they come. Of two that differ about the same
    /// attempt neither counts: the item is then an internal error.
    pub fn take(&mut self, outcome: &Outcome) -> usize {
        self.attempts += 1;
        if outcome.round_trips > 0 {
            self.device.add(outcome.ms.device);
            self.verify.add(outcome.ms.verify);
        }
        if let Some(number) = self.index.get(&outcome.item).copied() {
            if let Some(known) = self.items.get_mut(number) {
                self.counts.remove(known.outcome);
                known.follow(outcome);
                self.counts.add(known.outcome);
            }
            return number;
        }
        let number = self.items.len();
        self.index.insert(outcome.item.clone(), number);
        let site = outcome.labels.get("site").unwrap_or(&outcome.host);
        let mut verdicts = Verdicts::default();
        verdicts.add(outcome);
        let item = ItemSummary {
            item: outcome.item.clone(),
            target: outcome.target.clone(),
            class: self.name(&outcome.class),
            host: self.name(&outcome.host),
            site: self.name(site),
            attempt: outcome.attempt,
            outcome: outcome.outcome,
            is_final: outcome.is_final,
            fault: outcome.fault,
            reason: outcome.reason.as_ref().map(shortened),
            started: outcome.started,
            finished: outcome.finished,
            is_cancelled: outcome.outcome == OutcomeKind::Cancelled,
            verdicts,
        };
        self.counts.add(item.outcome);
        self.items.push(item);
        number
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let new: Arc<str> = name.into();
        self.names.insert(new.clone());
        new
    }

    /// The first line of the journal.
    #[must_use]
    pub const fn head(&self) -> &JournalHead {
        &self.head
    }

    /// The items of which there is an outcome.
    #[must_use]
    pub fn items(&self) -> &[ItemSummary] {
        &self.items
    }

    /// Items of the job of which the journal says nothing: they were not tried.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.head.items.saturating_sub(self.counts().total())
    }

    /// Items that another attempt should have followed, but the run ended before.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.items.iter().map(|item| u64::from(!item.is_final)).sum()
    }

    /// The exit code of the run. What should have been tried again did not end.
    #[must_use]
    pub fn exit_code(&self, fail_on: &FailOn) -> u8 {
        // Where services list other devices than before, the ended ones may be as many as there were.
        if self.unfinished() > 0 {
            return UNFINISHED;
        }
        let mut ended = Tally::default();
        for item in self.items.iter().filter(|item| item.is_final) {
            ended.add(item.outcome);
        }
        ended.exit_code(self.head.items, fail_on)
    }

    /// Attempts in all.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// The last line of the journal was cut off.
    pub const fn note_torn(&mut self) {
        self.is_torn = true;
    }

    /// Whether a crash has cut off the last line of the journal, which then counts for nothing.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// How long the exchange with the device took, of the attempts in which one answered.
    #[must_use]
    pub const fn device_ms(&self) -> &Durations {
        &self.device
    }

    /// How long judging took after it, of the attempts in which a device answered.
    #[must_use]
    pub const fn verify_ms(&self) -> &Durations {
        &self.verify
    }

    /// All items by how they ended.
    #[must_use]
    pub const fn counts(&self) -> &Tally {
        &self.counts
    }

    /// Items in groups: those with most items that are not verified first, then by name; faults in the order of tables.
    #[must_use]
    pub fn groups(&self, by: Grouping) -> Vec<(&str, Tally)> {
        let mut groups: BTreeMap<&str, Tally> = BTreeMap::new();
        for item in &self.items {
            let name = match by {
                Grouping::Class => &item.class,
                Grouping::Host => &item.host,
                Grouping::Fault => item.fault.name(),
            };
            groups.entry(name).or_default().add(item.outcome);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        match by {
            Grouping::Fault => groups
                .sort_by_key(|(name, _)| Fault::ALL.iter().position(|fault| fault.name() == *name)),
            Grouping::Class | Grouping::Host => {
                groups.sort_by_key(|(_, counts)| core::cmp::Reverse(counts.not_verified()));
            }
        }
        groups
    }

    /// Why items are not verified: whose fault it is and which check failed, most frequent first.
    #[must_use]
    pub fn reasons(&self) -> Vec<((Fault, &str), Tally)> {
        let mut reasons: BTreeMap<(Fault, &str), Tally> = BTreeMap::new();
        for item in self.items.iter().filter(|item| item.outcome != OutcomeKind::Verified) {
            let check = item.reason.as_ref().map_or("", |reason| &reason.check);
            reasons.entry((item.fault, check)).or_default().add(item.outcome);
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, counts)| core::cmp::Reverse(counts.total()));
        reasons
    }

    /// The items that are not verified, in the order of [`OutcomeKind::ALL`].
    #[must_use]
    pub fn not_verified(&self) -> Vec<&ItemSummary> {
        let failed = self.items.iter().filter(|item| item.outcome != OutcomeKind::Verified);
        let mut failed: Vec<_> = failed.collect();
        failed.sort_by_key(|item| item.outcome);
        failed
    }
}

/// The verdicts about an item that decide whether they can all be: in whatever order they come. What was cancelled was not
/// tried, and is none.
#[derive(Clone, Copy, Debug, Default)]
struct Verdicts {
    /// The highest attempt, and what was said of it first.
    last: Option<(u32, OutcomeKind, Fault)>,
    /// What else was said of it.
    other: Option<OutcomeKind>,
    /// The lowest attempt that no other one was to follow.
    ended: Option<u32>,
}

impl Verdicts {
    fn add(&mut self, outcome: &Outcome) {
        let &Outcome { attempt, outcome: kind, fault, .. } = outcome;
        if kind == OutcomeKind::Cancelled {
            return;
        }
        match self.last {
            Some((last, ..)) if attempt < last => {}
            Some((last, before, whose)) if attempt == last => {
                if (before, whose) != (kind, fault) {
                    self.other.get_or_insert(kind);
                }
            }
            _ => (self.last, self.other) = (Some((attempt, kind, fault)), None),
        }
        if outcome.is_final {
            self.ended = Some(self.ended.map_or(attempt, |ended| ended.min(attempt)));
        }
    }

    /// Why they cannot all be.
    fn contradiction(&self) -> Option<String> {
        let (last, kind, _) = self.last?;
        if let Some(other) = self.other {
            return Some(format!("of attempt {last} the journal says both {kind} and {other}"));
        }
        // Nobody tries again what has ended: who adds an attempt would hide how it did.
        let ended = self.ended.filter(|ended| *ended < last)?;
        Some(format!(
            "the journal has an attempt {last} behind attempt {ended}, which was the last"
        ))
    }
}

impl ItemSummary {
    /// Another outcome of the same item.
    fn follow(&mut self, outcome: &Outcome) {
        self.verdicts.add(outcome);
        let is_later = match outcome.attempt.cmp(&self.attempt) {
            Ordering::Less => false,
            Ordering::Equal => self.is_cancelled,
            Ordering::Greater => true,
        };
        if is_later {
            self.attempt = outcome.attempt;
            self.is_cancelled = outcome.outcome == OutcomeKind::Cancelled;
            self.outcome = outcome.outcome;
            self.is_final = outcome.is_final;
            self.fault = outcome.fault;
            self.reason = outcome.reason.as_ref().map(shortened);
            self.started = outcome.started;
            self.finished = outcome.finished;
        }
        if let Some(detail) = self.verdicts.contradiction() {
            (self.outcome, self.fault) = (OutcomeKind::InternalError, Fault::Us);
            self.reason = Some(Reason { check: CONTRADICTION.to_owned(), index: None, detail });
            self.is_final = true;
        }
    }
}

fn shortened(reason: &Reason) -> Reason {
    let mut reason = reason.clone();
    if let Some((end, _)) = reason.detail.char_indices().nth(MAX_DETAIL) {
        reason.detail.truncate(end);
        reason.detail.push('…');
    }
    reason
}
