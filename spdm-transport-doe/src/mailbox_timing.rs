//! How long to wait.

use spdm_transport::Duration;

/// How long a requester waits for a mailbox. The time for an answer is not in it: the requester gives it to each
/// call, from [`Limits::round_trip`](spdm_transport::Limits::round_trip) and the device's CTExponent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MailboxTiming {
    /// Between two looks at DOE Status; 8 ms by default. The first look is at once.
    pub poll_interval: Duration,
    /// How long a mailbox may be Busy before an object is handed over; 1 s by default.
    pub busy: Duration,
    /// How long an abort may take; 1 s by default (PCIe 6.0 §6.30.2).
    pub abort: Duration,
}

impl Default for MailboxTiming {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { poll_interval: second / 125, busy: second, abort: second }
    }
}
