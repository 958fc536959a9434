//! `spdm collect --format`: each form gives the verdict of the same evidence.

use std::fs;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::Value;

use crate::process::{Emulator, Folder, Run, spdm};

const FORMS: [&str; 4] = ["transcript", "redfish", "cmw", "nvidia"];
const NONCE: &str = "5a";

/// Collects in a form, with the certificates in a file of their own.
fn collect(device: &Emulator, folder: &Folder, form: &str, more: &[&str]) -> (String, String, Run) {
    let (file, chain) = (folder.path(form), folder.path("chain.pem"));
    let nonce = NONCE.repeat(32);
    let args = ["collect", &device.target, "--format", form, "--evidence", &file];
    let run = spdm(&[&args[..], &["--chain-out", &chain, "--nonce", &nonce], more].concat());
    (file, chain, run)
}

/// What a verdict is about, apart from CHALLENGE.
fn measured(report: &Value) -> Vec<Value> {
    let names = ["verified", "version", "slot", "leaf_sha256", "identity", "measurements", "fresh"];
    let mut values: Vec<_> = names.iter().map(|name| report[name].clone()).collect();
    values.push(report["nonces"]["measurements"].clone());
    values
}

#[test]
fn each_form_gives_the_verdict_of_the_same_evidence() {
    let nonce = NONCE.repeat(32);
    for versions in ["1.1", "1.2", "1.3", "1.4"] {
        // Before 1.2 the algorithms are not part of what is signed.
        let asym =
            if versions == "1.1" { "--base-asym ECDSA_P384 --base-hash SHA_384" } else { "" };
        let device = Emulator::start(&format!("--versions {versions} --seed 7 {asym}"));
        let root = device.root();
        let folder = Folder::new();
        let verify = |file: &str, more: &[&str]| {
            let args = ["verify", file, "--trust", &root, "--nonce", &nonce, "--json"];
            spdm(&[&args[..], more].concat())
        };
        let (file, _, run) = collect(&device, &folder, "spdm", &[]);
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        let own = verify(&file, &[]);
        assert_eq!(own.code, 0, "{}", own.err);
        let own = own.object();
        assert!(!own["measurements"].as_array().unwrap().is_empty());
        for form in FORMS {
            let (file, chain, run) = collect(&device, &folder, form, &[]);
            assert_eq!((run.code, run.out.as_str()), (0, ""), "{form}: {}", run.err);
            let challenge =
                "note: CHALLENGE_AUTH was left out: the form is for signed measurements\n";
            assert!(run.err.starts_with(challenge), "{}", run.err);
            let is_newer = run.err.contains("NVIDIA's own verifier reads measurements of 1.1 only");
            assert_eq!(is_newer, form == "nvidia" && versions != "1.1", "{}", run.err);
            let more: &[&str] = if form == "transcript" { &["--chain", &chain] } else { &[] };
            let run = verify(&file, more);
            assert_eq!(run.code, 0, "{form} of {versions}: {}", run.err);
            let report = run.object();
            assert_eq!(measured(&report), measured(&own), "{form} of {versions}");
            assert_eq!(report["basis"]["signatures"], serde_json::json!(["measurements"]));
            // The format can be named, and the certificates are those of the file.
            let named = verify(&file, &[more, &["--format", form]].concat());
            assert_eq!(named.code, 0, "{form}: {}", named.err);
            if form != "transcript" {
                let same = verify(&file, &["--chain", &chain]);
                assert_eq!(same.code, 0, "{form}: {}", same.err);
            }
        }
    }
}

#[test]
fn a_form_without_algorithms_says_which_options_it_needs() {
    let device =
        Emulator::start("--versions 1.1 --seed 7 --base-asym ECDSA_P521 --base-hash SHA_512");
    let (root, folder) = (device.root(), Folder::new());
    for (form, options) in [
        ("redfish", ""),
        ("cmw", "--base-asym ECDSA_P521 --base-hash SHA_512"),
        ("nvidia", "--base-asym ECDSA_P521 --base-hash SHA_512"),
    ] {
        let (file, _, run) = collect(&device, &folder, form, &[]);
        assert_eq!(run.code, 0);
        let note = format!("the form names no algorithms: spdm verify needs {options}\n");
        assert_eq!(run.err.contains(&note), form != "redfish", "{}", run.err);
        let options: Vec<&str> = options.split_whitespace().collect();
        let run = spdm(&[&["verify", &file, "--trust", &root], &options[..]].concat());
        assert_eq!(run.code, 0, "{form}: {}", run.err);
    }
}

/// One bit of what the device said, in each form.
#[test]
fn what_is_changed_in_a_form_is_not_verified() {
    let device = Emulator::start("--seed 7");
    let (root, folder) = (device.root(), Folder::new());
    for (form, pointer) in
        [("redfish", "/SignedMeasurements"), ("cmw", "/transcript/1"), ("nvidia", "/0/evidence")]
    {
        let (file, _, run) = collect(&device, &folder, form, &[]);
        assert_eq!(run.code, 0);
        let mut json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let place = json.pointer_mut(pointer).unwrap();
        let text = place.as_str().unwrap().trim_end_matches('=').to_owned();
        let text = text.replace('+', "-").replace('/', "_");
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let last = bytes.len() - 1;
        for at in [last, last - 200] {
            bytes[at] ^= 1;
            *json.pointer_mut(pointer).unwrap() = BASE64_STANDARD.encode(&bytes).into();
            let changed = folder.write("changed.json", json.to_string());
            let run = spdm(&["verify", &changed, "--trust", &root]);
            assert_ne!(run.code, 0, "{form}");
            bytes[at] ^= 1;
        }
    }
}

/// The members that tools of others look for.
#[test]
fn forms_have_the_members_that_others_read() {
    let device = Emulator::start("--versions 1.1 --seed 7 --base-asym ECDSA_P384");
    let folder = Folder::new();
    let read = |form: &str| -> Value {
        let (file, _, run) = collect(&device, &folder, form, &[]);
        assert_eq!(run.code, 0, "{}", run.err);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    let redfish = read("redfish");
    assert_eq!(redfish["SigningAlgorithm"], "TPM_ALG_ECDSA_ECC_NIST_P384");
    assert!(redfish["HashingAlgorithm"].as_str().unwrap().starts_with("TPM_ALG_SHA_"));
    assert_eq!(redfish["Version"], "1.1.0");
    assert_eq!(redfish["Certificate"]["CertificateType"], "PEMchain");
    let list = read("nvidia");
    let one = &list[0];
    assert_eq!((list.as_array().unwrap().len(), &one["nonce"]), (1, &NONCE.repeat(32).into()));
    let bytes = |name: &str| BASE64_STANDARD.decode(one[name].as_str().unwrap()).unwrap();
    // A request of 37 bytes and the answer, of 1.1; the leaf comes first.
    let report = bytes("evidence");
    assert_eq!((&report[..2], &report[37..39]), (&[0x11, 0xE0][..], &[0x11, 0x60][..]));
    assert_eq!(hex::encode(&report[4..36]), NONCE.repeat(32));
    let chain = String::from_utf8(bytes("certificate")).unwrap();
    assert!(chain.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(chain, fs::read_to_string(folder.path("chain.pem")).unwrap());
    let wrapper = read("cmw");
    assert_eq!(wrapper["transcript"][0], "application/vnd.dmtf.spdm.transcript");
    assert_eq!(wrapper["transcript"][2], 4);
    assert_eq!(wrapper["certificates"][0], "application/pem-certificate-chain");
}

#[test]
fn a_form_that_has_no_place_for_the_evidence_is_not_written() {
    let device = Emulator::start("--capabilities CERT_CAP,CHAL_CAP,MEAS_CAP_NO_SIG");
    let folder = Folder::new();
    let (file, _, run) = collect(&device, &folder, "redfish", &[]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("the evidence is not complete"), "{}", run.err);
    assert!(fs::read(&file).is_err());
    let (_, _, run) = collect(&device, &folder, "cmw", &["--measurements", "none"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--format cmw is for signed measurements"), "{}", run.err);
    let (_, _, run) = collect(&device, &folder, "capture", &[]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--pcap FILE writes a capture"), "{}", run.err);
}
