//! Whole connections against arbitrary bytes and timing: an attestation, or single operations in any order.
//!
//! The input decides what device and requester are like, what the requester does, and for each of its messages
//! what comes back: the answer of a correct device, that answer changed, an ERROR, arbitrary bytes, nothing, or
//! something late.

mod line;
mod operations;
mod sessions;
mod transcripts;

use std::sync::{Arc, LazyLock};

use spdm_codec::{
    AlgorithmsBlock, BaseAsymAlgo, CapabilityFlags, ConnectionKeys, MeasurementSummary,
    PqcAsymAlgo, SpdmVersion,
};
use spdm_crypto::rustcrypto::Running;
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, HashAlgorithm, MlDsaSet};
use spdm_emulator::{Device, DeviceConfig, DeviceIdentity};
use spdm_requester::{
    AttestationPlan, Bounds, Compat, Connection, Fresh, NegotiationSigning, Offer, Proof,
    Requester, Requirement, Storage,
};
use spdm_transport::{Duration, Limits};
use spdm_x509::{Anchor, Policy, ValidityCheck};

use crate::hashed::{HashedKey, PROVIDER, repeat_nonces};
use crate::input::Input;
use crate::testing::certificates_for;
use line::{Line, drive};
pub use sessions::connect_with_sessions;
use transcripts::Witness;

const SIZES: [u32; 4] = [42, 64, 300, 4608];
/// Of one operation.
const ROUND_TRIPS: u16 = 120;
/// 2026.
const NOW: u64 = 1_795_392_000;

/// The algorithms of a device.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Suite {
    P256,
    P384,
    /// ML-DSA-44 in 1.4, P-384 in other versions.
    MlDsa44,
}

/// The identities of devices, made once: keys are slow to make.
struct Identities {
    p256: DeviceIdentity,
    p384: DeviceIdentity,
    ml_dsa_44: DeviceIdentity,
}

static IDENTITIES: LazyLock<Identities> = LazyLock::new(|| {
    let identity = |asym| {
        let issuers = ["Root", "Root", "CA 1"].map(|name| HashedKey::of(asym, name));
        let certificates = certificates_for(asym, 1);
        let signed = certificates.iter().zip(issuers).map(|(certificate, issuer)| {
            issuer.sign_certificate(certificate).expect("the parts of a certificate")
        });
        let leaf = Arc::new(HashedKey::of(asym, "Leaf"));
        DeviceIdentity::with_signer(leaf, signed.collect()).expect("a chain")
    };
    Identities {
        p256: identity(AsymAlgorithm::Ecdsa(EcCurve::P256)),
        p384: identity(AsymAlgorithm::Ecdsa(EcCurve::P384)),
        ml_dsa_44: identity(AsymAlgorithm::MlDsa(MlDsaSet::P44)),
    }
});

/// What the input makes of device and requester.
#[derive(Clone, Copy, Debug)]
struct Setup {
    suite: Suite,
    version: SpdmVersion,
    requirement: Requirement,
    /// `DataTransferSize` of the requester and of the device.
    sizes: [u32; 2],
    padding: usize,
    options: u8,
}

impl Setup {
    fn read(suite: Suite, input: &mut Input<'_>) -> Self {
        let version = SpdmVersion::ALL[usize::from(input.byte()) % SpdmVersion::ALL.len()];
        let sizes = input.byte();
        let requirement = match sizes >> 6 {
            0 => Requirement::Challenge,
            1 => Requirement::Measurements,
            _ => Requirement::ChallengeAndMeasurements,
        };
        Self {
            suite,
            version,
            requirement,
            sizes: [SIZES[usize::from(sizes & 3)], SIZES[usize::from(sizes >> 2 & 3)]],
            padding: usize::from(sizes >> 4 & 3),
            options: input.byte(),
        }
    }

    const fn has(&self, option: u8) -> bool {
        self.options & option != 0
    }

    fn device(&self) -> Device {
        let post_quantum = self.suite == Suite::MlDsa44 && self.version == SpdmVersion::V1_4;
        let (base_asym, hash) = match self.suite {
            Suite::P256 => (BaseAsymAlgo::ECDSA_P256, HashAlgorithm::Sha256),
            _ if post_quantum => (BaseAsymAlgo::empty(), HashAlgorithm::Sha384),
            _ => (BaseAsymAlgo::ECDSA_P384, HashAlgorithm::Sha384),
        };
        let identity = match self.suite {
            Suite::P256 => &IDENTITIES.p256,
            _ if post_quantum => &IDENTITIES.ml_dsa_44,
            _ => &IDENTITIES.p384,
        };
        let pqc = if post_quantum { PqcAsymAlgo::ML_DSA_44 } else { PqcAsymAlgo::empty() };
        Device::new(DeviceConfig {
            versions: vec![self.version],
            base_asym,
            pqc_asym: pqc,
            base_hash: hash.base_hash(),
            more_capabilities: CapabilityFlags::CHUNK_CAP
                | CapabilityFlags::MULTI_KEY_CAP_NEG
                | CapabilityFlags::GET_KEY_PAIR_INFO_CAP,
            data_transfer_size: self.sizes[1],
            max_spdm_msg_size: self.sizes[1].max(0x2000),
            padding: self.padding,
            identity: Some(identity.clone()),
            seed: Some(1),
            ..DeviceConfig::default()
        })
        .expect("a device")
    }

    fn requester<'a>(
        &self,
        memory: &'a mut Memory,
        witness: &'a mut Witness,
    ) -> Requester<'a, Fresh> {
        let Memory { message, hashes, connection } = memory;
        let limits = Limits::new(0x1_0000, 0x1_0000).with_padding(self.padding);
        let mut offer = Offer::everything(&PROVIDER);
        offer.data_transfer_size = self.sizes[0];
        if self.has(4) {
            offer.algorithms_block = AlgorithmsBlock::Requested;
        }
        if self.has(8) {
            offer.connection_keys = ConnectionKeys::Multi;
        }
        let mut compat = Compat::NONE;
        compat.unasked_alg_structs = self.has(16);
        compat.oversent_portions = self.has(32);
        let mut bounds = Bounds::default();
        bounds.round_trips = ROUND_TRIPS;
        bounds.resends = self.options & 3;
        bounds.time = Duration::from_secs(3600);
        Requester::new(PROVIDER, Storage::new(message, hashes, connection), limits)
            .with_offer(offer)
            .with_compat(compat)
            .with_bounds(bounds)
            .with_sink(witness)
    }
}

/// What a requester works in.
struct Memory {
    message: Vec<u8>,
    hashes: Bank<Running, 2>,
    connection: Connection,
}

impl Memory {
    fn new() -> Self {
        let (hashes, connection) = (Bank::new(), Connection::default());
        Self { message: vec![0; 0x2800], hashes, connection }
    }
}

/// Does with a device what the input says: the first byte chooses the algorithms (two bits), and whether it is an
/// attestation or single operations.
///
/// # Panics
/// When a device is verified without a signature over exactly the accepted bytes, when something is left
/// after an error, and when there are more messages than the bounds allow.
pub fn connect(data: &[u8]) {
    repeat_nonces();
    let mut input = Input::new(data);
    let choice = input.byte();
    let suite = match choice & 3 {
        1 => Suite::P384,
        2 => Suite::MlDsa44,
        _ => Suite::P256,
    };
    let setup = Setup::read(suite, &mut input);
    let mut line = Line::new(input, setup.device());
    if choice & 4 == 0 {
        attest(&setup, &mut line);
    } else {
        operations::run(&setup, &mut line);
    }
}

fn attest(setup: &Setup, line: &mut Line<'_, Device>) {
    let anchors = line.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let witness = Witness::of_device(&line.device, setup.padding, &line.arrived);
    let (mut memory, mut sink) = (Memory::new(), witness.clone());
    let mut plan = AttestationPlan::new(&policy);
    plan.requirement = setup.requirement;
    plan.negotiation = NegotiationSigning::Waived;
    if setup.has(64) {
        plan.summary = MeasurementSummary::All;
    }
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x800]);
    let requester = setup.requester(&mut memory, &mut sink);
    let mut flow = requester.attest(plan, &mut chain, &mut record);
    let driven = drive(&mut flow, line);
    let verified = match flow.finish() {
        Ok((_, attested)) => {
            assert!(driven.is_ok());
            witness.is_key(attested.verified.identity().key());
            let wanted: &[Proof] = match setup.requirement {
                Requirement::Challenge => &[Proof::Challenge],
                Requirement::Measurements => &[Proof::Measurements],
                _ => &[Proof::Challenge, Proof::Measurements],
            };
            assert_eq!(witness.proofs(), wanted);
            true
        }
        Err(_) => false,
    };
    if !verified {
        assert!(record.iter().all(|byte| *byte == 0), "measurements that nobody vouches for");
    }
}
