//! What a driver ends with.

use core::fmt;

use crate::error::Error;
use crate::flow::{Failure, Flow, Recovered};
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

/// Takes the result out of a flow that a driver has brought to its end, or whose transport failed.
#[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
pub(crate) fn end<'a, O: Operation, E>(
    flow: Flow<'a, O>,
    driven: Result<(), E>,
) -> RunResult<'a, O, E> {
    match driven {
        Ok(()) => flow.finish_as(RunError::Requester),
        Err(error) => {
            Err(Failure::new(RunError::Transport(error), Recovered::Fresh(flow.abandon())))
        }
    }
}
