//! Pauses before another attempt, spread so that devices that failed together are not asked together again.

use core::time::Duration;

use super::{FIRST_PAUSE, LONGEST_PAUSE};

/// Numbers that only have to differ (SplitMix64): nothing secret depends on them.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The pause behind this attempt: twice as long each time, and up to a half longer than that; from 1 s to 60 s.
    pub(super) fn pause(&mut self, attempt: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(6));
        let base = doubled.min(LONGEST_PAUSE);
        let half = u64::try_from(base.as_micros() / 2).unwrap_or(u64::MAX).max(1);
        let more = Duration::from_micros(self.number() % half);
        base.saturating_add(more).min(LONGEST_PAUSE)
    }

    const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, FIRST_PAUSE, Jitter, LONGEST_PAUSE};

    #[test]
    fn pauses_double_from_one_second_to_sixty() {
        let mut jitter = Jitter::new(7);
        let mut seen = Vec::new();
        for attempt in 1..200 {
            let pause = jitter.pause(attempt);
            assert!((FIRST_PAUSE..=LONGEST_PAUSE).contains(&pause));
            seen.push(pause);
        }
        assert!(seen[0] < Duration::from_millis(1500));
        assert!(seen[2] >= Duration::from_secs(4) && seen[2] <= Duration::from_secs(6));
        assert_eq!(seen[150], LONGEST_PAUSE);
        let mut other = Jitter::new(8);
        assert_ne!(other.pause(1), seen[0], "two runs do not ask together");
    }
}
