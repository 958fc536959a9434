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

#[cfg(not(feature = "rego"))]
#[test]
fn a_policy_in_rego_needs_a_build_with_it() {
    let folder = Folder::new();
    for (name, text) in [("gate.rego", "x"), ("gate", "package spdm\nallow := true\n")] {
        let path = folder.write(name, text);
        let run = run(&format!("attest emulated --policy {path}"));
        assert_eq!(run.code, 2);
        assert!(run.err.contains(name) && run.err.contains("--features rego"), "{}", run.err);
    }
}

#[cfg(feature = "rego")]
#[test]
fn na14_a_policy_in_rego_rejects_with_exit_code_1() {
    let folder = Folder::new();
    let ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    let steps: String = (0..10).map(|at| format!(" some a{at} in {ten}\n")).collect();
    let loops = format!("deny contains \"x\" if {{\n{steps} a0 > 9 }}");
    for (rules, code, why) in [
        ("allow if input.verified", 0, ""),
        ("deny contains \"too old\" if input.version < \"1.9\"", 1, "too old"),
        (&loops, 1, "the policy does not end within 100 ms"),
        ("", 1, "the policy has neither data.spdm.deny nor data.spdm.allow"),
    ] {
        let path = folder.write("gate.rego", format!("package spdm\n{rules}\n"));
        let run = run(&format!("attest emulated --json --policy {path}"));
        let report = run.object();
        check(&schema("report"), &report);
        assert_eq!(run.code, code, "{rules}: {report}");
        if code == 1 {
            assert_eq!(
                (&report["error"]["kind"], status(&report, "policy")),
                (&json!("policy"), "fail")
            );
            assert!(report["error"]["message"].as_str().unwrap().ends_with(why), "{report}");
        }
    }
    let path = folder.write("gate.rego", "package spdm\nallow if {\n");
    let run = run(&format!("attest emulated --policy {path}"));
    assert_eq!(run.code, 2);
    assert!(run.err.contains("gate.rego") && run.err.contains("line 3, column 1"), "{}", run.err);
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
