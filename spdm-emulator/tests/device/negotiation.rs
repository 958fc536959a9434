//! Which requests are refused, and how.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, Capabilities, CapabilityFlags, Cx, KeySlot, MeasurementHashAlgo,
    MeasurementSummary, Message, SlotId, SpdmVersion, SupportedAlgorithms,
};
use spdm_emulator::{Device, DeviceConfig, DeviceError};
use spdm_untrusted::Untrusted;

use crate::attestation::{P384, SHA384, seeded};
use crate::requester::{
    GET_VERSION, Requester, challenge, get_capabilities, get_certificate, negotiate,
};

const V1_2: SpdmVersion = SpdmVersion::V1_2;

fn device() -> Device {
    Device::new(seeded()).unwrap()
}

/// Asserts that the answer is this ERROR.
fn refused(device: &mut Device, request: &[u8], error: [u8; 4]) {
    assert_eq!(device.respond(request).unwrap()[..4], error, "{request:02x?}");
}

#[test]
fn no_header_no_answer() {
    for request in [&[][..], &[0x10], &[0x10, 0x84], &[0x10, 0x84, 0]] {
        assert_eq!(device().respond(request), None);
    }
}

#[test]
fn wrong_versions() {
    let mut device = Device::new(DeviceConfig { versions: vec![V1_2], ..seeded() }).unwrap();
    refused(&mut device, &[0x12, 0x84, 0, 0], [0x10, 0x7F, 0x41, 0]);
    device.respond(&GET_VERSION).unwrap();
    refused(&mut device, &get_capabilities(SpdmVersion::V1_3), [0x10, 0x7F, 0x41, 0]);
    device.respond(&get_capabilities(V1_2)).unwrap();
    let offer = negotiate(SpdmVersion::V1_1, BaseAsymAlgo::ECDSA_P384, BaseHashAlgo::SHA_384);
    refused(&mut device, &offer, [0x12, 0x7F, 0x41, 0]);
    device.respond(&negotiate(V1_2, BaseAsymAlgo::ECDSA_P384, BaseHashAlgo::SHA_384)).unwrap();
    refused(&mut device, &[0x11, 0x81, 0, 0], [0x12, 0x7F, 0x41, 0]);
}

#[test]
fn wrong_order() {
    let mut device = device();
    let offer = negotiate(V1_2, BaseAsymAlgo::ECDSA_P384, BaseHashAlgo::SHA_384);
    refused(&mut device, &get_capabilities(V1_2), [0x10, 0x7F, 0x04, 0]);
    device.respond(&GET_VERSION).unwrap();
    refused(&mut device, &offer, [0x10, 0x7F, 0x04, 0]);
    refused(&mut device, &[0x12, 0x81, 0, 0], [0x10, 0x7F, 0x04, 0]);
    let capabilities = device.respond(&get_capabilities(V1_2)).unwrap();
    // A retry is answered, another GET_CAPABILITIES is not.
    assert_eq!(device.respond(&get_capabilities(V1_2)).unwrap(), capabilities);
    refused(&mut device, &get_capabilities(SpdmVersion::V1_3), [0x12, 0x7F, 0x04, 0]);
    device.respond(&offer).unwrap();
    refused(&mut device, &get_capabilities(V1_2), [0x12, 0x7F, 0x04, 0]);
    refused(&mut device, &offer, [0x12, 0x7F, 0x04, 0]);
    refused(&mut device, &[0x12, 0xFF, 0x83, 0], [0x12, 0x7F, 0x04, 0]);
}

#[test]
fn what_is_not_supported() {
    let mut device = Requester::connect(device(), V1_2, P384, SHA384).device;
    for code in [0x85, 0x86, 0xE4, 0xE8, 0xC0, 0xFC] {
        refused(&mut device, &[0x12, code, 0, 0], [0x12, 0x7F, 0x07, code]);
    }
    refused(&mut device, &[0x12, 0x01, 0, 0], [0x12, 0x7F, 0x01, 0]);
    let config = DeviceConfig {
        capabilities: Some(CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP),
        ..seeded()
    };
    let mut device = Requester::connect(Device::new(config).unwrap(), V1_2, P384, SHA384).device;
    refused(&mut device, &[0x12, 0xE0, 0, 0], [0x12, 0x7F, 0x07, 0xE0]);
}

/// Of any standards body and vendor, whatever is in them.
#[test]
fn vendor_defined_messages_come_back_as_they_went() {
    let mut device = Requester::connect(device(), V1_2, P384, SHA384).device;
    let requests: [&[u8]; 3] = [
        &[0x12, 0xFE, 0, 0, 3, 0, 2, 0x36, 0x1B, 3, 0, 7, 8, 9],
        &[0x12, 0xFE, 0, 0, 0, 0, 0, 0, 0],
        &[0x12, 0xFE, 0, 0, 0xFF, 0xFF, 1, 5, 1, 0, 0xAA],
    ];
    for request in requests {
        let mut expected = request.to_vec();
        expected[1] = 0x7E;
        assert_eq!(device.respond(request).unwrap(), expected);
    }
    for malformed in [&[0x12, 0xFE, 0, 0][..], &[0x12, 0xFE, 0, 0, 3, 0, 1, 9, 0, 0]] {
        refused(&mut device, malformed, [0x12, 0x7F, 0x01, 0]);
    }
}

#[test]
fn malformed_requests() {
    let mut device = Requester::connect(device(), V1_2, P384, SHA384).device;
    let invalid = [0x12, 0x7F, 0x01, 0];
    refused(&mut device, &[0x12, 0x83, 0, 0], invalid);
    refused(&mut device, &[0x12, 0x83, 9, 0], invalid);
    refused(&mut device, &[0x12, 0xE0, 1, 1], invalid);
    let chain_end = get_certificate(V1_2, 0xFFFF, 16);
    refused(&mut device, &chain_end, invalid);
    refused(&mut device, &[0x12, 0x82, 3, 0, 0, 0, 16, 0], invalid);
    refused(&mut device, &[0x12, 0x81, 0, 0, 1, 2, 3, 4], invalid);
    // Longer than DataTransferSize.
    let too_large = [0x12, 0x7F, 0x0E, 0];
    refused(&mut device, &[&[0x12, 0x81][..], &[0; 5000]].concat(), too_large);
}

/// GET_CAPABILITIES with these flags; sizes and CTExponent are right.
fn with_flags(version: SpdmVersion, flags: CapabilityFlags) -> Vec<u8> {
    let mut request = get_capabilities(version);
    request[8..12].copy_from_slice(&flags.bits().to_le_bytes());
    request
}

/// The answer to this GET_CAPABILITIES, the first on its connection.
fn asked(request: &[u8]) -> Vec<u8> {
    let mut device = device();
    device.respond(&GET_VERSION).unwrap();
    device.respond(request).unwrap()
}

#[test]
fn capabilities_of_requesters_are_checked() {
    let set = |at: usize, value: u8| {
        let mut request = get_capabilities(SpdmVersion::V1_4);
        request[at] = value;
        asked(&request)[1]
    };
    // CTExponent, flags, DataTransferSize and the SupportedAlgorithms bit.
    assert_eq!([(5, 31), (8, 0x06), (8, 0x01)].map(|(at, value)| set(at, value)), [0x61; 3]);
    let wrong = [(5, 32), (8, 0x02), (8, 0x04), (8, 0x40), (9, 0x02), (9, 0x0C), (12, 1), (2, 1)];
    assert_eq!(wrong.map(|(at, value)| set(at, value)), [0x7F; 8]);
}

/// What the DMTF responder was seen to answer, and what the specification says where it was not asked.
#[test]
fn flags_of_requesters_are_checked_by_version() {
    type F = CapabilityFlags;
    let mutual = F::CERT_CAP | F::CHAL_CAP | F::MUT_AUTH_CAP;
    let clear = F::HANDSHAKE_IN_THE_CLEAR_CAP;
    let psk_clear = F::PSK_CAP | F::MAC_CAP | clear;
    let multi_key = F::KEY_EX_CAP | F::MAC_CAP | F::MULTI_KEY_CAP_ONLY;
    let rows = [
        (F::empty(), SpdmVersion::ALL.to_vec()),
        (F::KEY_EX_CAP | F::ENCRYPT_CAP, SpdmVersion::ALL.to_vec()),
        (mutual | F::ENCAP_CAP, SpdmVersion::ALL.to_vec()),
        // 1.1 has no other way to ask the Requester.
        (mutual, vec![SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4]),
        (F::PSK_CAP | F::MAC_CAP | F::KEY_EX_CAP | clear, SpdmVersion::ALL.to_vec()),
        (psk_clear, Vec::new()),
        (F::CERT_CAP, Vec::new()),
        (F::KEY_EX_CAP, Vec::new()),
        (F::HBEAT_CAP, Vec::new()),
        // Later bits are reserved before.
        (multi_key, vec![SpdmVersion::V1_1, SpdmVersion::V1_2]),
        (multi_key | F::CERT_CAP, SpdmVersion::ALL.to_vec()),
        (F::EVENT_CAP, vec![SpdmVersion::V1_1, SpdmVersion::V1_2]),
    ];
    for (flags, taken) in rows {
        for version in SpdmVersion::ALL.into_iter().filter(|version| *version > SpdmVersion::V1_0) {
            let answer = asked(&with_flags(version, flags));
            let expected = if taken.contains(&version) { 0x61 } else { 0x7F };
            assert_eq!(answer[1], expected, "{version} {flags:?}: {answer:02x?}");
        }
    }
}

#[test]
fn a_refusal_of_capabilities_is_in_the_version_that_was_asked_for() {
    for version in SpdmVersion::ALL.into_iter().filter(|version| *version > SpdmVersion::V1_0) {
        let mut device = device();
        device.respond(&GET_VERSION).unwrap();
        let byte = version.to_byte();
        let bad = with_flags(version, CapabilityFlags::CERT_CAP);
        refused(&mut device, &bad, [byte, 0x7F, 0x01, 0]);
        refused(&mut device, &bad[..8], [byte, 0x7F, 0x01, 0]);
        // A version that the device does not have is no version to speak.
        refused(&mut device, &[0x15, 0xE1, 0, 0], [0x10, 0x7F, 0x41, 0]);
        // Nothing was agreed on: the Requester may ask again.
        assert_eq!(device.respond(&get_capabilities(version)).unwrap()[..2], [byte, 0x61]);
    }
}

#[test]
fn a_summary_of_measurements_that_there_are_not_is_refused() {
    let certificates = CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP;
    for version in SpdmVersion::ALL {
        let config = DeviceConfig { capabilities: Some(certificates), ..seeded() };
        let connect =
            || Requester::connect(Device::new(config.clone()).unwrap(), version, P384, SHA384);
        for summary in [MeasurementSummary::Tcb, MeasurementSummary::All] {
            let request = challenge(version, KeySlot::Slot(SlotId::ZERO), summary, 7);
            let mut device = connect().device;
            refused(&mut device, &request, [version.to_byte(), 0x7F, 0x01, 0]);
        }
        let none = MeasurementSummary::None;
        let request = challenge(version, KeySlot::Slot(SlotId::ZERO), none, 7);
        assert_eq!(connect().device.respond(&request).unwrap()[1], 0x03, "{version}");
    }
}

#[test]
fn supported_algorithms_come_on_request() {
    let mut device = device();
    device.respond(&GET_VERSION).unwrap();
    let mut request = get_capabilities(SpdmVersion::V1_3);
    request[2] = 1;
    request[10] = 0x02;
    let response = device.respond(&request).unwrap();
    let cx = Cx::new(SpdmVersion::V1_3);
    let message = Capabilities::decode(Untrusted::new(&response), &cx).unwrap().message;
    let SupportedAlgorithms(block) = message.supported_algorithms.unwrap();
    assert_eq!(block.base_asym, DeviceConfig::default().base_asym);
    assert_eq!(block.base_hash, DeviceConfig::default().base_hash);
}

#[test]
fn the_strongest_common_algorithms_win() {
    let rows = [
        (V1_2, u32::MAX, BaseAsymAlgo::ECDSA_P521),
        (V1_2, 0x490, BaseAsymAlgo::ECDSA_P384),
        (V1_2, 0x410, BaseAsymAlgo::EDDSA_ED25519),
        (SpdmVersion::V1_1, 0x410, BaseAsymAlgo::ECDSA_P256),
    ];
    for (version, offer, expected) in rows {
        let mut device = device();
        device.respond(&GET_VERSION).unwrap();
        device.respond(&get_capabilities(version)).unwrap();
        let offer = negotiate(version, BaseAsymAlgo::from_bits_retain(offer), BaseHashAlgo::all());
        let response = device.respond(&offer).unwrap();
        assert_eq!(response[12..16], expected.bits().to_le_bytes());
        assert_eq!(response[16..20], BaseHashAlgo::SHA_512.bits().to_le_bytes());
    }
}

#[test]
fn nothing_in_common() {
    let rows = [
        (BaseAsymAlgo::RSASSA_2048, BaseHashAlgo::SHA_256),
        (BaseAsymAlgo::ECDSA_P256, BaseHashAlgo::SM3_256),
    ];
    for (asym, hash) in rows {
        let mut device = device();
        device.respond(&GET_VERSION).unwrap();
        device.respond(&get_capabilities(V1_2)).unwrap();
        refused(&mut device, &negotiate(V1_2, asym, hash), [0x12, 0x7F, 0x01, 0]);
    }
}

#[test]
fn a_response_fits_the_requester() {
    let mut device = device();
    device.respond(&GET_VERSION).unwrap();
    let mut request = get_capabilities(V1_2);
    for at in [13, 17] {
        request[at - 1] = 64;
        request[at] = 0;
    }
    device.respond(&request).unwrap();
    device.respond(&negotiate(V1_2, P384.base_asym().unwrap(), SHA384.base_hash())).unwrap();
    assert_eq!(device.respond(&get_certificate(V1_2, 0, 1000)).unwrap().len(), 64);
    let response = device.respond(&[0x12, 0xE0, 0, 0xFF]).unwrap();
    assert_eq!(response[..4], [0x12, 0x7F, 0x0D, 0]);
}

#[test]
fn configurations_without_a_device() {
    let error = |config| Device::new(config).err();
    let default = seeded;
    assert_eq!(error(DeviceConfig { versions: vec![], ..default() }), Some(DeviceError::NoVersion));
    assert_eq!(error(DeviceConfig { slots: vec![], ..default() }), Some(DeviceError::NoSlot));
    let base_asym = BaseAsymAlgo::SM2_P256;
    assert_eq!(error(DeviceConfig { base_asym, ..default() }), Some(DeviceError::NoAlgorithm));
    let base_hash = BaseHashAlgo::SM3_256;
    assert_eq!(error(DeviceConfig { base_hash, ..default() }), Some(DeviceError::NoHash));
    let measurement_hash = MeasurementHashAlgo::SHA_256 | MeasurementHashAlgo::SHA_384;
    assert_eq!(
        error(DeviceConfig { measurement_hash, ..default() }),
        Some(DeviceError::MeasurementHash)
    );
    let padding = 4;
    assert_eq!(
        error(DeviceConfig { padding, ..default() }),
        Some(DeviceError::Padding { padding })
    );
}

/// As an independent firmware requester offers DHE: AlgCount 0x21, and a table of AEAD behind it.
#[test]
fn external_algorithms_are_offered_in_vain() {
    for version in SpdmVersion::ALL.into_iter().filter(|version| *version > SpdmVersion::V1_0) {
        let mut offer = negotiate(version, BaseAsymAlgo::ECDSA_P384, BaseHashAlgo::SHA_384);
        offer.extend([2, 0x21, 0x10, 0, 3, 0, 0x34, 0x12, 3, 0x20, 2, 0]);
        (offer[2], offer[4]) = (2, 44);
        let mut device = device();
        device.respond(&GET_VERSION).unwrap();
        device.respond(&get_capabilities(version)).unwrap();
        let answer = device.respond(&offer).unwrap();
        assert_eq!((answer[1], answer[2], answer[32]), (0x63, 0, 0), "{version}: {answer:02x?}");
    }
}

#[test]
fn an_offer_names_at_most_20_external_algorithms() {
    for (version, most) in [(SpdmVersion::V1_0, 8_u8), (SpdmVersion::V1_1, 20), (V1_2, 20)] {
        for (count, code) in [(most, 0x63), (most + 1, 0x7F)] {
            let mut offer = negotiate(version, BaseAsymAlgo::ECDSA_P384, BaseHashAlgo::SHA_384);
            offer.extend([3, 0, 1, 0].repeat(count.into()));
            (offer[4], offer[28], offer[29]) = (32 + 4 * count, count - 2, 2);
            let mut device = device();
            device.respond(&GET_VERSION).unwrap();
            device.respond(&get_capabilities(version)).unwrap();
            assert_eq!(device.respond(&offer).unwrap()[1], code, "{version} {count}");
        }
    }
}
