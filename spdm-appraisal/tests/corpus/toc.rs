//! spdm-toc and concise evidence of the corpus.

use std::fs;

use spdm_appraisal::{Element, ElementId, ManifestBlock, record_elements};
use spdm_codec::{
    DmtfMeasurement, Measurement, MeasurementForm, MeasurementRecord, MeasurementType,
};
use spdm_crypto::HashAlgorithm;
use spdm_untrusted::Untrusted;

use crate::own::folder;

/// What a file holds that is a manifest as such.
pub(crate) fn freeform(value: &[u8]) -> ManifestBlock<'_> {
    let (value_type, form) = (MeasurementType::FreeformManifest, MeasurementForm::RawBitStream);
    ManifestBlock::read(0xFD, &DmtfMeasurement { value_type, form, value }).unwrap().unwrap()
}

/// What a file holds that is a measurement block.
pub(crate) fn block(file: &[u8]) -> ManifestBlock<'_> {
    let record = MeasurementRecord::decode(Untrusted::new(file), 1).unwrap();
    let block = record.iter().next().unwrap();
    let Measurement::Dmtf(manifest) = block.measurement else { panic!("{block:?}") };
    ManifestBlock::read(block.index, &manifest).unwrap().unwrap()
}

/// Elements by their index, behind those of the sample device's record.
fn added(block: &ManifestBlock<'_>) -> Vec<(Option<String>, ElementId<'static>)> {
    let record = fs::read(folder().join("dmtf/device_measurement.bin")).unwrap();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 7).unwrap();
    let mut places = [Element::EMPTY; 16];
    record_elements(&record, Some(HashAlgorithm::Sha512), &mut places).unwrap();
    // The lifetimes of both are those of this function.
    let mut all = [Element::EMPTY; 16];
    all.copy_from_slice(&places);
    let mut len = 7;
    for evidence in block.manifest.evidence() {
        len = evidence.elements(block.index, len, &mut all).unwrap().len();
    }
    let added = all[7..len].iter().map(|element| {
        let ElementId::Index(index) = element.id else { panic!("{:?}", element.id) };
        (element.claims.name.map(str::to_owned), ElementId::Index(index))
    });
    added.collect()
}

pub(crate) fn three_indirect_elements_of_each_table() {
    let expected = [(Some("ROM"), 1), (Some("Firmware"), 2), (None, 16)];
    let expected = expected.map(|(name, index)| (name.map(str::to_owned), ElementId::Index(index)));
    for name in ["storage/spdm_toc.cbor", "own/toc_indirect.cbor"] {
        let file = fs::read(folder().join(name)).unwrap();
        assert_eq!(added(&freeform(&file)), expected, "{name}");
    }
    for name in ["own/toc_block_1_2.bin", "own/toc_block_1_3_svh.bin"] {
        let file = fs::read(folder().join(name)).unwrap();
        let block = block(&file);
        assert_eq!((block.lacks_header, added(&block)), (false, expected.to_vec()), "{name}");
    }
    let file = fs::read(folder().join("own/ce_direct.cbor")).unwrap();
    let direct = [1, 2, 16].map(|index| (None, ElementId::Index(index)));
    assert_eq!(added(&freeform(&file)), direct);
}
