//! What a device looks at before it puts certificates into a slot (DSP0274 §SET_CERTIFICATE): on its own, and not by the
//! rules of the Requester's crate.

use der::asn1::UintRef;
use der::oid::AssociatedOid;
use der::{Decode as _, Encode as _, Sequence};
use spdm_codec::CertificateModel;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, RsaBits, RsaScheme, Signed};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::name::Name;

use crate::device_identity::split_certificates;

/// Certificates that lead to a key.
#[derive(Debug)]
pub(crate) struct CheckedChain {
    /// DER, the root's side first.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The DER SubjectPublicKeyInfo of the last one.
    pub(crate) key_info: Vec<u8>,
    /// Its subject.
    pub(crate) subject: Name,
}

/// The most certificates that a device keeps in a slot.
const MOST: usize = 16;

/// Checks certificates that lie back to back; `None` where one is wrong.
pub(crate) fn check(bytes: &[u8], model: CertificateModel) -> Option<CheckedChain> {
    let ders = split_certificates(bytes).filter(|ders| ders.len() <= MOST)?;
    let parsed: Option<Vec<_>> = ders.iter().map(|der| Certificate::from_der(der).ok()).collect();
    let parsed = parsed?;
    let (first, last) = (parsed.first()?, parsed.last()?);
    let is_root = first.tbs_certificate().issuer() == first.tbs_certificate().subject();
    if is_root && parsed.len() > 1 && !is_signed_by(first, first) {
        return None;
    }
    for pair in parsed.windows(2) {
        let [issuer, certificate] = pair else { return None };
        let named = certificate.tbs_certificate().issuer() == issuer.tbs_certificate().subject();
        if !named || !is_authority(issuer) || !is_signed_by(certificate, issuer) {
            return None;
        }
    }
    let fits = match model {
        CertificateModel::AliasCert => is_authority(last),
        _ => !is_authority(last) && may_sign(last),
    };
    let tbs = last.tbs_certificate();
    let key_info = tbs.subject_public_key_info().to_der().ok()?;
    fits.then(|| CheckedChain { certificates: ders, key_info, subject: tbs.subject().clone() })
}

/// An extension; `None` also where it is malformed, which is no reason to trust it.
fn extension<'c, T: AssociatedOid + der::Decode<'c>>(certificate: &'c Certificate) -> Option<T> {
    let extensions = certificate.tbs_certificate().extensions()?;
    let found = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
    T::from_der(found.extn_value.as_bytes()).ok()
}

fn is_authority(certificate: &Certificate) -> bool {
    let constraints: Option<BasicConstraints> = extension(certificate);
    let usage: Option<KeyUsage> = extension(certificate);
    constraints.is_some_and(|constraints| constraints.ca)
        && usage.is_none_or(|usage| usage.key_cert_sign())
}

fn may_sign(certificate: &Certificate) -> bool {
    let usage: Option<KeyUsage> = extension(certificate);
    usage.is_none_or(|usage| usage.digital_signature())
}

#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// Whether the key of `issuer` has signed `certificate`.
fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    verifies(certificate, issuer).unwrap_or(false)
}

fn verifies(certificate: &Certificate, issuer: &Certificate) -> Option<bool> {
    let key = issuer.tbs_certificate().subject_public_key_info().subject_public_key.as_bytes()?;
    let (asym, hash) = algorithm(&certificate.signature_algorithm().oid.to_string(), key)?;
    let signed = certificate.tbs_certificate().to_der().ok()?;
    let value = certificate.signature().as_bytes()?;
    let mut fixed = vec![0; asym.signature_len()];
    let value = match asym {
        AsymAlgorithm::Ecdsa(_) => {
            let EcdsaSigValue { r, s } = EcdsaSigValue::from_der(value).ok()?;
            let half = fixed.len() / 2;
            for (place, number) in fixed.chunks_mut(half).zip([r.as_bytes(), s.as_bytes()]) {
                let at = place.len().checked_sub(number.len())?;
                place.get_mut(at..)?.copy_from_slice(number);
            }
            fixed.as_slice()
        }
        _ => value,
    };
    let message = Signed::Message { bytes: &signed, context: &[] };
    Some(PROVIDER.verify(asym, hash, key, message, value).is_ok())
}

/// What a signatureAlgorithm means with this key; the curve or the size is the one that the key is valid for.
fn algorithm(oid: &str, key: &[u8]) -> Option<(AsymAlgorithm, HashAlgorithm)> {
    let curves = [EcCurve::P256, EcCurve::P384, EcCurve::P521].map(AsymAlgorithm::Ecdsa);
    let sizes = [RsaBits::B2048, RsaBits::B3072, RsaBits::B4096];
    let sizes = sizes.map(|bits| AsymAlgorithm::Rsa(RsaScheme::Pkcs1, bits));
    let (candidates, hash): (Vec<AsymAlgorithm>, _) = match oid {
        "1.2.840.10045.4.3.2" => (curves.to_vec(), HashAlgorithm::Sha256),
        "1.2.840.10045.4.3.3" => (curves.to_vec(), HashAlgorithm::Sha384),
        "1.2.840.10045.4.3.4" => (curves.to_vec(), HashAlgorithm::Sha512),
        "1.2.840.113549.1.1.11" => (sizes.to_vec(), HashAlgorithm::Sha256),
        "1.2.840.113549.1.1.12" => (sizes.to_vec(), HashAlgorithm::Sha384),
        "1.2.840.113549.1.1.13" => (sizes.to_vec(), HashAlgorithm::Sha512),
        "1.3.101.112" => (vec![AsymAlgorithm::Ed25519], HashAlgorithm::Sha512),
        "2.16.840.1.101.3.4.3.17" => {
            (vec![AsymAlgorithm::MlDsa(MlDsaSet::P44)], HashAlgorithm::Sha512)
        }
        "2.16.840.1.101.3.4.3.18" => {
            (vec![AsymAlgorithm::MlDsa(MlDsaSet::P65)], HashAlgorithm::Sha512)
        }
        "2.16.840.1.101.3.4.3.19" => {
            (vec![AsymAlgorithm::MlDsa(MlDsaSet::P87)], HashAlgorithm::Sha512)
        }
        _ => return None,
    };
    let fits = |asym: &AsymAlgorithm| PROVIDER.check_key(*asym, key).is_ok();
    candidates.into_iter().find(fits).map(|asym| (asym, hash))
}
