//! What can be wrong with a session.

use core::fmt;

use spdm_codec::{DecodeError, EncodeError};
use spdm_crypto::{AeadError, KeyExchangeError, KeyScheduleError, RecordError};

use super::Error;

/// What is wrong with a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionFault {
    /// It is over, or it never was.
    Over,
    /// There is no memory for another one: see [`Storage::with_sessions`](crate::Storage::with_sessions).
    NoRoom,
    /// The transport cannot mark the records of sessions.
    Transport,
    /// A record was sent that nothing has answered: what comes next could be its answer. Only the end of the session can
    /// follow.
    Unanswered,
    /// A message came that is not secured, where the answer in a session was due. Nobody knows who sent it.
    PlainMessage,
    /// The record belongs to another session.
    OtherSession {
        /// Its `SessionID`.
        got: u32,
    },
    /// The record is malformed.
    Record(DecodeError),
    /// The record's sequence number is not the next one.
    Sequence,
    /// The record's MAC is wrong.
    Tag,
    /// The record was sealed with a key that its message may not come under while keys are updated.
    Key,
    /// The record holds no SPDM message.
    Protocol,
    /// The record holds a message of SPDM, where data of another protocol belong.
    SpdmMessage,
    /// A record of ours could not be made.
    Encode(EncodeError),
    /// The key has no sequence number left.
    Exhausted,
    /// The HMAC of the handshake is wrong: the peer has other keys, or has seen other messages.
    VerifyData {
        /// The message that carries it.
        message: &'static str,
    },
    /// The crypto backend cannot encrypt.
    Aead(AeadError),
    /// The peer's or our own part of the key exchange cannot be used.
    KeyExchange(KeyExchangeError),
    /// No keys could be derived.
    Keys(KeyScheduleError),
    /// The random source failed.
    Random,
}

impl SessionFault {
    /// Whether the session is over with it.
    pub(crate) const fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::Unanswered
                | Self::PlainMessage
                | Self::OtherSession { .. }
                | Self::SpdmMessage
                | Self::Encode(_)
                | Self::Random
                | Self::NoRoom
                | Self::Transport
        )
    }
}

impl From<RecordError> for SessionFault {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Decode(error) => Self::Record(error),
            RecordError::Encode(error) => Self::Encode(error),
            RecordError::OtherSession { got } => Self::OtherSession { got },
            RecordError::Sequence => Self::Sequence,
            RecordError::Exhausted => Self::Exhausted,
            RecordError::Protocol => Self::Protocol,
            RecordError::Aead(error) => Self::Aead(error),
            // Also what a later version of the crate may add: no reason to believe the record.
            _ => Self::Tag,
        }
    }
}

impl From<KeyScheduleError> for SessionFault {
    fn from(error: KeyScheduleError) -> Self {
        Self::Keys(error)
    }
}

impl From<KeyExchangeError> for SessionFault {
    fn from(error: KeyExchangeError) -> Self {
        Self::KeyExchange(error)
    }
}

impl From<SessionFault> for Error {
    fn from(fault: SessionFault) -> Self {
        Self::Session(fault)
    }
}

impl fmt::Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("the session is over"),
            Self::NoRoom => f.write_str("there is no memory for another session"),
            Self::Transport => f.write_str("the transport carries no sessions"),
            Self::Unanswered => f.write_str("the session waits for an answer that did not come"),
            Self::PlainMessage => {
                f.write_str("a message came outside the session where its answer was due")
            }
            Self::OtherSession { got } => {
                write!(f, "the answer is a record of session {got:#010x}")
            }
            Self::Record(error) => error.fmt(f),
            Self::Sequence => f.write_str("the SequenceNumber of a record is not the next one"),
            Self::Tag => f.write_str("the MAC of a record is wrong"),
            Self::Key => f.write_str("a record came under the wrong one of two keys"),
            Self::Protocol => f.write_str("a record holds no SPDM message"),
            Self::SpdmMessage => {
                f.write_str("a record holds an SPDM message, not data of another protocol")
            }
            Self::Encode(error) => write!(f, "a message fits no record: {error}"),
            Self::Exhausted => f.write_str("the session key has no sequence number left"),
            Self::VerifyData { message } => {
                write!(f, "{message}: the HMAC of the handshake does not verify")
            }
            Self::Aead(error) => error.fmt(f),
            Self::KeyExchange(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::Random => f.write_str("the random source failed"),
        }
    }
}
