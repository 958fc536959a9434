//! What every backend must do, for backends of this crate and of others.
//!
//! [`run`] tries a provider with Wycheproof's vectors, with known answers by other implementations, and with
//! inputs that must be refused. What the provider does not claim to implement is in [`ConformanceReport::missing`], by
//! name: compare that with what you expect, so that nothing goes away unnoticed.
//!
//! ```
//! use spdm_crypto::{Bank, conformance, rustcrypto};
//!
//! # if cfg!(debug_assertions) { return } // it takes a while
//! let mut bank = Bank::<rustcrypto::Running, 3>::new();
//! let report = conformance::run(&rustcrypto::PROVIDER, &mut bank);
//! assert!(report.is_passed(), "{report}");
//! assert!(report.missing().is_empty(), "{report}");
//! ```

// The inputs are constants of the suite, not a peer's: a bad index is a bug that every run finds.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod aead;
mod ecdsa;
mod ed25519;
mod hash;
mod kdf;
mod key_exchange;
mod ml_dsa;
mod openssl;
mod random;
mod report;
mod rsa;
mod signature;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use wycheproof::{HashFunction, TestResult};

pub use report::{ConformanceReport, Suite};

use crate::aead::AeadAlgorithm;
use crate::asym_algorithm::AsymAlgorithm;
use crate::hash_algorithm::HashAlgorithm;
use crate::hash_bank::HashBank;
use crate::key_exchange::{KeyExchangeAlgorithm, KeyExchangeError};
use crate::provider::Provider;

/// Runs every suite over a provider; `bank` has three places at least and runs the backend's hashes.
#[must_use]
pub fn run(provider: &Provider, bank: &mut dyn HashBank) -> ConformanceReport {
    run_some(provider, bank, |_| true)
}

/// Runs the suites whose names `chosen` likes, while a backend is being written.
#[must_use]
pub fn run_some(
    provider: &Provider,
    bank: &mut dyn HashBank,
    chosen: impl Fn(&str) -> bool,
) -> ConformanceReport {
    let mut suites = Vec::new();
    let mut suite = |name, check: fn(&Provider, &mut Suite)| {
        if chosen(name) {
            let mut suite = Suite::new(name);
            check(provider, &mut suite);
            suites.push(suite);
        }
    };
    suite("hashes", hash::one_shot);
    suite("ECDSA: Wycheproof", ecdsa::wycheproof);
    suite("ECDSA: keys", ecdsa::keys);
    suite("ECDSA: r and s", ecdsa::r_and_s);
    suite("Ed25519: Wycheproof", ed25519::wycheproof);
    suite("Ed25519: prehashes", ed25519::prehashes);
    suite("Ed25519: small order and encodings", ed25519::small_order);
    suite("ML-DSA: Wycheproof", ml_dsa::wycheproof);
    suite("ML-DSA: contexts", ml_dsa::contexts);
    suite("RSASSA: Wycheproof", rsa::wycheproof_pkcs1);
    suite("RSAPSS: Wycheproof", rsa::wycheproof_pss);
    suite("RSA: keys", rsa::keys);
    suite("signatures by OpenSSL", openssl::signatures);
    suite("signatures by software keys", signature::verifies);
    suite("signatures, spoiled", signature::spoiled);
    suite("signatures of transcripts", signature::transcripts);
    suite("key exchange: known answers", key_exchange::known_answers);
    suite("key exchange: ECDH, Wycheproof", key_exchange::ecdh_wycheproof);
    suite("key exchange: ML-KEM, Wycheproof", key_exchange::ml_kem_wycheproof);
    suite("key exchange: both sides", key_exchange::both_sides);
    suite("key exchange: invalid peers", key_exchange::invalid_peers);
    suite("key exchange: private keys", key_exchange::private_keys);
    suite("HMAC: Wycheproof", kdf::hmac);
    suite("HKDF: Wycheproof", kdf::hkdf);
    suite("HKDF: composed of HMAC", kdf::composed);
    suite("AEAD: Wycheproof", aead::wycheproof);
    suite("AEAD: refusals", aead::refusals);
    suite("random numbers", random::random);
    let mut suite = Suite::new("running hashes");
    if chosen(suite.name) {
        hash::running(provider, bank, &mut suite);
        suites.push(suite);
    }
    ConformanceReport::new(suites, missing(provider))
}

/// What the provider does not implement.
fn missing(provider: &Provider) -> Vec<String> {
    let mut missing = Vec::new();
    for hash in HashAlgorithm::ALL {
        if !provider.hash.supports(hash) {
            missing.push(hash.to_string());
        }
    }
    for asym in AsymAlgorithm::ALL {
        let without = |hash: &HashAlgorithm| !provider.supports(asym, *hash);
        let without: Vec<_> = HashAlgorithm::ALL.into_iter().filter(without).collect();
        if without.len() == HashAlgorithm::ALL.len() {
            missing.push(asym.to_string());
        } else {
            missing.extend(without.into_iter().map(|hash| format!("{asym} with {hash}")));
        }
    }
    for exchange in KeyExchangeAlgorithm::ALL {
        let Some(backend) = provider.key_exchange(exchange) else {
            missing.push(exchange.to_string());
            continue;
        };
        let mut public = alloc::vec![0; exchange.request_len()];
        let imported = backend.import(exchange, &[], &mut public);
        if imported.err() == Some(KeyExchangeError::Unsupported(exchange)) {
            missing.push(format!("{exchange}: private keys from outside, for known answers"));
        }
    }
    for hash in HashAlgorithm::ALL {
        if provider.kdf(hash).is_none() {
            missing.push(format!("HMAC and HKDF with {hash}"));
        }
    }
    for aead in AeadAlgorithm::ALL {
        if provider.aead(aead).is_none() {
            missing.push(aead.to_string());
        }
    }
    if provider.random.fill(&mut [0; 16]).is_err() {
        missing.push("random numbers".to_string());
    }
    missing
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The hash functions of this crate by their Wycheproof names.
const fn hash_of(name: HashFunction) -> Option<HashAlgorithm> {
    match name {
        HashFunction::Sha2_256 => Some(HashAlgorithm::Sha256),
        HashFunction::Sha2_384 => Some(HashAlgorithm::Sha384),
        HashFunction::Sha2_512 => Some(HashAlgorithm::Sha512),
        HashFunction::Sha3_256 => Some(HashAlgorithm::Sha3_256),
        HashFunction::Sha3_384 => Some(HashAlgorithm::Sha3_384),
        HashFunction::Sha3_512 => Some(HashAlgorithm::Sha3_512),
        _ => None,
    }
}

/// Only what is valid without reservation passes: "acceptable" names what lenient implementations take.
fn must_pass(result: TestResult) -> bool {
    result == TestResult::Valid
}
