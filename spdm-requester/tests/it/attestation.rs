//! A correct device is attested, whatever it legally does.

use crate::sim::{Sim, attest, attest_with, with_policy};
use spdm_codec::{BaseAsymAlgo, Code, RequesterNonce, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_emulator::{DeviceConfig, DeviceModel, Fault};
use spdm_requester::{AttestationPlan, NegotiationSigning, Requirement};

fn config(version: SpdmVersion) -> DeviceConfig {
    DeviceConfig {
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P384,
        base_hash: HashAlgorithm::Sha384.base_hash(),
        seed: Some(1),
        ..DeviceConfig::default()
    }
}

#[test]
fn every_version() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let indices = attest(&mut sim).unwrap();
        assert!(indices.starts_with(&[1, 2, 3, 4]), "{version}: {indices:?}");
        // A chain that fits takes one request: no round trip more than the protocol needs.
        assert_eq!(
            sim.codes(),
            [
                Code::GET_VERSION,
                Code::GET_CAPABILITIES,
                Code::NEGOTIATE_ALGORITHMS,
                Code::GET_DIGESTS,
                Code::GET_CERTIFICATE,
                Code::CHALLENGE,
                Code::GET_MEASUREMENTS,
            ],
            "{version}"
        );
    }
}

#[test]
fn every_algorithm_and_hash() {
    for asym in AsymAlgorithm::ALL {
        let Some(base_asym) = asym.base_asym() else {
            continue; // neither side negotiates ML-DSA yet
        };
        // One device for all hashes: its keys take time.
        for hash in HashAlgorithm::ALL {
            let rsa = matches!(asym, AsymAlgorithm::Rsa(..));
            if rsa && hash != HashAlgorithm::Sha384 && hash != HashAlgorithm::Sha3_512 {
                continue; // the two-process test of the tool has them all
            }
            let mut sim = Sim::new(DeviceConfig {
                base_asym,
                base_hash: hash.base_hash(),
                ..config(SpdmVersion::V1_3)
            });
            assert!(attest(&mut sim).is_ok(), "{asym} {hash}");
        }
    }
}

#[test]
fn legal_oddities() {
    for version in SpdmVersion::ALL {
        for fault in [
            Fault::ReservedBytes,
            Fault::BusyOnce,
            Fault::NotReadyOnce,
            Fault::VersionDuplicates,
            Fault::ContentChanged,
            Fault::NoChangeDetection,
        ] {
            let mut sim = Sim::new(DeviceConfig { faults: vec![fault], ..config(version) });
            assert!(attest(&mut sim).is_ok(), "{version} {fault}: {:?}", sim.codes());
        }
    }
}

#[test]
fn alias_chains_and_padding() {
    for padding in 0..4 {
        let model = DeviceModel::AliasCert;
        let mut sim = Sim::new(DeviceConfig { model, padding, ..config(SpdmVersion::V1_2) });
        assert!(attest(&mut sim).is_ok(), "padding {padding}");
    }
}

/// The nonce that the caller chose is signed once: with the measurements, or where none are required with CHALLENGE_AUTH.
#[test]
fn the_nonce_of_the_caller() {
    let chosen = RequesterNonce([0xC7; 32]);
    for version in SpdmVersion::ALL {
        for (requirement, codes) in [
            (Requirement::Challenge, &[Code::CHALLENGE][..]),
            (Requirement::Measurements, &[Code::GET_MEASUREMENTS]),
            (Requirement::ChallengeAndMeasurements, &[Code::GET_MEASUREMENTS]),
        ] {
            let mut sim = Sim::new(config(version));
            let result = with_policy(&mut sim, |sim, policy| {
                let mut plan = AttestationPlan::new(policy);
                (plan.requirement, plan.nonce) = (requirement, Some(chosen));
                plan.negotiation = NegotiationSigning::Waived;
                attest_with(sim, plan)
            });
            assert!(result.is_ok(), "{version} {requirement:?}: {result:?}");
            let with_nonce =
                sim.requests.iter().filter(|request| request.get(4..36) == Some(&chosen.0));
            let with_nonce: Vec<_> = with_nonce.map(|request| Code(request[1])).collect();
            assert_eq!(with_nonce, codes, "{version} {requirement:?}");
        }
    }
}
