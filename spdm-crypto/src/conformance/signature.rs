//! Signatures of software keys: every algorithm with every hash, and each way to spoil them.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use spdm_codec::SpdmVersion;

use super::report::Suite;
use crate::asym_algorithm::{AsymAlgorithm, RsaBits, RsaScheme};
use crate::digest::Digest;
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::rustcrypto::SoftwareKey;
use crate::sign::Sign as _;
use crate::signed_message::{SignedMessage, SigningContext};
use crate::verify::{Invalid, Signed};

const MESSAGE: &[u8] = b"a transcript, or a certificate to be signed";
const SIGNED: Signed<'_> = Signed::Message { bytes: MESSAGE, context: b"" };

/// A signature and everything about it.
struct Case<'a> {
    provider: &'a Provider,
    key: &'a SoftwareKey,
    asym: AsymAlgorithm,
    hash: HashAlgorithm,
    public: &'a [u8],
    other: &'a [u8],
    signature: Vec<u8>,
}

impl Case<'_> {
    fn verify(&self, signed: Signed<'_>, signature: &[u8]) -> Result<(), Invalid> {
        self.provider.verify(self.asym, self.hash, self.public, signed, signature)
    }
}

/// Calls `check` for every algorithm and hash that the provider has.
fn each(provider: &Provider, mut check: impl FnMut(&Case<'_>)) {
    for asym in AsymAlgorithm::ALL {
        let keys = keys(asym);
        let [public, other] = keys.each_ref().map(SoftwareKey::public_key);
        for hash in HashAlgorithm::ALL.into_iter().filter(|hash| provider.supports(asym, *hash)) {
            let [key, _] = &keys;
            let signature = sign(key, hash, SIGNED);
            let (public, other) = (&public[..], &other[..]);
            check(&Case { provider, key, asym, hash, public, other, signature });
        }
    }
}

/// Two keys. Those of RSA are fixed, because to make one takes seconds.
fn keys(asym: AsymAlgorithm) -> [SoftwareKey; 2] {
    let AsymAlgorithm::Rsa(scheme, bits) = asym else {
        return [1, 2].map(|seed| SoftwareKey::from_seed(asym, [seed; 32]).unwrap());
    };
    let ders: [&[u8]; 2] = match bits {
        RsaBits::B2048 => {
            [include_bytes!("keys/rsa-2048-1.der"), include_bytes!("keys/rsa-2048-2.der")]
        }
        RsaBits::B3072 => {
            [include_bytes!("keys/rsa-3072-1.der"), include_bytes!("keys/rsa-3072-2.der")]
        }
        RsaBits::B4096 => {
            [include_bytes!("keys/rsa-4096-1.der"), include_bytes!("keys/rsa-4096-2.der")]
        }
    };
    ders.map(|der| SoftwareKey::from_pkcs8_der(der).unwrap().with_scheme(scheme).unwrap())
}

fn sign(key: &SoftwareKey, hash: HashAlgorithm, signed: Signed<'_>) -> Vec<u8> {
    let mut out = vec![0; key.algorithm().signature_len()];
    let len = key.sign(hash, signed, &mut out).unwrap();
    out.truncate(len);
    out
}

/// What is signed verifies, as a message and as a prehash.
pub(super) fn verifies(provider: &Provider, suite: &mut Suite) {
    each(provider, |case| {
        let Case { asym, hash, .. } = *case;
        let what = || format!("{asym} with {hash}");
        suite.equal(provider.check_key(asym, case.public), Ok(()), what);
        suite.equal(case.verify(SIGNED, &case.signature), Ok(()), what);

        let digest = provider.hash.digest(hash, &[MESSAGE]);
        let Ok(digest) = digest else { return };
        let prehash = Signed::Prehash(&digest);
        let expected = if asym.takes_prehash() { Ok(()) } else { Err(Invalid) };
        suite.equal(case.verify(prehash, &case.signature), expected, || {
            format!("{asym} with {hash}, the digest")
        });
    });
}

/// Flipped bits, other keys, hashes, algorithms and lengths.
pub(super) fn spoiled(provider: &Provider, suite: &mut Suite) {
    each(provider, |case| {
        flipped_bits(case, suite);
        others(case, suite);
        lengths(case, suite);
    });
}

fn flipped_bits(case: &Case<'_>, suite: &mut Suite) {
    let Case { provider, asym, hash, .. } = *case;
    for bit in flips(&case.signature) {
        let verified = case.verify(SIGNED, &flipped(&case.signature, bit));
        suite.equal(verified, Err(Invalid), || format!("{asym} {hash}, signature bit {bit}"));
    }
    for bit in flips(MESSAGE) {
        let signed = Signed::Message { bytes: &flipped(MESSAGE, bit), context: b"" };
        let verified = case.verify(signed, &case.signature);
        suite.equal(verified, Err(Invalid), || format!("{asym} {hash}, message bit {bit}"));
    }
    for bit in flips(case.public) {
        let key = flipped(case.public, bit);
        let verified = provider.verify(asym, hash, &key, SIGNED, &case.signature);
        suite.equal(verified, Err(Invalid), || format!("{asym} {hash}, key bit {bit}"));
    }
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

fn others(case: &Case<'_>, suite: &mut Suite) {
    let Case { provider, asym, hash, .. } = *case;
    let verified = provider.verify(asym, hash, case.other, SIGNED, &case.signature);
    suite.equal(verified, Err(Invalid), || format!("{asym} {hash}, another key"));
    for wrong in AsymAlgorithm::ALL.into_iter().filter(|wrong| *wrong != asym) {
        let verified = provider.verify(wrong, hash, case.public, SIGNED, &case.signature);
        suite.equal(verified, Err(Invalid), || format!("{asym} as {wrong}"));
    }
    for wrong in HashAlgorithm::ALL.into_iter().filter(|wrong| *wrong != hash) {
        let verified = provider.verify(asym, wrong, case.public, SIGNED, &case.signature);
        // The others hash in their own way.
        let expected = !asym.takes_prehash() && provider.supports(asym, wrong);
        suite.equal(verified.is_ok(), expected, || format!("{asym} {hash} as {wrong}"));
    }
}

fn lengths(case: &Case<'_>, suite: &mut Suite) {
    let Case { key, asym, hash, .. } = *case;
    let signature = &case.signature[..];
    let len = signature.len();
    let spoiled: [Vec<u8>; 7] = [
        vec![],
        signature[..len - 1].to_vec(),
        signature[1..].to_vec(),
        [signature, &[0]].concat(),
        [&[0], signature].concat(),
        [signature, signature].concat(),
        vec![0; len],
    ];
    for spoiled in &spoiled {
        let verified = case.verify(SIGNED, spoiled);
        suite.equal(verified, Err(Invalid), || format!("{asym}, {} bytes", spoiled.len()));
    }
    // RSA and ECDSA sign the same integer for a digest with zeros on its left.
    for len in [0, 20, 32, 48, 64].into_iter().filter(|len| *len != hash.digest_len()) {
        let digest = Digest::new(&vec![7; len]).unwrap();
        let padded = [vec![0; 64 - len], vec![7; len]].concat();
        let signature = sign(key, hash, Signed::Message { bytes: &padded, context: b"" });
        let verified = case.verify(Signed::Prehash(&digest), &signature);
        suite.equal(verified, Err(Invalid), || format!("{asym}, a digest of {len} bytes"));
    }
}

const CONTEXT: SigningContext = SigningContext::ResponderMeasurements;

/// Transcripts of every version: nothing of one version verifies as another.
pub(super) fn transcripts(provider: &Provider, suite: &mut Suite) {
    each(provider, |case| {
        // One scheme of RSA says it all: signing takes its time.
        if matches!(case.asym, AsymAlgorithm::Rsa(RsaScheme::Pkcs1, _)) {
            return;
        }
        let Ok(transcript) = provider.hash.digest(case.hash, &[MESSAGE]) else { return };
        for version in [SpdmVersion::V1_0, SpdmVersion::V1_1] {
            before_1_2(case, version, transcript, suite);
        }
        for version in [SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
            since_1_2(case, version, transcript, suite);
        }
    });
}

fn before_1_2(case: &Case<'_>, version: SpdmVersion, transcript: Digest, suite: &mut Suite) {
    let Case { provider, asym, hash, .. } = *case;
    let read = SignedMessage::new(version, CONTEXT, transcript);
    let verify = |signature: &[u8]| read.verify(provider, asym, hash, case.public, signature);
    if asym.takes_prehash() {
        suite.equal(verify(&case.signature), Ok(()), || format!("{asym} {version}"));
    } else {
        let bytes = transcript.as_bytes();
        let signature = sign(case.key, hash, Signed::Message { bytes, context: b"" });
        suite.equal(verify(&signature), Err(Invalid), || format!("{asym} {version}"));
    }
}

fn since_1_2(case: &Case<'_>, version: SpdmVersion, transcript: Digest, suite: &mut Suite) {
    let Case { provider, asym, hash, .. } = *case;
    let message = SignedMessage::new(version, CONTEXT, transcript);
    let signature = sign(case.key, hash, message.as_signed());
    let prefix = message.combined_prefix().unwrap();
    let bytes = [&prefix[..], transcript.as_bytes()].concat();
    let by_hand = Signed::Message { bytes: &bytes, context: CONTEXT.as_str().as_bytes() };
    suite.equal(case.verify(by_hand, &signature), Ok(()), || format!("{asym} {version}"));
    for other in SpdmVersion::ALL {
        let read = SignedMessage::new(other, CONTEXT, transcript);
        let verified = read.verify(provider, asym, hash, case.public, &signature);
        suite.equal(verified.is_ok(), other == version, || format!("{asym} {version} as {other}"));
    }
    let read = SignedMessage::new(version, SigningContext::ResponderChallengeAuth, transcript);
    let verified = read.verify(provider, asym, hash, case.public, &signature);
    suite.equal(verified, Err(Invalid), || format!("{asym} {version}, another context"));
}
