//! How the transport waits in asynchronous programs.

use spdm_transport::{AsyncClock, AsyncTransport, Duration, Limits, MessageKind, Received};

use crate::config_space::ConfigSpace;
use crate::engine::{Readiness, Span};
use crate::error::DoeError;
use crate::object::{ObjectType, OutgoingObject};
use crate::transport::DoeTransport;

/// It waits for the mailbox with the clock's futures. Register accesses themselves are short and not awaited.
///
/// A dropped `send` has handed nothing over; a dropped `receive` loses nothing.
impl<S: ConfigSpace, C: AsyncClock> AsyncTransport for DoeTransport<S, C> {
    type Error = DoeError<S::Error>;

    fn limits(&self) -> Limits {
        self.limits
    }

    async fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error> {
        let len = message.len();
        let outgoing = OutgoingObject::new(ObjectType::of(kind), message);
        let outgoing = outgoing.ok_or(DoeError::MessageLength { len })?;
        let span = Span::new(self.clock.now(), timeout);
        while let Readiness::NotBefore(until) = self.engine.prepare(span, self.clock.now())? {
            self.clock.sleep_until(until).await;
        }
        self.engine.write(outgoing, span, || self.clock.now())
    }

    async fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, Self::Error> {
        let span = Span::new(self.clock.now(), timeout);
        loop {
            match self.engine.await_answer(span, self.clock.now())? {
                Some(Readiness::Ready) => {
                    return self.engine.read(buffer, span, || self.clock.now());
                }
                Some(Readiness::NotBefore(until)) => self.clock.sleep_until(until).await,
                None => return Ok(None),
            }
        }
    }

    fn abandon(&mut self) {
        self.engine.abandon(self.clock.now());
    }
}
