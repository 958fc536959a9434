//! Signatures on certificates.

use spdm_crypto::{
    AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, Provider, RsaBits, RsaScheme, Signed,
};

use crate::defect::Defect;
use crate::ledger::Ledger;
use crate::link_cache::{LinkCache, LinkId};
use crate::oid::Oid;
use crate::profile::Tolerance;
use crate::public_key::{AlgorithmIdentifier, KeyAlgorithm, PublicKey};
use crate::rule::Rule;
use crate::tlv::{Checked, Element, Elements, RawElements, Tag, explicit};

/// What the signature of a certificate takes, and what those below it take: a small part of a certificate.
pub(crate) struct SignedCertificate<'a> {
    der: &'a [u8],
    tbs: &'a [u8],
    signature_algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
    pub(crate) public_key: PublicKey<'a>,
    pub(crate) is_self_issued: bool,
}

impl<'a> SignedCertificate<'a> {
    /// Reads once more what was read before: see [`X509Certificate::again`](crate::X509Certificate). One that cannot
    /// be read has no signature.
    #[inline(never)]
    pub(crate) fn again(der: &'a [u8]) -> Self {
        Self::read(der).unwrap_or_else(|_| Self::unreadable(der))
    }

    /// The fields of RFC 5280 §4.1 in their order. Those that are not used here are passed over without a look inside:
    /// [`X509Certificate::from_der`](crate::X509Certificate) has read them.
    fn read(der: &'a [u8]) -> Result<Self, Defect> {
        let [certificate] = RawElements::new(der).take()?;
        let [tbs, algorithm, signature] = certificate.inside().take()?;
        let [_version, _serial, _algorithm, issuer, _validity, subject, key] =
            tbs.inside().take()?;
        let syntax = Rule::CertificateSyntax;
        let signature = Checked::one(signature.encoded(), Tag::BIT_STRING, syntax)?;
        let algorithm = Checked::one(algorithm.encoded(), Tag::SEQUENCE, syntax)?;
        let key = Checked::one(key.encoded(), Tag::SEQUENCE, Rule::PublicKeySyntax)?;
        Ok(Self {
            der,
            tbs: tbs.encoded(),
            signature_algorithm: AlgorithmIdentifier::parse(algorithm)
                .ok_or_else(|| algorithm.defect(syntax))?,
            signature: signature.whole_bits().ok_or_else(|| signature.defect(syntax))?,
            public_key: PublicKey::parse(key)?,
            is_self_issued: issuer.encoded() == subject.encoded(),
        })
    }

    const fn unreadable(der: &'a [u8]) -> Self {
        Self {
            der,
            tbs: &[],
            signature_algorithm: AlgorithmIdentifier::NONE,
            signature: &[],
            public_key: PublicKey::NONE,
            is_self_issued: false,
        }
    }
}

/// How signatures of certificates are checked.
pub(crate) struct LinkCheck<'p> {
    pub(crate) provider: &'p Provider,
    pub(crate) cache: Option<&'p dyn LinkCache>,
    /// A hash that the backend has: for algorithms that bring their own and ignore it, and for the cache.
    pub(crate) negotiated: HashAlgorithm,
    pub(crate) explicit_trailer_field: Tolerance,
}

impl LinkCheck<'_> {
    /// Checks the signature of `certificate` under the key of `issuer`, over the bytes as received.
    pub(crate) fn check(
        &self,
        certificate: &SignedCertificate<'_>,
        issuer: &PublicKey<'_>,
        ledger: &mut Ledger<'_>,
    ) {
        let scheme = SignatureScheme::of(&certificate.signature_algorithm);
        ledger.ask(Rule::SignatureAlgorithm, scheme.is_some());
        let Some(scheme) = scheme else { return };
        let demanded = !self.explicit_trailer_field.accepts();
        ledger.ask_waivable(Rule::ExplicitTrailerField, !scheme.has_trailer_field, demanded);
        let asym = scheme.with_key(issuer.algorithm);
        ledger.ask(Rule::IssuerKey, asym.is_some());
        let Some(asym) = asym else { return };
        let hash = scheme.hash.unwrap_or(self.negotiated);
        if !ledger.ask(Rule::UnsupportedAsym, self.provider.supports(asym, hash)) {
            return;
        }
        let verifies = self.is_known(certificate, issuer, asym, hash);
        ledger.ask(Rule::Signature, verifies);
    }

    /// Whether the signature verifies, or did so before. What the cache knows stands for the verification alone: a
    /// key that this provider does not accept is refused all the same.
    fn is_known(
        &self,
        certificate: &SignedCertificate<'_>,
        issuer: &PublicKey<'_>,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
    ) -> bool {
        let verify = || verifies(certificate, issuer.key, asym, hash, self.provider);
        let Some(cache) = self.cache else { return verify() };
        let link = LinkId::of(issuer.der, certificate.der, self.negotiated, self.provider);
        let Some(link) = link else { return verify() };
        if cache.contains(&link) {
            return self.provider.check_key(asym, issuer.key).is_ok();
        }
        let verifies = verify();
        if verifies {
            cache.insert(&link);
        }
        verifies
    }
}

/// What is signed with the key that it holds.
pub(crate) struct SelfSigned<'s, 'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) algorithm: &'s AlgorithmIdentifier<'a>,
    pub(crate) signature: &'a [u8],
    pub(crate) key: &'s PublicKey<'a>,
}

/// Checks the signature of a certification request; the broken rule otherwise. `negotiated` is for algorithms that bring
/// their own hash.
pub(crate) fn check_self_signed(
    signed: &SelfSigned<'_, '_>,
    negotiated: HashAlgorithm,
    provider: &Provider,
) -> Result<(), Rule> {
    let scheme = SignatureScheme::of(signed.algorithm).ok_or(Rule::SignatureAlgorithm)?;
    let asym = scheme.with_key(signed.key.algorithm).ok_or(Rule::SignatureAlgorithm)?;
    let hash = scheme.hash.unwrap_or(negotiated);
    if !provider.supports(asym, hash) {
        return Err(Rule::UnsupportedAsym);
    }
    let request = SignedCertificate {
        der: signed.bytes,
        tbs: signed.bytes,
        signature_algorithm: *signed.algorithm,
        signature: signed.signature,
        public_key: *signed.key,
        is_self_issued: true,
    };
    match verifies(&request, signed.key.key, asym, hash, provider) {
        true => Ok(()),
        false => Err(Rule::RequestSignature),
    }
}

fn verifies(
    certificate: &SignedCertificate<'_>,
    key: &[u8],
    asym: AsymAlgorithm,
    hash: HashAlgorithm,
    provider: &Provider,
) -> bool {
    let mut fixed = [0; MAX_FIXED];
    let signature = match asym {
        AsymAlgorithm::Ecdsa(curve) => ecdsa_fixed(certificate.signature, curve, &mut fixed),
        _ => Some(certificate.signature),
    };
    let signed = Signed::Message { bytes: certificate.tbs, context: &[] };
    signature.is_some_and(|signature| provider.verify(asym, hash, key, signed, signature).is_ok())
}

/// What a signatureAlgorithm says; the key adds curve or size.
#[derive(Clone, Copy)]
struct SignatureScheme {
    family: Family,
    /// `None` for algorithms that bring their own.
    hash: Option<HashAlgorithm>,
    /// The parameters say trailerField 1, which is the default.
    has_trailer_field: bool,
}

#[derive(Clone, Copy)]
enum Family {
    Ecdsa,
    Ed25519,
    MlDsa(MlDsaSet),
    Rsa(RsaScheme),
}

/// RFC 5758 §3.2, RFC 8410 §3, RFC 9881 §2, RFC 4055 §5 and §3. SHA-2 only: weaker hashes are refused, SHA-3
/// is not used in SPDM certificates.
const SCHEMES: &[(Oid<'static>, SignatureScheme)] = &[
    (Oid::ECDSA_SHA256, scheme(Family::Ecdsa, Some(HashAlgorithm::Sha256))),
    (Oid::ECDSA_SHA384, scheme(Family::Ecdsa, Some(HashAlgorithm::Sha384))),
    (Oid::ECDSA_SHA512, scheme(Family::Ecdsa, Some(HashAlgorithm::Sha512))),
    (Oid::ED25519, scheme(Family::Ed25519, None)),
    (Oid::ML_DSA_44, scheme(Family::MlDsa(MlDsaSet::P44), None)),
    (Oid::ML_DSA_65, scheme(Family::MlDsa(MlDsaSet::P65), None)),
    (Oid::ML_DSA_87, scheme(Family::MlDsa(MlDsaSet::P87), None)),
    (Oid::RSA_SHA256, scheme(Family::Rsa(RsaScheme::Pkcs1), Some(HashAlgorithm::Sha256))),
    (Oid::RSA_SHA384, scheme(Family::Rsa(RsaScheme::Pkcs1), Some(HashAlgorithm::Sha384))),
    (Oid::RSA_SHA512, scheme(Family::Rsa(RsaScheme::Pkcs1), Some(HashAlgorithm::Sha512))),
    // Its parameters name the hash.
    (Oid::RSA_PSS, scheme(Family::Rsa(RsaScheme::Pss), None)),
];

const fn scheme(family: Family, hash: Option<HashAlgorithm>) -> SignatureScheme {
    SignatureScheme { family, hash, has_trailer_field: false }
}

/// The SHA-2 functions.
const HASHES: &[(Oid<'static>, HashAlgorithm)] = &[
    (Oid::SHA256, HashAlgorithm::Sha256),
    (Oid::SHA384, HashAlgorithm::Sha384),
    (Oid::SHA512, HashAlgorithm::Sha512),
];

impl SignatureScheme {
    fn of(identifier: &AlgorithmIdentifier<'_>) -> Option<Self> {
        let mut scheme = identifier.oid.find(SCHEMES)?;
        let parameters_are_usual = match scheme.family {
            Family::Ecdsa | Family::Ed25519 | Family::MlDsa(_) => identifier.parameters.is_none(),
            Family::Rsa(RsaScheme::Pkcs1) => identifier.has_null(),
            Family::Rsa(RsaScheme::Pss) => {
                let (hash, has_trailer_field) = pss_parameters(identifier.parameters?)?;
                scheme.hash = Some(hash);
                scheme.has_trailer_field = has_trailer_field;
                true
            }
        };
        parameters_are_usual.then_some(scheme)
    }

    fn with_key(&self, key: KeyAlgorithm<'_>) -> Option<AsymAlgorithm> {
        match (&self.family, key) {
            (Family::Ecdsa, KeyAlgorithm::Ec(curve)) => Some(AsymAlgorithm::Ecdsa(curve)),
            (Family::Ed25519, KeyAlgorithm::Ed25519) => Some(AsymAlgorithm::Ed25519),
            (Family::MlDsa(set), KeyAlgorithm::MlDsa(of)) if *set == of => {
                Some(AsymAlgorithm::MlDsa(of))
            }
            (Family::Rsa(scheme), KeyAlgorithm::Rsa { bits }) if bits % 8 == 0 => {
                RsaBits::from_bytes(bits / 8).map(|bits| AsymAlgorithm::Rsa(*scheme, bits))
            }
            _ => None,
        }
    }
}

/// The hash of RSASSA-PSS-params (RFC 4055 §3.1) where MGF1 uses it too and the salt is as long, and whether trailerField
/// is there with its only value; the defaults of the others are SHA-1, so hash, mask and salt are all there.
fn pss_parameters(parameters: Element<'_>) -> Option<(HashAlgorithm, bool)> {
    if parameters.tag() != Tag::SEQUENCE {
        return None;
    }
    let mut fields = parameters.inside().elements();
    let hash = sha2(&AlgorithmIdentifier::parse(explicit_field(&mut fields, 0)?)?)?;
    let mask = AlgorithmIdentifier::parse(explicit_field(&mut fields, 1)?)?;
    let mask_hash = sha2(&AlgorithmIdentifier::parse(mask.parameters?)?)?;
    let salt = explicit_field(&mut fields, 2)?;
    let salt_fits = match salt.unsigned()? {
        [len] => usize::from(*len) == hash.digest_len(),
        _ => false,
    };
    let has_trailer_field = !fields.is_empty();
    if has_trailer_field && explicit_field(&mut fields, 3)?.unsigned()? != [1] {
        return None;
    }
    let usual = mask.oid == Oid::MGF1 && mask_hash == hash && salt_fits;
    (usual && fields.is_empty()).then_some((hash, has_trailer_field))
}

/// What the next field holds, where it has this number.
fn explicit_field<'a>(fields: &mut Elements<'a>, number: u8) -> Option<Element<'a>> {
    let mut inner = fields.optional(explicit(number))?.inside().elements();
    let element = inner.next()?;
    inner.is_empty().then_some(element)
}

/// The SHA-2 function of an identifier with NULL or no parameters: RFC 4055 §2.1 wants both accepted.
fn sha2(identifier: &AlgorithmIdentifier<'_>) -> Option<HashAlgorithm> {
    if identifier.parameters.is_some() && !identifier.has_null() {
        return None;
    }
    identifier.oid.find(HASHES)
}

/// r and s of the widest curve.
const MAX_FIXED: usize = 2 * EcCurve::P521.coordinate_len();

/// A DER `ECDSA-Sig-Value` as r and s of fixed size, big-endian.
fn ecdsa_fixed<'f>(der: &[u8], curve: EcCurve, fixed: &'f mut [u8; MAX_FIXED]) -> Option<&'f [u8]> {
    let sequence = Checked::one(der, Tag::SEQUENCE, Rule::Signature).ok()?;
    let mut fields = sequence.inside().elements();
    let len = curve.coordinate_len();
    let fixed = fixed.get_mut(..2 * len)?;
    for place in fixed.chunks_exact_mut(len) {
        let magnitude = fields.next()?.unsigned()?;
        let zeros = len.checked_sub(magnitude.len())?;
        place.get_mut(zeros..)?.copy_from_slice(magnitude);
    }
    fields.is_empty().then_some(fixed)
}

#[cfg(test)]
mod tests {
    use super::{AlgorithmIdentifier, EcCurve, MAX_FIXED, SignatureScheme, ecdsa_fixed};
    use spdm_crypto::HashAlgorithm;
    use std::vec::Vec;

    fn fixed(der: &[u8]) -> Option<Vec<u8>> {
        ecdsa_fixed(der, EcCurve::P256, &mut [0; MAX_FIXED]).map(<[u8]>::to_vec)
    }

    #[test]
    fn ecdsa_values_are_padded_on_the_left() {
        let fixed = fixed(&[0x30, 0x07, 0x02, 0x01, 0x05, 0x02, 0x02, 0x00, 0x80]).unwrap();
        assert_eq!(fixed.len(), 64);
        assert_eq!((fixed[31], fixed[63]), (0x05, 0x80));
        assert_eq!(fixed.iter().filter(|byte| **byte != 0).count(), 2);
    }

    #[test]
    fn other_encodings_of_ecdsa_values_are_refused() {
        let long = {
            let mut der = std::vec![0x30, 0x26, 0x02, 0x21, 0x01];
            der.extend([0; 32]);
            der.extend([0x02, 0x01, 0x05]);
            der
        };
        for der in [
            &[][..],
            &[0x30, 0x03, 0x02, 0x01, 0x05], // one number
            &[0x30, 0x09, 0x02, 0x01, 5, 0x02, 0x01, 5, 0x02, 0x01, 5], // three
            &[0x30, 0x06, 0x02, 0x01, 0x85, 0x02, 0x01, 0x05], // negative
            &[0x30, 0x07, 0x02, 0x02, 0x00, 0x05, 0x02, 0x01, 0x05], // not minimal
            &[0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x05, 0x00], // trailing
            &[0x30, 0x81, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x05], // long length
            &[0x31, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x05], // SET
            &long,                           // 33 bytes
        ] {
            assert_eq!(fixed(der), None, "{der:02x?}");
        }
    }

    fn pss(hash: u8, mask: u8, salt: u8) -> Vec<u8> {
        let sha = |last| [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last];
        let mut der = std::vec![0x30, 0x41, 0x06, 0x09];
        der.extend([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0A, 0x30, 0x34, 0xA0, 0x0D]);
        der.extend(sha(hash));
        der.extend([0xA1, 0x1A, 0x30, 0x18, 0x06, 0x09]);
        der.extend([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x08]);
        der.extend(sha(mask));
        der.extend([0xA2, 0x03, 0x02, 0x01, salt]);
        der[1] = u8::try_from(der.len() - 2).unwrap();
        der[14] = u8::try_from(der.len() - 15).unwrap();
        der
    }

    fn scheme_hash(der: &[u8]) -> Option<HashAlgorithm> {
        let element = super::Checked::new(der).ok()?.elements().next()?;
        SignatureScheme::of(&AlgorithmIdentifier::parse(element)?)?.hash
    }

    #[test]
    fn pss_parameters_must_agree() {
        assert_eq!(scheme_hash(&pss(1, 1, 32)), Some(HashAlgorithm::Sha256));
        assert_eq!(scheme_hash(&pss(2, 2, 48)), Some(HashAlgorithm::Sha384));
        assert_eq!(scheme_hash(&pss(2, 1, 48)), None); // another hash in MGF1
        assert_eq!(scheme_hash(&pss(2, 2, 32)), None); // a shorter salt
        assert_eq!(scheme_hash(&pss(4, 4, 28)), None); // SHA-224
    }

    #[test]
    fn parameters_must_be_the_usual_ones() {
        let ecdsa_with_null =
            [0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2, 0x05, 0x00];
        assert_eq!(scheme_hash(&ecdsa_with_null), None);
        let rsa_without =
            [0x30, 0x0B, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B];
        assert_eq!(scheme_hash(&rsa_without), None);
        let sha1 = [0x30, 0x09, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1];
        assert_eq!(scheme_hash(&sha1), None);
    }
}
