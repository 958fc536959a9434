//! Subject public keys.

use core::fmt;

use spdm_crypto::{AsymAlgorithm, EcCurve, MlDsaSet};

use crate::defect::Defect;
use crate::oid::Oid;
use crate::rule::Rule;
use crate::tlv::{Checked, Element, Tag};

/// The kind of a public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyAlgorithm<'a> {
    /// A point on a NIST curve.
    Ec(EcCurve),
    /// Ed25519.
    Ed25519,
    /// ML-DSA.
    MlDsa(MlDsaSet),
    /// RSA.
    Rsa {
        /// Size of the modulus in bits.
        bits: usize,
    },
    /// A key for an algorithm that this crate does not know: the algorithm, or the curve of an EC key.
    Other(Oid<'a>),
}

impl KeyAlgorithm<'_> {
    /// Whether a key of this kind is one for `asym`.
    #[must_use]
    pub fn fits(self, asym: AsymAlgorithm) -> bool {
        match (self, asym) {
            (Self::Ec(curve), AsymAlgorithm::Ecdsa(negotiated)) => curve == negotiated,
            (Self::Ed25519, AsymAlgorithm::Ed25519) => true,
            (Self::MlDsa(set), AsymAlgorithm::MlDsa(negotiated)) => set == negotiated,
            (Self::Rsa { bits }, AsymAlgorithm::Rsa(_, negotiated)) => {
                bits == negotiated.bytes() * 8
            }
            _ => false,
        }
    }
}

impl fmt::Display for KeyAlgorithm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ec(EcCurve::P256) => f.write_str("EC P-256"),
            Self::Ec(EcCurve::P384) => f.write_str("EC P-384"),
            Self::Ec(EcCurve::P521) => f.write_str("EC P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::MlDsa(MlDsaSet::P44) => f.write_str("ML-DSA-44"),
            Self::MlDsa(MlDsaSet::P65) => f.write_str("ML-DSA-65"),
            Self::MlDsa(MlDsaSet::P87) => f.write_str("ML-DSA-87"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Other(oid) => write!(f, "{oid}"),
        }
    }
}

/// A SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicKey<'a> {
    pub(crate) algorithm: KeyAlgorithm<'a>,
    /// In the encoding of [`AsymAlgorithm`].
    pub(crate) key: &'a [u8],
    /// The SubjectPublicKeyInfo.
    pub(crate) der: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// No key that anything could be verified with.
    pub(crate) const NONE: Self =
        Self { algorithm: KeyAlgorithm::Other(Oid::EMPTY), key: &[], der: &[] };

    pub(crate) fn parse(element: Element<'a>) -> Result<Self, Defect> {
        let malformed = element.defect(Rule::PublicKeySyntax);
        if element.tag() != Tag::SEQUENCE {
            return Err(malformed);
        }
        let mut fields = element.inside().elements();
        let identifier = fields.required(Tag::SEQUENCE, Rule::PublicKeySyntax)?;
        let bits = fields.required(Tag::BIT_STRING, Rule::PublicKeySyntax)?;
        fields.finish(Rule::PublicKeySyntax)?;

        let key = bits.whole_bits().ok_or_else(|| bits.defect(Rule::PublicKeySyntax))?;
        let identifier = AlgorithmIdentifier::parse(identifier).ok_or(malformed)?;
        let AlgorithmIdentifier { oid, parameters } = identifier;
        let algorithm = match oid.find(FAMILIES) {
            Some(Family::Ec) => {
                let curve = parameters.and_then(Element::oid).ok_or(malformed)?;
                match curve.find(CURVES) {
                    Some(curve) => KeyAlgorithm::Ec(curve),
                    None => KeyAlgorithm::Other(curve),
                }
            }
            Some(Family::Rsa) if identifier.has_null() => {
                KeyAlgorithm::Rsa { bits: modulus_bits(key)? }
            }
            // RFC 8410 §3, RFC 9881 §2: no parameters.
            Some(Family::Ed25519) if parameters.is_none() => KeyAlgorithm::Ed25519,
            Some(Family::MlDsa(set)) if parameters.is_none() => KeyAlgorithm::MlDsa(set),
            Some(Family::Rsa | Family::Ed25519 | Family::MlDsa(_)) => return Err(malformed),
            None => KeyAlgorithm::Other(oid),
        };
        Ok(Self { algorithm, key, der: element.encoded() })
    }
}

/// What an AlgorithmIdentifier of a key says; parameters or the key itself say the rest.
#[derive(Clone, Copy)]
enum Family {
    Ec,
    Rsa,
    Ed25519,
    MlDsa(MlDsaSet),
}

const FAMILIES: &[(Oid<'static>, Family)] = &[
    (Oid::EC_PUBLIC_KEY, Family::Ec),
    (Oid::RSA_ENCRYPTION, Family::Rsa),
    (Oid::ED25519, Family::Ed25519),
    (Oid::ML_DSA_44, Family::MlDsa(MlDsaSet::P44)),
    (Oid::ML_DSA_65, Family::MlDsa(MlDsaSet::P65)),
    (Oid::ML_DSA_87, Family::MlDsa(MlDsaSet::P87)),
];

const CURVES: &[(Oid<'static>, EcCurve)] =
    &[(Oid::P256, EcCurve::P256), (Oid::P384, EcCurve::P384), (Oid::P521, EcCurve::P521)];

/// Size of the modulus of a PKCS#1 `RSAPublicKey` whose numbers are positive.
fn modulus_bits(key: &[u8]) -> Result<usize, Defect> {
    let sequence = Checked::one(key, Tag::SEQUENCE, Rule::PublicKeySyntax)?;
    let malformed = sequence.defect(Rule::PublicKeySyntax);
    let mut fields = sequence.inside().elements();
    let modulus = fields.next().and_then(Element::unsigned).ok_or(malformed)?;
    let exponent = fields.next().and_then(Element::unsigned).ok_or(malformed)?;
    fields.finish(Rule::PublicKeySyntax)?;
    match (modulus, exponent) {
        ([first @ 1..=0xFF, rest @ ..], [1..=0xFF, ..]) => {
            let first_bits = u8::BITS - first.leading_zeros();
            let first_bits = usize::try_from(first_bits).map_err(|_| malformed)?;
            Ok(first_bits + rest.len() * 8)
        }
        _ => Err(malformed),
    }
}

/// An AlgorithmIdentifier, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlgorithmIdentifier<'a> {
    pub(crate) oid: Oid<'a>,
    pub(crate) parameters: Option<Element<'a>>,
}

impl<'a> AlgorithmIdentifier<'a> {
    pub(crate) const NONE: Self = Self { oid: Oid::EMPTY, parameters: None };

    /// `None` where `element` is none.
    pub(crate) fn parse(element: Element<'a>) -> Option<Self> {
        let mut fields = element.inside().elements();
        let oid = fields.next()?.oid()?;
        let parameters = fields.next();
        (element.tag() == Tag::SEQUENCE && fields.is_empty()).then_some(Self { oid, parameters })
    }

    /// Whether the parameters are NULL.
    pub(crate) fn has_null(&self) -> bool {
        self.parameters.is_some_and(|parameters| parameters.tag() == Tag::NULL)
    }
}

#[cfg(test)]
mod tests {
    use super::{Checked, Defect, EcCurve, KeyAlgorithm, MlDsaSet, Oid, PublicKey, Rule};
    use crate::testing::tlv;
    use spdm_crypto::AsymAlgorithm;
    use std::string::ToString;
    use std::vec::Vec;

    fn spki(oid: Oid<'_>, parameters: &[u8], key: &[u8]) -> Vec<u8> {
        let identifier = tlv(0x30, &[&tlv(6, &[oid.as_bytes()]), parameters]);
        tlv(0x30, &[&identifier, &tlv(3, &[&[0], key])])
    }

    fn parse(der: &[u8]) -> Result<KeyAlgorithm<'_>, Defect> {
        PublicKey::parse(Checked::new(der)?.elements().next().unwrap()).map(|key| key.algorithm)
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let key = tlv(0x30, &[&tlv(2, &[modulus]), &tlv(2, &[exponent])]);
        spki(Oid::RSA_ENCRYPTION, &[5, 0], &key)
    }

    #[test]
    fn kinds_and_sizes() {
        let curve = |oid: Oid<'_>| spki(Oid::EC_PUBLIC_KEY, &tlv(6, &[oid.as_bytes()]), &[4]);
        assert_eq!(parse(&curve(Oid::P384)), Ok(KeyAlgorithm::Ec(EcCurve::P384)));
        assert_eq!(parse(&curve(Oid::PCI_CMA)), Ok(KeyAlgorithm::Other(Oid::PCI_CMA)));
        assert_eq!(parse(&spki(Oid::ED25519, &[], &[1])), Ok(KeyAlgorithm::Ed25519));
        for (oid, set) in [
            (Oid::ML_DSA_44, MlDsaSet::P44),
            (Oid::ML_DSA_65, MlDsaSet::P65),
            (Oid::ML_DSA_87, MlDsaSet::P87),
        ] {
            assert_eq!(parse(&spki(oid, &[], &[1])), Ok(KeyAlgorithm::MlDsa(set)));
        }
        assert_eq!(parse(&spki(Oid::RSA_PSS, &[], &[])), Ok(KeyAlgorithm::Other(Oid::RSA_PSS)));
        let modulus = |first| [&[0, first][..], &[0; 255]].concat();
        let full = rsa(&modulus(0x80), &[3]);
        let full = parse(&full).unwrap();
        assert_eq!(full.to_string(), "RSA 2048");
        assert!(AsymAlgorithm::ALL.into_iter().filter(|asym| full.fits(*asym)).count() == 2);
        let short = [&[0x7F][..], &[0; 255]].concat();
        assert_eq!(parse(&rsa(&short, &[3])), Ok(KeyAlgorithm::Rsa { bits: 2047 }));
    }

    #[test]
    fn malformed_keys_are_refused() {
        let point = tlv(6, &[Oid::P256.as_bytes()]);
        for der in [
            tlv(0x31, &[]),
            spki(Oid::EC_PUBLIC_KEY, &[], &[4]),     // no curve
            spki(Oid::EC_PUBLIC_KEY, &[5, 0], &[4]), // implicit curve
            spki(Oid::EC_PUBLIC_KEY, &[&point[..], &point].concat(), &[4]),
            spki(Oid::ED25519, &[5, 0], &[1]), // parameters
            spki(Oid::ML_DSA_44, &[5, 0], &[1]),
            spki(Oid::ML_DSA_87, &[0x30, 0], &[1]),
            spki(Oid::RSA_ENCRYPTION, &[], &[0x30, 0]), // no NULL
            spki(Oid::RSA_ENCRYPTION, &[5, 0], &[0x30, 0]), // no numbers
            spki(Oid::RSA_ENCRYPTION, &[5, 0], &[0x31, 0]), // no SEQUENCE
            rsa(&[0], &[3]),                            // zero
            rsa(&[0x85], &[3]),                         // negative
            rsa(&[5], &[0]),                            // exponent zero
        ] {
            let rule = parse(&der).map_err(|defect| defect.rule);
            assert_eq!(rule, Err(Rule::PublicKeySyntax), "{der:02x?}");
        }
        let not_minimal = rsa(&[0, 5], &[3]);
        assert_eq!(parse(&not_minimal).map_err(|defect| defect.rule), Err(Rule::Der));
    }
}
