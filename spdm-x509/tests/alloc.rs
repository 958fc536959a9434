//! Validating a chain allocates nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests: a panic is the failure")]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests of the crate itself")]
mod testing;

use allocation_counter::measure;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, Chain, ChainContext, Policy, ProvisionedKey, Revocation, Revocations, SanPolicy,
    ValidityCheck,
};
use testing::{CONTEXT, certificates_for, key_for, structure_for};

const NOW: u64 = 1_790_000_000;

#[track_caller]
fn without_allocation<R>(run: impl FnOnce() -> R) -> R {
    let mut result = None;
    let counted = measure(|| result = Some(run()));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    result.unwrap()
}

#[test]
fn an_allocation_is_counted() {
    // Else the other tests would show nothing.
    let counted = measure(|| drop(core::hint::black_box(Box::new(7_u64))));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 8));
}

#[test]
fn chains() {
    for (curve, hash) in [
        (EcCurve::P256, HashAlgorithm::Sha256),
        (EcCurve::P384, HashAlgorithm::Sha384),
        (EcCurve::P521, HashAlgorithm::Sha512),
    ] {
        let asym = AsymAlgorithm::Ecdsa(curve);
        let sent = certificates_for(asym, 2);
        let root = sent.first().unwrap();
        let context = ChainContext::new(CONTEXT.slot, CONTEXT.version, CONTEXT.model, asym, hash);
        let issuer = [0x30, 0];
        let revoked = [
            Revocation::Certificate { issuer: &issuer, serial: &[1] },
            Revocation::Key { hash, digest: &[0; 32] },
        ];
        let anchors = [Anchor::RootHash { hash, digest: &[0; 32] }, Anchor::Certificate(root)];
        for bytes in [structure_for(hash, root, &sent), structure_for(hash, root, &sent[1..])] {
            without_allocation(|| {
                let chain = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER).unwrap();
                let policy = Policy {
                    revocations: Revocations::new(&revoked),
                    ..Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW))
                };
                policy.validate(&chain).map(drop).unwrap();
                // Also where it fails, and where every rule is told.
                let san = SanPolicy::Dmtf { pattern: "*:*:*" };
                assert!(Policy { san, anchors: &[], ..policy }.validate(&chain).is_err());
                let mut told = 0;
                _ = policy.explain(&chain, &mut |_| told += 1);
                assert!(told > 30);
                for len in 0..bytes.len() {
                    let cut = bytes.get(..len).unwrap_or_default();
                    assert!(Chain::parse(Untrusted::new(cut), context, &PROVIDER).is_err());
                }
            });
        }
        let der = key_for(asym, "Device").to_spki_der();
        without_allocation(|| {
            ProvisionedKey::parse(Untrusted::new(&der), asym, hash, &PROVIDER).map(drop).unwrap();
        });
    }
}
