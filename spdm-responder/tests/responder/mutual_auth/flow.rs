//! S55, S56, S58: the flow of encapsulated requests.

use spdm_codec::{CapabilityFlags, MutAuthRequested, SpdmVersion};

use super::{
    Place, SINCE_1_1, answer_all, asked, begin, connected, deliver, end, error, finish, finished,
    flow_of_session, poll,
};
use crate::host::Host;
use crate::initiator::Initiator;
use crate::sim::{Sim, with_sessions};

#[test]
fn who_reads_a_chain_takes_the_room() {
    let version = SpdmVersion::V1_3;
    let kind = MutAuthRequested::WithEncapsulation;
    let (mut sim, mut host) = connected(version, CapabilityFlags::empty(), kind);
    let mut first = Initiator::key_exchange(&mut sim, 1);
    flow_of_session(&mut sim, &mut first, &mut host);
    first.th.extend(host.chain_hash());
    let mut second = Initiator::key_exchange(&mut sim, 2);
    flow_of_session(&mut sim, &mut second, &mut host);
    second.th.extend(host.chain_hash());
    let message = finish(&first, &host, 0);
    assert_eq!(first.exchange(&mut sim, &message).unwrap(), error(version, 0x04));
    let message = finish(&second, &host, 0);
    finished(&mut sim, &mut second, &message);
    assert_eq!(sim.alive(), 1);
}

#[test]
fn s55_s56_what_is_delivered_out_of_turn() {
    for version in SINCE_1_1 {
        let nothing = error(version, if version >= SpdmVersion::V1_3 { 0x45 } else { 0x04 });
        let kind = MutAuthRequested::WithEncapsulation;
        let (mut sim, mut host) = connected(version, CapabilityFlags::empty(), kind);
        assert_eq!(sim.send(&poll(version)).unwrap(), nothing);
        let answer = deliver(version, 1, &host.digests());
        assert_eq!(sim.send(&answer).unwrap(), error(version, 0x04));
        let mut session = Initiator::key_exchange(&mut sim, 1);
        // It was not asked.
        assert_eq!(session.exchange(&mut sim, &answer).unwrap(), error(version, 0x04));
        let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
        assert_eq!((id, request[1]), (1, 0x81));
        // Asked again, the device asks the same.
        assert_eq!(begin(&mut sim, &mut Place::In(&mut session), &host), (id, request.clone()));
        let answer = host.answer(&request);
        for wrong in [
            deliver(version, 0, &answer),
            deliver(version, 2, &answer),
            deliver(version, 1, &[]),
            deliver(version, 1, &answer[..3]),
        ] {
            assert_eq!(session.exchange(&mut sim, &wrong).unwrap(), error(version, 0x01));
        }
        let before = deliver(version, id, &answer);
        let (id, request) = asked(&session.exchange(&mut sim, &before).unwrap());
        assert_eq!((id, request[1]), (2, 0x82));
        assert_eq!(session.exchange(&mut sim, &before).unwrap(), error(version, 0x01));
        let place = &mut Place::In(&mut session);
        let (id, ack) = answer_all(&mut sim, place, &mut host, (id, request));
        assert_eq!(ack, end(version, id));
        assert_eq!(session.exchange(&mut sim, &poll(version)).unwrap(), nothing);
    }
    // Without the capability there is no such request.
    let mut sim = Sim::negotiated(with_sessions(), SpdmVersion::V1_2);
    assert_eq!(sim.send(&poll(SpdmVersion::V1_2)).unwrap(), [0x12, 0x7F, 0x07, 0xEA]);
    assert_eq!(sim.send(&[0x12, 0xEB, 0, 0, 1]).unwrap(), [0x12, 0x7F, 0x07, 0xEB]);
}

#[test]
fn s58_an_error_inside_ends_the_flow() {
    let version = SpdmVersion::V1_3;
    for code in [0x03, 0x42, 0x06, 0x05] {
        let kind = MutAuthRequested::WithEncapsulation;
        let (mut sim, host) = connected(version, CapabilityFlags::empty(), kind);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        let (id, _) = begin(&mut sim, &mut Place::In(&mut session), &host);
        let given_up = deliver(version, id, &error(version, code));
        assert_eq!(session.exchange(&mut sim, &given_up).unwrap(), end(version, id));
        let nothing = session.exchange(&mut sim, &poll(version)).unwrap();
        assert_eq!(nothing, error(version, 0x45));
        // Another session begins anew.
        let mut host = Host::new(version);
        let mut session = Initiator::key_exchange(&mut sim, 2);
        flow_of_session(&mut sim, &mut session, &mut host);
        session.th.extend(host.chain_hash());
        let message = finish(&session, &host, 0);
        finished(&mut sim, &mut session, &message);
    }
}
