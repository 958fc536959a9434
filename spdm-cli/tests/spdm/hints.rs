//! What a person is told where a device lacks or refuses something, or where the command line is not quite right: the
//! exact words, and the word for programs. A hint is there where following it leads on, and is followed here.

use spdm_codec::{Code, ErrorCode, SlotId, SpdmVersion};
use spdm_emulator::{Act, DeviceConfig, Edit, Position, ScriptStep, When};

use crate::process::{Emulator, Folder, Run, run};
use crate::schema::{check, schema};
use crate::scripted::{Served, serve, small};

/// Runs `line` and `line --json`: the first line of the verdict behind the target, the hint, and the word for programs.
#[track_caller]
fn told(line: &str, code: i32) -> (String, Option<String>, String) {
    let text = run(line);
    assert_eq!(text.code, code, "{line}: {text:?}");
    let json = run(&format!("{line} --json"));
    assert_eq!(json.code, code, "{line}: {json:?}");
    let object = json.object();
    let kind = object["error"]["kind"].as_str().unwrap().to_owned();
    let first = text.out.lines().next().unwrap_or_default();
    let sentence = match first.strip_prefix("NOT VERIFIED  ") {
        Some(rest) => rest.split_once(": ").unwrap().1.to_owned(),
        None => text.err.lines().next().unwrap_or(first).to_owned(),
    };
    assert_eq!(hint(&text), hint(&json), "{line}");
    assert!(sentence.contains(object["error"]["message"].as_str().unwrap()), "{object}");
    (sentence, hint(&text), kind)
}

fn hint(run: &Run) -> Option<String> {
    run.err.lines().find_map(|line| line.strip_prefix("hint: ")).map(str::to_owned)
}

fn expect(line: &str, code: i32, sentence: &str, hint: Option<&str>, kind: &str) {
    let told = told(line, code);
    assert_eq!(
        (told.0.as_str(), told.1.as_deref(), told.2.as_str()),
        (sentence, hint, kind),
        "{line}"
    );
}

#[test]
fn an_empty_slot_names_those_that_are_filled() {
    for (slots, hint) in
        [("1", "slot 1 has one: --slot 1"), ("2,5", "slots 2, 5 have one: --slot 2, or --slot any")]
    {
        let device = Emulator::start(&format!("--slots {slots}"));
        let line = format!("attest {} --trust {}", device.target, device.root());
        expect(&line, 1, "slot 0 has no certificate chain", Some(hint), "incompatible");
        let followed = hint.rsplit(' ').next().unwrap();
        assert_eq!(run(&format!("{line} --slot {followed} -q")).code, 0, "{hint}");
    }
}

#[test]
fn what_a_device_without_signed_measurements_can_do() {
    let device = Emulator::start("--capabilities CERT_CAP,CHAL_CAP,MEAS_CAP_NO_SIG");
    let (target, root) = (&device.target, device.root());
    let measure = run(&format!("measure {target} --trust {root}"));
    let lacks = "the device lacks MEAS_CAP with signatures";
    assert_eq!(measure.out, "");
    assert!(measure.err.starts_with(&format!("error: {target}: not measured: {lacks}\nhint: ")));
    let unsigned =
        "--unsigned takes measurements without a signature: nothing of them is authentic";
    assert_eq!((measure.code, hint(&measure).as_deref()), (1, Some(unsigned)));
    let json = run(&format!("measure {target} --trust {root} --json"));
    assert_eq!(json.object()["error"]["kind"], "incompatible");
    let followed = run(&format!("measure {target} --trust {root} --unsigned"));
    assert_eq!((followed.code, hint(&followed)), (0, None));
    let waive = Some("--measurements none waives measurements");
    expect(&format!("attest {target} --trust {root}"), 1, lacks, waive, "incompatible");
    let followed = run(&format!("attest {target} --trust {root} --measurements none -q"));
    assert_eq!(followed.code, 0);
}

/// Devices without measurements refuse CHALLENGE with a summary of them: the first hint is the right one.
#[test]
fn a_device_without_measurements_in_every_version() {
    let waive = Some("--measurements none waives measurements");
    for version in SpdmVersion::ALL {
        let device =
            Emulator::start(&format!("--capabilities CERT_CAP,CHAL_CAP --versions {version}"));
        let (target, root) = (&device.target, device.root());
        let line = format!("attest {target} --trust {root}");
        expect(&line, 1, "the device lacks MEAS_CAP", waive, "incompatible");
        assert_eq!(run(&format!("{line} --measurements none -q")).code, 0, "{version}");
        // Nothing leads on here.
        let measure = run(&format!("measure {target} --trust {root} --min-version 1.0"));
        let error = format!("error: {target}: not measured: the device lacks MEAS_CAP\n");
        assert_eq!((measure.code, measure.out, measure.err), (1, String::new(), error));
    }
}

#[test]
fn a_device_that_can_nothing() {
    let device = Emulator::start("--capabilities 0");
    let info = run(&format!("info {} --json", device.target));
    assert_eq!((info.code, &info.object()["capabilities"]), (0, &serde_json::json!([])));
    let line = format!("attest {}", device.target);
    expect(&line, 1, "the device lacks CERT_CAP", None, "incompatible");
}

#[test]
fn a_measurement_that_there_is_not_is_named() {
    let device = Emulator::start("--seed 1");
    let (target, root) = (&device.target, device.root());
    let sentence =
        "the device answered GET_MEASUREMENTS for index 9 with ERROR InvalidRequest (data 0x00)";
    let hint = "--measurements all shows which ones the device has";
    for which in ["9", "1,9,2"] {
        let line = format!("attest {target} --trust {root} --measurements {which}");
        expect(&line, 1, sentence, Some(hint), "refused");
    }
    let measure = run(&format!("measure {target} --measurements 9"));
    assert_eq!(measure.out, "");
    let error = format!("error: {target}: not measured: {sentence}\nhint: {hint}\n");
    assert_eq!(measure.err, error);
    assert_eq!(run(&format!("measure {target} --measurements all -q")).code, 0);
}

/// 1.0 has no field for it.
#[test]
fn only_slot_0_signs_measurements_of_1_0() {
    let slots = vec![SlotId::ZERO, SlotId::new(1).unwrap()];
    let device = serve(DeviceConfig { versions: vec![SpdmVersion::V1_0], slots, ..small() });
    let (target, root) = (&device.target, &device.root);
    let line = format!("attest {target} --trust {root} --slot 1");
    let sentence = "slot 1 cannot sign measurements in SPDM 1.0: slot 0 does";
    expect(&line, 1, sentence, Some("--slot 0, or --measurements none"), "incompatible");
    assert_eq!(run(&format!("{line} --measurements none -q")).code, 0);
    assert_eq!(run(&format!("attest {target} --trust {root} -q")).code, 0);
}

#[test]
fn no_algorithm_in_common() {
    let device = Emulator::start("--base-asym ECDSA_P384 --base-hash SHA_384");
    let target = &device.target;
    let refused = "the device answered NEGOTIATE_ALGORITHMS with ERROR InvalidRequest (data 0x00)";
    let line = format!("attest {target} --base-asym ECDSA_P256");
    let hint = Some("spdm info shows what the device tells of itself all the same");
    expect(&line, 1, refused, hint, "refused");
    let line = format!("info {target} --base-asym ECDSA_P256 --base-hash SHA3_512");
    let text = run(&line);
    assert_eq!(text.err, format!("error: {target}: {refused}\n"));
    for row in [
        "version           1.4 of 1.0, 1.1, 1.2, 1.3, 1.4",
        "supports          ECDSA_P384",
        "supports          SHA_384",
        "capability        CHAL_CAP",
    ] {
        assert!(text.out.lines().any(|line| line.trim() == row), "{row}: {}", text.out);
    }
    let json = run(&format!("{line} --json"));
    let info = json.object();
    check(&schema("info"), &info);
    assert_eq!((text.code, json.code), (1, 1));
    assert_eq!(info["supported"]["base_asym"], serde_json::json!(["ECDSA_P384"]));
    assert_eq!(info["supported"]["base_hash"], serde_json::json!(["SHA_384"]));
    assert_eq!((&info["error"]["kind"], &info["algorithms"]), (&"refused".into(), &().into()));
    // Before 1.3 a device has no words for it.
    let json = run(&format!("{line} --max-version 1.2 --json"));
    let info = json.object();
    check(&schema("info"), &info);
    assert_eq!((json.code, &info["supported"]), (1, &().into()));
    assert_eq!((&info["version"], &info["error"]["kind"]), (&"1.2".into(), &"refused".into()));
    // What it offers leads on.
    assert_eq!(run(&format!("info {target} --base-asym ECDSA_P384")).code, 0);
}

#[test]
fn versions_that_are_not_allowed_are_shown() {
    let device = Emulator::start("--versions 1.0,1.1");
    let line = format!("attest {} --min-version 1.2", device.target);
    let sentence = "the device speaks no SPDM version that is allowed here; it speaks 1.0, 1.1";
    let hint = "--min-version and --max-version say what is allowed";
    expect(&line, 1, sentence, Some(hint), "incompatible");
    let info = run(&format!("info {} --min-version 1.2 --json", device.target));
    let object = info.object();
    check(&schema("info"), &object);
    assert_eq!((info.code, &object["versions"]), (1, &serde_json::json!(["1.0", "1.1"])));
}

/// VERSION lists an update of 1.2 and an alpha of 1.3 and, for one device, nothing else.
#[test]
fn update_and_alpha_versions() {
    let versions = vec![SpdmVersion::V1_2, SpdmVersion::V1_3];
    let change = |at: usize, low: u64| {
        let change = Act::Change(Edit::Set(Position::Offset(6 + 2 * at), low));
        ScriptStep::new(Code::GET_VERSION, When::Always, change)
    };
    let script = vec![change(0, 0x10), change(1, 0x03)];
    let device = serve(DeviceConfig { versions: versions.clone(), script, ..small() });
    let (target, root) = (&device.target, &device.root);
    let info = run(&format!("info {target} --json")).object();
    check(&schema("info"), &info);
    assert_eq!(info["versions"], serde_json::json!(["1.2.1", "1.3-alpha3"]));
    assert_eq!(info["version"], "1.2");
    let taken = run(&format!("attest {target} --trust {root} --alpha-versions --json"));
    assert_eq!((taken.code, &taken.object()["version"]), (0, &"1.3".into()));
    // Nothing but alphas.
    let script = vec![change(0, 0x01), change(1, 0x03)];
    let device = serve(DeviceConfig { versions, script, ..small() });
    let (target, root) = (&device.target, &device.root);
    let line = format!("attest {target} --trust {root}");
    let sentence =
        "the device speaks no SPDM version that is allowed here; it speaks 1.2-alpha1, 1.3-alpha3";
    let hint = "--alpha-versions takes a version of an unfinished specification, too";
    expect(&line, 1, sentence, Some(hint), "incompatible");
    // What was taken can be verified.
    let file = device.folder.path("evidence.json");
    let taken = run(&format!("{line} --alpha-versions --evidence {file} -q"));
    assert_eq!(taken.code, 0);
    assert_eq!(run(&format!("verify {file} --trust {root} -q")).code, 0);
}

/// A device that answers this request so, whatever its own answer was.
fn answering(request: Code, code: ErrorCode, extended: &[u8]) -> Served {
    let act = Act::Refuse { code, data: 0, extended: extended.to_vec() };
    let script = vec![ScriptStep::new(request, When::Always, act)];
    serve(DeviceConfig { script, ..small() })
}

#[test]
fn errors_without_the_place_that_their_code_needs() {
    for (code, extended, sentence) in [
        (
            ErrorCode::LARGE_RESPONSE,
            &[][..],
            "ERROR: Handle at offset 4 takes 1 bytes, but the message ends after 0",
        ),
        (
            ErrorCode::RESPONSE_NOT_READY,
            &[][..],
            "ERROR: RDTExponent at offset 4 takes 1 bytes, but the message ends after 0",
        ),
        (
            ErrorCode::RESPONSE_NOT_READY,
            &[1, 0x83],
            "ERROR: Token at offset 6 takes 1 bytes, but the message ends after 0",
        ),
    ] {
        let device = answering(Code::CHALLENGE, code, extended);
        let line = format!("attest {} --trust {}", device.target, device.root);
        expect(&line, 4, sentence, None, "decode");
    }
}

#[test]
fn a_message_that_is_larger_than_what_was_announced() {
    // One byte more than the requester takes, behind answers that were right: the framing is.
    let act = Act::Tamper(Edit::Append(vec![0; 0x9000]));
    let script = vec![ScriptStep::new(Code::GET_DIGESTS, When::Always, act)];
    let device = serve(DeviceConfig { script, ..small() });
    let told = told(&format!("attest {} --trust {}", device.target, device.root), 4);
    assert!(told.0.starts_with("frame header: "), "{}", told.0);
    assert_eq!((told.1, told.2.as_str()), (None, "framing"));
}

#[test]
fn another_framing_than_the_device_has() {
    let hint = Some("is --framing (and --binding) what the device speaks?");
    let device = Emulator::start("--framing dmtf-emu");
    let line = format!("attest {} --timeout 0.5", device.target);
    let silent = "no answer to GET_VERSION in time: 0.6 s passed (--timeout)";
    expect(&line, 3, silent, hint, "timeout");
    // Verbs without a verdict, too.
    let info = run(&format!("info {} --timeout 0.5", device.target));
    assert_eq!((info.code, self::hint(&info).as_deref()), (3, hint));
    let device = Emulator::start("--framing dsp0287");
    let told = told(&format!("attest {} --framing dmtf-emu --timeout 1", device.target), 3);
    assert_eq!((told.1.as_deref(), told.2.as_str()), (hint, "transport"), "{}", told.0);
}

#[test]
fn names_and_ports_of_servers() {
    let line = "attest tcp:nosuchhost.invalid:5";
    expect(line, 3, "cannot resolve the name nosuchhost.invalid", None, "transport");
    let slashes = run("attest tcp://localhost:5");
    assert_eq!(slashes.code, 2);
    assert!(
        slashes.err.contains("expected tcp:HOST[:PORT], without the slashes of a URL"),
        "{}",
        slashes.err
    );
    // Nobody listens there in tests.
    let refused = "port 4194, the default of dsp0287: connection refused";
    expect("attest tcp:127.0.0.1", 3, refused, None, "transport");
    let refused = "port 2323, the default of dmtf-emu: connection refused";
    expect("attest tcp:[::ffff:127.0.0.1] --framing dmtf-emu", 3, refused, None, "transport");
}

#[test]
fn standard_output_as_a_file() {
    let evidence = run("attest emulated --evidence -");
    assert_eq!(evidence.code, 0);
    let object: serde_json::Value = serde_json::from_str(&evidence.out).unwrap();
    check(&schema("evidence"), &object);
    assert!(evidence.err.starts_with("VERIFIED  emulated: "), "{}", evidence.err);
    let report = run("attest emulated --evidence - --json");
    assert_eq!(report.out.lines().next(), Some("{"));
    let report: serde_json::Value = serde_json::from_str(&report.err).unwrap();
    check(&schema("report"), &report);
    let capture =
        crate::process::command(&["attest", "emulated", "--pcap", "-", "-q"]).output().unwrap();
    assert_eq!(
        (capture.status.code(), &capture.stdout[..4]),
        (Some(0), &[0xD4, 0xC3, 0xB2, 0xA1][..])
    );
    // There is one standard output only.
    for line in ["attest emulated --evidence - --pcap -", "collect emulated --pcap -"] {
        let both = run(line);
        assert_eq!(
            (both.code, both.err.as_str()),
            (2, "error: standard output (-) can hold one file only\n")
        );
    }
}

#[test]
fn a_hint_is_not_given_for_what_is_waived_already() {
    let device = Emulator::start("--seed 1 --capabilities CERT_CAP,MEAS_CAP_SIG");
    let line = format!("attest {} --trust {} --measurements none", device.target, device.root());
    expect(&line, 1, "the device lacks CHAL_CAP", None, "incompatible");
}

#[test]
fn a_device_with_certificates_needs_no_peer_key() {
    let device = Emulator::start("--seed 1");
    let key = device.folder.path("key.der");
    assert_eq!(
        run(&format!("emulate --peer-key-out {key} --base-asym ECDSA_P521 --listen nowhere")).code,
        2
    );
    let line = format!("attest {} --peer-key {key}", device.target);
    let hint = "this device has certificates: leave out --peer-key";
    expect(&line, 1, "the device lacks PUB_KEY_ID_CAP", Some(hint), "incompatible");
}

#[test]
fn measure_says_why_signed_measurements_are_rejected() {
    let folder = Folder::new();
    let reference = folder.path("reference.json");
    std::fs::write(&reference, r#"{"measurements":[{"index":1,"value":"00"}]}"#).unwrap();
    let other = run(&format!("measure emulated --reference {reference}"));
    assert_eq!(other.code, 1, "{other:?}");
    let words = "signed by the device's key, but not what is expected\n";
    assert!(other.out.contains(words), "{}", other.out);
    let expired = run("measure emulated --at unix:1");
    assert_eq!(expired.code, 1);
    let words = "signed by the device's key, but the device is rejected\n";
    assert!(expired.out.contains(words), "{}", expired.out);
}
