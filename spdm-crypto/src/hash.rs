//! Hash functions, at once and as running hashes.

use core::fmt;

use crate::digest::Digest;
use crate::hash_algorithm::HashAlgorithm;

/// One-shot hashing.
pub trait Hash: fmt::Debug + Send + Sync {
    /// Whether [`Self::digest`] knows this hash.
    fn supports(&self, hash: HashAlgorithm) -> bool;

    /// Hash of the concatenated `parts`.
    ///
    /// # Errors
    /// [`Unsupported`] where the backend has no such hash.
    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported>;
}

/// One running hash: the only hashing type that a backend writes; [`Bank`](crate::Bank) does the rest.
pub trait RunningHash: Clone + fmt::Debug + Send {
    /// Starts a hash.
    ///
    /// # Errors
    /// [`Unsupported`] where the backend has no such hash.
    fn start(hash: HashAlgorithm) -> Result<Self, Unsupported>;
    /// Adds bytes.
    fn update(&mut self, bytes: &[u8]);
    /// The digest so far.
    fn snapshot(&self) -> Digest;
}

/// The backend was built without this hash function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unsupported {
    /// The hash function.
    pub hash: HashAlgorithm,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the crypto backend does not implement {}", self.hash)
    }
}

impl core::error::Error for Unsupported {}

impl Unsupported {
    /// For backends.
    #[must_use]
    pub const fn new(hash: HashAlgorithm) -> Self {
        Self { hash }
    }
}
