//! Captures of the DMTF reference implementation.

use core::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use spdm_codec::{RequesterNonce, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, BasisSignature, CheckStatus, Error, Evidence, ExitClass, Note, ReadOptions,
    Reference, ReferenceStatus, Report, ReportErrorKind, Verifier,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, CertModel, Chain, ChainContext, ValidityCheck};

use crate::folder::{self, Capture};
use crate::{AT, read, verify};

fn only(verifier: &Verifier<'_>, evidence: &Evidence) -> Report {
    let mut reports = verify(verifier, evidence);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

pub(crate) fn capture(folder: &Path, name: &str) -> Evidence {
    read(&fs::read(folder.join(format!("captures/{name}.pcap"))).unwrap())
}

/// Runs `check` on the reports of every capture that `wanted` selects, and demands that there are some.
fn for_each(
    verifier: Verifier<'_>,
    wanted: impl Fn(&Capture) -> bool,
    check: impl Fn(&Capture, &Report),
) {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = match verifier.anchors {
        [] => Verifier { anchors: &anchors, ..verifier },
        _ => verifier,
    };
    let captures = folder::captures(&folder);
    let mut selected = captures.iter().filter(|capture| wanted(capture)).peekable();
    assert!(selected.peek().is_some());
    for capture in selected {
        let reports = verify(&verifier, &read(&capture.read(&folder)));
        assert!(!reports.is_empty(), "{}", capture.name);
        reports.iter().for_each(|report| check(capture, report));
    }
}

fn all_roots() -> Verifier<'static> {
    Verifier::new(&PROVIDER, &[], AT)
}

pub(crate) fn attested_captures_verify() {
    let wanted = |capture: &Capture| capture.is("attest") && capture.is_supported();
    let (all, challenged) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    for_each(all_roots(), wanted, |capture, report| {
        let name = &capture.name;
        all.borrow_mut().insert(name.clone());
        assert!(report.verified(), "{name}: {:?}", report.error());
        assert_eq!((report.exit_class(), report.error()), (ExitClass::Ok, None), "{name}");
        let occasional = |check| AttestationCheck::OCCASIONAL.contains(&check);
        let always = report.checks().iter().filter(|result| !occasional(result.check));
        assert_eq!((report.fresh(), always.count()), (None, 15));
        // A slot that only opened a session.
        if report.nonces().challenge.is_none() && report.nonces().measurements.is_none() {
            assert_eq!(report.basis().unwrap().signatures, [BasisSignature::KeyExchange], "{name}");
            return;
        }
        challenged.borrow_mut().insert(name.clone());
        for check in [
            AttestationCheck::ChallengeSignature,
            AttestationCheck::ChallengeChainHash,
            AttestationCheck::ChainAnchor,
        ] {
            assert_eq!(report.status(check), CheckStatus::Pass, "{name}");
        }
        assert!(report.checks().iter().all(|result| result.status != CheckStatus::Fail), "{name}");
        assert!(report.nonces().challenge.is_some());
        if capture.is("measure") {
            assert!(!report.measurements().is_empty(), "{name}");
        }
    });
    assert_eq!(all, challenged);
}

pub(crate) fn chunked_captures_verify() {
    let wanted = |capture: &Capture| capture.is("chunk") && capture.is_supported();
    for_each(all_roots(), wanted, |capture, report| {
        assert!(report.verified(), "{}: {:?}", capture.name, report.error());
    });
}

pub(crate) fn another_root_is_no_anchor() {
    let folder = test_corpus::folder();
    let root = fs::read(folder.join("captures/roots/sm2.der")).unwrap();
    let anchors = [Anchor::Certificate(&root)];
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let wanted = |capture: &Capture| capture.is("attest") && capture.is_supported();
    for_each(verifier, wanted, |capture, report| {
        assert!(!report.verified(), "{}", capture.name);
        assert_eq!(report.status(AttestationCheck::ChainAnchor), CheckStatus::Fail);
        let signed = [AttestationCheck::ChallengeSignature, AttestationCheck::SessionKeyExchange];
        assert!(signed.iter().any(|check| report.status(*check) == CheckStatus::Pass));
        assert_eq!(report.exit_class(), ExitClass::Rejected);
        assert!(report.identity().root_sha256.is_some());
    });
}

pub(crate) fn what_is_not_implemented_cannot_be_judged() {
    let unsupported = ["SM2_P256_SM3", "EDDSA_448", "hash_SM3", "SLH_DSA"];
    let wanted = |capture: &Capture| {
        // SM2 and EdDSA are not defined before 1.2: that is another mistake.
        let defined = !capture.name.contains("_v1.1_");
        defined && unsupported.iter().any(|part| capture.name.contains(part))
    };
    for_each(all_roots(), wanted, |capture, report| {
        assert!(!report.verified(), "{}", capture.name);
        assert_eq!(report.exit_class(), ExitClass::Usage, "{}", capture.name);
        assert_eq!(report.error().unwrap().kind, ReportErrorKind::Unsupported);
    });
}

/// Flows that end with an ERROR or stop: verified only where a signature came before.
pub(crate) fn failed_captures_prove_what_their_messages_prove() {
    let proven = ["dhe_SM2_P256_AES_256_GCM_v1.2_MCTP"];
    let wanted = |capture: &Capture| capture.is("fails") && !capture.cut;
    for_each(all_roots(), wanted, |capture, report| {
        assert_eq!(report.verified(), proven.contains(&capture.name.as_str()), "{}", capture.name);
    });
}

/// What was behind the cut could be the signature that fails.
pub(crate) fn cut_captures_are_not_judged() {
    let folder = test_corpus::folder();
    let captures = folder::captures(&folder);
    let mut cut = captures.iter().filter(|capture| capture.cut).peekable();
    assert!(cut.peek().is_some());
    for capture in cut {
        let read = Evidence::read(&capture.read(&folder), &ReadOptions::default());
        let is_cut = matches!(read, Err(Error::Incomplete(Note::CutPacket { .. })));
        assert!(is_cut, "{}", capture.name);
    }
}

pub(crate) fn a_refused_challenge_is_named() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let report = only(&verifier, &capture(&folder, "meas_rawbit_v1.3_MCTP"));
    let error = report.error().unwrap();
    assert_eq!((error.kind, report.exit_class()), (ReportErrorKind::Unproven, ExitClass::Rejected));
    assert_eq!(
        error.message,
        "no signature of the device could be verified: the device answered CHALLENGE with ERROR \
         Unspecified",
    );
}

/// SubjectPublicKeyInfo of a P-384 key, up to the point.
const P384_SPKI: &str = "3076301006072a8648ce3d020106052b81040022036200";

pub(crate) fn a_provisioned_key_is_needed_for_slot_0xff() {
    let folder = test_corpus::folder();
    // The reference implementation has one key per algorithm.
    let chains = capture(&folder, "ver1.2_NONE_p384_sha384_conn");
    let certificate = &chains.recordings[0].exchanges[4].response.as_ref().unwrap()[8..];
    let context = ChainContext::new(
        SlotId::ZERO,
        SpdmVersion::V1_2,
        CertModel::Unknown,
        spdm_crypto::AsymAlgorithm::Ecdsa(spdm_crypto::EcCurve::P384),
        spdm_crypto::HashAlgorithm::Sha384,
    );
    let chain = Chain::parse(Untrusted::new(certificate), context, &PROVIDER).unwrap();
    let key = [&hex::decode(P384_SPKI).unwrap()[..], chain.leaf().key()].concat();

    for name in ["slot0xFF_pubkeyid_v1.3_MCTP", "slot0xFF_pubkeyid_v1.4_MCTP"] {
        let evidence = capture(&folder, name);
        let report = only(&all_roots(), &evidence);
        assert!(!report.verified());
        assert_eq!((report.slot(), report.exit_class()), (Some(255), ExitClass::Rejected));
        assert_eq!(report.status(AttestationCheck::ChallengeSignature), CheckStatus::Skipped);

        let verifier = Verifier { peer_key: Some(&key), ..all_roots() };
        let report = only(&verifier, &evidence);
        assert!(report.verified(), "{:?}", report.error());
        assert_eq!(report.status(AttestationCheck::ChallengeSignature), CheckStatus::Pass);
        assert_eq!(report.status(AttestationCheck::ChainAnchor), CheckStatus::Skipped);

        let mut other = key.clone();
        let own = PROVIDER.hash.digest(context.hash, &[&key]).unwrap();
        other.truncate(23);
        other.extend(own.as_bytes().iter().chain(own.as_bytes()));
        other.push(0);
        let report = only(&Verifier { peer_key: Some(&other), ..verifier }, &evidence);
        assert!(!report.verified());
    }
}

pub(crate) fn options_of_the_verifier() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let evidence = capture(&folder, "ver1.2_NONE_p384_sha384_conn");
    let plain = only(&verifier, &evidence);
    let nonce = |text: &Option<String>| -> [u8; 32] {
        hex::decode(text.as_ref().unwrap()).unwrap().try_into().unwrap()
    };

    let measured = nonce(&plain.nonces().measurements);
    let report = only(&Verifier { nonce: Some(RequesterNonce(measured)), ..verifier }, &evidence);
    assert_eq!((report.verified(), report.fresh()), (true, Some(true)));
    assert_eq!(report.status(AttestationCheck::MeasurementsNonce), CheckStatus::Pass);
    assert_eq!(report.status(AttestationCheck::ChallengeNonce), CheckStatus::Skipped);
    // The nonce of CHALLENGE is not the one that counts where measurements are signed.
    let challenged = nonce(&plain.nonces().challenge);
    let report = only(&Verifier { nonce: Some(RequesterNonce(challenged)), ..verifier }, &evidence);
    assert_eq!((report.verified(), report.fresh()), (false, Some(false)));
    assert_eq!(report.status(AttestationCheck::MeasurementsNonce), CheckStatus::Fail);

    let min_version = Some(SpdmVersion::V1_3);
    let report = only(&Verifier { min_version, ..verifier }, &evidence);
    assert_eq!((report.verified(), report.error().unwrap().kind), (false, ReportErrorKind::Policy));
    assert_eq!(report.exit_class(), ExitClass::Rejected);

    let slot = SlotId::new(3);
    let report = only(&Verifier { slot, ..verifier }, &evidence);
    assert_eq!((report.verified(), report.slot()), (false, Some(3)));

    let validity = ValidityCheck::At(0);
    let report = only(&Verifier { validity, ..verifier }, &evidence);
    assert!(!report.verified());
    assert_eq!(report.status(AttestationCheck::ChainCertificates), CheckStatus::Fail);
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Chain);
}

fn with(verifier: &Verifier<'_>, evidence: &Evidence, reference: &Reference<'_>) -> Report {
    only(&Verifier { reference: Some(reference), ..*verifier }, evidence)
}

pub(crate) fn reference_values() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let evidence = capture(&folder, "ver1.2_NONE_p384_sha384_conn");
    let plain = only(&verifier, &evidence);
    let first = &plain.measurements()[0];
    let json = |index: u8, value: &str| {
        let row = format!(r#"{{"index": {index}, "type": "{}", "value": "{value}"}}"#, first.kind);
        Reference::read(format!(r#"{{"measurements": [{row}]}}"#).as_bytes()).unwrap()
    };
    let value = hex::encode(&first.value);

    let report = with(&verifier, &evidence, &json(first.index, &value));
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.measurements()[0].reference, ReferenceStatus::Match);
    assert_eq!(report.measurements()[1].reference, ReferenceStatus::None);

    let report = with(&verifier, &evidence, &json(first.index, "00"));
    assert_eq!((report.verified(), report.exit_class()), (false, ExitClass::Rejected));
    assert_eq!(report.measurements()[0].reference, ReferenceStatus::Mismatch);
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Reference);

    let report = with(&verifier, &evidence, &json(77, &value));
    assert_eq!(report.status(AttestationCheck::MeasurementsReference), CheckStatus::Fail);
    // A device that signs no measurements has no reference value, whatever it shows.
    let unsigned = capture(&folder, "meas_nosig_v1.4_MCTP");
    let reference = json(first.index, &value);
    let report = only(&Verifier { reference: Some(&reference), ..verifier }, &unsigned);
    assert_eq!(report.status(AttestationCheck::MeasurementsReference), CheckStatus::Skipped);
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Required);
    assert!(!report.verified());
}

/// Evidence survives both of its written forms: the same verdict comes out.
pub(crate) fn written_evidence_gives_the_same_report() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let slot = Some(SlotId::ZERO);
    let verifier = Verifier { slot, ..Verifier::new(&PROVIDER, &anchors, AT) };
    for name in [
        "ver1.1_NONE_p384_sha384_conn",
        "ver1.2_NONE_p384_sha384_conn",
        "asym_ECDSA_P256_SHA_256_v1.2_DOE_nomut",
        "chunk_dts256_v1.3_PCI_DOE",
        "meas_onebyone_HASH_v1.3_MCTP",
    ] {
        let evidence = capture(&folder, name);
        let expected = only(&verifier, &evidence);
        let json = evidence.to_json().unwrap();
        let report = only(&verifier, &read(json.as_bytes()));
        assert_eq!(report.checks(), expected.checks(), "{name}");
        assert_eq!(report.measurements(), expected.measurements(), "{name}");
        assert!(report.verified(), "{name}");

        let transcript = evidence.recordings[0].to_standard_transcript().unwrap();
        let mut evidence_of_transcript = read(&transcript);
        let report = only(&verifier, &evidence_of_transcript);
        assert!(!report.verified(), "{name}: there is no chain");
        evidence_of_transcript.attach_chain(SlotId::ZERO, &chain(&evidence));
        let report = only(&verifier, &evidence_of_transcript);
        assert!(report.verified(), "{name}: {:?}", report.error());
        // The transcript holds the last signed sequence only.
        let known = |value| expected.measurements().contains(value);
        assert!(!report.measurements().is_empty() && report.measurements().iter().all(known));
        assert_eq!(evidence_of_transcript.recordings[0].to_standard_transcript(), Ok(transcript));
    }
}

/// The chain of slot 0, out of CERTIFICATE messages.
fn chain(evidence: &Evidence) -> Vec<u8> {
    let of_slot_0 = evidence.recordings[0]
        .exchanges
        .iter()
        .filter(|exchange| exchange.request[1..3] == [0x82, 0]);
    let mut chain = Vec::new();
    for exchange in of_slot_0 {
        let response = exchange.response.as_ref().unwrap();
        let (header, portion) = response.split_at(8);
        let len = usize::from(u16::from_le_bytes([header[4], header[5]]));
        chain.extend_from_slice(&portion[..len]);
        if header[6..8] == [0, 0] {
            return chain;
        }
    }
    panic!("no chain");
}
