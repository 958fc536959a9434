//! What can go wrong, split by who is at fault.

mod session_fault;

use core::fmt;

use spdm_codec::{ChunkError, Code, DecodeError, EncodeError, ErrorCode, Expected, SpdmVersion};
use spdm_crypto::HashError;
use spdm_x509::ChainError;

pub use self::session_fault::SessionFault;

#[cfg(feature = "mutual-auth")]
use crate::local_identity::AuthenticationFault;

/// Why an exchange, an operation or an attestation failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The peer's bytes are not the message they should be.
    Decode(DecodeError),
    /// The peer's message is well formed, but breaks a rule of the protocol.
    Misbehaved(Misbehaviour),
    /// The peer's signature over the transcript does not verify.
    Signature {
        /// The message that carries it.
        message: &'static str,
    },
    /// The peer's ECDSA signature verifies only with both its numbers in little-endian order, as some devices of 1.0 and
    /// 1.1 write them: see [`Compat::little_endian_ecdsa`](crate::Compat::little_endian_ecdsa).
    SignatureOrder {
        /// The message that carries it.
        message: &'static str,
    },
    /// The peer answered with ERROR.
    Refused(Refusal),
    /// The peer cannot do what the caller requires, or both have nothing in common.
    Incompatible(Incompatible),
    /// The peer's certificate chain or key was refused.
    Chain(ChainError),
    /// The peer's certification request was refused.
    Csr(ChainError),
    /// The chain was changed, or another one was trusted than the one whose key answered.
    IdentityMismatch,
    /// No answer in time.
    Timeout {
        /// The request that was not answered.
        request: Code,
    },
    /// A limit of the caller was reached.
    Bound(Bound),
    /// A buffer that the caller lent is too small.
    BufferTooSmall {
        /// What it is for.
        buffer: Buffer,
        /// Bytes needed.
        needed: usize,
        /// Bytes it has.
        len: usize,
    },
    /// The crypto backend or the lent hash bank lacks something.
    Hash(HashError),
    /// The random source failed.
    Random,
    /// A session could not be opened, or a message could not travel in it.
    Session(SessionFault),
    /// The requester cannot prove who it is.
    #[cfg(feature = "mutual-auth")]
    Authentication(AuthenticationFault),
    /// The caller asked for something that makes no sense in this state.
    Misuse(Misuse),
}

/// A rule of the protocol that the peer broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Misbehaviour {
    /// The message, for example `ALGORITHMS`.
    pub message: &'static str,
    /// The field, in the specification's spelling.
    pub field: &'static str,
    /// The rule.
    pub violation: Violation,
}

/// How a field breaks a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Violation {
    /// The peer selected what was not offered to it.
    NotOffered {
        /// The bits that were offered.
        offered: u64,
        /// The bits that were selected.
        got: u64,
    },
    /// Exactly one bit must be selected.
    NotOne {
        /// The bits that were selected.
        got: u64,
    },
    /// Another value is expected.
    Value {
        /// What is allowed.
        expected: Expected,
        /// What came.
        got: u64,
    },
    /// The bytes are not those that are expected.
    Differs {
        /// What they should be equal to.
        from: &'static str,
    },
    /// A message of this kind may not come here.
    Unexpected,
}

/// An ERROR of the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The request that it answers.
    pub request: Code,
    /// `ErrorCode`.
    pub code: ErrorCode,
    /// `ErrorData`.
    pub data: u8,
}

/// What the peer lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Incompatible {
    /// No version in common within the caller's range.
    Version,
    /// This is the highest version in common, and in it the signatures that are required do not cover the negotiation
    /// ([`NegotiationSigning`](crate::NegotiationSigning)).
    UnsignedNegotiation(SpdmVersion),
    /// The Responder lacks a capability that the operation needs, for example `CHAL_CAP`.
    Capability(&'static str),
    /// The Responder selected nothing in a category that the operation needs.
    NoAlgorithm {
        /// The field of ALGORITHMS.
        field: &'static str,
    },
    /// What was selected is not implemented here. Live this cannot happen: only what is implemented is
    /// offered.
    Algorithm {
        /// The field of ALGORITHMS.
        field: &'static str,
        /// The selected bit.
        selected: u32,
    },
    /// The slot has no certificate chain.
    SlotEmpty {
        /// The slot.
        slot: u8,
    },
    /// No slot that is provisioned fits the caller's choice.
    NoSlot,
    /// Measurements are asked for that another slot than 0 is to sign, which 1.0 cannot say.
    MeasurementSlot {
        /// The slot.
        slot: u8,
    },
    /// A request is larger than what the Responder receives.
    RequestTooLarge {
        /// Bytes of the request.
        len: usize,
        /// The field of CAPABILITIES.
        field: &'static str,
        /// Its value.
        limit: u32,
    },
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Bound {
    /// Round trips of one operation.
    RoundTrips(u16),
    /// Answers of ERROR(Busy) to one request.
    Busy(u8),
    /// Answers of ERROR(ResponseNotReady) to one request.
    NotReady(u8),
    /// Time of one operation, in milliseconds.
    Time(u32),
    /// Bytes received in one operation.
    Bytes(u32),
    /// Bytes of the negotiation that a connection keeps.
    Negotiation(usize),
    /// Bytes of the longest message that the transport sends.
    Send(usize),
    /// Encapsulated requests of the device in a row.
    #[cfg(feature = "mutual-auth")]
    EncapsulatedRequests(u16),
}

/// Buffers that a caller lends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Buffer {
    /// [`Storage::message`](crate::Storage::message).
    Message,
    /// For the certificate chain.
    Chain,
    /// For the response of a single exchange.
    Response,
    /// For the measurement record.
    Record,
}

/// Mistakes of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Misuse {
    /// The request may not be sent in this state.
    Order {
        /// The request.
        request: Code,
    },
    /// The request has an operation of its own, or changes the state of the connection: it cannot be sent by
    /// [`Requester::exchange`](crate::Requester::exchange).
    OwnOperation {
        /// The request.
        request: Code,
    },
    /// Another request was sent before this one was answered.
    Unanswered {
        /// The request that still waits for its answer.
        request: Code,
    },
    /// The version of GET_CAPABILITIES is unknown or was not in VERSION.
    Version {
        /// `SPDMVersion` of the request.
        byte: u8,
    },
    /// The request is not one: its code says response, or it cannot be decoded.
    Request(DecodeError),
    /// A request could not be encoded.
    Encode(EncodeError),
    /// The identity is of another slot or of other algorithms than the request and the connection.
    Identity,
    /// The flow is not at its end.
    Unfinished,
    /// More was received than fits the buffer.
    Overrun,
    /// The offered capabilities contradict each other; this is the rule.
    Offer(&'static str),
    /// The operation needs a capability that the Requester did not offer, for example `KEY_EX_CAP`.
    NotOffered(&'static str),
    /// An attestation without a policy: nobody could be trusted.
    Policy,
    /// What is to be provisioned contradicts the connection; this is the rule.
    Provisioning(&'static str),
    /// A measurement selection without indices, or with an index twice or out of 1 to 0xFE.
    Selection,
}

impl Error {
    /// Whether the peer merely refused: the connection is as before.
    pub(crate) const fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.0 != ErrorCode::REQUEST_RESYNCH.0,
            Self::Incompatible(_) => true,
            _ => false,
        }
    }
}

impl Error {
    /// Whether the connection goes on: the peer merely refused, or nothing was sent to it.
    pub(crate) const fn leaves_connection(&self) -> bool {
        self.is_refusal()
            || matches!(self, Self::Session(SessionFault::NoRoom | SessionFault::Transport))
    }

    /// Whether the session that it happened in goes on.
    pub(crate) fn leaves_session(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                !matches!(refusal.code, ErrorCode::REQUEST_RESYNCH | ErrorCode::DECRYPT_ERROR)
            }
            Self::Session(fault) => !fault.is_fatal(),
            // A device that says Busy has changed nothing.
            Self::Bound(Bound::Busy(_)) => true,
            Self::Incompatible(_) | Self::Misuse(_) | Self::BufferTooSmall { .. } => true,
            _ => false,
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

/// The peer broke a rule of the transfer of large messages.
impl From<ChunkError> for Error {
    fn from(error: ChunkError) -> Self {
        let (message, field, violation) = match error {
            ChunkError::Decode(error) => return Self::Decode(error),
            ChunkError::Value { message, field, expected, got } => {
                (message, field, Violation::Value { expected, got })
            }
            ChunkError::Unexpected { message, field } => (message, field, Violation::Unexpected),
        };
        Self::Misbehaved(Misbehaviour { message, field, violation })
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        Self::Hash(error)
    }
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

#[cfg(feature = "mutual-auth")]
impl From<AuthenticationFault> for Error {
    fn from(fault: AuthenticationFault) -> Self {
        Self::Authentication(fault)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::Misuse(Misuse::Encode(error))
    }
}

impl From<Incompatible> for Error {
    fn from(what: Incompatible) -> Self {
        Self::Incompatible(what)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Misbehaved(error) => error.fmt(f),
            Self::Signature { message } => {
                write!(f, "{message}: the Signature does not verify under the device's key")
            }
            Self::SignatureOrder { message } => {
                write!(
                    f,
                    "{message}: the Signature verifies only with its numbers in little-endian order"
                )
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Incompatible(what) => what.fmt(f),
            Self::Chain(error) => error.fmt(f),
            Self::Csr(error) => write!(f, "CSR: {error}"),
            Self::IdentityMismatch => {
                f.write_str("the trusted chain is not the one whose key answered")
            }
            Self::Timeout { request } => write!(f, "no answer to {request} in time"),
            Self::Bound(bound) => bound.fmt(f),
            Self::BufferTooSmall { buffer, needed, len } => {
                write!(f, "the buffer for {buffer} has {len} bytes, but {needed} are needed")
            }
            Self::Hash(error) => error.fmt(f),
            Self::Random => f.write_str("the random source failed"),
            Self::Session(fault) => fault.fmt(f),
            #[cfg(feature = "mutual-auth")]
            Self::Authentication(fault) => fault.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for Error {}
impl core::error::Error for Incompatible {}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, field, violation } = self;
        match violation {
            Violation::NotOffered { offered, got } => {
                write!(f, "{message}: {field} is {got:#x}, but only {offered:#x} was offered")
            }
            Violation::NotOne { got } => {
                write!(f, "{message}: {field} is {got:#x}, but exactly one bit must be set")
            }
            Violation::Value { expected, got } => {
                write!(f, "{message}: {field} is {got:#x}, but {expected} is expected")
            }
            Violation::Differs { from } => write!(f, "{message}: {field} differs from {from}"),
            Violation::Unexpected => write!(f, "{message}: {field} may not come here"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, code, data } = self;
        write!(f, "the device answered {request} with ERROR {code} (data {data:#04x})")
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("the device speaks no SPDM version that is allowed here"),
            Self::UnsignedNegotiation(version) => {
                write!(f, "without CHALLENGE nothing signs the negotiation of SPDM {version}")
            }
            Self::Capability(name) => write!(f, "the device lacks {name}"),
            Self::NoAlgorithm { field } => {
                write!(f, "the device selected no algorithm as {field}")
            }
            Self::Algorithm { field, selected } => {
                write!(f, "{field} {selected:#x} is not implemented here")
            }
            Self::SlotEmpty { slot } => write!(f, "slot {slot} has no certificate chain"),
            Self::NoSlot => f.write_str("the device has no slot of the kind that is asked for"),
            Self::MeasurementSlot { slot } => {
                write!(f, "slot {slot} cannot sign measurements in SPDM 1.0: slot 0 does")
            }
            Self::RequestTooLarge { len, field, limit } => {
                write!(f, "a request of {len} bytes exceeds the device's {field} of {limit}")
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundTrips(n) => write!(f, "the operation took more than {n} round trips"),
            Self::Busy(n) => write!(f, "the device was still busy after {n} attempts"),
            Self::NotReady(n) => write!(f, "the response was still not ready after {n} attempts"),
            Self::Bytes(n) => write!(f, "the device sent more than {n} bytes"),
            Self::Time(ms) => write!(f, "the operation took longer than {ms} ms"),
            #[cfg(feature = "mutual-auth")]
            Self::EncapsulatedRequests(n) => {
                write!(f, "the device asked more than {n} encapsulated requests in a row")
            }
            Self::Send(n) => write!(f, "the transport sends no message longer than {n} bytes"),
            Self::Negotiation(n) => write!(f, "the negotiation has more than {n} bytes"),
        }
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "messages",
            Self::Chain => "the certificate chain",
            Self::Response => "the response",
            Self::Record => "the measurement record",
        })
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { request } => write!(f, "{request} may not be sent in this state"),
            Self::OwnOperation { request } => {
                write!(f, "{request} cannot be sent as a single exchange")
            }
            Self::Unanswered { request } => write!(f, "{request} was not answered yet"),
            Self::Version { byte } => {
                write!(f, "the device did not announce the requested version {byte:#04x}")
            }
            Self::Request(error) => write!(f, "not a request: {error}"),
            Self::Encode(error) => error.fmt(f),
            Self::Identity => {
                f.write_str("the identity belongs to another slot or to other algorithms")
            }
            Self::Unfinished => f.write_str("the flow is not at its end"),
            Self::Overrun => f.write_str("more was received than the buffer holds"),
            Self::Offer(rule) => write!(f, "the offered capabilities break a rule: {rule}"),
            Self::NotOffered(name) => write!(f, "{name} was not offered to the device"),
            Self::Policy => f.write_str("an attestation needs a policy"),
            Self::Provisioning(rule) => write!(f, "the request breaks a rule: {rule}"),
            Self::Selection => f.write_str("the selection of measurements is not valid"),
        }
    }
}
