//! spdm-toc and concise evidence.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{
    Claims, Comparison, Element, ElementId, Environments, Evidence, Extent, Manifest,
    ManifestBlock, RawValue, ReadError, Rule, Verdict, record_elements,
};
use spdm_codec::{DmtfMeasurement, MeasurementForm, MeasurementRecord, MeasurementType};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;

use crate::build::{
    array, bytes, class, corim, digests, map, measurement, tag, text, triple, uint,
};
use crate::setting::{CONFIGURATION, DEVICE, FIRMWARE, ROM, SVN, read, record};

const FREEFORM: MeasurementType = MeasurementType::FreeformManifest;
const STRUCTURED: MeasurementType = MeasurementType::StructuredManifest;

/// Reads what is in a manifest block.
fn manifest(
    index: u8,
    value: &[u8],
    value_type: MeasurementType,
) -> Result<Option<ManifestBlock<'_>>, ReadError> {
    let form = MeasurementForm::RawBitStream;
    ManifestBlock::read(index, &DmtfMeasurement { value_type, form, value })
}

/// The elements behind the first `count` of `places`.
fn add<'e, 'a>(
    block: &ManifestBlock<'a>,
    count: usize,
    places: &'e mut [Element<'a>],
) -> Result<&'e [Element<'a>], ReadError> {
    let mut len = count;
    for evidence in block.manifest.evidence() {
        len = evidence.elements(block.index, len, places)?.len();
    }
    Ok(&places[..len])
}

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
    let block = manifest(0xFD, toc, FREEFORM)?.unwrap();
    add(&block, 4, &mut places).map(look)
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
fn na10_a_manifest_that_points_to_itself_or_to_another() {
    let of = |index| toc(&[map(&[(1, map(&[indirect(&[index])]))])]);
    let token = tag(18, array(&[]));
    let rule = |holder: u8, target: u8, content: &[u8]| {
        let mut places = [Element::EMPTY; 4];
        let raw = Some(RawValue { value: content, mask: None });
        places[0].id = ElementId::Index(target.into());
        places[0].claims = Claims { raw, ..Claims::NOTHING };
        let toc = of(target.into());
        let block = manifest(holder, &toc, FREEFORM).unwrap().unwrap();
        // What the elements borrow lives as long as these.
        let mut all = [Element::EMPTY; 4];
        all[0] = places[0];
        add(&block, 1, &mut all).map(<[_]>::len).map_err(|error| error.rule)
    };
    assert_eq!(rule(0xFD, 0xFD, &token), Err(Rule::IndirectIndex));
    assert_eq!(rule(0xF0, 0xF0, &token), Err(Rule::IndirectIndex));
    // Of the block that DSP0274 has for manifests only a token says nothing of the record.
    assert_eq!(rule(0xF0, 0xFD, &token), Ok(2));
    assert_eq!(rule(0xF0, 0xFD, &of(1)), Err(Rule::IndirectIndex));
    assert_eq!(rule(0xF0, 0xFD, b"text"), Err(Rule::IndirectIndex));
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
    let evidence = evidence(&[measurement(1, &[(1, uint(1))])]);
    let token = array(&[]);
    let cwt = tag(61, tag(18, token.clone()));
    let described = |content: &[u8]| [&[0xD9, 0xD9, 0xF7], content].concat();
    let headed = |vendor: &[u8], content: &[u8]| {
        [&[0x0A, u8::try_from(vendor.len()).unwrap()], vendor, content].concat()
    };
    let kind_of = |bytes: &[u8], kind| {
        let read = manifest(0xFD, bytes, kind).map_err(|error| error.rule)?;
        Ok(read.map(|block| match block.manifest {
            Manifest::Toc(_) => ("toc", block.lacks_header),
            Manifest::Evidence(_) => ("evidence", block.lacks_header),
            Manifest::Token(_) => ("token", block.lacks_header),
            _ => panic!("another kind"),
        }))
    };
    for (bytes, kind, expected) in [
        (tagged.clone(), FREEFORM, Some(("toc", false))),
        (headed(&[0xD9, 0x02, 0x3A], content), STRUCTURED, Some(("toc", false))),
        (tagged.clone(), STRUCTURED, Some(("toc", true))),
        (described(&tagged), FREEFORM, Some(("toc", false))),
        (evidence.clone(), FREEFORM, Some(("evidence", false))),
        (tag(18, token.clone()), FREEFORM, Some(("token", false))),
        (headed(&[0xD2], &token), STRUCTURED, Some(("token", false))),
        (headed(&[0xD8, 0x3D], &tag(18, token.clone())), STRUCTURED, Some(("token", false))),
        (cwt.clone(), STRUCTURED, Some(("token", true))),
        (described(&cwt), STRUCTURED, Some(("token", true))),
        // Something else.
        (headed(&[0xD9, 0x02, 0x3A], content), FREEFORM, None),
        (headed(&[0xD9, 0x02, 0x3C], content), STRUCTURED, None),
        (headed(&[], content), STRUCTURED, None),
        (tagged.clone(), MeasurementType::MutableFirmware, None),
        (tag(501, uint(0)), FREEFORM, None),
        (described(&described(&tagged)), FREEFORM, None),
        (b"{\"manifest\": 1}".to_vec(), FREEFORM, None),
        (vec![0, 2, 1, 2], STRUCTURED, None),
        (vec![0xD9], FREEFORM, None),
        (Vec::new(), FREEFORM, None),
        (Vec::new(), STRUCTURED, None),
    ] {
        assert_eq!(kind_of(&bytes, kind), Ok(expected), "{bytes:02x?} {kind:?}");
    }
    for (bytes, kind, rule) in [
        (headed(&[0xD9, 0x02, 0x3A, 0], content), STRUCTURED, Rule::Trailing),
        ([&tagged[..], &[0]].concat(), FREEFORM, Rule::Trailing),
        (vec![0x0A, 0xFF], STRUCTURED, Rule::Truncated),
        (tag(61, tag(17, token)), FREEFORM, Rule::Tag),
        (vec![0xD9, 0x02, 0x3A], FREEFORM, Rule::Truncated),
    ] {
        assert_eq!(kind_of(&bytes, kind), Err(rule), "{bytes:02x?} {kind:?}");
    }
    // Of other blocks, and of digests, nothing is a manifest.
    assert!(manifest(0xF0, &tagged, FREEFORM).unwrap().is_some());
    assert!(manifest(0xFC, &tagged, FREEFORM).unwrap().is_none());
    let form = MeasurementForm::Digest;
    let digest = DmtfMeasurement { value_type: FREEFORM, form, value: &tagged };
    assert!(ManifestBlock::read(0xFD, &digest).unwrap().is_none());
}

#[test]
fn addresses_of_reference_values() {
    let evidence = array(&[evidence(&[measurement(1, &[(1, uint(1))])])]);
    let of = |locators: Vec<u8>| tag(570, map(&[(0, evidence.clone()), (1, locators)]));
    let uri = |uri: &str| tag(32, text(uri));
    let several = array(&[uri("https://b"), uri("https://c")]);
    let toc = of(array(&[map(&[(0, uri("https://a")), (1, uint(0))]), map(&[(0, several)])]));
    let block = manifest(0xFD, &toc, FREEFORM).unwrap().unwrap();
    let Manifest::Toc(toc) = block.manifest else { panic!("{block:?}") };
    let mut all = Vec::new();
    toc.rim_locators().unwrap().for_each(|uri| all.push(uri));
    assert_eq!(all, ["https://a", "https://b", "https://c"]);
    for (locators, rule) in [
        (array(&[]), Rule::Empty),
        (array(&[map(&[(1, uint(0))])]), Rule::Missing),
        (array(&[map(&[(0, array(&[]))])]), Rule::Empty),
        (array(&[map(&[(0, text("https://a"))])]), Rule::Type),
        (array(&[map(&[(0, tag(33, text("https://a")))])]), Rule::Tag),
    ] {
        assert_eq!(rule_of(&of(locators)), rule);
    }
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
    let is_read = |toc: &[u8]| manifest(0xFD, toc, FREEFORM).is_ok_and(|block| block.is_some());
    for len in 0..toc.len() {
        assert!(!is_read(&toc[..len]), "{len} bytes");
    }
    for at in 0..toc.len() {
        for value in 0..=u8::MAX {
            let mut mutant = toc.clone();
            mutant[at] = value;
            if is_read(&mutant) {
                let _ = elements(&mutant, |_| ());
            }
        }
    }
}
