//! A private key in a file: PKCS #8, SEC1 or PKCS #1, in PEM or DER.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Encode as _, Tag};
use spdm_crypto::rustcrypto::{KeyError, SoftwareKey};

use crate::error::IdentityError;
use crate::pem_blocks::{PemBlock, blocks};

const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// The NIST curves by the length of a private key, in bytes.
const CURVES: [(usize, ObjectIdentifier); 3] = [
    (32, ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7")),
    (48, ObjectIdentifier::new_unwrap("1.3.132.0.34")),
    (66, ObjectIdentifier::new_unwrap("1.3.132.0.35")),
];

/// The key in a file of this name.
pub(crate) fn read(file: &'static str, bytes: &[u8]) -> Result<SoftwareKey, IdentityError> {
    let Some(found) = blocks(bytes) else { return of_der(bytes) };
    let found = found.ok_or(IdentityError::Pem { file })?;
    // Parameters and certificates may stand beside it.
    let is_key = |block: &&PemBlock| [PKCS8, SEC1, PKCS1].contains(&block.label.as_str());
    let other = || IdentityError::NoKey {
        file,
        labels: found.iter().map(|block| block.label.escape_debug().to_string()).collect(),
    };
    let key = found.iter().find(is_key).ok_or_else(other)?;
    if key.is_encrypted {
        return Err(IdentityError::Encrypted { file });
    }
    let der = key.der.as_deref().ok_or(IdentityError::Pem { file })?;
    match key.label.as_str() {
        SEC1 => of_sec1(der),
        PKCS1 => of_pkcs1(der),
        _ => Ok(SoftwareKey::from_pkcs8_der(der)?),
    }
}

/// The three forms differ in what follows the version.
fn of_der(der: &[u8]) -> Result<SoftwareKey, IdentityError> {
    match elements(der).get(1).map(der::Tagged::tag) {
        Some(Tag::OctetString) => of_sec1(der),
        Some(Tag::Integer) => of_pkcs1(der),
        _ => Ok(SoftwareKey::from_pkcs8_der(der)?),
    }
}

fn of_pkcs1(der: &[u8]) -> Result<SoftwareKey, IdentityError> {
    wrapped(RSA, AnyRef::NULL, der)
}

/// RFC 5915. The curve is in the parameters; without them the key's length tells.
fn of_sec1(der: &[u8]) -> Result<SoftwareKey, IdentityError> {
    let elements = elements(der);
    let parameters = elements.iter().find(|element| {
        let tag = der::Tagged::tag(*element);
        tag.is_context_specific() && tag.number().value() == 0
    });
    let curve = match parameters {
        Some(parameters) => ObjectIdentifier::from_der(parameters.value()).ok(),
        None => elements.get(1).and_then(|key| {
            CURVES.iter().find(|(len, _)| *len == key.value().len()).map(|(_, curve)| *curve)
        }),
    };
    let curve = curve.ok_or(KeyError::Malformed)?;
    wrapped(EC, AnyRef::from(&curve), der)
}

/// The elements of a SEQUENCE, as far as they can be told apart.
fn elements(der: &[u8]) -> Vec<AnyRef<'_>> {
    let Ok(sequence) = AnyRef::from_der(der) else { return Vec::new() };
    let mut rest = sequence.value();
    let mut elements = Vec::new();
    while let Ok((element, behind)) = AnyRef::from_der_partial(rest) {
        elements.push(element);
        rest = behind;
    }
    elements
}

/// The key as PKCS #8.
fn wrapped(
    algorithm: ObjectIdentifier,
    parameters: AnyRef<'_>,
    key: &[u8],
) -> Result<SoftwareKey, IdentityError> {
    let malformed = |_| IdentityError::Key(KeyError::Malformed);
    let sequence =
        |content: &[u8]| AnyRef::new(Tag::Sequence, content).and_then(|any| any.to_der());
    let algorithm = algorithm.to_der().and_then(|mut identifier| {
        identifier.extend(parameters.to_der()?);
        sequence(&identifier)
    });
    let version = 0_u8.to_der().map_err(malformed)?;
    let key = OctetStringRef::new(key).and_then(|key| key.to_der()).map_err(malformed)?;
    let content = [version, algorithm.map_err(malformed)?, key].concat();
    Ok(SoftwareKey::from_pkcs8_der(&sequence(&content).map_err(malformed)?)?)
}

#[cfg(test)]
mod tests {
    use super::{CURVES, elements, read};
    use der::pem::{LineEnding, encode_string};
    use der::{Encode as _, Tag, asn1::AnyRef};
    use spdm_crypto::rustcrypto::SoftwareKey;
    use spdm_crypto::{AsymAlgorithm, EcCurve};

    /// The key inside of PKCS #8: SEC1 or PKCS #1.
    fn inner(pkcs8: &[u8]) -> Vec<u8> {
        elements(pkcs8)[2].value().to_vec()
    }

    fn public(bytes: &[u8]) -> Vec<u8> {
        read("key.pem", bytes).unwrap().public_key()
    }

    #[test]
    fn sec1_with_and_without_parameters() {
        for (curve, (_, oid)) in
            [EcCurve::P256, EcCurve::P384, EcCurve::P521].into_iter().zip(CURVES)
        {
            let key = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(curve), [3; 32]).unwrap();
            let bare = inner(&key.to_pkcs8_der().unwrap());
            let parts: Vec<Vec<u8>> = elements(&bare).iter().map(|e| e.to_der().unwrap()).collect();
            let oid = oid.to_der().unwrap();
            let parameters = [&[0xA0, u8::try_from(oid.len()).unwrap()][..], &oid].concat();
            let [version, number, rest @ ..] = &parts[..] else { panic!("{}", parts.len()) };
            let named = [version.clone(), number.clone(), parameters, rest.concat()].concat();
            let named = AnyRef::new(Tag::Sequence, &named).unwrap().to_der().unwrap();
            // As OpenSSL writes it, the curve in front.
            let parameters = encode_string("EC PARAMETERS", LineEnding::LF, &oid).unwrap();
            let pem = encode_string("EC PRIVATE KEY", LineEnding::CRLF, &named).unwrap();
            let both = parameters + &pem;
            for form in [bare, named, pem.into_bytes(), both.into_bytes()] {
                assert_eq!(public(&form), key.public_key(), "{curve:?}");
            }
        }
    }

    #[test]
    fn pkcs1_and_long_lines() {
        let pkcs8 = include_bytes!("../keys/rsa-2048/device-0.der");
        let key = SoftwareKey::from_pkcs8_der(pkcs8).unwrap();
        let bare = inner(pkcs8);
        let pem = encode_string("RSA PRIVATE KEY", LineEnding::LF, &bare).unwrap();
        let mut lines: Vec<&str> = pem.lines().collect();
        let (end, begin) = (lines.pop().unwrap(), lines.remove(0));
        let one_line = format!("a comment\n{begin}\n{}\n{end}", lines.concat());
        for form in [bare, pem.clone().into_bytes(), one_line.into_bytes()] {
            assert_eq!(public(&form), key.public_key());
        }
    }
}
