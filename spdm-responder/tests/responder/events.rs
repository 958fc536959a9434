//! P25, P26 and P28: subscriptions to events.

use spdm_codec::{CapabilityFlags, SpdmVersion};
use spdm_responder::{Config, SessionSlot};

use crate::initiator::Initiator;
use crate::sim::{EVENT_GROUPS, Sim, with_sessions};

type F = CapabilityFlags;

const V1_3: SpdmVersion = SpdmVersion::V1_3;
const FINISH: u8 = 0xE5;
const SUPPORTED: [u8; 4] = [0x13, 0xE2, 0, 0];
const ACK: [u8; 4] = [0x13, 0x70, 0, 0];

fn telling() -> Config<'static> {
    Config { capabilities: with_sessions().capabilities | F::EVENT_CAP, ..with_sessions() }
}

fn established() -> (Sim, Initiator) {
    let mut sim = Sim::negotiated(telling(), V1_3);
    let session = another(&mut sim, 1);
    (sim, session)
}

fn another(sim: &mut Sim, id: u16) -> Initiator {
    let mut session = Initiator::key_exchange(sim, id);
    session.finish(sim, FINISH);
    session
}

/// SUBSCRIBE_EVENT_TYPES with these groups.
fn subscribe(count: u8, groups: &[Vec<u8>]) -> Vec<u8> {
    let list = groups.concat();
    let len = u32::try_from(list.len()).unwrap().to_le_bytes();
    [&[0x13, 0xF0, count, 0][..], &len, &list].concat()
}

/// A group of DMTF's types.
fn dmtf(attributes: u8, types: &[u16]) -> Vec<u8> {
    let count = u8::try_from(types.len()).unwrap();
    let mut group = vec![0, 0, count, 0, 1, 0, attributes, 0, 0, 0];
    types.iter().for_each(|id| group.extend([id.to_le_bytes(), [0, 0]].concat()));
    group
}

fn subscribed(sim: &Sim) -> usize {
    sim.sessions.iter().filter(|slot| SessionSlot::wants_events(slot)).count()
}

#[test]
fn types_are_listed_and_subscribed_to() {
    let (mut sim, mut session) = established();
    let answer = session.exchange(&mut sim, &SUPPORTED).unwrap();
    assert_eq!(answer[..4], [0x13, 0x62, 2, 0]);
    assert_eq!(answer[8..], *EVENT_GROUPS);
    let vendor = vec![3, 2, 0x36, 0x1B, 1, 0, 7, 0, 0, 0, 0, 0, 9, 0, 0, 0];
    let lists = [
        subscribe(1, &[dmtf(0, &[1])]),
        subscribe(1, &[dmtf(0, &[4, 3, 2, 1])]),
        subscribe(1, &[dmtf(1, &[])]),
        subscribe(1, core::slice::from_ref(&vendor)),
        subscribe(2, &[vendor, dmtf(0, &[2])]),
    ];
    for list in lists {
        assert_eq!(session.exchange(&mut sim, &list).unwrap(), ACK, "{list:02x?}");
        assert_eq!(subscribed(&sim), 1);
        assert_eq!(session.exchange(&mut sim, &[0x13, 0xF0, 0, 0]).unwrap(), ACK);
        assert_eq!(subscribed(&sim), 0);
    }
}

#[test]
fn p25_only_in_an_established_session_of_a_device_with_events() {
    let requests = [SUPPORTED.to_vec(), subscribe(1, &[dmtf(0, &[1])]), vec![0x13, 0xF0, 0, 0]];
    let mut sim = Sim::negotiated(telling(), V1_3);
    for request in &requests {
        assert_eq!(sim.send(request).unwrap(), [0x13, 0x7F, 0x0B, 0]);
        let mut old = request.clone();
        old[0] = 0x12;
        assert_eq!(sim.send(&old).unwrap(), [0x13, 0x7F, 0x41, 0]);
    }
    let mut session = Initiator::key_exchange(&mut sim, 1);
    for request in &requests {
        assert_eq!(session.exchange(&mut sim, request).unwrap(), [0x13, 0x7F, 0x04, 0]);
    }
    session.finish(&mut sim, FINISH);
    for request in &requests {
        let mut old = request.clone();
        old[0] = 0x12;
        assert_eq!(session.exchange(&mut sim, &old).unwrap(), [0x13, 0x7F, 0x41, 0]);
        assert_eq!(session.exchange(&mut sim, request).unwrap()[1] & 0x80, 0);
        assert_ne!(session.exchange(&mut sim, request).unwrap()[1], 0x7F);
    }
    // SEND_EVENT is for a Requester that tells of events: nobody subscribed to any of its.
    let send = [0x13, 0xF1, 0, 0, 1, 0, 0, 0];
    assert_eq!(session.exchange(&mut sim, &send).unwrap(), [0x13, 0x7F, 0x07, 0xF1]);
    let mut sim = Sim::negotiated(with_sessions(), V1_3);
    let mut session = another(&mut sim, 1);
    for request in &requests {
        let unsupported = [0x13, 0x7F, 0x07, request[1]];
        assert_eq!(session.exchange(&mut sim, request).unwrap(), unsupported);
        assert_eq!(sim.send(request).unwrap(), unsupported);
    }
}

#[test]
fn p26_lists_that_do_not_fit() {
    let (mut sim, mut session) = established();
    assert_eq!(session.exchange(&mut sim, &subscribe(1, &[dmtf(0, &[1])])).unwrap(), ACK);
    let mut past_the_list = dmtf(0, &[1, 2]);
    past_the_list[2] = 3;
    let mut other_version = dmtf(0, &[1]);
    other_version[4] = 2;
    let mut longer = subscribe(1, &[dmtf(0, &[1])]);
    longer.push(0);
    let mut shorter = subscribe(1, &[dmtf(0, &[1])]);
    shorter.pop();
    let unknown_group = vec![1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    let wrong = [
        ("count 0 with a list", subscribe(0, &[dmtf(0, &[1])])),
        ("count without list", vec![0x13, 0xF0, 1, 0]),
        ("an empty list", subscribe(1, &[])),
        ("fewer groups", subscribe(2, &[dmtf(0, &[1])])),
        ("more groups", subscribe(1, &[dmtf(0, &[1]), dmtf(0, &[2])])),
        ("EventTypeCount past the list", subscribe(1, &[past_the_list])),
        ("all with types", subscribe(1, &[dmtf(1, &[1])])),
        ("a type that is not listed", subscribe(1, &[dmtf(0, &[5])])),
        ("a type twice", subscribe(1, &[dmtf(0, &[1, 1])])),
        ("a group that is not listed", subscribe(1, &[unknown_group])),
        ("another version of a group", subscribe(1, &[other_version])),
        ("a group twice", subscribe(2, &[dmtf(0, &[1]), dmtf(0, &[2])])),
        ("a byte more", longer),
        ("a byte less", shorter),
    ];
    for (what, request) in wrong {
        let answer = session.exchange(&mut sim, &request).unwrap();
        assert_eq!(answer, [0x13, 0x7F, 0x01, 0], "{what}");
        // What was subscribed to before stays.
        assert_eq!(subscribed(&sim), 1, "{what}");
    }
}

#[test]
fn p28_a_subscription_ends_with_its_session() {
    let (mut sim, mut session) = established();
    let mut other = another(&mut sim, 2);
    assert_eq!(session.exchange(&mut sim, &subscribe(1, &[dmtf(1, &[])])).unwrap(), ACK);
    assert_eq!(subscribed(&sim), 1);
    session.exchange(&mut sim, &[0x13, 0xEC, 0, 0]).unwrap();
    assert_eq!(subscribed(&sim), 0);
    // The same place and the same half of the id.
    let mut again = another(&mut sim, 1);
    assert_eq!(subscribed(&sim), 0);
    assert_eq!(again.exchange(&mut sim, &subscribe(1, &[dmtf(0, &[4])])).unwrap(), ACK);
    assert_eq!(other.exchange(&mut sim, &subscribe(1, &[dmtf(0, &[4])])).unwrap(), ACK);
    assert_eq!(subscribed(&sim), 2);
    sim.negotiate(V1_3);
    assert_eq!(subscribed(&sim), 0);
}

/// `EventAllPolicy` in byte 6 of KEY_EXCHANGE.
#[test]
fn a_session_may_begin_with_all_events() {
    let mut sim = Sim::negotiated(telling(), V1_3);
    sim.session_policy = 0x02;
    let mut session = another(&mut sim, 1);
    assert_eq!(subscribed(&sim), 1);
    assert_eq!(session.exchange(&mut sim, &[0x13, 0xF0, 0, 0]).unwrap(), ACK);
    assert_eq!(subscribed(&sim), 0);
    sim.session_policy = 0;
    another(&mut sim, 2);
    assert_eq!(subscribed(&sim), 0);
}
