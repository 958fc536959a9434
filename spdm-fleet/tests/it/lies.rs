//! F9: what a collector says is not believed. One test per lie.

use spdm_codec::RequesterNonce;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{Evidence, Negotiation, RecordedExchange, Recording};
use spdm_fleet::{
    Attempt, Case, CollectFailure, EvidenceCheck, EvidenceMessage, Fault, Finding, FleetKey, Item,
    Judge, NonceKind, Nonces, OutcomeKind, SCHEMA, Submitted, Target, Timestamp, Want,
    WantedMeasurements,
};

const NOW: Timestamp = Timestamp::from_unix_ms(1_764_513_600_000);

/// Finds everything in order.
struct Content;

impl Judge for Content {
    fn judge(&self, _: &Case<'_>) -> Attempt {
        let finding = Finding {
            kind: OutcomeKind::Verified,
            fault: Fault::None,
            reason: None,
            passing: false,
        };
        Attempt {
            finding,
            ..Attempt::without_device(OutcomeKind::Verified, Fault::None, "none", "")
        }
    }
}

fn key() -> FleetKey {
    FleetKey::from_file(&[7; 32]).unwrap()
}

fn item(target: &str) -> Item {
    Item::new(&PROVIDER, "job", Target::new(target)).unwrap()
}

fn nonce(kind: NonceKind, item: &Item, attempt: u32, at: Timestamp) -> RequesterNonce {
    Nonces::new(&PROVIDER, &key()).issue(kind, item, attempt, at).unwrap()
}

fn exchange(code: u8, attributes: u8, operation: u8, nonce: &RequesterNonce) -> RecordedExchange {
    let request = [&[0x12, code, attributes, operation][..], &nonce.0, &[0]].concat();
    // The code of a response is that of its request without the highest bit.
    let response = Some(vec![0x12, code & 0x7F, 0, 0]);
    RecordedExchange { request, interim: Vec::new(), response }
}

fn evidence(exchanges: Vec<RecordedExchange>) -> Evidence {
    let mut recording = Recording::new(Negotiation::Recorded, 0);
    let begin = RecordedExchange { request: vec![0x10, 0x84, 0, 0], ..RecordedExchange::default() };
    recording.exchanges = [vec![begin], exchanges].concat();
    let mut evidence = Evidence::new("whatever a collector says");
    evidence.recordings.push(recording);
    evidence
}

/// Of a GET_MEASUREMENTS with a signature over this nonce.
fn measured(nonce: &RequesterNonce) -> Evidence {
    evidence(vec![exchange(0xE0, 1, 0xFF, nonce)])
}

fn message(item: &Item, attempt: u32, evidence: &Evidence) -> EvidenceMessage {
    let json = serde_json::value::RawValue::from_string(evidence.to_json().unwrap()).unwrap();
    EvidenceMessage {
        schema: SCHEMA,
        item: item.clone(),
        seal: Some(Nonces::new(&PROVIDER, &key()).seal(item, attempt, &all()).unwrap()),
        attempt,
        collector: "host/1".to_owned(),
        collected_at: NOW,
        device_ms: 3,
        round_trips: 7,
        want: None,
        evidence: Some(json),
        failure: None,
    }
}

/// Everything is to be collected.
fn all() -> Want {
    Want::default()
}

fn honest(item: &Item) -> EvidenceMessage {
    message(item, 1, &measured(&nonce(NonceKind::Measurements, item, 1, NOW)))
}

fn judged(message: &EvidenceMessage, submitted: Submitted<'_>) -> Attempt {
    // It travels as text.
    let json = serde_json::to_vec(message).unwrap();
    let message = EvidenceMessage::read(&json).unwrap();
    let key = key();
    let check = EvidenceCheck::new(Nonces::new(&PROVIDER, &key), Nonces::WINDOW, &Content);
    check.judge(&message, submitted, NOW)
}

#[track_caller]
fn rejected(message: &EvidenceMessage, submitted: Submitted<'_>, check: &str) {
    let attempt = judged(message, submitted);
    assert_eq!(attempt.finding.kind, OutcomeKind::Rejected, "{attempt:?}");
    assert_eq!(attempt.finding.reason.unwrap().check, check);
    assert!(!attempt.finding.passing, "what is rejected is not tried again");
}

#[test]
fn honest_evidence_comes_to_a_verdict() {
    let own = item("tcp:a");
    for submitted in [Submitted::Listed(&own, &all()), Submitted::Sealed] {
        let attempt = judged(&honest(&own), submitted);
        assert_eq!(attempt.finding.kind, OutcomeKind::Verified);
        assert_eq!(attempt.evidence.unwrap().sha256.len(), 64);
        assert_eq!((attempt.device_ms, attempt.round_trips), (3, 7));
    }
    // Nothing was to be measured: the nonce of CHALLENGE decides.
    let challenge = nonce(NonceKind::Challenge, &own, 1, NOW);
    let challenged = message(&own, 1, &evidence(vec![exchange(0x83, 0, 0, &challenge)]));
    let none = Want { measurements: WantedMeasurements::None, ..all() };
    let attempt = judged(&challenged, Submitted::Listed(&own, &none));
    assert_eq!(attempt.finding.kind, OutcomeKind::Verified);
}

#[test]
fn f9_a_collector_that_leaves_measurements_out_is_rejected() {
    let own = item("tcp:a");
    let challenge = nonce(NonceKind::Challenge, &own, 1, NOW);
    let mut lie = message(&own, 1, &evidence(vec![exchange(0x83, 0, 0, &challenge)]));
    rejected(&lie, Submitted::Listed(&own, &all()), "evidence");
    rejected(&lie, Submitted::Sealed, "evidence");
    // Nor can it say that none were wanted.
    lie.want = Some(Want { measurements: WantedMeasurements::None, ..all() });
    rejected(&lie, Submitted::Listed(&own, &all()), "evidence");
    rejected(&lie, Submitted::Sealed, "item");
}

#[test]
fn f9_a_collector_that_asks_for_fewer_measurements_is_rejected() {
    let own = item("tcp:a");
    let nonce = nonce(NonceKind::Measurements, &own, 1, NOW);
    let fewer = message(&own, 1, &evidence(vec![exchange(0xE0, 1, 3, &nonce)]));
    rejected(&fewer, Submitted::Listed(&own, &all()), "evidence");
    rejected(&fewer, Submitted::Sealed, "evidence");
    let of = |indices: &[u8]| Want {
        measurements: WantedMeasurements::Indices(indices.to_vec()),
        ..all()
    };
    rejected(&fewer, Submitted::Listed(&own, &of(&[3, 4])), "evidence");
    let attempt = judged(&fewer, Submitted::Listed(&own, &of(&[3])));
    assert_eq!(attempt.finding.kind, OutcomeKind::Verified);
}

#[test]
fn f9_a_changed_target_or_class_is_rejected() {
    let own = item("tcp:a");
    let mut retargeted = honest(&own);
    retargeted.item.target.target = "tcp:b".to_owned();
    let mut reclassed = honest(&own);
    reclassed.item.target.class = "lax".to_owned();
    for lie in [retargeted, reclassed] {
        rejected(&lie, Submitted::Listed(&own, &all()), "item");
        rejected(&lie, Submitted::Sealed, "item");
    }
}

#[test]
fn f9_a_changed_target_with_a_name_that_fits_is_rejected() {
    let (own, other) = (item("tcp:a"), item("tcp:b"));
    rejected(&honest(&other), Submitted::Listed(&own, &all()), "item");
    let mut lie = honest(&own);
    lie.item = other;
    rejected(&lie, Submitted::Sealed, "item");
}

#[test]
fn f9_a_changed_name_of_the_leaf_is_rejected() {
    let own = item("tcp:a");
    let mut lie = honest(&own);
    lie.item.target.san = Some("none".to_owned());
    rejected(&lie, Submitted::Sealed, "item");
    lie.seal = None;
    rejected(&lie, Submitted::Sealed, "item");
    // Whoever has the list takes it from there, whatever the collector says.
    assert_eq!(judged(&lie, Submitted::Listed(&own, &all())).finding.kind, OutcomeKind::Verified);
}

#[test]
fn f9_evidence_of_another_device_is_rejected() {
    let (own, other) = (item("tcp:a"), item("tcp:b"));
    let mut lie = honest(&own);
    lie.evidence = honest(&other).evidence;
    rejected(&lie, Submitted::Listed(&own, &all()), "freshness");
}

#[test]
fn f8_old_evidence_and_evidence_of_another_attempt_is_rejected() {
    let own = item("tcp:a");
    let old = Timestamp::from_unix_ms(NOW.unix_ms() - 600_001);
    let stale = nonce(NonceKind::Measurements, &own, 1, old);
    rejected(&message(&own, 1, &measured(&stale)), Submitted::Listed(&own, &all()), "freshness");
    let mut second = honest(&own);
    second.attempt = 2;
    rejected(&second, Submitted::Listed(&own, &all()), "freshness");
    let random = RequesterNonce([5; 32]);
    rejected(&message(&own, 1, &measured(&random)), Submitted::Listed(&own, &all()), "freshness");
}

#[test]
fn f15_a_clock_that_is_ahead_is_a_fault_of_configuration() {
    let own = item("tcp:a");
    let ahead = Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000);
    let early = nonce(NonceKind::Measurements, &own, 1, ahead);
    let attempt = judged(&message(&own, 1, &measured(&early)), Submitted::Listed(&own, &all()));
    assert_eq!(attempt.finding.kind, OutcomeKind::Rejected);
    assert_eq!(attempt.finding.fault, Fault::Configuration);
    assert_eq!(attempt.finding.reason.unwrap().check, "freshness");
}

#[test]
fn f9_a_fresh_challenge_does_not_freshen_old_measurements() {
    let own = item("tcp:a");
    let fresh = nonce(NonceKind::Challenge, &own, 1, NOW);
    let old = RequesterNonce([9; 32]);
    let spliced = vec![exchange(0x83, 0, 0, &fresh), exchange(0xE0, 1, 0xFF, &old)];
    rejected(&message(&own, 1, &evidence(spliced)), Submitted::Listed(&own, &all()), "freshness");
    // Nor do measurements that nobody signed.
    let unsigned = vec![exchange(0x83, 0, 0, &fresh), exchange(0xE0, 0, 0xFF, &old)];
    rejected(&message(&own, 1, &evidence(unsigned)), Submitted::Listed(&own, &all()), "evidence");
}

#[test]
fn f9_several_connections_and_no_evidence_are_refused() {
    let own = item("tcp:a");
    let good = nonce(NonceKind::Measurements, &own, 1, NOW);
    let mut two = measured(&good);
    two.recordings.push(two.recordings[0].clone());
    rejected(&message(&own, 1, &two), Submitted::Listed(&own, &all()), "evidence");
    rejected(&message(&own, 1, &evidence(Vec::new())), Submitted::Listed(&own, &all()), "evidence");
    let mut garbage = honest(&own);
    garbage.evidence = Some(serde_json::value::RawValue::from_string("[1]".to_owned()).unwrap());
    rejected(&garbage, Submitted::Listed(&own, &all()), "evidence");
}

#[test]
fn f9_a_collector_has_no_verdict() {
    let own = item("tcp:a");
    let mut lie = honest(&own);
    lie.evidence = None;
    let failure = |outcome, passing| {
        Some(CollectFailure { outcome, fault: Fault::None, reason: None, passing })
    };
    for failure in
        [None, failure(OutcomeKind::Verified, false), failure(OutcomeKind::Rejected, true)]
    {
        lie.failure = failure;
        let attempt = judged(&lie, Submitted::Listed(&own, &all()));
        assert_eq!(attempt.finding.kind, OutcomeKind::Undecidable);
    }
    lie.failure = failure(OutcomeKind::Unreachable, true);
    let attempt = judged(&lie, Submitted::Listed(&own, &all()));
    assert_eq!(attempt.finding.kind, OutcomeKind::Unreachable);
    assert!(attempt.finding.passing);
}
