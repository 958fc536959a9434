//! What kind of error a report shows.

use serde::Serialize;

/// Why a device is not verified, in a word for programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReportErrorKind {
    /// A message cannot be decoded.
    Decode,
    /// The device broke the protocol.
    Protocol,
    /// A signature of the device does not verify.
    Signature,
    /// The device answered with ERROR.
    Refused,
    /// An algorithm that is not implemented.
    Unsupported,
    /// The two sides have no version or algorithm in common, or the device lacks a capability.
    Incompatible,
    /// The signatures that are required do not cover the negotiation in the version that both sides have in common.
    Unsigned,
    /// The certificate chain breaks a rule.
    Chain,
    /// The device signs for another chain than the one that it showed.
    Identity,
    /// No signature covers the expected nonce.
    Nonce,
    /// A measurement does not have its reference value, or a file of reference values does not count.
    Reference,
    /// An HMAC, a key or a record of a session is wrong, or the session is over.
    Session,
    /// It is not the device that is known for the target.
    Known,
    /// A rule of the caller that is no check of its own, such as the lowest version.
    Policy,
    /// A check that is required was skipped.
    Required,
    /// A check failed.
    Rejected,
    /// No signature of the device could be verified.
    Unproven,
    /// The transport failed.
    Transport,
    /// What came is no message of the transport.
    Framing,
    /// The device did not answer in time.
    Timeout,
    /// A limit of the requester was reached, such as the number of messages.
    Limit,
    /// The request cannot be made: an option is wrong.
    Request,
    /// A failure of this program.
    Internal,
}

impl ReportErrorKind {
    /// Every kind, for tables that must have all of them.
    pub const ALL: [Self; 23] = [
        Self::Decode,
        Self::Protocol,
        Self::Signature,
        Self::Refused,
        Self::Unsupported,
        Self::Incompatible,
        Self::Unsigned,
        Self::Chain,
        Self::Identity,
        Self::Nonce,
        Self::Reference,
        Self::Session,
        Self::Known,
        Self::Policy,
        Self::Required,
        Self::Rejected,
        Self::Unproven,
        Self::Transport,
        Self::Framing,
        Self::Timeout,
        Self::Limit,
        Self::Request,
        Self::Internal,
    ];
}
