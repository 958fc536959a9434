//! The checks that a chain goes through.

use core::fmt;

/// A check of a chain, in the order of reports.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Check {
    /// The certificate chain structure of DSP0274, the encoding of every certificate in it, and that the
    /// leaf's key can be used at all.
    Format,
    /// `RootHash` and the root certificate.
    Root,
    /// Every certificate below the root: names, validity, certificate authority rules.
    Certificates,
    /// Each certificate's signature under its issuer's key.
    Signatures,
    /// The root against the configured trust anchors.
    Anchor,
    /// What DSP0274 asks of a leaf certificate.
    LeafProfile,
    /// The subjectAltName that the policy asks for.
    San,
}

impl Check {
    /// The name in reports: `chain.format`, `chain.root`, … `leaf.san`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Format => "chain.format",
            Self::Root => "chain.root",
            Self::Certificates => "chain.certificates",
            Self::Signatures => "chain.signatures",
            Self::Anchor => "chain.anchor",
            Self::LeafProfile => "leaf.profile",
            Self::San => "leaf.san",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
