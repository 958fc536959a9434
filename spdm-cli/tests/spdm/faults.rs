//! Misbehaving devices: the exit code says what is wrong with them.

use crate::process::{Emulator, Folder, run, status};
use crate::schema::{check, schema};

#[test]
fn exit_codes_of_faults() {
    for (fault, code, failed) in [
        ("busy-once", 0, None),
        ("not-ready-once", 0, None),
        ("version-duplicates", 0, None),
        ("one-byte-portions", 0, None),
        ("bad-signature", 1, Some("challenge.signature")),
        ("stale-nonce-signature", 1, Some("challenge.signature")),
        ("chain-bad-signature", 1, Some("chain.signatures")),
        ("root-hash-mismatch", 1, Some("chain.root")),
        ("unknown-error-code", 1, None),
        ("always-busy", 3, None),
        ("silent", 3, None),
        ("truncate-response", 4, None),
        ("wrong-response-code", 4, None),
        ("hash-not-offered", 4, None),
        ("two-asym-bits", 4, None),
        ("digest-mismatch", 4, Some("chain.digest")),
        ("wrong-chain-hash", 4, Some("challenge.chain_hash")),
        ("challenge-other-slot", 4, Some("challenge.chain_hash")),
        ("context-mismatch", 4, Some("challenge.nonce")),
        ("portion-zero", 4, None),
        ("duplicate-index", 4, Some("measurements.format")),
        ("unsigned-measurements", 4, None),
        ("oversize-response", 4, None),
    ] {
        let device = Emulator::start(&format!("--seed 1 --base-asym ECDSA_P256 --fault {fault}"));
        let (target, root) = (&device.target, device.root());
        let run = run(&format!("attest {target} --trust {root} --timeout 1 --json"));
        let report = run.object();
        assert_eq!(run.code, code, "{fault}: {report}");
        assert_eq!(report["verified"], code == 0, "{fault}");
        assert_eq!(report["error"].is_null(), code == 0, "{fault}");
        if let Some(check) = failed {
            assert_eq!(status(&report, check), "fail", "{fault}: {report}");
        }
        assert_eq!(report["checks"].as_array().unwrap().len(), 15, "{fault}");
    }
}

/// Which of the messages is wrong, and that none of them is missing: live, and from the evidence that was written.
#[test]
fn a_message_that_is_wrong_is_not_said_to_be_missing() {
    let wrong_signature = "the signature of MEASUREMENTS is wrong";
    for (fault, options, check, words) in [
        ("bad-signature", "", "challenge.nonce", "the signature of CHALLENGE_AUTH is wrong"),
        ("bad-signature", "", "challenge.chain_hash", "the signature of CHALLENGE_AUTH is wrong"),
        ("bad-signature", "--challenge none", "measurements.nonce", wrong_signature),
        ("bad-signature", "--challenge none", "measurements.format", wrong_signature),
        ("wrong-chain-hash", "", "challenge.nonce", "CHALLENGE_AUTH is not as it must be"),
        ("silent", "", "challenge.nonce", "no CHALLENGE_AUTH"),
    ] {
        let device = Emulator::start(&format!("--seed 1 --base-asym ECDSA_P256 --fault {fault}"));
        let (target, root) = (&device.target, device.root());
        let folder = Folder::new();
        let evidence = folder.path("evidence.json");
        let live = run(&format!(
            "attest {target} --trust {root} --timeout 1 --json {options} --evidence {evidence}"
        ));
        assert_ne!(live.code, 0, "{fault}");
        let mut reports = vec![live.object()];
        if fault != "silent" {
            reports.push(run(&format!("verify {evidence} --trust {root} --json")).object());
        }
        for report in reports {
            let checks = report["checks"].as_array().unwrap();
            let found = checks.iter().find(|result| result["check"] == check).unwrap();
            assert_eq!((&found["status"], &found["detail"]), (&"skipped".into(), &words.into()));
        }
    }
}

/// What a device says of changes while it was measured is shown, live and offline; and what may be out of date matches no
/// reference values, whoever signed it.
#[test]
fn a_device_that_changed_while_it_was_measured() {
    let note = "note: the device says that measurements changed while they were read: they may be out of date";
    let rows = [
        ("", "unchanged", ", unchanged while they were read"),
        ("--fault content-changed", "changed", ", CHANGED while they were read"),
        (
            "--fault no-change-detection",
            "not_detected",
            ", the device does not look for changes meanwhile",
        ),
    ];
    for (fault, word, words) in rows {
        let device = Emulator::start(&format!("--seed 1 --base-asym ECDSA_P256 {fault}"));
        let (target, trust) = (&device.target, format!("--trust {}", device.root()));
        let file = device.folder.path("evidence.json");
        let attest = format!("attest {target} {trust} --evidence {file}");
        let verify = format!("verify {file} {trust}");
        let measured = run(&format!("measure {target} {trust} --json")).object();
        let rows = measured["measurements"].as_array().unwrap().iter();
        let rows: Vec<_> = rows
            .map(|row| serde_json::json!({"index": row["index"], "raw": row["raw"], "value": row["value"]}))
            .collect();
        let reference = serde_json::json!({ "measurements": rows }).to_string();
        let reference = device.folder.write("reference.json", reference);
        let changed = word == "changed";
        for line in [
            attest.clone(),
            verify.clone(),
            format!("{attest} --measurements 1-4"),
            verify,
            format!("measure {target} {trust}"),
        ] {
            let text = run(&line);
            assert_eq!(text.code, 0, "{line}: {text:?}");
            assert!(text.out.contains(&format!("Measurements (signed{words})\n")), "{}", text.out);
            assert_eq!(text.err.lines().any(|line| line == note), changed, "{}", text.err);
            let report = run(&format!("{line} --json")).object();
            check(&schema("report"), &report);
            assert_eq!(
                (&report["content_changed"], &report["verified"]),
                (&word.into(), &true.into())
            );
            assert_eq!(report["notes"].as_array().unwrap().len(), usize::from(changed));
        }
        // All of them, for the reference values are of all.
        run(&attest);
        for line in [&attest, &format!("verify {file} {trust}")] {
            let compared = run(&format!("{line} --reference {reference} --json"));
            let report = compared.object();
            let (code, expected) = if changed { (1, "fail") } else { (0, "pass") };
            assert_eq!(
                (compared.code, status(&report, "measurements.reference")),
                (code, expected),
                "{report}"
            );
            if changed {
                let message = "measurements changed while they were read, as the device says: the values may be out of date";
                assert_eq!(report["error"]["message"], message);
                assert_eq!(report["error"]["kind"], "reference");
            }
        }
        // Evidence says it to whom it is for, and the command to who collects it.
        let collected = run(&format!("collect {target} --evidence {file}"));
        let expected = if changed { format!("{note}\n") } else { String::new() };
        assert_eq!((collected.code, collected.err), (0, expected));
        // Who does not sign says nothing.
        for option in ["attest --measurements none", "measure --unsigned"] {
            let (verb, option) = option.split_once(' ').unwrap();
            let report = run(&format!("{verb} {target} {trust} {option} --json")).object();
            assert_eq!(report["content_changed"], serde_json::Value::Null, "{option}");
        }
    }
    // Before 1.2 there are no such bits.
    let old = run("attest emulated --max-version 1.1 --json").object();
    assert_eq!((&old["verified"], &old["content_changed"]), (&true.into(), &().into()));
    assert!(run("attest emulated --max-version 1.1").out.contains("\nMeasurements (signed)\n"));
}

/// The device signs a summary hash that is not the hash of what it measured: that is said, live and offline.
#[test]
fn a_summary_hash_that_differs_is_not_passed_over_in_silence() {
    const WARNING: &str = "WARNING: MeasurementSummaryHash";
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P256 --fault summary-hash-differs");
    let (target, trust) = (&device.target, format!("--trust {}", device.root()));
    let file = device.folder.path("evidence.json");
    let attest = format!("attest {target} {trust}");
    for line in [format!("{attest} --evidence {file}"), format!("verify {file} {trust}")] {
        let text = run(&line);
        // It decides nothing: which form of the blocks it covers is not said clearly enough.
        assert_eq!(text.code, 0, "{text:?}");
        assert!(text.out.contains(WARNING), "{}", text.out);
        assert_eq!(run(&format!("{line} --json")).object()["measurement_summary"], "differs");
    }
    for (option, expected) in [
        ("--measurements 1", "not_asked"),
        ("--measurements none", "not_asked"),
        ("--challenge none", "not_asked"),
        ("--raw", "not_asked"),
    ] {
        let report = run(&format!("{attest} {option} --json")).object();
        assert_eq!(report["measurement_summary"], expected, "{option}");
        assert_eq!(report["verified"], true, "{option}");
    }
    let honest = run("attest emulated");
    assert!(!honest.out.contains(WARNING), "{}", honest.out);
    assert_eq!(run("attest emulated --json").object()["measurement_summary"], "agrees");
}

#[test]
fn evidence_is_written_whatever_the_verdict() {
    let device = Emulator::start("--seed 1 --fault bad-signature");
    let (target, root) = (&device.target, device.root());
    let file = device.folder.path("evidence.json");
    let live = run(&format!("attest {target} --trust {root} -q --evidence {file}"));
    let offline = run(&format!("verify {file} --trust {root} --json"));
    let report = offline.object();
    assert_eq!((live.code, offline.code), (1, 1), "{report}");
    assert_eq!(status(&report, "challenge.signature"), "fail");
}

#[test]
fn answers_that_only_delay_are_part_of_the_evidence() {
    for fault in ["busy-once", "not-ready-once"] {
        let device = Emulator::start(&format!("--seed 1 --base-asym ECDSA_P256 --fault {fault}"));
        let (target, root) = (&device.target, device.root());
        let (file, pcap) = (device.folder.path("evidence.json"), device.folder.path("live.pcap"));
        let options = format!("--trust {root} -q --evidence {file} --pcap {pcap}");
        assert_eq!(run(&format!("attest {target} {options}")).code, 0, "{fault}");
        for file in [&file, &pcap] {
            let offline = run(&format!("verify {file} --trust {root} --json"));
            assert_eq!(offline.code, 0, "{fault}: {offline:?}");
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("interim"), "{fault}");
    }
}

#[test]
fn faults_are_listed() {
    let run = run("emulate --fault help");
    assert_eq!(run.code, 0);
    assert!(run.out.lines().any(|line| line.starts_with("bad-signature ")));
}
