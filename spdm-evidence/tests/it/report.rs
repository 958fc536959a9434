//! The report without evidence: what a builder concludes, and the JSON's form.

use std::collections::BTreeSet;

use serde_json::Value;
use spdm_codec::{Code, KeySlot, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, KeyExchangeError, Provider};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Error, ExitClass, Freshness, Reference, ReportBuilder,
    ReportErrorKind,
};
use spdm_requester as requester;
use spdm_untrusted::Untrusted;
use spdm_x509::{ChainError, ProvisionedKey};

fn schema(name: &str) -> Value {
    let text = match name {
        "report" => include_str!("../../../docs/schema/report.json"),
        "evidence" => include_str!("../../../docs/schema/evidence.json"),
        "policy" => include_str!("../../../docs/schema/policy.json"),
        _ => include_str!("../../../docs/schema/reference.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_are_json() {
    for name in ["report", "evidence", "policy", "reference"] {
        assert_eq!(schema(name)["type"], "object");
    }
}

#[test]
fn an_empty_report_has_every_member_and_every_check() {
    let report = ReportBuilder::new("file", Freshness::Unknown, &PROVIDER).build();
    assert!(!report.verified());
    assert_eq!(report.exit_class(), ExitClass::Rejected);
    assert!(report.checks().iter().all(|result| result.status == CheckStatus::Skipped));
    let order: Vec<AttestationCheck> = report.checks().iter().map(|result| result.check).collect();
    assert_eq!(order, AttestationCheck::ALL);

    let json = serde_json::to_value(&report).unwrap();
    let schema = schema("report");
    let mut required = strings(&schema["required"]);
    required.retain(|name| !["at", "duration_ms", "tool"].contains(&name.as_str()));
    assert_eq!(keys(&json), required);
    // `chain` is what `spdm chain` adds, and the others are what the command says of its run.
    let mut properties = keys(&schema["properties"]);
    assert!(properties.remove("chain"));
    for added in ["at", "duration_ms", "tool"] {
        assert!(properties.remove(added));
    }
    assert_eq!(keys(&json), properties);
    for (part, name) in
        [("nonces", "Nonces"), ("identity", "IdentitySummary"), ("error", "ReportError")]
    {
        assert_eq!(keys(&json[part]), strings(&schema["$defs"][name]["required"]));
    }
    let kinds = schema["$defs"]["ReportErrorKind"]["oneOf"].as_array().unwrap();
    assert!(kinds.iter().any(|kind| kind["const"] == "unproven"));
    let names = &schema["$defs"]["CheckResult"]["properties"]["check"]["enum"];
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    let (always, occasional) = names.split_at(AttestationCheck::ALL.len());
    assert_eq!(always, AttestationCheck::ALL.map(AttestationCheck::name));
    assert_eq!(occasional, AttestationCheck::OCCASIONAL.map(AttestationCheck::name));
}

#[test]
fn nothing_but_proofs_makes_a_report_verified() {
    let mut builder = ReportBuilder::new("tcp:host", Freshness::Own, &PROVIDER);
    builder.slot(KeySlot::Slot(SlotId::ZERO));
    for check in AttestationCheck::ALL {
        builder.pass(check, "claimed");
    }
    let report = builder.build();
    assert!(!report.verified());
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Unproven);
}

#[test]
fn the_worst_result_of_a_check_stays() {
    let mut builder = ReportBuilder::new("", Freshness::Unknown, &PROVIDER);
    let check = AttestationCheck::ChallengeSignature;
    builder.skip(check, "first").pass(check, "second").skip(check, "third");
    builder.fail(check, "fourth").pass(check, "fifth").fail(check, "sixth");
    let report = builder.build();
    let result = report.checks().iter().find(|result| result.check == check).unwrap();
    assert_eq!((result.status, result.detail.as_str()), (CheckStatus::Fail, "fourth"));
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Rejected);
}

/// Why a key is refused where the crypto backend verifies nothing.
fn without_verifiers() -> ChainError {
    let provider = Provider { verifiers: &[], ..PROVIDER };
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    let key = Untrusted::new(&[][..]);
    ProvisionedKey::parse(key, asym, HashAlgorithm::Sha256, &provider).unwrap_err()
}

#[test]
fn errors_of_a_live_connection() {
    let rows = [
        (
            requester::Error::Signature { message: "CHALLENGE_AUTH" },
            Some(AttestationCheck::ChallengeSignature),
            ReportErrorKind::Signature,
            ExitClass::Rejected,
        ),
        (
            requester::Error::Signature { message: "MEASUREMENTS" },
            Some(AttestationCheck::MeasurementsSignature),
            ReportErrorKind::Signature,
            ExitClass::Rejected,
        ),
        (
            requester::Error::Timeout { request: Code::CHALLENGE },
            Some(AttestationCheck::ChallengeSignature),
            ReportErrorKind::Timeout,
            ExitClass::Transport,
        ),
        (
            requester::Error::IdentityMismatch,
            Some(AttestationCheck::ChallengeChainHash),
            ReportErrorKind::Identity,
            ExitClass::Rejected,
        ),
        (
            requester::Error::Incompatible(requester::Incompatible::Capability("CHAL_CAP")),
            Some(AttestationCheck::ChallengeSignature),
            ReportErrorKind::Incompatible,
            ExitClass::Rejected,
        ),
        (
            requester::Error::Incompatible(requester::Incompatible::Algorithm {
                field: "BaseAsymSel",
                selected: 0x200,
            }),
            None,
            ReportErrorKind::Unsupported,
            ExitClass::Usage,
        ),
        // Anybody on the way could have changed what was negotiated.
        (
            requester::Error::Incompatible(requester::Incompatible::UnsignedNegotiation(
                SpdmVersion::V1_1,
            )),
            None,
            ReportErrorKind::Unsigned,
            ExitClass::Rejected,
        ),
        // Its negotiation is longer than any: the device's fault. That it does not come to an end may be the line's.
        (
            requester::Error::Bound(requester::Bound::Negotiation(0x1000)),
            None,
            ReportErrorKind::Limit,
            ExitClass::Protocol,
        ),
        (
            requester::Error::Bound(requester::Bound::Busy(8)),
            None,
            ReportErrorKind::Limit,
            ExitClass::Transport,
        ),
        (
            requester::Error::Misuse(requester::Misuse::Policy),
            None,
            ReportErrorKind::Request,
            ExitClass::Usage,
        ),
        // It is the backend that lacks the algorithm: that says nothing of the device.
        (
            requester::Error::Chain(without_verifiers()),
            Some(AttestationCheck::ChainFormat),
            ReportErrorKind::Unsupported,
            ExitClass::Usage,
        ),
        (requester::Error::Random, None, ReportErrorKind::Internal, ExitClass::Usage),
    ];
    are_told(rows);
}

/// Whose fault it is that a session broke, and which check it decides.
#[test]
fn errors_of_a_session() {
    use requester::SessionFault as Fault;
    let invalid = |class| (ReportErrorKind::Session, class);
    let rows = [
        (Fault::Over, None, invalid(ExitClass::Transport)),
        (Fault::Unanswered, None, invalid(ExitClass::Transport)),
        (Fault::Tag, None, invalid(ExitClass::Protocol)),
        (Fault::OtherSession { got: 1 }, None, invalid(ExitClass::Protocol)),
        (
            Fault::KeyExchange(KeyExchangeError::InvalidPeer),
            Some(AttestationCheck::SessionKeyExchange),
            invalid(ExitClass::Protocol),
        ),
        (Fault::Transport, None, (ReportErrorKind::Request, ExitClass::Usage)),
        (Fault::Random, None, (ReportErrorKind::Internal, ExitClass::Usage)),
        // The peer has other keys, or has seen other messages.
        (
            Fault::VerifyData { message: "FINISH_RSP" },
            Some(AttestationCheck::SessionFinish),
            invalid(ExitClass::Rejected),
        ),
    ];
    are_told(rows.map(|(fault, check, (kind, class))| {
        (requester::Error::Session(fault), check, kind, class)
    }));
}

/// What the report on an error says: the check that fails, the kind, and the exit code.
fn are_told<const N: usize>(
    rows: [(requester::Error, Option<AttestationCheck>, ReportErrorKind, ExitClass); N],
) {
    for (error, check, kind, class) in rows {
        let mut builder = ReportBuilder::new("", Freshness::Own, &PROVIDER);
        builder.failed(&error);
        let report = builder.build();
        assert_eq!(report.error().unwrap().kind, kind);
        assert_eq!(report.error().unwrap().message, error.to_string());
        assert_eq!(report.exit_class(), class);
        let failed: Vec<AttestationCheck> = report
            .checks()
            .iter()
            .filter(|result| result.status == CheckStatus::Fail)
            .map(|result| result.check)
            .collect();
        assert_eq!(failed, check.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_breaks_the_protocol_outweighs_what_is_rejected() {
    let mut builder = ReportBuilder::new("", Freshness::Own, &PROVIDER);
    builder.failed(&requester::Error::Signature { message: "CHALLENGE_AUTH" });
    builder.failed(&requester::Error::Timeout { request: Code::GET_MEASUREMENTS });
    builder.failed(&requester::Error::Signature { message: "MEASUREMENTS" });
    let report = builder.build();
    assert_eq!(
        (report.error().unwrap().kind, report.exit_class()),
        (ReportErrorKind::Timeout, ExitClass::Transport)
    );
    assert_eq!(report.status(AttestationCheck::MeasurementsSignature), CheckStatus::Fail);
}

#[test]
fn reference_values_are_json_of_one_form() {
    let read = |text: &str| Reference::read(text.as_bytes()).map(|_| ());
    let row = |row: &str| read(&format!(r#"{{"measurements": [{row}]}}"#));
    for good in [
        r#"{"index": 1, "value": "00ff"}"#,
        r#"{"index": 1, "value": "00FF", "raw": true, "mask": "0f00"}"#,
        r#"{"index": 254, "type": "mutable_firmware", "any_of": ["00ff", "01"]}"#,
        r#"{"index": 4, "raw": true, "any_of": ["00ff", "0100"], "mask": "ffff"}"#,
        r#"{"index": 4, "type": "firmware_security_version", "raw": true, "min_svn": 7}"#,
        r#"{"index": 4, "min_svn": 0}, {"index": 5, "min_svn": 0}"#,
    ] {
        assert_eq!(row(good), Ok(()), "{good}");
    }
    let properties = &schema("reference")["$defs"]["ValueRow"]["properties"];
    assert_eq!(properties["raw"]["default"], false);
    let empty = read(r#"{"measurements": []}"#);
    assert_eq!(empty, Err(Error::Json("measurements is empty".to_owned())));
    for field in ["value", "mask"] {
        let odd = row(&format!(r#"{{"index": 1, "raw": true, "value": "00", "{field}": "0"}}"#));
        assert!(matches!(odd, Err(Error::Hex { .. } | Error::Json(_))), "{field}");
    }
    assert_eq!(row(r#"{"index": 1, "any_of": ["00", "0"]}"#), Err(Error::Hex { field: "any_of" }));
    for text in ["", "{}", r#"{"measurements": [], "x": 1}"#] {
        assert!(matches!(read(text), Err(Error::Json(_))), "{text}");
    }
    for (bad, why) in [
        (r#"{"index": 1}"#, "exactly one of value, any_of and min_svn"),
        (
            r#"{"index": 1, "value": "00", "min_svn": 1}"#,
            "exactly one of value, any_of and min_svn",
        ),
        (
            r#"{"index": 1, "value": "00", "any_of": ["00"]}"#,
            "exactly one of value, any_of and min_svn",
        ),
        (
            r#"{"index": 1, "any_of": ["00"], "min_svn": 1}"#,
            "exactly one of value, any_of and min_svn",
        ),
        (r#"{"index": 1, "any_of": []}"#, "any_of is empty"),
        (r#"{"index": 1, "min_svn": -1}"#, "invalid value"),
        (r#"{"index": 1, "min_svn": 1, "mask": "00"}"#, "a mask goes with value or any_of"),
        (r#"{"index": 1, "value": "00", "mask": "00"}"#, "a mask is for raw values only"),
        (
            r#"{"index": 1, "raw": true, "value": "00", "mask": "0000"}"#,
            "not as long as each value",
        ),
        (
            r#"{"index": 1, "raw": true, "any_of": ["0000", "00"], "mask": "0000"}"#,
            "not as long as each value",
        ),
        (r#"{"index": 0, "value": "00"}"#, "an index is 1 to 254"),
        (r#"{"index": 255, "value": "00"}"#, "an index is 1 to 254"),
        (r#"{"index": 1, "type": "firmware", "value": "00"}"#, "type is none that reports name"),
        (r#"{"index": 1, "value": "00"}, {"index": 1, "value": "00"}"#, "index 1 is there twice"),
        (r#"{"index": 1, "value": "00", "x": 1}"#, "unknown field"),
    ] {
        let Err(Error::Json(what)) = row(bad) else { panic!("{bad}") };
        assert!(what.contains(why), "{bad}: {what}");
    }
}

/// A message that came and is wrong is not said to be missing.
#[test]
fn what_is_said_of_the_other_checks_of_a_wrong_message() {
    use AttestationCheck as Check;
    let (challenge, measurements) = ("no CHALLENGE_AUTH", "no signed MEASUREMENTS");
    for (error, nonces) in [
        (
            requester::Error::Signature { message: "CHALLENGE_AUTH" },
            ["the signature of CHALLENGE_AUTH is wrong", measurements],
        ),
        (
            requester::Error::SignatureOrder { message: "MEASUREMENTS" },
            [challenge, "the signature of MEASUREMENTS is wrong"],
        ),
        (requester::Error::Timeout { request: Code::CHALLENGE }, [challenge, measurements]),
    ] {
        let mut builder = ReportBuilder::new("", Freshness::Own, &PROVIDER);
        builder.failed(&error);
        let report = builder.build();
        let detail = |check| {
            let result = report.checks().iter().find(|result| result.check == check).unwrap();
            assert_eq!(result.status, CheckStatus::Skipped, "{error}");
            result.detail.as_str()
        };
        assert_eq!([detail(Check::ChallengeNonce), detail(Check::MeasurementsNonce)], nonces);
    }
}
