//! P23, P25: what a device asks besides who the requester is, and how it ends a session.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, CertificateModel, Code, ConnectionKeys, ErrorCode, KeyUsage,
    MeasurementSummary, MutAuthRequested, SlotId, SlotKey, SpdmVersion,
};
use spdm_requester::{Error, LocalIdentity, RunError, Served, SessionFate, SessionFault, blocking};

use crate::mutual_authentication::peer;
use crate::session_peer::{GET_DIGESTS, Host, Lent, Peer};
use crate::sessions::{heartbeat, key, open};
use crate::sim::{V1_3, since};

type F = CapabilityFlags;
const NONE: MutAuthRequested = MutAuthRequested::No;
const WITH: MutAuthRequested = MutAuthRequested::WithEncapsulation;
/// One identifier of DMTF's.
const INFO: &[u8] = &[1, 0, 0, 0, 7, 0, 0, 1, 3, 0x12, 0x34, 0x56];
const END_SESSION: [u8; 3] = [0xEC, 0, 0];

/// GET_ENDPOINT_INFO with a nonce.
fn signed(slot: u8) -> Vec<u8> {
    [&[0x87, 1, slot, 1, 0, 0, 0][..], &[6; 32]].concat()
}

fn unsigned() -> Vec<u8> {
    vec![0x87, 1, 0, 0, 0, 0, 0]
}

fn error(code: ErrorCode) -> (Code, u8) {
    (Code::ERROR, code.0)
}

const ANSWERED: (Code, u8) = (Code::ENDPOINT_INFO, 0);

/// What these requests are answered with where the requester asks in the clear, or in a session.
fn polled(
    device: &mut Peer,
    lent: &mut Lent,
    more: F,
    identity: Option<&LocalIdentity<'_>>,
    session: bool,
) -> Served {
    let mut requester = lent.identified(device, more, identity);
    let clock = device.clock.clone();
    if session {
        let (opened_in, opened) = open(requester, device);
        requester = opened_in.in_session(opened.session);
    }
    blocking::run(requester.serve_device(), device, &clock).unwrap().1
}

fn asked(version: SpdmVersion, script: &[Vec<u8>]) -> Peer {
    let mut device = peer(version, NONE);
    device.asking.script.extend(script.iter().cloned());
    device
}

#[test]
fn the_requester_says_what_it_is_and_signs_it() {
    let host = Host::new();
    for version in since(V1_3) {
        for (identity, slot) in [(host.with_chain(2), 2), (host.with_public_key(), 0x0F)] {
            let identity = identity.with_endpoint_info(INFO);
            for session in [false, true] {
                // The device checks the signature.
                let mut device = asked(version, &[signed(slot), unsigned(), signed(slot)]);
                let served =
                    polled(&mut device, &mut Lent::new(), F::empty(), Some(&identity), session);
                assert_eq!((served.requests, served.refused), (3, 0));
                assert_eq!(device.asking.answered(), [ANSWERED; 3]);
                let answers = &device.asking.answers;
                let head = [version.to_byte(), 0x07, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0];
                assert_eq!(answers[1], [&head[..], INFO].concat());
                assert_eq!((answers[0][3], &answers[0][44..56]), (slot, INFO));
                // A nonce of its own each time.
                assert_ne!(answers[0][8..40], answers[2][8..40]);
            }
        }
    }
}

#[test]
fn p23_encapsulated_endpoint_info_that_cannot_be_signed() {
    let host = Host::new();
    let identity = host.with_chain(0).with_endpoint_info(INFO);
    let invalid = error(ErrorCode::INVALID_REQUEST);
    let unsupported = error(ErrorCode::UNSUPPORTED_REQUEST);
    for version in since(V1_3) {
        // EP_INFO_CAP 1 has no signatures.
        let mut device = asked(version, &[signed(0), unsigned()]);
        let mut lent = Lent::new();
        lent.without = F::EP_INFO_CAP_SIG;
        polled(&mut device, &mut lent, F::EP_INFO_CAP_NO_SIG, Some(&identity), false);
        assert_eq!(device.asking.answered(), [unsupported, ANSWERED]);
        // There is nothing to say.
        let silent = host.with_chain(0);
        let mut device = asked(version, &[signed(0), unsigned()]);
        polled(&mut device, &mut Lent::new(), F::EP_INFO_CAP_SIG, Some(&silent), true);
        assert_eq!(device.asking.answered(), [unsupported; 2]);
        assert_eq!(device.asking.answers[0][3], Code::GET_ENDPOINT_INFO.0);
        // Who says nothing of it is not asked.
        let mut device = asked(version, &[unsigned()]);
        let mut lent = Lent::new();
        lent.without = F::EP_INFO_CAP_SIG;
        polled(&mut device, &mut lent, F::empty(), Some(&identity), false);
        assert_eq!(device.asking.answered(), [unsupported]);
        // An empty slot, no raw key, no slot, another SubCode, and what is cut off.
        let mut other = signed(0);
        other[1] = 2;
        let bad =
            [signed(3), signed(0x0F), signed(9), other, signed(0)[..38].to_vec(), vec![0x87, 1, 0]];
        let mut device = asked(version, &bad);
        polled(&mut device, &mut Lent::new(), F::empty(), Some(&identity), false);
        assert_eq!(device.asking.answered(), [invalid; 6]);
        // While a session is being opened.
        let mut device = peer(version, WITH);
        device.asking.script.extend([signed(0), unsigned()]);
        let mut lent = Lent::new();
        open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
        assert_eq!(device.asking.answered(), [invalid; 2]);
        // A key that is for something else.
        for (usage, answer) in
            [(KeyUsage::KEY_EX | KeyUsage::CHALLENGE, invalid), (KeyUsage::ENDPOINT_INFO, ANSWERED)]
        {
            let said = SlotKey { key_pair_id: 1, model: CertificateModel::DeviceCert, usage };
            let several = identity.and_key(SlotId::ZERO, said);
            let mut device = asked(version, &[signed(0)]);
            device.host_keys = ConnectionKeys::Multi;
            polled(&mut device, &mut Lent::new(), F::empty(), Some(&several), false);
            assert_eq!(device.asking.answered(), [answer]);
        }
    }
    // Where CHALLENGE is answered nothing else is signed.
    let mut device = asked(V1_3, &[signed(0)]);
    device.flags |= F::CHAL_CAP;
    device.basic_mut_auth = BasicMutAuth::Requested;
    let mut lent = Lent::new();
    let requester = lent.identified(&mut device, F::empty(), Some(&identity));
    let (spki, clock) = (device.spki(), device.clock.clone());
    let nonce = requester.nonce().unwrap();
    let flow = requester.challenge(key(&spki), MeasurementSummary::None, nonce);
    blocking::run(flow, &mut device, &clock).unwrap();
    assert_eq!(device.asking.answered(), [error(ErrorCode::UNEXPECTED_REQUEST)]);
    // 1.2 does not know it.
    let mut device = asked(SpdmVersion::V1_2, &[unsigned()]);
    polled(&mut device, &mut Lent::new(), F::empty(), Some(&identity), false);
    assert_eq!(device.asking.answered(), [unsupported]);
}

#[test]
fn p25_a_requester_has_no_events_to_subscribe_to() {
    let host = Host::new();
    let identity = host.with_chain(0);
    let subscribe = vec![0xF0, 0, 0];
    let script = [vec![0xE2, 0, 0], subscribe];
    for version in since(V1_3) {
        for session in [false, true] {
            let mut device = asked(version, &script);
            polled(&mut device, &mut Lent::new(), F::empty(), Some(&identity), session);
            let refused = |code: u8| vec![version.to_byte(), 0x7F, 0x07, code];
            assert_eq!(device.asking.answers, [refused(0xE2), refused(0xF0)]);
        }
        let mut device = peer(version, WITH);
        device.asking.script.extend(script.clone());
        let mut lent = Lent::new();
        open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
        assert_eq!(device.asking.answered(), [error(ErrorCode::UNEXPECTED_REQUEST); 2]);
    }
}

#[test]
fn a_device_ends_the_session() {
    let mut device = asked(SpdmVersion::V1_4, &[END_SESSION.to_vec(), GET_DIGESTS.to_vec()]);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
    let clock = device.clock.clone();
    let (requester, opened) = open(requester, &mut device);
    let flow = requester.in_session(opened.session).serve_device();
    let (requester, served) = blocking::run(flow, &mut device, &clock).unwrap();
    assert_eq!(served.session, SessionFate::Ended);
    // Nothing follows it.
    let answers = [(Code::END_SESSION_ACK, 0), error(ErrorCode::UNEXPECTED_REQUEST)];
    assert_eq!(device.asking.answered(), answers);
    let failure =
        blocking::run(requester.heartbeat(opened.session), &mut device, &clock).unwrap_err();
    let over = Error::Session(SessionFault::Over);
    assert!(matches!(failure.error, RunError::Requester(error) if error == over));
    assert_eq!(lent.session_ids(), [0, 0]);
}

#[test]
fn a_session_is_not_ended_where_that_is_not_known_or_is_not_of_it() {
    for version in since(SpdmVersion::V1_2) {
        // In the clear there is no session to end.
        let mut device = asked(version, &[END_SESSION.to_vec()]);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut device, F::ENCAP_CAP);
        let clock = device.clock.clone();
        let (requester, opened) = open(requester, &mut device);
        let (requester, served) =
            blocking::run(requester.serve_device(), &mut device, &clock).unwrap();
        assert_eq!(served.session, SessionFate::GoesOn);
        let code = match version {
            SpdmVersion::V1_4 => ErrorCode::SESSION_REQUIRED,
            _ => ErrorCode::UNEXPECTED_REQUEST,
        };
        assert_eq!(device.asking.answered(), [error(code)]);
        let requester = heartbeat(requester, &mut device, opened.session).unwrap();
        // One that is none, and before 1.4 any.
        let longer = usize::from(version == SpdmVersion::V1_4);
        device.asking.script.push_back([&END_SESSION[..], &[0][..longer]].concat());
        let flow = requester.in_session(opened.session).serve_device();
        match blocking::run(flow, &mut device, &clock) {
            Ok((requester, served)) => {
                assert_eq!((served.refused, served.session), (1, SessionFate::GoesOn));
                heartbeat(requester, &mut device, opened.session).unwrap();
            }
            Err(failure) => panic!("{version} {:?}", failure.error),
        }
    }
}
