//! A device of three measurements, and whom it trusts.

use spdm_appraisal::{
    Comparison, Corim, Dialect, Element, Environment, Environments, Error, Evidence, EvidenceKey,
    Extent, Outcome, ReferenceKey, ReferenceTrust, Verdict, record_elements,
};
use spdm_codec::{
    DmtfMeasurement, Measurement, MeasurementBlock, MeasurementForm, MeasurementRecord,
    MeasurementType,
};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck};
use std::vec::Vec;

pub(crate) const NOW: u64 = 1_780_272_000;
/// The digests of blocks 1 and 2.
pub(crate) const ROM: [u8; 48] = [1; 48];
pub(crate) const FIRMWARE: [u8; 48] = [2; 48];
/// The content of block 3, a raw bit stream of the length of a digest.
pub(crate) const CONFIGURATION: [u8; 48] = [3; 48];
/// Block 4 is the SVN 7.
pub(crate) const SVN: u8 = 7;

pub(crate) fn trust<'t>(
    anchors: &'t [Anchor<'t>],
    keys: &'t [ReferenceKey<'t>],
) -> ReferenceTrust<'t> {
    ReferenceTrust { provider: &PROVIDER, anchors, keys, validity: ValidityCheck::At(NOW) }
}

pub(crate) fn read(file: &[u8]) -> Result<Corim<'_>, Error> {
    read_as(file, Dialect::Strict)
}

pub(crate) fn read_as(file: &[u8], dialect: Dialect) -> Result<Corim<'_>, Error> {
    Corim::read(Untrusted::new(file), dialect, &trust(&[], &[]), &mut [])
}

pub(crate) fn record() -> Vec<u8> {
    let digest = MeasurementForm::Digest;
    let raw = MeasurementForm::RawBitStream;
    let svn = [SVN, 0, 0, 0, 0, 0, 0, 0];
    let blocks = [
        (1, MeasurementType::ImmutableRom, digest, &ROM[..]),
        (2, MeasurementType::MutableFirmware, digest, &FIRMWARE),
        (3, MeasurementType::FirmwareConfiguration, raw, &CONFIGURATION),
        (4, MeasurementType::FirmwareSecurityVersion, raw, &svn),
    ];
    let mut out = Vec::new();
    for (index, value_type, form, value) in blocks {
        let measurement = Measurement::Dmtf(DmtfMeasurement { value_type, form, value });
        let mut bytes = [0; 80];
        let len = MeasurementBlock { index, measurement }.encode(&mut bytes).unwrap();
        out.extend(&bytes[..len]);
    }
    out
}

pub(crate) const DEVICE: Environment<'static> = Environment {
    class_id: None,
    vendor: Some("ACME"),
    model: Some("WIDGET"),
    layer: None,
    index: None,
    instance: None,
    group: None,
    unknown: None,
};

/// How the device is appraised; changed by single tests.
pub(crate) struct Setting<'a> {
    pub(crate) environments: Environments<'a, 'a>,
    pub(crate) keys: &'a [EvidenceKey<'a>],
    pub(crate) extent: Extent,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        const DEVICES: &[Environment<'static>] = &[DEVICE];
        Self { environments: Environments::Known(DEVICES), keys: &[], extent: Extent::Whole }
    }
}

impl Setting<'_> {
    /// The verdict, and the outcome of each of the four measurements.
    pub(crate) fn appraise(&self, corim: &Corim<'_>) -> (Verdict, Vec<Outcome>) {
        let record = record();
        let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
        let mut places = [Element::EMPTY; 8];
        let elements = record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
        let Self { environments, keys, extent } = *self;
        let evidence = Evidence { environments, elements, keys, extent };
        let comparison = Comparison::new(&evidence, corim.states(), &PROVIDER).unwrap();
        let outcomes = (0..elements.len()).map(|place| comparison.outcome(place)).collect();
        (comparison.verdict(), outcomes)
    }
}

/// The verdict on an unsigned file.
pub(crate) fn verdict(file: &[u8]) -> Verdict {
    Setting::default().appraise(&read(file).unwrap()).0
}
