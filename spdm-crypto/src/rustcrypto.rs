//! Backend on the RustCrypto crates.
//!
//! [`PROVIDER`] has whatever the enabled features bring: a pair of algorithms without its feature is not
//! offered, and a signature by it is [`Invalid`](crate::Invalid). The parts are public units, so that a
//! provider can be composed of some of them and of another backend.

#[cfg(any(feature = "p256", feature = "p384", feature = "p521"))]
mod ecdsa;
#[cfg(feature = "ed25519")]
mod ed25519;
mod hash;
#[cfg(feature = "ml-dsa")]
mod ml_dsa;
#[cfg(feature = "getrandom")]
mod random;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "signing")]
mod signing;

#[cfg(any(feature = "p256", feature = "p384", feature = "p521"))]
pub use ecdsa::Ecdsa;
#[cfg(feature = "ed25519")]
pub use ed25519::Ed25519;
pub use hash::{OneShot, Running};
#[cfg(feature = "ml-dsa")]
pub use ml_dsa::MlDsa;
#[cfg(feature = "getrandom")]
pub use random::OsRandom;
#[cfg(feature = "rsa")]
pub use rsa::Rsa;
#[cfg(feature = "signing")]
pub use signing::{KeyError, SoftwareKey};

use crate::provider::{Provider, SecureRandom, Verify};

/// Everything this backend was built with.
///
/// Random bytes come from the operating system with the feature `getrandom`, else there are none
/// ([`NoRandom`](crate::NoRandom)) and the caller replaces the field `random`.
pub const PROVIDER: Provider = Provider { hash: &OneShot, verifiers: VERIFIERS, random: RANDOM };

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

#[cfg(feature = "getrandom")]
const RANDOM: &dyn SecureRandom = &OsRandom;
#[cfg(not(feature = "getrandom"))]
const RANDOM: &dyn SecureRandom = &crate::provider::NoRandom;
