//! SWID tags of a vendor, and the evidence that belongs to them.

use std::fs;
use std::string::{String, ToString as _};
use std::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use spdm_appraisal::{
    Comparison, Element, Environment, Environments, Error, Evidence, Extent, NvidiaOpaque, Outcome,
    ReferenceTrust, Swid, SwidMismatch, Verdict, record_elements,
};
use spdm_codec::MeasurementRecord;
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck};

use crate::own::folder;

/// 2025-10-01 and 2026-10-01, each 00:00:00Z: a signer's certificate of the corpus ends between them.
const OCTOBER_2025: u64 = 1_759_276_800;
const OCTOBER_2026: u64 = 1_790_812_800;

const SWITCH: &str = "NV_SWITCH_BIOS_5612_0002_890_9610550001.xml";
const VBIOS: &str = "NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml";
const DRIVER: &str = "NV_GPU_DRIVER_GH100_550.144.03.xml";

fn file(name: &str) -> Vec<u8> {
    fs::read(folder().join("nvidia").join(name)).unwrap()
}

fn read(bytes: &[u8], at: u64) -> Result<Swid, Error> {
    let root = file("rim_root.crt");
    let root = pem_rfc7468::decode_vec(&root).unwrap().1;
    let anchors = [Anchor::Certificate(&root)];
    let validity = ValidityCheck::At(at);
    let trust = ReferenceTrust { provider: &PROVIDER, anchors: &anchors, keys: &[], validity };
    Swid::read(Untrusted::new(bytes), &trust)
}

fn clause(name: &str, at: u64) -> &'static str {
    read(&file(name), at).unwrap_err().clause()
}

pub(crate) fn genuine_files_are_read_and_changed_ones_are_not() {
    for (name, at, version, measurements) in [
        (SWITCH, OCTOBER_2026, "96.10.55.00.01", 31),
        (DRIVER, OCTOBER_2026, "550.144.03", 21),
        (VBIOS, OCTOBER_2025, "96.00.5E.00.01", 12),
    ] {
        let swid = read(&file(name), at).unwrap();
        assert_eq!((swid.version(), swid.measurements()), (version, measurements));
        assert!(swid.signer().contains("O=NVIDIA Corporation"), "{}", swid.signer());
    }
    let expired = read(&file(VBIOS), OCTOBER_2026).unwrap_err();
    assert!(matches!(expired, Error::Signer(error) if error.rule == spdm_x509::Rule::Expired));
    let changed = "NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml";
    assert_eq!(clause(changed, OCTOBER_2025), "xml.digest");
    assert_eq!(clause("incorrect_signature_driver_rim.xml", OCTOBER_2026), "xml.signature");
}

/// MEASUREMENTS behind its GET_MEASUREMENTS of 37 bytes, in version 1.1: record and OpaqueData.
struct Measured {
    blocks: u8,
    record: Vec<u8>,
    opaque: Vec<u8>,
}

impl Measured {
    fn read(transcript: &[u8]) -> Self {
        let response = &transcript[37..];
        let len = u32::from_le_bytes([response[5], response[6], response[7], 0]);
        let (record, rest) = response[8..].split_at(usize::try_from(len).unwrap());
        let (len, opaque) = rest[32..].split_at(2);
        let len = u16::from_le_bytes([len[0], len[1]]);
        let opaque = opaque[..usize::from(len)].to_vec();
        Self { blocks: response[4], record: record.to_vec(), opaque }
    }

    fn opaque(&self) -> NvidiaOpaque<'_> {
        NvidiaOpaque::read(Untrusted::new(&self.opaque)).unwrap()
    }

    /// The verdict, and how each index that is expected is.
    fn appraise(&self, swid: &Swid, vendor: &str, model: &str) -> (Verdict, Vec<(u8, Outcome)>) {
        let record = MeasurementRecord::decode(Untrusted::new(&self.record), self.blocks).unwrap();
        let mut places = [Element::EMPTY; 254];
        let elements = record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
        let device =
            Environment { vendor: Some(vendor), model: Some(model), ..Environment::default() };
        let environments = [device];
        let environments = Environments::Known(&environments);
        let evidence = Evidence { environments, elements, keys: &[], extent: Extent::Whole };
        let opaque = self.opaque();
        let states = swid.states_of(&opaque, Some(model)).unwrap();
        let comparison = Comparison::new(&evidence, states, &PROVIDER).unwrap();
        let outcomes = elements.iter().enumerate();
        let outcomes =
            outcomes.map(|(place, element)| (element.index().unwrap(), comparison.outcome(place)));
        let expected = outcomes.filter(|(_, outcome)| *outcome != Outcome::None).collect();
        (comparison.verdict(), expected)
    }
}

fn switch() -> Measured {
    let json: serde_json::Value =
        serde_json::from_slice(&file("switch_evidence_ls10.json")).unwrap();
    let evidence = json[0]["evidence"].as_str().unwrap();
    Measured::read(&BASE64_STANDARD.decode(evidence).unwrap())
}

fn gpu() -> Measured {
    let text = String::from_utf8(file("hopper_535.86.09_report.txt")).unwrap();
    Measured::read(&hex::decode(text.trim()).unwrap())
}

pub(crate) fn each_value_of_a_switch_matches() {
    let (switch, swid) = (switch(), read(&file(SWITCH), OCTOBER_2026).unwrap());
    let (verdict, outcomes) = switch.appraise(&swid, "NVIDIA", "LS_10");
    assert_eq!(verdict, Verdict::Match);
    assert_eq!(outcomes, (1..=31).map(|index| (index, Outcome::Match)).collect::<Vec<_>>());
    // The same measurements are nothing to another device.
    for (vendor, model) in [("NVIDIA", "GH100"), ("ACME", "LS_10")] {
        let (verdict, outcomes) = switch.appraise(&swid, vendor, model);
        assert!(matches!(verdict, Verdict::NotAbout { .. }), "{vendor} {model}: {verdict:?}");
        assert!(outcomes.is_empty());
    }
}

pub(crate) fn a_differing_value_has_its_index_in_spdm_numbering() {
    let swid = read(&file(VBIOS), OCTOBER_2025).unwrap();
    let (verdict, outcomes) = gpu().appraise(&swid, "NVIDIA", "GH100");
    assert_eq!(verdict, Verdict::Mismatch);
    assert_eq!(outcomes.len(), 12);
    let differing = outcomes.into_iter().filter(|(_, outcome)| *outcome == Outcome::Mismatch);
    assert_eq!(differing.map(|(index, _)| index).collect::<Vec<_>>(), [10]);
}

pub(crate) fn another_version_is_named() {
    let gpu = gpu();
    let swid = read(&file(DRIVER), OCTOBER_2026).unwrap();
    let opaque = gpu.opaque();
    let mismatch = swid.states_of(&opaque, None).unwrap_err();
    assert!(matches!(mismatch, SwidMismatch::Version { file: "550.144.03", .. }));
    assert_eq!(
        mismatch.to_string(),
        "it is about version 550.144.03, and the device has driver 535.86.09 and VBIOS 96.00.5E.00.01 \
         (the file of its VBIOS is NV_GPU_VBIOS_1010_0200_882_96005E0001)"
    );
    let vbios = read(&file(VBIOS), OCTOBER_2025).unwrap();
    assert_eq!(vbios.overlap(&swid), None);
    assert_eq!(vbios.overlap(&vbios), Some(1));
    let switch = switch();
    let opaque = switch.opaque();
    assert!(matches!(swid.states_of(&opaque, None), Err(SwidMismatch::NoVersion { .. })));
    assert!(matches!(vbios.states_of(&opaque, None), Err(SwidMismatch::Version { .. })));
}

/// What is changed is refused, or it is the same to a reader of XML.
pub(crate) fn na13_no_one_byte_mutant_is_read_as_something_else() {
    let genuine = file(SWITCH);
    let expected = read(&genuine, OCTOBER_2026).unwrap();
    let mut mutant = genuine.clone();
    // Spread over the file: each has a chain to be verified.
    for at in (0..genuine.len()).step_by(97) {
        for flip in [0x01, 0x20, 0x80] {
            mutant[at] ^= flip;
            if let Ok(swid) = read(&mutant, OCTOBER_2026) {
                assert_eq!(swid, expected, "byte {at}");
            }
            mutant[at] = genuine[at];
        }
    }
}
