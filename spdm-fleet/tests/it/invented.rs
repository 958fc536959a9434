//! A6: what nobody with the key submitted has no outcome, and keeps out nothing that an honest collector says.

use core::time::Duration;
use std::sync::Mutex;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    CollectRole, Collected, Collector as _, Delivery, EvidenceMessage, Fault, FleetKey, Handled,
    Item, JudgeRole, MemorySite, Message, Nonces, OutcomeKind, Role as _, Site as _, Stage, Step,
    Submission, Timestamp, Want, WantedMeasurements, WorkMessage, WorkObserver,
};

use crate::stand::{Devices, Verdicts, each_once, items, key, submitted};

const ROOM: usize = 1 << 24;
const SHORT: Duration = Duration::from_millis(20);

/// What was done, and what went wrong.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl WorkObserver for Told {
    fn after(&self, step: Step, _: &str) {
        self.0.lock().unwrap().push(format!("{step:?}"));
    }

    fn failed(&self, _: &str, error: &str) {
        self.0.lock().unwrap().push(error.to_owned());
    }
}

/// The first attempt at an item.
fn work(key: &FleetKey, item: &Item) -> WorkMessage {
    let (nonces, now) = (Nonces::new(&PROVIDER, key), Timestamp::now());
    WorkMessage::new(&nonces, item.clone(), 1, now, Nonces::WINDOW, Want::default()).unwrap()
}

/// What an honest collector says.
fn honest(item: &Item) -> EvidenceMessage {
    let work = work(&key(), item);
    Devices::default().collect(&work).into_message(&work, "collector/1")
}

/// A judge is given messages.
fn judged(site: &MemorySite, messages: Vec<EvidenceMessage>) -> Vec<String> {
    let (key, verdicts, told) = (key(), Verdicts::default(), Told::default());
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/1");
    for message in messages {
        let id = Stage::Evidence.message_id(&message.item.item, message.attempt);
        let delivery = Delivery::new(1, id, serde_json::to_vec(&message).unwrap(), 1);
        assert_eq!(judge.handle(&delivery, &told), Ok(Handled::Done));
    }
    told.0.into_inner().unwrap()
}

/// Every message that a collector can make up of what it is given.
fn lies(item: &Item) -> Vec<EvidenceMessage> {
    let other = &items(2)[1];
    let change = |change: &dyn Fn(&mut EvidenceMessage)| {
        let mut lie = honest(item);
        change(&mut lie);
        lie
    };
    vec![
        change(&|lie| lie.item.target.target = "emulated:9".to_owned()),
        change(&|lie| lie.item.target.class = "lax".to_owned()),
        change(&|lie| lie.item = other.clone()),
        change(&|lie| lie.item.target.san = Some("none".to_owned())),
        change(&|lie| lie.seal = None),
        change(&|lie| lie.seal = Some("00".repeat(32))),
        change(&|lie| lie.attempt = 2),
        change(&|lie| {
            let measurements = WantedMeasurements::None;
            lie.want = Some(Want { measurements, ..Want::default() });
        }),
        // With another key.
        {
            let foreign = FleetKey::from_file(&[4; 32]).unwrap();
            let work = work(&foreign, item);
            Devices::default().collect(&work).into_message(&work, "collector/1")
        },
        // That there is no evidence needs no device.
        {
            let (outcome, fault) = (OutcomeKind::DeviceError, Fault::Device);
            let nothing = Collected::nothing(outcome, fault, "connection", "it is broken");
            let mut lie = nothing.into_message(&work(&key(), item), "collector/1");
            lie.seal = Some("11".repeat(32));
            lie
        },
    ]
}

#[test]
fn a6_what_nobody_submitted_has_no_outcome_and_is_put_aside_with_the_check_named() {
    let item = items(1).remove(0);
    for lie in lies(&item) {
        let site = MemorySite::new(ROOM);
        let told = judged(&site, vec![lie.clone()]);
        assert!(site.outcomes().is_empty(), "{lie:?}");
        assert!(site.target(&lie.item.target.target).is_none());
        let dead = site.dead();
        assert_eq!(dead.len(), 1);
        assert!(dead[0].1.starts_with("item: "), "{dead:?}");
        assert!(told[0].starts_with("item: ") && told[0].ends_with("put aside"), "{told:?}");
        assert_eq!(told[1], "PutAside");
        // Nothing follows from it.
        assert!(site.work().fetch(1, SHORT).unwrap().is_empty());
    }
}

#[test]
fn a6_the_honest_message_is_judged_whatever_came_before_it() {
    let item = items(1).remove(0);
    let site = MemorySite::new(ROOM);
    let (count, mut messages) = (lies(&item).len(), lies(&item));
    messages.push(honest(&item));
    judged(&site, messages);
    each_once(&site.outcomes(), &[item], OutcomeKind::Verified);
    assert_eq!(site.dead().len(), count);
}

/// A lie that stands in the queue does not keep out what is said of the same attempt: the honest collector's work is done.
#[test]
fn a6_a_lie_does_not_take_the_place_of_evidence_in_the_queue() {
    let (site, items) = (MemorySite::new(ROOM), items(1));
    submitted(&site, &items);
    let mut lie = honest(&items[0]);
    lie.seal = None;
    let (id, body) = (Stage::Evidence.message_id(&items[0].item, 1), lie.into_json().unwrap().1);
    let class = &items[0].target.class;
    let lie = Message { id: &id, class, item: &items[0].item, attempt: 1, body: &body };
    assert_eq!(site.evidence().submit(&lie), Ok(Submission::New));
    assert_eq!(site.evidence().submit(&lie), Ok(Submission::Duplicate));
    let devices = Devices::default();
    let collect = CollectRole::new(&site, &devices, 2, "collector/1");
    let work = site.work().fetch(1, SHORT).unwrap().remove(0);
    assert_eq!(collect.handle(&work, &()), Ok(Handled::Done));
    let (key, verdicts) = (key(), Verdicts::default());
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/1");
    for delivery in site.evidence().fetch(9, SHORT).unwrap() {
        judge.handle(&delivery, &()).unwrap();
    }
    each_once(&site.outcomes(), &items, OutcomeKind::Verified);
    assert_eq!(site.dead().len(), 1);
}

/// Nor is it an outcome that nobody could work on it.
#[test]
fn a6_a_lie_that_is_given_up_has_no_outcome() {
    let (site, item) = (MemorySite::new(ROOM), items(1).remove(0));
    let (key, verdicts) = (key(), Verdicts::default());
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/1");
    for message in lies(&item) {
        let body = serde_json::to_vec(&message).unwrap();
        judge.give_up(&Delivery::new(1, "id".to_owned(), body, 9), "it ends", &()).unwrap();
    }
    assert!(site.outcomes().is_empty());
    assert_eq!(site.dead().len(), lies(&item).len());
    // What was submitted is an error of this program.
    let body = serde_json::to_vec(&honest(&item)).unwrap();
    judge.give_up(&Delivery::new(1, "id".to_owned(), body, 9), "it ends", &()).unwrap();
    each_once(&site.outcomes(), &[item], OutcomeKind::InternalError);
}

/// A collector may put nothing aside, and removes nothing that nobody has seen.
#[test]
fn c3_work_that_no_collector_can_read_comes_to_who_puts_it_aside() {
    let later = WorkMessage { schema: 2, ..work(&key(), &items(1)[0]) };
    for body in [b"no JSON".to_vec(), serde_json::to_vec(&later).unwrap()] {
        let (site, devices, told) = (MemorySite::new(ROOM), Devices::default(), Told::default());
        let collect = CollectRole::new(&site, &devices, 2, "collector/1");
        let delivery = |number| Delivery::new(1, "a/1/work".to_owned(), body.clone(), number);
        // Others may be of another version. Nobody turns in circles meanwhile.
        for number in 1..=3 {
            let handled = collect.handle(&delivery(number), &told).unwrap();
            assert_eq!(handled, Handled::Later(Duration::from_secs(60)));
        }
        assert!(site.evidence().fetch(1, SHORT).unwrap().is_empty());
        assert_eq!(collect.handle(&delivery(4), &told), Ok(Handled::Done));
        let evidence = site.evidence().fetch(1, SHORT).unwrap().remove(0);
        assert_eq!((evidence.id(), evidence.body()), ("a/1/work/evidence", &body[..]));
        let (key, verdicts) = (key(), Verdicts::default());
        let nonces = Nonces::new(&PROVIDER, &key);
        let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/1");
        assert_eq!(judge.handle(&evidence, &told), Ok(Handled::Done));
        assert_eq!(site.dead().len(), 1);
        assert!(site.outcomes().is_empty());
        let told = told.0.into_inner().unwrap();
        assert!(told[0].contains("it is left to other collectors"), "{told:?}");
        assert!(told[3].contains("handed on to whoever judges as it is"), "{told:?}");
        assert!(told[5].contains("the message is put aside"), "{told:?}");
    }
}

/// What is sealed, and lies about what the device said, is rejected: only whoever was given the work can say it.
#[test]
fn f9_a_sealed_lie_is_rejected_with_the_check_named() {
    let pair = items(2);
    let change = |change: &dyn Fn(&mut EvidenceMessage)| {
        let mut lie = honest(&pair[0]);
        change(&mut lie);
        lie
    };
    for (lie, check) in [
        (change(&|lie| lie.evidence = honest(&pair[1]).evidence), "freshness"),
        (change(&|lie| lie.evidence = serde_json::from_str("[1]").unwrap()), "evidence"),
    ] {
        let site = MemorySite::new(ROOM);
        judged(&site, vec![lie]);
        each_once(&site.outcomes(), &pair[..1], OutcomeKind::Rejected);
        assert_eq!(site.outcomes()[0].reason.as_ref().unwrap().check, check);
        assert!(site.dead().is_empty());
    }
}
