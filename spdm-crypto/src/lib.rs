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

#[cfg(feature = "signing")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod algorithm;
mod hash;
mod provider;
#[cfg(any(
    feature = "sha2",
    feature = "sha3",
    feature = "p256",
    feature = "p384",
    feature = "p521",
    feature = "ed25519",
    feature = "ml-dsa",
    feature = "rsa",
    feature = "getrandom"
))]
pub mod rustcrypto;
mod sign;
mod transcript;

pub use algorithm::{AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, RsaBits, RsaScheme};
pub use hash::{Bank, Digest, Hash, HashBank, HashError, RunningHash, Unsupported, fit_prehash};
pub use provider::{Invalid, NoRandom, Provider, RandomUnavailable, SecureRandom, Signed, Verify};
pub use sign::{Sign, SignError};
pub use transcript::{SignedMessage, SigningContext};

/// The examples of the README compile.
#[cfg(all(doctest, feature = "rustcrypto"))]
#[doc = include_str!("../README.md")]
struct Readme;
