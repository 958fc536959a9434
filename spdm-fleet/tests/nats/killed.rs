//! Workers that are killed at random, and replaced: nothing is lost, and nothing has two results.
//!
//! `SPDM_TEST_SEED=N` repeats the choices of a run; a run prints its seed.

use core::time::Duration;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use spdm_fleet::{Fault, NatsSite, Outcome, OutcomeKind};

use crate::process::{Orders, Process};
use crate::server::{Server, outcomes};
use crate::stand::{items, submitted};

/// Processes that work at once.
const WORKERS: usize = 4;

/// Numbers that follow from a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (number ^ (number >> 31)) % below
    }
}

fn seed() -> u64 {
    let given = std::env::var("SPDM_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos())
    })
}

/// Workers are killed for a time, then those that are left finish `count` items.
fn killed_at_random(name: &str, time: Duration, count: usize, pause_ms: u64) {
    let Some(server) = Server::start(name) else { return };
    let (site, items, seed) = (server.site(2), items(count), seed());
    println!("seed {seed}");
    submitted(&site, &items);
    let orders = Orders { pause_ms, ack_wait: 2, places: 4, one_fails_in: 4, ..Orders::default() };
    let mut workers: Vec<_> = (0..WORKERS).map(|_| Process::start(&server, orders)).collect();
    let (mut numbers, begun, mut killed) = (Numbers(seed), Instant::now(), 0);
    while begun.elapsed() < time {
        thread::sleep(Duration::from_millis(50 + numbers.next(700)));
        // SIGKILL, wherever it is.
        let victim = usize::try_from(numbers.next(4)).unwrap();
        drop(workers.remove(victim));
        workers.push(Process::start(&server, orders));
        killed += 1;
    }
    let finals = || outcomes(&site).iter().filter(|outcome| outcome.is_final).count();
    let (work, evidence) = site.pending().unwrap();
    let patience = time + Duration::from_secs(90);
    while finals() < count || site.pending() != Ok((0, 0)) {
        assert!(begun.elapsed() < patience, "seed {seed}: {} of {count} have ended", finals());
        thread::sleep(Duration::from_millis(100));
    }
    drop(workers);
    let outcomes = outcomes(&site);
    println!(
        "{killed} killed; {work} and {evidence} messages waited then; {} outcomes",
        outcomes.len()
    );
    let mut attempts: BTreeMap<_, Vec<&Outcome>> = BTreeMap::new();
    for outcome in &outcomes {
        attempts.entry(outcome.item.digits()).or_default().push(outcome);
    }
    assert_eq!(attempts.len(), count, "seed {seed}");
    for of_item in attempts.values_mut() {
        of_item.sort_by_key(|outcome| outcome.attempt);
        ended_once(&site, of_item, seed);
    }
    assert_eq!(site.dead(), Ok(0), "seed {seed}");
}

/// Each attempt has one outcome, the last one is final, and only that; the target's state is that of the last one.
fn ended_once(site: &NatsSite, of_item: &[&Outcome], seed: u64) {
    let (last, before) = of_item.split_last().unwrap();
    let is_numbered = |(index, outcome): (usize, &&Outcome)| {
        usize::try_from(outcome.attempt).unwrap() == index + 1
    };
    assert!(of_item.iter().enumerate().all(is_numbered), "seed {seed}: {of_item:?}");
    assert!(last.is_final && before.iter().all(|outcome| !outcome.is_final), "seed {seed}");
    assert!(before.iter().all(|outcome| outcome.outcome == OutcomeKind::Unreachable));
    let verified = last.outcome == OutcomeKind::Verified;
    assert!(verified || (last.attempt == 3 && last.fault == Fault::Transport), "{last:?}");
    assert_eq!(verified, last.evidence.is_some(), "seed {seed}: {last:?}");
    let state = site.target(&last.target).unwrap().unwrap();
    assert_eq!((state.attempt, state.last_outcome), (last.attempt, last.outcome), "seed {seed}");
}

#[test]
fn workers_that_are_killed_at_random_lose_nothing() {
    killed_at_random("killed", Duration::from_secs(6), 300, 200);
}

#[test]
#[ignore = "a minute and a half"]
fn workers_that_are_killed_at_random_for_a_minute_lose_nothing() {
    killed_at_random("killed-minute", Duration::from_secs(60), 10_000, 100);
}
