//! The asynchronous transport.

use spdm_transport::{AsyncClock, AsyncTransport, Duration, Limits, MessageKind, Received};

use crate::config_space::ConfigSpace;
use crate::engine::{Engine, Span, Turn};
use crate::error::DoeError;
use crate::mailbox::{Mailbox, Status};
use crate::object::{MAX_CONTENT, ObjectType, Outgoing};
use crate::policy::Policy;
use crate::transport::LIMITS;

/// [`DoeTransport`](crate::DoeTransport) for asynchronous programs: it waits for the mailbox with the clock's futures.
/// Register accesses themselves are short and not awaited.
///
/// A dropped `send` has handed nothing over; a dropped `receive` loses nothing.
#[derive(Debug)]
pub struct AsyncDoeTransport<S: ConfigSpace, C> {
    engine: Engine<S>,
    clock: C,
    limits: Limits,
}

impl<S: ConfigSpace, C> AsyncDoeTransport<S, C> {
    /// A device behind this mailbox.
    pub fn new(mailbox: Mailbox<S>, clock: C) -> Self {
        Self { engine: Engine::new(mailbox), clock, limits: LIMITS }
    }

    /// Sets how long to wait for the mailbox.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.engine.policy = policy;
        self
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.limits = self.limits.with_round_trip(round_trip);
        self
    }

    /// Sets the largest message that is taken, in bytes; see
    /// [`DoeTransport::with_max_receive`](crate::DoeTransport::with_max_receive).
    #[must_use]
    pub fn with_max_receive(mut self, len: usize) -> Self {
        self.limits.max_receive = len.min(MAX_CONTENT);
        self
    }

    /// What DOE Status showed last.
    pub const fn status(&self) -> Status {
        self.engine.status
    }
}

impl<S: ConfigSpace, C: AsyncClock> AsyncTransport for AsyncDoeTransport<S, C> {
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
        let outgoing = Outgoing::new(ObjectType::of(kind), message);
        let outgoing = outgoing.ok_or(DoeError::MessageLength { len })?;
        let span = Span::new(self.clock.now(), timeout);
        while let Turn::Wait(until) = self.engine.prepare(span, self.clock.now())? {
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
                Some(Turn::Go) => return self.engine.read(buffer, span, || self.clock.now()),
                Some(Turn::Wait(until)) => self.clock.sleep_until(until).await,
                None => return Ok(None),
            }
        }
    }

    fn abandon(&mut self) {
        self.engine.abandon(self.clock.now());
    }
}
