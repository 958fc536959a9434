//! P18, P20, P23, P24 and P33: the measurement extension log and the endpoint info, as a device gives them out.

use spdm_codec::{CapabilityFlags, EndpointInfo, KeyUsage, SpdmVersion, TransferSizes};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{SignedMessage, SigningContext};
use spdm_responder::Config;

use crate::initiator::{Initiator, cx};
use crate::sim::{ASYM, HASH, Sim, challenge, config, decode, log_of, with_sessions};

type F = CapabilityFlags;

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const V1_3: SpdmVersion = SpdmVersion::V1_3;
const FINISH: u8 = 0xE5;

fn informing(config: Config<'static>) -> Config<'static> {
    let capabilities = config.capabilities | F::MEL_CAP | F::EP_INFO_CAP_SIG;
    Config { capabilities, ..config }
}

/// GET_MEASUREMENT_EXTENSION_LOG.
fn get_log(version: SpdmVersion, offset: u32, length: u32) -> Vec<u8> {
    let head = [version.to_byte(), 0xEF, 0, 0];
    [&head[..], &offset.to_le_bytes(), &length.to_le_bytes()].concat()
}

/// GET_ENDPOINT_INFO with a signature.
fn get_signed(version: SpdmVersion, slot: u8, nonce: u8) -> Vec<u8> {
    [&[version.to_byte(), 0x87, 1, slot, 1, 0, 0, 0][..], &[nonce; 32]].concat()
}

fn get_unsigned(version: SpdmVersion) -> Vec<u8> {
    vec![version.to_byte(), 0x87, 1, 0, 0, 0, 0, 0]
}

fn u32_at(message: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(message[at..at + 4].try_into().unwrap())
}

fn refused(sim: &mut Sim, request: &[u8], expected: [u8; 3]) {
    let answer = sim.send(request).unwrap();
    let [code, error, data] = expected;
    assert_eq!(answer[1..4], [code, error, data], "{request:02x?}");
}

const INVALID: [u8; 3] = [0x7F, 0x01, 0];
const UNEXPECTED: [u8; 3] = [0x7F, 0x04, 0];

#[test]
fn p18_portions_end_with_the_log() {
    for version in [V1_3, SpdmVersion::V1_4] {
        let mut sim = Sim::negotiated(informing(config()), version);
        let log = log_of(3);
        let len = u32::try_from(log.len()).unwrap();
        let cases = [
            (0, len),
            (0, 1),
            (0, u32::MAX),
            (16, 7),
            (len - 1, 1),
            (len - 1, 2),
            (len - 1, u32::MAX),
            (5, u32::MAX),
        ];
        for (offset, length) in cases {
            let answer = sim.send(&get_log(version, offset, length)).unwrap();
            let portion = length.min(len - offset);
            assert_eq!(answer[..4], [version.to_byte(), 0x6F, 0, 0]);
            assert_eq!((u32_at(&answer, 4), u32_at(&answer, 8)), (portion, len - offset - portion));
            let start = usize::try_from(offset).unwrap();
            assert_eq!(answer[12..], log[start..start + usize::try_from(portion).unwrap()]);
        }
        for (offset, length) in [(len, 1), (len + 1, 1), (u32::MAX, u32::MAX), (0, 0), (5, 0)] {
            refused(&mut sim, &get_log(version, offset, length), INVALID);
        }
        let whole = get_log(version, 0, 1);
        for short in 4..whole.len() {
            refused(&mut sim, &whole[..short], INVALID);
        }
    }
}

#[test]
fn p18_a_portion_fits_what_the_requester_takes() {
    // Without chunks: 42 bytes at once.
    let sizes = TransferSizes { data_transfer_size: 42, max_spdm_msg_size: 42 };
    let capabilities = informing(config()).capabilities - F::CHUNK_CAP;
    let mut sim = Sim::new(Config { sizes, capabilities, ..config() });
    sim.config.sizes = TransferSizes { data_transfer_size: 42, max_spdm_msg_size: 42 };
    sim.negotiate(V1_3);
    let answer = sim.send(&get_log(V1_3, 0, 0x1000)).unwrap();
    assert_eq!((answer.len(), u32_at(&answer, 4)), (42, 30));
}

#[test]
fn a_log_only_where_it_was_negotiated() {
    let mut sim = Sim::negotiated(informing(config()), V1_2);
    refused(&mut sim, &get_log(V1_2, 0, 16), [0x7F, 0x07, 0xEF]);
    refused(&mut sim, &get_unsigned(V1_2), [0x7F, 0x07, 0x87]);
    let mut sim = Sim::negotiated(config(), V1_3);
    refused(&mut sim, &get_log(V1_3, 0, 16), [0x7F, 0x07, 0xEF]);
    refused(&mut sim, &get_unsigned(V1_3), [0x7F, 0x07, 0x87]);
    let mut sim = Sim::negotiated(informing(config()), V1_3);
    refused(&mut sim, &get_log(V1_2, 0, 16), [0x7F, 0x41, 0]);
    // The device cannot give it now.
    sim.device.log_entries = None;
    refused(&mut sim, &get_log(V1_3, 0, 16), [0x7F, 0x44, 0]);
    // No format of it was selected.
    let mut sim = Sim::new(informing(config()));
    sim.mel_offered = 0;
    sim.negotiate(V1_3);
    refused(&mut sim, &get_log(V1_3, 0, 16), UNEXPECTED);
}

/// The log in portions of 20 bytes, that grows after each of them.
fn read_growing(sim: &mut Sim, mut ask: impl FnMut(&mut Sim, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut log = Vec::new();
    loop {
        let answer = ask(sim, &get_log(V1_3, u32::try_from(log.len()).unwrap(), 20));
        assert_eq!(answer[1], 0x6F, "{answer:02x?}");
        log.extend(&answer[12..]);
        sim.device.log_entries = sim.device.log_entries.map(|entries| entries + 1);
        if u32_at(&answer, 8) == 0 {
            return log;
        }
    }
}

#[test]
fn p20_all_portions_of_one_reading_are_of_one_moment() {
    let mut sim = Sim::negotiated(informing(with_sessions()), V1_3);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    session.finish(&mut sim, FINISH);
    let log = read_growing(&mut sim, |sim, request| sim.send(request).unwrap());
    assert_eq!(log, log_of(3));
    // The next reading sees what came meanwhile.
    let entries = sim.device.log_entries.unwrap();
    let log = read_growing(&mut sim, |sim, request| sim.send(request).unwrap());
    assert_eq!((log, entries > 3), (log_of(entries), true));
    // Somebody else reads at the same time, in a session.
    let entries = sim.device.log_entries.unwrap();
    let log = read_growing(&mut sim, |sim, request| {
        let inside = session.exchange(sim, &get_log(V1_3, 0, 8)).unwrap();
        assert!(u32_at(&inside, 12) >= entries);
        sim.send(request).unwrap()
    });
    assert_eq!(log, log_of(entries));
}

/// Whether the signature in ENDPOINT_INFO is over A and this exchange.
fn is_signed(sim: &Sim, request: &[u8], answer: &[u8]) -> bool {
    let message: EndpointInfo<'_> = decode(answer, &cx(sim));
    let signature = message.signature.unwrap();
    assert_eq!(message.info, sim.device.endpoint_info);
    let unsigned = &answer[..answer.len() - ASYM.signature_len()];
    let il1 = PROVIDER.hash.digest(HASH, &[&sim.negotiation, request, unsigned]).unwrap();
    let version = sim.connection.version();
    SignedMessage::new(version, SigningContext::ResponderEndpointInfo, il1)
        .verify(&PROVIDER, ASYM, HASH, &sim.device.key.public_key(), signature.bytes)
        .is_ok()
}

#[test]
fn p24_il1_holds_the_last_exchange_only() {
    for version in [V1_3, SpdmVersion::V1_4] {
        let mut sim = Sim::negotiated(informing(with_sessions()), version);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        session.finish(&mut sim, FINISH);
        for nonce in 0..3 {
            for _ in 0..2 {
                let answer = sim.send(&get_unsigned(version)).unwrap();
                assert_eq!(answer[12..], sim.device.endpoint_info);
                assert_eq!(session.exchange(&mut sim, &get_unsigned(version)).unwrap(), answer);
            }
            let request = get_signed(version, 0, nonce);
            let answer = sim.send(&request).unwrap();
            assert!(is_signed(&sim, &request, &answer), "{version}");
            let request = get_signed(version, 0, nonce + 10);
            let answer = session.exchange(&mut sim, &request).unwrap();
            assert!(is_signed(&sim, &request, &answer), "{version}");
        }
    }
}

#[test]
fn p23_what_cannot_be_signed() {
    let capabilities = config().capabilities | F::EP_INFO_CAP_NO_SIG;
    let mut sim = Sim::negotiated(Config { capabilities, ..config() }, V1_3);
    refused(&mut sim, &get_signed(V1_3, 0, 1), [0x7F, 0x07, 0x87]);
    assert_eq!(sim.send(&get_unsigned(V1_3)).unwrap()[1], 0x07);
    let mut sim = Sim::negotiated(informing(config()), V1_3);
    // A slot without a chain, no provisioned key, no slot at all, another kind of information.
    for slot in [1, 7, 0x0F, 8] {
        refused(&mut sim, &get_signed(V1_3, slot, 1), INVALID);
    }
    for kind in [0, 2, 0xFF] {
        let mut request = get_unsigned(V1_3);
        request[2] = kind;
        refused(&mut sim, &request, INVALID);
    }
    let whole = get_signed(V1_3, 0, 1);
    for short in 4..whole.len() {
        refused(&mut sim, &whole[..short], INVALID);
    }
    // On a connection with several keys, this one is for something else.
    let capabilities =
        informing(config()).capabilities | F::MULTI_KEY_CAP_ONLY | F::GET_KEY_PAIR_INFO_CAP;
    let mut sim = Sim::negotiated(Config { capabilities, ..config() }, V1_3);
    refused(&mut sim, &get_signed(V1_3, 0, 1), INVALID);
    sim.device.usage = KeyUsage::ENDPOINT_INFO;
    let answer = sim.send(&get_signed(V1_3, 0, 1)).unwrap();
    assert!(is_signed(&sim, &get_signed(V1_3, 0, 1), &answer));
}

#[test]
fn p25_not_while_a_session_is_being_opened() {
    let mut sim = Sim::negotiated(informing(with_sessions()), V1_3);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    for request in [get_log(V1_3, 0, 16), get_unsigned(V1_3), get_signed(V1_3, 0, 1)] {
        let answer = session.exchange(&mut sim, &request).unwrap();
        assert_eq!(answer, [0x13, 0x7F, 0x04, 0]);
    }
    session.finish(&mut sim, FINISH);
    assert_eq!(session.exchange(&mut sim, &get_log(V1_3, 0, 16)).unwrap()[1], 0x6F);
}

/// CHALLENGE is signed over A, B and C, where neither of these messages is.
#[test]
fn p33_m1_is_as_without_them() {
    let mut sim = Sim::negotiated(informing(config()), V1_3);
    sim.send(&get_log(V1_3, 0, 16)).unwrap();
    sim.said = sim.negotiation.clone();
    sim.send(&[0x13, 0x81, 0, 0]).unwrap();
    let before = sim.said.clone();
    let request = get_signed(V1_3, 0, 1);
    let answer = sim.send(&request).unwrap();
    // Nor is B in IL1.
    assert!(is_signed(&sim, &request, &answer));
    sim.send(&get_unsigned(V1_3)).unwrap();
    let request = challenge(V1_3, 1);
    let answer = sim.send(&request).unwrap();
    let signed = answer.len() - ASYM.signature_len();
    let m1 = PROVIDER.hash.digest(HASH, &[&before, &request, &answer[..signed]]).unwrap();
    SignedMessage::new(V1_3, SigningContext::ResponderChallengeAuth, m1)
        .verify(&PROVIDER, ASYM, HASH, &sim.device.key.public_key(), &answer[signed..])
        .unwrap();
}

/// The log empties B, as the requests of sessions do.
#[test]
fn p33_the_log_empties_b() {
    let mut sim = Sim::negotiated(informing(config()), V1_3);
    sim.send(&[0x13, 0x81, 0, 0]).unwrap();
    sim.send(&get_log(V1_3, 0, 16)).unwrap();
    let request = challenge(V1_3, 1);
    let answer = sim.send(&request).unwrap();
    let signed = answer.len() - ASYM.signature_len();
    let m1 = [&sim.negotiation, &request, &answer[..signed]];
    let m1 = PROVIDER.hash.digest(HASH, &m1).unwrap();
    SignedMessage::new(V1_3, SigningContext::ResponderChallengeAuth, m1)
        .verify(&PROVIDER, ASYM, HASH, &sim.device.key.public_key(), &answer[signed..])
        .unwrap();
}
