//! A public key in a file.

use spdm_untrusted::Untrusted;
use spdm_x509::X509Certificate;

use crate::certificate_list::CertificateList;
use crate::error::Error;
use crate::{pem, text};

const LABEL: &str = "PUBLIC KEY";

/// The DER SubjectPublicKeyInfo in a file: in PEM or DER, or base64 of one of them, or that of the only certificate in it.
/// Whether it is a key at all is not looked at.
///
/// # Errors
/// [`Error::Pem`] for a damaged block, [`Error::NoPublicKey`] where there is none, or more than one.
pub fn public_key(file: &[u8]) -> Result<Vec<u8>, Error> {
    let found = text::unwrapped(file, &|bytes| match pem::is_pem(bytes) {
        true => Some(of_pem(bytes)),
        false if bytes.starts_with(&[0x30]) => Some(of_der(bytes)),
        false => None,
    });
    found.unwrap_or(Err(Error::NoPublicKey { labels: Vec::new() }))
}

fn of_pem(text: &[u8]) -> Result<Vec<u8>, Error> {
    let blocks = pem::blocks(text)?;
    let labels = || Error::NoPublicKey { labels: blocks.iter().map(pem::Block::label).collect() };
    let mut keys = blocks.iter().filter(|block| block.label() == LABEL);
    match (keys.next(), keys.next()) {
        (Some(key), None) => key.der(),
        (None, _) if blocks.iter().any(pem::Block::is_certificate) => {
            of_certificate(&CertificateList::from_pem(text)?)
        }
        _ => Err(labels()),
    }
}

fn of_der(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    match CertificateList::recognise(bytes) {
        Some(list) => of_certificate(&list?),
        None => Ok(bytes.to_vec()),
    }
}

/// Of several certificates none is the obvious one.
fn of_certificate(list: &CertificateList) -> Result<Vec<u8>, Error> {
    let none =
        || Error::NoPublicKey { labels: vec!["CERTIFICATE".to_owned(); list.certificates().len()] };
    let [der] = list.certificates() else { return Err(none()) };
    let certificate = X509Certificate::parse(Untrusted::new(der.as_slice()));
    certificate.map(|certificate| certificate.key_info().to_vec()).map_err(|_| none())
}
