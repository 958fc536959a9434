//! P25, P27: a device tells of events in encapsulated requests.

use spdm_codec::{CapabilityFlags, Code, ErrorCode, EventGroupList, EventGroups, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_requester::{
    Connection, Error, EventSink, Events, Negotiated, Offer, Requester, Served, SessionHandle,
    SessionPlan, Sessions, Storage, Subscription, blocking,
};
use spdm_transport::Transport;

use crate::emulated_sessions::{Emulated, Setup};
use crate::mutual_authentication::{MUTUAL, peer};
use crate::session_peer::{Host, Lent, Peer, Place};
use crate::sessions::{heartbeat, key, open};
use crate::sim::{SimClock, V1_3, since};

type F = CapabilityFlags;
const NONE: spdm_codec::MutAuthRequested = spdm_codec::MutAuthRequested::No;
/// DMTF's group with EventLost and CertificateChanged.
const SUBSCRIBED: [u8; 18] = [0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0];

/// What was told: EventInstanceID of each event, and the sentences of what was refused.
#[derive(Debug, Default, PartialEq)]
struct Told(Vec<u32>, Vec<String>);

impl EventSink for Told {
    fn received(&mut self, events: &Events<'_>) {
        self.0.extend(events.iter().map(|event| event.instance_id));
    }

    fn refused(&mut self, error: &Error) {
        self.1.push(error.to_string());
    }
}

fn telling(version: SpdmVersion) -> Peer {
    let mut device = peer(version, NONE);
    device.flags |= F::EVENT_CAP;
    device
}

/// SEND_EVENT of CertificateChanged with these numbers, from its code on.
fn send(ids: &[u32]) -> Vec<u8> {
    let mut message = vec![0xF1, 0, 0];
    message.extend(u32::try_from(ids.len()).unwrap().to_le_bytes());
    for id in ids {
        message.extend(id.to_le_bytes());
        message.extend([0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 1]);
    }
    message
}

fn subscription() -> Subscription<'static> {
    Subscription::to(EventGroupList::decode(EventGroups { count: 1, list: &SUBSCRIBED }).unwrap())
}

fn poll<'a>(
    requester: Requester<'a, Negotiated>,
    device: &mut Peer,
    session: SessionHandle,
    subscription: &mut Subscription<'_>,
    told: &mut Told,
) -> (Requester<'a, Negotiated>, Served) {
    let clock = device.clock.clone();
    let flow = requester.receive_events(session, subscription, told);
    blocking::run(flow, device, &clock).unwrap()
}

#[test]
fn events_come_where_the_subscriber_asks_for_them() {
    for version in since(V1_3) {
        let mut device = telling(version);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let (requester, opened) = open(requester, &mut device);
        let (mut subscription, mut told) = (subscription(), Told::default());
        let session = opened.session;
        device.asking.script.extend([send(&[1]), send(&[3, 2])]);
        let (requester, served) =
            poll(requester, &mut device, session, &mut subscription, &mut told);
        assert_eq!((served.requests, served.refused), (2, 0));
        assert_eq!(told.0, [1, 2, 3]);
        let ack = [version.to_byte(), Code::EVENT_ACK.0, 0, 0];
        assert_eq!(device.asking.answers, [ack, ack]);
        // Nothing more.
        let (requester, served) =
            poll(requester, &mut device, session, &mut subscription, &mut told);
        assert_eq!(served, Served::default());
        // The subscription goes on where it was, whatever else the device wants.
        device.asking.script.extend([vec![0xE9, 1, 7], vec![0xE9, 3, 8], send(&[4])]);
        let (requester, served) =
            poll(requester, &mut device, session, &mut subscription, &mut told);
        assert_eq!((served.requests, served.refused), (3, 0));
        assert_eq!(told.0, [1, 2, 3, 4]);
        assert!(told.1.is_empty());
        heartbeat(requester, &mut device, session).unwrap();
    }
}

#[test]
fn p25_encapsulated_events_in_established_sessions_of_devices_with_events_alone() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let refused = |device: &Peer| device.asking.answers.last().cloned().unwrap();
    for version in since(V1_3) {
        let error = |code: ErrorCode, data| vec![version.to_byte(), 0x7F, code.0, data];
        // In the clear.
        let mut device = telling(version);
        device.asking.script.push_back(send(&[1]));
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let clock = device.clock.clone();
        let (requester, _) = blocking::run(requester.serve_device(), &mut device, &clock).unwrap();
        assert_eq!(refused(&device), error(ErrorCode::SESSION_REQUIRED, 0));
        // Another version byte, in a session.
        let (requester, opened) = open(requester, &mut device);
        let (mut subscription, mut told) = (subscription(), Told::default());
        device.asking.version = Some(0x12);
        device.asking.script.push_back(send(&[1]));
        poll(requester, &mut device, opened.session, &mut subscription, &mut told);
        assert_eq!(refused(&device), error(ErrorCode::VERSION_MISMATCH, 0));
        // While a session is being opened.
        let mut device = telling(version);
        device.mut_auth = spdm_codec::MutAuthRequested::WithEncapsulation;
        device.asking.script.push_back(send(&[1]));
        let mut lent = Lent::new();
        open(lent.identified(&mut device, MUTUAL, Some(&identity)), &mut device);
        assert_eq!(refused(&device), error(ErrorCode::UNEXPECTED_REQUEST, 0));
        // Without EVENT_CAP.
        let mut device = peer(version, NONE);
        device.asking.script.push_back(send(&[1]));
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let (requester, opened) = open(requester, &mut device);
        poll(requester, &mut device, opened.session, &mut subscription, &mut told);
        assert_eq!(refused(&device), error(ErrorCode::UNSUPPORTED_REQUEST, Code::SEND_EVENT.0));
        assert_eq!(told, Told::default());
    }
    // Before 1.3 nobody knows events, whatever a reserved bit says.
    let mut device = telling(SpdmVersion::V1_2);
    device.asking.script.push_back(send(&[1]));
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
    let (requester, opened) = open(requester, &mut device);
    let (mut subscription, mut told) = (subscription(), Told::default());
    poll(requester, &mut device, opened.session, &mut subscription, &mut told);
    let unsupported = [0x12, 0x7F, ErrorCode::UNSUPPORTED_REQUEST.0, Code::SEND_EVENT.0];
    assert_eq!(refused(&device), unsupported);
    assert_eq!(told, Told::default());
}

/// SEND_EVENT of a vendor's event with a detail of `len` bytes.
fn send_long(id: u32, len: u16) -> Vec<u8> {
    let mut message = vec![0xF1, 0, 0, 1, 0, 0, 0];
    message.extend(id.to_le_bytes());
    message.extend([0, 0, 0, 0, 3, 2, 0x36, 0x1B, 9, 0]);
    message.extend(len.to_le_bytes());
    message.extend(vec![7; len.into()]);
    message
}

/// PCI-SIG's vendor 0x1B36, all events.
const OF_VENDOR: [u8; 12] = [3, 2, 0x36, 0x1B, 0, 0, 9, 0, 1, 0, 0, 0];

#[test]
fn an_event_that_is_larger_than_what_the_requester_receives_at_once_comes_in_chunks() {
    for version in since(V1_3) {
        let mut device = telling(version);
        device.flags |= F::CHUNK_CAP;
        device.transfer = 0x100;
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let (requester, opened) = open(requester, &mut device);
        let groups = EventGroupList::decode(EventGroups { count: 1, list: &OF_VENDOR }).unwrap();
        let (mut subscription, mut told) = (Subscription::to(groups), Told::default());
        device.asking.script.extend([send_long(1, 700), send_long(2, 3), send_long(3, 900)]);
        device.requests.clear();
        let session = opened.session;
        let (requester, served) =
            poll(requester, &mut device, session, &mut subscription, &mut told);
        assert_eq!((served.requests, served.refused), (3, 0), "{:?}", told.1);
        assert_eq!(told.0, [1, 2, 3]);
        let ack = [version.to_byte(), Code::EVENT_ACK.0, 0, 0];
        assert_eq!(device.asking.answers, [ack; 3]);
        let chunks = device.codes().iter().filter(|code| **code == Code::CHUNK_GET).count();
        assert!(chunks >= 7, "{chunks}");
        heartbeat(requester, &mut device, session).unwrap();
    }
}

/// A piece that breaks a rule ends the flow; nothing of the event is told.
#[test]
fn p27_an_event_in_chunks_that_do_not_fit_together_is_not_delivered() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 4] = [
        ("handle", |chunk| chunk[3] ^= 1),
        ("number", |chunk| chunk[4] ^= 1),
        ("size", |chunk| chunk[12] = chunk[12].wrapping_add(1)),
        ("cut", |chunk| chunk.truncate(chunk.len() - 1)),
    ];
    for (what, change) in changes {
        let mut device = telling(V1_3).change(Code::CHUNK_GET, Place::Answer, change);
        device.flags |= F::CHUNK_CAP;
        device.transfer = 0x100;
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let (requester, opened) = open(requester, &mut device);
        let groups = EventGroupList::decode(EventGroups { count: 1, list: &OF_VENDOR }).unwrap();
        let (mut subscription, mut told) = (Subscription::to(groups), Told::default());
        device.asking.script.push_back(send_long(1, 700));
        let clock = device.clock.clone();
        let flow = requester.receive_events(opened.session, &mut subscription, &mut told);
        let failed = blocking::run(flow, &mut device, &clock).unwrap_err().error.to_string();
        assert!(failed.contains("CHUNK_RESPONSE"), "{what}: {failed}");
        assert_eq!((&told.0[..], device.asking.answers.len()), (&[][..], 0), "{what}");
    }
}

#[test]
fn p27_an_encapsulated_event_that_breaks_a_rule_is_not_delivered() {
    let unknown_type = [&send(&[2])[..17], &[5, 0, 1, 0, 1]].concat();
    let not_subscribed = [&send(&[2])[..17], &[2, 0, 32, 0], &[0; 32]].concat();
    let mut many = send(&[2]);
    many[3..7].copy_from_slice(&[0xFF; 4]);
    let mut vendor_len = send(&[2]);
    vendor_len[16] = 9;
    for (bad, what) in [
        (send(&[]), "count 0"),
        (many, "count 0xFFFFFFFF"),
        (send(&[3]), "gap"),
        (send(&[1]), "came before"),
        (send(&[2, 2]), "twice"),
        (send(&[0xFFFF_FFFF, 0]), "wrap"),
        (send(&[2])[..21].to_vec(), "detail"),
        (vendor_len, "VendorIDLen"),
        ([&send(&[2])[..], &[0]].concat(), "trailing"),
        (unknown_type, "unknown type"),
        (not_subscribed, "not subscribed"),
    ] {
        let mut device = telling(V1_3);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let (requester, opened) = open(requester, &mut device);
        let (mut subscription, mut told) = (subscription(), Told::default());
        device.asking.script.extend([send(&[1]), bad, send(&[2])]);
        let (_, served) =
            poll(requester, &mut device, opened.session, &mut subscription, &mut told);
        assert_eq!((served.requests, served.refused), (3, 1), "{what}");
        let invalid = (Code::ERROR, ErrorCode::INVALID_REQUEST.0);
        let ack = (Code::EVENT_ACK, 0);
        assert_eq!(device.asking.answered(), [ack, invalid, ack], "{what}");
        assert_eq!((&told.0[..], told.1.len()), (&[1, 2][..], 1), "{what}");
        assert!(told.1[0].starts_with("SEND_EVENT"), "{what}: {}", told.1[0]);
    }
}

#[test]
fn p27_without_a_subscription_nothing_is_delivered() {
    // Nobody takes events.
    let mut device = telling(V1_3);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
    let (requester, opened) = open(requester, &mut device);
    device.asking.script.push_back(send(&[1]));
    let clock = device.clock.clone();
    let flow = requester.in_session(opened.session).serve_device();
    let (requester, served) = blocking::run(flow, &mut device, &clock).unwrap();
    assert_eq!((served.requests, served.refused), (1, 1));
    // A subscription to nothing.
    let nothing = EventGroupList::decode(EventGroups::default()).unwrap();
    let (mut subscription, mut told) = (Subscription::to(nothing), Told::default());
    device.asking.script.push_back(send(&[1]));
    poll(requester, &mut device, opened.session, &mut subscription, &mut told);
    let invalid = (Code::ERROR, ErrorCode::INVALID_REQUEST.0);
    assert_eq!(device.asking.answered(), [invalid; 2]);
    assert!(told.0.is_empty());
}

#[test]
fn an_emulated_device_tells_each_subscriber_once() {
    for version in since(V1_3) {
        let mut setup = Setup::new(version);
        setup.flags |= F::EVENT_CAP;
        let clock = SimClock::default();
        let mut device = Emulated::new(setup.device(), setup.binding, clock.clone());
        let spki = device.device.public_key_spki(Setup::ASYM).unwrap();
        let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 4>::new());
        let (mut connection, mut sessions) = (Connection::new(0), Sessions::<1>::new());
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        offer.capabilities |= F::ENCAP_CAP;
        let requester =
            Requester::new(PROVIDER, storage.with_sessions(&mut sessions), device.limits())
                .with_offer(offer);
        let (mut requester, ()) =
            blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
        for _ in 0..2 {
            let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
            let (opened_in, (opened, _)) = blocking::run(flow, &mut device, &clock).unwrap();
            let (session, mut told) = (opened.session, Told::default());
            // Nothing before a subscription.
            let mut nothing = subscription();
            let flow = opened_in.receive_events(session, &mut nothing, &mut told);
            let (opened_in, served) = blocking::run(flow, &mut device, &clock).unwrap();
            assert_eq!(served, Served::default());
            let groups = EventGroupList::decode(EventGroups { count: 1, list: &SUBSCRIBED });
            let flow = opened_in.subscribe(session, groups.unwrap());
            let (mut polls, mut subscription) = blocking::run(flow, &mut device, &clock).unwrap();
            let mut counts = Vec::new();
            for _ in 0..3 {
                let flow = polls.receive_events(session, &mut subscription, &mut told);
                let served;
                (polls, served) = blocking::run(flow, &mut device, &clock).unwrap();
                counts.push((served.requests, served.refused));
            }
            assert_eq!((&counts[..], &told.0[..]), (&[(1, 0), (0, 0), (0, 0)][..], &[0][..]));
            let flow = polls.close_session(session);
            (requester, ()) = blocking::run(flow, &mut device, &clock).unwrap();
        }
    }
}
