//! `spdm session`, and `--session`.

use crate::process::{Emulator, run};

/// What the device can do without sessions.
const NO_SESSIONS: &str = "--capabilities CERT_CAP,CHAL_CAP,MEAS_CAP_SIG,CHUNK_CAP";

#[test]
fn a_way_that_carries_no_sessions_is_said() {
    let framing = "--framing dmtf-emu --binding none";
    let device = Emulator::start(framing);
    let (target, root) = (&device.target, device.root());
    for verb in ["session", "attest --session", "measure --session"] {
        let run = run(&format!("{verb} {target} {framing} --trust {root}"));
        assert_eq!(run.code, 2, "{verb}: {run:?}");
        let told = format!("{}{}", run.out, run.err);
        assert!(told.contains("this --binding carries no sessions"), "{told}");
    }
}

#[test]
fn a_device_without_sessions_is_rejected() {
    let framing = "--framing dmtf-emu --binding doe";
    let device = Emulator::start(&format!("{framing} {NO_SESSIONS}"));
    let (target, root) = (&device.target, device.root());
    let json = run(&format!("session {target} {framing} --trust {root} --json"));
    assert_eq!(json.code, 1, "{json:?}");
    let report = json.object();
    assert_eq!(report["verified"], false);
    assert_eq!(report["error"]["message"], "the device lacks KEY_EX_CAP");
    assert_eq!(crate::process::status(&report, "session.key_exchange"), "fail");
    assert_eq!(crate::process::status(&report, "session.finish"), "skipped");
    assert!(report["session"].is_null());
    let psk = device.folder.path("psk.bin");
    std::fs::write(&psk, b"key").unwrap();
    let psk = run(&format!("session {target} {framing} --psk {psk}"));
    assert_eq!(psk.code, 1, "{psk:?}");
    assert!(psk.out.contains("PSK_CAP"), "{psk:?}");
}

/// Every way that carries sessions.
pub(crate) const FRAMINGS: [&str; 7] = [
    "--framing dsp0287",
    "--framing dmtf-emu --binding doe",
    "--framing dmtf-emu --binding mctp",
    "--framing dmtf-emu --binding tcp",
    "--framing dmtf-emu --binding nvme",
    "--framing dmtf-emu --binding scsi",
    "--framing dmtf-emu --binding ata",
];

#[test]
fn a_session_with_a_device_that_is_trusted() {
    for framing in FRAMINGS {
        let device = Emulator::start(framing);
        let (target, root) = (&device.target, device.root());
        let keys = "--update-keys requests --update-keys both --heartbeat 2";
        let json = run(&format!("session {target} {framing} --trust {root} {keys} --json"));
        assert_eq!(json.code, 0, "{framing}: {json:?}");
        let report = json.object();
        assert_eq!(report["verified"], true);
        for check in ["session.key_exchange", "session.finish", "measurements.signature"] {
            assert_eq!(crate::process::status(&report, check), "pass", "{framing}: {check}");
        }
        for verb in ["session", "attest --session", "measure --session"] {
            let told = run(&format!("{verb} {target} {framing} --trust {root}"));
            assert_eq!(told.code, 0, "{framing}: {told:?}");
            assert!(told.out.contains("closed"), "{framing}: {told:?}");
        }
        let pcap = device.folder.path("session.pcap");
        let told = run(&format!("session {target} {framing} --trust {root} --pcap {pcap} -q"));
        assert_eq!(told.code, 0, "{framing}: {told:?}");
        let told = run(&format!("verify {pcap} --trust {root}"));
        assert_eq!(told.code, 0, "{framing}: {told:?}");
        let told = run(&format!("decode {pcap}"));
        assert_eq!(told.code, 0, "{framing}: {told:?}");
        let records = told.out.lines().filter(|line| line.contains("secured message"));
        assert_eq!(records.count(), 6, "{framing}: {told:?}");
    }
}

#[test]
fn nothing_is_asked_in_a_session_of_a_device_that_is_not_trusted() {
    let device = Emulator::start(FRAMINGS[1]);
    let other = Emulator::start(FRAMINGS[1]);
    let (target, root) = (&device.target, other.root());
    let json = run(&format!("session {target} {} --trust {root} --json", FRAMINGS[1]));
    assert_eq!(json.code, 1, "{json:?}");
    let report = json.object();
    assert_eq!(report["verified"], false);
    assert_eq!(crate::process::status(&report, "chain.anchor"), "fail");
    assert_eq!(crate::process::status(&report, "measurements.signature"), "skipped");
    assert_eq!(report["measurements"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_session_with_a_pre_shared_key_verifies_nobody() {
    let folder = crate::process::Folder::new();
    let psk = folder.path("psk.bin");
    std::fs::write(&psk, b"a key that both sides have").unwrap();
    let framing = FRAMINGS[2];
    let device = Emulator::start(&format!("{framing} --psk {psk} --psk-hint 0102"));
    let target = &device.target;
    let right = run(&format!("session {target} {framing} --psk {psk} --psk-hint 0102"));
    assert_eq!(right.code, 0, "{right:?}");
    assert!(right.out.starts_with("PSK SESSION"), "{right:?}");
    let json = run(&format!("session {target} {framing} --psk {psk} --psk-hint 0102 --json"));
    let report = json.object();
    assert_eq!((json.code, &report["verified"]), (0, &false.into()));
    assert_eq!(crate::process::status(&report, "session.psk"), "pass");
    std::fs::write(&psk, b"another key").unwrap();
    let wrong = run(&format!("session {target} {framing} --psk {psk} --psk-hint 0102 --json"));
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert_eq!(crate::process::status(&wrong.object(), "session.psk"), "fail");
}

#[test]
fn the_device_shows_what_was_in_the_records() {
    let device = Emulator::start(&format!("{} -v --once", FRAMINGS[1]));
    let (target, root) = (&device.target, device.root());
    let session = run(&format!("session {target} {} --trust {root} --heartbeat 1", FRAMINGS[1]));
    assert_eq!(session.code, 0, "{session:?}");
    let told = device.told();
    for message in ["FINISH", "FINISH_RSP", "GET_MEASUREMENTS", "HEARTBEAT_ACK", "END_SESSION_ACK"]
    {
        let lines = told.lines().filter(|line| {
            line.contains(&format!(" {message} (")) && line.contains(" in a record of session ")
        });
        assert_eq!(lines.count(), 1, "{message}: {told}");
    }
    assert!(told.lines().all(|line| line.len() <= 80), "{told}");
}

/// Byte 6 of KEY_EXCHANGE and Param2 of PSK_EXCHANGE, from 1.2 on.
#[test]
fn the_session_policy_is_what_was_asked_for() {
    let folder = crate::process::Folder::new();
    let pcap = folder.path("s.pcap");
    for (version, asked, sent) in [
        ("1.2", "", 0),
        ("1.2", "--session-policy end", 0),
        ("1.4", "--session-policy keep", 1),
        ("1.1", "--session-policy keep", 0),
    ] {
        let line = format!("session emulated --max-version {version} {asked} --pcap {pcap}");
        let session = run(&line);
        assert_eq!(session.code, 0, "{asked}: {session:?}");
        let bytes = std::fs::read(&pcap).unwrap();
        let minor = version.as_bytes()[2] - b'0';
        // Slot 0 is in Param2; two bytes alone are in some certificate by chance.
        let begins = |part: &[u8]| part.starts_with(&[0x10 | minor, 0xE4]) && part[3] == 0;
        let at = bytes.windows(4).position(begins).unwrap();
        assert_eq!(bytes[at + 6], sent, "{version} {asked}");
    }
}

#[test]
fn what_the_device_asks_is_answered_where_somebody_polls() {
    let framing = FRAMINGS[1];
    let device = Emulator::start(&format!("{framing} --ask-key-update"));
    let (target, root) = (&device.target, device.root());
    let line = format!("session {target} {framing} --trust {root}");
    let polled = run(&format!("{line} --poll 3 --json"));
    assert_eq!(polled.code, 0, "{polled:?}");
    let report = polled.object();
    crate::schema::check(&crate::schema::schema("report"), &report);
    let told = &report["session"]["polled"];
    // Once, and with the new key once more.
    assert_eq!((&told["polls"], &told["requests"]), (&3.into(), &2.into()), "{report}");
    assert_eq!((&told["refused"], &report["session"]["end"]), (&0.into(), &"closed".into()));
    let shown = run(&format!("{line} --poll 1"));
    assert!(shown.out.contains("1; requests of the device: 2"), "{shown:?}");
    // Who does not ask is told nothing.
    let quiet = run(&format!("{line} --json"));
    assert_eq!(quiet.code, 0, "{quiet:?}");
    assert!(quiet.object()["session"]["polled"].is_null(), "{quiet:?}");
    // A device without encapsulated requests.
    let flags = "CERT_CAP,CHAL_CAP,MEAS_CAP_SIG,KEY_EX_CAP,ENCRYPT_CAP,MAC_CAP";
    let other = Emulator::start(&format!("{framing} --capabilities {flags}"));
    let line = format!("session {} {framing} --trust {}", other.target, other.root());
    let lacks = run(&format!("{line} --poll 1 --json"));
    assert_eq!(lacks.code, 1, "{lacks:?}");
    assert!(lacks.err.contains("ENCAP_CAP") || lacks.out.contains("ENCAP_CAP"), "{lacks:?}");
    assert_eq!(lacks.object()["session"]["end"], "closed");
}
