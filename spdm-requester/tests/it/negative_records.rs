//! Records under the wrong key, of the wrong kind or with numbers in the wrong order: each ends its session, and no other.
//! The numbers are those of the list of negative tests for sessions.

use spdm_codec::{CapabilityFlags, Code, RecordBinding, SpdmVersion};
use spdm_crypto::SequenceOrder;
use spdm_requester::{
    Error, Recovered, RunError, SessionFault, SessionPlan, UpdatedKeys, blocking,
};

use crate::session_peer::{Lent, Peer, Place, Sealing};
use crate::sessions::{heartbeat, key, open};

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const NOTHING: CapabilityFlags = CapabilityFlags::empty();

/// The error of a heartbeat, and whether it was one request; another session lives, and this one is dead.
fn heartbeat_ends_the_session(mut peer: Peer, sealing: Sealing) -> Error {
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, other) = open(requester, &mut peer);
    let (requester, opened) = open(requester, &mut peer);
    let before = peer.requests.len();
    peer.sealing = Some((Code::HEARTBEAT, sealing));
    let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    assert_eq!(peer.requests.len(), before + 1);
    peer.sealing = None;
    let Recovered::SessionLost(requester) = recovered else { panic!("{recovered:?}") };
    let (recovered, dead) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
    assert_eq!(dead, SessionFault::Over.into());
    assert_eq!(peer.requests.len(), before + 1);
    let Recovered::SessionLost(requester) = recovered else { panic!("{recovered:?}") };
    heartbeat(requester, &mut peer, other.session).unwrap();
    error
}

#[test]
fn s64_a_record_of_the_other_privacy_ends_its_session() {
    for without in [NOTHING, CapabilityFlags::ENCRYPT_CAP] {
        for binding in [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp] {
            let mut peer = Peer::new(V1_2);
            (peer.flags, peer.binding) = (peer.flags - without, binding);
            let error = heartbeat_ends_the_session(peer, Sealing::OtherPrivacy);
            assert_eq!(error, SessionFault::Tag.into());
        }
    }
}

#[test]
fn s68_the_keys_of_the_handshake_after_it() {
    // On MCTP the number of the record is seen first.
    for (binding, fault) in
        [(RecordBinding::PciDoe, SessionFault::Tag), (RecordBinding::Mctp, SessionFault::Sequence)]
    {
        let mut peer = Peer::new(V1_2);
        peer.binding = binding;
        assert_eq!(heartbeat_ends_the_session(peer, Sealing::OldKey), fault.into());
    }
}

#[test]
fn s68_the_keys_of_the_data_before_the_handshake_is_over() {
    let mut peer = Peer::new(V1_2);
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, other) = open(requester, &mut peer);
    peer.sealing = Some((Code::FINISH, Sealing::DataKey));
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let before = peer.requests.len();
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert_eq!(failure.error, RunError::Requester(SessionFault::Tag.into()));
    assert_eq!(peer.codes()[before..], [Code::KEY_EXCHANGE, Code::FINISH]);
    let Recovered::SessionLost(requester) = failure.requester else { panic!() };
    heartbeat(requester, &mut peer, other.session).unwrap();
}

/// The order of DSP0277 1.2, which 1.0 and 1.1 left open, is the only one. Number 0 is the same in both.
#[test]
fn s72_numbers_in_big_endian_order_are_not_taken() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp] {
        let mut peer = Peer::new(V1_2);
        (peer.order, peer.binding) = (SequenceOrder::BigEndian, binding);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, NOTHING);
        let (requester, opened) = open(requester, &mut peer);
        let requester = heartbeat(requester, &mut peer, opened.session).unwrap();
        let before = peer.requests.len();
        let (recovered, error) = heartbeat(requester, &mut peer, opened.session).unwrap_err();
        assert_eq!(error, SessionFault::Tag.into());
        assert_eq!(peer.requests.len(), before + 1);
        assert!(matches!(recovered, Recovered::SessionLost(_)));
    }
}

/// Both acknowledgements of UpdateAllKeys come under the new key.
#[test]
fn s82_an_acknowledgement_under_the_old_key_ends_the_session() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp] {
        for verify in [false, true] {
            let mut peer = Peer::new(V1_2);
            peer.binding = binding;
            let clock = peer.clock.clone();
            let mut lent = Lent::new();
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, other) = open(requester, &mut peer);
            let (requester, opened) = open(requester, &mut peer);
            let before = peer.requests.len();
            let sealing = if verify { Sealing::OldKeyOfSecond } else { Sealing::OldKey };
            peer.sealing = Some((Code::KEY_UPDATE, sealing));
            let flow = requester.update_keys(opened.session, UpdatedKeys::Both);
            let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
            let expected = match (verify, binding) {
                (false, _) => SessionFault::Key,
                (true, RecordBinding::Mctp) => SessionFault::Sequence,
                (true, _) => SessionFault::Tag,
            };
            // With the same number on both keys the record of MCTP is decided by its tag.
            let RunError::Requester(Error::Session(fault)) = failure.error else { panic!() };
            assert!(fault == expected || fault == SessionFault::Tag, "{fault:?}");
            assert_eq!(peer.requests.len(), before + if verify { 2 } else { 1 });
            peer.sealing = None;
            let Recovered::SessionLost(requester) = failure.requester else { panic!() };
            heartbeat(requester, &mut peer, other.session).unwrap();
        }
    }
}

/// Whatever is said under the new key but a whole acknowledgement: the device has changed its keys.
#[test]
fn s84_a_truncated_acknowledgement_ends_the_session() {
    for len in 0..4 {
        let change = move |answer: &mut Vec<u8>| answer.truncate(len);
        let mut peer = Peer::new(V1_2).change(Code::KEY_UPDATE, Place::Answer, change);
        let clock = peer.clock.clone();
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, NOTHING);
        let (requester, other) = open(requester, &mut peer);
        let (requester, opened) = open(requester, &mut peer);
        let before = peer.requests.len();
        let flow = requester.update_keys(opened.session, UpdatedKeys::Both);
        let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
        match failure.error {
            RunError::Requester(Error::Session(SessionFault::Key)) => assert!(len < 2),
            RunError::Requester(Error::Decode(_)) => assert!(len >= 2),
            other => panic!("{len}: {other:?}"),
        }
        assert_eq!(peer.requests.len(), before + 1);
        let Recovered::SessionLost(requester) = failure.requester else { panic!() };
        peer.change = None;
        heartbeat(requester, &mut peer, other.session).unwrap();
    }
}
