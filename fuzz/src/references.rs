//! Files of reference values, and manifests.

use spdm_appraisal::{
    Authority, Comparison, Corim, Dialect, Element, Environments, Evidence, Extent, Outcome,
    ManifestBlock, ReferenceTrust, Verdict, alternatives, record_elements,
};
use spdm_codec::{DmtfMeasurement, MeasurementForm, MeasurementRecord, MeasurementType};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::ValidityCheck;

use crate::corim_build::{
    array, bytes, class, corim, corim_map, digests, map, measurement, meta, negative, protected,
    sign1, tag, text, triple, uint,
};
use crate::setting::{CONFIGURATION, DEVICE, FIRMWARE, ROM, record};
use crate::testing::{certificates, key};

/// Reads the bytes as everything that they can be, and compares what they say with a device. Nobody is trusted, so that
/// nothing signed is read.
pub fn appraise(data: &[u8]) {
    let trust = ReferenceTrust {
        provider: &PROVIDER,
        anchors: &[],
        keys: &[],
        validity: ValidityCheck::Unchecked,
    };
    for dialect in [Dialect::Strict, Dialect::Compatible] {
        if let Ok(corim) = Corim::read(Untrusted::new(data), dialect, &trust, &mut [0; 4096]) {
            assert_eq!(corim.authority(), Authority::None);
            assert_eq!(corim.states().count(), usize::try_from(corim.state_count()).unwrap());
            compare(&corim);
        }
    }
    for kind in [MeasurementType::FreeformManifest, MeasurementType::StructuredManifest] {
        let form = MeasurementForm::RawBitStream;
        let manifest = DmtfMeasurement { value_type: kind, form, value: data };
        let Ok(Some(block)) = ManifestBlock::read(0xFD, &manifest) else { continue };
        let record = record();
        let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
        let mut places = [Element::EMPTY; 64];
        record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
        for evidence in block.manifest.evidence() {
            let _ = evidence.elements(0xFD, 4, &mut places);
        }
    }
}

fn compare(corim: &Corim<'_>) {
    let record = record();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
    let mut places = [Element::EMPTY; 8];
    let elements = record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
    for environments in
        [Environments::Known(&[DEVICE]), Environments::Known(&[]), Environments::Any]
    {
        let evidence = Evidence { environments, elements, keys: &[], extent: Extent::Whole };
        let comparison = Comparison::new(&evidence, corim.states(), &PROVIDER).unwrap();
        let count = |wanted| {
            (0..elements.len()).filter(|place| comparison.outcome(*place) == wanted).count()
        };
        if comparison.verdict() == Verdict::Match {
            assert!(count(Outcome::Match) > 0 && count(Outcome::Mismatch) == 0);
        }
        let mut found = [(false, false); 8];
        alternatives(&evidence, corim.states(), &PROVIDER, |place, alternative| {
            let (any, any_satisfied) = &mut found[place];
            *any = true;
            *any_satisfied |= alternative.difference.is_none();
        })
        .unwrap();
        let mut missing = 0;
        let states = corim.states();
        comparison.each_missing(&evidence, states, &PROVIDER, |_, _| missing += 1).unwrap();
        assert_eq!(missing, comparison.missing());
        for (place, (any, any_satisfied)) in found.into_iter().enumerate().take(elements.len()) {
            match comparison.outcome(place) {
                Outcome::Match => assert!(any_satisfied),
                Outcome::Mismatch => assert!(any),
                Outcome::None => assert!(!any),
            }
        }
    }
}

/// Files of every kind of value, signed ones, and tables of contents.
pub fn good_files() -> Vec<Vec<u8>> {
    let widget = |measurements: &[Vec<u8>]| triple(class("ACME", "WIDGET"), measurements);
    let rom = measurement(1, &[(2, digests(&[(7, &ROM), (1, &[5; 32])]))]);
    let firmware = measurement(2, &[(2, digests(&[(7, &FIRMWARE)]))]);
    let masked = tag(563, array(&[bytes(&CONFIGURATION), bytes(&[0xFF; 48])]));
    let configuration = measurement(3, &[(4, masked)]);
    let svn = measurement(4, &[(1, tag(553, uint(5)))]);
    let everything = measurement(
        1,
        &[
            (0, map(&[(0, text("1")), (1, uint(16384))])),
            (3, map(&[(3, vec![0xF4])])),
            (4, tag(560, bytes(&[1, 2]))),
            (5, bytes(&[1, 2])),
            (6, bytes(&[1; 6])),
            (8, text("1")),
            (11, text("ROM")),
            (13, array(&[tag(554, text("AAAA")), tag(557, array(&[uint(7), bytes(&ROM)]))])),
            (14, map(&[(0, digests(&[(7, &ROM)]))])),
            (15, tag(564, array(&[negative(0), vec![0xF6]]))),
        ],
    );
    let indexed = map(&[(0, map(&[(1, text("ACME")), (3, uint(1)), (4, uint(1))]))]);
    let bare = map(&[(1, map(&[(2, digests(&[(7, &ROM)]))]))]);
    let validity = (4, map(&[(0, tag(1, uint(0))), (1, tag(1, uint(1 << 32)))]));
    let unsigned = corim(&[widget(&[rom.clone(), firmware]), widget(&[configuration, svn])]);
    let indirect = |index| (12, map(&[(0, array(&[uint(index)]))]));
    let measurements = [
        map(&[(1, map(&[(11, text("ROM")), indirect(1)]))]),
        map(&[(0, text("svn")), (1, map(&[(1, uint(7)), indirect(4)]))]),
        rom.clone(),
    ];
    let evidence = map(&[(0, map(&[(0, array(&[widget(&measurements)]))]))]);
    let toc = tag(570, map(&[(0, array(&[tag(571, evidence)]))]));
    let chain = array(&certificates(1).iter().rev().map(|der| bytes(der)).collect::<Vec<_>>());
    let crit = [protected(), vec![(2, array(&[uint(3), uint(8)]))]].concat();
    let cwt = [
        (1, negative(6)),
        (3, text("application/rim+cbor")),
        (8, meta("A")),
        (15, map(&[(1, text("A"))])),
    ];
    vec![
        sign1(&key("Leaf"), &crit, &[(33, chain)], &unsigned),
        sign1(&key("Leaf"), &cwt, &[(4, bytes(b"11"))], &unsigned),
        unsigned,
        corim_map(&[widget(&[everything])], &[validity]),
        corim(&[triple(indexed, &[bare])]),
        [&[0x0A, 3, 0xD9, 0x02, 0x3A], &toc[3..]].concat(),
        toc,
    ]
}
