//! Signatures of software keys: every algorithm with every hash, and each way to spoil them.

use std::sync::LazyLock;

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{
    AsymAlgorithm, Digest, HashAlgorithm, Invalid, RsaScheme, Sign as _, SignError, Signed,
    SignedMessage, SigningContext,
};

use crate::PROVIDERS;

/// Two keys of every algorithm; the two schemes of an RSA size share theirs.
static KEYS: LazyLock<Vec<[SoftwareKey; 2]>> = LazyLock::new(|| {
    let mut keys: Vec<[SoftwareKey; 2]> = Vec::new();
    for asym in AsymAlgorithm::ALL {
        let twin = match asym {
            AsymAlgorithm::Rsa(RsaScheme::Pss, bits) => {
                let twin = AsymAlgorithm::Rsa(RsaScheme::Pkcs1, bits);
                keys.iter().find(|[key, _]| key.algorithm() == twin)
            }
            _ => None,
        };
        keys.push(match twin {
            Some(twin) => twin.each_ref().map(|key| key.with_scheme(RsaScheme::Pss).unwrap()),
            None => [1, 2].map(|seed| SoftwareKey::from_seed(asym, [seed; 32]).unwrap()),
        });
    }
    keys
});

const MESSAGE: &[u8] = b"a transcript, or a certificate to be signed";
const SIGNED: Signed<'_> = Signed::Message { bytes: MESSAGE, context: b"" };

fn sign(key: &SoftwareKey, hash: HashAlgorithm, signed: Signed<'_>) -> Vec<u8> {
    let mut out = vec![0; key.algorithm().signature_len()];
    assert_eq!(key.sign(hash, signed, &mut out), Ok(out.len()));
    out
}

fn each_key_and_hash(check: impl Fn(&SoftwareKey, &SoftwareKey, HashAlgorithm)) {
    for [key, other] in KEYS.iter() {
        for hash in HashAlgorithm::ALL {
            check(key, other, hash);
        }
    }
}

#[test]
fn every_algorithm_and_hash_is_offered() {
    for provider in PROVIDERS {
        let all = || AsymAlgorithm::ALL.into_iter();
        assert_eq!(provider.base_asyms(), all().filter_map(AsymAlgorithm::base_asym).collect());
        assert_eq!(provider.pqc_asyms(), all().filter_map(AsymAlgorithm::pqc_asym).collect());
        let all = HashAlgorithm::ALL.map(HashAlgorithm::base_hash);
        assert_eq!(provider.base_hashes(), all.into_iter().collect());
        each_key_and_hash(|key, _, hash| assert!(provider.supports(key.algorithm(), hash)));
    }
}

#[test]
fn what_is_signed_verifies_as_message_and_as_prehash() {
    each_key_and_hash(|key, _, hash| {
        let (asym, public) = (key.algorithm(), key.public_key());
        let signature = sign(key, hash, SIGNED);
        for provider in PROVIDERS {
            assert_eq!(provider.check_key(asym, &public), Ok(()));
            assert_eq!(provider.verify(asym, hash, &public, SIGNED, &signature), Ok(()));

            let digest = provider.hash.digest(hash, &[MESSAGE]).unwrap();
            let prehash = Signed::Prehash(&digest);
            let verified = provider.verify(asym, hash, &public, prehash, &signature);
            if asym.takes_prehash() {
                assert_eq!(verified, Ok(()));
                let signature = sign(key, hash, prehash);
                assert_eq!(provider.verify(asym, hash, &public, SIGNED, &signature), Ok(()));
            } else {
                assert_eq!(verified, Err(Invalid));
                let signed = key.sign(hash, prehash, &mut vec![0; asym.signature_len()]);
                assert_eq!(signed, Err(SignError::Unsupported));
            }
        }
    });
}

#[test]
fn a_flipped_bit_spoils_signature_message_and_key() {
    each_key_and_hash(|key, _, hash| {
        let (asym, public) = (key.algorithm(), key.public_key());
        let signature = sign(key, hash, SIGNED);
        for provider in PROVIDERS {
            for bit in flips(&signature) {
                let spoiled = flipped(&signature, bit);
                let verified = provider.verify(asym, hash, &public, SIGNED, &spoiled);
                assert_eq!(verified, Err(Invalid), "{asym} {hash} signature bit {bit}");
            }
            for bit in flips(MESSAGE) {
                let spoiled = flipped(MESSAGE, bit);
                let signed = Signed::Message { bytes: &spoiled, context: b"" };
                let verified = provider.verify(asym, hash, &public, signed, &signature);
                assert_eq!(verified, Err(Invalid), "{asym} {hash} message bit {bit}");
            }
            for bit in flips(&public) {
                let spoiled = flipped(&public, bit);
                let verified = provider.verify(asym, hash, &spoiled, SIGNED, &signature);
                assert_eq!(verified, Err(Invalid), "{asym} {hash} key bit {bit}");
            }
        }
    });
}

/// The first and the last bit, and twelve between.
fn flips(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let bits = 8 * bytes.len();
    (0..13).map(move |i| i * bits / 13).chain([bits - 1])
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[bit / 8] ^= 0x80 >> (bit % 8);
    out
}

#[test]
fn another_key_hash_or_algorithm_does_not_verify() {
    each_key_and_hash(|key, other, hash| {
        let (asym, public) = (key.algorithm(), key.public_key());
        let signature = sign(key, hash, SIGNED);
        for provider in PROVIDERS {
            let verified = provider.verify(asym, hash, &other.public_key(), SIGNED, &signature);
            assert_eq!(verified, Err(Invalid));
            for wrong in AsymAlgorithm::ALL.into_iter().filter(|wrong| *wrong != asym) {
                let verified = provider.verify(wrong, hash, &public, SIGNED, &signature);
                assert_eq!(verified, Err(Invalid), "{asym} as {wrong}");
            }
            for wrong in HashAlgorithm::ALL.into_iter().filter(|wrong| *wrong != hash) {
                let verified = provider.verify(asym, wrong, &public, SIGNED, &signature);
                // The others hash in their own way.
                assert_eq!(verified.is_err(), asym.takes_prehash(), "{asym} {wrong}");
            }
        }
    });
}

#[test]
fn a_signature_of_another_length_does_not_verify() {
    each_key_and_hash(|key, _, hash| {
        let (asym, public) = (key.algorithm(), key.public_key());
        let signature = sign(key, hash, SIGNED);
        let len = signature.len();
        let spoiled: [Vec<u8>; 7] = [
            vec![],
            signature[..len - 1].to_vec(),
            signature[1..].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &signature].concat(),
            vec![0; len],
        ];
        for provider in PROVIDERS {
            for spoiled in &spoiled {
                let verified = provider.verify(asym, hash, &public, SIGNED, spoiled);
                assert_eq!(verified, Err(Invalid), "{asym} {}", spoiled.len());
            }
        }
    });
}

#[test]
fn a_prehash_of_another_length_is_refused() {
    each_key_and_hash(|key, _, hash| {
        let (asym, public) = (key.algorithm(), key.public_key());
        for len in [0, 20, 32, 48, 64].into_iter().filter(|len| *len != hash.digest_len()) {
            let digest = Digest::new(&vec![7; len]).unwrap();
            let prehash = Signed::Prehash(&digest);
            let mut out = vec![0; asym.signature_len()];
            assert_eq!(key.sign(hash, prehash, &mut out), Err(SignError::Unsupported));
            // RSA and ECDSA sign the same integer for a digest with zeros on its left.
            let padded = [vec![0; 64 - len], vec![7; len]].concat();
            let signature = sign(key, hash, Signed::Message { bytes: &padded, context: b"" });
            for provider in PROVIDERS {
                let verified = provider.verify(asym, hash, &public, prehash, &signature);
                assert_eq!(verified, Err(Invalid));
            }
        }
    });
}

#[test]
fn transcripts_of_every_version() {
    const CONTEXT: SigningContext = SigningContext::ResponderMeasurements;
    each_key_and_hash(|key, _, hash| {
        let (asym, public) = (key.algorithm(), key.public_key());
        for provider in PROVIDERS {
            let transcript = provider.hash.digest(hash, &[MESSAGE]).unwrap();
            let mut out = vec![0; asym.signature_len()];
            for version in [SpdmVersion::V1_0, SpdmVersion::V1_1] {
                let signed = SignedMessage::new(version, CONTEXT, transcript);
                let len = signed.sign(key, hash, &mut out);
                if !asym.takes_prehash() {
                    assert_eq!(len, Err(SignError::Unsupported));
                    let bytes = transcript.as_bytes();
                    let signature = sign(key, hash, Signed::Message { bytes, context: b"" });
                    let verified = signed.verify(&provider, asym, hash, &public, &signature);
                    assert_eq!(verified, Err(Invalid));
                    continue;
                }
                let signature = &out[..len.unwrap()];
                assert_eq!(signed.verify(&provider, asym, hash, &public, signature), Ok(()));
                assert_eq!(provider.verify(asym, hash, &public, SIGNED, signature), Ok(()));
            }

            let later = [SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4];
            for version in later {
                let signed = SignedMessage::new(version, CONTEXT, transcript);
                let len = signed.sign(key, hash, &mut out).unwrap();
                let signature = &out[..len];
                let prefix = signed.combined_prefix().unwrap();
                let bytes = [&prefix[..], transcript.as_bytes()].concat();
                let context = CONTEXT.as_str().as_bytes();
                let by_hand = Signed::Message { bytes: &bytes, context };
                assert_eq!(provider.verify(asym, hash, &public, by_hand, signature), Ok(()));

                for other in [SpdmVersion::V1_1].into_iter().chain(later) {
                    let read = SignedMessage::new(other, CONTEXT, transcript);
                    let verified = read.verify(&provider, asym, hash, &public, signature);
                    assert_eq!(verified.is_ok(), other == version, "{asym} {version} {other}");
                }
                let challenge = SigningContext::ResponderChallengeAuth;
                let read = SignedMessage::new(version, challenge, transcript);
                let verified = read.verify(&provider, asym, hash, &public, signature);
                assert_eq!(verified, Err(Invalid));
            }
        }
    });
}
