//! S1 to S39: how sessions begin, and how they do not.

use spdm_codec::{CapabilityFlags, MeasurementSummary, RecordBinding, SpdmVersion};
use spdm_crypto::{AeadAlgorithm, EcCurve, FfdheGroup, KeyExchangeAlgorithm, MlKemSet};
use spdm_responder::Config;

use crate::initiator::{Initiator, KINDS, key_exchange, psk_exchange};
use crate::sim::{Sim, config, with_sessions};

const VERSIONS: [SpdmVersion; 4] =
    [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4];
const V1_2: SpdmVersion = SpdmVersion::V1_2;
const FINISH: u8 = 0xE5;
const PSK_FINISH: u8 = 0xE7;

fn clear() -> Config<'static> {
    let flags = with_sessions().capabilities | CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
    Config { capabilities: flags, ..with_sessions() }
}

fn public() -> Vec<u8> {
    let exchange = KeyExchangeAlgorithm::Ecdh(EcCurve::P256);
    let mut public = vec![0; exchange.request_len()];
    spdm_crypto::rustcrypto::PROVIDER.start_key_exchange(exchange, &mut public).unwrap();
    public
}

/// The device answers inside.
fn works(session: &mut Initiator, sim: &mut Sim, version: SpdmVersion) {
    let byte = version.to_byte();
    assert_eq!(session.exchange(sim, &[byte, 0xE8, 0, 0]).unwrap(), [byte, 0x68, 0, 0]);
    let context = if version >= SpdmVersion::V1_3 { &[1; 8][..] } else { &[] };
    let measure = [&[byte, 0xE0, 0, 0xFF], context].concat();
    assert_eq!(session.exchange(sim, &measure).unwrap()[1], 0x60);
}

#[test]
fn sessions_of_each_version_kind_and_transport() {
    let formats = [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp];
    for version in VERSIONS {
        for (config, records) in [with_sessions(), clear()]
            .into_iter()
            .zip(formats.into_iter().cycle())
            .chain(formats.map(|format| (clear(), format)))
        {
            let mut sim = Sim::negotiated(Config { records, ..config }, version);
            let mut first = Initiator::key_exchange(&mut sim, 1);
            first.finish(&mut sim, FINISH);
            let mut second = Initiator::psk_exchange(&mut sim, 2);
            second.finish(&mut sim, PSK_FINISH);
            for _ in 0..3 {
                works(&mut first, &mut sim, version);
                works(&mut second, &mut sim, version);
            }
            let byte = version.to_byte();
            assert_eq!(first.exchange(&mut sim, &[byte, 0xEC, 0, 0]).unwrap(), [byte, 0x6C, 0, 0]);
            assert_eq!((sim.alive(), sim.send_record(&first.seal(&[byte, 0xE8, 0, 0]))), (1, None));
            works(&mut second, &mut sim, version);
        }
    }
}

#[test]
fn s15_every_key_exchange_and_every_aead() {
    let exchanges: [&'static [KeyExchangeAlgorithm]; 9] = [
        &[KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B2048)],
        &[KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B3072)],
        &[KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B4096)],
        &[KeyExchangeAlgorithm::Ecdh(EcCurve::P256)],
        &[KeyExchangeAlgorithm::Ecdh(EcCurve::P384)],
        &[KeyExchangeAlgorithm::Ecdh(EcCurve::P521)],
        &[KeyExchangeAlgorithm::MlKem(MlKemSet::K512)],
        &[KeyExchangeAlgorithm::MlKem(MlKemSet::K768)],
        &[KeyExchangeAlgorithm::MlKem(MlKemSet::K1024)],
    ];
    for key_exchanges in exchanges {
        let config = Config { key_exchanges, ..with_sessions() };
        let mut sim = Sim::negotiated(config, SpdmVersion::V1_4);
        let mut session = Initiator::key_exchange(&mut sim, 7);
        session.finish(&mut sim, FINISH);
        works(&mut session, &mut sim, SpdmVersion::V1_4);
    }
    let aeads: [&'static [AeadAlgorithm]; 3] = [
        &[AeadAlgorithm::Aes128Gcm],
        &[AeadAlgorithm::Aes256Gcm],
        &[AeadAlgorithm::ChaCha20Poly1305],
    ];
    for aeads in aeads {
        for without in [CapabilityFlags::empty(), CapabilityFlags::ENCRYPT_CAP] {
            let capabilities = with_sessions().capabilities - without;
            let config = Config { aeads, capabilities, ..with_sessions() };
            let mut sim = Sim::negotiated(config, V1_2);
            let mut session = Initiator::key_exchange(&mut sim, 7);
            session.finish(&mut sim, FINISH);
            works(&mut session, &mut sim, V1_2);
        }
    }
}

#[test]
fn s1_s2_the_finish_of_the_other_kind_is_unexpected() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut kex = Initiator::key_exchange(&mut sim, 1);
    let mut psk = Initiator::psk_exchange(&mut sim, 2);
    let message = kex.finish_message(PSK_FINISH);
    assert_eq!(kex.exchange(&mut sim, &message).unwrap(), [0x12, 0x7F, 0x04, 0]);
    let message = psk.finish_message(FINISH);
    assert_eq!(psk.exchange(&mut sim, &message).unwrap(), [0x12, 0x7F, 0x04, 0]);
    assert!(!sim.sessions.iter().any(|slot| slot.is_established()));
    kex.finish(&mut sim, FINISH);
    psk.finish(&mut sim, PSK_FINISH);
}

#[test]
fn s3_without_context_there_is_no_psk_finish() {
    let flags = with_sessions().capabilities - CapabilityFlags::PSK_CAP_CONTEXT;
    let capabilities = flags | CapabilityFlags::PSK_CAP;
    let mut sim = Sim::negotiated(Config { capabilities, ..with_sessions() }, V1_2);
    let mut session = Initiator::psk_exchange(&mut sim, 1);
    let finish = session.finish_message(PSK_FINISH);
    session.establish();
    assert_eq!(session.exchange(&mut sim, &finish).unwrap(), [0x12, 0x7F, 0x07, PSK_FINISH]);
    works(&mut session, &mut sim, V1_2);
}

#[test]
fn s4_s5_nothing_but_finish_before_it() {
    let established = [[0xE8, 0, 0], [0xE9, 1, 1], [0xEC, 0, 0], [0x81, 0, 0], [0xE0, 0, 0]];
    for begin in [Initiator::key_exchange, Initiator::psk_exchange] {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let mut session = begin(&mut sim, 1);
        for [code, param1, param2] in established {
            let answer = session.exchange(&mut sim, &[0x12, code, param1, param2]).unwrap();
            assert_eq!(answer, [0x12, 0x7F, 0x04, 0], "{code:02x}");
        }
        // S68: under the keys of the data, before there are any.
        session.establish();
        let record = session.seal(&[0x12, 0xE8, 0, 0]);
        assert!(sim.send_record(&record).is_some());
        assert_eq!(sim.alive(), 0);
    }
}

#[test]
fn s8_the_same_req_session_id_twice() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    for id in [0, 0xFFFF] {
        let mut one = Initiator::key_exchange(&mut sim, id);
        let mut other = Initiator::key_exchange(&mut sim, id);
        assert_ne!(one.id, other.id);
        other.finish(&mut sim, FINISH);
        one.finish(&mut sim, FINISH);
        works(&mut one, &mut sim, V1_2);
        works(&mut other, &mut sim, V1_2);
    }
}

#[test]
fn s9_no_room_and_room_again() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut sessions: Vec<_> = (0..4).map(|id| Initiator::key_exchange(&mut sim, id)).collect();
    let request = key_exchange(V1_2, 9, &public());
    assert_eq!(sim.send(&request).unwrap(), [0x12, 0x7F, 0x0A, 0]);
    let psk = psk_exchange(V1_2, 9, b"hint");
    assert_eq!(sim.send(&psk).unwrap(), [0x12, 0x7F, 0x0A, 0]);
    let mut bad = sessions[2].finish_message(FINISH);
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(sessions[2].exchange(&mut sim, &bad).unwrap(), [0x12, 0x7F, 0x06, 0]);
    let mut last = Initiator::key_exchange(&mut sim, 9);
    last.finish(&mut sim, FINISH);
    works(&mut last, &mut sim, V1_2);
}

#[test]
fn s14_public_values_that_are_none() {
    let mut off_curve = public();
    off_curve[0] ^= 1;
    for bad in [vec![0; 64], vec![0xFF; 64], off_curve] {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        assert_eq!(sim.send(&key_exchange(V1_2, 1, &bad)).unwrap(), [0x12, 0x7F, 0x01, 0]);
        assert_eq!(sim.alive(), 0);
    }
    let key_exchanges = &[KeyExchangeAlgorithm::MlKem(MlKemSet::K768)];
    let mut sim = Sim::negotiated(Config { key_exchanges, ..with_sessions() }, SpdmVersion::V1_4);
    let request = key_exchange(SpdmVersion::V1_4, 1, &[0xFF; 1184]);
    assert_eq!(sim.send(&request).unwrap(), [0x14, 0x7F, 0x01, 0]);
}

/// The opaque data of KEY_EXCHANGE begins behind header, random and exchange data, and its length.
const OPAQUE: usize = 40 + 64 + 2;

#[test]
fn s20_opaque_data_of_the_request() {
    let good = key_exchange(V1_2, 1, &public());
    let edits: [(usize, u8); 9] = [
        (0, 0), // TotalElements
        (0, 2),
        (0, 255),
        (4, 12),   // no standards body
        (6, 0xFF), // element past the end
        (8, 2),    // SMDataVersion: no list that is known
        (9, 0),    // a selection
        (10, 0),   // no versions
        (10, 4),   // more versions than there are
    ];
    for (at, value) in edits {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let mut bad = good.clone();
        bad[OPAQUE + at] = value;
        assert_eq!(sim.send(&bad).unwrap(), [0x12, 0x7F, 0x01, 0], "{at} {value}");
        assert_eq!(sim.alive(), 0);
    }
    // No version in common; one in common.
    for (versions, code) in [([0x14, 0x0F, 0x20], 0x7F), ([0x14, 0x10, 0x0F], 0x64)] {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let mut request = good.clone();
        for (at, version) in [12, 14, 16].into_iter().zip(versions) {
            request[OPAQUE + at] = version;
        }
        assert_eq!(sim.send(&request).unwrap()[1], code);
    }
    // Without an offer there is no selection.
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut request = good[..OPAQUE].to_vec();
    request[OPAQUE - 2..].fill(0);
    let answer = sim.send(&request).unwrap();
    assert_eq!((answer[1], &answer[40 + 64..40 + 66]), (0x64, &[0, 0][..]));
    let wrong_spec = [&key_exchange(SpdmVersion::V1_1, 1, &public())[..]].concat();
    let mut sim = Sim::negotiated(with_sessions(), SpdmVersion::V1_1);
    let mut bad = wrong_spec.clone();
    bad[OPAQUE] ^= 1;
    assert_eq!(sim.send(&bad).unwrap(), [0x11, 0x7F, 0x01, 0]);
    assert_eq!(sim.send(&wrong_spec).unwrap()[1], 0x64);
}

#[test]
fn s21_s22_slots_summaries_and_policy() {
    let good = key_exchange(SpdmVersion::V1_3, 1, &public());
    for (at, value) in
        [(3, 8), (3, 9), (3, 0x0F), (3, 0xFE), (3, 1), (3, 0xFF), (2, 2), (2, 0x7F), (6, 2)]
    {
        let mut sim = Sim::negotiated(with_sessions(), SpdmVersion::V1_3);
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(sim.send(&bad).unwrap(), [0x13, 0x7F, 0x01, 0], "{at} {value:02x}");
        assert_eq!(sim.alive(), 0);
    }
    for summary in [MeasurementSummary::Tcb, MeasurementSummary::All] {
        let capabilities = with_sessions().capabilities - CapabilityFlags::MEAS_CAP_SIG;
        let mut sim =
            Sim::negotiated(Config { capabilities, ..with_sessions() }, SpdmVersion::V1_3);
        let mut bad = good.clone();
        bad[2] = summary.to_byte();
        assert_eq!(sim.send(&bad).unwrap(), [0x13, 0x7F, 0x01, 0]);
        let mut sim = Sim::negotiated(with_sessions(), SpdmVersion::V1_3);
        assert_eq!(sim.send(&bad).unwrap()[1], 0x64);
    }
}

#[test]
fn s24_every_truncation() {
    for version in VERSIONS {
        let byte = version.to_byte();
        let mut sim = Sim::negotiated(with_sessions(), version);
        for whole in [key_exchange(version, 1, &public()), psk_exchange(version, 1, b"hint")] {
            for len in 4..whole.len() {
                let answer = sim.send(&whole[..len]).unwrap();
                assert_eq!(answer, [byte, 0x7F, 0x01, 0], "{len}");
            }
        }
        let mut lengths = psk_exchange(version, 1, b"hint");
        lengths[6..12].fill(0xFF);
        assert_eq!(sim.send(&lengths).unwrap(), [byte, 0x7F, 0x01, 0]);
        assert_eq!(sim.alive(), 0);
        for (begin, code) in KINDS {
            let mut session = begin(&mut sim, 3);
            let whole = session.finish_message(code);
            for len in 4..whole.len() {
                let answer = session.exchange(&mut sim, &whole[..len]).unwrap();
                assert_eq!(answer, [byte, 0x7F, 0x01, 0], "{version} {code:02x} {len}");
            }
            let longer = [&whole[..], &[0]].concat();
            assert_eq!(session.exchange(&mut sim, &longer).unwrap(), [byte, 0x7F, 0x01, 0]);
            session.finish(&mut sim, code);
        }
    }
}

#[test]
fn s25_hints_that_name_no_key() {
    for hint in [&b"other"[..], b"", &[7; 32], &[7; 33], &[7; 2000]] {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let answer = sim.send(&psk_exchange(V1_2, 1, hint)).unwrap();
        assert_eq!(answer, [0x12, 0x7F, 0x01, 0]);
        assert_eq!(sim.alive(), 0);
    }
}

#[test]
fn s30_a_signature_without_mutual_authentication() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let mut message = session.finish_message(FINISH);
    message[2] = 1;
    assert_eq!(session.exchange(&mut sim, &message).unwrap(), [0x12, 0x7F, 0x01, 0]);
    session.finish(&mut sim, FINISH);
}

#[test]
fn s35_a_wrong_finish_ends_the_session() {
    for config in [with_sessions(), clear()] {
        for version in VERSIONS {
            let byte = version.to_byte();
            let mut sim = Sim::negotiated(config, version);
            let mut session = Initiator::key_exchange(&mut sim, 1);
            let good = session.finish_message(FINISH);
            let mut bad = good.clone();
            *bad.last_mut().unwrap() ^= 1;
            if config.capabilities.contains(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP) {
                assert_eq!(sim.send(&bad).unwrap(), [byte, 0x7F, 0x06, 0]);
                let code = if version == SpdmVersion::V1_1 { 0x05 } else { 0x0B };
                assert_eq!(sim.send(&good).unwrap(), [byte, 0x7F, code, 0]);
            } else {
                assert_eq!(session.exchange(&mut sim, &bad).unwrap(), [byte, 0x7F, 0x06, 0]);
                assert_eq!(session.exchange(&mut sim, &good), None);
            }
            assert_eq!(sim.alive(), 0);
        }
    }
}

#[test]
fn s37_finish_twice() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let message = session.finish_message(FINISH);
    session.finish(&mut sim, FINISH);
    assert_eq!(session.exchange(&mut sim, &message).unwrap(), [0x12, 0x7F, 0x04, 0]);
    works(&mut session, &mut sim, V1_2);
}

#[test]
fn s38_finish_in_the_wrong_place() {
    for version in VERSIONS {
        let byte = version.to_byte();
        let code = if version == SpdmVersion::V1_1 { 0x05 } else { 0x0B };
        let mut sim = Sim::negotiated(clear(), version);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        let message = session.finish_message(FINISH);
        assert_eq!(session.exchange(&mut sim, &message).unwrap(), [byte, 0x7F, code, 0]);
        session.finish(&mut sim, FINISH);
        let mut sim = Sim::negotiated(with_sessions(), version);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        let message = session.finish_message(FINISH);
        assert_eq!(sim.send(&message).unwrap(), [byte, 0x7F, code, 0]);
        session.finish(&mut sim, FINISH);
        works(&mut session, &mut sim, version);
    }
}

#[test]
fn s39_the_finish_of_an_older_handshake_in_the_clear() {
    let mut sim = Sim::negotiated(clear(), V1_2);
    let first = Initiator::key_exchange(&mut sim, 1);
    let mut second = Initiator::key_exchange(&mut sim, 2);
    assert_eq!(sim.send(&first.finish_message(FINISH)).unwrap(), [0x12, 0x7F, 0x06, 0]);
    assert!(!sim.sessions.iter().any(|slot| slot.is_established()));
    second.finish(&mut sim, FINISH);
    works(&mut second, &mut sim, V1_2);
}

#[test]
fn without_the_capability_nothing_begins() {
    let mut sim = Sim::negotiated(config(), V1_2);
    for code in [0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEC] {
        assert_eq!(sim.send(&[0x12, code, 0, 0]).unwrap(), [0x12, 0x7F, 0x07, code]);
    }
}

fn several_keys() -> Config<'static> {
    let flags = CapabilityFlags::MULTI_KEY_CAP_ONLY | CapabilityFlags::GET_KEY_PAIR_INFO_CAP;
    let capabilities = with_sessions().capabilities | flags;
    Config { capabilities, ..with_sessions() }
}

#[test]
fn s16_digests_enter_where_nothing_came_between() {
    const V1_3: SpdmVersion = SpdmVersion::V1_3;
    let get_digests = [0x13, 0x81, 0, 0];
    let begin = |requests: &[&[u8]], counts: fn(&[Vec<u8>]) -> Vec<u8>| {
        let mut sim = Sim::negotiated(several_keys(), V1_3);
        let answers: Vec<_> = requests.iter().map(|request| sim.send(request).unwrap()).collect();
        sim.digests = counts(&answers);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        session.finish(&mut sim, FINISH);
        works(&mut session, &mut sim, V1_3);
        // Never in TH of a pre-shared key.
        Initiator::psk_exchange(&mut sim, 2).finish(&mut sim, PSK_FINISH);
    };
    let certificate = [0x13, 0x82, 0, 0, 0, 0, 16, 0];
    begin(&[], |_| Vec::new());
    begin(&[&get_digests], |answers| answers[0].clone());
    begin(&[&get_digests, &get_digests, &certificate], |answers| answers[0].clone());
    begin(&[&certificate, &get_digests], |_| Vec::new());
}

#[test]
fn s21_a_key_that_is_not_for_sessions() {
    let mut sim = Sim::negotiated(several_keys(), SpdmVersion::V1_3);
    sim.device.usage = spdm_codec::KeyUsage::CHALLENGE;
    let request = key_exchange(SpdmVersion::V1_3, 1, &public());
    assert_eq!(sim.send(&request).unwrap(), [0x13, 0x7F, 0x01, 0]);
    sim.device.usage = spdm_codec::KeyUsage::KEY_EX;
    assert_eq!(sim.send(&request).unwrap()[1], 0x64);
}

#[test]
fn room_for_a_session_is_small() {
    let size = size_of::<spdm_responder::SessionSlot>();
    // Who the Requester is, and the number of the next event.
    let most = if cfg!(feature = "mutual-auth") { 1160 } else { 1104 };
    assert!(size <= most, "{size}");
}
