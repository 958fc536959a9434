//! What can go wrong between two sockets.

use core::fmt;
use std::io;

use spdm_codec::Expected;

use crate::frame::Refusal;

/// A frame header that does not follow its framing: the fault is the peer's, or the framing was chosen wrongly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameError {
    /// The field, as its specification spells it: for example `PayloadLength`.
    pub field: &'static str,
    /// What it may hold here.
    pub expected: Expected,
    /// What it held.
    pub got: u32,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, expected, got } = self;
        write!(f, "frame header: {field} is {got:#x}, but {expected} is expected")
    }
}

impl core::error::Error for FrameError {}

/// A frame that cannot be written: the fault is the caller's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
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

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageLength { max, got } => {
                write!(f, "a message of {got} bytes, but 1 to {max} can be carried")
            }
            Self::NotInFraming => f.write_str("the framing has no such frame"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// What can go wrong on a connection. After any of these but [`Self::Encode`] the connection is closed: the
/// stream's position is unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TcpError {
    /// The connection was closed before: by [`abandon`](spdm_transport::Transport::abandon), or after an error.
    Closed,
    /// The message cannot be framed. Nothing was sent.
    Encode(EncodeError),
    /// The peer sent a frame header that does not follow the framing, or one that does not fit here.
    Frame(FrameError),
    /// The operating system refused, for example to connect.
    Io(io::ErrorKind),
    /// The peer closed the connection between two frames.
    PeerClosed,
    /// The peer answered with an error of its TCP binding.
    Refused(Refusal),
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
            Self::Frame(error) => error.fmt(f),
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

impl From<EncodeError> for TcpError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<FrameError> for TcpError {
    fn from(error: FrameError) -> Self {
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
