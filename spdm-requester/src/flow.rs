//! An operation on its way: a state machine that a driver moves with tokens.

use core::fmt;
use core::time::Duration;

use spdm_transport::{Instant, Received};
use spdm_untrusted::Untrusted;

use crate::error::Error;
use crate::exchange::{Arrival, Exchange, Outgoing, Stage};
use crate::fault::Stop;
use crate::operation::{Ask, Next, Operation, Phase};
use crate::requester::{Core, Fresh, REQUEST_AREA, Requester};

/// An operation under way.
///
/// A driver calls [`Self::poll`] until it says [`Step::Done`], does what each token asks for, and takes the
/// result from [`Self::finish`]. A token that is dropped is offered again by the next poll. An error is
/// sticky: every later poll returns it.
///
/// ```
/// use spdm_requester::{Error, Flow, Operation, Step};
/// use spdm_transport::{Instant, MessageKind, Received};
///
/// fn superloop_turn<O: Operation>(flow: &mut Flow<'_, O>, now: Instant) -> Result<bool, Error> {
///     match flow.poll(now)? {
///         Step::Transmit(token) => {
///             uart_send(token.bytes());
///             token.sent(now);
///         }
///         Step::Receive(mut token) => match uart_receive(token.buffer()) {
///             Some(len) => token.received(now, Received { kind: MessageKind::Plain, len })?,
///             None if now > token.deadline() => token.expired()?,
///             None => {}
///         },
///         Step::Wait { .. } => {}
///         Step::Done => return Ok(true),
///     }
///     Ok(false)
/// }
/// # fn uart_send(_: &[u8]) {}
/// # fn uart_receive(_: &mut [u8]) -> Option<usize> { None }
/// ```
pub struct Flow<'a, O> {
    core: Core<'a>,
    exchange: Exchange,
    operation: O,
    failed: Option<Stop>,
}

impl<O> Flow<'_, O> {
    /// Why the flow failed, if it did.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.failed.map(|stop| self.core.connection.fault.error(stop))
    }
}

impl<O> fmt::Debug for Flow<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("exchange", &self.exchange)
            .field("failed", &self.error())
            .finish_non_exhaustive()
    }
}

/// The requester after a failure.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "the connection lives or it does not")]
pub enum Recovered<'a, P> {
    /// The peer merely refused: the requester is where it was.
    Kept(Requester<'a, P>),
    /// The connection is lost: negotiate again.
    Fresh(Requester<'a, Fresh>),
}

impl<'a, P> Recovered<'a, P> {
    /// The requester without its negotiation.
    #[must_use]
    pub fn restart(self) -> Requester<'a, Fresh> {
        match self {
            Self::Kept(requester) => requester.restart(),
            Self::Fresh(requester) => requester,
        }
    }
}

/// Why an operation failed, and the requester for what comes next.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a, P, E> {
    /// The reason.
    pub error: E,
    /// The requester.
    pub requester: Recovered<'a, P>,
}

impl<'a, P, E> Failure<'a, P, E> {
    pub(crate) const fn new(error: E, requester: Recovered<'a, P>) -> Self {
        Self { error, requester }
    }
}

/// What a driver has to do next.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle each")]
pub enum Step<'f, 'a, O> {
    /// Send a message.
    Transmit(Transmit<'f, 'a, O>),
    /// Receive a message.
    Receive(Receive<'f, 'a, O>),
    /// Do nothing before this time.
    Wait {
        /// When to poll again.
        until: Instant,
    },
    /// Call [`Flow::finish`].
    Done,
}

/// The right to send one message.
#[derive(Debug)]
pub struct Transmit<'f, 'a, O> {
    flow: &'f mut Flow<'a, O>,
    out: Outgoing,
}

/// The right to hand in one response.
#[derive(Debug)]
pub struct Receive<'f, 'a, O> {
    flow: &'f mut Flow<'a, O>,
    deadline: Instant,
}

impl<'a, O: Operation> Flow<'a, O> {
    pub(crate) const fn new(core: Core<'a>, operation: O) -> Self {
        Self { core, exchange: Exchange::new(), operation, failed: None }
    }

    /// What is to be done at `now`.
    ///
    /// # Errors
    /// Any [`Error`]; the same again on every later call.
    pub fn poll(&mut self, now: Instant) -> Result<Step<'_, 'a, O>, Error> {
        match self.prepare(now) {
            Ok(()) => Ok(self.step()),
            Err(stop) => Err(self.core.connection.fault.error(stop)),
        }
    }

    /// Gets the next step ready. A driver that hands the flow back at the end has no use for the error before.
    pub(crate) fn prepare(&mut self, now: Instant) -> Result<(), Stop> {
        if let Some(stop) = self.failed {
            return Err(stop);
        }
        let advanced = self.advance(now);
        self.keep(advanced)
    }

    /// The step that is ready.
    pub(crate) const fn step(&mut self) -> Step<'_, 'a, O> {
        match self.exchange.stage {
            Stage::Send(out) => Step::Transmit(Transmit { flow: self, out }),
            Stage::Receive { deadline } => Step::Receive(Receive { flow: self, deadline }),
            Stage::Wait(wait) => Step::Wait { until: wait.until },
            Stage::Done | Stage::Idle => Step::Done,
        }
    }

    fn advance(&mut self, now: Instant) -> Result<(), Stop> {
        while self.exchange.stage == Stage::Idle {
            if let Err(stop) = self.begin() {
                self.pass_over(stop)?;
            }
        }
        self.exchange.advance(&mut self.core, now)
    }

    /// Encodes the next request, once.
    fn begin(&mut self) -> Result<(), Stop> {
        let Self { core, exchange, operation, .. } = self;
        let (room, sizes) = (core.room(core.connection.version()), core.sizes());
        let ask = Ask {
            connection: core.connection,
            provider: &core.provider,
            offer: &core.offer,
            room,
            sizes,
            message_len: core.message.len(),
        };
        let area = core.message.get_mut(..REQUEST_AREA).unwrap_or_default();
        let len = operation.request(&ask, area)?;
        exchange.begin(core, len)
    }

    /// Whether an answer may still come.
    pub(crate) const fn awaits_answer(&self) -> bool {
        matches!(self.exchange.stage, Stage::Receive { .. })
    }

    /// Errors are sticky.
    fn keep(&mut self, result: Result<(), Stop>) -> Result<(), Stop> {
        result.inspect_err(|stop| self.fail(*stop))
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, stop: Stop) {
        self.failed = Some(stop);
        self.operation.stopped(&self.core.connection.fault.error(stop));
        self.operation.failed();
    }

    /// An operation may go on without what the device refuses. It makes another step then: there are as many of them
    /// as it has steps, so that no loop is endless.
    #[cold]
    #[inline(never)]
    fn pass_over(&mut self, stop: Stop) -> Result<(), Stop> {
        let error = self.core.connection.fault.error(stop);
        if !error.is_refusal() {
            return Err(stop);
        }
        let (mut judge, ..) = self.core.split(0)?;
        let next = self.operation.refused(&mut judge, &error)?;
        self.exchange.answered(match next {
            None => return Err(stop),
            Some(Next::Again) => Stage::Idle,
            Some(Next::Done) => Stage::Done,
        });
        Ok(())
    }

    /// The operation, before its first request.
    pub(crate) const fn operation_mut(&mut self) -> &mut O {
        &mut self.operation
    }

    fn arrived(&mut self, now: Instant, received: Received) -> Result<(), Stop> {
        let taken = self.receive(now, received).or_else(|stop| self.pass_over(stop));
        self.keep(taken)
    }

    fn timed_out(&mut self) -> Result<(), Stop> {
        let Self { core, exchange, .. } = self;
        let expired = exchange.expired(core);
        self.keep(expired)
    }

    /// The requester in its new phase, and what the operation brought.
    ///
    /// # Errors
    /// [`Failure`] with the sticky error, or with [`Misuse::Unfinished`](crate::Misuse::Unfinished) before
    /// [`Step::Done`]; it holds the requester.
    #[expect(clippy::type_complexity, reason = "the two halves of every result of an operation")]
    #[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
    pub fn finish(
        self,
    ) -> Result<(Requester<'a, O::Phase>, O::Output), Failure<'a, O::Phase, Error>> {
        self.finish_as(|error| error)
    }

    /// [`Self::finish`], the error made one of the driver at once: the requester is large.
    #[expect(clippy::type_complexity, reason = "the two halves of every result of an operation")]
    #[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
    pub(crate) fn finish_as<E>(
        self,
        error: impl FnOnce(Error) -> E,
    ) -> Result<(Requester<'a, O::Phase>, O::Output), Failure<'a, O::Phase, E>> {
        let Self { core, exchange, mut operation, failed } = self;
        let fault = &core.connection.fault;
        let result = match failed {
            Some(stop) => Err(stop),
            None => match exchange.finish(fault) {
                Ok(()) => operation.finish(fault),
                Err(stop) => {
                    operation.failed();
                    Err(stop)
                }
            },
        };
        let phase = O::Phase::of(core.connection);
        let stop = match (result, phase) {
            (Ok(output), Some(phase)) => return Ok((Requester { core, phase }, output)),
            (Ok(_), None) => fault.unfinished(),
            (Err(stop), _) => stop,
        };
        let reason = fault.error(stop);
        let requester = match O::Phase::of(core.connection).filter(|_| reason.is_refusal()) {
            Some(phase) => Recovered::Kept(Requester { core, phase }),
            None => Recovered::Fresh(core.into_fresh()),
        };
        Err(Failure { error: error(reason), requester })
    }

    /// Gives the operation up; the connection is lost with it.
    #[must_use]
    pub fn abandon(mut self) -> Requester<'a, Fresh> {
        self.operation.failed();
        self.core.into_fresh()
    }

    fn receive(&mut self, now: Instant, received: Received) -> Result<(), Stop> {
        let Self { core, exchange, operation, .. } = self;
        let Arrival::Response(place) = exchange.receive(core, now, received)? else {
            return Ok(());
        };
        let (mut judge, request, area) = core.split(exchange.request_len())?;
        let response = Untrusted::new(area.get(place).unwrap_or_default());
        let next = operation.accept(&mut judge, request, response)?;
        exchange.answered(match next {
            Next::Again => Stage::Idle,
            Next::Done => Stage::Done,
        });
        Ok(())
    }
}

impl<O: Operation> Transmit<'_, '_, O> {
    /// The message, the same for each retry.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.flow.exchange.message(&self.out, &self.flow.core)
    }

    /// How long handing the message over may take: the transport's round trip.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.flow.core.limits.round_trip
    }

    /// The message was handed over at `now`.
    pub fn sent(self, now: Instant) {
        let Flow { core, exchange, .. } = self.flow;
        exchange.sent(now, core);
    }
}

impl<O: Operation> Receive<'_, '_, O> {
    /// Where the transport writes the response.
    #[must_use]
    pub fn buffer(&mut self) -> &mut [u8] {
        let Flow { core, exchange, .. } = &mut *self.flow;
        let area = exchange.receive_area(core);
        core.message.get_mut(area).unwrap_or_default()
    }

    /// Until when the response is worth waiting for.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A response is in [`Self::buffer`].
    ///
    /// # Errors
    /// Any [`Error`]; it is sticky.
    pub fn received(self, now: Instant, received: Received) -> Result<(), Error> {
        let Receive { flow, .. } = self;
        flow.arrived(now, received).map_err(|stop| flow.core.connection.fault.error(stop))
    }

    pub(crate) fn arrived(self, now: Instant, received: Received) -> Result<(), Stop> {
        self.flow.arrived(now, received)
    }

    /// No response came in time, and none will be handed in later: the transport gave the exchange up. The
    /// same message is sent again where [`Bounds::resends`](crate::Bounds::resends) allows it.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it does not; it is sticky.
    pub fn expired(self) -> Result<(), Error> {
        let Receive { flow, .. } = self;
        flow.timed_out().map_err(|stop| flow.core.connection.fault.error(stop))
    }

    pub(crate) fn timed_out(self) -> Result<(), Stop> {
        self.flow.timed_out()
    }
}
