//! N19: chains and signatures of another slot or device.

use crate::sim::cause::{Cause, chain, differs, signature, wrong};
use crate::sim::failed::assert_lost;
use crate::sim::replay::record;
use crate::sim::trusting::{CERTIFICATE, DIGESTS, slot, two_slots};
use crate::sim::{FLOW, HASH_LEN, NOW, Sim, attest, attest_with, config, until, with_policy};
use spdm_codec::{Code, Expected, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, Error, Incompatible, Requirement};
use spdm_x509::{Anchor, Check, Policy, Rule, ValidityCheck};

const fn slot_empty(slot: u8) -> Cause {
    Cause::Other(Error::Incompatible(Incompatible::SlotEmpty { slot }))
}

#[test]
fn n19_linux_w03_each_slot_has_its_own_key() {
    for version in SpdmVersion::ALL {
        for number in [0, 1] {
            let mut sim = two_slots(version);
            let result = with_policy(&mut sim, |sim, policy| {
                let mut plan = AttestationPlan::new(policy);
                plan.slot = slot(number).into();
                if version == SpdmVersion::V1_0 {
                    // Only slot 0 signs measurements.
                    plan.requirement = Requirement::Challenge;
                }
                attest_with(sim, plan)
            });
            assert!(result.is_ok(), "{version}: {result:?}");
            assert_eq!(sim.requests[4][2] & 0x0F, number);
            assert_eq!(sim.requests[5][2], number);
        }
    }
}

#[test]
fn n19_linux_w10_challenge_answered_for_another_slot() {
    for version in SpdmVersion::ALL {
        let slot_id = wrong("CHALLENGE_AUTH", "SlotID", Expected::Exactly(0), 1);
        // The question goes to slot 1.
        let switched = || {
            let mut sim = two_slots(version);
            sim.tamper_request(Code::CHALLENGE, |request| request[2] = 1);
            sim
        };
        assert_lost(switched(), Code::CHALLENGE, slot_id);
        // The answer says slot 0 all the same.
        let relabelled = || {
            let mut sim = switched();
            sim.tamper(Code::CHALLENGE, |response| response[2] &= 0xF0);
            sim
        };
        let from = "the hash of the certificate chain";
        let cause = differs("CHALLENGE_AUTH", "CertChainHash", from);
        assert_lost(relabelled(), Code::CHALLENGE, cause);
        // And it names the chain of slot 0: the key of slot 1 signed.
        let mut sim = relabelled();
        let digests = two_slots_digests(version);
        sim.tamper(Code::CHALLENGE, move |response| {
            response[4..4 + HASH_LEN].copy_from_slice(&digests[..HASH_LEN]);
        });
        assert_lost(sim, Code::CHALLENGE, signature("CHALLENGE_AUTH"));
    }
}

/// The digests of both slots.
fn two_slots_digests(version: SpdmVersion) -> Vec<u8> {
    let mut sim = two_slots(version);
    attest(&mut sim).unwrap();
    sim.response_to(DIGESTS)[4..].to_vec()
}

#[test]
fn n19_measurements_signed_for_another_slot() {
    for version in SpdmVersion::ALL.into_iter().filter(|v| *v > SpdmVersion::V1_0) {
        let code = Code::GET_MEASUREMENTS;
        let switched = || {
            let mut sim = two_slots(version);
            sim.tamper_request(code, |request| request[36] = 1);
            sim
        };
        let cause = wrong("MEASUREMENTS", "SlotID", Expected::Exactly(0), 1);
        assert_lost(switched(), code, cause);
        let mut sim = switched();
        sim.tamper(code, |response| response[3] &= 0xF0);
        assert_lost(sim, code, signature("MEASUREMENTS"));
    }
}

#[test]
fn n19_linux_w03_the_chain_of_another_slot() {
    for version in SpdmVersion::ALL {
        // DIGESTS binds a chain to its slot.
        let mut sim = two_slots(version);
        sim.tamper_request(CERTIFICATE, |request| request[2] |= 1);
        sim.tamper(CERTIFICATE, |response| response[2] &= 0xF0);
        let cause = differs("CERTIFICATE", "CertChain", "what DIGESTS announced");
        assert_lost(sim, CERTIFICATE, cause);
        // Exchanged in both, the key of slot 1 would have to answer for slot 0.
        let digests = two_slots_digests(version);
        let mut sim = two_slots(version);
        sim.tamper_request(CERTIFICATE, |request| request[2] |= 1);
        sim.tamper(CERTIFICATE, |response| response[2] &= 0xF0);
        sim.tamper(DIGESTS, move |response| {
            response[4..4 + HASH_LEN].copy_from_slice(&digests[HASH_LEN..]);
        });
        let from = "the hash of the certificate chain";
        let cause = differs("CHALLENGE_AUTH", "CertChainHash", from);
        assert_lost(sim, Code::CHALLENGE, cause);
    }
}

#[test]
fn n19_linux_w42_a_slot_without_a_chain() {
    for version in SpdmVersion::ALL {
        for number in [1, 7] {
            let mut sim = Sim::new(config(version));
            let error = with_policy(&mut sim, |sim, policy| {
                let mut plan = AttestationPlan::new(policy);
                plan.slot = slot(number).into();
                attest_with(sim, plan).unwrap_err()
            });
            assert_eq!(Cause::from(error), slot_empty(number), "{version}");
            assert_eq!(sim.codes(), FLOW[..4]);
        }
    }
}

#[test]
fn n19_linux_w04_linux_w36_the_device_is_replaced() {
    for version in SpdmVersion::ALL {
        let other = || DeviceConfig { seed: Some(2), ..config(version) };
        let mut sim = Sim::new(config(version));
        let anchors = sim.device.trust_anchors();
        let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
        let plan = AttestationPlan::new(&policy);
        assert!(attest_with(&mut sim, plan).is_ok());
        // With its own chain.
        sim.requests.clear();
        sim.device = Device::new(other()).unwrap();
        let error = attest_with(&mut sim, plan).unwrap_err();
        assert_eq!(Cause::from(error), chain(Check::Anchor, Rule::UnknownAuthority), "{version}");
        assert_eq!(sim.codes(), until(CERTIFICATE));
        // With a copy of the first one's chain.
        let recording = record(version);
        let mut sim = Sim::new(other());
        for at in [3, 4] {
            let copy = recording.responses[at].clone();
            sim.tamper(FLOW[at], move |response| response.clone_from(&copy));
        }
        let hash = recording.responses[3][4..].to_vec();
        sim.tamper(Code::CHALLENGE, move |response| {
            response[4..4 + HASH_LEN].copy_from_slice(&hash);
        });
        let error = attest_with(&mut sim, plan).unwrap_err();
        assert_eq!(Cause::from(error), signature("CHALLENGE_AUTH"), "{version}");
        assert_eq!(sim.codes(), until(Code::CHALLENGE));
    }
}
