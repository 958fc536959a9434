//! Policies of verdicts.

use serde_json::{Value, json};

use crate::process::{Folder, run, status};
use crate::schema::{check, schema};

fn file(folder: &Folder, policy: &Value) -> String {
    check(&schema("policy"), policy);
    folder.write("policy.json", policy.to_string())
}

#[test]
fn a_policy_that_is_met_and_one_that_is_not() {
    let folder = Folder::new();
    let demand = |min: u64| {
        json!({"schema": 1, "require": {"version": {"min": "1.2"}, "fresh": true, "debug": "disabled",
            "svn": {"16": {"min": min}}}, "identity": {"san": ["ACME:WIDGET:*"]}})
    };
    let met = file(&folder, &demand(7));
    for verb in ["attest", "measure", "session"] {
        let run = run(&format!("{verb} emulated --json --policy {met}"));
        let report = run.object();
        check(&schema("report"), &report);
        assert_eq!((run.code, status(&report, "policy")), (0, "pass"), "{verb}: {report}");
    }
    let other = file(&folder, &demand(8));
    for verb in ["attest", "measure", "session"] {
        let run = run(&format!("{verb} emulated --json --policy {other}"));
        let report = run.object();
        assert_eq!((run.code, status(&report, "policy")), (1, "fail"), "{verb}: {report}");
        assert_eq!(report["error"]["kind"], "policy");
        let message = report["error"]["message"].as_str().unwrap();
        let why = "measurement 16 has the security version number 7, and 8 is the least";
        assert!(message.ends_with(why), "{message}");
    }
}

#[test]
fn a_policy_that_cannot_be_followed_is_a_wrong_input() {
    let folder = Folder::new();
    let waives = json!({"schema": 1, "waive": [{"check": "chain.anchor", "until": "2099-01-01T00:00:00Z", "reason": "x"}]});
    for (text, what) in [
        (r#"{"schema":1,"required":{}}"#.to_owned(), "unknown field"),
        (waives.to_string(), "chain.anchor cannot be waived"),
    ] {
        let path = folder.write("policy.json", text);
        let run = run(&format!("attest emulated --policy {path}"));
        assert_eq!(run.code, 2);
        assert!(run.err.contains(what) && run.err.contains("policy.json"), "{}", run.err);
    }
    let run = run("attest emulated --policy no-such-file");
    assert_eq!(run.code, 2);
}

#[test]
fn what_is_waived_is_below_the_verdict() {
    let folder = Folder::new();
    let reference = json!({"measurements": [{"index": 1, "value": "00"}]});
    let reference = folder.write("reference.json", reference.to_string());
    let policy = json!({"schema": 1, "waive": [{"check": "measurements.reference",
        "until": "2099-01-01T00:00:00Z", "reason": "ticket 7"}]});
    let policy = file(&folder, &policy);
    let options = format!("attest emulated --reference {reference}");
    assert_eq!(run(&options).code, 1);
    let waived = run(&format!("{options} --policy {policy}"));
    assert_eq!(waived.code, 0, "{}", waived.err);
    for what in [
        "VERIFIED",
        "1 check is waived:",
        "measurements.reference until 2099-01-01T00:00:00Z: ticket 7",
    ] {
        assert!(waived.out.contains(what), "{}", waived.out);
    }
    let report = run(&format!("{options} --policy {policy} --json")).object();
    check(&schema("report"), &report);
    assert_eq!(report["policy"]["waivers"][0]["status"], "applied");
}
