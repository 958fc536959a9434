//! What services bring, and what spdm-evidence makes of it.

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, Format, Proof, ReadOptions, Report, Signatures,
    Verifier,
};
use spdm_fleet::redfish::{Deadline, MeasurementRequest, collect};
use spdm_x509::{Anchor, ValidityCheck};
use test_redfish::{AttestedDevice, Controller, Response, TaskForm};

use crate::{NONCE, TIME, access, collected, controller, request, target};

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;

/// Judged with the root of the first device.
fn judged(evidence: &[u8]) -> Report {
    let options = ReadOptions { format: Some(Format::Redfish), ..ReadOptions::default() };
    let evidence = Evidence::read(evidence, &options).unwrap();
    let root = AttestedDevice::new(1).root();
    let anchors = [Anchor::Certificate(&root)];
    let mut verifier = Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    verifier.nonce = Some(spdm_codec::RequesterNonce(NONCE));
    verifier.required = Signatures::Each(&[Proof::Measurements]);
    let mut reports = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn report(controller: Controller) -> Report {
    judged(&collected(controller, TIME).evidence.unwrap())
}

#[test]
fn evidence_is_verified_whatever_form_the_answer_has() {
    for (task, requests) in [
        (TaskForm::None, 3),
        (TaskForm::Monitor(0), 4),
        (TaskForm::Monitor(2), 6),
        (TaskForm::Recorded, 5),
        (TaskForm::Silent, 6),
    ] {
        let collected = collected(Controller { task, ..controller() }, TIME);
        let report = judged(&collected.evidence.unwrap());
        assert!(report.verified(), "{task:?} {:?}", report.error());
        assert_eq!(report.fresh(), Some(true));
        assert_eq!(collected.answered, requests, "{task:?}");
    }
}

#[test]
fn the_device_is_asked_for_what_the_caller_wants() {
    let (service, controller) = controller().start();
    let target = target(&service, &Controller::path("GPU_0"));
    let request = MeasurementRequest { indices: Some(vec![2]), ..request() };
    let collected = collect(&access(), &target, &request, Deadline::after(TIME));
    let report = judged(&collected.evidence.unwrap());
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.measurements().len(), 1);
    let log = controller.log.lock().unwrap();
    assert!(log.iter().all(|request| request.header("odata-version") == Some("4.0")));
    let action = log.iter().find(|request| request.line.starts_with("POST ")).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&action.body).unwrap();
    let expected = serde_json::json!(
        {"MeasurementIndices": [2], "Nonce": hex::encode(NONCE), "SlotId": 0}
    );
    assert_eq!(body, expected);
}

#[test]
fn f19_a_nonce_that_the_service_ignores_is_rejected() {
    let report = report(Controller { nonce: Some([9; 32]), ..controller() });
    assert!(!report.verified());
    assert_eq!(report.status(AttestationCheck::MeasurementsNonce), CheckStatus::Fail);
}

#[test]
fn f19_a_certificate_of_another_component_is_rejected() {
    for trusted_first in [true, false] {
        let [first, other] = if trusted_first { [1, 2] } else { [2, 1] };
        let mut controller =
            Controller::new(vec![AttestedDevice::new(first), AttestedDevice::new(other)]);
        let linked = &mut controller.components[0].1["SPDM"]["IdentityAuthentication"];
        let linked = &mut linked["ResponderAuthentication"]["ComponentCertificate"];
        linked["@odata.id"] = Controller::certificate("GPU_1").into();
        let report = report(controller);
        assert!(!report.verified());
        assert_ne!(report.status(AttestationCheck::MeasurementsSignature), CheckStatus::Pass);
    }
}

#[test]
fn a_certificate_of_another_slot_gives_way_to_that_of_the_answer() {
    let other = serde_json::json!({"CertificateString": "x", "SPDM": {"SlotId": 7}});
    let mut controller = controller();
    controller.replaced = vec![("GET /other".to_owned(), Response::new(200, other.to_string()))];
    let linked = &mut controller.components[0].1["SPDM"]["IdentityAuthentication"];
    linked["ResponderAuthentication"]["ComponentCertificate"]["@odata.id"] = "/other".into();
    assert!(report(controller).verified());
}

#[test]
fn without_a_certificate_of_the_component_that_of_the_answer_is_taken() {
    let mut controller = controller();
    controller.components[0].1["SPDM"] = serde_json::Value::Null;
    assert!(report(controller).verified());
}
