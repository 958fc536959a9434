//! S42, S45: a requester with several keys.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, CertificateModel, Code, ConnectionKeys, ErrorCode, KeySlot,
    KeyUsage, MeasurementSummary, MutAuthRequested, SlotId, SlotKey, SpdmVersion,
};
use spdm_requester::{AuthenticationFault, Error, LocalIdentity, RunError, SessionPlan, blocking};

use crate::mutual_authentication::{peer, read_chain};
use crate::session_peer::{GET_DIGESTS, Host, Lent, Peer, challenge, get_certificate};
use crate::sessions::{heartbeat, key, open};
use crate::sim::{V1_3, since};

type F = CapabilityFlags;
const WITH: MutAuthRequested = MutAuthRequested::WithEncapsulation;
const WITHOUT: MutAuthRequested = MutAuthRequested::WithoutEncapsulation;
const IMPLICIT: MutAuthRequested = MutAuthRequested::WithGetDigests;

fn slot(slot: u8) -> SlotId {
    SlotId::new(slot).unwrap()
}

/// A chain in slot 0 and one in slot 2, whose keys are for this.
fn identity(host: &Host, usage: [KeyUsage; 2]) -> LocalIdentity<'_> {
    let said = |key_pair_id, model, usage| SlotKey { key_pair_id, model, usage };
    host.with_chain(0)
        .and_chain(slot(2), host.chain())
        .and_key(slot(0), said(5, CertificateModel::DeviceCert, usage[0]))
        .and_key(slot(2), said(9, CertificateModel::GenericCert, usage[1]))
}

/// A device that wants to know of several keys.
fn device(version: SpdmVersion, mut_auth: MutAuthRequested) -> Peer {
    let mut device = peer(version, mut_auth);
    device.host_keys = ConnectionKeys::Multi;
    device
}

#[test]
fn digests_say_what_the_keys_are_for() {
    let host = Host::new();
    let identity = identity(&host, [KeyUsage::KEY_EX, KeyUsage::CHALLENGE]);
    for version in since(V1_3) {
        for several in [ConnectionKeys::Multi, ConnectionKeys::Single] {
            let mut device = peer(version, MutAuthRequested::No);
            device.host_keys = several;
            device.asking.script.extend([GET_DIGESTS.to_vec(), get_certificate(2, 0, 8)]);
            let mut lent = Lent::new();
            let requester = lent.identified(&mut device, F::empty(), Some(&identity));
            assert_eq!(requester.negotiated().requester_keys(), several);
            let clock = device.clock.clone();
            // Outside of sessions, so that no transcript is concerned.
            device.asking.answers.push(vec![0; 4]);
            blocking::run(requester.serve_device(), &mut device, &clock).unwrap();
            let [_, digests, certificate] = &device.asking.answers[..] else { panic!() };
            let lists = digests[4 + 64..].to_vec();
            if several == ConnectionKeys::Single {
                assert!(lists.is_empty() && certificate[3] == 0);
                continue;
            }
            assert_eq!(lists, [5, 9, 1, 3, 1, 0, 2, 0]);
            assert_eq!((digests[2], digests[3]), (5, 5));
            // CertModel of the slot.
            assert_eq!(certificate[2..4], [2, 3]);
        }
    }
}

#[test]
fn s42_digests_enter_th_as_the_first_answer_alone() {
    let host = Host::new();
    let identity = identity(&host, [KeyUsage::KEY_EX, KeyUsage::KEY_EX]);
    let certificate = || get_certificate(0, 0, 100);
    let digests = || GET_DIGESTS.to_vec();
    for version in since(V1_3) {
        for (kind, more, script, first) in [
            (WITH, F::empty(), vec![digests(), certificate()], Code::DIGESTS),
            (WITH, F::HANDSHAKE_IN_THE_CLEAR_CAP, vec![digests(), certificate()], Code::DIGESTS),
            // Not where something else came before it.
            (WITH, F::empty(), vec![certificate(), digests()], Code::CERTIFICATE),
            // The second is as if it was not there.
            (WITH, F::empty(), vec![digests(), digests(), certificate()], Code::DIGESTS),
            (IMPLICIT, F::empty(), vec![certificate()], Code::DIGESTS),
            (IMPLICIT, F::empty(), vec![digests(), certificate()], Code::DIGESTS),
            // Nothing was asked.
            (WITHOUT, F::empty(), vec![], Code::ERROR),
        ] {
            let mut device = device(version, kind);
            device.flags |= more;
            device.asking.script.extend(script);
            let mut lent = Lent::new();
            let requester = lent.identified(&mut device, more, Some(&identity));
            // The device has checked the signature and both HMACs over its own transcript.
            let (requester, opened) = open(requester, &mut device);
            assert_eq!(device.signed_by, Some(KeySlot::Slot(slot(0))));
            let answers = device.asking.answered();
            assert_eq!(answers.first().map_or(Code::ERROR, |(code, _)| *code), first);
            heartbeat(requester, &mut device, opened.session).unwrap();
        }
        // A request that was refused was the first one, too.
        let mut device = device(version, WITH);
        device.asking.script.extend([challenge(version, 0), GET_DIGESTS.to_vec()]);
        let mut lent = Lent::new();
        open(lent.identified(&mut device, F::empty(), Some(&identity)), &mut device);
    }
}

/// Opening a session fails with this, before FINISH.
fn not_signed(device: &mut Peer, identity: &LocalIdentity<'_>, slot: SlotId) {
    let mut lent = Lent::new();
    let requester = lent.identified(device, F::empty(), Some(identity));
    let (spki, clock) = (device.spki(), device.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, device, &clock).unwrap_err();
    let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
    assert_eq!(error, Error::Authentication(AuthenticationFault::KeyUsage { slot }));
    assert!(device.requests.iter().all(|(_, request)| request[1] != Code::FINISH.0));
    assert_eq!(lent.session_ids(), [0, 0]);
}

#[test]
fn finish_is_signed_by_a_key_that_is_for_it() {
    let host = Host::new();
    let identity = identity(&host, [KeyUsage::KEY_EX, KeyUsage::CHALLENGE]);
    for version in since(V1_3) {
        // SlotIDParam, and the slot of the last acknowledgement.
        let mut named = device(version, WITHOUT);
        named.req_slot = KeySlot::Slot(slot(2));
        not_signed(&mut named, &identity, slot(2));
        let mut chosen = device(version, WITH);
        read_chain(&mut chosen, true);
        chosen.asking.last = (2, vec![2]);
        not_signed(&mut chosen, &identity, slot(2));
        // A connection with one key does not ask what it is for.
        let mut single = peer(version, WITHOUT);
        single.req_slot = KeySlot::Slot(slot(2));
        let mut lent = Lent::new();
        open(lent.identified(&mut single, F::empty(), Some(&identity)), &mut single);
        assert_eq!(single.signed_by, Some(KeySlot::Slot(slot(2))));
    }
}

#[test]
fn s45_a_challenge_of_a_key_that_is_not_for_it() {
    let host = Host::new();
    let identity = identity(&host, [KeyUsage::KEY_EX, KeyUsage::CHALLENGE]);
    for version in since(V1_3) {
        let mut device = device(version, MutAuthRequested::No);
        device.flags |= F::CHAL_CAP;
        device.basic_mut_auth = BasicMutAuth::Requested;
        device.asking.script.extend([challenge(version, 0), challenge(version, 2)]);
        let mut lent = Lent::new();
        let requester = lent.identified(&mut device, F::empty(), Some(&identity));
        let (spki, clock) = (device.spki(), device.clock.clone());
        let nonce = requester.nonce().unwrap();
        let flow = requester.challenge(key(&spki), MeasurementSummary::None, nonce);
        let (requester, _) = blocking::run(flow, &mut device, &clock).unwrap();
        let invalid = (Code::ERROR, ErrorCode::INVALID_REQUEST.0);
        assert_eq!(device.asking.answered(), [invalid, (Code::CHALLENGE_AUTH, 0)]);
        let signed_by = requester.connection().authenticated_as();
        assert_eq!(signed_by, Some(KeySlot::Slot(slot(2))));
    }
}

#[test]
fn several_keys_are_of_1_3() {
    let host = Host::new();
    let identity = identity(&host, [KeyUsage::KEY_EX, KeyUsage::CHALLENGE]);
    let mut device = peer(SpdmVersion::V1_2, MutAuthRequested::No);
    let mut lent = Lent::new();
    let requester = lent.identified(&mut device, F::empty(), Some(&identity));
    assert_eq!(requester.negotiated().requester_keys(), ConnectionKeys::Single);
    assert_eq!(requester.negotiated().requester.flags.multi_key_cap(), 0);
}
