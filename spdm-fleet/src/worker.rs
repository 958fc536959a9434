//! Workers: they take messages of a queue, as many as they have places, and hand back what they do not finish.

mod collect;
mod judge;

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::panic::catch_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, Scope};
use std::time::Instant;

pub use self::collect::{CollectRole, Collected, Collector};
pub use self::judge::JudgeRole;
use crate::attester::panic_message;
use crate::queue::{Delivery, Queue, QueueError};
use crate::site::Site;

/// The most messages that are taken at once: what a worker holds and has not begun waits for it.
const MOST_FETCHED: usize = 8;
/// How long one look into a queue waits for a message.
const LOOK: Duration = Duration::from_millis(500);
/// How often the queue is told that a message is still worked on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// How long a message waits whose work went wrong here, by how often.
const BACKOFF: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// How often a message is begun before it is given up.
const MOST_BEGUN: u64 = 5;
/// How often a message is begun without an end before it is worked on alone: what ends a process ends what is beside it, too.
const SUSPICIOUS: u64 = 1;
/// Held shared by all work of this process, and alone by the work on what is suspicious.
static BESIDE_OTHERS: RwLock<()> = RwLock::new(());
/// How long a queue may not be reached before a worker ends. A server that is started again is back by then. What is wrong with the
/// connection of this process, or with its machine, is not mended by waiting: whoever supervises the process starts a new one.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// Bytes of a thread's stack, as of the threads that attest.
const STACK_LEN: usize = 2 << 20;

/// What a worker did. An observer of the order of effects, and of logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// The evidence of a message is stored.
    EvidenceSubmitted,
    /// An outcome is stored.
    OutcomePublished,
    /// The target's state is stored.
    TargetRecorded,
    /// The message is removed from its queue.
    Acknowledged,
    /// The message was handed back.
    HandedBack,
    /// The message was given up.
    GivenUp,
    /// A message that nobody submitted was put aside.
    PutAside,
}

/// Who wants to know what a worker does. Any thread calls it.
pub trait WorkObserver: Sync {
    /// Something was done for the message of this name.
    fn after(&self, _step: Step, _id: &str) {}

    /// Something went wrong that is tried again.
    fn failed(&self, _id: &str, _error: &str) {}
}

/// Nobody wants to know.
impl WorkObserver for () {}

/// What became of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Handled {
    /// Everything that follows from it is stored.
    Done,
    /// Somebody is to take it after a delay.
    Later(Duration),
}

/// What a worker does with a message.
pub trait Role: Sync {
    /// Where messages come from.
    fn queue(&self) -> &dyn Queue;

    /// What it shares with other workers.
    fn site(&self) -> &dyn Site;

    /// Whether a message may begin now; otherwise how long it is to wait. A message that waits was not begun.
    ///
    /// # Errors
    /// [`QueueError`].
    fn admits(&self, _delivery: &Delivery) -> Result<Option<Duration>, QueueError> {
        Ok(None)
    }

    /// Does the work of a message. It may be done again by somebody else.
    ///
    /// # Errors
    /// [`QueueError`]; then it is tried again.
    fn handle(
        &self,
        delivery: &Delivery,
        observer: &dyn WorkObserver,
    ) -> Result<Handled, QueueError>;

    /// Gives a message up whose work went wrong too often.
    ///
    /// # Errors
    /// [`QueueError`]; then it is tried again.
    fn give_up(
        &self,
        delivery: &Delivery,
        error: &str,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError>;
}

/// Why a worker ended that was not asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerError {
    /// No thread can be made.
    Thread(io::Error),
    /// The queue was not reached for so long, each time for a reason such as this.
    Unreached {
        /// How long.
        after: Duration,
        /// What went wrong last.
        error: QueueError,
    },
}

impl core::fmt::Display for WorkerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Thread(error) => write!(f, "a thread cannot be made: {error}"),
            Self::Unreached { after, error } => {
                write!(f, "the queue was not reached for {} s: {error}", after.as_secs())
            }
        }
    }
}

impl core::error::Error for WorkerError {}

impl From<io::Error> for WorkerError {
    fn from(error: io::Error) -> Self {
        Self::Thread(error)
    }
}

/// A worker of one role.
#[derive(Clone, Copy)]
pub struct Worker<'w> {
    /// What it does.
    role: &'w dyn Role,
    /// How many messages it works on at once.
    places: usize,
    /// Nothing is begun any more once this is true.
    stop: &'w AtomicBool,
    observer: &'w dyn WorkObserver,
    sign_of_life: Duration,
    longest_silence: Duration,
}

impl core::fmt::Debug for Worker<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Worker").field("places", &self.places).finish_non_exhaustive()
    }
}

impl<'w> Worker<'w> {
    /// A worker with so many places.
    #[must_use]
    pub fn new(
        role: &'w dyn Role,
        places: usize,
        stop: &'w AtomicBool,
        observer: &'w dyn WorkObserver,
    ) -> Self {
        let (sign_of_life, longest_silence) = (SIGN_OF_LIFE, LONGEST_SILENCE);
        Self { role, places: places.max(1), stop, observer, sign_of_life, longest_silence }
    }

    /// Tells the queue so often that a message is still worked on: it must be well below the time after which the queue gives
    /// it to somebody else.
    #[must_use]
    pub const fn with_sign_of_life(mut self, interval: Duration) -> Self {
        self.sign_of_life = interval;
        self
    }

    /// Ends after so long in which the queue was never reached.
    #[must_use]
    pub const fn with_longest_silence(mut self, silence: Duration) -> Self {
        self.longest_silence = silence;
        self
    }

    /// Works until it is asked to stop; what was begun is finished, what was not is handed back.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn run(&self) -> Result<(), WorkerError> {
        let shared = Shared {
            worker: self,
            held: Mutex::new(Vec::new()),
            news: Condvar::new(),
            is_over: AtomicBool::new(false),
        };
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("alive".to_owned());
            builder.spawn_scoped(scope, || shared.keep_alive())?;
            let result = shared.fetch(scope);
            shared.wait_for_places(self.places);
            shared.is_over.store(true, Ordering::Relaxed);
            shared.news.notify_all();
            result
        })
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

struct Shared<'s> {
    worker: &'s Worker<'s>,
    /// What is worked on, and since when nothing was said of it.
    held: Mutex<Vec<(std::sync::Arc<Delivery>, Instant)>>,
    news: Condvar,
    is_over: AtomicBool,
}

impl<'s> Shared<'s> {
    fn held(&self) -> MutexGuard<'_, Vec<(std::sync::Arc<Delivery>, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many places are free, and says how many are.
    fn wait_for_places(&self, places: usize) -> usize {
        let mut held = self.held();
        loop {
            let free = self.worker.places.saturating_sub(held.len());
            if free >= places {
                return free;
            }
            held = self.news.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fetch<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Result<(), WorkerError> {
        let Worker { role, observer, .. } = self.worker;
        // Since when it was never reached.
        let mut silent: Option<Instant> = None;
        while !self.worker.stops() {
            let free = self.wait_for_places(1).min(MOST_FETCHED);
            let asked = Instant::now();
            let deliveries = match role.queue().fetch(free, LOOK) {
                Ok(deliveries) => deliveries,
                Err(error) => {
                    let is_silent = matches!(error, QueueError::Unreached(_));
                    silent = is_silent.then(|| silent.unwrap_or(asked));
                    let after = silent.map_or(Duration::ZERO, |since| since.elapsed());
                    if after >= self.worker.longest_silence {
                        return Err(WorkerError::Unreached { after, error });
                    }
                    observer.failed("", &error.to_string());
                    thread::sleep(LOOK);
                    continue;
                }
            };
            silent = None;
            for delivery in deliveries {
                if self.worker.stops() {
                    self.hand_back(&delivery, Duration::ZERO);
                    continue;
                }
                let delivery = std::sync::Arc::new(delivery);
                self.held().push((delivery.clone(), Instant::now()));
                let builder = thread::Builder::new().stack_size(STACK_LEN);
                let work = {
                    let delivery = delivery.clone();
                    move || {
                        self.work(&delivery);
                        self.held().retain(|(held, _)| held.token() != delivery.token());
                        self.news.notify_all();
                    }
                };
                if let Err(error) = builder.spawn_scoped(scope, work) {
                    self.held().retain(|(held, _)| held.token() != delivery.token());
                    self.hand_back(&delivery, Duration::ZERO);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn work(&self, delivery: &Delivery) {
        let Worker { role, observer, .. } = *self.worker;
        let result = catch_unwind(AssertUnwindSafe(|| self.attempt(delivery)));
        match result {
            Ok(Ok(Handled::Done)) => match role.queue().done(delivery) {
                Ok(()) => observer.after(Step::Acknowledged, delivery.id()),
                Err(error) => observer.failed(delivery.id(), &error.to_string()),
            },
            Ok(Ok(Handled::Later(delay))) => self.hand_back(delivery, delay),
            Ok(Err(error)) => {
                observer.failed(delivery.id(), &error.to_string());
                let delay = match error {
                    QueueError::Full { .. } => LOOK,
                    _ => backoff(delivery),
                };
                self.hand_back(delivery, delay);
            }
            Err(panic) => {
                observer.failed(delivery.id(), panic_message(&*panic));
                self.hand_back(delivery, backoff(delivery));
            }
        }
    }

    fn attempt(&self, delivery: &Delivery) -> Result<Handled, QueueError> {
        let Worker { role, observer, .. } = *self.worker;
        if let Some(delay) = role.admits(delivery)? {
            return Ok(Handled::Later(delay));
        }
        delivery.read()?;
        // What was handed back was delivered, too, but not begun: only what is begun again is counted.
        if delivery.number() == 1 {
            let _shared = BESIDE_OTHERS.read().unwrap_or_else(PoisonError::into_inner);
            return role.handle(delivery, observer);
        }
        let (site, id) = (role.site(), delivery.id());
        let begun = site.begun(id)?;
        let (_alone, _shared) = match begun >= SUSPICIOUS {
            true => (Some(BESIDE_OTHERS.write().unwrap_or_else(PoisonError::into_inner)), None),
            false => (None, Some(BESIDE_OTHERS.read().unwrap_or_else(PoisonError::into_inner))),
        };
        if begun + 1 >= MOST_BEGUN {
            role.give_up(delivery, "the work on it ended without a result each time", observer)?;
            observer.after(Step::GivenUp, id);
            return Ok(Handled::Done);
        }
        site.set_begun(id, begun + 1)?;
        let handled = role.handle(delivery, observer);
        // It came to an end, if not to a good one: the site is why, and not the message.
        if handled != Ok(Handled::Done) {
            site.set_begun(id, begun)?;
        }
        handled
    }

    fn hand_back(&self, delivery: &Delivery, delay: Duration) {
        let Worker { role, observer, .. } = self.worker;
        match role.queue().later(delivery, delay) {
            Ok(()) => observer.after(Step::HandedBack, delivery.id()),
            Err(error) => observer.failed(delivery.id(), &error.to_string()),
        }
    }

    /// Tells the queue of what takes long.
    fn keep_alive(&self) {
        let sign_of_life = self.worker.sign_of_life;
        let mut held = self.held();
        while !self.is_over.load(Ordering::Relaxed) {
            let waited = self.news.wait_timeout(held, sign_of_life / 4);
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
            let silent: Vec<_> = held
                .iter_mut()
                .filter(|(_, since)| since.elapsed() >= sign_of_life)
                .map(|(delivery, since)| {
                    *since = Instant::now();
                    delivery.clone()
                })
                .collect();
            drop(held);
            for delivery in silent {
                if let Err(error) = self.worker.role.queue().alive(&delivery) {
                    self.worker.observer.failed(delivery.id(), &error.to_string());
                }
            }
            held = self.held();
        }
    }
}

fn backoff(delivery: &Delivery) -> Duration {
    let number = usize::try_from(delivery.number().saturating_sub(1)).unwrap_or(usize::MAX);
    BACKOFF.get(number.min(BACKOFF.len() - 1)).copied().unwrap_or(Duration::ZERO)
}
