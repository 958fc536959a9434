//! An examination whose measurements travel in a session.

use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, RecordBinding, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{
    AttestationPlan, ChainCache, Connection, Error, KeySource, Misuse, Offer, Requester,
    Requirement, SessionPlan, Sessions, Storage, ToUntrusted, blocking,
};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, Policy, ValidityCheck};

use crate::emulated_sessions::Emulated;
use crate::sim::{SimClock, error_of, since};

type F = CapabilityFlags;

fn config(version: SpdmVersion) -> DeviceConfig {
    DeviceConfig {
        seed: Some(7),
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: BaseHashAlgo::SHA_256,
        more_capabilities: F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP | F::CHUNK_CAP,
        max_spdm_msg_size: 0x4000,
        ..DeviceConfig::default()
    }
}

/// Whether it is verified, and whether measurements came.
fn examine(
    version: SpdmVersion,
    transfer: u32,
    trusted: bool,
    untrusted: ToUntrusted,
) -> [bool; 2] {
    let clock = SimClock::default();
    let device = Device::new(config(version)).unwrap();
    let roots = device.trust_anchors();
    let mut device = Emulated::new(device, RecordBinding::PciDoe, clock.clone());
    let (mut message, mut connection) = (vec![0; 0x4000], Connection::new(0));
    let (mut hashes, mut bank) = (Bank::<Running, 4>::new(), Sessions::<1>::new());
    let storage = Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut bank);
    let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    offer.data_transfer_size = transfer;
    let requester = Requester::new(PROVIDER, storage, device.limits()).with_offer(offer);
    let anchors: Vec<Anchor<'_>> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let anchors = if trusted { &anchors[..] } else { &[] };
    let policy = Policy::new(&PROVIDER, anchors, ValidityCheck::Unchecked);
    let mut plan = AttestationPlan::new(&policy);
    plan.requirement = Requirement::Measurements;
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x4000]);
    let source = KeySource::Chain { known: ChainCache::EMPTY, buffer: &mut chain };
    let flow =
        requester.examine_in_session(plan, SessionPlan::DEFAULT, untrusted, source, &mut record);
    let (requester, (opened, examined)) = blocking::run(flow, &mut device, &clock).unwrap();
    assert!(examined.keyed.is_some());
    let flow = requester.close_session(opened.session);
    blocking::run(flow, &mut device, &clock).unwrap();
    [examined.verified.is_ok(), examined.measured.is_some()]
}

/// A session is opened with somebody: without a key there is nobody.
#[test]
fn a_session_needs_a_key() {
    let clock = SimClock::default();
    let device = Device::new(config(SpdmVersion::V1_3)).unwrap();
    let mut device = Emulated::new(device, RecordBinding::PciDoe, clock.clone());
    let (mut message, mut connection) = (vec![0; 0x4000], Connection::new(0));
    let (mut hashes, mut bank) = (Bank::<Running, 4>::new(), Sessions::<1>::new());
    let storage = Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut bank);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    let requester = Requester::new(PROVIDER, storage, device.limits()).with_offer(offer);
    let policy = Policy::new(&PROVIDER, &[], ValidityCheck::Unchecked);
    let mut record = vec![0; 0x4000];
    let flow = requester.examine_in_session(
        AttestationPlan::new(&policy),
        SessionPlan::DEFAULT,
        ToUntrusted::AsPlanned,
        KeySource::Nothing,
        &mut record,
    );
    let failure = blocking::run(flow, &mut device, &clock).unwrap_err();
    assert_eq!(error_of(failure.error), Error::Misuse(Misuse::Identity));
}

#[test]
fn measurements_travel_in_the_session_in_chunks_too() {
    for version in since(SpdmVersion::V1_1) {
        for transfer in [u32::MAX, 256, 42] {
            let found = examine(version, transfer, true, ToUntrusted::Nothing);
            assert_eq!(found, [true, true], "{version:?} {transfer}");
        }
    }
}

#[test]
fn nothing_is_asked_of_a_device_that_is_not_trusted() {
    let version = SpdmVersion::V1_3;
    assert_eq!(examine(version, u32::MAX, false, ToUntrusted::Nothing), [false, false]);
    assert_eq!(examine(version, u32::MAX, false, ToUntrusted::AsPlanned), [false, true]);
}
