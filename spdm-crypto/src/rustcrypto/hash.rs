//! SHA-2 and SHA-3.

use core::fmt;

#[cfg(any(feature = "sha256", feature = "sha384", feature = "sha512", feature = "sha3"))]
use digest::Digest as _;
#[cfg(feature = "sha256")]
use sha2::Sha256;
#[cfg(feature = "sha384")]
use sha2::Sha384;
#[cfg(feature = "sha512")]
use sha2::Sha512;
#[cfg(feature = "sha3")]
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use crate::digest::Digest;
use crate::hash::{Hash, RunningHash, Unsupported};
use crate::hash_algorithm::HashAlgorithm;

/// A running hash of any enabled family.
#[derive(Clone)]
pub struct Running(State);

#[derive(Clone)]
enum State {
    #[cfg(feature = "sha256")]
    Sha256(Sha256),
    #[cfg(feature = "sha384")]
    Sha384(Sha384),
    #[cfg(feature = "sha512")]
    Sha512(Sha512),
    #[cfg(feature = "sha3")]
    Sha3_256(Sha3_256),
    #[cfg(feature = "sha3")]
    Sha3_384(Sha3_384),
    #[cfg(feature = "sha3")]
    Sha3_512(Sha3_512),
}

/// Evaluates one expression for the hash inside a state. Without any hash the state has no values, and a
/// match on the place (not on a reference to it) may then have no arms.
macro_rules! each {
    ($state:expr, $hash:pat => $value:expr) => {
        match $state {
            #[cfg(feature = "sha256")]
            State::Sha256($hash) => $value,
            #[cfg(feature = "sha384")]
            State::Sha384($hash) => $value,
            #[cfg(feature = "sha512")]
            State::Sha512($hash) => $value,
            #[cfg(feature = "sha3")]
            State::Sha3_256($hash) => $value,
            #[cfg(feature = "sha3")]
            State::Sha3_384($hash) => $value,
            #[cfg(feature = "sha3")]
            State::Sha3_512($hash) => $value,
        }
    };
}

impl RunningHash for Running {
    fn start(hash: HashAlgorithm) -> Result<Self, Unsupported> {
        match hash {
            #[cfg(feature = "sha256")]
            HashAlgorithm::Sha256 => Ok(Self(State::Sha256(Sha256::new()))),
            #[cfg(feature = "sha384")]
            HashAlgorithm::Sha384 => Ok(Self(State::Sha384(Sha384::new()))),
            #[cfg(feature = "sha512")]
            HashAlgorithm::Sha512 => Ok(Self(State::Sha512(Sha512::new()))),
            #[cfg(feature = "sha3")]
            HashAlgorithm::Sha3_256 => Ok(Self(State::Sha3_256(Sha3_256::new()))),
            #[cfg(feature = "sha3")]
            HashAlgorithm::Sha3_384 => Ok(Self(State::Sha3_384(Sha3_384::new()))),
            #[cfg(feature = "sha3")]
            HashAlgorithm::Sha3_512 => Ok(Self(State::Sha3_512(Sha3_512::new()))),
            #[cfg(not(all(
                feature = "sha256",
                feature = "sha384",
                feature = "sha512",
                feature = "sha3"
            )))]
            _ => Err(Unsupported::new(hash)),
        }
    }

    #[cfg_attr(
        not(any(feature = "sha256", feature = "sha384", feature = "sha512", feature = "sha3")),
        expect(unused_variables, reason = "no hash is enabled: there is no value of this type")
    )]
    fn update(&mut self, bytes: &[u8]) {
        each!(self.0, ref mut hash => hash.update(bytes));
    }

    fn snapshot(&self) -> Digest {
        each!(self.0, ref hash => Digest::from_array(hash.clone().finalize().into()))
    }
}

impl Running {
    fn algorithm(&self) -> HashAlgorithm {
        match self.0 {
            #[cfg(feature = "sha256")]
            State::Sha256(_) => HashAlgorithm::Sha256,
            #[cfg(feature = "sha384")]
            State::Sha384(_) => HashAlgorithm::Sha384,
            #[cfg(feature = "sha512")]
            State::Sha512(_) => HashAlgorithm::Sha512,
            #[cfg(feature = "sha3")]
            State::Sha3_256(_) => HashAlgorithm::Sha3_256,
            #[cfg(feature = "sha3")]
            State::Sha3_384(_) => HashAlgorithm::Sha3_384,
            #[cfg(feature = "sha3")]
            State::Sha3_512(_) => HashAlgorithm::Sha3_512,
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.algorithm())
    }
}

/// One-shot hashing with any enabled family.
#[derive(Clone, Copy, Debug)]
pub struct OneShot;

impl Hash for OneShot {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        match hash {
            HashAlgorithm::Sha256 => cfg!(feature = "sha256"),
            HashAlgorithm::Sha384 => cfg!(feature = "sha384"),
            HashAlgorithm::Sha512 => cfg!(feature = "sha512"),
            HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_384 | HashAlgorithm::Sha3_512 => {
                cfg!(feature = "sha3")
            }
        }
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
        let mut running = Running::start(hash)?;
        parts.iter().for_each(|part| running.update(part));
        Ok(running.snapshot())
    }
}
