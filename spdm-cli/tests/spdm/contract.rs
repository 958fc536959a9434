//! What other programs rely on: each exit code for each of its reasons, each key of `--json` with its type.

use serde_json::Value;
use spdm_codec::{CapabilityFlags, SpdmVersion};
use spdm_emulator::{DeviceConfig, Fault};

use crate::process::{Folder, run};
use crate::scripted::{Served, serve, small};

/// A device with this fault.
fn faulty(fault: Fault) -> Served {
    serve(DeviceConfig { faults: vec![fault], ..small() })
}

/// Runs a line, which has to end so, without a backtrace.
#[track_caller]
fn ends(line: &str, code: i32) {
    let plain = run(line);
    assert_eq!(plain.code, code, "{line}: {plain:?}");
    assert!(!plain.err.contains("backtrace"), "{line}: {}", plain.err);
}

/// [`ends`] for a verdict: also with `--json`, whose object has every key.
#[track_caller]
fn judged(line: &str, code: i32) {
    ends(line, code);
    let json = run(&format!("{line} --json"));
    assert_eq!(json.code, code, "{line}: {json:?}");
    for report in json.objects() {
        assert_report(&report);
        assert_eq!(report["verified"] == true, code == 0, "{line}: {report}");
        assert_eq!(report["error"].is_null(), code == 0, "{line}: {report}");
    }
}

#[test]
fn exit_0_verified_or_the_verb_did_its_job() {
    let folder = Folder::new();
    let (evidence, pcap) = (folder.path("evidence.json"), folder.path("exchange.pcap"));
    let certs = folder.path("certs");
    let device = serve(small());
    let (target, root) = (&device.target, &device.root);
    judged(&format!("attest {target} --trust {root} --evidence {evidence} --pcap {pcap}"), 0);
    judged(&format!("measure {target} --trust {root}"), 0);
    for file in [&evidence, &pcap] {
        judged(&format!("verify {file} --trust {root}"), 0);
    }
    ends(&format!("info {target}"), 0);
    ends(&format!("certs {target} --out {certs}"), 0);
    judged(&format!("chain {certs}/slot0.bin --trust {root}"), 0);
    judged(&format!("chain {certs}/slot0.pem --trust {root}"), 0);
    ends(&format!("decode {pcap}"), 0);
    ends("emulate --fault help", 0);
    ends("list", 0);
    // No verdict is asked for, and there is none.
    ends(&format!("collect {target}"), 0);
    ends(&format!("measure {target} --unsigned"), 0);
}

#[test]
fn exit_1_rejected() {
    let folder = Folder::new();
    let evidence = folder.path("evidence.json");
    let device = serve(small());
    let (target, root) = (&device.target, &device.root);
    // Anchor.
    judged(&format!("attest {target} --evidence {evidence}"), 1);
    judged(&format!("verify {evidence}"), 1);
    // Name, version policy, validity.
    judged(&format!("attest {target} --trust {root} --san dmtf:A:B:C"), 1);
    judged(&format!("attest {target} --trust {root} --min-version 1.3"), 1);
    judged(&format!("verify {evidence} --trust {root} --min-version 1.3"), 1);
    judged(&format!("attest {target} --trust {root} --at unix:0"), 1);
    // Nonce.
    let other = "00".repeat(32);
    judged(&format!("verify {evidence} --trust {root} --nonce {other}"), 1);
    // Reference value.
    let reference = folder.write("r.json", r#"{"measurements":[{"index":1,"value":"00"}]}"#);
    for line in [format!("attest {target}"), format!("verify {evidence}")] {
        judged(&format!("{line} --trust {root} --reference {reference}"), 1);
    }
    // Chain, signature, a peer's ERROR to something required.
    for fault in [
        Fault::ChainBadSignature,
        Fault::ChainReversed,
        Fault::RootHashMismatch,
        Fault::BadSignature,
        Fault::OtherKeySignature,
        Fault::UnknownErrorCode,
    ] {
        let device = faulty(fault);
        let (target, root) = (&device.target, &device.root);
        let file = device.folder.path("evidence.json");
        judged(&format!("attest {target} --trust {root} --evidence {file}"), 1);
        judged(&format!("verify {file} --trust {root}"), 1);
    }
    // Missing capability.
    let lacking = CapabilityFlags::CERT_CAP | CapabilityFlags::MEAS_CAP_SIG;
    let device = serve(DeviceConfig { capabilities: Some(lacking), ..small() });
    judged(&format!("attest {} --trust {}", device.target, device.root), 1);
    let lacking = CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP;
    let device = serve(DeviceConfig { capabilities: Some(lacking), ..small() });
    judged(&format!("attest {} --trust {}", device.target, device.root), 1);
    ends(&format!("collect {}", device.target), 1);
}

#[test]
fn exit_2_usage_and_files() {
    let folder = Folder::new();
    let junk = folder.write("junk", "junk");
    for line in [
        "attest".to_owned(),
        "attest emulated --nonsense".to_owned(),
        "attest nowhere".to_owned(),
        format!("verify {junk}"),
        format!("chain {junk}"),
        format!("decode {junk}"),
        "verify /does/not/exist".to_owned(),
        "chain /does/not/exist".to_owned(),
        "decode /does/not/exist".to_owned(),
        format!("attest emulated --trust {junk}"),
    ] {
        ends(&line, 2);
    }
    if !cfg!(feature = "aws-lc-rs") {
        ends("attest emulated --backend aws-lc-rs", 2);
    }
}

#[test]
fn exit_3_transport_and_timeout() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    judged(&format!("attest tcp:127.0.0.1:{port} --timeout 1"), 3);
    judged(&format!("measure tcp:127.0.0.1:{port} --timeout 1"), 3);
    let silent = faulty(Fault::Silent);
    judged(&format!("attest {} --trust {} --timeout 0.5", silent.target, silent.root), 3);
    for verb in ["certs", "collect"] {
        ends(&format!("{verb} {} --timeout 0.5", silent.target), 3);
    }
}

#[test]
fn exit_4_the_device_broke_the_protocol() {
    for fault in [
        // Undecodable bytes.
        Fault::TruncateResponse,
        Fault::ShortResponse,
        Fault::TwoSpecBits,
        // Another message than the one that answers.
        Fault::WrongResponseCode,
        Fault::WrongVersionByte,
        // Slot and CertChainHash.
        Fault::CertificateOtherSlot,
        Fault::ChallengeOtherSlot,
        Fault::MeasurementsOtherSlot,
        Fault::WrongChainHash,
        Fault::DigestMismatch,
        // A selection that was not offered.
        Fault::AlgorithmNotOffered,
        Fault::HashNotOffered,
        Fault::TwoHashBits,
        Fault::MeasurementSpecNotOffered,
    ] {
        let device = faulty(fault);
        let (target, root) = (&device.target, &device.root);
        let (file, pcap) = (device.folder.path("e.json"), device.folder.path("e.pcap"));
        judged(&format!("attest {target} --trust {root} --evidence {file} --pcap {pcap}"), 4);
        // Offline it is the same.
        for file in [file, pcap] {
            judged(&format!("verify {file} --trust {root}"), 4);
        }
    }
    // In a capture nothing but its code tells a response from a request: there it is a request without an answer.
    let device = faulty(Fault::RequestCodeEcho);
    let (target, root) = (&device.target, &device.root);
    let (file, pcap) = (device.folder.path("e.json"), device.folder.path("e.pcap"));
    judged(&format!("attest {target} --trust {root} --evidence {file} --pcap {pcap}"), 4);
    judged(&format!("verify {file} --trust {root}"), 4);
    judged(&format!("verify {pcap} --trust {root}"), 1);
    // The context that a request brings has to come back.
    let context = DeviceConfig {
        versions: vec![SpdmVersion::V1_3],
        faults: vec![Fault::ContextMismatch],
        ..small()
    };
    let device = serve(context);
    judged(&format!("attest {} --trust {}", device.target, device.root), 4);
    let device = faulty(Fault::HashNotOffered);
    for verb in ["info", "certs", "collect"] {
        ends(&format!("{verb} {}", device.target), 4);
    }
}

#[test]
fn the_worst_exit_code_of_several_objects_counts() {
    let good = serve(small());
    let (evidence, root) = (good.folder.path("e.json"), &good.root);
    let rounds = format!("attest {} --trust {root} --repeat 2 --evidence {evidence}", good.target);
    ends(&rounds, 0);
    // The second connection breaks the protocol.
    let text = std::fs::read_to_string(&evidence).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let last = file["exchanges"].as_array_mut().unwrap().last_mut().unwrap();
    let response = last["response"].as_str().unwrap();
    last["response"] = response[..response.len() - 2].into();
    let worse = good.folder.write("worse.json", file.to_string());
    let worse = run(&format!("verify {worse} --trust {root} --json"));
    let verdicts: Vec<_> =
        worse.objects().iter().map(|report| report["verified"] == true).collect();
    assert_eq!((worse.code, verdicts), (4, vec![true, false]), "{worse:?}");
}

/// The names of the checks, in order of evaluation.
const CHECKS: &str = "chain.format chain.digest chain.root chain.certificates chain.signatures chain.anchor \
    leaf.profile leaf.san challenge.nonce challenge.chain_hash challenge.signature \
    measurements.format measurements.nonce measurements.signature measurements.reference";

fn is_hex(value: &Value) -> bool {
    value.as_str().is_some_and(|text| hex::decode(text).is_ok())
}

fn is_text(value: &Value) -> bool {
    value.is_string()
}

fn or_null(is: fn(&Value) -> bool) -> impl Fn(&Value) -> bool {
    move |value| value.is_null() || is(value)
}

#[track_caller]
fn has(object: &Value, key: &str, is: impl Fn(&Value) -> bool) {
    let value = object.get(key).unwrap_or_else(|| panic!("{key} is missing: {object}"));
    assert!(is(value), "{key}: {value}");
}

/// One of the words.
fn word(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|text| words.contains(&text))
}

/// Every key of a report, with its type.
#[track_caller]
fn assert_report(report: &Value) {
    has(report, "schema", |value| *value == 1);
    has(report, "target", is_text);
    has(report, "verified", Value::is_boolean);
    has(report, "version", or_null(is_text));
    has(report, "slot", or_null(Value::is_u64));
    has(report, "fresh", or_null(Value::is_boolean));
    has(report, "algorithms", Value::is_object);
    if !report["version"].is_null() {
        for key in ["base_asym", "base_hash", "measurement_hash"] {
            has(&report["algorithms"], key, or_null(is_text));
        }
    }
    for key in ["challenge", "measurements", "key_exchange"] {
        has(&report["nonces"], key, or_null(is_hex));
    }
    let identity = &report["identity"];
    has(identity, "subject", or_null(is_text));
    has(identity, "serial", or_null(is_hex));
    has(identity, "root_sha256", or_null(is_hex));
    has(identity, "san", |san| san.as_array().is_some_and(|san| san.iter().all(is_text)));
    let names: Vec<_> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            has(row, "check", is_text);
            has(row, "status", |status| word(status, &["pass", "fail", "skipped"]));
            has(row, "detail", |detail| detail.as_str().is_some_and(|detail| !detail.is_empty()));
            row["check"].as_str().unwrap()
        })
        .collect();
    assert_eq!(names, CHECKS.split_whitespace().collect::<Vec<_>>());
    for row in report["measurements"].as_array().unwrap() {
        has(row, "index", |index| index.as_u64().is_some_and(|index| (1..=254).contains(&index)));
        has(row, "type", is_text);
        has(row, "raw", Value::is_boolean);
        has(row, "value", is_hex);
        has(row, "reference", |status| word(status, &["match", "mismatch", "none"]));
    }
    let agreements = ["not_asked", "not_known", "agrees", "differs"];
    has(report, "measurement_summary", |summary| word(summary, &agreements));
    has(
        report,
        "content_changed",
        or_null(|changed| word(changed, &["not_detected", "changed", "unchanged"])),
    );
    let error = report.get("error").unwrap();
    if !error.is_null() {
        has(error, "kind", is_text);
        has(error, "message", |message| message.as_str().is_some_and(|text| !text.is_empty()));
        has(error, "field", or_null(is_text));
        has(error, "offset", or_null(Value::is_u64));
    }
}

/// A verified report has a value for every key but `error`.
#[test]
fn a_verified_report_has_values() {
    let device = serve(small());
    let report = run(&format!("attest {} --trust {} --json", device.target, device.root)).object();
    assert_report(&report);
    for key in ["version", "slot", "fresh"] {
        assert!(!report[key].is_null(), "{key}: {report}");
    }
    for (object, keys) in [
        ("nonces", &["challenge", "measurements"][..]),
        ("identity", &["subject", "serial", "root_sha256"]),
        ("algorithms", &["base_asym", "base_hash", "measurement_hash"]),
    ] {
        for key in keys {
            has(&report[object], key, is_text);
        }
    }
    assert_eq!(report["identity"]["san"][0], "ACME:WIDGET:0123456789");
    assert_eq!(report["measurements"].as_array().map(Vec::len), Some(8));
}

/// The other verbs say what the target is, in the same words.
#[test]
fn objects_that_are_no_verdict() {
    let device = serve(small());
    let target = &device.target;
    let info = run(&format!("info {target} --json")).object();
    has(&info, "version", |version| *version == "1.2");
    for key in ["base_asym", "base_hash", "measurement_hash"] {
        has(&info["algorithms"], key, is_text);
    }
    let certs = run(&format!("certs {target} --json")).object();
    has(&certs, "slot", |slot| *slot == 0);
    has(&certs["identity"], "root_sha256", is_hex);
    for object in [info, certs] {
        has(&object, "schema", |value| *value == 1);
        has(&object, "target", |value| value == target.as_str());
    }
    // Where certs cannot do its job, the object is a report; info shows what it knows.
    let device = faulty(Fault::HashNotOffered);
    let report = run(&format!("certs {} --json", device.target)).object();
    assert_report(&report);
    assert_eq!(report["error"]["field"], "ALGORITHMS.BaseHashSel", "{report}");
    let info = run(&format!("info {} --json", device.target)).object();
    has(&info["error"], "kind", |kind| *kind == "protocol");
    has(&info["error"], "message", is_text);
    has(&info, "algorithms", Value::is_null);
    // Of a device that says nothing, there is a report from both.
    let device = faulty(Fault::VersionCountZero);
    for verb in ["info", "certs"] {
        assert_report(&run(&format!("{verb} {} --json", device.target)).object());
    }
}
