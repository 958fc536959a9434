//! The clock of programs on tokio.

use tokio::time;

use super::{AsyncClock, Instant};

/// tokio's clock, which its `test-util` feature can pause. It needs a runtime with time enabled.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock(time::Instant);

impl TokioClock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self(time::Instant::now())
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncClock for TokioClock {
    fn now(&self) -> Instant {
        Instant::default().after(self.0.elapsed())
    }

    async fn sleep_until(&self, until: Instant) {
        time::sleep(until.since(self.now())).await;
    }
}
