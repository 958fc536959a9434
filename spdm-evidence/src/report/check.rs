//! The checks of a report, by name.

use serde::{Serialize, Serializer};

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $check:ident => $name:literal,)+) => {
        /// A check, in order of evaluation.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Check {
            $($(#[doc = $doc])+ $check,)+
        }

        impl Check {
            /// Every check, in order of evaluation.
            pub const ALL: [Self; 15] = [$(Self::$check,)+];

            /// The name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)+
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

impl Check {
    /// The check of a certificate chain.
    pub(crate) const fn of_chain(check: spdm_x509::Check) -> Self {
        match check {
            spdm_x509::Check::Root => Self::ChainRoot,
            spdm_x509::Check::Certificates => Self::ChainCertificates,
            spdm_x509::Check::Signatures => Self::ChainSignatures,
            spdm_x509::Check::Anchor => Self::ChainAnchor,
            spdm_x509::Check::LeafProfile => Self::LeafProfile,
            spdm_x509::Check::San => Self::LeafSan,
            // Format, and what a later version may add in front of it.
            _ => Self::ChainFormat,
        }
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the command's contract")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It was not made; the detail says why.
    Skipped,
}

/// A check and how it ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// Which check.
    pub check: Check,
    /// How it ended.
    pub status: Status,
    /// What was found, or why it was not made.
    pub detail: String,
}
