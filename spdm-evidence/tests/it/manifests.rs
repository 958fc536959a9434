//! Blocks that may be measurement manifests, and what is made of each.

use spdm_codec::{MANIFEST_INDEX, MeasurementForm, MeasurementHashAlgo, MeasurementType};
use spdm_evidence::{AttestationCheck, CheckStatus, MeasuredValue, Report, TokenOptions};

use crate::claims::{Attested, ROM, built, evidence, judged, statuses, toc, value};
use crate::corim_build::{
    array, bytes, class, corim, digests, map, measurement, negative, sign1, tag, triple, uint,
};
use crate::testing::{certificates, key};

const MANIFEST: AttestationCheck = AttestationCheck::ManifestFormat;

fn manifest(index: u8, kind: MeasurementType, bytes: &[u8]) -> MeasuredValue {
    value(index, kind, MeasurementForm::RawBitStream, bytes)
}

fn freeform(index: u8, bytes: &[u8]) -> MeasuredValue {
    manifest(index, MeasurementType::FreeformManifest, bytes)
}

fn report(values: &[MeasuredValue]) -> Report {
    built(Attested::new().judge_all(values, &TokenOptions::NONE))
}

fn notes(report: &Report) -> Vec<String> {
    report.notes().iter().map(ToString::to_string).collect()
}

/// Evidence with something beside, and a reference to a block that is not there.
fn odd_evidence(places: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let firmware = measurement(7, &[(2, digests(&[(7, &[9; 48])]))]);
    let triples = array(&[triple(class("ACME", "WIDGET"), &[firmware])]);
    tag(571, map(&[&[(0, map(&[(0, triples)]))], places].concat()))
}

fn nowhere() -> Vec<u8> {
    let nowhere = map(&[(1, map(&[(12, map(&[(0, array(&[uint(5)]))]))]))]);
    let triples = array(&[triple(class("ACME", "WIDGET"), &[nowhere])]);
    tag(571, map(&[(0, map(&[(0, triples)]))]))
}

/// Its bytes are a hash of something, whatever they look like.
#[test]
fn a_digest_is_no_manifest() {
    let kind = MeasurementType::FreeformManifest;
    let report = report(&[value(MANIFEST_INDEX, kind, MeasurementForm::Digest, &toc())]);
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!((statuses(&report), report.claims()), (vec![], None));
}

#[test]
fn a_structured_manifest_without_its_header_is_noted() {
    let kind = MeasurementType::StructuredManifest;
    let bare = report(&[manifest(MANIFEST_INDEX, kind, &toc())]);
    assert!(bare.verified(), "{:?}", bare.error());
    let lacks = "the structured manifest in measurement 253 lacks its standards body header";
    assert!(notes(&bare).iter().any(|note| note == lacks), "{:?}", notes(&bare));
    let headed = [&[0x0A, 3][..], &toc()].concat();
    let headed = report(&[manifest(MANIFEST_INDEX, kind, &headed)]);
    assert!(headed.verified(), "{:?}", headed.error());
    assert!(!notes(&headed).iter().any(|note| note == lacks));
    assert_eq!(headed.claims(), bare.claims());
}

#[test]
fn two_manifests_are_shown_each_once() {
    let report = report(&[freeform(0xF0, &evidence()), freeform(MANIFEST_INDEX, &toc())]);
    assert!(report.verified(), "{:?}", report.error());
    let elements = &report.claims().unwrap().elements;
    let names: Vec<_> = elements.iter().map(|it| it.element.as_deref()).collect();
    assert_eq!(names, [Some("1"), Some("7"), Some("1"), Some("7")]);
}

/// Nothing of it counts, also what was in order in front of what is not.
#[test]
fn na10_what_a_broken_manifest_claims_is_not_compared() {
    let broken = tag(570, map(&[(0, array(&[odd_evidence(&[]), nowhere()]))]));
    let firmware = measurement(7, &[(2, digests(&[(7, &[9; 48])]))]);
    let file = corim(&[triple(class("ACME", "WIDGET"), &[firmware])]);
    let report = judged(&Attested::new(), &broken, &file);
    assert_eq!(report.status(MANIFEST), CheckStatus::Fail);
    assert_eq!(report.claims(), None);
    assert_eq!(report.status(AttestationCheck::MeasurementsReference), CheckStatus::Fail);
}

#[test]
fn what_was_not_looked_into_is_counted() {
    let told = "one claim or list of the manifest was not looked into";
    let more = report(&[freeform(MANIFEST_INDEX, &odd_evidence(&[(9, uint(1))]))]);
    assert!(more.verified() && notes(&more).iter().any(|note| note == told), "{:?}", notes(&more));
    let all = report(&[freeform(MANIFEST_INDEX, &odd_evidence(&[]))]);
    assert!(all.verified() && !notes(&all).iter().any(|note| note == told));
}

/// The digest that a block has is of MeasurementHashAlgo, not of the algorithm that is as long.
#[test]
fn claims_of_a_block_have_its_algorithm() {
    let claimed = |hash| {
        let attested = Attested::measuring(hash);
        let report = built(attested.judge(&toc(), &TokenOptions::NONE));
        let digest = report.claims().unwrap().elements[0].digests[0].clone();
        assert_eq!(digest.value, hex::encode(ROM));
        digest.algorithm
    };
    let (sha2, sha3) =
        (claimed(MeasurementHashAlgo::SHA_384), claimed(MeasurementHashAlgo::SHA3_384));
    assert_ne!(sha2, sha3);
}

/// What is told of a token: whose key signed it, and whose nonce it has.
#[test]
fn the_key_and_the_nonce_of_a_token_are_told() {
    let attested = Attested::new();
    let (leaf, sent) = (key("Leaf").to_spki_der(), [5; 16]);
    let keys = [leaf.as_slice()];
    let unnamed = sign1(&key("Leaf"), &[(1, negative(6))], &[(4, bytes(&[0x5A; 48]))], &{
        map(&attested.claims())
    });
    let options = TokenOptions { keys: &keys, nonce: Some(&sent), ..TokenOptions::NONE };
    let detail = |token: &[u8], check| {
        let report = built(attested.judge(token, &options));
        assert!(report.verified(), "{:?}", report.error());
        report.checks().iter().find(|row| row.check == check).unwrap().detail.clone()
    };
    assert_eq!(
        detail(&unnamed, AttestationCheck::EatSignature),
        "the token in measurement 253 is signed by the key of the leaf, as the measurements"
    );
    let of_measurements = "the token's nonce is that of GET_MEASUREMENTS";
    assert_eq!(detail(&unnamed, AttestationCheck::EatNonce), of_measurements);
    let mut claims = attested.claims();
    claims[1].1 = bytes(&sent);
    let certificate = certificates(1).pop().unwrap();
    let headers = [(1, negative(6)), (3, uint(263))];
    let given = sign1(&key("Leaf"), &headers, &[(33, bytes(&certificate))], &map(&claims));
    assert_eq!(detail(&given, AttestationCheck::EatNonce), "the token's nonce is the given one");
}
