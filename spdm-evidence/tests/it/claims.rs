//! What a device claims in its measurement manifest: tables of contents and tokens.

use spdm_appraisal::Dialect;
use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, DmtfMeasurement, MANIFEST_INDEX, MeasurementForm,
    MeasurementHashAlgo, MeasurementType, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_emulator::{Device, DeviceConfig, DeviceIdentity};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Freshness, MeasuredValue, Recorder, Reference, Report,
    ReportBuilder, TokenOptions,
};

use crate::corim_build::{
    array, bytes, class, corim, digests, map, measurement, negative, sign1, tag, text, triple, uint,
};
use crate::live::attest;
use crate::recorder::Wire;
use crate::testing::{
    ASYM, Template, basic_constraints, certificates, extension, hardware_identity, key, key_usage,
    tlv,
};

/// The value that the device measures for index 1.
pub(crate) const ROM: [u8; 48] = [1; 48];
const MANIFEST: AttestationCheck = AttestationCheck::ManifestFormat;
const SIGNATURE: AttestationCheck = AttestationCheck::EatSignature;
const NONCE: AttestationCheck = AttestationCheck::EatNonce;
const PROFILE: AttestationCheck = AttestationCheck::EatProfile;

pub(crate) fn value(
    index: u8,
    kind: MeasurementType,
    form: MeasurementForm,
    value: &[u8],
) -> MeasuredValue {
    MeasuredValue::of_measurement(index, &DmtfMeasurement { value_type: kind, form, value })
}

/// What the attestation of a device gave, whose leaf is that of the minted chain.
pub(crate) struct Attested {
    pub(crate) report: ReportBuilder,
    nonce: Vec<u8>,
}

impl Attested {
    pub(crate) fn new() -> Self {
        Self::of(certificates(1))
    }

    fn of(all: Vec<Vec<u8>>) -> Self {
        let trusted = all[..1].to_vec();
        Self::trusting(all, &trusted)
    }

    /// Of these certificates, whose root need not be one of the trusted ones.
    pub(crate) fn trusting(all: Vec<Vec<u8>>, trusted: &[Vec<u8>]) -> Self {
        Self::expecting(Freshness::Own, all, trusted)
    }

    /// As [`Self::trusting`], with what is known of nonces.
    pub(crate) fn expecting(freshness: Freshness, all: Vec<Vec<u8>>, trusted: &[Vec<u8>]) -> Self {
        Self::configured(freshness, all, trusted, DeviceConfig::default())
    }

    /// Of a device whose measurement digests are of this algorithm.
    pub(crate) fn measuring(measurement_hash: MeasurementHashAlgo) -> Self {
        let all = certificates(1);
        let trusted = all[..1].to_vec();
        let config = DeviceConfig { measurement_hash, ..DeviceConfig::default() };
        Self::configured(Freshness::Own, all, &trusted, config)
    }

    fn configured(
        freshness: Freshness,
        all: Vec<Vec<u8>>,
        trusted: &[Vec<u8>],
        config: DeviceConfig,
    ) -> Self {
        let identity = DeviceIdentity::new(key("Leaf"), all).unwrap();
        let config = DeviceConfig {
            versions: vec![SpdmVersion::V1_2],
            base_asym: BaseAsymAlgo::ECDSA_P256,
            base_hash: BaseHashAlgo::SHA_256,
            identity: Some(identity),
            ..config
        };
        let mut wire = Wire::of(Device::new(config).unwrap());
        let mut report = ReportBuilder::new("here", freshness, &PROVIDER);
        attest(&mut wire, trusted, &mut Recorder::new(0), &mut report, |_| ());
        let nonce = report.clone().build().nonces().measurements.clone().unwrap_or_default();
        Self { report, nonce: hex::decode(nonce).unwrap() }
    }

    /// As if the signed measurements had been the ROM's digest and this manifest.
    pub(crate) fn judge(&self, manifest: &[u8], options: &TokenOptions<'_>) -> ReportBuilder {
        let kind = MeasurementType::FreeformManifest;
        self.judge_all(
            &[value(MANIFEST_INDEX, kind, MeasurementForm::RawBitStream, manifest)],
            options,
        )
    }

    /// As if the signed measurements had been the ROM's digest and these.
    pub(crate) fn judge_all(
        &self,
        values: &[MeasuredValue],
        options: &TokenOptions<'_>,
    ) -> ReportBuilder {
        let rom = value(1, MeasurementType::ImmutableRom, MeasurementForm::Digest, &ROM);
        let mut report = self.report.clone();
        report.measurements([&[rom], values].concat());
        report.claims(options);
        report
    }

    pub(crate) fn claims(&self) -> Vec<(i64, Vec<u8>)> {
        claims_over(&self.nonce)
    }

    pub(crate) fn token(&self, signer: &SoftwareKey, claims: &[(i64, Vec<u8>)]) -> Vec<u8> {
        token(signer, claims)
    }

    pub(crate) fn good(&self) -> Vec<u8> {
        self.token(&key("Leaf"), &self.claims())
    }
}

fn claims_over(nonce: &[u8]) -> Vec<(i64, Vec<u8>)> {
    let profile = [0x2B, 6, 1, 4, 1, 0x82, 0xCC, 0x7F, 1, 3];
    vec![
        (1, text("Le\u{1b}af")),
        (10, bytes(nonce)),
        (263, uint(2)),
        (265, bytes(&profile)),
        (273, array(&[array(&[uint(10571), bytes(&evidence())])])),
    ]
}

/// A token with these claims by this key, which it names by the certificate of the leaf.
fn token(signer: &SoftwareKey, claims: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let leaf = certificates(1).pop().unwrap();
    let unprotected = [(33, bytes(&leaf))];
    sign1(signer, &[(1, negative(6)), (3, uint(263))], &unprotected, &map(claims))
}

/// The token of the device over this nonce.
pub(crate) fn token_over(nonce: &[u8]) -> Vec<u8> {
    token(&key("Leaf"), &claims_over(nonce))
}

/// Concise evidence of ACME WIDGET: a firmware that the record has no block of, and the ROM by its block.
pub(crate) fn evidence() -> Vec<u8> {
    evidence_of("WIDGET")
}

fn evidence_of(model: &str) -> Vec<u8> {
    let rom = map(&[(1, map(&[(11, text("ROM")), (12, map(&[(0, array(&[uint(1)]))]))]))]);
    let firmware = measurement(7, &[(2, digests(&[(7, &[9; 48])])), (1, uint(3))]);
    let triples = array(&[triple(class("ACME", model), &[rom, firmware])]);
    tag(571, map(&[(0, map(&[(0, triples)]))]))
}

pub(crate) fn toc() -> Vec<u8> {
    let locators = array(&[map(&[(0, tag(32, text("https://a.example/")))])]);
    tag(570, map(&[(0, array(&[evidence()])), (1, locators)]))
}

pub(crate) fn built(mut report: ReportBuilder) -> Report {
    let check = AttestationCheck::MeasurementsReference;
    report.skip(check, "no reference values are given");
    report.build()
}

pub(crate) fn statuses(report: &Report) -> Vec<(AttestationCheck, CheckStatus)> {
    let results = report.checks().iter().map(|result| (result.check, result.status));
    results.filter(|(check, _)| [MANIFEST, SIGNATURE, NONCE, PROFILE].contains(check)).collect()
}

#[test]
fn a_manifest_of_another_form_is_no_check() {
    let attested = Attested::new();
    for manifest in [&b"text"[..], b"", &[0xD9], &[0xD9, 0x01, 0xF5, 0xA0]] {
        let report = built(attested.judge(manifest, &TokenOptions::NONE));
        assert!(report.verified(), "{:?}", report.error());
        assert_eq!((statuses(&report), report.claims()), (vec![], None));
    }
}

#[test]
fn a_table_of_contents_is_shown() {
    let attested = Attested::new();
    let report = built(attested.judge(&toc(), &TokenOptions::NONE));
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(statuses(&report), [(MANIFEST, CheckStatus::Pass)]);
    let claims = report.claims().unwrap();
    assert_eq!(claims.rim_locators, ["https://a.example/"]);
    assert_eq!(claims.token, None);
    let [rom, firmware] = &claims.elements[..] else { unreachable!("{claims:?}") };
    assert_eq!((rom.name.as_deref(), rom.element.as_deref()), (Some("ROM"), Some("1")));
    assert_eq!(rom.digests[0].value, hex::encode(ROM));
    assert_eq!((firmware.svn, firmware.element.as_deref()), (Some(3), Some("7")));
    assert_eq!(firmware.environment.vendor.as_deref(), Some("ACME"));
}

#[test]
fn na10_a_manifest_that_points_nowhere_or_is_cut_is_rejected() {
    let attested = Attested::new();
    let nowhere = map(&[(1, map(&[(12, map(&[(0, array(&[uint(5)]))]))]))]);
    let triples = array(&[triple(class("ACME", "WIDGET"), &[nowhere])]);
    let evidence = tag(571, map(&[(0, map(&[(0, triples)]))]));
    let toc = toc();
    for manifest in [&evidence[..], &toc[..toc.len() - 1], &[&toc[..], &[0]].concat()] {
        let report = built(attested.judge(manifest, &TokenOptions::NONE));
        assert_eq!(statuses(&report), [(MANIFEST, CheckStatus::Fail)]);
        assert_eq!((report.verified(), report.claims()), (false, None));
        let message = &report.error().unwrap().message;
        assert!(message.starts_with("manifest.format: measurement 253: "), "{message}");
    }
}

#[test]
fn a_token_by_the_leaf_with_the_nonce_of_the_measurements() {
    let attested = Attested::new();
    let report = built(attested.judge(&attested.good(), &TokenOptions::NONE));
    assert!(report.verified(), "{:?}", report.error());
    let all = [MANIFEST, SIGNATURE, NONCE, PROFILE].map(|check| (check, CheckStatus::Pass));
    assert_eq!(statuses(&report), all);
    let claims = report.claims().unwrap();
    let token = claims.token.as_ref().unwrap();
    // What could steer a terminal is escaped.
    assert_eq!(token.issuer.as_deref(), Some("Le\\u{1b}af"));
    assert_eq!((token.debug, token.index), ("disabled_since_boot", MANIFEST_INDEX));
    assert_eq!(claims.elements.len(), 2);
}

#[test]
fn na11_a_token_that_is_stale_or_by_somebody_else() {
    let attested = Attested::new();
    let nonce = |nonce: &[u8]| {
        let mut claims = attested.claims();
        claims[1].1 = bytes(nonce);
        attested.token(&key("Leaf"), &claims)
    };
    let other_profile = {
        let mut claims = attested.claims();
        claims[3].1 = bytes(&[0x2B, 6, 1, 4, 1, 0x82, 0xCC, 0x7F, 1, 9]);
        attested.token(&key("Leaf"), &claims)
    };
    let [_, other, _] = certificates(1).try_into().unwrap();
    let claims = map(&attested.claims());
    let headers = [(1, negative(6)), (3, uint(263))];
    // Valid, fresh, and below the same root, as a token of another device would be.
    let of_another = sign1(&key("CA 1"), &headers, &[(33, bytes(&other))], &claims);
    for (token, failed) in [
        (nonce(&[0; 32]), NONCE),
        (nonce(&[8; 32]), NONCE),
        (nonce(&[7; 7]), NONCE),
        (of_another, SIGNATURE),
        (attested.token(&key("Other"), &attested.claims()), SIGNATURE),
        (sign1(&key("Leaf"), &headers, &[(33, bytes(b"no certificate"))], &claims), SIGNATURE),
        (other_profile, PROFILE),
        (attested.token(&key("Leaf"), &attested.claims()[..4]), MANIFEST),
    ] {
        let report = built(attested.judge(&token, &TokenOptions::NONE));
        assert!(!report.verified());
        assert_eq!(report.status(failed), CheckStatus::Fail, "{:?}", statuses(&report));
        let has_elements = report.claims().is_some_and(|claims| !claims.elements.is_empty());
        assert!(!has_elements || failed == NONCE);
    }
}

#[test]
fn na11_a_token_in_measurements_that_are_not_signed() {
    let attested = Attested::new();
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    let kind = MeasurementType::FreeformManifest;
    let form = MeasurementForm::RawBitStream;
    report.measurements(vec![value(MANIFEST_INDEX, kind, form, &attested.good())]);
    report.claims(&TokenOptions::NONE);
    let report = built(report);
    assert!(!report.verified());
    assert_eq!((statuses(&report), report.claims()), (vec![], None));
}

#[test]
fn what_is_asked_for_must_be_there() {
    let attested = Attested::new();
    let key_info = key("Leaf").to_spki_der();
    let (sent, keys) = ([5_u8; 16], [key_info.as_slice()]);
    let with_nonce = TokenOptions { nonce: Some(&sent), ..TokenOptions::NONE };
    let with_key = TokenOptions { keys: &keys, ..TokenOptions::NONE };
    for options in [with_nonce, with_key] {
        let report = built(attested.judge(&toc(), &options));
        assert!(!report.verified());
        let skipped = [SIGNATURE, NONCE].map(|check| (check, CheckStatus::Skipped));
        assert_eq!(statuses(&report), [&[(MANIFEST, CheckStatus::Pass)], &skipped[..]].concat());
        let message = &report.error().unwrap().message;
        assert_eq!(message, "eat.signature is required: no token");
    }
    // A nonce of the caller's counts beside that of GET_MEASUREMENTS.
    let mut claims = attested.claims();
    claims[1].1 = bytes(&sent);
    let token = attested.token(&key("Leaf"), &claims);
    assert!(built(attested.judge(&token, &with_nonce)).verified());
    assert!(built(attested.judge(&attested.good(), &with_nonce)).verified());
    assert!(!built(attested.judge(&token, &TokenOptions::NONE)).verified());
}

#[test]
fn a_key_that_nobody_has_says_nothing_until_it_is_given() {
    let attested = Attested::new();
    let claims = map(&attested.claims());
    let headers = [(1, negative(6))];
    let token = sign1(&key("Other"), &headers, &[(4, bytes(&[0x5A; 48]))], &claims);
    let report = built(attested.judge(&token, &TokenOptions::NONE));
    assert!(report.verified());
    let skipped = [SIGNATURE, NONCE].map(|check| (check, CheckStatus::Skipped));
    assert_eq!((statuses(&report), report.claims()), (skipped.to_vec(), None));
    let sent = TokenOptions { nonce: Some(&[5; 8]), ..TokenOptions::NONE };
    assert!(!built(attested.judge(&token, &sent)).verified());

    let key_info = key("Other").to_spki_der();
    let keys = [key_info.as_slice()];
    let given = TokenOptions { keys: &keys, ..TokenOptions::NONE };
    let report = built(attested.judge(&token, &given));
    assert!(report.verified(), "{:?}", report.error());
    let signature = report.checks().iter().find(|result| result.check == SIGNATURE).unwrap();
    assert_eq!(
        signature.detail,
        "the token in measurement 253 is signed by a given key, the measurements by that of the leaf"
    );
    let notes: Vec<_> = report.notes().iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("no content type")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("key id")), "{notes:?}");
}

#[test]
fn profiles_as_text_are_read_under_compatible() {
    let attested = Attested::new();
    let mut claims = attested.claims();
    claims[3].1 = tag(111, bytes(b"1.3.6.1.4.1.42623.1.3"));
    let token = attested.token(&key("Leaf"), &claims);
    let compatible = TokenOptions { dialect: Dialect::Compatible, ..TokenOptions::NONE };
    let report = built(attested.judge(&token, &compatible));
    assert!(report.verified(), "{:?}", report.error());
    assert!(report.notes().len() >= 2);
    let strict = built(attested.judge(&token, &TokenOptions::NONE));
    assert_eq!((strict.verified(), strict.status(PROFILE)), (false, CheckStatus::Fail));
}

/// The reference values are about what the manifest claims.
fn compared(attested: &Attested, manifest: &[u8], values: &[Vec<u8>]) -> Report {
    judged(attested, manifest, &corim(&[triple(class("ACME", "WIDGET"), values)]))
}

pub(crate) fn judged(attested: &Attested, manifest: &[u8], file: &[u8]) -> Report {
    let trust = spdm_appraisal::ReferenceTrust {
        provider: &PROVIDER,
        anchors: &[],
        keys: &[],
        validity: spdm_x509::ValidityCheck::Unchecked,
    };
    let read = spdm_evidence::ReferenceFile::read("a.corim", file, Dialect::Strict, &trust);
    let reference = Reference::new(vec![read.unwrap()]);
    let mut report = attested.judge(manifest, &TokenOptions::NONE);
    report.reference(&reference);
    report.build()
}

#[test]
fn what_is_claimed_is_compared_with_reference_values() {
    let attested = Attested::new();
    let firmware = |value: u8| measurement(7, &[(2, digests(&[(7, &[value; 48])]))]);
    let named = |value: &[u8]| measurement(1, &[(2, digests(&[(7, value)])), (11, text("ROM"))]);
    for manifest in [toc(), attested.good()] {
        let report = compared(&attested, &manifest, &[firmware(9), named(&ROM)]);
        assert!(report.verified(), "{:?}", report.error());
        for values in [vec![firmware(8)], vec![named(&[2; 48])]] {
            let report = compared(&attested, &manifest, &values);
            assert!(!report.verified());
            let message = &report.error().unwrap().message;
            assert!(message.contains("ACME WIDGET"), "{message}");
        }
    }
    // What nobody here can verify claims nothing.
    let headers = [(1, negative(6))];
    let unsigned =
        sign1(&key("Other"), &headers, &[(4, bytes(&[0x5A; 48]))], &map(&attested.claims()));
    assert!(!compared(&attested, &unsigned, &[firmware(9)]).verified());
}

#[test]
fn what_dice_says_of_the_leaf_is_what_reference_values_can_be_about() {
    const TCB_INFO: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x01];
    let info = tlv(0x30, &[&tlv(0x80, &[b"ACME"]), &tlv(0x81, &[b"WIDGET"]), &tlv(0x84, &[&[2]])]);
    let [root, authority, _] = certificates(1).try_into().unwrap();
    let leaf = Template::leaf("CA 1").keyed(ASYM, "Leaf");
    let extensions = [
        basic_constraints(&[]),
        key_usage(0x80),
        hardware_identity(),
        extension(TCB_INFO, &[], &info),
    ];
    let leaf = leaf.with(&extensions).signed_by("CA 1");
    let attested = Attested::of(vec![root, authority, leaf]);
    let rom = |value: &[u8]| measurement(1, &[(2, digests(&[(7, value)]))]);
    let about = |vendor: &str, model: &str, value: &[u8]| {
        let file = corim(&[triple(class(vendor, model), &[rom(value)])]);
        judged(&attested, b"no manifest", &file)
    };
    assert!(about("ACME", "WIDGET", &ROM).verified());
    assert!(!about("ACME", "WIDGET", &[2; 48]).verified());
    // Of another model, with the same index and value.
    let other = about("ACME", "GADGET", &ROM);
    let message = &other.error().unwrap().message;
    assert!(message.contains("vendor ACME, model WIDGET"), "{message}");
    // Nor if the manifest claims to be that model.
    for (model, counts) in [("WIDGET", true), ("GADGET", false)] {
        let manifest = tag(570, map(&[(0, array(&[evidence_of(model)]))]));
        let firmware = measurement(7, &[(2, digests(&[(7, &[9; 48])]))]);
        let report =
            judged(&attested, &manifest, &corim(&[triple(class("ACME", model), &[firmware])]));
        assert_eq!(report.verified(), counts, "{:?}", report.error());
    }
}

#[test]
fn a_manifest_cannot_make_up_for_a_block_that_a_reference_without_environment_names() {
    let attested = Attested::new();
    let json = |index: u8, value: &[u8]| {
        let value = hex::encode(value);
        format!(r#"{{"measurements": [{{"index": {index}, "value": "{value}"}}]}}"#)
    };
    let verified = |json: &str| {
        let reference = Reference::read(json.as_bytes()).unwrap();
        let mut report = attested.judge(&toc(), &TokenOptions::NONE);
        report.reference(&reference);
        report.build().verified()
    };
    assert!(verified(&json(1, &ROM)));
    assert!(!verified(&json(1, &[2; 48])));
    // Index 7 is claimed, and not measured.
    assert!(!verified(&json(7, &[9; 48])));
}
