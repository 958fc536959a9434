//! An operation on its way: a state machine that a driver moves with tokens.

use core::fmt;
use core::time::Duration;

use spdm_codec::{Code, Header, SpdmVersion};
use spdm_transport::{Instant, MessageKind, Received};
use spdm_untrusted::Untrusted;

use crate::connection::Verdict;
use crate::error::{Bound, Error, Incompatible, Misbehaviour, Misuse, Violation};
use crate::exchange::{Exchange, Outgoing, Stage, exponential};
use crate::operation::{Ask, Judge, Next, Operation};
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
///             None if now > token.deadline() => return Err(token.expired()),
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
    failed: Option<Error>,
}

impl<O> fmt::Debug for Flow<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("exchange", &self.exchange)
            .field("failed", &self.failed)
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
        if let Some(error) = self.failed {
            return Err(error);
        }
        if let Err(error) = self.advance(now) {
            return Err(self.fail(error));
        }
        Ok(match self.exchange.stage {
            Stage::Send(out) => Step::Transmit(Transmit { flow: self, out }),
            Stage::Receive { deadline } => Step::Receive(Receive { flow: self, deadline }),
            Stage::Wait { until, .. } => Step::Wait { until },
            Stage::Done | Stage::Idle => Step::Done,
        })
    }

    fn advance(&mut self, now: Instant) -> Result<(), Error> {
        if self.exchange.stage == Stage::Idle {
            self.begin()?;
        }
        self.exchange.advance(now, &self.core.bounds)
    }

    /// Encodes the next request, once.
    fn begin(&mut self) -> Result<(), Error> {
        let Self { core, exchange, operation, .. } = self;
        let room = core.room();
        let ask = Ask {
            connection: &core.connection,
            provider: &core.provider,
            offer: &core.offer,
            room,
        };
        let area = core.storage.message.get_mut(..REQUEST_AREA).unwrap_or_default();
        let len = operation.request(&ask, area)?;
        let request = core.storage.message.get(..len).unwrap_or_default();
        if len > core.limits.max_send {
            return Err(Error::Bound(Bound::Send(core.limits.max_send)));
        }
        let sizes = core.connection.responder().sizes;
        if let Some(size) = sizes.map(|sizes| sizes.data_transfer_size)
            && core.connection.negotiated().is_some()
            && u32::try_from(len).is_ok_and(|len| len > size)
        {
            return Err(Incompatible::RequestTooLarge { len, data_transfer_size: size }.into());
        }
        core.connection.sent(request)?;
        let code = request.get(1).map_or(Code::GET_VERSION, |code| Code(*code));
        exchange.begin(code, len);
        Ok(())
    }

    /// Whether an answer may still come.
    pub(crate) const fn awaits_answer(&self) -> bool {
        matches!(self.exchange.stage, Stage::Receive { .. })
    }

    fn fail(&mut self, error: Error) -> Error {
        self.failed = Some(error);
        error
    }

    /// Why the flow failed, if it did.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    /// The requester in its new phase, and what the operation brought.
    ///
    /// # Errors
    /// [`Failure`] with the sticky error, or with [`Misuse::Unfinished`] before [`Step::Done`]; it holds the
    /// requester.
    #[expect(clippy::type_complexity, reason = "the two halves of every result of an operation")]
    #[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
    pub fn finish(
        self,
    ) -> Result<(Requester<'a, O::Phase>, O::Output), Failure<'a, O::Phase, Error>> {
        let Self { core, exchange, operation, failed } = self;
        let refused =
            failed.filter(Error::is_refusal).and_then(|_| operation.phase_after_refusal());
        let result = match failed {
            Some(error) => Err(error),
            None => exchange.finish().and_then(|()| operation.finish()),
        };
        match (result, refused) {
            (Ok((phase, output)), _) => Ok((Requester { core, phase }, output)),
            (Err(error), Some(phase)) => {
                Err(Failure { error, requester: Recovered::Kept(Requester { core, phase }) })
            }
            (Err(error), None) => {
                Err(Failure { error, requester: Recovered::Fresh(core.into_fresh()) })
            }
        }
    }

    /// Gives the operation up; the connection is lost with it.
    #[must_use]
    pub fn abandon(self) -> Requester<'a, Fresh> {
        self.core.into_fresh()
    }

    /// How long the answer to the message that was just sent may take (DSP0274 §Timing requirements).
    fn timeout(&self) -> Duration {
        let (timing, limits) = (&self.core.timing, &self.core.limits);
        let work = match self.exchange.code() {
            Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS => timing.st1,
            _ => {
                let ct = exponential(self.core.connection.responder().ct_exponent);
                ct.max(timing.least_crypto_time)
            }
        };
        limits.round_trip.saturating_add(work)
    }

    fn receive(&mut self, now: Instant, received: Received) -> Result<(), Error> {
        if received.kind == MessageKind::Secured {
            let field = "secured message";
            return Err(Misbehaviour::error("response", field, Violation::Unexpected));
        }
        let Self { core, exchange, operation, .. } = self;
        if received.len > core.padded_room() {
            return Err(Error::Misuse(Misuse::Overrun));
        }
        // Whatever is wrong with it: the answer has come.
        exchange.answered(Stage::Idle);
        let (request_area, response_area) = core
            .storage
            .message
            .split_at_mut_checked(REQUEST_AREA)
            .ok_or(Error::Misuse(Misuse::Overrun))?;
        let request = request_area.get(..exchange.request_len).unwrap_or_default();
        let response = response_area.get(..received.len).ok_or(Error::Misuse(Misuse::Overrun))?;
        let response = Untrusted::new(response);
        let mut judge = Judge {
            connection: &mut core.connection,
            provider: &core.provider,
            hashes: core.storage.hashes,
            sink: core.sink.as_deref_mut(),
        };
        if Header::peek(response).is_ok_and(|header| header.code == Code::ERROR) {
            let Verdict::Error(error) = judge.accept(request, response, None)? else {
                return Err(Misbehaviour::error("ERROR", "ErrorCode", Violation::Unexpected));
            };
            let version =
                core.connection.negotiated().map_or(SpdmVersion::V1_0, |agreed| agreed.version);
            return exchange.refused(now, version, &error, &core.timing, &core.bounds);
        }
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
        match &self.out {
            Outgoing::RespondIfReady(message) => message,
            Outgoing::Request => {
                let len = self.flow.exchange.request_len;
                self.flow.core.storage.message.get(..len).unwrap_or_default()
            }
        }
    }

    /// How long handing the message over may take: the transport's round trip.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.flow.core.limits.round_trip
    }

    /// The message was handed over at `now`.
    pub fn sent(self, now: Instant) {
        let timeout = self.flow.timeout();
        self.flow.exchange.sent(now, timeout, &self.flow.core.bounds);
    }
}

impl<O: Operation> Receive<'_, '_, O> {
    /// Where the transport writes the response.
    #[must_use]
    pub fn buffer(&mut self) -> &mut [u8] {
        let core = &mut self.flow.core;
        let len = core.padded_room();
        let area = core.storage.message.get_mut(REQUEST_AREA..).unwrap_or_default();
        let len = len.min(area.len());
        area.get_mut(..len).unwrap_or_default()
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
        self.flow.receive(now, received).map_err(|error| self.flow.fail(error))
    }

    /// No response came in time: the flow fails, and this is its error.
    #[must_use]
    pub fn expired(self) -> Error {
        let error = self.flow.exchange.timed_out();
        self.flow.fail(error)
    }
}
