//! What goes wrong in the transfer of a large message.

use core::fmt;

use crate::error::{DecodeError, Expected};

/// A rule of the transfer of large messages that the sender of a chunk, or of its acknowledgement, broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "errors of other crates carry all of it")]
pub enum ChunkError {
    /// What the chunks contain is no message.
    Decode(DecodeError),
    /// A field of a chunk message has another value than the transfer requires.
    Value {
        /// The chunk message, for example `CHUNK_RESPONSE`.
        message: &'static str,
        /// The field, in the specification's spelling.
        field: &'static str,
        /// What is allowed.
        expected: Expected,
        /// What came.
        got: u64,
    },
    /// A field is missing, or there though it may not be.
    Unexpected {
        /// The chunk message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
}

impl ChunkError {
    // Out of line: a transfer has a dozen rules, and each would lay out its error in place.
    #[cold]
    #[inline(never)]
    pub(crate) const fn value(
        message: &'static str,
        field: &'static str,
        expected: Expected,
        got: u64,
    ) -> Self {
        Self::Value { message, field, expected, got }
    }

    #[cold]
    #[inline(never)]
    pub(crate) const fn unexpected(message: &'static str, field: &'static str) -> Self {
        Self::Unexpected { message, field }
    }
}

impl From<DecodeError> for ChunkError {
    #[cold]
    #[inline(never)]
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Value { message, field, expected, got } => {
                write!(f, "{message}: {field} is {got:#x}, but {expected} is expected")
            }
            Self::Unexpected { message, field } => {
                write!(f, "{message}: {field} may not come here")
            }
        }
    }
}

impl core::error::Error for ChunkError {}
