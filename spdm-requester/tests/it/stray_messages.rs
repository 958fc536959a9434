//! Messages that belong elsewhere, while an answer is awaited: whoever can write to the bus can send them. They are passed
//! over, up to eight of them, and end nothing. The numbers are those of the list of negative tests for sessions.

use spdm_codec::{CapabilityFlags, Code, ErrorCode, RecordBinding, SpdmVersion};
use spdm_requester::{
    Error, Opened, Recovered, RunError, SessionFault, SessionPlan, UpdatedKeys, blocking,
};

use crate::session_peer::{Lent, Peer, Stray};
use crate::sessions::{heartbeat, key, open, open_psk};

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const NOTHING: CapabilityFlags = CapabilityFlags::empty();
const IN_THE_CLEAR: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
/// As many as are passed over.
const MOST: usize = 8;

fn error_of(code: ErrorCode) -> Stray {
    Stray::Plain(vec![0x12, Code::ERROR.0, code.0, 0])
}

fn plain_messages() -> Vec<Stray> {
    let codes = [ErrorCode::DECRYPT_ERROR, ErrorCode::REQUEST_RESYNCH, ErrorCode::BUSY];
    let mut strays: Vec<Stray> = codes.into_iter().map(error_of).collect();
    // The answer itself, ResponseNotReady for it, and what is no message.
    strays.push(Stray::Plain(vec![0x12, Code::HEARTBEAT_ACK.0, 0, 0]));
    strays.push(Stray::Plain(vec![0x12, Code::ERROR.0, 0x42, 0, 1, Code::HEARTBEAT.0, 1, 2]));
    strays.push(Stray::Plain(Vec::new()));
    strays
}

/// A heartbeat with these messages in front of its answer, and one without them in each session.
fn lives_with(binding: RecordBinding, strays: &[Stray]) {
    let mut peer = Peer::new(V1_2);
    peer.binding = binding;
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, other) = open(requester, &mut peer);
    let (requester, opened) = open(requester, &mut peer);
    let before = peer.requests.len();
    peer.strays = Some((Code::HEARTBEAT, strays.to_vec()));
    let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
    assert_eq!(peer.requests.len(), before + 1, "asked once");
    peer.strays = None;
    let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
    if !strays.contains(&Stray::OfSession(0)) {
        let requester = heartbeat(requester, &mut peer, other.session).unwrap();
        heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

#[test]
fn s67_s105_plain_messages_in_front_of_an_answer_in_a_session_are_passed_over() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp] {
        for stray in plain_messages() {
            lives_with(binding, &[stray]);
        }
        lives_with(binding, &plain_messages());
    }
    lives_with(RecordBinding::PciDoe, &vec![error_of(ErrorCode::DECRYPT_ERROR); MOST]);
}

#[test]
fn s62_s67_records_of_other_sessions_are_passed_over() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp] {
        lives_with(binding, &[Stray::Record(0x1234_5678), Stray::Record(0)]);
        // One that the device has sealed, in a session that is alive.
        lives_with(binding, &[Stray::OfSession(0)]);
    }
    lives_with(RecordBinding::PciDoe, &vec![Stray::Record(7); MOST]);
}

#[test]
fn s65_application_data_is_passed_over() {
    lives_with(RecordBinding::Mctp, &[Stray::Application]);
    lives_with(RecordBinding::Mctp, &vec![Stray::Application; MOST]);
}

fn heartbeat_fails(strays: Vec<Stray>, silent: Option<Code>) -> SessionFault {
    let mut peer = Peer::new(V1_2);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, other) = open(requester, &mut peer);
    let (requester, opened) = open(requester, &mut peer);
    let before = peer.requests.len();
    (peer.strays, peer.silent) = (Some((Code::HEARTBEAT, strays)), silent);
    let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    assert_eq!(peer.requests.len(), before + 1);
    (peer.strays, peer.silent) = (None, None);
    // The session is not over: but the answer may still come, so nothing else is asked in it.
    let Recovered::Kept(requester) = recovered else { panic!("{recovered:?}") };
    let (recovered, unanswered) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    assert_eq!(unanswered, SessionFault::Unanswered.into());
    assert_eq!(peer.requests.len(), before + 1);
    let Recovered::Kept(requester) = recovered else { panic!("{recovered:?}") };
    heartbeat(requester, &mut peer, other.session).unwrap();
    let Error::Session(fault) = error else { panic!("{error:?}") };
    fault
}

#[test]
fn s67_s105_one_message_too_many_fails_the_exchange_alone() {
    let plain = vec![error_of(ErrorCode::DECRYPT_ERROR); MOST + 1];
    assert_eq!(heartbeat_fails(plain, None), SessionFault::PlainMessage);
    let records = vec![Stray::Record(7); MOST + 1];
    assert_eq!(heartbeat_fails(records, None), SessionFault::OtherSession { got: 7 });
}

#[test]
fn s67_s105_a_message_in_place_of_the_answer_fails_the_exchange_alone() {
    for stray in plain_messages() {
        let fault = heartbeat_fails(vec![stray], Some(Code::HEARTBEAT));
        assert_eq!(fault, SessionFault::PlainMessage);
    }
    let fault = heartbeat_fails(vec![Stray::Record(9)], Some(Code::HEARTBEAT));
    assert_eq!(fault, SessionFault::OtherSession { got: 9 });
}

#[test]
fn s65_too_much_application_data_ends_the_session() {
    let mut peer = Peer::new(V1_2);
    peer.binding = RecordBinding::Mctp;
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, other) = open(requester, &mut peer);
    let (requester, opened) = open(requester, &mut peer);
    peer.strays = Some((Code::HEARTBEAT, vec![Stray::Application; MOST + 1]));
    let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    assert_eq!(error, SessionFault::Protocol.into());
    peer.strays = None;
    let Recovered::SessionLost(requester) = recovered else { panic!("{recovered:?}") };
    heartbeat(requester, &mut peer, other.session).unwrap();
}

/// Strays in front of each answer of a handshake and of KEY_UPDATE.
fn passed_over_everywhere(more: CapabilityFlags) {
    let mut peer = Peer::new(V1_2);
    peer.flags |= more;
    let clock = peer.clock.clone();
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, more);
    let (mut requester, first) = open_psk(requester, &mut peer);
    let records = vec![Stray::Record(7), Stray::Record(0x1234_5678)];
    for code in [Code::KEY_EXCHANGE, Code::FINISH] {
        let mut strays = records.clone();
        if code == Code::FINISH && more.is_empty() {
            strays.extend(plain_messages());
        }
        peer.strays = Some((code, strays));
        let before = peer.requests.len();
        let opened: Opened;
        (requester, opened) = open(requester, &mut peer);
        assert_eq!(peer.requests.len(), before + 2);
        let flow = requester.close_session(opened.session);
        (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
    }
    let mut strays = plain_messages();
    strays.push(Stray::Record(7));
    peer.strays = Some((Code::KEY_UPDATE, strays));
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let flow = requester.update_keys(first.session, keys);
        (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
        requester = heartbeat(requester, &mut peer, first.session).unwrap();
    }
}

#[test]
fn s67_s105_strays_end_no_handshake_and_no_key_update() {
    passed_over_everywhere(NOTHING);
    passed_over_everywhere(IN_THE_CLEAR);
}

/// In the clear one record too many fails the exchange, whose answer may still come: the connection is lost.
#[test]
fn s67_one_record_too_many_in_the_clear() {
    let mut peer = Peer::new(V1_2);
    peer.strays = Some((Code::KEY_EXCHANGE, vec![Stray::Record(7); MOST + 1]));
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    let fault = SessionFault::OtherSession { got: 7 };
    assert_eq!(failure.error, RunError::Requester(fault.into()));
    assert!(matches!(failure.requester, Recovered::Fresh(_)));
    assert_eq!(peer.codes(), [Code::KEY_EXCHANGE]);
}
