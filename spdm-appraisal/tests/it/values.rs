//! States of values that are no CBOR: one for each alternative of an element.

use spdm_appraisal::{
    Authority, Claims, Comparison, Digest, DigestAlgorithm, DigestValue, Digests, Element,
    ElementId, Environment, Environments, Evidence, Extent, Origin, Outcome, ReferenceState,
    ReferenceValue, ReferenceValues, Verdict, record_elements,
};
use spdm_codec::MeasurementRecord;
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use std::vec::Vec;

use crate::setting::{FIRMWARE, ROM, record};

fn state(index: u64, digest: &[u8]) -> ReferenceState<'_> {
    let algorithm = DigestAlgorithm::Known(HashAlgorithm::Sha384);
    let digests = Digests::one(Digest { algorithm, value: DigestValue::Bytes(digest) });
    let claims = Claims { digests: Some(digests), ..Claims::NOTHING };
    let value = ReferenceValue { id: ElementId::Index(index), claims, authorized_by: None };
    ReferenceState {
        environment: Environment::default(),
        values: ReferenceValues::one(value),
        authority: Authority::None,
        origin: Origin { file: "list", tag: 0, triple: 0 },
    }
}

fn appraise(states: &[ReferenceState<'_>]) -> (Verdict, Vec<Outcome>, u32) {
    let record = record();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
    let mut places = [Element::EMPTY; 8];
    let elements = record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
    let (environments, extent) = (Environments::Known(&[]), Extent::Whole);
    let evidence = Evidence { environments, elements, keys: &[], extent };
    let comparison = Comparison::new(&evidence, states.iter().copied(), &PROVIDER).unwrap();
    let outcomes = (0..2).map(|place| comparison.outcome(place)).collect();
    (comparison.verdict(), outcomes, comparison.missing())
}

#[test]
fn each_element_has_alternatives_of_its_own() {
    let (other, another) = ([8; 48], [9; 48]);
    let both = [state(1, &other), state(1, &ROM), state(2, &FIRMWARE), state(2, &another)];
    assert_eq!(appraise(&both), (Verdict::Match, [Outcome::Match; 2].to_vec(), 0));
    let one = [state(1, &other), state(1, &another), state(2, &FIRMWARE), state(2, &another)];
    let outcomes = [Outcome::Mismatch, Outcome::Match].to_vec();
    assert_eq!(appraise(&one), (Verdict::Mismatch, outcomes, 0));
}

#[test]
fn an_element_with_alternatives_that_is_not_there_is_missing() {
    let states = [state(1, &ROM), state(77, &ROM), state(77, &FIRMWARE)];
    let outcomes = [Outcome::Match, Outcome::None].to_vec();
    assert_eq!(appraise(&states), (Verdict::Mismatch, outcomes, 2));
}
