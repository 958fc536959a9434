//! Sessions: what is agreed, what travels in them, and when their keys change.

use spdm_codec::{
    CapabilityFlags, Code, ErrorCode, GetKeyPairInfo, KeyPairInfo, NO_AEAD_LIMIT, RecordBinding,
    SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, PskBytes};
use spdm_requester::{
    Negotiated, Opened, Proof, Recovered, Requester, RunError, SessionDue, SessionFault,
    SessionHandle, SessionPlan, UpdatedKeys, blocking,
};
use spdm_transport::{Clock as _, Instant, MessageKind};
use spdm_untrusted::Untrusted;
use spdm_x509::{Identity, ProvisionedKey};

use crate::session_peer::{HINT, Lent, PSK, Peer};
use crate::sim::since;

pub(crate) fn key(spki: &[u8]) -> Identity<'_> {
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    let hash = HashAlgorithm::Sha256;
    let key = ProvisionedKey::parse(Untrusted::new(spki), asym, hash, &PROVIDER).unwrap();
    Identity::Key(key)
}

/// A session by KEY_EXCHANGE.
pub(crate) fn open<'a>(
    requester: Requester<'a, Negotiated>,
    peer: &mut Peer,
) -> (Requester<'a, Negotiated>, Opened) {
    let spki = peer.spki();
    let clock = peer.clock.clone();
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let (requester, (opened, possession)) = blocking::run(flow, peer, &clock).unwrap();
    assert_eq!(possession.proof(), Proof::KeyExchange);
    assert!(possession.covers_negotiation());
    (requester, opened)
}

/// A session by PSK_EXCHANGE.
pub(crate) fn open_psk<'a>(
    requester: Requester<'a, Negotiated>,
    peer: &mut Peer,
) -> (Requester<'a, Negotiated>, Opened) {
    let clock = peer.clock.clone();
    let psk = PskBytes(PSK);
    let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
    let (requester, (opened, _)) = blocking::run(flow, peer, &clock).unwrap();
    (requester, opened)
}

#[expect(clippy::result_large_err, reason = "the requester itself")]
pub(crate) fn heartbeat<'a>(
    requester: Requester<'a, Negotiated>,
    peer: &mut Peer,
    session: SessionHandle,
) -> Result<Requester<'a, Negotiated>, (Recovered<'a, Negotiated>, spdm_requester::Error)> {
    let clock = peer.clock.clone();
    match blocking::run(requester.heartbeat(session), peer, &clock) {
        Ok((requester, ())) => Ok(requester),
        Err(failure) => {
            let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
            Err((failure.requester, error))
        }
    }
}

const IN_THE_CLEAR: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;

#[test]
fn a_session_is_opened_used_and_closed_in_every_version() {
    for version in since(SpdmVersion::V1_1) {
        for clear in [CapabilityFlags::empty(), IN_THE_CLEAR] {
            for binding in [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp] {
                let mut peer = Peer::new(version);
                peer.flags |= clear;
                peer.binding = binding;
                let clock = peer.clock.clone();
                let mut lent = Lent::new();
                let requester = lent.negotiated(&mut peer, clear);
                let (requester, opened) = open(requester, &mut peer);
                assert_eq!(opened.session_id, 0x4000_FFFF);
                let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
                let flow = requester.close_session(opened.session);
                let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
                let finish =
                    if clear.is_empty() { MessageKind::Secured } else { MessageKind::Plain };
                let kinds: Vec<_> =
                    peer.requests.iter().map(|(kind, bytes)| (*kind, Code(bytes[1]))).collect();
                assert_eq!(
                    kinds,
                    [
                        (MessageKind::Plain, Code::KEY_EXCHANGE),
                        (finish, Code::FINISH),
                        (MessageKind::Secured, Code::HEARTBEAT),
                        (MessageKind::Secured, Code::END_SESSION),
                    ],
                    "{version} {binding:?}"
                );
                let (_, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
                assert_eq!(error, SessionFault::Over.into());
            }
        }
    }
}

#[test]
fn s3_a_psk_session_is_opened_with_and_without_a_context_of_the_device() {
    for version in since(SpdmVersion::V1_1) {
        for (flag, requests) in [
            (CapabilityFlags::PSK_CAP_CONTEXT, &[Code::PSK_EXCHANGE, Code::PSK_FINISH][..]),
            (CapabilityFlags::PSK_CAP, &[Code::PSK_EXCHANGE]),
        ] {
            let mut peer = Peer::new(version);
            peer.flags.remove(CapabilityFlags::PSK_CAP_CONTEXT);
            peer.flags |= flag;
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
            let (requester, opened) = open_psk(requester, &mut peer);
            assert_eq!(peer.codes(), requests, "{version}");
            heartbeat(requester, &mut peer, opened.session).unwrap();
        }
    }
}

#[test]
fn a_session_of_two_that_only_authenticate_is_not_encrypted() {
    let mut peer = Peer::new(SpdmVersion::V1_3);
    peer.flags.remove(CapabilityFlags::ENCRYPT_CAP);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (requester, opened) = open(requester, &mut peer);
    assert_eq!(opened.privacy, spdm_codec::RecordPrivacy::Authenticated);
    heartbeat(requester, &mut peer, opened.session).unwrap();
    let record = peer.sent.last().unwrap();
    assert_eq!(record[6..10], [0x13, Code::HEARTBEAT_ACK.0, 0, 0]);
}

#[test]
fn two_sessions_live_beside_each_other_and_a_third_has_no_room() {
    let mut peer = Peer::new(SpdmVersion::V1_2);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (requester, first) = open(requester, &mut peer);
    let (requester, second) = open_psk(requester, &mut peer);
    assert_ne!(first.session_id, second.session_id);
    let requester = heartbeat(requester, &mut peer, first.session).unwrap();
    let requester = heartbeat(requester, &mut peer, second.session).unwrap();
    let spki = peer.spki();
    let clock = peer.clock.clone();
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(failure.error, RunError::Requester(SessionFault::NoRoom.into()));
    let Recovered::Kept(requester) = failure.requester else { panic!() };
    let flow = requester.close_session(first.session);
    let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
    let requester = heartbeat(requester, &mut peer, second.session).unwrap();
    let (requester, third) = open(requester, &mut peer);
    heartbeat(requester, &mut peer, third.session).unwrap();
}

#[test]
fn a_session_of_one_requester_is_none_of_another() {
    let (mut peers, mut lents) =
        ([(); 2].map(|()| Peer::new(SpdmVersion::V1_2)), [(); 2].map(|()| Lent::new()));
    let [one, two] = &mut peers;
    let [lent_one, lent_two] = &mut lents;
    let (requester, opened) = open(lent_one.negotiated(one, CapabilityFlags::empty()), one);
    let (other, others) = open(lent_two.negotiated(two, CapabilityFlags::empty()), two);
    // The same place, and the same SessionID.
    assert_eq!(opened.session_id, others.session_id);
    assert_ne!(opened.session, others.session);
    let sent = two.requests.len();
    let (recovered, error) = heartbeat(other, two, opened.session).unwrap_err();
    assert_eq!(error, SessionFault::Over.into());
    assert_eq!(two.requests.len(), sent);
    let (Recovered::Kept(other) | Recovered::SessionLost(other)) = recovered else { panic!() };
    heartbeat(other, two, others.session).unwrap();
    heartbeat(requester, one, opened.session).unwrap();
}

#[test]
fn keys_are_updated_again_and_again() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp] {
        let mut peer = Peer::new(SpdmVersion::V1_2);
        peer.binding = binding;
        let clock = peer.clock.clone();
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
        let (mut requester, opened) = open(requester, &mut peer);
        for keys in [UpdatedKeys::Requests, UpdatedKeys::Both, UpdatedKeys::Both] {
            let flow = requester.update_keys(opened.session, keys);
            (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
            requester = heartbeat(requester, &mut peer, opened.session).unwrap();
        }
    }
}

/// Some devices refuse more than three versions of secured messages: those that go with the version of SPDM are offered.
#[test]
fn no_more_than_three_versions_of_secured_messages_are_offered() {
    for version in since(SpdmVersion::V1_1) {
        let offered = match version {
            SpdmVersion::V1_1 => [1, 1, 3, 0, 0x10, 0, 0x11, 0, 0x12],
            _ => [1, 1, 3, 0, 0x11, 0, 0x12, 0, 0x13],
        };
        let mut peer = Peer::new(version);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
        open(requester, &mut peer);
        let exchange = peer.requests.iter().find(|(_, sent)| sent[1] == Code::KEY_EXCHANGE.0);
        let (_, exchange) = exchange.unwrap();
        assert!(exchange.windows(9).any(|bytes| bytes == offered), "{version} {exchange:02x?}");
    }
}

/// A limit of 2^3 records: a new key is due after six, the ninth is not sent, and each new key has its own eight.
#[test]
fn s66_no_key_protects_more_records_than_the_device_says() {
    let is_worn = |requester: &Requester<'_, Negotiated>| {
        matches!(requester.session_due(), Some(SessionDue::KeyUpdate { .. }))
    };
    let limit =
        |version: u8| Some(vec![2, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, version, 0, 0, 3, 0, 1, 2, 3, 0]);
    let mut peer = Peer::new(SpdmVersion::V1_2);
    peer.opaque = limit(0x13);
    let clock = peer.clock.clone();
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (mut requester, opened) = open(requester, &mut peer);
    let session = opened.session;
    assert_eq!(opened.secured_version.map(|version| version.version_byte()), Some(0x13));
    assert_eq!(opened.aead_limit, 3);
    // Under a new key of the device are its answers to both KEY_UPDATE, too.
    for count in [6, 4, 4] {
        for _ in 0..count {
            assert!(!is_worn(&requester));
            requester = heartbeat(requester, &mut peer, session).unwrap();
        }
        assert!(is_worn(&requester));
        let flow = requester.update_keys(session, UpdatedKeys::Both);
        (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
    }
    for _ in 0..6 {
        requester = heartbeat(requester, &mut peer, session).unwrap();
    }
    let Err((_, error)) = heartbeat(requester, &mut peer, session) else { panic!() };
    assert_eq!(error, SessionFault::Exhausted.into());

    // In a version that knows no limit it is ignored.
    let mut peer = Peer::new(SpdmVersion::V1_2);
    peer.opaque = limit(0x12);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (mut requester, opened) = open(requester, &mut peer);
    assert_eq!(opened.aead_limit, NO_AEAD_LIMIT);
    for _ in 0..9 {
        requester = heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

#[test]
fn s83_a_refused_key_update_leaves_the_keys_and_the_session() {
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let mut peer = Peer::new(SpdmVersion::V1_2);
        peer.errors = vec![(Code::KEY_UPDATE, ErrorCode::INVALID_REQUEST)];
        let clock = peer.clock.clone();
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
        let (requester, opened) = open(requester, &mut peer);
        let flow = requester.update_keys(opened.session, keys);
        let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
        let Recovered::Kept(requester) = failure.requester else { panic!("{:?}", failure.error) };
        let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
        let flow = requester.update_keys(opened.session, keys);
        let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
        heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

#[test]
fn s83_busy_is_tried_again_under_the_old_key() {
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let mut peer = Peer::new(SpdmVersion::V1_2);
        peer.errors = vec![(Code::KEY_UPDATE, ErrorCode::BUSY); 2];
        let clock = peer.clock.clone();
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
        let (requester, opened) = open(requester, &mut peer);
        let flow = requester.update_keys(opened.session, keys);
        let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
        heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

#[test]
fn s28_a_busy_device_gets_another_key_exchange() {
    let mut peer = Peer::new(SpdmVersion::V1_3);
    peer.errors = vec![(Code::KEY_EXCHANGE, ErrorCode::BUSY); 2];
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (requester, opened) = open(requester, &mut peer);
    let requests: Vec<_> = peer.requests[..3].iter().map(|(_, bytes)| bytes.clone()).collect();
    assert!(requests.iter().all(|bytes| bytes[1] == Code::KEY_EXCHANGE.0));
    for pair in requests.windows(2) {
        assert_ne!(pair[0][8..40], pair[1][8..40], "RandomData");
        assert_ne!(pair[0][40..104], pair[1][40..104], "ExchangeData");
    }
    heartbeat(requester, &mut peer, opened.session).unwrap();

    let mut peer = Peer::new(SpdmVersion::V1_3);
    peer.errors = vec![(Code::KEY_EXCHANGE, ErrorCode::BUSY); 50];
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(failure.error.to_string(), "the device was still busy after 5 attempts");
    assert_eq!(peer.requests.len(), 6);
}

/// How often the same bytes were sent as random data or as a public value.
fn repeated(peer: &Peer, code: Code) -> usize {
    let parts = |bytes: &[u8]| match code {
        Code::KEY_EXCHANGE => vec![bytes[8..40].to_vec(), bytes[40..104].to_vec()],
        // RequesterContext, behind the hint.
        _ => vec![bytes[12 + HINT.len()..][..32].to_vec()],
    };
    let requests = peer.requests.iter().filter(|(_, bytes)| bytes[1] == code.0);
    let mut all: Vec<Vec<u8>> = requests.flat_map(|(_, bytes)| parts(bytes)).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    count - all.len()
}

#[test]
fn s28_a_key_exchange_that_finds_no_answer_is_made_anew() {
    let bounds = |resends| {
        let mut bounds = spdm_requester::Bounds::default();
        bounds.resends = resends;
        bounds
    };
    for code in [Code::KEY_EXCHANGE, Code::PSK_EXCHANGE] {
        // Lost twice, and too often.
        for (resends, requests) in [(2, 3), (1, 2), (0, 1)] {
            let mut peer = Peer::new(SpdmVersion::V1_3);
            peer.lost = (code, 2);
            let clock = peer.clock.clone();
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
            let requester = requester.with_bounds(bounds(resends));
            let (spki, psk) = (peer.spki(), PskBytes(PSK));
            let opened = if code == Code::KEY_EXCHANGE {
                let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
                let ended = blocking::run(flow, &mut peer, &clock);
                ended.map(|(requester, (opened, _))| (requester, opened)).map_err(|it| it.error)
            } else {
                let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
                let ended = blocking::run(flow, &mut peer, &clock);
                ended.map(|(requester, (opened, _))| (requester, opened)).map_err(|it| it.error)
            };
            let asked = peer.codes().iter().filter(|asked| **asked == code).count();
            assert_eq!(asked, requests, "{code}");
            assert_eq!(repeated(&peer, code), 0, "{code}");
            match opened {
                Ok((requester, opened)) => {
                    assert_eq!(resends, 2);
                    heartbeat(requester, &mut peer, opened.session).unwrap();
                }
                Err(error) => {
                    assert!(resends < 2);
                    let timeout = spdm_requester::Error::Timeout { request: code };
                    assert_eq!(error, RunError::Requester(timeout));
                }
            }
        }
    }
}

/// In the clear FINISH could be sent again: what it changed cannot be told then.
#[test]
fn s28_a_finish_that_finds_no_answer_is_not_sent_again() {
    for more in [CapabilityFlags::empty(), IN_THE_CLEAR] {
        let mut peer = Peer::new(SpdmVersion::V1_3);
        peer.flags |= more;
        peer.lost = (Code::FINISH, 1);
        let clock = peer.clock.clone();
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, more);
        let mut bounds = spdm_requester::Bounds::default();
        bounds.resends = 3;
        let requester = requester.with_bounds(bounds);
        let spki = peer.spki();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
        let timeout = spdm_requester::Error::Timeout { request: Code::FINISH };
        assert_eq!(failure.error, RunError::Requester(timeout));
        assert_eq!(peer.codes(), [Code::KEY_EXCHANGE, Code::FINISH]);
        // In the clear a late answer could be taken for that of another request.
        assert_eq!(matches!(failure.requester, Recovered::SessionLost(_)), more.is_empty());
        assert_eq!(matches!(failure.requester, Recovered::Fresh(_)), !more.is_empty());
    }
}

/// A driver that comes later than WTMax: the device may have forgotten the request.
#[test]
fn s28_a_response_that_was_fetched_too_late_takes_another_key_exchange() {
    use spdm_requester::Step;
    use spdm_transport::Transport as _;

    for (late, requests) in [(1, 2), (9, 6)] {
        let mut peer = Peer::new(SpdmVersion::V1_3);
        peer.errors = vec![(Code::KEY_EXCHANGE, ErrorCode::RESPONSE_NOT_READY); late];
        // 2 to the power of 24 microseconds, three times.
        peer.not_ready = Some([24, Code::KEY_EXCHANGE.0, 1, 3]);
        let clock = peer.clock.clone();
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
        let mut bounds = spdm_requester::Bounds::default();
        bounds.time = spdm_transport::Duration::from_secs(10_000);
        let spki = peer.spki();
        let requester = requester.with_bounds(bounds);
        let mut flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let ended = loop {
            match flow.poll(clock.now()) {
                Ok(Step::Transmit(token)) => {
                    peer.send(token.kind(), token.bytes(), token.timeout()).unwrap();
                    token.sent(clock.now());
                }
                Ok(Step::Receive(mut token)) => {
                    let timeout = spdm_transport::Duration::from_secs(1);
                    let received = peer.receive(token.buffer(), timeout).unwrap().unwrap();
                    let _ = token.received(clock.now(), received);
                }
                Ok(Step::Wait { until }) => clock.sleep_until(until.after_micros(60_000_000)),
                Ok(Step::Done) => break Ok(()),
                Err(error) => break Err(error.to_string()),
            }
        };
        let asked = peer.codes().iter().filter(|code| **code == Code::KEY_EXCHANGE).count();
        assert_eq!((asked, repeated(&peer, Code::KEY_EXCHANGE)), (requests, 0));
        if late == 1 {
            assert_eq!(ended, Ok(()));
            let (requester, (opened, _)) = flow.finish().unwrap();
            heartbeat(requester, &mut peer, opened.session).unwrap();
        } else {
            let error = "the response was still not ready after 5 attempts";
            assert_eq!(ended, Err(error.to_owned()));
        }
    }
}

#[test]
fn s83_a_device_that_stays_busy_keeps_its_session_and_keys() {
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        for binding in [RecordBinding::PciDoe, RecordBinding::Mctp] {
            let mut peer = Peer::new(SpdmVersion::V1_2);
            peer.binding = binding;
            let clock = peer.clock.clone();
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
            let (requester, opened) = open(requester, &mut peer);
            let before = peer.requests.len();
            peer.errors = vec![(Code::KEY_UPDATE, ErrorCode::BUSY); 50];
            let flow = requester.update_keys(opened.session, keys);
            let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
            assert_eq!(failure.error.to_string(), "the device was still busy after 5 attempts");
            assert_eq!(peer.requests.len(), before + 6);
            peer.errors.clear();
            let Recovered::Kept(requester) = failure.requester else { panic!() };
            let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
            let flow = requester.update_keys(opened.session, keys);
            let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
            heartbeat(requester, &mut peer, opened.session).unwrap();
        }
    }
}

#[test]
fn any_request_that_may_travels_in_a_session_and_no_other() {
    let mut peer = Peer::new(SpdmVersion::V1_3);
    let clock = peer.clock.clone();
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (requester, opened) = open(requester, &mut peer);
    let mut buffer = [0; 64];
    let flow = requester
        .in_session(opened.session)
        .exchange::<_, KeyPairInfo<'_>>(GetKeyPairInfo { key_pair_id: 1 }, &mut buffer);
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(
        failure.error.to_string(),
        "the device answered GET_KEY_PAIR_INFO with ERROR UnsupportedRequest (data 0x00)"
    );
    let Recovered::Kept(requester) = failure.requester else { panic!() };
    let (kind, _) = peer.requests.last().unwrap();
    assert_eq!(*kind, MessageKind::Secured);

    let (spki, sent) = (peer.spki(), peer.requests.len());
    let flow = requester.in_session(opened.session).open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(failure.error.to_string(), "KEY_EXCHANGE may not be sent in this state");
    assert_eq!(peer.requests.len(), sent);
    let Recovered::Kept(requester) = failure.requester else { panic!() };
    heartbeat(requester, &mut peer, opened.session).unwrap();
}

#[test]
fn s90_a_heartbeat_is_due_after_half_a_period_and_a_silent_session_is_over() {
    let mut peer = Peer::new(SpdmVersion::V1_2);
    peer.heartbeat_period = 10;
    let clock = peer.clock.clone();
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    assert_eq!(requester.session_due(), None);
    let (requester, opened) = open(requester, &mut peer);
    let session = opened.session;
    let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
    assert_eq!(requester.session_due(), Some(SessionDue::Heartbeat { session, at: at(5) }));
    clock.sleep_until(at(19));
    let requester = heartbeat(requester, &mut peer, session).unwrap();
    assert_eq!(requester.session_due(), Some(SessionDue::Heartbeat { session, at: at(24) }));
    clock.sleep_until(at(40));
    let (left, error) = heartbeat(requester, &mut peer, session).unwrap_err();
    assert_eq!(error, SessionFault::Over.into());
    let Recovered::SessionLost(requester) = left else { panic!() };
    assert_eq!(requester.session_due(), None);
}
