//! `spdm attest`, `measure`, `info`, `certs` and `collect` with the device in the same process.

use crate::process::{Emulator, Folder, command, run, spdm, status};

const CHECKS: [&str; 15] = [
    "chain.format",
    "chain.digest",
    "chain.root",
    "chain.certificates",
    "chain.signatures",
    "chain.anchor",
    "leaf.profile",
    "leaf.san",
    "challenge.nonce",
    "challenge.chain_hash",
    "challenge.signature",
    "measurements.format",
    "measurements.nonce",
    "measurements.signature",
    "measurements.reference",
];

/// Large messages in chunks, post-quantum signatures among them, change nothing of the verdict.
#[test]
fn small_transfers() {
    for algorithm in ["ECDSA_P256", "ML_DSA_44", "ML_DSA_87"] {
        for size in [42, 256, 4608] {
            let run = run(&format!(
                "attest emulated --json --base-asym {algorithm} --transfer-size {size}"
            ));
            let report = run.object();
            assert_eq!((run.code, &report["verified"]), (0, &true.into()), "{algorithm}");
            let kind = if algorithm.starts_with("ML") { "pqc_asym" } else { "base_asym" };
            assert_eq!(report["algorithms"][kind], algorithm, "{size}");
        }
    }
}

#[test]
fn the_emulated_device_is_verified() {
    let run = run("attest emulated");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.starts_with("VERIFIED  emulated: "), "{}", run.out);
    assert!(run.out.contains("ACME:WIDGET:0123456789"), "{}", run.out);
    assert!(!run.out.contains('\x1b'), "no colours without a terminal");
    assert_eq!(run.err, "");
}

#[test]
fn the_object_has_every_key() {
    let run = run("attest emulated --json");
    assert_eq!(run.code, 0);
    let report = run.object();
    let keys = [
        "schema",
        "target",
        "verified",
        "basis",
        "checks",
        "version",
        "algorithms",
        "slot",
        "nonces",
        "fresh",
        "identity",
        "measurements",
        "content_changed",
        "measurement_summary",
        "reference",
        "claims",
        "policy",
        "session",
        "leaf_sha256",
        "notes",
        "at",
        "duration_ms",
        "tool",
        "error",
    ];
    let mut found: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    let mut expected = keys.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!((&report["schema"], &report["verified"]), (&1.into(), &true.into()));
    assert_eq!((&report["fresh"], &report["error"]), (&true.into(), &serde_json::Value::Null));
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|row| &row["check"]).collect();
    assert_eq!(names, CHECKS);
    for check in CHECKS {
        let skipped = ["leaf.san", "measurements.reference"].contains(&check);
        assert_eq!(status(&report, check), if skipped { "skipped" } else { "pass" }, "{check}");
    }
    let (challenge, measurements) =
        (&report["nonces"]["challenge"], &report["nonces"]["measurements"]);
    assert_eq!(challenge.as_str().map(str::len), Some(64));
    assert_ne!(challenge, measurements, "no nonce is used twice");
    let first = &report["measurements"][0];
    assert_eq!((&first["index"], &first["raw"]), (&1.into(), &false.into()));
    assert_eq!((&first["type"], &first["reference"]), (&"immutable_rom".into(), &"none".into()));
}

#[test]
fn the_given_nonce_is_that_of_the_last_signature() {
    let nonce = "5a".repeat(32);
    let report = run(&format!("attest emulated --json --nonce {nonce}")).object();
    assert_eq!(report["nonces"]["measurements"], nonce.as_str());
    assert_ne!(report["nonces"]["challenge"], nonce.as_str());
    let report =
        run(&format!("attest emulated --json --nonce {nonce} --measurements none")).object();
    assert_eq!(report["nonces"]["challenge"], nonce.as_str());
    assert_eq!(report["verified"], true);
    let folder = Folder::new();
    let file = folder.write("nonce", format!("{nonce}\n"));
    let report = run(&format!("attest emulated --json --nonce @{file}")).object();
    assert_eq!(report["nonces"]["measurements"], nonce.as_str());
}

#[test]
fn one_signature_may_be_waived_but_not_both() {
    let waived = run("attest emulated --json --challenge none");
    let report = waived.object();
    assert_eq!((waived.code, status(&report, "challenge.signature")), (0, "skipped"));
    let waived = run("attest emulated --json --measurements none");
    let report = waived.object();
    assert_eq!((waived.code, status(&report, "measurements.signature")), (0, "skipped"));
    assert_eq!(run("attest emulated --challenge none --measurements none").code, 2);
}

#[test]
fn single_measurements() {
    let run = run("attest emulated --json --measurements 3,1-2");
    let report = run.object();
    let rows = report["measurements"].as_array().unwrap();
    let indices: Vec<_> = rows.iter().map(|row| row["index"].as_u64().unwrap()).collect();
    assert_eq!((run.code, indices), (0, vec![1, 2, 3]));
}

#[test]
fn names_that_the_leaf_must_carry() {
    for (san, code) in [
        ("dmtf", 0),
        ("dmtf:ACME:WIDGET:*", 0),
        ("dmtf:ACME:GADGET:*", 1),
        ("pci-cma --pci-id 1b36:0010:010802:02:1af4:1100", 1),
    ] {
        let run = run(&format!("attest emulated --json --san {san}"));
        let report = run.object();
        let expected = if code == 0 { "pass" } else { "fail" };
        assert_eq!((run.code, status(&report, "leaf.san")), (code, expected), "{san}");
    }
}

#[test]
fn another_root_is_no_anchor() {
    let folder = Folder::new();
    let certs = folder.path("other");
    assert_eq!(run(&format!("certs emulated --out {certs}")).code, 0);
    // Every device in this process has keys of its own.
    let run = spdm(&["attest", "emulated", "--json", "--trust", &certs]);
    let report = run.object();
    assert_eq!((run.code, status(&report, "chain.anchor")), (1, "fail"));
    assert_eq!(report["verified"], false);
    assert_eq!(status(&report, "challenge.signature"), "pass", "the rest is checked all the same");
}

#[test]
fn reference_values() {
    let folder = Folder::new();
    let report = run("attest emulated --json").object();
    let first = &report["measurements"][0];
    let reference = |value: &str| {
        format!(r#"{{"measurements":[{{"index":1,"type":"immutable_rom","value":"{value}"}}]}}"#)
    };
    let good = folder.write("good.json", reference(first["value"].as_str().unwrap()));
    let bad = folder.write("bad.json", reference("00"));
    let matches = run(&format!("attest emulated --json --reference {good}"));
    assert_eq!(
        (matches.code, matches.object()["measurements"][0]["reference"].as_str()),
        (0, Some("match"))
    );
    let differs = run(&format!("attest emulated --json --reference {bad}"));
    let report = differs.object();
    assert_eq!((differs.code, status(&report, "measurements.reference")), (1, "fail"));
    assert_eq!(report["measurements"][0]["reference"], "mismatch");
}

#[test]
fn a_raw_bit_stream_is_no_digest() {
    let folder = Folder::new();
    let report = run("attest emulated --raw --json").object();
    let first = &report["measurements"][0];
    assert_eq!(first["raw"], true);
    let value = first["value"].as_str().unwrap();
    let reference =
        |raw| format!(r#"{{"measurements":[{{"index":1,"raw":{raw},"value":"{value}"}}]}}"#);
    for (raw, code, expected) in [(false, 1, "fail"), (true, 0, "pass")] {
        let file = folder.write("reference.json", reference(raw));
        let run = run(&format!("attest emulated --raw --json --reference {file}"));
        let report = run.object();
        assert_eq!((run.code, status(&report, "measurements.reference")), (code, expected));
    }
}

#[test]
fn repeated_attestations_have_their_own_nonces() {
    let run = run("attest emulated --json --repeat 3");
    let reports = run.objects();
    assert_eq!((run.code, reports.len()), (0, 3));
    let nonces: std::collections::BTreeSet<_> =
        reports.iter().map(|report| report["nonces"]["measurements"].to_string()).collect();
    assert_eq!(nonces.len(), 3);
}

#[test]
fn a_chain_that_is_known_is_not_fetched_again() {
    let folder = Folder::new();
    let file = folder.path("evidence.json");
    let live = run(&format!("attest emulated --json --repeat 3 --evidence {file}"));
    let reports = live.objects();
    assert!(reports.iter().all(|report| report["verified"] == true));
    let evidence = std::fs::read_to_string(&file).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&evidence).unwrap();
    let exchanges = evidence["exchanges"].as_array().unwrap();
    // GET_CERTIFICATE once.
    assert_eq!(exchanges.len(), 7 + 6 + 6);
    let root = reports[0]["identity"]["root_sha256"].as_str().unwrap();
    let offline = run(&format!("verify {file} --json --trust-root-hash {root}"));
    let reports = offline.objects();
    assert_eq!((offline.code, reports.len()), (0, 3));
}

#[test]
fn evidence_and_captures_are_judged_again_offline() {
    let folder = Folder::new();
    let (evidence, pcap) = (folder.path("evidence.json"), folder.path("exchange.pcap"));
    let live = run(&format!("attest emulated --json --evidence {evidence} --pcap {pcap}"));
    assert_eq!(live.code, 0);
    let live = live.object();
    let root = live["identity"]["root_sha256"].as_str().unwrap();
    let nonce = live["nonces"]["measurements"].as_str().unwrap();
    for file in [&evidence, &pcap] {
        let offline =
            run(&format!("verify {file} --json --trust-root-hash {root} --nonce {nonce}"));
        assert_eq!(offline.code, 0, "{offline:?}");
        let report = offline.object();
        assert_eq!((&report["verified"], &report["fresh"]), (&true.into(), &true.into()));
        assert_eq!(report["measurements"], live["measurements"]);
        let other = "00".repeat(32);
        let stale = run(&format!("verify {file} --json --trust-root-hash {root} --nonce {other}"));
        let report = stale.object();
        assert_eq!((stale.code, status(&report, "measurements.nonce")), (1, "fail"));
    }
}

/// A report without its source, and without what only the one who drew both nonces knows: offline, the given one is
/// that of GET_MEASUREMENTS, and where there is no such signature, nothing is known to be fresh.
fn without_source(mut report: serde_json::Value) -> serde_json::Value {
    let object = report.as_object_mut().unwrap();
    for of_the_run in ["target", "at", "duration_ms"] {
        assert!(object.remove(of_the_run).is_some());
    }
    if object["verified"] == false {
        object.remove("fresh");
    }
    let checks = object["checks"].as_array_mut().unwrap();
    checks.retain(|row| row["check"] != "challenge.nonce");
    report
}

#[test]
fn live_and_offline_reports_of_one_exchange_are_equal() {
    let folder = Folder::new();
    let (evidence, pcap) = (folder.path("evidence.json"), folder.path("exchange.pcap"));
    let root = folder.path("root.pem");
    let nonce = "5a".repeat(32);
    for (fault, options, code) in [
        ("", "", 0),
        ("", "--slot any", 0),
        ("", "--san dmtf", 0),
        ("", "--san dmtf:A:B:C", 1),
        ("", "--at unix:0", 1),
        ("--fault bad-signature", "", 1),
        ("--fault stale-nonce-signature", "", 1),
        ("--fault wrong-chain-hash", "", 4),
        ("--fault duplicate-index", "", 4),
        ("--fault summary-hash-differs", "", 0),
    ] {
        let device = Emulator::listen(
            Folder::new(),
            &format!("--seed 1 --base-asym ECDSA_P256 --root-out {root} {fault}"),
        );
        let judge =
            format!("--json --trust {root} --nonce {nonce} {}", options.replace("--slot any", ""));
        let slot = if options.contains("any") { "--slot any" } else { "" };
        let target = &device.target;
        let line = format!("attest {target} {judge} {slot} --evidence {evidence} --pcap {pcap}");
        let live = run(&line);
        assert_eq!(live.code, code, "{line}: {live:?}");
        for file in [&evidence, &pcap] {
            let offline = run(&format!("verify {file} {judge}"));
            let (live, offline) = (without_source(live.object()), without_source(offline.object()));
            assert_eq!(live, offline, "{fault} {options}");
        }
    }
}

#[test]
fn collected_evidence_can_be_verified() {
    let folder = Folder::new();
    let collected = run("collect emulated");
    assert_eq!(collected.code, 0);
    let file = folder.write("evidence.json", &collected.out);
    let run = run(&format!("verify {file} --json"));
    let report = run.object();
    assert_eq!((run.code, status(&report, "chain.anchor")), (1, "fail"));
    assert_eq!(status(&report, "measurements.signature"), "pass");
}

#[test]
fn measurements_alone() {
    let signed = run("measure emulated --json");
    let report = signed.object();
    assert_eq!((signed.code, &report["verified"]), (0, &true.into()));
    let unsigned = run("measure emulated --unsigned --json");
    let report = unsigned.object();
    assert_eq!((unsigned.code, &report["verified"]), (0, &false.into()));
    assert_eq!(status(&report, "measurements.signature"), "skipped");
    assert!(run("measure emulated --unsigned").out.contains("not signed"));
}

#[test]
fn info_and_certs() {
    let info = run("info emulated --json");
    let object = info.object();
    assert_eq!((info.code, &object["version"]), (0, &"1.4".into()));
    assert_eq!(object["algorithms"]["base_asym"], "ECDSA_P521");
    assert!(object["capabilities"].as_array().unwrap().contains(&"CHAL_CAP".into()));
    let certs = run("certs emulated --json");
    let object = certs.object();
    assert_eq!((certs.code, &object["slot"], &object["trusted"]), (0, &0.into(), &true.into()));
    assert_eq!(object["certificates"].as_array().unwrap().len(), 3);
    assert!(run("certs emulated").out.contains("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn versions_that_are_allowed() {
    let run = run("attest emulated --json --min-version 1.1 --max-version 1.2");
    assert_eq!((run.code, run.object()["version"].as_str()), (0, Some("1.2")));
}

#[test]
fn quiet_verbose_and_colored() {
    let quiet = run("attest emulated -q");
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
    let verbose = run("attest emulated -v");
    assert!(verbose.err.starts_with("-> GET_VERSION (4 bytes)\n<- VERSION ("), "{}", verbose.err);
    assert!(run("attest emulated --color always").out.starts_with("\x1b[1;32mVERIFIED\x1b[0m"));
    let mut no_color = command(&["attest", "emulated"]);
    let out = no_color.env("NO_COLOR", "1").output().unwrap();
    assert!(!out.stdout.contains(&0x1b));
}
