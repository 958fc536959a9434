//! Time, and the two clocks that most programs have.

#[cfg(feature = "std")]
mod system;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub use system::StdClock;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use tokio::TokioClock;

use core::time::Duration;

/// A point in time: microseconds since a start that the clock chose, never going back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(u64);

impl Instant {
    /// This many microseconds after the clock's start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The point `duration` later; the end of time where that does not fit.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        self.after_micros(micros(duration))
    }

    /// The point so many microseconds later; the end of time where that does not fit.
    #[must_use]
    pub const fn after_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// How long it is from `earlier` until this; zero where it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The length of `duration` in whole microseconds; `u64::MAX` where it is longer. Unlike
/// [`Duration::as_micros`] it needs no 128-bit integers.
#[must_use]
#[inline(never)]
pub fn micros(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000);
    seconds.saturating_add(duration.subsec_micros().into())
}

/// A clock of a blocking driver.
pub trait Clock {
    /// Now.
    fn now(&self) -> Instant;

    /// Returns at `until` or later; at once where that has passed.
    fn sleep_until(&self, until: Instant);
}

/// A clock of an asynchronous driver.
pub trait AsyncClock {
    /// Now.
    fn now(&self) -> Instant;

    /// Completes at `until` or later; at once where that has passed.
    fn sleep_until(&self, until: Instant) -> impl Future<Output = ()>;
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant};

    #[test]
    fn arithmetic_saturates() {
        let start = Instant::from_micros(10);
        assert_eq!(start.after(Duration::from_millis(1)).as_micros(), 1010);
        assert_eq!(start.after(Duration::MAX).as_micros(), u64::MAX);
        assert_eq!(start.since(Instant::from_micros(20)), Duration::ZERO);
        assert_eq!(Instant::from_micros(20).since(start), Duration::from_micros(10));
    }
}
