//! The whole way in every version with every family of algorithms.

use spdm_codec::{
    BaseAsymAlgo, ChallengeAuth, ContentChanged, Digests, KeySlot, Measurement, MeasurementForm,
    MeasurementHashAlgo, MeasurementOperation, MeasurementSummary, MeasurementType, Measurements,
    Message, SlotId, SlotMask, SpdmVersion,
};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, RsaBits, RsaScheme};
use spdm_emulator::{Device, DeviceConfig, DeviceModel, KeyProvisioning};
use spdm_untrusted::Untrusted;

use crate::requester::{CONTEXT, Requester, challenge, get_measurements};

const SLOT: KeySlot = KeySlot::Slot(SlotId::ZERO);
pub(crate) const P384: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);
pub(crate) const SHA384: HashAlgorithm = HashAlgorithm::Sha384;

const SUITES: [(AsymAlgorithm, HashAlgorithm); 6] = [
    (AsymAlgorithm::Ecdsa(EcCurve::P256), HashAlgorithm::Sha256),
    (P384, SHA384),
    (AsymAlgorithm::Ecdsa(EcCurve::P521), HashAlgorithm::Sha3_256),
    (AsymAlgorithm::Ed25519, HashAlgorithm::Sha512),
    (AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B2048), HashAlgorithm::Sha3_384),
    (AsymAlgorithm::Rsa(RsaScheme::Pkcs1, RsaBits::B2048), HashAlgorithm::Sha256),
];

pub(crate) fn seeded() -> DeviceConfig {
    DeviceConfig { seed: Some(1), ..DeviceConfig::default() }
}

fn device_of(asym: AsymAlgorithm) -> Device {
    Device::new(DeviceConfig { base_asym: asym.base_asym().unwrap(), ..seeded() }).unwrap()
}

#[test]
fn every_version_and_algorithm_attests() {
    for (asym, hash) in SUITES {
        let mut device = device_of(asym);
        for version in SpdmVersion::ALL {
            if asym == AsymAlgorithm::Ed25519 && version < SpdmVersion::V1_2 {
                continue;
            }
            let mut requester = Requester::connect(device, version, asym, hash);
            attest(&mut requester);
            device = requester.device;
        }
    }
}

fn attest(requester: &mut Requester) {
    let version = requester.version;
    let digests = requester.digests();
    let chain = requester.chain(700);
    let chain_hash = requester.digest(&[&chain]);
    let decoded = Digests::decode(Untrusted::new(&digests), &requester.cx()).unwrap().message;
    assert_eq!(decoded.slot(SlotId::ZERO).unwrap().digest, chain_hash);
    assert_eq!(decoded.supported, (version >= SpdmVersion::V1_3).then_some(SlotMask(1)));

    let request = challenge(version, SLOT, MeasurementSummary::All, 7);
    let response = requester.exchange(&request);
    let cx = requester.cx().with_summary_len(requester.hash.digest_len());
    let auth = ChallengeAuth::decode(Untrusted::new(&response), &cx).unwrap().message;
    assert_eq!(
        (auth.slot, auth.slot_mask, auth.cert_chain_hash),
        (SLOT, SlotMask(1), &chain_hash[..])
    );
    assert_eq!(auth.context, (version >= SpdmVersion::V1_3).then_some(CONTEXT));
    assert!(!auth.opaque.as_bytes().is_empty());
    assert_eq!(auth.opaque.elements().count(), usize::from(version >= SpdmVersion::V1_2));
    assert_eq!(requester.verify_challenge(&request, &response), Ok(()));

    // Two unsigned exchanges and a signed one make L1.
    for operation in [MeasurementOperation::Count, MeasurementOperation::Index(2)] {
        let request = get_measurements(version, operation, None);
        let response = requester.exchange(&request);
        requester.m.extend([request, response].concat());
    }
    let request = get_measurements(version, MeasurementOperation::All, Some((SLOT, 8)));
    let response = requester.exchange(&request);
    let measurements =
        Measurements::decode(Untrusted::new(&response), &requester.cx()).unwrap().message;
    let count = if version >= SpdmVersion::V1_2 { 8 } else { 5 };
    assert_eq!(measurements.record.iter().count(), count);
    assert_eq!(requester.verify_measurements(&request, &response), Ok(()));

    // The summary covers the same blocks.
    let summary = requester.digest(&[measurements.record.as_bytes()]);
    assert_eq!(auth.measurement_summary_hash, summary);

    // M starts anew behind a signature.
    requester.m.clear();
    let request = get_measurements(version, MeasurementOperation::Index(1), Some((SLOT, 9)));
    let response = requester.exchange(&request);
    assert_eq!(requester.verify_measurements(&request, &response), Ok(()));
}

#[test]
fn other_requests_reset_b_and_m() {
    for version in SpdmVersion::ALL {
        let device = Device::new(seeded()).unwrap();
        let mut requester = Requester::connect(device, version, P384, SHA384);
        let count = get_measurements(version, MeasurementOperation::Count, None);
        let signed =
            |nonce| get_measurements(version, MeasurementOperation::All, Some((SLOT, nonce)));

        // M: by any other request, and by a refused GET_MEASUREMENTS.
        requester.exchange(&count);
        requester.digests();
        let response = requester.exchange(&signed(1));
        assert_eq!(requester.verify_measurements(&signed(1), &response), Ok(()));
        requester.exchange(&count);
        let absent = get_measurements(version, MeasurementOperation::Index(0x77), None);
        assert_eq!(requester.exchange(&absent)[1..3], [0x7F, 0x01]);
        let response = requester.exchange(&signed(2));
        assert_eq!(requester.verify_measurements(&signed(2), &response), Ok(()));

        // B: by GET_MEASUREMENTS before CHALLENGE was answered, not later.
        requester.digests();
        requester.exchange(&count);
        requester.b.clear();
        let challenge = |nonce| challenge(version, SLOT, MeasurementSummary::None, nonce);
        let response = requester.exchange(&challenge(3));
        assert_eq!(requester.verify_challenge(&challenge(3), &response), Ok(()));
        requester.digests();
        requester.exchange(&count);
        let response = requester.exchange(&challenge(4));
        assert_eq!(requester.verify_challenge(&challenge(4), &response), Ok(()));
        requester.b.clear();
        let response = requester.exchange(&challenge(5));
        assert_eq!(requester.verify_challenge(&challenge(5), &response), Ok(()));
    }
}

#[test]
fn a_retry_gets_the_same_answer() {
    let device = Device::new(seeded()).unwrap();
    let mut requester = Requester::connect(device, SpdmVersion::V1_2, P384, SHA384);
    let request = challenge(SpdmVersion::V1_2, SLOT, MeasurementSummary::Tcb, 1);
    let first = requester.exchange(&request);
    assert_eq!(requester.exchange(&request), first);
    let request = get_measurements(SpdmVersion::V1_2, MeasurementOperation::All, Some((SLOT, 1)));
    let first = requester.exchange(&request);
    assert_eq!(requester.exchange(&request), first);
    // Without a nonce it is another request.
    let request = get_measurements(SpdmVersion::V1_2, MeasurementOperation::All, None);
    let first = requester.exchange(&request);
    assert_ne!(requester.exchange(&request), first);
}

#[test]
fn padding_enters_no_transcript() {
    let device = Device::new(DeviceConfig { padding: 3, ..seeded() }).unwrap();
    let unpadded = Device::new(seeded()).unwrap();
    let version = SpdmVersion::V1_1;
    let mut requester = Requester::connect(unpadded, version, P384, SHA384);
    requester.device = device;
    for request in [
        crate::requester::GET_VERSION.to_vec(),
        crate::requester::get_capabilities(version),
        crate::requester::negotiate(version, P384.base_asym().unwrap(), SHA384.base_hash()),
    ] {
        requester.exchange(&[&request[..], &[0, 0]].concat());
    }
    let request = challenge(version, SLOT, MeasurementSummary::None, 1);
    let response = requester.exchange(&[&request[..], &[0; 3]].concat());
    let (response, padding) = response.split_at(response.len() - 3);
    assert_eq!(padding, [0; 3]);
    assert_eq!(requester.verify_challenge(&request, response), Ok(()));
}

/// Drives are sent whole blocks: what is behind a message is zeros, and no part of it.
#[test]
fn zeros_of_a_block_enter_no_transcript() {
    let padded = |request: &[u8]| {
        let mut block = request.to_vec();
        block.resize(512, 0);
        block
    };
    for version in SpdmVersion::ALL {
        let config = || DeviceConfig { request_padding: 511, ..seeded() };
        let mut requester =
            Requester::connect(Device::new(config()).unwrap(), version, P384, SHA384);
        requester.device = Device::new(config()).unwrap();
        for request in [
            crate::requester::GET_VERSION.to_vec(),
            crate::requester::get_capabilities(version),
            crate::requester::negotiate(version, P384.base_asym().unwrap(), SHA384.base_hash()),
        ] {
            requester.exchange(&padded(&request));
        }
        let request = challenge(version, SLOT, MeasurementSummary::None, 1);
        let response = requester.exchange(&padded(&request));
        assert_eq!(requester.verify_challenge(&request, &response), Ok(()), "{version}");
    }
    // Zeros only, and not more of them.
    let mut device = Device::new(DeviceConfig { request_padding: 511, ..seeded() }).unwrap();
    let version = crate::requester::GET_VERSION;
    let mut other = padded(&version);
    other[511] = 1;
    for wrong in [other, [&padded(&version)[..], &[0; 4]].concat()] {
        assert_eq!(device.respond(&wrong).unwrap()[..3], [0x10, 0x7f, 0x01]);
    }
    assert_eq!(device.respond(&padded(&version)).unwrap()[1], 0x04);
    let mut doublewords = Device::new(seeded()).unwrap();
    assert_eq!(doublewords.respond(&padded(&version)).unwrap()[1], 0x7f);
}

#[test]
fn a_provisioned_public_key_needs_no_chain() {
    let provisioning = KeyProvisioning::PublicKey;
    for version in [SpdmVersion::V1_1, SpdmVersion::V1_4] {
        let device = Device::new(DeviceConfig { provisioning, ..seeded() }).unwrap();
        assert!(device.trust_anchors().is_empty());
        let spki = device.public_key_spki(P384).unwrap();
        let mut requester = Requester::connect(device, version, P384, SHA384);
        assert_eq!(requester.digests()[1..4], [0x7F, 0x07, 0x81]);
        requester.b.clear();
        let request = challenge(version, KeySlot::PublicKey, MeasurementSummary::None, 1);
        let response = requester.exchange(&request);
        let auth =
            ChallengeAuth::decode(Untrusted::new(&response), &requester.cx()).unwrap().message;
        assert_eq!((auth.slot, auth.slot_mask), (KeySlot::PublicKey, SlotMask(0)));
        assert_eq!(auth.cert_chain_hash, requester.digest(&[&spki]));
        assert_eq!(requester.verify_challenge(&request, &response), Ok(()));
        let signed = Some((KeySlot::PublicKey, 2));
        let request = get_measurements(version, MeasurementOperation::All, signed);
        let response = requester.exchange(&request);
        assert_eq!(requester.verify_measurements(&request, &response), Ok(()));
        let request = challenge(version, SLOT, MeasurementSummary::None, 3);
        assert_eq!(requester.exchange(&request)[1..3], [0x7F, 0x01]);
    }
}

#[test]
fn each_slot_has_its_own_key() {
    let slots: Vec<_> = [1, 5].into_iter().filter_map(SlotId::new).collect();
    let config = DeviceConfig { slots: slots.clone(), model: DeviceModel::AliasCert, ..seeded() };
    let device = Device::new(config).unwrap();
    let mut requester = Requester::connect(device, SpdmVersion::V1_3, P384, SHA384);
    let digests = requester.digests();
    let decoded = Digests::decode(Untrusted::new(&digests), &requester.cx()).unwrap().message;
    assert_eq!(decoded.provisioned, SlotMask(0b10_0010));
    // The requester has the key of the lowest slot.
    for (slot, valid) in [(slots[0], true), (slots[1], false)] {
        requester.digests();
        let request =
            challenge(SpdmVersion::V1_3, KeySlot::Slot(slot), MeasurementSummary::None, slot.get());
        let response = requester.exchange(&request);
        assert_eq!(requester.verify_challenge(&request, &response).is_ok(), valid);
    }
    let request = challenge(SpdmVersion::V1_3, SLOT, MeasurementSummary::None, 9);
    assert_eq!(requester.exchange(&request)[1..3], [0x7F, 0x01]);
}

#[test]
fn measurements_have_the_form_that_was_asked_for() {
    let form_of_firmware = |config: DeviceConfig, raw: u8| {
        let device = Device::new(config).unwrap();
        let mut requester = Requester::connect(device, SpdmVersion::V1_2, P384, SHA384);
        let mut request = get_measurements(SpdmVersion::V1_2, MeasurementOperation::All, None);
        request[2] |= raw;
        let response = requester.exchange(&request);
        let cx = requester.cx().with_signature_len(0);
        let message = Measurements::decode(Untrusted::new(&response), &cx).unwrap().message;
        assert_eq!(message.content_changed, ContentChanged::NotDetected);
        let firmware = message.record.iter().find(|block| block.index == 2).unwrap();
        let Measurement::Dmtf(measurement) = firmware.measurement else { return None };
        assert_eq!(measurement.value_type, MeasurementType::MutableFirmware);
        Some((measurement.form, measurement.value.len()))
    };
    let raw = Some((MeasurementForm::RawBitStream, 46));
    assert_eq!(form_of_firmware(seeded(), 0), Some((MeasurementForm::Digest, 48)));
    assert_eq!(form_of_firmware(seeded(), 2), raw);
    let only_raw =
        DeviceConfig { measurement_hash: MeasurementHashAlgo::RAW_BIT_STREAM, ..seeded() };
    assert_eq!(form_of_firmware(only_raw, 0), raw);
}

#[test]
fn the_summary_covers_what_was_asked_for() {
    let version = SpdmVersion::V1_2;
    let device = Device::new(seeded()).unwrap();
    let mut requester = Requester::connect(device, version, P384, SHA384);
    let all = get_measurements(version, MeasurementOperation::All, None);
    let all = requester.exchange(&all);
    let cx = requester.cx();
    let all = Measurements::decode(Untrusted::new(&all), &cx.with_signature_len(0)).unwrap();
    // ROM, firmware and its security version.
    let mut tcb = Vec::new();
    for block in all.message.record.iter().filter(|block| matches!(block.index, 1 | 2 | 0x10)) {
        let mut bytes = [0; 128];
        let len = block.encode(&mut bytes).unwrap();
        tcb.extend(&bytes[..len]);
    }
    let rows = [
        (MeasurementSummary::None, Vec::new()),
        (MeasurementSummary::Tcb, requester.digest(&[&tcb])),
        (MeasurementSummary::All, requester.digest(&[all.message.record.as_bytes()])),
    ];
    for (summary, expected) in rows {
        let response = requester.exchange(&challenge(version, SLOT, summary, 1));
        let cx = cx.with_summary_len(expected.len());
        let auth = ChallengeAuth::decode(Untrusted::new(&response), &cx).unwrap().message;
        assert_eq!(auth.measurement_summary_hash, expected);
    }
}

#[test]
fn a_seed_determines_every_byte() {
    let run = |seed| {
        let config = DeviceConfig { seed, base_asym: BaseAsymAlgo::ECDSA_P384, ..seeded() };
        let device = Device::new(config).unwrap();
        let mut requester = Requester::connect(device, SpdmVersion::V1_2, P384, SHA384);
        requester.exchange(&challenge(SpdmVersion::V1_2, SLOT, MeasurementSummary::All, 1))
    };
    assert_eq!(run(Some(1)), run(Some(1)));
    assert_ne!(run(Some(1)), run(Some(2)));
    assert_ne!(run(None), run(None));
}
