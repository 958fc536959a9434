//! What can go wrong between host and drive.

use core::fmt;

use spdm_transport::{Allowed, FieldError};

/// Why a message could not be carried. `E` is the driver's error.
///
/// After an error of an exchange the transport is out of step: [`recover`](crate::StorageTransport::recover).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StorageError<E> {
    /// The driver failed, or the drive refused the command.
    Command(E),
    /// The drive sent a payload that does not follow DSP0286.
    Field(FieldError),
    /// The message to be sent is empty or longer than one command can carry. Nothing was sent.
    MessageLength {
        /// The longest, in bytes.
        max: usize,
        /// The length that was given.
        got: usize,
    },
    /// No request is outstanding.
    NoRequest,
    /// The drive's discovery data does not have secured messages.
    NoSecuredMessages,
    /// The drive's list of security protocols does not have DMTF's, or its discovery data not SPDM messages.
    NoSpdm,
    /// An earlier request was given up, and its answer may still come.
    OutOfStep,
    /// The drive moved fewer bytes than it had announced.
    Short {
        /// What it had announced, in bytes.
        announced: usize,
        /// What came, in bytes.
        got: usize,
    },
    /// The drive announced a longer answer than fits.
    TooLong {
        /// What fits, in bytes.
        room: usize,
        /// What it announced, in bytes.
        announced: u32,
    },
    /// The answer to a request that was given up did not come in the time that was given.
    Unanswered,
}

impl<E: fmt::Display> fmt::Display for StorageError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Field(error) => write!(f, "security command: {error}"),
            Self::MessageLength { max, got } => {
                write!(f, "a message of {got} bytes, but 1 to {max} can be carried")
            }
            Self::NoRequest => f.write_str("no request is outstanding"),
            Self::NoSecuredMessages => {
                f.write_str("the drive does not know secured messages over security commands")
            }
            Self::NoSpdm => f.write_str("the drive does not know SPDM over security commands"),
            Self::OutOfStep => {
                f.write_str("an earlier request was given up, and its answer may still come")
            }
            Self::Short { announced, got } => {
                write!(f, "the drive announced {announced} bytes, but {got} came")
            }
            Self::TooLong { room, announced } => {
                write!(f, "the drive announced {announced} bytes, but {room} fit")
            }
            Self::Unanswered => {
                f.write_str("the request that was given up was not answered in time")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for StorageError<E> {}

impl<E> From<FieldError> for StorageError<E> {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

/// Which field, when a payload of `got` bytes is shorter than `least`.
pub(crate) fn too_short(field: &'static str, least: usize, got: usize) -> FieldError {
    let wide = |len| u32::try_from(len).unwrap_or(u32::MAX);
    FieldError { field, allowed: Allowed::AtLeast(wide(least)), got: wide(got) }
}
