//! What a verdict rests on: its first line and JSON say so, and what was asked for is not passed over.

use spdm_codec::{Code, SpdmVersion};
use spdm_emulator::{Act, DeviceConfig, ScriptStep, When};

use crate::process::{Folder, Run, run};
use crate::scripted::{serve, small};

/// The first line of a verdict.
fn headline(run: &Run) -> &str {
    run.out.lines().next().unwrap()
}

/// The device answers CHALLENGE, and breaks off at GET_MEASUREMENTS.
#[test]
fn measurements_that_were_cut_off_are_not_passed_over() {
    let script = vec![ScriptStep::new(Code::GET_MEASUREMENTS, When::Always, Act::Disconnect)];
    let device = serve(DeviceConfig { script, ..small() });
    let (target, root) = (&device.target, &device.root);
    let folder = Folder::new();
    let (evidence, pcap) = (folder.path("evidence.json"), folder.path("exchange.pcap"));
    let line =
        format!("attest {target} --trust {root} --timeout 1 --evidence {evidence} --pcap {pcap}");
    assert_eq!(run(&line).code, 3);
    for file in [&evidence, &pcap] {
        let line = format!("verify {file} --trust {root}");
        let cut = run(&line);
        let expected = format!(
            "NOT VERIFIED  {file}: measurements.signature was asked for: the answer to \
             GET_MEASUREMENTS is not on record"
        );
        assert_eq!((cut.code, headline(&cut)), (1, expected.as_str()));
        assert!(cut.err.contains("hint: --require challenge judges by CHALLENGE alone"), "{cut:?}");
        let cut = run(&format!("{line} --json")).object();
        assert_eq!((&cut["verified"], &cut["basis"]), (&false.into(), &serde_json::Value::Null));
        assert_eq!(cut["error"]["kind"], "required");

        let alone = run(&format!("{line} --require challenge"));
        let expected = format!("VERIFIED  {file}: CHALLENGE alone; freshness was not asked");
        assert_eq!((alone.code, headline(&alone)), (0, expected.as_str()));
        let both = run(&format!("{line} --require challenge,measurements"));
        let expected = format!(
            "NOT VERIFIED  {file}: measurements.signature is required: the answer to \
             GET_MEASUREMENTS is not on record"
        );
        assert_eq!((both.code, headline(&both)), (1, expected.as_str()));
        assert!(!both.err.contains("hint"), "{both:?}");
    }
}

#[test]
fn the_first_line_names_the_signatures() {
    let folder = Folder::new();
    let device = serve(small());
    let (target, root) = (&device.target, &device.root);
    for (options, basis, signatures) in [
        ("", "CHALLENGE and signed MEASUREMENTS", &["challenge", "measurements"][..]),
        ("--measurements none", "CHALLENGE alone", &["challenge"]),
        ("--challenge none", "signed MEASUREMENTS alone", &["measurements"]),
    ] {
        let file = folder.path("evidence.json");
        let live = run(&format!("attest {target} --trust {root} --evidence {file} {options}"));
        assert_eq!(headline(&live), format!("VERIFIED  {target}: {basis}; fresh"));
        let line = format!("verify {file} --trust {root}");
        let offline = run(&line);
        let expected = format!("VERIFIED  {file}: {basis}; freshness was not asked");
        assert_eq!((offline.code, headline(&offline)), (0, expected.as_str()));
        let report = run(&format!("{line} --json")).object();
        assert_eq!(report["basis"]["signatures"], serde_json::json!(signatures), "{report}");
        assert_eq!(report["basis"]["negotiation"], "signed");
        assert_eq!(report["algorithms"]["measurement_hash"], "SHA_384");
        let both = run(&format!("{line} --require challenge --require measurements --json"));
        assert_eq!(both.code, i32::from(signatures.len() < 2), "{both:?}");
    }
}

/// A device whose VERSION was stripped to 1.0 or 1.1: without CHALLENGE nothing would notice.
#[test]
fn without_challenge_an_unsigned_negotiation_is_refused_unless_it_is_asked_for() {
    for (version, name) in [(SpdmVersion::V1_0, "1.0"), (SpdmVersion::V1_1, "1.1")] {
        let device = serve(DeviceConfig { versions: vec![version], ..small() });
        let (target, root) = (&device.target, &device.root);
        let folder = Folder::new();
        let file = folder.path("evidence.json");
        assert_eq!(run(&format!("attest {target} --trust {root}")).code, 0);
        for verb in ["attest --challenge none", "measure"] {
            let line = format!("{verb} {target} --trust {root}");
            let refused = run(&line);
            assert_eq!(refused.code, 1, "{refused:?}");
            let expected =
                format!("without CHALLENGE nothing signs the negotiation of SPDM {name}\n");
            // A verdict is a result; that there is nothing to show is none.
            let hint = "hint: --min-version 1.0 accepts an unsigned negotiation\n";
            if verb == "measure" {
                let expected = format!("error: {target}: not measured: {expected}{hint}");
                assert_eq!((refused.out.as_str(), refused.err), ("", expected));
            } else {
                assert!(refused.out.contains(&expected), "{refused:?}");
                assert_eq!(refused.err, hint);
            }
            let refused = run(&format!("{line} --json")).object();
            assert_eq!(refused["error"]["kind"], "unsigned", "{refused}");

            let accepted = run(&format!("{line} --min-version {name} --json"));
            let report = accepted.object();
            assert_eq!((accepted.code, &report["verified"]), (0, &true.into()), "{report}");
            assert_eq!(report["basis"]["negotiation"], "unsigned");
            assert_eq!(report["algorithms"]["measurement_hash"], serde_json::Value::Null);
            assert_eq!(report["algorithms"]["base_hash"], "SHA_256");
        }
        // Nothing is authentic, and nothing is demanded.
        assert_eq!(run(&format!("measure {target} --unsigned")).code, 0);

        let options = format!("--trust {root} --challenge none --min-version 1.0");
        let live = run(&format!("attest {target} {options} --evidence {file}"));
        let basis = "signed MEASUREMENTS alone; the negotiation is not signed";
        assert_eq!(headline(&live), format!("VERIFIED  {target}: {basis}; fresh"));
        let offline = run(&format!("verify {file} --trust {root}"));
        let expected = format!("VERIFIED  {file}: {basis}; freshness was not asked");
        assert_eq!((offline.code, headline(&offline)), (0, expected.as_str()));
    }
}
