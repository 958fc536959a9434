//! `--secrets-out`, and what is verified and decoded with it.

use serde_json::Value;

use crate::process::{Emulator, Folder, run, status};
use crate::session::FRAMINGS;

/// The statuses of all checks but those of nonces, which only who asked can expect.
fn statuses(report: &Value) -> Vec<(String, String)> {
    let checks = report["checks"].as_array().unwrap().iter();
    let named = checks.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("check"), text("status"))
    });
    named.filter(|(name, _)| !name.ends_with(".nonce")).collect()
}

#[test]
fn what_a_session_leaves_has_the_verdict_that_it_had_live() {
    for framing in FRAMINGS {
        let device = Emulator::start(framing);
        let (target, root) = (&device.target, device.root());
        let [pcap, evidence, secrets] =
            ["s.pcap", "e.json", "keys.json"].map(|name| device.folder.path(name));
        let out = format!("--pcap {pcap} --evidence {evidence} --secrets-out {secrets}");
        let live =
            run(&format!("attest {target} {framing} --session --trust {root} {out} --json -v"));
        assert_eq!(live.code, 0, "{framing}: {live:?}");
        let told = live.object();
        for file in [&pcap, &evidence] {
            let again = run(&format!("verify {file} --secrets {secrets} --trust {root} --json"));
            assert_eq!(again.code, 0, "{framing}: {again:?}");
            let again = again.object();
            assert_eq!(statuses(&again), statuses(&told), "{framing}");
            assert_eq!(again["measurements"], told["measurements"], "{framing}");
            assert_eq!(again["basis"]["signatures"], told["basis"]["signatures"], "{framing}");
            assert_eq!(again["notes"], told["notes"], "{framing}");
            // What is inside counts only for who can open it.
            let closed = run(&format!("verify {file} --trust {root} --json"));
            let report = closed.object();
            assert_eq!((closed.code, report["measurements"].as_array().unwrap().len()), (0, 0));
            assert_eq!(status(&report, "measurements.signature"), "skipped");
            let notes = report["notes"].to_string();
            assert!(notes.contains("6 secured messages were not opened"), "{framing}: {notes}");
        }
        let decoded = run(&format!("decode {pcap} --secrets {secrets} -v"));
        assert_eq!(decoded.code, 0, "{decoded:?}");
        assert!(!decoded.out.contains("not opened"), "{framing}: {decoded:?}");
        for message in ["FINISH_RSP", "MEASUREMENTS", "END_SESSION_ACK"] {
            assert!(decoded.out.contains(message), "{framing}: {message}");
        }
        // Keys are in the file, and nowhere else.
        let entries: Vec<[String; 2]> =
            serde_json::from_slice(&std::fs::read(&secrets).unwrap()).unwrap();
        let is_secret = |label: &str| label == "key" || label.ends_with("Secret");
        let values: Vec<_> = entries.iter().filter(|[label, _]| is_secret(label)).collect();
        assert_eq!(values.len(), 5);
        let evidence = std::fs::read_to_string(&evidence).unwrap();
        for [label, value] in values {
            for text in [&live.out, &live.err, &evidence, &decoded.out] {
                assert!(!text.contains(value.as_str()), "{framing}: {label}");
            }
        }
    }
}

#[test]
fn every_change_of_keys_is_in_the_log() {
    for (framing, more) in [
        (FRAMINGS[1], "--update-keys both --heartbeat 1 --update-keys requests"),
        (FRAMINGS[2], "--update-keys requests --update-keys both --max-version 1.1"),
        (FRAMINGS[2], "--update-keys both --clear-handshake"),
    ] {
        let device = Emulator::start(framing);
        let (target, root) = (&device.target, device.root());
        let [pcap, secrets] = ["s.pcap", "keys.json"].map(|name| device.folder.path(name));
        let out = format!("--pcap {pcap} --secrets-out {secrets}");
        let live = run(&format!("session {target} {framing} --trust {root} {out} {more}"));
        assert_eq!(live.code, 0, "{more}: {live:?}");
        let again = run(&format!("verify {pcap} --secrets {secrets} --trust {root}"));
        assert_eq!(again.code, 0, "{more}: {again:?}");
        let decoded = run(&format!("decode {pcap} --secrets {secrets}"));
        assert!(!decoded.out.contains("not opened"), "{more}: {decoded:?}");
    }
}

#[test]
fn a_session_with_a_pre_shared_key_is_opened_with_its_secrets() {
    let folder = Folder::new();
    let psk = folder.write("psk.bin", b"a key that both sides have");
    for (framing, flags) in [(FRAMINGS[1], "PSK_CAP_CONTEXT"), (FRAMINGS[2], "PSK_CAP")] {
        let flags =
            format!("--capabilities MEAS_CAP_NO_SIG,ENCRYPT_CAP,MAC_CAP,KEY_UPD_CAP,{flags}");
        let device = Emulator::start(&format!("{framing} --psk {psk} {flags}"));
        let [pcap, secrets] = ["s.pcap", "keys.json"].map(|name| device.folder.path(name));
        let out = format!("--pcap {pcap} --secrets-out {secrets} --update-keys both");
        let live = run(&format!("session {} {framing} --psk {psk} {out}", device.target));
        assert_eq!(live.code, 0, "{live:?}");
        let verified = run(&format!("verify {pcap} --secrets {secrets} --json"));
        let report = verified.object();
        assert_eq!((verified.code, &report["verified"]), (1, &false.into()));
        assert_eq!(status(&report, "session.psk"), "pass", "{report}");
        let decoded = run(&format!("decode {pcap} --secrets {secrets}"));
        assert!(!decoded.out.contains("not opened"), "{decoded:?}");
    }
}

#[test]
fn the_records_of_evidence_are_judged_like_those_of_captures() {
    let framing = FRAMINGS[2];
    let device = Emulator::start(framing);
    let (target, root) = (&device.target, device.root());
    let [evidence, secrets] = ["e.json", "keys.json"].map(|name| device.folder.path(name));
    let out = format!("--evidence {evidence} --secrets-out {secrets}");
    let live = run(&format!("attest {target} {framing} --session --trust {root} {out}"));
    assert_eq!(live.code, 0, "{live:?}");
    let document: Value = serde_json::from_slice(&std::fs::read(&evidence).unwrap()).unwrap();
    let verify = |document: &Value| {
        let changed = device.folder.write("changed.json", document.to_string());
        run(&format!("verify {changed} --secrets {secrets} --trust {root} --json"))
    };
    let exchanges = document["exchanges"].as_array().unwrap().len();
    assert_eq!(document["records"].as_array().unwrap().len(), 6);
    assert_eq!(verify(&document).code, 0);
    for record in 0..6 {
        let mut changed = document.clone();
        let hex = changed["records"][record]["record"].as_str().unwrap().to_owned();
        let last = if hex.ends_with('0') { "1" } else { "0" };
        let hex = format!("{}{last}", &hex[..hex.len() - 1]);
        changed["records"][record]["record"] = hex.into();
        let judged = verify(&changed);
        assert_eq!((judged.code, &judged.object()["verified"]), (1, &false.into()), "{record}");
        assert_eq!(status(&judged.object(), "session.finish"), "fail");
        // Of the last exchange the answer says everything.
        if record < 4 {
            let mut lacks = document.clone();
            lacks["records"].as_array_mut().unwrap().remove(record);
            assert_eq!(verify(&lacks).code, 1, "{record}");
        }
    }
    for (after, why) in [
        (exchanges + 1, "a record is behind more exchanges than there are"),
        (0, "the records are not in order"),
    ] {
        let mut changed = document.clone();
        changed["records"][5]["after"] = after.into();
        let judged = verify(&changed);
        assert_eq!(judged.code, 2, "{judged:?}");
        let message = judged.object()["error"]["message"].to_string();
        assert!(message.contains(why), "{message}");
    }
    // The keys of another session open nothing.
    let other = device.folder.path("other.json");
    run(&format!("attest {target} {framing} --session --trust {root} --secrets-out {other}"));
    let judged = run(&format!("verify {evidence} --secrets {other} --trust {root} --json"));
    assert_eq!(status(&judged.object(), "measurements.signature"), "skipped");
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_alone() {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let device = Emulator::start(FRAMINGS[1]);
    let (target, root) = (&device.target, device.root());
    let write = |path: &str| {
        run(&format!(
            "session {target} {} --trust {root} --measurements none --secrets-out {path}",
            FRAMINGS[1]
        ))
    };
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = device.folder.path("keys.json");
    assert_eq!(write(&path).code, 0);
    assert_eq!(mode(&path), 0o600);
    let first = fs::read(&path).unwrap();
    // Who could read the file that is replaced cannot read the new one.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = fs::File::open(&path).unwrap();
    assert_eq!(write(&path).code, 0);
    assert_eq!(mode(&path), 0o600);
    assert_ne!(fs::read(&path).unwrap(), first);
    let seen = std::io::read_to_string(open).unwrap();
    assert_eq!(seen.as_bytes(), first);
    // A link is not followed, whether it leads somewhere or not.
    let linked = device.folder.write("linked", b"mine");
    for (link, to) in [("link", linked.clone()), ("dangling", device.folder.path("nothing"))] {
        let link = device.folder.path(link);
        symlink(&to, &link).unwrap();
        let refused = write(&link);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("a symbolic link"), "{refused:?}");
    }
    assert_eq!(fs::read(&linked).unwrap(), b"mine");
    assert!(fs::metadata(device.folder.path("nothing")).is_err());
    let refused = write(&device.folder.path("."));
    assert_eq!((refused.code, refused.err.contains("not a file")), (2, true), "{refused:?}");
    let names = fs::read_dir(device.folder.path(".")).unwrap();
    let left = names
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(left.count(), 0);
}

#[test]
fn the_secrets_of_every_round_are_in_one_file() {
    let device = Emulator::start(FRAMINGS[0]);
    let (target, root) = (&device.target, device.root());
    let [pcap, secrets] = ["s.pcap", "keys.json"].map(|name| device.folder.path(name));
    let out = format!("--pcap {pcap} --secrets-out {secrets} --repeat 3");
    let live = run(&format!("attest {target} --session --trust {root} {out} -q"));
    assert_eq!(live.code, 0, "{live:?}");
    let verified = run(&format!("verify {pcap} --secrets {secrets} --trust {root} --json"));
    let reports = verified.objects();
    assert_eq!((verified.code, reports.len()), (0, 3), "{verified:?}");
    for report in reports {
        assert_eq!(status(&report, "session.finish"), "pass");
        assert_eq!(status(&report, "measurements.signature"), "pass");
    }
}
