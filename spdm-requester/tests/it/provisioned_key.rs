//! Attestation by a raw public key that is known.

use crate::sim::cause::{Cause, chain, differs, signature};
use crate::sim::trusting::{policy, signing_slots};
use crate::sim::{FLOW, HASH_LEN, Memory, Sim, config, error_of};
use spdm_codec::{Code, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{DeviceConfig, KeyProvisioning};
use spdm_requester::{AttestationPlan, Error, Incompatible, Misuse, Requester, blocking};
use spdm_x509::{Check, Identity, Policy, Revocation, Revocations, Rule, SanPolicy};
use test_counting::{COUNTING, verified};

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
        // Through 1.1 it is tried in little-endian order, too.
        let tried = if version >= SpdmVersion::V1_2 { 1 } else { 2 };
        assert_eq!(by_key(&mut other, &key, |_| {}), (tried, Err(cause)), "{version}");
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
