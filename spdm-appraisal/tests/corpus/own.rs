//! Every CoRIM of the corpus gives the verdict of its manifest.

use std::fs;
use std::path::PathBuf;
use std::vec::Vec;

use serde::Deserialize;
use spdm_appraisal::{
    Comparison, Corim, Dialect, Element, Environment, Environments, Error, Evidence, Extent,
    Outcome, ReferenceKey, ReferenceTrust, Verdict, record_elements,
};
use spdm_codec::MeasurementRecord;
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck};

/// 2026-06-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_780_272_000;

#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) verdict: String,
    pub(crate) clause: Option<String>,
    index: Option<u8>,
}

pub(crate) fn folder() -> PathBuf {
    test_corpus::folder().join("appraisal")
}

pub(crate) fn pem(path: &str) -> Vec<u8> {
    pem_rfc7468::decode_vec(&fs::read(folder().join(path)).unwrap()).unwrap().1
}

/// The sample device and whom it trusts.
pub(crate) struct Setting {
    record: Vec<u8>,
    root: Vec<u8>,
    device_root: Vec<u8>,
    key: Vec<u8>,
    sample_key: Vec<u8>,
}

/// What became of a file.
#[derive(Debug)]
pub(crate) struct Appraised {
    pub(crate) verdict: Verdict,
    mismatches: Vec<u8>,
}

impl Setting {
    pub(crate) fn read() -> Self {
        Self {
            record: fs::read(folder().join("dmtf/device_measurement.bin")).unwrap(),
            root: pem("own/rim_root.pem"),
            device_root: pem("own/device_root.pem"),
            key: pem("own/rim_signer_pub.pem"),
            sample_key: pem("dmtf/ecc-public-key.pem"),
        }
    }

    /// The sample device, with the index of its class as the sample tool names it.
    pub(crate) const DEVICE: Environment<'static> = Environment {
        class_id: Some(spdm_appraisal::Identifier::Text("C155A9FEFF76452483005F56D5BED75D")),
        vendor: Some("dmtf"),
        model: Some("spdm sample"),
        layer: None,
        index: None,
        instance: None,
        group: None,
        unknown: None,
    };

    pub(crate) const fn trust_nobody() -> ReferenceTrust<'static> {
        let validity = ValidityCheck::At(NOW);
        ReferenceTrust { provider: &PROVIDER, anchors: &[], keys: &[], validity }
    }

    pub(crate) fn appraise(&self, file: &[u8], dialect: Dialect) -> Result<Appraised, Error> {
        self.appraise_as(file, dialect, Self::DEVICE, &[Anchor::Certificate(&self.root)])
    }

    pub(crate) fn appraise_under_device_anchor(&self, file: &[u8]) -> Result<Appraised, Error> {
        let anchors = [Anchor::Certificate(&self.device_root)];
        self.appraise_as(file, Dialect::Strict, Self::DEVICE, &anchors)
    }

    pub(crate) fn appraise_as(
        &self,
        file: &[u8],
        dialect: Dialect,
        device: Environment<'_>,
        anchors: &[Anchor<'_>],
    ) -> Result<Appraised, Error> {
        let keys = [
            ReferenceKey { key_info: &self.key, id: Some(b"11") },
            ReferenceKey { key_info: &self.sample_key, id: Some(b"11") },
        ];
        // A file of the own folder is signed by one kind of signer: a chain, or a key.
        let provider = &PROVIDER;
        let validity = ValidityCheck::At(NOW);
        let by_chain = ReferenceTrust { provider, anchors, keys: &[], validity };
        let by_key = ReferenceTrust { provider, anchors: &[], keys: &keys, validity };
        let mut scratch = [0; 4096];
        let mut read = Corim::read(Untrusted::new(file), dialect, &by_chain, &mut scratch);
        if read.is_err_and(|error| error.clause() == "cose.key") {
            read = Corim::read(Untrusted::new(file), dialect, &by_key, &mut scratch);
        }
        let corim = read?;
        let record = MeasurementRecord::decode(Untrusted::new(&self.record), 7).unwrap();
        let mut places = [Element::EMPTY; 64];
        let elements = record_elements(&record, Some(HashAlgorithm::Sha512), &mut places).unwrap();
        let evidence = Evidence {
            environments: Environments::Known(&[device]),
            elements,
            keys: &[],
            extent: Extent::Whole,
        };
        let comparison = Comparison::new(&evidence, corim.states(), provider).unwrap();
        assert_eq!(corim.states().count(), usize::try_from(corim.state_count()).unwrap());
        let mismatches = elements.iter().enumerate();
        let mismatches = mismatches.filter(|(at, _)| comparison.outcome(*at) == Outcome::Mismatch);
        let mismatches = mismatches.filter_map(|(_, element)| element.index()).collect();
        Ok(Appraised { verdict: comparison.verdict(), mismatches })
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let manifest = fs::read(folder().join("own/manifest.json")).unwrap();
    serde_json::from_slice(&manifest).unwrap()
}

pub(crate) fn corims() -> Vec<(String, String, Vec<u8>)> {
    let rows = rows().into_iter().filter(|row| row.file.starts_with("corim_"));
    rows.map(|row| {
        let bytes = fs::read(folder().join("own").join(&row.file)).unwrap();
        (row.file, row.verdict, bytes)
    })
    .collect()
}

pub(crate) fn every_corim_gives_its_verdict() {
    let setting = Setting::read();
    let mut count = 0;
    for row in rows().iter().filter(|row| row.file.starts_with("corim_")) {
        count += 1;
        let Row { file, verdict, clause, index } = row;
        let bytes = fs::read(folder().join("own").join(file)).unwrap();
        for dialect in [Dialect::Strict, Dialect::Compatible] {
            let appraised = setting.appraise(&bytes, dialect);
            let got = match &appraised {
                Ok(appraised) => match appraised.verdict {
                    Verdict::Match => "match",
                    Verdict::Mismatch => "mismatch",
                    Verdict::NotAbout { .. } => "none",
                    _ => "undecidable",
                },
                Err(_) => "reject",
            };
            if verdict != "either" {
                assert_eq!(got, verdict, "{file} {dialect:?}: {appraised:?}");
            }
            if let Some(clause) = clause {
                let error = appraised.as_ref().unwrap_err();
                assert!(error.clause().ends_with(clause), "{file}: {} {error}", error.clause());
            }
            if let Some(index) = index {
                let mismatches = &appraised.as_ref().unwrap().mismatches;
                assert!(mismatches.contains(index), "{file}: {mismatches:?}");
            }
        }
    }
    assert!(count >= 40, "{count} files");
}
