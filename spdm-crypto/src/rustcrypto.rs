//! Backend on the RustCrypto crates.
//!
//! [`PROVIDER`] has whatever the enabled features bring: a pair of algorithms without its feature is not
//! offered, and a signature by it is [`Invalid`](crate::Invalid). The parts are public units, so that a
//! provider can be composed of some of them and of another backend.

#[cfg(any(feature = "aes-gcm", feature = "chacha20poly1305"))]
mod aead;
#[cfg(all(feature = "ecdh", any(feature = "p256", feature = "p384", feature = "p521")))]
mod ecdh;
#[cfg(any(feature = "p256", feature = "p384", feature = "p521"))]
mod ecdsa;
#[cfg(feature = "ed25519")]
mod ed25519;
#[cfg(feature = "ffdhe")]
mod ffdhe;
mod hash;
#[cfg(all(
    feature = "hkdf",
    any(feature = "sha256", feature = "sha384", feature = "sha512", feature = "sha3")
))]
mod hkdf;
#[cfg(feature = "ml-dsa")]
mod ml_dsa;
#[cfg(feature = "ml-kem")]
pub(crate) mod ml_kem;
#[cfg(feature = "getrandom")]
mod random;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "signing")]
mod software_key;

#[cfg(feature = "aes-gcm")]
pub use aead::AesGcm;
#[cfg(feature = "chacha20poly1305")]
pub use aead::ChaCha20Poly1305;
#[cfg(all(feature = "ecdh", any(feature = "p256", feature = "p384", feature = "p521")))]
pub use ecdh::Ecdh;
#[cfg(any(feature = "p256", feature = "p384", feature = "p521"))]
pub use ecdsa::Ecdsa;
#[cfg(feature = "ed25519")]
pub use ed25519::Ed25519;
#[cfg(feature = "ffdhe")]
pub use ffdhe::Ffdhe;
#[cfg(feature = "conformance")]
pub(crate) use ffdhe::ffdhe_prime;
pub use hash::{OneShot, Running};
#[cfg(all(
    feature = "hkdf",
    any(feature = "sha256", feature = "sha384", feature = "sha512", feature = "sha3")
))]
pub use hkdf::Hkdf;
#[cfg(feature = "ml-dsa")]
pub use ml_dsa::MlDsa;
#[cfg(feature = "ml-kem")]
pub use ml_kem::MlKem;
#[cfg(feature = "getrandom")]
pub use random::OsRandom;
#[cfg(feature = "rsa")]
pub use rsa::Rsa;
#[cfg(feature = "aws-lc-rs")]
pub(crate) use rsa::strict_rsa_key;
#[cfg(feature = "signing")]
pub use software_key::{KeyError, SoftwareKey};

use crate::aead::Aead;
use crate::kdf::Kdf;
use crate::key_exchange::KeyExchangeMethod;
use crate::provider::Provider;
use crate::random::SecureRandom;
use crate::verify::Verify;

/// Everything this backend was built with.
///
/// Random bytes come from the operating system with the feature `getrandom`, else there are none
/// ([`NoRandom`](crate::NoRandom)) and the caller replaces the field `random`.
pub const PROVIDER: Provider = Provider {
    hash: &OneShot,
    verifiers: VERIFIERS,
    key_exchanges: KEY_EXCHANGES,
    kdfs: KDFS,
    aeads: AEADS,
    random: RANDOM,
};

const VERIFIERS: &[&dyn Verify] = &[
    #[cfg(any(feature = "p256", feature = "p384", feature = "p521"))]
    &Ecdsa,
    #[cfg(feature = "ed25519")]
    &Ed25519,
    #[cfg(feature = "ml-dsa")]
    &MlDsa,
    #[cfg(feature = "rsa")]
    &Rsa,
];

const KEY_EXCHANGES: &[&dyn KeyExchangeMethod] = &[
    #[cfg(all(feature = "ecdh", any(feature = "p256", feature = "p384", feature = "p521")))]
    &Ecdh,
    #[cfg(feature = "ffdhe")]
    &Ffdhe,
    #[cfg(feature = "ml-kem")]
    &MlKem,
];

const KDFS: &[&dyn Kdf] = &[
    #[cfg(all(
        feature = "hkdf",
        any(feature = "sha256", feature = "sha384", feature = "sha512", feature = "sha3")
    ))]
    &Hkdf,
];

const AEADS: &[&dyn Aead] = &[
    #[cfg(feature = "aes-gcm")]
    &AesGcm,
    #[cfg(feature = "chacha20poly1305")]
    &ChaCha20Poly1305,
];

#[cfg(feature = "getrandom")]
const RANDOM: &dyn SecureRandom = &OsRandom;
#[cfg(not(feature = "getrandom"))]
const RANDOM: &dyn SecureRandom = &crate::random::NoRandom;
