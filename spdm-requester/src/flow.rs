//! An operation on its way: a state machine that a driver moves with tokens.

use core::fmt;
use core::time::Duration;

use spdm_transport::{Instant, MessageKind, Received};

use crate::core::Core;
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::operation::{Operation, Phase};
use crate::requester::{Fresh, Requester};
use crate::transaction::{SessionFate, State, ToSend, Transaction};

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
    transaction: Transaction,
    operation: O,
    /// What ended the flow, once something did.
    errors: ErrorCell,
}

impl<O> Flow<'_, O> {
    /// Why the flow failed, if it did.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.errors.get().copied()
    }
}

impl<O> fmt::Debug for Flow<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("transaction", &self.transaction)
            .field("failed", &self.error())
            .finish_non_exhaustive()
    }
}

/// The requester after a failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Recovered<'a, P> {
    /// The peer merely refused: the requester is where it was.
    Kept(Requester<'a, P>),
    /// The session that the operation ran in is over; the connection and its other sessions are as before.
    SessionLost(Requester<'a, P>),
    /// The connection is lost: negotiate again.
    Fresh(Requester<'a, Fresh>),
}

impl<'a, P> Recovered<'a, P> {
    /// The requester without its negotiation.
    #[must_use]
    pub fn restart(self) -> Requester<'a, Fresh> {
        match self {
            Self::Kept(requester) | Self::SessionLost(requester) => requester.restart(),
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

/// The phase of the requester and the output of the operation; or the error, and the phase where the connection goes on.
pub(crate) type Ended<P, T, E = Error> = Result<(P, T), (E, Option<P>)>;

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
    out: ToSend,
}

/// The right to hand in one response.
#[derive(Debug)]
pub struct Receive<'f, 'a, O> {
    flow: &'f mut Flow<'a, O>,
    deadline: Instant,
}

impl<'a, O: Operation> Flow<'a, O> {
    pub(crate) const fn new(core: Core<'a>, operation: O) -> Self {
        Self { core, transaction: Transaction::new(), operation, errors: ErrorCell::new() }
    }

    /// What is to be done at `now`.
    ///
    /// # Errors
    /// Any [`Error`]; the same again on every later call.
    pub fn poll(&mut self, now: Instant) -> Result<Step<'_, 'a, O>, Error> {
        self.prepare(now);
        match self.errors.get() {
            Some(error) => Err(*error),
            None => Ok(self.ready()),
        }
    }

    /// The next step; `None` once the flow has failed. For drivers that hand the flow back at the end, and have
    /// no use for the error before.
    pub(crate) fn step(&mut self, now: Instant) -> Option<Step<'_, 'a, O>> {
        self.prepare(now);
        match self.errors.get() {
            Some(_) => None,
            None => Some(self.ready()),
        }
    }

    const fn ready(&mut self) -> Step<'_, 'a, O> {
        match self.transaction.state {
            State::Send(out) => Step::Transmit(Transmit { flow: self, out }),
            State::Receive { deadline } => Step::Receive(Receive { flow: self, deadline }),
            State::Wait(wait) => Step::Wait { until: wait.until },
            State::Done | State::Idle => Step::Done,
        }
    }

    fn prepare(&mut self, now: Instant) {
        // A wait may end with a request that is made anew.
        loop {
            while self.is_well() && self.transaction.state == State::Idle {
                if self.begin().is_err() {
                    self.pass_over();
                }
            }
            if !self.is_well() {
                return;
            }
            if self.transaction.advance(&self.errors, &mut self.core, now).is_err() {
                return self.fail();
            }
            if self.transaction.state != State::Idle {
                return;
            }
        }
    }

    fn is_well(&self) -> bool {
        self.errors.get().is_none()
    }

    /// Encodes the next request, once. Not inlined: what requests are made of is off the stack while signatures are
    /// verified.
    #[inline(never)]
    fn begin(&mut self) -> Result<(), &Error> {
        let Self { core, transaction, operation, errors } = self;
        #[cfg(feature = "mutual-auth")]
        if let Some(len) = core.encapsulated(errors, operation)? {
            return transaction.begin(errors, core, len);
        }
        let (ask, out) = core.ask(errors)?;
        let len = operation.request(&ask, out)?;
        transaction.begin(errors, core, len)
    }

    /// An operation may go on without what the device refuses. It makes another step then: there are as many of them
    /// as it has steps, so that no loop is endless.
    #[cold]
    #[inline(never)]
    fn pass_over(&mut self) {
        // `begin` or `receive` returned an error, so there is one.
        let Some(error) = self.errors.take() else { return };
        if error.is_refusal() {
            let (mut env, ..) = self.core.split(&self.errors, 0);
            #[cfg(not(feature = "mutual-auth"))]
            let next = self.operation.refused(&mut env, &error);
            #[cfg(feature = "mutual-auth")]
            let next = env.refused_by(&mut self.operation, &error);
            match next {
                Ok(Some(next)) => return self.transaction.proceed(next),
                Ok(None) => {}
                // Another error is in the cell now.
                Err(_) => return self.fail(),
            }
        }
        self.errors.stop(error);
        self.fail();
    }

    /// Tells the operation of the error that ends it.
    #[cold]
    #[inline(never)]
    fn fail(&mut self) {
        if let Some(error) = self.errors.get() {
            self.operation.stopped(error);
        }
        self.operation.failed();
    }

    /// Whether an answer may still come.
    pub(crate) const fn awaits_answer(&self) -> bool {
        matches!(self.transaction.state, State::Receive { .. })
    }

    /// A response is in the receive area. What is wrong with it ends the flow.
    fn received(&mut self, now: Instant, received: Received) {
        if self.receive(now, received).is_err() {
            self.pass_over();
        }
    }

    /// The operation, before its first request.
    pub(crate) const fn operation_mut(&mut self) -> &mut O {
        &mut self.operation
    }

    fn receive(&mut self, now: Instant, received: Received) -> Result<(), &Error> {
        let Self { core, transaction, operation, errors } = self;
        let (mut env, settings, buffers) = core.split(errors, transaction.request_len());
        env.connection.now = now;
        if let Some(answer) = transaction.receive(&mut env, settings, buffers, now, received)? {
            #[cfg(not(feature = "mutual-auth"))]
            let next = operation.answered(&mut env, &answer)?;
            #[cfg(feature = "mutual-auth")]
            let next = env.answered_by(operation, &answer)?;
            transaction.proceed(next);
        }
        Ok(())
    }

    /// No response came in time.
    fn expired(&mut self) {
        let Self { core, transaction, errors, .. } = self;
        if transaction.expired(errors, core).is_err() {
            self.fail();
        }
    }

    /// What a token returns to its caller.
    fn outcome(&self) -> Result<(), Error> {
        self.errors.get().map_or(Ok(()), |error| Err(*error))
    }

    /// The requester in its new phase, and what the operation brought.
    ///
    /// # Errors
    /// [`Failure`] with the sticky error, or with [`Misuse::Unfinished`](crate::Misuse::Unfinished) before
    /// [`Step::Done`]; it holds the requester.
    #[expect(clippy::type_complexity, reason = "the two halves of every result of an operation")]
    #[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
    pub fn finish(
        mut self,
    ) -> Result<(Requester<'a, O::Phase>, O::Output), Failure<'a, O::Phase, Error>> {
        let ended = self.end();
        self.hand_back(ended)
    }

    /// How the flow ended, while it stays where it is: [`Self::hand_back`] follows.
    pub(crate) fn end(&mut self) -> Ended<O::Phase, O::Output> {
        let ended = self.conclude();
        self.core.leave();
        ended
    }

    fn conclude(&mut self) -> Ended<O::Phase, O::Output> {
        let errors = &self.errors;
        let reason = match (errors.get(), self.transaction.finish(errors)) {
            (Some(error), _) => error,
            (None, Ok(())) => match self.operation.finish(errors) {
                Ok(output) => match O::Phase::of(self.core.connection) {
                    Some(phase) => return Ok((phase, output)),
                    None => errors.unfinished(),
                },
                Err(error) => error,
            },
            (None, Err(error)) => {
                self.operation.failed();
                error
            }
        };
        let reason = *reason;
        let phase = self.left(&reason);
        Err((reason, phase))
    }

    /// The phase where the connection goes on after this error. In a session it is the session's, unless the connection
    /// was reset.
    fn left(&mut self, reason: &Error) -> Option<O::Phase> {
        let ends_session = self.operation.ends_session();
        let Core { connection, sessions, .. } = &mut self.core;
        let phase = O::Phase::of(connection);
        match (connection.via(), sessions) {
            (Some(session), Some(sessions)) => {
                connection.give_up_request();
                if !reason.leaves_session() || ends_session {
                    sessions.end(session);
                    self.transaction.session = SessionFate::Over;
                }
                phase
            }
            _ if reason.leaves_connection() && !connection.is_waiting() => phase,
            _ => None,
        }
    }

    /// The transport failed: the operation is given up, and the connection is lost with it.
    pub(crate) fn give_up(&mut self) {
        self.operation.failed();
    }

    /// The requester, in the phase that [`Self::end`] says.
    #[expect(clippy::type_complexity, reason = "the two halves of every result of an operation")]
    #[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
    pub(crate) fn hand_back<E>(
        self,
        ended: Ended<O::Phase, O::Output, E>,
    ) -> Result<(Requester<'a, O::Phase>, O::Output), Failure<'a, O::Phase, E>> {
        // Each part is moved once: what is moved in between is on the stack twice.
        let session = self.transaction.session;
        let Self { core, .. } = self;
        match ended {
            Ok((phase, output)) => Ok((Requester { core, phase }, output)),
            Err((error, Some(phase))) => {
                let requester = Requester { core, phase };
                let requester = match session {
                    SessionFate::GoesOn => Recovered::Kept(requester),
                    SessionFate::Over => Recovered::SessionLost(requester),
                };
                Err(Failure { error, requester })
            }
            Err((error, None)) => {
                Err(Failure { error, requester: Recovered::Fresh(Requester::fresh(core)) })
            }
        }
    }

    /// Gives the operation up; the connection is lost with it.
    #[must_use]
    pub fn abandon(mut self) -> Requester<'a, Fresh> {
        self.give_up();
        Requester::fresh(self.core)
    }
}

impl<O: Operation> Transmit<'_, '_, O> {
    /// How the transport has to mark the message.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.flow.transaction.kind()
    }

    /// The message, the same for each retry.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.flow.transaction.message(&self.out, self.flow.core.message)
    }

    /// How long handing the message over may take: the transport's round trip.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.flow.core.settings.limits.round_trip
    }

    /// The message was handed over at `now`.
    pub fn sent(self, now: Instant) {
        let Flow { core, transaction, .. } = self.flow;
        transaction.sent(now, core);
    }
}

impl<O: Operation> Receive<'_, '_, O> {
    /// Where the transport writes the response.
    #[must_use]
    pub fn buffer(&mut self) -> &mut [u8] {
        let Flow { core, transaction, .. } = &mut *self.flow;
        let behind = core.message.get_mut(transaction.request_len()..).unwrap_or_default();
        let place = transaction.place(&core.settings, behind.len());
        behind.get_mut(place).unwrap_or_default()
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
        flow.received(now, received);
        flow.outcome()
    }

    /// [`Self::received`] for drivers that see what is wrong from the next step.
    pub(crate) fn take(self, now: Instant, received: Received) {
        self.flow.received(now, received);
    }

    /// No response came in time, and none will be handed in later: the transport gave the transaction up. The
    /// same message is sent again where [`Bounds::resends`](crate::Bounds::resends) allows it.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it does not; it is sticky.
    pub fn expired(self) -> Result<(), Error> {
        let Receive { flow, .. } = self;
        flow.expired();
        flow.outcome()
    }

    /// [`Self::expired`] for drivers that see from the next step whether that ends the flow.
    pub(crate) fn give_up(self) {
        self.flow.expired();
    }
}
