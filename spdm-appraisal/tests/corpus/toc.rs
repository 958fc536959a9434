//! spdm-toc of the corpus.

use std::fs;

use spdm_appraisal::{Element, ElementId, SpdmToc, record_elements};
use spdm_codec::{Measurement, MeasurementRecord, MeasurementType};
use spdm_crypto::HashAlgorithm;
use spdm_untrusted::Untrusted;

use crate::own::folder;

/// Elements by their index, behind those of the sample device's record.
fn added(toc: &SpdmToc<'_>) -> Vec<(Option<String>, ElementId<'static>)> {
    let record = fs::read(folder().join("dmtf/device_measurement.bin")).unwrap();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 7).unwrap();
    let mut places = [Element::EMPTY; 16];
    record_elements(&record, Some(HashAlgorithm::Sha512), &mut places).unwrap();
    // The lifetimes of both are those of this function.
    let mut all = [Element::EMPTY; 16];
    all.copy_from_slice(&places);
    let elements = toc.elements(7, &mut all).unwrap();
    let added = elements[7..].iter().map(|element| {
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
        let toc = SpdmToc::read(Untrusted::new(&file), MeasurementType::FreeformManifest).unwrap();
        assert_eq!(added(&toc), expected, "{name}");
    }
    for (name, has_header) in
        [("own/toc_block_1_2.bin", false), ("own/toc_block_1_3_svh.bin", true)]
    {
        let file = fs::read(folder().join(name)).unwrap();
        let record = MeasurementRecord::decode(Untrusted::new(&file), 1).unwrap();
        let block = record.iter().next().unwrap();
        let Measurement::Dmtf(manifest) = block.measurement else { panic!("{name}") };
        let toc = SpdmToc::read(Untrusted::new(manifest.value), manifest.value_type).unwrap();
        assert_eq!((toc.has_header(), added(&toc)), (has_header, expected.to_vec()), "{name}");
    }
}
