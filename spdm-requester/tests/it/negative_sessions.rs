//! Sessions with a device that lies, and with an attacker on the bus. The numbers are those of the list of negative tests
//! for sessions.

use std::rc::Rc;

use spdm_codec::{CapabilityFlags, Code, ErrorCode, MutAuthRequested, RecordBinding, SpdmVersion};
use spdm_crypto::PskBytes;
use spdm_requester::{
    Error, Recovered, RunError, SessionFault, SessionPlan, UpdatedKeys, blocking,
};

use crate::session_peer::{HINT, Lent, PSK, Peer, Place};
use crate::sessions::{heartbeat, key, open};
use crate::sim::since;

const NOTHING: CapabilityFlags = CapabilityFlags::empty();
const IN_THE_CLEAR: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;

/// What is left of the requester.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Left {
    All,
    Connection,
    Nothing,
}

fn left<P>(requester: &Recovered<'_, P>) -> Left {
    match requester {
        Recovered::Kept(_) => Left::All,
        Recovered::SessionLost(_) => Left::Connection,
        _ => Left::Nothing,
    }
}

/// How opening a session by KEY_EXCHANGE fails, and what is left; no keys are.
fn refused(mut peer: Peer, more: CapabilityFlags) -> (Error, Left, Vec<Code>) {
    peer.flags |= more;
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, more);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
    (error, left(&failure.requester), peer.codes())
}

/// The same by PSK_EXCHANGE.
fn refused_psk(mut peer: Peer) -> (Error, Left, Vec<Code>) {
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let clock = peer.clock.clone();
    let psk = PskBytes(PSK);
    let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
    (error, left(&failure.requester), peer.codes())
}

/// A KEY_EXCHANGE_RSP that the device itself has changed is refused with this sentence, and nothing follows it.
fn refuses(version: SpdmVersion, change: impl Fn(&mut Vec<u8>) + 'static, sentence: &str) {
    let peer = Peer::new(version).change(Code::KEY_EXCHANGE, Place::BeforeProofs, change);
    let (error, left, requests) = refused(peer, NOTHING);
    assert_eq!(error.to_string(), sentence);
    assert_eq!((left, requests), (Left::Nothing, vec![Code::KEY_EXCHANGE]));
}

const V1_2: SpdmVersion = SpdmVersion::V1_2;

#[test]
fn s6_a_responder_context_as_psk_cap_says() {
    for (flag, len, sentence) in [
        (
            CapabilityFlags::PSK_CAP_CONTEXT,
            0,
            "PSK_EXCHANGE_RSP: ResponderContextLength is 0x0, but at least 32 is expected",
        ),
        (
            CapabilityFlags::PSK_CAP_CONTEXT,
            31,
            "PSK_EXCHANGE_RSP: ResponderContextLength is 0x1f, but at least 32 is expected",
        ),
        (
            CapabilityFlags::PSK_CAP,
            32,
            "PSK_EXCHANGE_RSP: ResponderContextLength is 0x20, but 0x0 is expected",
        ),
    ] {
        let mut peer = Peer::new(V1_2);
        peer.flags.remove(CapabilityFlags::PSK_CAP_CONTEXT);
        peer.flags |= flag;
        peer.psk_context = Some(len);
        let (error, left, requests) = refused_psk(peer);
        assert_eq!(error.to_string(), sentence);
        assert_eq!((left, requests), (Left::Nothing, vec![Code::PSK_EXCHANGE]));
    }
}

/// Each half is chosen by its side. Ours is never 0 and another one in each place, so that no choice of the device makes an
/// id that is none, or that of another session.
#[test]
fn s7_no_choice_of_the_device_makes_two_sessions_one() {
    let mut peer = Peer::new(V1_2);
    peer.rsp_session_id = Some(0);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, first) = open(requester, &mut peer);
    let (requester, second) = open(requester, &mut peer);
    assert_eq!((first.session_id, second.session_id), (0xFFFF, 0xFFFE));
    let requester = heartbeat(requester, &mut peer, first.session).unwrap();
    let requester = heartbeat(requester, &mut peer, second.session).unwrap();
    heartbeat(requester, &mut peer, first.session).unwrap();
}

#[test]
fn s10_no_heartbeat_period_without_the_capability_of_both() {
    let mut peer = Peer::new(V1_2);
    peer.flags.remove(CapabilityFlags::HBEAT_CAP);
    peer.heartbeat_period = 5;
    let (error, left, _) = refused(peer, NOTHING);
    assert_eq!(error.to_string(), "KEY_EXCHANGE_RSP: HeartbeatPeriod is 0x5, but 0x0 is expected");
    assert_eq!(left, Left::Nothing);
}

#[test]
fn s11_mutual_authentication_that_was_not_offered_is_refused() {
    for mut_auth in [
        MutAuthRequested::WithoutEncapsulation,
        MutAuthRequested::WithEncapsulation,
        MutAuthRequested::WithGetDigests,
    ] {
        let mut peer = Peer::new(V1_2);
        peer.mut_auth = mut_auth;
        let (error, left, _) = refused(peer, NOTHING);
        assert_eq!(error.to_string(), "KEY_EXCHANGE_RSP: MutAuthRequested may not come here");
        assert_eq!(left, Left::Nothing);
    }
    for value in [3, 5, 6, 7] {
        let change = move |answer: &mut Vec<u8>| answer[6] = value;
        let peer = Peer::new(V1_2).change(Code::KEY_EXCHANGE, Place::BeforeProofs, change);
        let (error, ..) = refused(peer, NOTHING);
        assert!(matches!(error, Error::Decode(error) if error.field == "MutAuthRequested"));
    }
}

/// Reserved bits say nothing, and the slot of the requester neither where it is not to be authenticated.
#[test]
fn s11_s12_reserved_bits_of_mutual_authentication_are_ignored() {
    for version in since(SpdmVersion::V1_1) {
        for (requested, slot) in [(0xF8, 0), (0, 8), (0, 14), (0, 15), (0x08, 0xFE)] {
            let change = move |answer: &mut Vec<u8>| (answer[6], answer[7]) = (requested, slot);
            let mut peer =
                Peer::new(version).change(Code::KEY_EXCHANGE, Place::BeforeProofs, change);
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, opened) = open(requester, &mut peer);
            heartbeat(requester, &mut peer, opened.session).unwrap();
        }
    }
    // Asked for without encapsulated requests, it names a slot.
    for slot in 8..=14 {
        let change = move |answer: &mut Vec<u8>| (answer[6], answer[7]) = (1, slot);
        let peer = Peer::new(V1_2).change(Code::KEY_EXCHANGE, Place::BeforeProofs, change);
        let (error, left, requests) = refused(peer, NOTHING);
        assert!(matches!(error, Error::Decode(error) if error.field == "SlotIDParam"));
        assert_eq!((left, requests), (Left::Nothing, vec![Code::KEY_EXCHANGE]));
    }
}

#[test]
fn s13_a_public_value_that_is_none_is_refused() {
    for fill in [0, 0xFF, 5] {
        let change = move |answer: &mut Vec<u8>| answer[40..104].fill(fill);
        refuses(V1_2, change, "ExchangeData of the peer is no valid public value");
    }
}

#[test]
fn s16_a_signature_over_anything_else_is_refused() {
    // The device signs what it says; the requester gets one bit of it changed.
    let message = Peer::new(V1_2);
    drop(message);
    for version in [SpdmVersion::V1_1, V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        // RandomData, MeasurementSummary has none, opaque padding excluded: those are refused before.
        for at in [8, 39] {
            let change = move |answer: &mut Vec<u8>| answer[at] ^= 1;
            let peer = Peer::new(version).change(Code::KEY_EXCHANGE, Place::Answer, change);
            let (error, left, requests) = refused(peer, NOTHING);
            assert_eq!(error, Error::Signature { message: "KEY_EXCHANGE_RSP" });
            assert_eq!((left, requests), (Left::Nothing, vec![Code::KEY_EXCHANGE]));
        }
    }
}

/// How both kinds of handshakes end after somebody has changed the negotiation on its way.
fn negotiation_is_signed(peer: impl Fn() -> Peer) {
    let (error, left, requests) = refused(peer(), NOTHING);
    assert_eq!(error, Error::Signature { message: "KEY_EXCHANGE_RSP" });
    assert_eq!((left, requests), (Left::Nothing, vec![Code::KEY_EXCHANGE]));
    let (error, left, requests) = refused_psk(peer());
    assert_eq!(error, SessionFault::VerifyData { message: "PSK_EXCHANGE_RSP" }.into());
    assert_eq!((left, requests), (Left::Nothing, vec![Code::PSK_EXCHANGE]));
}

type Edit = fn(&mut Vec<u8>);

#[test]
fn s17_a_negotiation_that_was_changed_is_not_signed() {
    for version in since(SpdmVersion::V1_1) {
        // An entry of VERSION is removed; HBEAT_CAP; what ALGORITHMS has in its reserved byte.
        let answers: [(Code, Edit); 3] = [
            (Code::GET_VERSION, |answer| {
                answer.drain(6..8);
                answer[5] -= 1;
            }),
            (Code::GET_CAPABILITIES, |answer| answer[9] &= !0x20),
            (Code::NEGOTIATE_ALGORITHMS, |answer| answer[3] ^= 1),
        ];
        for (code, change) in answers {
            negotiation_is_signed(|| Peer::new(version).change(code, Place::Wire, change));
        }
        // HBEAT_CAP of the requester; a hash function and a signature algorithm that it offers.
        let requests: [(Code, Edit); 3] = [
            (Code::GET_CAPABILITIES, |request| request[9] &= !0x20),
            (Code::NEGOTIATE_ALGORITHMS, |request| request[12] &= !4),
            (Code::NEGOTIATE_ALGORITHMS, |request| request[8] &= !1),
        ];
        for (code, change) in requests {
            negotiation_is_signed(|| {
                let mut peer = Peer::new(version);
                peer.asked = Some((code, Rc::new(change)));
                peer
            });
        }
    }
}

#[test]
fn s18_the_hmac_of_the_handshake_is_checked_and_has_its_length() {
    let fault = SessionFault::VerifyData { message: "KEY_EXCHANGE_RSP" };
    for change in [
        |answer: &mut Vec<u8>| *answer.last_mut().unwrap() ^= 1,
        |answer: &mut Vec<u8>| {
            let start = answer.len() - 32;
            answer[start..].fill(0);
        },
    ] {
        let peer = Peer::new(V1_2).change(Code::KEY_EXCHANGE, Place::Answer, change);
        let (error, left, requests) = refused(peer, NOTHING);
        assert_eq!(error, fault.into());
        assert_eq!(
            error.to_string(),
            "KEY_EXCHANGE_RSP: the HMAC of the handshake does not verify"
        );
        assert_eq!((left, requests), (Left::Nothing, vec![Code::KEY_EXCHANGE]));
    }
    let absent = |answer: &mut Vec<u8>| answer.truncate(answer.len() - 32);
    let peer = Peer::new(V1_2).change(Code::KEY_EXCHANGE, Place::Answer, absent);
    let (error, ..) = refused(peer, NOTHING);
    assert!(matches!(error, Error::Decode(error) if error.field == "ResponderVerifyData"));
    // In the clear there is none here.
    let more = |answer: &mut Vec<u8>| answer.extend([0; 32]);
    let peer = Peer::new(V1_2).change(Code::KEY_EXCHANGE, Place::Answer, more);
    let (error, ..) = refused(peer, IN_THE_CLEAR);
    assert!(matches!(error, Error::Decode(error) if error.field == "end of message"));
}

#[test]
fn s19_the_version_of_secured_messages_is_one_that_was_offered() {
    let table = |elements: &[&[u8]]| {
        let mut opaque = vec![u8::try_from(elements.len()).unwrap(), 0, 0, 0];
        for data in elements {
            opaque.extend([0, 0, u8::try_from(data.len()).unwrap(), 0]);
            opaque.extend(*data);
            while opaque.len() % 4 != 0 {
                opaque.push(0);
            }
        }
        opaque
    };
    let offered = "KEY_EXCHANGE_RSP: SelectedVersion differs from every version that was offered";
    let cases = [
        (table(&[&[1, 0, 0, 0x14]]), Some(offered)),
        (table(&[&[1, 0, 0, 0x0F]]), Some(offered)),
        (
            table(&[&[1, 0, 0, 0x12], &[1, 0, 0, 0x11]]),
            Some("KEY_EXCHANGE_RSP: SelectedVersion may not come here"),
        ),
        (
            table(&[&[1, 1, 1, 0, 0x12]]),
            Some("KEY_EXCHANGE_RSP: SecuredMessageVersion may not come here"),
        ),
        (
            Vec::new(),
            Some(
                "KEY_EXCHANGE_RSP: OpaqueData is 0x0, but a selected version of secured messages is expected",
            ),
        ),
        // Not of DSP0277, so nothing is selected.
        (table(&[&[2, 0, 0, 0x12]]), None),
        (table(&[&[1, 0, 0, 0x12, 0]]), None),
        (table(&[&[1, 0, 0, 0x12], &[1, 2, 65]]), None),
        (
            table(&[&[1, 0, 0, 0x13], &[1, 2, 9], &[1, 2, 9]]),
            Some("KEY_EXCHANGE_RSP: AEADLimitExponent may not come here"),
        ),
    ];
    for (opaque, sentence) in cases {
        let mut peer = Peer::new(V1_2);
        peer.opaque = Some(opaque.clone());
        let (error, left, requests) = refused(peer, NOTHING);
        if let Some(sentence) = sentence {
            assert_eq!(error.to_string(), sentence);
        }
        assert_eq!((left, requests.len()), (Left::Nothing, 1), "{opaque:?}");
    }
}

#[test]
fn s27_an_hmac_with_the_wrong_salt_or_key_is_refused() {
    let change = |answer: &mut Vec<u8>| *answer.last_mut().unwrap() ^= 1;
    for version in [V1_2, SpdmVersion::V1_3] {
        let peer = Peer::new(version).change(Code::PSK_EXCHANGE, Place::Answer, change);
        let (error, left, requests) = refused_psk(peer);
        assert_eq!(error, SessionFault::VerifyData { message: "PSK_EXCHANGE_RSP" }.into());
        assert_eq!((left, requests), (Left::Nothing, vec![Code::PSK_EXCHANGE]));
    }
    // Another key.
    let mut peer = Peer::new(V1_2);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let clock = peer.clock.clone();
    let psk = PskBytes(b"another key");
    let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    let fault = SessionFault::VerifyData { message: "PSK_EXCHANGE_RSP" };
    assert_eq!(failure.error, RunError::Requester(fault.into()));
}

#[test]
fn s40_finish_rsp_has_its_hmac_in_the_clear_alone() {
    let wrong = |answer: &mut Vec<u8>| *answer.last_mut().unwrap() ^= 1;
    let peer = Peer::new(V1_2).change(Code::FINISH, Place::Answer, wrong);
    let (error, ..) = refused(peer, IN_THE_CLEAR);
    assert_eq!(error, SessionFault::VerifyData { message: "FINISH_RSP" }.into());
    let absent = |answer: &mut Vec<u8>| answer.truncate(answer.len() - 32);
    let peer = Peer::new(V1_2).change(Code::FINISH, Place::Answer, absent);
    let (error, ..) = refused(peer, IN_THE_CLEAR);
    assert!(matches!(error, Error::Decode(error) if error.field == "ResponderVerifyData"));
    let more = |answer: &mut Vec<u8>| answer.extend([0; 32]);
    let peer = Peer::new(V1_2).change(Code::FINISH, Place::Answer, more);
    let (error, left, _) = refused(peer, NOTHING);
    assert!(matches!(error, Error::Decode(error) if error.field == "end of message"));
    assert_eq!(left, Left::Connection);
}

#[test]
fn s41_a_refused_finish_ends_the_session() {
    for code in [ErrorCode::DECRYPT_ERROR, ErrorCode::INVALID_REQUEST, ErrorCode::UNSPECIFIED] {
        let mut peer = Peer::new(V1_2);
        peer.errors = vec![(Code::FINISH, code)];
        let (error, left, requests) = refused(peer, NOTHING);
        assert!(matches!(error, Error::Refused(refusal) if refusal.code == code));
        assert_eq!(left, Left::Connection);
        assert_eq!(requests, [Code::KEY_EXCHANGE, Code::FINISH]);
    }
}

/// How a heartbeat fails in a session with this change of it, and what is left; then nothing is sent in that session.
fn heartbeat_fails(
    binding: RecordBinding,
    place: Place,
    change: impl Fn(&mut Vec<u8>) + 'static,
) -> (Error, Left) {
    let mut peer = Peer::new(V1_2).change(Code::HEARTBEAT, place, change);
    peer.binding = binding;
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, other) = open(requester, &mut peer);
    let (requester, opened) = open(requester, &mut peer);
    let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    let left = left(&recovered);
    if let Recovered::SessionLost(requester) = recovered {
        let sent = peer.requests.len();
        let (recovered, dead) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
        assert_eq!(dead, SessionFault::Over.into());
        assert_eq!(peer.requests.len(), sent);
        // S94: another session lives.
        peer.change = None;
        let Recovered::SessionLost(requester) = recovered else { panic!() };
        heartbeat(requester, &mut peer, other.session).unwrap();
    }
    (error, left)
}

#[test]
fn s60_a_record_with_a_changed_byte_ends_its_session() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp] {
        let mut len = 64;
        let mut at = 0;
        while at < len {
            let change = move |record: &mut Vec<u8>| {
                if let Some(byte) = record.get_mut(at) {
                    *byte ^= 0x40;
                }
            };
            let header = 4 + binding.sequence_len() + 2;
            len = header + 2 + binding.prefix_len() + 4 + 16;
            let (error, left) = heartbeat_fails(binding, Place::Wire, change);
            match error {
                // Not this session's: it is as before.
                Error::Session(SessionFault::OtherSession { .. }) => {
                    assert!(at < 4, "{at}");
                    assert_eq!(left, Left::All);
                }
                Error::Session(
                    SessionFault::Tag | SessionFault::Sequence | SessionFault::Record(_),
                ) => assert_eq!(left, Left::Connection),
                other => panic!("{at}: {other:?}"),
            }
            at += 1;
        }
    }
}

#[test]
fn s61_a_record_that_was_played_before_ends_its_session() {
    let mut peer = Peer::new(V1_2);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, opened) = open(requester, &mut peer);
    let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
    let first = peer.sent.last().unwrap().clone();
    let mut peer =
        peer.change(Code::HEARTBEAT, Place::Wire, move |record| record.clone_from(&first));
    let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    assert_eq!(error, SessionFault::Tag.into());
    assert_eq!(left(&recovered), Left::Connection);
}

#[test]
fn s63_a_record_of_a_wrong_length_ends_its_session() {
    let changes: [fn(&mut Vec<u8>); 5] = [
        |record| record.clear(),
        |record| record.truncate(21),
        |record| record[4..6].copy_from_slice(&[15, 0]),
        |record| record[4..6].copy_from_slice(&[0, 0]),
        |record| record[4..6].copy_from_slice(&[0xFF, 0xFF]),
    ];
    for change in changes {
        let (error, left) = heartbeat_fails(RecordBinding::PciDoe, Place::Wire, change);
        assert!(matches!(error, Error::Session(SessionFault::Record(_))), "{error:?}");
        assert_eq!(left, Left::Connection);
    }
}

#[test]
fn s67_an_answer_in_the_clear_is_not_taken_and_does_not_end_the_session() {
    for code in [
        None,
        Some(ErrorCode::DECRYPT_ERROR),
        Some(ErrorCode::REQUEST_RESYNCH),
        Some(ErrorCode::BUSY),
    ] {
        let mut peer = Peer::new(V1_2);
        peer.plain_answer = Some(Code::HEARTBEAT);
        peer.errors.extend(code.map(|code| (Code::HEARTBEAT, code)));
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, NOTHING);
        let (requester, opened) = open(requester, &mut peer);
        let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
        assert_eq!(error, SessionFault::PlainMessage.into());
        assert_eq!(left(&recovered), Left::All);
        // The answer may still come: nothing else is asked in that session.
        let Recovered::Kept(requester) = recovered else { panic!() };
        let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
        assert_eq!(error, SessionFault::Unanswered.into());
        let Recovered::Kept(requester) = recovered else { panic!() };
        let clock = peer.clock.clone();
        let flow = requester.close_session(opened.session);
        let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
        assert_eq!(peer.codes().last(), Some(&Code::END_SESSION));
        let (_, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
        assert_eq!(error, SessionFault::Over.into());
    }
}

#[test]
fn s70_a_message_in_a_record_has_no_padding() {
    let change = |answer: &mut Vec<u8>| answer.push(0);
    let (error, left) = heartbeat_fails(RecordBinding::PciDoe, Place::Answer, change);
    assert!(matches!(error, Error::Decode(error) if error.field == "end of message"));
    assert_eq!(left, Left::Connection);
}

#[test]
fn s71_padding_behind_a_record_is_that_of_the_transport() {
    let mut peer = Peer::new(V1_2);
    peer = peer.change(Code::HEARTBEAT, Place::Wire, |record| record.extend([0; 3]));
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, opened) = open(requester, &mut peer);
    heartbeat(requester, &mut peer, opened.session).unwrap();
    let change = |record: &mut Vec<u8>| record.extend([0; 4]);
    let (error, left) = heartbeat_fails(RecordBinding::PciDoe, Place::Wire, change);
    assert!(matches!(error, Error::Session(SessionFault::Record(_))));
    assert_eq!(left, Left::Connection);
}

#[test]
fn s82_an_acknowledgement_under_the_old_key_or_of_something_else_ends_the_session() {
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        for at in [2, 3] {
            let change = move |answer: &mut Vec<u8>| answer[at] ^= 3;
            let mut peer = Peer::new(V1_2).change(Code::KEY_UPDATE, Place::Answer, change);
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, opened) = open(requester, &mut peer);
            let clock = peer.clock.clone();
            let flow = requester.update_keys(opened.session, keys);
            let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
            assert!(matches!(
                failure.error,
                RunError::Requester(Error::Misbehaved(_) | Error::Decode(_))
            ));
            assert_eq!(left(&failure.requester), Left::Connection);
        }
    }
}

#[test]
fn s84_an_error_under_the_new_key_or_no_confirmation_ends_the_session() {
    // An acknowledgement of UpdateAllKeys, which comes under the new key, that says Busy.
    let change = |answer: &mut Vec<u8>| *answer = vec![0x12, Code::ERROR.0, ErrorCode::BUSY.0, 0];
    let mut peer = Peer::new(V1_2).change(Code::KEY_UPDATE, Place::Answer, change);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, opened) = open(requester, &mut peer);
    let clock = peer.clock.clone();
    let flow = requester.update_keys(opened.session, UpdatedKeys::Both);
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(failure.error, RunError::Requester(SessionFault::Key.into()));
    assert_eq!(left(&failure.requester), Left::Connection);

    let mut peer = Peer::new(V1_2);
    peer.silent = Some(Code::KEY_UPDATE);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, opened) = open(requester, &mut peer);
    let clock = peer.clock.clone();
    let flow = requester.update_keys(opened.session, UpdatedKeys::Both);
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(failure.error, RunError::Requester(Error::Timeout { request: Code::KEY_UPDATE }));
    assert_eq!(left(&failure.requester), Left::Connection);
}

#[test]
fn s92_a_session_is_over_whatever_answers_its_end() {
    let changes: [fn(&mut Vec<u8>); 3] = [
        |answer| answer[1] = Code::HEARTBEAT_ACK.0,
        |answer| *answer = vec![0x12, Code::ERROR.0, ErrorCode::UNSPECIFIED.0, 0],
        |answer| answer.push(0),
    ];
    for change in changes {
        let mut peer = Peer::new(V1_2).change(Code::END_SESSION, Place::Answer, change);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, NOTHING);
        let (requester, opened) = open(requester, &mut peer);
        let clock = peer.clock.clone();
        let flow = requester.close_session(opened.session);
        let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
        assert_eq!(left(&failure.requester), Left::Connection);
        let Recovered::SessionLost(requester) = failure.requester else { panic!() };
        let (_, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
        assert_eq!(error, SessionFault::Over.into());
    }
}

#[test]
fn s94_a_decrypt_error_ends_its_session_alone() {
    let change = |answer: &mut Vec<u8>| {
        *answer = vec![0x12, Code::ERROR.0, ErrorCode::DECRYPT_ERROR.0, 0];
    };
    let (error, left) = heartbeat_fails(RecordBinding::Mctp, Place::Answer, change);
    assert!(matches!(error, Error::Refused(refusal) if refusal.code == ErrorCode::DECRYPT_ERROR));
    assert_eq!(left, Left::Connection);
}

#[test]
fn a_session_without_memory_transport_or_offer_is_refused_before_anything_is_sent() {
    use spdm_crypto::Bank;
    use spdm_crypto::rustcrypto::{PROVIDER, Running};
    use spdm_requester::{Connection, Misuse, Offer, Requester, Sessions, Storage};
    use spdm_transport::{Limits, Transport as _};

    let mut peer = Peer::new(V1_2);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    let mut other = offer.with_psk();
    other.capabilities.remove(CapabilityFlags::KEY_EX_CAP);
    let cases: [(Offer, Limits, usize, Error); 3] = [
        (other, peer.limits(), 1, Error::Misuse(Misuse::NotOffered("KEY_EX_CAP"))),
        (offer, Limits::new(0x1000, 0x1000), 1, SessionFault::Transport.into()),
        (offer, peer.limits(), 0, SessionFault::NoRoom.into()),
    ];
    for (offer, limits, count, expected) in cases {
        let mut message = [0; 0x1000];
        let mut hashes = Bank::<Running, 4>::new();
        let mut connection = Connection::new(0);
        let (mut none, mut one) = (Sessions::<0>::new(), Sessions::<1>::new());
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let storage = match count {
            0 => storage.with_sessions(&mut none),
            _ => storage.with_sessions(&mut one),
        };
        let requester = Requester::new(PROVIDER, storage, limits).with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), &mut peer, &clock).unwrap();
        let sent = peer.requests.len();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
        assert_eq!(failure.error, RunError::Requester(expected));
        assert_eq!(peer.requests.len(), sent);
    }
}
