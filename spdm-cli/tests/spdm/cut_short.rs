//! Runs that end early behind a change of the device: what it is left with is said, and how to undo it.

use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;
use spdm_codec::CapabilityFlags;

use crate::process::{Folder, Run, command, run};
use crate::schema::{check, schema};
use crate::scripted::{Served, Then, serve_up_to, with_sessions};
use crate::small_ca::SmallCa;

/// Messages up to the answer to FINISH.
const OPEN: usize = 7;
/// GET_TDISP_VERSION and GET_TDISP_CAPABILITIES, which a lock is preceded by.
const BEFORE_LOCK: usize = OPEN + 2;
/// A key for IDE, in all its parts.
const KEYS: [(&str, &str); 2] = [("receive", "PR"), ("transmit", "PR")];

fn device(answered: usize, then: Then) -> Served {
    serve_up_to(with_sessions(), vec![answered], then, mpsc::channel().0)
}

fn lines(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

fn steps(object: &Value) -> Vec<&str> {
    object["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

/// The run with `--json`, whose object holds to the schema.
fn json(line: &str, schema_name: &str) -> (Run, Value) {
    let ended = run(&format!("{line} --json"));
    let object = ended.object();
    check(&schema(schema_name), &object);
    (ended, object)
}

#[test]
fn an_interface_that_is_left_locked_is_named() {
    for (answered, wanted_steps, step, state) in [
        (BEFORE_LOCK, vec![], "lock", "is as it was before or locked: lock was not answered"),
        (BEFORE_LOCK + 1, vec!["lock"], "report", "is left locked"),
        (BEFORE_LOCK + 3, vec!["lock", "report"], "start", "is locked or running"),
        (BEFORE_LOCK + 4, vec!["lock", "report", "start"], "state", "is left running"),
    ] {
        let served = device(answered, Then::HangsUp);
        let target = &served.target;
        let line = format!("tdisp {target} --function be:1d.7 --trust {} --yes", served.root);
        let (ended, object) = json(&format!("{line} lock report start state stop"), "tdisp");
        assert_eq!((ended.code, steps(&object)), (3, wanted_steps), "{object}");
        assert!(object["session"].as_str().unwrap().starts_with("0x"), "{object}");
        assert_eq!(
            (&object["error"]["step"], &object["error"]["kind"]),
            (&step.into(), &"transport".into())
        );
        let left = &object["left"];
        assert!(left["state"].as_str().unwrap().contains(state), "{left}");
        let undo = format!("spdm tdisp {target} --function be:1d.7 stop --yes");
        assert!(left["undo"].as_str().unwrap().starts_with(&undo), "{left}");
        let told = lines(&ended.err);
        assert!(told.contains(state) && told.contains(&undo), "{told}");
    }
}

#[test]
fn nothing_is_left_where_nothing_was_sent() {
    for (answered, line) in [(OPEN + 1, "lock"), (OPEN, "version"), (OPEN + 1, "capabilities")] {
        let served = device(answered, Then::HangsUp);
        let line = format!(
            "tdisp {} --function be:1d.7 --trust {} --yes {line}",
            served.target, served.root
        );
        let (ended, object) = json(&line, "tdisp");
        assert_eq!((ended.code, &object["left"]), (3, &Value::Null), "{object}");
    }
    // Where no session was opened, there is an error, as before.
    let served = device(3, Then::HangsUp);
    let line = format!("tdisp {} --function be:1d.7 --trust {} state", served.target, served.root);
    json(&line, "error");
}

#[test]
fn a_deadline_and_a_signal_behind_a_lock_leave_it_locked() {
    let served = device(BEFORE_LOCK + 1, Then::FallsSilent);
    let line = format!(
        "tdisp {} --function be:1d.7 --trust {} --yes lock report --deadline 1",
        served.target, served.root
    );
    let (ended, object) = json(&line, "tdisp");
    assert_eq!((ended.code, steps(&object)), (3, vec!["lock"]), "{object}");
    assert!(lines(&ended.err).contains("--deadline"), "{ended:?}");
    assert!(object["left"]["state"].as_str().unwrap().ends_with("is left locked"), "{object}");

    let (told, silence) = mpsc::channel();
    let config = with_sessions();
    let served = serve_up_to(config, vec![BEFORE_LOCK + 1], Then::FallsSilent, told);
    let line = format!(
        "tdisp {} --function be:1d.7 --trust {} --yes lock report --timeout 30 --json",
        served.target, served.root
    );
    let args: Vec<_> = line.split_whitespace().collect();
    let mut child = command(&args);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    silence.recv().unwrap();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let ended: Run = child.wait_with_output().unwrap().into();
    let object = ended.object();
    assert_eq!((ended.code, steps(&object)), (3, vec!["lock"]), "{object}");
    assert!(ended.err.contains("interrupted"), "{ended:?}");
    assert!(object["left"]["state"].as_str().unwrap().ends_with("is left locked"), "{object}");
}

fn key_file(folder: &Folder, places: &[(&str, &str)]) -> String {
    let (key, ifv) = ("5a".repeat(32), "5a".repeat(8));
    let keys: Vec<Value> = places
        .iter()
        .map(|(direction, sub_stream)| {
            serde_json::json!({"direction": direction, "sub_stream": sub_stream, "key": key, "ifv": ifv})
        })
        .collect();
    folder.write("keys.json", serde_json::json!({ "keys": keys }).to_string())
}

#[test]
fn keys_that_are_left_with_a_device_are_named() {
    let folder = Folder::new();
    let keys = key_file(&folder, &KEYS);
    for (answered, wanted_steps, state) in [
        (OPEN, vec![], "may have done program for receive PR, which was not answered"),
        (
            OPEN + 1,
            vec!["program"],
            "has the programmed keys receive PR, and may have done program for transmit PR",
        ),
        (
            OPEN + 3,
            vec!["program", "go"],
            "receive PR, transmit PR, and uses receive PR, and may have done go",
        ),
    ] {
        let served = device(answered, Then::HangsUp);
        let target = &served.target;
        let line = format!(
            "ide {target} program go stop --keys {keys} --trust {} --yes --port 1",
            served.root
        );
        let (ended, object) = json(&line, "ide");
        assert_eq!((ended.code, steps(&object)), (3, wanted_steps), "{object}");
        let left = &object["left"];
        assert!(left["state"].as_str().unwrap().contains(state), "{left}");
        let undo = format!("spdm ide {target} stop --port 1 --stream-id 0 --key-set 0 --yes");
        assert!(left["undo"].as_str().unwrap().starts_with(&undo), "{left}");
        assert!(
            lines(&ended.err).contains(state) && lines(&ended.err).contains(&undo),
            "{ended:?}"
        );
    }
}

/// One connection leaves a key with the device; the next one has it use all keys of the set.
#[test]
fn of_a_step_that_fails_midway_a_part_is_shown() {
    let folder = Folder::new();
    let keys = key_file(&folder, &KEYS[..1]);
    let served = serve_up_to(with_sessions(), vec![100, 100], Then::HangsUp, mpsc::channel().0);
    let line = format!("ide {} --trust {} --yes", served.target, served.root);
    assert_eq!(run(&format!("{line} program --keys {keys}")).code, 0);
    let (ended, object) = json(&format!("{line} go"), "ide");
    assert_ne!(ended.code, 0, "{object}");
    assert_eq!(steps(&object), ["go"], "{object}");
    let used = object["steps"][0]["keys"].as_array().unwrap();
    assert_eq!((used.len(), &used[0]["sub_stream"]), (1, &"PR".into()), "{object}");
    assert_eq!(object["error"]["step"], "go");
    assert!(object["left"]["state"].as_str().unwrap().contains("uses receive PR"), "{object}");
}

const PROVISIONED: CapabilityFlags = CapabilityFlags::CSR_CAP
    .union(CapabilityFlags::SET_CERT_CAP)
    .union(CapabilityFlags::GET_KEY_PAIR_INFO_CAP)
    .union(CapabilityFlags::SET_KEY_PAIR_INFO_CAP);
/// VERSION, CAPABILITIES, ALGORITHMS.
const NEGOTIATED: usize = 3;

#[test]
fn a_chain_that_may_have_been_installed_is_said() {
    let mut config = with_sessions();
    config.more_capabilities |= PROVISIONED;
    let messages = vec![100, NEGOTIATED, NEGOTIATED + 1, NEGOTIATED + 1, NEGOTIATED];
    let served = serve_up_to(config, messages, Then::HangsUp, mpsc::channel().0);
    let target = &served.target;
    let ca = SmallCa::new("Small CA");
    let chain = served.folder.write("chain.pem", ca.sign(&run(&format!("csr {target}")).out));
    let line = format!("set-cert {target} {chain} --slot 1 --yes");
    let look = format!("spdm certs {target} --slot 1");
    for sentence in [
        "SET_CERTIFICATE was sent and not answered: slot 1 may have the new chain",
        "slot 1 has the new chain",
    ] {
        let (ended, object) = json(&line, "error");
        assert_eq!(ended.code, 3, "{object}");
        assert!(object["error"]["message"].as_str().unwrap().contains(sentence), "{object}");
        assert!(
            lines(&ended.err).contains(sentence) && lines(&ended.err).contains(&look),
            "{ended:?}"
        );
    }
    // DIGESTS comes before an erasure.
    let (_, object) = json(&format!("set-cert {target} --erase --slot 1 --yes"), "error");
    let message = object["error"]["message"].as_str().unwrap();
    assert!(message.contains("slot 1 may have no chain any more"), "{message}");
    let (_, object) = json(&format!("keys {target} --erase 1 --yes"), "error");
    let message = object["error"]["message"].as_str().unwrap();
    assert!(message.contains("key pair 1 may be changed"), "{message}");
}

#[test]
fn what_was_never_sent_is_not_feared_for() {
    let mut config = with_sessions();
    config.more_capabilities |= PROVISIONED;
    let served = serve_up_to(config, vec![100, 2, 100], Then::HangsUp, mpsc::channel().0);
    let target = &served.target;
    let ca = SmallCa::new("Small CA");
    let chain = served.folder.write("chain.pem", ca.sign(&run(&format!("csr {target}")).out));
    let (ended, object) = json(&format!("set-cert {target} {chain} --slot 1 --yes"), "error");
    assert_eq!(ended.code, 3, "{object}");
    assert!(!object["error"]["message"].as_str().unwrap().contains("slot 1"), "{object}");
    // The device has refused it: nothing has changed.
    let refused = run(&format!("keys {target} --erase 1 --yes"));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(!refused.err.contains("may be changed"), "{refused:?}");
    // The device lacks the capability: nothing was sent.
    let lacking = serve_up_to(with_sessions(), vec![100], Then::HangsUp, mpsc::channel().0);
    let lacks = run(&format!("set-cert {} {chain} --slot 1 --yes", lacking.target));
    assert_eq!(lacks.code, 1, "{lacks:?}");
    assert!(lacks.err.contains("lacks SET_CERT_CAP"), "{lacks:?}");
    assert!(!lacks.err.contains("was sent"), "{lacks:?}");
}
