//! Connections of devices that one certificate authority made: its signatures are verified once.

use std::sync::Mutex;

use spdm_codec::{BaseAsymAlgo, SlotId, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::Running;
use spdm_emulator::{Device, DeviceConfig, DmtfName, Fault};
use spdm_evidence::{Evidence, Negotiation, RecordedExchange, Recording, Report, Verifier};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, LinkTable, Revocation, Revocations, ValidityCheck, X509Certificate};
use test_counting::{COUNTING, verified};

use crate::requests::attestation;

const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);

/// A device of the one authority: the seed makes its keys, the serial number only the leaf.
fn device(serial: usize) -> Device {
    device_with(serial, Vec::new())
}

/// [`device`] with these misbehaviours.
fn device_with(serial: usize, faults: Vec<Fault>) -> Device {
    let name = DmtfName {
        manufacturer: "ACME".to_owned(),
        product: "WIDGET".to_owned(),
        serial: serial.to_string(),
    };
    let config = DeviceConfig {
        versions: vec![SpdmVersion::V1_2],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        seed: Some(1),
        dmtf_name: Some(name),
        faults,
        ..DeviceConfig::default()
    };
    Device::new(config).unwrap()
}

/// Negotiation, chain, CHALLENGE and signed measurements.
fn recording(device: &mut Device) -> Recording {
    let mut recording = Recording::new(Negotiation::Recorded, 0);
    recording.exchanges = attestation()
        .into_iter()
        .map(|request| {
            let response = device.respond(&request);
            RecordedExchange { request, interim: Vec::new(), response }
        })
        .collect();
    recording
}

/// Connections of so many devices, numbered from `first` on, and their root.
fn devices(first: usize, count: usize) -> (Evidence, Vec<u8>) {
    let mut evidence = Evidence::new("fleet");
    let mut root = Vec::new();
    for serial in first..first + count {
        let mut device = device(serial);
        root = device.trust_anchors().remove(0);
        evidence.recordings.push(recording(&mut device));
    }
    (evidence, root)
}

/// The reports, and how many signatures were verified for them.
fn verify(verifier: &Verifier<'_>, evidence: &Evidence) -> (Vec<Report>, usize) {
    verified();
    let reports = verifier.verify(&mut Bank::<Running, 2>::new(), evidence);
    (reports, verified())
}

#[test]
fn a_further_device_of_an_authority_costs_three_verifications() {
    let (evidence, root) = devices(0, 6);
    let anchors = [Anchor::Certificate(&root)];
    let verifier = Verifier::new(&COUNTING, &anchors, AT);
    let (reports, verified) = verify(&verifier, &evidence);
    assert_eq!(reports.len(), 6);
    for report in &reports {
        assert!(report.verified(), "{:?}", report.error());
    }
    // Of the first: intermediate, leaf, CHALLENGE_AUTH, MEASUREMENTS. Of each further one all but the intermediate.
    assert_eq!(verified, 4 + 5 * 3);
    // Without a store of the caller's, nothing is remembered from one call to the next.
    assert_eq!(verify(&verifier, &evidence).1, 4 + 5 * 3);
}

#[test]
fn calls_share_a_store_of_the_caller() {
    let (evidence, root) = devices(0, 2);
    let (more, _) = devices(2, 3);
    let anchors = [Anchor::Certificate(&root)];
    let store = Mutex::new(LinkTable::<64>::new());
    let verifier = Verifier { link_cache: Some(&store), ..Verifier::new(&COUNTING, &anchors, AT) };
    assert_eq!(verify(&verifier, &evidence).1, 4 + 3);
    let (reports, verified) = verify(&verifier, &more);
    assert!(reports.iter().all(Report::verified));
    assert_eq!(verified, 3 * 3);
    // Known devices: CHALLENGE_AUTH and MEASUREMENTS.
    assert_eq!(verify(&verifier, &evidence).1, 2 * 2);
}

/// A store holds signatures, no trust: whether a chain is trusted is decided each time.
#[test]
fn what_is_remembered_is_not_trusted() {
    let (evidence, root) = devices(0, 2);
    let anchors = [Anchor::Certificate(&root)];
    let store = Mutex::new(LinkTable::<64>::new());
    let verifier = Verifier { link_cache: Some(&store), ..Verifier::new(&COUNTING, &anchors, AT) };
    assert!(verify(&verifier, &evidence).0.iter().all(Report::verified));
    let none = |verifier: &Verifier<'_>| {
        let (reports, _) = verify(verifier, &evidence);
        reports.len() == 2 && reports.iter().all(|report| !report.verified())
    };
    assert!(none(&Verifier { anchors: &[], ..verifier }));
    assert!(none(&Verifier { validity: ValidityCheck::At(0), ..verifier }));
    let root = X509Certificate::parse(Untrusted::new(&root)).unwrap();
    let revoked = [Revocation::Certificate { issuer: root.issuer().der(), serial: root.serial() }];
    assert!(none(&Verifier { revocations: Revocations::new(&revoked), ..verifier }));
}

/// A chain is appraised once, also where a signature in it does not verify, which no store remembers: a connection costs
/// the two signatures that it brings, whatever its chain is.
#[test]
fn a_connection_with_a_known_chain_costs_two_verifications() {
    for (faults, trusted) in [(vec![], true), (vec![Fault::ChainBadSignature], false)] {
        let mut device = device_with(0, faults);
        let root = device.trust_anchors().remove(0);
        let anchors = [Anchor::Certificate(&root)];
        let verifier = Verifier::new(&COUNTING, &anchors, AT);
        let mut evidence = Evidence::new("one device");
        let mut count = |connections: usize| {
            while evidence.recordings.len() < connections {
                device.reset();
                evidence.recordings.push(recording(&mut device));
            }
            let (reports, verified) = verify(&verifier, &evidence);
            assert_eq!(reports.len(), connections);
            assert!(reports.iter().all(|report| report.verified() == trusted));
            verified
        };
        let first = count(1);
        assert!((3..=4).contains(&first), "{first}");
        assert_eq!(count(50), first + 49 * 2);
    }
}

/// The chain came with the file, and no connection proves anything: nothing is left to verify but the chain.
#[test]
fn an_attached_chain_is_appraised_once() {
    let mut device = device_with(0, vec![Fault::ChainBadSignature]);
    let mut one = recording(&mut device);
    let structure = one.exchanges[4].response.as_ref().unwrap()[8..].to_vec();
    one.exchanges.truncate(3);
    let mut evidence = Evidence::new("many");
    evidence.recordings = vec![one; 500];
    evidence.attach_chain(SlotId::ZERO, &structure);
    let (reports, verified) = verify(&Verifier::new(&COUNTING, &[], AT), &evidence);
    assert_eq!(reports.len(), 500);
    assert!(verified <= 3, "{verified}");
}
