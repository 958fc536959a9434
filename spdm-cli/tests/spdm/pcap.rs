//! `--pcap`: what was exchanged can be judged again from the capture, in both forms.

use crate::process::{Folder, run};

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

#[test]
fn a_form_without_a_capture_is_a_mistake() {
    assert_eq!(run("attest emulated --pcap-format dmtf").code, 2);
}
