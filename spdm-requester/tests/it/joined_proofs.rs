//! `Verified` joins a possession and a trust: only those of one identity.

use crate::sim::trusting::{Trust, plan_of, policy, signing_slots, slot, two_slots};
use crate::sim::{Memory, Sim, config, requester};
use spdm_emulator::DeviceConfig;
use spdm_requester::{Attested, Error, Possession, SlotChoice, Verified, blocking};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, Identity, Trusted};

/// Both proofs of an attestation of this slot.
fn proofs<'c>(sim: &mut Sim, number: u8, chain: &'c mut [u8]) -> (Possession<'c>, Trusted<'c>) {
    let trust = Trust::of(sim);
    let anchors = trust.anchors();
    let policy = policy(&anchors);
    let plan = plan_of(&policy, SlotChoice::Slot(slot(number)));
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
