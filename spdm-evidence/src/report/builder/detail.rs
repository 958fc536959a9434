//! What a report says of a check, in words.

use spdm_codec::DecodeError;
use spdm_requester::{AttestationCheck, Error, Misbehaviour, Observation};

/// The detail of a check that nobody touched.
pub(super) const fn untouched(check: AttestationCheck) -> &'static str {
    match check {
        AttestationCheck::ChallengeNonce
        | AttestationCheck::ChallengeChainHash
        | AttestationCheck::ChallengeSignature => "no CHALLENGE_AUTH",
        AttestationCheck::MeasurementsFormat
        | AttestationCheck::MeasurementsNonce
        | AttestationCheck::MeasurementsSignature => "no signed MEASUREMENTS",
        AttestationCheck::MeasurementsReference => "no reference values are given",
        AttestationCheck::ManifestFormat => "no measurement manifest of a known form was signed",
        AttestationCheck::EatSignature
        | AttestationCheck::EatNonce
        | AttestationCheck::EatProfile => "no token",
        AttestationCheck::SessionKeyExchange => "no KEY_EXCHANGE_RSP",
        AttestationCheck::SessionPsk => "no PSK_EXCHANGE_RSP",
        AttestationCheck::SessionFinish => "no FINISH_RSP",
        _ => "no certificate chain",
    }
}

/// Why nothing is known of the other checks of a message that came, where an error is about it; `None` where it did not
/// come.
pub(super) fn unusable(error: &Error) -> Option<String> {
    match error {
        Error::Signature { message } | Error::SignatureOrder { message } => {
            Some(format!("the signature of {message} is wrong"))
        }
        Error::Decode(DecodeError { message, .. })
        | Error::Misbehaved(Misbehaviour { message, .. }) => {
            Some(format!("{message} is not as it must be"))
        }
        _ => None,
    }
}

/// The detail of a check that passes.
pub(super) const fn holds(check: AttestationCheck) -> &'static str {
    match check {
        AttestationCheck::ChainDigest => "DIGESTS states the hash of the chain",
        AttestationCheck::ChainRoot => "RootHash is that of a root certificate",
        AttestationCheck::ChainCertificates => {
            "names, validity and authority hold down to the leaf"
        }
        AttestationCheck::ChainSignatures => "every certificate is signed by the one above",
        AttestationCheck::ChainAnchor => "the root is a trust anchor",
        AttestationCheck::LeafProfile => "the leaf is as the profile demands",
        AttestationCheck::LeafSan => "the leaf carries the name that is asked for",
        AttestationCheck::ChallengeNonce | AttestationCheck::MeasurementsNonce => {
            "the signature covers the expected nonce"
        }
        AttestationCheck::ChallengeChainHash => "CertChainHash is that of the device's key",
        AttestationCheck::ChallengeSignature
        | AttestationCheck::MeasurementsSignature
        | AttestationCheck::SessionKeyExchange => "signed by the device's key",
        AttestationCheck::MeasurementsFormat => "every block is well formed",
        AttestationCheck::SessionPsk => "the device holds the pre-shared key",
        AttestationCheck::SessionFinish => "both sides have the keys of the session",
        AttestationCheck::KnownDevice => "it is the device that is known",
        _ => "ok",
    }
}

/// The detail of a check that an observation skips.
pub(super) const fn passed_over(
    observation: &Observation<'_>,
    check: AttestationCheck,
) -> &'static str {
    match (observation, check) {
        (Observation::Begun { .. }, _) => "not asked for",
        (Observation::ProvisionedKey { .. }, AttestationCheck::LeafSan) => {
            "a public key carries no name"
        }
        (Observation::ProvisionedKey { .. }, _) => "slot 0xFF has a public key instead of a chain",
        (Observation::Withheld, _) => "nothing is asked in a session with who is not trusted",
        (Observation::Measured { .. }, _) => "no measurement was signed",
        (_, AttestationCheck::LeafSan) => "no name is asked for",
        _ => "the root certificate is not at hand",
    }
}
