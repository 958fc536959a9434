//! `--pcap`: what was exchanged can be judged again from the capture, in both forms.

use crate::process::{Emulator, Folder, run};

#[test]
fn both_forms_are_read_back() {
    let folder = Folder::new();
    for form in ["wireshark", "dmtf"] {
        let file = folder.path(&format!("{form}.pcap"));
        let evidence = folder.path("evidence.json");
        let live = format!("attest emulated --json --pcap {file} --pcap-format {form}");
        let live = run(&format!("{live} --evidence {evidence}"));
        assert_eq!(live.code, 0, "{live:?}");
        let root = live.object()["identity"]["root_sha256"].as_str().unwrap().to_owned();
        let offline = run(&format!("verify {file} --json --trust-root-hash {root}"));
        assert_eq!((offline.code, &offline.object()["verified"]), (0, &true.into()), "{form}");
        assert_eq!(offline.object()["measurements"], live.object()["measurements"]);
    }
}

/// Bare messages are told from the secured ones of drives by four zero bytes. An answer that begins with them is no answer:
/// whichever it is, nothing is verified without it.
#[test]
fn an_answer_that_pretends_to_be_a_record_is_missed() {
    let framing = "--framing dmtf-emu --binding none";
    let device = Emulator::start(framing);
    let (target, root) = (&device.target, device.root());
    let file = device.folder.path("whole.pcap");
    let live = run(&format!("attest {target} {framing} --trust {root} --pcap {file} -q"));
    assert_eq!(live.code, 0, "{live:?}");
    let whole = std::fs::read(&file).unwrap();
    let (mut at, mut answers) = (24, 0);
    while at < whole.len() {
        let len = u32::from_le_bytes(whole[at + 8..at + 12].try_into().unwrap());
        let packet = at + 16;
        at = packet + usize::try_from(len).unwrap();
        if whole[packet + 1] & 0x80 != 0 {
            continue;
        }
        let mut changed = whole.clone();
        changed[packet..packet + 4].fill(0);
        let changed = device.folder.write("changed.pcap", &changed);
        let told = run(&format!("verify {changed} --trust {root}"));
        assert!(told.code != 0 && told.out.starts_with("NOT VERIFIED"), "{packet}: {told:?}");
        answers += 1;
    }
    assert_eq!(answers, 7);
}

#[test]
fn a_form_without_a_capture_is_a_mistake() {
    assert_eq!(run("attest emulated --pcap-format dmtf").code, 2);
}
