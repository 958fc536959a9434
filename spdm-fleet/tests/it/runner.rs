//! Threads, panics, the end that somebody asks for.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Attempt, Attester, Fault, Finding, Limits, Outcome, OutcomeKind, OutcomeSink, Run, Target,
    Ticket, Watcher, Work, run,
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
        thread::sleep(Duration::from_millis(5));
        *now.lock().unwrap().get_mut(&host).unwrap() -= 1;
        verified()
    });
    let limits = Limits { in_flight: 64, per_host: 3, ..LIMITS };
    assert_eq!(outcomes(&targets, limits, &attester).len(), 300);
    assert_eq!(most.into_inner(), 3);
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
    /// Room for so many outcomes, and calls behind the error.
    struct Full(usize, usize);
    impl OutcomeSink for Full {
        fn outcome(&mut self, _: Outcome) -> io::Result<()> {
            let left = self.0.checked_sub(1);
            self.1 += usize::from(left.is_none());
            self.0 = left.ok_or(io::ErrorKind::StorageFull)?;
            Ok(())
        }
    }
    let begun = AtomicUsize::new(0);
    let attester = Fake(|_: &Work<'_>| {
        begun.fetch_add(1, Ordering::Relaxed);
        verified()
    });
    let (targets, cancel) = (targets(20_000), AtomicBool::new(false));
    let mut full = Full(10, 0);
    let result = run(&the_run(&targets, LIMITS, &cancel), &attester, &mut full, &());
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(full.1, 1, "it is not asked again");
    assert!(begun.into_inner() < 20_000, "nothing begins any more");
}

/// Told of time that passes, and of attempts.
#[derive(Default)]
struct Told {
    outcomes: Vec<Outcome>,
    idle: usize,
    /// Whether the last call was one without an outcome.
    is_synced: bool,
    fails: bool,
}

impl OutcomeSink for Told {
    fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        self.outcomes.push(outcome);
        self.is_synced = false;
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        self.idle += 1;
        self.is_synced = true;
        if self.fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[derive(Default)]
struct Watched(AtomicUsize, AtomicUsize);

impl Watcher for Watched {
    fn begins(&self, _: &Ticket) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn ends(&self, _: &Ticket) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

const PAUSE: Duration = Duration::from_millis(150);

#[test]
fn an_attempt_has_its_number_its_deadline_and_its_times() {
    let (targets, cancel, watched) = (targets(2), AtomicBool::new(false), Watched::default());
    let asked = Mutex::new(Vec::new());
    let attester = Fake(|work: &Work<'_>| {
        asked.lock().unwrap().push((work.attempt, work.deadline));
        thread::sleep(PAUSE);
        verified()
    });
    let mut told = Told::default();
    let limits = Limits { in_flight: 1, ..LIMITS };
    let before = [Some(4), Some(0)];
    let the_run = Run { before: &before, ..the_run(&targets, limits, &cancel) };
    let begun = Instant::now();
    run(&the_run, &attester, &mut told, &watched).unwrap();
    let most = usize::try_from(begun.elapsed().as_millis() / 50).unwrap() + 2;
    let deadline = Duration::from_secs(60);
    assert_eq!(asked.into_inner().unwrap(), [(5, deadline), (1, deadline)]);
    assert_eq!((watched.0.into_inner(), watched.1.into_inner()), (2, 2));
    assert!(told.is_synced && (2..=most).contains(&told.idle), "{}", told.idle);
    let [first, second] = &told.outcomes[..] else { panic!("{:?}", told.outcomes) };
    let ms = |outcome: &Outcome| u128::from(outcome.finished.unix_ms() - outcome.started.unix_ms());
    assert!(ms(first) >= PAUSE.as_millis() && ms(second) >= PAUSE.as_millis());
    assert!(u128::from(second.ms.queued) >= PAUSE.as_millis(), "{:?}", second.ms);
}

#[test]
fn f11_a_sink_that_cannot_sync_ends_the_run() {
    let (targets, cancel) = (targets(1_000), AtomicBool::new(false));
    let attester = Fake(|_: &Work<'_>| {
        thread::sleep(Duration::from_millis(20));
        verified()
    });
    let mut told = Told { fails: true, ..Told::default() };
    let limits = Limits { in_flight: 1, ..LIMITS };
    let result = run(&the_run(&targets, limits, &cancel), &attester, &mut told, &());
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(told.idle, 1);
    assert!(told.outcomes.len() < 1_000);
}

/// The pause behind the seventh attempt is 60 s.
#[test]
fn who_waits_for_another_attempt_is_told_of_the_end() {
    let (targets, cancel, begun) = (targets(1), AtomicBool::new(false), Instant::now());
    let attester = Fake(|_: &Work<'_>| {
        cancel.store(true, Ordering::Relaxed);
        let found = attempt(OutcomeKind::Unreachable);
        Attempt { finding: Finding { passing: true, ..found.finding.clone() }, ..found }
    });
    let limits = Limits { attempts: 3, ..LIMITS };
    let the_run = Run { before: &[Some(6)], ..the_run(&targets, limits, &cancel) };
    let mut kept = Kept::default();
    run(&the_run, &attester, &mut kept, &()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(kept.0[0].outcome, OutcomeKind::Unreachable);
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
