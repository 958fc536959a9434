//! Whose key answers: the choice of a slot, chains that are known, devices that are known, raw public keys,
//! large chains. And what each of them costs.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests: a panic is the failure"
)]

mod sim;

use core::cell::RefCell;
use std::rc::Rc;

use sim::cause::{Cause, certificate, chain, differs, signature};
use sim::counting::{COUNTING, verified};
use sim::{FLOW, Memory, NOW, Sim, SimClock, config, error_of, negotiated, until};
use spdm_codec::{
    BaseAsymAlgo, CapabilityFlags, Certificate, CertificateForm, CertificateModel, Code, Cx,
    GetCertificate, KeyUsage, Message, SlotId, SlotMask, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{DeviceConfig, DeviceModel, KeyProvisioning};
use spdm_requester::{
    AttestationPlan, Attested, Buffer, ChainCache, Error, Incompatible, Misuse, Possession, Proof,
    Recovered, Requester, Requirement, SlotChoice, blocking,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Check, Identity, Policy, Revocation, Revocations, Rule, SanPolicy, Trusted,
    ValidityCheck,
};

const CERTIFICATE: Code = Code::GET_CERTIFICATE;
const DIGESTS: Code = Code::GET_DIGESTS;
/// SHA-256.
const HASH_LEN: usize = 32;
/// The requests of an attestation of a device whose chain is known.
const WARM: [Code; 6] = [FLOW[0], FLOW[1], FLOW[2], FLOW[3], FLOW[5], FLOW[6]];

fn slot(number: u8) -> SlotId {
    SlotId::new(number).unwrap()
}

/// A device with one key in slot 0 and another in slot 1, below the same root.
fn two_slots(version: SpdmVersion) -> Sim {
    Sim::new(DeviceConfig { slots: vec![slot(0), slot(1)], ..config(version) })
}

/// Roots of a device, and a policy with them.
struct Trust {
    roots: Vec<Vec<u8>>,
}

impl Trust {
    fn of(sim: &Sim) -> Self {
        Self { roots: sim.device.trust_anchors() }
    }

    fn anchors(&self) -> Vec<Anchor<'_>> {
        self.roots.iter().map(|root| Anchor::Certificate(root)).collect()
    }
}

fn policy<'p>(anchors: &'p [Anchor<'p>]) -> Policy<'p> {
    Policy::new(&COUNTING, anchors, ValidityCheck::At(NOW))
}

/// Attests with a cache; also says how many signatures were verified.
fn reattest<'c>(
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
fn attest<'c>(
    sim: &mut Sim,
    plan: AttestationPlan<'_>,
    buffer: &'c mut [u8],
) -> (usize, Result<Trusted<'c>, Cause>) {
    reattest(sim, plan, ChainCache::EMPTY, buffer)
}

/// The slots of all GET_CERTIFICATE.
fn fetched(sim: &Sim) -> Vec<u8> {
    let of = sim.requests.iter().filter(|request| Code(request[1]) == CERTIFICATE);
    of.map(|request| request[2] & 0x0F).collect()
}

/// Cuts `len` bytes off the end of the chain in slot 0, and announces the digest of what is left.
fn break_slot_0(sim: &mut Sim, version: SpdmVersion) {
    let at = if version == SpdmVersion::V1_4 { 16 } else { 8 };
    // The last byte of the chain is one of the leaf's signature.
    let asked = Rc::new(RefCell::new(0));
    let seen = asked.clone();
    sim.tamper_request(CERTIFICATE, move |request| *seen.borrow_mut() = request[2] & 0x0F);
    sim.tamper(CERTIFICATE, move |response| {
        if *asked.borrow() == 0 {
            *response.last_mut().unwrap() ^= 1;
        }
    });
    let mut probe = two_slots(version);
    let chain = {
        let mut memory = Memory::new();
        let mut buffer = vec![0; 0x4000];
        let clock = probe.clock.clone();
        let requester = negotiated(&mut memory, &mut probe).unwrap();
        let flow = requester.fetch_chain(slot(0), &mut buffer);
        blocking::run(flow, &mut probe, &clock).map_err(|f| f.error).unwrap();
        probe.response_to(CERTIFICATE)[at..].to_vec()
    };
    let mut broken = chain;
    *broken.last_mut().unwrap() ^= 1;
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&broken]).unwrap();
    sim.tamper(DIGESTS, move |response| {
        response[4..4 + HASH_LEN].copy_from_slice(digest.as_bytes());
    });
}

/// Versions in which another slot than 0 signs measurements.
fn signing_slots() -> impl Iterator<Item = SpdmVersion> {
    SpdmVersion::ALL.into_iter().filter(|version| *version > SpdmVersion::V1_0)
}

/// A plan with another slot than 0.
fn plan_of<'p>(policy: &'p Policy<'p>, slot: SlotChoice) -> AttestationPlan<'p> {
    let mut plan = AttestationPlan::new(policy);
    plan.slot = slot;
    plan
}

/// Measurements only: an attacker who changes DIGESTS and CERTIFICATE does not break their signature.
fn measurements_of<'p>(policy: &'p Policy<'p>, slot: SlotChoice) -> AttestationPlan<'p> {
    let mut plan = plan_of(policy, slot);
    plan.requirement = Requirement::Measurements;
    plan
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
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let policy = policy(&anchors);
        let plan = AttestationPlan::new(&policy);
        let mut first = [0; 0x4000];
        let known = [attest(&mut sim, plan, &mut first).1.unwrap()];
        let cache = ChainCache::new(&known);
        for _ in 0..2 {
            // No room for a chain: none is fetched.
            let (signatures, trusted) = reattest(&mut sim, plan, cache, &mut []);
            assert_eq!(trusted.unwrap().identity().digest(), known[0].identity().digest());
            assert_eq!((signatures, sim.codes()), (2, WARM.to_vec()), "{version}");
        }
        // By choice, too.
        let plan = plan_of(&policy, SlotChoice::FirstTrusted);
        let (signatures, trusted) = reattest(&mut sim, plan, cache, &mut []);
        assert!(trusted.is_ok());
        assert_eq!((signatures, sim.codes()), (2, WARM.to_vec()), "{version}");
    }
}

#[test]
fn n18_a_known_chain_is_judged_again() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let good = policy(&anchors);
        let mut buffer = [0; 0x4000];
        let known = [attest(&mut sim, AttestationPlan::new(&good), &mut buffer).1.unwrap()];
        // Where nobody vouches for the root, everything is looked at again.
        let mut refused = |policy: Policy<'_>, verified, cause| {
            let plan = AttestationPlan::new(&policy);
            let mut buffer = [0; 0x4000];
            let (signatures, result) =
                reattest(&mut sim, plan, ChainCache::new(&known), &mut buffer);
            assert_eq!(result.map(drop), Err(cause), "{version}");
            assert_eq!((signatures, sim.codes()), (verified, until(DIGESTS).to_vec()), "{version}");
        };
        refused(Policy { anchors: &[], ..good }, 3, chain(Check::Anchor, Rule::NoTrustAnchor));
        let other = Sim::new(DeviceConfig { seed: Some(2), ..config(version) });
        let other = Trust::of(&other);
        let other = other.anchors();
        let unknown = chain(Check::Anchor, Rule::UnknownAuthority);
        refused(Policy { anchors: &other, ..good }, 3, unknown);
        let late = Policy { validity: ValidityCheck::At(253_402_300_800), ..good };
        refused(late, 0, certificate(Check::Certificates, 1, Rule::Expired));
        let san = Policy { san: SanPolicy::Dmtf { pattern: "ACME:GADGET:*" }, ..good };
        refused(san, 0, certificate(Check::San, 2, Rule::SanMismatch));
        let mut short = good;
        short.limits.max_certificates = 2;
        refused(short, 0, chain(Check::Certificates, Rule::TooManyCertificates));
    }
}

#[test]
fn linux_w04_linux_w36_another_device_in_the_place_of_a_known_one() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let good = policy(&anchors);
        let plan = AttestationPlan::new(&good);
        let mut buffer = [0; 0x4000];
        let known = [attest(&mut sim, plan, &mut buffer).1.unwrap()];
        let digest = known[0].identity().digest().as_bytes().to_vec();
        let cache = ChainCache::new(&known);
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
        assert_eq!((signatures, sim.codes()), (1, WARM[..5].to_vec()));
    }
}

#[test]
fn a_chain_that_was_read_in_another_way_is_not_known() {
    let versions = vec![SpdmVersion::V1_2, SpdmVersion::V1_3];
    let mut sim = Sim::new(DeviceConfig { versions, ..config(SpdmVersion::V1_2) });
    let trust = Trust::of(&sim);
    let anchors = trust.anchors();
    let good = policy(&anchors);
    let plan = AttestationPlan::new(&good);
    let mut buffer = [0; 0x4000];
    let known = [attest(&mut sim, plan, &mut buffer).1.unwrap()];
    // The same chain after a downgrade: the rules for its leaf are others.
    sim.tamper(Code::GET_VERSION, |response| {
        response[5] = 1;
        response.truncate(8);
        response[6..8].copy_from_slice(&[0x00, 0x12]);
    });
    let plan = measurements_of(&good, SlotId::ZERO.into());
    let mut buffer = [0; 0x4000];
    let (signatures, result) = reattest(&mut sim, plan, ChainCache::new(&known), &mut buffer);
    // It is fetched; what reveals the downgrade is the signature over the negotiation.
    assert_eq!(result.map(drop), Err(signature("MEASUREMENTS")));
    assert_eq!(signatures, 3);
    assert_eq!(fetched(&sim), [0]);
}

#[test]
fn n19_linux_w03_the_first_slot_that_is_trusted_answers() {
    for version in signing_slots() {
        let mut sim = two_slots(version);
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let good = policy(&anchors);
        let plan = plan_of(&good, SlotChoice::FirstTrusted);
        let mut buffer = [0; 0x4000];
        let (signatures, trusted) = attest(&mut sim, plan, &mut buffer);
        assert_eq!(trusted.unwrap().identity().key_slot(), SlotId::ZERO.into_key_slot());
        // To choose costs no signature more.
        assert_eq!((signatures, fetched(&sim)), (4, vec![0]));
        // Slot 0 is bad, slot 1 is good: its key, and no other, is the one that verifies.
        break_slot_0(&mut sim, version);
        let plan = measurements_of(&good, SlotChoice::FirstTrusted);
        let (signatures, trusted) = attest(&mut sim, plan, &mut buffer);
        assert_eq!(trusted.unwrap().identity().key_slot(), slot(1).into_key_slot());
        assert_eq!((signatures, fetched(&sim)), (2 + 2 + 1, vec![0, 1]), "{version}");
        let last = sim.requests.last().unwrap();
        assert_eq!((last[1], last[36]), (Code::GET_MEASUREMENTS.0, 1), "{version}");
        // Who asks for slot 0 gets no other.
        let plan = measurements_of(&good, slot(0).into());
        let cause = certificate(Check::Signatures, 2, Rule::Signature);
        assert_eq!(attest(&mut sim, plan, &mut buffer).1.map(drop), Err(cause));
        assert_eq!(fetched(&sim), [0]);
    }
}

#[test]
fn n19_linux_w01_no_slot_is_trusted() {
    for version in SpdmVersion::ALL {
        let mut sim = two_slots(version);
        for choice in [SlotChoice::FirstTrusted, SlotChoice::Model(CertModel::Unknown)] {
            if choice != SlotChoice::FirstTrusted && version >= SpdmVersion::V1_2 {
                continue; // the model is known
            }
            let nobody = policy(&[]);
            let plan = plan_of(&nobody, choice);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan, &mut buffer);
            assert_eq!(result.map(drop), Err(chain(Check::Anchor, Rule::NoTrustAnchor)));
            // Each was looked at, none was challenged.
            assert_eq!(fetched(&sim), [0, 1]);
            assert_eq!(sim.codes().last(), Some(&CERTIFICATE));
        }
    }
}

#[test]
fn the_slot_of_a_certificate_model() {
    for (model, right, wrong) in [
        (DeviceModel::DeviceCert, CertModel::DeviceCert, CertModel::AliasCert),
        (DeviceModel::AliasCert, CertModel::AliasCert, CertModel::DeviceCert),
    ] {
        for version in SpdmVersion::ALL.into_iter().filter(|v| *v >= SpdmVersion::V1_2) {
            let mut sim = Sim::new(DeviceConfig { model, ..config(version) });
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let mut plan = AttestationPlan::new(&good);
            plan.slot = SlotChoice::Model(right);
            let mut buffer = [0; 0x4000];
            assert!(attest(&mut sim, plan, &mut buffer).1.is_ok(), "{version} {model:?}");
            for absent in [SlotChoice::Model(wrong), SlotChoice::KeyPair(1)] {
                plan.slot = absent;
                let (_, result) = attest(&mut sim, plan, &mut buffer);
                let none = Cause::Other(Error::Incompatible(Incompatible::NoSlot));
                assert_eq!(result.map(drop), Err(none), "{version} {model:?}");
                assert_eq!(sim.codes(), until(DIGESTS));
            }
        }
    }
}

/// Slots 0 and 1 on a multi-key connection; slot 1 is of the generic model.
fn multi_key(version: SpdmVersion) -> Sim {
    let flags = CapabilityFlags::MULTI_KEY_CAP_ONLY | CapabilityFlags::GET_KEY_PAIR_INFO_CAP;
    Sim::new(DeviceConfig {
        slots: vec![slot(0), slot(1)],
        generic_slots: vec![slot(1)],
        more_capabilities: flags,
        ..config(version)
    })
}

/// [`multi_key`] with these KeyPairID, CertificateInfo and KeyUsageMask.
fn with_keys(version: SpdmVersion, keys: [(u8, CertificateModel, KeyUsage); 2]) -> Sim {
    let mut sim = multi_key(version);
    sim.tamper(DIGESTS, move |response| {
        response.truncate(4 + 2 * HASH_LEN);
        response.extend(keys.map(|(id, ..)| id));
        response.extend(keys.map(|(_, model, _)| model.to_byte()));
        response.extend(keys.map(|(.., usage)| usage.bits().to_le_bytes()).concat());
    });
    sim
}

#[test]
fn the_key_of_the_chosen_slot_signs_on_a_multi_key_connection() {
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        for (choice, number) in [
            (SlotChoice::Slot(slot(1)), 1),
            (SlotChoice::KeyPair(2), 1),
            (SlotChoice::FirstTrusted, 0),
            (SlotChoice::Model(CertModel::DeviceCert), 0),
            (SlotChoice::Model(CertModel::GenericCert), 1),
        ] {
            let mut sim = multi_key(version);
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan_of(&good, choice), &mut buffer);
            let trusted = result.unwrap();
            assert_eq!(trusted.identity().key_slot(), slot(number).into_key_slot());
            assert_eq!(fetched(&sim), [number], "{version} {choice:?}");
        }
    }
}

#[test]
fn the_slot_of_a_key_pair_whose_key_may_sign() {
    use CertificateModel::{DeviceCert, GenericCert, None as Absent};
    let all = KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT | KeyUsage::KEY_EX;
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let rows = [
            // The choice, what DIGESTS says, and the slot whose chain is fetched.
            (SlotChoice::KeyPair(7), [(5, DeviceCert, all), (7, GenericCert, all)], Some(1)),
            (SlotChoice::KeyPair(5), [(5, DeviceCert, all), (7, GenericCert, all)], Some(0)),
            (SlotChoice::KeyPair(6), [(5, DeviceCert, all), (7, GenericCert, all)], None),
            (
                SlotChoice::Model(CertModel::GenericCert),
                [(5, DeviceCert, all), (7, GenericCert, all)],
                Some(1),
            ),
            (
                SlotChoice::FirstTrusted,
                [(5, DeviceCert, KeyUsage::KEY_EX), (7, GenericCert, all)],
                Some(1),
            ),
            (
                SlotChoice::FirstTrusted,
                [(5, DeviceCert, KeyUsage::CHALLENGE), (7, GenericCert, KeyUsage::KEY_EX)],
                None,
            ),
        ];
        for (choice, keys, expected) in rows {
            let mut sim = with_keys(version, keys);
            let trust = Trust::of(&sim);
            let anchors = trust.anchors();
            let good = policy(&anchors);
            let plan = plan_of(&good, choice);
            let mut buffer = [0; 0x4000];
            let (_, result) = attest(&mut sim, plan, &mut buffer);
            // The attacker's changes end it at the first signature.
            let cause = match expected {
                Some(_) => signature("CHALLENGE_AUTH"),
                None => Cause::Other(Error::Incompatible(Incompatible::NoSlot)),
            };
            assert_eq!(result.map(drop), Err(cause), "{version} {choice:?}");
            assert_eq!(fetched(&sim), Vec::from_iter(expected), "{version} {choice:?}");
        }
        // A key without a chain (libspdm #2492): its digest is zero, and there is nothing to fetch.
        let mut sim = with_keys(version, [(5, DeviceCert, all), (7, Absent, all)]);
        sim.tamper(DIGESTS, |response| response[4 + HASH_LEN..4 + 2 * HASH_LEN].fill(0));
        let mut memory = Memory::new();
        let clock = sim.clock.clone();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        let (requester, ()) = blocking::run(requester.get_digests(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        let connection = requester.connection();
        assert!(connection.provisioned_slots().eq([slot(0)]));
        assert_eq!(connection.slot_key(slot(1)).map(|key| key.key_pair_id), Some(7));
    }
}

#[test]
fn n15_linux_w42_supported_is_not_provisioned() {
    for version in SpdmVersion::ALL {
        let mut sim = two_slots(version);
        if version >= SpdmVersion::V1_3 {
            sim.tamper(DIGESTS, |response| response[2] = 0x1F);
        }
        let mut memory = Memory::new();
        let clock = sim.clock.clone();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        assert_eq!(requester.connection().supported_slots(), None);
        let (requester, ()) = blocking::run(requester.get_digests(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        let supported = (version >= SpdmVersion::V1_3).then_some(SlotMask(0x1F));
        assert_eq!(requester.connection().supported_slots(), supported);
        assert!(requester.connection().provisioned_slots().eq([slot(0), slot(1)]));
        // A slot that vanishes is gone.
        let requester = requester.restart();
        sim.heal();
        sim.tamper(DIGESTS, move |response| {
            response[3] = 1;
            response.truncate(4 + HASH_LEN);
        });
        let (requester, ()) = blocking::run(requester.negotiate(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        assert_eq!(requester.connection().provisioned_slots().count(), 0);
        let (requester, ()) = blocking::run(requester.get_digests(), &mut sim, &clock)
            .map_err(|failure| failure.error)
            .unwrap();
        assert!(requester.connection().provisioned_slots().eq([slot(0)]));
        assert_eq!(requester.connection().slot_digest(slot(1)), None);
    }
}

// The same device.

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
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let good = policy(&anchors);
        let mut buffer = [0; 0x4000];
        let known = attest(&mut sim, AttestationPlan::new(&good), &mut buffer).1.unwrap();
        let (signatures, result) = recognize(&mut sim, *known.identity());
        let (possession, fresh) = result.unwrap();
        assert!(fresh);
        assert_eq!(possession.proof(), Proof::Challenge);
        assert_eq!((signatures, sim.codes()), (1, RECOGNIZED.to_vec()), "{version}");
        // Another device, also where it names the known chain.
        let mut sim = Sim::new(DeviceConfig { seed: Some(2), ..config(version) });
        let from = "the hash of the certificate chain";
        let (_, result) = recognize(&mut sim, *known.identity());
        assert_eq!(
            result.map(drop),
            Err(differs("CHALLENGE_AUTH", "CertChainHash", from)),
            "{version}"
        );
        let digest = known.identity().digest().as_bytes().to_vec();
        sim.tamper(Code::CHALLENGE, move |response| {
            response[4..4 + HASH_LEN].copy_from_slice(&digest);
        });
        let (_, result) = recognize(&mut sim, *known.identity());
        assert_eq!(result.map(drop), Err(signature("CHALLENGE_AUTH")), "{version}");
        assert_eq!(sim.codes(), RECOGNIZED);
    }
}

#[test]
fn a_device_that_changed_its_algorithms_is_not_recognized() {
    let version = SpdmVersion::V1_2;
    let mut sim = Sim::new(config(version));
    let trust = Trust::of(&sim);
    let anchors = trust.anchors();
    let good = policy(&anchors);
    let mut buffer = [0; 0x4000];
    let known = attest(&mut sim, AttestationPlan::new(&good), &mut buffer).1.unwrap();
    // It would prefer another algorithm and has another version: the known ones are offered alone.
    let both = BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384;
    let versions = SpdmVersion::ALL.to_vec();
    let mut sim = Sim::new(DeviceConfig { base_asym: both, versions, ..config(version) });
    assert!(recognize(&mut sim, *known.identity()).1.is_ok());
    let base_asym = BaseAsymAlgo::ECDSA_P384;
    let mut sim = Sim::new(DeviceConfig { base_asym, ..config(version) });
    let (signatures, result) = recognize(&mut sim, *known.identity());
    assert!(matches!(result.map(drop), Err(Cause::Refused { .. } | Cause::Other(_))));
    assert_eq!((signatures, sim.codes()), (0, FLOW[..3].to_vec()));
    let mut sim = Sim::new(config(SpdmVersion::V1_1));
    let (_, result) = recognize(&mut sim, *known.identity());
    let version = Cause::Other(Error::Incompatible(Incompatible::Version));
    assert_eq!(result.map(drop), Err(version));
    assert_eq!(sim.codes(), FLOW[..1]);
}

// A raw public key.

/// How an attestation by a provisioned key ends.
fn by_key<'p>(
    sim: &mut Sim,
    spki_der: &[u8],
    change: impl FnOnce(&mut Policy<'p>),
) -> (usize, Result<(), Cause>) {
    let mut memory = Memory::new();
    let clock = sim.clock.clone();
    sim.requests.clear();
    let mut policy = policy(&[]);
    change(&mut policy);
    let mut record = [0; 0x1000];
    let requester = Requester::new(COUNTING, memory.storage(), sim.limits);
    let flow = requester.attest_provisioned(AttestationPlan::new(&policy), spki_der, &mut record);
    verified();
    let result = match blocking::run(flow, sim, &clock) {
        Ok((_, attested)) => {
            assert!(matches!(attested.verified.identity(), Identity::Key(_)));
            assert!(attested.measured.unwrap().record.number_of_blocks() > 0);
            Ok(())
        }
        Err(failure) => Err(error_of(failure.error).into()),
    };
    (verified(), result)
}

const BY_KEY: [Code; 5] = [FLOW[0], FLOW[1], FLOW[2], FLOW[5], FLOW[6]];

#[test]
fn n19_a_provisioned_key_answers_in_slot_0xff() {
    let provisioning = KeyProvisioning::PublicKey;
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    for version in signing_slots() {
        let mut sim = Sim::new(DeviceConfig { provisioning, ..config(version) });
        let key = sim.device.public_key_spki(asym).unwrap();
        assert_eq!(by_key(&mut sim, &key, |_| {}), (2, Ok(())), "{version}");
        assert_eq!(sim.codes(), BY_KEY);
        assert_eq!((sim.requests[3][2], sim.requests[4][36]), (0xFF, 0x0F), "{version}");
        // The key of another device.
        let seed = Some(2);
        let mut other = Sim::new(DeviceConfig { provisioning, seed, ..config(version) });
        let from = "the hash of the certificate chain";
        let cause = differs("CHALLENGE_AUTH", "CertChainHash", from);
        assert_eq!(by_key(&mut other, &key, |_| {}), (0, Err(cause)), "{version}");
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&key]).unwrap();
        other.tamper(Code::CHALLENGE, move |response| {
            response[4..4 + HASH_LEN].copy_from_slice(digest.as_bytes());
        });
        let cause = signature("CHALLENGE_AUTH");
        assert_eq!(by_key(&mut other, &key, |_| {}), (1, Err(cause)), "{version}");
        // A key has no name, and no certificate of a device counts as one.
        let cause = Cause::Other(Error::Misuse(Misuse::Identity));
        let result = by_key(&mut sim, &key, |policy| {
            policy.san = SanPolicy::Dmtf { pattern: "*:*:*" };
        });
        assert_eq!(result, (0, Err(cause)));
        assert_eq!(sim.codes(), FLOW[..3]);
        let mut sim = Sim::new(config(version));
        let name = Incompatible::Capability("PUB_KEY_ID_CAP");
        let cause = Cause::Other(Error::Incompatible(name));
        assert_eq!(by_key(&mut sim, &key, |_| {}), (0, Err(cause)), "{version}");
        assert_eq!(sim.codes(), FLOW[..3]);
    }
}

#[test]
fn a_provisioned_key_that_is_revoked_is_asked_nothing() {
    let provisioning = KeyProvisioning::PublicKey;
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    for version in signing_slots() {
        let mut sim = Sim::new(DeviceConfig { provisioning, ..config(version) });
        let key = sim.device.public_key_spki(asym).unwrap();
        // Not necessarily by the negotiated hash function.
        for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha384] {
            let digest = PROVIDER.hash.digest(hash, &[&key]).unwrap();
            let revoked = [Revocation::Key { hash, digest: digest.as_bytes() }];
            let result = by_key(&mut sim, &key, |policy| {
                policy.revocations = Revocations::new(&revoked);
            });
            let cause = chain(Check::Certificates, Rule::Revoked);
            assert_eq!(result, (0, Err(cause)), "{version} {hash:?}");
            assert_eq!(sim.codes(), FLOW[..3]);
            // The revocation of another key does not matter.
            let other = PROVIDER.hash.digest(hash, &[&key[1..]]).unwrap();
            let revoked = [Revocation::Key { hash, digest: other.as_bytes() }];
            let result = by_key(&mut sim, &key, |policy| {
                policy.revocations = Revocations::new(&revoked);
            });
            assert_eq!(result, (2, Ok(())), "{version} {hash:?}");
        }
    }
}

// Chains beyond 64 KiB (1.4).

/// A device of 1.4 that shows a chain of this length in its slot 0: its root again and again, then the rest.
fn large_chain(len_at_least: usize) -> (Sim, Vec<u8>) {
    let version = SpdmVersion::V1_4;
    let mut probe = Sim::new(config(version));
    let chain = {
        let mut memory = Memory::new();
        let mut buffer = vec![0; 0x4000];
        let clock = probe.clock.clone();
        let requester = negotiated(&mut memory, &mut probe).unwrap();
        let flow = requester.fetch_chain(slot(0), &mut buffer);
        blocking::run(flow, &mut probe, &clock).map_err(|f| f.error).unwrap();
        probe.response_to(CERTIFICATE)[16..].to_vec()
    };
    let root = probe.device.trust_anchors()[0].clone();
    let (head, rest) = chain.split_at(4 + HASH_LEN);
    let times = len_at_least / root.len() + 1;
    let mut large = [head, &root.repeat(times), rest].concat();
    let len = u32::try_from(large.len()).unwrap();
    large[..4].copy_from_slice(&len.to_le_bytes());
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&large]).unwrap();

    let mut sim = Sim::new(config(version));
    sim.tamper(DIGESTS, move |response| response[4..].copy_from_slice(digest.as_bytes()));
    let asked = Rc::new(RefCell::new((0, 0)));
    let seen = asked.clone();
    let cx = Cx::new(version);
    sim.tamper_request(CERTIFICATE, move |request| {
        let message = GetCertificate::decode(Untrusted::new(request), &cx).unwrap().message;
        assert_eq!(message.form, CertificateForm::Large);
        *seen.borrow_mut() = (message.offset, message.length);
        // The device answers whatever the offset is.
        request[8..12].fill(0);
    });
    let shown = large.clone();
    sim.tamper(CERTIFICATE, move |response| {
        let (offset, length) = *asked.borrow();
        let rest = &shown[usize::try_from(offset).unwrap()..];
        let len = rest.len().min(usize::try_from(length).unwrap());
        let message = Certificate {
            slot: SlotId::ZERO,
            model: CertificateModel::None,
            form: CertificateForm::Large,
            portion: &rest[..len],
            remainder: u32::try_from(rest.len() - len).unwrap(),
        };
        response.resize(16 + len, 0);
        message.encode(version, response).unwrap();
    });
    (sim, large)
}

/// Fetches the chain of slot 0 into a buffer.
fn fetch(sim: &mut Sim, len: usize) -> Result<Vec<u8>, Cause> {
    let mut memory = Memory::new();
    let clock: SimClock = sim.clock.clone();
    let mut buffer = vec![0; len];
    let requester = negotiated(&mut memory, sim).unwrap();
    match blocking::run(requester.fetch_chain(SlotId::ZERO, &mut buffer), sim, &clock) {
        Ok((_, chain)) => Ok(chain.bytes().to_vec()),
        Err(failure) => {
            assert!(matches!(failure.requester, Recovered::Fresh(_)));
            Err(error_of(failure.error).into())
        }
    }
}

#[test]
fn linux_w43_a_large_chain_is_fetched_in_the_large_form() {
    let (mut sim, large) = large_chain(0x1_0000);
    assert!(large.len() > 0xFFFF);
    assert_eq!(fetch(&mut sim, large.len()), Ok(large.clone()));
    // As few round trips as the message buffer permits.
    let portions = sim.codes().iter().filter(|code| **code == CERTIFICATE).count();
    assert_eq!(portions, large.len().div_ceil(0x2000 - 64 - 16));
    // A buffer that is too small is noticed at the first portion.
    let (mut sim, large) = large_chain(0x1_0000);
    let (needed, len) = (large.len(), large.len() - 1);
    let cause = Cause::Other(Error::BufferTooSmall { buffer: Buffer::Chain, needed, len });
    assert_eq!(fetch(&mut sim, len), Err(cause));
    assert_eq!(sim.codes(), until(CERTIFICATE));
}

#[test]
fn n16_a_policy_bounds_large_chains() {
    let (mut sim, _) = large_chain(0x1_0000);
    let trust = Trust::of(&sim);
    let anchors = trust.anchors();
    let mut good = policy(&anchors);
    good.limits.max_bytes = 0xFFFF;
    let mut buffer = vec![0; 0x2_0000];
    let (signatures, result) = attest(&mut sim, AttestationPlan::new(&good), &mut buffer);
    assert_eq!(result.map(drop), Err(chain(Check::Certificates, Rule::TooManyBytes)));
    // Not one signature for all those certificates.
    assert_eq!(signatures, 0);
}

/// The slot in a signature's request.
trait IntoKeySlot {
    fn into_key_slot(self) -> spdm_codec::KeySlot;
}

impl IntoKeySlot for SlotId {
    fn into_key_slot(self) -> spdm_codec::KeySlot {
        spdm_codec::KeySlot::Slot(self)
    }
}
