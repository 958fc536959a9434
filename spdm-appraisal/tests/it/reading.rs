//! Hostile and unusual CBOR.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{Dialect, Error, MAX_FILE, ReadError, Rule, Verdict};

use crate::build::{
    array, bytes, class, corim, corim_map, digests, map, measurement, tag, text, triple, uint,
};
use crate::setting::{ROM, read, read_as, verdict};

fn rom() -> Vec<u8> {
    measurement(1, &[(2, digests(&[(7, &ROM)]))])
}

fn good() -> Vec<u8> {
    corim(&[triple(class("ACME", "WIDGET"), &[rom()])])
}

fn error_of(file: &[u8]) -> ReadError {
    match read(file) {
        Err(Error::Read(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_file_is_read() {
    let file = good();
    let corim = read(&file).unwrap();
    assert_eq!((corim.state_count(), corim.states().count()), (1, 1));
    assert_eq!(verdict(&file), Verdict::Match);
}

#[test]
fn na1_every_prefix_is_refused() {
    let file = good();
    for len in 0..file.len() {
        let error = error_of(&file[..len]);
        assert!(error.at <= len, "{len}: {error}");
    }
}

#[test]
fn na1_no_one_byte_mutant_panics() {
    let file = good();
    for at in 0..file.len() {
        for value in 0..=u8::MAX {
            let mut mutant = file.clone();
            mutant[at] = value;
            for dialect in [Dialect::Strict, Dialect::Compatible] {
                if let Ok(corim) = read_as(&mutant, dialect) {
                    let _ = crate::setting::Setting::default().appraise(&corim);
                }
            }
        }
    }
}

#[test]
fn na2_depth_of_a_hundred_thousand() {
    let mut deep = vec![0x81; 100_000];
    deep.push(0);
    let file = corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &[(99, deep)]);
    assert_eq!(error_of(&file).rule, Rule::Depth);
    let tags =
        corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &[(99, vec![0xC1; 100_000])]);
    assert_eq!(error_of(&tags).rule, Rule::Depth);
    let maps = corim_map(
        &[triple(class("ACME", "WIDGET"), &[rom()])],
        &[(99, [0xA1, 0x00].repeat(50_000))],
    );
    assert_eq!(error_of(&maps).rule, Rule::Depth);
}

#[test]
fn na2_array_of_a_tebi() {
    let huge = [&[0x9B, 0, 0, 1, 0, 0, 0, 0, 0][..], &[0]].concat();
    let file = corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &[(99, huge.clone())]);
    assert_eq!(error_of(&file).rule, Rule::Truncated);
    let tags = tag(501, map(&[(0, text("x")), (1, huge)]));
    assert_eq!(error_of(&tags).rule, Rule::Truncated);
}

#[test]
fn na2_one_byte_above_a_mebibyte() {
    let mut file = good();
    file.resize(MAX_FILE + 1, 0);
    assert_eq!(error_of(&file).rule, Rule::TooLarge);
    file.truncate(MAX_FILE);
    assert_eq!(error_of(&file).rule, Rule::Trailing);
}

#[test]
fn na2_more_measurements_than_the_limit() {
    let many: Vec<_> = (0..4097).map(|_| rom()).collect();
    let file = corim(&[triple(class("ACME", "WIDGET"), &many)]);
    assert_eq!(error_of(&file).rule, Rule::TooManyMeasurements);
    let file = corim(&[triple(class("ACME", "WIDGET"), &many[..4096])]);
    assert_eq!(read(&file).unwrap().state_count(), 1);
}

#[test]
fn keys_that_occur_twice_are_refused_at_every_level() {
    let measured = map(&[(0, uint(1)), (0, uint(2)), (1, map(&[(1, uint(7))]))]);
    let claimed = measurement(4, &[(1, uint(7)), (1, uint(7))]);
    let triple_of = |measurement| corim(&[triple(class("ACME", "WIDGET"), &[measurement])]);
    let environment = map(&[(0, map(&[(1, text("ACME")), (1, text("ACME"))]))]);
    for file in [
        corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &[(0, text("x"))]),
        corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &[(-9, uint(1)), (-9, uint(1))]),
        triple_of(measured),
        triple_of(claimed),
        corim(&[triple(environment, &[rom()])]),
    ] {
        assert_eq!(error_of(&file).rule, Rule::Duplicate);
    }
    // The same key in a longer encoding.
    let mut longer = vec![0xA2, 0x01, 0x07, 0x18, 0x01, 0x07];
    longer = [&[0xA2, 0x00, 0x04, 0x01][..], &longer].concat();
    assert_eq!(error_of(&triple_of(longer)).rule, Rule::Duplicate);
}

#[test]
fn a_map_has_a_bounded_number_of_unknown_keys() {
    let unknown: Vec<_> = (100..140).map(|key| (key, uint(0))).collect();
    let file = corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &unknown);
    assert_eq!(error_of(&file).rule, Rule::TooManyKeys);
    let file = corim_map(&[triple(class("ACME", "WIDGET"), &[rom()])], &unknown[..20]);
    assert_eq!(read(&file).unwrap().ignored().entries, 20);
}

#[test]
fn lists_and_maps_of_indefinite_length_are_read() {
    let open = |kind: u8, content: &[u8]| [&[kind][..], content, &[0xFF]].concat();
    let (list, entries) = (0x9F, 0xBF);
    let mval = open(entries, &[uint(2), open(list, &digests(&[(7, &ROM)])[1..])].concat());
    let measured = open(entries, &[uint(0), uint(1), uint(1), mval].concat());
    let triple = open(list, &[class("ACME", "WIDGET"), open(list, &measured)].concat());
    assert_eq!(verdict(&corim(&[triple])), Verdict::Match);
    let chunked = [&[0x5F][..], &bytes(&ROM), &[0xFF]].concat();
    let chunked = measurement(1, &[(2, array(&[array(&[uint(7), chunked])]))]);
    let file = corim(&[crate::build::triple(class("ACME", "WIDGET"), &[chunked])]);
    assert_eq!(error_of(&file).rule, Rule::Chunked);
}

#[test]
fn bytes_behind_a_module_are_refused() {
    let comid = map(&[
        (1, map(&[(0, text("tag"))])),
        (4, map(&[(0, array(&[triple(class("ACME", "WIDGET"), &[rom()])]))])),
    ]);
    let behind = [comid, vec![0]].concat();
    let file = tag(501, map(&[(0, text("x")), (1, array(&[tag(506, bytes(&behind))]))]));
    assert_eq!(error_of(&file).rule, Rule::Trailing);
}

#[test]
fn what_must_be_there_is_demanded() {
    let triples = [triple(class("ACME", "WIDGET"), &[rom()])];
    let of = |measurement: Vec<u8>| corim(&[triple(class("ACME", "WIDGET"), &[measurement])]);
    let cases = [
        (tag(501, map(&[(1, array(&[tag(505, bytes(&[0xA0]))]))])), Rule::Missing),
        (tag(501, map(&[(0, text("x"))])), Rule::Missing),
        (tag(501, map(&[(0, text("x")), (1, array(&[]))])), Rule::Empty),
        (corim(&[]), Rule::Empty),
        (corim(&[array(&[class("a", "b")])]), Rule::Missing),
        (corim(&[array(&[class("a", "b"), array(&[])])]), Rule::Empty),
        (corim(&[array(&[map(&[]), array(&[rom()])])]), Rule::Empty),
        (corim(&[array(&[class("a", "b"), array(&[rom()]), uint(0)])]), Rule::Excess),
        (of(map(&[(0, uint(1))])), Rule::Missing),
        (of(measurement(1, &[])), Rule::Empty),
        (of(measurement(1, &[(2, array(&[]))])), Rule::Empty),
        (of(measurement(1, &[(2, digests(&[(7, &ROM[..47])]))])), Rule::Length),
        (of(measurement(1, &[(4, tag(563, array(&[bytes(&[1, 2]), bytes(&[1])])))])), Rule::Mask),
        (of(measurement(1, &[(5, bytes(&[1]))])), Rule::Mask),
        (of(measurement(1, &[(4, tag(560, bytes(&[1, 2]))), (5, bytes(&[1]))])), Rule::Mask),
        (corim_map(&triples, &[(4, map(&[(0, tag(1, uint(1)))]))]), Rule::Missing),
        (corim_map(&triples, &[(4, map(&[(1, uint(1))]))]), Rule::Time),
        (corim_map(&triples, &[(4, map(&[(1, tag(1, uint(1)))]))]), Rule::Expired),
        (
            corim_map(
                &triples,
                &[(4, map(&[(0, tag(1, uint(1 << 40))), (1, tag(1, uint(1 << 41)))]))],
            ),
            Rule::NotYetValid,
        ),
    ];
    for (number, (file, rule)) in cases.into_iter().enumerate() {
        assert_eq!(error_of(&file).rule, rule, "case {number}");
    }
}

#[test]
fn na5_an_unknown_profile_refuses_the_file() {
    let triples = [triple(class("ACME", "WIDGET"), &[rom()])];
    for profile in [tag(32, text("tag:example.com,2026:x")), tag(111, bytes(&[0x2B, 1]))] {
        let file = corim_map(&triples, &[(3, profile)]);
        assert_eq!(error_of(&file).rule, Rule::Profile);
    }
}

#[test]
fn na10_spdm_indirect_in_a_reference_is_refused() {
    let indirect = map(&[(0, array(&[uint(1)]))]);
    let file = corim(&[triple(class("ACME", "WIDGET"), &[measurement(1, &[(12, indirect)])])]);
    let error = error_of(&file);
    assert_eq!((error.rule, error.rule.clause()), (Rule::Indirect, "spdm-indirect"));
}

#[test]
fn what_is_not_read_is_counted() {
    let comid = |key| {
        let triples = map(&[(key, array(&[array(&[uint(0)])]))]);
        tag(506, bytes(&map(&[(1, map(&[(0, text("t"))])), (4, triples)])))
    };
    let tags = array(&[tag(505, bytes(&[0xA0])), tag(508, bytes(&[0xA0])), comid(10), comid(3)]);
    let file = tag(501, map(&[(0, text("x")), (1, tags)]));
    let corim = read(&file).unwrap();
    let ignored = corim.ignored();
    assert_eq!((ignored.coswids, ignored.tags, ignored.triples), (1, 1, 2));
    assert_eq!(corim.states().count(), 0);
    assert_eq!(verdict(&file), Verdict::NotAbout { states: 0 });
}

#[test]
fn an_error_says_field_and_byte() {
    let file = corim(&[triple(class("ACME", "WIDGET"), &[measurement(1, &[(1, text("7"))])])]);
    let error = error_of(&file);
    assert_eq!((error.rule, error.field), (Rule::Type, "svn"));
    assert_eq!(file[error.at], 0x61);
    assert_eq!(
        std::format!("{error}"),
        std::format!("svn: it is of another type than expected (byte {})", error.at)
    );
}
