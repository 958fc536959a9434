//! Makes certificates.

use core::str::FromStr as _;
use core::time::Duration;
use std::sync::Arc;

use der::asn1::{
    Any, BitString, GeneralizedTime, ObjectIdentifier, OctetString, UintRef, Utf8StringRef,
};
use der::{Encode, Sequence};
use signature::{Keypair, Signer};
use spdm_codec::PciIdentity;
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{
    AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, RsaBits, RsaScheme, Sign, SignError, Signed,
};
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder, Error as BuilderError};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, Document, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::config::DmtfName;
use crate::error::{DeviceError, EncodingError};

/// What a certificate says besides names and keys.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'a> {
    /// A certificate authority.
    Authority,
    /// The device certificate CA of the alias model.
    DeviceAuthority,
    /// The leaf of the device model.
    Device(&'a Names<'a>),
    /// The leaf of the alias model.
    Alias(&'a Names<'a>),
    /// The leaf of a Requester.
    Requester,
}

/// The names of a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) dmtf: Option<&'a DmtfName>,
    pub(crate) pci: Option<&'a PciIdentity>,
}

/// Seconds since 1970, both inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Valid {
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
}

/// Who issues a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Issuer<'a> {
    /// A name of this device's own, by its common name.
    Own(&'a str),
    /// Somebody else's.
    Named(&'a Name),
}

/// One certificate to be made; the subject is a common name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template<'a> {
    pub(crate) subject: &'a str,
    pub(crate) key_info: &'a [u8],
    pub(crate) issuer: Issuer<'a>,
    pub(crate) signer: &'a SoftwareKey,
    pub(crate) serial: &'a [u8],
    pub(crate) valid: Valid,
    pub(crate) role: Role<'a>,
}

impl Template<'_> {
    /// The certificate in DER.
    pub(crate) fn sign(&self) -> Result<Vec<u8>, DeviceError> {
        self.build().map_err(|error| match error {
            BuilderError::Asn1(error) => DeviceError::Encode(EncodingError(error.kind())),
            BuilderError::Signature(_) => SignError::Failed.into(),
            _ => DeviceError::Encode(EncodingError(der::ErrorKind::Failed)),
        })
    }

    fn build(&self) -> Result<Vec<u8>, BuilderError> {
        let profile = MintedProfile {
            subject: name(self.subject)?,
            issuer: match self.issuer {
                Issuer::Own(common_name) => name(common_name)?,
                Issuer::Named(name) => name.clone(),
            },
            extensions: self.role.extensions()?,
        };
        let serial = SerialNumber::new(self.serial)?;
        let validity = Validity::new(time(self.valid.not_before)?, time(self.valid.not_after)?);
        let key = SubjectPublicKeyInfoOwned::try_from(self.key_info)
            .map_err(|_| der::Error::from(der::ErrorKind::Failed))?;
        let builder = CertificateBuilder::new(profile, serial, validity, key)?;
        let signer = CertificateSigner::new(self.signer);
        let certificate = builder.build::<_, CertificateSignature>(&signer)?;
        Ok(certificate.to_der()?)
    }
}

/// A certification request (PKCS #10) that asks for the extensions of a role.
pub(crate) fn certification_request(
    signer: &CertificateSigner,
    subject: Name,
    role: &Role<'_>,
) -> Result<Vec<u8>, DeviceError> {
    let build = || {
        let extensions = ExtensionReq(role.extensions()?);
        let mut attributes = x509_cert::attr::Attributes::default();
        attributes.insert(extensions.try_into()?)?;
        let public_key = SubjectPublicKeyInfoOwned::try_from(signer.spki.as_slice())
            .map_err(|_| der::Error::from(der::ErrorKind::Failed))?;
        Ok(CertReqInfo { version: Version::V1, subject, public_key, attributes })
    };
    let encode = |error: der::Error| DeviceError::Encode(EncodingError(error.kind()));
    let info = build().map_err(encode)?;
    let signed = info.to_der().map_err(encode)?;
    let signature = signer.sign(&signed).map_err(|_| SignError::Failed)?;
    let signature = BitString::from_bytes(&signature).map_err(encode)?;
    CertReq { info, algorithm: signer.identifier(), signature }.to_der().map_err(encode)
}

pub(crate) fn name(common_name: &str) -> der::Result<Name> {
    Name::from_str(&format!("CN={common_name},O=SPDM emulator"))
}

fn time(unix: u64) -> der::Result<Time> {
    Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(Duration::from_secs(unix))?))
}

const PCI_CMA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.147");
const DEVICE_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.412.274.1");
const HARDWARE_IDENTITY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.412.274.2");
const RESPONDER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.412.274.3");
const REQUESTER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.412.274.4");
const MUTABLE_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.412.274.5");
const SPDM_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.412.274.6");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

impl Role<'_> {
    fn extensions(&self) -> der::Result<Vec<Extension>> {
        let ca = matches!(self, Self::Authority | Self::DeviceAuthority);
        let constraints = BasicConstraints { ca, path_len_constraint: None };
        let usage = match self {
            Self::Authority | Self::DeviceAuthority => {
                KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)
            }
            Self::Device(_) | Self::Alias(_) | Self::Requester => {
                KeyUsage(KeyUsages::DigitalSignature.into())
            }
        };
        let mut extensions = vec![
            critical(extension(BASIC_CONSTRAINTS, &constraints)?),
            critical(extension(KEY_USAGE, &usage)?),
        ];
        if let Self::Device(names) | Self::Alias(names) = self {
            extensions
                .push(extension(EXTENDED_KEY_USAGE, &ExtendedKeyUsage(vec![RESPONDER_AUTH]))?);
            let names = names.general_names()?;
            if !names.is_empty() {
                extensions.push(extension(SUBJECT_ALT_NAME, &SubjectAltName(names))?);
            }
        }
        match self {
            Self::Authority => {}
            Self::Requester => {
                extensions
                    .push(extension(EXTENDED_KEY_USAGE, &ExtendedKeyUsage(vec![REQUESTER_AUTH]))?);
            }
            Self::DeviceAuthority | Self::Device(_) => {
                extensions.push(extension(SPDM_EXTENSION, &vec![vec![HARDWARE_IDENTITY]])?);
            }
            Self::Alias(_) => {
                extensions.push(extension(SPDM_EXTENSION, &vec![vec![MUTABLE_CERTIFICATE]])?);
            }
        }
        Ok(extensions)
    }
}

impl Names<'_> {
    fn general_names(&self) -> der::Result<Vec<GeneralName>> {
        let dmtf = self.dmtf.map(|name| (DEVICE_INFO, name.to_string()));
        let pci = self.pci.map(|identity| (PCI_CMA, identity.to_string()));
        dmtf.into_iter().chain(pci).map(|(oid, text)| other_name(oid, &text)).collect()
    }
}

fn other_name(type_id: ObjectIdentifier, text: &str) -> der::Result<GeneralName> {
    let value = Any::encode_from(&Utf8StringRef::new(text)?)?;
    Ok(GeneralName::OtherName(OtherName { type_id, value }))
}

fn extension(extn_id: ObjectIdentifier, value: &impl Encode) -> der::Result<Extension> {
    let extn_value = OctetString::new(value.to_der()?)?;
    Ok(Extension { extn_id, critical: false, extn_value })
}

fn critical(extension: Extension) -> Extension {
    Extension { critical: true, ..extension }
}

struct MintedProfile {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for MintedProfile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> Result<Vec<Extension>, BuilderError> {
        let own = SubjectKeyIdentifier::try_from(key)?;
        let issuer = AuthorityKeyIdentifier {
            key_identifier: Some(SubjectKeyIdentifier::try_from(issuer_key)?.0),
            ..AuthorityKeyIdentifier::default()
        };
        let mut extensions = self.extensions.clone();
        extensions.push(extension(SUBJECT_KEY_IDENTIFIER, &own)?);
        extensions.push(extension(AUTHORITY_KEY_IDENTIFIER, &issuer)?);
        Ok(extensions)
    }
}

/// A key in the role of a certificate's signer: RSA with PKCS#1 padding, and the hash that fits the key.
pub(crate) struct CertificateSigner {
    key: Arc<dyn Sign>,
    spki: Vec<u8>,
    hash: HashAlgorithm,
    signature_algorithm: ObjectIdentifier,
}

impl CertificateSigner {
    pub(crate) fn new(key: &SoftwareKey) -> Self {
        let spki = key.to_spki_der();
        let key = key.with_scheme(RsaScheme::Pkcs1).unwrap_or_else(|| key.clone());
        Self::of(Arc::new(key), spki)
    }

    /// A key that is elsewhere, and its SubjectPublicKeyInfo.
    pub(crate) fn of(key: Arc<dyn Sign>, spki: Vec<u8>) -> Self {
        let (hash, signature_algorithm) = match key.algorithm() {
            AsymAlgorithm::Ecdsa(EcCurve::P384) => {
                (HashAlgorithm::Sha384, ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"))
            }
            AsymAlgorithm::Ecdsa(EcCurve::P521) => {
                (HashAlgorithm::Sha512, ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"))
            }
            AsymAlgorithm::Rsa(_, RsaBits::B2048) => {
                (HashAlgorithm::Sha256, ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"))
            }
            AsymAlgorithm::Rsa(..) => {
                (HashAlgorithm::Sha384, ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"))
            }
            AsymAlgorithm::Ed25519 => {
                (HashAlgorithm::Sha512, ObjectIdentifier::new_unwrap("1.3.101.112"))
            }
            // RFC 9881 §2: pure ML-DSA, with an empty context string.
            AsymAlgorithm::MlDsa(set) => (HashAlgorithm::Sha512, ml_dsa(set)),
            _ => (HashAlgorithm::Sha256, ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2")),
        };
        Self { key, spki, hash, signature_algorithm }
    }

    fn identifier(&self) -> AlgorithmIdentifierOwned {
        let parameters = match self.key.algorithm() {
            AsymAlgorithm::Rsa(..) => Some(Any::null()),
            _ => None,
        };
        AlgorithmIdentifierOwned { oid: self.signature_algorithm, parameters }
    }

    /// A signature as certificates carry it.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let algorithm = self.key.algorithm();
        let mut out = vec![0; algorithm.signature_len()];
        let signed = Signed::Message { bytes: message, context: &[] };
        self.key.sign(self.hash, signed, &mut out).map_err(|_| signature::Error::new())?;
        match algorithm {
            AsymAlgorithm::Ecdsa(_) => ecdsa_der(&out).map_err(|_| signature::Error::new()),
            _ => Ok(out),
        }
    }
}

const fn ml_dsa(set: MlDsaSet) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(match set {
        MlDsaSet::P44 => "2.16.840.1.101.3.4.3.17",
        MlDsaSet::P65 => "2.16.840.1.101.3.4.3.18",
        MlDsaSet::P87 => "2.16.840.1.101.3.4.3.19",
    })
}

/// A DER SubjectPublicKeyInfo.
#[derive(Clone)]
pub(crate) struct SpkiDer(Vec<u8>);

impl EncodePublicKey for SpkiDer {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl Keypair for CertificateSigner {
    type VerifyingKey = SpkiDer;

    fn verifying_key(&self) -> SpkiDer {
        SpkiDer(self.spki.clone())
    }
}

impl DynSignatureAlgorithmIdentifier for CertificateSigner {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(self.identifier())
    }
}

/// A signature as certificates carry it.
struct CertificateSignature(Vec<u8>);

impl SignatureBitStringEncoding for CertificateSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

impl Signer<CertificateSignature> for CertificateSigner {
    fn try_sign(&self, message: &[u8]) -> Result<CertificateSignature, signature::Error> {
        self.sign(message).map(CertificateSignature)
    }
}

/// `ECDSA-Sig-Value` (RFC 3279 §2.2.3).
#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// r and s of fixed size as DER.
pub(crate) fn ecdsa_der(signature: &[u8]) -> der::Result<Vec<u8>> {
    let (r, s) = signature.split_at(signature.len() / 2);
    EcdsaSigValue { r: UintRef::new(r)?, s: UintRef::new(s)? }.to_der()
}
