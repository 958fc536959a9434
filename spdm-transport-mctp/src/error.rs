//! What can go wrong between two endpoints.

use core::fmt;

/// Why a message could not be carried. After any of these the exchange is over: what may still come for it is
/// never delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MctpError {
    /// The peer sent a message without content.
    Empty,
    /// The endpoint ID is null, reserved or broadcast (DSP0236 §Special endpoint IDs).
    EndpointId(u8),
    /// The peer set the integrity check bit, which no SPDM message has (DSP0275, DSP0276).
    IntegrityCheck,
    /// The message to be sent is empty or too long. Nothing was sent.
    MessageLength {
        /// The longest, in bytes.
        max: usize,
        /// The length that was given.
        got: usize,
    },
    /// The peer answered with a message of another type than 5 (SPDM) and 6 (secured messages).
    MessageType(u8),
    /// No request is outstanding: none was sent, or the exchange is over.
    NoRequest,
    /// The operating system refused; its error number.
    #[cfg(feature = "linux")]
    #[cfg_attr(docsrs, doc(cfg(feature = "linux")))]
    Os(i32),
    /// The MCTP stack failed.
    Stack(StackError),
    /// The request could not be handed over in the time that was given.
    Timeout,
    /// The peer sent a longer message than fits.
    TooLong {
        /// What fits, in bytes.
        room: usize,
    },
}

/// What an MCTP stack reports, as [`mctp::Error`] has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StackError {
    /// An address is in use.
    AddressInUse,
    /// An argument is wrong.
    Argument,
    /// Any other error.
    Other,
    /// Receiving failed.
    Receive,
    /// A buffer is too small.
    Space,
    /// There is no free message tag.
    Tag,
    /// Sending failed.
    Transmit,
    /// The endpoint cannot be reached.
    Unreachable,
    /// The stack cannot do this.
    Unsupported,
}

impl fmt::Display for MctpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the peer sent an MCTP message without content"),
            Self::EndpointId(eid) => {
                write!(f, "endpoint ID {eid:#04x} is null, reserved or broadcast")
            }
            Self::IntegrityCheck => {
                f.write_str("the peer set the integrity check bit, which SPDM messages do not have")
            }
            Self::MessageLength { max, got } => {
                write!(f, "a message of {got} bytes, but 1 to {max} can be carried")
            }
            Self::MessageType(got) => {
                write!(
                    f,
                    "the peer sent MCTP message type {got:#04x}, but 0x05 or 0x06 is expected"
                )
            }
            Self::NoRequest => f.write_str("no request is outstanding"),
            #[cfg(feature = "linux")]
            Self::Os(code) => std::io::Error::from_raw_os_error(*code).fmt(f),
            Self::Stack(error) => write!(f, "MCTP: {error}"),
            Self::Timeout => f.write_str("the request could not be sent in time"),
            Self::TooLong { room } => {
                write!(f, "the peer sent a longer message than the {room} bytes that fit")
            }
        }
    }
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressInUse => "the address is in use",
            Self::Argument => "wrong argument",
            Self::Other => "the stack failed",
            Self::Receive => "receiving failed",
            Self::Space => "a buffer is too small",
            Self::Tag => "no message tag is free",
            Self::Transmit => "sending failed",
            Self::Unreachable => "the endpoint cannot be reached",
            Self::Unsupported => "not supported",
        })
    }
}

impl core::error::Error for MctpError {}

impl core::error::Error for StackError {}

impl From<mctp::Error> for MctpError {
    fn from(error: mctp::Error) -> Self {
        Self::Stack(match error {
            #[cfg(feature = "linux")]
            mctp::Error::Io(error) => {
                return error.raw_os_error().map_or(Self::Stack(StackError::Other), Self::Os);
            }
            mctp::Error::TimedOut => return Self::Timeout,
            mctp::Error::AddrInUse => StackError::AddressInUse,
            mctp::Error::BadArgument | mctp::Error::InvalidInput => StackError::Argument,
            mctp::Error::RxFailure => StackError::Receive,
            mctp::Error::NoSpace => StackError::Space,
            mctp::Error::TagUnavailable => StackError::Tag,
            mctp::Error::TxFailure => StackError::Transmit,
            mctp::Error::Unreachable => StackError::Unreachable,
            mctp::Error::Unsupported => StackError::Unsupported,
            _ => StackError::Other,
        })
    }
}
