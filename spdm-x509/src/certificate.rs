//! One X.509 certificate, borrowed.

use spdm_untrusted::Untrusted;

use crate::check::Check;
use crate::defect::Defect;
use crate::error::ChainError;
use crate::extension::{BasicConstraints, Extensions, X509KeyUsage, spdm_oid};
use crate::field::certificate_error;
use crate::name::Name;
use crate::name_constraints::NameConstraints;
use crate::oid::Oid;
use crate::public_key::{AlgorithmIdentifier, KeyAlgorithm, PublicKey};
use crate::rule::Rule;
use crate::subject_alt_name::{GeneralName, OtherName, SubjectAltName};
use crate::text::Text;
use crate::time::Time;
use crate::tlv::{Budget, Checked, Element, Elements, Tag, explicit, implicit};

/// A certificate whose encoding is right: strict DER, version 3, every field well formed (RFC 5280 §4.1).
///
/// That says nothing about who made it; [`Policy`](crate::Policy) does.
#[derive(Clone, Copy, Debug)]
pub struct X509Certificate<'a> {
    der: &'a [u8],
    serial: &'a [u8],
    signature_oid: Oid<'a>,
    issuer: Name<'a>,
    subject: Name<'a>,
    not_before: Time,
    not_after: Time,
    has_early_generalized_time: bool,
    public_key: PublicKey<'a>,
    extensions: Extensions<'a>,
}

impl<'a> X509Certificate<'a> {
    /// The most DER elements that one certificate, or all certificates of a chain, may consist of, those inside
    /// of known extensions included.
    pub const MAX_ELEMENTS: usize = Budget::MAX;

    /// Reads a single DER certificate, for example to show a trust anchor.
    ///
    /// # Errors
    /// [`ChainError`] of [`Check::Format`] with the first broken rule and its offset in `der`.
    pub fn parse(der: Untrusted<&'a [u8]>) -> Result<Self, ChainError> {
        let bytes = der.into_inner_less_safe();
        let certificate = Self::from_der(&mut Budget::new(), bytes);
        certificate.map_err(|defect| certificate_error(defect, Check::Format, 0, bytes))
    }

    /// What stands for a certificate that cannot be read: without names, key, signature and validity, so that it
    /// breaks rules of every check.
    pub(crate) const UNREADABLE: Self = Self {
        der: &[],
        serial: &[],
        signature_oid: Oid::EMPTY,
        issuer: Name::EMPTY,
        subject: Name::EMPTY,
        not_before: Time::EPOCH,
        not_after: Time::EPOCH,
        has_early_generalized_time: false,
        public_key: PublicKey::NONE,
        extensions: Extensions::NONE,
    };

    /// Reads once more what [`Chain::parse`](crate::Chain::parse) read before. The same bytes are read in the same
    /// way; if they were not, what comes of it is [`Self::UNREADABLE`], which no policy accepts.
    pub(crate) fn again(der: &'a [u8]) -> Self {
        Self::from_der(&mut Budget::new(), der).unwrap_or(Self::UNREADABLE)
    }

    /// Reads it at the expense of a budget that several certificates share.
    pub(crate) fn from_der(budget: &mut Budget, der: &'a [u8]) -> Result<Self, Defect> {
        let checked = Checked::within(budget, der)?;
        let certificate = checked.only(Tag::SEQUENCE, Rule::CertificateSyntax)?;
        let mut fields = certificate.inside().elements();
        let tbs = fields.required(Tag::SEQUENCE, Rule::CertificateSyntax)?;
        let algorithm = fields.required(Tag::SEQUENCE, Rule::CertificateSyntax)?;
        let signature = fields.required(Tag::BIT_STRING, Rule::CertificateSyntax)?;
        fields.finish(Rule::CertificateSyntax)?;
        let signature_algorithm = AlgorithmIdentifier::parse(algorithm)
            .ok_or_else(|| algorithm.defect(Rule::CertificateSyntax))?;
        signature.whole_bits().ok_or_else(|| signature.defect(Rule::CertificateSyntax))?;

        let mut fields = tbs.inside().elements();
        check_version(&mut fields)?;
        let serial = fields.required(Tag::INTEGER, Rule::CertificateSyntax)?;
        let inner_algorithm = fields.required(Tag::SEQUENCE, Rule::CertificateSyntax)?;
        if inner_algorithm.encoded() != algorithm.encoded() {
            return Err(inner_algorithm.defect(Rule::SignatureAlgorithmMismatch));
        }
        let issuer = fields.required(Tag::SEQUENCE, Rule::NameSyntax)?;
        let validity = fields.required(Tag::SEQUENCE, Rule::Time)?;
        let subject = fields.required(Tag::SEQUENCE, Rule::NameSyntax)?;
        let public_key = fields.required(Tag::SEQUENCE, Rule::PublicKeySyntax)?;
        // issuerUniqueID and subjectUniqueID: obsolete, without meaning here.
        fields.optional(implicit(1));
        fields.optional(implicit(2));
        let extensions = fields.optional(explicit(3));
        fields.finish(Rule::CertificateSyntax)?;

        let Validity { not_before, not_after, has_early_generalized_time } =
            Validity::parse(validity)?;
        let issuer = Name::parse(issuer)?;
        let subject = Name::parse(subject)?;
        let public_key = PublicKey::parse(public_key)?;
        let mut known = Extensions::NONE;
        if let Some(tagged) = extensions {
            known.read(budget, tagged)?;
        }
        Ok(Self {
            der,
            serial: serial.content(),
            signature_oid: signature_algorithm.oid,
            issuer,
            subject,
            not_before,
            not_after,
            has_early_generalized_time,
            public_key,
            extensions: known,
        })
    }

    /// The certificate as received.
    #[must_use]
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// Content octets of serialNumber: big-endian, two's complement.
    #[must_use]
    pub const fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// The issuer that it names.
    #[must_use]
    pub const fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// The subject that it names.
    #[must_use]
    pub const fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// Whether issuer and subject are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// The first second of its validity.
    #[must_use]
    pub const fn not_before(&self) -> Time {
        self.not_before
    }

    /// The last second of its validity; `9999-12-31T23:59:59Z` where it has no end (RFC 5280 §4.1.2.5).
    #[must_use]
    pub const fn not_after(&self) -> Time {
        self.not_after
    }

    /// What the key is for.
    #[must_use]
    pub const fn key_algorithm(&self) -> KeyAlgorithm<'a> {
        self.public_key.algorithm
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub const fn key_info(&self) -> &'a [u8] {
        self.public_key.der
    }

    /// The public key in the encoding of [`AsymAlgorithm`](spdm_crypto::AsymAlgorithm); for
    /// [`KeyAlgorithm::Other`] the bits of subjectPublicKey.
    #[must_use]
    pub const fn key(&self) -> &'a [u8] {
        self.public_key.key
    }

    /// What it was signed with.
    #[must_use]
    pub const fn signature_oid(&self) -> Oid<'a> {
        self.signature_oid
    }

    /// basicConstraints, where present.
    #[must_use]
    pub const fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.extensions.basic_constraints
    }

    /// keyUsage, where present.
    #[must_use]
    pub const fn key_usage(&self) -> Option<X509KeyUsage> {
        self.extensions.key_usage
    }

    /// The key purposes of extKeyUsage, in their order.
    pub fn extended_key_usage(&self) -> impl Iterator<Item = Oid<'a>> + use<'a> {
        // Every one of them: a list with anything else is refused where it is read.
        self.extensions.extended_key_usage.elements().filter_map(Element::oid)
    }

    /// The object identifiers in the SPDM extension, in their order (DSP0274, id-DMTF-SPDM-extension).
    pub fn spdm_oids(&self) -> impl Iterator<Item = Oid<'a>> + use<'a> {
        // Every one of them: a list with anything else is refused where it is read.
        self.extensions.spdm.elements().filter_map(spdm_oid)
    }

    /// Whether the SPDM extension says that this certificate identifies hardware.
    pub(crate) fn has_hardware_identity(&self) -> bool {
        self.spdm_oids().any(|oid| oid == Oid::DMTF_HARDWARE_IDENTITY)
    }

    /// Whether there is a subjectAltName.
    pub(crate) const fn has_subject_alt_name(&self) -> bool {
        self.extensions.subject_alt_name.is_some()
    }

    /// The otherNames of subjectAltName, in their order.
    pub fn other_names(&self) -> impl Iterator<Item = OtherName<'a>> + use<'a> {
        self.extensions.subject_alt_name.into_iter().flat_map(|names| names.other_names())
    }

    /// Every name of subjectAltName, in their order.
    pub fn general_names(&self) -> impl Iterator<Item = GeneralName<'a>> + use<'a> {
        self.extensions.subject_alt_name.into_iter().flat_map(|names| names.general_names())
    }

    /// Whether there is a nameConstraints, which [`Policy`](crate::Policy) enforces.
    #[must_use]
    pub const fn has_name_constraints(&self) -> bool {
        self.extensions.name_constraints.is_some()
    }

    /// The content of the extension with this identifier, still encoded, where there is one; `oid` is the content
    /// of its OBJECT IDENTIFIER: [`Oid::as_bytes`]. Of extensions that this crate does not evaluate the bytes are not
    /// necessarily DER.
    #[must_use]
    pub fn extension(&self, oid: &[u8]) -> Option<Untrusted<&'a [u8]>> {
        self.extensions.value_of(oid).map(Untrusted::new)
    }

    /// The first DMTF otherName, `manufacturer:product:serial`, where there is one that is a UTF8String.
    #[must_use]
    pub fn dmtf_name(&self) -> Option<Text<'a>> {
        let mut names = self.other_names().filter(|name| name.kind() == Oid::DMTF_DEVICE_INFO);
        names.find_map(OtherName::text)
    }

    pub(crate) const fn public_key(&self) -> PublicKey<'a> {
        self.public_key
    }

    pub(crate) const fn extensions(&self) -> &Extensions<'a> {
        &self.extensions
    }

    pub(crate) const fn subject_alt_name(&self) -> Option<SubjectAltName<'a>> {
        self.extensions.subject_alt_name
    }

    pub(crate) const fn name_constraints(&self) -> Option<NameConstraints<'a>> {
        self.extensions.name_constraints
    }

    pub(crate) const fn has_early_generalized_time(&self) -> bool {
        self.has_early_generalized_time
    }
}

/// Two certificates are equal where their encodings are.
impl PartialEq for X509Certificate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for X509Certificate<'_> {}

/// `version [0] EXPLICIT INTEGER`: 2 means v3.
fn check_version(fields: &mut Elements<'_>) -> Result<(), Defect> {
    let wrong = fields.defect(Rule::Version);
    let mut version = fields.optional(explicit(0)).ok_or(wrong)?.inside().elements();
    match version.next() {
        Some(number) if number.tag() == Tag::INTEGER && number.content() == [2] => {
            version.finish(Rule::Version)
        }
        _ => Err(wrong),
    }
}

/// The validity.
struct Validity {
    not_before: Time,
    not_after: Time,
    has_early_generalized_time: bool,
}

impl Validity {
    fn parse(validity: Element<'_>) -> Result<Self, Defect> {
        let mut fields = validity.inside().elements();
        let (Some(first), Some(last)) = (fields.next(), fields.next()) else {
            return Err(validity.defect(Rule::Time));
        };
        let (not_before, not_after) = (Time::parse(first)?, Time::parse(last)?);
        fields.finish(Rule::Time)?;
        if not_before.unix() > not_after.unix() {
            return Err(validity.defect(Rule::ValidityOrder));
        }
        let has_early_generalized_time =
            not_before.is_early_generalized(first) || not_after.is_early_generalized(last);
        Ok(Self { not_before, not_after, has_early_generalized_time })
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, ChainError, Check, Defect, Rule, Untrusted, X509Certificate};
    use crate::oid::Oid;
    use crate::testing::{
        ECDSA_SHA256, Template, certificates, dmtf, other_name, subject_alt_name, tlv,
    };
    use crate::tlv::RawElements;
    use std::string::ToString;
    use std::vec::Vec;

    fn read(der: &[u8]) -> Result<X509Certificate<'_>, Defect> {
        X509Certificate::from_der(&mut Budget::new(), der)
    }

    fn rule_of(der: &[u8]) -> Option<Rule> {
        read(der).err().map(|defect| defect.rule)
    }

    #[test]
    fn fields_are_shown() {
        let dmtf_name = other_name(&dmtf(1), 0x0C, "ACME:WIDGET:1");
        let mut leaf = Template::leaf("CA");
        leaf.extensions.push(subject_alt_name(&[dmtf_name]));
        let der = leaf.signed_by("CA");
        let certificate = read(&der).unwrap();
        assert_eq!(certificate.der(), der);
        assert_eq!(certificate.serial(), [7]);
        assert_eq!(certificate.issuer().to_string(), "CN=CA");
        assert_eq!(certificate.subject().to_string(), "CN=Leaf");
        assert!(!certificate.is_self_issued());
        assert_eq!(certificate.not_before().unix(), 1_577_836_800);
        assert_eq!(certificate.not_after().to_string(), "2099-12-31T23:59:59Z");
        assert_eq!(certificate.key_algorithm().to_string(), "EC P-256");
        assert_eq!(certificate.key().len(), 65);
        assert_eq!(certificate.signature_oid().to_string(), "1.2.840.10045.4.3.2");
        assert!(certificate.basic_constraints().is_some_and(|constraints| !constraints.is_ca));
        assert_eq!(certificate.spdm_oids().collect::<Vec<_>>(), [Oid::DMTF_HARDWARE_IDENTITY]);
        assert!(certificate.has_hardware_identity());
        assert_eq!(certificate.dmtf_name().unwrap().to_string(), "ACME:WIDGET:1");
    }

    #[test]
    fn each_field_is_checked() {
        type Mutation = (fn(&mut Template), Rule);
        let mutations: [Mutation; 16] = [
            (|t| t.version.clear(), Rule::Version),
            (|t| t.version = tlv(0xA0, &[&[2, 1, 1]]), Rule::Version),
            (|t| t.version = tlv(0xA0, &[&[2, 1, 2], &[5, 0]]), Rule::Version),
            (|t| t.serial.clear(), Rule::CertificateSyntax),
            (|t| t.serial = tlv(2, &[&[0, 1]]), Rule::Der),
            (
                |t| t.inner_algorithm = tlv(0x30, &[&ECDSA_SHA256[2..], &[5, 0]]),
                Rule::SignatureAlgorithmMismatch,
            ),
            (|t| t.issuer = tlv(0x30, &[&[0x31, 0]]), Rule::NameSyntax),
            (|t| t.subject = tlv(0x31, &[]), Rule::NameSyntax),
            (|t| t.validity = tlv(0x30, &[]), Rule::Time),
            (|t| t.validity = tlv(0x30, &[&tlv(0x17, &[b"200230000000Z"])]), Rule::Time),
            (|t| t.validity.reverse(), Rule::Der),
            (
                |t| {
                    let [early, late] = [b"200101000000Z", b"200101000001Z"].map(|d| tlv(23, &[d]));
                    t.validity = tlv(0x30, &[&late, &early]);
                },
                Rule::ValidityOrder,
            ),
            (|t| t.public_key = tlv(0x30, &[]), Rule::PublicKeySyntax),
            (|t| t.behind_signature = tlv(5, &[]), Rule::CertificateSyntax),
            (|t| t.outer_algorithm = tlv(4, &[]), Rule::CertificateSyntax),
            (
                |t| {
                    t.inner_algorithm = tlv(0x30, &[]);
                    t.outer_algorithm = tlv(0x30, &[]);
                },
                Rule::CertificateSyntax,
            ),
        ];
        for (number, (mutate, rule)) in mutations.into_iter().enumerate() {
            let mut template = Template::leaf("CA");
            mutate(&mut template);
            assert_eq!(rule_of(&template.signed_by("CA")), Some(rule), "mutation {number}");
        }
    }

    #[test]
    fn signature_consists_of_whole_bytes() {
        let mut der = certificates(0).remove(0);
        let [certificate] = RawElements::new(&der).take().unwrap();
        let [_, _, signature] = certificate.inside().take().unwrap();
        let at = der.len() - signature.encoded().len();
        // Behind tag and length is the count of unused bits; then the last bits are free.
        der[at + 2] = 1;
        *der.last_mut().unwrap() &= 0xFE;
        let error = X509Certificate::parse(Untrusted::new(&der)).unwrap_err();
        let expected = ChainError::new(Check::Format, Rule::CertificateSyntax).at(at);
        assert_eq!(error, ChainError { field: "signatureValue", ..expected });
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut der = certificates(0).remove(0);
        let len = der.len();
        der.extend([5, 0]);
        let defect = Defect::new(Rule::CertificateSyntax, &der[len..]);
        assert_eq!(defect.offset_in(&der), Some(len));
        assert_eq!(read(&der), Err(defect));
    }

    #[test]
    fn every_prefix_is_refused() {
        let der = certificates(0).remove(1);
        for len in 0..der.len() {
            assert!(rule_of(&der[..len]).is_some(), "{len}");
        }
    }
}
