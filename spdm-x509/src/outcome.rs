//! How a check ended.

use crate::check::Check;
use crate::error::ChainError;
use crate::rule::Rule;

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a check ends in one of these ways")]
pub enum CheckOutcome {
    /// It passed.
    Pass,
    /// It failed.
    Fail(ChainError),
    /// It was not made: the policy does not ask for it, or what it needs is missing.
    Skipped,
}

impl From<Result<(), ChainError>> for CheckOutcome {
    fn from(result: Result<(), ChainError>) -> Self {
        match result {
            Ok(()) => Self::Pass,
            Err(error) => Self::Fail(error),
        }
    }
}

/// How a check ended, without what follows from which check it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    Pass,
    Fail { certificate: Option<u16>, rule: Rule },
    Skipped,
}

impl Ending {
    /// As the outcome of this check.
    pub(crate) const fn of(self, check: Check) -> CheckOutcome {
        match self {
            Self::Pass => CheckOutcome::Pass,
            Self::Fail { certificate, rule } => {
                CheckOutcome::Fail(ChainError { certificate, ..ChainError::new(check, rule) })
            }
            Self::Skipped => CheckOutcome::Skipped,
        }
    }
}
