//! Evidence of real devices.

use std::fs;
use std::path::Path;

use spdm_codec::{RequesterNonce, SlotId};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, ChainContent, CheckStatus, Error, Evidence, ExitClass, Format, ReadOptions,
    ReportErrorKind, Verifier,
};
use spdm_x509::Anchor;

use crate::{AT, verify};

/// The nonce of every element.
const NONCE: &str = "4760e30534a0621357d458b1a7936551b5dc4cd1e69718adf7ed9fb0252a537e";

fn read(folder: &Path, name: &str) -> Evidence {
    crate::read(&fs::read(folder.join("nvidia").join(name)).unwrap())
}

/// SHA-256 of the root, as a report without anchors names it.
fn root(evidence: &Evidence) -> Vec<u8> {
    let reports = verify(&Verifier::new(&PROVIDER, &[], AT), evidence);
    let roots: Vec<_> = reports
        .iter()
        .map(|report| {
            assert!(!report.verified());
            assert_eq!(report.status(AttestationCheck::ChainAnchor), CheckStatus::Fail);
            assert_eq!(report.exit_class(), ExitClass::Rejected);
            report.identity().root_sha256.clone().unwrap()
        })
        .collect();
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
    hex::decode(&roots[0]).unwrap()
}

fn nonce(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

pub(crate) fn every_element_verifies_under_the_pinned_root() {
    let folder = test_corpus::folder();
    for (name, count, product) in
        [("gpu_evidence.json", 3, "NVIDIA:GH100:"), ("switch_evidence.json", 2, "NVIDIA:LS_10:")]
    {
        let evidence = read(&folder, name);
        let digest = root(&evidence);
        let anchors = [Anchor::RootHash { hash: HashAlgorithm::Sha256, digest: &digest }];
        let verifier = Verifier {
            nonce: Some(RequesterNonce(nonce(NONCE))),
            ..Verifier::new(&PROVIDER, &anchors, AT)
        };
        let reports = verify(&verifier, &evidence);
        assert_eq!(reports.len(), count);
        for report in &reports {
            assert!(report.verified(), "{:?}", report.error());
            assert_eq!((report.version(), report.fresh()), (Some("1.1"), Some(true)));
            assert_eq!(report.nonces().measurements.as_deref(), Some(NONCE));
            assert!(report.identity().san.iter().any(|name| name.starts_with(product)));
            assert!(!report.measurements().is_empty());
            assert_eq!(report.status(AttestationCheck::ChallengeSignature), CheckStatus::Skipped);
        }
        let other = Verifier { nonce: Some(RequesterNonce([1; 32])), ..verifier };
        for report in verify(&other, &evidence) {
            assert!(!report.verified());
            assert_eq!(report.status(AttestationCheck::MeasurementsNonce), CheckStatus::Fail);
            assert_eq!(report.status(AttestationCheck::MeasurementsSignature), CheckStatus::Pass);
            assert_eq!((report.fresh(), report.exit_class()), (Some(false), ExitClass::Rejected));
            assert_eq!(report.error().unwrap().kind, ReportErrorKind::Nonce);
        }
    }
}

pub(crate) fn a_nonce_that_the_file_names_is_the_signed_one() {
    let text = fs::read_to_string(test_corpus::folder().join("nvidia/gpu_evidence.json")).unwrap();
    let digest = root(&crate::read(text.as_bytes()));
    let anchors = [Anchor::RootHash { hash: HashAlgorithm::Sha256, digest: &digest }];
    let given = Some(RequesterNonce(nonce(NONCE)));
    let other = "5a".repeat(32);
    let evidence = crate::read(text.replacen(NONCE, &other, 1).as_bytes());
    for nonce in [None, given] {
        let verifier = Verifier { nonce, ..Verifier::new(&PROVIDER, &anchors, AT) };
        let reports = verify(&verifier, &evidence);
        let (first, others) = reports.split_first().unwrap();
        assert!(others.iter().all(|report| report.verified()));
        assert!(!first.verified());
        assert_eq!(first.status(AttestationCheck::MeasurementsNonce), CheckStatus::Fail);
        assert_eq!(first.status(AttestationCheck::MeasurementsSignature), CheckStatus::Pass);
        assert_eq!(first.exit_class(), ExitClass::Rejected);
        let error = first.error().unwrap();
        assert_eq!(error.kind, ReportErrorKind::Nonce);
        assert_eq!(error.message, "the signed nonce is not the one that the evidence names");
    }
    // A nonce that is none is no evidence, instead of evidence without a nonce.
    for wrong in ["", "5a", "zz"] {
        let json = text.replacen(NONCE, wrong, 1);
        let error = Evidence::read(json.as_bytes(), &ReadOptions::default()).unwrap_err();
        let place = "[0].nonce".to_owned();
        assert_eq!(error, Error::At { place, error: Box::new(Error::Nonce) });
    }
}

pub(crate) fn a_report_in_hexadecimal_with_its_chain() {
    let folder = test_corpus::folder();
    let mut evidence = read(&folder, "hopperAttestationReport.txt");
    let pem = fs::read(folder.join("nvidia/hopperCertChain.txt")).unwrap();
    evidence.attach(SlotId::ZERO, ChainContent::read(&pem).unwrap());
    let digest = root(&evidence);
    let anchors = [Anchor::RootHash { hash: HashAlgorithm::Sha256, digest: &digest }];
    let reports = verify(&Verifier::new(&PROVIDER, &anchors, AT), &evidence);
    let [report] = &reports[..] else { panic!() };
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.fresh(), None);
    assert_eq!(report.status(AttestationCheck::MeasurementsNonce), CheckStatus::Skipped);
    // The transcript that is written is the one that was read.
    let text = fs::read(folder.join("nvidia/hopperAttestationReport.txt")).unwrap();
    assert_eq!(Format::sniff(&text), Ok(Format::StandardTranscript));
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_hexdigit).collect();
    let bytes = hex::decode(digits).unwrap();
    assert_eq!(evidence.recordings[0].to_standard_transcript().unwrap(), bytes);
}
