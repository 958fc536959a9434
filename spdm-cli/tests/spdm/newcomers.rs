//! What a newcomer's first tries are answered with: the exact words, and what programs get.

use core::time::Duration;

use spdm_codec::Code;

use crate::process::{Emulator, Folder, command, run};
use crate::schema::{check, schema};
use crate::scripted::{Served, serve_each, small};
#[cfg(target_os = "linux")]
use crate::terminal::on_terminal;

#[test]
fn an_option_of_another_verb_is_named_with_its_verbs() {
    for (line, tip) in [
        ("attest emulated --chain x", "--chain is an option of spdm collect, verify, emulate"),
        ("measure emulated --chain x", "--chain is an option of spdm collect, verify, emulate"),
        (
            "info emulated --trust x",
            "--trust is an option of spdm attest, certs, measure, session, send, mel, endpoint, csr, set-cert, keys, slots, events, tdisp, ide, recognize, verify, chain",
        ),
        (
            "certs emulated --measurements 1",
            "--measurements is an option of spdm attest, measure, collect, session",
        ),
        // A slip of the finger is still one.
        ("attest emulated --nonc 3", "a similar argument exists: '--nonce'"),
        ("atest emulated", "a similar subcommand exists: 'attest'"),
        // No verb at all.
        ("emulated", "a target stands behind a verb: spdm attest emulated"),
        ("tcp:127.0.0.1:2323", "a target stands behind a verb: spdm attest tcp:127.0.0.1:2323"),
    ] {
        let told = run(line);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{line}");
        let tips: Vec<_> =
            told.err.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
        assert_eq!(tips, [tip], "{line}: {}", told.err);
        let json = run(&format!("{line} --json")).object();
        check(&schema("error"), &json);
        assert_eq!(json["error"]["kind"], "usage");
    }
    // There is nothing to say to what resembles nothing; "--" in front would only make it a target.
    let unknown = run("attest emulated --xyzzy");
    assert!(!unknown.err.contains("tip:"), "{}", unknown.err);
}

#[test]
fn another_public_key_than_the_devices() {
    let start = |seed: u8| {
        let folder = Folder::new();
        let key = folder.path("key.pem");
        let line = format!("--seed {seed} --base-asym ECDSA_P256 --peer-key-out {key}");
        (Emulator::listen(folder, &line), key)
    };
    let ((device, own), (_other, key)) = (start(1), start(2));
    let target = &device.target;
    assert_eq!(run(&format!("attest {target} --peer-key {own} -q")).code, 0);
    let named = format!("{key} (--peer-key): the device names another public key as its own");
    let wrong = run(&format!("attest {target} --peer-key {key}"));
    assert_eq!(wrong.code, 4);
    assert!(wrong.out.starts_with(&format!("NOT VERIFIED  {target}: {named}\n")), "{}", wrong.out);
    let json = run(&format!("attest {target} --peer-key {key} --json")).object();
    let error = &json["error"];
    assert_eq!((&error["kind"], &error["message"]), (&"protocol".into(), &named.into()));
    // Nothing but a signature names the key here.
    let named = format!("{key} (--peer-key): the device's signature is not of this public key");
    for verb in ["attest --challenge none", "measure"] {
        let (verb, options) = verb.split_once(' ').unwrap_or((verb, ""));
        let line = format!("{verb} {target} --peer-key {key} {options}");
        let wrong = run(&line);
        assert_eq!(wrong.code, 1, "{wrong:?}");
        assert!(wrong.out.contains(&named) || wrong.err.contains(&named), "{wrong:?}");
        let json = run(&format!("{line} --json")).object();
        let error = &json["error"];
        assert_eq!(
            (&error["kind"], &error["message"]),
            (&"signature".into(), &named.clone().into())
        );
    }
}

#[test]
fn a_framing_for_what_has_none() {
    for (line, hint) in [
        ("attest emulated --framing dmtf-emu --binding nvme", ""),
        ("info emulated --binding mctp", ""),
        ("attest tcp:127.0.0.1:1 --binding nvme", "hint: add --framing dmtf-emu\n"),
    ] {
        let sentence = match hint {
            "" => "--framing and --binding belong to tcp: targets",
            _ => "--binding belongs to --framing dmtf-emu",
        };
        let told = run(line);
        assert_eq!(told.err, format!("error: {sentence}\n{hint}"));
        assert_eq!((told.code, told.out.as_str()), (2, ""));
        assert_eq!(run(&format!("{line} --json")).object()["error"]["kind"], "usage");
    }
}

/// The commands of drives are answered before the first message: a wrong one is noticed there.
#[test]
fn a_drive_where_there_is_none() {
    let device =
        Emulator::start("--seed 1 --base-asym ECDSA_P256 --framing dmtf-emu --binding doe");
    for binding in ["nvme", "scsi", "ata"] {
        let line =
            format!("attest {} --framing dmtf-emu --binding {binding} --timeout 1", device.target);
        let told = run(&line);
        assert_eq!(told.code, 3, "{told:?}");
        let hint = "hint: is --framing (and --binding) what the device speaks?\n";
        assert_eq!(told.err, hint, "{binding}");
        assert_eq!(run(&format!("{line} --json")).object()["error"]["kind"], "transport");
    }
}

#[test]
fn a_digest_in_a_pipe_is_whole() {
    let digests = run("certs emulated --json").objects();
    let digest = digests[0]["digest"].as_str().unwrap();
    assert_eq!(digest.len(), 128);
    for line in ["certs emulated", "info emulated"] {
        let text = run(line).out;
        assert!(text.lines().any(|line| line.len() > 128), "{text}");
    }
    let out = Folder::new();
    let certs = run(&format!("certs emulated --out {}", out.path("certs")));
    assert!(!certs.out.contains("BEGIN CERTIFICATE"));
}

#[test]
fn chains_and_manual_pages_on_standard_output() {
    let folder = Folder::new();
    let certs = run("certs emulated --out -");
    assert_eq!(certs.code, 0);
    assert!(certs.out.starts_with("-----BEGIN CERTIFICATE-----\n"), "{}", certs.out);
    assert!(certs.err.starts_with("Slot 0: "), "{}", certs.err);
    let file = folder.write("chain.pem", &certs.out);
    assert_eq!(run(&format!("chain {file} --trust {file} -q")).code, 0);
    let json = run("certs emulated --out - --json");
    let object: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    check(&schema("certs"), &object);
    assert_eq!(json.out.matches("BEGIN CERTIFICATE").count(), 3);
    let pages = command(&["man", "-"]).current_dir(folder.path("")).output().unwrap();
    let text = String::from_utf8(pages.stdout).unwrap();
    assert_eq!(text.matches("\n.TH ").count(), 36, "{text}");
    assert!(text.contains(".TH spdm 1") && text.contains(".TH spdm-recognize 1"));
    let names = std::fs::read_dir(folder.path("")).unwrap().count();
    assert_eq!(names, 1, "nothing is written beside");
}

/// A device that needs a while for CHALLENGE.
fn slow() -> Served {
    serve_each(vec![small()], |_, code: Code| {
        if code == Code::CHALLENGE {
            std::thread::sleep(Duration::from_millis(1400));
        }
    })
}

/// A terminal says what is being waited for, and nothing of it is left at the end.
#[cfg(target_os = "linux")]
#[test]
fn a_slow_device_is_waited_for_on_a_terminal() {
    let device = slow();
    let told = |options: &str| {
        let line = format!("attest {} --trust {} {options}", device.target, device.root);
        let (code, text) = on_terminal(command(&line.split_whitespace().collect::<Vec<_>>()));
        assert_eq!(code, Some(0));
        text
    };
    let text = told("");
    let line = "\r\x1b[Kwaiting for the answer to CHALLENGE: ";
    assert!(text.contains(line), "{text:?}");
    assert!(text.ends_with("answers)\r\x1b[K"), "{text:?}");
    for option in ["--json", "-q"] {
        assert_eq!(told(option), "", "{option}");
    }
    assert!(!told("-v").contains("waiting"));
}

/// Nobody looks at a pipe: a slow device leaves no trace in it.
#[test]
fn a_slow_device_is_not_waited_for_in_pipes() {
    let device = slow();
    let slow = run(&format!("attest {} --trust {}", device.target, device.root));
    assert_eq!((slow.code, slow.err.as_str()), (0, ""));
    assert!(!slow.out.contains('\r') && !slow.out.contains("waiting"), "{}", slow.out);
}

#[test]
fn what_raw_values_mean() {
    let text = run("attest emulated").out;
    for row in [
        "security version 7",
        "version \"1.2.3\"",
        "text \"spdm-emulator: measurement manifest\"",
        "operational mode: normal (possible: manufacturing, normal, recovery)",
        "debug mode: none (possible: non invasive active, invasive active)",
    ] {
        assert!(text.lines().any(|line| line == format!("         {row}")), "{row}: {text}");
    }
}

#[test]
fn a_device_without_certificates_is_attested_with_its_key() {
    let folder = Folder::new();
    let key = folder.path("key.pem");
    let line = format!("--seed 1 --base-asym ECDSA_P256 --peer-key-out {key}");
    let device = Emulator::listen(folder, &line);
    let target = &device.target;
    let needs = "hint: a device without certificates needs its public key: ";
    for (verb, option) in [
        ("attest", "--peer-key FILE"),
        ("measure", "--peer-key FILE"),
        ("collect", "--peer-key FILE"),
        ("certs", "spdm attest with --peer-key FILE"),
    ] {
        let told = run(&format!("{verb} {target}"));
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.err.ends_with(&format!("{needs}{option}\n")), "{}", told.err);
        let followed = if verb == "certs" { "attest" } else { verb };
        assert_eq!(run(&format!("{followed} {target} --peer-key {key} -q")).code, 0);
    }
}

#[test]
fn files_of_another_kind() {
    let folder = Folder::new();
    let known = folder.write("known.json", r#"{"schema": 1, "devices": []}"#);
    let reference = folder.write("reference.json", r#"{"measurements": []}"#);
    for (line, message) in [
        (format!("--known {reference}"), format!("{reference}: no known devices: JSON: ")),
        (format!("--reference {known}"), format!("{known}: no reference values: JSON: ")),
    ] {
        let told = run(&format!("attest emulated {line}"));
        assert!(told.code == 2 && told.err.starts_with(&format!("error: {message}")), "{told:?}");
        let json = run(&format!("attest emulated {line} --json")).object();
        assert_eq!(json["error"]["kind"], "usage");
        assert!(json["error"]["message"].as_str().unwrap().starts_with(&message));
    }
    let nothing = run("measure emulated --measurements none");
    let message = "error: --measurements none leaves measure nothing to do\n";
    assert_eq!((nothing.code, nothing.err.as_str()), (2, message));
}
