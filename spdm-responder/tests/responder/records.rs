//! S60 to S68, S70: records that are damaged, replayed, under another key, or in another session.

use spdm_codec::{CapabilityFlags, RecordBinding, SpdmVersion};
use spdm_responder::Config;

use crate::initiator::Initiator;
use crate::sim::{Sim, with_sessions};

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const FINISH: u8 = 0xE5;
const HEARTBEAT: [u8; 4] = [0x12, 0xE8, 0, 0];
const MCTP: RecordBinding = RecordBinding::Mctp;

fn established(config: Config<'static>, id: u16) -> (Sim, Initiator) {
    let mut sim = Sim::negotiated(config, V1_2);
    let session = another(&mut sim, id);
    (sim, session)
}

fn another(sim: &mut Sim, id: u16) -> Initiator {
    let mut session = Initiator::key_exchange(sim, id);
    session.finish(sim, FINISH);
    session
}

/// The device said DecryptError under its key, and erased the session.
fn ended(session: &mut Initiator, sim: &mut Sim, record: &[u8]) {
    let answer = sim.send_record(record).unwrap();
    assert_eq!(session.open(answer), [0x12, 0x7F, 0x06, 0]);
    assert!(sim.sessions.iter().all(|slot| slot.session_id() != Some(session.id)));
    let next = session.seal(&HEARTBEAT);
    assert_eq!(sim.send_record(&next), None);
}

#[test]
fn s60_each_byte_of_a_record_counts() {
    let authenticated = with_sessions().capabilities - CapabilityFlags::ENCRYPT_CAP;
    for (records, capabilities) in [
        (RecordBinding::PciDoe, with_sessions().capabilities),
        (MCTP, with_sessions().capabilities),
        (RecordBinding::PciDoe, authenticated),
    ] {
        let config = Config { records, capabilities, ..with_sessions() };
        let len = established(config, 1).1.seal(&HEARTBEAT).len();
        for at in 0..len {
            let (mut sim, mut session) = established(config, 1);
            let mut other = another(&mut sim, 2);
            let mut record = session.seal(&HEARTBEAT);
            record[at] ^= 0x40;
            if at < 4 {
                // There is no such session: silence, and every session lives.
                assert_eq!(sim.send_record(&record), None);
                record[at] ^= 0x40;
                let answer = sim.send_record(&record).unwrap();
                assert_eq!(session.open(answer)[1], 0x68);
            } else {
                ended(&mut session, &mut sim, &record);
            }
            assert_eq!(other.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
        }
    }
}

/// The Requester allows a key 2^3 records: the device opens eight, and answers no ninth, but goes on under a new key. In a
/// version that knows no limit it is ignored.
#[test]
fn s66_no_key_protects_more_records_than_the_requester_says() {
    let offer = |version: u8| {
        vec![2, 0, 0, 0, 0, 0, 5, 0, 1, 1, 1, 0, version, 0, 0, 0, 0, 0, 3, 0, 1, 2, 3, 0]
    };
    let open = |version: u8| {
        let mut sim = Sim::negotiated(with_sessions(), V1_2);
        let mut session = Initiator::key_exchange_with(&mut sim, 1, &offer(version), version);
        session.finish(&mut sim, FINISH);
        (sim, session)
    };
    let (mut sim, mut session) = open(0x13);
    for _ in 0..8 {
        assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
    }
    let ninth = session.seal(&HEARTBEAT);
    assert_eq!(sim.send_record(&ninth), None);
    assert_eq!(sim.alive(), 0);

    let (mut sim, mut session) = open(0x13);
    for _ in 0..7 {
        assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
    }
    let record = session.seal(&[0x12, 0xE9, 2, 9]);
    let answer = sim.send_record(&record).unwrap();
    session.update_responses();
    assert_eq!(session.open(answer), [0x12, 0x69, 2, 9]);
    session.update_requests();
    assert_eq!(session.exchange(&mut sim, &[0x12, 0xE9, 3, 10]).unwrap()[1], 0x69);
    for _ in 0..6 {
        assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
    }

    let (mut sim, mut session) = open(0x12);
    for _ in 0..9 {
        assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
    }
}

#[test]
fn s61_replays_and_records_out_of_order() {
    for records in [RecordBinding::PciDoe, MCTP] {
        let config = Config { records, ..with_sessions() };
        let (mut sim, mut session) = established(config, 1);
        let record = session.seal(&HEARTBEAT);
        let answer = sim.send_record(&record).unwrap();
        session.open(answer);
        ended(&mut session, &mut sim, &record);
        let (mut sim, mut session) = established(config, 1);
        session.seal(&HEARTBEAT);
        let skipped = session.seal(&HEARTBEAT);
        ended(&mut session, &mut sim, &skipped);
        // Its own answer, sent back.
        let (mut sim, mut session) = established(config, 1);
        let record = session.seal(&HEARTBEAT);
        let answer = sim.send_record(&record).unwrap();
        session.open(answer.clone());
        ended(&mut session, &mut sim, &answer);
    }
}

#[test]
fn s62_a_record_under_the_id_of_another_session() {
    let (mut sim, mut one) = established(with_sessions(), 1);
    let mut other = another(&mut sim, 2);
    let mut record = one.seal(&HEARTBEAT);
    record[..4].copy_from_slice(&other.id.to_le_bytes());
    ended(&mut other, &mut sim, &record);
    one.request.1 -= 1;
    assert_eq!(one.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
}

#[test]
fn s63_lengths() {
    for (low, high) in [(0, 0), (15, 0), (0xFF, 0xFF), (40, 0)] {
        let (mut sim, mut session) = established(with_sessions(), 1);
        let mut record = session.seal(&HEARTBEAT);
        (record[4], record[5]) = (low, high);
        ended(&mut session, &mut sim, &record);
    }
    for len in 4..27 {
        let (mut sim, mut session) = established(with_sessions(), 1);
        let record = session.seal(&HEARTBEAT);
        ended(&mut session, &mut sim, &record[..len]);
    }
    let (mut sim, mut session) = established(with_sessions(), 1);
    let record = session.seal(&HEARTBEAT);
    for len in 0..4 {
        assert_eq!(sim.send_record(&record[..len]), None);
    }
    // ApplicationDataLength larger than what there is.
    for length in [5, 6, 0xFFFF] {
        let (mut sim, mut session) = established(with_sessions(), 1);
        let data = [&u16::to_le_bytes(length)[..], &HEARTBEAT].concat();
        let record = session.seal_data(data);
        ended(&mut session, &mut sim, &record);
    }
    let (mut sim, mut session) = established(with_sessions(), 1);
    let record = session.seal_data(Vec::new());
    ended(&mut session, &mut sim, &record);
}

#[test]
fn s64_a_record_of_the_other_privacy() {
    let authenticated = with_sessions().capabilities - CapabilityFlags::ENCRYPT_CAP;
    let encrypting = established(with_sessions(), 1);
    let authenticating = established(Config { capabilities: authenticated, ..with_sessions() }, 1);
    for ((mut sim, mut session), data) in
        [(encrypting, HEARTBEAT.to_vec()), (authenticating, [&[4, 0], &HEARTBEAT[..]].concat())]
    {
        let mut record = session.seal_data(data);
        // What the other kind would have as its tag.
        let last = record.len() - 1;
        record[last] ^= 1;
        ended(&mut session, &mut sim, &record);
    }
}

#[test]
fn s65_what_is_inside_is_no_spdm() {
    let (mut sim, mut session) = established(Config { records: MCTP, ..with_sessions() }, 1);
    for inner in [&[1, 0x12, 0xE8, 0, 0][..], &[], &[5], &[5, 0x12, 0xE8]] {
        let record = session.seal_inner(inner);
        assert_eq!(sim.send_record(&record), None);
    }
    assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
    let tcp = RecordBinding::Tcp;
    let (mut sim, mut session) = established(Config { records: tcp, ..with_sessions() }, 1);
    for head in [[6, 0, 0, 5], [5, 0, 1, 5], [7, 0, 1, 5], [6, 0, 1, 6]] {
        let record = session.seal_inner(&[&head[..], &HEARTBEAT].concat());
        assert_eq!(sim.send_record(&record), None);
    }
    assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
}

#[test]
fn s66_the_two_bytes_of_mctp_wrap() {
    let records = MCTP;
    let (mut sim, mut session) = established(Config { records, ..with_sessions() }, 1);
    for _ in 0..0x1_0002 {
        assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
        sim.said.clear();
    }
}

#[test]
fn s67_a_plain_message_where_a_record_is_due() {
    for version in [SpdmVersion::V1_1, V1_2] {
        let byte = version.to_byte();
        let mut sim = Sim::negotiated(with_sessions(), version);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        session.finish(&mut sim, FINISH);
        let code = if version == SpdmVersion::V1_1 { 0x05 } else { 0x0B };
        for request in
            [[byte, 0xE8, 0, 0], [byte, 0xE9, 1, 1], [byte, 0xEC, 0, 0], [byte, 0xE5, 0, 0]]
        {
            assert_eq!(sim.send(&request).unwrap(), [byte, 0x7F, code, 0]);
        }
        let psk_finish = [byte, 0xE7, 0, 0];
        assert_eq!(sim.send(&psk_finish).unwrap(), [byte, 0x7F, code, 0]);
        assert_eq!(session.exchange(&mut sim, &[byte, 0xE8, 0, 0]).unwrap()[1], 0x68);
    }
}

#[test]
fn s68_the_keys_of_the_handshake_after_it() {
    let mut sim = Sim::negotiated(with_sessions(), V1_2);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let record = session.seal(&HEARTBEAT);
    session.request.1 -= 1;
    session.finish(&mut sim, FINISH);
    ended(&mut session, &mut sim, &record);
}

#[test]
fn s70_no_padding_inside() {
    let (mut sim, mut session) = established(with_sessions(), 1);
    for request in [&[0x12, 0xE8, 0, 0, 0][..], &[0x12, 0xEC, 0, 0, 0], &[0x12, 0x81, 0, 0, 0]] {
        assert_eq!(session.exchange(&mut sim, request).unwrap(), [0x12, 0x7F, 0x01, 0]);
    }
    // S71: behind the record there may be some.
    for padding in 0..=3 {
        let mut record = session.seal(&HEARTBEAT);
        record.extend(vec![0; padding]);
        let answer = sim.send_record(&record).unwrap();
        assert_eq!(session.open(answer)[1], 0x68);
    }
    let mut record = session.seal(&HEARTBEAT);
    record.extend([0; 4]);
    ended(&mut session, &mut sim, &record);
}

/// Data of other protocols go to the device, once the session is established, and never come back as a message of SPDM.
#[test]
fn data_of_other_protocols_are_the_devices() {
    let config = Config { records: MCTP, ..with_sessions() };
    let (mut sim, mut session) = established(config, 1);
    let record = session.seal_inner(&[0x7E, 2, 3]);
    let answer = sim.send_record(&record).unwrap();
    assert_eq!(session.open_inner(answer), [0x7E, 2, 3]);
    // Another protocol, one whose answer looks like SPDM, and no protocol at all.
    for silent in [&[7, 1][..], &[0x7F, 0x12, 0x68, 0, 0], &[]] {
        let record = session.seal_inner(silent);
        assert_eq!(sim.send_record(&record), None, "{silent:?}");
    }
    assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
    // Over PCI DOE there is nothing but SPDM.
    let (mut sim, mut session) = established(with_sessions(), 1);
    assert_eq!(session.exchange(&mut sim, &[1, 2, 3, 4]).unwrap()[1], 0x7F);
}

#[test]
fn data_of_other_protocols_come_to_nothing_in_a_handshake() {
    let mut sim = Sim::negotiated(Config { records: MCTP, ..with_sessions() }, V1_2);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let record = session.seal_inner(&[0x7E, 2, 3]);
    assert_eq!(sim.send_record(&record), None);
    session.finish(&mut sim, FINISH);
    assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
}
