//! Backend on AWS-LC, for hosted programs.
//!
//! AWS-LC computes hashes, ECDSA, RSA with SHA-2, Ed25519, ML-DSA without a context string (as in certificates),
//! ECDH, AEADs, and HMAC and HKDF with SHA-2. What it does not have, or not in its stable interface, comes from
//! RustCrypto: RSA, HMAC and HKDF with SHA-3, ML-DSA with a context string (as in SPDM messages), FFDHE, and
//! ML-KEM with given private keys.
//!
//! Private keys of ECDH and ML-KEM stay in the backend from the request to the response of a key exchange, so that they are
//! checked or expanded once. [`EphemeralKey`](crate::EphemeralKey) gives them up when it is dropped.
//!
//! Both backends accept and refuse the same inputs: the conformance suite runs on both.

mod aead;
mod ecdh;
mod ecdsa;
mod ed25519;
mod ephemeral_keys;
mod hash;
mod hkdf;
mod ml_dsa;
mod ml_kem;
mod rsa;
mod signing_key;

pub use aead::Aeads;
pub use ecdh::Ecdh;
pub use ecdsa::Ecdsa;
pub use ed25519::Ed25519;
pub use hash::{OneShot, Running};
pub use hkdf::Hkdf;
pub use ml_dsa::MlDsa;
pub use ml_kem::MlKem;
pub use rsa::Rsa;
pub use signing_key::{KeyRejected, SigningKey};

use crate::provider::Provider;
use crate::rustcrypto;

/// Everything that AWS-LC has, and what it lacks from RustCrypto.
///
/// Random bytes come from the operating system: AWS-LC's own generator takes 25 ms for its first ones.
pub const PROVIDER: Provider = Provider {
    hash: &OneShot,
    verifiers: &[&Ecdsa, &Ed25519, &Rsa, &rustcrypto::Rsa, &MlDsa],
    key_exchanges: &[&Ecdh, &rustcrypto::Ffdhe, &MlKem],
    kdfs: &[&Hkdf, &rustcrypto::Hkdf],
    aeads: &[&Aeads],
    random: &rustcrypto::OsRandom,
};

#[cfg(test)]
mod tests {
    /// AWS-LC's own generator costs 421 million instructions before the first nonce.
    #[test]
    fn random_bytes_come_from_the_operating_system() {
        assert_eq!(std::format!("{:?}", super::PROVIDER.random), "OsRandom");
    }
}
