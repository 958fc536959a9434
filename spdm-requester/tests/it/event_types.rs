//! P27 to P29: which events a requester subscribes to, and which it believes.

use crate::emulated_sessions::{Emulated, Setup};
use crate::sessions::key;
use crate::sim::cause::{Cause, invalid, trailing, truncated, wrong};
use crate::sim::{SimClock, V1_3, since};
use spdm_codec::{
    CapabilityFlags, DmtfEventType, EventGroup, EventGroupAttributes, EventGroupList, EventGroups,
    Expected, StandardsBody, VendorHeader,
};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_requester::{
    Connection, Error, Incompatible, Offer, Requester, RunError, SessionPlan, Sessions, Storage,
    Subscription, blocking,
};
use spdm_transport::Transport;
use spdm_untrusted::Untrusted;

type F = CapabilityFlags;

/// A list of one group, DMTF's, with these types.
fn dmtf(attributes: EventGroupAttributes, types: &[u16], out: &mut [u8; 64]) -> usize {
    let id = VendorHeader { id: StandardsBody::DMTF, vendor_id: &[] };
    EventGroup::encode(&id, 1, attributes, types, out).unwrap()
}

fn list(encoded: &[u8]) -> EventGroupList<'_> {
    let count = u8::from(!encoded.is_empty());
    EventGroupList::decode(EventGroups { count, list: encoded }).unwrap()
}

#[test]
fn types_are_listed_and_subscribed_to_in_a_session() {
    for version in since(V1_3) {
        let mut setup = Setup::new(version);
        setup.flags |= F::EVENT_CAP;
        let clock = SimClock::default();
        let mut device = Emulated::new(setup.device(), setup.binding, clock.clone());
        let spki = device.device.public_key_spki(Setup::ASYM).unwrap();
        let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 4>::new());
        let (mut connection, mut sessions) = (Connection::new(0), Sessions::<1>::new());
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        let requester =
            Requester::new(PROVIDER, storage.with_sessions(&mut sessions), device.limits())
                .with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let (requester, (opened, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let (session, mut buffer) = (opened.session, [0; 64]);
        let flow = requester.fetch_event_types(session, &mut buffer);
        let (requester, types) = blocking::run(flow, &mut device, &clock).unwrap();
        let ids: Vec<u16> = types.iter().flat_map(|group| group.type_ids()).collect();
        assert_eq!(ids, DmtfEventType::ALL.map(|id| id.0));
        let flow = requester.subscribe(session, types);
        let (requester, subscription) = blocking::run(flow, &mut device, &clock).unwrap();
        assert!(!subscription.is_empty());
        let flow = requester.subscribe(session, list(&[]));
        let (requester, subscription) = blocking::run(flow, &mut device, &clock).unwrap();
        assert!(subscription.is_empty());
        // A type that the device does not have: it refuses, and the session goes on.
        let mut unknown = [0; 64];
        let len = dmtf(EventGroupAttributes::empty(), &[5], &mut unknown);
        let flow = requester.subscribe(session, list(&unknown[..len]));
        let failure = blocking::run(flow, &mut device, &clock).unwrap_err();
        assert!(matches!(failure.error, RunError::Requester(Error::Refused(_))));
        let spdm_requester::Recovered::Kept(requester) = failure.requester else { panic!() };
        let flow = requester.subscribe(session, types);
        let (requester, _) = blocking::run(flow, &mut device, &clock).unwrap();
        let (requester, ()) =
            blocking::run(requester.close_session(session), &mut device, &clock).unwrap();
        // P28: nothing of it is there in the next session, and the handle is worth nothing.
        let failure =
            blocking::run(requester.subscribe(session, types), &mut device, &clock).unwrap_err();
        assert!(matches!(failure.error, RunError::Requester(Error::Session(_))));
    }
}

#[test]
fn a_device_without_events_is_not_asked() {
    let clock = SimClock::default();
    let setup = Setup::new(V1_3);
    let mut device = Emulated::new(setup.device(), setup.binding, clock.clone());
    let spki = device.device.public_key_spki(Setup::ASYM).unwrap();
    let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 4>::new());
    let (mut connection, mut sessions) = (Connection::new(0), Sessions::<1>::new());
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    let requester = Requester::new(PROVIDER, storage.with_sessions(&mut sessions), device.limits())
        .with_offer(offer);
    let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let (requester, (opened, _)) = blocking::run(flow, &mut device, &clock).unwrap();
    let mut buffer = [0; 64];
    let flow = requester.fetch_event_types(opened.session, &mut buffer);
    let failure = blocking::run(flow, &mut device, &clock).unwrap_err();
    let error = Error::Incompatible(Incompatible::Capability("EVENT_CAP"));
    assert!(matches!(failure.error, RunError::Requester(other) if other == error));
}

/// An event of the DMTF group.
fn event(id: u32, type_id: u16, detail: &[u8]) -> Vec<u8> {
    let mut event = id.to_le_bytes().to_vec();
    event.extend([0, 0, 0, 0, 0, 0]);
    event.extend(type_id.to_le_bytes());
    event.extend(u16::try_from(detail.len()).unwrap().to_le_bytes());
    event.extend(detail);
    event
}

fn certificate_changed(id: u32) -> Vec<u8> {
    event(id, 4, &[1])
}

fn lost(id: u32, last_acked: u32, last_lost: u32) -> Vec<u8> {
    event(id, 1, &[last_acked.to_le_bytes(), last_lost.to_le_bytes()].concat())
}

fn send(count: u32, events: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![0x13, 0xF1, 0, 0];
    message.extend(count.to_le_bytes());
    message.extend(events.concat());
    message
}

/// SEND_EVENT with these events, counted.
fn sent(events: &[Vec<u8>]) -> Vec<u8> {
    send(u32::try_from(events.len()).unwrap(), events)
}

/// EventInstanceID of the events that were delivered, in their order.
fn receive(subscription: &mut Subscription<'_>, message: &[u8]) -> Result<Vec<u32>, Cause> {
    let events = subscription.receive(V1_3, Untrusted::new(message))?;
    let ids: Vec<u32> = events.iter().map(|event| event.instance_id).collect();
    assert_eq!(ids.len(), usize::try_from(events.count()).unwrap());
    Ok(ids)
}

/// Subscribed to EventLost and CertificateChanged.
fn with_subscription(run: impl FnOnce(Subscription<'_>)) {
    let mut bytes = [0; 64];
    let len = dmtf(EventGroupAttributes::empty(), &[1, 4], &mut bytes);
    run(Subscription::to(list(&bytes[..len])));
}

const ID: Expected = Expected::Rule("numbers without a gap, each once");

fn of_id(expected: Expected, got: u32) -> Result<Vec<u32>, Cause> {
    Err(wrong("SEND_EVENT", "EventInstanceID", expected, got.into()))
}

#[test]
fn events_come_in_their_order_whatever_the_order_of_the_message() {
    with_subscription(|mut subscription| {
        let message = sent(&[8, 7, 9].map(certificate_changed));
        assert_eq!(receive(&mut subscription, &message), Ok(vec![7, 8, 9]));
        assert_eq!(receive(&mut subscription, &sent(&[certificate_changed(10)])), Ok(vec![10]));
    });
}

#[test]
fn p27_counts_and_lengths() {
    with_subscription(|mut subscription| {
        let of = |cause| Err(cause);
        let cause = invalid("SEND_EVENT", "EventCount", 4, Expected::AtLeast(1), 0);
        assert_eq!(receive(&mut subscription, &send(0, &[])), of(cause));
        let one = [certificate_changed(1)];
        let cause = truncated("SEND_EVENT", "EventInstanceID", 23, 4, 0);
        assert_eq!(receive(&mut subscription, &send(u32::MAX, &one)), of(cause));
        let cause = trailing("SEND_EVENT", 23, 15, 0);
        assert_eq!(
            receive(&mut subscription, &send(1, &[1, 2].map(certificate_changed))),
            of(cause)
        );
        let cause = invalid("SEND_EVENT", "EventDetailLen", 20, Expected::Exactly(1), 2);
        assert_eq!(receive(&mut subscription, &sent(&[event(1, 4, &[1, 2])])), of(cause));
        let mut vendor = certificate_changed(1);
        vendor[9] = 1;
        let rule = Expected::Rule("a length that the standards body allows");
        let cause = invalid("SEND_EVENT", "VendorIDLen", 17, rule, 1);
        assert_eq!(receive(&mut subscription, &sent(&[vendor])), of(cause));
        let many: Vec<_> = (0..257).map(certificate_changed).collect();
        let cause = wrong("SEND_EVENT", "EventCount", Expected::AtMost(256), 257);
        assert_eq!(receive(&mut subscription, &sent(&many)), of(cause));
        assert_eq!(receive(&mut subscription, &sent(&many[..256])).unwrap().len(), 256);
        let whole = sent(&one);
        for len in 0..whole.len() {
            assert!(receive(&mut subscription, &whole[..len]).is_err());
        }
    });
}

#[test]
fn p27_numbers() {
    with_subscription(|mut subscription| {
        // A gap, a number twice, one behind the last.
        assert_eq!(
            receive(&mut subscription, &sent(&[1, 3].map(certificate_changed))),
            of_id(ID, 3)
        );
        assert_eq!(
            receive(&mut subscription, &sent(&[1, 1].map(certificate_changed))),
            of_id(ID, 1)
        );
        let message = sent(&[u32::MAX, 0].map(certificate_changed));
        assert_eq!(receive(&mut subscription, &message), of_id(ID, u32::MAX));
        assert_eq!(receive(&mut subscription, &sent(&[certificate_changed(5)])), Ok(vec![5]));
        // The next message goes on where the last one ended, and a refused one changes nothing.
        for wrong in [4, 5, 7, 0, u32::MAX] {
            let message = sent(&[certificate_changed(wrong)]);
            assert_eq!(receive(&mut subscription, &message), of_id(Expected::Exactly(6), wrong));
        }
        assert_eq!(receive(&mut subscription, &sent(&[certificate_changed(6)])), Ok(vec![6]));
    });
    with_subscription(|mut subscription| {
        let message = sent(&[certificate_changed(u32::MAX)]);
        assert_eq!(receive(&mut subscription, &message), Ok(vec![u32::MAX]));
        let after = Expected::Exactly(0x1_0000_0000);
        for next in [0, 1, u32::MAX] {
            let message = sent(&[certificate_changed(next)]);
            assert_eq!(receive(&mut subscription, &message), of_id(after, next));
        }
    });
}

#[test]
fn p27_what_was_lost_is_told() {
    with_subscription(|mut subscription| {
        assert_eq!(receive(&mut subscription, &sent(&[certificate_changed(5)])), Ok(vec![5]));
        for (id, last_acked, last_lost) in [(9, 4, 8), (9, 5, 7), (9, 5, 9), (9, 6, 8)] {
            let message = sent(&[lost(id, last_acked, last_lost)]);
            assert_eq!(receive(&mut subscription, &message), of_id(Expected::Exactly(6), id));
        }
        let message = sent(&[lost(9, 5, 8), certificate_changed(10)]);
        assert_eq!(receive(&mut subscription, &message), Ok(vec![9, 10]));
        // Nothing was lost, and what was delivered is not lost afterwards.
        let message = sent(&[lost(10, 10, 9)]);
        assert_eq!(receive(&mut subscription, &message), of_id(Expected::Exactly(11), 10));
    });
}

#[test]
fn p27_types_that_were_not_subscribed_to() {
    let not_subscribed = Expected::Rule("a type that was subscribed to");
    let of = |expected, got| Err(wrong("SEND_EVENT", "EventTypeID", expected, got));
    let changed = event(1, 2, &[0; 32]);
    with_subscription(|mut subscription| {
        assert_eq!(
            receive(&mut subscription, &sent(core::slice::from_ref(&changed))),
            of(not_subscribed, 2)
        );
        for unknown in [0, 5, 0xFFFF] {
            let message = sent(&[event(1, unknown, &[])]);
            assert_eq!(
                receive(&mut subscription, &message),
                of(Expected::Range(1, 4), unknown.into())
            );
        }
        // The same number of another vendor.
        let mut other = vec![1, 0, 0, 0, 0, 0, 0, 0, 3, 0];
        other.extend([4, 0, 1, 0, 1]);
        assert_eq!(receive(&mut subscription, &sent(&[other])), of(not_subscribed, 4));
        // One of several is enough to deliver none.
        let message = sent(&[certificate_changed(0), changed.clone()]);
        assert_eq!(receive(&mut subscription, &message), of(not_subscribed, 2));
    });
    // No subscription.
    let mut none = Subscription::to(list(&[]));
    assert_eq!(receive(&mut none, &sent(&[certificate_changed(1)])), of(not_subscribed, 4));
    // All of the group: those that are known.
    let mut bytes = [0; 64];
    let len = dmtf(EventGroupAttributes::ALL, &[], &mut bytes);
    let mut all = Subscription::to(list(&bytes[..len]));
    assert_eq!(receive(&mut all, &sent(&[changed])), Ok(vec![1]));
    let unknown = sent(&[event(2, 5, &[])]);
    assert_eq!(receive(&mut all, &unknown), of(Expected::Range(1, 4), 5));
}
