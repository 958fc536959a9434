//! A5: what is remembered of a target after outcomes that come in another order than the attempts.

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{Fault, Item, Outcome, OutcomeKind, Target, TargetState, Timestamp};

use crate::sample::outcome;

const SECOND: u64 = 1000;
const BEGIN: u64 = 1_764_513_600_000;

/// An outcome of a job: the device was asked at one second, the verdict was there at another one.
fn judged(job: &str, kind: OutcomeKind, asked: u64, at: u64) -> Outcome {
    let mut outcome = outcome("tcp:a", kind, Fault::Device);
    let item = Item::new(&PROVIDER, job, Target::new("tcp:a")).unwrap();
    (outcome.job, outcome.item) = (item.job, item.item);
    outcome.started = Timestamp::from_unix_ms(BEGIN + at * SECOND);
    outcome.finished = outcome.started;
    outcome.ms.queued = (at - asked) * SECOND;
    outcome.is_final = kind != OutcomeKind::Unreachable;
    outcome
}

/// What is remembered after all of them.
fn after(outcomes: &[Outcome]) -> TargetState {
    let state = outcomes.iter().fold(None, |before: Option<TargetState>, outcome| {
        TargetState::after(before.as_ref(), outcome).or(before)
    });
    state.unwrap()
}

#[test]
fn a5_a_late_outcome_of_an_earlier_attempt_changes_nothing() {
    let last = judged("second", OutcomeKind::Verified, 300, 301);
    for late in [
        judged("first", OutcomeKind::Unreachable, 1, 480),
        judged("first", OutcomeKind::DeviceError, 1, 480),
        judged("first", OutcomeKind::Verified, 299, 302),
    ] {
        let state = after(&[last.clone(), late]);
        assert_eq!((state.job.as_str(), state.last_outcome), ("second", OutcomeKind::Verified));
        assert_eq!(state.last_success, Some(last.finished));
        assert_eq!(state.consecutive_failures, 0);
    }
    // Nor does what was verified before hide what was rejected since.
    let rejected = judged("second", OutcomeKind::Rejected, 300, 301);
    let state = after(&[rejected, judged("first", OutcomeKind::Verified, 1, 480)]);
    assert_eq!((state.last_outcome, state.last_success), (OutcomeKind::Rejected, None));
    // Of one job, the number of the attempt says it.
    let mut second = judged("first", OutcomeKind::Verified, 10, 11);
    second.attempt = 2;
    let state = after(&[second, judged("first", OutcomeKind::Unreachable, 12, 20)]);
    assert_eq!((state.attempt, state.last_outcome), (2, OutcomeKind::Verified));
}

#[test]
fn a5_a_later_attempt_counts_whichever_was_judged_first() {
    let outcomes = [
        judged("first", OutcomeKind::Unreachable, 1, 480),
        judged("second", OutcomeKind::Verified, 300, 301),
    ];
    let state = after(&outcomes);
    assert_eq!((state.job.as_str(), state.last_outcome), ("second", OutcomeKind::Verified));
}

/// A collector says when it asked: no rejection is hidden by that, and no time is ahead of the verdict.
#[test]
fn a5_no_rejection_is_hidden_by_what_a_collector_says() {
    let verified = judged("first", OutcomeKind::Verified, 300, 301);
    let state = after(&[verified.clone(), judged("second", OutcomeKind::Rejected, 0, 302)]);
    assert_eq!((state.last_outcome, state.consecutive_failures), (OutcomeKind::Rejected, 1));
    // What was judged before the last attempt is older, whoever asked when.
    let state = after(&[verified, judged("second", OutcomeKind::Rejected, 0, 299)]);
    assert_eq!(state.last_outcome, OutcomeKind::Verified);
}
