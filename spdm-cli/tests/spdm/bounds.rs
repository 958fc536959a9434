//! How long a run may take: `--timeout` and `--deadline`. The error names the one that was hit.

use core::time::Duration;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::Instant;

use spdm_codec::{Code, ErrorCode};
use spdm_emulator::{Act, DeviceConfig, Fault, ScriptStep, When};

use crate::process::run;
use crate::scripted::{Served, serve, serve_each, small};

/// Its chain comes byte by byte, and each answer takes a while: no answer is late, but there are many.
fn one_byte_at_a_time() -> Served {
    let config = DeviceConfig { faults: vec![Fault::OneBytePortions], ..small() };
    serve_each(vec![config], |_, _| sleep(Duration::from_millis(20)))
}

#[test]
fn a_run_ends_at_its_deadline_and_does_not_blame_a_device_that_answers() {
    let device = one_byte_at_a_time();
    let (target, root) = (&device.target, &device.root);
    for verb in ["attest", "certs", "measure", "collect"] {
        let trust = if verb == "collect" { String::new() } else { format!("--trust {root}") };
        let begun = Instant::now();
        let ended = run(&format!("{verb} {target} {trust} --timeout 2 --deadline 0.5"));
        assert_eq!(ended.code, 3, "{verb}: {ended:?}");
        let text = ended.out + &ended.err;
        assert!(
            text.contains("the run takes longer than the 0.5 s of --deadline; the device answered"),
            "{verb}: {text}"
        );
        assert!(text.contains("requests, the last one GET_CERTIFICATE"), "{verb}: {text}");
        assert!(!text.contains("--timeout") && !text.contains("no answer"), "{verb}: {text}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{verb}: {:?}", begun.elapsed());
    }
    let json = run(&format!("attest {target} --trust {root} --deadline 0.5 --json"));
    assert_eq!((json.code, &json.object()["error"]["kind"]), (3, &"timeout".into()));
}

/// Without the option there is a minute for each round; with it, for all of them together.
#[test]
fn all_rounds_have_one_deadline() {
    let device = serve_each(vec![small()], |_, _| sleep(Duration::from_millis(20)));
    let (target, root) = (&device.target, &device.root);
    let ended = run(&format!("attest {target} --trust {root} --repeat 100 --deadline 0.5 --json"));
    let reports = ended.objects();
    assert_eq!((ended.code, &reports[0]["verified"]), (3, &true.into()));
    let last = reports.last().unwrap();
    assert_eq!(last["error"]["kind"], "timeout");
    // What came before is told once for each round that there was, but nothing is waited for any more.
    let ended = run(&format!("attest {target} --trust {root} --repeat 2 --deadline 20 -q"));
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_device_that_is_silent_hits_the_timeout() {
    let device = serve(DeviceConfig { faults: vec![Fault::Silent], ..small() });
    let target = &device.target;
    let ended = run(&format!("attest {target} --timeout 0.3 --deadline 20"));
    let first = format!(
        "NOT VERIFIED  {target}: no answer to GET_DIGESTS in time: 1.3 s passed (--timeout)"
    );
    assert_eq!((ended.code, ended.out.lines().next()), (3, Some(first.as_str())));
    // The same device, where there is less time for everything.
    let ended = run(&format!("attest {target} --timeout 20 --deadline 0.3"));
    let first = format!(
        "NOT VERIFIED  {target}: the run takes longer than the 0.3 s of --deadline; \
         the device answered 3 requests, the last one NEGOTIATE_ALGORITHMS"
    );
    assert_eq!((ended.code, ended.out.lines().next()), (3, Some(first.as_str())));
}

/// A frame that never ends.
#[test]
fn a_frame_that_trickles_in_hits_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // DSP0287: 4096 bytes are announced.
                let frame = [0x00, 0x10, 0x01, 0x05].into_iter().chain([0; 4000]);
                for byte in frame {
                    if std::io::Write::write_all(&mut stream, &[byte]).is_err() {
                        break;
                    }
                    sleep(Duration::from_millis(10));
                }
            });
        }
    });
    for (options, named) in [
        ("--timeout 0.3", "(--timeout)"),
        ("--timeout 9 --deadline 0.3", "the 0.3 s of --deadline; the device answered nothing"),
    ] {
        let begun = Instant::now();
        let ended = run(&format!("info {target} {options}"));
        assert_eq!(ended.code, 3, "{options}: {ended:?}");
        let error = ended.err.lines().next().unwrap_or_default();
        assert!(error.ends_with(named), "{options}: {}", ended.err);
        assert!(begun.elapsed() < Duration::from_secs(3), "{options}");
    }
}

/// The device asks for half an hour until it has its answer.
#[test]
fn a_wait_beyond_the_deadline_is_not_begun() {
    let not_ready = Act::Refuse {
        code: ErrorCode::RESPONSE_NOT_READY,
        data: 0,
        extended: vec![31, Code::GET_DIGESTS.0, 1, 2],
    };
    let script = vec![ScriptStep::new(Code::GET_DIGESTS, When::Always, not_ready)];
    let device = serve(DeviceConfig { script, ..small() });
    let begun = Instant::now();
    let ended = run(&format!("info {} --deadline 5", device.target));
    let message = "the run takes longer than the 5 s of --deadline; the device answered 4 requests, \
                   the last one GET_DIGESTS";
    let line = format!("error: {}: {message}\n", device.target);
    assert_eq!((ended.code, ended.err.as_str()), (3, line.as_str()));
    assert!(begun.elapsed() < Duration::from_secs(3));
}
