//! Who is attested when: no clock, no thread, no device.
//!
//! Items wait per host, and hosts take turns: a host that is slow holds no more than its own share of the places, and what
//! waits behind it is not in the way of other hosts.

mod jitter;

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use self::jitter::Jitter;
use crate::outcome::{Finality, Finding, OutcomeKind};

/// The first pause before another attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A run that was held up catches up with its rate by no more than this.
const CATCH_UP: Duration = Duration::from_millis(100);
/// Attempts at an item of which this program got one wrong.
const INTERNAL_RETRIES: u8 = 1;

/// How much happens at once.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a caller makes it")]
pub struct Limits {
    /// Attempts in flight.
    pub in_flight: usize,
    /// Of them, those at one host.
    pub per_host: usize,
    /// Attempts that begin in one second; `None` for as many as can be.
    pub rate: Option<f64>,
    /// Attempts at an item that cannot be reached.
    pub attempts: u32,
}

/// An attempt that is to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the schedule makes it")]
pub struct Ticket {
    /// The item, by its place in the list.
    pub index: usize,
    /// The number of the attempt, from 1 on; where a run goes on, from behind those before.
    pub attempt: u32,
    /// From when on it could have begun, since the run began.
    pub due: Duration,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to do")]
pub enum Next {
    /// This attempt begins, and counts as in flight.
    Start(Ticket),
    /// Nothing, before this time or before an attempt ends; `None` where only the latter helps.
    Wait(Option<Duration>),
    /// Nothing any more: every item has ended.
    Done,
}

/// One item.
#[derive(Clone, Copy, Debug)]
struct Entry {
    host: usize,
    /// Attempts that were begun.
    begun: u32,
    /// Attempts that may begin.
    allowed: u32,
    /// Of those, the ones for a mistake of this program.
    internal: u8,
    due: Duration,
}

/// The items of a host.
#[derive(Debug, Default)]
struct Host {
    waiting: VecDeque<usize>,
    in_flight: usize,
    /// Whether it is among those that take turns.
    takes_turns: bool,
}

/// The schedule of a run. Times are those since the run began.
#[derive(Debug)]
pub struct Schedule {
    limits: Limits,
    entries: Vec<Entry>,
    hosts: Vec<Host>,
    turns: VecDeque<usize>,
    /// Items that are tried again, by when.
    later: BinaryHeap<Reverse<(Duration, usize)>>,
    in_flight: usize,
    /// When the rate allows the next attempt.
    next_start: Duration,
    jitter: Jitter,
    is_cancelled: bool,
}

impl Schedule {
    /// Nothing has begun. `items` are the host of each item and how many attempts were made in runs before; `None` for an item
    /// that has ended. `seed` spreads the pauses.
    pub fn new<'i>(
        limits: Limits,
        items: impl IntoIterator<Item = (&'i str, Option<u32>)>,
        seed: u64,
    ) -> Self {
        let mut schedule = Self {
            limits,
            entries: Vec::new(),
            hosts: Vec::new(),
            turns: VecDeque::new(),
            later: BinaryHeap::new(),
            in_flight: 0,
            next_start: Duration::ZERO,
            jitter: Jitter::new(seed),
            is_cancelled: false,
        };
        let mut names = HashMap::new();
        for (index, (name, before)) in items.into_iter().enumerate() {
            let host = *names.entry(name).or_insert_with(|| {
                schedule.hosts.push(Host::default());
                schedule.hosts.len() - 1
            });
            let begun = before.unwrap_or_default();
            let allowed = begun.saturating_add(limits.attempts.max(1));
            let entry = Entry { host, begun, allowed, internal: 0, due: Duration::ZERO };
            schedule.entries.push(entry);
            if before.is_some() {
                schedule.wait_in_line(index);
            }
        }
        schedule
    }

    /// What is to be done at this time.
    pub fn next(&mut self, now: Duration) -> Next {
        while let Some(Reverse((due, index))) = self.later.peek().copied()
            && due <= now
        {
            self.later.pop();
            self.wait_in_line(index);
        }
        if self.turns.is_empty() {
            let due = self.later.peek().map(|Reverse((due, _))| *due);
            return match due {
                None if self.in_flight == 0 => Next::Done,
                due => Next::Wait(due),
            };
        }
        if self.in_flight >= self.limits.in_flight.max(1) {
            return Next::Wait(None);
        }
        if self.next_start > now {
            return Next::Wait(Some(self.next_start));
        }
        match self.start() {
            Some(ticket) => {
                self.pace(now);
                Next::Start(ticket)
            }
            // A host takes turns only while something waits there.
            None => Next::Wait(None),
        }
    }

    /// Whether another attempt follows the one that came to this. Ask before [`Self::ended`].
    #[must_use]
    pub fn finality(&self, ticket: &Ticket, finding: &Finding) -> Finality {
        let Some(entry) = self.entries.get(ticket.index) else { return Finality::Final };
        let again = match finding.kind {
            OutcomeKind::InternalError => entry.internal < INTERNAL_RETRIES,
            // Nothing but what passes by itself is tried again, and nothing that was decided.
            OutcomeKind::Unreachable => finding.passing && ticket.attempt < entry.allowed,
            _ => false,
        };
        if again { Finality::TriedAgain } else { Finality::Final }
    }

    /// An attempt has ended, with what [`Self::finality`] said.
    pub fn ended(&mut self, ticket: &Ticket, finding: &Finding, finality: Finality, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(entry) = self.entries.get_mut(ticket.index) else { return };
        if let Some(host) = self.hosts.get_mut(entry.host) {
            host.in_flight = host.in_flight.saturating_sub(1);
        }
        let host = entry.host;
        if finality == Finality::TriedAgain {
            if finding.kind == OutcomeKind::InternalError {
                entry.internal = entry.internal.saturating_add(1);
                entry.allowed = entry.allowed.saturating_add(1);
            }
            entry.due = now.saturating_add(self.jitter.pause(ticket.attempt));
            if !self.is_cancelled {
                self.later.push(Reverse((entry.due, ticket.index)));
            }
        }
        self.take_turns(host);
    }

    /// Nothing begins any more. The items that have not ended and are not in flight, each with the number that its next
    /// attempt would have had.
    pub fn cancel(&mut self) -> Vec<Ticket> {
        self.is_cancelled = true;
        let later = core::mem::take(&mut self.later).into_iter().map(|Reverse((_, index))| index);
        let waiting = self.hosts.iter_mut().flat_map(|host| {
            host.takes_turns = false;
            core::mem::take(&mut host.waiting)
        });
        let mut left: Vec<_> = waiting.chain(later).collect();
        self.turns.clear();
        left.sort_unstable();
        let ticket = |index: usize| {
            let entry = self.entries.get(index)?;
            Some(Ticket { index, attempt: entry.begun.saturating_add(1), due: entry.due })
        };
        left.into_iter().filter_map(ticket).collect()
    }

    /// How many attempts are in flight.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn wait_in_line(&mut self, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let host = entry.host;
        if let Some(host) = self.hosts.get_mut(host) {
            host.waiting.push_back(index);
        }
        self.take_turns(host);
    }

    /// Lets a host take turns, where it has something to do and a place to do it.
    fn take_turns(&mut self, index: usize) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        let may = !host.waiting.is_empty() && host.in_flight < self.limits.per_host.max(1);
        if may && !host.takes_turns {
            host.takes_turns = true;
            self.turns.push_back(index);
        }
    }

    fn start(&mut self) -> Option<Ticket> {
        let turn = self.turns.pop_front()?;
        let host = self.hosts.get_mut(turn)?;
        host.takes_turns = false;
        let index = host.waiting.pop_front()?;
        host.in_flight += 1;
        self.in_flight += 1;
        self.take_turns(turn);
        let entry = self.entries.get_mut(index)?;
        entry.begun = entry.begun.saturating_add(1);
        Some(Ticket { index, attempt: entry.begun, due: entry.due })
    }

    /// Sets when the next attempt may begin.
    fn pace(&mut self, now: Duration) {
        let interval = self.limits.rate.map(|rate| 1.0 / rate);
        let interval = interval.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        if let Some(interval) = interval {
            let since = self.next_start.max(now.saturating_sub(CATCH_UP));
            self.next_start = since.saturating_add(interval);
        }
    }
}
