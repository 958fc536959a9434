//! From errors to a check, a word for programs and an exit code.

use spdm_codec::DecodeError;
use spdm_requester::{AttestationCheck, Bound, Error, Incompatible, Misbehaviour, Misuse};
use spdm_x509::{ChainError, Rule};

use super::{ExitClass, ReportError};
use crate::recording::Broken;

/// Why a device is not verified, as a report shows it.
#[derive(Clone, Debug)]
pub(super) struct Objection {
    pub(super) check: Option<AttestationCheck>,
    pub(super) error: ReportError,
    pub(super) class: ExitClass,
}

impl Objection {
    pub(super) fn new(
        check: Option<AttestationCheck>,
        kind: &'static str,
        message: impl ToString,
        class: ExitClass,
    ) -> Self {
        let error = ReportError { kind, message: message.to_string(), field: None, offset: None };
        Self { check, error, class }
    }

    fn at(mut self, message: &str, field: &str, offset: Option<usize>) -> Self {
        self.error.field = Some(format!("{message}.{field}"));
        self.error.offset = offset;
        self
    }

    pub(super) fn of(error: &Error) -> Self {
        let check = AttestationCheck::decided_by(error);
        let new = |kind, class| Self::new(check, kind, error, class);
        match error {
            Error::Decode(decode) => Self::decode(check, decode),
            Error::Misbehaved(Misbehaviour { message, field, .. }) => {
                new("protocol", ExitClass::Protocol).at(message, field, None)
            }
            Error::Signature { message } => {
                new("signature", ExitClass::Rejected).at(message, "Signature", None)
            }
            Error::Refused(_) => new("refused", ExitClass::Rejected),
            Error::Incompatible(Incompatible::Algorithm { field, .. }) => {
                new("unsupported", ExitClass::Usage).at("ALGORITHMS", field, None)
            }
            Error::Incompatible(_) => new("incompatible", ExitClass::Rejected),
            Error::Chain(ChainError {
                rule: Rule::UnsupportedHash | Rule::UnsupportedAsym,
                ..
            }) => new("unsupported", ExitClass::Usage),
            Error::Chain(chain) => {
                new("chain", ExitClass::Rejected).at("CERTIFICATE", chain.field, chain.at)
            }
            Error::IdentityMismatch => new("identity", ExitClass::Rejected),
            Error::Timeout { .. } => new("timeout", ExitClass::Transport),
            Error::Bound(Bound::Negotiation(_)) => new("limit", ExitClass::Protocol),
            Error::Bound(_) => new("limit", ExitClass::Transport),
            Error::Misuse(Misuse::Request(decode)) => {
                let place = (decode.message, decode.field, decode.at);
                new("request", ExitClass::Usage).at(place.0, place.1, Some(place.2))
            }
            Error::Misuse(_) => new("request", ExitClass::Usage),
            _ => new("internal", ExitClass::Usage),
        }
    }

    pub(super) fn of_broken(broken: &Broken) -> Self {
        match broken {
            Broken::Decode(decode) => Self::decode(None, decode),
            Broken::Chunk(error) => Self { check: None, ..Self::of(&Error::from(*error)) },
        }
    }

    fn decode(check: Option<AttestationCheck>, error: &DecodeError) -> Self {
        Self::new(check, "decode", error, ExitClass::Protocol).at(
            error.message,
            error.field,
            Some(error.at),
        )
    }
}
