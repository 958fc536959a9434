//! S59, S86: basic mutual authentication.

use spdm_codec::{CapabilityFlags, ChallengeAuth, KeySlot, MutAuthRequested, SlotId, SpdmVersion};
use spdm_crypto::SigningContext;
use spdm_responder::AuthenticationDemand;

use super::{
    PUBLIC_KEY, Place, SINCE_1_1, answer_all, asked, begin, connected, deliver, end, error, policy,
    poll,
};
use crate::host::Host;
use crate::initiator::cx;
use crate::sim::{Sim, challenge, decode, negotiation_of};

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
