//! `spdm fleet report`: what a journal says is what the table, the files and the exit code say.

use std::fs;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2_of::sha256;

use crate::process::{Folder, Run, run};
use crate::schema;

/// SHA-256 by the backend that the tests have.
mod sha2_of {
    use spdm_crypto::HashAlgorithm;
    use spdm_crypto::rustcrypto::PROVIDER;

    pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
        PROVIDER.hash.digest(HashAlgorithm::Sha256, &[bytes]).unwrap().as_bytes().to_vec()
    }
}

const HOSTILE: &str = "tcp:\u{1b}[2J</script><img src=x onerror=alert(1)>\u{202e}";

fn head(items: u64) -> Value {
    let job = json!({"name": "site", "digest": "aa"});
    json!({"schema": 1, "job": job, "items": items, "started": "2026-11-30T02:00:00.000Z"})
}

fn outcome(number: u8, target: &str, kind: &str, fault: &str) -> Value {
    let reason = (kind != "verified")
        .then(|| json!({"check": "connection", "index": null, "detail": format!("{target} is not as it should be")}));
    json!({
        "schema": 1, "job": "site", "item": format!("sha256:{}", format!("{number:02x}").repeat(32)),
        "target": target, "class": "gpu", "host": "h", "labels": {"site": "north"}, "attempt": 1, "outcome": kind,
        "final": true, "fault": fault, "reason": reason, "report": null, "evidence": null,
        "inputs": {"policy_sha256": null, "references_sha256": null, "anchors_sha256": null, "tool": "0.1.0", "at": null},
        "started": "2026-11-30T02:00:01.000Z", "finished": "2026-11-30T02:00:01.250Z",
        "ms": {"queued": 1, "device": 240, "verify": 10}, "round_trips": 9, "worker": "host/1",
    })
}

fn report(items: u64, outcomes: &[Value], options: &str) -> (Folder, Run) {
    let folder = Folder::new();
    let lines: Vec<_> =
        [head(items)].iter().chain(outcomes).map(|line| format!("{line}\n")).collect();
    let journal = folder.write("results.jsonl", lines.concat());
    let options = options.replace("DIR", &folder.path("."));
    let run = run(&format!("fleet report {journal} {options}"));
    (folder, run)
}

fn verified(number: u8) -> Value {
    outcome(number, &format!("tcp:{number}"), "verified", "none")
}

#[test]
fn f18_the_exit_code_is_that_of_the_run() {
    let of = |kinds: &[&str]| -> Vec<Value> {
        let kinds = kinds.iter().enumerate();
        kinds
            .map(|(number, kind)| outcome(u8::try_from(number).unwrap(), "tcp:a", kind, "device"))
            .collect()
    };
    for (kinds, code) in [
        (&["verified"][..], 0),
        (&["verified", "rejected", "device_error"], 1),
        (&["verified", "undecidable"], 1),
        (&["verified", "cancelled"], 1),
        (&["verified", "unreachable"], 3),
        (&["unreachable", "device_error"], 4),
    ] {
        let items = u64::try_from(kinds.len()).unwrap();
        let (_folder, ran) = report(items, &of(kinds), "");
        assert_eq!(ran.code, code, "{kinds:?} {ran:?}");
    }
    // What was not tried is not verified.
    assert_eq!(report(2, &[verified(1)], "").1.code, 1);
    let mut again = outcome(2, "tcp:b", "unreachable", "transport");
    again["final"] = json!(false);
    assert_eq!(report(2, &[verified(1), again], "--fail-on rejected").1.code, 1);
    let unreachable = outcome(2, "tcp:b", "unreachable", "transport");
    assert_eq!(report(2, &[verified(1), unreachable], "--fail-on rejected").1.code, 0);
}

#[test]
fn the_table_names_every_device_that_is_not_verified_and_steers_no_terminal() {
    let outcomes = [
        verified(1),
        outcome(2, HOSTILE, "rejected", "device"),
        outcome(3, "tcp:c", "unreachable", "transport"),
    ];
    let (_folder, ran) = report(4, &outcomes, "");
    assert!(
        ran.out.starts_with("NOT VERIFIED  site: 3 of 4 devices\n  1 were not tried"),
        "{}",
        ran.out
    );
    for text in ["1 rejected, 1 unreachable", "tcp:c (gpu)", r"tcp:\u{1b}[2J", "connection", "p50"]
    {
        assert!(ran.out.contains(text), "{text}: {}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\u{202e}'), "{}", ran.out);
    let (_folder, ran) = report(1, &[verified(1)], "");
    assert!(ran.out.starts_with("VERIFIED  site: 1 of 1 devices\n"), "{}", ran.out);
    assert!(!ran.out.contains("Not verified"), "{}", ran.out);
}

#[test]
fn json_is_that_of_the_schema() {
    let outcomes = [verified(1), outcome(2, HOSTILE, "rejected", "device")];
    for by in ["class", "host", "fault"] {
        let (_folder, ran) = report(2, &outcomes, &format!("--json --by {by}"));
        let object = ran.object();
        schema::check(&schema::schema("fleet-report"), &object);
        assert_eq!(
            (&object["outcomes"]["verified"], &object["outcomes"]["rejected"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(object["not_verified"][0]["target"], HOSTILE);
    }
}

#[test]
fn journals_are_those_of_the_schemas() {
    schema::check(&schema::schema("journal"), &head(3));
    schema::check(&schema::schema("outcome"), &verified(1));
    schema::check(&schema::schema("outcome"), &outcome(2, HOSTILE, "rejected", "device"));
    let mut wrong = verified(1);
    wrong["outcome"] = json!("fine");
    assert!(!schema::schema("outcome").is_valid(&wrong));
}

/// The text between the first of these marks and the next one.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    text.split_once(begin).unwrap().1.split_once(end).unwrap().0
}

#[test]
fn the_page_runs_its_own_script_alone() {
    let mut rejected = outcome(2, HOSTILE, "rejected", "reference");
    rejected["report"] = json!({
        "checks": [{"check": "measurements.reference", "status": "fail", "detail": HOSTILE}],
        "identity": {"subject": HOSTILE, "serial": null, "root_sha256": null},
        "measurements": [{"index": 2, "type": HOSTILE, "raw": false, "value": "0011", "text": HOSTILE, "svn": null,
            "reference": "mismatch", "expected": [{"form": "digest", "value": "0022", "mask": null,
            "origin": {"file": HOSTILE, "signer": HOSTILE}}]}],
    });
    rejected["labels"] = json!({HOSTILE: HOSTILE});
    let (folder, ran) = report(2, &[verified(1), rejected], "--html DIR/page.html");
    assert_eq!(ran.code, 1, "{ran:?}");
    let page = fs::read_to_string(folder.path("page.html")).unwrap();
    assert!(!page.contains("<img") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert_eq!(page.matches("</script>").count(), 2);
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let hash =
        |text: &str| base64::engine::general_purpose::STANDARD.encode(sha256(text.as_bytes()));
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        policy.contains(&format!(
            "style-src 'sha256-{}'",
            hash(between(&page, "<style>", "</style>"))
        ))
    );
    assert!(policy.contains(&format!(
        "script-src 'sha256-{}'",
        hash(between(&page, "<script>", "</script>"))
    )));
    assert!(!policy.contains("unsafe"), "{policy}");
    let data: Value = serde_json::from_str(between(&page, "id=\"data\">", "</script>")).unwrap();
    assert_eq!(data["rows"].as_array().unwrap().len(), 2);
    assert_eq!(data["rows"][1]["x"]["measurements"][0]["expected"][0]["value"], "0022");
}

#[test]
fn files_are_whole_or_as_they_were() {
    let (folder, ran) = report(
        1,
        &[verified(1), json!({"no": "outcome"})],
        "--html DIR/page.html --junit DIR/junit.xml --metrics DIR/m.prom",
    );
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("results.jsonl: line 3: "), "{}", ran.err);
    let mut names: Vec<_> =
        fs::read_dir(folder.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["results.jsonl"]);
    let (folder, ran) = report(
        1,
        &[verified(1)],
        "--html DIR/page.html --junit DIR/junit.xml --metrics DIR/m.prom -q",
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(
        fs::read_to_string(folder.path("junit.xml")).unwrap().contains("<testsuite name=\"gpu\"")
    );
    assert!(
        fs::read_to_string(folder.path("m.prom"))
            .unwrap()
            .contains("spdm_items{state=\"verified\"} 1\n")
    );
}

#[test]
fn f10_a_torn_last_line_is_told_and_counts_for_nothing() {
    let folder = Folder::new();
    let lines = format!("{}\n{}\n{}", head(2), verified(1), &verified(2).to_string()[..40]);
    let journal = folder.write("results.jsonl", lines);
    let ran = run(&format!("fleet report {journal}"));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("the last line was cut off"), "{}", ran.err);
    assert!(ran.out.contains("1 of 2 devices"), "{}", ran.out);
}
