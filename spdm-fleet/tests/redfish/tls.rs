//! Services over TLS.

use core::str::FromStr as _;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePrivateKey as _;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
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

use crate::{SHORT, TIME, controller, request};

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
        Self::serving(named, controller())
    }

    /// With the answers of a controller.
    fn serving(named: bool, controller: Controller) -> Self {
        Self::with(named, move |stream| {
            // A client may hang up.
            drop(controller.serve(stream));
        })
    }

    fn with(
        named: bool,
        serve: impl Fn(&mut StreamOwned<ServerConnection, TcpStream>) + Send + Sync + 'static,
    ) -> Self {
        let key = |byte| SigningKey::from_slice(&[byte; 32]).unwrap();
        let (signer, own) = (key(1), key(2));
        let authority = certificate(Kind::Authority, &signer, &signer);
        let certificate = certificate(Kind::Service { named }, &own, &signer).to_der().unwrap();
        let private = PrivatePkcs8KeyDer::from(own.to_pkcs8_der().unwrap().as_bytes().to_vec());
        let chain = vec![CertificateDer::from(certificate.clone())];
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, private.into())
            .unwrap();
        let config = Arc::new(config);
        let service = Service::start(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(&mut StreamOwned::new(connection, stream));
        });
        Self { service, certificate, authority: authority.to_pem(LineEnding::LF).unwrap() }
    }

    fn evidence(
        &self,
        credentials: &str,
        authorities: Authorities,
    ) -> Result<Vec<u8>, RedfishError> {
        self.evidence_within(TIME, credentials, authorities)
    }

    fn evidence_within(
        &self,
        time: Duration,
        credentials: &str,
        authorities: Authorities,
    ) -> Result<Vec<u8>, RedfishError> {
        let credentials = Credentials::read(credentials.as_bytes()).unwrap();
        let access = Access::new(credentials, authorities, &PROVIDER).unwrap();
        let path = Controller::path("GPU_0");
        let target = format!("redfish://127.0.0.1:{}{path}", self.service.port());
        let target = RedfishTarget::parse(&target).unwrap().unwrap();
        collect(&access, &target, &request(), Deadline::after(time)).evidence
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
    let error = tls.evidence("{}", Authorities::none()).unwrap_err();
    assert_untrusted(&error);
    assert!(error.to_string().contains("no authority of --redfish-ca"), "{error}");
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

/// What the system takes for an address, and no certificate can name.
#[test]
fn f19_a_host_that_no_certificate_can_name_is_not_believed() {
    let tls = Tls::start(true);
    let access = Access::new(Credentials::default(), tls.authorities(), &PROVIDER).unwrap();
    let target = format!("redfish://127.1:{}{}", tls.service.port(), Controller::path("GPU_0"));
    let target = RedfishTarget::parse(&target).unwrap().unwrap();
    let collected = collect(&access, &target, &request(), Deadline::after(TIME));
    assert_untrusted(&collected.evidence.unwrap_err());
}

/// In the handshake, and behind it.
#[test]
fn f19_a_service_over_tls_that_does_not_answer_is_unreachable() {
    let silent = Service::start(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let silent = Tls { service: silent, certificate: Vec::new(), authority: String::new() };
    let line = format!("GET {}", Controller::path("GPU_0"));
    let late = Tls::serving(true, Controller { unanswered: vec![line], ..controller() });
    let begun = Instant::now();
    for (tls, credentials) in [(&silent, "{}"), (&late, late.pin().as_str())] {
        let error = tls.evidence_within(SHORT, credentials, Authorities::none()).unwrap_err();
        assert!(matches!(error, RedfishError::Timeout { .. }), "{error:?}");
    }
    assert!(begun.elapsed() < TIME / 2);
}

/// Shows a certificate and signs with another key.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn f19_a_certificate_without_its_key_is_not_believed() {
    let genuine = Tls::start(true);
    let other = SigningKey::from_slice(&[3; 32]).unwrap();
    let other = PrivatePkcs8KeyDer::from(other.to_pkcs8_der().unwrap().as_bytes().to_vec());
    let key = ring::sign::any_ecdsa_type(&other.into()).unwrap();
    let chain = vec![CertificateDer::from(genuine.certificate.clone())];
    let shown: Arc<dyn ResolvesServerCert> =
        Arc::new(Impostor(Arc::new(CertifiedKey::new(chain, key))));
    for version in [&TLS12, &TLS13] {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let config = Arc::new(config.with_cert_resolver(Arc::clone(&shown)));
        let impostor = controller();
        let service = Service::start(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            drop(impostor.serve(&mut StreamOwned::new(connection, stream)));
        });
        let (certificate, authority) = (genuine.certificate.clone(), genuine.authority.clone());
        let tls = Tls { service, certificate, authority };
        assert_untrusted(&tls.evidence(&tls.pin(), Authorities::none()).unwrap_err());
        assert_untrusted(&tls.evidence("{}", tls.authorities()).unwrap_err());
    }
}

#[test]
fn f19_half_an_answer_over_tls_is_none() {
    let tls = Tls::with(true, |stream| {
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n{").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    let begun = Instant::now();
    let error = tls.evidence(&tls.pin(), Authorities::none()).unwrap_err();
    assert_ne!(error.finding().kind, OutcomeKind::Verified, "{error}");
    assert!(!matches!(error, RedfishError::Timeout { .. }), "{error:?}");
    assert!(begun.elapsed() < TIME / 2);
}

#[test]
fn a_file_of_authorities_holds_nothing_else() {
    let read = |pem: &str| Authorities::read(pem.as_bytes()).unwrap_err();
    assert_eq!(read(""), AuthorityError::Empty);
    assert_eq!(read("-----BEGIN CERTIFICATE-----\nAA"), AuthorityError::Pem);
    let broken = read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(broken, AuthorityError::Certificate { number: 1, .. }), "{broken:?}");
}
