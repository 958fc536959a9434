//! F4, F7, F16, F17: what the streams hold.

use core::sync::atomic::Ordering;
use core::time::Duration;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    CollectRole, Collected, Collector as _, Delivery, EvidenceMessage, Fault, Handled, Job,
    JobRecord, JudgeRole, NatsSettings, NatsSite, Nonces, OutcomeKind, QueueError, Role as _,
    Site as _, Stage, Submission, Timestamp, Want, WantedMeasurements, WorkMessage, submit,
};

use crate::client::Client;
use crate::server::{Server, finals, outcomes};
use crate::stand::{Devices, JOB, Verdicts, each_once, items, key, submitted, work};

#[test]
fn f4_an_item_that_is_submitted_twice_is_attested_once() {
    let Some(server) = Server::start("f4") else { return };
    let (site, items) = (server.site(30), items(50));
    assert_eq!(submitted(&site, &items), (50, 0));
    assert_eq!(submitted(&site, &items), (0, 50));
    let devices = Devices { pause: Duration::from_millis(5), ..Devices::default() };
    work(&site, &devices, &Verdicts::default(), 8, &(), || finals(&site) == 50);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
    assert_eq!(devices.asked.load(Ordering::Relaxed), 50);
    // F7: places at hosts are those of all workers together.
    let busy = devices.busy.lock().unwrap();
    assert!(busy.values().all(|(_, most)| *most <= 2), "{busy:?}");
}

#[test]
fn f4_an_item_that_is_submitted_again_later_keeps_its_outcome() {
    let Some(server) = Server::start("f4-later") else { return };
    let (site, items) = (server.site(30), items(4));
    let (devices, verdicts) = (Devices::default(), Verdicts::default());
    for round in 1..=2 {
        submitted(&site, &items);
        let asked = || devices.asked.load(Ordering::Relaxed) == 4 * round;
        let is_over = || asked() && site.pending() == Ok((0, 0)) && finals(&site) == 4;
        work(&site, &devices, &verdicts, 8, &(), is_over);
    }
    assert_eq!(outcomes(&site).len(), 4);
    // Nothing is in a queue for longer.
    let window = Client::new(&server).config("SPDM_RESULT").duplicate_window;
    assert!(window >= NatsSettings::default().max_age, "{window:?}");
}

#[test]
fn f4_a_job_has_one_content() {
    let Some(server) = Server::start("f4-job") else { return };
    let site = server.site(30);
    let record = |digest: &str| JobRecord {
        job: Job { name: JOB.to_owned(), digest: digest.to_owned() },
        items: 5,
        classes: vec!["gpu".to_owned()],
        key: key().id(&PROVIDER).unwrap(),
        submitted: Timestamp::from_unix_ms(0),
    };
    assert_eq!(site.announce(&record("aa")), Ok(Submission::New));
    assert_eq!(site.announce(&record("aa")), Ok(Submission::Duplicate));
    assert_eq!(site.announce(&record("bb")), Err(QueueError::OtherJob { job: JOB.to_owned() }));
    assert_eq!(site.job(JOB).unwrap().unwrap(), record("aa"));
    assert_eq!(site.job("another").unwrap(), None);
}

/// A collector is followed by another one, because it did not come to its end in time: there is evidence of the same attempt once
/// more, that of a device that does not answer any more.
#[test]
fn an_attempt_that_is_judged_twice_ends_as_it_ended_first() {
    const SHORT: Duration = Duration::from_millis(500);
    let Some(server) = Server::start("twice") else { return };
    let (site, items, key) = (server.site(30), items(1), key());
    submitted(&site, &items);
    let (devices, verdicts) = (Devices::default(), Verdicts::default());
    let shy = Devices { shy: Some("emulated:0".to_owned()), ..Devices::default() };
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/2");
    let work = site.work().fetch(1, SHORT).unwrap().pop().unwrap();
    for devices in [&devices, &shy] {
        let collect = CollectRole::new(&site, devices, 2, "collector/1");
        assert_eq!(collect.handle(&work, &()), Ok(Handled::Done));
        let evidence = site.evidence().fetch(1, SHORT).unwrap().pop().unwrap();
        assert_eq!(judge.handle(&evidence, &()), Ok(Handled::Done));
        site.evidence().done(&evidence).unwrap();
    }
    site.work().done(&work).unwrap();
    assert!(site.work().fetch(1, SHORT).unwrap().is_empty(), "nothing is tried again");
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
    let state = site.target("emulated:0").unwrap().unwrap();
    assert_eq!(state.last_outcome, OutcomeKind::Verified);
}

#[test]
fn f16_evidence_that_is_longer_than_a_message_comes_whole() {
    let Some(server) = Server::start("f16") else { return };
    let (site, items) = (server.site(30), items(3));
    submitted(&site, &items);
    // 1 MiB and one byte in hexadecimal digits, besides what is around it.
    let devices = Devices { padding: (1 << 20) + 2, ..Devices::default() };
    work(&site, &devices, &Verdicts::default(), 2, &(), || finals(&site) == 3);
    let outcomes = outcomes(&site);
    each_once(&outcomes, &items, OutcomeKind::Verified);
    assert!(outcomes.iter().all(|outcome| outcome.evidence.as_ref().unwrap().bytes > 1 << 20));
}

#[test]
fn f17_a_full_stream_refuses_with_a_sentence_and_drops_nothing() {
    let Some(server) = Server::start("f17") else { return };
    let site = server.site_of(&NatsSettings { max_messages: 20, ..NatsSettings::default() });
    let (items, key) = (items(100), key());
    let nonces = Nonces::new(&PROVIDER, &key);
    let mut left = items.iter();
    let mut submit = || -> Result<(), QueueError> {
        while let [item, ..] = left.as_slice() {
            submit(site.work(), &nonces, [(item, 1)], Nonces::WINDOW, &Want::default())?;
            left.next();
        }
        Ok(())
    };
    let error = submit().unwrap_err();
    assert_eq!(error, QueueError::Full { queue: "the stream SPDM_WORK".to_owned() });
    let (held, _) = site.pending().unwrap();
    assert_eq!(held, 20);
    // What was taken is worked on, and the rest is taken then.
    let devices = Devices::default();
    work(&site, &devices, &Verdicts::default(), 8, &(), || {
        submit() == Ok(()) && finals(&site) == 100
    });
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
}

/// What is in the queue of work now, and is then done.
fn taken(site: &NatsSite) -> Vec<WorkMessage> {
    let deliveries = site.work().fetch(10, Duration::from_secs(2)).unwrap();
    deliveries
        .iter()
        .map(|delivery| {
            site.work().done(delivery).unwrap();
            WorkMessage::read(delivery.body()).unwrap()
        })
        .collect()
}

#[test]
fn f9_nothing_follows_from_what_a_collector_made_up() {
    let Some(server) = Server::start("f9") else { return };
    let (site, key, item) = (server.site(30), key(), items(1).remove(0));
    let (nonces, want) = (Nonces::new(&PROVIDER, &key), Want::default());
    let verdicts = Verdicts::default();
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 9, "judge/1");
    let handed_on = |message: EvidenceMessage| {
        let id = Stage::Evidence.message_id(&message.item.item, message.attempt);
        let (_, body) = message.into_json().unwrap();
        judge.handle(&Delivery::new(1, id, body, 1), &()).unwrap();
    };
    let work = WorkMessage::new(&nonces, item.clone(), 1, Timestamp::now(), Nonces::WINDOW, want);
    let work = work.unwrap();
    let silent = || {
        let (outcome, fault) = (OutcomeKind::Unreachable, Fault::Transport);
        Collected::nothing(outcome, fault, "connection", "nobody answers")
    };
    handed_on(silent().into_message(&work, "collector/1"));
    let again = taken(&site);
    assert_eq!((again.len(), again[0].attempt, &again[0].want), (1, 2, &work.want));
    // The same attempt of another device, of which less is wanted: it would come back under our seal.
    let mut lie = silent().into_message(&work, "collector/1");
    lie.item.target.san = Some("dmtf:*:*:*".to_owned());
    lie.want = Some(Want { measurements: WantedMeasurements::Indices(vec![1]), ..Want::default() });
    handed_on(lie);
    assert_eq!(taken(&site).len(), 0);
    // A later attempt that nobody submitted.
    let mut later = silent().into_message(&work, "collector/1");
    later.attempt = 5;
    handed_on(later);
    assert_eq!(taken(&site).len(), 0);
    assert!(outcomes(&site).iter().all(|outcome| outcome.attempt == 1), "it has no outcome");
    assert_eq!((site.dead_of(JOB), site.dead()), (Ok(2), Ok(2)));
    assert_eq!(site.dead_of("another"), Ok(0));
}

#[test]
fn a6_a_lie_does_not_take_the_place_of_evidence_in_the_stream() {
    const SHORT: Duration = Duration::from_millis(500);
    let Some(server) = Server::start("a6-place") else { return };
    let (site, items, key) = (server.site(30), items(1), key());
    submitted(&site, &items);
    let client = Client::new(&server);
    // The subject that the honest evidence would have, if its content did not count.
    let subject = format!("spdm.v1.evidence.gpu.{}.1", items[0].item.digits());
    client.publish(&subject, &[("Spdm-Id", "made up")], b"{}");
    let (devices, verdicts) = (Devices::default(), Verdicts::default());
    let work = site.work().fetch(1, SHORT).unwrap().pop().unwrap();
    let collect = CollectRole::new(&site, &devices, 2, "collector/1");
    assert_eq!(collect.handle(&work, &()), Ok(Handled::Done));
    assert_eq!(site.pending().unwrap().1, 2);
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/2");
    for evidence in site.evidence().fetch(9, SHORT).unwrap() {
        assert_eq!(judge.handle(&evidence, &()), Ok(Handled::Done));
    }
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
    assert_eq!(site.dead(), Ok(1));
}

/// The server knows the name of an outcome for a while only, and the outcome for longer.
#[test]
fn a6_evidence_that_is_said_again_takes_nothing_back() {
    let Some(server) = Server::start("a6-again") else { return };
    let short = Duration::from_millis(100);
    let site = server.site_of(&NatsSettings {
        duplicate_window: short,
        max_age: short,
        ..NatsSettings::default()
    });
    let (items, key, verdicts) = (items(1), key(), Verdicts::default());
    let nonces = Nonces::new(&PROVIDER, &key);
    let now = Timestamp::now();
    let work = WorkMessage::new(&nonces, items[0].clone(), 1, now, Nonces::WINDOW, Want::default());
    let work = work.unwrap();
    let message = Devices::default().collect(&work).into_message(&work, "collector/1");
    let (_, body) = message.into_json().unwrap();
    for window in [Nonces::WINDOW, Duration::ZERO] {
        let judge = JudgeRole::new(&site, nonces, window, &verdicts, 3, "judge/2");
        judge.handle(&Delivery::new(1, "id".to_owned(), body.clone(), 1), &()).unwrap();
        std::thread::sleep(4 * short);
    }
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
    assert_eq!(outcomes(&site).len(), 1);
}
