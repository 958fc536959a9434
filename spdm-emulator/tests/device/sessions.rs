//! A device offers sessions where its capabilities say so; what happens in them is tested in spdm-responder.

use spdm_codec::{Algorithms, BaseHashAlgo, CapabilityFlags, Cx, Message as _, SpdmVersion};
use spdm_crypto::KeyExchangeAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{Act, Device, DeviceConfig, ScriptStep, SharedKey, When};
use spdm_untrusted::Untrusted;

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const FLAGS: CapabilityFlags = CapabilityFlags::KEY_EX_CAP
    .union(CapabilityFlags::ENCRYPT_CAP)
    .union(CapabilityFlags::MAC_CAP)
    .union(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP);

/// A connection whose Requester can do the same of sessions: what ALGORITHMS selected.
fn negotiated(config: DeviceConfig) -> (Device, Vec<u8>) {
    let mut device = Device::new(DeviceConfig { seed: Some(7), ..config }).unwrap();
    device.respond(&[0x10, 0x84, 0, 0]).unwrap();
    let mut capabilities = vec![0x12, 0xE1, 0, 0, 0, 14, 0, 0];
    let flags = FLAGS | CapabilityFlags::PSK_CAP;
    capabilities.extend(flags.bits().to_le_bytes());
    capabilities.extend([0, 0x12, 0, 0, 0, 0x12, 0, 0]);
    assert_eq!(device.respond(&capabilities).unwrap()[1], 0x61);
    let mut algorithms = vec![0x12, 0xE3, 3, 0, 44, 0, 1, 2, 0x80, 0, 0, 0];
    algorithms.extend(BaseHashAlgo::SHA_384.bits().to_le_bytes());
    algorithms.extend([0; 16]);
    algorithms.extend([2, 0x20, 0x7F, 0, 3, 0x20, 7, 0, 5, 0x20, 1, 0]);
    let answer = device.respond(&algorithms).unwrap();
    assert_eq!(answer[1], 0x63);
    (device, answer)
}

fn with(more_capabilities: CapabilityFlags) -> DeviceConfig {
    DeviceConfig { more_capabilities, ..DeviceConfig::default() }
}

#[test]
fn algorithms_of_sessions_are_selected_where_both_sides_have_them() {
    let cx = Cx::new(V1_2);
    let (_, answer) = negotiated(with(FLAGS));
    let message = Algorithms::decode(Untrusted::new(&answer), &cx).unwrap().message;
    let selected = message.alg_structs;
    let exchange = KeyExchangeAlgorithm::from_dhe_group(selected.dhe.unwrap()).unwrap();
    assert_eq!(exchange.name(), "SECP_521_R1");
    assert_eq!(selected.aead.unwrap().name(), Some("AES_256_GCM"));
    let (mut device, answer) = negotiated(with(CapabilityFlags::empty()));
    let message = Algorithms::decode(Untrusted::new(&answer), &cx).unwrap().message;
    assert_eq!(message.alg_structs.count(), 0);
    assert_eq!(device.respond(&[0x12, 0xE4, 0, 0]).unwrap(), [0x12, 0x7F, 0x07, 0xE4]);
}

#[test]
fn key_exchange_opens_a_session_and_a_script_acts_on_it() {
    let step = ScriptStep::new(spdm_codec::Code::KEY_EXCHANGE, When::Nth(1), Act::LoseResponse);
    let config = DeviceConfig { script: vec![step], ..with(FLAGS) };
    let (mut device, _) = negotiated(config);
    let exchange = KeyExchangeAlgorithm::Ecdh(spdm_crypto::EcCurve::P521);
    let mut public = vec![0; exchange.request_len()];
    PROVIDER.start_key_exchange(exchange, &mut public).unwrap();
    let mut request = vec![0x12, 0xE4, 0, 0, 1, 0, 0, 0];
    request.extend([5; 32]);
    request.extend(public);
    request.extend([20, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 1, 3, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0, 0]);
    let answer = device.respond(&request).unwrap();
    assert_eq!(answer[1], 0x64, "{answer:02x?}");
    assert_eq!(device.respond(&request), None);
    // A record of a session that there is not, and one that is damaged, of a handshake in the clear.
    assert_eq!(device.respond_secured(&[0; 40]), None);
    let mut record = vec![1, 0, answer[4], answer[5], 34, 0];
    record.extend([0; 34]);
    assert_eq!(device.respond_secured(&record).unwrap()[..4], record[..4]);
    assert_eq!(device.respond_secured(&record), None);
    device.reset();
    assert_eq!(device.respond(&request).unwrap()[1], 0x7F);
}

#[test]
fn a_pre_shared_key_is_known_by_its_hint() {
    let key = SharedKey { hint: b"hint".to_vec(), key: b"secret".to_vec() };
    assert_eq!(format!("{key:?}"), "SharedKey { hint: [104, 105, 110, 116], .. }");
    let flags = FLAGS | CapabilityFlags::PSK_CAP_CONTEXT;
    let config = DeviceConfig { pre_shared_keys: vec![key], ..with(flags) };
    for (hint, code) in [(b"hint", 0x66), (b"tint", 0x7F)] {
        let (mut device, _) = negotiated(config.clone());
        let mut request = vec![0x12, 0xE6, 0, 0, 1, 0, 4, 0, 48, 0, 16, 0];
        request.extend(hint);
        request.extend([6; 48]);
        request.extend([1, 0, 0, 0, 0, 0, 9, 0, 1, 1, 3, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0, 0]);
        request[10] = 20;
        assert_eq!(device.respond(&request).unwrap()[1], code);
    }
}
