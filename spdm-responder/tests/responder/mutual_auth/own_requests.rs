//! S38: what the device asks on its own.

use spdm_codec::{CapabilityFlags, MutAuthRequested, SpdmVersion};
use spdm_responder::{OwnRequest, RequestOutcome};

use super::{HITC, Place, SINCE_1_1, asked, begin, connected, deliver, end, error, policy, poll};
use crate::host::Host;
use crate::initiator::Initiator;
use crate::sim::Sim;

/// An established session of a device that asks for nothing but a new key.
fn asks_for_a_new_key(version: SpdmVersion) -> (Sim, Initiator, Host) {
    let (mut sim, host) = connected(version, CapabilityFlags::empty(), MutAuthRequested::No);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    policy(&mut sim).own = Some(OwnRequest::UpdateKey);
    let nothing = error(version, if version >= SpdmVersion::V1_3 { 0x45 } else { 0x04 });
    // Not outside of a session, and not in its handshake.
    assert_eq!(sim.send(&poll(version)).unwrap(), nothing);
    assert_eq!(session.exchange(&mut sim, &poll(version)).unwrap(), nothing);
    session.finish(&mut sim, 0xE5);
    (sim, session, host)
}

#[test]
fn the_device_updates_its_key() {
    for version in SINCE_1_1 {
        let (mut sim, mut session, mut host) = asks_for_a_new_key(version);
        let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
        assert_eq!(request[1..3], [0xE9, 1]);
        // The Requester's own update has to wait, other requests have not.
        let own = session.exchange(&mut sim, &[version.to_byte(), 0xE9, 1, 7]).unwrap();
        assert_eq!(own, error(version, 0x08));
        let heartbeat = [version.to_byte(), 0xE8, 0, 0];
        assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
        let answer = host.answer(&request);
        let record = session.seal(&deliver(version, id, &answer));
        let ack = sim.send_record(&record).unwrap();
        session.update_responses();
        let (id, request) = asked(&session.open(ack));
        assert_eq!(request[1..3], [0xE9, 3]);
        let answer = host.answer(&request);
        let ack = session.exchange(&mut sim, &deliver(version, id, &answer)).unwrap();
        assert_eq!(ack, end(version, id));
        assert_eq!(policy(&mut sim).ended, [RequestOutcome::Answered]);
        assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
        let own = session.exchange(&mut sim, &[version.to_byte(), 0xE9, 1, 7]).unwrap();
        assert_eq!(own[1], 0x69);
    }
}

#[test]
fn the_device_ends_a_session() {
    for version in SINCE_1_1 {
        let (mut sim, mut session, host) = asks_for_a_new_key(version);
        policy(&mut sim).own = Some(OwnRequest::EndSession);
        let heartbeat = [version.to_byte(), 0xE8, 0, 0];
        if version < SpdmVersion::V1_4 {
            let nothing = error(version, if version >= SpdmVersion::V1_3 { 0x45 } else { 0x04 });
            assert_eq!(session.exchange(&mut sim, &poll(version)).unwrap(), nothing);
            continue;
        }
        // What is no acknowledgement ends nothing.
        for wrong in [error(version, 0x03), vec![version.to_byte(), 0x69, 0, 0]] {
            let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
            assert_eq!(request, [version.to_byte(), 0xEC, 0, 0]);
            session.exchange(&mut sim, &deliver(version, id, &wrong)).unwrap();
            assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
            policy(&mut sim).own = Some(OwnRequest::EndSession);
        }
        // Not in the clear, nor while a session is being opened.
        assert_eq!(sim.send(&poll(version)).unwrap(), error(version, 0x45));
        let mut other = Initiator::key_exchange(&mut sim, 2);
        assert_eq!(other.exchange(&mut sim, &poll(version)).unwrap(), error(version, 0x45));
        let (id, _) = begin(&mut sim, &mut Place::In(&mut session), &host);
        let acknowledged = deliver(version, id, &[version.to_byte(), 0x6C, 0, 0]);
        let ack = session.exchange(&mut sim, &acknowledged).unwrap();
        assert_eq!(ack, end(version, id));
        assert_eq!(sim.alive(), 1);
        assert!(sim.send_record(&session.seal(&heartbeat)).is_none());
    }
}

#[test]
fn a_key_update_of_the_device_that_is_refused() {
    let version = SpdmVersion::V1_3;
    let heartbeat = [0x13, 0xE8, 0, 0];
    // The first: everything is as before.
    for wrong in [vec![0x13, 0x7F, 0x03, 0], vec![0x13, 0x69, 2, 0], vec![0x13, 0x69, 1]] {
        let (mut sim, mut session, host) = asks_for_a_new_key(version);
        let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
        let mut wrong = wrong;
        if wrong.len() > 3 && wrong[1] == 0x69 {
            wrong[3] = request[3];
        }
        let answer = session.exchange(&mut sim, &deliver(version, id, &wrong)).unwrap();
        match wrong.len() {
            3 => assert_eq!(answer, error(version, 0x01)),
            _ if wrong[1] == 0x7F => assert_eq!(answer, end(version, id)),
            _ => assert_eq!(answer, error(version, 0x09)),
        }
        if wrong.len() > 3 {
            assert_eq!(policy(&mut sim).ended, [RequestOutcome::Failed]);
        }
        assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
    }
    // Another tag.
    let (mut sim, mut session, host) = asks_for_a_new_key(version);
    let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
    let wrong = [0x13, 0x69, 1, request[3] ^ 1];
    let answer = session.exchange(&mut sim, &deliver(version, id, &wrong)).unwrap();
    assert_eq!(answer, error(version, 0x09));
    assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
    // The second: the two sides are apart.
    let (mut sim, mut session, mut host) = asks_for_a_new_key(version);
    let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
    let record = session.seal(&deliver(version, id, &host.answer(&request)));
    let ack = sim.send_record(&record).unwrap();
    session.update_responses();
    let (id, _) = asked(&session.open(ack));
    let refused = deliver(version, id, &error(version, 0x01));
    assert_eq!(session.exchange(&mut sim, &refused).unwrap(), end(version, id));
    assert_eq!(sim.alive(), 0);
    // While the Requester updates its own, the device does not ask.
    let (mut sim, mut session, _) = asks_for_a_new_key(version);
    session.exchange(&mut sim, &[0x13, 0xE9, 1, 7]).unwrap();
    session.update_requests();
    let nothing = session.exchange(&mut sim, &poll(version)).unwrap();
    assert_eq!(nothing, error(version, 0x45));
}

#[test]
fn s38_a_flow_in_the_clear_is_not_sealed() {
    let version = SpdmVersion::V1_2;
    let (mut sim, _) = connected(version, HITC, MutAuthRequested::WithEncapsulation);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let answer = session.exchange(&mut sim, &poll(version)).unwrap();
    assert_eq!(answer, error(version, 0x0B));
}
