//! The device wants to know who the requester is.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, Code, KeySlot, MeasurementSummary, MutAuthRequested,
    RecordBinding, SlotId, SpdmVersion,
};
use spdm_requester::{Served, SessionPlan, blocking};
use spdm_transport::MessageKind;

use crate::session_peer::{GET_DIGESTS, Host, Lent, Peer, challenge, get_certificate};
use crate::sessions::{heartbeat, key, open};
use crate::sim::since;

type F = CapabilityFlags;
pub(crate) const MUTUAL: CapabilityFlags = F::MUT_AUTH_CAP.union(F::ENCAP_CAP);
const SLOT_0: KeySlot = KeySlot::Slot(SlotId::ZERO);

pub(crate) fn peer(version: SpdmVersion, mut_auth: MutAuthRequested) -> Peer {
    let mut peer = Peer::new(version);
    peer.flags |= MUTUAL;
    peer.mut_auth = mut_auth;
    peer
}

/// What a device asks that reads the chain in slot 0 in portions of 300 bytes.
pub(crate) fn read_chain(peer: &mut Peer, digests: bool) {
    if digests {
        peer.asking.script.push_back(GET_DIGESTS.to_vec());
    }
    let len = u16::try_from(peer.host.structure().len()).unwrap();
    let portions = (0..len).step_by(300).map(|offset| get_certificate(0, offset, 300));
    peer.asking.script.extend(portions);
}

/// The chain that the answers hold.
fn chain(peer: &Peer) -> Vec<u8> {
    let answers = peer.asking.answers.iter().filter(|answer| answer[1] == Code::CERTIFICATE.0);
    answers.flat_map(|answer| answer[8..].to_vec()).collect()
}

#[test]
fn a_session_authenticates_both_sides_in_every_way() {
    let clear = F::HANDSHAKE_IN_THE_CLEAR_CAP;
    for version in since(SpdmVersion::V1_1) {
        for mut_auth in [
            MutAuthRequested::WithoutEncapsulation,
            MutAuthRequested::WithEncapsulation,
            MutAuthRequested::WithGetDigests,
        ] {
            for (more, binding) in
                [(F::empty(), RecordBinding::Mctp), (clear, RecordBinding::PciDoe)]
            {
                let mut peer = peer(version, mut_auth);
                peer.flags |= more;
                peer.binding = binding;
                let host = Host::new();
                let identity = host.with_chain(0);
                if mut_auth != MutAuthRequested::WithoutEncapsulation {
                    read_chain(&mut peer, mut_auth == MutAuthRequested::WithEncapsulation);
                }
                let mut lent = Lent::new();
                let requester = lent.identified(&mut peer, more, Some(&identity));
                let (requester, opened) = open(requester, &mut peer);
                assert_eq!(peer.signed_by, Some(SLOT_0), "{version} {mut_auth:?}");
                assert_eq!(requester.connection().authenticated_as(), Some(SLOT_0));
                if mut_auth != MutAuthRequested::WithoutEncapsulation {
                    assert_eq!(chain(&peer), peer.host.structure());
                    let digests = peer.asking.answers.first().unwrap();
                    let hash = spdm_crypto::rustcrypto::PROVIDER
                        .hash
                        .digest(spdm_crypto::HashAlgorithm::Sha256, &[&peer.host.structure()])
                        .unwrap();
                    assert_eq!(&digests[4..], hash.as_bytes());
                }
                let kind = |code| {
                    peer.requests.iter().find(|(_, bytes)| bytes[1] == code).map(|(kind, _)| *kind)
                };
                let handshake =
                    if more.is_empty() { MessageKind::Secured } else { MessageKind::Plain };
                assert_eq!(kind(Code::FINISH.0), Some(handshake));
                if mut_auth != MutAuthRequested::WithoutEncapsulation {
                    assert_eq!(kind(Code::DELIVER_ENCAPSULATED_RESPONSE.0), Some(handshake));
                }
                let asks = kind(Code::GET_ENCAPSULATED_REQUEST.0).is_some();
                assert_eq!(asks, mut_auth == MutAuthRequested::WithEncapsulation);
                heartbeat(requester, &mut peer, opened.session).unwrap();
            }
        }
    }
}

#[test]
fn the_slot_is_the_one_of_the_last_acknowledgement_or_0() {
    for (last, slot) in [((0, vec![]), 0), ((2, vec![3]), 3), ((2, vec![0]), 0)] {
        // What GET_CERTIFICATE read does not count, nor does SlotIDParam.
        let mut peer = peer(SpdmVersion::V1_2, MutAuthRequested::WithEncapsulation);
        peer.req_slot = KeySlot::Slot(SlotId::new(5).unwrap());
        peer.asking.script.push_back(get_certificate(3, 0, 100));
        peer.asking.last = last;
        let host = Host::new();
        let identity = host.with_chain(0).and_chain(SlotId::new(3).unwrap(), host.chain());
        let mut lent = Lent::new();
        let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
        open(requester, &mut peer);
        assert_eq!(peer.signed_by, Some(KeySlot::Slot(SlotId::new(slot).unwrap())));
    }
}

#[test]
fn without_encapsulation_the_slot_or_the_raw_key_is_the_one_that_is_named() {
    for version in since(SpdmVersion::V1_1) {
        let host = Host::new();
        let slot = KeySlot::Slot(SlotId::new(4).unwrap());
        for (slot, identity) in
            [(slot, host.with_chain(4)), (KeySlot::PublicKey, host.with_public_key())]
        {
            let mut peer = peer(version, MutAuthRequested::WithoutEncapsulation);
            peer.req_slot = slot;
            let mut lent = Lent::new();
            let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
            let (requester, _) = open(requester, &mut peer);
            assert_eq!(peer.signed_by, Some(slot), "{version}");
            assert_eq!(requester.connection().authenticated_as(), Some(slot));
        }
    }
}

#[test]
fn basic_mutual_authentication_signs_what_was_said_since_it_began() {
    for version in since(SpdmVersion::V1_1) {
        for slot in [0, 0xFF] {
            let mut peer = peer(version, MutAuthRequested::No);
            peer.flags |= F::CHAL_CAP;
            peer.basic_mut_auth = BasicMutAuth::Requested;
            let host = Host::new();
            let identity = if slot == 0 { host.with_chain(0) } else { host.with_public_key() };
            if slot == 0 {
                read_chain(&mut peer, true);
            }
            peer.asking.script.push_back(challenge(version, slot));
            let mut lent = Lent::new();
            let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
            let (spki, clock) = (peer.spki(), peer.clock.clone());
            let nonce = requester.nonce().unwrap();
            let flow = requester.challenge(key(&spki), MeasurementSummary::None, nonce);
            let (requester, _) = blocking::run(flow, &mut peer, &clock).unwrap();
            // The device has verified it.
            assert_eq!(peer.asking.answered().last(), Some(&(Code::CHALLENGE_AUTH, 0)));
            assert_eq!(requester.connection().authenticated_as(), KeySlot::from_byte(slot));
            // The connection goes on.
            let (requester, opened) = open(requester, &mut peer);
            heartbeat(requester, &mut peer, opened.session).unwrap();
        }
    }
}

#[test]
fn a_device_that_wants_nothing_says_so() {
    for version in since(SpdmVersion::V1_1) {
        let mut peer = peer(version, MutAuthRequested::No);
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, F::ENCAP_CAP);
        let clock = peer.clock.clone();
        let (requester, served) =
            blocking::run(requester.serve_device(), &mut peer, &clock).unwrap();
        assert_eq!(served, Served::default());
        let (requester, opened) = open(requester, &mut peer);
        let flow = requester.in_session(opened.session).serve_device();
        let (requester, served) = blocking::run(flow, &mut peer, &clock).unwrap();
        assert_eq!(served, Served::default());
        heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

#[test]
fn a_device_reads_the_chain_where_it_is_asked_what_it_wants() {
    for version in since(SpdmVersion::V1_1) {
        let mut peer = peer(version, MutAuthRequested::No);
        read_chain(&mut peer, true);
        let host = Host::new();
        let identity = host.with_chain(0);
        let mut lent = Lent::new();
        let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
        let clock = peer.clock.clone();
        let (_, served) = blocking::run(requester.serve_device(), &mut peer, &clock).unwrap();
        assert_eq!((served.requests, served.refused), (4, 0));
        assert_eq!(chain(&peer), peer.host.structure());
    }
}

#[test]
fn a_device_replaces_its_key_again_and_again() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp] {
        let mut peer = peer(SpdmVersion::V1_2, MutAuthRequested::No);
        peer.binding = binding;
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, F::ENCAP_CAP);
        let clock = peer.clock.clone();
        let (mut requester, opened) = open(requester, &mut peer);
        for _ in 0..3 {
            peer.asking.script.extend([vec![0xE9, 1, 7], vec![0xE9, 3, 8]]);
            let flow = requester.in_session(opened.session).serve_device();
            let served;
            (requester, served) = blocking::run(flow, &mut peer, &clock).unwrap();
            assert_eq!((served.requests, served.refused), (2, 0));
            requester = heartbeat(requester, &mut peer, opened.session).unwrap();
        }
        assert_eq!(peer.asking.answers[0][1..], [0x69, 1, 7]);
        assert_eq!(peer.asking.answers[1][1..], [0x69, 3, 8]);
    }
}

/// An answer of more than what the device takes at once.
#[test]
fn a_long_answer_travels_in_chunks_or_is_cut() {
    for chunks in [F::CHUNK_CAP, F::empty()] {
        let mut peer = peer(SpdmVersion::V1_2, MutAuthRequested::No);
        peer.flags |= chunks;
        peer.data_transfer_size = 0x100;
        // Without chunks the device reads on where a portion ends.
        peer.asking.script.push_back(get_certificate(0, 0, 700));
        let host = Host::new();
        let identity = host.with_chain(0);
        let mut lent = Lent::new();
        let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
        let clock = peer.clock.clone();
        let _ = blocking::run(requester.serve_device(), &mut peer, &clock).unwrap();
        let sent = peer.requests.iter().map(|(_, request)| request.len()).max().unwrap();
        assert!(sent <= 0x100, "{sent}");
        let portion = chain(&peer);
        assert_eq!(peer.host.structure()[..portion.len()], portion);
        assert_eq!(portion.len() > 0x100, !chunks.is_empty(), "{}", portion.len());
    }
}

#[test]
fn the_large_form_is_for_requesters_that_announce_it() {
    for without in [F::empty(), F::LARGE_RESP_CAP] {
        let mut peer = peer(SpdmVersion::V1_4, MutAuthRequested::No);
        let question = [&[0x82, 0x80, 0, 0, 0, 0, 0][..], &[1, 0, 0, 0, 100, 0, 0, 0]].concat();
        peer.asking.script.push_back(question);
        let host = Host::new();
        let identity = host.with_chain(0);
        let mut lent = Lent::new();
        lent.without = without;
        let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
        let clock = peer.clock.clone();
        let (_, served) = blocking::run(requester.serve_device(), &mut peer, &clock).unwrap();
        assert_eq!(served.refused, u16::from(!without.is_empty()));
        if without.is_empty() {
            assert_eq!(peer.asking.answers[0][16..], peer.host.structure()[1..101]);
        }
    }
}

#[test]
fn a_plan_is_what_it_was() {
    // A device that does not ask is not told.
    let mut peer = peer(SpdmVersion::V1_2, MutAuthRequested::No);
    let host = Host::new();
    let identity = host.with_chain(0);
    let mut lent = Lent::new();
    let requester = lent.identified(&mut peer, F::empty(), Some(&identity));
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let (requester, _) = blocking::run(flow, &mut peer, &clock).unwrap();
    assert_eq!(requester.connection().authenticated_as(), None);
    assert_eq!(peer.codes(), [Code::KEY_EXCHANGE, Code::FINISH]);
}
