//! The three forms of an ML-DSA private key (RFC 9881 §6): a seed, what it expands to, and both.

use alloc::boxed::Box;

use ml_dsa::{ExpandedSigningKey, ExpandedSigningKeyBytes, MlDsaParams, SigningKey};
use p256::elliptic_curve::zeroize::Zeroizing;
use rsa::pkcs8::der::asn1::{AnyRef, OctetStringRef};
use rsa::pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use rsa::pkcs8::spki::AssociatedAlgorithmIdentifier;
use rsa::pkcs8::{EncodePrivateKey as _, PrivateKeyInfoRef, SecretDocument};

use super::KeyError;

/// Bytes of rho, K and tr, which precede s1 in an expanded key (FIPS 204 algorithm 24).
const BEFORE_S1: usize = 128;

/// An ML-DSA private key, with its seed where that is known.
#[derive(Clone)]
pub(super) enum MlDsaKey<P: MlDsaParams> {
    Seed(SigningKey<P>),
    Expanded(Box<ExpandedSigningKey<P>>),
}

impl<P> MlDsaKey<P>
where
    P: MlDsaParams + AssociatedAlgorithmIdentifier<Params = AnyRef<'static>>,
{
    /// # Errors
    /// [`KeyError::Malformed`], also where seed and expanded key do not belong together.
    pub(super) fn from_pkcs8(info: PrivateKeyInfoRef<'_>, shape: Shape) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed;
        let content = info.private_key.as_bytes();
        match content.first() {
            Some(0x04) => {
                let expanded = <&OctetStringRef>::from_der(content).map_err(malformed)?;
                let key = from_expanded(expanded.as_bytes(), shape)?;
                Ok(Self::Expanded(Box::new(key)))
            }
            Some(0x30) => {
                let both = SliceReader::new(content).and_then(|mut reader| {
                    reader.sequence(|inner| {
                        let seed = <&OctetStringRef>::decode(inner)?;
                        Ok((seed, <&OctetStringRef>::decode(inner)?))
                    })
                });
                let (seed, expanded) =
                    both.map_err(|_: rsa::pkcs8::der::Error| KeyError::Malformed)?;
                let seed = seed.as_bytes().try_into().map_err(|_| KeyError::Malformed)?;
                let key = SigningKey::from_seed(&seed);
                match bytes_of(key.expanded_key()).as_slice() == expanded.as_bytes() {
                    true => Ok(Self::Seed(key)),
                    false => Err(KeyError::Malformed),
                }
            }
            _ => SigningKey::try_from(info).map(Self::Seed).map_err(|_| KeyError::Malformed),
        }
    }

    pub(super) fn expanded(&self) -> &ExpandedSigningKey<P> {
        match self {
            Self::Seed(key) => key.expanded_key(),
            Self::Expanded(key) => key,
        }
    }

    pub(super) fn to_pkcs8(&self) -> Result<SecretDocument, rsa::pkcs8::Error> {
        match self {
            Self::Seed(key) => key.to_pkcs8_der(),
            Self::Expanded(key) => {
                let expanded = bytes_of(key);
                let content = Zeroizing::new(OctetStringRef::new(&expanded)?.to_der()?);
                let info =
                    PrivateKeyInfoRef::new(P::ALGORITHM_IDENTIFIER, OctetStringRef::new(&content)?);
                Ok(SecretDocument::encode_msg(&info)?)
            }
        }
    }
}

/// How s1 and s2 lie in an expanded key: eta, and how many polynomials both have.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) eta: u8,
    pub(super) polynomials: usize,
}

/// `ml_dsa` takes an expanded key as it is and may panic on coefficients beyond eta: those are looked for first.
fn from_expanded<P: MlDsaParams>(
    bytes: &[u8],
    shape: Shape,
) -> Result<ExpandedSigningKey<P>, KeyError> {
    let encoded: &ExpandedSigningKeyBytes<P> = bytes.try_into().map_err(|_| KeyError::Malformed)?;
    let width: usize = if shape.eta == 2 { 3 } else { 4 };
    let len = 32 * width * shape.polynomials;
    let small = bytes.get(BEFORE_S1..BEFORE_S1 + len).ok_or(KeyError::Malformed)?;
    let bit = |at: usize| small.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
    let coefficient =
        |index: usize| (0..width).fold(0, |sum, at| sum | bit(width * index + at) << at);
    if (0..256 * shape.polynomials).any(|index| coefficient(index) > 2 * shape.eta) {
        return Err(KeyError::Malformed);
    }
    #[expect(deprecated, reason = "RFC 9881 has it, and its coefficients were checked")]
    Ok(ExpandedSigningKey::from_expanded(encoded))
}

fn bytes_of<P: MlDsaParams>(key: &ExpandedSigningKey<P>) -> Zeroizing<ExpandedSigningKeyBytes<P>> {
    #[expect(deprecated, reason = "RFC 9881 has it")]
    Zeroizing::new(key.to_expanded())
}

#[cfg(test)]
mod tests {
    use super::super::{SHAPE_44, SHAPE_65, SHAPE_87, Shape, SoftwareKey};
    use super::{KeyError, MlDsaKey, SigningKey, bytes_of};
    use alloc::vec::Vec;
    use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
    use rsa::pkcs8::der::asn1::{AnyRef, OctetStringRef};
    use rsa::pkcs8::der::{Encode as _, Tag};
    use rsa::pkcs8::spki::AssociatedAlgorithmIdentifier;
    use rsa::pkcs8::{PrivateKeyInfoRef, SecretDocument};

    fn pkcs8<P>(content: &[u8]) -> Vec<u8>
    where
        P: AssociatedAlgorithmIdentifier<Params = AnyRef<'static>>,
    {
        let content = OctetStringRef::new(content).unwrap();
        let info = PrivateKeyInfoRef::new(P::ALGORITHM_IDENTIFIER, content);
        SecretDocument::encode_msg(&info).unwrap().as_bytes().to_vec()
    }

    fn octets(bytes: &[u8]) -> Vec<u8> {
        OctetStringRef::new(bytes).unwrap().to_der().unwrap()
    }

    /// RFC 9881 §6: seed, expandedKey, both.
    fn forms<P>(shape: Shape)
    where
        P: MlDsaParams + AssociatedAlgorithmIdentifier<Params = AnyRef<'static>>,
    {
        let seed = [7; 32];
        let key = SigningKey::<P>::from_seed(&seed.into());
        let expanded = bytes_of(key.expanded_key());
        let both = [octets(&seed), octets(&expanded)].concat();
        let both = AnyRef::new(Tag::Sequence, &both).unwrap().to_der().unwrap();
        let seed_form = pkcs8::<P>(&[&[0x80, 32][..], &seed].concat());
        let wanted = SoftwareKey::from_pkcs8_der(&seed_form).unwrap();
        for form in [pkcs8::<P>(&octets(&expanded)), pkcs8::<P>(&both)] {
            let read = SoftwareKey::from_pkcs8_der(&form).unwrap();
            assert_eq!(read.public_key(), wanted.public_key());
            let written = read.to_pkcs8_der().unwrap();
            let again = SoftwareKey::from_pkcs8_der(&written).unwrap();
            assert_eq!(again.public_key(), wanted.public_key());
        }
        // Both, but of different keys.
        let other = [octets(&[8; 32]), octets(&expanded)].concat();
        let other = AnyRef::new(Tag::Sequence, &other).unwrap().to_der().unwrap();
        let error = SoftwareKey::from_pkcs8_der(&pkcs8::<P>(&other)).map(|_| ());
        assert_eq!(error, Err(KeyError::Malformed));
        // A coefficient that is none would make the library panic.
        for at in [128, 128 + 32 * shape.polynomials] {
            let mut broken = expanded.to_vec();
            broken[at] = 0xFF;
            let error = SoftwareKey::from_pkcs8_der(&pkcs8::<P>(&octets(&broken))).map(|_| ());
            assert_eq!(error, Err(KeyError::Malformed));
        }
        let short = pkcs8::<P>(&octets(expanded.get(1..).unwrap()));
        assert!(SoftwareKey::from_pkcs8_der(&short).is_err());
        assert!(matches!(
            MlDsaKey::<P>::from_pkcs8(
                PrivateKeyInfoRef::try_from(seed_form.as_slice()).unwrap(),
                shape
            ),
            Ok(MlDsaKey::Seed(_))
        ));
    }

    #[test]
    fn every_form_of_rfc_9881() {
        forms::<MlDsa44>(SHAPE_44);
        forms::<MlDsa65>(SHAPE_65);
        forms::<MlDsa87>(SHAPE_87);
    }
}
