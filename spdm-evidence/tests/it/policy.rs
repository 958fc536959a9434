//! Policies: they make a verdict stricter, and waive what they may.

use spdm_codec::RequesterNonce;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::Device;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, ExitClass, Reference, Report, ReportErrorKind,
    VerdictPolicy, WAIVABLE, WaiverStatus,
};
use spdm_x509::ValidityCheck;

use crate::forged::{chain, challenge, device, evidence, judged, measure, negotiation};

fn policy(json: &str) -> VerdictPolicy {
    VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER).unwrap()
}

fn demanding(members: &str) -> VerdictPolicy {
    policy(&format!(r#"{{"schema":1,"require":{{{members}}}}}"#))
}

fn unusable(json: &str) -> String {
    VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER).unwrap_err().to_string()
}

/// A device with evidence of all its measurements, fresh for the nonce of sevens.
pub(crate) struct Subject {
    pub(crate) device: Device,
    pub(crate) evidence: Evidence,
}

impl Subject {
    pub(crate) fn new() -> Self {
        let mut device = device(1, |_| ());
        let parts = [
            negotiation(&mut device),
            chain(&mut device),
            vec![challenge(&mut device, 0, 5), measure(&mut device, 0xFF, 0, 7)],
        ];
        let evidence = evidence(&[&parts.concat()]);
        Self { device, evidence }
    }

    pub(crate) fn judge(&self, policy: Option<&VerdictPolicy>, reference: Option<&str>) -> Report {
        self.judge_at(policy, reference, None)
    }

    fn judge_at(
        &self,
        policy: Option<&VerdictPolicy>,
        reference: Option<&str>,
        at: Option<ValidityCheck>,
    ) -> Report {
        let reference = reference.map(|json| Reference::read(json.as_bytes()).unwrap());
        let reference = reference.map(|reference| &*Box::leak(Box::new(reference)));
        let policy = policy.map(|policy| &*Box::leak(Box::new(policy.clone())));
        judged(&self.evidence, &self.device, |verifier| {
            verifier.verdict_policy = policy;
            verifier.reference = reference;
            verifier.nonce = Some(RequesterNonce([7; 32]));
            verifier.validity = at.unwrap_or(verifier.validity);
        })
        .remove(0)
    }
}

pub(crate) const WRONG: &str = r#"{"measurements":[{"index":1,"value":"00"}]}"#;

fn waiver(until: &str) -> VerdictPolicy {
    policy(&format!(
        r#"{{"schema":1,"waive":[{{"check":"measurements.reference","until":"{until}","reason":"ticket 7"}}]}}"#
    ))
}

#[test]
fn a_policy_that_is_met_is_a_check_that_passes() {
    let subject = Subject::new();
    let met = demanding(
        r#""version":{"min":"1.2"},"base_asym":["ECDSA_P256","ECDSA_P384"],"fresh":true,"debug":"disabled","reference":"none","svn":{"16":{"min":7}}"#,
    );
    let report = subject.judge(Some(&met), None);
    assert!(report.verified(), "{:?}", report.error());
    let last = report.checks().last().unwrap();
    assert_eq!((last.check, last.status), (AttestationCheck::Policy, CheckStatus::Pass));
    assert_eq!(report.policy().unwrap().denied, [""; 0]);
    let without = subject.judge(None, None);
    assert!(without.checks().iter().all(|row| row.check != AttestationCheck::Policy));
    assert_eq!(without.policy(), None);
}

#[test]
fn each_demand_that_is_not_met_is_named() {
    let subject = Subject::new();
    for (members, what) in [
        (r#""version":{"min":"1.3"}"#, "version is 1.2, and 1.3 is the lowest"),
        (r#""base_asym":["ECDSA_P521"]"#, "base_asym is ECDSA_P384, and not one of ECDSA_P521"),
        (r#""reference":"listed""#, "the measurements do not have reference values"),
        (r#""reference":"all""#, "the measurements do not have reference values"),
        (
            r#""svn":{"16":{"min":8}}"#,
            "measurement 16 has the security version number 7, and 8 is the least",
        ),
        (
            r#""svn":{"1":{"min":0}}"#,
            "measurement 1 is no security version number, and 0 is the least",
        ),
        (
            r#""svn":{"99":{"min":0}}"#,
            "measurement 99 is no security version number, and 0 is the least",
        ),
    ] {
        let report = subject.judge(Some(&demanding(members)), None);
        assert!(!report.verified() && report.basis().is_none(), "{members}");
        assert_eq!(report.policy().unwrap().denied, [what]);
        let error = report.error().unwrap();
        assert_eq!(error.kind, ReportErrorKind::Policy);
        assert_eq!(error.message, format!("gate.json is not met: {what}"));
        assert_eq!(report.exit_class(), ExitClass::Rejected);
        assert_eq!(report.status(AttestationCheck::Policy), CheckStatus::Fail);
    }
    for (identity, met) in [
        (r#""san":["*:*:*"]"#, true),
        (r#""san":["ACME:x:*","*:*:0"]"#, false),
        (
            r#""root_sha256":["0000000000000000000000000000000000000000000000000000000000000000"]"#,
            false,
        ),
    ] {
        let policy = policy(&format!(r#"{{"schema":1,"identity":{{{identity}}}}}"#));
        assert_eq!(subject.judge(Some(&policy), None).verified(), met, "{identity}");
    }
    let root = subject.judge(None, None).identity().root_sha256.clone().unwrap();
    let policy = policy(&format!(r#"{{"schema":1,"identity":{{"root_sha256":["{root}"]}}}}"#));
    assert!(subject.judge(Some(&policy), None).verified());
}

#[test]
fn what_is_not_known_does_not_meet_a_demand() {
    let mut device = device(1, |_| ());
    let parts = [negotiation(&mut device), chain(&mut device), vec![challenge(&mut device, 0, 5)]];
    let challenged = Subject { evidence: evidence(&[&parts.concat()]), device };
    let judge = |members: &str| {
        let policy = demanding(members);
        let report = judged(&challenged.evidence, &challenged.device, |verifier| {
            verifier.verdict_policy = Some(Box::leak(Box::new(policy)));
        });
        report[0].verified()
    };
    assert!(judge(""));
    assert!(!judge(r#""fresh":true"#));
    assert!(!judge(r#""debug":"disabled""#));
    assert!(!judge(r#""svn":{"16":{"min":0}}"#));
    assert!(!judge(r#""reference":"listed""#));
}

#[test]
fn reference_values_of_all_or_of_those_that_are_listed() {
    let subject = Subject::new();
    let all = subject.judge(None, None);
    let row = |value: &spdm_evidence::MeasuredValue| {
        let (index, raw) = (value.index, value.raw);
        format!(r#"{{"index":{index},"raw":{raw},"value":"{}"}}"#, hex(&value.value))
    };
    let rows: Vec<String> = all.measurements().iter().map(row).collect();
    let file = |rows: &[String]| format!(r#"{{"measurements":[{}]}}"#, rows.join(","));
    let (every, one) = (file(&rows), file(&rows[..1]));
    let verified = |rule: &str, reference: &str| {
        let policy = demanding(&format!(r#""reference":"{rule}""#));
        subject.judge(Some(&policy), Some(reference)).verified()
    };
    assert!(verified("all", &every) && verified("listed", &every) && verified("none", &every));
    assert!(!verified("all", &one) && verified("listed", &one) && verified("none", &one));
    assert!(!verified("all", WRONG) && !verified("listed", WRONG) && !verified("none", WRONG));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_waiver_is_in_the_verdict() {
    let subject = Subject::new();
    let policy = waiver("2099-01-01T00:00:00Z");
    let report = subject.judge(Some(&policy), Some(WRONG));
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.status(AttestationCheck::MeasurementsReference), CheckStatus::Fail);
    let applied: Vec<_> = report.policy().unwrap().applied().collect();
    assert_eq!(applied.len(), 1);
    assert_eq!(
        (applied[0].check.as_str(), applied[0].reason.as_str()),
        ("measurements.reference", "ticket 7")
    );
    // Nothing to be waived.
    let report = subject.judge(Some(&policy), None);
    assert_eq!(report.policy().unwrap().waivers[0].status, WaiverStatus::Unused);
}

/// What the policy itself demands of reference values is waived with them, and the verdict says that it needs the waiver.
#[test]
fn a_waiver_that_a_demand_needs_is_applied() {
    let subject = Subject::new();
    let all = subject.judge(None, None);
    let row = |value: &spdm_evidence::MeasuredValue| {
        let (index, raw) = (value.index, value.raw);
        format!(r#"{{"index":{index},"raw":{raw},"value":"{}"}}"#, hex(&value.value))
    };
    let rows: Vec<String> = all.measurements().iter().map(row).collect();
    let file = |rows: &[String]| format!(r#"{{"measurements":[{}]}}"#, rows.join(","));
    let (every, one) = (file(&rows), file(&rows[..1]));
    let policy = |rule: &str| {
        policy(&format!(
            r#"{{"schema":1,"require":{{"reference":"{rule}"}},"waive":[{{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"x"}}]}}"#
        ))
    };
    for (rule, reference, needed) in [
        ("all", Some(&*every), false),
        ("all", Some(&*one), true),
        ("listed", Some(&*one), false),
        ("listed", Some(WRONG), true),
        ("listed", None, true),
        ("none", None, false),
    ] {
        let report = subject.judge(Some(&policy(rule)), reference);
        assert!(report.verified(), "{rule}: {:?}", report.error());
        let applied = report.policy().unwrap().applied().count();
        assert_eq!(applied, usize::from(needed), "{rule} {reference:?}");
    }
}

#[test]
fn a_waiver_of_a_comparison_that_was_not_made_is_applied() {
    let mut device = device(1, |_| ());
    let parts = [negotiation(&mut device), chain(&mut device), vec![challenge(&mut device, 0, 5)]];
    let evidence = evidence(&[&parts.concat()]);
    let policy: &VerdictPolicy = Box::leak(Box::new(waiver("2099-01-01T00:00:00Z")));
    let wrong: &Reference<'_> = Box::leak(Box::new(Reference::read(WRONG.as_bytes()).unwrap()));
    let judge = |policy| {
        let judge = judged(&evidence, &device, |verifier| {
            verifier.verdict_policy = policy;
            verifier.reference = Some(wrong);
        });
        judge.into_iter().next().unwrap()
    };
    let report = judge(Some(policy));
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.status(AttestationCheck::MeasurementsReference), CheckStatus::Skipped);
    assert_eq!(report.policy().unwrap().applied().count(), 1);
    assert!(!judge(None).verified());
}

#[test]
fn na15_waiver_past_until() {
    let subject = Subject::new();
    // 2026-06-01T00:00:00Z is 1780272000.
    let policy = waiver("2026-06-01T00:00:00Z");
    for (at, status, verified) in [
        (ValidityCheck::At(1_780_272_000), WaiverStatus::Applied, true),
        (ValidityCheck::At(1_780_272_001), WaiverStatus::Expired, false),
        (ValidityCheck::Unchecked, WaiverStatus::Expired, false),
    ] {
        let report = subject.judge_at(Some(&policy), Some(WRONG), Some(at));
        assert_eq!(report.policy().unwrap().waivers[0].status, status, "{at:?}");
        assert_eq!(report.verified(), verified, "{at:?}");
        if !verified {
            assert_eq!(report.error().unwrap().kind, ReportErrorKind::Reference);
        }
    }
}

/// A waiver hides nothing else: not another error, whether it comes before or behind.
#[test]
fn a_waiver_covers_its_check_only() {
    let policy = waiver("2099-01-01T00:00:00Z");
    let other = device(2, |_| ());
    let subject = Subject { device: other, ..Subject::new() };
    let untrusted = subject.judge(Some(&policy), Some(WRONG));
    assert!(!untrusted.verified());
    let subject = Subject::new();
    let leaked: &VerdictPolicy = Box::leak(Box::new(policy));
    let wrong: &Reference<'_> = Box::leak(Box::new(Reference::read(WRONG.as_bytes()).unwrap()));
    let stale = judged(&subject.evidence, &subject.device, |verifier| {
        verifier.verdict_policy = Some(leaked);
        verifier.reference = Some(wrong);
        verifier.nonce = Some(RequesterNonce([8; 32]));
    });
    assert_eq!(stale[0].error().unwrap().kind, ReportErrorKind::Nonce);
    let old = judged(&subject.evidence, &subject.device, |verifier| {
        verifier.verdict_policy = Some(leaked);
        verifier.reference = Some(wrong);
        verifier.min_version = Some(spdm_codec::SpdmVersion::V1_3);
    });
    assert!(!old[0].verified());
}

#[test]
fn nothing_that_makes_a_device_a_device_can_be_waived() {
    for check in AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL) {
        let name = check.name();
        let json = format!(
            r#"{{"schema":1,"waive":[{{"check":"{name}","until":"2099-01-01T00:00:00Z","reason":"x"}}]}}"#
        );
        let read = VerdictPolicy::read("gate.json", json.as_bytes(), &PROVIDER);
        assert_eq!(read.is_ok(), WAIVABLE.contains(&check), "{name}");
        let never =
            ["signature", "nonce", "anchor", "format", "chain.", "leaf.", "session.", "policy"];
        if never.iter().any(|word| name.contains(word)) {
            assert!(unusable(&json).contains("cannot be waived"), "{name}");
        }
    }
}

/// Whatever a policy says that waives nothing: what is verified with it, is verified without.
#[test]
fn na14_a_policy_only_tightens() {
    let good = Subject::new();
    let untrusted = Subject { device: device(2, |_| ()), ..Subject::new() };
    let members = [
        "",
        r#""version":{"min":"1.0"}"#,
        r#""version":{"min":"1.4"}"#,
        r#""fresh":true"#,
        r#""debug":"any""#,
        r#""debug":"disabled""#,
        r#""reference":"none""#,
        r#""reference":"listed""#,
        r#""svn":{"16":{"min":0}}"#,
        r#""base_asym":["ECDSA_P384"]"#,
    ];
    let mut verified = 0;
    for subject in [&good, &untrusted] {
        for reference in [None, Some(WRONG)] {
            let without = subject.judge(None, reference);
            for (at, first) in members.iter().enumerate() {
                for second in &members[at + 1..] {
                    let both = [*first, *second].into_iter().filter(|member| !member.is_empty());
                    let both = both.collect::<Vec<_>>().join(",");
                    let Ok(policy) = VerdictPolicy::read(
                        "gate.json",
                        format!(r#"{{"schema":1,"require":{{{both}}}}}"#).as_bytes(),
                        &PROVIDER,
                    ) else {
                        continue;
                    };
                    let with = subject.judge(Some(&policy), reference);
                    assert!(!with.verified() || without.verified(), "{both}");
                    assert!(with.exit_class() >= without.exit_class(), "{both}");
                    verified += u32::from(with.verified());
                }
            }
        }
    }
    assert!(verified > 10);
}

#[test]
fn a_file_that_is_no_policy_says_why() {
    for (json, what) in [
        ("", "EOF"),
        ("[]", "invalid length"),
        ("{}", "missing field `schema`"),
        (r#"{"schema":2}"#, "schema is 2, and 1 is expected"),
        (r#"{"schema":1,"requires":{}}"#, "unknown field `requires`"),
        (r#"{"schema":1,"require":{"versions":{}}}"#, "unknown field `versions`"),
        (r#"{"schema":1,"require":{"version":{}}}"#, "missing field `min`"),
        (r#"{"schema":1,"require":{"version":{"min":"1.9"}}}"#, "not an SPDM version"),
        (r#"{"schema":1,"require":{"debug":"off"}}"#, "unknown variant `off`"),
        (r#"{"schema":1,"require":{"base_asym":[]}}"#, "the list is empty"),
        (r#"{"schema":1,"require":{"base_asym":["P384"]}}"#, "there is no algorithm"),
        (r#"{"schema":1,"require":{"svn":{"x":{"min":1}}}}"#, "invalid"),
        (
            r#"{"schema":1,"require":{"svn":{"1":{"min":1},"1":{"min":0}}}}"#,
            "index 1 is there twice",
        ),
        (r#"{"schema":1,"schema":1}"#, "duplicate field"),
        (r#"{"schema":1,"identity":{"san":["*"]}}"#, "is met by every name"),
        (r#"{"schema":1,"identity":{"san":[]}}"#, "the list is empty"),
        (r#"{"schema":1,"identity":{"root_sha256":["00"]}}"#, "64 hexadecimal digits"),
        (
            r#"{"schema":1,"identity":{"root_sha256":["AB00000000000000000000000000000000000000000000000000000000000000"]}}"#,
            "64 hexadecimal digits in lower case",
        ),
        (
            r#"{"schema":1,"identity":{"root_sha256":["0g00000000000000000000000000000000000000000000000000000000000000"]}}"#,
            "64 hexadecimal digits",
        ),
        (r#"{"schema":1,"waive":[{"check":"x","until":"","reason":""}]}"#, "there is no check"),
        (
            r#"{"schema":1,"waive":[{"check":"measurements.reference","until":"tomorrow","reason":"x"}]}"#,
            "no time like",
        ),
        (
            r#"{"schema":1,"waive":[{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":" "}]}"#,
            "has no reason",
        ),
        (
            r#"{"schema":1,"waive":[{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"x"},{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"y"}]}"#,
            "is there twice",
        ),
        (r#"{"schema":1} x"#, "trailing"),
    ] {
        let why = unusable(json);
        assert!(why.contains(what), "{json}: {why}");
    }
}

#[cfg(not(feature = "rego"))]
#[test]
fn rego_is_named_where_it_is_not_built_in() {
    for (name, text) in [("gate.rego", ""), ("gate", "# x\n package spdm\n"), ("gate.REGO", "{}")] {
        let error = VerdictPolicy::read(name, text.as_bytes(), &PROVIDER).unwrap_err();
        assert!(error.to_string().contains("--features rego"), "{error}");
    }
}
