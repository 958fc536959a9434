//! The asynchronous transport.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use mctp::AsyncReqChannel;
use spdm_transport::{AsyncClock, AsyncTransport, Duration, Limits, MessageKind, Received};

use crate::channels::{RequestChannels, check_endpoint, message_type};
use crate::endpoint::Endpoint;
use crate::error::MctpError;

/// [`MctpTransport`](crate::MctpTransport) for asynchronous stacks, such as `mctp-estack`. The clock is for
/// timeouts, which channels do not have.
///
/// A dropped `receive` loses nothing if the channel's `recv` can be dropped, as that of `mctp-estack` can. A request
/// whose `send` was dropped or timed out is never answered; the next one starts afresh.
pub struct AsyncMctpTransport<E: Endpoint, C> {
    channels: RequestChannels<E>,
    clock: C,
}

impl<E: Endpoint, C> AsyncMctpTransport<E, C> {
    /// A transport to this endpoint. `max_message` is the longest message in bytes, without the message type,
    /// that the stack can carry in both directions: `mctp_estack::config::MAX_PAYLOAD`.
    #[must_use]
    pub fn new(endpoint: E, max_message: usize, clock: C) -> Self {
        Self { channels: RequestChannels::new(endpoint, max_message), clock }
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.channels.set_round_trip(round_trip);
        self
    }
}

impl<E: Endpoint, C: AsyncClock> AsyncTransport for AsyncMctpTransport<E, C>
where
    E::Channel: AsyncReqChannel,
{
    type Error = MctpError;

    fn limits(&self) -> Limits {
        self.channels.limits
    }

    async fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), MctpError> {
        let channel = self.channels.begin(message.len())?;
        let sent = match check_endpoint(channel.remote_eid()) {
            Ok(()) => {
                let send = channel.send(message_type(kind), message);
                let sent = within(&self.clock, timeout, send).await;
                sent.unwrap_or(Err(mctp::Error::TimedOut)).map_err(MctpError::from)
            }
            Err(error) => Err(error),
        };
        self.channels.begun(sent)
    }

    async fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, MctpError> {
        let room = buffer.len();
        let Some(channel) = self.channels.live()? else { return Ok(None) };
        let received = within(&self.clock, timeout, channel.recv(buffer)).await;
        let received = received
            .map(|received| received.map(|(kind, check, message)| (kind, check, message.len())));
        match received {
            None | Some(Err(mctp::Error::TimedOut)) => Ok(None),
            Some(received) => self.channels.end(room, received).map(Some),
        }
    }

    fn abandon(&mut self) {
        self.channels.retire();
    }
}

impl<E: Endpoint, C> fmt::Debug for AsyncMctpTransport<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channels.fmt(f)
    }
}

/// What `future` gives, unless it takes longer than `timeout`.
async fn within<F: Future>(
    clock: &impl AsyncClock,
    timeout: Duration,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = pin!(clock.sleep_until(clock.now().after(timeout)));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}
