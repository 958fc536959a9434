//! What a person is told by the verbs of sessions and of provisioning: the option, the version, the next step.

use std::sync::mpsc;

use serde_json::Value;

use crate::process::{Emulator, Folder, Run, run};
use crate::schema::{check, schema};
use crate::scripted::{Then, serve_up_to, with_sessions};

const P256: &str = "--base-asym ECDSA_P256 --base-hash SHA_256";

/// Standard error without its line breaks.
fn told(run: &Run) -> String {
    run.err.lines().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn expect(line: &str, code: i32, parts: &[&str]) {
    let ended = run(line);
    assert_eq!(ended.code, code, "{line}: {ended:?}");
    let told = told(&ended);
    for part in parts {
        assert!(told.contains(part), "{line}: {part}: {told}");
    }
}

#[test]
fn a_version_that_lacks_a_message_is_named() {
    for (verb, version, what) in [
        ("events", "1.2", "GET_SUPPORTED_EVENT_TYPES is of SPDM 1.3 and later, and SPDM 1.2"),
        ("keys", "1.2", "GET_KEY_PAIR_INFO is of SPDM 1.3 and later, and SPDM 1.2"),
        ("mel", "1.2", "GET_MEASUREMENT_EXTENSION_LOG is of SPDM 1.3"),
        ("endpoint", "1.1", "GET_ENDPOINT_INFO is of SPDM 1.3 and later, and SPDM 1.1"),
        ("csr", "1.1", "GET_CSR is of SPDM 1.2 and later, and SPDM 1.1"),
        ("set-cert --erase --slot 0 --yes", "1.2", "Erase of SET_CERTIFICATE is of SPDM 1.3"),
        (
            "tdisp --function be:1d.7 state",
            "1.0",
            "KEY_EXCHANGE is of SPDM 1.1 and later, and SPDM 1.0",
        ),
    ] {
        let (verb, rest) = verb.split_once(' ').unwrap_or((verb, ""));
        let line = format!("{verb} emulated {rest} --max-version {version}");
        expect(&line, 1, &[what, "was negotiated", "leave out --max-version, or --max-version 1."]);
    }
    // A device that speaks no later one, and one that lacks it in this version.
    let old = Emulator::start(&format!("{P256} --versions 1.2"));
    let older = run(&format!("keys {}", old.target));
    assert!(told(&older).contains("SPDM 1.2 was negotiated"), "{older:?}");
    assert!(!older.err.contains("--max-version"), "{older:?}");
    let nobody = Emulator::start(&format!("{P256} --provisioning nobody"));
    expect(&format!("keys {}", nobody.target), 1, &["the device lacks GET_KEY_PAIR_INFO_CAP"]);
}

#[test]
fn events_that_end_early_end_with_an_object() {
    let end = |run: &Run, received: usize| -> Value {
        let objects = run.objects();
        let last = objects.last().unwrap().clone();
        check(&schema("events-end"), &last);
        assert_eq!((&last["received"], objects.len()), (&received.into(), received + 1));
        last
    };
    let few = run("events emulated --subscribe CertificateChanged --wait 0.1 --count 9 --json");
    assert_eq!(few.code, 3, "{few:?}");
    let received = few.objects().len() - 1;
    let object = end(&few, received);
    assert!(object["error"]["message"].as_str().unwrap().contains("of 9 events"), "{object}");
    let none = run("events emulated --subscribe PCI-SIG --wait 1 --json");
    assert_eq!((none.code, &end(&none, 0)["error"]["kind"]), (1, &"rejected".into()), "{none:?}");
    // Behind FINISH, the types and the subscription, the link is lost.
    let served = serve_up_to(with_sessions(), vec![9], Then::HangsUp, mpsc::channel().0);
    let line = format!("events {} --trust {} --subscribe all --json", served.target, served.root);
    let lost = run(&line);
    assert_eq!((lost.code, &end(&lost, 0)["error"]["kind"]), (3, &"transport".into()), "{lost:?}");
}

#[test]
fn options_of_csr_and_keys_are_named() {
    for (line, code, parts) in [
        (
            "csr emulated --key-pair 1",
            1,
            &["--key-pair: the device has no connections with several keys"][..],
        ),
        (
            "csr emulated --tag 1",
            1,
            &["--tag: the device makes no requests in a reset", "CERT_INSTALL_RESET_CAP"],
        ),
        ("csr emulated --overwrite --max-version 1.2", 1, &["--overwrite is of SPDM 1.3"]),
        ("keys emulated --erase 1 --yes", 1, &["OperationFailed", "--set ID --slots none"]),
        ("keys emulated --erase 9 --yes", 1, &["InvalidRequest", "spdm keys without a change"]),
        (
            "keys emulated --set 1 --usage KEYEX --yes",
            2,
            &["KEYEX is no key usage; there are", "MEASUREMENT"],
        ),
        (
            "keys emulated --set 1 --algorithm X --yes",
            2,
            &["X is no algorithm of key pairs; there are", "ML_DSA_87"],
        ),
        ("keys emulated --set 1 --slots 9 --yes", 2, &["a slot is 0 to 7", "or none"]),
        (
            "tdisp emulated --function be:1d.6 state",
            1,
            &["be:1d.6 of --function", "--function be:1d.7"],
        ),
    ] {
        expect(line, code, parts);
    }
    // Names are taken in any case.
    assert_eq!(
        run("tdisp emulated --function be:1d.7 lock stop --yes --lock-flags no_fw_update").code,
        0
    );
    assert_eq!(
        run("keys emulated --set 1 --usage key_ex,challenge,measurement,endpoint_info --yes").code,
        0
    );
    let guarded = Emulator::start(&format!("{P256} --provisioning in-sessions"));
    expect(
        &format!("keys {} --erase 1 --yes", guarded.target),
        1,
        &["UnexpectedRequest", "in a session only: --session"],
    );
}

#[test]
fn requester_info_is_read_before_it_is_sent() {
    let folder = Folder::new();
    let empty = folder.write("empty.der", "");
    let text = folder.write("text.der", "commonName=Device");
    // Version 1, at byte 2; a good one, and one that ends early.
    let wrong = folder.write("wrong.der", [0x30, 9, 2, 1, 1, 0x30, 0, 0x30, 0, 0xA0, 0]);
    let good = [0x30, 9, 2, 1, 0, 0x30, 0, 0x30, 0, 0xA0, 0];
    let cut = folder.write("cut.der", &good[..9]);
    let nowhere = "csr tcp:127.0.0.1:1 --info";
    expect(&format!("{nowhere} {empty}"), 2, &["empty.der (--info): it is empty"]);
    expect(
        &format!("{nowhere} {text}"),
        2,
        &["text.der (--info): no DER CertificationRequestInfo", "byte"],
    );
    expect(&format!("{nowhere} {wrong}"), 2, &["wrong.der (--info)", "(byte 2)", "attributes"]);
    expect(&format!("{nowhere} {cut}"), 2, &["cut.der (--info)", "byte"]);
    let good = folder.write("good.der", good);
    assert_eq!(run(&format!("csr emulated --info {good}")).code, 0);
}

#[test]
fn what_is_wrong_with_files_is_said_before_yes() {
    let folder = Folder::new();
    let keys = folder.write("keys.json", "{\"keys\": [1]}");
    for line in [
        "tdisp emulated --function be:1d.7 lock --trust /nosuch",
        "keys emulated --erase 1 --trust /nosuch --session",
        "slots emulated --bank 0 --slot 1 --erase --trust /nosuch --session",
        "tdisp emulated --function be:1d.7 lock --peer-key /nosuch",
        "tdisp emulated --function be:1d.7 lock --identity-key /nosuch",
    ] {
        let hidden = run(line);
        assert_eq!(hidden.code, 2, "{hidden:?}");
        assert!(hidden.err.contains("/nosuch") && !hidden.err.contains("--yes"), "{hidden:?}");
    }
    let form = [
        "keys.json (--keys): line 1",
        "\"direction\": \"receive\" or \"transmit\"",
        "64 hex digits",
    ];
    expect(&format!("ide emulated program --keys {keys}"), 2, &form);
    let json = folder.write("one.json", "{\"keys\": [1]}");
    let no_chain = run(&format!("set-cert emulated {json} --slot 1 --yes"));
    assert_eq!(no_chain.code, 2, "{no_chain:?}");
    assert!(!no_chain.err.contains("spdm verify"), "{no_chain:?}");
    let state = folder.write("state", "");
    expect(
        &format!("emulate --state {state}"),
        2,
        &["state (--state): a file, and a folder is expected"],
    );
}

#[cfg(unix)]
#[test]
fn secret_files_that_others_read_are_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let psk = folder.write("psk.bin", [7; 32]);
    let (key, ifv) = ("5a".repeat(32), "5a".repeat(8));
    let keys = format!(
        r#"{{"keys":[{{"direction":"receive","sub_stream":"PR","key":"{key}","ifv":"{ifv}"}}]}}"#
    );
    let keys = folder.write("keys.json", keys);
    let host = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/key.pem");
    let host = folder.write("key.pem", std::fs::read(host).unwrap());
    let nowhere = "tcp:127.0.0.1:1";
    for (path, line) in [
        (&psk, format!("session {nowhere} --psk {psk} --psk-hint 01")),
        (&keys, format!("ide {nowhere} program --keys {keys} --yes")),
        (&host, format!("attest {nowhere} --identity-key {host}")),
    ] {
        for (mode, warned) in [(0o600, 0), (0o400, 0), (0o640, 1), (0o644, 1)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            let ended = run(&line);
            assert_eq!(ended.err.matches("warning: ").count(), warned, "{mode:o}: {ended:?}");
            let quiet = run(&format!("{line} -q"));
            assert!(!quiet.err.contains("warning: "), "{quiet:?}");
        }
    }
}

#[test]
fn the_options_of_a_verb_are_not_those_of_its_identity() {
    for (verb, option) in [
        ("tdisp", "--lock-flags"),
        ("ide", "--key-set"),
        ("csr", "--any-key"),
        ("set-cert", "--erase"),
        ("events", "--subscribe"),
        ("endpoint", "--unsigned"),
        ("session", "--measurements"),
    ] {
        let help = run(&format!("{verb} -h")).out;
        let at = help.find(&format!("      {option}")).unwrap();
        let before =
            help[..at].lines().rev().find(|line| line.ends_with(':') && !line.starts_with(' '));
        assert_eq!(before, Some("Options:"), "{verb} {option}: {help}");
    }
    let help = run("csr -h").out;
    let pair = help.find("Key pair:").unwrap();
    assert!(help[pair..].contains("--key-pair"), "{help}");
}

#[test]
fn objects_of_all_verbs_say_the_version() {
    for line in [
        "csr emulated",
        "keys emulated",
        "events emulated",
        "mel emulated",
        "endpoint emulated",
        "tdisp emulated --function be:1d.7 state",
        "ide emulated query",
    ] {
        let object = run(&format!("{line} --json --max-version 1.3")).object();
        check(&schema(line.split(' ').next().unwrap()), &object);
        assert_eq!(object["version"], "1.3", "{line}");
    }
    let interface = run("tdisp emulated --function be:1d.7 state --json").object();
    assert_eq!(
        (&interface["function"], &interface["function_id"]),
        (&"be:1d.7".into(), &0xBEEF.into())
    );
    let port = |options: &str| {
        run(&format!("ide emulated query {options} --json")).object()["port"].clone()
    };
    assert_eq!((port(""), port("--port 1")), (Value::Null, 1.into()));
    let unread = run("csr emulated --any-extensions --json").object();
    assert!(unread["notes"][0].as_str().unwrap().contains("extensions"), "{unread}");
    let twice = run("tdisp emulated --function be:1d.7 lock lock --yes --json").object();
    assert!(twice["notes"][0].as_str().unwrap().contains("unlocked again"), "{twice}");
}

#[test]
fn quiet_verbs_write_what_they_are_told_to_write() {
    for verb in ["csr emulated", "keys emulated", "ide emulated query"] {
        let quiet = run(&format!("{verb} -q"));
        assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""), "{verb}");
    }
    let told = run("csr emulated -q --out -");
    assert!(told.out.starts_with("-----BEGIN CERTIFICATE REQUEST-----"), "{told:?}");
}
