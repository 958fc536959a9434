//! Why a message could not be decoded or encoded.

use core::fmt;

/// Where and why decoding stopped. `field` is the specification's spelling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DecodeError {
    /// The message or structure, for example `CAPABILITIES`.
    pub message: &'static str,
    /// The field, for example `DataTransferSize`.
    pub field: &'static str,
    /// Offset of the field from the first byte of the message (byte 0 is `SPDMVersion`).
    pub at: usize,
    /// What was wrong with it.
    pub kind: DecodeErrorKind,
}

/// What was wrong with a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The message ended inside the field.
    Truncated {
        /// Bytes that the field takes.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// Bytes follow the end of the message, more than the transport may pad.
    Trailing {
        /// Bytes after the last field.
        count: usize,
        /// Padding that the transport declared.
        allowed: usize,
    },
    /// The value is not one that the specification allows.
    Value {
        /// What is allowed.
        expected: Expected,
        /// What came.
        got: u64,
    },
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Expected {
    /// One value.
    Exactly(u64),
    /// This or more.
    AtLeast(u64),
    /// This or less.
    AtMost(u64),
    /// First to last, inclusive.
    Range(u64, u64),
    /// In words.
    Rule(&'static str),
}

/// `u64::from` for constants: the expected value is then a constant in read-only memory and takes no code to build.
pub(crate) const fn wide(byte: u8) -> u64 {
    u64::from_le_bytes([byte, 0, 0, 0, 0, 0, 0, 0])
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(v) => write!(f, "{v:#x}"),
            Self::AtLeast(v) => write!(f, "at least {v}"),
            Self::AtMost(v) => write!(f, "at most {v}"),
            Self::Range(a, b) => write!(f, "{a} to {b}"),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, field, at, kind } = self;
        write!(f, "{message}: {field} at offset {at} ")?;
        match kind {
            DecodeErrorKind::Truncated { needed, left } => {
                write!(f, "takes {needed} bytes, but the message ends after {left}")
            }
            DecodeErrorKind::Trailing { count, allowed } => {
                write!(f, "is followed by {count} bytes, of which {allowed} may be padding")
            }
            DecodeErrorKind::Value { expected, got } => {
                write!(f, "is {got:#x}, but {expected} is expected")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// Why a message could not be encoded. The fault is the caller's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The output buffer is too short.
    BufferTooSmall {
        /// Bytes needed up to the field where room ran out.
        needed: usize,
    },
    /// A value does not fit its field on the wire.
    TooLarge {
        /// The field.
        field: &'static str,
    },
    /// The version has no such field, yet a value was given.
    NotInVersion {
        /// The field.
        field: &'static str,
    },
    /// The version has the field, but no value was given.
    Missing {
        /// The field.
        field: &'static str,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => {
                write!(f, "the output buffer must have at least {needed} bytes")
            }
            Self::TooLarge { field } => write!(f, "the value for {field} does not fit the field"),
            Self::NotInVersion { field } => write!(f, "the version has no field {field}"),
            Self::Missing { field } => write!(f, "the version requires a value for {field}"),
        }
    }
}

impl core::error::Error for EncodeError {}
