//! S1, S26, S30 to S34, S42, S43, S55 to S59, S86: who the Requester is, and what the device asks it.

use spdm_codec::{
    CapabilityFlags, ChallengeAuth, KeySlot, KeyUsage, MutAuthRequested, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, Direction, EcCurve, SigningContext};
use spdm_responder::{AuthenticationDemand, Config, Judgement, OwnRequest, RequestOutcome};

use crate::host::{Host, Policy};
use crate::initiator::{Initiator, cx, key_exchange};
use crate::sim::{HASH, Sim, challenge, decode, negotiation_of, with_sessions};

const SINCE_1_1: [SpdmVersion; 4] =
    [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4];
const KINDS: [MutAuthRequested; 3] = [
    MutAuthRequested::WithoutEncapsulation,
    MutAuthRequested::WithEncapsulation,
    MutAuthRequested::WithGetDigests,
];
const HITC: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
const PUBLIC_KEY: u8 = 0xFF;

/// A device that can authenticate its Requester.
fn config(more: CapabilityFlags) -> Config<'static> {
    let mutual = CapabilityFlags::MUT_AUTH_CAP | CapabilityFlags::ENCAP_CAP;
    Config { capabilities: with_sessions().capabilities | mutual | more, ..with_sessions() }
}

/// A connection to a device that wants this of its host.
fn connected(version: SpdmVersion, more: CapabilityFlags, flow: MutAuthRequested) -> (Sim, Host) {
    let mut sim = Sim::negotiated(config(more), version);
    let host = Host::new(version);
    sim.device.policy = Some(Policy::new(&host, flow));
    (sim, host)
}

fn policy(sim: &mut Sim) -> &mut Policy {
    sim.device.policy.as_mut().unwrap()
}

/// Where an exchange takes place.
enum Place<'s> {
    Plain,
    In(&'s mut Initiator),
}

impl Place<'_> {
    /// Where the messages of this handshake travel.
    fn of(session: &mut Initiator) -> Place<'_> {
        match session.is_clear() {
            true => Place::Plain,
            false => Place::In(session),
        }
    }

    fn say(&mut self, sim: &mut Sim, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => sim.send(message).unwrap(),
            Self::In(session) => session.exchange(sim, message).unwrap(),
        }
    }
}

fn poll(version: SpdmVersion) -> Vec<u8> {
    vec![version.to_byte(), 0xEA, 0, 0]
}

fn deliver(version: SpdmVersion, id: u8, inner: &[u8]) -> Vec<u8> {
    [&[version.to_byte(), 0xEB, id, 0], inner].concat()
}

fn error(version: SpdmVersion, code: u8) -> Vec<u8> {
    vec![version.to_byte(), 0x7F, code, 0]
}

/// RequestID and request of ENCAPSULATED_REQUEST or ENCAPSULATED_RESPONSE_ACK.
fn asked(answer: &[u8]) -> (u8, Vec<u8>) {
    match (answer[1], answer[0]) {
        (0x6A, _) => (answer[2], answer[4..].to_vec()),
        (0x6B, 0x11) => {
            assert_eq!(answer[3], 1, "{answer:02x?}");
            (answer[2], answer[4..].to_vec())
        }
        (0x6B, _) => {
            assert_eq!(answer[3], 1, "{answer:02x?}");
            (answer[2], answer[8..].to_vec())
        }
        _ => panic!("{answer:02x?}"),
    }
}

/// The last acknowledgement of an answer with this RequestID.
fn end(version: SpdmVersion, id: u8) -> Vec<u8> {
    match version {
        SpdmVersion::V1_1 => vec![0x11, 0x6B, 0, 0],
        _ => vec![version.to_byte(), 0x6B, 0, 0, id, 0, 0, 0],
    }
}

/// Begins a flow: its first request.
fn begin(sim: &mut Sim, place: &mut Place<'_>, host: &Host) -> (u8, Vec<u8>) {
    asked(&place.say(sim, &poll(host.version)))
}

/// Answers every request from this one on: the last acknowledgement, and what it acknowledges.
fn answer_all(
    sim: &mut Sim,
    place: &mut Place<'_>,
    host: &mut Host,
    first: (u8, Vec<u8>),
) -> (u8, Vec<u8>) {
    let (mut id, mut request) = first;
    for _ in 0..20 {
        let answer = host.answer(&request);
        let ack = place.say(sim, &deliver(host.version, id, &answer));
        assert_eq!(ack[1], 0x6B, "{ack:02x?}");
        if ack[3] != 1 {
            return (id, ack);
        }
        (id, request) = asked(&ack);
    }
    panic!("the flow does not end");
}

/// FINISH with a signature of this host's key; TH has everything before it.
fn finish(session: &Initiator, host: &Host, slot: u8) -> Vec<u8> {
    let mut message = vec![host.version.to_byte(), 0xE5, 1, slot];
    if host.version >= SpdmVersion::V1_4 {
        message.extend([0, 0]);
    }
    let signed = [&session.th[..], &message].concat();
    message.extend(host.sign(SigningContext::RequesterFinish, &signed));
    verify_data(session, &mut message);
    message
}

fn verify_data(session: &Initiator, message: &mut Vec<u8>) {
    let digest = PROVIDER.hash.digest(HASH, &[&session.th, message]).unwrap();
    let secrets = session.secrets.as_ref().unwrap();
    message.extend(secrets.verify_data(Direction::Request, &digest).unwrap().as_bytes());
}

/// Proves in the session that has begun who the host is, up to FINISH.
fn flow_of_session(sim: &mut Sim, session: &mut Initiator, host: &mut Host) {
    let first = match session.asked.0 {
        MutAuthRequested::WithEncapsulation => begin(sim, &mut Place::of(session), host),
        MutAuthRequested::WithGetDigests => (0, vec![host.version.to_byte(), 0x81, 0, 0]),
        _ => return,
    };
    let (id, ack) = answer_all(sim, &mut Place::of(session), host, first);
    match host.slot {
        SlotId::ZERO => assert_eq!(ack, end(host.version, id)),
        slot => assert_eq!((ack[3], ack.last()), (2, Some(&slot.get()))),
    }
}

/// The handshake is over.
fn finished(sim: &mut Sim, session: &mut Initiator, message: &[u8]) {
    let answer = Place::of(session).say(sim, message);
    assert_eq!(answer[1], 0x65, "{answer:02x?}");
    session.finished(message, &answer);
    let heartbeat = [message[0], 0xE8, 0, 0];
    assert_eq!(session.exchange(sim, &heartbeat).unwrap()[1], 0x68);
}

#[test]
fn sessions_of_every_kind() {
    for version in SINCE_1_1 {
        for kind in KINDS {
            for more in [CapabilityFlags::empty(), HITC] {
                for slot in [0, 3] {
                    let (mut sim, mut host) = connected(version, more, kind);
                    host.slot = SlotId::new(slot).unwrap();
                    sim.device.policy = Some(Policy::new(&host, kind));
                    let mut session = Initiator::key_exchange(&mut sim, 1);
                    let slot_param = match kind {
                        MutAuthRequested::WithoutEncapsulation => host.slot,
                        _ => SlotId::ZERO,
                    };
                    assert_eq!(session.asked, (kind, KeySlot::Slot(slot_param)));
                    flow_of_session(&mut sim, &mut session, &mut host);
                    session.th.extend(host.chain_hash());
                    let message = finish(&session, &host, slot);
                    assert_eq!(sim.sessions[0].authenticated_requester(), None);
                    finished(&mut sim, &mut session, &message);
                    let authenticated = sim.sessions[0].authenticated_requester();
                    assert_eq!(authenticated, Some(KeySlot::Slot(host.slot)));
                    assert_eq!(sim.connection.authenticated_requester(), None);
                }
            }
        }
    }
}

/// Outside of a trusted environment key pairs are changed by who has proven who it is, and slot 0 by nobody.
#[cfg(feature = "provisioning")]
#[test]
fn p8_p14_who_has_proven_who_it_is_may_change_key_pairs_and_not_slot_0() {
    use spdm_responder::Environment;
    let provisioning = CapabilityFlags::SET_CERT_CAP
        | CapabilityFlags::GET_KEY_PAIR_INFO_CAP
        | CapabilityFlags::SET_KEY_PAIR_INFO_CAP;
    let erase_slot_0 = [0x13, 0xEE, 0x80, 0];
    let requests = [vec![0x13, 0xFD, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]];
    let unexpected = error(SpdmVersion::V1_3, 0x04);
    for kind in KINDS {
        let (mut sim, mut host) = connected(SpdmVersion::V1_3, provisioning, kind);
        sim.device.lab.environment = Environment::Untrusted;
        let mut session = Initiator::key_exchange(&mut sim, 1);
        flow_of_session(&mut sim, &mut session, &mut host);
        session.th.extend(host.chain_hash());
        let message = finish(&session, &host, 0);
        for request in &requests {
            // Before FINISH nothing is proven.
            assert_eq!(session.exchange(&mut sim, request).unwrap(), unexpected);
        }
        finished(&mut sim, &mut session, &message);
        for request in &requests {
            assert_eq!(sim.send(request).unwrap(), unexpected);
            assert_eq!(session.exchange(&mut sim, request).unwrap()[1], request[1] & 0x7F);
        }
        assert_eq!(session.exchange(&mut sim, &erase_slot_0).unwrap(), unexpected);
        // The session of somebody else proves nothing for this one.
        sim.device.policy = None;
        let mut other = Initiator::key_exchange(&mut sim, 2);
        other.finish(&mut sim, 0xE5);
        for request in &requests {
            assert_eq!(other.exchange(&mut sim, request).unwrap(), unexpected);
        }
    }
}

#[test]
fn a_provisioned_key_signs_for_slot_0xff() {
    for version in SINCE_1_1 {
        let (mut sim, host) =
            connected(version, CapabilityFlags::empty(), MutAuthRequested::WithoutEncapsulation);
        let spki = host.key.to_spki_der();
        let key = host.key.public_key();
        policy(&mut sim).provisioned = Some((KeySlot::PublicKey, spki.clone(), key));
        sim.negotiate_with(negotiation_of(&sim.config, version, |flags| {
            (flags - CapabilityFlags::CERT_CAP) | CapabilityFlags::PUB_KEY_ID_CAP
        }));
        let mut session = Initiator::key_exchange(&mut sim, 1);
        assert_eq!(session.asked, (MutAuthRequested::WithoutEncapsulation, KeySlot::PublicKey));
        session.th.extend(PROVIDER.hash.digest(HASH, &[&spki]).unwrap().as_bytes());
        let message = finish(&session, &host, PUBLIC_KEY);
        finished(&mut sim, &mut session, &message);
        assert_eq!(sim.sessions[0].authenticated_requester(), Some(KeySlot::PublicKey));
    }
}

/// Of a device that has several keys itself.
fn several_keys() -> CapabilityFlags {
    CapabilityFlags::MULTI_KEY_CAP_ONLY | CapabilityFlags::GET_KEY_PAIR_INFO_CAP
}

#[test]
fn s42_digests_of_a_requester_with_several_keys_enter_th() {
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        for kind in KINDS {
            for (device, own) in [
                (CapabilityFlags::empty(), CapabilityFlags::MULTI_KEY_CAP_ONLY),
                (CapabilityFlags::empty(), CapabilityFlags::MULTI_KEY_CAP_NEG),
                (several_keys(), CapabilityFlags::MULTI_KEY_CAP_NEG),
            ] {
                let (mut sim, mut host) = connected(version, device, kind);
                // The device chooses, where it may, what it has itself.
                let several = own == CapabilityFlags::MULTI_KEY_CAP_ONLY || !device.is_empty();
                host.usage = several.then_some(KeyUsage::KEY_EX);
                sim.negotiate_with(negotiation_of(&sim.config, version, |flags| flags | own));
                let mut session = Initiator::key_exchange(&mut sim, 1);
                flow_of_session(&mut sim, &mut session, &mut host);
                if several && kind != MutAuthRequested::WithoutEncapsulation {
                    session.th.extend(host.digests());
                }
                session.th.extend(host.chain_hash());
                let message = finish(&session, &host, 0);
                finished(&mut sim, &mut session, &message);
            }
        }
    }
    // A key that is not one for sessions.
    let version = SpdmVersion::V1_3;
    let (mut sim, mut host) =
        connected(version, CapabilityFlags::empty(), MutAuthRequested::WithEncapsulation);
    host.usage = Some(KeyUsage::CHALLENGE);
    sim.negotiate_with(negotiation_of(&sim.config, version, |flags| {
        flags | CapabilityFlags::MULTI_KEY_CAP_ONLY
    }));
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
    let answer = host.answer(&request);
    let answer = session.exchange(&mut sim, &deliver(version, id, &answer)).unwrap();
    assert_eq!(answer, error(version, 0x09));
}

#[test]
fn s1_psk_finish_in_a_session_that_asks_for_more() {
    for kind in KINDS {
        let (mut sim, mut host) = connected(SpdmVersion::V1_2, CapabilityFlags::empty(), kind);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        flow_of_session(&mut sim, &mut session, &mut host);
        session.th.extend(host.chain_hash());
        let mut message = vec![0x12, 0xE7, 0, 0];
        verify_data(&session, &mut message);
        let answer = session.exchange(&mut sim, &message).unwrap();
        assert_eq!(answer, error(SpdmVersion::V1_2, 0x04));
        assert!(!sim.sessions[0].is_established());
    }
}

#[test]
fn s26_who_cannot_is_refused_where_it_is_required() {
    let version_errors = [(SpdmVersion::V1_1, 0x05), (SpdmVersion::V1_2, 0x05)]
        .into_iter()
        .chain([(SpdmVersion::V1_3, 0x11), (SpdmVersion::V1_4, 0x11)]);
    let mutual = CapabilityFlags::MUT_AUTH_CAP;
    for (version, code) in version_errors {
        for kind in KINDS {
            // 1.2 takes MUT_AUTH_CAP for ENCAP_CAP.
            let without = match (kind, version) {
                (MutAuthRequested::WithoutEncapsulation, _) | (_, SpdmVersion::V1_2) => mutual,
                (_, SpdmVersion::V1_1) => mutual | CapabilityFlags::ENCAP_CAP,
                _ => CapabilityFlags::ENCAP_CAP,
            };
            for demand in [AuthenticationDemand::Required, AuthenticationDemand::IfPossible] {
                let (mut sim, _) = connected(version, CapabilityFlags::empty(), kind);
                policy(&mut sim).in_session = demand;
                sim.negotiate_with(negotiation_of(&sim.config, version, |f| f - without));
                if demand == AuthenticationDemand::IfPossible {
                    let mut session = Initiator::key_exchange(&mut sim, 1);
                    assert_eq!(session.asked.0, MutAuthRequested::No);
                    session.finish(&mut sim, 0xE5);
                    assert_eq!(sim.sessions[0].authenticated_requester(), None);
                    continue;
                }
                let exchange = sim.config.key_exchanges[0];
                let mut public = vec![0; exchange.request_len()];
                PROVIDER.start_key_exchange(exchange, &mut public).unwrap();
                let request = key_exchange(version, 1, &public);
                assert_eq!(sim.send(&request).unwrap(), error(version, code));
                assert_eq!(sim.alive(), 0);
            }
        }
    }
    // Nothing was provisioned, so that nothing could be verified.
    let kind = MutAuthRequested::WithoutEncapsulation;
    let (mut sim, _) = connected(SpdmVersion::V1_2, CapabilityFlags::empty(), kind);
    policy(&mut sim).provisioned = None;
    policy(&mut sim).in_session = AuthenticationDemand::IfPossible;
    assert_eq!(Initiator::key_exchange(&mut sim, 1).asked.0, MutAuthRequested::No);
}

#[test]
fn s30_a_signature_exactly_where_one_is_due() {
    for version in SINCE_1_1 {
        let kind = MutAuthRequested::WithoutEncapsulation;
        let (mut sim, host) = connected(version, CapabilityFlags::empty(), kind);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        session.th.extend(host.chain_hash());
        let unsigned = session.finish_message(0xE5);
        assert_eq!(session.exchange(&mut sim, &unsigned).unwrap(), error(version, 0x01));
        assert!(!sim.sessions[0].is_established());
        let (mut sim, host) = connected(version, CapabilityFlags::empty(), kind);
        policy(&mut sim).in_session = AuthenticationDemand::No;
        let mut session = Initiator::key_exchange(&mut sim, 1);
        let signed = finish(&session, &host, 0);
        assert_eq!(session.exchange(&mut sim, &signed).unwrap(), error(version, 0x01));
        assert!(!sim.sessions[0].is_established());
    }
}

#[test]
fn s31_a_slot_that_was_not_told() {
    for kind in KINDS {
        for slot in [1, 8, 0xFE, PUBLIC_KEY] {
            let version = SpdmVersion::V1_3;
            let (mut sim, mut host) = connected(version, CapabilityFlags::empty(), kind);
            let mut session = Initiator::key_exchange(&mut sim, 1);
            flow_of_session(&mut sim, &mut session, &mut host);
            session.th.extend(host.chain_hash());
            let message = finish(&session, &host, slot);
            assert_eq!(session.exchange(&mut sim, &message).unwrap(), error(version, 0x01));
            assert!(!sim.sessions[0].is_established());
            // The right one still counts.
            let message = finish(&session, &host, 0);
            finished(&mut sim, &mut session, &message);
        }
    }
}

#[test]
fn s32_a_signature_of_another_key_or_another_transcript() {
    for version in SINCE_1_1 {
        for (kind, more) in KINDS.into_iter().flat_map(|k| [(k, HITC), (k, HITC - HITC)]) {
            for wrong in 0..4 {
                let (mut sim, mut host) = connected(version, more, kind);
                let mut session = Initiator::key_exchange(&mut sim, 1);
                flow_of_session(&mut sim, &mut session, &mut host);
                let cmt = host.chain_hash();
                session.th.extend(&cmt);
                let mut message = finish(&session, &host, 0);
                let at = if version >= SpdmVersion::V1_4 { 6 } else { 4 };
                match wrong {
                    0 => {
                        let seed = [8; 32];
                        let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
                        host.key = SoftwareKey::from_seed(asym, seed).unwrap();
                        message = finish(&session, &host, 0);
                    }
                    // The signature is wrong, the HMAC over it is not.
                    1 => {
                        message[at] ^= 1;
                        message.truncate(at + 64);
                        verify_data(&session, &mut message);
                    }
                    // Of TH without the Requester's chain.
                    2 => {
                        session.th.truncate(session.th.len() - cmt.len());
                        message = finish(&session, &host, 0);
                    }
                    // In another context.
                    _ => {
                        message.truncate(at);
                        let signed = [&session.th[..], &message].concat();
                        let context = SigningContext::RequesterChallengeAuth;
                        // Before 1.2 there is no context.
                        let signed = match version {
                            SpdmVersion::V1_1 => [&signed[..], &[0]].concat(),
                            _ => signed,
                        };
                        message.extend(host.sign(context, &signed));
                        verify_data(&session, &mut message);
                    }
                }
                let answer = Place::of(&mut session).say(&mut sim, &message);
                assert_eq!(answer, error(version, 0x06), "{kind:?} {wrong}");
                assert_eq!(sim.alive(), 0);
            }
        }
    }
    // The signature is right, the HMAC is not.
    let kind = MutAuthRequested::WithoutEncapsulation;
    let (mut sim, host) = connected(SpdmVersion::V1_2, CapabilityFlags::empty(), kind);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    session.th.extend(host.chain_hash());
    let mut message = finish(&session, &host, 0);
    *message.last_mut().unwrap() ^= 1;
    let answer = session.exchange(&mut sim, &message).unwrap();
    assert_eq!(answer, error(SpdmVersion::V1_2, 0x06));
    assert_eq!(sim.alive(), 0);
}

#[test]
fn s33_finish_before_the_flow_is_over_and_after_it_was_given_up() {
    for version in SINCE_1_1 {
        for (kind, more) in KINDS[1..].iter().flat_map(|k| [(*k, HITC), (*k, HITC - HITC)]) {
            let (mut sim, mut host) = connected(version, more, kind);
            let mut session = Initiator::key_exchange(&mut sim, 1);
            let unsigned = session.finish_message(0xE5);
            let early = Place::of(&mut session).say(&mut sim, &unsigned);
            assert_eq!(early, error(version, 0x08));
            let place = &mut Place::of(&mut session);
            let (id, request) = match kind {
                MutAuthRequested::WithEncapsulation => begin(&mut sim, place, &host),
                _ => (0, vec![version.to_byte(), 0x81, 0, 0]),
            };
            let answer = host.answer(&request);
            let (id, _) = asked(&place.say(&mut sim, &deliver(version, id, &answer)));
            for early in [unsigned.clone(), vec![version.to_byte(), 0x81, 0, 0]] {
                assert_eq!(place.say(&mut sim, &early), error(version, 0x08));
            }
            let given_up = deliver(version, id, &error(version, 0x05));
            assert_eq!(place.say(&mut sim, &given_up), end(version, id));
            session.th.extend(host.chain_hash());
            let signed = finish(&session, &host, 0);
            let answer = Place::of(&mut session).say(&mut sim, &signed);
            assert_eq!(answer, error(version, 0x04));
            assert_eq!(sim.alive(), 0);
        }
    }
}

/// Answers the flow of a session with what this makes of each answer: the answer of the device that ends it.
fn spoiled(sim: &mut Sim, host: &mut Host, spoil: impl Fn(&mut Vec<u8>)) -> (Initiator, Vec<u8>) {
    let mut session = Initiator::key_exchange(sim, 1);
    let (mut id, mut request) = begin(sim, &mut Place::In(&mut session), host);
    for _ in 0..200 {
        let mut answer = host.answer(&request);
        spoil(&mut answer);
        let ack = session.exchange(sim, &deliver(host.version, id, &answer)).unwrap();
        if ack[1] != 0x6B || ack[3] != 1 {
            return (session, ack);
        }
        (id, request) = asked(&ack);
    }
    panic!("the flow does not end");
}

#[test]
fn s34_s57_a_chain_that_is_not_the_one_or_not_trusted() {
    type Spoil = fn(&mut Vec<u8>);
    const CASES: [(&str, Spoil); 14] = [
        ("digests of another slot", |a| {
            if a[1] == 1 {
                (a[2], a[3]) = (2, 2)
            }
        }),
        ("digests of no slot", |a| {
            if a[1] == 1 {
                (a[2], a[3]) = (1, 0);
                a.truncate(4)
            }
        }),
        ("digests cut", |a| {
            if a[1] == 1 {
                a.pop();
            }
        }),
        ("another digest", |a| {
            if a[1] == 1 {
                a[4] ^= 1
            }
        }),
        ("another slot", |a| {
            if a[1] == 2 {
                a[2] = 1
            }
        }),
        ("another chain", |a| {
            if a[1] == 2 {
                a[20] ^= 1
            }
        }),
        ("no portion", |a| {
            if a[1] == 2 {
                a[4] = 0;
                a[5] = 0;
                a.truncate(8)
            }
        }),
        ("a portion that is cut", |a| {
            if a[1] == 2 {
                a.pop();
            }
        }),
        ("a portion that is longer", |a| {
            if a[1] == 2 {
                a.push(0)
            }
        }),
        // The first portion announces a byte more than there is.
        ("another total", |a| {
            if a[1] == 2 && a[6] != 0 {
                a[6] += 1;
            }
        }),
        ("a total above the room", |a| {
            if a[1] == 2 {
                (a[6], a[7]) = (0xFF, 0xFF)
            }
        }),
        ("another answer", |a| {
            if a[1] == 2 {
                a[1] = 1
            }
        }),
        ("another version", |a| a[0] = 0x12),
        ("a request", |a| a[1] |= 0x80),
    ];
    let version = SpdmVersion::V1_3;
    let kind = MutAuthRequested::WithEncapsulation;
    let connect = || connected(version, CapabilityFlags::empty(), kind);
    let refused =
        |sim: &mut Sim, host: &Host, (mut session, answer): (Initiator, Vec<u8>), what: &str| {
            assert_eq!(answer, error(version, 0x09), "{what}");
            session.th.extend(host.chain_hash());
            let message = finish(&session, host, 0);
            assert_eq!(session.exchange(sim, &message).unwrap(), error(version, 0x04), "{what}");
            assert_eq!(sim.alive(), 0, "{what}");
        };
    for (what, spoil) in CASES {
        let (mut sim, mut host) = connect();
        let ended = spoiled(&mut sim, &mut host, spoil);
        assert!(policy(&mut sim).judged.is_empty(), "{what}");
        refused(&mut sim, &host, ended, what);
    }
    let (mut sim, mut host) = connect();
    policy(&mut sim).judgement = Judgement::Refused;
    let ended = spoiled(&mut sim, &mut host, |_| {});
    assert_eq!(policy(&mut sim).judged.len(), 1);
    refused(&mut sim, &host, ended, "not trusted");
    let (mut sim, mut host) = connect();
    let p384 = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P384), [9; 32]).unwrap();
    policy(&mut sim).key = p384.public_key();
    let ended = spoiled(&mut sim, &mut host, |_| {});
    refused(&mut sim, &host, ended, "a key of another algorithm");
    // Its own Length is wrong.
    let (mut sim, mut host) = connect();
    host.chain.push(0);
    let ended = spoiled(&mut sim, &mut host, |_| {});
    refused(&mut sim, &host, ended, "another Length");
    // As long as the room, and one byte more.
    let (mut sim, mut host) = connect();
    policy(&mut sim).room.truncate(host.chain.len() - 1);
    let ended = spoiled(&mut sim, &mut host, |_| {});
    refused(&mut sim, &host, ended, "longer than the room");
    let (mut sim, mut host) = connect();
    policy(&mut sim).room.truncate(host.chain.len());
    let (_, answer) = spoiled(&mut sim, &mut host, |_| {});
    assert_eq!(answer[1], 0x6B);
    // Byte by byte: such a flow is given up.
    let (mut sim, mut host) = connect();
    host.portion = 1;
    let (_, answer) = spoiled(&mut sim, &mut host, |_| {});
    assert_eq!(answer[1], 0x7F);
}

#[test]
fn s43_a_flow_stays_in_its_session() {
    let version = SpdmVersion::V1_3;
    let nothing = error(version, 0x45);
    let kind = MutAuthRequested::WithEncapsulation;
    let (mut sim, mut host) = connected(version, CapabilityFlags::empty(), kind);
    let mut first = Initiator::key_exchange(&mut sim, 1);
    let (id, request) = begin(&mut sim, &mut Place::In(&mut first), &host);
    policy(&mut sim).flow = MutAuthRequested::WithoutEncapsulation;
    let mut second = Initiator::key_exchange(&mut sim, 2);
    let answer = deliver(version, id, &host.answer(&request));
    assert_eq!(sim.send(&answer).unwrap(), error(version, 0x04));
    assert_eq!(sim.send(&poll(version)).unwrap(), nothing);
    assert_eq!(second.exchange(&mut sim, &answer).unwrap(), error(version, 0x04));
    assert_eq!(second.exchange(&mut sim, &poll(version)).unwrap(), nothing);
    // Its own context still has it.
    let (id, request) = asked(&first.exchange(&mut sim, &answer).unwrap());
    let (id, ack) = answer_all(&mut sim, &mut Place::In(&mut first), &mut host, (id, request));
    assert_eq!(ack, end(version, id));
    first.th.extend(host.chain_hash());
    let message = finish(&first, &host, 0);
    finished(&mut sim, &mut first, &message);
}

#[test]
fn who_reads_a_chain_takes_the_room() {
    let version = SpdmVersion::V1_3;
    let kind = MutAuthRequested::WithEncapsulation;
    let (mut sim, mut host) = connected(version, CapabilityFlags::empty(), kind);
    let mut first = Initiator::key_exchange(&mut sim, 1);
    flow_of_session(&mut sim, &mut first, &mut host);
    first.th.extend(host.chain_hash());
    let mut second = Initiator::key_exchange(&mut sim, 2);
    flow_of_session(&mut sim, &mut second, &mut host);
    second.th.extend(host.chain_hash());
    let message = finish(&first, &host, 0);
    assert_eq!(first.exchange(&mut sim, &message).unwrap(), error(version, 0x04));
    let message = finish(&second, &host, 0);
    finished(&mut sim, &mut second, &message);
    assert_eq!(sim.alive(), 1);
}

#[test]
fn s55_s56_what_is_delivered_out_of_turn() {
    for version in SINCE_1_1 {
        let nothing = error(version, if version >= SpdmVersion::V1_3 { 0x45 } else { 0x04 });
        let kind = MutAuthRequested::WithEncapsulation;
        let (mut sim, mut host) = connected(version, CapabilityFlags::empty(), kind);
        assert_eq!(sim.send(&poll(version)).unwrap(), nothing);
        let answer = deliver(version, 1, &host.digests());
        assert_eq!(sim.send(&answer).unwrap(), error(version, 0x04));
        let mut session = Initiator::key_exchange(&mut sim, 1);
        // It was not asked.
        assert_eq!(session.exchange(&mut sim, &answer).unwrap(), error(version, 0x04));
        let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
        assert_eq!((id, request[1]), (1, 0x81));
        // Asked again, the device asks the same.
        assert_eq!(begin(&mut sim, &mut Place::In(&mut session), &host), (id, request.clone()));
        let answer = host.answer(&request);
        for wrong in [
            deliver(version, 0, &answer),
            deliver(version, 2, &answer),
            deliver(version, 1, &[]),
            deliver(version, 1, &answer[..3]),
        ] {
            assert_eq!(session.exchange(&mut sim, &wrong).unwrap(), error(version, 0x01));
        }
        let before = deliver(version, id, &answer);
        let (id, request) = asked(&session.exchange(&mut sim, &before).unwrap());
        assert_eq!((id, request[1]), (2, 0x82));
        assert_eq!(session.exchange(&mut sim, &before).unwrap(), error(version, 0x01));
        let place = &mut Place::In(&mut session);
        let (id, ack) = answer_all(&mut sim, place, &mut host, (id, request));
        assert_eq!(ack, end(version, id));
        assert_eq!(session.exchange(&mut sim, &poll(version)).unwrap(), nothing);
    }
    // Without the capability there is no such request.
    let mut sim = Sim::negotiated(with_sessions(), SpdmVersion::V1_2);
    assert_eq!(sim.send(&poll(SpdmVersion::V1_2)).unwrap(), [0x12, 0x7F, 0x07, 0xEA]);
    assert_eq!(sim.send(&[0x12, 0xEB, 0, 0, 1]).unwrap(), [0x12, 0x7F, 0x07, 0xEB]);
}

#[test]
fn s58_an_error_inside_ends_the_flow() {
    let version = SpdmVersion::V1_3;
    for code in [0x03, 0x42, 0x06, 0x05] {
        let kind = MutAuthRequested::WithEncapsulation;
        let (mut sim, host) = connected(version, CapabilityFlags::empty(), kind);
        let mut session = Initiator::key_exchange(&mut sim, 1);
        let (id, _) = begin(&mut sim, &mut Place::In(&mut session), &host);
        let given_up = deliver(version, id, &error(version, code));
        assert_eq!(session.exchange(&mut sim, &given_up).unwrap(), end(version, id));
        let nothing = session.exchange(&mut sim, &poll(version)).unwrap();
        assert_eq!(nothing, error(version, 0x45));
        // Another session begins anew.
        let mut host = Host::new(version);
        let mut session = Initiator::key_exchange(&mut sim, 2);
        flow_of_session(&mut sim, &mut session, &mut host);
        session.th.extend(host.chain_hash());
        let message = finish(&session, &host, 0);
        finished(&mut sim, &mut session, &message);
    }
}

/// CHALLENGE, whose answer asks for basic mutual authentication.
fn challenged(sim: &mut Sim, host: &mut Host) {
    let answer = sim.send(&challenge(host.version, 1)).unwrap();
    assert_eq!((answer[1], answer[2]), (0x03, 0x80), "{answer:02x?}");
    host.transcript.clear();
    if host.version >= SpdmVersion::V1_2 {
        host.transcript.extend(&sim.negotiation);
    }
}

fn basic(version: SpdmVersion) -> (Sim, Host) {
    let (mut sim, host) = connected(version, CapabilityFlags::empty(), MutAuthRequested::No);
    policy(&mut sim).with_challenge = AuthenticationDemand::Required;
    (sim, host)
}

#[test]
fn basic_mutual_authentication() {
    for version in SINCE_1_1 {
        for slot in [0, 5] {
            let (mut sim, mut host) = basic(version);
            host.slot = SlotId::new(slot).unwrap();
            policy(&mut sim).slot = host.slot;
            challenged(&mut sim, &mut host);
            assert_eq!(sim.connection.authenticated_requester(), None);
            let waiting = sim.send(&[version.to_byte(), 0x81, 0, 0]).unwrap();
            assert_eq!(waiting, error(version, 0x08));
            let first = begin(&mut sim, &mut Place::Plain, &host);
            let (id, ack) = answer_all(&mut sim, &mut Place::Plain, &mut host, first);
            assert_eq!(ack, end(version, id));
            let authenticated = sim.connection.authenticated_requester();
            assert_eq!(authenticated, Some(KeySlot::Slot(host.slot)));
            // What follows is as before.
            assert_eq!(sim.send(&[version.to_byte(), 0x81, 0, 0]).unwrap()[1], 0x01);
            sim.negotiate(version);
            assert_eq!(sim.connection.authenticated_requester(), None);
        }
    }
}

#[test]
fn basic_mutual_authentication_with_a_provisioned_key() {
    for version in SINCE_1_1 {
        let (mut sim, mut host) = basic(version);
        let (spki, key) = (host.key.to_spki_der(), host.key.public_key());
        policy(&mut sim).provisioned = Some((KeySlot::PublicKey, spki, key));
        sim.negotiate_with(negotiation_of(&sim.config, version, |flags| {
            (flags - CapabilityFlags::CERT_CAP) | CapabilityFlags::PUB_KEY_ID_CAP
        }));
        challenged(&mut sim, &mut host);
        let first = begin(&mut sim, &mut Place::Plain, &host);
        assert_eq!(first.1[1..3], [0x83, PUBLIC_KEY]);
        answer_all(&mut sim, &mut Place::Plain, &mut host, first);
        let authenticated = sim.connection.authenticated_requester();
        assert_eq!(authenticated, Some(KeySlot::PublicKey));
    }
}

#[test]
fn a_challenge_auth_that_proves_nothing() {
    type Spoil = fn(&mut Host, &mut Vec<u8>);
    const CASES: [(&str, Spoil); 8] = [
        ("another slot", |_, a| a[2] = 1),
        ("a demand of its own", |_, a| a[2] |= 0x80),
        ("another mask", |_, a| a[3] = 3),
        ("another chain", |_, a| a[4] ^= 1),
        ("another context", |_, a| a[70] ^= 1),
        ("another signature", |_, a| *a.last_mut().unwrap() ^= 1),
        ("a byte more", |_, a| a.push(0)),
        ("a byte less", |_, a| a.truncate(a.len() - 1)),
    ];
    let version = SpdmVersion::V1_3;
    let run = |what: &str, before: Spoil, spoil: Spoil| {
        let (mut sim, mut host) = basic(version);
        // No bytes may follow.
        sim.config.padding = 0;
        challenged(&mut sim, &mut host);
        let (mut id, mut request) = begin(&mut sim, &mut Place::Plain, &host);
        while request[1] != 0x83 {
            let answer = host.answer(&request);
            (id, request) = asked(&sim.send(&deliver(version, id, &answer)).unwrap());
        }
        before(&mut host, &mut request);
        let mut answer = host.answer(&request);
        spoil(&mut host, &mut answer);
        // The signature is right where it is not what is wrong.
        if !what.ends_with("signature") && answer.len() > 80 && !what.starts_with("a byte") {
            answer.truncate(answer.len() - 64);
            let signed = [&host.transcript[..], &request, &answer].concat();
            answer.extend(host.sign(SigningContext::RequesterChallengeAuth, &signed));
        }
        let answer = sim.send(&deliver(version, id, &answer)).unwrap();
        assert_eq!(answer, error(version, 0x09), "{what}");
        assert_eq!(sim.connection.authenticated_requester(), None, "{what}");
        assert_eq!(sim.send(&poll(version)).unwrap(), error(version, 0x45), "{what}");
    };
    for (what, spoil) in CASES {
        run(what, |_, _| {}, spoil);
    }
    run("of another nonce's signature", |_, request| request[10] ^= 1, |_, _| {});
    run("of another transcript's signature", |host, _| host.transcript[0] ^= 1, |_, _| {});
}

#[test]
fn basic_mutual_authentication_is_for_those_who_can() {
    for version in SINCE_1_1 {
        for demand in [AuthenticationDemand::Required, AuthenticationDemand::IfPossible] {
            let (mut sim, _) = basic(version);
            policy(&mut sim).with_challenge = demand;
            sim.negotiate_with(negotiation_of(&sim.config, version, |flags| {
                flags - CapabilityFlags::MUT_AUTH_CAP - CapabilityFlags::ENCAP_CAP
            }));
            let answer = sim.send(&challenge(version, 1)).unwrap();
            match demand {
                AuthenticationDemand::Required => {
                    let code = if version >= SpdmVersion::V1_3 { 0x11 } else { 0x05 };
                    assert_eq!(answer, error(version, code));
                }
                _ => {
                    let _: ChallengeAuth<'_> = decode(&answer, &cx(&sim));
                    assert_eq!(answer[1..3], [0x03, 0]);
                }
            }
        }
    }
}

#[test]
fn s59_get_version_ends_a_flow() {
    let version = SpdmVersion::V1_3;
    let (mut sim, mut host) = basic(version);
    challenged(&mut sim, &mut host);
    let (id, request) = begin(&mut sim, &mut Place::Plain, &host);
    let late = deliver(version, id, &host.answer(&request));
    sim.negotiate(version);
    assert_eq!(sim.send(&late).unwrap(), error(version, 0x04));
    assert_eq!(sim.send(&poll(version)).unwrap(), error(version, 0x45));
    challenged(&mut sim, &mut host);
    let first = begin(&mut sim, &mut Place::Plain, &host);
    answer_all(&mut sim, &mut Place::Plain, &mut host, first);
    assert!(sim.connection.authenticated_requester().is_some());
}

/// An established session of a device that asks for nothing but a new key.
fn asks_for_a_new_key(version: SpdmVersion) -> (Sim, Initiator, Host) {
    let (mut sim, host) = connected(version, CapabilityFlags::empty(), MutAuthRequested::No);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    policy(&mut sim).own = Some(OwnRequest::UpdateKey);
    let nothing = error(version, if version >= SpdmVersion::V1_3 { 0x45 } else { 0x04 });
    // Not outside of a session, and not in its handshake.
    assert_eq!(sim.send(&poll(version)).unwrap(), nothing);
    assert_eq!(session.exchange(&mut sim, &poll(version)).unwrap(), nothing);
    session.finish(&mut sim, 0xE5);
    (sim, session, host)
}

#[test]
fn the_device_updates_its_key() {
    for version in SINCE_1_1 {
        let (mut sim, mut session, mut host) = asks_for_a_new_key(version);
        let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
        assert_eq!(request[1..3], [0xE9, 1]);
        // The Requester's own update has to wait, other requests have not.
        let own = session.exchange(&mut sim, &[version.to_byte(), 0xE9, 1, 7]).unwrap();
        assert_eq!(own, error(version, 0x08));
        let heartbeat = [version.to_byte(), 0xE8, 0, 0];
        assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
        let answer = host.answer(&request);
        let record = session.seal(&deliver(version, id, &answer));
        let ack = sim.send_record(&record).unwrap();
        session.update_responses();
        let (id, request) = asked(&session.open(ack));
        assert_eq!(request[1..3], [0xE9, 3]);
        let answer = host.answer(&request);
        let ack = session.exchange(&mut sim, &deliver(version, id, &answer)).unwrap();
        assert_eq!(ack, end(version, id));
        assert_eq!(policy(&mut sim).ended, [RequestOutcome::Answered]);
        assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
        let own = session.exchange(&mut sim, &[version.to_byte(), 0xE9, 1, 7]).unwrap();
        assert_eq!(own[1], 0x69);
    }
}

#[test]
fn the_device_ends_a_session() {
    for version in SINCE_1_1 {
        let (mut sim, mut session, host) = asks_for_a_new_key(version);
        policy(&mut sim).own = Some(OwnRequest::EndSession);
        let heartbeat = [version.to_byte(), 0xE8, 0, 0];
        if version < SpdmVersion::V1_4 {
            let nothing = error(version, if version >= SpdmVersion::V1_3 { 0x45 } else { 0x04 });
            assert_eq!(session.exchange(&mut sim, &poll(version)).unwrap(), nothing);
            continue;
        }
        // What is no acknowledgement ends nothing.
        for wrong in [error(version, 0x03), vec![version.to_byte(), 0x69, 0, 0]] {
            let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
            assert_eq!(request, [version.to_byte(), 0xEC, 0, 0]);
            session.exchange(&mut sim, &deliver(version, id, &wrong)).unwrap();
            assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
            policy(&mut sim).own = Some(OwnRequest::EndSession);
        }
        // Not in the clear, nor while a session is being opened.
        assert_eq!(sim.send(&poll(version)).unwrap(), error(version, 0x45));
        let mut other = Initiator::key_exchange(&mut sim, 2);
        assert_eq!(other.exchange(&mut sim, &poll(version)).unwrap(), error(version, 0x45));
        let (id, _) = begin(&mut sim, &mut Place::In(&mut session), &host);
        let acknowledged = deliver(version, id, &[version.to_byte(), 0x6C, 0, 0]);
        let ack = session.exchange(&mut sim, &acknowledged).unwrap();
        assert_eq!(ack, end(version, id));
        assert_eq!(sim.alive(), 1);
        assert!(sim.send_record(&session.seal(&heartbeat)).is_none());
    }
}

#[test]
fn a_key_update_of_the_device_that_is_refused() {
    let version = SpdmVersion::V1_3;
    let heartbeat = [0x13, 0xE8, 0, 0];
    // The first: everything is as before.
    for wrong in [vec![0x13, 0x7F, 0x03, 0], vec![0x13, 0x69, 2, 0], vec![0x13, 0x69, 1]] {
        let (mut sim, mut session, host) = asks_for_a_new_key(version);
        let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
        let mut wrong = wrong;
        if wrong.len() > 3 && wrong[1] == 0x69 {
            wrong[3] = request[3];
        }
        let answer = session.exchange(&mut sim, &deliver(version, id, &wrong)).unwrap();
        match wrong.len() {
            3 => assert_eq!(answer, error(version, 0x01)),
            _ if wrong[1] == 0x7F => assert_eq!(answer, end(version, id)),
            _ => assert_eq!(answer, error(version, 0x09)),
        }
        if wrong.len() > 3 {
            assert_eq!(policy(&mut sim).ended, [RequestOutcome::Failed]);
        }
        assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
    }
    // Another tag.
    let (mut sim, mut session, host) = asks_for_a_new_key(version);
    let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
    let wrong = [0x13, 0x69, 1, request[3] ^ 1];
    let answer = session.exchange(&mut sim, &deliver(version, id, &wrong)).unwrap();
    assert_eq!(answer, error(version, 0x09));
    assert_eq!(session.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
    // The second: the two sides are apart.
    let (mut sim, mut session, mut host) = asks_for_a_new_key(version);
    let (id, request) = begin(&mut sim, &mut Place::In(&mut session), &host);
    let record = session.seal(&deliver(version, id, &host.answer(&request)));
    let ack = sim.send_record(&record).unwrap();
    session.update_responses();
    let (id, _) = asked(&session.open(ack));
    let refused = deliver(version, id, &error(version, 0x01));
    assert_eq!(session.exchange(&mut sim, &refused).unwrap(), end(version, id));
    assert_eq!(sim.alive(), 0);
    // While the Requester updates its own, the device does not ask.
    let (mut sim, mut session, _) = asks_for_a_new_key(version);
    session.exchange(&mut sim, &[0x13, 0xE9, 1, 7]).unwrap();
    session.update_requests();
    let nothing = session.exchange(&mut sim, &poll(version)).unwrap();
    assert_eq!(nothing, error(version, 0x45));
}

#[test]
fn s38_a_flow_in_the_clear_is_not_sealed() {
    let version = SpdmVersion::V1_2;
    let (mut sim, _) = connected(version, HITC, MutAuthRequested::WithEncapsulation);
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let answer = session.exchange(&mut sim, &poll(version)).unwrap();
    assert_eq!(answer, error(version, 0x0B));
}
