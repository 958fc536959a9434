//! GET_CSR, SET_CERTIFICATE and key pairs: what is refused, and with which ERROR.

use spdm_codec::{
    CapabilityFlags, KeyPairAsymAlgo, KeyPairCapabilities, KeyUsage, PqcAsymAlgo, SlotMask,
    SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_responder::{Config, Environment, KeyPair, KeyPairWanted, Obstacle, TakesEffect};

use crate::sim::lab::PAIR;
use crate::sim::{HASH, Sim, config};

type F = CapabilityFlags;

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const V1_3: SpdmVersion = SpdmVersion::V1_3;
const V1_4: SpdmVersion = SpdmVersion::V1_4;

const INVALID: [u8; 2] = [0x01, 0];
const BUSY: [u8; 2] = [0x03, 0];
const UNEXPECTED: [u8; 2] = [0x04, 0];
const UNSPECIFIED: [u8; 2] = [0x05, 0];
const RESET: [u8; 2] = [0x0C, 0];
const FAILED: [u8; 2] = [0x44, 0];

const ALL: F = F::CSR_CAP
    .union(F::SET_CERT_CAP)
    .union(F::GET_KEY_PAIR_INFO_CAP)
    .union(F::SET_KEY_PAIR_INFO_CAP);

fn with(flags: F) -> Config<'static> {
    Config { capabilities: config().capabilities | ALL | flags, ..config() }
}

fn lab(flags: F, version: SpdmVersion) -> Sim {
    Sim::negotiated(with(flags), version)
}

/// What an ERROR says, or the code of another answer.
#[track_caller]
fn refused(sim: &mut Sim, request: &[u8], expected: [u8; 2]) {
    let answer = sim.send(request).unwrap();
    assert_eq!(answer[1..4], [&[0x7F][..], &expected].concat(), "{request:02x?}");
}

#[track_caller]
fn answered(sim: &mut Sim, request: &[u8]) -> Vec<u8> {
    let answer = sim.send(request).unwrap();
    assert_eq!(answer[1], request[1] & 0x7F, "{request:02x?}: {answer:02x?}");
    answer
}

fn get_csr(version: SpdmVersion, param1: u8, param2: u8, info: &[u8], opaque: &[u8]) -> Vec<u8> {
    let lengths = [info.len(), opaque.len()].map(|len| u16::try_from(len).unwrap().to_le_bytes());
    let header = [version.to_byte(), 0xED, param1, param2];
    [&header[..], lengths.as_flattened(), info, opaque].concat()
}

/// SEQUENCE { 0, SEQUENCE {}, SEQUENCE {}, [0] {} }.
const INFO: &[u8] = &[0x30, 9, 2, 1, 0, 0x30, 0, 0x30, 0, 0xA0, 0];

#[test]
fn the_messages_are_there_where_the_capabilities_are() {
    for version in [V1_2, V1_3, V1_4] {
        let mut sim = lab(F::empty(), version);
        let csr = answered(&mut sim, &get_csr(version, 0, 0, INFO, &[]));
        assert_eq!(csr[4..], [2, 0, 0, 0, 0x30, 0]);
        let byte = version.to_byte();
        let mut none = Sim::negotiated(config(), version);
        refused(&mut none, &get_csr(version, 0, 0, INFO, &[]), [0x07, 0xED]);
        refused(&mut none, &[byte, 0xEE, 1, 0], [0x07, 0xEE]);
        refused(&mut none, &[byte, 0xFC, 0, 0, 1], [0x07, 0xFC]);
        refused(&mut none, &[byte, 0xFD, 1, 0, 1], [0x07, 0xFD]);
        if version == V1_2 {
            refused(&mut sim, &[byte, 0xFC, 0, 0, 1], [0x07, 0xFC]);
            refused(&mut sim, &[byte, 0xFD, 1, 0, 1], [0x07, 0xFD]);
        }
        // The fixed part comes before the capability.
        refused(&mut none, &[byte, 0xED, 0, 0, 0, 0, 0], INVALID);
    }
    let mut old = lab(F::empty(), SpdmVersion::V1_1);
    refused(&mut old, &[0x11, 0xED, 0, 0, 0, 0, 0, 0], [0x07, 0xED]);
    refused(&mut old, &[0x11, 0xEE, 0, 0], [0x07, 0xEE]);
}

#[test]
fn p1_lengths_past_the_message() {
    for version in [V1_2, V1_3, V1_4] {
        let mut sim = lab(F::empty(), version);
        let byte = version.to_byte();
        let lengths: [[u8; 4]; 6] = [
            [12, 0, 0, 0],
            [0, 0, 12, 0],
            [6, 0, 6, 0],
            [0xFF, 0xFF, 1, 0],
            [1, 0, 0xFF, 0xFF],
            [0, 0x80, 0, 0x80],
        ];
        for lengths in lengths {
            let request = [&[byte, 0xED, 0, 0][..], &lengths, INFO].concat();
            refused(&mut sim, &request, INVALID);
        }
        let whole = get_csr(version, 0, 0, INFO, &[]);
        for len in 4..whole.len() {
            refused(&mut sim, &whole[..len], INVALID);
        }
        refused(&mut sim, &[&whole[..], &[0; 4]].concat(), INVALID);
    }
}

#[test]
fn p2_requester_info_that_is_no_der() {
    let mut sim = lab(F::empty(), V1_3);
    for info in [
        &[0x30, 7, 2, 1, 0, 0x30, 0, 0x30, 0][..],
        &[0x30, 9, 2, 1, 0, 0x30, 0, 0x30, 0, 0xA0, 0, 0],
        &[0x30, 9, 2, 1, 0, 0x30, 1, 0x30, 0, 0xA0, 0],
        &[0x30, 0x80, 2, 1, 0, 0x30, 0, 0x30, 0, 0xA0, 0, 0, 0],
        &[0],
    ] {
        refused(&mut sim, &get_csr(V1_3, 0, 0, info, &[]), INVALID);
    }
    let long = [&[0x30, 0x82, 0x0F, 0xFC][..], &[0; 0xFFC]].concat();
    refused(&mut sim, &get_csr(V1_3, 0, 0, &long, &[]), INVALID);
}

#[test]
fn p3_opaque_data() {
    let mut table = lab(F::empty(), V1_3);
    let good = [1, 0, 0, 0, 3, 2, 1, 0, 1, 0, 7, 0];
    answered(&mut table, &get_csr(V1_3, 0, 0, INFO, &good));
    refused(&mut table, &get_csr(V1_3, 0, 0, INFO, &[2, 0, 0, 0]), INVALID);
    let none = Config { opaque_formats: spdm_codec::OtherParams::empty(), ..with(F::empty()) };
    let mut none = Sim::negotiated(none, V1_3);
    refused(&mut none, &get_csr(V1_3, 0, 0, INFO, &good), INVALID);
    answered(&mut none, &get_csr(V1_3, 0, 0, INFO, &[]));
}

#[test]
fn p4_key_pair_and_model() {
    let mut multi = lab(F::MULTI_KEY_CAP_ONLY, V1_3);
    for (pair, model) in [(0, 1), (1, 0), (0, 0), (1, 4), (1, 7), (3, 1)] {
        refused(&mut multi, &get_csr(V1_3, pair, model, INFO, &[]), INVALID);
    }
    let csr = answered(&mut multi, &get_csr(V1_3, 2, 1, INFO, &[]));
    assert_eq!(csr[8..], [0x30, 2]);
    let mut single = lab(F::empty(), V1_3);
    for (pair, model) in [(1, 0), (0, 1), (1, 1)] {
        refused(&mut single, &get_csr(V1_3, pair, model, INFO, &[]), INVALID);
    }
}

#[test]
fn p4_each_row_of_the_table_of_tags() {
    let request = |tag: u8, overwrite: u8| get_csr(V1_3, 0, tag << 3 | overwrite << 7, INFO, &[]);
    let mut without = lab(F::empty(), V1_3);
    refused(&mut without, &request(1, 0), INVALID);
    answered(&mut without, &request(0, 1));
    let mut sim = lab(F::CERT_INSTALL_RESET_CAP, V1_3);
    refused(&mut sim, &request(1, 0), UNEXPECTED);
    refused(&mut sim, &request(1, 1), INVALID);
    for tag in 1..=7 {
        refused(&mut sim, &request(0, 0), [0x0C, tag]);
        refused(&mut sim, &request(tag, 0), BUSY);
    }
    // No tag is free.
    refused(&mut sim, &request(0, 0), BUSY);
    sim.device.lab.csrs.iter_mut().for_each(|(_, _, is_ready)| *is_ready = true);
    // The connection begins anew after the reset.
    sim.negotiate(V1_3);
    for tag in [3, 1, 7] {
        let csr = answered(&mut sim, &request(tag, 0));
        assert_eq!(csr[8..], [0x30, 0x80 | tag]);
        refused(&mut sim, &request(tag, 0), UNEXPECTED);
    }
    // Another key pair or model than the tag is of.
    sim.device.lab.csrs[0].1.pair = 2;
    refused(&mut sim, &request(2, 0), UNEXPECTED);
    refused(&mut sim, &request(0, 1), [0x0C, 1]);
    refused(&mut sim, &request(4, 0), UNEXPECTED);
}

#[test]
fn p4_before_1_3_the_same_request_is_repeated() {
    let mut sim = lab(F::CERT_INSTALL_RESET_CAP, V1_2);
    let request = get_csr(V1_2, 0, 0, INFO, &[]);
    refused(&mut sim, &request, RESET);
    refused(&mut sim, &request, RESET);
    assert_eq!(sim.device.lab.csrs.len(), 1);
    sim.device.lab.csrs[0].2 = true;
    sim.negotiate(V1_2);
    // Another one is new, and takes its place.
    refused(&mut sim, &get_csr(V1_2, 0, 0, &[], &[]), RESET);
    sim.device.lab.csrs[0].2 = true;
    answered(&mut sim, &get_csr(V1_2, 0, 0, &[], &[]));
}

/// A chain structure of one SEQUENCE.
fn structure(version: SpdmVersion, certificate: &[u8]) -> Vec<u8> {
    let hash = PROVIDER.hash.digest(HASH, &[certificate]).unwrap();
    let mut out = vec![0; 4 + 32 + certificate.len()];
    let chain = spdm_codec::CertChain { root_hash: hash.as_bytes(), certificates: certificate };
    chain.encode(version, &mut out).unwrap();
    out
}

const CERTIFICATE: &[u8] = &[0x30, 3, 2, 1, 7];

fn set(version: SpdmVersion, param1: u8, param2: u8, chain: &[u8]) -> Vec<u8> {
    [&[version.to_byte(), 0xEE, param1, param2][..], chain].concat()
}

#[test]
fn a_chain_goes_to_the_device() {
    for version in [V1_2, V1_3, V1_4] {
        let mut sim = lab(F::empty(), version);
        let chain = structure(version, CERTIFICATE);
        let answer = answered(&mut sim, &set(version, 3, 0, &chain));
        assert_eq!(answer, [version.to_byte(), 0x6E, 3, 0]);
        // A transport may append three bytes.
        answered(&mut sim, &[set(version, 3, 0, &chain), vec![0; 3]].concat());
        let given = (3, 0, CERTIFICATE.to_vec());
        assert_eq!(sim.device.lab.installed, [given.clone(), given]);
    }
}

#[test]
fn p6_lengths_and_slots() {
    for version in [V1_2, V1_3, V1_4] {
        let mut sim = lab(F::empty(), version);
        let good = structure(version, CERTIFICATE);
        let len = good.len();
        for stated in [0, 3, 35, len + 1, 0xFFFF] {
            let mut chain = good.clone();
            chain[..2].copy_from_slice(&u16::try_from(stated).unwrap().to_le_bytes());
            refused(&mut sim, &set(version, 1, 0, &chain), INVALID);
        }
        for cut in 0..36 {
            refused(&mut sim, &set(version, 1, 0, &good[..cut]), INVALID);
        }
        for slot in 8..16 {
            refused(&mut sim, &set(version, slot, 0, &good), INVALID);
        }
        refused(&mut sim, &set(version, 1, 0, &[&good[..], &[0; 4]].concat()), INVALID);
        refused(&mut sim, &set(version, 1, 0, &[]), INVALID);
        if version != V1_2 {
            // Erase with a chain, or with a model.
            refused(&mut sim, &set(version, 0x81, 0, &good), INVALID);
            refused(&mut sim, &set(version, 0x91, 0, &[]), INVALID);
            answered(&mut sim, &set(version, 0x81, 0, &[]));
        }
    }
}

#[test]
fn p6_a_chain_above_64_kib_needs_large_resp_cap() {
    let sizes =
        spdm_codec::TransferSizes { data_transfer_size: 0x2_0000, max_spdm_msg_size: 0x2_0000 };
    for (flags, expected) in [(F::empty(), INVALID), (F::LARGE_RESP_CAP, INVALID)] {
        let mut sim = Sim::new(Config { sizes, ..with(flags) });
        sim.message = vec![0; 0x4_0000];
        sim.negotiate(V1_4);
        let mut certificate = vec![0x30, 0x83, 1, 0, 0];
        certificate.resize(5 + 0x1_0000, 0);
        let chain = structure(V1_4, &certificate);
        // The Requester of these tests has no LARGE_RESP_CAP.
        refused(&mut sim, &set(V1_4, 1, 0, &chain), expected);
        assert!(sim.device.lab.installed.is_empty());
    }
}

#[test]
fn p6_key_pair_and_model_of_a_chain() {
    let good = structure(V1_3, CERTIFICATE);
    let mut multi = lab(F::MULTI_KEY_CAP_ONLY, V1_3);
    for (param1, pair) in [(0x01, 1), (0x11, 0), (0x11, 3), (0x41, 1), (0x30, 1)] {
        refused(&mut multi, &set(V1_3, param1, pair, &good), INVALID);
    }
    refused(&mut multi, &set(V1_3, 0x81, 0, &[]), INVALID);
    answered(&mut multi, &set(V1_3, 0x11, 2, &good));
    answered(&mut multi, &set(V1_3, 0x31, 2, &good));
    answered(&mut multi, &set(V1_3, 0x81, 2, &[]));
    let mut single = lab(F::empty(), V1_3);
    refused(&mut single, &set(V1_3, 0x11, 0, &good), INVALID);
    refused(&mut single, &set(V1_3, 0x01, 1, &good), INVALID);
}

#[test]
fn p7_root_hash_and_obstacles() {
    let mut sim = lab(F::empty(), V1_3);
    let mut wrong = structure(V1_3, CERTIFICATE);
    wrong[7] ^= 1;
    refused(&mut sim, &set(V1_3, 1, 0, &wrong), UNSPECIFIED);
    let mut set_of = structure(V1_3, CERTIFICATE);
    set_of[36] = 0x31;
    refused(&mut sim, &set(V1_3, 1, 0, &set_of), UNSPECIFIED);
    let good = structure(V1_3, CERTIFICATE);
    for (obstacle, expected) in [
        (Obstacle::Busy, BUSY),
        (Obstacle::Invalid, INVALID),
        (Obstacle::BadChain, UNSPECIFIED),
        (Obstacle::Failed, FAILED),
    ] {
        sim.device.lab.answer = Err(obstacle);
        refused(&mut sim, &set(V1_3, 1, 0, &good), expected);
        refused(&mut sim, &set(V1_3, 0x81, 0, &[]), expected);
    }
    assert!(sim.device.lab.installed.is_empty());
    sim.device.lab.answer = Ok(TakesEffect::AfterReset);
    refused(&mut sim, &set(V1_3, 1, 0, &good), RESET);
}

#[test]
fn p8_outside_of_a_trusted_environment() {
    let mut sim = lab(F::empty(), V1_3);
    sim.device.lab.environment = Environment::Untrusted;
    let good = structure(V1_3, CERTIFICATE);
    for slot in [0, 1, 7] {
        refused(&mut sim, &set(V1_3, slot, 0, &good), UNEXPECTED);
        refused(&mut sim, &set(V1_3, 0x80 | slot, 0, &[]), UNEXPECTED);
    }
    refused(&mut sim, &[0x13, 0xFD, 1, 0, 1], UNEXPECTED);
    assert!(sim.device.lab.installed.is_empty() && sim.device.lab.changes.is_empty());
    // Reading is free.
    answered(&mut sim, &[0x13, 0xFC, 0, 0, 1]);
    answered(&mut sim, &get_csr(V1_3, 0, 0, INFO, &[]));
}

#[test]
fn p8_in_a_session_slots_but_slot_0_and_in_its_handshake_nothing() {
    use crate::initiator::KINDS;
    use crate::sim::with_sessions;
    let capabilities = with_sessions().capabilities | ALL;
    let good = structure(V1_2, CERTIFICATE);
    for (begin, finish) in KINDS {
        let mut sim = Sim::negotiated(Config { capabilities, ..with_sessions() }, V1_2);
        sim.device.lab.environment = Environment::Untrusted;
        let mut session = begin(&mut sim, 1);
        let unexpected = vec![0x12, 0x7F, 0x04, 0];
        for request in [set(V1_2, 1, 0, &good), get_csr(V1_2, 0, 0, INFO, &[])] {
            assert_eq!(session.exchange(&mut sim, &request).unwrap(), unexpected);
        }
        session.finish(&mut sim, finish);
        let slot_0 = set(V1_2, 0, 0, &good);
        assert_eq!(session.exchange(&mut sim, &slot_0).unwrap(), unexpected);
        assert!(sim.device.lab.installed.is_empty());
        let slot_1 = set(V1_2, 1, 0, &good);
        assert_eq!(session.exchange(&mut sim, &slot_1).unwrap(), [0x12, 0x6E, 1, 0]);
        let csr = session.exchange(&mut sim, &get_csr(V1_2, 0, 0, INFO, &[])).unwrap();
        assert_eq!(csr[1], 0x6D);
        // Nothing is appended in a session.
        let longer = [set(V1_2, 1, 0, &good), vec![0]].concat();
        assert_eq!(session.exchange(&mut sim, &longer).unwrap(), [0x12, 0x7F, 0x01, 0]);
    }
}

#[test]
fn p9_a_slot_that_waits_for_a_reset() {
    for version in [V1_2, V1_3, V1_4] {
        let mut sim = lab(F::CERT_INSTALL_RESET_CAP, version);
        let byte = version.to_byte();
        sim.device.lab.pending = SlotMask(2);
        for _ in 0..2 {
            refused(&mut sim, &[byte, 0x81, 0, 0], RESET);
            refused(&mut sim, &[byte, 0x82, 1, 0, 0, 0, 0, 1], RESET);
            answered(&mut sim, &[byte, 0x82, 0, 0, 0, 0, 0, 1]);
            // It survives GET_VERSION.
            sim.negotiate(version);
        }
        sim.device.lab.pending = SlotMask(0);
        answered(&mut sim, &[byte, 0x81, 0, 0]);
    }
}

#[test]
fn key_pair_info() {
    let mut sim = lab(F::empty(), V1_4);
    let info = answered(&mut sim, &[0x14, 0xFC, 0, 0, 2]);
    assert_eq!(info[4..8], [2, 2, 0x3F, 0]);
    assert_eq!(info[info.len() - 10..], [4, 1, 0, 0, 0, 4, 0, 0, 0, 0]);
    for id in [0, 3, 255] {
        refused(&mut sim, &[0x14, 0xFC, 0, 0, id], INVALID);
    }
    let only = F::GET_KEY_PAIR_INFO_CAP;
    let config = Config { capabilities: config().capabilities | only, ..config() };
    let mut reads = Sim::negotiated(config, V1_3);
    assert_eq!(answered(&mut reads, &[0x13, 0xFC, 0, 0, 1])[6..8], [0, 0]);
    refused(&mut reads, &[0x13, 0xFD, 1, 0, 1], [0x07, 0xFD]);
}

/// SET_KEY_PAIR_INFO of 1.4.
fn change(operation: u8, id: u8, wanted: KeyPairWanted) -> Vec<u8> {
    let mut request = vec![0x14, 0xFD, operation, 0, id, 0];
    request.extend(wanted.usage.bits().to_le_bytes());
    request.extend(wanted.asym.bits().to_le_bytes());
    request.push(wanted.slots.0);
    request.push(4);
    request.extend(wanted.pqc.bits().to_le_bytes());
    request
}

#[test]
fn p14_each_row_of_the_table_of_changes() {
    type C = KeyPairCapabilities;
    let mut sim = lab(F::empty(), V1_4);
    let erase = |id| [0x14, 0xFD, 1, 0, id];
    let same = KeyPairWanted { slots: SlotMask(1), ..KeyPairWanted::default() };
    let free = KeyPair { slots: SlotMask(0), ..PAIR };
    let none = KeyPairWanted::default();
    let with = |wanted: KeyPairWanted| wanted;
    let (ecc, pqc) = (KeyPairAsymAlgo::ECC_384, PqcAsymAlgo::ML_DSA_44);
    for id in [0, 3] {
        refused(&mut sim, &erase(id), INVALID);
        refused(&mut sim, &change(0, id, same), INVALID);
    }
    refused(&mut sim, &change(3, 1, same), INVALID);
    let whole = change(0, 1, same);
    for len in 5..whole.len() {
        refused(&mut sim, &whole[..len], INVALID);
    }
    let without = |bits: C, pair: KeyPair<'static>| KeyPair {
        capabilities: PAIR.capabilities - bits,
        ..pair
    };
    let keyless = KeyPair { public_key_info: &[], ..free };
    let lost = KeyPair { asym: KeyPairAsymAlgo::empty(), ..keyless };
    let cases: [(KeyPair<'static>, u8, KeyPairWanted, [u8; 2]); 19] = [
        (without(C::GEN_KEY, free), 2, none, INVALID),
        (without(C::ERASABLE, free), 1, none, INVALID),
        (without(C::CERT_ASSOC | C::SHAREABLE, free), 0, same, INVALID),
        (
            without(C::KEY_USAGE, PAIR),
            0,
            with(KeyPairWanted { usage: KeyUsage::CHALLENGE, ..same }),
            INVALID,
        ),
        (PAIR, 0, with(KeyPairWanted { usage: KeyUsage::ENDPOINT_INFO, ..same }), INVALID),
        (without(C::ASYM_ALGO, keyless), 0, with(KeyPairWanted { asym: ecc, ..none }), INVALID),
        (keyless, 0, with(KeyPairWanted { asym: PAIR.asym_capabilities, ..none }), INVALID),
        (keyless, 0, with(KeyPairWanted { asym: ecc, pqc, ..none }), INVALID),
        (keyless, 0, with(KeyPairWanted { asym: KeyPairAsymAlgo::ED448, ..none }), INVALID),
        (keyless, 0, with(KeyPairWanted { pqc: PqcAsymAlgo::ML_DSA_87, ..none }), INVALID),
        (
            without(C::SHAREABLE, PAIR),
            0,
            with(KeyPairWanted { slots: SlotMask(5), ..none }),
            INVALID,
        ),
        (PAIR, 1, none, FAILED),
        (PAIR, 2, same, FAILED),
        (lost, 2, none, FAILED),
        (PAIR, 0, with(KeyPairWanted { asym: ecc, ..same }), INVALID),
        (PAIR, 0, with(KeyPairWanted { slots: SlotMask(3), ..none }), FAILED),
        (PAIR, 0, with(KeyPairWanted { slots: SlotMask(2), ..none }), FAILED),
        (keyless, 0, with(KeyPairWanted { usage: KeyUsage::VENDOR, ..none }), INVALID),
        (lost, 2, with(KeyPairWanted { asym: PAIR.asym, slots: SlotMask(2), ..none }), FAILED),
    ];
    for (number, (pair, operation, wanted, expected)) in cases.into_iter().enumerate() {
        sim.device.lab.pairs[0] = pair;
        let request = match operation {
            1 => erase(1).to_vec(),
            operation => change(operation, 1, wanted),
        };
        let answer = sim.send(&request).unwrap();
        assert_eq!(answer[2..4], expected, "case {number}: {answer:02x?}");
    }
    assert!(sim.device.lab.changes.is_empty());
    sim.device.lab.pairs[0] = PAIR;
    let moved = KeyPairWanted { slots: SlotMask(0x0D), ..none };
    answered(&mut sim, &change(0, 1, moved));
    sim.device.lab.pairs[0] = free;
    answered(&mut sim, &change(2, 1, KeyPairWanted { asym: ecc, ..same }));
    answered(&mut sim, &erase(1));
    assert_eq!(sim.device.lab.changes.len(), 3);
    for (obstacle, expected) in [(Obstacle::Busy, BUSY), (Obstacle::Failed, FAILED)] {
        sim.device.lab.answer = Err(obstacle);
        refused(&mut sim, &erase(1), expected);
    }
    sim.device.lab.answer = Ok(TakesEffect::AfterReset);
    refused(&mut sim, &erase(1), FAILED);
    let mut resets = lab(F::SET_KEY_PAIR_RESET_CAP, V1_4);
    resets.device.lab.pairs[0] = free;
    resets.device.lab.answer = Ok(TakesEffect::AfterReset);
    refused(&mut resets, &erase(1), RESET);
}

/// P34: provisioning between the messages that transcripts are made of changes none of them.
#[test]
fn p34_no_transcript_holds_a_message_of_provisioning() {
    use crate::sim::challenge;
    for version in [V1_2, V1_3, V1_4] {
        let byte = version.to_byte();
        let mut requests = vec![get_csr(version, 0, 0, INFO, &[])];
        requests.push(set(version, 3, 0, &structure(version, CERTIFICATE)));
        if version != V1_2 {
            requests.push(vec![byte, 0xFC, 0, 0, 1]);
            requests.push(vec![byte, 0xFD, 1, 0, 1]);
        }
        let mut quiet = lab(F::empty(), version);
        let mut busy = lab(F::empty(), version);
        let signature_of = |sim: &mut Sim, between: &[Vec<u8>]| {
            for request in [&[byte, 0x81, 0, 0][..], &[byte, 0x82, 0, 0, 0, 0, 0, 4]] {
                answered(sim, request);
                between.iter().for_each(|request| {
                    sim.send(request).unwrap();
                });
            }
            answered(sim, &challenge(version, 1))
        };
        // The keys of both are the same, and so are their signatures.
        assert_eq!(signature_of(&mut quiet, &[]), signature_of(&mut busy, &requests), "{version}");
    }
}
