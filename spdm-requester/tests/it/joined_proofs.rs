//! `Verified` joins a possession and a trust: only those of one identity.

use crate::sim::trusting::{
    Trust, measurements_of, plan_of, policy, signing_slots, slot, two_slots,
};
use crate::sim::{Memory, Sim, config, requester};
use spdm_codec::SpdmVersion;
use spdm_emulator::DeviceConfig;
use spdm_requester::{
    AttestationPlan, Attested, Error, Possession, Proof, Requirement, SlotChoice, Verified,
    blocking,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, Identity, Policy, Trusted};

/// Both proofs of an attestation of this slot.
fn proofs<'c>(sim: &mut Sim, number: u8, chain: &'c mut [u8]) -> (Possession<'c>, Trusted<'c>) {
    proofs_of(plan_of, sim, number, chain)
}

type PlanOf = for<'p> fn(&'p Policy<'p>, SlotChoice) -> AttestationPlan<'p>;

/// The same for another plan.
fn proofs_of<'c>(
    plan: PlanOf,
    sim: &mut Sim,
    number: u8,
    chain: &'c mut [u8],
) -> (Possession<'c>, Trusted<'c>) {
    let trust = Trust::of(sim);
    let anchors = trust.anchors();
    let policy = policy(&anchors);
    let plan = plan(&policy, SlotChoice::Slot(slot(number)));
    let (mut memory, mut record) = (Memory::new(), [0; 0x1000]);
    let clock = sim.clock.clone();
    let flow = requester(&mut memory, sim).attest(plan, chain, &mut record);
    let (_, Attested { verified, trusted, .. }) = blocking::run(flow, sim, &clock).unwrap();
    (*verified.possession(), trusted)
}

#[test]
fn a_possession_and_a_trust_of_different_identities_verify_nothing() {
    for version in signing_slots() {
        let [mut first, mut second, mut third] = [(); 3].map(|()| vec![0; 0x4000]);
        let mut sim = two_slots(version);
        let zero = proofs(&mut sim, 0, &mut first);
        let one = proofs(&mut sim, 1, &mut second);
        let mut other = Sim::new(DeviceConfig { seed: Some(2), ..config(version) });
        let other = proofs(&mut other, 0, &mut third);
        let all = [zero, one, other];
        for (held, (possession, _)) in all.iter().enumerate() {
            for (believed, (_, trusted)) in all.iter().enumerate() {
                let verified = Verified::new(*possession, trusted).map(drop);
                let expected = if held == believed { Ok(()) } else { Err(Error::IdentityMismatch) };
                assert_eq!(verified, expected, "{version}: {held} {believed}");
            }
        }
    }
}

/// The same bytes are another identity in another slot, and under another certificate model.
#[test]
fn the_same_chain_in_another_context_is_another_identity() {
    for version in signing_slots() {
        let mut bytes = vec![0; 0x4000];
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let (possession, trusted) = proofs(&mut sim, 0, &mut bytes);
        assert!(Verified::new(possession, &trusted).is_ok());
        let Identity::Chain(chain) = trusted.identity() else { panic!("{version}") };
        let own = *chain.context();
        let of = |slot, model| ChainContext::new(slot, own.version, model, own.asym, own.hash);
        assert_ne!(own.model, CertModel::GenericCert);
        for context in [of(slot(1), own.model), of(own.slot, CertModel::GenericCert)] {
            let policy = policy(&anchors);
            let raw = Untrusted::new(chain.bytes());
            let elsewhere = Chain::parse(raw, context, policy.provider).unwrap();
            let trusted = policy.validate(&elsewhere).unwrap();
            let verified = Verified::new(possession, &trusted).map(drop);
            assert_eq!(verified, Err(Error::IdentityMismatch), "{version} {context:?}");
        }
    }
}

/// DSP0274 §Transcript and transcript hash calculation: L1/L2 begins with VCA since 1.2, M1/M2 in every version.
#[test]
fn what_covers_the_negotiation() {
    fn challenge_of<'p>(policy: &'p Policy<'p>, slot: SlotChoice) -> AttestationPlan<'p> {
        let mut plan = plan_of(policy, slot);
        plan.requirement = Requirement::Challenge;
        plan
    }
    for version in SpdmVersion::ALL {
        let is_in_measurements = version >= SpdmVersion::V1_2;
        let cases: [(PlanOf, Proof, bool); 2] = [
            (challenge_of, Proof::Challenge, true),
            (measurements_of, Proof::Measurements, is_in_measurements),
        ];
        for (plan, proof, covers) in cases {
            let mut chain = vec![0; 0x4000];
            let (possession, _) = proofs_of(plan, &mut Sim::new(config(version)), 0, &mut chain);
            assert_eq!(possession.proof(), proof, "{version}");
            assert_eq!(possession.covers_negotiation(), covers, "{version} {proof:?}");
        }
    }
}
