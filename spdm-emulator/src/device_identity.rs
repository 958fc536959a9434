//! A private key and its certificate chain.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use der::asn1::AnyRef;
use der::{Decode as _, Encode as _};
use spdm_codec::{CertChain, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, RsaScheme, Sign};
use x509_cert::Certificate;

use crate::error::IdentityError;
use crate::mint::CertificateSigner;
use crate::pem_blocks::blocks;
use crate::private_key;

/// A private key and the certificates that lead to it, root side first.
#[derive(Clone, Debug)]
pub struct DeviceIdentity {
    key: LeafKey,
    certificates: Vec<Vec<u8>>,
    /// `RootHash` of a chain without its root; else it is computed from the first certificate.
    root_hash: Option<Vec<u8>>,
}

/// What signs for the leaf.
#[derive(Clone, Debug)]
enum LeafKey {
    Software(Box<SoftwareKey>),
    /// A key that is elsewhere, and the DER SubjectPublicKeyInfo of the leaf.
    Signer(Arc<dyn Sign>, Vec<u8>),
}

impl DeviceIdentity {
    /// Combines a key with its DER certificates, root first, leaf last.
    ///
    /// # Errors
    /// [`IdentityError::Chain`] where there is no certificate or one does not parse,
    /// [`IdentityError::KeyMismatch`] where the leaf holds another key.
    pub fn new(key: SoftwareKey, certificates: Vec<Vec<u8>>) -> Result<Self, IdentityError> {
        let mut leaf = None;
        for der in &certificates {
            leaf = Some(Certificate::from_der(der).map_err(|_| IdentityError::Chain)?);
        }
        let leaf = leaf.ok_or(IdentityError::Chain)?;
        let info = leaf.tbs_certificate().subject_public_key_info();
        if info.subject_public_key.raw_bytes() != key.public_key() {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { key: LeafKey::Software(Box::new(key)), certificates, root_hash: None })
    }

    /// Combines a key that is elsewhere, such as in a security module, with the DER certificates of its device, root
    /// first, leaf last. Whether it is the leaf's key shows only in the signatures.
    ///
    /// # Errors
    /// [`IdentityError::Chain`] where there is no certificate or the leaf does not parse.
    pub fn with_signer(
        signer: Arc<dyn Sign>,
        certificates: Vec<Vec<u8>>,
    ) -> Result<Self, IdentityError> {
        let leaf = certificates.last().ok_or(IdentityError::Chain)?;
        let leaf = Certificate::from_der(leaf).map_err(|_| IdentityError::Chain)?;
        let info = leaf.tbs_certificate().subject_public_key_info();
        let spki = info.to_der().map_err(|_| IdentityError::Chain)?;
        Ok(Self { key: LeafKey::Signer(signer, spki), certificates, root_hash: None })
    }

    /// Loads a folder with two files:
    ///
    /// * `key.der` or `key.pem`: the leaf's private key in PKCS #8, SEC1 or PKCS #1, not encrypted;
    /// * `chain.pem`: the certificates, root first, leaf last; or `chain.bin`: a certificate chain structure
    ///   as GET_CERTIFICATE delivers it. Where its root is left out, the device offers only hash algorithms
    ///   whose digest is as long as the `RootHash` in it.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = path.as_ref();
        let (file, bytes) = read_one(path, ["key.der", "key.pem"])?;
        let key = private_key::read(file, &bytes)?;
        let (file, bytes) = read_one(path, ["chain.pem", "chain.bin"])?;
        match file {
            "chain.pem" => Self::new(key, certificates_of_pem(file, &bytes)?),
            _ => Self::with_structure(key, &bytes),
        }
    }

    fn with_structure(key: SoftwareKey, structure: &[u8]) -> Result<Self, IdentityError> {
        // The structure does not say how long its RootHash is.
        for hash in HashAlgorithm::ALL {
            let split = structure
                .split_at_checked(CertChain::HEADER_LEN)
                .and_then(|(_, rest)| rest.split_at_checked(hash.digest_len()));
            let Some((root_hash, rest)) = split else { continue };
            let Some(certificates) = split_certificates(rest) else { continue };
            let identity = Self::new(key.clone(), certificates)?;
            let first = identity.certificates.first().map(Vec::as_slice).unwrap_or_default();
            let is_root = HashAlgorithm::ALL.into_iter().any(|hash| {
                PROVIDER.hash.digest(hash, &[first]).is_ok_and(|d| d.as_bytes() == root_hash)
            });
            let root_hash = (!is_root).then(|| root_hash.to_vec());
            return Ok(Self { root_hash, ..identity });
        }
        Err(IdentityError::Chain)
    }

    /// The private key in a file: PKCS #8, SEC1 or PKCS #1, in PEM or DER, not encrypted. `file` is what errors call it.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn private_key(file: &'static str, bytes: &[u8]) -> Result<SoftwareKey, IdentityError> {
        private_key::read(file, bytes)
    }

    /// The key's algorithm; an RSA key serves both schemes.
    #[must_use]
    pub fn algorithm(&self) -> AsymAlgorithm {
        self.signer().algorithm()
    }

    /// The DER certificates, root side first.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    pub(crate) fn signer(&self) -> &dyn Sign {
        match &self.key {
            LeafKey::Software(key) => &**key,
            LeafKey::Signer(signer, _) => &**signer,
        }
    }

    /// The leaf's public key as DER SubjectPublicKeyInfo.
    pub(crate) fn spki_der(&self) -> Vec<u8> {
        match &self.key {
            LeafKey::Software(key) => key.to_spki_der(),
            LeafKey::Signer(_, spki) => spki.clone(),
        }
    }

    /// Whether `RootHash` can be had with this hash.
    pub(crate) fn supports(&self, hash: HashAlgorithm) -> bool {
        self.root_hash.as_ref().is_none_or(|root_hash| root_hash.len() == hash.digest_len())
    }

    /// The certificate chain structure (DSP0274 §Certificates and certificate chains).
    pub(crate) fn chain(&self, hash: HashAlgorithm, version: SpdmVersion) -> Vec<u8> {
        let root_hash = match (&self.root_hash, self.certificates.first()) {
            (Some(root_hash), _) => root_hash.clone(),
            (None, Some(root)) => digest(hash, root),
            (None, None) => Vec::new(),
        };
        structure(&root_hash, &self.certificates, version)
    }

    /// The same key with other certificates.
    pub(crate) fn with_certificates(&self, certificates: Vec<Vec<u8>>) -> Self {
        Self { key: self.key.clone(), certificates, root_hash: None }
    }

    /// The key as it signs certification requests.
    pub(crate) fn certificate_signer(&self) -> CertificateSigner {
        match &self.key {
            LeafKey::Software(key) => CertificateSigner::new(key),
            LeafKey::Signer(signer, spki) => CertificateSigner::of(signer.clone(), spki.clone()),
        }
    }

    /// An identity of certificates that were just made; none for a key that is provisioned without a chain.
    pub(crate) fn made(key: SoftwareKey, certificates: Vec<Vec<u8>>) -> Self {
        Self { key: LeafKey::Software(Box::new(key)), certificates, root_hash: None }
    }

    /// The same RSA key with this scheme; `None` of other keys, and of one that is elsewhere: it knows its scheme.
    pub(crate) fn with_scheme(&self, scheme: RsaScheme) -> Option<Self> {
        let LeafKey::Software(key) = &self.key else { return None };
        let key = key.with_scheme(scheme)?;
        Some(Self { key: LeafKey::Software(Box::new(key)), ..self.clone() })
    }
}

/// The certificate chain structure of these certificates.
pub(crate) fn structure(
    root_hash: &[u8],
    certificates: &[Vec<u8>],
    version: SpdmVersion,
) -> Vec<u8> {
    let certificates = certificates.concat();
    let mut out = vec![0; CertChain::HEADER_LEN + root_hash.len() + certificates.len()];
    let chain = CertChain { root_hash, certificates: &certificates };
    let len = chain.encode(version, &mut out).unwrap_or_default();
    out.truncate(len);
    out
}

fn digest(hash: HashAlgorithm, bytes: &[u8]) -> Vec<u8> {
    let digest = PROVIDER.hash.digest(hash, &[bytes]);
    digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
}

fn read_one(
    path: &Path,
    files: [&'static str; 2],
) -> Result<(&'static str, Vec<u8>), IdentityError> {
    for file in files {
        match fs::read(path.join(file)) {
            Ok(bytes) => return Ok((file, bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(IdentityError::Read { file, kind: error.kind() }),
        }
    }
    Err(IdentityError::Missing { files })
}

/// The certificates of a bundle. Other blocks, such as the key, may stand beside them.
fn certificates_of_pem(file: &'static str, pem: &[u8]) -> Result<Vec<Vec<u8>>, IdentityError> {
    let damaged = IdentityError::Pem { file };
    let blocks = blocks(pem).unwrap_or_else(|| Some(Vec::new())).ok_or_else(|| damaged.clone())?;
    let certificates = blocks.into_iter().filter(|block| block.label == "CERTIFICATE");
    certificates.map(|block| block.der.ok_or_else(|| damaged.clone())).collect()
}

/// Certificates that lie back to back.
pub(crate) fn split_certificates(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut certificates = Vec::new();
    while !bytes.is_empty() {
        let (_, rest) = AnyRef::from_der_partial(bytes).ok()?;
        let (der, _) = bytes.split_at_checked(bytes.len() - rest.len())?;
        Certificate::from_der(der).ok()?;
        certificates.push(der.to_vec());
        bytes = rest;
    }
    (!certificates.is_empty()).then_some(certificates)
}
