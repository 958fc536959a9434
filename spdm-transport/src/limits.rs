//! What a binding can carry.

use core::time::Duration;

/// Limits of a binding. They never change while a transport lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message that can be sent, in bytes, without the transport's own headers.
    pub max_send: usize,
    /// The largest message that can be received, in bytes, without the transport's own headers.
    pub max_receive: usize,
    /// How many bytes the transport may append to a message so that the receiver cannot tell (DOE: 3).
    pub padding: usize,
    /// RTT: the worst-case time that a message and its answer spend on the way (DSP0274 §Timing).
    pub round_trip: Duration,
}

impl Limits {
    /// Sizes in bytes; no padding, a round trip of one second.
    #[must_use]
    pub const fn new(max_send: usize, max_receive: usize) -> Self {
        Self { max_send, max_receive, padding: 0, round_trip: Duration::from_secs(1) }
    }

    /// Sets [`Self::padding`].
    #[must_use]
    pub const fn with_padding(mut self, padding: usize) -> Self {
        self.padding = padding;
        self
    }

    /// Sets [`Self::round_trip`].
    #[must_use]
    pub const fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.round_trip = round_trip;
        self
    }
}
