//! What a report shows of a device, and what it says where it shows nothing.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, Code, DeviceMode, MeasurementRecord, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{Device, KeyProvisioning};
use spdm_evidence::{
    AttestationCheck, CertificateList, CheckStatus, ExitClass, MeasuredValue, Negotiation, Note,
    Recording, Report, ReportErrorKind, Signatures,
};
use spdm_requester::Negotiated;
use spdm_untrusted::Untrusted;
use spdm_x509::ChainLimits;

use crate::forged::{
    chain, challenge, device, evidence, exchange, indices, judged, measure, negotiation, report,
    structure,
};
use crate::requests;

/// How a check ended, and what the report says of it.
fn row(report: &Report, check: AttestationCheck) -> (CheckStatus, &str) {
    let row = report.checks().iter().find(|row| row.check == check).unwrap();
    (row.status, &row.detail)
}

/// The kind of the error, its sentence, and the exit code that it calls for.
fn error(report: &Report) -> (ReportErrorKind, &str, ExitClass) {
    let error = report.error().unwrap();
    (error.kind, error.message.as_str(), report.exit_class())
}

const UNSIGNED: (CheckStatus, &str) = (CheckStatus::Skipped, "the measurements are not signed");

/// Without the chain or the key, what was measured is shown, and that nobody checked the signature.
#[test]
fn measurements_that_no_key_could_check() {
    let mut a = device(1, |_| ());
    let mut b = device(1, |config| config.provisioning = KeyProvisioning::PublicKey);
    let (of_a, of_b) = (negotiation(&mut a), negotiation(&mut b));
    let signed = [measure(&mut a, 1, 0, 7), measure(&mut b, 1, 0x0F, 7)];
    let why = [
        "signed, not checked: no usable certificate chain of this slot",
        "the device's public key is not given",
    ];
    for (((device, vca), signed), why) in [(a, of_a), (b, of_b)].iter().zip(signed).zip(why) {
        let report = report(&evidence(&[vca, &[signed]]), device, |verifier| {
            verifier.required = Signatures::Any;
        });
        assert_eq!((report.verified(), indices(&report)), (false, vec![1]));
        let expected = (CheckStatus::Skipped, why);
        assert_eq!(row(&report, AttestationCheck::MeasurementsSignature), expected);
        let message = format!("no signature of the device could be verified: {why}");
        assert_eq!(error(&report), (ReportErrorKind::Unproven, &*message, ExitClass::Rejected));
    }
}

#[test]
fn measurements_that_nobody_signed() {
    let format = AttestationCheck::MeasurementsFormat;
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let challenged = [challenge(&mut a, 0, 7)];
    let unsigned = [exchange(&mut a, vec![0x12, 0xE0, 0, 1])];
    // Where nothing is signed they are shown.
    let alone = report(&evidence(&[&vca, &unsigned]), &a, |_| ());
    assert_eq!((indices(&alone), row(&alone, format)), (vec![1], UNSIGNED));
    let message = "no signature of the device could be verified";
    assert_eq!(error(&alone), (ReportErrorKind::Unproven, message, ExitClass::Rejected));
    let nothing = report(&evidence(&[&vca]), &a, |_| ());
    assert_eq!(row(&nothing, format), (CheckStatus::Skipped, "no signed MEASUREMENTS"));
    // Beside a signature they are not, whoever trusts the key that made it.
    let both = evidence(&[&vca, &chain, &challenged, &unsigned]);
    for (trusted, verified) in [(a, true), (device(2, |_| ()), false)] {
        let report = report(&both, &trusted, |_| ());
        assert_eq!((report.verified(), indices(&report)), (verified, vec![]));
        assert_eq!(row(&report, format), UNSIGNED);
        assert_eq!(report.content_changed(), None);
    }
}

#[test]
fn a_version_below_the_lowest_that_is_accepted() {
    let mut a = device(1, |_| ());
    let file = evidence(&[&negotiation(&mut a), &chain(&mut a), &[measure(&mut a, 1, 0, 7)]]);
    for least in SpdmVersion::ALL {
        let report = report(&file, &a, |verifier| verifier.min_version = Some(least));
        assert_eq!(report.verified(), least <= SpdmVersion::V1_2, "{least}");
        if !report.verified() {
            let message = format!("the version is 1.2, but {least} or later is required");
            assert_eq!(error(&report), (ReportErrorKind::Policy, &*message, ExitClass::Rejected));
        }
    }
}

/// A signed answer whose request is not on record is named by what it is.
#[test]
fn answers_without_their_request() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let both = [challenge(&mut a, 0, 7), measure(&mut a, 1, 0, 8)];
    for (code, check) in [
        (Code::CHALLENGE_AUTH, "challenge.signature"),
        (Code::MEASUREMENTS, "measurements.signature"),
        (Code::KEY_EXCHANGE_RSP, "session.key_exchange"),
    ] {
        let mut file = evidence(&[&vca, &chain, &both]);
        file.recordings[0].notes.push(Note::Stray { code });
        let report = judged(&file, &a, |_| ()).remove(0);
        let message = format!("{check} was asked for: the request of a {code} is not on record");
        assert_eq!(error(&report), (ReportErrorKind::Required, &*message, ExitClass::Rejected));
    }
}

#[test]
fn a_basis_without_a_measurement() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let (challenged, count) = (challenge(&mut a, 0, 7), measure(&mut a, 0, 0, 8));
    for (signed, expected) in [
        (vec![count.clone()], "MEASUREMENTS without a measurement alone"),
        (vec![challenged, count], "CHALLENGE and MEASUREMENTS without a measurement"),
    ] {
        let report = report(&evidence(&[&vca, &chain, &signed]), &a, |_| ());
        assert_eq!(report.basis().unwrap().to_string(), expected);
    }
}

/// Which of the nonces is the expected one, a file does not say.
#[test]
fn no_nonce_is_checked_where_none_is_expected() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let both = [challenge(&mut a, 0, 7), measure(&mut a, 1, 0, 8)];
    let report = report(&evidence(&[&vca, &chain, &both]), &a, |_| ());
    assert_eq!((report.verified(), report.fresh()), (true, None));
    for check in [AttestationCheck::ChallengeNonce, AttestationCheck::MeasurementsNonce] {
        assert_eq!(
            row(&report, check),
            (CheckStatus::Skipped, "no nonce is given to compare with")
        );
    }
}

/// A device of 1.1 by its MEASUREMENTS, and what the caller says of its algorithms: nothing of the negotiation is in the
/// report, so nothing of it is called unsigned.
#[test]
fn what_the_caller_presumes_is_not_forgotten() {
    let mut a = device(1, |config| config.versions = vec![SpdmVersion::V1_1]);
    for request in [
        vec![0x10, 0x84, 0, 0],
        vec![0x11, 0xE1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0],
        [&[0x11, 0xE3, 0, 0, 32, 0, 1, 0, 0x80, 0, 0, 0, 2, 0, 0, 0][..], &[0; 16]].concat(),
    ] {
        exchange(&mut a, request);
    }
    let portion = exchange(&mut a, vec![0x11, 0x82, 0, 0, 0, 0, 0, 0x10]).response.unwrap();
    let measured = exchange(&mut a, [&[0x11, 0xE0, 1, 1][..], &[7; 32], &[0]].concat());
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P384);
    let presumed = Negotiated::presumed(SpdmVersion::V1_1, asym, HashAlgorithm::Sha384);
    let mut file = evidence(&[]);
    file.recordings = vec![Recording::new(Negotiation::Presumed(presumed), 0)];
    file.recordings[0].exchanges.push(measured);
    file.attach_chain(SlotId::ZERO, &portion[8..]);
    let report = judged(&file, &a, |_| ()).remove(0);
    assert_eq!(
        report.basis().unwrap().to_string(),
        "signed MEASUREMENTS alone; the negotiation is not signed"
    );
    assert_eq!(report.notes(), []);
    // 1.1 has no place in which it would say so.
    assert_eq!(report.content_changed(), None);
}

/// The negotiation and one signature of a device whose chain, which is attached, is `change`d.
fn with_chain(
    hash: BaseHashAlgo,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> (spdm_evidence::Evidence, Device) {
    let mut a = device(1, |_| ());
    let vca = requests::negotiation(BaseAsymAlgo::ECDSA_P384, hash)
        .map(|request| exchange(&mut a, request));
    let structure = structure(&chain(&mut a));
    let mut file = evidence(&[&vca, &[measure(&mut a, 1, 0, 7)]]);
    file.attach_chain(SlotId::ZERO, &change(structure));
    (file, a)
}

/// The leaf says that it is signed with an algorithm of SPDM that no backend has: that is no fault of the device.
#[test]
fn a_certificate_that_is_signed_with_an_algorithm_that_is_not_implemented() {
    // ecdsa-with-SHA384, and SM2.
    let from = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3];
    let to = [0x2A, 0x81, 0x1C, 0xCF, 0x55, 1, 0x83, 0x75];
    let (file, a) = with_chain(BaseHashAlgo::SHA_384, |mut chain| {
        let places: Vec<_> =
            (0..chain.len() - 8).filter(|at| chain[*at..*at + 8] == from).collect();
        // Inside the signed part of the leaf and behind it.
        for at in places.iter().rev().take(2) {
            chain[*at..*at + 8].copy_from_slice(&to);
        }
        chain
    });
    let report = report(&file, &a, |_| ());
    let message = "certificate 2: this build does not have SM2 (SM2_P256)";
    assert_eq!(error(&report), (ReportErrorKind::Unsupported, message, ExitClass::Usage));
    assert_eq!(row(&report, AttestationCheck::ChainSignatures), (CheckStatus::Fail, message));
}

#[test]
fn a_chain_with_more_certificates_than_are_allowed() {
    let (file, a) = with_chain(BaseHashAlgo::SHA_384, |chain| chain);
    let limited = |max_certificates| {
        report(&file, &a, |verifier| {
            verifier.limits = ChainLimits { max_certificates, ..ChainLimits::DEFAULT };
        })
    };
    assert!(limited(3).verified());
    let message = "the chain has 3 certificates, more than are allowed";
    let refused = limited(2);
    assert_eq!(error(&refused), (ReportErrorKind::Chain, message, ExitClass::Rejected));
    // Another fault of a chain is not called so.
    let unknown = report(&file, &device(2, |_| ()), |_| ());
    assert!(error(&unknown).1.contains("SHA-256 of the root: "), "{:?}", unknown.error());
}

/// What a person pins: the digest of the root certificate, or RootHash where that is the same.
#[test]
fn the_digest_of_the_root() {
    let without_root = |hash_len: usize| {
        move |chain: Vec<u8>| {
            let list = CertificateList::read(&chain[4 + hash_len..]).unwrap();
            let rest = list.certificates()[1..].concat();
            let len = u16::try_from(4 + hash_len + rest.len()).unwrap().to_le_bytes();
            [&len[..], &[0, 0], &chain[4..4 + hash_len], &rest].concat()
        }
    };
    let root = device(1, |_| ()).trust_anchors().remove(0);
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&root]).unwrap();
    let digest = Some(hex::encode(digest.as_bytes()));
    let shown = |(file, a): (spdm_evidence::Evidence, Device)| {
        let report = report(&file, &a, |_| ());
        assert!(report.verified(), "{:?}", report.error());
        if row(&report, AttestationCheck::ChainRoot).0 != CheckStatus::Pass {
            let expected = (CheckStatus::Skipped, "the root certificate is not at hand");
            assert_eq!(row(&report, AttestationCheck::ChainRoot), expected);
        }
        report.identity().root_sha256.clone()
    };
    assert_eq!(shown(with_chain(BaseHashAlgo::SHA_256, |chain| chain)), digest);
    assert_eq!(shown(with_chain(BaseHashAlgo::SHA_384, |chain| chain)), digest);
    assert_eq!(shown(with_chain(BaseHashAlgo::SHA_256, without_root(32))), digest);
    assert_eq!(shown(with_chain(BaseHashAlgo::SHA_384, without_root(48))), None);
}

/// A device that is known by its key: no check of a chain is made, and each says why.
#[test]
fn a_public_key_has_no_chain() {
    let mut a = device(1, |config| config.provisioning = KeyProvisioning::PublicKey);
    let file = evidence(&[&negotiation(&mut a), &[measure(&mut a, 1, 0x0F, 7)]]);
    let report = report(&file, &a, |_| ());
    assert_eq!(report.slot(), Some(0xFF));
    let chain = "slot 0xFF has a public key instead of a chain";
    for (check, detail) in [
        (AttestationCheck::ChainFormat, chain),
        (AttestationCheck::ChainAnchor, chain),
        (AttestationCheck::LeafSan, "a public key carries no name"),
        (AttestationCheck::ChallengeSignature, "no CHALLENGE_AUTH"),
    ] {
        assert_eq!(row(&report, check), (CheckStatus::Skipped, detail));
    }
}

/// A raw value as a version of firmware often is: text without the zeros behind it. What could steer a terminal is none.
#[test]
fn a_raw_value_as_text() {
    let text = |value: &[u8]| {
        let len = u8::try_from(value.len()).unwrap();
        // Index 1, DMTF, and a raw bit stream of mutable firmware.
        let block = [&[1, 1, len + 3, 0, 0x81, len, 0][..], value].concat();
        let record = MeasurementRecord::decode(Untrusted::new(&block), 1).unwrap();
        MeasuredValue::of_record(&record).remove(0).text
    };
    for value in [&b"96.00 A/b"[..], b"96.00 A/b\0", b"96.00 A/b\0\0\0"] {
        assert_eq!(text(value).as_deref(), Some("96.00 A/b"));
    }
    for value in [&[0; 4][..], b"\x1b[2K", b"a\0b", b"a\n", "\u{e9}".as_bytes(), &[0xFF, 0x41]] {
        assert_eq!(text(value), None, "{value:?}");
    }
}

/// A block whose format is not DMTF's is shown as it came: nothing is said of what it means.
#[test]
fn a_measurement_in_a_format_of_somebody_else() {
    // Index 7, MeasurementSpecification 4, and three bytes that would be a DMTF header.
    let block = [7, 4, 3, 0, 0x87, 0, 0];
    let record = MeasurementRecord::decode(Untrusted::new(&block), 1).unwrap();
    let value = MeasuredValue::of_record(&record).remove(0);
    assert_eq!((value.index, value.kind, value.raw), (7, "other", true));
    assert_eq!(value.value, [0x87, 0, 0]);
    assert_eq!((value.text, value.svn, value.device_mode), (None, None, None));
}

/// It is a number of eight bytes, the lowest one first; in another length it is none, and never text.
#[test]
fn a_security_version_number() {
    let shown = |value: &[u8]| {
        let len = u8::try_from(value.len()).unwrap();
        // Index 1, DMTF, and a raw bit stream of the type of security version numbers.
        let block = [&[1, 1, len + 3, 0, 0x87, len, 0][..], value].concat();
        let record = MeasurementRecord::decode(Untrusted::new(&block), 1).unwrap();
        let value = MeasuredValue::of_record(&record).remove(0);
        assert_eq!((value.kind, value.text), ("firmware_security_version", None));
        value.svn
    };
    assert_eq!(shown(&[0x42, 1, 0, 0, 0, 0, 0, 0]), Some(0x142));
    assert_eq!(shown(b"1.2"), None);
}

/// DSP0274, "Device mode field of a measurement block".
#[test]
fn the_modes_of_a_device_in_words() {
    let mode = DeviceMode {
        operational_mode_capabilities: 0b11_1111,
        operational_mode_state: 0b100,
        device_mode_capabilities: 0b1_1111,
        device_mode_state: 1 << 31 | 0b10,
    };
    // Index 1, DMTF, and a raw bit stream of the type of device modes.
    let block = [&[1, 1, 19, 0, 0x85, 16, 0][..], &mode.to_bytes()].concat();
    let record = MeasurementRecord::decode(Untrusted::new(&block), 1).unwrap();
    let value = MeasuredValue::of_record(&record).remove(0);
    assert_eq!(value.kind, "device_mode");
    let modes = value.device_mode.unwrap();
    assert_eq!(
        modes.operational_capabilities,
        ["manufacturing", "validation", "normal", "recovery", "rma", "decommissioned"]
    );
    assert_eq!(modes.operational_state, ["normal"]);
    assert_eq!(
        modes.debug_capabilities,
        [
            "non_invasive_active",
            "invasive_active",
            "non_invasive_was_active",
            "invasive_was_active",
            "invasive_was_active_after_manufacturing"
        ]
    );
    assert_eq!(modes.debug_state, ["invasive_active", "bit 31"]);
}
