//! A certificate authority of one key, which signs what a device asks for.

use core::str::FromStr;
use core::time::Duration;

use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder, Error};
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier, OctetString, UtcTime};
use x509_cert::der::{DecodePem as _, Encode, EncodePem as _, pem::LineEnding};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, ExtensionReq};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

/// The authority.
pub(crate) struct SmallCa {
    key: SigningKey,
    name: Name,
    /// Its own certificate.
    pub(crate) root: String,
}

struct Profile {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> Result<Vec<Extension>, Error> {
        Ok(self.extensions.clone())
    }
}

fn critical(oid: &str, value: &impl Encode) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new_unwrap(oid),
        critical: true,
        extn_value: OctetString::new(value.to_der().unwrap()).unwrap(),
    }
}

impl SmallCa {
    /// An authority of this name.
    pub(crate) fn new(name: &str) -> Self {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let name = Name::from_str(&format!("CN={name}")).unwrap();
        let mut ca = Self { key, name: name.clone(), root: String::new() };
        let constraints = BasicConstraints { ca: true, path_len_constraint: None };
        let extensions = vec![
            critical("2.5.29.19", &constraints),
            critical("2.5.29.15", &KeyUsage(KeyUsages::KeyCertSign.into())),
        ];
        let spki = ca.key.verifying_key().to_public_key_der().unwrap();
        ca.root = ca.issue(name, extensions, spki.as_bytes());
        ca
    }

    fn issue(&self, subject: Name, extensions: Vec<Extension>, spki: &[u8]) -> String {
        let profile = Profile { subject, issuer: self.name.clone(), extensions };
        let year_2020 = UtcTime::from_unix_duration(Duration::from_secs(1_577_836_800)).unwrap();
        let year_2100 =
            GeneralizedTime::from_unix_duration(Duration::from_secs(4_102_444_800)).unwrap();
        let validity = Validity::new(Time::UtcTime(year_2020), Time::GeneralTime(year_2100));
        let key = SubjectPublicKeyInfoOwned::try_from(spki).unwrap();
        let serial = SerialNumber::new(&[7]).unwrap();
        let builder = CertificateBuilder::new(profile, serial, validity, key).unwrap();
        let certificate: Certificate = builder.build::<_, DerSignature>(&self.key).unwrap();
        certificate.to_pem(LineEnding::LF).unwrap()
    }

    /// The chain for what a device asks for, from the root on.
    pub(crate) fn sign(&self, csr: &str) -> String {
        let request = CertReq::from_pem(csr).unwrap();
        let mut extensions = Vec::new();
        for attribute in request.info.attributes.iter() {
            for value in attribute.values.iter() {
                let asked: ExtensionReq = value.decode_as().map(ExtensionReq).unwrap();
                extensions.extend(asked.0);
            }
        }
        let spki = request.info.public_key.to_der().unwrap();
        self.root.clone() + &self.issue(request.info.subject, extensions, &spki)
    }
}
