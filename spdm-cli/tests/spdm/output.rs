//! Output has the form that docs/schema publishes.

use crate::process::{Emulator, Folder, run};
use crate::schema::{check, schema};

#[test]
fn what_this_machine_has() {
    let schema = schema("list");
    let listed = run("list --json");
    assert_eq!(listed.code, 0, "{listed:?}");
    if listed.out.is_empty() {
        println!("skipped: this machine has nothing to list");
    }
    for found in listed.objects() {
        check(&schema, &found);
    }
}

#[test]
fn every_kind_of_report() {
    let schema = schema("report");
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P256 --fault oversize-response");
    let broken = &device.target;
    let folder = Folder::new();
    let out = folder.path("certs");
    assert_eq!(run(&format!("certs emulated --out {out} -q")).code, 0);
    for (line, kind) in [
        ("attest emulated".to_owned(), None),
        ("attest emulated --san dmtf:A:B:C".to_owned(), Some("chain")),
        ("attest emulated --min-version 1.4 --max-version 1.4".to_owned(), None),
        ("measure emulated --unsigned".to_owned(), Some("unproven")),
        ("attest tcp:127.0.0.1:1 --timeout 2".to_owned(), Some("transport")),
        (format!("attest {broken} --timeout 2"), Some("framing")),
        (format!("chain {out}/slot0.bin"), Some("chain")),
        (format!("chain {out}/slot0.bin --trust {out}/slot0.pem --explain"), None),
    ] {
        let run = run(&format!("{line} --json"));
        let report = run.object();
        check(&schema, &report);
        assert_eq!(report["error"]["kind"].as_str(), kind, "{line}: {report}");
    }
}

#[test]
fn what_a_device_says_of_itself_and_its_chains() {
    for verb in ["info", "certs"] {
        let schema = schema(verb);
        let run = run(&format!("{verb} emulated --json"));
        assert_eq!(run.code, 0, "{run:?}");
        let objects = run.objects();
        assert!(!objects.is_empty(), "{run:?}");
        for object in objects {
            check(&schema, &object);
        }
    }
    // Without an answer there is a report instead.
    for verb in ["info", "certs"] {
        check(
            &schema("report"),
            &run(&format!("{verb} tcp:127.0.0.1:1 --timeout 2 --json")).object(),
        );
    }
}
