//! Attestation results: what is said of a device.

use serde_json::{Value, json};
use spdm_appraisal::{Dialect, ReferenceKey, ReferenceTrust};
use spdm_codec::{
    ContentChanged, DmtfMeasurement, MeasurementForm, MeasurementType, RequesterNonce,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, Completeness, Ear, Freshness, MeasuredValue, Reference, ReferenceFile,
    Report, ReportBuilder, ReportErrorKind, TokenOptions, VerdictPolicy,
};
use spdm_requester::{Error, Proof};
use spdm_x509::ValidityCheck;

use crate::claims::Attested;
use crate::corim_build::{class, corim, digests, measurement, protected, sign1, triple, uint};
use crate::testing::{certificates, key};

const ROM: [u8; 48] = [1; 48];
const FIRMWARE: [u8; 48] = [2; 48];
const STRAPS: [u8; 48] = [3; 48];
const OTHER: [u8; 48] = [9; 48];
/// Of debug modes: none is active.
const QUIET: [u8; 16] = [4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
/// Invasive debugging is active.
const DEBUGGED: [u8; 16] = [4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0];

fn value(index: u8, value_type: MeasurementType, value: &[u8]) -> MeasuredValue {
    let form = match value_type {
        MeasurementType::DeviceMode => MeasurementForm::RawBitStream,
        _ => MeasurementForm::Digest,
    };
    MeasuredValue::of_measurement(index, &DmtfMeasurement { value_type, form, value })
}

pub(crate) fn rom() -> MeasuredValue {
    value(1, MeasurementType::ImmutableRom, &ROM)
}

fn firmware() -> MeasuredValue {
    value(2, MeasurementType::MutableFirmware, &FIRMWARE)
}

fn straps() -> MeasuredValue {
    value(3, MeasurementType::HardwareConfiguration, &STRAPS)
}

/// A device that signed these measurements, as far as its report goes.
pub(crate) fn signed(values: Vec<MeasuredValue>) -> ReportBuilder {
    let mut report = Attested::new().report;
    report.measurements(values);
    report
}

enum Signer {
    Nobody,
    Somebody,
}

/// Reference values of ACME WIDGET.
fn file(expected: &[(u64, &[u8])], signer: &Signer) -> Vec<u8> {
    let values = expected.iter().map(|(index, digest)| {
        let digest = digests(&[(7, *digest)]);
        triple(class("ACME", "WIDGET"), &[measurement(*index, &[(2, digest)])])
    });
    let unsigned = corim(&values.collect::<Vec<_>>());
    match signer {
        Signer::Nobody => unsigned,
        Signer::Somebody => sign1(&key("Other"), &protected(), &[], &unsigned),
    }
}

/// The report is held against reference values.
fn compare(
    report: &mut ReportBuilder,
    expected: &[(u64, &[u8])],
    signer: &Signer,
    completeness: Completeness,
) {
    let bytes = file(expected, signer);
    let spki = key("Other").to_spki_der();
    let keys = [ReferenceKey { key_info: &spki, id: None }];
    let trust = ReferenceTrust {
        provider: &PROVIDER,
        anchors: &[],
        keys: match signer {
            Signer::Nobody => &[],
            Signer::Somebody => &keys,
        },
        validity: ValidityCheck::Unchecked,
    };
    let read = ReferenceFile::read("a.corim", &bytes, Dialect::Strict, &trust).unwrap();
    let mut reference = Reference::new(vec![read]);
    reference.completeness = completeness;
    reference.environment = spdm_evidence::DeviceEnvironment::Any;
    report.reference(&reference);
}

pub(crate) fn claims(ear: &Ear) -> Value {
    serde_json::from_str(&ear.to_json().unwrap()).unwrap()
}

pub(crate) fn ear_of(report: &Report, failed: Option<ReportErrorKind>) -> Ear {
    let mut ear = Ear::new("https://example.org", "spdm 1", 1_795_420_392);
    ear.add(report, failed);
    ear
}

/// The one submodule.
fn appraised(report: &Report) -> Value {
    claims(&ear_of(report, None))["submods"]["here"].clone()
}

/// Status, then instance-identity, configuration, executables and hardware.
fn row(report: ReportBuilder) -> (String, [u64; 4]) {
    let submodule = appraised(&report.build());
    let vector = &submodule["ear_trustworthiness_vector"];
    let numbers = ["instance-identity", "configuration", "executables", "hardware"]
        .map(|claim| vector[claim].as_u64().unwrap());
    (submodule["ear_status"].as_str().unwrap().to_owned(), numbers)
}

#[track_caller]
fn assert_row(report: ReportBuilder, status: &str, numbers: [u64; 4]) {
    assert_eq!(row(report), (status.to_owned(), numbers));
}

#[test]
fn rows_of_instance_identity() {
    assert_row(signed(vec![rom()]), "affirming", [2, 0, 0, 0]);
    // Nobody vouches for the root.
    let mut unknown = Attested::trusting(certificates(1), &[]).report;
    unknown.measurements(vec![rom(), value(4, MeasurementType::DeviceMode, &QUIET)]);
    assert_row(unknown, "none", [0, 0, 0, 0]);
    // Signatures and chains that do not hold, and what comes instead of an answer.
    for (error, status, number) in [
        (Error::Signature { message: "MEASUREMENTS" }, "contraindicated", 97),
        (Error::Signature { message: "CHALLENGE_AUTH" }, "contraindicated", 97),
        (Error::IdentityMismatch, "contraindicated", 97),
        (Error::Timeout { request: spdm_codec::Code::CHALLENGE }, "none", 0),
    ] {
        let mut report = signed(vec![rom()]);
        report.failed(&error);
        assert_row(report, status, [number, 0, 0, 0]);
    }
    for check in [AttestationCheck::ChainSignatures, AttestationCheck::LeafSan] {
        let mut report = signed(vec![rom()]);
        report.chain_rejected(check, "it does not hold");
        assert_row(report, "contraindicated", [97, 0, 0, 0]);
    }
    // Nobody vouches for the root, and the signature does not hold either: the worse of the two.
    let mut report = Attested::trusting(certificates(1), &[]).report;
    report.failed(&Error::Signature { message: "MEASUREMENTS" });
    assert_row(report, "contraindicated", [97, 0, 0, 0]);
    // Another slot of it breaks the protocol, and no check of this one fails.
    let mut report = signed(vec![rom()]);
    report.failed_elsewhere(
        spdm_codec::KeySlot::PublicKey,
        &Error::Signature { message: "CHALLENGE_AUTH" },
    );
    assert_row(report, "contraindicated", [0, 0, 0, 0]);
    // Nor is it this device for a rule of the caller that is broken, too, and that is shown.
    let mut report = signed(vec![rom()]);
    report.rejected("the version is 1.2, but 1.3 or later is required");
    report.failed_elsewhere(
        spdm_codec::KeySlot::PublicKey,
        &Error::Signature { message: "CHALLENGE_AUTH" },
    );
    assert_row(report, "contraindicated", [0, 0, 0, 0]);
}

#[test]
fn rows_of_executables() {
    use Completeness::{Every, Some as Listed};
    let both: [(u64, &[u8]); 2] = [(1, &ROM), (2, &FIRMWARE)];
    let judged = |expected: &[(u64, &[u8])], signer, completeness| {
        let mut report = signed(vec![rom(), firmware()]);
        compare(&mut report, expected, &signer, completeness);
        report
    };
    assert_row(judged(&both, Signer::Somebody, Listed), "affirming", [2, 0, 2, 0]);
    // A firmware that nothing is expected of.
    assert_row(judged(&both[..1], Signer::Somebody, Listed), "affirming", [2, 0, 3, 0]);
    assert_row(judged(&both[..1], Signer::Somebody, Every), "contraindicated", [2, 0, 33, 0]);
    let differs = [(1, &ROM[..]), (2, &OTHER)];
    assert_row(judged(&differs, Signer::Somebody, Listed), "contraindicated", [2, 0, 96, 0]);
    // A file that is about nothing of this says nothing.
    let mut none = signed(vec![straps()]);
    compare(&mut none, &[(3, &STRAPS)], &Signer::Somebody, Listed);
    assert_row(none, "affirming", [2, 0, 0, 2]);
    let mut changed = signed(vec![rom(), firmware()]);
    changed.content_changed(ContentChanged::Changed);
    compare(&mut changed, &both, &Signer::Somebody, Listed);
    assert_row(changed, "contraindicated", [2, 0, 33, 0]);
    // A waiver lets it in, with a warning.
    let policy = br#"{"schema":1,"waive":[{"check":"measurements.reference","until":"2099-01-01T00:00:00Z","reason":"x"}]}"#;
    let policy = VerdictPolicy::read("gate.json", policy, &PROVIDER).unwrap();
    let mut waived = signed(vec![rom(), firmware()]);
    waived.policy(&policy, ValidityCheck::At(1));
    compare(&mut waived, &differs, &Signer::Somebody, Listed);
    let report = waived.clone().build();
    assert!(report.verified());
    assert_row(waived, "warning", [2, 0, 33, 0]);
    let mut changed = signed(vec![rom()]);
    changed.policy(&policy, ValidityCheck::At(1)).content_changed(ContentChanged::Changed);
    compare(&mut changed, &both[..1], &Signer::Somebody, Listed);
    assert_row(changed, "warning", [2, 0, 33, 0]);
    // There is no claim that says it.
    let mut apart = signed(vec![rom()]);
    apart.policy(&policy, ValidityCheck::At(1));
    let value = || measurement(1, &[(2, digests(&[(7, &ROM)]))]);
    let about = |model| triple(class("ACME", model), &[value()]);
    let bytes = corim(&[about("WIDGET"), about("GADGET")]);
    let validity = ValidityCheck::Unchecked;
    let trust = ReferenceTrust { provider: &PROVIDER, anchors: &[], keys: &[], validity };
    let read = ReferenceFile::read("a.corim", &bytes, Dialect::Strict, &trust).unwrap();
    apart.reference(&Reference::new(vec![read]));
    assert_row(apart, "warning", [2, 0, 0, 0]);
    let sha256 = &report.policy().unwrap().sha256;
    assert_eq!(appraised(&report)["ear_appraisal_policy_ids"], json!([sha256]));
}

/// Where a file is unsigned, the report says so, and no more than 3 is said of what runs.
#[test]
fn na16_unsigned_reference() {
    let expected: [(u64, &[u8]); 3] = [(1, &ROM), (2, &FIRMWARE), (3, &STRAPS)];
    let mut report = signed(vec![rom(), firmware(), straps()]);
    compare(&mut report, &expected, &Signer::Nobody, Completeness::Every);
    let built = report.clone().build();
    assert!(built.verified());
    let mut checks = built.checks().iter();
    let check = AttestationCheck::ReferenceSignature;
    assert_eq!(checks.find(|row| row.check == check).unwrap().detail, "nobody signed a.corim");
    assert_eq!(built.reference().unwrap().files[0].signer, None);
    assert_row(report, "affirming", [2, 0, 3, 0]);
    // The same, signed.
    let mut report = signed(vec![rom(), firmware(), straps()]);
    compare(&mut report, &expected, &Signer::Somebody, Completeness::Every);
    assert_row(report, "affirming", [2, 0, 2, 2]);
    // JSON has no signature.
    let mut report = signed(vec![rom()]);
    let json = format!(r#"{{"measurements":[{{"index":1,"value":"{}"}}]}}"#, hex::encode(ROM));
    report.reference(&Reference::read(json.as_bytes()).unwrap());
    assert_row(report, "affirming", [2, 0, 3, 0]);
}

#[test]
fn rows_of_configuration() {
    let mode = |index, bits: &[u8]| value(index, MeasurementType::DeviceMode, bits);
    assert_row(signed(vec![mode(5, &QUIET)]), "affirming", [2, 3, 0, 0]);
    // It is the device that says so, and it is verified; but it is not to be trusted.
    assert_row(signed(vec![mode(5, &DEBUGGED)]), "contraindicated", [2, 96, 0, 0]);
    assert_row(signed(vec![mode(5, &QUIET), mode(6, &DEBUGGED)]), "contraindicated", [2, 96, 0, 0]);
    assert_row(signed(vec![mode(5, &QUIET), mode(6, &[0; 3])]), "affirming", [2, 0, 0, 0]);
    // What a token of the device says.
    let attested = Attested::new();
    for (debug, signer, status, number) in [
        (0, "Leaf", "contraindicated", 96),
        (1, "Leaf", "affirming", 3),
        (2, "Leaf", "affirming", 3),
        (2, "Other", "contraindicated", 0),
    ] {
        let mut claims = attested.claims();
        claims.iter_mut().find(|(label, _)| *label == 263).unwrap().1 = uint(debug);
        let token = attested.token(&key(signer), &claims);
        let report = attested.judge(&token, &TokenOptions::NONE);
        assert_row(report, status, [if signer == "Leaf" { 2 } else { 0 }, number, 0, 0]);
    }
}

#[test]
fn rows_of_hardware() {
    let judged = |straps_are: &[u8], values: Vec<MeasuredValue>| {
        let mut report = signed(values);
        let expected = [(1, &ROM[..]), (3, straps_are)];
        compare(&mut report, &expected, &Signer::Somebody, Completeness::Some);
        report
    };
    assert_row(judged(&STRAPS, vec![rom(), straps()]), "affirming", [2, 0, 2, 2]);
    let more = value(4, MeasurementType::HardwareConfiguration, &OTHER);
    assert_row(judged(&STRAPS, vec![rom(), straps(), more]), "affirming", [2, 0, 2, 0]);
    assert_row(judged(&OTHER, vec![rom(), straps()]), "contraindicated", [2, 0, 96, 96]);
    let other_rom = value(1, MeasurementType::ImmutableRom, &OTHER);
    assert_row(judged(&STRAPS, vec![other_rom, straps()]), "contraindicated", [2, 0, 96, 0]);
}

/// However a device comes to be rejected, nothing affirms it.
#[test]
fn a_rejected_device_is_never_affirming() {
    let complete = || {
        let mut report = signed(vec![rom(), value(5, MeasurementType::DeviceMode, &QUIET)]);
        compare(&mut report, &[(1, &ROM)], &Signer::Somebody, Completeness::Some);
        report
    };
    let good = complete().build();
    assert_eq!(appraised(&good)["ear_status"], "affirming");
    for kind in ReportErrorKind::ALL {
        let submodule = claims(&ear_of(&good, Some(kind)))["submods"]["here"].clone();
        let status = submodule["ear_status"].as_str().unwrap();
        assert!(["none", "contraindicated"].contains(&status), "{kind:?} {submodule}");
    }
    // Checks that fail one by one, with the rest as it should be.
    for check in AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL) {
        let mut report = complete();
        report.fail(check, "it does not hold");
        let report = report.build();
        assert!(!report.verified());
        let submodule = appraised(&report);
        let status = submodule["ear_status"].as_str().unwrap();
        assert_eq!(status, "contraindicated", "{check:?}");
        let vector = submodule["ear_trustworthiness_vector"].as_object().unwrap();
        let affirms = |number: &Value| (2..32).contains(&number.as_u64().unwrap());
        assert!(!vector.values().any(affirms), "{check:?} {submodule}");
        assert!(submodule.get("spdm_identity").is_none(), "{check:?}");
    }
    let mut old = complete();
    old.rejected("the version is 1.2, but 1.3 or later is required");
    assert_row(old, "contraindicated", [2, 3, 2, 0]);
    // No signature covers the nonce that was asked for, and no check fails for that.
    let all = certificates(1);
    let asked = Freshness::Expected { proof: Proof::KeyExchange, nonce: RequesterNonce([7; 32]) };
    let mut stale = Attested::expecting(asked, all.clone(), &all[..1]).report;
    stale.measurements(vec![rom()]);
    stale.rejected("the version is 1.2, but 1.3 or later is required");
    assert_row(stale, "contraindicated", [0, 0, 0, 0]);
    // Nothing is proven, and no check fails.
    let mut nothing = ReportBuilder::new("here", Freshness::Unknown, &PROVIDER);
    nothing.rejected("the version is 1.2, but 1.3 or later is required");
    assert_row(nothing, "contraindicated", [0, 0, 0, 0]);
    // What runs on it differs, and something else does not hold either.
    let mut both = signed(vec![rom()]);
    compare(&mut both, &[(1, &OTHER)], &Signer::Somebody, Completeness::Some);
    both.fail(AttestationCheck::EatSignature, "it does not hold");
    assert_row(both, "contraindicated", [0, 0, 96, 0]);
    // What nobody signed says nothing.
    let mut forged = signed(vec![value(5, MeasurementType::DeviceMode, &DEBUGGED)]);
    forged.failed(&Error::Signature { message: "MEASUREMENTS" });
    assert_row(forged, "contraindicated", [97, 0, 0, 0]);
    let mut missing = complete();
    missing.require(AttestationCheck::KnownDevice);
    assert_row(missing, "none", [0, 0, 0, 0]);
}
