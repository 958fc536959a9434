//! From errors to a word for programs and an exit code.

use spdm_codec::DecodeError;
use spdm_crypto::KeyExchangeError;
use spdm_requester::{Bound, Error, Incompatible, Misbehaviour, Misuse, SessionFault};
use spdm_x509::{ChainError, Rule};

use super::{ExitClass, ReportError, ReportErrorKind};
use crate::recording::Broken;

/// Why a device is not verified, as a report shows it.
#[derive(Clone, Debug)]
pub(super) struct Objection {
    pub(super) error: ReportError,
    pub(super) class: ExitClass,
}

impl Objection {
    pub(super) fn new(kind: ReportErrorKind, message: impl ToString, class: ExitClass) -> Self {
        let error = ReportError { kind, message: message.to_string(), field: None, offset: None };
        Self { error, class }
    }

    fn at(mut self, message: &str, field: &str, offset: Option<usize>) -> Self {
        self.error.field = Some(format!("{message}.{field}"));
        self.error.offset = offset;
        self
    }

    pub(super) fn of(error: &Error) -> Self {
        let new = |kind, class| Self::new(kind, error, class);
        match error {
            Error::Decode(decode) => Self::decode(decode),
            Error::Misbehaved(Misbehaviour { message, field, .. }) => {
                new(ReportErrorKind::Protocol, ExitClass::Protocol).at(message, field, None)
            }
            Error::Signature { message } | Error::SignatureOrder { message } => {
                new(ReportErrorKind::Signature, ExitClass::Rejected).at(message, "Signature", None)
            }
            Error::Refused(_) => new(ReportErrorKind::Refused, ExitClass::Rejected),
            Error::Incompatible(Incompatible::Algorithm { field, .. }) => {
                new(ReportErrorKind::Unsupported, ExitClass::Usage).at("ALGORITHMS", field, None)
            }
            Error::Incompatible(Incompatible::UnsignedNegotiation(_)) => {
                new(ReportErrorKind::Unsigned, ExitClass::Rejected)
            }
            Error::Incompatible(_) => new(ReportErrorKind::Incompatible, ExitClass::Rejected),
            Error::Chain(ChainError {
                rule: Rule::UnsupportedHash | Rule::UnsupportedAsym,
                ..
            }) => new(ReportErrorKind::Unsupported, ExitClass::Usage),
            Error::Chain(chain) => new(ReportErrorKind::Chain, ExitClass::Rejected).at(
                "CERTIFICATE",
                chain.field,
                chain.at,
            ),
            Error::Csr(ChainError { rule: Rule::RequestSignature, .. }) => {
                new(ReportErrorKind::Signature, ExitClass::Rejected).at("CSR", "signature", None)
            }
            Error::Csr(ChainError { rule: Rule::RequestedKey, field, .. }) => {
                new(ReportErrorKind::Identity, ExitClass::Rejected).at("CSR", field, None)
            }
            Error::Csr(error) => {
                new(ReportErrorKind::Protocol, ExitClass::Protocol).at("CSR", error.field, error.at)
            }
            Error::IdentityMismatch => new(ReportErrorKind::Identity, ExitClass::Rejected),
            Error::Session(SessionFault::VerifyData { message }) => {
                new(ReportErrorKind::Session, ExitClass::Rejected).at(message, "VerifyData", None)
            }
            Error::Session(fault) => {
                let (kind, class) = of_session(fault);
                new(kind, class)
            }
            Error::Timeout { .. } => new(ReportErrorKind::Timeout, ExitClass::Transport),
            Error::Bound(Bound::Negotiation(_)) => new(ReportErrorKind::Limit, ExitClass::Protocol),
            Error::Bound(_) => new(ReportErrorKind::Limit, ExitClass::Transport),
            Error::Misuse(Misuse::Request(decode)) => {
                let place = (decode.message, decode.field, decode.at);
                new(ReportErrorKind::Request, ExitClass::Usage).at(place.0, place.1, Some(place.2))
            }
            Error::Misuse(_) => new(ReportErrorKind::Request, ExitClass::Usage),
            _ => new(ReportErrorKind::Internal, ExitClass::Usage),
        }
    }

    pub(super) fn of_broken(broken: &Broken) -> Self {
        match broken {
            Broken::Decode(decode) => Self::decode(decode),
            Broken::BeginsLate => Self::new(ReportErrorKind::Unproven, broken, ExitClass::Rejected),
            Broken::Chunk(error) => Self::of(&Error::from(*error)),
        }
    }

    fn decode(error: &DecodeError) -> Self {
        Self::new(ReportErrorKind::Decode, error, ExitClass::Protocol).at(
            error.message,
            error.field,
            Some(error.at),
        )
    }
}

/// Whose fault it is that a session broke.
const fn of_session(fault: &SessionFault) -> (ReportErrorKind, ExitClass) {
    match fault {
        SessionFault::Over | SessionFault::Unanswered | SessionFault::Exhausted => {
            (ReportErrorKind::Session, ExitClass::Transport)
        }
        SessionFault::PlainMessage
        | SessionFault::OtherSession { .. }
        | SessionFault::Record(_)
        | SessionFault::Sequence
        | SessionFault::Tag
        | SessionFault::Key
        | SessionFault::Protocol
        | SessionFault::SpdmMessage
        | SessionFault::KeyExchange(KeyExchangeError::InvalidPeer) => {
            (ReportErrorKind::Session, ExitClass::Protocol)
        }
        SessionFault::Transport => (ReportErrorKind::Request, ExitClass::Usage),
        _ => (ReportErrorKind::Internal, ExitClass::Usage),
    }
}
