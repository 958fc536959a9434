//! All running hashes of a connection in one object that the caller lends.

use core::fmt;

use crate::digest::Digest;
use crate::hash::{RunningHash, Unsupported};
use crate::hash_algorithm::HashAlgorithm;

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

/// A [`HashBank`] of `N` places over any backend's running hash.
pub struct Bank<H, const N: usize>([Option<H>; N]);

/// Only the name: a program that prints no bank links this with [`HashBank`] all the same. Formatting what is in it
/// would take 1 676 bytes of flash (thumbv7em, opt-level z).
impl<H, const N: usize> fmt::Debug for Bank<H, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bank")
    }
}

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
