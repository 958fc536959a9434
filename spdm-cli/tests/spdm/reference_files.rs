//! `spdm reference`: files of reference values, shown and made.

use serde_json::{Value, json};
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{AsymAlgorithm, EcCurve};

use crate::build::{
    array, bytes, class, corim, digests, map, measurement, protected, sign1, tag, text, triple,
    uint,
};
use crate::process::{Emulator, Folder, Run, run, status};
use crate::schema::{check, schema};

/// A device that is the same in each run, evidence of it and its root.
fn evidence(folder: &Folder) -> (String, String) {
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P256");
    let root = folder.write("root.pem", std::fs::read(device.root()).unwrap());
    let file = folder.path("evidence.json");
    let attest = format!("attest {} --trust {root} --evidence {file}", device.target);
    assert_eq!(run(&attest).code, 0);
    (file, root)
}

#[track_caller]
fn written(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{run:?}");
    let value: Value = serde_json::from_str(&run.out).unwrap();
    check(&schema("reference"), &value);
    value
}

#[test]
fn what_is_made_of_evidence_matches_it() {
    let folder = Folder::new();
    let (file, root) = evidence(&folder);
    let make = run(&format!("reference make {file} --trust {root}"));
    let made = written(&make);
    let rows = made["measurements"].as_array().unwrap();
    let indices: Vec<_> = rows.iter().map(|row| row["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [1, 2, 3, 4, 16, 17, 254]);
    assert_eq!(rows[4], json!({"index": 16, "type": "firmware_security_version", "min_svn": 7}));
    assert_eq!(rows[5]["raw"], true);
    assert!(make.err.contains("left out: measurement 253 (freeform_manifest)"), "{}", make.err);
    let own = folder.write("own.json", &make.out);
    let verify = |own: &str| {
        let run = run(&format!("verify {file} --trust {root} --json --reference {own}"));
        (run.code, status(&run.object(), "measurements.reference").to_owned())
    };
    assert_eq!(verify(&own), (0, "pass".to_owned()));
    // Any byte that is changed is seen.
    for at in 0..rows.len() {
        let mut changed = made.clone();
        let row = &mut changed["measurements"][at];
        match row["value"].as_str().map(str::to_owned) {
            Some(value) => {
                let last = if value.ends_with('0') { "1" } else { "0" };
                row["value"] = format!("{}{last}", &value[..value.len() - 1]).into();
            }
            None => row["min_svn"] = 8.into(),
        }
        let changed = folder.write("changed.json", changed.to_string());
        assert_eq!(verify(&changed), (1, "fail".to_owned()), "{at}");
    }
    // It is a file like any other.
    let shown = run(&format!("reference show {own}"));
    assert_eq!((written(&shown), shown.err.as_str()), (made.clone(), ""));
    // A report says the same.
    let report = run(&format!("verify {file} --trust {root} --json")).out;
    let report = folder.write("report.json", report);
    assert_eq!(written(&run(&format!("reference make {report}"))), made);
}

#[test]
fn nothing_is_made_of_what_is_not_verified() {
    let folder = Folder::new();
    let (file, root) = evidence(&folder);
    let refused = run(&format!("reference make {file}"));
    assert!(refused.code == 1 && refused.out.is_empty(), "{refused:?}");
    assert!(refused.err.contains("not verified: "), "{}", refused.err);
    let report = run(&format!("verify {file} --json")).out;
    let report = folder.write("report.json", report);
    let refused = run(&format!("reference make {report}"));
    assert!(refused.code == 1 && refused.out.is_empty(), "{refused:?}");
    let good = run(&format!("verify {file} --trust {root} --json")).object();
    for (key, value) in
        [("verified", json!(false)), ("content_changed", json!("changed")), ("checks", json!([]))]
    {
        let mut report = good.clone();
        report[key] = value;
        let report = folder.write("report.json", report.to_string());
        let refused = run(&format!("reference make {report}"));
        assert!(refused.code == 1 && refused.out.is_empty(), "{key}: {refused:?}");
    }
    let mut odd = good;
    odd["measurements"][0]["value"] = "0".into();
    let report = folder.write("report.json", odd.to_string());
    assert_eq!(run(&format!("reference make {report}")).code, 2);
    let two = run(&format!("reference make {file} {file} --trust {root}"));
    assert!(two.code == 2 && two.out.is_empty() && two.err.contains("2 connections"), "{two:?}");
    assert_eq!(run("reference make /nowhere").code, 2);
    // An attestation with CHALLENGE alone has no measurements to make values of.
    let challenge = folder.path("challenge.json");
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P256");
    let line = format!("attest {} --trust {} --measurements none", device.target, device.root());
    assert_eq!(run(&format!("{line} --evidence {challenge}")).code, 0);
    assert_eq!(run(&format!("reference make {challenge} --trust {root}")).code, 1);
}

/// Every kind of value that JSON can say, and what it cannot.
#[test]
fn a_corim_as_json() {
    let folder = Folder::new();
    let digest = |value: u8| (2, digests(&[(7, &[value; 48])]));
    let state = |values: &[Vec<u8>]| triple(class("ACME", "WIDGET"), values);
    let masked = tag(563, array(&[bytes(&[1, 2]), bytes(&[0xFF, 0])]));
    let file = corim(&[
        state(&[measurement(1, &[digest(1)])]),
        state(&[measurement(1, &[digest(2)])]),
        state(&[measurement(2, &[(4, masked)])]),
        state(&[measurement(16, &[(1, tag(553, uint(5)))])]),
        state(&[measurement(17, &[(0, map(&[(0, text("1.2"))]))])]),
        state(&[measurement(18, &[(1, uint(3))])]),
        state(&[measurement(4, &[digest(4), (1, uint(1))])]),
        state(&[map(&[(0, text("ROM")), (1, map(&[digest(5)]))])]),
        state(&[measurement(1, &[(4, tag(560, bytes(&[1])))])]),
    ]);
    let file = folder.write("rim.cbor", file);
    let shown = run(&format!("reference show {file}"));
    let [one, two] = [1, 2].map(|value: u8| hex::encode([value; 48]));
    let expected = json!({"measurements": [
        {"index": 1, "any_of": [one, two]},
        {"index": 2, "raw": true, "value": "0102", "mask": "ff00"},
        {"index": 16, "min_svn": 5},
        {"index": 17, "type": "firmware_version", "raw": true, "value": "312e32"},
        {"index": 18, "type": "firmware_security_version", "raw": true, "value": "0300000000000000"},
    ]});
    assert_eq!(written(&shown), expected);
    for what in [
        "that the values are about vendor ACME, model WIDGET",
        "measurement 4: a value of several attributes or of another kind (tag 0, entry 6)",
        "a value that is of no measurement index (tag 0, entry 7)",
        "measurement 1: an alternative of another kind (tag 0, entry 8)",
    ] {
        assert!(shown.err.contains(&format!("left out: {what}\n")), "{what}: {}", shown.err);
    }
    assert_eq!(shown.err.lines().count(), 4, "{}", shown.err);
}

#[test]
fn values_of_several_devices_are_not_mixed() {
    let folder = Folder::new();
    let state = |model, value: u8| {
        triple(class("ACME", model), &[measurement(1, &[(2, digests(&[(7, &[value; 48])]))])])
    };
    let file = folder.write("rims.cbor", corim(&[state("A", 1), state("B", 2)]));
    let refused = run(&format!("reference show {file}"));
    assert!(refused.code == 1 && refused.out.is_empty(), "{refused:?}");
    assert!(refused.err.contains("vendor ACME, model A; vendor ACME, model B"), "{}", refused.err);
    assert!(refused.err.contains("hint: --environment"), "{}", refused.err);
    let only = run(&format!("reference show {file} --environment vendor=ACME,model=B"));
    let value = hex::encode([2; 48]);
    assert_eq!(written(&only), json!({"measurements": [{"index": 1, "value": value}]}));
    let none = run(&format!("reference show {file} --environment vendor=ACME,model=C"));
    assert!(none.code == 1 && none.out.is_empty(), "{none:?}");
    let any = written(&run(&format!("reference show {file} --environment any")));
    assert_eq!(any["measurements"][0]["any_of"].as_array().unwrap().len(), 2);
}

/// What is shown could be used, so a signature is checked as for --reference.
#[test]
fn a_signed_file_is_shown_only_with_its_signer() {
    let folder = Folder::new();
    let key = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P256), [7; 32]).unwrap();
    let values = measurement(1, &[(2, digests(&[(7, &[1; 48])]))]);
    let payload = corim(&[triple(class("ACME", "WIDGET"), &[values])]);
    let mut signed = sign1(&key, &protected(), &[], &payload);
    let file = folder.write("signed.corim", &signed);
    let key = folder.write("key", key.to_spki_der());
    written(&run(&format!("reference show {file} --reference-key {key}")));
    let refused = run(&format!("reference show {file}"));
    assert!(refused.code == 1 && refused.out.is_empty(), "{refused:?}");
    assert!(refused.err.contains("hint: --reference-key"), "{}", refused.err);
    *signed.last_mut().unwrap() ^= 1;
    let file = folder.write("forged.corim", signed);
    let forged = run(&format!("reference show {file} --reference-key {key}"));
    assert!(forged.code == 1 && forged.out.is_empty(), "{forged:?}");
}
