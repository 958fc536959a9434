//! Certification requests (PKCS #10, RFC 2986), as CSR carries them.

use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Provider};
use spdm_untrusted::Untrusted;

use crate::chain::CertModel;
use crate::check::Check;
use crate::defect::Defect;
use crate::error::ChainError;
use crate::extension::{BasicConstraints, Extensions, X509KeyUsage, spdm_oid};
use crate::name::Name;
use crate::oid::Oid;
use crate::profile::Tolerance;
use crate::public_key::{AlgorithmIdentifier, KeyAlgorithm, PublicKey};
use crate::rule::Rule;
use crate::signature::{SelfSigned, check_self_signed};
use crate::subject_alt_name::{GeneralName, OtherName};
use crate::text::Text;
use crate::tlv::{Budget, Checked, Element, Tag, explicit};

/// A certification request whose encoding is right, and which is signed with the key that it is for.
///
/// ```text
/// SEQUENCE { SEQUENCE { 0, subject, subjectPKInfo, [0] attributes }, signatureAlgorithm, signature }
/// ```
///
/// That the key is the device's, only the caller can know: see [`Self::parse`].
#[derive(Clone, Copy, Debug)]
pub struct SigningRequest<'a> {
    der: &'a [u8],
    subject: Name<'a>,
    public_key: PublicKey<'a>,
    signature_oid: Oid<'a>,
    extensions: Extensions<'a>,
}

/// What a request has to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RequestContext<'k> {
    /// The certificate model of the slot: only in the alias model a device may ask for a certificate authority.
    pub model: CertModel,
    /// The negotiated signature algorithm: that of the key.
    pub asym: AsymAlgorithm,
    /// The negotiated hash.
    pub hash: HashAlgorithm,
    /// The DER SubjectPublicKeyInfo that the request has to be for, where it is known: that of the slot's leaf.
    pub key_info: Option<&'k [u8]>,
    /// Extensions that are malformed, or not fit for a device: [`Tolerance::Accept`] does not read them, so that the request
    /// has none. Who signs it has to bring its own.
    pub odd_extensions: Tolerance,
}

impl<'k> RequestContext<'k> {
    /// A request for any key of this algorithm.
    #[must_use]
    pub const fn new(model: CertModel, asym: AsymAlgorithm, hash: HashAlgorithm) -> Self {
        Self { model, asym, hash, key_info: None, odd_extensions: Tolerance::Refuse }
    }

    /// The request has to be for this key, a DER SubjectPublicKeyInfo.
    #[must_use]
    pub const fn for_key(mut self, key_info: &'k [u8]) -> Self {
        self.key_info = Some(key_info);
        self
    }
}

impl<'a> SigningRequest<'a> {
    /// Reads and checks a request: strict DER, one key of the negotiated algorithm that is the expected one, nothing asked
    /// for that a device may not be (a certificate authority, outside of the alias model; nameConstraints; the role of a
    /// requester alone), no critical extension that is unknown here, and a signature with that key.
    ///
    /// # Errors
    /// [`ChainError`] with the first broken rule: of [`Check::Format`], [`Check::LeafProfile`] or [`Check::Signatures`].
    pub fn parse(
        der: Untrusted<&'a [u8]>,
        context: &RequestContext<'_>,
        provider: &Provider,
    ) -> Result<Self, ChainError> {
        let bytes = der.into_inner_less_safe();
        let parts = Parts::read(bytes, context.odd_extensions)
            .map_err(|defect| defect.during(Check::Format, 0, bytes))?;
        let refused = |check, rule| ChainError::new(check, rule);
        let key = &parts.request.public_key;
        if !key.algorithm.fits(context.asym) {
            return Err(refused(Check::Format, Rule::KeyAlgorithm));
        }
        if !provider.supports(context.asym, context.hash) {
            return Err(refused(Check::Format, Rule::UnsupportedAsym));
        }
        let valid = provider.check_key(context.asym, key.key);
        valid.map_err(|_| refused(Check::Format, Rule::InvalidKey))?;
        if context.key_info.is_some_and(|expected| expected != key.der) {
            return Err(refused(Check::Format, Rule::RequestedKey));
        }
        parts.request.check_profile(context.model)?;
        let signed = SelfSigned {
            bytes: parts.signed,
            algorithm: &parts.algorithm,
            signature: parts.signature,
            key,
        };
        check_self_signed(&signed, context.hash, provider)
            .map_err(|rule| refused(Check::Signatures, rule))?;
        Ok(parts.request)
    }

    fn check_profile(&self, model: CertModel) -> Result<(), ChainError> {
        let extensions = &self.extensions;
        let is_ca = extensions.basic_constraints.is_some_and(|constraints| constraints.is_ca);
        let signs = extensions.key_usage.is_some_and(|usage| usage.key_cert_sign());
        let names = |role: Oid<'_>| self.extended_key_usage().any(|purpose| purpose == role);
        let may_be_ca = model == CertModel::AliasCert;
        let requester_only = names(Oid::DMTF_REQUESTER_AUTH) && !names(Oid::DMTF_RESPONDER_AUTH);
        let broken = [
            (extensions.has_unknown_critical, Rule::UnknownCriticalExtension),
            (is_ca && !may_be_ca, Rule::LeafIsCa),
            (signs && !may_be_ca, Rule::LeafKeyCertSign),
            (extensions.name_constraints.is_some(), Rule::LeafNameConstraints),
            (requester_only, Rule::RequesterOnly),
        ];
        match broken.into_iter().find(|(is_broken, _)| *is_broken) {
            Some((_, rule)) => Err(ChainError::new(Check::LeafProfile, rule)),
            None => Ok(()),
        }
    }

    /// The request as received.
    #[must_use]
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The subject that it asks for; a device may leave it empty.
    #[must_use]
    pub const fn subject(&self) -> Name<'a> {
        self.subject
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

    /// What it was signed with.
    #[must_use]
    pub const fn signature_oid(&self) -> Oid<'a> {
        self.signature_oid
    }

    /// basicConstraints that it asks for.
    #[must_use]
    pub const fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.extensions.basic_constraints
    }

    /// keyUsage that it asks for.
    #[must_use]
    pub const fn key_usage(&self) -> Option<X509KeyUsage> {
        self.extensions.key_usage
    }

    /// The key purposes that it asks for, in their order.
    pub fn extended_key_usage(&self) -> impl Iterator<Item = Oid<'a>> + use<'a> {
        self.extensions.extended_key_usage.elements().filter_map(Element::oid)
    }

    /// The object identifiers in the SPDM extension that it asks for.
    pub fn spdm_oids(&self) -> impl Iterator<Item = Oid<'a>> + use<'a> {
        self.extensions.spdm.elements().filter_map(spdm_oid)
    }

    /// Every name of subjectAltName that it asks for, in their order.
    pub fn general_names(&self) -> impl Iterator<Item = GeneralName<'a>> + use<'a> {
        self.extensions.subject_alt_name.into_iter().flat_map(|names| names.general_names())
    }

    /// The first DMTF otherName that it asks for, `manufacturer:product:serial`.
    #[must_use]
    pub fn dmtf_name(&self) -> Option<Text<'a>> {
        let names = self.extensions.subject_alt_name.into_iter();
        let mut names = names.flat_map(|names| names.other_names());
        names.find(|name| name.kind() == Oid::DMTF_DEVICE_INFO).and_then(OtherName::text)
    }
}

/// What a request consists of.
struct Parts<'a> {
    request: SigningRequest<'a>,
    /// CertificationRequestInfo.
    signed: &'a [u8],
    algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    /// RFC 2986 §4.
    fn read(der: &'a [u8], odd_extensions: Tolerance) -> Result<Self, Defect> {
        let rule = Rule::RequestSyntax;
        let budget = &mut Budget::new();
        let request = match Checked::within(budget, der)? {
            checked if checked.is_empty() => return Err(Defect::new(Rule::Der, der)),
            checked => checked.only(Tag::SEQUENCE, rule)?,
        };
        let mut fields = request.inside().elements();
        let info = fields.required(Tag::SEQUENCE, rule)?;
        let identifier = fields.required(Tag::SEQUENCE, rule)?;
        let bits = fields.required(Tag::BIT_STRING, rule)?;
        fields.finish(rule)?;
        let algorithm =
            AlgorithmIdentifier::parse(identifier).ok_or_else(|| identifier.defect(rule))?;
        let signature = bits.whole_bits().ok_or_else(|| bits.defect(rule))?;

        let mut fields = info.inside().elements();
        let version = fields.required(Tag::INTEGER, rule)?;
        if version.content() != [0] {
            return Err(version.defect(rule));
        }
        let subject = fields.required(Tag::SEQUENCE, Rule::NameSyntax)?;
        let public_key = fields.required(Tag::SEQUENCE, Rule::PublicKeySyntax)?;
        let attributes = fields.required(explicit(0), rule)?;
        fields.finish(rule)?;
        let request = SigningRequest {
            der,
            subject: Name::parse(subject)?,
            public_key: PublicKey::parse(public_key)?,
            signature_oid: algorithm.oid,
            extensions: match odd_extensions {
                Tolerance::Refuse => requested_extensions(budget, attributes)?,
                Tolerance::Accept => Extensions::NONE,
            },
        };
        Ok(Self { request, signed: info.encoded(), algorithm, signature })
    }
}

/// The extensionRequest (RFC 2985 §5.4.2) among the attributes, at most one.
fn requested_extensions<'a>(
    budget: &mut Budget,
    attributes: Element<'a>,
) -> Result<Extensions<'a>, Defect> {
    let rule = Rule::RequestSyntax;
    let mut extensions = Extensions::NONE;
    let mut seen = false;
    for attribute in attributes.inside().elements() {
        let mut fields = attribute.inside().elements();
        let kind = fields.next().and_then(Element::oid).ok_or_else(|| attribute.defect(rule))?;
        let values = fields.required(Tag::SET, rule)?;
        fields.finish(rule)?;
        if kind != Oid::EXTENSION_REQUEST {
            continue;
        }
        if seen {
            return Err(attribute.defect(Rule::DuplicateExtension));
        }
        seen = true;
        extensions.read(budget, values).map_err(|defect| match defect.rule {
            Rule::Der | Rule::Nesting => defect.of(Rule::ExtensionSyntax),
            _ => defect,
        })?;
    }
    Ok(extensions)
}

#[cfg(test)]
mod tests {
    use super::{CertModel, ChainError, Check, RequestContext, Rule, SigningRequest, Tolerance};
    use crate::testing::{
        ASYM, ECDSA_SHA256, HASH, TRUE, basic_constraints, dmtf, extended_key_usage, extension,
        key, key_usage, name, other_name, sign, subject_alt_name, tlv,
    };
    use spdm_crypto::AsymAlgorithm;
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_untrusted::Untrusted;
    use std::string::ToString;
    use std::vec::Vec;

    const CONTEXT: RequestContext<'_> = RequestContext::new(CertModel::DeviceCert, ASYM, HASH);

    /// A request of "Device" with these attributes, signed by the key of this name.
    fn signed_by(signer: &str, attributes: &[u8]) -> Vec<u8> {
        let spki = key("Device").to_spki_der();
        let info = tlv(0x30, &[&[2, 1, 0], &name("Device"), &spki, &tlv(0xA0, &[attributes])]);
        wrapped(&info, signer)
    }

    fn wrapped(info: &[u8], signer: &str) -> Vec<u8> {
        let signature = sign(ASYM, signer, info);
        tlv(0x30, &[info, ECDSA_SHA256, &tlv(3, &[&[0], &signature])])
    }

    fn asking(extensions: &[Vec<u8>]) -> Vec<u8> {
        let oid = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 14];
        let values = tlv(0x31, &[&tlv(0x30, &[&extensions.concat()])]);
        tlv(0x30, &[&oid, &values])
    }

    fn parse<'a>(
        der: &'a [u8],
        context: &RequestContext<'_>,
    ) -> Result<SigningRequest<'a>, ChainError> {
        SigningRequest::parse(Untrusted::new(der), context, &PROVIDER)
    }

    fn rule_of(der: &[u8]) -> (Check, Rule) {
        let error = parse(der, &CONTEXT).unwrap_err();
        (error.check, error.rule)
    }

    #[test]
    fn what_a_request_says() {
        let names = subject_alt_name(&[other_name(&dmtf(1), 0x0C, "a:b:c")]);
        let der = signed_by("Device", &asking(&[names, key_usage(0x80)]));
        let request = parse(&der, &CONTEXT).unwrap();
        assert_eq!(request.subject().to_string(), "CN=Device");
        assert_eq!(request.key_info(), key("Device").to_spki_der());
        assert_eq!(request.dmtf_name().unwrap().to_string(), "a:b:c");
        assert!(request.key_usage().unwrap().digital_signature());
        assert_eq!(request.der(), der);
        let bare = signed_by("Device", &[]);
        assert!(parse(&bare, &CONTEXT).unwrap().key_usage().is_none());
    }

    #[test]
    fn p5_a_csr_that_is_no_der() {
        let der = signed_by("Device", &asking(&[key_usage(0x80)]));
        for len in 0..der.len() {
            assert_eq!(rule_of(&der[..len]), (Check::Format, Rule::Der), "{len}");
        }
        let more = [&der[..], &[5, 0]].concat();
        assert_eq!(rule_of(&more), (Check::Format, Rule::RequestSyntax));
        let spki = key("Device").to_spki_der();
        let subject = name("Device");
        let attributes = tlv(0xA0, &[]);
        for info in [
            tlv(0x30, &[&[2, 1, 1], &subject, &spki, &attributes]),
            tlv(0x30, &[&[2, 1, 0], &subject, &spki]),
            tlv(0x30, &[&[2, 1, 0], &subject, &spki, &attributes, &[5, 0]]),
            tlv(0x30, &[&subject, &spki, &attributes]),
            tlv(0x30, &[&[2, 1, 0], &subject, &spki, &tlv(0xA0, &[&tlv(0x30, &[])])]),
        ] {
            let der = wrapped(&info, "Device");
            assert_eq!(rule_of(&der), (Check::Format, Rule::RequestSyntax), "{info:02x?}");
        }
        let twice = [asking(&[key_usage(0x80)]), asking(&[key_usage(0x80)])].concat();
        let der = signed_by("Device", &twice);
        assert_eq!(rule_of(&der), (Check::Format, Rule::DuplicateExtension));
    }

    #[test]
    fn p5_a_csr_that_is_signed_wrongly() {
        let der = signed_by("Mallory", &[]);
        assert_eq!(rule_of(&der), (Check::Signatures, Rule::RequestSignature));
        // Whatever is flipped: nothing is shown.
        let der = signed_by("Device", &asking(&[key_usage(0x80)]));
        for at in 0..der.len() {
            let mut flipped = der.clone();
            flipped[at] ^= 1;
            assert!(parse(&flipped, &CONTEXT).is_err(), "byte {at}");
        }
    }

    #[test]
    fn p5_a_csr_of_another_key() {
        let der = signed_by("Device", &[]);
        let (own, other) = (key("Device").to_spki_der(), key("Mallory").to_spki_der());
        assert!(parse(&der, &CONTEXT.for_key(&own)).is_ok());
        let error = parse(&der, &CONTEXT.for_key(&other)).unwrap_err();
        assert_eq!((error.check, error.rule), (Check::Format, Rule::RequestedKey));
        let ed25519 = RequestContext { asym: AsymAlgorithm::Ed25519, ..CONTEXT };
        let error = parse(&der, &ed25519).unwrap_err();
        assert_eq!((error.check, error.rule), (Check::Format, Rule::KeyAlgorithm));
    }

    #[test]
    fn p5_a_csr_that_asks_for_what_a_device_may_not_be() {
        let profile = Check::LeafProfile;
        for (extensions, rule) in [
            (basic_constraints(&[TRUE]), Rule::LeafIsCa),
            (key_usage(0x04), Rule::LeafKeyCertSign),
            (extended_key_usage(&[4]), Rule::RequesterOnly),
            (extension(&[0x2A], TRUE, &[5, 0]), Rule::UnknownCriticalExtension),
        ] {
            let der = signed_by("Device", &asking(core::slice::from_ref(&extensions)));
            assert_eq!(rule_of(&der), (profile, rule), "{extensions:02x?}");
        }
        // As the sample of the DMTF reference implementation: values that are wrapped twice, and end behind their end.
        let odd = extension(&[0x55, 0x1D, 0x0F], &[], &[4, 4, 3, 2, 5, 0xE0, 0x30, 0x1D]);
        let der = signed_by("Device", &asking(&[basic_constraints(&[TRUE]), odd]));
        assert_eq!(rule_of(&der), (Check::Format, Rule::ExtensionSyntax));
        let tolerant = RequestContext { odd_extensions: Tolerance::Accept, ..CONTEXT };
        assert!(parse(&der, &tolerant).unwrap().basic_constraints().is_none());
        let forged = signed_by("Mallory", &asking(&[basic_constraints(&[TRUE])]));
        assert_eq!(parse(&forged, &tolerant).unwrap_err().rule, Rule::RequestSignature);
        // In the alias model the device issues its own leaf.
        let der = signed_by("Device", &asking(&[basic_constraints(&[TRUE]), key_usage(0x04)]));
        let alias = RequestContext { model: CertModel::AliasCert, ..CONTEXT };
        assert!(parse(&der, &alias).is_ok());
    }
}
