//! Who the Requester is, and what the device asks it: what the tests of each kind share.

mod basic;
mod flow;
mod own_requests;
mod sessions;

use spdm_codec::{CapabilityFlags, MutAuthRequested, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{Direction, SigningContext};
use spdm_responder::Config;

use crate::host::{Host, Policy};
use crate::initiator::Initiator;
use crate::sim::{HASH, Sim, with_sessions};

const SINCE_1_1: [SpdmVersion; 4] =
    [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4];
const KINDS: [MutAuthRequested; 3] = [
    MutAuthRequested::WithoutEncapsulation,
    MutAuthRequested::WithEncapsulation,
    MutAuthRequested::WithGetDigests,
];
const HITC: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
const PUBLIC_KEY: u8 = 0xFF;

/// A device that can authenticate its Requester.
fn config(more: CapabilityFlags) -> Config<'static> {
    let mutual = CapabilityFlags::MUT_AUTH_CAP | CapabilityFlags::ENCAP_CAP;
    Config { capabilities: with_sessions().capabilities | mutual | more, ..with_sessions() }
}

/// A connection to a device that wants this of its host.
fn connected(version: SpdmVersion, more: CapabilityFlags, flow: MutAuthRequested) -> (Sim, Host) {
    let mut sim = Sim::negotiated(config(more), version);
    let host = Host::new(version);
    sim.device.policy = Some(Policy::new(&host, flow));
    (sim, host)
}

fn policy(sim: &mut Sim) -> &mut Policy {
    sim.device.policy.as_mut().unwrap()
}

/// Where an exchange takes place.
enum Place<'s> {
    Plain,
    In(&'s mut Initiator),
}

impl Place<'_> {
    /// Where the messages of this handshake travel.
    fn of(session: &mut Initiator) -> Place<'_> {
        match session.is_clear() {
            true => Place::Plain,
            false => Place::In(session),
        }
    }

    fn say(&mut self, sim: &mut Sim, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => sim.send(message).unwrap(),
            Self::In(session) => session.exchange(sim, message).unwrap(),
        }
    }
}

fn poll(version: SpdmVersion) -> Vec<u8> {
    vec![version.to_byte(), 0xEA, 0, 0]
}

fn deliver(version: SpdmVersion, id: u8, inner: &[u8]) -> Vec<u8> {
    [&[version.to_byte(), 0xEB, id, 0], inner].concat()
}

fn error(version: SpdmVersion, code: u8) -> Vec<u8> {
    vec![version.to_byte(), 0x7F, code, 0]
}

/// RequestID and request of ENCAPSULATED_REQUEST or ENCAPSULATED_RESPONSE_ACK.
fn asked(answer: &[u8]) -> (u8, Vec<u8>) {
    match (answer[1], answer[0]) {
        (0x6A, _) => (answer[2], answer[4..].to_vec()),
        (0x6B, 0x11) => {
            assert_eq!(answer[3], 1, "{answer:02x?}");
            (answer[2], answer[4..].to_vec())
        }
        (0x6B, _) => {
            assert_eq!(answer[3], 1, "{answer:02x?}");
            (answer[2], answer[8..].to_vec())
        }
        _ => panic!("{answer:02x?}"),
    }
}

/// The last acknowledgement of an answer with this RequestID.
fn end(version: SpdmVersion, id: u8) -> Vec<u8> {
    match version {
        SpdmVersion::V1_1 => vec![0x11, 0x6B, 0, 0],
        _ => vec![version.to_byte(), 0x6B, 0, 0, id, 0, 0, 0],
    }
}

/// Begins a flow: its first request.
fn begin(sim: &mut Sim, place: &mut Place<'_>, host: &Host) -> (u8, Vec<u8>) {
    asked(&place.say(sim, &poll(host.version)))
}

/// Answers every request from this one on: the last acknowledgement, and what it acknowledges.
fn answer_all(
    sim: &mut Sim,
    place: &mut Place<'_>,
    host: &mut Host,
    first: (u8, Vec<u8>),
) -> (u8, Vec<u8>) {
    let (mut id, mut request) = first;
    for _ in 0..20 {
        let answer = host.answer(&request);
        let ack = place.say(sim, &deliver(host.version, id, &answer));
        assert_eq!(ack[1], 0x6B, "{ack:02x?}");
        if ack[3] != 1 {
            return (id, ack);
        }
        (id, request) = asked(&ack);
    }
    panic!("the flow does not end");
}

/// FINISH with a signature of this host's key; TH has everything before it.
fn finish(session: &Initiator, host: &Host, slot: u8) -> Vec<u8> {
    let mut message = vec![host.version.to_byte(), 0xE5, 1, slot];
    if host.version >= SpdmVersion::V1_4 {
        message.extend([0, 0]);
    }
    let signed = [&session.th[..], &message].concat();
    message.extend(host.sign(SigningContext::RequesterFinish, &signed));
    verify_data(session, &mut message);
    message
}

fn verify_data(session: &Initiator, message: &mut Vec<u8>) {
    let digest = PROVIDER.hash.digest(HASH, &[&session.th, message]).unwrap();
    let secrets = session.secrets.as_ref().unwrap();
    message.extend(secrets.verify_data(Direction::Request, &digest).unwrap().as_bytes());
}

/// Proves in the session that has begun who the host is, up to FINISH.
fn flow_of_session(sim: &mut Sim, session: &mut Initiator, host: &mut Host) {
    let first = match session.asked.0 {
        MutAuthRequested::WithEncapsulation => begin(sim, &mut Place::of(session), host),
        MutAuthRequested::WithGetDigests => (0, vec![host.version.to_byte(), 0x81, 0, 0]),
        _ => return,
    };
    let (id, ack) = answer_all(sim, &mut Place::of(session), host, first);
    match host.slot {
        SlotId::ZERO => assert_eq!(ack, end(host.version, id)),
        slot => assert_eq!((ack[3], ack.last()), (2, Some(&slot.get()))),
    }
}

/// The handshake is over.
fn finished(sim: &mut Sim, session: &mut Initiator, message: &[u8]) {
    let answer = Place::of(session).say(sim, message);
    assert_eq!(answer[1], 0x65, "{answer:02x?}");
    session.finished(message, &answer);
    let heartbeat = [message[0], 0xE8, 0, 0];
    assert_eq!(session.exchange(sim, &heartbeat).unwrap()[1], 0x68);
}
