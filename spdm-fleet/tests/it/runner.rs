//! Threads, panics, the end that somebody asks for.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::thread;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Attempt, Attester, Fault, Finding, Limits, Outcome, OutcomeKind, OutcomeSink, Run, Target,
    Work, run,
};

const LIMITS: Limits = Limits { in_flight: 16, per_host: 2, rate: None, attempts: 1 };

/// An attester that does what a function says.
struct Fake<F>(F);

impl<F: Fn(&Work<'_>) -> Attempt + Sync> Attester for Fake<F> {
    fn attest(&self, work: &Work<'_>) -> Attempt {
        (self.0)(work)
    }
}

fn verified() -> Attempt {
    let finding =
        Finding { kind: OutcomeKind::Verified, fault: Fault::None, reason: None, passing: false };
    Attempt { finding, ..attempt(OutcomeKind::Verified) }
}

fn attempt(kind: OutcomeKind) -> Attempt {
    Attempt::without_device(kind, Fault::Device, "test", "as the test wants it")
}

#[derive(Default)]
struct Kept(Vec<Outcome>);

impl OutcomeSink for Kept {
    fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        self.0.push(outcome);
        Ok(())
    }
}

fn targets(count: usize) -> Vec<Target> {
    (0..count)
        .map(|number| Target::new(format!("tcp:10.1.{}.{}", number / 256, number % 256)))
        .collect()
}

fn the_run<'r>(targets: &'r [Target], limits: Limits, cancel: &'r AtomicBool) -> Run<'r> {
    Run {
        job: "job",
        targets,
        before: &[],
        limits,
        deadline: Duration::from_secs(60),
        worker: "host/1",
        provider: &PROVIDER,
        cancel,
        seed: 1,
    }
}

fn outcomes(targets: &[Target], limits: Limits, attester: &dyn Attester) -> Vec<Outcome> {
    let (mut kept, cancel) = (Kept::default(), AtomicBool::new(false));
    run(&the_run(targets, limits, &cancel), attester, &mut kept, &()).unwrap();
    kept.0
}

#[test]
fn every_item_has_one_final_outcome() {
    let targets = targets(2_000);
    let kept = outcomes(&targets, LIMITS, &Fake(|_: &Work<'_>| verified()));
    assert_eq!(kept.len(), 2_000);
    let mut names: Vec<_> = kept.iter().map(|outcome| outcome.target.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 2_000);
    assert!(
        kept.iter().all(|outcome| outcome.is_final && outcome.outcome == OutcomeKind::Verified)
    );
}

#[test]
fn f7_the_limit_of_a_host_holds_among_64_threads() {
    let mut targets = targets(300);
    for (number, target) in targets.iter_mut().enumerate() {
        target.host = Some(format!("host-{}", number % 5));
    }
    let (now, most) = (Mutex::new(HashMap::<String, usize>::new()), AtomicUsize::new(0));
    let attester = Fake(|work: &Work<'_>| {
        let host = work.item.target.own_host().to_owned();
        let count = {
            let mut now = now.lock().unwrap();
            let count = now.entry(host.clone()).or_default();
            *count += 1;
            *count
        };
        most.fetch_max(count, Ordering::Relaxed);
        thread::yield_now();
        *now.lock().unwrap().get_mut(&host).unwrap() -= 1;
        verified()
    });
    let limits = Limits { in_flight: 64, per_host: 3, ..LIMITS };
    assert_eq!(outcomes(&targets, limits, &attester).len(), 300);
    assert!(most.into_inner() <= 3);
}

#[test]
fn a_panic_is_an_outcome_is_retried_once_and_takes_nobody_with_it() {
    let tries = AtomicUsize::new(0);
    let attester = Fake(|work: &Work<'_>| {
        let target = work.item.target.target.as_str();
        assert_ne!(target, "tcp:10.1.0.3", "three is out of luck");
        if target == "tcp:10.1.0.5" && tries.fetch_add(1, Ordering::Relaxed) == 0 {
            let nothing: &[u8] = &[];
            let _ = nothing[work.item.target.labels.len()];
        }
        verified()
    });
    let kept = outcomes(&targets(20), LIMITS, &attester);
    let of = |target: &str| {
        let of = kept.iter().filter(|outcome| outcome.target == target);
        of.map(|outcome| (outcome.attempt, outcome.outcome, outcome.is_final)).collect::<Vec<_>>()
    };
    let wrong = OutcomeKind::InternalError;
    assert_eq!(of("tcp:10.1.0.3"), [(1, wrong, false), (2, wrong, true)]);
    assert_eq!(of("tcp:10.1.0.5"), [(1, wrong, false), (2, OutcomeKind::Verified, true)]);
    assert_eq!(kept.len(), 22);
    let reason = kept.iter().find_map(|outcome| outcome.reason.as_ref()).unwrap();
    assert!(reason.detail.starts_with("panic: "), "{}", reason.detail);
    assert!(kept.iter().all(|outcome| outcome.outcome != wrong || outcome.fault == Fault::Us));
}

#[test]
fn what_is_in_flight_ends_and_the_rest_is_cancelled() {
    let cancel = AtomicBool::new(false);
    let attester = Fake(|work: &Work<'_>| {
        if work.item.target.target == "tcp:10.1.0.0" {
            cancel.store(true, Ordering::Relaxed);
            // Longer than the writer takes to see it.
            thread::sleep(Duration::from_millis(300));
        }
        verified()
    });
    let targets = targets(500);
    let mut kept = Kept::default();
    let limits = Limits { in_flight: 1, ..LIMITS };
    run(&the_run(&targets, limits, &cancel), &attester, &mut kept, &()).unwrap();
    assert_eq!(kept.0.len(), 500);
    let (ended, cancelled): (Vec<_>, Vec<_>) =
        kept.0.iter().partition(|outcome| outcome.outcome == OutcomeKind::Verified);
    assert_eq!(ended.len(), 1, "only what was in flight");
    for outcome in cancelled {
        assert_eq!(outcome.outcome, OutcomeKind::Cancelled);
        assert!(!outcome.is_final, "a run that goes on from here does it");
    }
}

#[test]
fn f11_a_sink_that_cannot_write_ends_the_run() {
    struct Full(usize);
    impl OutcomeSink for Full {
        fn outcome(&mut self, _: Outcome) -> io::Result<()> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(())
        }
    }
    let begun = AtomicUsize::new(0);
    let attester = Fake(|_: &Work<'_>| {
        begun.fetch_add(1, Ordering::Relaxed);
        verified()
    });
    let (targets, cancel) = (targets(20_000), AtomicBool::new(false));
    let result = run(&the_run(&targets, LIMITS, &cancel), &attester, &mut Full(10), &());
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(begun.into_inner() < 20_000, "nothing begins any more");
}

#[test]
fn a_run_that_goes_on_does_what_is_left() {
    let (targets, cancel) = (targets(3), AtomicBool::new(false));
    let before = [None, Some(2), Some(0)];
    let mut kept = Kept::default();
    let run_on = Run { before: &before, ..the_run(&targets, LIMITS, &cancel) };
    run(&run_on, &Fake(|_: &Work<'_>| attempt(OutcomeKind::Rejected)), &mut kept, &()).unwrap();
    let mut attempts: Vec<_> =
        kept.0.iter().map(|outcome| (outcome.target.as_str(), outcome.attempt)).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [("tcp:10.1.0.1", 3), ("tcp:10.1.0.2", 1)]);
}
