//! A correct device is attested, whatever it legally does.

use crate::sim::{Sim, attest};
use spdm_codec::{BaseAsymAlgo, Code, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_emulator::{DeviceConfig, DeviceModel, Fault};

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
