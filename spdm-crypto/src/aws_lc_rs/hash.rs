//! SHA-2 and SHA-3.

use core::fmt;

use ::aws_lc_rs::digest::{self, Context};

use crate::digest::Digest;
use crate::hash::{Hash, RunningHash, Unsupported};
use crate::hash_algorithm::HashAlgorithm;

/// A running hash.
#[derive(Clone)]
pub struct Running {
    context: Context,
    hash: HashAlgorithm,
}

impl RunningHash for Running {
    fn start(hash: HashAlgorithm) -> Result<Self, Unsupported> {
        Ok(Self { context: Context::new(algorithm(hash)), hash })
    }

    fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    fn snapshot(&self) -> Digest {
        finished(self.context.clone())
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.hash)
    }
}

/// One-shot hashing.
#[derive(Clone, Copy, Debug)]
pub struct OneShot;

impl Hash for OneShot {
    fn supports(&self, _: HashAlgorithm) -> bool {
        true
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
        let mut context = Context::new(algorithm(hash));
        parts.iter().for_each(|part| context.update(part));
        Ok(finished(context))
    }
}

pub(super) const fn algorithm(hash: HashAlgorithm) -> &'static digest::Algorithm {
    match hash {
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        HashAlgorithm::Sha3_256 => &digest::SHA3_256,
        HashAlgorithm::Sha3_384 => &digest::SHA3_384,
        HashAlgorithm::Sha3_512 => &digest::SHA3_512,
    }
}

fn finished(context: Context) -> Digest {
    // None of the six is longer than a digest of this crate.
    Digest::new(context.finish().as_ref()).unwrap_or_default()
}
