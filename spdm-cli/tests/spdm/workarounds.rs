//! Devices that do not quite keep to the specification: what is said of them, and what puts up with them.

use spdm_codec::{Code, ErrorCode, SpdmVersion};
use spdm_emulator::{Act, Device, DeviceConfig, ScriptStep, When};
use spdm_transport_tcp::{Framing, Listener};

use crate::process::{Folder, run, status};
use crate::scripted::{serve, small};

/// Bytes of a signature with ECDSA P-256.
const SIGNATURE: usize = 64;

/// A device whose signatures have both numbers in little-endian order, as its target and the file of its root.
fn little_endian(version: SpdmVersion, folder: &Folder) -> (String, String) {
    let config = DeviceConfig { versions: vec![version], ..small() };
    let mut device = Device::new(config).unwrap();
    let root = folder.write("root.pem", device.trust_anchors_pem());
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        loop {
            device.reset();
            let mut requester = listener.accept().unwrap();
            while let Ok(Some((kind, request))) = requester.next() {
                let signs = matches!(Code(request[1]), Code::CHALLENGE | Code::GET_MEASUREMENTS);
                let Some(mut response) = device.respond(request) else { continue };
                if signs && response[1] != Code::ERROR.0 {
                    let at = response.len() - SIGNATURE;
                    let (r, s) = response[at..].split_at_mut(SIGNATURE / 2);
                    r.reverse();
                    s.reverse();
                }
                if requester.answer(kind, &response).is_err() {
                    break;
                }
            }
        }
    });
    (target, root)
}

#[test]
fn signatures_in_little_endian_order() {
    for version in SpdmVersion::ALL {
        let folder = Folder::new();
        let (target, root) = little_endian(version, &folder);
        let file = folder.path("evidence.json");
        let line = format!("attest {target} --trust {root} --evidence {file} --json");
        let refused = run(&line);
        let report = refused.object();
        assert_eq!((refused.code, &report["error"]["kind"]), (1, &"signature".into()), "{report}");
        let named = report["error"]["message"].as_str().unwrap().to_owned();
        let put_up_with = run(&format!("{line} --compat little-endian-ecdsa"));
        if version >= SpdmVersion::V1_2 {
            // The order is specified: nothing of it is believed.
            assert!(!named.contains("little-endian"), "{named}");
            assert!(!refused.err.contains("--compat"), "{}", refused.err);
            assert_eq!(put_up_with.code, 1, "{version}");
            continue;
        }
        let sentence =
            "CHALLENGE_AUTH: the Signature verifies only with its numbers in little-endian order";
        assert_eq!(named, sentence);
        let hint = "hint: --compat little-endian-ecdsa accepts what such devices sign\n";
        assert!(refused.err.contains(hint), "{}", refused.err);
        let report = put_up_with.object();
        assert_eq!((put_up_with.code, &report["verified"]), (0, &true.into()), "{report}");
        for check in ["challenge.signature", "measurements.signature"] {
            assert_eq!(status(&report, check), "pass");
        }
        // Offline it is the same.
        let offline = format!("verify {file} --trust {root} --json");
        let refused = run(&offline);
        let report = refused.object();
        assert_eq!((refused.code, &report["error"]["kind"]), (1, &"signature".into()));
        assert_eq!(report["error"]["message"], sentence);
        assert_eq!(run(&format!("{offline} --compat little-endian-ecdsa")).code, 0);
    }
}

/// A device that lost its state between two requests.
fn forgetful(request: Code, when: When) -> DeviceConfig {
    let act = Act::Refuse { code: ErrorCode::REQUEST_RESYNCH, data: 0, extended: Vec::new() };
    DeviceConfig { script: vec![ScriptStep::new(request, when, act)], ..small() }
}

#[test]
fn a_device_that_asks_to_start_over_is_asked_once_more() {
    let note = "note: the device asked to start over (RequestResynch), and was asked once more";
    for request in [Code::GET_DIGESTS, Code::CHALLENGE, Code::GET_MEASUREMENTS] {
        let device = serve(forgetful(request, When::Nth(0)));
        let file = device.folder.path("evidence.json");
        let (target, root) = (&device.target, &device.root);
        let run_of = run(&format!("attest {target} --trust {root} --evidence {file}"));
        assert_eq!(run_of.code, 0, "{request}: {run_of:?}");
        assert!(run_of.err.replace("\n", " ").contains(note), "{request}: {}", run_of.err);
        // The evidence is that of the second time.
        assert_eq!(run(&format!("verify {file} --trust {root} -q")).code, 0, "{request}");
    }
}

#[test]
fn a_device_that_asks_again_and_again_is_not_asked_for_ever() {
    for request in [Code::GET_DIGESTS, Code::CHALLENGE] {
        let device = serve(forgetful(request, When::Always));
        let refused = run(&format!("attest {} --trust {} -v", device.target, device.root));
        assert_eq!(refused.code, 1, "{request}: {refused:?}");
        assert_eq!(refused.err.matches("-> GET_VERSION").count(), 2, "{request}: {}", refused.err);
        let first = refused.out.lines().next().unwrap();
        let sentence =
            format!("the device answered {request} with ERROR RequestResynch (data 0x00)");
        assert!(first.ends_with(&sentence), "{first}");
    }
}
