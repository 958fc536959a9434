//! Services over TLS.

use core::str::FromStr as _;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePrivateKey as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{HashAlgorithm, Provider};
use spdm_fleet::redfish::{
    Access, Authorities, AuthorityError, Credentials, Deadline, RedfishError, RedfishTarget,
    collect,
};
use spdm_fleet::{Fault, OutcomeKind};
use test_redfish::{Controller, Service};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{Ia5String, OctetString, UtcTime};
use x509_cert::der::{Encode as _, EncodePem as _, pem::LineEnding};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, builder};

use crate::{TIME, controller, request};

/// What a certificate is for.
enum Kind {
    Authority,
    /// Of 127.0.0.1, where it names it.
    Service {
        named: bool,
    },
}

impl BuilderProfile for Kind {
    fn get_issuer(&self, _: &Name) -> Name {
        Name::from_str("CN=authority").unwrap()
    }

    fn get_subject(&self) -> Name {
        Name::from_str(match self {
            Self::Authority => "CN=authority",
            Self::Service { .. } => "CN=controller",
        })
        .unwrap()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let subject = tbs.subject();
        Ok(match self {
            Self::Authority => {
                let ca = BasicConstraints { ca: true, path_len_constraint: None };
                vec![ca.to_extension(subject, &[])?]
            }
            Self::Service { named } => {
                let name = match named {
                    true => GeneralName::IpAddress(OctetString::new([127, 0, 0, 1])?),
                    false => GeneralName::DnsName(Ia5String::new("other")?),
                };
                vec![SubjectAltName(vec![name]).to_extension(subject, &[])?]
            }
        })
    }
}

fn certificate(kind: Kind, of: &SigningKey, signer: &SigningKey) -> Certificate {
    let key = x509_cert::spki::SubjectPublicKeyInfoOwned::from_key(of.verifying_key()).unwrap();
    let time = |seconds| Time::UtcTime(UtcTime::from_unix_duration(seconds).unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let hour = Duration::from_secs(3600);
    let validity = Validity::new(time(now - hour), time(now + hour));
    let builder = CertificateBuilder::new(kind, SerialNumber::from(1u32), validity, key).unwrap();
    builder.build::<_, DerSignature>(signer).unwrap()
}

/// A service over TLS, its certificate, and the authority that signed it.
struct Tls {
    service: Service,
    certificate: Vec<u8>,
    authority: String,
}

impl Tls {
    fn start(named: bool) -> Self {
        let key = |byte| SigningKey::from_slice(&[byte; 32]).unwrap();
        let (signer, own) = (key(1), key(2));
        let authority = certificate(Kind::Authority, &signer, &signer);
        let certificate = certificate(Kind::Service { named }, &own, &signer).to_der().unwrap();
        let private = PrivatePkcs8KeyDer::from(own.to_pkcs8_der().unwrap().as_bytes().to_vec());
        let chain = vec![CertificateDer::from(certificate.clone())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, private.into())
            .unwrap();
        let (config, controller) = (Arc::new(config), controller());
        let service = Service::start(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client may hang up.
            drop(controller.serve(&mut StreamOwned::new(connection, stream)));
        });
        Self { service, certificate, authority: authority.to_pem(LineEnding::LF).unwrap() }
    }

    fn evidence(
        &self,
        credentials: &str,
        authorities: Authorities,
    ) -> Result<Vec<u8>, RedfishError> {
        let credentials = Credentials::read(credentials.as_bytes()).unwrap();
        let access = Access::new(credentials, authorities, &PROVIDER).unwrap();
        let path = Controller::path("GPU_0");
        let target = format!("redfish://127.0.0.1:{}{path}", self.service.port());
        let target = RedfishTarget::parse(&target).unwrap().unwrap();
        collect(&access, &target, &request(), Deadline::after(TIME)).evidence
    }

    fn authorities(&self) -> Authorities {
        Authorities::read(self.authority.as_bytes()).unwrap()
    }

    fn pin(&self) -> String {
        let provider: &Provider = &PROVIDER;
        let digest = provider.hash.digest(HashAlgorithm::Sha256, &[&self.certificate]).unwrap();
        pinned(&hex::encode(digest.as_bytes()))
    }
}

fn pinned(digest: &str) -> String {
    format!(r#"{{"hosts": {{"127.0.0.1": {{"certificate_sha256": "{digest}"}}}}}}"#)
}

fn assert_untrusted(error: &RedfishError) {
    assert!(matches!(error, RedfishError::Tls { .. }), "{error:?}");
    let finding = error.finding();
    let expected = (OutcomeKind::Undecidable, Fault::Configuration, false);
    assert_eq!((finding.kind, finding.fault, finding.passing), expected);
}

#[test]
fn a_service_is_believed_that_an_authority_or_a_pin_names() {
    let tls = Tls::start(true);
    assert!(tls.evidence("{}", tls.authorities()).is_ok());
    assert!(tls.evidence(&tls.pin(), Authorities::none()).is_ok());
    // A pin is enough where the certificate has another name: that is what pins are for.
    let other = Tls::start(false);
    assert!(other.evidence(&other.pin(), Authorities::none()).is_ok());
}

#[test]
fn f19_a_service_is_not_believed_without_authority_or_with_another_certificate() {
    let tls = Tls::start(true);
    assert_untrusted(&tls.evidence("{}", Authorities::none()).unwrap_err());
    let other = Tls::start(false);
    assert_untrusted(&other.evidence("{}", other.authorities()).unwrap_err());
    // A pin that does not fit is not helped by an authority.
    let wrong = pinned(&"00".repeat(32));
    assert_untrusted(&tls.evidence(&wrong, tls.authorities()).unwrap_err());
    assert_untrusted(&tls.evidence(&other.pin(), tls.authorities()).unwrap_err());
}

#[test]
fn f19_clear_text_where_tls_should_be_brings_nothing() {
    let service = Service::start(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        // Until the client hangs up.
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let tls = Tls { service, certificate: Vec::new(), authority: String::new() };
    assert_untrusted(&tls.evidence("{}", Authorities::none()).unwrap_err());
}

#[test]
fn a_file_of_authorities_holds_nothing_else() {
    let read = |pem: &str| Authorities::read(pem.as_bytes()).unwrap_err();
    assert_eq!(read(""), AuthorityError::Empty);
    assert_eq!(read("-----BEGIN CERTIFICATE-----\nAA"), AuthorityError::Pem);
    let broken = read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(broken, AuthorityError::Certificate { number: 1, .. }), "{broken:?}");
}
