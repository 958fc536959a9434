//! What can go wrong at a mailbox.

use core::fmt;

use spdm_transport::{Duration, FieldError};

use crate::object::MAX_CONTENT;
use crate::register::{DoeStatus, Register};

/// What can go wrong at a mailbox; `E` is why an access to configuration space failed.
///
/// After any of these no object is left in the mailbox: what was under way is aborted, at the latest before the
/// next object is handed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DoeError<E> {
    /// The abort had no effect. The mailbox is not used any more.
    AbortFailed {
        /// What DOE Status shows.
        status: DoeStatus,
        /// How long that was waited for.
        waited: Duration,
    },
    /// The platform refused an access to a register.
    Access {
        /// Which one.
        register: Register,
        /// Why.
        error: E,
    },
    /// The mailbox takes no object: another program uses it, or the device hangs. No exchange was aborted.
    Busy {
        /// What DOE Status shows.
        status: DoeStatus,
        /// How long that was waited for.
        waited: Duration,
    },
    /// The list of protocols comes back to an index that was asked for.
    DiscoveryLoop {
        /// Next Index.
        index: u8,
    },
    /// The device reports an error with the object under way.
    Failed {
        /// What DOE Status shows.
        status: DoeStatus,
    },
    /// The function does not answer: DOE Status reads as all ones.
    Gone,
    /// The message is empty or too long for an object. Nothing was sent.
    MessageLength {
        /// Its length, in bytes.
        len: usize,
    },
    /// No request is outstanding: none was sent, or its exchange is over.
    NoRequest,
    /// The header of the object that came is wrong, or not that of an answer to the request.
    Object(FieldError),
    /// The request could not be handed over in the caller's time.
    Timeout {
        /// What DOE Status showed last.
        status: DoeStatus,
        /// The caller's time.
        waited: Duration,
    },
    /// The device ended the object early: Data Object Ready fell before the last DWORD.
    Truncated {
        /// What DOE Status shows.
        status: DoeStatus,
        /// DWORDs that Length promises.
        length: u32,
    },
}

impl<E: fmt::Display> fmt::Display for DoeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AbortFailed { status, waited } => {
                write!(f, "the mailbox is stuck: {status} {waited:?} after Abort")
            }
            Self::Access { register, error } => write!(f, "{register}: {error}"),
            Self::Busy { status, waited } => write!(
                f,
                "the mailbox takes no object: {status} for {waited:?}; somebody else uses it, or the device hangs"
            ),
            Self::DiscoveryLoop { index } => {
                write!(f, "DOE discovery: Next Index {index} was asked for before")
            }
            Self::Failed { status } => write!(f, "the device failed: {status}"),
            Self::Gone => f.write_str("the device is gone: DOE Status reads as all ones"),
            Self::MessageLength { len } => {
                write!(f, "a message of {len} bytes, but 1 to {MAX_CONTENT} can be carried")
            }
            Self::NoRequest => f.write_str("no request is under way"),
            Self::Object(error) => write!(f, "data object: {error}"),
            Self::Timeout { status, waited } => {
                write!(f, "the mailbox did not take the object in {waited:?}: {status}")
            }
            Self::Truncated { status, length } => write!(
                f,
                "the device ended an object of {length} DWORDs before its last one: {status}"
            ),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for DoeError<E> {}

impl<E> From<FieldError> for DoeError<E> {
    fn from(error: FieldError) -> Self {
        Self::Object(error)
    }
}
