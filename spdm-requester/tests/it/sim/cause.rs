//! Errors in a form that tests can write down and compare completely.

use spdm_codec::{Code, DecodeErrorKind, ErrorCode, Expected};
use spdm_requester::{Error, Violation};
use spdm_x509::{Check, Rule};

/// An [`Error`], field by field: its own structures can only be built where they belong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    Decode { message: &'static str, field: &'static str, at: usize, kind: DecodeErrorKind },
    Misbehaved { message: &'static str, field: &'static str, violation: Violation },
    Refused { request: Code, code: ErrorCode, data: u8 },
    Chain { check: Check, certificate: Option<u16>, rule: Rule, at: Option<usize> },
    Other(Error),
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        match error {
            Error::Decode(e) => {
                Self::Decode { message: e.message, field: e.field, at: e.at, kind: e.kind }
            }
            Error::Misbehaved(e) => {
                Self::Misbehaved { message: e.message, field: e.field, violation: e.violation }
            }
            Error::Refused(e) => Self::Refused { request: e.request, code: e.code, data: e.data },
            Error::Chain(e) => {
                Self::Chain { check: e.check, certificate: e.certificate, rule: e.rule, at: e.at }
            }
            other => Self::Other(other),
        }
    }
}

/// A field has a value that its message does not allow.
pub const fn invalid(
    message: &'static str,
    field: &'static str,
    at: usize,
    expected: Expected,
    got: u64,
) -> Cause {
    Cause::Decode { message, field, at, kind: DecodeErrorKind::Value { expected, got } }
}

/// The message ends inside a field.
pub const fn truncated(
    message: &'static str,
    field: &'static str,
    at: usize,
    needed: usize,
    left: usize,
) -> Cause {
    Cause::Decode { message, field, at, kind: DecodeErrorKind::Truncated { needed, left } }
}

/// Bytes follow the message, which is `at` bytes long.
pub const fn trailing(message: &'static str, at: usize, count: usize, allowed: usize) -> Cause {
    let kind = DecodeErrorKind::Trailing { count, allowed };
    Cause::Decode { message, field: "end of message", at, kind }
}

/// A field has a value that does not fit the connection or the request.
pub const fn wrong(
    message: &'static str,
    field: &'static str,
    expected: Expected,
    got: u64,
) -> Cause {
    Cause::Misbehaved { message, field, violation: Violation::Value { expected, got } }
}

/// A field or message may not come here.
pub const fn unexpected(message: &'static str, field: &'static str) -> Cause {
    Cause::Misbehaved { message, field, violation: Violation::Unexpected }
}

/// A field is not what it should repeat.
pub const fn differs(message: &'static str, field: &'static str, from: &'static str) -> Cause {
    Cause::Misbehaved { message, field, violation: Violation::Differs { from } }
}

/// ALGORITHMS selects what was not offered.
pub const fn not_offered(field: &'static str, offered: u64, got: u64) -> Cause {
    let violation = Violation::NotOffered { offered, got };
    Cause::Misbehaved { message: "ALGORITHMS", field, violation }
}

/// ALGORITHMS selects several of a kind.
pub const fn not_one(field: &'static str, got: u64) -> Cause {
    Cause::Misbehaved { message: "ALGORITHMS", field, violation: Violation::NotOne { got } }
}

/// The signature does not verify.
pub const fn signature(message: &'static str) -> Cause {
    Cause::Other(Error::Signature { message })
}

/// The chain was refused as a whole.
pub const fn chain(check: Check, rule: Rule) -> Cause {
    Cause::Chain { check, certificate: None, rule, at: None }
}

/// One certificate of the chain was refused.
pub const fn certificate(check: Check, certificate: u16, rule: Rule) -> Cause {
    Cause::Chain { check, certificate: Some(certificate), rule, at: None }
}

/// The peer answered with ERROR.
pub const fn refused(request: Code, code: ErrorCode, data: u8) -> Cause {
    Cause::Refused { request, code, data }
}
