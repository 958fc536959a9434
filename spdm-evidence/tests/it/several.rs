//! Several of a kind in one file: connections, slots, signatures and keys.

use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, Code, ContentChanged, SlotId};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Act, Edit, Position, ScriptStep, When};
use spdm_evidence::{
    AttestationCheck, ChainContent, CheckStatus, Evidence, Judge, RecordedExchange, Report,
    Verifier,
};
use spdm_requester::SummaryAgreement;

use crate::forged::{
    AT, chain, chain_of, challenge, device, evidence, exchange, judged, measure, negotiation,
    report, reports, structure,
};
use crate::requests;

/// Slots 0 and 1.
fn two_slots() -> Vec<SlotId> {
    vec![SlotId::ZERO, SlotId::new(1).unwrap()]
}

#[test]
fn connections_are_numbered_where_there_are_several() {
    let one = evidence(&[&negotiation(&mut device(1, |_| ()))]);
    let mut two = one.clone();
    two.recordings.extend(one.recordings.clone());
    let verifier = Verifier::new(&PROVIDER, &[], AT);
    let targets = |judge: &mut Judge<'_, '_>, evidence: &Evidence| -> Vec<String> {
        let reports = judge.verify(&mut Bank::<Running, 2>::new(), evidence);
        reports.iter().map(|report| report.target().to_owned()).collect()
    };
    // Portions of one file. Nobody knows at the first one that there are more.
    let mut judge = Judge::new(&verifier);
    assert_eq!(targets(&mut judge, &one), ["claimed"]);
    assert_eq!(targets(&mut judge, &one), ["claimed#1"]);
    assert_eq!(targets(&mut judge, &two), ["claimed#2", "claimed#3"]);
    assert_eq!(targets(&mut Judge::new(&verifier), &two), ["claimed#0", "claimed#1"]);
    let mut judge = Judge::new(&verifier);
    judge.number_all();
    assert_eq!(targets(&mut judge, &one), ["claimed#0"]);
    assert_eq!(targets(&mut judge, &one), ["claimed#1"]);
}

/// RootHash is made of a list of certificates for each connection, by the hash that it negotiated.
#[test]
fn certificates_serve_connections_of_several_hashes() {
    let mut a = device(1, |_| ());
    negotiation(&mut a);
    let certificates = structure(&chain(&mut a))[4 + 48..].to_vec();
    let mut file = Evidence::new("claimed");
    for hash in [BaseHashAlgo::SHA_256, BaseHashAlgo::SHA_384, BaseHashAlgo::SHA_256] {
        a.reset();
        let requests = requests::negotiation(BaseAsymAlgo::ECDSA_P384, hash);
        let vca = requests.map(|request| exchange(&mut a, request));
        file.recordings.extend(evidence(&[&vca, &[challenge(&mut a, 0, 7)]]).recordings);
    }
    let list = ChainContent::read(&certificates).unwrap();
    assert!(matches!(list, ChainContent::Certificates(_)));
    file.attach(SlotId::ZERO, list);
    let reports = judged(&file, &a, |_| ());
    assert_eq!(reports.len(), 3);
    for report in reports {
        assert!(report.verified(), "{} {:?}", report.target(), report.error());
    }
}

#[test]
fn only_the_slot_that_is_asked_for_is_reported() {
    let mut a = device(1, |config| config.slots = two_slots());
    let vca = negotiation(&mut a);
    let chains = [chain_of(&mut a, 0), chain_of(&mut a, 1)].concat();
    let file = evidence(&[&vca, &chains, &[measure(&mut a, 1, 0, 7), measure(&mut a, 2, 1, 8)]]);
    for (slot, expected) in [
        (None, &[(Some(0), true), (Some(1), true)][..]),
        (Some(0), &[(Some(0), true)]),
        (Some(1), &[(Some(1), true)]),
        (Some(2), &[(Some(2), false)]),
    ] {
        let reports = reports(&file, &a, |verifier| verifier.slot = slot.and_then(SlotId::new));
        let seen: Vec<_> = reports.iter().map(|r| (r.slot(), r.verified())).collect();
        assert_eq!(seen, expected, "{slot:?}");
    }
}

/// A signature of one slot that does not verify is no reason to show the chain of an earlier connection in another
/// slot's report. In its own it is: for the check that failed was made with it.
#[test]
fn a_failed_signature_shows_the_device_of_its_slot_only() {
    let mut a = device(1, |config| config.slots = two_slots());
    let vca = negotiation(&mut a);
    let chains = [chain_of(&mut a, 0), chain_of(&mut a, 1)].concat();
    let mut file = evidence(&[&vca, &chains, &[challenge(&mut a, 0, 7), challenge(&mut a, 1, 7)]]);
    a.reset();
    let vca = negotiation(&mut a);
    let mut failed = measure(&mut a, 1, 1, 8);
    *failed.response.as_mut().unwrap().last_mut().unwrap() ^= 1;
    let lost = RecordedExchange { response: None, ..measure(&mut a, 1, 0, 9) };
    file.recordings.extend(evidence(&[&vca, &[failed, lost]]).recordings);
    let reports = reports(&file, &a, |_| ());
    let seen: Vec<_> =
        reports.iter().map(|r| (r.slot(), r.verified(), r.identity().subject.is_some())).collect();
    let expected = [
        (Some(0), true, true),
        (Some(1), true, true),
        (Some(1), false, true),
        (Some(0), false, false),
    ];
    assert_eq!(seen, expected);
}

/// Of two signed answers the report is about the one that has measurements.
#[test]
fn the_nonce_that_is_shown_is_that_of_the_values() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let (count, values) = (measure(&mut a, 0, 0, 7), measure(&mut a, 1, 0, 8));
    for all in [[count.clone(), values.clone()], [values, count]] {
        let report = report(&evidence(&[&vca, &chain, &all]), &a, |_| ());
        assert!(report.verified());
        assert_eq!(report.nonces().measurements, Some("08".repeat(32)));
    }
}

/// So many exchanges are not counted: which of the unsigned ones the signature covers is not known.
#[test]
fn a_signature_over_65535_exchanges_proves_nothing() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let unsigned: Vec<_> =
        (1..u16::MAX).map(|_| exchange(&mut a, vec![0x12, 0xE0, 0, 0])).collect();
    let signed = [measure(&mut a, 1, 0, 7)];
    let report = judged(&evidence(&[&vca, &chain, &unsigned, &signed]), &a, |_| ()).remove(0);
    assert!(!report.verified());
    assert!(report.measurements().is_empty());
}

/// A device whose first answer to GET_MEASUREMENTS has this bit inverted, and is signed; two signed answers with all
/// measurements, with CHALLENGE_AUTH in front, which has a summary hash over all.
fn first_answer_changed(at: usize, bits: u8) -> (Vec<RecordedExchange>, [RecordedExchange; 2]) {
    let change = Act::Change(Edit::Flip(Position::Offset(at), bits));
    let mut a = device(1, |config| {
        config.script = vec![ScriptStep::new(Code::GET_MEASUREMENTS, When::Nth(0), change)];
    });
    let mut start = [negotiation(&mut a), chain(&mut a)].concat();
    start.push(exchange(&mut a, [&[0x12, 0x83, 0, 0xFF][..], &[7; 32]].concat()));
    (start, [measure(&mut a, 0xFF, 0, 7), measure(&mut a, 0xFF, 0, 8)])
}

/// The report on such answers.
fn report_on(start: &[RecordedExchange], answers: &[&RecordedExchange]) -> Report {
    let answers: Vec<_> = answers.iter().map(|answer| (*answer).clone()).collect();
    let report = report(&evidence(&[start, &answers]), &device(1, |_| ()), |_| ());
    assert!(report.verified(), "{:?}", report.error());
    report
}

#[test]
fn every_signed_answer_is_compared_with_the_summary_hash() {
    use SummaryAgreement::{Agrees, Differs};
    let (start, [other, own]) = first_answer_changed(20, 1);
    for (answers, expected) in [
        (&[&own][..], Agrees),
        (&[&other], Differs),
        (&[&own, &other], Differs),
        (&[&other, &own], Differs),
    ] {
        assert_eq!(report_on(&start, answers).measurement_summary(), expected);
    }
}

/// The word for it, which programs read.
#[test]
fn the_summary_hash_in_json() {
    let (asked, [other, own]) = first_answer_changed(20, 1);
    // Without the CHALLENGE at the end.
    let not_asked = &asked[..asked.len() - 1];
    for (start, answers, expected) in [
        (not_asked, &[&own][..], "not_asked"),
        (&asked, &[], "not_known"),
        (&asked, &[&own], "agrees"),
        (&asked, &[&other], "differs"),
    ] {
        let json = serde_json::to_value(report_on(start, answers)).unwrap();
        assert_eq!(json["measurement_summary"], expected);
    }
}

#[test]
fn a_change_that_one_signed_answer_tells_of_counts() {
    use ContentChanged::{Changed, Unchanged};
    let (start, [changed, same]) = first_answer_changed(3, 0x30);
    for (answers, expected) in [
        (&[&same][..], Unchanged),
        (&[&changed], Changed),
        (&[&same, &changed], Changed),
        (&[&changed, &same], Changed),
    ] {
        assert_eq!(report_on(&start, answers).content_changed(), Some(expected));
    }
}

/// Signatures of two keys in one slot are no device, whether or not somebody trusts one of them.
#[test]
fn signatures_of_two_keys_that_nobody_trusts() {
    let (mut a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let (vca, _) = (negotiation(&mut a), negotiation(&mut b));
    let (chain_a, chain_b) = (chain(&mut a), chain(&mut b));
    let nobody = device(3, |_| ());
    let status = |parts: &[&[RecordedExchange]]| {
        let report = report(&evidence(parts), &nobody, |_| ());
        assert!(!report.verified());
        let anchor = report.status(AttestationCheck::ChainAnchor);
        (anchor, report.status(AttestationCheck::ChallengeChainHash))
    };
    let (challenged, measured) = ([challenge(&mut a, 0, 7)], [measure(&mut a, 1, 0, 8)]);
    let one = status(&[&vca, &chain_a, &challenged, &measured]);
    assert_eq!(one, (CheckStatus::Fail, CheckStatus::Pass));
    let two = status(&[&vca, &chain_a, &measured, &chain_b, &[measure(&mut b, 1, 0, 9)]]);
    assert_eq!(two, (CheckStatus::Fail, CheckStatus::Fail));
}
