//! Attestations by a policy, with what is known before, and what they cost.

use spdm_codec::{Code, SlotId, SpdmVersion};
use spdm_emulator::DeviceConfig;
use spdm_requester::{
    AttestationPlan, Attested, ChainCache, NegotiationSigning, Requester, Requirement, SlotChoice,
    blocking,
};
use spdm_x509::{Anchor, Policy, Trusted, ValidityCheck};

use super::cause::Cause;
use super::{Memory, NOW, Sim, config, error_of};
use test_counting::{COUNTING, verified};

pub const CERTIFICATE: Code = Code::GET_CERTIFICATE;
pub const DIGESTS: Code = Code::GET_DIGESTS;

pub fn slot(number: u8) -> SlotId {
    SlotId::new(number).unwrap()
}

/// A device with one key in slot 0 and another in slot 1, below the same root.
pub fn two_slots(version: SpdmVersion) -> Sim {
    Sim::new(DeviceConfig { slots: vec![slot(0), slot(1)], ..config(version) })
}

/// Roots of a device, and a policy with them.
pub struct Trust {
    roots: Vec<Vec<u8>>,
}

impl Trust {
    pub fn of(sim: &Sim) -> Self {
        Self { roots: sim.device.trust_anchors() }
    }

    pub fn anchors(&self) -> Vec<Anchor<'_>> {
        self.roots.iter().map(|root| Anchor::Certificate(root)).collect()
    }
}

pub fn policy<'p>(anchors: &'p [Anchor<'p>]) -> Policy<'p> {
    Policy::new(&COUNTING, anchors, ValidityCheck::At(NOW))
}

/// Attests with a cache; also says how many signatures were verified.
pub fn reattest<'c>(
    sim: &mut Sim,
    plan: AttestationPlan<'_>,
    cache: ChainCache<'c>,
    buffer: &'c mut [u8],
) -> (usize, Result<Trusted<'c>, Cause>) {
    let mut memory = Memory::new();
    let mut record = [0; 0x1000];
    let clock = sim.clock.clone();
    sim.requests.clear();
    let requester = Requester::new(COUNTING, memory.storage(), sim.limits);
    verified();
    let flow = requester.reattest(plan, cache, buffer, &mut record);
    let result = blocking::run(flow, sim, &clock);
    let result = match result {
        Ok((_, attested)) => {
            let Attested { verified, trusted, .. } = attested;
            assert_eq!(verified.identity().digest(), trusted.identity().digest());
            Ok(trusted)
        }
        Err(failure) => Err(error_of(failure.error).into()),
    };
    (verified(), result)
}

/// Attests a device that nobody knows.
pub fn attest<'c>(
    sim: &mut Sim,
    plan: AttestationPlan<'_>,
    buffer: &'c mut [u8],
) -> (usize, Result<Trusted<'c>, Cause>) {
    reattest(sim, plan, ChainCache::EMPTY, buffer)
}

/// The slots of all GET_CERTIFICATE.
pub fn fetched(sim: &Sim) -> Vec<u8> {
    let of = sim.requests.iter().filter(|request| Code(request[1]) == CERTIFICATE);
    of.map(|request| request[2] & 0x0F).collect()
}

/// Versions in which another slot than 0 signs measurements.
pub fn signing_slots() -> impl Iterator<Item = SpdmVersion> {
    SpdmVersion::ALL.into_iter().filter(|version| *version > SpdmVersion::V1_0)
}

/// A plan with another slot than 0.
pub fn plan_of<'p>(policy: &'p Policy<'p>, slot: SlotChoice) -> AttestationPlan<'p> {
    let mut plan = AttestationPlan::new(policy);
    plan.slot = slot;
    plan
}

/// Measurements only: an attacker who changes DIGESTS and CERTIFICATE does not break their signature.
pub fn measurements_of<'p>(policy: &'p Policy<'p>, slot: SlotChoice) -> AttestationPlan<'p> {
    let mut plan = plan_of(policy, slot);
    plan.requirement = Requirement::Measurements;
    plan.negotiation = NegotiationSigning::Waived;
    plan
}
