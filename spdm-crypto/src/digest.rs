//! Digests by value.

use core::fmt;

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
