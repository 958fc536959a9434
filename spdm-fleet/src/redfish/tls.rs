//! TLS to services: whose certificate is believed.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use spdm_crypto::{HashAlgorithm, Provider};

use super::credentials::Credentials;

/// What is wrong with a file of authorities.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthorityError {
    /// It is no PEM.
    Pem,
    /// It holds no certificate.
    Empty,
    /// A certificate cannot be an authority.
    Certificate {
        /// Which, from 1.
        number: usize,
        /// Why.
        detail: String,
    },
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem => f.write_str("expected certificates in PEM"),
            Self::Empty => f.write_str("there is no certificate in it"),
            Self::Certificate { number, detail } => {
                write!(f, "certificate {number} is no authority: {detail}")
            }
        }
    }
}

impl core::error::Error for AuthorityError {}

/// Authorities that sign the certificates of services.
#[derive(Clone, Debug)]
pub struct Authorities(RootCertStore);

impl Default for Authorities {
    fn default() -> Self {
        Self::none()
    }
}

impl Authorities {
    /// None: every certificate has to be pinned.
    #[must_use]
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Reads a file of certificates in PEM.
    ///
    /// # Errors
    /// [`AuthorityError`]; nothing is passed over.
    pub fn read(pem: &[u8]) -> Result<Self, AuthorityError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let certificate = certificate.map_err(|_| AuthorityError::Pem)?;
            roots.add(certificate).map_err(|error| AuthorityError::Certificate {
                number: index + 1,
                detail: error.to_string(),
            })?;
        }
        if roots.is_empty() { Err(AuthorityError::Empty) } else { Ok(Self(roots)) }
    }
}

/// Believes the pinned certificate of a host, and for every other host what an authority signed for its name.
#[derive(Debug)]
struct ServiceVerifier {
    hash: Provider,
    /// SHA-256 of the certificate, by host.
    pinned: BTreeMap<String, [u8; 32]>,
    /// `None` without authorities.
    signed: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// How services are spoken to over TLS.
pub(super) fn config(
    credentials: &Credentials,
    authorities: Authorities,
    hash: &Provider,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let signed = (!authorities.0.is_empty())
        .then(|| signed_by(Arc::new(authorities.0), Arc::clone(&provider)))
        .transpose()?;
    let verifier = ServiceVerifier {
        hash: *hash,
        pinned: credentials.certificates().map(|(host, pin)| (host.to_owned(), pin)).collect(),
        signed,
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn signed_by(
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(roots, provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

impl ServerCertVerifier for ServiceVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(pin) = self.pinned.get(name.to_str().to_ascii_lowercase().as_str()) {
            let digest = self.hash.hash.digest(HashAlgorithm::Sha256, &[certificate]).ok();
            // A pin says which certificate it is: neither its name nor its age says more.
            return match digest.is_some_and(|digest| digest.as_bytes() == pin) {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(rustls::Error::General(
                    "its certificate is not the one of certificate_sha256".to_owned(),
                )),
            };
        }
        match &self.signed {
            Some(signed) => signed.verify_server_cert(certificate, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
