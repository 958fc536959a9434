//! Algorithms, provider traits, signing rules and backends for SPDM. Knows no messages.
//!
//! A [`Provider`] is a `Copy` constant of `&'static dyn` traits: a backend exports one, the caller names
//! it, and may replace single fields:
//!
//! ```
//! use spdm_crypto::{Provider, SecureRandom, RandomUnavailable};
//!
//! #[derive(Debug)]
//! struct Trng;
//! impl SecureRandom for Trng {
//!     fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
//!         out.fill(4); // read the hardware here
//!         Ok(())
//!     }
//! }
//!
//! # #[cfg(feature = "rustcrypto")]
//! const PROVIDER: Provider = Provider { random: &Trng, ..spdm_crypto::rustcrypto::PROVIDER };
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "signing", feature = "aws-lc-rs"))]
extern crate alloc;
#[cfg(any(test, feature = "aws-lc-rs"))]
extern crate std;

mod aead;
mod asym_algorithm;
#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
mod hash;
mod hash_algorithm;
mod hash_bank;
mod kdf;
mod key_exchange;
mod key_schedule;
mod provider;
mod random;
mod record_key;
mod record_stream;
#[cfg(any(
    feature = "sha256",
    feature = "sha384",
    feature = "sha512",
    feature = "sha3",
    feature = "p256",
    feature = "p384",
    feature = "p521",
    feature = "ed25519",
    feature = "ml-dsa",
    feature = "rsa",
    feature = "ffdhe",
    feature = "ml-kem",
    feature = "aes-gcm",
    feature = "chacha20poly1305",
    feature = "getrandom"
))]
pub mod rustcrypto;
mod secret;
mod sign;
mod signed_message;
mod verify;

pub use aead::{Aead, AeadAlgorithm, AeadError, NONCE_LEN, TAG_LEN};
pub use asym_algorithm::{AsymAlgorithm, EcCurve, MlDsaSet, RsaBits, RsaScheme};
pub use digest::{Digest, fit_prehash};
pub use hash::{Hash, RunningHash, Unsupported};
pub use hash_algorithm::HashAlgorithm;
pub use hash_bank::{Bank, HashBank, HashError};
pub use kdf::{Kdf, KdfError, PreSharedKey, PskBytes};
pub use key_exchange::{
    EphemeralKey, FfdheGroup, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, MlKemSet,
    SharedSecret,
};
pub use key_schedule::{
    DataSecret, DataSecrets, Direction, ExportSecret, HandshakeSecrets, KeySchedule,
    KeyScheduleError,
};
pub use provider::Provider;
#[cfg(all(feature = "dangerous-test-random", debug_assertions))]
pub use random::DangerousTestRandom;
pub use random::{NoRandom, RandomUnavailable, SecureRandom};
pub use record_key::{RecordKey, SequenceOrder};
pub use record_stream::{RecordError, RecordForm, RecordStream};
pub use secret::Secret;
pub use sign::{Sign, SignError};
pub use signed_message::{SignedMessage, SigningContext};
pub use verify::{Invalid, Signed, Verify};

/// The examples of the README compile.
#[cfg(all(doctest, feature = "conformance"))]
#[doc = include_str!("../README.md")]
struct Readme;
