//! What the connection accepted.

use spdm_codec::{
    Algorithms, Capabilities, Certificate, ChallengeAuth, Digests, EndpointInfo, ErrorResponse,
    Header, KeyExchangeRsp, Measurements, Version,
};

use crate::endpoint_proof::EndpointProof;
use crate::possession::Possession;

/// What an accepted exchange brought.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Accepted<'r, 'c> {
    /// VERSION.
    Version(Version<'r>),
    /// CAPABILITIES.
    Capabilities(Capabilities<'r>),
    /// ALGORITHMS.
    Algorithms(Algorithms<'r>),
    /// DIGESTS.
    Digests(Digests<'r>),
    /// CERTIFICATE.
    Certificate {
        /// Offset of the portion in the chain, in bytes.
        offset: u32,
        /// The message.
        message: Certificate<'r>,
    },
    /// CHALLENGE_AUTH.
    ChallengeAuth {
        /// The message.
        message: ChallengeAuth<'r>,
        /// The proof; `None` where no identity was given to check the signature with.
        possession: Option<Possession<'c>>,
    },
    /// MEASUREMENTS.
    Measurements {
        /// The message.
        message: Measurements<'r>,
        /// The signature, where one was requested.
        signature: MeasurementSignature<'c>,
    },
    /// KEY_EXCHANGE_RSP.
    KeyExchangeRsp {
        /// The message.
        message: KeyExchangeRsp<'r>,
        /// The proof; `None` where no identity was given to check the signature with.
        possession: Option<Possession<'c>>,
    },
    /// ENDPOINT_INFO.
    EndpointInfo {
        /// The message.
        message: EndpointInfo<'r>,
        /// The signature, where one was requested.
        authenticity: EndpointInfoAuthenticity<'c>,
    },
    /// ERROR, an answer like any other.
    Error(ErrorResponse<'r>),
    /// A message of which only the header is checked; its effect on transcripts is applied.
    Other(Header),
}

/// What is known of the authenticity of a MEASUREMENTS.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a value on the stack for the time of one call")]
pub enum MeasurementSignature<'c> {
    /// No signature was requested.
    NotRequested,
    /// No identity was given to check the signature with.
    NotChecked,
    /// The signature verified.
    Verified {
        /// The proof.
        possession: Possession<'c>,
        /// How many exchanges it covers: this one and the unsigned ones directly before it.
        exchanges: u16,
    },
}

/// What is known of the authenticity of an ENDPOINT_INFO.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum EndpointInfoAuthenticity<'c> {
    /// No signature was requested.
    NotRequested,
    /// No identity was given to check the signature with.
    NotChecked,
    /// The signature verified.
    Verified(EndpointProof<'c>),
}
