//! Recordings that were changed on purpose: which check fails, and with which exit code.

use std::path::Path;

use spdm_codec::Code;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{AttestationCheck, CheckStatus, Evidence, ExitClass, Report, Verifier};
use spdm_x509::Anchor;

use crate::captures::capture;
use crate::{AT, folder, verify};

/// 1.2, P-384 and SHA-384: H is 48.
const NAME: &str = "ver1.2_NONE_p384_sha384_conn";

fn judge(folder: &Path, evidence: &Evidence) -> Vec<Report> {
    let roots = folder::roots(folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    verify(&Verifier::new(&PROVIDER, &anchors, AT), evidence)
}

/// Which message of an exchange.
#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

/// Changes a byte of the first message of this kind.
fn change(evidence: &mut Evidence, request: Code, side: Side, at: usize) {
    let exchanges = &mut evidence.recordings[0].exchanges;
    let exchange = exchanges.iter_mut().find(|exchange| exchange.request[1] == request.0).unwrap();
    match side {
        Side::Request => exchange.request[at] ^= 0x40,
        Side::Response => exchange.response.as_mut().unwrap()[at] ^= 0x40,
    }
}

pub(crate) fn the_failed_check_and_the_exit_code() {
    let folder = test_corpus::folder();
    let original = capture(&folder, NAME);
    let rows = [
        // The nonce is signed.
        (
            Code::CHALLENGE,
            Side::Request,
            8,
            AttestationCheck::ChallengeSignature,
            ExitClass::Rejected,
        ),
        (
            Code::GET_MEASUREMENTS,
            Side::Request,
            8,
            AttestationCheck::MeasurementsSignature,
            ExitClass::Rejected,
        ),
        (
            Code::CHALLENGE,
            Side::Response,
            10,
            AttestationCheck::ChallengeChainHash,
            ExitClass::Protocol,
        ),
        // The Responder's nonce.
        (
            Code::CHALLENGE,
            Side::Response,
            60,
            AttestationCheck::ChallengeSignature,
            ExitClass::Rejected,
        ),
        // The digest of slot 0.
        (Code::GET_DIGESTS, Side::Response, 10, AttestationCheck::ChainDigest, ExitClass::Protocol),
        // NumberOfBlocks.
        (
            Code::GET_MEASUREMENTS,
            Side::Response,
            4,
            AttestationCheck::MeasurementsFormat,
            ExitClass::Protocol,
        ),
    ];
    for (code, side, at, check, class) in rows {
        let mut evidence = original.clone();
        change(&mut evidence, code, side, at);
        let [report] = &judge(&folder, &evidence)[..] else { panic!() };
        assert!(!report.verified(), "{code}");
        assert_eq!(report.status(check), CheckStatus::Fail, "{code}: {:?}", report.error());
        assert_eq!(report.exit_class(), class, "{code}: {:?}", report.error());
    }
}

pub(crate) fn several_connections_in_one_file() {
    let folder = test_corpus::folder();
    let mut evidence = capture(&folder, "meas_all_RAW_v1.2_MCTP");
    evidence.target = "file".to_owned();
    // The second connection measures with the chain that the Requester remembers.
    let mut second = evidence.recordings[0].clone();
    second.exchanges.retain(|exchange| exchange.request[1] != Code::GET_CERTIFICATE.0);
    evidence.recordings.push(second.clone());
    // The third one fails; the others are not concerned.
    evidence.recordings.push(second);
    evidence.recordings[2].exchanges.last_mut().unwrap().request[5] ^= 1;
    let reports = judge(&folder, &evidence);
    let verdicts: Vec<_> = reports.iter().map(|r| (r.target(), r.verified())).collect();
    assert_eq!(verdicts, [("file#0", true), ("file#1", true), ("file#2", false)]);
    let worst = reports.iter().map(Report::exit_class).max();
    assert_eq!(worst, Some(ExitClass::Rejected));
    // A chain of a later connection is not remembered yet.
    evidence.recordings.swap(0, 1);
    let verdicts: Vec<_> = judge(&folder, &evidence).iter().map(Report::verified).collect();
    assert_eq!(verdicts, [false, true, false]);
}

pub(crate) fn what_no_key_checked_is_never_listed_as_signed() {
    let folder = test_corpus::folder();
    let mut evidence = capture(&folder, "meas_all_RAW_v1.2_MCTP");
    let exchanges = &mut evidence.recordings[0].exchanges;
    exchanges.retain(|exchange| exchange.request[1] != Code::GET_CERTIFICATE.0);
    let [report] = &judge(&folder, &evidence)[..] else { panic!() };
    assert!(!report.verified() && !report.measurements().is_empty());
    for check in [AttestationCheck::MeasurementsFormat, AttestationCheck::MeasurementsSignature] {
        assert_eq!(report.status(check), CheckStatus::Skipped);
    }
}

pub(crate) fn request_resynch_does_not_undo_what_was_proven() {
    let folder = test_corpus::folder();
    let mut evidence = capture(&folder, NAME);
    let mut last = evidence.recordings[0].exchanges.last().unwrap().clone();
    last.response = Some(vec![0x12, 0x7F, 0x43, 0]);
    evidence.recordings[0].exchanges.push(last);
    let [report] = &judge(&folder, &evidence)[..] else { panic!() };
    assert!(report.verified(), "{:?}", report.error());
}
