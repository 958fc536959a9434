//! The clock of programs that block.

use super::{Clock, Instant};

/// The operating system's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct StdClock(std::time::Instant);

impl StdClock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Default for StdClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for StdClock {
    fn now(&self) -> Instant {
        Instant::default().after(self.0.elapsed())
    }

    fn sleep_until(&self, until: Instant) {
        std::thread::sleep(until.since(self.now()));
    }
}
