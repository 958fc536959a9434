//! Queues, workers and their order of effects, in one process.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Mutex;
use std::thread;

use serde_json::value::RawValue;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    CollectRole, Collected, Delivery, Fault, FleetKey, JudgeRole, MAX_LINE_LEN, MemorySite,
    Message, Nonces, OutcomeKind, QueueError, Role as _, Site, Stage, Step, Submission, Timestamp,
    Want, WorkMessage, WorkObserver, Worker, submit,
};

use crate::stand::{Devices, Verdicts, each_once, items, key, submitted, work};

const ROOM: usize = 1 << 24;

/// Remembers what was done.
#[derive(Debug, Default)]
struct Steps(Mutex<Vec<(Step, String)>>);

impl WorkObserver for Steps {
    fn after(&self, step: Step, id: &str) {
        self.0.lock().unwrap().push((step, id.to_owned()));
    }
}

fn finals(site: &MemorySite) -> usize {
    site.outcomes().iter().filter(|outcome| outcome.is_final).count()
}

#[test]
fn every_item_comes_to_one_outcome_in_the_order_of_effects() {
    let (site, items, steps) = (MemorySite::new(ROOM), items(60), Steps::default());
    assert_eq!(submitted(&site, &items), (60, 0));
    let devices = Devices::default();
    work(&site, &devices, &Verdicts::default(), 8, &steps, || finals(&site) == 60);
    each_once(&site.outcomes(), &items, OutcomeKind::Verified);
    assert_eq!(site.target("emulated:7").unwrap().consecutive_failures, 0);
    let steps = steps.0.into_inner().unwrap();
    for item in &items {
        let of = |stage: Stage| {
            let id = stage.message_id(&item.item, 1);
            let steps = steps.iter().filter(|(step, of)| *of == id && *step != Step::HandedBack);
            steps.map(|(step, _)| *step).collect::<Vec<_>>()
        };
        assert_eq!(of(Stage::Work), [Step::EvidenceSubmitted, Step::Acknowledged]);
        let judged = [Step::OutcomePublished, Step::TargetRecorded, Step::Acknowledged];
        assert_eq!(of(Stage::Evidence), judged);
    }
}

#[test]
fn f4_an_item_that_is_submitted_twice_is_attested_once() {
    let (site, items) = (MemorySite::new(ROOM), items(20));
    assert_eq!(submitted(&site, &items), (20, 0));
    assert_eq!(submitted(&site, &items), (0, 20));
    let devices = Devices::default();
    work(&site, &devices, &Verdicts::default(), 4, &(), || finals(&site) == 20);
    each_once(&site.outcomes(), &items, OutcomeKind::Verified);
    assert_eq!(devices.asked.load(Ordering::Relaxed), 20);
}

#[test]
fn f5_a_worker_that_stops_hands_back_what_it_has_not_begun() {
    // Nobody is given a message after silence in this test: what comes back was handed back.
    let site = MemorySite::with_silence(ROOM, Duration::from_secs(3600));
    let items = items(30);
    submitted(&site, &items);
    let (stop, steps) = (AtomicBool::new(false), Steps::default());
    let devices = Devices { pause: Duration::from_millis(100), ..Devices::default() };
    let role = CollectRole::new(&site, &devices, 99, "collector/1");
    thread::scope(|scope| {
        let worker = Worker::new(&role, 4, &stop, &steps);
        let running = scope.spawn(move || worker.run().unwrap());
        while devices.asked.load(Ordering::Relaxed) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap();
    });
    // What was begun is finished.
    let asked = devices.asked.load(Ordering::Relaxed);
    assert!(asked < 30);
    let left = site.work().fetch(99, Duration::ZERO).unwrap().len();
    assert_eq!(left + usize::try_from(asked).unwrap(), 30, "nothing is held by who is gone");
    let evidence = site.evidence().fetch(99, Duration::ZERO).unwrap().len();
    assert_eq!(evidence, usize::try_from(asked).unwrap());
}

#[test]
fn f7_a_host_has_no_more_than_its_places_under_several_workers() {
    let (site, items) = (MemorySite::new(ROOM), items(16));
    let devices = Devices { pause: Duration::from_millis(20), ..Devices::default() };
    submitted(&site, &items);
    work(&site, &devices, &Verdicts::default(), 64, &(), || finals(&site) == 16);
    for (host, (_, most)) in devices.busy.lock().unwrap().iter() {
        assert!(*most <= 2, "{host}: {most}");
    }
}

#[test]
fn f14_evidence_that_no_judge_bears_is_put_aside_and_not_verified() {
    let (site, items) = (MemorySite::new(ROOM), items(3));
    submitted(&site, &items);
    let poison = "emulated:1".to_owned();
    let verdicts = Verdicts { panics_at: Some(poison.clone()), ..Verdicts::default() };
    let stop = || site.outcomes().len() == 2;
    work(&site, &Devices::default(), &verdicts, 4, &(), stop);
    // It comes back after seconds; here its turn comes at once.
    let key = key();
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/2");
    let patient = AtomicBool::new(false);
    let worker = Worker::new(&judge, 1, &patient, &());
    site.set_begun(&Stage::Evidence.message_id(&items[1].item, 1), 4).unwrap();
    thread::scope(|scope| {
        let running = scope.spawn(move || worker.run().unwrap());
        while site.dead().is_empty() || finals(&site) < 3 {
            thread::sleep(Duration::from_millis(20));
        }
        patient.store(true, Ordering::Relaxed);
        running.join().unwrap();
    });
    let last = site.outcomes().into_iter().find(|outcome| outcome.target == poison).unwrap();
    assert_eq!(last.outcome, OutcomeKind::InternalError);
    assert!(last.is_final);
    assert_eq!(site.dead().len(), 1);
}

#[test]
fn f17_a_full_queue_refuses_and_drops_nothing() {
    let (site, items) = (MemorySite::new(2048), items(20));
    let key = key();
    let nonces = Nonces::new(&PROVIDER, &key);
    let firsts = items.iter().map(|item| (item, 1));
    let error = submit(site.work(), &nonces, firsts, Nonces::WINDOW, &Want::default()).unwrap_err();
    assert!(matches!(error, QueueError::Full { .. }));
    assert!(error.to_string().contains("the queue of work holds as much as it may"), "{error}");
    let held = site.work().fetch(99, Duration::ZERO).unwrap();
    assert!(!held.is_empty() && held.len() < 20);
}

#[test]
fn what_did_not_answer_is_tried_again_with_new_nonces() {
    let (site, items) = (MemorySite::new(ROOM), items(2));
    submitted(&site, &items);
    let devices = Devices { shy: Some("emulated:0".to_owned()), ..Devices::default() };
    work(&site, &devices, &Verdicts::default(), 2, &(), || finals(&site) == 2);
    each_once(&site.outcomes(), &items, OutcomeKind::Verified);
    let shy: Vec<_> = site
        .outcomes()
        .into_iter()
        .filter(|outcome| outcome.target == "emulated:0")
        .map(|outcome| (outcome.attempt, outcome.outcome, outcome.is_final))
        .collect();
    let expected = [(1, OutcomeKind::Unreachable, false), (2, OutcomeKind::Verified, true)];
    assert_eq!(shy, expected);
}

#[test]
fn f8_work_with_the_key_of_another_job_is_put_aside() {
    let (site, items) = (MemorySite::new(ROOM), items(1));
    let foreign = FleetKey::from_file(&[4; 32]).unwrap();
    let nonces = Nonces::new(&PROVIDER, &foreign);
    let first = [(&items[0], 1)];
    submit(site.work(), &nonces, first, Nonces::WINDOW, &Want::default()).unwrap();
    work(&site, &Devices::default(), &Verdicts::default(), 1, &(), || site.dead().len() == 1);
    assert!(site.outcomes().is_empty());
    assert!(site.dead()[0].1.starts_with("item: "), "{:?}", site.dead());
}

#[test]
fn a_collector_cancels_nothing() {
    let (site, key, item) = (MemorySite::new(ROOM), key(), items(1).remove(0));
    let nonces = Nonces::new(&PROVIDER, &key);
    let verdicts = Verdicts::default();
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 1, "judge/1");
    let now = Timestamp::now();
    let work = WorkMessage::new(&nonces, item, 1, now, Nonces::WINDOW, Want::default()).unwrap();
    let (outcome, fault) = (OutcomeKind::Cancelled, Fault::Configuration);
    let cancelled = Collected::nothing(outcome, fault, "queue", "it waited too long");
    let (_, body) = cancelled.into_message(&work, "collector/1").into_json().unwrap();
    judge.handle(&Delivery::new(1, "id".to_owned(), body, 1), &()).unwrap();
    let outcomes = site.outcomes();
    assert_eq!((outcomes[0].outcome, outcomes[0].is_final), (OutcomeKind::Undecidable, true));
}

#[test]
fn evidence_that_is_too_long_is_left_out_and_that_is_why() {
    let (key, item) = (key(), items(1).remove(0));
    let nonces = Nonces::new(&PROVIDER, &key);
    let now = Timestamp::now();
    let work = WorkMessage::new(&nonces, item, 1, now, Nonces::WINDOW, Want::default()).unwrap();
    let evidence = RawValue::from_string(format!("\"{}\"", "0".repeat(MAX_LINE_LEN))).unwrap();
    let collected =
        Collected { evidence: Some(evidence), failure: None, device_ms: 1, round_trips: 1 };
    let (message, json) = collected.into_message(&work, "collector/1").into_json().unwrap();
    assert!(json.len() < MAX_LINE_LEN && message.evidence.is_none());
    assert_eq!(message.failure.unwrap().outcome, OutcomeKind::DeviceError);
}

#[test]
fn a_message_that_nobody_speaks_of_is_given_to_somebody_else() {
    let site = MemorySite::with_silence(ROOM, Duration::from_millis(50));
    let item = &items(1)[0];
    let id = Stage::Work.message_id(&item.item, 1);
    let message = Message { id: &id, class: "gpu", item: &item.item, attempt: 1, body: b"{}" };
    assert_eq!(site.work().submit(&message), Ok(Submission::New));
    let first = site.work().fetch(1, Duration::ZERO).unwrap().remove(0);
    assert!(site.work().fetch(1, Duration::ZERO).unwrap().is_empty());
    let second = site.work().fetch(1, Duration::from_secs(10)).unwrap().remove(0);
    assert_eq!((first.number(), second.number()), (1, 2));
    // The first one has no say any more.
    site.work().done(&first).unwrap();
    site.work().done(&second).unwrap();
    assert!(site.work().fetch(1, Duration::from_millis(100)).unwrap().is_empty());
}
