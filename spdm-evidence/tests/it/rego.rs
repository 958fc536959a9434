//! Policies in Rego: they make a verdict stricter, and none holds up or ends who asks.

use core::time::Duration;
use std::time::Instant;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, CheckStatus, ExitClass, Report, ReportErrorKind, VerdictPolicy,
};

use crate::forged::device;
use crate::policy::{Subject, WRONG};

fn read(rules: &str) -> Result<VerdictPolicy, String> {
    let text = format!("package spdm\n{rules}\n");
    VerdictPolicy::read("gate.rego", text.as_bytes(), &PROVIDER).map_err(|error| error.to_string())
}

fn policy(rules: &str) -> VerdictPolicy {
    read(rules).unwrap()
}

/// The reasons for which a device is rejected that is verified without the policy.
fn denied(subject: &Subject, rules: &str) -> Vec<String> {
    let report = subject.judge(Some(&policy(rules)), None);
    assert!(!report.verified() && report.basis().is_none(), "{rules}");
    assert_eq!(report.exit_class(), ExitClass::Rejected);
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Policy);
    assert_eq!(report.status(AttestationCheck::Policy), CheckStatus::Fail);
    report.policy().unwrap().denied.clone()
}

fn is_met(subject: &Subject, rules: &str) -> bool {
    let report: Report = subject.judge(Some(&policy(rules)), None);
    assert_eq!(report.verified(), report.policy().unwrap().denied.is_empty(), "{rules}");
    report.verified()
}

#[test]
fn rules_see_the_report() {
    let subject = Subject::new();
    assert!(is_met(&subject, "deny contains \"no\" if not input.verified"));
    assert!(is_met(
        &subject,
        "allow if input.verified\ndeny contains \"x\" if input.version == \"1.0\""
    ));
    assert!(is_met(&subject, "deny := []"));
    assert!(is_met(&subject, "default allow := false\nallow if input.claims == null"));
    let rules = "deny contains why if {\n some block in input.measurements\n block.svn != null\n block.svn < 8\n why := sprintf(\"measurement %d is too old\", [block.index])\n}";
    assert_eq!(denied(&subject, rules), ["measurement 16 is too old"]);
    assert_eq!(denied(&subject, "deny := [\"b\", \"a\"]"), ["b", "a"]);
}

#[test]
fn what_is_not_true_does_not_allow() {
    let subject = Subject::new();
    let not_true = ["data.spdm.allow is not true"];
    for rules in [
        "allow if input.verified == false",
        "allow := false",
        "allow := 1",
        "allow := \"true\"",
        "allow := input.nothing",
        "default allow := false",
        "deny := set()\nallow if input.verified == false",
        "allow contains true",
    ] {
        assert_eq!(denied(&subject, rules), not_true, "{rules}");
    }
    assert_eq!(denied(&subject, "deny := [\"x\"]\nallow := false"), ["x"]);
    assert_eq!(denied(&subject, "deny := [\"x\"]\nallow := true"), ["x"]);
}

#[test]
fn na14_a_policy_that_yields_nothing() {
    let subject = Subject::new();
    for rules in ["", "denied contains \"x\" if false", "x := 1"] {
        let neither = "the policy has neither data.spdm.deny nor data.spdm.allow";
        assert_eq!(denied(&subject, rules), [neither], "{rules}");
    }
    let other =
        VerdictPolicy::read("gate.rego", b"package other\nallow := true\n", &PROVIDER).unwrap();
    assert!(!subject.judge(Some(&other), None).verified());
    assert_eq!(
        denied(&subject, "deny := {\"x\"} if not input.verified"),
        ["data.spdm.deny is undefined"]
    );
}

#[test]
fn what_is_no_reason_denies() {
    let subject = Subject::new();
    for rules in [
        "deny := false",
        "deny := null",
        "deny := {}",
        "deny if not input.verified\ndefault deny := false",
        "deny := \"\"",
        "deny := 0",
        "deny[why] if { why := \"x\" }",
    ] {
        let [why] = &denied(&subject, rules)[..] else { panic!("{rules}") };
        assert!(why.starts_with("data.spdm.deny is no set of strings"), "{rules}: {why}");
    }
    for rules in ["deny := [1]", "deny contains true", "deny contains {\"why\": \"x\"}"] {
        let member = "data.spdm.deny has a member that is no string";
        assert_eq!(denied(&subject, rules), [member], "{rules}");
    }
    for rules in
        ["deny.reason := \"x\"\nallow := true", "deny.reason := \"x\" if false\nallow := true"]
    {
        assert!(!denied(&subject, rules).is_empty(), "{rules}");
    }
    assert_eq!(denied(&subject, "deny contains \" \""), ["a reason without words"]);
}

#[test]
fn reasons_are_bounded_and_escaped() {
    let subject = Subject::new();
    let reasons = denied(&subject, "deny contains \"a\\u001b[2J\\u202e\\n\"");
    assert_eq!(reasons, ["a\\u{1b}[2J\\u{202e}\\n"]);
    let long = format!("deny contains concat(\"\", [ \"{0}\", \"{0}\" ])", "ä".repeat(200));
    let [long] = &denied(&subject, &long)[..] else { panic!() };
    assert_eq!(long.chars().count(), 257);
    let many: Vec<String> = (10..40).map(|number| format!("\"{number}\"")).collect();
    let many = denied(&subject, &format!("deny := [{}]", many.join(",")));
    assert_eq!((many.len(), many[16].as_str()), (17, "and 14 more"));
}

#[test]
fn what_goes_wrong_denies() {
    let subject = Subject::new();
    for (rules, what) in [
        (
            "deny contains \"x\" if to_number(input.version) == 3\nallow := true\ndeny contains \"y\" if to_number(\"a\") > 1",
            "line 4",
        ),
        ("deny contains \"x\" if a\na := b\nb := a", "recursion"),
        ("deny contains \"x\" if { some x in data.spdm.deny }", "recursion"),
        (
            "deny contains \"x\" if count(numbers.range(1, 9000000000000000000)) == 1",
            "numbers.range is not available",
        ),
        (
            "deny contains \"x\" if count(numbers.range_step(1, 2, 0)) == 1",
            "numbers.range_step is not available",
        ),
        ("deny contains \"x\" if 1 / 0 == 1", "divide by zero"),
        ("allow := true\nallow := false", "line 3"),
        ("deny contains \"x\" if rand.intn(\"x\", 2) == 1", "could not find function"),
        ("deny contains \"x\" if http.send({}) == 1", "could not find function"),
        ("deny contains \"x\" if time.now_ns() == 1", "could not find function"),
    ] {
        let [why] = &denied(&subject, rules)[..] else { panic!("{rules}") };
        assert!(why.contains(what), "{rules}: {why}");
    }
}

/// Ten billion steps, and functions that call each other.
#[test]
fn na14_a_policy_that_loops() {
    let subject = Subject::new();
    let ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    let steps: String = (0..10).map(|at| format!(" some a{at} in {ten}\n")).collect();
    let late = ["the policy does not end within 100 ms"];
    for rules in [
        format!("deny contains \"x\" if {{\n{steps} a0 > 9 }}"),
        format!("deny := []\nallow if {{\n{steps} a0 > 9 }}"),
        "f(x) := f(x + 1)\ndeny contains \"x\" if f(1) == 1".to_owned(),
        "f(x) := g([x])\ng(x) := f({x})\ndeny contains \"x\" if f(1) == 1".to_owned(),
    ] {
        let start = Instant::now();
        assert_eq!(denied(&subject, &rules), late, "{rules}");
        assert!(start.elapsed() < Duration::from_secs(3), "{rules}");
    }
}

/// One step that takes long: no clock is looked at, so nobody waits for it, and it is not begun again.
#[test]
fn na14_a_policy_that_does_not_end() {
    let subject = Subject::new();
    let late = policy("deny contains \"x\" if sprintf(\"%400000000d\", [1]) == \"a\"");
    for why in ["the policy does not end within 1 s", "the policy did not end the last time"] {
        let start = Instant::now();
        let report = subject.judge(Some(&late), None);
        assert_eq!(report.policy().unwrap().denied, [why]);
        assert!(!report.verified() && start.elapsed() < Duration::from_secs(3));
    }
}

#[test]
fn na14_a_policy_that_allows_what_we_rejected() {
    let subject = Subject::new();
    let untrusted = Subject { device: device(2, |_| ()), ..Subject::new() };
    let allows = policy("allow := true\ndeny := set()");
    assert!(subject.judge(Some(&allows), None).verified());
    for (subject, reference) in
        [(&subject, Some(WRONG)), (&untrusted, None), (&untrusted, Some(WRONG))]
    {
        let without = subject.judge(None, reference);
        let with = subject.judge(Some(&allows), reference);
        assert!(!with.verified() && !without.verified());
        assert_eq!(with.error(), without.error());
        assert_eq!(with.exit_class(), without.exit_class());
        assert_eq!(with.status(AttestationCheck::Policy), CheckStatus::Pass);
    }
}

/// Whatever rules say: what is verified with them is verified without, and not the other way round.
#[test]
fn na14_rules_only_tighten() {
    let denies = [
        "",
        "deny := []",
        "deny := [\"x\"]",
        "deny contains \"x\" if not input.verified",
        "deny contains \"x\" if input.verified",
        "deny := 1",
    ];
    let allows = [
        "",
        "allow := true",
        "allow := false",
        "allow if input.verified",
        "allow if not input.verified",
        "default allow := true",
    ];
    let good = Subject::new();
    let untrusted = Subject { device: device(2, |_| ()), ..Subject::new() };
    let (mut verified, mut rejected) = (0, 0);
    for (subject, reference) in [(&good, None), (&good, Some(WRONG)), (&untrusted, None)] {
        let without = subject.judge(None, reference);
        for deny in denies {
            for allow in allows {
                let rules = [deny, allow].join("\n");
                let with = subject.judge(Some(&policy(&rules)), reference);
                assert!(!with.verified() || without.verified(), "{rules}");
                assert!(with.exit_class() >= without.exit_class(), "{rules}");
                let is_met = with.policy().unwrap().denied.is_empty();
                assert_eq!(with.verified(), without.verified() && is_met, "{rules}");
                verified += u32::from(with.verified());
                rejected += u32::from(!is_met);
            }
        }
    }
    assert!(verified > 10 && rejected > 10);
}

#[test]
fn a_file_that_is_no_rego_says_where() {
    for (rules, what) in [
        ("deny contains", "line 3, column 1: expecting expression"),
        ("allow if {", "line 3, column 1"),
        ("allow if x == 1", "line 2, column 10: use of undefined variable `x` is unsafe"),
        (
            "deny contains \"x\" if [[[[[[[[[[[[[1]]]]]]]]]]]]] == 1",
            "line 2, column 34: brackets are nested deeper than 12",
        ),
        (
            "x := ((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))",
            "expression nesting too deep",
        ),
    ] {
        let why = read(rules).unwrap_err();
        assert!(why.contains(what), "{rules}: {why}");
    }
    for (text, what) in [
        ("x := 1".as_bytes().to_vec(), "line 1, column 1: expecting `package`"),
        (b"package spdm\nx := \"\xff\"".to_vec(), "byte 19 is not UTF-8"),
        (format!("package spdm\n#{}", " ".repeat(0x1_0000)).into_bytes(), "65536 are the most"),
        (format!("package spdm\nx := [{}]", "1, ".repeat(400)).into_bytes(), "column"),
        (Vec::new(), "package"),
    ] {
        let why = VerdictPolicy::read("gate.rego", &text, &PROVIDER).unwrap_err().to_string();
        assert!(why.contains(what), "{why}");
    }
}

/// Deep without brackets: the longest texts have a stack that is large enough.
#[test]
fn long_texts_are_read_and_run() {
    let subject = Subject::new();
    let sum = format!("deny contains \"x\" if {{ 1 == {}1 }}", "1+\n".repeat(20_000));
    let path = format!("deny contains \"x\" if {{ 1 == input{} }}", "[0]\n".repeat(14_000));
    let calls: String = (0..2_500).map(|at| format!("f{at}(x) := f{}(x)\n", at + 1)).collect();
    let calls = format!("{calls}f2500(x) := x\ndeny contains \"x\" if f0(1) == 2");
    for rules in [sum, path, calls] {
        match read(&rules) {
            Ok(policy) => {
                let _ = subject.judge(Some(&policy), None);
            }
            Err(why) => panic!("{why}"),
        }
    }
}

#[test]
fn the_form_is_that_of_the_name_or_of_the_text() {
    let rego = "# a gate\n  package spdm\nallow := true\n";
    for (name, text, is_read) in [
        ("gate.rego", rego, true),
        ("gate.REGO", rego, true),
        ("gate", rego, true),
        ("gate.json", rego, false),
        ("gate", r#"{"schema":1}"#, true),
        ("gate.json", r#"{"schema":1}"#, true),
        ("gate.rego", r#"{"schema":1}"#, false),
    ] {
        let read = VerdictPolicy::read(name, text.as_bytes(), &PROVIDER);
        assert_eq!(read.is_ok(), is_read, "{name} {text}");
    }
}
