//! Why a chain was refused: which check, which certificate, which rule, where.

use core::fmt;

/// The check that failed, in the order of reports.
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

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $rule:ident => $text:literal,)+) => {
        /// The rule that was broken. The README lists where each comes from.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $doc])+ $rule,)+
        }

        impl Rule {
            /// Every rule, in the order of the README's table.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)+];

            /// What is wrong, as a clause without subject: `the issuer is not …`.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$rule => $text,)+
                }
            }
        }
    };
}

rules! {
    // The chain structure.
    /// Fewer bytes than the header and RootHash take.
    Truncated => "the chain is shorter than its header and RootHash",
    /// Length must be the number of bytes received.
    Length => "Length is not the number of bytes received",
    /// Through 1.3 the two bytes behind Length are zero.
    Reserved => "the reserved bytes behind Length are not zero",
    /// At least one certificate follows RootHash.
    NoCertificate => "no certificate follows RootHash",
    /// Certificates lie back to back and end with the chain.
    CertificateBounds => "the bytes at this place are not one whole DER certificate",
    /// [`Limits::max_bytes`](crate::Limits::max_bytes).
    TooManyBytes => "the chain is longer than the policy's limit",
    /// [`Limits::max_certificates`](crate::Limits::max_certificates).
    TooManyCertificates => "the chain has more certificates than the policy's limit",
    /// The crypto backend lacks the negotiated hash.
    UnsupportedHash => "the crypto backend does not implement the hash",
    /// The crypto backend lacks the signature algorithm.
    UnsupportedAsym => "the crypto backend does not implement the signature algorithm",

    // The encoding of one certificate.
    /// Strict DER at every level.
    Der => "the encoding is not DER",
    /// Constructed values nest at most sixteen deep.
    Nesting => "constructed values nest too deeply",
    /// The fields of Certificate and TBSCertificate, and nothing else.
    CertificateSyntax => "a field of the Certificate is missing, of another type or superfluous",
    /// version is v3.
    Version => "version is not v3",
    /// tbsCertificate.signature equals signatureAlgorithm.
    SignatureAlgorithmMismatch => "tbsCertificate.signature differs from signatureAlgorithm",
    /// A Name is a sequence of sets of attributes.
    NameSyntax => "issuer or subject is not a well-formed Name",
    /// validity holds two calendar dates in UTC, with seconds, not before 1970.
    Time => "validity is not a pair of calendar dates from 1970 on in the DER forms",
    /// notBefore is not after notAfter.
    ValidityOrder => "notBefore is after notAfter",
    /// SubjectPublicKeyInfo is well formed, an RSA key is sane.
    PublicKeySyntax => "subjectPublicKeyInfo is malformed",
    /// Extensions is a non-empty sequence of extensions.
    ExtensionSyntax => "extensions is malformed",
    /// At most [`Certificate::MAX_EXTENSIONS`](crate::Certificate::MAX_EXTENSIONS) extensions.
    TooManyExtensions => "there are too many extensions",
    /// No extension twice.
    DuplicateExtension => "an extension occurs twice",
    /// basicConstraints is well formed; pathLenConstraint needs cA TRUE.
    BasicConstraintsSyntax => "basicConstraints is malformed, or has pathLenConstraint without cA TRUE",
    /// keyUsage is well formed.
    KeyUsageSyntax => "keyUsage is malformed",
    /// extKeyUsage is a non-empty sequence of object identifiers.
    ExtendedKeyUsageSyntax => "extKeyUsage is malformed",
    /// subjectAltName is a non-empty sequence of general names.
    SanSyntax => "subjectAltName is malformed",
    /// The SPDM extension is a non-empty sequence of SPDM OIDs.
    SpdmExtensionSyntax => "the SPDM extension (1.3.6.1.4.1.412.274.6) is malformed",
    /// FALSE is the default, so DER leaves it out.
    ExplicitDefault => "a DEFAULT FALSE is encoded",

    // The path.
    /// serialNumber is positive.
    Serial => "serialNumber is not positive",
    /// Critical extensions must be understood.
    UnknownCriticalExtension => "a critical extension is not understood",
    /// Neither issuer nor subject is empty.
    EmptyName => "issuer or subject is empty",
    /// The issuer is the subject of the certificate before.
    NameChaining => "issuer is not the subject of the certificate before",
    /// notBefore has come.
    NotYetValid => "notBefore is in the future",
    /// notAfter has not passed.
    Expired => "notAfter has passed",
    /// An issuer has basicConstraints with cA TRUE.
    NotCa => "the issuer of another certificate has no basicConstraints with cA TRUE",
    /// An issuer with keyUsage has keyCertSign.
    KeyCertSign => "the issuer of another certificate has keyUsage without keyCertSign",
    /// pathLenConstraint bounds the number of authorities below.
    PathLength => "there are more certificate authorities than a pathLenConstraint above allows",
    /// signatureAlgorithm is RSA, RSASSA-PSS, ECDSA (SHA-256, SHA-384, SHA-512) or Ed25519.
    SignatureAlgorithm => "signatureAlgorithm is unknown, weak or has unusual parameters",
    /// The issuer's key is of the kind that signatureAlgorithm needs.
    IssuerKey => "the issuer's key is not of the kind or size that signatureAlgorithm needs",
    /// The signature verifies.
    Signature => "the signature does not verify under the issuer's key",

    // The root and the anchors.
    /// RootHash is the digest of the root certificate.
    RootHash => "RootHash is the digest of neither the self-issued first certificate nor a trust anchor",
    /// A root that nobody vouches for must at least have issued itself.
    RootNotSelfIssued => "the certificate that RootHash names is not self-issued",
    /// There must be something to trust.
    NoTrustAnchor => "no trust anchor is configured",
    /// RootHash names none of the anchors.
    UnknownAuthority => "the root is none of the configured trust anchors",
    /// A digest cannot verify a signature.
    RootCertificateNeeded => "the chain leaves its root out, so the root certificate itself must be configured, not its digest",
    /// An anchor must be a certificate.
    AnchorSyntax => "the configured trust anchor is not a usable certificate",

    // The leaf.
    /// The leaf's key is of the negotiated algorithm.
    KeyAlgorithm => "the public key is not of the negotiated algorithm",
    /// The leaf's key is valid.
    InvalidKey => "the public key is not valid",
    /// A leaf is no certificate authority.
    LeafIsCa => "basicConstraints of the leaf says cA TRUE",
    /// From 1.3 on the leaf has basicConstraints.
    BasicConstraintsMissing => "the leaf has no basicConstraints",
    /// The leaf has keyUsage.
    KeyUsageMissing => "the leaf has no keyUsage",
    /// The leaf's key may sign.
    DigitalSignature => "keyUsage of the leaf has no digitalSignature",
    /// The leaf's key may not sign certificates.
    LeafKeyCertSign => "keyUsage of the leaf has keyCertSign",
    /// A responder's leaf is not for requesters only.
    RequesterOnly => "extKeyUsage of the leaf names the requester role without the responder role",
    /// Alias certificates do not identify hardware.
    HardwareIdentityInAlias => "the leaf of an alias chain carries the hardware identity OID",
    /// The profile asks for a hardware identity.
    HardwareIdentityMissing => "the device certificate does not carry the hardware identity OID",

    // The subjectAltName policy.
    /// There is a subjectAltName.
    SanMissing => "the leaf has no subjectAltName",
    /// It has the name that the policy is about.
    SanNameMissing => "subjectAltName of the leaf has no otherName of the kind that the policy asks for",
    /// The name is a UTF8String.
    SanType => "the otherName is not a UTF8String",
    /// The name is the expected one.
    SanMismatch => "the otherName is not the expected one",
    /// Three parts, two colons, no NUL.
    SanDmtfSyntax => "the DMTF otherName is not manufacturer:product:serial",
    /// One DMTF name.
    SanAmbiguous => "subjectAltName of the leaf has more than one DMTF otherName",
    /// The caller's pattern has three parts.
    SanPattern => "the policy's pattern is not manufacturer:product:serial",

    /// A check that trust needs was not made.
    NotChecked => "a check was skipped that trust depends on",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why a chain, a certificate or a provisioned key was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChainError {
    /// The check that failed.
    pub check: Check,
    /// The certificate, counted from the root's side of the chain, from 0; `None` where the fault is not
    /// in one certificate of the chain.
    pub certificate: Option<u16>,
    /// The rule that was broken.
    pub rule: Rule,
    /// Where, in bytes from the start of the chain (or of the DER that was given), where one place can be
    /// named.
    pub at: Option<usize>,
}

impl ChainError {
    pub(crate) const fn new(check: Check, rule: Rule) -> Self {
        Self { check, certificate: None, rule, at: None }
    }

    pub(crate) const fn in_certificate(mut self, index: u16) -> Self {
        self.certificate = Some(index);
        self
    }

    pub(crate) const fn at(mut self, at: usize) -> Self {
        self.at = Some(at);
        self
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.certificate {
            write!(f, "certificate {index}: ")?;
        }
        f.write_str(self.rule.text())?;
        match self.at {
            Some(at) => write!(f, " (byte {at})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ChainError {}

/// A broken rule at an offset into the DER at hand; becomes a [`ChainError`] where check and certificate
/// are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) const fn new(rule: Rule, at: usize) -> Self {
        Self { rule, at }
    }

    /// The error of `check`, where the DER at hand starts `base` bytes into the chain.
    pub(crate) const fn during(self, check: Check, base: usize) -> ChainError {
        ChainError::new(check, self.rule).at(base.saturating_add(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::{ChainError, Check, Fault, Rule};
    use std::format;
    use std::string::ToString;

    #[test]
    fn the_readme_lists_every_rule() {
        let readme = include_str!("../README.md");
        for rule in Rule::ALL {
            let row = format!("| `{rule:?}` | {rule} | ");
            assert_eq!(readme.matches(&row).count(), 1, "{row}");
        }
    }

    #[test]
    fn an_error_says_where() {
        let error = Fault::new(Rule::Der, 7).during(Check::Format, 40).in_certificate(2);
        assert_eq!(error.to_string(), "certificate 2: the encoding is not DER (byte 47)");
        let error = ChainError::new(Check::Anchor, Rule::NoTrustAnchor);
        assert_eq!(
            format!("{}: {error}", error.check),
            "chain.anchor: no trust anchor is configured"
        );
    }
}
