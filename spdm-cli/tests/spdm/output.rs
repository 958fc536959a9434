//! Output has the form that docs/schema publishes.

use crate::process::{Emulator, Folder, run};
use crate::schema::{check, schema};

#[test]
fn what_this_machine_has() {
    let schema = schema("list");
    let listed = run("list --json");
    assert_eq!(listed.code, 0, "{listed:?}");
    let found = listed.object();
    check(&schema, &found);
    // What could not be looked at is said to programs, too, and where it is said.
    let text = run("list");
    for note in found["notes"].as_array().unwrap() {
        let (_, note) = note.as_str().unwrap().split_once(": ").unwrap();
        assert!(text.out.contains(note), "{note}: {}", text.out);
    }
    assert_eq!((listed.err, text.err), (String::new(), String::new()));
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
    // Without an answer there is an error instead.
    let silent = Emulator::start("--seed 1 --base-asym ECDSA_P256 --fault silent");
    let silent = format!("{} --timeout 0.5", silent.target);
    for (line, kind) in [
        ("info tcp:127.0.0.1:1".to_owned(), "transport"),
        ("certs tcp:127.0.0.1:1".to_owned(), "transport"),
        (format!("certs {silent}"), "timeout"),
    ] {
        let run = run(&format!("{line} --json"));
        let object = run.object();
        check(&schema("error"), &object);
        assert_eq!((run.code, &object["error"]["kind"]), (3, &kind.into()), "{object}");
        let message = object["error"]["message"].as_str().unwrap();
        assert!(run.err.starts_with(&format!("error: {message}\n")), "{}", run.err);
    }
    // A device that answers, but has no chain in the slot.
    let run = run("certs emulated --slot 3 --json");
    let object = run.object();
    check(&schema("report"), &object);
    assert_eq!((run.code, &object["error"]["kind"]), (1, &"incompatible".into()), "{object}");
}
