//! P25: what the device tells of events, and to whom.

use spdm_codec::{CapabilityFlags, MutAuthRequested, SpdmVersion};
use spdm_responder::{Config, OwnRequest, RequestOutcome};

use crate::host::{Host, Policy};
use crate::initiator::Initiator;
use crate::sim::{Sim, negotiation_of, with_sessions};

type F = CapabilityFlags;

const V1_3: SpdmVersion = SpdmVersion::V1_3;
const FINISH: u8 = 0xE5;
const POLL: [u8; 4] = [0x13, 0xEA, 0, 0];
const NOTHING: [u8; 4] = [0x13, 0x7F, 0x45, 0];
const ACK: [u8; 4] = [0x13, 0x71, 0, 0];
/// SUBSCRIBE_EVENT_TYPES of CertificateChanged.
const SUBSCRIBE: [u8; 22] =
    [0x13, 0xF0, 1, 0, 14, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0];
/// The event that is told: CertificateChanged.
const EVENT: (&[u8], u16, &[u8]) = (&[], 4, &[2]);

fn telling(more: F) -> Config<'static> {
    let all = F::MUT_AUTH_CAP | F::ENCAP_CAP | more;
    Config { capabilities: with_sessions().capabilities | all, ..with_sessions() }
}

/// A device with something to tell.
fn with_events(config: Config<'static>) -> Sim {
    let mut sim = Sim::negotiated(config, V1_3);
    sim.device.to_tell = vec![EVENT];
    let mut policy = Policy::new(&Host::new(V1_3), MutAuthRequested::No);
    policy.own = Some(OwnRequest::SendEvent);
    sim.device.policy = Some(policy);
    sim
}

fn established(sim: &mut Sim, id: u16) -> Initiator {
    let mut session = Initiator::key_exchange(sim, id);
    session.finish(sim, FINISH);
    session
}

fn subscribed(sim: &mut Sim, id: u16) -> Initiator {
    let mut session = established(sim, id);
    assert_eq!(session.exchange(sim, &SUBSCRIBE).unwrap(), [0x13, 0x70, 0, 0]);
    session
}

/// ENCAPSULATED_REQUEST with SEND_EVENT of [`EVENT`].
fn told(number: u8) -> Vec<u8> {
    let head = [0x13, 0x6A, 1, 0, 0x13, 0xF1, 0, 0, 1, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0];
    [&head[..], &[0, 0, 4, 0, 1, 0, 2]].concat()
}

fn deliver(answer: &[u8]) -> Vec<u8> {
    [&[0x13, 0xEB, 1, 0], answer].concat()
}

fn end() -> Vec<u8> {
    vec![0x13, 0x6B, 0, 0, 1, 0, 0, 0]
}

fn policy(sim: &mut Sim) -> &mut Policy {
    sim.device.policy.as_mut().unwrap()
}

#[test]
fn a_subscriber_is_told_one_event_after_the_other() {
    let mut sim = with_events(telling(F::EVENT_CAP));
    let mut session = subscribed(&mut sim, 1);
    for number in 0..3 {
        policy(&mut sim).own = Some(OwnRequest::SendEvent);
        assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), told(number));
        // Who did not get it, gets the same again.
        assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), told(number));
        // Other requests need not wait.
        assert_eq!(session.exchange(&mut sim, &[0x13, 0xE8, 0, 0]).unwrap()[1], 0x68);
        assert_eq!(session.exchange(&mut sim, &deliver(&ACK)).unwrap(), end());
    }
    assert_eq!(policy(&mut sim).ended, [RequestOutcome::Answered; 3]);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    // Another session has numbers of its own.
    policy(&mut sim).own = Some(OwnRequest::SendEvent);
    let mut other = subscribed(&mut sim, 2);
    assert_eq!(other.exchange(&mut sim, &POLL).unwrap(), told(0));
}

#[test]
fn an_event_that_is_not_acknowledged_keeps_its_number() {
    for wrong in [&[0x13, 0x7F, 0x01, 0][..], &[0x13, 0x70, 0, 0], &[0x12, 0x71, 0, 0], &[0x13]] {
        let mut sim = with_events(telling(F::EVENT_CAP));
        let mut session = subscribed(&mut sim, 1);
        assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), told(0));
        session.exchange(&mut sim, &deliver(wrong)).unwrap();
        let failed = policy(&mut sim).ended == [RequestOutcome::Failed];
        // What is no message at all is no answer.
        assert_eq!(failed, wrong.len() == 4, "{wrong:02x?}");
        policy(&mut sim).own = Some(OwnRequest::SendEvent);
        assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), told(0));
        assert_eq!(session.exchange(&mut sim, &deliver(&ACK)).unwrap(), end());
    }
}

#[test]
fn p25_events_are_told_in_established_sessions_that_are_subscribed_to_them() {
    let mut sim = with_events(telling(F::EVENT_CAP));
    assert_eq!(sim.send(&POLL).unwrap(), NOTHING);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    session.finish(&mut sim, FINISH);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    assert_eq!(session.exchange(&mut sim, &SUBSCRIBE).unwrap(), [0x13, 0x70, 0, 0]);
    assert_eq!(sim.send(&POLL).unwrap(), NOTHING);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), told(0));
    // It is answered where it was asked.
    assert_eq!(sim.send(&deliver(&ACK)).unwrap(), [0x13, 0x7F, 0x04, 0]);
    assert_eq!(session.exchange(&mut sim, &deliver(&ACK)).unwrap(), end());
    // Of other types nothing is told.
    for other in [(&[][..], 2, &[0; 32][..]), (&[0x36, 0x1B], 9, &[1]), (&[0x36, 0x1B], 4, &[1])] {
        sim.device.to_tell = vec![other];
        policy(&mut sim).own = Some(OwnRequest::SendEvent);
        assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    }
    sim.device.to_tell = vec![EVENT];
    assert_eq!(session.exchange(&mut sim, &[0x13, 0xF0, 0, 0]).unwrap()[1], 0x70);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    // EventAllPolicy subscribes a session from its start: it is told once it is established.
    sim.session_policy = 0x02;
    let mut all = Initiator::key_exchange(&mut sim, 2);
    assert_eq!(all.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    all.finish(&mut sim, FINISH);
    assert_eq!(all.exchange(&mut sim, &POLL).unwrap(), told(0));
}

#[test]
fn p25_without_the_capabilities_nothing_is_told() {
    let mut sim = with_events(telling(F::empty()));
    let mut session = established(&mut sim, 1);
    assert_eq!(session.exchange(&mut sim, &SUBSCRIBE).unwrap(), [0x13, 0x7F, 0x07, 0xF0]);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
    // A Requester that answers nothing.
    let mut sim = with_events(telling(F::EVENT_CAP));
    sim.negotiate_with(negotiation_of(&sim.config, V1_3, |flags| flags - F::ENCAP_CAP));
    let mut session = subscribed(&mut sim, 1);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), [0x13, 0x7F, 0x07, 0xEA]);
}

#[test]
fn p28_what_a_session_was_to_be_told_ends_with_it() {
    let mut sim = with_events(telling(F::EVENT_CAP));
    let mut session = subscribed(&mut sim, 1);
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), told(0));
    session.exchange(&mut sim, &[0x13, 0xEC, 0, 0]).unwrap();
    let mut again = established(&mut sim, 1);
    assert_eq!(again.exchange(&mut sim, &deliver(&ACK)).unwrap(), [0x13, 0x7F, 0x04, 0]);
    assert_eq!(again.exchange(&mut sim, &POLL).unwrap(), NOTHING);
}

#[test]
fn an_event_that_is_too_large_for_the_requester_is_not_told() {
    static DETAIL: [u8; 0x2000] = [7; 0x2000];
    let mut sim = with_events(telling(F::EVENT_CAP));
    sim.device.to_tell = vec![(&[0x36, 0x1B], 9, &DETAIL)];
    let mut session = established(&mut sim, 1);
    let all = [&[0x13, 0xF0, 1, 0, 12, 0, 0, 0], &[3, 2, 0x36, 0x1B, 0, 0, 7, 0, 1, 0, 0, 0][..]];
    assert_eq!(session.exchange(&mut sim, &all.concat()).unwrap()[1], 0x70);
    let answer = session.exchange(&mut sim, &POLL).unwrap();
    assert_eq!(answer[1], 0x7F);
    assert_eq!(policy(&mut sim).ended, [RequestOutcome::Failed]);
    // Nothing is left of it.
    assert_eq!(session.exchange(&mut sim, &POLL).unwrap(), NOTHING);
}

/// An event of 300 bytes for a Requester that receives 256 at once.
#[test]
fn an_event_that_is_too_large_for_one_message_is_told_in_chunks() {
    static DETAIL: [u8; 300] = [7; 300];
    let mut sim = with_events(telling(F::EVENT_CAP | F::CHUNK_CAP));
    let mut negotiation = negotiation_of(&sim.config, V1_3, |flags| flags);
    negotiation[1][12..16].copy_from_slice(&256_u32.to_le_bytes());
    sim.negotiate_with(negotiation);
    sim.device.to_tell = vec![(&[0x36, 0x1B], 9, &DETAIL)];
    let mut session = established(&mut sim, 1);
    let all = [&[0x13, 0xF0, 1, 0, 12, 0, 0, 0], &[3, 2, 0x36, 0x1B, 0, 0, 7, 0, 1, 0, 0, 0][..]];
    assert_eq!(session.exchange(&mut sim, &all.concat()).unwrap()[1], 0x70);
    let error = session.exchange(&mut sim, &POLL).unwrap();
    assert_eq!((error.len(), &error[..4]), (5, &[0x13, 0x7F, 0x0F, 0][..]));
    // It belongs to its session.
    assert_eq!(sim.send(&[0x13, 0x86, 0, error[4], 0, 0]).unwrap(), [0x13, 0x7F, 0x04, 0]);
    let mut whole = Vec::new();
    for number in 0_u8.. {
        let chunk = session.exchange(&mut sim, &[0x13, 0x86, 0, error[4], number, 0]).unwrap();
        assert!(chunk.len() <= 256 && chunk[1] == 0x06, "{chunk:02x?}");
        whole.extend(&chunk[if number == 0 { 16 } else { 12 }..]);
        if chunk[2] & 1 != 0 {
            break;
        }
    }
    assert_eq!(whole[..6], [0x13, 0x6A, 1, 0, 0x13, 0xF1]);
    assert!(whole.ends_with(&DETAIL));
    assert_eq!(session.exchange(&mut sim, &deliver(&ACK)).unwrap(), end());
    assert_eq!(policy(&mut sim).ended, [RequestOutcome::Answered]);
}
