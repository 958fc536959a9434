//! What a binding can carry.

use core::time::Duration;

use spdm_codec::RecordBinding;

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
    /// How it carries the records of sessions; `None` where it cannot mark secured messages.
    pub records: Option<RecordBinding>,
}

impl Limits {
    /// Sizes in bytes; no padding, a round trip of one second, no records of sessions.
    #[must_use]
    pub const fn new(max_send: usize, max_receive: usize) -> Self {
        let round_trip = Duration::from_secs(1);
        Self { max_send, max_receive, padding: 0, round_trip, records: None }
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

    /// Sets [`Self::records`].
    #[must_use]
    pub const fn with_records(mut self, binding: RecordBinding) -> Self {
        self.records = Some(binding);
        self
    }
}
