//! What every report says beside its verdict, and what programs get instead of one.

use serde_json::{Value, json};

use crate::process::{Folder, run, status};
use crate::schema::{check, schema};
use crate::scripted::{serve, small};

#[test]
fn every_report_says_when_how_long_and_with_what() {
    let schema = schema("report");
    let folder = Folder::new();
    let (file, certs) = (folder.path("evidence.json"), folder.path("certs"));
    let device = serve(small());
    let (target, root) = (&device.target, &device.root);
    assert_eq!(run(&format!("attest {target} --evidence {file} -q")).code, 1);
    assert_eq!(run(&format!("certs {target} --out {certs} -q")).code, 0);
    let at = "2026-12-01T00:00:00Z";
    let mut leaves = Vec::new();
    for line in [
        format!("attest {target} --trust {root} --at {at}"),
        format!("measure {target} --trust {root} --at {at}"),
        format!("verify {file} --trust {root} --at {at}"),
        format!("chain {certs}/slot0.bin --trust {root} --at {at}"),
        "attest tcp:127.0.0.1:1 --timeout 2 --at 2026-12-01T00:00:00Z".to_owned(),
    ] {
        let report = run(&format!("{line} --json")).object();
        check(&schema, &report);
        assert_eq!(report["at"], at, "{line}");
        assert!(report["duration_ms"].as_u64().unwrap() < 60_000);
        assert_eq!(report["tool"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(["rustcrypto", "aws-lc-rs"].contains(&report["tool"]["backend"].as_str().unwrap()));
        assert_eq!(report["notes"], json!([]), "{line}");
        leaves.push(report["leaf_sha256"].clone());
    }
    assert_eq!(leaves.pop(), Some(Value::Null));
    assert_eq!(leaves[0].as_str().unwrap().len(), 64);
    assert!(leaves.iter().all(|leaf| *leaf == leaves[0]), "{leaves:?}");
    let unchecked = run(&format!("verify {file} --trust {root} --at unchecked --json")).object();
    assert_eq!(unchecked["at"], Value::Null);
    let now = run(&format!("verify {file} --trust {root} --json")).object();
    assert!(now["at"].as_str().unwrap().starts_with("20"), "{now}");
}

#[test]
fn an_error_is_an_object() {
    let schema = schema("error");
    let folder = Folder::new();
    let junk = folder.write("junk", "junk");
    for (line, message) in [
        ("verify /does/not/exist".to_owned(), "/does/not/exist: No such file"),
        (format!("verify {junk}"), &*format!("{junk}: ")),
        (format!("decode {junk}"), &format!("{junk}: ")),
        (format!("chain {junk}"), &format!("{junk}: ")),
        (format!("attest emulated --trust {junk}"), &format!("{junk}: ")),
        ("attest emulated --challenge none --measurements none".to_owned(), "--challenge none and"),
        ("attest emulated --nonsense".to_owned(), "unexpected argument '--nonsense' found"),
        ("attest".to_owned(), "the following required arguments were not provided"),
        ("attest emulated --min-version 1.3 --max-version 1.2".to_owned(), "--min-version is"),
    ] {
        let failed = run(&format!("{line} --json"));
        assert_eq!(failed.code, 2, "{failed:?}");
        let object = failed.object();
        check(&schema, &object);
        assert_eq!(object["error"]["kind"], "usage", "{line}");
        assert!(object["error"]["message"].as_str().unwrap().starts_with(message), "{object}");
        assert!(failed.err.starts_with("error: "), "{failed:?}");
        let plain = run(&line);
        assert_eq!((plain.code, plain.out.as_str()), (2, ""), "{plain:?}");
    }
    let help = run("attest --help --json");
    assert!(help.out.starts_with("Negotiate"), "{help:?}");
}

/// Every index that differs or is missing, and what is expected of it.
#[test]
fn all_reference_values_that_do_not_match_are_named() {
    let folder = Folder::new();
    let attest = |rows: &[Value]| {
        let reference = json!({ "measurements": rows }).to_string();
        let file = folder.write("reference.json", reference);
        run(&format!("attest emulated --json --reference {file}")).object()
    };
    let report = run("attest emulated --json").object();
    let measured = report["measurements"].as_array().unwrap();
    let row = |at: usize| {
        let found = &measured[at];
        json!({"index": found["index"], "value": found["value"], "raw": found["raw"]})
    };
    let wrong = |at: usize| {
        let mut row = row(at);
        row["value"] = "00".into();
        row
    };
    let missing = |index: u8| json!({"index": index, "value": "00"});
    let report = attest(&[row(0), wrong(1), missing(77), wrong(2), missing(78)]);
    assert_eq!(status(&report, "measurements.reference"), "fail");
    let message = report["error"]["message"].as_str().unwrap();
    let kinds = [1, 2].map(|at| measured[at]["type"].as_str().unwrap());
    let expected = format!(
        "measurements that are not the expected values: 2 ({}), 3 ({}); missing: 77 (digest), 78 \
         (digest)",
        kinds[0], kinds[1]
    );
    assert_eq!(message, expected);
    let shown = report["measurements"].as_array().unwrap();
    assert_eq!(
        (&shown[0]["reference"], &shown[0]["expected"][0]["value"]),
        (&"match".into(), &row(0)["value"])
    );
    for at in [1, 2] {
        assert_eq!(
            (&shown[at]["reference"], &shown[at]["expected"][0]["value"]),
            (&"mismatch".into(), &"00".into())
        );
    }
    let others = shown.iter().skip(3);
    assert!(others.clone().all(|row| row["reference"] == "none" && row["expected"] == json!([])));
    let one = attest(&[row(0), wrong(1)]);
    let message = one["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("measurement 2 (") && message.ends_with("but 00 is expected"),
        "{message}"
    );
    let one = attest(&[row(0), missing(77)]);
    assert_eq!(one["error"]["message"], "the digest of measurement 77 is missing");
}

/// Each round is a connection of its own, and later ones do not fetch the chain again.
#[test]
fn what_repeated_attestations_write_is_read() {
    let folder = Folder::new();
    let (file, pcap) = (folder.path("evidence.json"), folder.path("exchange.pcap"));
    let device = serve(small());
    let (target, root) = (&device.target, &device.root);
    for options in ["", "--pcap-format dmtf"] {
        let line = format!("attest {target} --trust {root} --repeat 3 --evidence {file}");
        assert_eq!(run(&format!("{line} --pcap {pcap} {options} -q")).code, 0);
        for written in [&file, &pcap] {
            let verified = run(&format!("verify {written} --trust {root} --json"));
            assert_eq!(verified.code, 0, "{verified:?}");
            let targets: Vec<_> =
                verified.objects().iter().map(|report| report["target"].clone()).collect();
            assert_eq!(targets, [0, 1, 2].map(|at| format!("{written}#{at}")));
            for report in verified.objects() {
                let both = json!(["challenge", "measurements"]);
                assert_eq!(report["basis"]["signatures"], both, "{report}");
            }
        }
    }
}
