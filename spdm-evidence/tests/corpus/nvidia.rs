//! Evidence of real devices.

use std::fs;
use std::path::Path;

use spdm_codec::{RequesterNonce, SlotId};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, ExitClass, Format, ReportErrorKind, Verifier,
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

pub(crate) fn a_report_in_hexadecimal_with_its_chain() {
    let folder = test_corpus::folder();
    let mut evidence = read(&folder, "hopperAttestationReport.txt");
    let pem = fs::read_to_string(folder.join("nvidia/hopperCertChain.txt")).unwrap();
    evidence.attach_pem(SlotId::ZERO, &pem).unwrap();
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
