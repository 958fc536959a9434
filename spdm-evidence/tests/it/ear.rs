//! Attestation results: what is said of a device, and who signs it.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};
use spdm_appraisal::{Dialect, ReferenceKey, ReferenceTrust};
use spdm_codec::{
    ContentChanged, DmtfMeasurement, MeasurementForm, MeasurementType, RequesterNonce,
};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Signed};
use spdm_evidence::{
    AttestationCheck, Completeness, Ear, EarKeyError, Freshness, MeasuredValue, Reference,
    ReferenceFile, Report, ReportBuilder, ReportErrorKind, TokenOptions, VerdictPolicy,
};
use spdm_requester::Error;
use spdm_x509::ValidityCheck;

use crate::claims::Attested;
use crate::corim_build::{class, corim, digests, measurement, protected, sign1, triple, uint};
use crate::testing::{ASYM, Template, certificates, key, name};

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

fn rom() -> MeasuredValue {
    value(1, MeasurementType::ImmutableRom, &ROM)
}

fn firmware() -> MeasuredValue {
    value(2, MeasurementType::MutableFirmware, &FIRMWARE)
}

fn straps() -> MeasuredValue {
    value(3, MeasurementType::HardwareConfiguration, &STRAPS)
}

/// A device that signed these measurements, as far as its report goes.
fn signed(values: Vec<MeasuredValue>) -> ReportBuilder {
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

fn claims(ear: &Ear) -> Value {
    serde_json::from_str(&ear.to_json().unwrap()).unwrap()
}

fn ear_of(report: &Report, failed: Option<ReportErrorKind>) -> Ear {
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
    // Nothing is proven, and no check fails.
    let mut nothing = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    nothing.rejected("the version is 1.2, but 1.3 or later is required");
    assert_row(nothing, "contraindicated", [0, 0, 0, 0]);
    let mut missing = complete();
    missing.require(AttestationCheck::KnownDevice);
    assert_row(missing, "none", [0, 0, 0, 0]);
}

fn jws_parts(token: &str) -> (Value, Value, String, Vec<u8>) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let json = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
    (json(header), json(payload), format!("{header}.{payload}"), decode(signature))
}

#[test]
fn tokens_are_signed_as_the_curve_of_the_key_demands() {
    let ear = ear_of(&signed(vec![rom()]).build(), None);
    for (curve, hash, name, len) in [
        (EcCurve::P256, HashAlgorithm::Sha256, "ES256", 64),
        (EcCurve::P384, HashAlgorithm::Sha384, "ES384", 96),
    ] {
        let asym = AsymAlgorithm::Ecdsa(curve);
        let key = SoftwareKey::from_seed(asym, [7; 32]).unwrap();
        Ear::check_key(&key).unwrap();
        let token = ear.to_jws(&key).unwrap();
        let (header, payload, message, signature) = jws_parts(&token);
        assert_eq!(header, json!({"alg": name, "typ": "JWT"}));
        assert_eq!((payload, signature.len()), (claims(&ear), len));
        let verify = |bytes: &[u8]| {
            let signed = Signed::Message { bytes, context: &[] };
            let mut verifiers = PROVIDER.verifiers.iter();
            let verifier = verifiers.find(|it| it.supports(asym, hash)).unwrap();
            verifier.verify(asym, hash, &key.public_key(), signed, &signature)
        };
        verify(message.as_bytes()).unwrap();
        verify(&message.as_bytes()[1..]).unwrap_err();
    }
    for asym in [AsymAlgorithm::Ecdsa(EcCurve::P521), AsymAlgorithm::Ed25519] {
        let key = SoftwareKey::from_seed(asym, [7; 32]).unwrap();
        assert_eq!(Ear::check_key(&key), Err(EarKeyError::Algorithm(asym)));
        assert_eq!(ear.to_jws(&key), Err(EarKeyError::Algorithm(asym)));
    }
}

#[test]
fn what_every_token_says() {
    let report = signed(vec![rom()]).build();
    let all = claims(&ear_of(&report, None));
    let nonce = hex::decode(report.nonces().measurements.as_ref().unwrap()).unwrap();
    assert_eq!(all["eat_profile"], "tag:ietf.org,2026:rats/ear#03");
    assert_eq!(all["iat"], 1_795_420_392);
    assert_eq!(
        all["ear_verifier_id"],
        json!({"developer": "https://example.org", "build": "spdm 1"})
    );
    assert_eq!(all["eat_nonce"], BASE64_URL_SAFE_NO_PAD.encode(&nonce));
    let submodule = &all["submods"]["here"];
    assert!(submodule.get("ear_appraisal_policy_ids").is_none());
    let identity = &submodule["spdm_identity"];
    assert_eq!(identity["leaf_sha256"], json!(report.leaf_sha256()));
    assert_eq!(identity["root_sha256"], json!(report.identity().root_sha256));
    assert_eq!(identity["slot"], 0);
}

/// A nonce that is not that of all is none of the result; one that was given is.
#[test]
fn the_nonce_of_a_result() {
    let (one, two) = (signed(vec![rom()]).build(), signed(vec![rom()]).build());
    assert_ne!(one.nonces(), two.nonces());
    let mut ear = ear_of(&one, None);
    ear.add(&two, None);
    assert!(claims(&ear).get("eat_nonce").is_none());
    let mut ear = ear_of(&one, None);
    ear.add_unjudged("other.json");
    assert!(claims(&ear).get("eat_nonce").is_none());
    let failed = claims(&ear_of(&one, Some(ReportErrorKind::Transport)));
    assert!(failed.get("eat_nonce").is_none());
    let mut ear = ear_of(&one, Some(ReportErrorKind::Transport));
    ear.nonce(&RequesterNonce([7; 32]));
    assert_eq!(claims(&ear)["eat_nonce"], BASE64_URL_SAFE_NO_PAD.encode([7; 32]));
}

/// Two devices are two submodules, also under one name.
#[test]
fn devices_never_collapse_into_one() {
    let good = signed(vec![rom()]).build();
    let mut bad = signed(vec![rom()]);
    bad.failed(&Error::Signature { message: "MEASUREMENTS" });
    let bad = bad.build();
    for order in [[&good, &bad, &good], [&bad, &good, &bad]] {
        let mut ear = Ear::new("", "", 0);
        order.iter().for_each(|report| {
            ear.add(report, None);
        });
        ear.add_unjudged("here (2)").add_unjudged("here");
        let all = claims(&ear);
        let submods = all["submods"].as_object().unwrap();
        let statuses: Vec<_> =
            submods.iter().map(|(name, it)| (name.as_str(), it["ear_status"].clone())).collect();
        let status =
            |report: &Report| if report.verified() { "affirming" } else { "contraindicated" };
        assert_eq!(
            statuses,
            [
                ("here", json!(status(order[0]))),
                ("here (2)", json!(status(order[1]))),
                ("here (2) (2)", json!("none")),
                ("here (3)", json!(status(order[2]))),
                ("here (4)", json!("none")),
            ]
        );
    }
}

/// A device and a file name themselves so that they would be read as something else.
#[test]
fn hostile_text_stays_text() {
    let hostile = "a\"},\"ear_status\":\"affirming\u{1b}[2J\u{202e}\\";
    let mut leaf = Template::leaf("CA 1");
    leaf.subject = name(hostile);
    let [root, authority, _] = certificates(1).try_into().unwrap();
    let leaf = leaf.keyed(ASYM, "Leaf").signed_by("CA 1");
    let all = vec![root, authority, leaf];
    let trusted = all[..1].to_vec();
    let report = Attested::trusting(all, &trusted).report.build();
    assert!(report.verified(), "{:?}", report.error());
    let mut ear = ear_of(&report, None);
    ear.add_unjudged(hostile);
    let text = ear.to_json().unwrap();
    assert!(text.chars().all(|it| it == '\n' || !it.is_control() && it != '\u{202e}'));
    let all = claims(&ear);
    assert_eq!(all["submods"].as_object().unwrap().len(), 2);
    let submodule = &all["submods"]["here"];
    assert_eq!(submodule.as_object().unwrap().len(), 3);
    let subject = submodule["spdm_identity"]["subject"].as_str().unwrap();
    assert!(subject.contains("affirming") && !subject.contains('\u{1b}'));
}
