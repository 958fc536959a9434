//! Answers of Redfish services: SPDMGetSignedMeasurements and certificates.

use serde_json::{Value, json};

use crate::process::{Folder, Run, spdm};

const AT: &str = "2026-06-01T00:00:00Z";

/// A file of the corpus.
fn path(name: &str) -> String {
    let folder = test_corpus::folder().join("appraisal/redfish");
    folder.join(name).to_str().unwrap().to_owned()
}

fn object(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

fn verify(file: &str, certificate: &str, more: &[&str]) -> Run {
    let args = ["verify", file, "--certificate", certificate, "--at", AT, "--json"];
    spdm(&[&args[..], more].concat())
}

/// The root that the chain of the corpus ends in.
fn root() -> String {
    let run = verify(&path("signed_measurements.json"), &path("certificate.json"), &[]);
    assert_eq!(run.code, 1);
    run.object()["identity"]["root_sha256"].as_str().unwrap().to_owned()
}

/// An object with other members.
fn with(object: &Value, members: &Value) -> String {
    let mut object = object.clone();
    object.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    object.to_string()
}

pub(crate) fn the_answer_and_its_certificate_in_two_files() {
    let (root, folder) = (root(), Folder::new());
    let trust = ["--trust-root-hash", &root];
    let (answer, certificate) = (object("signed_measurements.json"), object("certificate.json"));
    let run = verify(&path("signed_measurements.json"), &path("certificate.json"), &trust);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.object()["verified"], true);
    assert_eq!(run.object()["measurements"].as_array().unwrap().len(), 31);
    // As a Task holds it, and with the certificate that a query expands.
    let task = json!({"@odata.type": "#Task.v1_7_0.Task", "TaskState": "Completed", "Payload": {
        "HttpOperation": "POST", "TargetUri": "/redfish/v1/ComponentIntegrity/0",
        "JsonBody": "{\"SlotId\": 0, \"MeasurementIndices\": [255]}"}, "Response": answer});
    for file in [task.to_string(), with(&answer, &json!({"Certificate": certificate}))] {
        let file = folder.write("answer.json", file);
        let run = verify(&file, &path("certificate.json"), &trust);
        assert_eq!(run.code, 0, "{}", run.err);
        assert_eq!(run.object()["verified"], true);
    }
    // The certificate alone is no evidence: the option is named.
    let run = spdm(&["verify", &path("certificate.json")]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("hint: --chain "), "{}", run.err);
}

pub(crate) fn the_request_of_a_task_names_the_signed_nonce() {
    let (root, folder) = (root(), Folder::new());
    let trust = ["--trust-root-hash", &root];
    let answer = object("signed_measurements.json");
    let nonce = "931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb";
    let other = "5a".repeat(32);
    let text = |nonce: &str| json!(json!({"Nonce": nonce}).to_string());
    for (body, code) in [
        (text(nonce), 0),
        (text(&other), 1),
        (json!({"Nonce": nonce}), 0),
        (json!({"Nonce": other}), 1),
    ] {
        let file = json!({"Payload": {"JsonBody": body}, "Response": answer}).to_string();
        let run = verify(&folder.write("task.json", file), &path("certificate.json"), &trust);
        assert_eq!(run.code, code, "{}", run.err);
        let checks = run.object()["checks"].clone();
        let is_nonce = |check: &&Value| check["check"] == "measurements.nonce";
        let check = checks.as_array().unwrap().iter().find(is_nonce).unwrap().clone();
        assert_eq!(check["status"] == "fail", code == 1, "{check}");
    }
}

/// HashingAlgorithm was seen to be wrong.
pub(crate) fn the_named_hash_is_a_hint() {
    let (root, folder) = (root(), Folder::new());
    let trust = ["--trust-root-hash", &root];
    let answer = object("signed_measurements.json");
    let file = with(&answer, &json!({"HashingAlgorithm": "TPM_ALG_SHA_512"}));
    let file = folder.write("answer.json", file);
    let run = verify(&file, &path("certificate.json"), &trust);
    assert_eq!(run.code, 0, "{}", run.err);
    let report = run.object();
    assert_eq!(report["verified"], true);
    let note = "the file says that the hash algorithm is SHA_512; it is SHA_384";
    assert_eq!(report["notes"], json!([note]));
    // What a person says is none.
    let given = ["--trust-root-hash", &root, "--base-hash", "SHA_512"];
    let run = verify(&file, &path("certificate.json"), &given);
    assert_eq!(run.code, 1);
    assert_eq!(run.object()["error"]["kind"], "signature", "{}", run.out);
    let run = verify(&file, &path("certificate.json"), &["--base-hash", "SHA_384"]);
    assert_eq!(run.code, 2);
    // With a wrong signature neither of them holds, and nothing is said of either.
    let text = answer["SignedMeasurements"].as_str().unwrap();
    let (front, end) = text.split_at(text.len() - 8);
    let wrong = format!("{front}AAAA{}", &end[4..]);
    let file = with(&answer, &json!({"HashingAlgorithm": "SHA_512", "SignedMeasurements": wrong}));
    let run = verify(&folder.write("answer.json", file), &path("certificate.json"), &trust);
    assert_eq!(run.code, 1);
    assert_eq!(run.object()["error"]["kind"], "signature");
    assert_eq!(run.object()["notes"], json!([]));
}

/// CertificateString is in no certain order.
pub(crate) fn certificates_are_ordered_by_their_issuers() {
    let (root, folder) = (root(), Folder::new());
    let trust = ["--trust-root-hash", &root];
    let certificate = object("certificate.json");
    let pem = certificate["CertificateString"].as_str().unwrap();
    let end = "-----END CERTIFICATE-----";
    let blocks: Vec<&str> = pem.split_inclusive(end).filter(|b| b.ends_with(end)).collect();
    assert_eq!(blocks.len(), 5);
    let judge = |order: &[usize]| {
        let pem: String = order.iter().map(|index| blocks[*index]).collect();
        let file = with(&certificate, &json!({"CertificateString": pem}));
        let file = folder.write("certificate.json", file);
        verify(&path("signed_measurements.json"), &file, &trust)
    };
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [1, 0, 2, 4, 3]] {
        let run = judge(&order);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{order:?}");
    }
    // One of them is missing, or there twice.
    for order in [&[2, 0, 4, 1][..], &[2, 0, 4, 1, 3, 2]] {
        let run = judge(order);
        assert_eq!(run.code, 1, "{order:?}");
    }
}
