//! An examination whose measurements travel in a session.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, Code, KeySlot, RecordBinding, SlotId, SpdmVersion,
};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Act, Device, DeviceConfig, Edit, Position, ScriptStep, When};
use spdm_requester::{
    AttestationPlan, ChainCache, Connection, Error, KeySource, Misuse, Offer, Requester,
    Requirement, SessionPlan, Sessions, SlotChoice, Storage, ToUntrusted, blocking,
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
    let (found, slot) = examine_device(config(version), transfer, trusted, untrusted);
    assert_eq!(slot, KeySlot::Slot(SlotId::ZERO));
    found
}

/// The same of any device, and the slot whose key signed.
fn examine_device(
    config: DeviceConfig,
    transfer: u32,
    trusted: bool,
    untrusted: ToUntrusted,
) -> ([bool; 2], KeySlot) {
    let clock = SimClock::default();
    let device = Device::new(config).unwrap();
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
    plan.slot = SlotChoice::FirstTrusted;
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x4000]);
    let source = KeySource::Chain { known: ChainCache::EMPTY, buffer: &mut chain };
    let flow =
        requester.examine_in_session(plan, SessionPlan::DEFAULT, untrusted, source, &mut record);
    let (requester, (opened, examined)) = blocking::run(flow, &mut device, &clock).unwrap();
    let slot = examined.keyed.unwrap().identity().key_slot();
    let flow = requester.close_session(opened.session);
    blocking::run(flow, &mut device, &clock).unwrap();
    ([examined.verified.is_ok(), examined.measured.is_some()], slot)
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

/// On a multi-key connection a key may be one that opens no session: that of the next slot does.
#[test]
fn the_key_of_a_session_is_one_for_sessions() {
    for version in since(SpdmVersion::V1_3) {
        let one = SlotId::new(1).unwrap();
        let mut config = config(version);
        config.slots.push(one);
        config.generic_slots.push(one);
        config.more_capabilities |= F::MULTI_KEY_CAP_ONLY | F::GET_KEY_PAIR_INFO_CAP;
        // Of the two KeyUsageMasks at the end of DIGESTS the first one, without KEY_EX.
        let change = Act::Change(Edit::Flip(Position::FromEnd(3), 1));
        config.script.push(ScriptStep::new(Code::GET_DIGESTS, When::Always, change));
        let seen = examine_device(config, u32::MAX, true, ToUntrusted::Nothing);
        assert_eq!(seen, ([true, true], KeySlot::Slot(one)), "{version}");
    }
}
