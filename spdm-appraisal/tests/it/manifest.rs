//! spdm-toc and concise evidence.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{
    Comparison, Element, ElementId, Environments, Evidence, Extent, ReadError, Rule, SpdmToc,
    Verdict, record_elements,
};
use spdm_codec::{MeasurementRecord, MeasurementType};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;

use crate::build::{
    array, bytes, class, corim, digests, map, measurement, tag, text, triple, uint,
};
use crate::setting::{CONFIGURATION, DEVICE, FIRMWARE, ROM, SVN, read, record};

const FREEFORM: MeasurementType = MeasurementType::FreeformManifest;
const STRUCTURED: MeasurementType = MeasurementType::StructuredManifest;

fn evidence(measurements: &[Vec<u8>]) -> Vec<u8> {
    let triples = array(&[triple(class("ACME", "WIDGET"), measurements)]);
    tag(571, map(&[(0, map(&[(0, triples)]))]))
}

fn toc(measurements: &[Vec<u8>]) -> Vec<u8> {
    tag(570, map(&[(0, array(&[evidence(measurements)]))]))
}

fn indirect(indices: &[u64]) -> (i64, Vec<u8>) {
    let indices: Vec<_> = indices.iter().map(|index| uint(*index)).collect();
    (12, map(&[(0, array(&indices))]))
}

/// What the elements of a table of contents are, or why there are none.
fn elements<T>(toc: &[u8], look: impl FnOnce(&[Element<'_>]) -> T) -> Result<T, ReadError> {
    let record = record();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
    let mut places = [Element::EMPTY; 16];
    record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
    let toc = SpdmToc::read(Untrusted::new(toc), FREEFORM)?;
    toc.elements(4, &mut places).map(look)
}

fn rule_of(toc: &[u8]) -> Rule {
    elements(toc, |_| ()).unwrap_err().rule
}

/// The verdict on a record without an environment of its own, with this table of contents.
fn verdict(toc: &[u8], reference: &[Vec<u8>]) -> Verdict {
    let file = corim(&[triple(class("ACME", "WIDGET"), reference)]);
    let corim = read(&file).unwrap();
    elements(toc, |elements| {
        let environments = Environments::Known(&[]);
        let evidence = Evidence { environments, elements, keys: &[], extent: Extent::Whole };
        Comparison::new(&evidence, corim.states(), &PROVIDER).unwrap().verdict()
    })
    .unwrap()
}

#[test]
fn what_is_indirect_has_the_claims_of_the_block() {
    let toc = toc(&[
        map(&[(1, map(&[(11, text("ROM")), indirect(&[1])]))]),
        map(&[(0, text("fw")), (1, map(&[indirect(&[2])]))]),
        map(&[(1, map(&[(1, tag(552, uint(SVN.into()))), indirect(&[4])]))]),
    ]);
    elements(&toc, |elements| {
        assert_eq!(elements.len(), 7);
        assert!(elements[4..].iter().all(|element| element.environment == Some(DEVICE)));
        assert_eq!(elements[4].id, ElementId::Index(1));
        assert_eq!(elements[4].claims.name, Some("ROM"));
        assert_eq!(elements[5].id, ElementId::Name("fw"));
        assert!(elements[6].claims.svn.is_some() && elements[6].claims.raw.is_some());
    })
    .unwrap();
    let rom = |value: &[u8]| measurement(1, &[(2, digests(&[(7, value)])), (11, text("ROM"))]);
    assert_eq!(verdict(&toc, &[rom(&ROM)]), Verdict::Match);
    assert_eq!(verdict(&toc, &[rom(&FIRMWARE)]), Verdict::Mismatch);
    let firmware = map(&[(0, text("fw")), (1, map(&[(2, digests(&[(7, &FIRMWARE)]))]))]);
    assert_eq!(verdict(&toc, &[firmware]), Verdict::Match);
}

#[test]
fn na10_an_index_that_is_not_in_the_record_or_the_manifest_itself() {
    let of = |indices: &[u64]| toc(&[map(&[(1, map(&[indirect(indices)]))])]);
    assert!(elements(&of(&[1, 2]), |elements| elements.len()).is_ok_and(|len| len == 6));
    assert_eq!(rule_of(&of(&[5])), Rule::IndirectIndex);
    assert_eq!(rule_of(&of(&[1, 5])), Rule::IndirectIndex);
    assert_eq!(rule_of(&of(&[0xFD])), Rule::IndirectIndex);
    assert_eq!(rule_of(&of(&[0])), Rule::Range);
    assert_eq!(rule_of(&of(&[0xFF])), Rule::Range);
    assert_eq!(rule_of(&of(&[])), Rule::Empty);
}

#[test]
fn na10_a_manifest_that_points_to_itself() {
    let toc = toc(&[map(&[(1, map(&[indirect(&[0xFD])]))])]);
    let mut places = [Element::EMPTY; 4];
    places[0].id = ElementId::Index(0xFD);
    let read = SpdmToc::read(Untrusted::new(&toc), FREEFORM).unwrap();
    assert_eq!(read.elements(1, &mut places).unwrap_err().rule, Rule::IndirectIndex);
}

#[test]
fn an_algorithm_that_both_name_and_nobody_knows_matches_nothing() {
    let unknown = map(&[(0, text("fw")), (1, map(&[(2, digests(&[(99, &ROM)]))]))]);
    assert_eq!(verdict(&toc(core::slice::from_ref(&unknown)), &[unknown]), Verdict::Mismatch);
}

#[test]
fn a_block_is_not_of_the_environment_that_a_manifest_names() {
    // The table is about ACME WIDGET and has no block 2; nothing says that the record is.
    let rom = measurement(1, &[(2, digests(&[(7, &ROM)]))]);
    let firmware = measurement(2, &[(2, digests(&[(7, &FIRMWARE)]))]);
    assert_eq!(verdict(&toc(core::slice::from_ref(&rom)), &[rom, firmware]), Verdict::Mismatch);
}

#[test]
fn a_manifest_cannot_make_up_for_a_block() {
    let rom = |value: &[u8]| measurement(1, &[(2, digests(&[(7, value)]))]);
    let (honest, liar) = (toc(&[rom(&ROM)]), toc(&[rom(&[9; 48])]));
    let judge = |toc: &[u8], value: &[u8]| {
        let file = corim(&[triple(class("ACME", "WIDGET"), &[rom(value)])]);
        let corim = read(&file).unwrap();
        elements(toc, |elements| {
            let environments = Environments::Known(&[DEVICE]);
            let evidence = Evidence { environments, elements, keys: &[], extent: Extent::Whole };
            Comparison::new(&evidence, corim.states(), &PROVIDER).unwrap().verdict()
        })
    };
    assert_eq!(judge(&honest, &ROM), Ok(Verdict::Match));
    // The reference is what the manifest says, and not what the block says, or the other way round.
    assert_eq!(judge(&liar, &[9; 48]), Ok(Verdict::Mismatch));
    assert_eq!(judge(&liar, &ROM), Ok(Verdict::Mismatch));
}

#[test]
fn a_value_beside_must_be_that_of_the_block() {
    for (index, beside) in [
        (1, (2, digests(&[(7, &FIRMWARE)]))),
        (4, (1, uint(8))),
        (4, (1, tag(553, uint(7)))),
        (3, (4, tag(560, bytes(&ROM)))),
    ] {
        let toc = toc(&[map(&[(1, map(&[beside, indirect(&[index])]))])]);
        assert_eq!(rule_of(&toc), Rule::IndirectDiffers);
    }
    let same = toc(&[map(&[(1, map(&[(4, tag(560, bytes(&CONFIGURATION))), indirect(&[3])]))])]);
    assert!(elements(&same, |_| ()).is_ok());
}

#[test]
fn forms_of_the_manifest() {
    let tagged = toc(&[measurement(1, &[(1, uint(1))])]);
    let content = &tagged[3..];
    let read = |bytes: &[u8], kind| {
        SpdmToc::read(Untrusted::new(bytes), kind).map(|toc| toc.has_header()).map_err(|e| e.rule)
    };
    let headed =
        |vendor: &[u8]| [&[0x0A, u8::try_from(vendor.len()).unwrap()], vendor, content].concat();
    assert_eq!(read(&tagged, FREEFORM), Ok(false));
    assert_eq!(read(&headed(&[0xD9, 0x02, 0x3A]), STRUCTURED), Ok(true));
    assert_eq!(read(&tagged, STRUCTURED), Ok(false));
    for (bytes, kind) in [
        (headed(&[0xD2]), STRUCTURED),
        (headed(&[0xD9, 0x02, 0x3A]), FREEFORM),
        (tagged.clone(), MeasurementType::MutableFirmware),
        (vec![0x0A, 0xFF], STRUCTURED),
        (Vec::new(), FREEFORM),
        (Vec::new(), STRUCTURED),
    ] {
        assert_eq!(read(&bytes, kind), Err(Rule::NotToc));
    }
    assert_eq!(read(&headed(&[0xD9, 0x02, 0x3A, 0]), STRUCTURED), Err(Rule::Trailing));
    assert_eq!(read(&[&tagged[..], &[0]].concat(), FREEFORM), Err(Rule::Trailing));
}

#[test]
fn na5_an_unknown_profile_refuses_the_table() {
    let evidence_of = |more: &[(i64, Vec<u8>)]| {
        let triples = array(&[triple(class("a", "b"), &[measurement(1, &[(1, uint(1))])])]);
        tag(571, map(&[&[(0, map(&[(0, triples)]))], more].concat()))
    };
    let profile = (2, tag(111, bytes(&[0x2B])));
    let inner = tag(570, map(&[(0, array(&[evidence_of(core::slice::from_ref(&profile))]))]));
    let outer = tag(570, map(&[(0, array(&[evidence_of(&[])])), profile]));
    assert_eq!((rule_of(&inner), rule_of(&outer)), (Rule::Profile, Rule::Profile));
}

#[test]
fn what_must_be_there_is_demanded() {
    for (toc, rule) in [
        (tag(570, map(&[])), Rule::Missing),
        (tag(570, map(&[(0, array(&[]))])), Rule::Empty),
        (tag(570, map(&[(0, array(&[map(&[])]))])), Rule::Type),
        (tag(570, map(&[(0, array(&[tag(571, map(&[]))]))])), Rule::Missing),
        (toc(&[]), Rule::Empty),
        (toc(&[map(&[(0, uint(1))])]), Rule::Missing),
    ] {
        assert_eq!(rule_of(&toc), rule);
    }
    let many: Vec<_> = (0..13).map(|_| measurement(1, &[(1, uint(1))])).collect();
    assert!(elements(&toc(&many[..12]), |_| ()).is_ok());
    assert_eq!(rule_of(&toc(&many)), Rule::TooManyElements);
}

#[test]
fn na1_prefixes_and_mutants_do_not_panic() {
    let toc = toc(&[
        map(&[(1, map(&[(11, text("ROM")), indirect(&[1])]))]),
        map(&[(1, map(&[(1, tag(552, uint(SVN.into()))), indirect(&[4])]))]),
    ]);
    for len in 0..toc.len() {
        assert!(elements(&toc[..len], |_| ()).is_err());
    }
    for at in 0..toc.len() {
        for value in 0..=u8::MAX {
            let mut mutant = toc.clone();
            mutant[at] = value;
            let _ = elements(&mutant, |_| ());
        }
    }
}
