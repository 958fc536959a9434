//! Driving a flow over a blocking transport.

use core::fmt;

use spdm_transport::{Clock, Transport};

use crate::error::Error;
use crate::flow::{Failure, Flow, Recovered, Step};
use crate::operation::{Operation, sealed};
use crate::requester::Requester;

/// Why a driver stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The flow failed.
    Requester(Error),
    /// The transport failed.
    Transport(E),
}

impl<E> From<Error> for RunError<E> {
    fn from(error: Error) -> Self {
        Self::Requester(error)
    }
}

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requester(error) => error.fmt(f),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for RunError<E> {}

/// What a run ends with.
pub type Outcome<'a, O, E> = Result<
    (Requester<'a, <O as sealed::Operation>::Phase>, <O as sealed::Operation>::Output),
    Failure<'a, <O as sealed::Operation>::Phase, RunError<E>>,
>;

#[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
/// Takes the result out of a flow that a driver has brought to its end, or that the transport left.
pub(crate) fn end<'a, O: Operation, E>(
    flow: Flow<'a, O>,
    driven: Result<(), E>,
) -> Outcome<'a, O, E> {
    match driven {
        Ok(()) => flow.finish_as(RunError::Requester),
        Err(error) => {
            Err(Failure::new(RunError::Transport(error), Recovered::Fresh(flow.abandon())))
        }
    }
}

/// Carries out a flow.
///
/// # Errors
/// [`Failure`]: the flow's error or the transport's, with the requester. Where an answer may still
/// come, the transport has abandoned the exchange.
#[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
pub fn run<'a, O: Operation, T: Transport, C: Clock>(
    mut flow: Flow<'a, O>,
    transport: &mut T,
    clock: &C,
) -> Outcome<'a, O, T::Error> {
    let driven = drive(&mut flow, transport, clock);
    if driven.is_err() || flow.awaits_answer() {
        transport.abandon();
    }
    end(flow, driven)
}

/// Until the flow is done or has failed: it knows which.
fn drive<O: Operation, T: Transport, C: Clock>(
    flow: &mut Flow<'_, O>,
    transport: &mut T,
    clock: &C,
) -> Result<(), T::Error> {
    use spdm_transport::MessageKind::Plain;
    while let Ok(()) = flow.prepare(clock.now()) {
        match flow.step() {
            Step::Transmit(token) => {
                transport.send(Plain, token.bytes(), token.timeout())?;
                token.sent(clock.now());
            }
            Step::Receive(mut token) => {
                let timeout = token.deadline().since(clock.now());
                let taken = match transport.receive(token.buffer(), timeout)? {
                    Some(received) => token.arrived(clock.now(), received),
                    None => {
                        transport.abandon();
                        token.timed_out()
                    }
                };
                if taken.is_err() {
                    break;
                }
            }
            Step::Wait { until } => clock.sleep_until(until),
            Step::Done => break,
        }
    }
    Ok(())
}
