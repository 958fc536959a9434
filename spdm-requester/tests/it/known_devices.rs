//! Chains that are known, devices that are known, and what an attestation costs with and without.

use crate::sim::cause::{Cause, certificate, chain, differs, signature};
use crate::sim::trusting::{
    CERTIFICATE, DIGESTS, Trust, attest, fetched, measurements_of, plan_of, policy, reattest, slot,
    two_slots,
};
use crate::sim::{FLOW, HASH_LEN, Memory, Sim, config, error_of, until};
use spdm_codec::{BaseAsymAlgo, Code, SlotId, SpdmVersion};
use spdm_emulator::DeviceConfig;
use spdm_requester::{
    AttestationPlan, ChainCache, Error, Incompatible, KeySource, KnownChain, Possession, Proof,
    Requester, SlotChoice, blocking,
};
use spdm_x509::{
    Check, Identity, LinkCache, LinkId, LinkTable, Policy, Rule, SanPolicy, ValidityCheck,
};
use test_counting::{COUNTING, verified};

/// The requests of an attestation of a device whose chain is known.
const WARM: [Code; 6] = [FLOW[0], FLOW[1], FLOW[2], FLOW[3], FLOW[5], FLOW[6]];

/// Attests a device once; then `run` gets it, the policy that trusts it, and its chain, which is known from now on.
fn with_known(config: DeviceConfig, run: impl FnOnce(&mut Sim, &Policy<'_>, &[KnownChain<'_>; 1])) {
    let mut sim = Sim::new(config);
    let trust = Trust::of(&sim);
    let anchors = trust.anchors();
    let policy = policy(&anchors);
    let mut buffer = [0; 0x4000];
    let known = attest(&mut sim, AttestationPlan::new(&policy), &mut buffer).1.unwrap();
    run(&mut sim, &policy, &[KnownChain::new(&known).unwrap()]);
}

#[test]
fn a_fresh_attestation_costs_four_signatures_and_seven_round_trips() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let policy = policy(&anchors);
        let mut buffer = [0; 0x4000];
        let (signatures, trusted) = attest(&mut sim, AttestationPlan::new(&policy), &mut buffer);
        let Identity::Chain(chain) = *trusted.unwrap().identity() else { panic!("a key") };
        assert_eq!(chain.certificate_count(), 3);
        assert_eq!((signatures, sim.codes()), (4, FLOW.to_vec()), "{version}");
    }
}

#[test]
fn a_known_chain_costs_two_signatures_and_six_round_trips() {
    for version in SpdmVersion::ALL {
        with_known(config(version), |sim, policy, known| {
            let plan = AttestationPlan::new(policy);
            let cache = ChainCache::new(known);
            for _ in 0..2 {
                // No room for a chain: none is fetched.
                let (signatures, trusted) = reattest(sim, plan, cache, &mut []);
                assert_eq!(trusted.unwrap().identity().digest(), known[0].chain().digest());
                assert_eq!((signatures, sim.codes()), (2, WARM.to_vec()), "{version}");
            }
            // By choice, too.
            let plan = plan_of(policy, SlotChoice::FirstTrusted);
            let (signatures, trusted) = reattest(sim, plan, cache, &mut []);
            assert!(trusted.is_ok());
            assert_eq!((signatures, sim.codes()), (2, WARM.to_vec()), "{version}");
        });
    }
}

/// The only chain of the device is known, and the policy of today trusts it no more: it is examined all the same, by that
/// chain.
#[test]
fn a_known_chain_that_is_trusted_no_more_is_examined() {
    let nobody = policy(&[]);
    for version in SpdmVersion::ALL {
        with_known(config(version), |sim, _, known| {
            let (mut memory, mut record) = (Memory::new(), [0; 0x1000]);
            let clock = sim.clock.clone();
            sim.requests.clear();
            let plan = plan_of(&nobody, SlotChoice::FirstTrusted);
            let source = KeySource::Chain { known: ChainCache::new(known), buffer: &mut [] };
            let requester = Requester::new(COUNTING, memory.storage(), sim.limits);
            let result = blocking::run(requester.examine(plan, source, &mut record), sim, &clock);
            let (_, examined) = result.map_err(|failure| failure.error).unwrap();
            assert_eq!(examined.identity.unwrap().digest(), known[0].chain().digest());
            assert!(examined.trusted.is_none() && examined.challenged.is_some());
            let cause = chain(Check::Anchor, Rule::NoTrustAnchor);
            assert_eq!(examined.verified.map(drop).map_err(Cause::from), Err(cause), "{version}");
            assert_eq!(sim.codes(), WARM, "{version}");
        });
    }
}

/// A store behind a lock, as a server shares it.
#[derive(Debug, Default)]
struct Store(std::sync::Mutex<LinkTable<64>>);

impl LinkCache for Store {
    fn contains(&self, link: &LinkId) -> bool {
        self.0.lock().unwrap().contains(link)
    }

    fn insert(&self, link: &LinkId) {
        self.0.lock().unwrap().insert(link);
    }
}

/// The authority's certificates are verified with the first device; of each further one the link to its own leaf, and
/// its two signatures.
#[test]
fn the_devices_of_one_authority_cost_three_signatures_each_after_the_first() {
    for version in SpdmVersion::ALL {
        // Two slots have two leaves below one authority: as two devices have.
        let mut sim = two_slots(version);
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let store = Store::default();
        let mut policy = policy(&anchors);
        policy.link_cache = Some(&store);
        let mut costs = Vec::new();
        for number in [0, 1, 0] {
            if number > 0 && version == SpdmVersion::V1_0 {
                continue; // another slot does not sign measurements
            }
            let mut buffer = [0; 0x4000];
            let plan = plan_of(&policy, SlotChoice::Slot(slot(number)));
            let (signatures, trusted) = attest(&mut sim, plan, &mut buffer);
            assert!(trusted.is_ok(), "{version} {number}");
            costs.push(signatures);
        }
        let expected: &[usize] = if version == SpdmVersion::V1_0 { &[4, 2] } else { &[4, 3, 2] };
        assert_eq!(costs, expected, "{version}");
        // It holds no trust: without the anchor nobody is trusted, and the links are not verified again.
        policy.anchors = &[];
        let mut buffer = [0; 0x4000];
        let (_, trusted) = attest(&mut sim, AttestationPlan::new(&policy), &mut buffer);
        assert_eq!(trusted.map(drop), Err(chain(Check::Anchor, Rule::NoTrustAnchor)));
    }
}

#[test]
fn n18_a_known_chain_is_judged_again() {
    for version in SpdmVersion::ALL {
        with_known(config(version), |sim, good, known| {
            // Where nobody vouches for the root, everything is looked at again.
            let mut refused = |policy: Policy<'_>, verified, cause| {
                let plan = AttestationPlan::new(&policy);
                let mut buffer = [0; 0x4000];
                let (signatures, result) = reattest(sim, plan, ChainCache::new(known), &mut buffer);
                assert_eq!(result.map(drop), Err(cause), "{version}");
                assert_eq!(
                    (signatures, sim.codes()),
                    (verified, until(DIGESTS).to_vec()),
                    "{version}"
                );
            };
            refused(Policy { anchors: &[], ..*good }, 3, chain(Check::Anchor, Rule::NoTrustAnchor));
            let other = Sim::new(DeviceConfig { seed: Some(2), ..config(version) });
            let other = Trust::of(&other);
            let other = other.anchors();
            let unknown = chain(Check::Anchor, Rule::UnknownAuthority);
            refused(Policy { anchors: &other, ..*good }, 3, unknown);
            let late = Policy { validity: ValidityCheck::At(253_402_300_800), ..*good };
            refused(late, 0, certificate(Check::Certificates, 1, Rule::Expired));
            let san = Policy { san: SanPolicy::Dmtf { pattern: "ACME:GADGET:*" }, ..*good };
            refused(san, 0, certificate(Check::San, 2, Rule::SanMismatch));
            let mut short = *good;
            short.limits.max_certificates = 2;
            refused(short, 0, chain(Check::Certificates, Rule::TooManyCertificates));
        });
    }
}

#[test]
fn linux_w04_linux_w36_another_device_in_the_place_of_a_known_one() {
    for version in SpdmVersion::ALL {
        with_known(config(version), |_, good, known| {
            let plan = AttestationPlan::new(good);
            let digest = known[0].chain().digest().as_bytes().to_vec();
            let cache = ChainCache::new(known);
            // It shows its own chain: that one is fetched, and judged like any other.
            let other = || Sim::new(DeviceConfig { seed: Some(2), ..config(version) });
            let mut sim = other();
            let mut buffer = [0; 0x4000];
            let (_, result) = reattest(&mut sim, plan, cache, &mut buffer);
            assert_eq!(result.map(drop), Err(chain(Check::Anchor, Rule::UnknownAuthority)));
            assert_eq!(sim.codes(), until(CERTIFICATE));
            // It announces the known chain: it has to answer for it.
            let mut sim = other();
            let announced = digest.clone();
            sim.tamper(DIGESTS, move |response| response[4..].copy_from_slice(&announced));
            let (signatures, result) = reattest(&mut sim, plan, cache, &mut []);
            let from = "the hash of the certificate chain";
            assert_eq!(result.map(drop), Err(differs("CHALLENGE_AUTH", "CertChainHash", from)));
            assert_eq!((signatures, sim.codes()), (0, WARM[..5].to_vec()));
            // And it knows which hash to name: it has not the key.
            let mut sim = other();
            let announced = digest.clone();
            sim.tamper(DIGESTS, move |response| response[4..].copy_from_slice(&announced));
            sim.tamper(Code::CHALLENGE, move |response| {
                response[4..4 + HASH_LEN].copy_from_slice(&digest);
            });
            let (signatures, result) = reattest(&mut sim, plan, cache, &mut []);
            assert_eq!(result.map(drop), Err(signature("CHALLENGE_AUTH")));
            // Through 1.1 it is tried in little-endian order, too.
            let tried = if version >= SpdmVersion::V1_2 { 1 } else { 2 };
            assert_eq!((signatures, sim.codes()), (tried, WARM[..5].to_vec()));
        });
    }
}

#[test]
fn a_chain_that_was_read_in_another_way_is_not_known() {
    let versions = vec![SpdmVersion::V1_2, SpdmVersion::V1_3];
    with_known(DeviceConfig { versions, ..config(SpdmVersion::V1_2) }, |sim, good, known| {
        // The same chain after a downgrade: the rules for its leaf are others.
        sim.tamper(Code::GET_VERSION, |response| {
            response[5] = 1;
            response.truncate(8);
            response[6..8].copy_from_slice(&[0x00, 0x12]);
        });
        let plan = measurements_of(good, SlotId::ZERO.into());
        let mut buffer = [0; 0x4000];
        let (signatures, result) = reattest(sim, plan, ChainCache::new(known), &mut buffer);
        // It is fetched; what reveals the downgrade is the signature over the negotiation.
        assert_eq!(result.map(drop), Err(signature("MEASUREMENTS")));
        assert_eq!(signatures, 3);
        assert_eq!(fetched(sim), [0]);
    });
}

fn recognize<'c>(
    sim: &mut Sim,
    identity: Identity<'c>,
) -> (usize, Result<(Possession<'c>, bool), Cause>) {
    let mut memory = Memory::new();
    let clock = sim.clock.clone();
    sim.requests.clear();
    let requester = Requester::new(COUNTING, memory.storage(), sim.limits);
    let nonce = requester.nonce().unwrap();
    verified();
    let result = match blocking::run(requester.recognize(identity, nonce), sim, &clock) {
        Ok((_, possession)) => Ok((possession, possession.nonce() == &nonce)),
        Err(failure) => Err(error_of(failure.error).into()),
    };
    (verified(), result)
}

const RECOGNIZED: [Code; 4] = [FLOW[0], FLOW[1], FLOW[2], FLOW[5]];

#[test]
fn the_same_device_is_recognized_by_one_signature() {
    for version in SpdmVersion::ALL {
        with_known(config(version), |sim, _, [known]| {
            let (signatures, result) = recognize(sim, Identity::Chain(*known.chain()));
            let (possession, fresh) = result.unwrap();
            assert!(fresh);
            assert_eq!(possession.proof(), Proof::Challenge);
            assert_eq!((signatures, sim.codes()), (1, RECOGNIZED.to_vec()), "{version}");
            // Another device, also where it names the known chain.
            let mut sim = Sim::new(DeviceConfig { seed: Some(2), ..config(version) });
            let from = "the hash of the certificate chain";
            let (_, result) = recognize(&mut sim, Identity::Chain(*known.chain()));
            assert_eq!(
                result.map(drop),
                Err(differs("CHALLENGE_AUTH", "CertChainHash", from)),
                "{version}"
            );
            let digest = known.chain().digest().as_bytes().to_vec();
            sim.tamper(Code::CHALLENGE, move |response| {
                response[4..4 + HASH_LEN].copy_from_slice(&digest);
            });
            let (_, result) = recognize(&mut sim, Identity::Chain(*known.chain()));
            assert_eq!(result.map(drop), Err(signature("CHALLENGE_AUTH")), "{version}");
            assert_eq!(sim.codes(), RECOGNIZED);
        });
    }
}

#[test]
fn a_device_that_changed_its_algorithms_is_not_recognized() {
    let version = SpdmVersion::V1_2;
    with_known(config(version), |_, _, [known]| {
        // It would prefer another algorithm and has another version: the known ones are offered alone.
        let both = BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384;
        let versions = SpdmVersion::ALL.to_vec();
        let mut sim = Sim::new(DeviceConfig { base_asym: both, versions, ..config(version) });
        assert!(recognize(&mut sim, Identity::Chain(*known.chain())).1.is_ok());
        let base_asym = BaseAsymAlgo::ECDSA_P384;
        let mut sim = Sim::new(DeviceConfig { base_asym, ..config(version) });
        let (signatures, result) = recognize(&mut sim, Identity::Chain(*known.chain()));
        assert!(matches!(result.map(drop), Err(Cause::Refused { .. } | Cause::Other(_))));
        assert_eq!((signatures, sim.codes()), (0, FLOW[..3].to_vec()));
        let mut sim = Sim::new(config(SpdmVersion::V1_1));
        let (_, result) = recognize(&mut sim, Identity::Chain(*known.chain()));
        let version = Cause::Other(Error::Incompatible(Incompatible::Version));
        assert_eq!(result.map(drop), Err(version));
        assert_eq!(sim.codes(), FLOW[..1]);
    });
}
