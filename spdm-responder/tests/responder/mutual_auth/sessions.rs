//! S1, S26, S30 to S34, S42, S43, S57: session mutual authentication.

use spdm_codec::{CapabilityFlags, KeySlot, KeyUsage, MutAuthRequested, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, EcCurve, SigningContext};
use spdm_responder::{AuthenticationDemand, Judgement};

use super::{
    HITC, KINDS, PUBLIC_KEY, Place, SINCE_1_1, answer_all, asked, begin, connected, deliver, end,
    error, finish, finished, flow_of_session, policy, poll, verify_data,
};
use crate::host::{Host, Policy};
use crate::initiator::{Initiator, key_exchange};
use crate::sim::{HASH, Sim, negotiation_of};

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
