//! What can go wrong between two sockets.

use core::fmt;
use std::io;

use spdm_transport::FieldError;

use crate::frame::BindingRefusal;

/// A frame that cannot be written: the fault is the caller's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FrameEncodeError {
    /// The message is empty or longer than the framing can carry.
    MessageLength {
        /// The longest, in bytes.
        max: usize,
        /// The length that was given.
        got: usize,
    },
    /// The framing has no such frame: a secured message without a binding, or a frame of another framing.
    NotInFraming,
}

impl fmt::Display for FrameEncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageLength { max, got } => {
                write!(f, "a message of {got} bytes, but 1 to {max} can be carried")
            }
            Self::NotInFraming => f.write_str("the framing has no such frame"),
        }
    }
}

impl core::error::Error for FrameEncodeError {}

/// What can go wrong on a connection. After any of these but [`Self::Encode`] the connection is closed: the
/// stream's position is unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TcpError {
    /// The connection was closed before: by [`abandon`](spdm_transport::Transport::abandon), or after an error.
    Closed,
    /// The message cannot be framed. Nothing was sent.
    Encode(FrameEncodeError),
    /// The peer sent a frame header that does not follow the framing, or one that does not fit here.
    Frame(FieldError),
    /// The operating system refused, for example to connect.
    Io(io::ErrorKind),
    /// The peer closed the connection between two frames.
    PeerClosed,
    /// The peer answered with an error of its TCP binding.
    Refused(BindingRefusal),
    /// The peer could not be reached, or did not take or finish a frame, in the time that was given.
    Timeout,
    /// The peer sends frames that are no messages without end.
    TooManyControlFrames,
    /// The peer closed the connection inside a frame.
    Truncated {
        /// Bytes of the frame that came.
        got: usize,
        /// Bytes that were still to come, as far as was known.
        missing: usize,
    },
}

impl fmt::Display for TcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is closed"),
            Self::Encode(error) => error.fmt(f),
            Self::Frame(error) => write!(f, "frame header: {error}"),
            Self::Io(kind) => kind.fmt(f),
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::Refused(refusal) => write!(f, "the peer refused: {refusal}"),
            Self::Timeout => f.write_str("the peer did not react in time"),
            Self::TooManyControlFrames => f.write_str("the peer sends no message"),
            Self::Truncated { got, missing } => write!(
                f,
                "the peer closed the connection inside a frame: {got} bytes came, {missing} or more were missing"
            ),
        }
    }
}

impl core::error::Error for TcpError {}

impl From<FrameEncodeError> for TcpError {
    fn from(error: FrameEncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<FieldError> for TcpError {
    fn from(error: FieldError) -> Self {
        Self::Frame(error)
    }
}

impl From<io::Error> for TcpError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            kind => Self::Io(kind),
        }
    }
}
