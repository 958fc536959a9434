//! A site with devices that are none: what a worker does is seen without SPDM.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{Evidence, Negotiation, RecordedExchange, Recording};
use spdm_fleet::{
    Attempt, Case, CollectRole, Collected, Collector, FIRST_ATTEMPT, Fault, Finding, FleetKey,
    Item, Judge, JudgeRole, Nonces, Outcome, OutcomeKind, Role, Site, Target, Want, WorkMessage,
    WorkObserver, Worker, submit,
};

/// The job of every test.
pub(crate) const JOB: &str = "2026-11-30 nightly";
/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The key of the site.
pub(crate) fn key() -> FleetKey {
    FleetKey::from_file(&[3; 32]).unwrap()
}

/// So many items on hosts of four.
pub(crate) fn items(count: usize) -> Vec<Item> {
    let item = |number: usize| {
        let target = Target {
            host: Some(format!("host{}", number / 4)),
            class: if number.is_multiple_of(2) {
                "gpu".to_owned()
            } else {
                "ssd of rack 7".to_owned()
            },
            ..Target::new(format!("emulated:{number}"))
        };
        Item::new(&PROVIDER, JOB, target).unwrap()
    };
    (0..count).map(item).collect()
}

/// Submits items, and says how many were new and how many were not.
pub(crate) fn submitted(site: &dyn Site, items: &[Item]) -> (u64, u64) {
    let key = key();
    let nonces = Nonces::new(&PROVIDER, &key);
    let firsts = items.iter().map(|item| (item, FIRST_ATTEMPT));
    let count = submit(site.work(), &nonces, firsts, Nonces::WINDOW, &Want::default()).unwrap();
    (count.new, count.duplicate)
}

/// Answers with the nonce that was asked for, in evidence of so many bytes at least.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    /// How long a device takes.
    pub(crate) pause: Duration,
    /// A target that does not answer at the first attempt.
    pub(crate) shy: Option<String>,
    /// One attempt of so many finds nobody, by the nanoseconds of the clock; 0 is none.
    pub(crate) one_fails_in: u32,
    /// Bytes of evidence besides.
    pub(crate) padding: usize,
    /// Now, by host, and the most ever.
    pub(crate) busy: Mutex<BTreeMap<String, (u32, u32)>>,
    /// Attempts that were made.
    pub(crate) asked: AtomicU32,
}

impl Collector for Devices {
    fn collect(&self, work: &WorkMessage) -> Collected {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let host = work.item.target.own_host().to_owned();
        {
            let mut busy = self.busy.lock().unwrap();
            let (now, most) = busy.entry(host.clone()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        thread::sleep(self.pause);
        self.busy.lock().unwrap().get_mut(&host).unwrap().0 -= 1;
        let is_shy = work.attempt == 1 && self.shy.as_ref() == Some(&work.item.target.target);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        if is_shy || since.subsec_nanos().checked_rem(self.one_fails_in) == Some(0) {
            let (outcome, fault) = (OutcomeKind::Unreachable, Fault::Transport);
            return Collected::nothing(outcome, fault, "connection", "nobody answers");
        }
        let nonce = &work.nonces.measurements.0;
        let request = [&[0x12, 0xE0, 1, 0xFF][..], nonce, &[0]].concat();
        let mut recording = Recording::new(Negotiation::Recorded, 0);
        let response = Some([vec![0x12, 0x60, 0, 0], vec![0x60; self.padding / 2]].concat());
        recording.exchanges.push(RecordedExchange { request, interim: Vec::new(), response });
        let mut evidence = Evidence::new(&work.item.target.target);
        evidence.recordings.push(recording);
        let evidence = RawValue::from_string(evidence.to_json().unwrap()).unwrap();
        Collected { evidence: Some(evidence), failure: None, device_ms: 1, round_trips: 1 }
    }
}

/// Finds everything in order, but one target that it cannot bear.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// The poison.
    pub(crate) panics_at: Option<String>,
    /// Another one, with which this process ends.
    pub(crate) aborts_at: Option<String>,
    /// How many digests it makes for a verdict.
    pub(crate) digests: u32,
}

/// Makes so many digests.
pub(crate) fn effort(digests: u32) {
    for _ in 0..digests {
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&[7; 1024]]).unwrap();
        core::hint::black_box(digest);
    }
}

impl Judge for Verdicts {
    fn judge(&self, case: &Case<'_>) -> Attempt {
        let target = Some(&case.item.target.target);
        assert!(self.panics_at.as_ref() != target, "poison");
        if self.aborts_at.as_ref() == target {
            std::process::abort();
        }
        effort(self.digests);
        let (kind, fault) = (OutcomeKind::Verified, Fault::None);
        let finding = Finding { kind, fault, reason: None, passing: false };
        Attempt { finding, ..Attempt::without_device(kind, fault, "none", "") }
    }
}

/// Tells workers to end.
struct Told<'s>(&'s AtomicBool);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a collector and a judge until `is_over`, then stops both. Says how long.
pub(crate) fn work(
    site: &dyn Site,
    devices: &Devices,
    verdicts: &Verdicts,
    places: usize,
    observer: &dyn WorkObserver,
    mut is_over: impl FnMut() -> bool,
) -> Duration {
    let (key, stop, begun) = (key(), AtomicBool::new(false), Instant::now());
    let nonces = Nonces::new(&PROVIDER, &key);
    let collect = CollectRole::new(site, devices, 2, "collector/1");
    let judge = JudgeRole::new(site, nonces, Nonces::WINDOW, verdicts, 3, "judge/2");
    let roles: [&dyn Role; 2] = [&collect, &judge];
    thread::scope(|scope| {
        for role in roles {
            let stop = &stop;
            let worker = Worker::new(role, places, stop, observer);
            let worker = worker.with_sign_of_life(Duration::from_millis(300));
            scope.spawn(move || worker.run().unwrap());
        }
        // Whatever ends this, the workers are told: the scope waits for them.
        let _told = Told(&stop);
        while !is_over() {
            assert!(begun.elapsed() < PATIENCE, "it takes too long");
            thread::sleep(Duration::from_millis(20));
        }
    });
    begun.elapsed()
}

/// Every item has exactly one last outcome, and it is this.
#[track_caller]
pub(crate) fn each_once(outcomes: &[Outcome], items: &[Item], kind: OutcomeKind) {
    let last = || outcomes.iter().filter(|outcome| outcome.is_final);
    for item in items {
        let of_item: Vec<_> = last().filter(|outcome| outcome.item == item.item).collect();
        let last = of_item.first().filter(|_| of_item.len() == 1).unwrap();
        assert_eq!(last.outcome, kind, "{last:?}");
        assert!(kind != OutcomeKind::Verified || last.evidence.is_some());
    }
    assert_eq!(last().count(), items.len());
}
