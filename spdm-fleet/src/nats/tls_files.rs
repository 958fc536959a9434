//! The files of TLS: who is believed, and who asks.

use core::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_nats::rustls::crypto::ring::default_provider;
use async_nats::rustls::pki_types::pem::PemObject as _;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use async_nats::rustls::sign::CertifiedKey;

use super::NatsAccess;

/// A file of [`NatsAccess`] that is not what it should be.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a file, and what is wrong with it")]
pub struct NatsFileError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: NatsFileProblem,
}

/// What is wrong with a file of [`NatsAccess`].
#[derive(Debug)]
#[non_exhaustive]
pub enum NatsFileProblem {
    /// It cannot be read.
    Unreadable(io::Error),
    /// There is no certificate in it.
    NoCertificate,
    /// There is no key in it.
    NoKey,
    /// The key is not that of the certificate in this file.
    OtherKey(PathBuf),
}

impl fmt::Display for NatsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match &self.why {
            NatsFileProblem::Unreadable(error) => error.fmt(f),
            NatsFileProblem::NoCertificate => f.write_str("expected certificates in PEM"),
            NatsFileProblem::NoKey => f.write_str("expected a private key in PEM"),
            NatsFileProblem::OtherKey(certificate) => {
                write!(f, "it is not the key of the certificate in {}", certificate.display())
            }
        }
    }
}

impl core::error::Error for NatsFileError {}

impl NatsAccess {
    /// Reads the files of TLS, and says which one is not what it should be. Nothing is connected.
    ///
    /// # Errors
    /// [`NatsFileError`].
    pub fn check_files(&self) -> Result<(), NatsFileError> {
        if let Some(roots) = &self.roots {
            drop(certificates(roots)?);
        }
        let Some((certificate, key_file)) = &self.identity else { return Ok(()) };
        let chain = certificates(certificate)?;
        let of_key = |why| NatsFileError { file: key_file.clone(), why };
        let bytes = read(key_file)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes);
        let key = key.map_err(|_| of_key(NatsFileProblem::NoKey))?;
        CertifiedKey::from_der(chain, key, &default_provider())
            .map_err(|_| of_key(NatsFileProblem::OtherKey(certificate.clone())))?;
        Ok(())
    }
}

fn read(file: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, NatsFileError> {
    let unreadable =
        |error| NatsFileError { file: file.to_owned(), why: NatsFileProblem::Unreadable(error) };
    fs::read(file).map(Into::into).map_err(unreadable)
}

/// The certificates in a file, at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, NatsFileError> {
    let bytes = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| NatsFileError { file: file.to_owned(), why: NatsFileProblem::NoCertificate })
}
