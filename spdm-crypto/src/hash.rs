//! Digests, one-shot hashing, and running hashes that the caller lends.

use core::fmt;

use crate::algorithm::HashAlgorithm;

/// A digest by value: up to 64 bytes.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl Digest {
    /// The longest digest in bytes.
    pub const MAX: usize = 64;

    /// A digest of these bytes; `None` above [`Self::MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut digest = Self { bytes: [0; Self::MAX], len: u8::try_from(bytes.len()).ok()? };
        digest.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(digest)
    }

    /// A digest of a length known at compile time.
    #[cfg(any(feature = "sha256", feature = "sha384", feature = "sha512", feature = "sha3"))]
    pub(crate) fn from_array<const N: usize>(array: [u8; N]) -> Self {
        const { assert!(N <= Self::MAX, "no digest of this crate is longer") };
        let mut bytes = [0; Self::MAX];
        bytes.iter_mut().zip(array).for_each(|(place, byte)| *place = byte);
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "at most MAX")]
        Self { bytes, len: N as u8 }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

impl Default for Digest {
    /// An empty digest, which no hash function gives.
    fn default() -> Self {
        Self { bytes: [0; Self::MAX], len: 0 }
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

// Digests of public messages: equality needs no constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
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

/// Why a [`HashBank`] refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HashError {
    /// The backend has no such hash.
    Unsupported(Unsupported),
    /// The lent bank has too few places.
    NoPlace {
        /// The place asked for.
        place: usize,
        /// How many there are.
        places: usize,
    },
    /// The place was used before it was started.
    NotStarted {
        /// The place asked for.
        place: usize,
    },
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(error) => error.fmt(f),
            Self::NoPlace { place, places } => {
                write!(f, "the hash bank has {places} places, but place {place} is needed")
            }
            Self::NotStarted { place } => write!(f, "place {place} of the hash bank holds no hash"),
        }
    }
}

impl core::error::Error for HashError {}

impl From<Unsupported> for HashError {
    fn from(error: Unsupported) -> Self {
        Self::Unsupported(error)
    }
}

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

/// All running hashes of one connection, lent by the caller: no allocation, no generics.
///
/// Places are numbered from 0; which transcript uses which place is the requester's business.
pub trait HashBank: fmt::Debug + Send {
    /// How many running hashes there is room for.
    fn places(&self) -> usize;

    /// Starts (or restarts) a hash at `place`.
    ///
    /// # Errors
    /// [`HashError`] where the place or the hash does not exist.
    fn start(&mut self, place: usize, hash: HashAlgorithm) -> Result<(), HashError>;

    /// Adds bytes.
    ///
    /// # Errors
    /// [`HashError`] where nothing was started at `place`.
    fn update(&mut self, place: usize, bytes: &[u8]) -> Result<(), HashError>;

    /// The digest so far; the hash goes on.
    ///
    /// # Errors
    /// [`HashError`] where nothing was started at `place`.
    fn snapshot(&self, place: usize) -> Result<Digest, HashError>;

    /// Copies the state of `from` to `to`.
    ///
    /// # Errors
    /// [`HashError`] where a place does not exist or nothing was started at `from`.
    fn fork(&mut self, from: usize, to: usize) -> Result<(), HashError>;

    /// Forgets all state.
    fn clear(&mut self);
}

/// One running hash: the only hashing type that a backend writes; [`Bank`] does the rest.
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

/// A [`HashBank`] of `N` places over any backend's running hash.
#[derive(Debug)]
pub struct Bank<H, const N: usize>([Option<H>; N]);

impl<H, const N: usize> Bank<H, N> {
    /// An empty bank; `const`, so that it can be a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { None }; N])
    }

    fn running(&self, place: usize) -> Result<&H, HashError> {
        match self.0.get(place) {
            Some(Some(hash)) => Ok(hash),
            Some(None) => Err(HashError::NotStarted { place }),
            None => Err(HashError::NoPlace { place, places: N }),
        }
    }

    fn place(&mut self, place: usize) -> Result<&mut Option<H>, HashError> {
        self.0.get_mut(place).ok_or(HashError::NoPlace { place, places: N })
    }
}

impl<H, const N: usize> Default for Bank<H, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: RunningHash, const N: usize> HashBank for Bank<H, N> {
    fn places(&self) -> usize {
        N
    }

    fn start(&mut self, place: usize, hash: HashAlgorithm) -> Result<(), HashError> {
        *self.place(place)? = Some(H::start(hash)?);
        Ok(())
    }

    fn update(&mut self, place: usize, bytes: &[u8]) -> Result<(), HashError> {
        self.place(place)?.as_mut().ok_or(HashError::NotStarted { place })?.update(bytes);
        Ok(())
    }

    fn snapshot(&self, place: usize) -> Result<Digest, HashError> {
        Ok(self.running(place)?.snapshot())
    }

    fn fork(&mut self, from: usize, to: usize) -> Result<(), HashError> {
        let copy = self.running(from)?.clone();
        *self.place(to)? = Some(copy);
        Ok(())
    }

    fn clear(&mut self) {
        self.0.fill_with(|| None);
    }
}

/// Fits a digest to what a curve signs (FIPS 186-5 §6.4): the leftmost `N` bytes, or the whole digest with
/// zeros on its left, which is the same integer. So every hash works with every curve on every backend.
///
/// P-521's order has 521 bits: no digest of ours is long enough to need truncation by bits.
#[must_use]
pub fn fit_prehash<const N: usize>(digest: &Digest) -> [u8; N] {
    let mut out = [0; N];
    let bytes = digest.as_bytes();
    match (bytes.first_chunk::<N>(), N.checked_sub(bytes.len())) {
        (Some(leftmost), _) => out = *leftmost,
        (None, Some(zeros)) => {
            if let Some(place) = out.get_mut(zeros..) {
                place.copy_from_slice(bytes);
            }
        }
        (None, None) => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Digest, fit_prehash};

    #[test]
    fn prehash_is_truncated_or_padded_on_the_left() {
        let digest = Digest::new(&[1, 2, 3, 4]).unwrap();
        assert_eq!(fit_prehash::<2>(&digest), [1, 2]);
        assert_eq!(fit_prehash::<4>(&digest), [1, 2, 3, 4]);
        assert_eq!(fit_prehash::<6>(&digest), [0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn digests_have_a_limit() {
        assert!(Digest::new(&[0; 65]).is_none());
        assert_ne!(Digest::new(&[0; 32]), Digest::new(&[0; 48]));
    }
}
