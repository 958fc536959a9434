//! Outcomes that a queue delivers more than once, in any order, or that are not of the job.

use core::time::Duration;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Arrival, Arrivals, Fault, FleetKey, Item, MAX_ITEM_LEN, Nonces, Outcome, OutcomeKind, Target,
    Want, too_long,
};

use crate::sample::{head, outcome};

fn unreachable(attempt: u32, is_final: bool) -> Outcome {
    let mut outcome = outcome("tcp:a", OutcomeKind::Unreachable, Fault::Transport);
    (outcome.attempt, outcome.is_final) = (attempt, is_final);
    outcome
}

fn verified(target: &str, attempt: u32) -> Outcome {
    let mut outcome = outcome(target, OutcomeKind::Verified, Fault::None);
    outcome.attempt = attempt;
    outcome
}

#[test]
fn a_job_is_complete_once_every_item_has_its_last_outcome() {
    let job = head("aa").job;
    let mut arrivals = Arrivals::new(&PROVIDER, &job, 2);
    assert_eq!(arrivals.take(&unreachable(1, false)), Arrival::New);
    assert_eq!(arrivals.take(&unreachable(1, false)), Arrival::Repeated);
    assert_eq!(arrivals.take(&verified("tcp:b", 1)), Arrival::New);
    assert_eq!(arrivals.take(&verified("tcp:b", 1)), Arrival::Repeated);
    assert_eq!((arrivals.ended(), arrivals.are_complete()), (1, false));
    // C2: what should have been tried again may be lost.
    assert_eq!(arrivals.next_attempt(&unreachable(1, false).item), Some(2));
    assert_eq!(arrivals.next_attempt(&verified("tcp:b", 1).item), None);
    assert_eq!(arrivals.next_attempt(&verified("tcp:c", 1).item), Some(1));
    assert_eq!(arrivals.take(&verified("tcp:a", 2)), Arrival::New);
    assert_eq!((arrivals.ended(), arrivals.are_complete()), (2, true));
}

#[test]
fn the_last_attempt_counts_in_whatever_order_they_come() {
    let job = head("aa").job;
    let mut arrivals = Arrivals::new(&PROVIDER, &job, 1);
    assert_eq!(arrivals.take(&verified("tcp:a", 3)), Arrival::New);
    assert!(arrivals.are_complete());
    assert_eq!(arrivals.take(&unreachable(2, false)), Arrival::New);
    assert!(arrivals.are_complete());
    // A fourth one is not over.
    assert_eq!(arrivals.take(&unreachable(4, false)), Arrival::New);
    assert!(!arrivals.are_complete());
}

#[test]
fn two_that_differ_are_both_told() {
    let job = head("aa").job;
    let mut arrivals = Arrivals::new(&PROVIDER, &job, 1);
    arrivals.take(&verified("tcp:a", 1));
    assert_eq!(arrivals.take(&unreachable(1, true)), Arrival::Contradiction);
    assert_eq!(arrivals.take(&unreachable(1, true)), Arrival::Repeated);
    assert_eq!(arrivals.ended(), 1);
}

#[test]
fn what_is_not_of_the_job_counts_for_nothing() {
    let job = head("aa").job;
    let mut arrivals = Arrivals::new(&PROVIDER, &job, 1);
    let change = |change: &dyn Fn(&mut Outcome)| {
        let mut outcome = verified("tcp:a", 1);
        change(&mut outcome);
        outcome
    };
    for foreign in [
        change(&|outcome| {
            // Of another job in all that it says.
            let item = Item::new(&PROVIDER, "another", Target::new("tcp:a")).unwrap();
            (outcome.job, outcome.item) = (item.job, item.item);
        }),
        change(&|outcome| outcome.schema = 2),
        // C6: of a job of the same name that is about something else.
        change(&|outcome| outcome.job_digest = Some("bb".to_owned())),
        // The item of one device under the name of another.
        change(&|outcome| outcome.target = "tcp:b".to_owned()),
        change(&|outcome| outcome.class = "gpu".to_owned()),
    ] {
        assert_eq!(arrivals.take(&foreign), Arrival::Foreign, "{foreign:?}");
    }
    assert_eq!((arrivals.ended(), arrivals.are_complete()), (0, false));
    let own = change(&|outcome| outcome.job_digest = Some(job.digest.clone()));
    assert_eq!(arrivals.take(&own), Arrival::New);
}

#[test]
fn an_item_that_is_longer_than_a_message_is_named_before_anything_is_queued() {
    let key = FleetKey::from_file(&[3; 32]).unwrap();
    let nonces = Nonces::new(&PROVIDER, &key);
    let items = ["a", &"b".repeat(MAX_ITEM_LEN)].map(|rack| {
        let mut target = Target::new(format!("tcp:{}", &rack[..1]));
        target.labels.insert("rack".to_owned(), rack.to_owned());
        Item::new(&PROVIDER, "job", target).unwrap()
    });
    let long = |items: &[Item]| {
        let long = too_long(&nonces, items, Duration::from_secs(60), &Want::default()).unwrap();
        long.map(|item| item.target.target.clone())
    };
    assert_eq!(long(&items[..1]), None);
    assert_eq!(long(&items), Some("tcp:b".to_owned()));
}
