//! A worker whose queue is not reached.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use spdm_fleet::{
    Delivery, Handled, MemorySite, Message, Queue, QueueError, Role, Site, Submission,
    WorkObserver, Worker, WorkerError,
};

/// A queue that answers nothing but what goes wrong.
#[derive(Debug)]
struct Silent<F> {
    site: MemorySite,
    error: F,
    asked: AtomicU32,
}

impl<F: Fn(u32) -> QueueError + Send + Sync> Queue for Silent<F> {
    fn submit(&self, _: &Message<'_>) -> Result<Submission, QueueError> {
        Err((self.error)(0))
    }

    fn fetch(&self, _: usize, _: Duration) -> Result<Vec<Delivery>, QueueError> {
        Err((self.error)(self.asked.fetch_add(1, Ordering::Relaxed)))
    }

    fn done(&self, _: &Delivery) -> Result<(), QueueError> {
        Err((self.error)(0))
    }

    fn later(&self, _: &Delivery, _: Duration) -> Result<(), QueueError> {
        Err((self.error)(0))
    }

    fn alive(&self, _: &Delivery) -> Result<(), QueueError> {
        Err((self.error)(0))
    }
}

impl<F: Fn(u32) -> QueueError + Send + Sync> Role for Silent<F> {
    fn queue(&self) -> &dyn Queue {
        self
    }

    fn site(&self) -> &dyn Site {
        &self.site
    }

    fn handle(&self, _: &Delivery, _: &dyn WorkObserver) -> Result<Handled, QueueError> {
        Ok(Handled::Done)
    }

    fn give_up(&self, _: &Delivery, _: &str, _: &dyn WorkObserver) -> Result<(), QueueError> {
        Ok(())
    }
}

/// How a worker ends that is asked to after two seconds and a half, and is to end by itself after one of silence.
fn ended(error: impl Fn(u32) -> QueueError + Send + Sync) -> (Result<(), WorkerError>, Duration) {
    let role = Silent { site: MemorySite::new(0), error, asked: AtomicU32::new(0) };
    let (stop, begun) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        let worker = Worker::new(&role, 1, &stop, &());
        let worker = worker.with_longest_silence(Duration::from_secs(1));
        let running = scope.spawn(move || (worker.run(), begun.elapsed()));
        thread::sleep(Duration::from_millis(2500));
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap()
    })
}

fn unreached(why: &str) -> QueueError {
    QueueError::Unreached(why.to_owned())
}

#[test]
fn b1_a_worker_that_does_not_reach_its_queue_ends_with_a_sentence() {
    let (ended, after) = ended(|_| unreached("no answer"));
    let error = ended.unwrap_err();
    assert!(matches!(error, WorkerError::Unreached { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the queue was not reached for 1 s: no answer");
    assert!(after < Duration::from_millis(2400), "{after:?}");
}

#[test]
fn b1_a_queue_that_answers_is_there_whatever_is_wrong_with_it() {
    assert!(ended(|_| QueueError::Failed("no consumer".to_owned())).0.is_ok());
    // It was not reached for a while, but never for long.
    let now_and_then = |number: u32| match number.is_multiple_of(2) {
        true => unreached("no answer"),
        false => QueueError::Failed("no consumer".to_owned()),
    };
    assert!(ended(now_and_then).0.is_ok());
}
