//! Policies and measurements that no usual device has.

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Freshness, MeasuredValue, Report, ReportBuilder,
    ReportErrorKind, VerdictPolicy,
};
use spdm_x509::ValidityCheck;

use crate::ear::{rom, signed};
use crate::policy::Subject;

/// Whether somebody signed them.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Signed {
    Yes,
    No,
}

/// The demands that a device with these measurements does not meet.
fn denied(require: &str, values: &[MeasuredValue], signed: Signed) -> Vec<String> {
    let json = format!(r#"{{"schema":1,"require":{{{require}}}}}"#);
    let policy = VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER).unwrap();
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    report.measurements(values.to_vec()).policy(&policy, ValidityCheck::Unchecked);
    match signed {
        Signed::Yes => report.pass(AttestationCheck::MeasurementsSignature, "it holds"),
        Signed::No => report.skip(AttestationCheck::MeasurementsSignature, "nobody signed"),
    };
    let report: Report = report.build();
    // What went wrong before stays what is told.
    assert!(!report.verified() && report.error().unwrap().kind != ReportErrorKind::Policy);
    report.policy().unwrap().denied.clone()
}

fn measured() -> Vec<MeasuredValue> {
    Subject::new().judge(None, None).measurements().to_vec()
}

const SVN: &str = r#""svn":{"16":{"min":7}}"#;
const DEBUG: &str = r#""debug":"disabled""#;

#[test]
fn what_nobody_signed_meets_no_demand() {
    let values = measured();
    for demand in [SVN, DEBUG] {
        assert_eq!(denied(demand, &values, Signed::Yes), [""; 0], "{demand}");
        assert_eq!(denied(demand, &values, Signed::No).len(), 1, "{demand}");
    }
}

#[test]
fn of_one_index_the_least_value_counts() {
    let mut values = measured();
    let mut older = values.iter().find(|value| value.index == 16).unwrap().clone();
    older.svn = Some(6);
    let why = "measurement 16 has the security version number 6, and 7 is the least";
    values.insert(0, older.clone());
    assert_eq!(denied(SVN, &values, Signed::Yes), [why]);
    values.remove(0);
    values.push(older);
    assert_eq!(denied(SVN, &values, Signed::Yes), [why]);
    // One of them is no number at all.
    values.last_mut().unwrap().svn = None;
    let why = "measurement 16 is no security version number, and 7 is the least";
    assert_eq!(denied(SVN, &values, Signed::Yes), [why]);
}

#[test]
fn every_measurement_of_modes_has_to_say_that_nobody_debugs() {
    let values = measured();
    let at = values.iter().position(|value| value.device_mode.is_some()).unwrap();
    let without: Vec<_> =
        values.iter().filter(|value| value.device_mode.is_none()).cloned().collect();
    let none = "no measurement says whether the device can be debugged";
    assert_eq!(denied(DEBUG, &without, Signed::Yes), [none]);
    let with = |states: &[&str]| {
        let mut mode = values[at].clone();
        mode.device_mode.as_mut().unwrap().debug_state =
            states.iter().map(|state| (*state).to_owned()).collect();
        mode
    };
    for (states, is_met) in [
        (&[][..], true),
        (&["invasive_was_active_after_manufacturing"], true),
        (&["invasive_active"], false),
        (&["non_invasive_active"], false),
        (&["non_invasive_was_active_this_reset"], false),
        (&["invasive_was_active_after_manufacturing", "invasive_active"], false),
        (&["bit 9"], false),
    ] {
        let [mut first, mut last] = [values.clone(), values.clone()];
        first.insert(0, with(states));
        last.push(with(states));
        for values in [first, last] {
            assert_eq!(denied(DEBUG, &values, Signed::Yes).is_empty(), is_met, "{states:?}");
        }
    }
    let mut unreadable = values.clone();
    unreadable[at].device_mode = None;
    let index = values[at].index;
    let why = format!("measurement {index} does not say whether it can be debugged");
    assert_eq!(denied(DEBUG, &unreadable, Signed::Yes), [why]);
}

#[test]
fn what_was_not_negotiated_meets_no_demand() {
    for (demand, why) in [
        (r#""version":{"min":"1.0"}"#, "version is unknown, and 1.0 is the lowest"),
        (r#""base_asym":["ECDSA_P384"]"#, "base_asym is none, and not one of ECDSA_P384"),
        (r#""fresh":true"#, "no signature is known to be fresh"),
    ] {
        assert_eq!(denied(demand, &[], Signed::No), [why]);
    }
    let identities = [
        r#"{"schema":1,"identity":{"san":["ACME:*"]}}"#.to_owned(),
        format!(r#"{{"schema":1,"identity":{{"root_sha256":["{}"]}}}}"#, "0".repeat(64)),
    ];
    for json in identities {
        let policy = VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER).unwrap();
        let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
        report.policy(&policy, ValidityCheck::Unchecked);
        assert_eq!(report.build().policy().unwrap().denied.len(), 1, "{json}");
    }
}

/// A rule that is misspelled would be none.
#[test]
fn unknown_names_are_refused_wherever_they_are() {
    for json in [
        r#"{"schema":1,"Require":{}}"#,
        r#"{"schema":1,"require":{"Debug":"disabled"}}"#,
        r#"{"schema":1,"require":{"version":{"min":"1.2","max":"1.3"}}}"#,
        r#"{"schema":1,"require":{"svn":{"16":{"min":7,"max":9}}}}"#,
        r#"{"schema":1,"identity":{"SAN":["a"]}}"#,
        r#"{"schema":1,"waive":[{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"x","from":"2026-01-01T00:00:00Z"}]}"#,
    ] {
        let error = VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER).unwrap_err();
        assert!(error.to_string().contains("unknown field"), "{json}: {error}");
    }
}

#[test]
fn names_and_reasons_do_not_steer_a_terminal() {
    let json = r#"{"schema":1,"waive":[{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"\u001b[2J"}]}"#;
    let policy = VerdictPolicy::read("a\u{1b}[2J.json", json.as_bytes(), &PROVIDER).unwrap();
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    report.policy(&policy, ValidityCheck::Unchecked);
    let report = report.build();
    let summary = report.policy().unwrap();
    assert_eq!(summary.name, "a\\u{1b}[2J.json");
    assert_eq!(summary.waivers[0].reason, "\\u{1b}[2J");
}

/// A waiver is of its check alone, whichever other one fails or is missing.
#[test]
fn na15_no_other_check_is_waived() {
    let json = r#"{"schema":1,"waive":[{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"x"}]}"#;
    let policy = VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER).unwrap();
    let mut waived = signed(vec![rom()]);
    waived.policy(&policy, ValidityCheck::At(1));
    let good = waived.clone().build();
    assert!(good.verified(), "{:?}", good.error());
    for check in AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL) {
        let is_waived = check == AttestationCheck::MeasurementsReference;
        let mut report = waived.clone();
        report.fail(check, "it does not hold");
        assert_eq!(report.build().verified(), is_waived, "{check:?} fails");
        let mut report = waived.clone();
        report.require(check);
        let is_there = good.status(check) == CheckStatus::Pass;
        // What a policy comes to is no check that can be asked for.
        if check != AttestationCheck::Policy {
            assert_eq!(report.build().verified(), is_waived || is_there, "{check:?} is missing");
        }
    }
}
