//! From errors to a check, a word for programs and an exit code.

use spdm_codec::DecodeError;
use spdm_requester::{Bound, Error, Incompatible, Misbehaviour, Misuse};
use spdm_x509::{ChainError, Rule};

use super::{Check, ExitClass, ReportError};
use crate::recording::Broken;

/// An error as a report shows it.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) check: Option<Check>,
    pub(super) error: ReportError,
    pub(super) class: ExitClass,
}

impl Fault {
    pub(super) fn new(
        check: Option<Check>,
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
        let check = check_of(error);
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

    fn decode(check: Option<Check>, error: &DecodeError) -> Self {
        Self::new(check, "decode", error, ExitClass::Protocol).at(
            error.message,
            error.field,
            Some(error.at),
        )
    }
}

/// The check that an error decides.
fn check_of(error: &Error) -> Option<Check> {
    match error {
        Error::Decode(DecodeError { message, field, .. })
        | Error::Misbehaved(Misbehaviour { message, field, .. }) => of_field(message, field),
        Error::Signature { message } => of_field(message, "Signature"),
        Error::Refused(refusal) => of_field(refusal.request.response().name()?, "ErrorCode"),
        Error::Incompatible(Incompatible::SlotEmpty { .. }) => Some(Check::ChainFormat),
        Error::Incompatible(Incompatible::Capability(name)) => match *name {
            "CHAL_CAP" => Some(Check::ChallengeSignature),
            "CERT_CAP" => Some(Check::ChainFormat),
            name if name.starts_with("MEAS") => Some(Check::MeasurementsSignature),
            _ => None,
        },
        Error::Chain(chain) => Some(Check::of_chain(chain.check)),
        Error::IdentityMismatch => Some(Check::ChallengeChainHash),
        Error::Timeout { request } => of_field(request.response().name()?, "ErrorCode"),
        _ => None,
    }
}

/// The check that a field of a response belongs to.
fn of_field(message: &str, field: &str) -> Option<Check> {
    Some(match (message, field) {
        ("DIGESTS", _) | ("CERTIFICATE", "CertChain") => Check::ChainDigest,
        ("CERTIFICATE", _) => Check::ChainFormat,
        ("CHALLENGE_AUTH", "CertChainHash" | "SlotID" | "SlotMask") => Check::ChallengeChainHash,
        ("CHALLENGE_AUTH", "Nonce" | "RequesterContext") => Check::ChallengeNonce,
        ("CHALLENGE_AUTH", _) => Check::ChallengeSignature,
        ("MEASUREMENTS", "Nonce" | "RequesterContext") => Check::MeasurementsNonce,
        ("MEASUREMENTS", "Signature" | "SlotID" | "ErrorCode") => Check::MeasurementsSignature,
        ("MEASUREMENTS", _) => Check::MeasurementsFormat,
        _ => return None,
    })
}
