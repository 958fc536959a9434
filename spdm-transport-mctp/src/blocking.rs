//! The blocking transport.

use core::fmt;

use mctp::ReqChannel;
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};

use crate::channels::{RequestChannels, check_endpoint, message_type};
use crate::endpoint::Endpoint;
use crate::error::MctpError;

/// A channel whose [`recv`](ReqChannel::recv) ends after a time.
pub trait ReceiveTimeout: ReqChannel {
    /// Lets the next `recv` fail with [`mctp::Error::TimedOut`] when no answer came in `timeout`.
    ///
    /// # Errors
    /// When the stack cannot do this.
    fn set_receive_timeout(&mut self, timeout: Duration) -> mctp::Result<()>;
}

/// A device behind an MCTP endpoint.
///
/// A message that is not SPDM ends the exchange with an error; it is never skipped to look for a better one.
/// Sending takes as long as the stack wants: its channels have no timeout for it.
pub struct MctpTransport<E: Endpoint> {
    channels: RequestChannels<E>,
}

impl<E: Endpoint> MctpTransport<E> {
    /// A transport to this endpoint. `max_message` is the longest message in bytes, without the message type,
    /// that the stack can carry in both directions.
    #[must_use]
    pub fn new(endpoint: E, max_message: usize) -> Self {
        Self { channels: RequestChannels::new(endpoint, max_message) }
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub const fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.channels.set_round_trip(round_trip);
        self
    }
}

impl<E: Endpoint> Transport for MctpTransport<E>
where
    E::Channel: ReceiveTimeout,
{
    type Error = MctpError;

    fn limits(&self) -> Limits {
        self.channels.limits
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), MctpError> {
        let channel = self.channels.begin(message.len())?;
        let sent = check_endpoint(channel.remote_eid())
            .and_then(|()| Ok(channel.send(message_type(kind), message)?));
        self.channels.begun(sent)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, MctpError> {
        let room = buffer.len();
        let Some(channel) = self.channels.live()? else { return Ok(None) };
        let received = match channel.set_receive_timeout(timeout) {
            Ok(()) => {
                channel.recv(buffer).map(|(kind, check, message)| (kind, check, message.len()))
            }
            Err(error) => Err(error),
        };
        match received {
            Err(mctp::Error::TimedOut) => Ok(None),
            received => self.channels.end(room, received).map(Some),
        }
    }

    fn abandon(&mut self) {
        self.channels.retire();
    }
}

impl<E: Endpoint> fmt::Debug for MctpTransport<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channels.fmt(f)
    }
}
