//! S23, S69, S80 to S107: what may be said in a session, key update, heartbeat, end, chunks.

use spdm_codec::{CapabilityFlags, Measurements, RecordBinding, SpdmVersion, TransferSizes};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{SignedMessage, SigningContext};
use spdm_responder::{About, Before, Config, Draft, Hook};

use crate::initiator::{Initiator, KINDS, cx, key_exchange, psk_exchange};
use crate::sim::{ASYM, HASH, Sim, challenge, decode, with_sessions};

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const FINISH: u8 = 0xE5;
const HEARTBEAT: [u8; 4] = [0x12, 0xE8, 0, 0];

fn established(config: Config<'static>) -> (Sim, Initiator) {
    let mut sim = Sim::negotiated(config, V1_2);
    let session = another(&mut sim, 1);
    (sim, session)
}

fn another(sim: &mut Sim, id: u16) -> Initiator {
    let mut session = Initiator::key_exchange(sim, id);
    session.finish(sim, FINISH);
    session
}

fn beats(session: &mut Initiator, sim: &mut Sim) {
    assert_eq!(session.exchange(sim, &HEARTBEAT).unwrap(), [0x12, 0x68, 0, 0]);
}

fn refused(session: &mut Initiator, sim: &mut Sim, request: &[u8], code: u8, data: u8) {
    let answer = session.exchange(sim, request).unwrap();
    assert_eq!(answer, [0x12, 0x7F, code, data], "{request:02x?}");
}

#[test]
fn s23_s69_what_is_not_said_in_a_session() {
    let forbidden = [
        vec![0x10, 0x84, 0, 0],
        vec![0x12, 0x84, 0, 0],
        vec![0x12, 0xE1, 0, 0],
        vec![0x12, 0xE3, 0, 0],
        challenge(V1_2, 1),
        key_exchange(V1_2, 2, &[4; 64]),
        psk_exchange(V1_2, 2, b"hint"),
    ];
    for (begin, finish) in KINDS {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let mut session = begin(&mut sim, 1);
        for request in &forbidden {
            refused(&mut session, &mut sim, request, 0x04, 0);
        }
        session.finish(&mut sim, finish);
        for request in &forbidden {
            refused(&mut session, &mut sim, request, 0x04, 0);
        }
        beats(&mut session, &mut sim);
    }
    let (mut sim, mut session) = established(with_sessions());
    // What the crate does not have, and what is no request.
    refused(&mut session, &mut sim, &[0x12, 0xFE, 0, 0], 0x07, 0xFE);
    refused(&mut session, &mut sim, &[0x12, 0xEA, 0, 0], 0x07, 0xEA);
    refused(&mut session, &mut sim, &[0x12, 0x01, 0, 0], 0x01, 0);
    refused(&mut session, &mut sim, &[0x11, 0xE8, 0, 0], 0x41, 0);
    beats(&mut session, &mut sim);
}

#[test]
fn s80_key_updates_out_of_order() {
    let (mut sim, mut session) = established(with_sessions());
    refused(&mut session, &mut sim, &[0x12, 0xE9, 3, 1], 0x01, 0);
    for operation in [0, 4, 255] {
        refused(&mut session, &mut sim, &[0x12, 0xE9, operation, 1], 0x01, 0);
    }
    refused(&mut session, &mut sim, &[0x12, 0xE9, 1, 1, 0], 0x01, 0);
    let mut other = another(&mut sim, 2);
    let ack = session.exchange(&mut sim, &[0x12, 0xE9, 1, 7]).unwrap();
    assert_eq!(ack, [0x12, 0x69, 1, 7]);
    // The other session has none under way.
    refused(&mut other, &mut sim, &[0x12, 0xE9, 3, 7], 0x01, 0);
    // Under the old key: another operation is refused, the same again gets the same answer.
    refused(&mut session, &mut sim, &[0x12, 0xE9, 2, 7], 0x01, 0);
    refused(&mut session, &mut sim, &[0x12, 0xE9, 1, 8], 0x01, 0);
    refused(&mut session, &mut sim, &[0x12, 0xE9, 3, 7], 0x01, 0);
    assert_eq!(session.exchange(&mut sim, &[0x12, 0xE9, 1, 7]).unwrap(), ack);
    session.update_requests();
    refused(&mut session, &mut sim, &[0x12, 0xE9, 1, 7], 0x01, 0);
    assert_eq!(session.exchange(&mut sim, &[0x12, 0xE9, 3, 9]).unwrap(), [0x12, 0x69, 3, 9]);
    beats(&mut session, &mut sim);
    beats(&mut other, &mut sim);
}

#[test]
fn s81_keys_at_the_wrong_time() {
    // The new key before the update, the old one after it.
    let (mut sim, mut session) = established(with_sessions());
    session.update_requests();
    let record = session.seal(&HEARTBEAT);
    assert!(sim.send_record(&record).is_some());
    assert_eq!(sim.alive(), 0);
    let (mut sim, mut session) = established(with_sessions());
    session.exchange(&mut sim, &[0x12, 0xE9, 1, 7]).unwrap();
    let old = session.seal(&HEARTBEAT);
    session.update_requests();
    session.exchange(&mut sim, &[0x12, 0xE9, 3, 7]).unwrap();
    assert!(sim.send_record(&old).is_some());
    assert_eq!(sim.alive(), 0);
}

#[test]
fn s83b_the_old_request_key_works_until_verify_new_key() {
    let mctp = RecordBinding::Mctp;
    for records in [RecordBinding::PciDoe, mctp] {
        let (mut sim, mut session) = established(Config { records, ..with_sessions() });
        beats(&mut session, &mut sim);
        let record = session.seal(&[0x12, 0xE9, 2, 7]);
        let ack = sim.send_record(&record).unwrap();
        session.update_responses();
        assert_eq!(session.open(ack), [0x12, 0x69, 2, 7]);
        beats(&mut session, &mut sim);
        assert_eq!(session.exchange(&mut sim, &[0x12, 0xE9, 2, 7]).unwrap(), [0x12, 0x69, 2, 7]);
        session.update_requests();
        assert_eq!(session.exchange(&mut sim, &[0x12, 0xE9, 3, 7]).unwrap()[1], 0x69);
        beats(&mut session, &mut sim);
    }
}

#[test]
fn s87_s89_capabilities_and_places() {
    let none = CapabilityFlags::KEY_UPD_CAP | CapabilityFlags::HBEAT_CAP;
    let capabilities = with_sessions().capabilities - none;
    let (mut sim, mut session) = established(Config { capabilities, ..with_sessions() });
    refused(&mut session, &mut sim, &[0x12, 0xE9, 1, 1], 0x07, 0xE9);
    refused(&mut session, &mut sim, &HEARTBEAT, 0x07, 0xE8);
    assert_eq!(sim.send(&HEARTBEAT).unwrap(), [0x12, 0x7F, 0x07, 0xE8]);
    let (mut sim, mut session) = established(Config { heartbeat_period: 0, ..with_sessions() });
    refused(&mut session, &mut sim, &HEARTBEAT, 0x04, 0);
}

#[test]
fn s88_a_thousand_updates() {
    let (mut sim, mut session) = established(with_sessions());
    for round in 0..500_u16 {
        let tag = round.to_le_bytes()[0];
        let ack = session.exchange(&mut sim, &[0x12, 0xE9, 1, tag]).unwrap();
        assert_eq!(ack, [0x12, 0x69, 1, tag]);
        session.update_requests();
        session.exchange(&mut sim, &[0x12, 0xE9, 3, tag]).unwrap();
        let record = session.seal(&[0x12, 0xE9, 2, tag]);
        let ack = sim.send_record(&record).unwrap();
        session.update_responses();
        assert_eq!(session.open(ack)[1..3], [0x69, 2]);
        session.update_requests();
        session.exchange(&mut sim, &[0x12, 0xE9, 3, tag]).unwrap();
        sim.said.clear();
    }
    beats(&mut session, &mut sim);
}

#[test]
fn s91_the_end() {
    let (mut sim, mut session) = established(with_sessions());
    let mut other = another(&mut sim, 2);
    refused(&mut session, &mut sim, &[0x12, 0xEC, 0, 0, 0], 0x01, 0);
    // NegotiatedStateClearing says nothing to a device that caches nothing.
    assert_eq!(session.exchange(&mut sim, &[0x12, 0xEC, 1, 0]).unwrap(), [0x12, 0x6C, 0, 0]);
    let record = session.seal(&HEARTBEAT);
    assert_eq!(sim.send_record(&record), None);
    beats(&mut other, &mut sim);
}

#[test]
fn s93_everything_that_ends_sessions_erases_them() {
    let (mut sim, mut session) = established(with_sessions());
    another(&mut sim, 2);
    // A malformed GET_VERSION ends nothing.
    assert_eq!(sim.send(&[0x12, 0x84, 0, 0]).unwrap()[1], 0x7F);
    beats(&mut session, &mut sim);
    sim.negotiate(V1_2);
    assert_eq!(sim.alive(), 0);
    let record = session.seal(&HEARTBEAT);
    assert_eq!(sim.send_record(&record), None);
    let mut session = another(&mut sim, 1);
    beats(&mut session, &mut sim);

    #[derive(Debug)]
    struct Resynch;
    impl Hook for Resynch {
        fn before(&mut self, _: &About, _: &[u8], answer: &mut Draft<'_>) -> Before {
            answer.replace(&[0x12, 0x7F, 0x43, 0]).unwrap();
            Before::Reset
        }
    }
    sim.send_with(&mut Resynch, &[0x12, 0x81, 0, 0]).unwrap();
    assert_eq!(sim.alive(), 0);
}

fn small() -> Config<'static> {
    let sizes = TransferSizes { data_transfer_size: 42, max_spdm_msg_size: 0x1200 };
    Config { sizes, ..with_sessions() }
}

/// A session on a connection with small messages: KEY_EXCHANGE does not fit one.
fn small_session() -> (Sim, Initiator) {
    let (mut sim, session) = established(with_sessions());
    sim.config = small();
    (sim, session)
}

#[test]
fn s100_a_large_response_is_fetched_where_it_was_asked_for() {
    let (mut sim, mut session) = small_session();
    let mut other = another_large(&mut sim);
    let error = session.exchange(&mut sim, &[0x12, 0x82, 0, 0, 0, 0, 100, 0]).unwrap();
    assert_eq!(error[..3], [0x12, 0x7F, 0x0F]);
    let get = [0x12, 0x86, 0, error[4], 0, 0];
    assert_eq!(sim.send(&get).unwrap(), [0x12, 0x7F, 0x04, 0]);
    refused(&mut other, &mut sim, &get, 0x04, 0);
    let (mut whole, mut seq_no) = (Vec::<u8>::new(), 0);
    loop {
        let get = [0x12, 0x86, 0, error[4], seq_no, 0];
        let chunk = session.exchange(&mut sim, &get).unwrap();
        assert_eq!(chunk[1], 0x06);
        whole.extend(&chunk[if seq_no == 0 { 16 } else { 12 }..]);
        seq_no += 1;
        if chunk[2] & 1 != 0 {
            break;
        }
    }
    assert_eq!(whole[8..], sim.device.chain[..100]);
    beats(&mut other, &mut sim);
}

fn another_large(sim: &mut Sim) -> Initiator {
    let small = sim.config;
    sim.config = with_sessions();
    let session = another(sim, 2);
    sim.config = small;
    session
}

#[test]
fn s101_s103_a_large_request_stays_in_its_session() {
    let (mut sim, mut session) = small_session();
    let mut chunk =
        vec![0x12, 0x85, 0, 1, 0, 0, 0, 0, 26, 0, 0, 0, 44, 0, 0, 0, 0x12, 0xE0, 1, 0xFF];
    chunk.extend([8; 22]);
    assert_eq!(session.exchange(&mut sim, &chunk).unwrap()[..3], [0x12, 0x05, 0]);
    let mut second = vec![0x12, 0x85, 1, 1, 1, 0, 0, 0, 18, 0, 0, 0];
    second.extend([0; 18]);
    assert_eq!(sim.send(&second).unwrap(), [0x12, 0x7F, 0x04, 0]);
    assert_eq!(sim.send(&[0x12, 0x81, 0, 0]).unwrap(), [0x12, 0x7F, 0x04, 0]);
    refused(&mut session, &mut sim, &HEARTBEAT, 0x04, 0);
    // The transfer went on; the whole has seven bytes too many.
    let answer = session.exchange(&mut sim, &second).unwrap();
    assert_eq!(answer[..6], [0x12, 0x05, 0, 1, 1, 0]);
    assert_eq!(answer[6..], [0x12, 0x7F, 0x01, 0]);
    beats(&mut session, &mut sim);
}

/// The first chunk of a request that has 44 bytes.
fn first_chunk() -> Vec<u8> {
    let mut chunk =
        vec![0x12, 0x85, 0, 1, 0, 0, 0, 0, 26, 0, 0, 0, 44, 0, 0, 0, 0x12, 0xE0, 1, 0xFF];
    chunk.extend([8; 22]);
    chunk
}

/// A session that is ended between two messages, by a device that watches the clock or by itself, takes its transfer with
/// it: the device goes on, and the next session in its place gets nothing of it.
#[test]
fn s100_s103_the_transfer_of_a_dead_session_is_over() {
    let get_certificate = [0x12, 0x82, 0, 0, 0, 0, 100, 0];
    for (begin, code) in [(first_chunk(), 0x05), (get_certificate.to_vec(), 0x7F)] {
        for by_the_clock in [true, false] {
            let (mut sim, mut session) = small_session();
            let mut other = another_large(&mut sim);
            let answer = session.exchange(&mut sim, &begin).unwrap();
            assert_eq!(answer[1], code);
            let get = [0x12, 0x86, 0, answer[4], 0, 0];
            // It is the transfer that other requests wait for.
            refused(&mut other, &mut sim, &HEARTBEAT, 0x04, 0);
            if by_the_clock {
                sim.sessions
                    .iter_mut()
                    .find(|slot| slot.session_id() == Some(session.id))
                    .unwrap()
                    .end();
            } else {
                let mut record = session.seal(&HEARTBEAT);
                *record.last_mut().unwrap() ^= 1;
                sim.send_record(&record).unwrap();
            }
            assert_eq!(sim.alive(), 1);
            beats(&mut other, &mut sim);
            assert_eq!(sim.send(&[0x12, 0x81, 0, 0]).unwrap()[1], 0x01);
            let mut next = another_large(&mut sim);
            refused(&mut next, &mut sim, &get, 0x04, 0);
            assert_eq!(sim.send(&get).unwrap(), [0x12, 0x7F, 0x04, 0]);
            beats(&mut next, &mut sim);
        }
    }
}

/// The same without a message between the end of the session and the next one, which takes its place.
#[test]
fn s100_s102_the_next_session_in_its_place_gets_nothing_of_a_dead_one() {
    let (mut sim, mut session) = small_session();
    let answer = session.exchange(&mut sim, &[0x12, 0x82, 0, 0, 0, 0, 100, 0]).unwrap();
    sim.sessions[0].end();
    let mut next = another_large(&mut sim);
    assert_eq!(sim.sessions[0].session_id(), Some(next.id));
    refused(&mut next, &mut sim, &[0x12, 0x86, 0, answer[4], 0, 0], 0x04, 0);

    let (mut sim, mut session) = established(with_sessions());
    let record = session.seal(&[0x12, 0x81, 0, 0]);
    sim.send_record_with(&mut Later, &record).unwrap();
    sim.sessions[0].end();
    let mut next = another(&mut sim, 2);
    refused(&mut next, &mut sim, &[0x12, 0xFF, 0x81, 0x33], 0x04, 0);
}

/// Anyone can send a broken GET_VERSION: the transfer goes on. A good one ends everything.
#[test]
fn s103_only_a_well_formed_get_version_ends_a_transfer() {
    let mut second = vec![0x12, 0x85, 1, 1, 1, 0, 0, 0, 18, 0, 0, 0];
    second.extend([0; 18]);
    for broken in [&[0x12, 0x84, 0, 0][..], &[0x10, 0x84, 0, 0, 0, 0, 0, 0], &[0x10, 0x84]] {
        let (mut sim, mut session) = small_session();
        assert_eq!(session.exchange(&mut sim, &first_chunk()).unwrap()[1], 0x05);
        if let Some(answer) = sim.send(broken) {
            assert_eq!(answer[1..3], [0x7F, 0x04], "{broken:02x?}");
        }
        let answer = session.exchange(&mut sim, &second).unwrap();
        assert_eq!(answer[..6], [0x12, 0x05, 0, 1, 1, 0], "{broken:02x?}");
        assert_eq!(answer[6..], [0x12, 0x7F, 0x01, 0]);
        beats(&mut session, &mut sim);

        // In the clear, too, and where a response is fetched.
        let error = sim.send(&[0x12, 0x82, 0, 0, 0, 0, 100, 0]).unwrap();
        assert_eq!(error[..3], [0x12, 0x7F, 0x0F]);
        if let Some(answer) = sim.send(broken) {
            assert_eq!(answer[1..3], [0x7F, 0x04], "{broken:02x?}");
        }
        let chunk = sim.send(&[0x12, 0x86, 0, error[4], 0, 0]).unwrap();
        assert_eq!(
            chunk[16..],
            [&[0x12, 0x02, 0, 0, 100, 0, 0x84, 3], &sim.device.chain[..18]].concat()
        );
        assert_eq!(sim.send(&[0x10, 0x84, 0, 0]).unwrap()[1], 0x04);
        assert_eq!(sim.alive(), 0);
        sim.config = with_sessions();
        sim.negotiate(V1_2);
        let mut next = another(&mut sim, 1);
        beats(&mut next, &mut sim);
    }
}

/// Puts GET_DIGESTS off.
#[derive(Debug)]
struct Later;

impl Hook for Later {
    fn before(&mut self, about: &About, _: &[u8], answer: &mut Draft<'_>) -> Before {
        if about.code != spdm_codec::Code::GET_DIGESTS {
            return Before::Handle;
        }
        answer.replace(&[0x12, 0x7F, 0x42, 0, 1, 0x81, 0x33, 2]).unwrap();
        Before::Later { token: 0x33 }
    }
}

#[test]
fn s102_respond_if_ready_comes_where_its_request_came() {
    let (mut sim, mut session) = established(with_sessions());
    let mut other = another(&mut sim, 2);
    let (digests, ready) = ([0x12, 0x81, 0, 0], [0x12, 0xFF, 0x81, 0x33]);
    // Elsewhere it is refused, and the request is given up: its bytes are nobody else's.
    sim.send_with(&mut Later, &digests).unwrap();
    refused(&mut session, &mut sim, &ready, 0x04, 0);
    assert_eq!(sim.send(&ready).unwrap(), [0x12, 0x7F, 0x04, 0]);
    let put_off = |sim: &mut Sim, session: &mut Initiator| {
        let record = session.seal(&digests);
        let answer = sim.send_record_with(&mut Later, &record).unwrap();
        assert_eq!(session.open(answer)[2], 0x42);
    };
    put_off(&mut sim, &mut session);
    assert_eq!(sim.send(&ready).unwrap(), [0x12, 0x7F, 0x04, 0]);
    put_off(&mut sim, &mut session);
    refused(&mut other, &mut sim, &ready, 0x04, 0);
    for wrong in [[0x12, 0xFF, 0x81, 0x34], [0x12, 0xFF, 0xE0, 0x33], [0x12, 0xFF, 0xFF, 0x33]] {
        put_off(&mut sim, &mut session);
        refused(&mut session, &mut sim, &wrong, 0x04, 0);
    }
    put_off(&mut sim, &mut session);
    assert_eq!(session.exchange(&mut sim, &ready).unwrap()[1], 0x01);
}

#[test]
fn s107_measurements_of_each_session_are_their_own() {
    for version in [SpdmVersion::V1_1, V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let byte = version.to_byte();
        let mut sim = Sim::negotiated(with_sessions(), version);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        session.finish(&mut sim, FINISH);
        let context = if version >= SpdmVersion::V1_3 { &[5; 8][..] } else { &[] };
        let unsigned = [&[byte, 0xE0, 0, 1], context].concat();
        let signed = [&[byte, 0xE0, 1, 0xFF], &[8; 32][..], &[0], context].concat();
        let mut plain = vec![unsigned.clone()];
        plain.push(sim.send(&unsigned).unwrap());
        let mut inside = vec![unsigned.clone()];
        inside.push(session.exchange(&mut sim, &unsigned).unwrap());
        plain.push(signed.clone());
        plain.push(sim.send(&signed).unwrap());
        inside.push(signed.clone());
        inside.push(session.exchange(&mut sim, &signed).unwrap());
        for said in [plain, inside] {
            let last = said.last().unwrap();
            let message: Measurements<'_> = decode(last, &cx(&sim));
            let m = said.concat();
            let m = &m[..m.len() - ASYM.signature_len()];
            let a = if version >= V1_2 { &sim.negotiation[..] } else { &[] };
            let digest = PROVIDER.hash.digest(HASH, &[a, m]).unwrap();
            SignedMessage::new(version, SigningContext::ResponderMeasurements, digest)
                .verify(&PROVIDER, ASYM, HASH, &sim.device.key.public_key(), message.signature)
                .unwrap();
        }
    }
}

/// Answers FINISH with Busy and then with ResponseNotReady.
#[derive(Debug)]
struct Hesitant(u8);

impl Hook for Hesitant {
    fn before(&mut self, about: &About, _: &[u8], answer: &mut Draft<'_>) -> Before {
        if about.code != spdm_codec::Code::FINISH {
            return Before::Handle;
        }
        self.0 += 1;
        match self.0 {
            1 => {
                answer.replace(&[0x12, 0x7F, 0x03, 0]).unwrap();
                Before::Answer
            }
            2 => {
                answer.replace(&[0x12, 0x7F, 0x42, 0, 1, 0xE5, 0x33, 2]).unwrap();
                Before::Later { token: 0x33 }
            }
            _ => Before::Handle,
        }
    }
}

#[test]
fn s36_finish_counts_once() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let finish = session.finish_message(FINISH);
    let mut hook = Hesitant(0);
    for code in [0x03, 0x42] {
        let record = session.seal(&finish);
        let answer = sim.send_record_with(&mut hook, &record).unwrap();
        assert_eq!(session.open(answer)[2], code);
    }
    let record = session.seal(&[0x12, 0xFF, 0xE5, 0x33]);
    let answer = sim.send_record_with(&mut hook, &record).unwrap();
    let answer = session.open(answer);
    assert_eq!(answer, [0x12, 0x65, 0, 0]);
    session.finished(&finish, &answer);
    beats(&mut session, &mut sim);
}

#[test]
fn s90_a_session_that_is_silent_is_ended_by_who_watches_the_clock() {
    let (mut sim, mut session) = established(with_sessions());
    let mut other = another(&mut sim, 2);
    let slot = sim.sessions.iter_mut().find(|slot| slot.session_id() == Some(session.id)).unwrap();
    assert_eq!(slot.heartbeat_period(), 240);
    slot.end();
    let record = session.seal(&HEARTBEAT);
    assert_eq!(sim.send_record(&record), None);
    beats(&mut other, &mut sim);
}

/// Valid requests in any order and place: a session is established only by its own FINISH.
#[test]
fn s106_requests_in_any_order() {
    let mut state = 7_u32;
    let mut next = move |most: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).unwrap() % most
    };
    for round in 0..40 {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let mut sessions: Vec<(Initiator, u8, bool)> = Vec::new();
        for _ in 0..60 {
            if next(8) == 0 && sessions.len() < 4 {
                let (begin, finish) = KINDS[next(2)];
                sessions.push((begin(&mut sim, u16::try_from(round).unwrap()), finish, false));
                continue;
            }
            let plain =
                [[0x12, 0x81, 0, 0], [0x12, 0xE0, 0, 1], [0x12, 0xE5, 0, 0], [0x12, 0xE7, 0, 0]];
            sim.send(&plain[next(4)]).unwrap();
            if sessions.is_empty() {
                continue;
            }
            let index = next(sessions.len());
            let (session, finish, done) = &mut sessions[index];
            if !*done && next(4) == 0 {
                session.finish(&mut sim, *finish);
                *done = true;
                continue;
            }
            let inside =
                [[0x12, 0xE8, 0, 0], [0x12, 0x81, 0, 0], [0x12, 0xE0, 0, 0xFF], [0x12, 0xE4, 0, 0]];
            let request = inside[next(4)];
            let answer = session.exchange(&mut sim, &request).unwrap();
            let legal = *done && request[1] != 0xE4;
            assert_eq!(answer[1] != 0x7F, legal, "{request:02x?} {answer:02x?}");
            let established = sim.sessions.iter().filter(|slot| slot.is_established()).count();
            assert_eq!(established, sessions.iter().filter(|(.., done)| *done).count());
        }
    }
}
