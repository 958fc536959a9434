//! Where software keys come from and how they leave.
#![expect(clippy::unwrap_used, reason = "the inputs are part of the test")]

use spdm_crypto::rustcrypto::{KeyError, OsRandom, PROVIDER, SoftwareKey};
use spdm_crypto::{
    AsymAlgorithm, Digest, EcCurve, HashAlgorithm, MlDsaSet, NoRandom, RsaBits, RsaScheme,
    Sign as _, SignError, Signed,
};

const SMALL: [AsymAlgorithm; 9] = [
    AsymAlgorithm::Ecdsa(EcCurve::P256),
    AsymAlgorithm::Ecdsa(EcCurve::P384),
    AsymAlgorithm::Ecdsa(EcCurve::P521),
    AsymAlgorithm::Ed25519,
    AsymAlgorithm::MlDsa(MlDsaSet::P44),
    AsymAlgorithm::MlDsa(MlDsaSet::P65),
    AsymAlgorithm::MlDsa(MlDsaSet::P87),
    AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B2048),
    AsymAlgorithm::Rsa(RsaScheme::Pkcs1, RsaBits::B2048),
];

fn signature(key: &SoftwareKey) -> Vec<u8> {
    let mut out = vec![0; key.algorithm().signature_len()];
    let signed = Signed::Message { bytes: b"message", context: b"" };
    key.sign(HashAlgorithm::Sha384, signed, &mut out).unwrap();
    out
}

fn assert_works(key: &SoftwareKey) {
    let signed = Signed::Message { bytes: b"message", context: b"" };
    let (asym, public) = (key.algorithm(), key.public_key());
    let verified = PROVIDER.verify(asym, HashAlgorithm::Sha384, &public, signed, &signature(key));
    assert_eq!(verified, Ok(()));
}

#[test]
fn generated_keys_differ_and_work() {
    for asym in SMALL {
        let key = SoftwareKey::generate(asym, &OsRandom).unwrap();
        let other = SoftwareKey::generate(asym, &OsRandom).unwrap();
        assert_eq!(key.algorithm(), asym);
        assert_ne!(key.public_key(), other.public_key());
        assert_works(&key);
        let none = SoftwareKey::generate(asym, &NoRandom).err();
        assert_eq!(none, Some(KeyError::RandomUnavailable));
    }
}

#[test]
fn a_seed_determines_key_and_signature() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let again = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        assert_eq!(signature(&key), signature(&again));
        let other = SoftwareKey::from_seed(asym, [2; 32]).unwrap();
        assert_ne!(key.public_key(), other.public_key());
    }
}

/// Emulated devices keep their identity over releases: a change here belongs into the changelog.
#[test]
fn the_keys_of_a_seed_are_these() {
    let expected = [
        "ECDSA_P256 9bcc31a58947d19d",
        "ECDSA_P384 d202dfdb2a835679",
        "ECDSA_P521 a401ef2f1bba825b",
        "EDDSA_ED25519 44eddac7256af2b3",
        "ML_DSA_44 17b8fd42aea71141",
        "ML_DSA_65 2e888935df9efe01",
        "ML_DSA_87 58644fef76dac524",
        "RSAPSS_2048 a203a4edb8ec908b",
        "RSASSA_2048 a203a4edb8ec908b",
    ];
    let digests = SMALL.map(|asym| {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&key.public_key()]).unwrap();
        format!("{asym} {}", &digest.to_string()[..16])
    });
    assert_eq!(digests, expected);
}

#[test]
fn pkcs8_brings_every_key_back() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let back = SoftwareKey::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
        let back = match asym {
            AsymAlgorithm::Rsa(scheme, bits) => {
                assert_eq!(back.algorithm(), AsymAlgorithm::Rsa(RsaScheme::Pss, bits));
                back.with_scheme(scheme).unwrap()
            }
            _ => back,
        };
        assert_eq!(back.algorithm(), asym);
        assert_eq!(back.public_key(), key.public_key());
        assert_eq!(signature(&back), signature(&key));
    }
}

#[test]
fn spki_carries_the_public_key() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let spki = key.to_spki_der();
        assert!(spki.ends_with(&key.public_key()), "{asym}");
        assert_eq!(spki[0], 0x30);
    }
}

#[test]
fn what_is_no_key_of_spdm_is_refused() {
    let good = SoftwareKey::from_seed(AsymAlgorithm::Ed25519, [1; 32]).unwrap();
    let good = good.to_pkcs8_der().unwrap();
    let refusal = |der: &[u8]| SoftwareKey::from_pkcs8_der(der).err();
    assert_eq!(refusal(&[]), Some(KeyError::Malformed));
    for len in 0..good.len() {
        assert_eq!(refusal(&good[..len]), Some(KeyError::Malformed), "{len}");
    }
    assert_eq!(refusal(&[&good[..], &[0]].concat()), Some(KeyError::Malformed));

    // The last byte of the object identifier: X25519, X448, Ed25519, Ed448.
    let at = good.windows(3).position(|bytes| bytes == [0x2B, 0x65, 0x70]).unwrap() + 2;
    for (last, refused) in [(0x6E, true), (0x6F, true), (0x70, false), (0x71, true)] {
        let mut der = good.to_vec();
        der[at] = last;
        assert_eq!(refusal(&der), refused.then_some(KeyError::Unsupported));
    }

    // A sibling of P-256 (prime239v3) that SPDM does not have.
    let p256 = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P256), [1; 32]).unwrap();
    let mut der = p256.to_pkcs8_der().unwrap().to_vec();
    let oid = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
    let at = der.windows(8).position(|bytes| bytes == oid).unwrap();
    der[at + 7] = 6;
    assert_eq!(refusal(&der), Some(KeyError::Unsupported));
    // A secret of zero is no key.
    let mut der = p256.to_pkcs8_der().unwrap().to_vec();
    let at = der.windows(2).position(|bytes| bytes == [4, 32]).unwrap() + 2;
    der[at..at + 32].fill(0);
    assert_eq!(refusal(&der), Some(KeyError::Malformed));
}

#[test]
fn only_rsa_keys_have_another_scheme() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        for scheme in [RsaScheme::Pkcs1, RsaScheme::Pss] {
            let other = key.with_scheme(scheme);
            let AsymAlgorithm::Rsa(_, bits) = asym else {
                assert!(other.is_none());
                continue;
            };
            let other = other.unwrap();
            assert_eq!(other.algorithm(), AsymAlgorithm::Rsa(scheme, bits));
            assert_eq!(other.public_key(), key.public_key());
            assert_eq!(other.to_spki_der(), key.to_spki_der());
            assert_works(&other);
        }
    }
}

#[test]
fn a_short_buffer_is_refused_and_a_long_one_is_filled_as_far_as_needed() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let needed = asym.signature_len();
        let signed = Signed::Message { bytes: b"message", context: b"" };
        let mut out = vec![0xA5; needed + 3];
        let short = key.sign(HashAlgorithm::Sha384, signed, &mut out[..needed - 1]);
        assert_eq!(short, Err(SignError::BufferTooSmall { needed }));
        assert!(out.iter().all(|byte| *byte == 0xA5));
        assert_eq!(key.sign(HashAlgorithm::Sha384, signed, &mut out), Ok(needed));
        assert_eq!(out[..needed], signature(&key));
        assert_eq!(out[needed..], [0xA5; 3]);
    }
}

#[test]
fn debug_shows_no_secret() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        assert_eq!(format!("{key:?}"), format!("SoftwareKey {{ algorithm: {asym:?}, .. }}"));
    }
}

#[test]
fn digests_of_another_length_are_not_signed_nor_any_by_what_takes_messages() {
    for asym in SMALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let mut out = vec![0; asym.signature_len()];
        for len in [0, 20, 32, 48, 64] {
            let digest = Digest::new(&vec![7; len]).unwrap();
            let signed = key.sign(HashAlgorithm::Sha384, Signed::Prehash(&digest), &mut out);
            let expected = if len == 48 && asym.takes_prehash() {
                Ok(asym.signature_len())
            } else {
                Err(SignError::Unsupported)
            };
            assert_eq!(signed, expected, "{asym} {len}");
        }
    }
}
