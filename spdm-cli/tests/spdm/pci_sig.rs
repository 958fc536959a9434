//! `spdm tdisp` and `spdm ide`: the device interface that the emulated device plays, be:1d.7, and its two ports.

use serde_json::Value;

use crate::process::{Emulator, Folder, run};
use crate::schema::{check, schema};
use crate::session::FRAMINGS;

const TDISP: &str = "tdisp emulated --function be:1d.7";

/// What the steps say of themselves.
fn steps(object: &Value) -> Vec<&str> {
    object["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[test]
fn an_interface_is_locked_reported_started_and_stopped() {
    let line = "lock report start state stop state --yes --lock-flags NO_FW_UPDATE --stream-id 3";
    let object = run(&format!("{TDISP} version capabilities {line} --mmio-offset 10000000 --json"));
    assert_eq!(object.code, 0, "{object:?}");
    let object = object.object();
    check(&schema("tdisp"), &object);
    let expected = ["version", "capabilities", "lock", "report", "start", "state", "stop", "state"];
    assert_eq!(steps(&object), expected);
    let step = |nth: usize| &object["steps"][nth];
    assert_eq!(step(0)["versions"][0], "1.0");
    assert_eq!(
        (&step(1)["address_width"], &step(1)["lock_flags"][1]),
        (&52.into(), &"LOCK_MSIX".into())
    );
    assert_eq!((&step(2)["flags"][0], &step(2)["stream_id"]), (&"NO_FW_UPDATE".into(), &3.into()));
    let report = step(3);
    let range = &report["mmio_ranges"][0];
    // 0xc00, and the offset of the lock in pages.
    assert_eq!((&range["first_page"], &range["pages"]), (&"0x10c00".into(), &16.into()));
    assert_eq!(range["attributes"][0], "MSI_X_TABLE");
    assert_eq!(
        (&report["info"][1], &report["device_specific"]),
        (&"DMA_WITHOUT_PASID".into(), &"746469".into())
    );
    assert_eq!((&step(5)["state"], &step(7)["state"]), (&"RUN".into(), &"CONFIG_UNLOCKED".into()));
    assert_eq!(object["function_id"], 0xBEEF);
    assert!(object["error"].is_null() && object["session"].is_string(), "{object}");
    let shown = run(&format!("{TDISP} {line}"));
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in ["function be:1d.7", "MSI_X_MESSAGE_CONTROL  0x801f", "the interface runs", "RUN"] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    assert!(shown.out.lines().all(|line| line.len() <= 80), "{}", shown.out);
    assert_eq!(run("tdisp emulated --function 00BEEF state -q").code, 0);
}

#[test]
fn what_changes_an_interface_is_done_with_yes_only() {
    for step in ["lock", "stop", "state lock report"] {
        let unsure = run(&format!("{TDISP} {step}"));
        assert_eq!((unsure.code, unsure.out.as_str()), (2, ""), "{unsure:?}");
        assert!(
            unsure.err.contains("nothing was sent") && unsure.err.contains("--yes"),
            "{unsure:?}"
        );
    }
    assert_eq!(run(&format!("{TDISP} version capabilities state")).code, 0);
}

#[test]
fn steps_that_lead_nowhere_are_refused_before_anything_is_sent() {
    for (line, part) in [
        ("start --yes", "lock before start"),
        ("lock start start --yes", "step 3, start: a lock starts an interface once"),
        ("lock stop start --yes", "lock before start"),
        ("state --stream-id 1", "--stream-id"),
        ("state --mmio-offset 0", "--mmio-offset"),
        ("lock --lock-flags LOCK --yes", "LOCK is no flag of a lock; there are NO_FW_UPDATE"),
        ("open", "open"),
        ("", "STEP"),
        ("state --peer-key k --slot 1", "--slot"),
    ] {
        // Nobody listens there.
        let line = format!("tdisp tcp:127.0.0.1:1 --function be:1d.7 {line}");
        let refused = run(&line);
        assert_eq!(refused.code, 2, "{line}: {refused:?}");
        assert!(refused.err.contains(part), "{line}: {refused:?}");
    }
    let function = run("tdisp emulated --function be:20.0 state");
    assert_eq!(function.code, 2, "{function:?}");
    assert!(function.err.contains("BB:DD.F"), "{function:?}");
}

#[test]
fn what_the_interface_refuses_ends_the_steps_and_leaves_it_unlocked() {
    let twice = run(&format!("{TDISP} lock lock report --yes --json"));
    assert_eq!(twice.code, 1, "{twice:?}");
    let object = twice.object();
    check(&schema("tdisp"), &object);
    assert_eq!(steps(&object), ["lock", "stop"]);
    assert_eq!(object["error"]["step"], "lock");
    assert!(object["error"]["message"].as_str().unwrap().contains("INVALID_INTERFACE_STATE"));
    assert!(twice.err.contains("unlocked again"), "{twice:?}");
    let early = run(&format!("{TDISP} report"));
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.err.contains("lock before report"), "{early:?}");
    let flags = run(&format!("{TDISP} lock --lock-flags NO_FW_UPDATE,BIND_P2P --yes"));
    assert_eq!(flags.code, 1, "{flags:?}");
    assert!(flags.err.contains("does not support BIND_P2P of --lock-flags"), "{flags:?}");
    let other = run("tdisp emulated --function be:1d.6 state");
    assert_eq!(other.code, 1, "{other:?}");
    assert!(
        other.err.contains("function be:1d.6 of --function: the device refuses: TDISP_ERROR 0x101"),
        "{other:?}"
    );
}

#[test]
fn nothing_is_asked_of_a_device_that_is_not_trusted() {
    let framing = FRAMINGS[1];
    let (device, other) = (Emulator::start(&format!("{framing} -v")), Emulator::start(framing));
    let line = format!("tdisp {} {framing} --function be:1d.7 state", device.target);
    let (own, foreign) = (device.root(), other.root());
    assert_eq!(run(&format!("{line} --trust {own}")).code, 0);
    for trust in [String::new(), format!("--trust {foreign}")] {
        let refused = run(&format!("{line} {trust} --json"));
        assert_eq!(refused.code, 1, "{refused:?}");
        let report = refused.object();
        assert_eq!((&report["verified"], &report["steps"]), (&false.into(), &Value::Null));
    }
}

#[test]
fn a_device_with_a_raw_key() {
    let folder = Folder::new();
    let (key, other) = (folder.path("key.der"), folder.path("other.der"));
    let start = |key: &str| {
        let line = format!("--base-asym ECDSA_P256 --peer-key-out {key}");
        Emulator::listen(Folder::new(), &line)
    };
    let (device, _stranger) = (start(&key), start(&other));
    let line = format!("tdisp {} --function be:1d.7 state", device.target);
    assert_eq!(run(&format!("{line} --peer-key {key}")).code, 0);
    let wrong = run(&format!("{line} --peer-key {other}"));
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.err.contains("other.der (--peer-key)"), "{wrong:?}");
    let without = run(&line);
    assert_eq!(without.code, 1, "{without:?}");
    assert!(without.err.contains("needs its public key: --peer-key FILE"), "{without:?}");
    // No key has a name.
    assert_ne!(run(&format!("{line} --peer-key {key} --san dmtf")).code, 0);
}

const STREAM: [(&str, &str); 6] = [
    ("receive", "PR"),
    ("receive", "NPR"),
    ("receive", "CPL"),
    ("transmit", "PR"),
    ("transmit", "NPR"),
    ("transmit", "CPL"),
];

/// A file of keys whose bytes are all `5a`.
fn key_file(folder: &Folder, name: &str, places: &[(&str, &str)]) -> String {
    let (key, ifv) = ("5a".repeat(32), "5a".repeat(8));
    let key = |(direction, sub_stream): &(&str, &str)| serde_json::json!({"direction": direction, "sub_stream": sub_stream, "key": key, "ifv": ifv});
    let file = serde_json::json!({"keys": places.iter().map(key).collect::<Vec<_>>()});
    check(&schema("ide-keys"), &file);
    folder.write(name, file.to_string())
}

#[test]
fn the_ports_are_shown() {
    let all = run("ide emulated query --json");
    assert_eq!(all.code, 0, "{all:?}");
    let object = all.object();
    check(&schema("ide"), &object);
    let step = &object["steps"][0];
    assert_eq!((&step["last_port"], step["ports"].as_array().map(Vec::len)), (&1.into(), Some(2)));
    assert_eq!(step["ports"][1]["function"], "00:01:00.1");
    assert_eq!(step["ports"][1]["registers"][0], "0x00000002");
    let one = run("ide emulated query --port 1 --json").object();
    assert_eq!(one["steps"][0]["ports"].as_array().map(Vec::len), Some(1));
    let none = run("ide emulated query --port 2");
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.err.contains("query: port 2: the device answered"), "{none:?}");
}

#[test]
fn keys_are_programmed_used_and_stopped_and_never_shown() {
    let folder = Folder::new();
    let keys = key_file(&folder, "keys.json", &STREAM);
    let device = Emulator::start("-v");
    let (target, root) = (&device.target, device.root());
    let line = format!("ide {target} program go stop --keys {keys} --trust {root}");
    let options = "--port 1 --stream-id 7 --key-set 1";
    let unsure = run(&format!("{line} {options}"));
    assert_eq!(unsure.code, 2, "{unsure:?}");
    assert!(unsure.err.contains("nothing was sent: program, go, stop would change stream 7"));
    let done = run(&format!("{line} {options} --yes --json"));
    assert_eq!(done.code, 0, "{done:?}");
    let object = done.object();
    check(&schema("ide"), &object);
    assert_eq!(steps(&object), ["program", "go", "stop"]);
    assert_eq!((&object["port"], &object["stream_id"]), (&1.into(), &7.into()));
    for step in object["steps"].as_array().unwrap() {
        let keys = step["keys"].as_array().unwrap();
        let place = |key: &Value| [&key["direction"], &key["sub_stream"]].map(ToString::to_string);
        let shown: Vec<_> = keys.iter().map(place).collect();
        let expected =
            STREAM.map(|(direction, stream)| [direction, stream].map(|text| format!("{text:?}")));
        assert_eq!(shown, expected);
    }
    let shown = run(&format!("{line} {options} --yes -v"));
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("port 1, stream 7, key set 1: receive PR"), "{shown:?}");
    for told in [&shown.out, &shown.err, &done.out, &done.err] {
        assert!(!told.contains("5a5a"), "{told}");
    }
}

#[test]
fn keys_that_are_refused_leave_none_behind() {
    let folder = Folder::new();
    let half = key_file(&folder, "half.json", &STREAM[..3]);
    let keys = key_file(&folder, "keys.json", &STREAM);
    let port = run(&format!("ide emulated program --keys {keys} --port 2 --yes"));
    assert_eq!(port.code, 1, "{port:?}");
    assert!(
        port.err.contains("program: port 2, receive PR: the device refuses the key"),
        "{port:?}"
    );
    assert!(port.err.contains("query without --port"), "{port:?}");
    // Go is for keys that were programmed: the transmitting ones were not.
    let device = Emulator::start("");
    let (target, root) = (&device.target, device.root());
    let line = format!("ide {target} --trust {root} --yes --json");
    let programmed = run(&format!("{line} program --keys {half}"));
    assert_eq!(programmed.code, 0, "{programmed:?}");
    let early = run(&format!("{line} program go stop --keys {keys} --port 5"));
    assert_eq!(early.code, 1, "{early:?}");
    assert_eq!(early.object()["error"]["step"], "program");
    let all = run(&format!("{line} go"));
    assert_eq!(all.code, 1, "{all:?}");
    let message = all.object()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("port 0, "), "{message}");
}

#[test]
fn files_and_steps_that_lead_nowhere() {
    let folder = Folder::new();
    let keys = key_file(&folder, "keys.json", &STREAM);
    let secret = folder.write("secret.json", format!("{{\"keys\": \"{}\"}}", "5a".repeat(32)));
    for (line, part) in [
        ("program --yes".to_owned(), "program: no keys are given"),
        ("query --stream-id 1".to_owned(), "--stream-id: no step is about keys"),
        (format!("query --keys {keys}"), "--keys: no step is about keys"),
        ("go --key-set 2 --yes".to_owned(), "--key-set"),
        ("program --keys /nowhere --yes".to_owned(), "/nowhere"),
        (format!("program --keys {secret} --yes"), "secret.json (--keys): line 1, column"),
        ("".to_owned(), "STEP"),
    ] {
        let refused = run(&format!("ide tcp:127.0.0.1:1 {line}"));
        assert_eq!(refused.code, 2, "{line}: {refused:?}");
        assert!(refused.err.contains(part), "{line}: {refused:?}");
        assert!(!refused.err.contains("5a5a"), "{refused:?}");
    }
}
