//! Reference values out of a CoRIM.

use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{AsymAlgorithm, EcCurve};

use crate::build::{
    class, corim, corim_map, digests, measurement, negative, protected, sign1, tag, text, triple,
    uint,
};
use serde_json::{Value, json};

use crate::process::{Emulator, Folder, Run, run, status};

/// A reference triple for these measurements of a report, as they are.
fn widget(model: &str, measured: &[Value]) -> Vec<u8> {
    let values = measured.iter().map(|row| {
        let value = hex::decode(row["value"].as_str().unwrap()).unwrap();
        let algorithm = if value.len() == 32 {
            1
        } else if value.len() == 48 {
            7
        } else {
            8
        };
        measurement(row["index"].as_u64().unwrap(), &[(2, digests(&[(algorithm, &value)]))])
    });
    triple(class("ACME", model), &values.collect::<Vec<_>>())
}

fn measured() -> Vec<Value> {
    let report = run("attest emulated --json").object();
    let measured = report["measurements"].as_array().unwrap();
    measured.iter().filter(|row| row["raw"] == false).cloned().collect()
}

#[test]
fn an_unsigned_file_that_matches() {
    let folder = Folder::new();
    let file = folder.write("good.corim", corim(&[widget("WIDGET", &measured())]));
    let run = run(&format!("attest emulated --json --reference {file}"));
    let report = run.object();
    assert_eq!((run.code, status(&report, "measurements.reference")), (0, "pass"), "{run:?}");
    let first = &report["measurements"][0];
    let expected = &first["expected"][0];
    assert_eq!((&first["reference"], &expected["value"]), (&"match".into(), &first["value"]));
    let origin = json!({"file": file, "tag": 0, "triple": 0, "signer": null});
    assert_eq!((&expected["origin"], &expected["difference"]), (&origin, &Value::Null));
    let summary = json!({
        "files": [{"name": file, "format": "corim", "signer": null, "valid": true, "states": 1, "ignored": 0}],
        "verdict": "match"
    });
    assert_eq!(report["reference"], summary);
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|row| row["check"] == "measurements.reference").unwrap();
    assert!(check["detail"].as_str().unwrap().ends_with(", which nobody signed"), "{check}");
}

#[test]
fn what_differs_and_what_is_missing_is_named() {
    let folder = Folder::new();
    let mut rows = measured();
    let value = rows[1]["value"].as_str().unwrap().len();
    rows[1]["value"] = "00".repeat(value / 2).into();
    let index = rows[1]["index"].as_u64().unwrap();
    let file = folder.write("bad.corim", corim(&[widget("WIDGET", &rows)]));
    let differs = run(&format!("attest emulated --json --reference {file}"));
    let report = differs.object();
    assert_eq!((differs.code, status(&report, "measurements.reference")), (1, "fail"));
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("{index} (")), "{message}");
    let row = report["measurements"].as_array().unwrap().iter().find(|row| row["index"] == index);
    assert_eq!(row.unwrap()["expected"][0]["value"], rows[1]["value"]);
    rows.truncate(1);
    rows[0]["index"] = 200.into();
    let file = folder.write("missing.corim", corim(&[widget("WIDGET", &rows)]));
    let missing = run(&format!("attest emulated --json --reference {file}"));
    let message = missing.object()["error"]["message"].as_str().unwrap().to_owned();
    assert!(missing.code == 1 && message.contains("missing: 200"), "{message}");
}

#[test]
fn na9_a_file_about_another_model() {
    let folder = Folder::new();
    let file = folder.write("other.corim", corim(&[widget("GADGET", &measured())]));
    let run = run(&format!("attest emulated --json --reference {file}"));
    let report = run.object();
    assert_eq!((run.code, &report["verified"]), (1, &false.into()));
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains("none of the 1 reference states"), "{message}");
    assert!(message.ends_with("is about this device (vendor ACME, model WIDGET)"), "{message}");
}

#[test]
fn a_signature_is_of_a_key_that_was_given() {
    let folder = Folder::new();
    let key = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P256), [7; 32]).unwrap();
    let other = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P256), [8; 32]).unwrap();
    let payload = corim(&[widget("WIDGET", &measured())]);
    let file = folder.write("signed.corim", sign1(&key, &protected(), &[], &payload));
    let (key, other) =
        (folder.write("key", key.to_spki_der()), folder.write("other", other.to_spki_der()));
    let line = format!("attest emulated --json --reference {file}");
    let good = run(&format!("{line} --reference-key {key}"));
    assert_eq!((good.code, status(&good.object(), "measurements.reference")), (0, "pass"));
    assert_eq!(status(&good.object(), "reference.signature"), "pass");
    assert_eq!(good.object()["reference"]["files"][0]["signer"], "signer");
    let refused = |run: Run| {
        let report = run.object();
        assert_eq!((run.code, status(&report, "reference.signature")), (1, "fail"));
        assert_eq!(status(&report, "measurements.reference"), "skipped");
        let reference = &report["reference"];
        assert_eq!(reference["verdict"], "not_compared");
        assert_eq!(
            (&reference["files"][0]["valid"], &reference["files"][0]["signer"]),
            (&false.into(), &Value::Null)
        );
        assert!(report["measurements"][0]["reference"] == "none" && report["verified"] == false);
        report["error"]["message"].as_str().unwrap().to_owned()
    };
    let nobody = run(&line);
    assert!(nobody.err.contains("--reference-key"), "{}", nobody.err);
    assert!(refused(nobody).contains("there is no key to verify the signature with"));
    let wrong = run(&format!("{line} --reference-key {other}"));
    assert!(refused(wrong).contains("the signature is not valid"));
    // Nobody says whom to trust, so that measure is content with a signature of the device; but not with these values.
    let device = Emulator::start("--seed 1");
    let measure = format!("measure {} --json --reference {file}", device.target);
    assert_eq!(run(&format!("{measure} --reference-key {other}")).code, 1);
    assert_eq!(run(&format!("{measure} --reference-key {key}")).code, 0);
    assert_eq!(run(&format!("attest emulated --reference-key {key}")).code, 2);
}

#[test]
fn evidence_is_held_against_a_file_offline() {
    let folder = Folder::new();
    let evidence = folder.path("evidence.json");
    let live = run(&format!("attest emulated --json --evidence {evidence}")).object();
    let root = live["identity"]["root_sha256"].as_str().unwrap();
    let mut rows = measured();
    let good = folder.write("good.corim", corim(&[widget("WIDGET", &rows)]));
    let length = rows[0]["value"].as_str().unwrap().len();
    rows[0]["value"] = "00".repeat(length / 2).into();
    let bad = folder.write("bad.corim", corim(&[widget("WIDGET", &rows)]));
    for (file, code, expected) in [(good, 0, "pass"), (bad, 1, "fail")] {
        let line = format!("verify {evidence} --json --trust-root-hash {root} --reference {file}");
        let run = run(&line);
        assert_eq!((run.code, status(&run.object(), "measurements.reference")), (code, expected));
    }
}

#[test]
fn a_file_that_is_refused_says_why_and_where() {
    let folder = Folder::new();
    let good = corim(&[widget("WIDGET", &measured())]);
    let profile = corim_map(&[widget("WIDGET", &measured())], &[(3, tag(32, text("x")))]);
    let no_svn = corim(&[triple(class("A", "B"), &[measurement(1, &[(1, negative(0))])])]);
    let sample = tag(500, good.clone());
    for (bytes, why) in [
        (good[..good.len() - 1].to_vec(), "the bytes end before the item does (byte"),
        (profile, "the profile is unknown"),
        (no_svn, "svn: it is of another type than expected (byte"),
        (sample, "--profile compatible reads older forms"),
        (tag(1, uint(1)), "neither an unsigned (tag 501) nor a signed (tag 18) CoRIM"),
    ] {
        let file = folder.write("file.corim", bytes);
        let run = run(&format!("attest emulated --reference {file}"));
        assert_eq!(run.code, 2);
        assert!(run.err.contains(why), "{}", run.err);
    }
}
