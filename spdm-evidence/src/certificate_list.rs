//! Lists of certificates, as vendors ship them, and the chain structure of DSP0274 that is made of them.

use pem_rfc7468::Decoder;
use spdm_crypto::{HashAlgorithm, Provider, Unsupported};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, X509Certificate};

use crate::error::Error;

const LABEL: &str = "CERTIFICATE";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// Bytes of Length and Reserved in front of RootHash.
const HEADER_LEN: usize = 4;

/// DER certificates of one chain, as vendors ship them: root or leaf first, with the root or without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateList(Vec<Vec<u8>>);

impl CertificateList {
    /// These certificates. None of them is looked at yet.
    #[must_use]
    pub const fn new(certificates: Vec<Vec<u8>>) -> Self {
        Self(certificates)
    }

    /// The certificates of a PEM bundle, in its order. Text around them is ignored.
    ///
    /// # Errors
    /// [`Error::Pem`] where there is none, or a block is damaged or no certificate.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        blocks(text).map(Self)
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The certificates.
    #[must_use]
    pub fn into_certificates(self) -> Vec<Vec<u8>> {
        self.0
    }

    /// The chain structure of DSP0274 (§Certificates and certificate chains): Length, RootHash, and the certificates
    /// from the root's side to the leaf.
    ///
    /// A list in which not every certificate is issued by the one before is taken to be leaf first. If it has no
    /// root, RootHash is that of the anchor that issued the first certificate; without such an anchor RootHash is
    /// zero, and no policy trusts the chain.
    ///
    /// # Errors
    /// [`Unsupported`] where the backend lacks the hash.
    pub fn to_structure(
        &self,
        anchors: &[Anchor<'_>],
        hash: HashAlgorithm,
        provider: &Provider,
    ) -> Result<Vec<u8>, Unsupported> {
        let mut ordered: Vec<&[u8]> = self.0.iter().map(Vec::as_slice).collect();
        if !issued_in_order(&ordered) {
            ordered.reverse();
        }
        let root = match ordered.first() {
            Some(first) if is_self_issued(first) => Some(*first),
            Some(first) => issuer(first, anchors),
            None => None,
        };
        let digest = match root {
            Some(root) => provider.hash.digest(hash, &[root])?.as_bytes().to_vec(),
            None => vec![0; hash.digest_len()],
        };
        let len = HEADER_LEN + digest.len() + ordered.iter().map(|der| der.len()).sum::<usize>();
        let length = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        Ok([&length[..], &digest].into_iter().chain(ordered).flatten().copied().collect())
    }
}

/// The DER contents of the blocks of a PEM bundle.
fn blocks(text: &str) -> Result<Vec<Vec<u8>>, Error> {
    let mut certificates = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let block = rest.get(start..).unwrap_or_default();
        let end = block.find(END).ok_or(Error::Pem)?;
        let line = block.get(end..).unwrap_or_default();
        let end = end + line.find('\n').map_or(line.len(), |newline| newline + 1);
        let (block, behind) = block.split_at_checked(end).ok_or(Error::Pem)?;
        // Bundles come with lines of any length and with CR LF.
        let block: String = block.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        let width = block.lines().nth(1).map_or(64, str::len);
        let mut decoder =
            Decoder::new_wrapped(block.as_bytes(), width.max(4)).map_err(|_| Error::Pem)?;
        let mut der = Vec::new();
        decoder.decode_to_end(&mut der).map_err(|_| Error::Pem)?;
        if decoder.type_label() != LABEL {
            return Err(Error::Pem);
        }
        certificates.push(der);
        rest = behind;
    }
    if certificates.is_empty() { Err(Error::Pem) } else { Ok(certificates) }
}

fn is_self_issued(der: &[u8]) -> bool {
    X509Certificate::parse(Untrusted::new(der))
        .is_ok_and(|certificate| certificate.is_self_issued())
}

/// Whether each certificate is issued by the one before.
fn issued_in_order(certificates: &[&[u8]]) -> bool {
    let parsed = certificates.iter().map(|der| X509Certificate::parse(Untrusted::new(*der)).ok());
    let below = parsed.clone().skip(1);
    parsed.zip(below).all(|pair| match pair {
        (Some(above), Some(below)) => below.issuer() == above.subject(),
        _ => false,
    })
}

/// The anchor whose subject is the issuer of `first`.
fn issuer<'a>(first: &[u8], anchors: &[Anchor<'a>]) -> Option<&'a [u8]> {
    let first = X509Certificate::parse(Untrusted::new(first)).ok()?;
    anchors.iter().find_map(|anchor| match anchor {
        Anchor::Certificate(der) => {
            let anchor = X509Certificate::parse(Untrusted::new(*der)).ok()?;
            (anchor.subject() == first.issuer()).then_some(*der)
        }
        _ => None,
    })
}
