//! Private keys that AWS-LC owns.
#![expect(clippy::unwrap_used, reason = "the inputs are part of the test")]

use spdm_crypto::aws_lc_rs::{KeyRejected, SigningKey};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{
    AsymAlgorithm, Digest, EcCurve, HashAlgorithm, Invalid, MlDsaSet, RsaBits, RsaScheme,
    Sign as _, SignError, Signed,
};

const KEYS: [AsymAlgorithm; 6] = [
    AsymAlgorithm::Ecdsa(EcCurve::P256),
    AsymAlgorithm::Ecdsa(EcCurve::P384),
    AsymAlgorithm::Ecdsa(EcCurve::P521),
    AsymAlgorithm::Ed25519,
    AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B2048),
    AsymAlgorithm::Rsa(RsaScheme::Pkcs1, RsaBits::B2048),
];
const MESSAGE: Signed<'_> = Signed::Message { bytes: b"message", context: b"" };

fn keys() -> impl Iterator<Item = (SigningKey, SoftwareKey)> {
    KEYS.into_iter().map(|asym| {
        let software = SoftwareKey::from_seed(asym, [1; 32]).unwrap();
        let key = SigningKey::from_pkcs8_der(asym, &software.to_pkcs8_der().unwrap()).unwrap();
        assert_eq!(key.algorithm(), asym);
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ algorithm: {asym:?}, .. }}"));
        (key, software)
    })
}

#[test]
fn what_it_signs_the_other_backend_verifies() {
    for (key, software) in keys() {
        let (asym, public) = (key.algorithm(), software.public_key());
        let mut out = vec![0; asym.signature_len()];
        for hash in HashAlgorithm::ALL {
            let digest = PROVIDER.hash.digest(hash, &[b"message"]).unwrap();
            for signed in [MESSAGE, Signed::Prehash(&digest)] {
                let len = key.sign(hash, signed, &mut out);
                let sha3 = matches!(hash.name().as_bytes(), [b'S', b'H', b'A', b'3', ..]);
                let none = match (asym, signed) {
                    (AsymAlgorithm::Rsa(..), _) => sha3,
                    (AsymAlgorithm::Ed25519, Signed::Prehash(_)) => true,
                    _ => false,
                };
                if none {
                    assert_eq!(len, Err(SignError::Unsupported), "{asym} {hash}");
                    continue;
                }
                assert_eq!(len, Ok(asym.signature_len()), "{asym} {hash}");
                assert_eq!(PROVIDER.verify(asym, hash, &public, MESSAGE, &out), Ok(()));
                let other = Signed::Message { bytes: b"massage", context: b"" };
                assert_eq!(PROVIDER.verify(asym, hash, &public, other, &out), Err(Invalid));
            }
        }
    }
}

#[test]
fn a_short_buffer_and_a_digest_of_another_length_are_refused() {
    for (key, _) in keys() {
        let needed = key.algorithm().signature_len();
        let mut out = vec![0xA5; needed + 1];
        let short = key.sign(HashAlgorithm::Sha256, MESSAGE, out.get_mut(..needed - 1).unwrap());
        assert_eq!(short, Err(SignError::BufferTooSmall { needed }));
        assert_eq!(key.sign(HashAlgorithm::Sha256, MESSAGE, &mut out), Ok(needed));
        assert_eq!(out.last(), Some(&0xA5));
        let digest = Digest::new(&[7; 31]).unwrap();
        let signed = key.sign(HashAlgorithm::Sha256, Signed::Prehash(&digest), &mut out);
        assert_eq!(signed, Err(SignError::Unsupported));
    }
}

#[test]
fn keys_of_another_algorithm_or_size_and_broken_ones_are_rejected() {
    let mut others = KEYS.to_vec();
    others.push(AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B3072));
    others.push(AsymAlgorithm::MlDsa(MlDsaSet::P44));
    for asym in KEYS {
        let der = SoftwareKey::from_seed(asym, [1; 32]).unwrap().to_pkcs8_der().unwrap();
        for other in &others {
            let rejected = SigningKey::from_pkcs8_der(*other, &der).err();
            let same = match (asym, *other) {
                (AsymAlgorithm::Rsa(_, bits), AsymAlgorithm::Rsa(_, other)) => bits == other,
                _ => asym == *other,
            };
            assert_eq!(rejected, (!same).then_some(KeyRejected), "{asym} as {other}");
        }
        let cut = der.split_last().unwrap().1;
        assert_eq!(SigningKey::from_pkcs8_der(asym, cut).err(), Some(KeyRejected), "{asym}");
        assert_eq!(SigningKey::from_pkcs8_der(asym, &[]).err(), Some(KeyRejected), "{asym}");
    }
}
