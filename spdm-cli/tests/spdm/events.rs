//! `spdm events`: the types that a device can tell of, and waiting for them.

use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::process::{Emulator, command, run};
use crate::schema::{check, schema};

/// What a device announces that tells of events.
const EVENTS: &str = "--base-asym ECDSA_P256 --capabilities \
                      CERT_CAP,CHAL_CAP,KEY_EX_CAP,ENCRYPT_CAP,MAC_CAP,ENCAP_CAP,EVENT_CAP";

#[test]
fn the_types_are_shown() {
    let json = run("events emulated --json");
    assert_eq!(json.code, 0, "{json:?}");
    let object = json.object();
    check(&schema("events"), &object);
    let group = &object["groups"][0];
    assert_eq!((&group["standard"], &group["version"]), (&"DMTF".into(), &1.into()));
    let names: Vec<_> = group["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    let expected =
        ["EventLost", "MeasurementChanged", "MeasurementPreUpdate", "CertificateChanged"];
    assert_eq!(names, expected);
    let shown = run("events emulated");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(expected.iter().all(|name| shown.out.contains(name)), "{shown:?}");
}

#[test]
fn what_is_subscribed_to_is_said_with_event_lost() {
    for (list, names) in [
        ("all", "EventLost, MeasurementChanged, MeasurementPreUpdate, CertificateChanged"),
        ("DMTF", "EventLost, MeasurementChanged, MeasurementPreUpdate, CertificateChanged"),
        ("DMTF/3", "EventLost, MeasurementPreUpdate"),
        ("CertificateChanged,DMTF/2", "EventLost, MeasurementChanged, CertificateChanged"),
    ] {
        let waited = run(&format!("events emulated --subscribe {list} --wait 0.1"));
        assert_eq!(waited.code, 0, "{list}: {waited:?}");
        let told = waited.err.lines().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("subscribed to {names}")), "{list}: {waited:?}");
    }
    let many = run("events emulated --subscribe all --wait 0.1 --count 1000");
    assert_eq!(many.code, 3, "{many:?}");
    assert!(many.err.contains("of 1000 events came within 0.1 s (--wait)"), "{many:?}");
}

#[test]
fn each_event_is_shown_as_it_comes() {
    let device = Emulator::start("--base-asym ECDSA_P256 -v");
    let (target, root) = (&device.target, device.root());
    let line = format!("events {target} --trust {root} --count 1");
    let one = run(&format!("{line} --subscribe all --json"));
    assert_eq!(one.code, 0, "{one:?}");
    let event = one.object();
    check(&schema("event"), &event);
    assert_eq!(
        (&event["name"], &event["standard"]),
        (&"MeasurementChanged".into(), &"DMTF".into())
    );
    assert_eq!((&event["measurements"][0], &event["slots"]), (&2.into(), &Value::Null));
    let shown = run(&format!("{line} --subscribe CertificateChanged"));
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.ends_with("DMTF CertificateChanged  slots 0\n"), "{shown:?}");
    // It was acknowledged in the session, and the session was closed.
    let waited = run(&format!("events {target} --trust {root} --subscribe all --wait 0.1"));
    assert_eq!((waited.code, waited.out.lines().count()), (0, 1), "{waited:?}");
}

#[test]
fn a_subscription_ends_with_its_session() {
    let device = Emulator::start("--base-asym ECDSA_P256");
    let (target, root) = (&device.target, device.root());
    let line = format!("events {target} --trust {root} --count 1 --subscribe all --json");
    let (first, second) = (run(&line).object(), run(&line).object());
    assert_eq!(first["instance_id"], second["instance_id"]);
    assert_ne!(first["session"], second["session"]);
}

#[test]
fn what_the_device_does_not_have_is_named() {
    for list in ["PCI-SIG", "DMTF:01", "DMTF/9", "CertificateChanged,IANA"] {
        let refused = run(&format!("events emulated --subscribe {list} --wait 1"));
        assert_eq!(refused.code, 1, "{refused:?}");
        let last = list.split(',').next_back().unwrap();
        assert!(refused.err.contains(&format!("no events {last}")), "{refused:?}");
    }
    for (line, part) in [
        ("--subscribe Lost", "MeasurementChanged"),
        ("--subscribe all --count 0", "--count"),
        ("--count 1", "--subscribe"),
        ("--wait 1", "--subscribe"),
    ] {
        let usage = run(&format!("events tcp:127.0.0.1:1 {line}"));
        assert_eq!(usage.code, 2, "{line}: {usage:?}");
        assert!(usage.err.contains(part), "{line}: {usage:?}");
    }
    let old = run("events emulated --max-version 1.2");
    assert_eq!(old.code, 1, "{old:?}");
    let device = Emulator::start(
        "--base-asym ECDSA_P256 --capabilities CERT_CAP,CHAL_CAP,KEY_EX_CAP,ENCRYPT_CAP,MAC_CAP",
    );
    let none = run(&format!("events {} --trust {}", device.target, device.root()));
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.err.contains("EVENT_CAP"), "{none:?}");
}

#[test]
fn a_device_that_is_not_trusted_is_asked_nothing() {
    let (device, other) = (Emulator::start(EVENTS), Emulator::start(EVENTS));
    let target = &device.target;
    assert_eq!(run(&format!("events {target} --trust {}", device.root())).code, 0);
    let refused = run(&format!("events {target} --trust {} --json", other.root()));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.object()["groups"].is_null(), "{refused:?}");
}

#[cfg(unix)]
#[test]
fn waiting_can_be_interrupted() {
    let device = Emulator::start(EVENTS);
    let line =
        format!("events {} --trust {} --subscribe all --wait 60", device.target, device.root());
    let args: Vec<_> = line.split_whitespace().collect();
    let mut child = command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    assert!(first.contains("subscribed to"), "{first}");
    let begun = Instant::now();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let rest = std::io::read_to_string(told).unwrap();
    assert!(rest.contains("interrupted"), "{rest}");
}
