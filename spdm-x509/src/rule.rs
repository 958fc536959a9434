//! The rules that a chain is held to.

use core::fmt;

macro_rules! rules {
    ($(#[doc = $demand:literal] $(#[doc = $doc:literal])* $rule:ident in $field:literal => $text:literal,)+) => {
        /// What a chain can break. The README lists where each rule comes from.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        // A `u8` next to padding is copied piecewise, which costs code size.
        #[repr(u32)]
        pub enum Rule {
            $(#[doc = $demand] $(#[doc = $doc])* $rule,)+
        }

        impl Rule {
            /// Every rule, in the order of the README's table.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)+];

            /// What it demands, as a sentence: `notAfter has not passed.`
            #[must_use]
            pub fn demand(self) -> &'static str {
                match self {
                    $(Self::$rule => $demand.trim_ascii(),)+
                }
            }

            /// What is wrong, as a clause without subject: `the issuer is not …`.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$rule => $text,)+
                }
            }

            /// The field that it is about, in the spelling of X.509 or DSP0274.
            #[must_use]
            pub const fn field(self) -> &'static str {
                match self {
                    $(Self::$rule => $field,)+
                }
            }
        }
    };
}

rules! {
    // The chain structure.
    /// The chain has at least a header and RootHash.
    Truncated in "Length" => "the chain is shorter than its header and RootHash",
    /// Length is the number of bytes received.
    Length in "Length" => "Length is not the number of bytes received",
    /// Through 1.3 the two bytes behind Length are zero.
    Reserved in "Reserved" => "the reserved bytes behind Length are not zero",
    /// At least one certificate follows RootHash.
    NoCertificate in "Certificates" => "no certificate follows RootHash",
    /// Certificates lie back to back and end with the chain.
    CertificateBounds in "Certificates" => "the bytes at this place are not one whole DER certificate",
    /// The chain is no longer than the policy allows.
    /// See [`ChainLimits::max_bytes`](crate::ChainLimits::max_bytes).
    TooManyBytes in "Length" => "the chain is longer than the policy's limit",
    /// The chain has no more certificates than the policy allows.
    /// See [`ChainLimits::max_certificates`](crate::ChainLimits::max_certificates).
    TooManyCertificates in "Certificates" => "the chain has more certificates than the policy's limit",
    /// The crypto backend implements the hash.
    UnsupportedHash in "BaseHashSel" => "the crypto backend does not implement the hash",
    /// The crypto backend implements the algorithm.
    UnsupportedAsym in "BaseAsymSel" => "the crypto backend does not implement the signature algorithm",

    // The encoding of one certificate.
    /// Strict DER at every level.
    Der in "Certificate" => "the encoding is not DER",
    /// Constructed values nest at most sixteen deep.
    Nesting in "Certificate" => "constructed values nest too deeply",
    /// There are not too many elements.
    /// See [`X509Certificate::MAX_ELEMENTS`](crate::X509Certificate::MAX_ELEMENTS).
    TooManyElements in "Certificate" => "there are too many elements",
    /// The fields of Certificate and TBSCertificate, and nothing else.
    CertificateSyntax in "Certificate" => "a field of the Certificate is missing, of another type or superfluous",
    /// version is v3.
    Version in "version" => "version is not v3",
    /// tbsCertificate.signature equals signatureAlgorithm.
    SignatureAlgorithmMismatch in "signature" => "tbsCertificate.signature differs from signatureAlgorithm",
    /// A Name is a sequence of sets of attributes.
    NameSyntax in "issuer or subject" => "issuer or subject is not a well-formed Name",
    /// validity holds two calendar dates in UTC, with seconds, not before 1970.
    Time in "validity" => "validity is not a pair of calendar dates from 1970 on in the DER forms",
    /// notBefore is not after notAfter.
    ValidityOrder in "validity" => "notBefore is after notAfter",
    /// SubjectPublicKeyInfo is well formed, an RSA key is sane.
    PublicKeySyntax in "subjectPublicKeyInfo" => "subjectPublicKeyInfo is malformed",
    /// Extensions is a non-empty sequence of extensions.
    ExtensionSyntax in "extensions" => "extensions is malformed",
    /// There are not too many extensions.
    /// At most 32.
    TooManyExtensions in "extensions" => "there are too many extensions",
    /// No extension twice.
    DuplicateExtension in "extensions" => "an extension occurs twice",
    /// basicConstraints is well formed; pathLenConstraint needs cA TRUE.
    BasicConstraintsSyntax in "basicConstraints" => "basicConstraints is malformed, or has pathLenConstraint without cA TRUE",
    /// keyUsage is well formed.
    KeyUsageSyntax in "keyUsage" => "keyUsage is malformed",
    /// extKeyUsage is a non-empty sequence of object identifiers.
    ExtendedKeyUsageSyntax in "extKeyUsage" => "extKeyUsage is malformed",
    /// subjectAltName is a non-empty sequence of general names.
    SanSyntax in "subjectAltName" => "subjectAltName is malformed",
    /// The SPDM extension is a non-empty sequence of SPDM OIDs.
    SpdmExtensionSyntax in "id-DMTF-SPDM-extension" => "the SPDM extension (1.3.6.1.4.1.412.274.6) is malformed",
    /// FALSE is left out where it is the default.
    /// See [`Profile::explicit_false`](crate::Profile::explicit_false).
    ExplicitDefault in "extensions" => "a DEFAULT FALSE is encoded",
    /// keyUsage ends with a bit that is set.
    /// See [`Profile::untrimmed_key_usage`](crate::Profile::untrimmed_key_usage).
    UntrimmedKeyUsage in "keyUsage" => "keyUsage ends with zero bits that DER trims",
    /// Dates through 2049 are UTCTime.
    /// See [`Profile::generalized_time`](crate::Profile::generalized_time).
    GeneralizedTime in "validity" => "a date before 2050 is GeneralizedTime, and not 19700101000000Z",
    /// nameConstraints is well formed: subtrees without minimum and maximum.
    NameConstraintsSyntax in "nameConstraints" => "nameConstraints is malformed, or bounds a subtree by minimum or maximum",

    // The path.
    /// serialNumber is positive.
    /// See [`Profile::zero_serial`](crate::Profile::zero_serial).
    Serial in "serialNumber" => "serialNumber is not positive",
    /// serialNumber has at most 20 octets.
    /// See [`Profile::long_serial`](crate::Profile::long_serial).
    LongSerial in "serialNumber" => "serialNumber is longer than 20 octets",
    /// Every critical extension is understood.
    UnknownCriticalExtension in "extensions" => "a critical extension is not understood",
    /// No DICE extension is critical.
    /// See [`Profile::critical_dice`](crate::Profile::critical_dice).
    CriticalDice in "extensions" => "a DICE extension (2.23.133.5.4) is critical",
    /// Neither issuer nor subject is empty.
    EmptyName in "issuer or subject" => "issuer or subject is empty",
    /// The issuer is the subject of the certificate before.
    NameChaining in "issuer" => "issuer is not the subject of the certificate before",
    /// notBefore has come.
    NotYetValid in "validity.notBefore" => "notBefore is in the future",
    /// notAfter has not passed.
    Expired in "validity.notAfter" => "notAfter has passed",
    /// An issuer has basicConstraints with cA TRUE.
    NotCa in "basicConstraints.cA" => "the issuer of another certificate has no basicConstraints with cA TRUE",
    /// An issuer with keyUsage has keyCertSign.
    KeyCertSign in "keyUsage.keyCertSign" => "the issuer of another certificate has keyUsage without keyCertSign",
    /// No pathLenConstraint above is exceeded.
    PathLength in "basicConstraints.pathLenConstraint" => "there are more certificate authorities than a pathLenConstraint above allows",
    /// Every name lies within the nameConstraints above.
    NameConstraints in "nameConstraints" => "a name is outside of the nameConstraints above, or they cannot be evaluated for it",
    /// There are not too many nameConstraints.
    /// At most eight certificates may have them, with sixteen attributes and other names.
    TooManyNameConstraints in "nameConstraints" => "there are too many nameConstraints on the path",
    /// The caller revoked neither the certificate nor its key.
    Revoked in "serialNumber" => "the certificate or its key is revoked",
    /// signatureAlgorithm is RSA, RSASSA-PSS, ECDSA (SHA-256, SHA-384, SHA-512), Ed25519 or ML-DSA.
    SignatureAlgorithm in "signatureAlgorithm" => "signatureAlgorithm is unknown, weak or has unusual parameters",
    /// trailerField of RSASSA-PSS-params is left out where it is the default.
    /// See [`Profile::explicit_trailer_field`](crate::Profile::explicit_trailer_field).
    ExplicitTrailerField in "signatureAlgorithm.parameters.trailerField" => "the DEFAULT 1 of trailerField is encoded",
    /// The issuer's key is of the kind that signatureAlgorithm needs.
    IssuerKey in "signatureAlgorithm" => "the issuer's key is not of the kind or size that signatureAlgorithm needs",
    /// The signature verifies.
    Signature in "signatureValue" => "the signature does not verify under the issuer's key",

    // The root and the anchors.
    /// RootHash is the digest of the root certificate.
    RootHash in "RootHash" => "RootHash is the digest of neither the self-issued first certificate nor a trust anchor",
    /// The root issued itself.
    RootNotSelfIssued in "issuer" => "the certificate that RootHash names is not self-issued",
    /// A trust anchor is configured.
    NoTrustAnchor in "RootHash" => "no trust anchor is configured",
    /// A trust anchor vouches for the chain.
    UnknownAuthority in "RootHash" => "the root is none of the configured trust anchors",
    /// The anchor's certificate is at hand.
    /// A digest cannot verify a signature.
    RootCertificateNeeded in "RootHash" => "the chain leaves its root out, so the root certificate itself must be configured, not its digest",
    /// The anchor is a certificate.
    AnchorSyntax in "RootHash" => "the configured trust anchor is not a usable certificate",
    /// A trust anchor that issues certificates may do so.
    /// See [`Profile::anchor`](crate::Profile::anchor).
    AnchorNotCa in "basicConstraints.cA" => "the trust anchor is not allowed to issue certificates",

    // The leaf.
    /// The leaf's key is of the negotiated algorithm.
    KeyAlgorithm in "subjectPublicKeyInfo.algorithm" => "the public key is not of the negotiated algorithm",
    /// The leaf's key is valid.
    InvalidKey in "subjectPublicKeyInfo.subjectPublicKey" => "the public key is not valid",
    /// A leaf is no certificate authority.
    LeafIsCa in "basicConstraints.cA" => "basicConstraints of the leaf says cA TRUE",
    /// The leaf has basicConstraints.
    /// From 1.3 on; see [`Profile::basic_constraints`](crate::Profile::basic_constraints).
    BasicConstraintsMissing in "basicConstraints" => "the leaf has no basicConstraints",
    /// The leaf has keyUsage.
    KeyUsageMissing in "keyUsage" => "the leaf has no keyUsage",
    /// The leaf's key may sign.
    DigitalSignature in "keyUsage.digitalSignature" => "keyUsage of the leaf has no digitalSignature",
    /// The leaf's key may not sign certificates.
    LeafKeyCertSign in "keyUsage.keyCertSign" => "keyUsage of the leaf has keyCertSign",
    /// The leaf constrains no names.
    LeafNameConstraints in "nameConstraints" => "the leaf has nameConstraints",
    /// A responder's leaf is not for requesters only.
    RequesterOnly in "extKeyUsage" => "extKeyUsage of the leaf names the requester role without the responder role",
    /// Of a Requester's leaf with DMTF roles, one is the requester's.
    ResponderOnly in "extKeyUsage" => "extKeyUsage of the leaf names the responder role without the requester role",
    /// A responder's leaf names its role.
    /// See [`Profile::responder_role`](crate::Profile::responder_role).
    ResponderMissing in "extKeyUsage" => "extKeyUsage of the leaf does not name the responder role",
    /// The leaf of an alias chain does not identify hardware.
    HardwareIdentityInAlias in "id-DMTF-SPDM-extension" => "the leaf of an alias chain carries the hardware identity OID",
    /// The device certificate identifies hardware.
    /// See [`Profile::hardware_identity`](crate::Profile::hardware_identity).
    HardwareIdentityMissing in "id-DMTF-SPDM-extension" => "the device certificate does not carry the hardware identity OID",

    // The subjectAltName policy.
    /// The leaf has subjectAltName.
    SanMissing in "subjectAltName" => "the leaf has no subjectAltName",
    /// It has a name of the kind that is asked for.
    SanNameMissing in "subjectAltName" => "subjectAltName of the leaf has no otherName of the kind that the policy asks for",
    /// The name is a UTF8String.
    SanType in "subjectAltName" => "the otherName is not a UTF8String",
    /// The name is the expected one.
    SanMismatch in "subjectAltName" => "the otherName is not the expected one",
    /// The name is manufacturer:product:serial.
    SanDmtfSyntax in "subjectAltName" => "the DMTF otherName is not manufacturer:product:serial",
    /// There is one DMTF name.
    SanAmbiguous in "subjectAltName" => "subjectAltName of the leaf has more than one DMTF otherName",
    /// The pattern is manufacturer:product:serial.
    SanPattern in "subjectAltName" => "the policy's pattern is not manufacturer:product:serial",

    // A certification request.
    /// The fields of CertificationRequest and its info, and nothing else.
    RequestSyntax in "CertificationRequest" => "a field of the CertificationRequest is missing, of another type or superfluous",
    /// The request is for the device's key.
    RequestedKey in "subjectPKInfo" => "the request is for another key than the one that the device has",
    /// The request is signed with the key that it is for.
    RequestSignature in "signature" => "the signature does not verify under the key that the request is for",

    /// Every check that trust needs was made.
    NotChecked in "Certificates" => "a check was skipped that trust depends on",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
