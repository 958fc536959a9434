//! Backend on AWS-LC, for hosted programs.
//!
//! Hashes, ECDSA, RSA with SHA-2, Ed25519, ECDH, AEADs, HMAC and HKDF with SHA-2 are AWS-LC's. What it does
//! not have, or not in its stable interface, is RustCrypto's: RSA, HMAC and HKDF with SHA-3, ML-DSA with a
//! context string, FFDHE, and ML-KEM with keys of ours.
//!
//! What is refused is the same as there: the conformance suite says so.

mod aead;
mod ecdh;
mod ecdsa;
mod ed25519;
mod hash;
mod hkdf;
mod random;
mod rsa;
mod signing;

pub use aead::Aeads;
pub use ecdh::Ecdh;
pub use ecdsa::Ecdsa;
pub use ed25519::Ed25519;
pub use hash::{OneShot, Running};
pub use hkdf::Hkdf;
pub use random::Random;
pub use rsa::Rsa;
pub use signing::{KeyRejected, SigningKey};

use crate::provider::Provider;
use crate::rustcrypto;

/// Everything that AWS-LC has, and what it lacks from RustCrypto.
pub const PROVIDER: Provider = Provider {
    hash: &OneShot,
    verifiers: &[&Ecdsa, &Ed25519, &Rsa, &rustcrypto::Rsa, &rustcrypto::MlDsa],
    key_exchanges: &[&Ecdh, &rustcrypto::Ffdhe, &rustcrypto::MlKem],
    kdfs: &[&Hkdf, &rustcrypto::Hkdf],
    aeads: &[&Aeads],
    random: &Random,
};
