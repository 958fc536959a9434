//! What a driver ends with.

use core::fmt;

use crate::error::Error;
use crate::flow::{Ended, Failure, Flow};
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
pub type RunResult<'a, O, E> = Result<
    (Requester<'a, <O as sealed::Operation>::Phase>, <O as sealed::Operation>::Output),
    Failure<'a, <O as sealed::Operation>::Phase, RunError<E>>,
>;

/// How a run of this flow ended.
type RunEnded<O, E> =
    Ended<<O as sealed::Operation>::Phase, <O as sealed::Operation>::Output, RunError<E>>;

/// How a flow ended that a driver has brought to its end, or whose transport failed. [`Flow::hand_back`] follows: a
/// flow is large, and stays where it is until nothing is left to take from it but the requester.
pub(crate) fn end<O: Operation, E>(
    flow: &mut Flow<'_, O>,
    driven: Result<(), E>,
) -> RunEnded<O, E> {
    match driven {
        Ok(()) => flow.end().map_err(|(error, phase)| (RunError::Requester(error), phase)),
        Err(error) => {
            flow.give_up();
            Err((RunError::Transport(error), None))
        }
    }
}
