//! `spdm send`, and `--send` of `spdm session`: the emulated device sends back what it gets.

use crate::process::{Emulator, Folder, run, spdm, status};
use crate::session::FRAMINGS;

const VENDOR: &str = "--standard PCI-SIG --vendor 361b";

#[test]
fn the_answer_is_all_that_is_printed() {
    for version in ["1.0", "1.1", "1.2", "1.3", "1.4"] {
        let sent = run(&format!("send emulated {VENDOR} 00ff7f --max-version {version}"));
        assert_eq!((sent.code, sent.out.as_str()), (0, "00ff7f\n"), "{version}: {sent:?}");
    }
    let json = run(&format!("send emulated {VENDOR} 00ff --json")).object();
    assert_eq!(json["response"], "00ff");
    assert_eq!((&json["standard_id"], &json["vendor_id"]), (&3.into(), &"361b".into()));
    assert!(json["session"].is_null());
    // Nothing is a message, too.
    let empty = spdm(&["send", "emulated", "--standard", "DMTF", ""]);
    assert_eq!((empty.code, empty.out.as_str()), (0, ""), "{empty:?}");
}

#[test]
fn a_long_message_is_read_from_a_file_and_comes_back_whole() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..20_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let file = folder.write("request.bin", &bytes);
    for (framing, session) in
        [(FRAMINGS[1], ""), (FRAMINGS[1], "--session"), (FRAMINGS[2], "--session")]
    {
        let device = Emulator::start(framing);
        let trust = match session {
            "" => String::new(),
            _ => format!("--trust {}", device.root()),
        };
        let target = &device.target;
        let sent = run(&format!("send {target} {framing} {VENDOR} @{file} {session} {trust}"));
        assert_eq!(sent.code, 0, "{framing} {session}: {}", sent.err);
        assert!(sent.out.lines().all(|line| line.len() <= 64));
        assert_eq!(hex::decode(sent.out.replace('\n', "")).unwrap(), bytes);
    }
    let long = folder.write("long.bin", vec![0; 0x1_0000]);
    let refused = run(&format!("send emulated {VENDOR} @{long}"));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("65536 bytes: 65535 are the most"), "{refused:?}");
}

#[test]
fn a_session_carries_messages_and_only_to_a_trusted_device() {
    let device = Emulator::start(FRAMINGS[2]);
    let (target, root) = (&device.target, device.root());
    let [pcap, secrets] = ["s.pcap", "keys.json"].map(|name| device.folder.path(name));
    let line = format!("send {target} {} {VENDOR} c0ffee --session --json", FRAMINGS[2]);
    let out = format!("--pcap {pcap} --secrets-out {secrets}");
    let sent = run(&format!("{line} --trust {root} {out}"));
    assert_eq!(sent.code, 0, "{sent:?}");
    let json = sent.object();
    assert_eq!(json["response"], "c0ffee");
    assert!(json["session"].as_str().unwrap().starts_with("0x"));
    let decoded = run(&format!("decode {pcap} --secrets {secrets}"));
    assert!(decoded.out.contains("VENDOR_DEFINED_RESPONSE"), "{decoded:?}");
    let plain = run(&format!("decode {pcap}"));
    assert!(!plain.out.contains("VENDOR_DEFINED"), "{plain:?}");
    // Without trust it is a report, and the message has not left.
    let other = Emulator::start(FRAMINGS[2]);
    let refused = run(&format!("{line} --trust {} {out}", other.root()));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(status(&refused.object(), "chain.anchor"), "fail");
    let decoded = run(&format!("decode {pcap} --secrets {secrets}"));
    assert!(!decoded.out.contains("VENDOR_DEFINED"), "{decoded:?}");
    assert!(decoded.out.contains("END_SESSION"), "{decoded:?}");

    let more = format!("{VENDOR} --send 01 --send 0203 --update-keys both");
    let session = run(&format!("session {target} {} --trust {root} {more} --json", FRAMINGS[2]));
    assert_eq!(session.code, 0, "{session:?}");
    let report = session.object();
    let answers = report["session"]["vendor_defined"].as_array().unwrap().iter();
    let answers: Vec<_> = answers.map(|row| row["response"].as_str().unwrap()).collect();
    assert_eq!(answers, ["01", "0203"]);
    assert_eq!(report["session"]["end"], "closed");
}

#[test]
fn what_is_wrong_with_a_message_is_said_before_it_is_sent() {
    for (line, why) in [
        ("--standard PCI 00", "expected a standards body such as PCI-SIG, or a number"),
        ("--standard PCI-SIG --vendor 00 00", "PCI-SIG has 0 or 2 bytes, not 1"),
        ("--standard IANA --vendor 0000 00", "IANA has 0 or 4 bytes, not 2"),
        ("--standard DMTF 0", "not pairs of hexadecimal digits"),
        ("00", "--standard"),
        ("--standard DMTF @/does/not/exist", "/does/not/exist"),
        ("--standard DMTF 00 --secrets-out k", "--session"),
        ("--standard DMTF 00 --trust-root-hash 00", ""),
    ] {
        let refused = run(&format!("send emulated {line}"));
        assert_eq!(refused.code, 2, "{line}: {refused:?}");
        assert!(refused.err.contains(why), "{line}: {refused:?}");
    }
}
