//! The rules of comparison.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{Dialect, Environment, Environments, EvidenceKey, Extent, Outcome, Verdict};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;

use crate::build::{
    array, bytes, class, corim, digests, map, measurement, tag, text, triple, uint,
};
use crate::setting::{CONFIGURATION, DEVICE, FIRMWARE, ROM, SVN, Setting, read, read_as, verdict};

fn rom(value: &[u8; 48]) -> Vec<u8> {
    measurement(1, &[(2, digests(&[(7, value)]))])
}

fn firmware(value: &[u8; 48]) -> Vec<u8> {
    measurement(2, &[(2, digests(&[(7, value)]))])
}

fn widget(measurements: &[Vec<u8>]) -> Vec<u8> {
    triple(class("ACME", "WIDGET"), measurements)
}

fn outcomes(file: &[u8]) -> (Verdict, Vec<Outcome>) {
    Setting::default().appraise(&read(file).unwrap())
}

/// The verdict on one measurement with these claims.
fn of(index: u64, mval: &[(i64, Vec<u8>)]) -> Verdict {
    verdict(&corim(&[widget(&[measurement(index, mval)])]))
}

#[test]
fn na6_two_states_half_right() {
    let file = corim(&[
        widget(&[rom(&ROM), firmware(&[9; 48])]),
        widget(&[rom(&[9; 48]), firmware(&FIRMWARE)]),
    ]);
    let (verdict, outcomes) = outcomes(&file);
    assert_eq!(verdict, Verdict::Mismatch);
    assert_eq!(outcomes, [Outcome::Mismatch, Outcome::Mismatch, Outcome::None, Outcome::None]);
}

#[test]
fn one_of_several_states_suffices() {
    let file = corim(&[
        widget(&[rom(&[9; 48]), firmware(&[9; 48])]),
        widget(&[rom(&ROM), firmware(&FIRMWARE)]),
    ]);
    let (verdict, outcomes) = outcomes(&file);
    assert_eq!(verdict, Verdict::Match);
    assert_eq!(outcomes, [Outcome::Match, Outcome::Match, Outcome::None, Outcome::None]);
}

#[test]
fn one_element_that_differs_is_enough_to_fail() {
    let file = corim(&[widget(&[rom(&ROM)]), widget(&[firmware(&[9; 48])])]);
    let (verdict, outcomes) = outcomes(&file);
    assert_eq!(verdict, Verdict::Mismatch);
    assert_eq!(outcomes, [Outcome::Match, Outcome::Mismatch, Outcome::None, Outcome::None]);
}

#[test]
fn an_element_that_is_not_there_is_missing() {
    let absent = measurement(77, &[(2, digests(&[(7, &ROM)]))]);
    let alone = corim(&[widget(&[rom(&ROM)]), widget(core::slice::from_ref(&absent))]);
    assert_eq!(verdict(&alone), Verdict::Mismatch);
    let part = Setting { extent: Extent::Part, ..Setting::default() };
    assert_eq!(part.appraise(&read(&alone).unwrap()).0, Verdict::Match);
    let nothing_else = corim(&[widget(core::slice::from_ref(&absent))]);
    assert_eq!(part.appraise(&read(&nothing_else).unwrap()).0, Verdict::Mismatch);
    // Another variant of the firmware, to which a state that matches is the alternative.
    let variant = corim(&[widget(&[rom(&ROM)]), widget(&[rom(&[9; 48]), absent])]);
    assert_eq!(verdict(&variant), Verdict::Match);
}

#[test]
fn na7_min_svn_against_a_digest_block() {
    assert_eq!(of(1, &[(1, tag(553, uint(0)))]), Verdict::Mismatch);
    assert_eq!(of(1, &[(1, uint(1))]), Verdict::Mismatch);
    // And against a raw block that is no SVN.
    assert_eq!(of(3, &[(1, tag(553, uint(0)))]), Verdict::Mismatch);
}

#[test]
fn svn_is_exact_or_at_least() {
    let svn = u64::from(SVN);
    for (expected, outcome) in [
        (uint(svn), Verdict::Match),
        (uint(svn - 1), Verdict::Mismatch),
        (uint(svn + 1), Verdict::Mismatch),
        (tag(552, uint(svn)), Verdict::Match),
        (tag(552, uint(svn - 1)), Verdict::Mismatch),
        (tag(553, uint(svn)), Verdict::Match),
        (tag(553, uint(svn - 1)), Verdict::Match),
        (tag(553, uint(svn + 1)), Verdict::Mismatch),
    ] {
        assert_eq!(of(4, &[(1, expected.clone())]), outcome, "{expected:x?}");
    }
}

#[test]
fn na8_a_digest_against_a_raw_block_with_the_same_bytes() {
    assert_eq!(of(3, &[(2, digests(&[(7, &CONFIGURATION)]))]), Verdict::Mismatch);
    assert_eq!(of(1, &[(4, tag(560, bytes(&ROM)))]), Verdict::Mismatch);
    assert_eq!(of(3, &[(4, tag(560, bytes(&CONFIGURATION)))]), Verdict::Match);
}

#[test]
fn na9_another_model_with_the_same_indices_does_not_pass() {
    for other in [
        class("ACME", "GADGET"),
        class("EMCA", "WIDGET"),
        map(&[(0, map(&[(1, text("ACME")), (2, text("WIDGET")), (3, uint(0))]))]),
        map(&[(0, map(&[(0, tag(560, bytes(&[1]))), (1, text("ACME")), (2, text("WIDGET"))]))]),
        map(&[(0, map(&[(1, text("ACME")), (2, text("WIDGET"))])), (1, tag(550, bytes(&[1])))]),
        map(&[(0, map(&[(1, text("ACME")), (2, text("WIDGET"))])), (9, uint(1))]),
        map(&[(0, map(&[(1, text("ACME")), (2, text("WIDGET")), (9, uint(1))]))]),
    ] {
        let file = corim(&[triple(other, &[rom(&ROM), firmware(&FIRMWARE)])]);
        let (verdict, outcomes) = outcomes(&file);
        assert_eq!(verdict, Verdict::NotAbout { states: 1 });
        assert_eq!(outcomes, [Outcome::None; 4]);
        assert!(
            verdict.to_string().contains("none of the 1 reference states is about this device")
        );
    }
    // What the device has beyond is ignored.
    let file = corim(&[triple(map(&[(0, map(&[(1, text("ACME"))]))]), &[rom(&ROM)])]);
    assert_eq!(verdict(&file), Verdict::Match);
}

#[test]
fn an_unknown_device_is_undecidable_among_several() {
    let unknown = || Setting { environments: Environments::Known(&[]), ..Setting::default() };
    let any = Setting { environments: Environments::Any, ..Setting::default() };
    let several = corim(&[widget(&[rom(&ROM)]), triple(class("ACME", "GADGET"), &[rom(&ROM)])]);
    let verdict = unknown().appraise(&read(&several).unwrap()).0;
    assert_eq!(verdict, Verdict::Undecidable { states: 2 });
    assert_eq!(any.appraise(&read(&several).unwrap()).0, Verdict::Match);
    let one = corim(&[widget(&[rom(&ROM)]), widget(&[firmware(&FIRMWARE)])]);
    assert_eq!(unknown().appraise(&read(&one).unwrap()).0, Verdict::Match);
}

#[test]
fn any_of_several_environments_of_a_device_serves() {
    let dice = Environment { vendor: Some("ACME"), layer: Some(2), ..Environment::default() };
    let both = [DEVICE, dice];
    let setting = Setting { environments: Environments::Known(&both), ..Setting::default() };
    let layered = map(&[(0, map(&[(1, text("ACME")), (3, uint(2))]))]);
    let file = corim(&[triple(layered, &[rom(&ROM)])]);
    assert_eq!(setting.appraise(&read(&file).unwrap()).0, Verdict::Match);
    // Not a bit of each.
    let mixed = map(&[(0, map(&[(2, text("WIDGET")), (3, uint(2))]))]);
    let file = corim(&[triple(mixed, &[rom(&ROM)])]);
    assert_eq!(setting.appraise(&read(&file).unwrap()).0, Verdict::NotAbout { states: 1 });
}

#[test]
fn digests_have_an_algorithm_in_common_and_agree_in_all() {
    for (all, outcome) in [
        (digests(&[(7, &ROM), (1, &[5; 32])]), Verdict::Match),
        (digests(&[(1, &[5; 32])]), Verdict::Mismatch),
        (digests(&[(99, &ROM)]), Verdict::Mismatch),
        (digests(&[(7, &ROM), (7, &ROM)]), Verdict::Mismatch),
        (digests(&[(7, &ROM), (99, &[1]), (99, &[2])]), Verdict::Mismatch),
        // SHA3-384, of the same length.
        (digests(&[(11, &ROM)]), Verdict::Mismatch),
        (array(&[array(&[text("sha-384"), bytes(&ROM)])]), Verdict::Match),
        (array(&[array(&[text("SHA-384"), bytes(&ROM)])]), Verdict::Mismatch),
    ] {
        assert_eq!(of(1, &[(2, all.clone())]), outcome, "{all:x?}");
    }
}

#[test]
fn raw_values_are_compared_under_the_mask() {
    let masked = |value: &[u8], mask: &[u8]| tag(563, array(&[bytes(value), bytes(mask)]));
    let mut other = CONFIGURATION;
    other[0] = 0xFF;
    let mut mask = [0xFF; 48];
    assert_eq!(of(3, &[(4, masked(&CONFIGURATION, &mask))]), Verdict::Match);
    assert_eq!(of(3, &[(4, masked(&other, &mask))]), Verdict::Mismatch);
    mask[0] = 0;
    assert_eq!(of(3, &[(4, masked(&other, &mask))]), Verdict::Match);
    assert_eq!(of(3, &[(4, tag(560, bytes(&other))), (5, bytes(&mask))]), Verdict::Match);
    assert_eq!(of(3, &[(4, masked(&CONFIGURATION[1..], &mask[1..]))]), Verdict::Mismatch);
    assert_eq!(of(3, &[(4, tag(560, bytes(&CONFIGURATION[1..])))]), Verdict::Mismatch);
}

#[test]
fn every_attribute_must_be_there() {
    let rom = (2, digests(&[(7, &ROM)]));
    for more in [
        (0, map(&[(0, text("1"))])),
        (1, uint(1)),
        (3, map(&[(3, vec![0xF4])])),
        (4, tag(560, bytes(&ROM))),
        (6, bytes(&[1; 6])),
        (7, bytes(&[1; 4])),
        (8, text("1")),
        (9, bytes(&[1])),
        (10, bytes(&[1; 16])),
        (11, text("ROM")),
        (13, array(&[tag(560, bytes(&[1]))])),
        (14, map(&[(0, digests(&[(7, &ROM)]))])),
        (15, uint(1)),
        (16, uint(1)),
        (-1, uint(1)),
    ] {
        assert_eq!(of(1, &[rom.clone(), more.clone()]), Verdict::Mismatch, "{more:x?}");
    }
    assert_eq!(of(1, &[rom]), Verdict::Match);
}

#[test]
fn an_entry_of_a_measurement_that_is_not_known_matches_nothing() {
    let claims = map(&[(2, digests(&[(7, &ROM)]))]);
    let value = map(&[(0, uint(1)), (1, claims), (9, uint(1))]);
    assert_eq!(verdict(&corim(&[widget(&[value])])), Verdict::Mismatch);
}

#[test]
fn element_ids_are_equal() {
    let claims = (1, map(&[(2, digests(&[(7, &ROM)]))]));
    for key in [
        text("1"),
        tag(111, bytes(&[1])),
        tag(37, bytes(&[1; 16])),
        uint(1 + (1 << 8)),
        uint(1 << 32),
    ] {
        let file = corim(&[widget(&[map(&[(0, key), claims.clone()])])]);
        assert_eq!(verdict(&file), Verdict::Mismatch);
    }
    assert_eq!(verdict(&corim(&[widget(&[map(&[claims])])])), Verdict::Mismatch);
}

#[test]
fn authorized_by_is_a_key_of_the_evidence() {
    let key_info = crate::testing::key("Leaf").to_spki_der();
    let certificate = crate::testing::certificates(0).remove(1);
    let keys = [EvidenceKey { key_info: &key_info, certificate: &certificate }];
    let setting = Setting { keys: &keys, ..Setting::default() };
    let digest = |of: &[u8]| {
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[of]).unwrap();
        array(&[uint(1), bytes(digest.as_bytes())])
    };
    let pem =
        |label, der| pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der).unwrap();
    let base64: String =
        pem("PUBLIC KEY", &key_info).lines().filter(|l| !l.starts_with('-')).collect();
    for (key, outcome) in [
        (tag(554, text(&pem("PUBLIC KEY", &key_info))), Verdict::Match),
        (tag(554, text(&base64)), Verdict::Match),
        (tag(554, text(&base64[..base64.len() - 1])), Verdict::Mismatch),
        (tag(554, text("")), Verdict::Mismatch),
        (tag(555, text(&pem("CERTIFICATE", &certificate))), Verdict::Match),
        (tag(557, digest(&key_info)), Verdict::Match),
        (tag(557, digest(&certificate)), Verdict::Mismatch),
        (tag(559, digest(&certificate)), Verdict::Match),
        (tag(561, digest(&certificate)), Verdict::Mismatch),
        (tag(562, bytes(&certificate)), Verdict::Match),
        (tag(562, bytes(&[])), Verdict::Mismatch),
        (tag(560, bytes(&key_info)), Verdict::Mismatch),
    ] {
        let with = |keys: &[Vec<u8>]| {
            let claims = map(&[(2, digests(&[(7, &ROM)]))]);
            corim(&[widget(&[map(&[(0, uint(1)), (1, claims), (2, array(keys))])])])
        };
        let file = with(core::slice::from_ref(&key));
        assert_eq!(setting.appraise(&read(&file).unwrap()).0, outcome, "{key:x?}");
        // Without a key of the evidence nothing is authorized, and one of two is not both.
        assert_eq!(verdict(&file), Verdict::Mismatch);
        let both = with(&[key, tag(557, digest(&[1]))]);
        assert_eq!(setting.appraise(&read(&both).unwrap()).0, Verdict::Mismatch);
    }
}

#[test]
fn no_certificate_is_no_certificate_of_the_evidence() {
    let keys = [EvidenceKey { key_info: &[], certificate: &[] }];
    let setting = Setting { keys: &keys, ..Setting::default() };
    for key in [tag(554, text("")), tag(555, text("")), tag(562, bytes(&[]))] {
        let claims = map(&[(2, digests(&[(7, &ROM)]))]);
        let value = map(&[(0, uint(1)), (1, claims), (2, array(&[key]))]);
        let file = corim(&[widget(&[value])]);
        assert_eq!(setting.appraise(&read(&file).unwrap()).0, Verdict::Mismatch);
    }
}

#[test]
fn the_index_of_the_class_serves_where_no_measurement_has_a_key() {
    let indexed = |index| {
        let class = [(1, text("ACME")), (2, text("WIDGET")), (3, uint(1)), (4, uint(index))];
        map(&[(0, map(&class))])
    };
    let bare = |value| map(&[(1, map(&[(2, digests(&[(7, value)]))]))]);
    let file = corim(&[triple(indexed(1), &[bare(&ROM)]), triple(indexed(2), &[bare(&FIRMWARE)])]);
    let appraise =
        |file: &[u8], dialect| Setting::default().appraise(&read_as(file, dialect).unwrap()).0;
    assert_eq!(appraise(&file, Dialect::Compatible), Verdict::Match);
    assert_eq!(appraise(&file, Dialect::Strict), Verdict::NotAbout { states: 2 });
    let one_has =
        corim(&[triple(indexed(1), &[bare(&ROM)]), triple(indexed(2), &[firmware(&FIRMWARE)])]);
    assert_eq!(appraise(&one_has, Dialect::Compatible), Verdict::NotAbout { states: 2 });
}
