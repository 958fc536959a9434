//! `spdm mel` and `spdm endpoint`: what a device tells besides measurements.

use spdm_codec::{CapabilityFlags, Code, SpdmVersion};
use spdm_emulator::{Act, DeviceConfig, Edit, Fault, Position, ScriptStep, When};

use crate::process::run;
use crate::schema::{check, schema};
use crate::scripted::{serve, small};

type F = CapabilityFlags;

/// A device of 1.3 with these flags more.
fn device(more: F) -> DeviceConfig {
    DeviceConfig { versions: vec![SpdmVersion::V1_3], more_capabilities: more, ..small() }
}

#[test]
fn a_log_is_shown_and_said_to_be_unsigned() {
    let shown = run("mel emulated");
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in ["3 entries", "not signed", "boot loader, 1.0.0", "firmware version"] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let log = run("mel emulated --json").object();
    check(&schema("mel"), &log);
    assert_eq!((&log["signed"], &log["responses"]), (&false.into(), &1.into()));
    let entry = &log["entries"][2];
    assert_eq!(
        (&entry["entry"], &entry["index"], &entry["text"]),
        (&3.into(), &2.into(), &"1.2.3".into())
    );
    // In portions.
    let log = run("mel emulated --json --transfer-size 60").object();
    assert!(log["responses"].as_u64() > Some(1), "{log}");
    assert!(log["notes"][0].as_str().unwrap().contains("it may have grown"), "{log}");
}

#[test]
fn a_log_that_is_not_there_is_not_shown() {
    let served = serve(device(F::empty()));
    let line = format!("mel {}", served.target);
    let refused = run(&line);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("MEL_CAP"), "{refused:?}");
    assert_eq!(run("mel emulated --max-version 1.2").code, 1);
}

#[test]
fn what_an_entry_says_does_not_steer_the_terminal() {
    let mut config = device(F::MEL_CAP);
    // In the text of the first entry.
    let escape = Act::Change(Edit::Set(Position::Offset(41), 0x1B));
    config.script =
        vec![ScriptStep::new(Code::GET_MEASUREMENT_EXTENSION_LOG, When::Always, escape)];
    let served = serve(config);
    let shown = run(&format!("mel {}", served.target));
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("524f1b2c"), "{}", shown.out);
    assert!(!shown.out.contains('\u{1b}') && !shown.err.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn endpoint_info_is_signed_by_a_key_whose_chain_is_judged() {
    let shown = run("endpoint emulated");
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in ["PCI-SIG, vendor 361b", "010802", "by the key of slot 0", "trusted"] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let info = run("endpoint emulated --json").object();
    check(&schema("endpoint"), &info);
    assert_eq!(info["signature"]["trusted"], true);
    let unsigned = run("endpoint emulated --unsigned --json").object();
    check(&schema("endpoint"), &unsigned);
    assert!(unsigned["signature"].is_null());
    assert_eq!(unsigned["classes"], info["classes"]);
    let shown = run("endpoint emulated --unsigned");
    assert!(shown.out.contains("nothing of this is authentic"), "{shown:?}");
}

#[test]
fn endpoint_info_of_an_unknown_device() {
    let served = serve(device(F::EP_INFO_CAP_SIG));
    let target = served.target;
    let info = run(&format!("endpoint {target} --json"));
    // Nobody was named whom to trust: that it is signed is what was asked for.
    assert_eq!(info.code, 0, "{info:?}");
    assert_eq!(info.object()["signature"]["trusted"], false);
    let other = crate::process::Emulator::start("");
    let rejected = run(&format!("endpoint {target} --json --trust {}", other.root()));
    assert_eq!(rejected.code, 1, "{rejected:?}");
    assert_eq!(rejected.object()["signature"]["trusted"], false);
    let usage = run(&format!("endpoint {target} --unsigned --trust {}", other.root()));
    assert_eq!(usage.code, 2, "{usage:?}");
}

#[test]
fn endpoint_info_without_the_signature_that_was_asked_for() {
    for fault in [Fault::BadSignature, Fault::WrongContextSignature, Fault::MissingVcaSignature] {
        let (faults, fault_target) = (vec![fault], Some(Code::GET_ENDPOINT_INFO));
        let served = serve(DeviceConfig { faults, fault_target, ..device(F::EP_INFO_CAP_SIG) });
        let line = format!("endpoint {}", served.target);
        let rejected = run(&line);
        assert_eq!(rejected.code, 1, "{rejected:?}");
        assert!(rejected.err.contains("ENDPOINT_INFO"), "{rejected:?}");
        let report = run(&format!("{line} --json")).object();
        assert_eq!(report["verified"], false);
        assert!(report["classes"].is_null(), "{report}");
    }
    let served = serve(device(F::EP_INFO_CAP_NO_SIG));
    let line = format!("endpoint {}", served.target);
    let rejected = run(&line);
    assert_eq!(rejected.code, 1, "{rejected:?}");
    assert!(rejected.err.contains("--unsigned"), "{rejected:?}");
    assert_eq!(run(&format!("{line} --unsigned")).code, 0);
    let empty = run("endpoint emulated --slot 3");
    assert_eq!(empty.code, 1, "{empty:?}");
}
