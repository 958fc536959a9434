//! Random bytes.

use core::fmt;

/// No random bytes could be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it")]
pub struct RandomUnavailable;

impl fmt::Display for RandomUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random numbers are available")
    }
}

impl core::error::Error for RandomUnavailable {}

/// A cryptographically secure source of random bytes: nonces and keys depend on it.
pub trait SecureRandom: fmt::Debug + Send + Sync {
    /// Fills `out` entirely.
    ///
    /// # Errors
    /// [`RandomUnavailable`]; then `out` must not be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The source of a backend without one: always fails, so that a forgotten TRNG is noticed and no nonce is
/// ever predictable.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a unit")]
pub struct NoRandom;

impl SecureRandom for NoRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable)
    }
}

/// Bytes that everybody can predict, so that a test sees the same nonces and keys in every run.
///
/// It is there with the feature `dangerous-test-random` *and* `debug_assertions`: a release build does not
/// have the type, whatever its features, and what names it does not compile.
///
/// Word i of 64 bits is what SplitMix64 makes of seed and i.
#[cfg(all(feature = "dangerous-test-random", debug_assertions))]
#[derive(Debug)]
pub struct DangerousTestRandom {
    seed: u64,
    words: core::sync::atomic::AtomicU32,
}

#[cfg(all(feature = "dangerous-test-random", debug_assertions))]
impl DangerousTestRandom {
    /// The source that begins with this seed; `const`, so that a provider can name a `static` one.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self { seed, words: core::sync::atomic::AtomicU32::new(1) }
    }
}

#[cfg(all(feature = "dangerous-test-random", debug_assertions))]
impl SecureRandom for DangerousTestRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        for chunk in out.chunks_mut(size_of::<u64>()) {
            let count = self.words.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
            let mut word = self.seed.wrapping_add(STEP.wrapping_mul(u64::from(count)));
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^= word >> 31;
            chunk.iter_mut().zip(word.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "dangerous-test-random", debug_assertions))]
mod tests {
    use super::{DangerousTestRandom, SecureRandom as _};

    /// The first two words of SplitMix64 with seed 0.
    #[test]
    fn a_seed_determines_the_bytes() {
        static RANDOM: DangerousTestRandom = DangerousTestRandom::from_seed(0);
        let mut out = [0; 16];
        RANDOM.fill(&mut out).unwrap();
        let words = out.as_chunks::<8>().0;
        assert_eq!(u64::from_le_bytes(words[0]), 0xE220_A839_7B1D_CDAF);
        assert_eq!(u64::from_le_bytes(words[1]), 0x6E78_9E6A_A1B9_65F4);
    }
}
