//! A device that authenticates the requester, and lies. The numbers are those of the list of negative tests for sessions.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, Code, ErrorCode, KeySlot, MeasurementSummary, MutAuthRequested,
    SlotId, SpdmVersion,
};
use spdm_requester::{
    AuthenticationFault, Bound, Error, LocalIdentity, Recovered, RunError, Served, SessionFault,
    SessionPlan, blocking,
};

use crate::mutual_authentication::{MUTUAL, peer, read_chain};
use crate::session_peer::{
    GET_DIGESTS, Host, Lent, Peer, Place, Sealing, challenge, get_certificate,
};
use crate::sessions::{heartbeat, key, open};
use crate::sim::since;

type F = CapabilityFlags;
const V1_2: SpdmVersion = SpdmVersion::V1_2;
const NONE: MutAuthRequested = MutAuthRequested::No;
const WITH: MutAuthRequested = MutAuthRequested::WithEncapsulation;
const WITHOUT: MutAuthRequested = MutAuthRequested::WithoutEncapsulation;
const IMPLICIT: MutAuthRequested = MutAuthRequested::WithGetDigests;

/// How opening a session fails; no keys are left.
fn refused(peer: &mut Peer, more: F, identity: Option<&LocalIdentity<'_>>) -> Error {
    let mut lent = Lent::new();
    let requester = lent.identified(peer, more, identity);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, peer, &clock).unwrap_err();
    let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
    assert_eq!(lent.session_ids(), [0, 0]);
    error
}

/// What a poll in the clear, or in a session, is answered with.
fn polled(peer: &mut Peer, identity: &LocalIdentity<'_>, session: bool) -> Result<Served, Error> {
    let mut lent = Lent::new();
    let mut requester = lent.identified(peer, F::empty(), Some(identity));
    let clock = peer.clock.clone();
    if session {
        let (opened_in, opened) = open(requester, peer);
        requester = opened_in.in_session(opened.session);
    }
    match blocking::run(requester.serve_device(), peer, &clock) {
        Ok((_, served)) => Ok(served),
        Err(failure) => {
            let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
            Err(error)
        }
    }
}

/// CHALLENGE, with basic mutual authentication.
fn challenged(peer: &mut Peer, more: F, identity: Option<&LocalIdentity<'_>>) -> Result<(), Error> {
    peer.flags |= F::CHAL_CAP;
    peer.basic_mut_auth = BasicMutAuth::Requested;
    let mut lent = Lent::new();
    let requester = lent.identified(peer, more, identity);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let nonce = requester.nonce().unwrap();
    let flow = requester.challenge(key(&spki), MeasurementSummary::None, nonce);
    match blocking::run(flow, peer, &clock) {
        Ok(_) => Ok(()),
        Err(failure) => {
            let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
            Err(error)
        }
    }
}

fn error(code: ErrorCode) -> (Code, u8) {
    (Code::ERROR, code.0)
}

#[test]
fn s11_mutual_authentication_takes_the_capabilities_of_both_sides() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for mut_auth in [WITHOUT, WITH, IMPLICIT] {
        // The device has no MUT_AUTH_CAP.
        let mut device = peer(V1_2, mut_auth);
        device.flags.remove(F::MUT_AUTH_CAP);
        let fault = refused(&mut device, F::empty(), Some(&identity));
        assert_eq!(fault.to_string(), "KEY_EXCHANGE_RSP: MutAuthRequested may not come here");
        assert_eq!(device.codes(), [Code::KEY_EXCHANGE]);
    }
    for mut_auth in [WITH, IMPLICIT] {
        for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
            let mut device = peer(version, mut_auth);
            device.flags.remove(F::ENCAP_CAP);
            let fault = refused(&mut device, F::empty(), Some(&identity));
            assert_eq!(fault.to_string(), "KEY_EXCHANGE_RSP: MutAuthRequested may not come here");
        }
        // A raw key is not asked for.
        for version in since(SpdmVersion::V1_1) {
            let mut device = peer(version, mut_auth);
            let fault = refused(&mut device, F::empty(), Some(&host.with_public_key()));
            assert_eq!(fault.to_string(), "KEY_EXCHANGE_RSP: MutAuthRequested may not come here");
        }
    }
    // In 1.2 MUT_AUTH_CAP alone says that a device knows encapsulated requests.
    let mut device = peer(V1_2, WITH);
    device.flags.remove(F::ENCAP_CAP);
    read_chain(&mut device, true);
    let mut lent = Lent::new();
    let requester = lent.identified(&mut device, F::empty(), Some(&identity));
    open(requester, &mut device);
    // The reserved values, also with every capability.
    for value in [3, 5, 6, 7] {
        let mut device =
            peer(V1_2, NONE).change(Code::KEY_EXCHANGE, Place::BeforeProofs, move |answer| {
                answer[6] = value;
            });
        let fault = refused(&mut device, F::empty(), Some(&identity));
        assert!(matches!(fault, Error::Decode(error) if error.field == "MutAuthRequested"));
    }
}

#[test]
fn s11_a_requester_without_an_identity_says_so() {
    let signs = F::CHAL_CAP | F::CERT_CAP | MUTUAL;
    for mut_auth in [WITHOUT, WITH, IMPLICIT] {
        let mut device = peer(V1_2, mut_auth);
        let fault = refused(&mut device, signs, None);
        assert_eq!(fault, Error::Authentication(AuthenticationFault::NoIdentity));
        assert_eq!(device.codes(), [Code::KEY_EXCHANGE]);
    }
    let mut device = peer(V1_2, NONE);
    let fault = challenged(&mut device, signs, None).unwrap_err();
    assert_eq!(fault, Error::Authentication(AuthenticationFault::NoIdentity));
}

#[test]
fn s12_the_slot_that_is_named_is_one_of_ours() {
    let host = Host::new();
    for slot in 8..=14 {
        let mut device =
            peer(V1_2, WITHOUT).change(Code::KEY_EXCHANGE, Place::BeforeProofs, move |answer| {
                answer[7] = slot;
            });
        let fault = refused(&mut device, F::empty(), Some(&host.with_chain(0)));
        assert!(matches!(fault, Error::Decode(error) if error.field == "SlotIDParam"));
    }
    let two = SlotId::new(2).unwrap();
    for (slot, identity, sentence) in [
        (
            KeySlot::PublicKey,
            host.with_chain(0),
            "KEY_EXCHANGE_RSP: SlotIDParam is 0xf, but a slot, for there is no raw key is expected",
        ),
        (
            KeySlot::Slot(two),
            host.with_public_key(),
            "KEY_EXCHANGE_RSP: SlotIDParam is 0x2, but 0xf, for the key has no slot is expected",
        ),
        (
            KeySlot::Slot(two),
            host.with_chain(0),
            "the device wants the host's chain in slot 2, which is empty",
        ),
    ] {
        let mut device = peer(V1_2, WITHOUT);
        device.req_slot = slot;
        let fault = refused(&mut device, F::empty(), Some(&identity));
        assert_eq!(fault.to_string(), sentence);
        assert_eq!(device.codes(), [Code::KEY_EXCHANGE]);
    }
    // Where encapsulated requests follow, it says nothing.
    let mut device = peer(V1_2, WITH).change(Code::KEY_EXCHANGE, Place::BeforeProofs, |answer| {
        answer[7] = 9;
    });
    read_chain(&mut device, true);
    let identity = host.with_chain(0);
    let mut lent = Lent::new();
    open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
    assert_eq!(device.signed_by, Some(KeySlot::Slot(SlotId::ZERO)));
}

#[test]
fn s44_nothing_is_signed_outside_of_basic_mutual_authentication() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for version in since(SpdmVersion::V1_1) {
        for session in [false, true] {
            let mut device = peer(version, NONE);
            device.asking.script.extend([GET_DIGESTS.to_vec(), challenge(version, 0)]);
            let served = polled(&mut device, &identity, session).unwrap();
            assert_eq!((served.requests, served.refused), (2, 1));
            let unexpected = error(ErrorCode::UNEXPECTED_REQUEST);
            assert_eq!(device.asking.answered(), [(Code::DIGESTS, 0), unexpected], "{version}");
        }
        let mut device = peer(version, WITH);
        read_chain(&mut device, true);
        device.asking.script.push_back(challenge(version, 0));
        let mut lent = Lent::new();
        open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
        let unexpected = error(ErrorCode::UNEXPECTED_REQUEST);
        assert_eq!(device.asking.answered().last(), Some(&unexpected));
        // One proof for each wish.
        let mut device = peer(version, NONE);
        device.asking.script.extend([challenge(version, 0), challenge(version, 0)]);
        challenged(&mut device, F::empty(), Some(&identity)).unwrap();
        assert_eq!(device.asking.answered(), [(Code::CHALLENGE_AUTH, 0), unexpected]);
    }
}

#[test]
fn s44_basic_mutual_authentication_takes_the_capabilities_of_both_sides() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for (version, missing) in [(V1_2, F::MUT_AUTH_CAP), (SpdmVersion::V1_3, F::ENCAP_CAP)] {
        let mut device = peer(version, NONE);
        device.flags.remove(missing);
        let fault = challenged(&mut device, F::empty(), Some(&identity)).unwrap_err();
        assert_eq!(fault.to_string(), "CHALLENGE_AUTH: BasicMutAuthReq may not come here");
        assert_eq!(device.codes(), [Code::CHALLENGE]);
    }
}

#[test]
fn s45_a_challenge_that_is_none_is_answered_with_error() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let version = SpdmVersion::V1_3;
    let good = challenge(version, 0);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (asked, name) in [
        (changed(2, 1), "summary of the TCB"),
        (changed(2, 0xFF), "summary of all"),
        (changed(1, 8), "slot 8"),
        (changed(1, 3), "empty slot"),
        (changed(1, 0xFF), "no raw key"),
        (good[..20].to_vec(), "short"),
        (good[..good.len() - 8].to_vec(), "no context"),
    ] {
        let mut device = peer(version, NONE);
        device.asking.script.push_back(asked);
        challenged(&mut device, F::empty(), Some(&identity)).unwrap();
        assert_eq!(device.asking.answered(), [error(ErrorCode::INVALID_REQUEST)], "{name}");
    }
    // A raw key is in no slot.
    let mut device = peer(version, NONE);
    device.asking.script.extend([challenge(version, 0), GET_DIGESTS.to_vec()]);
    challenged(&mut device, F::empty(), Some(&host.with_public_key())).unwrap();
    let refusals = [ErrorCode::INVALID_REQUEST, ErrorCode::UNSUPPORTED_REQUEST].map(error);
    assert_eq!(device.asking.answered(), refusals);
}

#[test]
fn s45_a_request_for_certificates_that_is_none_is_answered_with_error() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let len = u16::try_from(host.structure().len()).unwrap();
    for (asked, name) in [
        (get_certificate(1, 0, 100), "empty slot"),
        (get_certificate(8, 0, 100), "slot 8"),
        (get_certificate(0, len, 100), "behind the end"),
        (get_certificate(0, u16::MAX, u16::MAX), "far behind the end"),
        (get_certificate(0, 0, 0), "nothing"),
        (vec![0x82, 0, 1, 0, 0, 100, 0], "size of the slot"),
        (vec![0x82, 0, 0, 0], "short"),
    ] {
        let mut device = peer(SpdmVersion::V1_3, NONE);
        device.asking.script.push_back(asked);
        polled(&mut device, &identity, false).unwrap();
        assert_eq!(device.asking.answered(), [error(ErrorCode::INVALID_REQUEST)], "{name}");
    }
}

#[test]
fn s50_a_request_without_a_header_ends_the_flow() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for len in 0..3 {
        let mut device = peer(V1_2, NONE);
        device.asking.script.push_back(GET_DIGESTS[..len].to_vec());
        let fault = polled(&mut device, &identity, true).unwrap_err();
        assert!(matches!(fault, Error::Decode(_)), "{fault:?}");
        assert!(device.asking.answers.is_empty());
    }
    let mut device = peer(V1_2, NONE);
    device.asking.script.push_back(GET_DIGESTS.to_vec());
    let mut device =
        device.change(Code::GET_ENCAPSULATED_REQUEST, Place::Answer, |answer| answer.truncate(4));
    let fault = polled(&mut device, &identity, true).unwrap_err();
    assert!(matches!(fault, Error::Decode(_)), "{fault:?}");
}

#[test]
fn s51_what_may_not_be_encapsulated_is_refused_inside() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let codes = [
        Code::GET_ENCAPSULATED_REQUEST,
        Code::DELIVER_ENCAPSULATED_RESPONSE,
        Code::GET_VERSION,
        Code::GET_CAPABILITIES,
        Code::NEGOTIATE_ALGORITHMS,
        Code::GET_MEASUREMENTS,
        Code::KEY_EXCHANGE,
        Code::FINISH,
        Code::PSK_EXCHANGE,
        Code::HEARTBEAT,
        Code::CHUNK_SEND,
        Code::CHUNK_GET,
        Code::RESPOND_IF_READY,
        Code::VENDOR_DEFINED_REQUEST,
        Code::DIGESTS,
        Code::ERROR,
    ];
    let asks: Vec<Vec<u8>> = codes.iter().map(|code| vec![code.0, 0, 0, 0, 0]).collect();
    let refusals = vec![error(ErrorCode::UNEXPECTED_REQUEST); codes.len()];
    for session in [false, true] {
        let mut device = peer(V1_2, NONE);
        device.asking.script.extend(asks.clone());
        let served = polled(&mut device, &identity, session).unwrap();
        assert_eq!(usize::from(served.refused), codes.len());
        assert_eq!(device.asking.answered(), refusals);
    }
    let mut device = peer(V1_2, WITH);
    device.asking.script.extend(asks.clone());
    device.asking.script.extend([vec![0xE9, 1, 0], vec![0xE9, 3, 0]]);
    let mut lent = Lent::new();
    open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
    assert!(device.asking.answered().iter().all(|got| *got == refusals[0]));
    assert_eq!(device.asking.answers.len(), codes.len() + 2);
    let mut device = peer(V1_2, NONE);
    device.asking.script.extend(asks);
    challenged(&mut device, F::empty(), Some(&identity)).unwrap();
    assert_eq!(device.asking.answered(), refusals);
}

#[test]
fn s52_another_version_is_refused_inside_and_another_acknowledgement_ends_the_flow() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for version in [0x10, 0x11, 0x13, 0xFF] {
        let mut device = peer(V1_2, NONE);
        device.asking.version = Some(version);
        device.asking.script.push_back(GET_DIGESTS.to_vec());
        polled(&mut device, &identity, false).unwrap();
        assert_eq!(device.asking.answered(), [error(ErrorCode::VERSION_MISMATCH)]);
    }
    for at in [0, 1] {
        let mut device = peer(V1_2, NONE);
        device.asking.script.push_back(GET_DIGESTS.to_vec());
        let mut device =
            device.change(Code::DELIVER_ENCAPSULATED_RESPONSE, Place::Answer, move |answer| {
                answer[at] ^= 1
            });
        let fault = polled(&mut device, &identity, true).unwrap_err();
        assert!(matches!(fault, Error::Decode(_)), "{fault:?}");
    }
}

#[test]
fn s53_the_acknowledgement_is_of_what_was_delivered() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let mut device = peer(V1_2, NONE);
    device.asking.script.push_back(GET_DIGESTS.to_vec());
    device.asking.acknowledged = Some(9);
    let fault = polled(&mut device, &identity, false).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "ENCAPSULATED_RESPONSE_ACK: AckRequestID is 0x9, but 0x1 is expected"
    );
    for (last, field) in [
        ((3, vec![]), "PayloadType"),
        ((2, vec![]), "ReqSlotNumber"),
        ((2, vec![8]), "ReqSlotNumber"),
        ((2, vec![0xFF]), "ReqSlotNumber"),
    ] {
        for version in since(SpdmVersion::V1_1) {
            let mut device = peer(version, WITH);
            device.asking.script.push_back(GET_DIGESTS.to_vec());
            device.asking.last = last.clone();
            let fault = refused(&mut device, F::empty(), Some(&identity));
            assert!(fault.to_string().contains(field), "{version} {fault}");
            assert!(!device.codes().contains(&Code::FINISH));
        }
    }
    // At the end of a poll the slot says nothing.
    let mut device = peer(V1_2, NONE);
    device.asking.script.push_back(GET_DIGESTS.to_vec());
    device.asking.last = (2, vec![5]);
    polled(&mut device, &identity, false).unwrap();
    // A slot that has no chain cannot sign.
    let mut device = peer(V1_2, WITH);
    device.asking.script.push_back(GET_DIGESTS.to_vec());
    device.asking.last = (2, vec![5]);
    let fault = refused(&mut device, F::empty(), Some(&identity));
    let slot = SlotId::new(5).unwrap();
    assert_eq!(fault, Error::Authentication(AuthenticationFault::SlotEmpty { slot }));
}

#[test]
fn s54_a_device_that_asks_for_ever_comes_to_an_end() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for asked in [GET_DIGESTS.to_vec(), get_certificate(0, 0, 100), vec![0x84, 0, 0]] {
        let for_ever = |mut_auth| {
            let mut device = peer(V1_2, mut_auth);
            device.asking.script.push_back(asked.clone());
            device.asking.for_ever = true;
            device
        };
        let fault = refused(&mut for_ever(WITH), F::empty(), Some(&identity));
        assert!(matches!(fault, Error::Bound(Bound::EncapsulatedRequests(_))), "{fault:?}");
        let fault = polled(&mut for_ever(NONE), &identity, true).unwrap_err();
        assert!(matches!(fault, Error::Bound(Bound::EncapsulatedRequests(_))), "{fault:?}");
        let fault = challenged(&mut for_ever(NONE), F::empty(), Some(&identity)).unwrap_err();
        assert!(matches!(fault, Error::Bound(Bound::EncapsulatedRequests(_))), "{fault:?}");
    }
}

/// Whoever breaks off the authentication itself decides at FINISH.
#[test]
fn s54_a_flow_that_the_device_breaks_off_is_followed_by_finish() {
    let host = Host::new();
    let identity = host.with_chain(0);
    for request in [Code::GET_ENCAPSULATED_REQUEST, Code::DELIVER_ENCAPSULATED_RESPONSE] {
        let mut device = peer(V1_2, WITH);
        device.asking.script.push_back(GET_DIGESTS.to_vec());
        device.errors.push((request, ErrorCode::UNSPECIFIED));
        let mut lent = Lent::new();
        open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
        assert_eq!(device.signed_by, Some(KeySlot::Slot(SlotId::ZERO)));
        // Not where the session is over.
        let mut device = peer(V1_2, WITH);
        device.asking.script.push_back(GET_DIGESTS.to_vec());
        device.errors.push((request, ErrorCode::DECRYPT_ERROR));
        refused(&mut device, F::empty(), Some(&identity));
        assert_eq!(device.signed_by, None);
        // Basic mutual authentication has nothing behind it.
        let mut device = peer(V1_2, NONE);
        device.asking.script.push_back(GET_DIGESTS.to_vec());
        device.errors.push((request, ErrorCode::UNSPECIFIED));
        let fault = challenged(&mut device, F::empty(), Some(&identity)).unwrap_err();
        assert!(matches!(fault, Error::Refused(_)), "{fault:?}");
    }
}

#[test]
fn s86_a_device_may_replace_its_own_key_only_and_in_order() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let invalid = error(ErrorCode::INVALID_REQUEST);
    let ack = (Code::KEY_UPDATE_ACK, 0);
    for (asked, answers) in [
        (&[2][..], &[invalid][..]),
        (&[3], &[invalid]),
        (&[0], &[invalid]),
        (&[4], &[invalid]),
        (&[1, 1, 3], &[ack, invalid, ack]),
        (&[1, 2, 3], &[ack, invalid, ack]),
        (&[1, 3, 3], &[ack, ack, invalid]),
    ] {
        let mut device = peer(V1_2, NONE);
        device.asking.script.extend(asked.iter().map(|operation| vec![0xE9, *operation, 5]));
        polled(&mut device, &identity, true).unwrap();
        assert_eq!(device.asking.answered(), answers, "{asked:?}");
    }
    // Outside of a session there is no key.
    for version in since(SpdmVersion::V1_1) {
        let mut device = peer(version, NONE);
        device.asking.script.push_back(vec![0xE9, 1, 5]);
        polled(&mut device, &identity, false).unwrap();
        let code = match version {
            SpdmVersion::V1_1 => ErrorCode::UNSPECIFIED,
            _ => ErrorCode::SESSION_REQUIRED,
        };
        assert_eq!(device.asking.answered(), [error(code)]);
    }
    // Without the capability of both sides.
    let mut device = peer(V1_2, NONE);
    device.flags.remove(F::KEY_UPD_CAP);
    device.asking.script.push_back(vec![0xE9, 1, 5]);
    polled(&mut device, &identity, true).unwrap();
    assert_eq!(device.asking.answered(), [error(ErrorCode::UNSUPPORTED_REQUEST)]);
}

#[test]
fn s86_a_new_key_is_used_and_confirmed_or_the_session_is_over() {
    let host = Host::new();
    let identity = host.with_chain(0);
    // Not confirmed.
    let mut device = peer(V1_2, NONE);
    device.asking.script.push_back(vec![0xE9, 1, 5]);
    let fault = polled(&mut device, &identity, true).unwrap_err();
    assert!(fault.to_string().starts_with("ENCAPSULATED_RESPONSE_ACK: PayloadType is 0x0"));
    // Confirmed under the old one.
    let mut device = peer(V1_2, NONE);
    device.asking.script.extend([vec![0xE9, 1, 5], vec![0xE9, 3, 5]]);
    device.sealing = Some((Code::DELIVER_ENCAPSULATED_RESPONSE, Sealing::OldKey));
    let mut lent = Lent::new();
    let requester = lent.identified(&mut device, F::empty(), Some(&identity));
    let clock = device.clock.clone();
    let (requester, opened) = open(requester, &mut device);
    let flow = requester.in_session(opened.session).serve_device();
    let failure = blocking::run(flow, &mut device, &clock).unwrap_err();
    assert_eq!(failure.error, RunError::Requester(SessionFault::Key.into()));
    let Recovered::SessionLost(requester) = failure.requester else { panic!() };
    device.sealing = None;
    let (_, fault) = heartbeat(requester, &mut device, opened.session).unwrap_err();
    assert_eq!(fault, SessionFault::Over.into());
    // An ERROR under the old one changes nothing.
    let mut device = peer(V1_2, NONE);
    device.asking.script.push_back(vec![0xE9, 1, 5]);
    device.errors.push((Code::DELIVER_ENCAPSULATED_RESPONSE, ErrorCode::UNSPECIFIED));
    let mut lent = Lent::new();
    let requester = lent.identified(&mut device, F::empty(), Some(&identity));
    let (requester, opened) = open(requester, &mut device);
    let flow = requester.in_session(opened.session).serve_device();
    let failure = blocking::run(flow, &mut device, &clock).unwrap_err();
    assert!(matches!(failure.error, RunError::Requester(Error::Refused(_))));
    let Recovered::Kept(requester) = failure.requester else { panic!() };
    heartbeat(requester, &mut device, opened.session).unwrap();
}
