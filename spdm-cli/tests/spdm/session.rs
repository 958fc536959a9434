//! `spdm session`, and `--session`.

use crate::process::{Emulator, run};

/// What the device can do without sessions.
const NO_SESSIONS: &str = "--capabilities CERT_CAP,CHAL_CAP,MEAS_CAP_SIG,CHUNK_CAP";

#[test]
fn a_way_that_carries_no_sessions_is_said() {
    for binding in ["none", "nvme", "scsi", "ata"] {
        let framing = format!("--framing dmtf-emu --binding {binding}");
        let device = Emulator::start(&framing);
        let (target, root) = (&device.target, device.root());
        for verb in ["session", "attest --session", "measure --session"] {
            let run = run(&format!("{verb} {target} {framing} --trust {root}"));
            assert_eq!(run.code, 2, "{verb} {binding}: {run:?}");
            let told = format!("{}{}", run.out, run.err);
            assert!(told.contains("this --binding carries no sessions"), "{binding}: {told}");
        }
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
