//! What a newcomer's first tries are answered with: the exact words, and what programs get.

use core::time::Duration;

use spdm_codec::Code;

use crate::process::{Emulator, Folder, command, run};
use crate::schema::{check, schema};
use crate::scripted::{serve_each, small};

#[test]
fn an_option_of_another_verb_is_named_with_its_verbs() {
    for (line, tip) in [
        ("attest emulated --chain x", "--chain is an option of spdm verify, emulate"),
        ("measure emulated --chain x", "--chain is an option of spdm verify, emulate"),
        (
            "info emulated --trust x",
            "--trust is an option of spdm attest, certs, measure, recognize, verify, chain",
        ),
        (
            "certs emulated --measurements 1",
            "--measurements is an option of spdm attest, measure, collect",
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
    assert_eq!(text.matches("\n.TH ").count(), 14, "{text}");
    assert!(text.contains(".TH spdm 1") && text.contains(".TH spdm-recognize 1"));
    let names = std::fs::read_dir(folder.path("")).unwrap().count();
    assert_eq!(names, 1, "nothing is written beside");
}

/// Nobody looks at a pipe: a slow device leaves no trace in it.
#[test]
fn a_slow_device_is_not_waited_for_in_pipes() {
    let before = |_, code: Code| {
        if code == Code::CHALLENGE {
            std::thread::sleep(Duration::from_millis(1400));
        }
    };
    let device = serve_each(vec![small()], before);
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
