//! Signed SWID tags of a vendor, against real evidence.

use std::string::String;

use serde_json::{Value, json};

use crate::process::{Folder, Run, spdm};

const SWITCH: &str = "NV_SWITCH_BIOS_5612_0002_890_9610550001.xml";
const VBIOS: &str = "NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml";
const DRIVER: &str = "NV_GPU_DRIVER_GH100_550.144.03.xml";

fn path(name: &str) -> String {
    let folder = test_corpus::folder().join("appraisal/nvidia");
    folder.join(name).to_str().unwrap().to_owned()
}

/// Evidence under the root that it names itself, with reference values.
fn verify(evidence: &[&str], references: &[&str], at: &str, more: &[&str]) -> Run {
    let mut args = vec!["verify"];
    args.extend(evidence);
    args.extend(["--at", at, "--json"]);
    let probe = spdm(&args);
    let root = probe.object()["identity"]["root_sha256"].as_str().unwrap().to_owned();
    let trust = path("rim_root.crt");
    args.extend(["--trust-root-hash", &root, "--reference-trust", &trust]);
    let names: Vec<String> = references.iter().map(|name| path(name)).collect();
    for name in &names {
        args.extend(["--reference", name]);
    }
    args.extend(more);
    spdm(&args)
}

fn switch(references: &[&str], more: &[&str]) -> Run {
    verify(&[&path("switch_evidence_ls10.json")], references, "2026-10-01T00:00:00Z", more)
}

/// The evidence of a GPU as its driver's library writes it: request and answer in hexadecimal, and a chain beside it.
fn gpu(folder: &Folder, references: &[&str], at: &str) -> Run {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let hexadecimal = std::fs::read_to_string(path("hopper_535.86.09_report.txt")).unwrap();
    let evidence = BASE64_STANDARD.encode(hex::decode(hexadecimal.trim()).unwrap());
    let chain = std::fs::read(path("hopper_535.86.09_chain.txt")).unwrap();
    let object = json!({"evidence": evidence, "certificate": BASE64_STANDARD.encode(chain)});
    let file = folder.write("gpu.json", object.to_string());
    verify(&[&file], references, at, &[])
}

fn outcomes(report: &Value, wanted: &str) -> Vec<u64> {
    let rows = report["measurements"].as_array().unwrap().iter();
    let rows = rows.filter(|row| row["reference"] == wanted);
    rows.map(|row| row["index"].as_u64().unwrap()).collect()
}

fn message(report: &Value) -> &str {
    report["error"]["message"].as_str().unwrap()
}

pub(crate) fn every_value_of_a_switch_matches() {
    let run = switch(&[SWITCH], &[]);
    let report = run.object();
    assert_eq!((run.code, &report["verified"]), (0, &json!(true)), "{report}");
    assert_eq!(outcomes(&report, "match"), (1..=31).collect::<Vec<_>>());
    let file = &report["reference"]["files"][0];
    assert_eq!((&file["format"], &file["valid"]), (&json!("swid"), &json!(true)));
    assert!(file["signer"].as_str().unwrap().contains("NVIDIA Reference Value L4 LS10"));
    assert_eq!(report["reference"]["verdict"], "match");
    // Each measurement has a value: none is left over.
    assert_eq!(switch(&[SWITCH], &["--reference-complete"]).code, 0);
}

pub(crate) fn the_differing_index_of_a_gpu_is_that_of_spdm() {
    let folder = Folder::new();
    let run = gpu(&folder, &[VBIOS], "2025-10-01T00:00:00Z");
    let report = run.object();
    assert_eq!(run.code, 1);
    assert_eq!(outcomes(&report, "match").len(), 11);
    assert_eq!(outcomes(&report, "mismatch"), [10]);
    assert!(message(&report).starts_with("measurement 10 (mutable_firmware) is "), "{report}");
}

pub(crate) fn changed_expired_and_untrusted_files_do_not_count() {
    let folder = Folder::new();
    let changed = "NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml";
    let unsigned = "incorrect_signature_driver_rim.xml";
    for (run, what) in [
        (switch(&[unsigned], &[]), "SignatureValue: the signature is not valid"),
        (gpu(&folder, &[VBIOS], "2026-10-01T00:00:00Z"), "notAfter has passed"),
        (
            verify(&[&path("switch_evidence_ls10.json")], &[changed], "2025-10-01T00:00:00Z", &[]),
            "the digest of the document is not the one that is signed",
        ),
    ] {
        let report = run.object();
        assert_eq!(run.code, 1, "{report}");
        assert!(message(&report).contains(what), "{report}");
        let checks = report["checks"].as_array().unwrap();
        let row = checks.iter().find(|row| row["check"] == "reference.signature").unwrap();
        assert_eq!(row["status"], "fail");
        assert!(outcomes(&report, "match").is_empty());
    }
}

pub(crate) fn files_for_another_version_or_device() {
    let folder = Folder::new();
    let at = "2025-10-01T00:00:00Z";
    let report = gpu(&folder, &[DRIVER], at).object();
    let message = message(&report);
    for what in ["version 550.144.03", "driver 535.86.09", "NV_GPU_VBIOS_1010_0200_882_96005E0001"]
    {
        assert!(message.contains(what), "{message}");
    }
    assert_eq!(report["reference"]["verdict"], "not_about");
    let report = switch(&[DRIVER], &[]).object();
    assert_eq!(report["reference"]["verdict"], "not_about");
    // One file twice expects each value twice.
    let report = gpu(&folder, &[VBIOS, VBIOS], at).object();
    assert_eq!(report["verified"], false);
    assert!(self::message(&report).contains("expect something of measurement 1"), "{report}");
}

pub(crate) fn a_file_is_shown_as_json_that_the_evidence_meets() {
    let folder = Folder::new();
    let trust = path("rim_root.crt");
    let run = spdm(&[
        "reference",
        "show",
        &path(SWITCH),
        "--reference-trust",
        &trust,
        "--at",
        "2026-10-01T00:00:00Z",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    let shown = folder.write("shown.json", &run.out);
    let rows: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(rows["measurements"].as_array().unwrap().len(), 31);
    let evidence = path("switch_evidence_ls10.json");
    let probe = spdm(&["verify", &evidence, "--json"]);
    let root = probe.object()["identity"]["root_sha256"].as_str().unwrap().to_owned();
    let run = spdm(&["verify", &evidence, "--trust-root-hash", &root, "--reference", &shown]);
    assert_eq!(run.code, 0, "{}", run.out);
}
