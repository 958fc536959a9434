//! `--known`, `--learn` and `spdm recognize`.

use serde_json::Value;

use crate::process::{Emulator, Folder, run, status};
use crate::schema::{check, schema};

/// A device; the same seed is the same device.
fn device(seed: u8) -> Emulator {
    Emulator::start(&format!("--seed {seed} --base-asym ECDSA_P256"))
}

/// The known devices in a file.
fn known(file: &str) -> Value {
    let text = std::fs::read_to_string(file).unwrap();
    let known: Value = serde_json::from_str(&text).unwrap();
    check(&schema("known"), &known);
    known
}

#[test]
fn a_verified_device_is_learned_and_known_again() {
    let (folder, device) = (Folder::new(), device(1));
    let (file, target, root) = (folder.path("known.json"), &device.target, device.root());
    let attest = format!("attest {target} --trust {root} --json --known {file}");
    // The file must be there, but for a device that is learned.
    assert_eq!(run(&attest).code, 2);
    let learned = run(&format!("{attest} --learn"));
    let report = learned.object();
    assert_eq!((learned.code, status(&report, "known.device")), (0, "pass"), "{report}");
    check(&schema("report"), &report);
    assert_eq!(known(&file)["devices"][0]["target"], target.as_str());
    // Known, learned once more, and more than once.
    for line in [attest.clone(), format!("{attest} --learn"), format!("{attest} --repeat 2")] {
        let again = run(&line);
        assert_eq!(again.code, 0, "{again:?}");
        for report in again.objects() {
            assert_eq!(status(&report, "known.device"), "pass", "{report}");
        }
        assert_eq!(known(&file)["devices"].as_array().unwrap().len(), 1);
    }
    // Who does not ask is not told.
    let report = run(&format!("attest {target} --trust {root} --json")).object();
    assert_eq!(report["checks"].as_array().unwrap().len(), 15);
    // One signature, and no trust anchor, is enough to recognize it.
    let recognized = run(&format!("recognize {target} --known {file} --json"));
    let object = recognized.object();
    assert_eq!((recognized.code, &object["recognized"]), (0, &true.into()), "{object}");
    assert_eq!(object["nonce"].as_str().map(str::len), Some(64));
    check(&schema("recognize"), &object);
    let text = run(&format!("recognize {target} --known {file} -v"));
    assert!(text.out.starts_with(&format!("RECOGNIZED  {target}: ")), "{}", text.out);
    assert!(!text.err.contains("GET_CERTIFICATE") && !text.err.contains("GET_DIGESTS"));
}

/// Who has no certificates cannot be learned: it would be new each time.
#[test]
fn a_device_without_certificates_is_not_learned() {
    let folder = Folder::new();
    let (file, key) = (folder.path("known.json"), folder.path("device.pem"));
    let device = Emulator::listen(folder, &format!("--base-asym ECDSA_P256 --peer-key-out {key}"));
    let line = format!("attest {} --peer-key {key} --json", device.target);
    assert_eq!(run(&line).code, 0);
    for _ in 0..2 {
        let learning = run(&format!("{line} --known {file} --learn"));
        let report = learning.object();
        assert_eq!((learning.code, status(&report, "known.device")), (1, "skipped"), "{report}");
        assert_eq!(report["error"]["kind"], "required");
        assert!(!std::path::Path::new(&file).exists());
    }
}

#[test]
fn another_device_is_not_the_known_one() {
    let (folder, first, other) = (Folder::new(), device(1), device(2));
    let file = folder.path("known.json");
    let (target, root) = (&first.target, first.root());
    let line = format!("attest {target} --trust {root} --known {file} --learn");
    assert_eq!(run(&line).code, 0);
    // It is where the first one was.
    let text = std::fs::read_to_string(&file).unwrap().replace(target, &other.target);
    let file = folder.write("known.json", &text);
    let (target, root) = (&other.target, other.root());
    for learn in ["", "--learn"] {
        let line = format!("attest {target} --trust {root} --known {file} {learn} --json");
        let changed = run(&line);
        let report = changed.object();
        assert_eq!((changed.code, status(&report, "known.device")), (1, "fail"), "{report}");
        assert_eq!(
            (&report["verified"], &report["error"]["kind"]),
            (&false.into(), &"known".into())
        );
        // Everything else of it is right.
        for check in ["chain.anchor", "challenge.signature", "measurements.signature"] {
            assert_eq!(status(&report, check), "pass");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "nothing replaces a device");
    }
    let recognized = run(&format!("recognize {target} --known {file} --json"));
    let object = recognized.object();
    assert_eq!((recognized.code, &object["recognized"]), (1, &false.into()), "{object}");
    assert_eq!((&object["error"]["kind"], &object["nonce"]), (&"known".into(), &Value::Null));
    check(&schema("recognize"), &object);
}

#[test]
fn a_device_that_is_not_verified_is_not_learned() {
    let (folder, device) = (Folder::new(), device(1));
    let (file, target) = (folder.path("known.json"), &device.target);
    // Nobody vouches for it.
    let line = format!("attest {target} --known {file} --learn --json");
    let report = run(&line);
    assert_eq!((report.code, status(&report.object(), "known.device")), (1, "skipped"));
    assert!(!std::path::Path::new(&file).exists());
    // It is verified, but not to be learned.
    let file = folder.write("known.json", r#"{"schema": 1, "devices": []}"#);
    let line = format!("attest {target} --trust {} --known {file} --json", device.root());
    let unknown = run(&line);
    let report = unknown.object();
    assert_eq!((unknown.code, &report["error"]["kind"]), (1, &"required".into()), "{report}");
    assert!(known(&file)["devices"].as_array().unwrap().is_empty());
    assert_eq!(run(&format!("recognize {target} --known {file}")).code, 2);
    // Without a file there is nothing to learn into, and one that is damaged is not written.
    assert_eq!(run(&format!("attest {target} --learn")).code, 2);
    let damaged = folder.write("damaged.json", "{");
    assert_eq!(run(&format!("attest {target} --known {damaged} --learn")).code, 2);
    assert_eq!(std::fs::read(&damaged).unwrap(), b"{");
}

#[test]
fn a_device_that_lost_its_key_or_its_voice_is_not_recognized() {
    let (folder, good) = (Folder::new(), device(1));
    let file = folder.path("known.json");
    let line = format!("attest {} --trust {} --known {file} --learn", good.target, good.root());
    assert_eq!(run(&line).code, 0);
    let text = std::fs::read_to_string(&file).unwrap();
    for (fault, code, kind) in [
        ("bad-signature", 1, "signature"),
        ("challenge-other-slot", 4, "protocol"),
        ("silent", 3, "timeout"),
    ] {
        let bad = Emulator::start(&format!("--seed 1 --base-asym ECDSA_P256 --fault {fault}"));
        let file = folder.write("bad.json", text.replace(&good.target, &bad.target));
        let line = format!("recognize {} --known {file} --timeout 0.5 --json", bad.target);
        let refused = run(&line);
        let object = refused.object();
        assert_eq!((refused.code, &object["error"]["kind"]), (code, &kind.into()), "{object}");
        assert_eq!(object["recognized"], false);
    }
}

/// Each is where the other one was: both are named as changed, and neither replaces the other.
#[test]
fn two_devices_that_swap_places() {
    let (folder, first, second) = (Folder::new(), device(1), device(2));
    let file = folder.path("known.json");
    let roots = format!("--trust {} --trust {}", first.root(), second.root());
    let attest = |target: &str, more: &str| {
        run(&format!("attest {target} {roots} --known {file} --json {more}"))
    };
    for device in [&first, &second] {
        assert_eq!(attest(&device.target, "--learn").code, 0);
    }
    let learned = known(&file);
    assert_eq!(learned["devices"].as_array().unwrap().len(), 2);
    let text = std::fs::read_to_string(&file).unwrap();
    let swapped = text.replace(&first.target, "?").replace(&second.target, &first.target);
    let swapped = swapped.replace('?', &second.target);
    std::fs::write(&file, &swapped).unwrap();
    for device in [&first, &second] {
        for learn in ["", "--learn"] {
            let changed = attest(&device.target, learn);
            let report = changed.object();
            assert_eq!((changed.code, status(&report, "known.device")), (1, "fail"), "{report}");
            assert_eq!(report["error"]["kind"], "known");
        }
        let recognized = run(&format!("recognize {} --known {file}", device.target));
        assert_eq!(recognized.code, 1, "{recognized:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), swapped);
    // Back in their places they are known again.
    std::fs::write(&file, text).unwrap();
    for device in [&first, &second] {
        assert_eq!(attest(&device.target, "").code, 0);
    }
}

/// Nobody's device is lost where several runs learn at the same time.
#[test]
fn runs_at_the_same_time_learn_all_their_devices() {
    let folder = Folder::new();
    let file = folder.path("known.json");
    let devices: Vec<_> = (1..=4).map(device).collect();
    let runs: Vec<_> = devices
        .iter()
        .map(|device| {
            let (target, root) = (&device.target, device.root());
            let line = format!("attest {target} --trust {root} --known {file} --learn -q");
            let args: Vec<_> = line.split_whitespace().collect();
            crate::process::command(&args).spawn().unwrap()
        })
        .collect();
    for mut child in runs {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(known(&file)["devices"].as_array().unwrap().len(), 4);
    // There is the file and its lock, and nothing half.
    let mut names: Vec<_> = std::fs::read_dir(folder.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["known.json", "known.json.lock"]);
}

#[test]
fn measure_knows_and_learns_devices_too() {
    let (folder, first, other) = (Folder::new(), device(1), device(2));
    let file = folder.path("known.json");
    let measure = |device: &Emulator, more: &str| {
        run(&format!(
            "measure {} --trust {} --known {file} --json {more}",
            device.target,
            device.root()
        ))
    };
    let learned = measure(&first, "--learn");
    let report = learned.object();
    assert_eq!((learned.code, status(&report, "known.device")), (0, "pass"), "{report}");
    check(&schema("report"), &report);
    assert_eq!(known(&file)["devices"].as_array().unwrap().len(), 1);
    assert_eq!(measure(&first, "").code, 0);
    // Not known, and where another one was.
    let unknown = measure(&other, "");
    let report = unknown.object();
    assert_eq!((unknown.code, &report["error"]["kind"]), (1, &"required".into()), "{report}");
    let text = std::fs::read_to_string(&file).unwrap().replace(&first.target, &other.target);
    std::fs::write(&file, &text).unwrap();
    for learn in ["", "--learn"] {
        let changed = measure(&other, learn);
        let report = changed.object();
        assert_eq!((changed.code, status(&report, "known.device")), (1, "fail"), "{report}");
        assert_eq!(report["error"]["kind"], "known");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
    // Without an anchor measurements are shown, but nobody is known by them.
    std::fs::write(&file, text.replace(&other.target, &first.target)).unwrap();
    let line = format!("measure {} --known {file} --json", first.target);
    assert_eq!(run(&line).code, 1);
    let unsigned = run(&format!("{line} --unsigned"));
    assert_eq!(unsigned.code, 2);
    assert!(unsigned.err.contains("--known needs signed measurements"), "{}", unsigned.err);
}

#[test]
fn recognize_learns_what_it_can_attest() {
    let (folder, device) = (Folder::new(), device(1));
    let (file, target, root) = (folder.path("known.json"), &device.target, device.root());
    let line = format!("recognize {target} --known {file}");
    // Nobody vouches for it: it is not learned.
    let unknown = run(&format!("{line} --learn --json"));
    let object = unknown.object();
    check(&schema("recognize"), &object);
    assert_eq!((unknown.code, &object["recognized"]), (1, &false.into()), "{object}");
    assert_eq!((&object["error"]["kind"], &object["learned"]), (&"chain".into(), &false.into()));
    assert!(!std::path::Path::new(&file).exists());
    let hint = "hint: --trust FILE or --trust-root-hash HEX says whom to trust\n";
    assert_eq!(unknown.err, hint);
    let missing = run(&line);
    let hint = "hint: --learn makes the file, of the first device that is verified\n";
    assert!(missing.code == 2 && missing.err.ends_with(hint), "{missing:?}");
    let learned = run(&format!("{line} --learn --trust {root} --json"));
    let object = learned.object();
    check(&schema("recognize"), &object);
    assert_eq!((learned.code, &object["learned"]), (0, &true.into()), "{object}");
    assert_eq!((&object["recognized"], &object["slot"]), (&true.into(), &0.into()));
    assert_eq!(known(&file)["devices"].as_array().unwrap().len(), 1);
    // It is recognized from now on, with and without --learn.
    for more in ["", "--learn"] {
        let again = run(&format!("{line} --json {more}"));
        let object = again.object();
        assert_eq!((again.code, &object["recognized"]), (0, &true.into()), "{object}");
        assert_eq!(object["learned"], false);
    }
    std::fs::remove_file(&file).unwrap();
    let text = run(&format!("{line} --learn --trust {root}"));
    let head = format!("LEARNED  {target}: it is verified, and known from now on\n");
    assert!(text.out.starts_with(&head), "{}", text.out);
    // Whom to trust matters for learning only.
    let useless = run(&format!("{line} --trust {root}"));
    assert_eq!(useless.code, 2);
    assert_eq!(useless.err, "error: what is to be trusted is asked with --learn only\n");
}

#[test]
fn recognize_says_what_leads_on() {
    let (folder, first, other) = (Folder::new(), device(1), device(2));
    let file = folder.path("known.json");
    let (target, root) = (&first.target, first.root());
    assert_eq!(run(&format!("attest {target} --trust {root} --known {file} --learn -q")).code, 0);
    let text = std::fs::read_to_string(&file).unwrap();
    let hint = |target: &str, more: &str, code: i32| {
        let file = folder.write("at.json", text.replace(&first.target, target));
        let run = run(&format!("recognize {target} --known {file} --timeout 0.5 {more}"));
        assert_eq!(run.code, code, "{run:?}");
        run.err
    };
    assert_eq!(
        hint(&other.target, "", 1),
        "hint: spdm attest with --known says what is different\n"
    );
    let framing = "hint: is --framing (and --binding) what the device speaks?\n";
    let doe = Emulator::start("--seed 1 --base-asym ECDSA_P256 --framing dmtf-emu");
    assert_eq!(hint(&doe.target, "", 3), framing);
    assert_eq!(hint(&doe.target, "--framing dmtf-emu --binding nvme", 3), framing);
    assert_eq!(hint(&doe.target, "--framing dmtf-emu", 0), "");
    // There is no such device in the file.
    let unknown = run(&format!("recognize {} --known {file}", other.target));
    let (path, target) = (&file, &other.target);
    let message = format!(
        "error: {path}: no device is known for {target}\nhint: --learn with --trust adds a device that is verified\n"
    );
    assert_eq!((unknown.code, unknown.err), (2, message));
}
