//! The checks of an attestation, and which fact decides which check. Reports of live connections and of evidence
//! take both from here.

use spdm_codec::DecodeError;
use spdm_x509::{Appraisal, Check, CheckOutcome};

use crate::error::{Error, Incompatible, Misbehaviour, SessionFault};

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $check:ident => $name:literal,)+) => {
        /// A check of an attestation, in order of evaluation.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum AttestationCheck {
            $($(#[doc = $doc])+ $check,)+
            /// The device is the one that was known for the target.
            KnownDevice,
            /// The signature of KEY_EXCHANGE_RSP.
            SessionKeyExchange,
            /// The HMACs of PSK_EXCHANGE_RSP and PSK_FINISH.
            SessionPsk,
            /// The HMACs of a session that KEY_EXCHANGE opens, and its keys.
            SessionFinish,
            /// The encapsulated requests, and what the host answers: no check of the device.
            HostFlow,
            /// The host's signature of CHALLENGE_AUTH, in mutual authentication: no check of the device.
            HostChallenge,
            /// The host's signature of FINISH, in mutual authentication: no check of the device.
            HostFinish,
            /// The host's signature of ENDPOINT_INFO: no check of the device.
            HostEndpointInfo,
            /// Who signed the files of reference values: no check of the device.
            ReferenceSignature,
            /// The times in which the files of reference values hold: no check of the device.
            ReferenceValidity,
            /// The measurement manifest, or a bundle of evidence, is of a known form and well formed.
            ManifestFormat,
            /// The signature of an Entity Attestation Token.
            EatSignature,
            /// The nonce of such a token.
            EatNonce,
            /// The profile of such a token.
            EatProfile,
            /// The caller's policy.
            Policy,
        }

        impl AttestationCheck {
            /// Every check that belongs to each attestation, in order of evaluation. Those of [`Self::OCCASIONAL`] are
            /// not among them.
            pub const ALL: [Self; 15] = [$(Self::$check,)+];

            /// The checks that are made only where there is a reason to, behind the others: the caller knows a device,
            /// the connection opened sessions, the host proved something of itself, reference values are given, the device
            /// claims something in a manifest.
            pub const OCCASIONAL: [Self; 15] = [
                Self::KnownDevice,
                Self::SessionKeyExchange,
                Self::SessionPsk,
                Self::SessionFinish,
                Self::HostFlow,
                Self::HostChallenge,
                Self::HostFinish,
                Self::HostEndpointInfo,
                Self::ReferenceSignature,
                Self::ReferenceValidity,
                Self::ManifestFormat,
                Self::EatSignature,
                Self::EatNonce,
                Self::EatProfile,
                Self::Policy,
            ];

            /// The name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)+
                    Self::KnownDevice => "known.device",
                    Self::SessionKeyExchange => "session.key_exchange",
                    Self::SessionPsk => "session.psk",
                    Self::SessionFinish => "session.finish",
                    Self::HostFlow => "host.flow",
                    Self::HostChallenge => "host.challenge",
                    Self::HostFinish => "host.finish",
                    Self::HostEndpointInfo => "host.endpoint_info",
                    Self::ReferenceSignature => "reference.signature",
                    Self::ReferenceValidity => "reference.validity",
                    Self::ManifestFormat => "manifest.format",
                    Self::EatSignature => "eat.signature",
                    Self::EatNonce => "eat.nonce",
                    Self::EatProfile => "eat.profile",
                    Self::Policy => "policy",
                }
            }
        }
    };
}

checks! {
    /// The structure of the chain and the encoding of its certificates.
    ChainFormat => "chain.format",
    /// DIGESTS is the hash of the chain.
    ChainDigest => "chain.digest",
    /// RootHash and the root certificate.
    ChainRoot => "chain.root",
    /// The certificates below the root.
    ChainCertificates => "chain.certificates",
    /// The signatures of the certificates.
    ChainSignatures => "chain.signatures",
    /// The root is a trust anchor.
    ChainAnchor => "chain.anchor",
    /// What DSP0274 asks of the leaf.
    LeafProfile => "leaf.profile",
    /// The name that is asked for.
    LeafSan => "leaf.san",
    /// CHALLENGE_AUTH answers the CHALLENGE with the expected nonce.
    ChallengeNonce => "challenge.nonce",
    /// CertChainHash is the hash of the chain.
    ChallengeChainHash => "challenge.chain_hash",
    /// The signature of CHALLENGE_AUTH.
    ChallengeSignature => "challenge.signature",
    /// The blocks of MEASUREMENTS.
    MeasurementsFormat => "measurements.format",
    /// MEASUREMENTS answers the GET_MEASUREMENTS with the expected nonce.
    MeasurementsNonce => "measurements.nonce",
    /// The signature of MEASUREMENTS.
    MeasurementsSignature => "measurements.signature",
    /// The signed measurements have the reference values.
    MeasurementsReference => "measurements.reference",
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a check ends in one of these ways")]
pub enum CheckStatus {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It was not made: it was not asked for, or what it needs is missing.
    Skipped,
}

impl AttestationCheck {
    /// The checks of a CHALLENGE that is answered by a signature which verifies.
    pub const CHALLENGE: [Self; 3] =
        [Self::ChallengeNonce, Self::ChallengeChainHash, Self::ChallengeSignature];
    /// The checks of measurements that are signed.
    pub const MEASUREMENTS: [Self; 3] =
        [Self::MeasurementsFormat, Self::MeasurementsNonce, Self::MeasurementsSignature];

    /// The check of a certificate chain.
    #[must_use]
    pub const fn of_chain(check: Check) -> Self {
        match check {
            Check::Root => Self::ChainRoot,
            Check::Certificates => Self::ChainCertificates,
            Check::Signatures => Self::ChainSignatures,
            Check::Anchor => Self::ChainAnchor,
            Check::LeafProfile => Self::LeafProfile,
            Check::San => Self::LeafSan,
            // Format, and what a later version may add in front of it.
            _ => Self::ChainFormat,
        }
    }

    /// The checks of a chain that can be read, as a policy has judged it.
    pub(crate) fn of_appraisal(
        appraisal: &Appraisal<'_>,
    ) -> impl Iterator<Item = (Self, CheckStatus)> + use<> {
        let outcomes = appraisal.outcomes().map(|(check, outcome)| {
            let status = match outcome {
                CheckOutcome::Pass => CheckStatus::Pass,
                CheckOutcome::Fail(_) => CheckStatus::Fail,
                CheckOutcome::Skipped => CheckStatus::Skipped,
            };
            (Self::of_chain(check), status)
        });
        core::iter::once((Self::ChainFormat, CheckStatus::Pass)).chain(outcomes)
    }

    /// How [`Self::MeasurementsFormat`] and [`Self::MeasurementsSignature`] end where a signature verifies that covers
    /// this many measurement blocks. A signature that covers none says nothing about measurements.
    #[must_use]
    pub const fn of_signed_blocks(blocks: usize) -> CheckStatus {
        match blocks {
            0 => CheckStatus::Skipped,
            _ => CheckStatus::Pass,
        }
    }

    /// The check that an error decides: it fails. `None` where the error is about none of them, such as an error
    /// of the negotiation.
    #[must_use]
    pub fn decided_by(error: &Error) -> Option<Self> {
        match error {
            Error::Decode(DecodeError { message, field, .. })
            | Error::Misbehaved(Misbehaviour { message, field, .. }) => {
                Self::of_field(message, field)
            }
            Error::Signature { message } | Error::SignatureOrder { message } => {
                Self::of_field(message, "Signature")
            }
            Error::Refused(refusal) => {
                Self::of_field(refusal.request.response().name()?, "ErrorCode")
            }
            Error::Incompatible(Incompatible::SlotEmpty { .. } | Incompatible::NoSlot) => {
                Some(Self::ChainFormat)
            }
            Error::Incompatible(Incompatible::MeasurementSlot { .. }) => {
                Some(Self::MeasurementsSignature)
            }
            Error::Incompatible(Incompatible::Capability(name)) => match *name {
                "CHAL_CAP" => Some(Self::ChallengeSignature),
                "CERT_CAP" => Some(Self::ChainFormat),
                "KEY_EX_CAP" => Some(Self::SessionKeyExchange),
                "PSK_CAP" => Some(Self::SessionPsk),
                name if name.starts_with("MEAS") => Some(Self::MeasurementsSignature),
                _ => None,
            },
            Error::Chain(chain) => Some(Self::of_chain(chain.check)),
            Error::IdentityMismatch => Some(Self::ChallengeChainHash),
            Error::Session(SessionFault::VerifyData { message }) => {
                Self::of_field(message, "VerifyData")
            }
            Error::Session(SessionFault::KeyExchange(_)) => Some(Self::SessionKeyExchange),
            Error::Timeout { request } => Self::of_field(request.response().name()?, "ErrorCode"),
            _ => None,
        }
    }

    /// The check that a field of a response belongs to.
    fn of_field(message: &str, field: &str) -> Option<Self> {
        Some(match (message, field) {
            ("DIGESTS", _) | ("CERTIFICATE", "CertChain") => Self::ChainDigest,
            ("CERTIFICATE", _) => Self::ChainFormat,
            ("CHALLENGE_AUTH", "CertChainHash" | "SlotID" | "SlotMask") => Self::ChallengeChainHash,
            ("CHALLENGE_AUTH", "Nonce" | "RequesterContext") => Self::ChallengeNonce,
            ("CHALLENGE_AUTH", _) => Self::ChallengeSignature,
            ("MEASUREMENTS", "Nonce" | "RequesterContext") => Self::MeasurementsNonce,
            ("MEASUREMENTS", "Signature" | "SlotID" | "ErrorCode") => Self::MeasurementsSignature,
            ("MEASUREMENTS", _) => Self::MeasurementsFormat,
            ("KEY_EXCHANGE_RSP", _) => Self::SessionKeyExchange,
            ("PSK_EXCHANGE_RSP" | "PSK_FINISH_RSP", _) => Self::SessionPsk,
            ("FINISH_RSP", _) => Self::SessionFinish,
            _ => return None,
        })
    }
}
