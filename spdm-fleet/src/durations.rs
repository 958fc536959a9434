//! How long things took.

/// Durations in milliseconds, four bytes each.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    ms: Vec<u32>,
}

/// What is said of many durations, in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Percentiles {
    /// Half of them took at most this long.
    pub p50: u32,
    /// Nine of ten.
    pub p90: u32,
    /// 99 of 100.
    pub p99: u32,
    /// All.
    pub max: u32,
}

impl Durations {
    pub(crate) fn add(&mut self, ms: u64) {
        self.ms.push(u32::try_from(ms).unwrap_or(u32::MAX));
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.ms.len()
    }

    /// How many are above the bound before, and at most as large as each of these; and how many are larger than all of them.
    pub(crate) fn distribution(&self, bounds: &[u32]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len().saturating_add(1)];
        for ms in &self.ms {
            if let Some(count) = counts.get_mut(bounds.partition_point(|bound| bound < ms)) {
                *count += 1;
            }
        }
        counts
    }

    /// The percentiles (nearest rank); `None` of nothing.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let mut sorted = self.ms.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        // The smallest value that at least so many of a hundred do not exceed.
        let of = |percent: usize| {
            let rank = sorted.len().saturating_mul(percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1).min(last)).copied()
        };
        Some(Percentiles { p50: of(50)?, p90: of(90)?, p99: of(99)?, max: of(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Durations, Percentiles};

    #[test]
    fn percentiles_are_values_that_occurred() {
        let of = |values: &[u64]| {
            let mut durations = Durations::default();
            values.iter().for_each(|ms| durations.add(*ms));
            durations.percentiles()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(Percentiles { p50: 7, p90: 7, p99: 7, max: 7 }));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Some(Percentiles { p50: 50, p90: 90, p99: 99, max: 100 }));
        let mut durations = Durations::default();
        [0, 1, 2, 3, 10, 11].iter().for_each(|ms| durations.add(*ms));
        assert_eq!(durations.distribution(&[1, 2, 10]), [2, 1, 2, 1]);
        assert_eq!(of(&[1, 2, u64::MAX]).unwrap().max, u32::MAX);
    }
}
