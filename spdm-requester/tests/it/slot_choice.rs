//! The choice of a slot, and what is known of those that a device has.

use core::cell::RefCell;
use std::rc::Rc;

use crate::sim::cause::{Cause, certificate, chain, signature};
use crate::sim::trusting::{
    CERTIFICATE, DIGESTS, Trust, attest, fetched, measurements_of, plan_of, policy, signing_slots,
    slot, two_slots,
};
use crate::sim::{HASH_LEN, Memory, Sim, config, negotiated, until};
use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, KeySlot, KeyUsage, SlotId, SlotMask, SpdmVersion,
};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{DeviceConfig, DeviceModel};
use spdm_requester::{
    AttestationPlan, Buffer, Error, Incompatible, RunError, SlotChoice, blocking,
};
use spdm_x509::{CertModel, Check, Rule};

/// Cuts `len` bytes off the end of the chain in slot 0, and announces the digest of what is left.
fn break_slot_0(sim: &mut Sim, version: SpdmVersion) {
    let at = if version == SpdmVersion::V1_4 { 16 } else { 8 };
    // The last byte of the chain is one of the leaf's signature.
    let asked = Rc::new(RefCell::new(0));
    let seen = asked.clone();
    sim.tamper_request(CERTIFICATE, move |request| *seen.borrow_mut() = request[2] & 0x0F);
    sim.tamper(CERTIFICATE, move |response| {
        if *asked.borrow() == 0 {
            *response.last_mut().unwrap() ^= 1;
        }
    });
    let mut probe = two_slots(version);
    let chain = {
        let mut memory = Memory::new();
        let mut buffer = vec![0; 0x4000];
        let clock = probe.clock.clone();
        let requester = negotiated(&mut memory, &mut probe).unwrap();
        let flow = requester.fetch_chain(slot(0), &mut buffer);
        blocking::run(flow, &mut probe, &clock).map_err(|f| f.error).unwrap();
        probe.response_to(CERTIFICATE)[at..].to_vec()
    };
    let mut broken = chain;
    *broken.last_mut().unwrap() ^= 1;
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&broken]).unwrap();
    sim.tamper(DIGESTS, move |response| {
        response[4..4 + HASH_LEN].copy_from_slice(digest.as_bytes());
    });
}

#[test]
fn n19_linux_w03_the_first_slot_that_is_trusted_answers() {
    for version in signing_slots() {
        let mut sim = two_slots(version);
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let good = policy(&anchors);
        let plan = plan_of(&good, SlotChoice::FirstTrusted);
        let mut buffer = [0; 0x4000];
        let (signatures, trusted) = attest(&mut sim, plan, &mut buffer);
        assert_eq!(trusted.unwrap().identity().key_slot(), KeySlot::Slot(SlotId::ZERO));
        // To choose costs no signature more.
        assert_eq!((signatures, fetched(&sim)), (4, vec![0]));
        // Slot 0 is bad, slot 1 is good: its key, and no other, is the one that verifies.
        break_slot_0(&mut sim, version);
        let plan = measurements_of(&good, SlotChoice::FirstTrusted);
        let (signatures, trusted) = attest(&mut sim, plan, &mut buffer);
        assert_eq!(trusted.unwrap().identity().key_slot(), KeySlot::Slot(slot(1)));
        assert_eq!((signatures, fetched(&sim)), (2 + 2 + 1, vec![0, 1]), "{version}");
        let last = sim.requests.last().unwrap();
        assert_eq!((last[1], last[36]), (Code::GET_MEASUREMENTS.0, 1), "{version}");
        // Who asks for slot 0 gets no other.
        let plan = measurements_of(&good, slot(0).into());
        let cause = certificate(Check::Signatures, 2, Rule::Signature);
        assert_eq!(attest(&mut sim, plan, &mut buffer).1.map(drop), Err(cause));
        assert_eq!(fetched(&sim), [0]);
    }
}

#[test]
fn n19_linux_w01_no_slot_is_trusted() {
    for version in SpdmVersion::ALL {
        let mut sim = two_slots(version);
        for choice in [SlotChoice::FirstTrusted, SlotChoice::Model(CertModel::Unknown)] {
            if choice != SlotChoice::FirstTrusted && version >= SpdmVersion::V1_2 {
                continue; // the model is known
            }
            let nobody = policy(&[]);
            let plan = plan_of(&nobody, choice);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan, &mut buffer);
            assert_eq!(result.map(drop), Err(chain(Check::Anchor, Rule::NoTrustAnchor)));
            // Each was looked at, none was challenged.
            assert_eq!(fetched(&sim), [0, 1]);
            assert_eq!(sim.codes().last(), Some(&CERTIFICATE));
        }
    }
}

#[test]
fn the_slot_of_a_certificate_model() {
    for (model, right, wrong) in [
        (DeviceModel::DeviceCert, CertModel::DeviceCert, CertModel::AliasCert),
        (DeviceModel::AliasCert, CertModel::AliasCert, CertModel::DeviceCert),
    ] {
        for version in SpdmVersion::ALL.into_iter().filter(|v| *v >= SpdmVersion::V1_2) {
            let mut sim = Sim::new(DeviceConfig { model, ..config(version) });
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let mut plan = AttestationPlan::new(&good);
            plan.slot = SlotChoice::Model(right);
            let mut buffer = [0; 0x4000];
            assert!(attest(&mut sim, plan, &mut buffer).1.is_ok(), "{version} {model:?}");
            for absent in [SlotChoice::Model(wrong), SlotChoice::KeyPair(1)] {
                plan.slot = absent;
                let (_, result) = attest(&mut sim, plan, &mut buffer);
                let none = Cause::Other(Error::Incompatible(Incompatible::NoSlot));
                assert_eq!(result.map(drop), Err(none), "{version} {model:?}");
                assert_eq!(sim.codes(), until(DIGESTS));
            }
        }
    }
}

/// Slots 0 and 1 on a multi-key connection; slot 1 is of the generic model.
fn multi_key(version: SpdmVersion) -> Sim {
    let flags = CapabilityFlags::MULTI_KEY_CAP_ONLY | CapabilityFlags::GET_KEY_PAIR_INFO_CAP;
    Sim::new(DeviceConfig {
        slots: vec![slot(0), slot(1)],
        generic_slots: vec![slot(1)],
        more_capabilities: flags,
        ..config(version)
    })
}

/// [`multi_key`] with these KeyPairID, CertificateInfo and KeyUsageMask.
fn with_keys(version: SpdmVersion, keys: [(u8, CertificateModel, KeyUsage); 2]) -> Sim {
    let mut sim = multi_key(version);
    sim.tamper(DIGESTS, move |response| {
        response.truncate(4 + 2 * HASH_LEN);
        response.extend(keys.map(|(id, ..)| id));
        response.extend(keys.map(|(_, model, _)| model.to_byte()));
        response.extend(keys.map(|(.., usage)| usage.bits().to_le_bytes()).concat());
    });
    sim
}

#[test]
fn the_key_of_the_chosen_slot_signs_on_a_multi_key_connection() {
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        for (choice, number) in [
            (SlotChoice::Slot(slot(1)), 1),
            (SlotChoice::KeyPair(2), 1),
            (SlotChoice::FirstTrusted, 0),
            (SlotChoice::Model(CertModel::DeviceCert), 0),
            (SlotChoice::Model(CertModel::GenericCert), 1),
        ] {
            let mut sim = multi_key(version);
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan_of(&good, choice), &mut buffer);
            let trusted = result.unwrap();
            assert_eq!(trusted.identity().key_slot(), KeySlot::Slot(slot(number)));
            assert_eq!(fetched(&sim), [number], "{version} {choice:?}");
        }
    }
}

#[test]
fn the_slot_of_a_key_pair_whose_key_may_sign() {
    use CertificateModel::{DeviceCert, GenericCert, None as Absent};
    let all = KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT | KeyUsage::KEY_EX;
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let rows = [
            // The choice, what DIGESTS says, and the slot whose chain is fetched.
            (SlotChoice::KeyPair(7), [(5, DeviceCert, all), (7, GenericCert, all)], Some(1)),
            (SlotChoice::KeyPair(5), [(5, DeviceCert, all), (7, GenericCert, all)], Some(0)),
            (SlotChoice::KeyPair(6), [(5, DeviceCert, all), (7, GenericCert, all)], None),
            (
                SlotChoice::Model(CertModel::GenericCert),
                [(5, DeviceCert, all), (7, GenericCert, all)],
                Some(1),
            ),
            (
                SlotChoice::FirstTrusted,
                [(5, DeviceCert, KeyUsage::KEY_EX), (7, GenericCert, all)],
                Some(1),
            ),
            (
                SlotChoice::FirstTrusted,
                [(5, DeviceCert, KeyUsage::CHALLENGE), (7, GenericCert, KeyUsage::KEY_EX)],
                None,
            ),
        ];
        for (choice, keys, expected) in rows {
            let mut sim = with_keys(version, keys);
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let plan = plan_of(&good, choice);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan, &mut buffer);
            // The attacker's changes end it at the first signature.
            let cause = match expected {
                Some(_) => signature("CHALLENGE_AUTH"),
                None => Cause::Other(Error::Incompatible(Incompatible::NoSlot)),
            };
            assert_eq!(result.map(drop), Err(cause), "{version} {choice:?}");
            assert_eq!(fetched(&sim), Vec::from_iter(expected), "{version} {choice:?}");
        }
        // A key without a chain (libspdm #2492): its digest is zero, and there is nothing to fetch.
        let mut sim = with_keys(version, [(5, DeviceCert, all), (7, Absent, all)]);
        sim.tamper(DIGESTS, |response| response[4 + HASH_LEN..4 + 2 * HASH_LEN].fill(0));
        let mut memory = Memory::new();
        let clock = sim.clock.clone();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        let (requester, ()) = blocking::run(requester.get_digests(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        let connection = requester.connection();
        assert!(connection.provisioned_slots().eq([slot(0)]));
        assert_eq!(connection.slot_key(slot(1)).map(|key| key.key_pair_id), Some(7));
    }
}

/// The key of slot 0 may be one for measurements only, and signs them; one that only names the device to others may not.
#[test]
fn a_key_of_slot_0_with_one_use() {
    use CertificateModel::{DeviceCert, GenericCert};
    let none = Cause::Other(Error::Incompatible(Incompatible::NoSlot));
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        for (usage, expected) in [
            (KeyUsage::MEASUREMENT, Ok(())),
            (KeyUsage::ENDPOINT_INFO, Err(none)),
            (KeyUsage::KEY_EX, Err(none)),
            (KeyUsage::CHALLENGE, Err(none)),
        ] {
            let other = (7, GenericCert, KeyUsage::KEY_EX);
            let mut sim = with_keys(version, [(5, DeviceCert, usage), other]);
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let plan = measurements_of(&good, SlotChoice::FirstTrusted);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan, &mut buffer);
            assert_eq!(result.map(drop), expected, "{version} {usage:?}");
        }
    }
}

#[test]
fn n15_linux_w42_supported_is_not_provisioned() {
    for version in SpdmVersion::ALL {
        let mut sim = two_slots(version);
        if version >= SpdmVersion::V1_3 {
            sim.tamper(DIGESTS, |response| response[2] = 0x1F);
        }
        let mut memory = Memory::new();
        let clock = sim.clock.clone();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        assert_eq!(requester.connection().supported_slots(), None);
        let (requester, ()) = blocking::run(requester.get_digests(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        let supported = (version >= SpdmVersion::V1_3).then_some(SlotMask(0x1F));
        assert_eq!(requester.connection().supported_slots(), supported);
        assert!(requester.connection().provisioned_slots().eq([slot(0), slot(1)]));
        // A slot that vanishes is gone.
        let requester = requester.restart();
        sim.heal();
        sim.tamper(DIGESTS, move |response| {
            response[3] = 1;
            response.truncate(4 + HASH_LEN);
        });
        let (requester, ()) = blocking::run(requester.negotiate(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        assert_eq!(requester.connection().provisioned_slots().count(), 0);
        let (requester, ()) = blocking::run(requester.get_digests(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        assert!(requester.connection().provisioned_slots().eq([slot(0)]));
        assert_eq!(requester.connection().slot_digest(slot(1)), None);
    }
}

#[test]
fn the_chains_of_all_slots_one_behind_the_other() {
    for version in SpdmVersion::ALL {
        let mut sim = two_slots(version);
        let clock = sim.clock.clone();
        let mut whole = [0; 0x4000];
        let lengths: Vec<usize> = [0, 1]
            .into_iter()
            .map(|number| {
                let mut memory = Memory::new();
                let requester = negotiated(&mut memory, &mut sim).unwrap();
                let flow = requester.fetch_chain(slot(number), &mut whole);
                let result = blocking::run(flow, &mut sim, &clock);
                result.map_err(|failure| failure.error).unwrap().1.bytes().len()
            })
            .collect();
        // As large as both of them, and one byte less.
        for (missing, fits) in [(0, true), (1, false)] {
            let mut memory = Memory::new();
            let requester = negotiated(&mut memory, &mut sim).unwrap();
            sim.requests.clear();
            let mut buffer = vec![0; lengths.iter().sum::<usize>() - missing];
            let flow = requester.fetch_every_chain(&mut buffer);
            let result = blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error);
            assert_eq!(fetched(&sim), [0, 1], "{version}");
            match result {
                Ok((_, chains)) => {
                    assert!(fits);
                    assert!(chains.iter().map(|chain| chain.bytes().len()).eq(lengths.clone()));
                    assert!(chains.iter().map(|chain| chain.slot()).eq([slot(0), slot(1)]));
                    assert_eq!(chains.get(slot(1)).map(|chain| chain.slot()), Some(slot(1)));
                    assert!(chains.get(slot(2)).is_none());
                }
                Err(RunError::Requester(Error::BufferTooSmall { buffer, .. })) => {
                    assert_eq!((fits, buffer), (false, Buffer::Chain));
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}
