//! What a device may answer: ERROR to what opens a session, ResponseNotReady inside of one, anything in any order. The
//! numbers are those of the list of negative tests for sessions.

use core::cell::Cell;
use std::rc::Rc;

use spdm_codec::{CapabilityFlags, Code, ErrorCode, RecordBinding, SpdmVersion};
use spdm_crypto::PskBytes;
use spdm_requester::{
    Error, Failure, Negotiated, Recovered, Requester, RunError, SessionFault, SessionHandle,
    SessionPlan, UpdatedKeys, Violation, blocking,
};
use spdm_transport::MessageKind;

use crate::session_peer::{HINT, Lent, Never, PSK, Peer, Place, Sealing, Stray};
use crate::sessions::{heartbeat, key, open};

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const NOTHING: CapabilityFlags = CapabilityFlags::empty();
const IN_THE_CLEAR: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;

type Ended<'a> = Result<Requester<'a, Negotiated>, Failure<'a, Negotiated, RunError<Never>>>;

/// What a requester does in a session, or to have one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Doing {
    Open,
    OpenPsk,
    Heartbeat,
    Update(UpdatedKeys),
    Close,
}

impl Doing {
    const ALL: [Self; 6] = [
        Self::Open,
        Self::OpenPsk,
        Self::Heartbeat,
        Self::Update(UpdatedKeys::Requests),
        Self::Update(UpdatedKeys::Both),
        Self::Close,
    ];

    /// The session that it opens is kept in `session`.
    #[expect(clippy::result_large_err, reason = "the requester itself")]
    fn run<'a>(
        self,
        requester: Requester<'a, Negotiated>,
        peer: &mut Peer,
        session: &mut Option<SessionHandle>,
    ) -> Ended<'a> {
        let (spki, clock, psk) = (peer.spki(), peer.clock.clone(), PskBytes(PSK));
        match (self, *session) {
            (Self::Open, _) => {
                let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
                let (requester, (opened, _)) = blocking::run(flow, peer, &clock)?;
                *session = Some(opened.session);
                Ok(requester)
            }
            (Self::OpenPsk, _) => {
                let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
                let (requester, (opened, _)) = blocking::run(flow, peer, &clock)?;
                *session = Some(opened.session);
                Ok(requester)
            }
            (_, None) => Ok(requester),
            (Self::Heartbeat, Some(session)) => {
                Ok(blocking::run(requester.heartbeat(session), peer, &clock)?.0)
            }
            (Self::Update(keys), Some(session)) => {
                Ok(blocking::run(requester.update_keys(session, keys), peer, &clock)?.0)
            }
            (Self::Close, Some(session)) => {
                Ok(blocking::run(requester.close_session(session), peer, &clock)?.0)
            }
        }
    }
}

/// Also where its policy is that the requester is to be authenticated, which this one cannot.
#[test]
fn s26_a_refused_key_exchange_leaves_everything() {
    for (version, code) in [
        (SpdmVersion::V1_3, ErrorCode::INVALID_POLICY),
        (V1_2, ErrorCode::UNSPECIFIED),
        (V1_2, ErrorCode::SESSION_LIMIT_EXCEEDED),
    ] {
        for (doing, request) in
            [(Doing::Open, Code::KEY_EXCHANGE), (Doing::OpenPsk, Code::PSK_EXCHANGE)]
        {
            let mut peer = Peer::new(version);
            peer.errors = vec![(request, code)];
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, other) = open_first(requester, &mut peer, request);
            let before = peer.requests.len();
            let mut session = None;
            let failure = doing.run(requester, &mut peer, &mut session).unwrap_err();
            let RunError::Requester(Error::Refused(refusal)) = failure.error else { panic!() };
            assert_eq!((refusal.request, refusal.code), (request, code));
            assert_eq!(peer.requests.len(), before + 1);
            let Recovered::Kept(requester) = failure.requester else { panic!() };
            // Its place is free.
            let requester = doing.run(requester, &mut peer, &mut session).unwrap();
            let requester = heartbeat(requester, &mut peer, session.unwrap()).unwrap();
            heartbeat(requester, &mut peer, other).unwrap();
        }
    }
}

/// A session by the exchange that is not refused.
fn open_first<'a>(
    requester: Requester<'a, Negotiated>,
    peer: &mut Peer,
    refused: Code,
) -> (Requester<'a, Negotiated>, SessionHandle) {
    let doing = if refused == Code::KEY_EXCHANGE { Doing::OpenPsk } else { Doing::Open };
    let mut session = None;
    let requester = doing.run(requester, peer, &mut session).unwrap();
    (requester, session.unwrap())
}

/// The request that is put off, and what sends it in a session that is open.
const PUT_OFF: [(Code, Doing); 5] = [
    (Code::FINISH, Doing::Open),
    (Code::HEARTBEAT, Doing::Heartbeat),
    (Code::KEY_UPDATE, Doing::Update(UpdatedKeys::Requests)),
    (Code::KEY_UPDATE, Doing::Update(UpdatedKeys::Both)),
    (Code::END_SESSION, Doing::Close),
];

/// The bound is that of one request, and not of all requests of a flow together.
#[test]
fn s28_s36_each_request_may_find_the_device_busy_as_often() {
    for (more, busy) in [(NOTHING, 5), (IN_THE_CLEAR, 5), (NOTHING, 4)] {
        let mut peer = Peer::new(V1_2);
        peer.flags |= more;
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, more);
        let codes = [Code::KEY_EXCHANGE, Code::FINISH];
        peer.errors = codes.iter().flat_map(|code| vec![(*code, ErrorCode::BUSY); busy]).collect();
        let (requester, opened) = open(requester, &mut peer);
        assert_eq!(peer.requests.len(), 2 * (busy + 1));
        heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

/// Of UpdateAllKeys ResponseNotReady comes under the old key, and what is fetched then under the new one.
#[test]
fn s83_what_is_not_ready_is_fetched_in_the_same_session() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp] {
        for (code, doing) in PUT_OFF {
            let mut peer = Peer::new(V1_2);
            peer.binding = binding;
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, opened) = open(requester, &mut peer);
            peer.errors = vec![(code, ErrorCode::RESPONSE_NOT_READY)];
            let before = peer.requests.len();
            let mut session = Some(opened.session);
            let requester = doing.run(requester, &mut peer, &mut session).unwrap();
            let asked = &peer.requests[before..];
            let ready = asked.iter().find(|(_, bytes)| bytes[1] == Code::RESPOND_IF_READY.0);
            let (kind, bytes) = ready.unwrap();
            assert_eq!((*kind, &bytes[2..]), (MessageKind::Secured, &[code.0, 1][..]));
            if doing != Doing::Close {
                heartbeat(requester, &mut peer, session.unwrap()).unwrap();
            }
        }
    }
}

#[test]
fn s104_response_not_ready_that_cannot_be_meant_ends_its_session() {
    for (code, doing) in PUT_OFF {
        // RDTExponent, RequestCode, Token, RDTM.
        for (field, data) in [
            ("RequestCode", [1, Code::KEY_EXCHANGE.0, 1, 2]),
            ("RDTM", [1, code.0, 1, 0]),
            ("RDTM", [1, code.0, 1, 1]),
            ("RDTExponent", [32, code.0, 1, 2]),
        ] {
            let mut peer = Peer::new(V1_2);
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, other) = open(requester, &mut peer);
            let (mut requester, mut session) = (requester, None);
            if doing != Doing::Open {
                requester = Doing::Open.run(requester, &mut peer, &mut session).unwrap();
            }
            peer.errors = vec![(code, ErrorCode::RESPONSE_NOT_READY)];
            peer.not_ready = Some(data);
            let before = peer.requests.len();
            let failure = doing.run(requester, &mut peer, &mut session).unwrap_err();
            let RunError::Requester(Error::Misbehaved(error)) = failure.error else { panic!() };
            assert_eq!((error.message, error.field), ("ERROR", field));
            assert!(matches!(error.violation, Violation::Value { .. }));
            let asked = if doing == Doing::Open { 2 } else { 1 };
            assert_eq!(peer.requests.len(), before + asked);
            let Recovered::SessionLost(mut requester) = failure.requester else { panic!() };
            if let Some(session) = session {
                let (recovered, error) = heartbeat(requester, &mut peer, session).unwrap_err();
                assert_eq!(error, SessionFault::Over.into());
                let Recovered::SessionLost(kept) = recovered else { panic!() };
                requester = kept;
            }
            heartbeat(requester, &mut peer, other.session).unwrap();
        }
    }
}

/// A device and a bus that do anything at any time: what succeeds was not changed by anybody, nothing of a session is said
/// outside of it, and a session that is over stays over.
#[test]
fn s106_a_device_that_does_anything() {
    let mut state = 11_u32;
    let mut next = move |most: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).unwrap() % most
    };
    let (mut good, mut bad) = (0, 0);
    for round in 0..150 {
        let mut peer = Peer::new(V1_2);
        let more = if round % 2 == 0 { NOTHING } else { IN_THE_CLEAR };
        peer.flags |= more;
        let mut lent = Lent::new();
        let mut left = Some(lent.negotiated(&mut peer, more));
        let (mut session, mut over) = (None, Vec::new());
        for _ in 0..12 {
            let Some(requester) = left.take() else { break };
            let doing = Doing::ALL[next(Doing::ALL.len())];
            if matches!(doing, Doing::Open | Doing::OpenPsk) && session.is_some() {
                left = Some(requester);
                continue;
            }
            let codes = [Code::KEY_EXCHANGE, Code::PSK_EXCHANGE, Code::FINISH, Code::PSK_FINISH];
            let codes = [&codes[..], &[Code::HEARTBEAT, Code::KEY_UPDATE, Code::END_SESSION]];
            let code = codes.concat()[next(7)];
            let changed = Rc::new(Cell::new(false));
            let (at, bit, seen) = (next(400), 1_u8 << next(8), Rc::clone(&changed));
            (peer.change, peer.strays, peer.sealing, peer.errors) = (None, None, None, Vec::new());
            match next(8) {
                0 | 1 => {
                    let change = move |bytes: &mut Vec<u8>| {
                        let at = at % bytes.len();
                        bytes[at] ^= bit;
                        seen.set(true);
                    };
                    peer.change = Some((code, Place::Wire, Rc::new(change)));
                }
                2 => {
                    let plain = vec![0x12, Code::ERROR.0, ErrorCode::DECRYPT_ERROR.0, 0];
                    let stray = [Stray::Record(5), Stray::Plain(plain)][next(2)].clone();
                    if !matches!(code, Code::KEY_EXCHANGE | Code::PSK_EXCHANGE | Code::FINISH) {
                        peer.strays = Some((code, vec![stray; 1 + next(10)]));
                    }
                }
                3 if code == Code::HEARTBEAT => peer.sealing = Some((code, Sealing::OtherPrivacy)),
                4 => {
                    let error = [ErrorCode::BUSY, ErrorCode::UNSPECIFIED, ErrorCode::DECRYPT_ERROR];
                    peer.errors = vec![(code, error[next(3)])];
                }
                _ => {}
            }
            let before = session;
            match doing.run(requester, &mut peer, &mut session) {
                Ok(requester) => {
                    good += 1;
                    assert!(!changed.get(), "{doing:?} {code} {at} {bit:#x}");
                    if doing == Doing::Close {
                        over.extend(session.take());
                    }
                    left = Some(requester);
                }
                Err(failure) => {
                    bad += 1;
                    match failure.requester {
                        Recovered::Kept(requester) => left = Some(requester),
                        Recovered::SessionLost(requester) => {
                            over.extend(before);
                            session = None;
                            left = Some(requester);
                        }
                        _ => {}
                    }
                }
            }
            (peer.change, peer.strays, peer.sealing, peer.errors) = (None, None, None, Vec::new());
            for dead in &over {
                let Some(requester) = left.take() else { break };
                let sent = peer.requests.len();
                let (recovered, error) = heartbeat(requester, &mut peer, *dead).unwrap_err();
                assert_eq!((error, peer.requests.len()), (SessionFault::Over.into(), sent));
                let (Recovered::SessionLost(requester) | Recovered::Kept(requester)) = recovered
                else {
                    panic!()
                };
                left = Some(requester);
            }
        }
        for (kind, request) in &peer.requests {
            let plain = match Code(request[1]) {
                Code::KEY_EXCHANGE | Code::PSK_EXCHANGE => true,
                Code::FINISH => !more.is_empty(),
                _ => false,
            };
            assert_eq!(*kind == MessageKind::Plain, plain, "{request:02x?}");
        }
    }
    assert!(good > 200 && bad > 50, "{good} {bad}");
}
