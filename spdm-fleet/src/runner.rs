//! Runs a schedule: threads that attest, and one that writes.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use spdm_crypto::Provider;

use crate::attester::{Attempt, Attester, Work};
use crate::item::{Item, ItemId};
use crate::outcome::{Fault, Finality, Outcome, OutcomeKind, Span};
use crate::schedule::{Limits, Next, Schedule, Ticket};
use crate::target::Target;
use crate::timestamp::Timestamp;

/// Bytes of a thread's stack: the largest keys (ML-DSA-87) in a build without optimisation need 1 MiB. What a thread does not
/// touch takes no memory.
const STACK_LEN: usize = 2 << 20;
/// Outcomes that wait for the writer: who attests then waits, too.
const OUTCOMES_IN_FLIGHT: usize = 64;
/// How often the writer looks at what was asked for, and lets its sink work without an outcome.
const STEP: Duration = Duration::from_millis(50);

/// What a run is about.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a caller makes it")]
pub struct Run<'r> {
    /// The job's name.
    pub job: &'r str,
    /// The items' targets.
    pub targets: &'r [Target],
    /// For each target how many attempts runs before made; `None` where its item has ended. Empty where there was none.
    pub before: &'r [Option<u32>],
    /// How much happens at once.
    pub limits: Limits,
    /// How long an attempt may take.
    pub deadline: Duration,
    /// Who does it: host and process, `host/pid`.
    pub worker: &'r str,
    /// What hashes the names of items.
    pub provider: &'r Provider,
    /// Nothing begins any more once this is true.
    pub cancel: &'r AtomicBool,
    /// Spreads pauses.
    pub seed: u64,
}

/// Where outcomes go. One thread calls it.
pub trait OutcomeSink {
    /// Takes an outcome. Those of one item come in the order of its attempts.
    ///
    /// # Errors
    /// Why nothing can be written any more: the run ends then.
    fn outcome(&mut self, outcome: Outcome) -> io::Result<()>;

    /// Called several times a second.
    ///
    /// # Errors
    /// As for [`Self::outcome`].
    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Who wants to know which attempts are in flight. Any thread calls it.
pub trait Watcher: Sync {
    /// An attempt begins.
    fn begins(&self, _ticket: &Ticket) {}

    /// It has ended.
    fn ends(&self, _ticket: &Ticket) {}
}

/// Nobody wants to know.
impl Watcher for () {}

/// Attests every item that has not ended. What happened until an error is in the sink.
///
/// # Errors
/// The sink's, and [`io::Error`] where no thread can be made.
pub fn run(
    run: &Run<'_>,
    attester: &dyn Attester,
    sink: &mut dyn OutcomeSink,
    watcher: &dyn Watcher,
) -> io::Result<()> {
    if ItemId::of(run.provider, "", "", "").is_none() {
        return Err(io::Error::other("SHA-256 is not implemented here"));
    }
    let items = run.targets.iter().enumerate().map(|(index, target)| {
        let before = run.before.get(index).copied().unwrap_or(Some(0));
        (target.own_host(), before)
    });
    let schedule = Schedule::new(run.limits, items, run.seed);
    let begun = (Instant::now(), Timestamp::now());
    let schedule = Mutex::new(schedule);
    let shared = Shared { run, attester, watcher, begun, schedule, news: Condvar::new() };
    let threads = run.limits.in_flight.clamp(1, run.targets.len().max(1));
    let (sender, outcomes) = sync_channel(OUTCOMES_IN_FLIGHT);
    thread::scope(|scope| {
        let mut made = Ok(());
        for number in 0..threads {
            let (sender, shared) = (sender.clone(), &shared);
            let builder = thread::Builder::new().stack_size(STACK_LEN);
            let thread = builder
                .name(format!("attest-{number}"))
                .spawn_scoped(scope, move || shared.work(&sender));
            // Fewer do it as well, only not as soon.
            if let Err(error) = thread {
                made = if number == 0 { Err(error) } else { Ok(()) };
                break;
            }
        }
        drop(sender);
        made.and_then(|()| shared.write(&outcomes, sink))
    })
}

/// What the threads share.
struct Shared<'s> {
    run: &'s Run<'s>,
    attester: &'s dyn Attester,
    watcher: &'s dyn Watcher,
    begun: (Instant, Timestamp),
    schedule: Mutex<Schedule>,
    news: Condvar,
}

impl Shared<'_> {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        // Nothing in it panics.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.begun.0.elapsed()
    }

    fn timestamp(&self, since: Duration) -> Timestamp {
        let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_unix_ms(self.begun.1.unix_ms().saturating_add(ms))
    }

    /// Attests one item after the other.
    fn work(&self, outcomes: &SyncSender<Outcome>) {
        while let Some(ticket) = self.next() {
            let Some(item) = self.item(&ticket) else { return };
            self.watcher.begins(&ticket);
            let started = self.now();
            let attempt = self.attempt(&item, &ticket);
            let finished = self.now();
            self.watcher.ends(&ticket);
            let finding = attempt.finding.clone();
            let finality = self.schedule().finality(&ticket, &finding);
            let at = |since| self.timestamp(since);
            let span = Span { due: at(ticket.due), started: at(started), finished: at(finished) };
            let outcome =
                Outcome::new(&item, ticket.attempt, attempt, finality, span, self.run.worker);
            // The writer has gone only where the run is over.
            let _ = outcomes.send(outcome);
            // Behind it, so that the outcome of the next attempt cannot overtake this one.
            self.schedule().ended(&ticket, &finding, finality, self.now());
            if finality == Finality::TriedAgain {
                self.news.notify_all();
            }
        }
    }

    /// The next attempt; `None` at the end.
    fn next(&self) -> Option<Ticket> {
        let mut schedule = self.schedule();
        loop {
            let now = self.now();
            match schedule.next(now) {
                Next::Start(ticket) => {
                    // Somebody else looks after what comes then.
                    self.news.notify_one();
                    return Some(ticket);
                }
                Next::Done => {
                    self.news.notify_all();
                    return None;
                }
                // Each by itself: the thread that waits for the longest knows of no time that came later.
                Next::Wait(Some(until)) => {
                    let waited = self.news.wait_timeout(schedule, until.saturating_sub(now));
                    schedule = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Wait(None) => {
                    schedule = self.news.wait(schedule).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn item(&self, ticket: &Ticket) -> Option<Item> {
        let target = self.run.targets.get(ticket.index)?.clone();
        Item::new(self.run.provider, self.run.job, target)
    }

    fn attempt(&self, item: &Item, ticket: &Ticket) -> Attempt {
        let work = Work { item, attempt: ticket.attempt, deadline: self.run.deadline };
        Attempt::of(|| self.attester.attest(&work))
    }

    /// Hands outcomes to the sink until every thread has ended.
    fn write(&self, outcomes: &Receiver<Outcome>, sink: &mut dyn OutcomeSink) -> io::Result<()> {
        let mut result = Ok(());
        let mut left = None;
        let mut looked = Instant::now();
        loop {
            let received = outcomes.recv_timeout(STEP);
            if left.is_none() && (result.is_err() || self.run.cancel.load(Ordering::Relaxed)) {
                left = Some(self.schedule().cancel());
                self.news.notify_all();
            }
            match received {
                Ok(outcome) if result.is_ok() => result = sink.outcome(outcome),
                // Whoever attests must not wait for a writer that has given up.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if result.is_ok() && looked.elapsed() >= STEP {
                result = sink.idle();
                looked = Instant::now();
            }
        }
        for ticket in left.into_iter().flatten() {
            result =
                result.and_then(|()| self.leave_out(&ticket).map_or(Ok(()), |o| sink.outcome(o)));
        }
        result.and_then(|()| sink.idle())
    }

    /// The outcome of an item that the run did not get to. It is not final: a run that goes on from here does it.
    fn leave_out(&self, ticket: &Ticket) -> Option<Outcome> {
        let item = self.item(ticket)?;
        let detail = "the run was stopped before";
        let attempt = Attempt::without_device(OutcomeKind::Cancelled, Fault::None, "run", detail);
        let now = self.timestamp(self.now());
        let span = Span { due: now, started: now, finished: now };
        let finality = Finality::TriedAgain;
        Some(Outcome::new(&item, ticket.attempt, attempt, finality, span, self.run.worker))
    }
}
