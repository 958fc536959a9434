//! How much waits in the queues, which a thread of its own asks for now and then.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::thread;

use spdm_fleet::{Metrics, NatsSite};

/// How often it is asked.
const PERIOD: Duration = Duration::from_millis(500);
/// How often it is looked whether it is to end.
const STEP: Duration = Duration::from_millis(50);
/// How often in a row nothing may be there before that counts: a message is in both queues, or in none, for a moment, on its
/// way from one to the other. What is tried again waits for a second at least, which is longer than two looks.
const LOOKS: u32 = 3;

/// What the looks found.
#[derive(Debug, Default)]
pub(super) struct Depth {
    over: AtomicBool,
    is_empty: AtomicBool,
    is_away: AtomicBool,
    put_aside: AtomicU64,
}

impl Depth {
    /// Asks until [`Self::end`], for a job, too, where one is named: whoever watches may not be permitted to see the queues.
    /// Where `emptied` is given, it is set when nothing is there any more.
    pub(super) fn ask(
        &self,
        site: &NatsSite,
        job: Option<&str>,
        metrics: Option<&Arc<Metrics>>,
        emptied: Option<&AtomicBool>,
    ) {
        let mut looks = 0;
        while !self.over.load(Ordering::Relaxed) {
            let is_away = job.is_some_and(|job| site.job(job).is_err());
            self.is_away.store(is_away, Ordering::Relaxed);
            if let Some(Ok(put_aside)) = job.map(|job| site.dead_of(job)) {
                self.put_aside.store(put_aside, Ordering::Relaxed);
            }
            if let Ok((work, evidence)) = site.pending() {
                if let Some(metrics) = metrics {
                    metrics.queue_pending("work", work);
                    metrics.queue_pending("evidence", evidence);
                    if let Ok(dead) = site.dead() {
                        metrics.queue_pending("dead", dead);
                    }
                }
                looks = if (work, evidence) == (0, 0) { looks + 1 } else { 0 };
                self.is_empty.store(looks >= LOOKS, Ordering::Relaxed);
                if let Some(emptied) = emptied.filter(|_| looks >= LOOKS) {
                    emptied.store(true, Ordering::Relaxed);
                }
            }
            let mut waited = Duration::ZERO;
            while waited < PERIOD && !self.over.load(Ordering::Relaxed) {
                thread::sleep(STEP);
                waited += STEP;
            }
        }
    }

    /// Whether nothing was there at the last looks.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Relaxed)
    }

    /// Whether the server did not answer at the last look.
    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// Messages of the job that nobody could work on, at the last look.
    pub(super) fn put_aside(&self) -> u64 {
        self.put_aside.load(Ordering::Relaxed)
    }

    /// Nobody wants to know any more.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
