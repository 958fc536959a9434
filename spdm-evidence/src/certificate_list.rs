//! Lists of certificates, as vendors ship them, and the chain structure of DSP0274 that is made of them.

use std::collections::{HashMap, HashSet};

use spdm_crypto::{HashAlgorithm, Provider, Unsupported};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, X509Certificate};

use crate::error::{Error, PemFault};
use crate::{pem, text, tool_json};

/// Bytes of Length and Reserved in front of RootHash.
pub(crate) const HEADER_LEN: usize = 4;

/// The order of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a list has two ends")]
pub enum ListOrder {
    /// From the root's side to the leaf, as in a chain structure.
    RootFirst,
    /// From the leaf to the root's side, as TLS has it.
    LeafFirst,
}

/// DER certificates of one chain, as vendors ship them: root or leaf first, with the root or without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateList {
    certificates: Vec<Vec<u8>>,
    passed_over: Vec<String>,
    behind: Vec<u8>,
}

impl CertificateList {
    /// These certificates. None of them is looked at yet.
    #[must_use]
    pub const fn new(certificates: Vec<Vec<u8>>) -> Self {
        Self { certificates, passed_over: Vec::new(), behind: Vec::new() }
    }

    /// The certificates in a file: PEM, DER back to back, either of them in base64 or hexadecimal, or JSON of a tool that
    /// has one of them in it. None of the certificates is looked at, apart from its length in DER.
    ///
    /// # Errors
    /// [`Error::Pem`] for a damaged block, [`Error::NoCertificate`] where there is none, also where the file is a chain
    /// structure of DSP0274.
    pub fn read(file: &[u8]) -> Result<Self, Error> {
        if let Some(json) = tool_json::sniff(&text::plain_text(file)) {
            return tool_json::certificates(json);
        }
        text::unwrapped(file, &Self::recognise)
            .unwrap_or(Err(Error::NoCertificate { labels: Vec::new() }))
    }

    /// The certificates of PEM or DER; `None` where it is neither.
    pub(crate) fn recognise(bytes: &[u8]) -> Option<Result<Self, Error>> {
        match pem::is_pem(bytes) {
            true => Some(Self::from_pem(bytes)),
            false => Self::from_der(bytes).map(Ok),
        }
    }

    /// The certificates of a PEM bundle, in its order. Text around them and blocks of another kind are passed over.
    ///
    /// # Errors
    /// [`Error::Pem`] for a damaged block, [`Error::NoCertificate`] where there is no certificate.
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let text = text::plain_text(text);
        let (mut certificates, mut passed_over) = (Vec::new(), Vec::new());
        for block in pem::blocks(&text)? {
            if !block.is_certificate() {
                passed_over.push(block.label());
                continue;
            }
            let der = block.der()?;
            let (first, mut rest) =
                split_certificate(&der).ok_or_else(|| block.fault(PemFault::NoCertificate))?;
            certificates.push(first.to_vec());
            while let Some((next, behind)) = split_certificate(rest).filter(|(c, _)| is_shaped(c)) {
                certificates.push(next.to_vec());
                rest = behind;
            }
            if !rest.is_empty() && !block.has_settings() {
                return Err(block.fault(PemFault::Behind));
            }
        }
        if certificates.is_empty() {
            return Err(Error::NoCertificate { labels: passed_over });
        }
        Ok(Self { certificates, passed_over, behind: Vec::new() })
    }

    /// The certificates of a chain structure of DSP0274 with a RootHash of this algorithm.
    pub(crate) fn from_structure(structure: &[u8], hash: HashAlgorithm) -> Option<Self> {
        let list = Self::from_der(structure.get(HEADER_LEN + hash.digest_len()..)?)?;
        list.behind.is_empty().then_some(list)
    }

    /// The certificates in PEM from the leaf to the root's side, as TLS has them.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let mut ders: Vec<&[u8]> = self.certificates.iter().map(Vec::as_slice).collect();
        if self.order() == ListOrder::RootFirst {
            ders.reverse();
        }
        ders.into_iter().map(pem::certificate).collect()
    }

    /// Certificates in DER, back to back.
    fn from_der(bytes: &[u8]) -> Option<Self> {
        let mut certificates = Vec::new();
        let mut rest = bytes;
        while let Some((certificate, behind)) =
            split_certificate(rest).filter(|(c, _)| is_shaped(c))
        {
            certificates.push(certificate.to_vec());
            rest = behind;
        }
        let found = !certificates.is_empty();
        found.then(|| Self { certificates, passed_over: Vec::new(), behind: rest.to_vec() })
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The certificates.
    #[must_use]
    pub fn into_certificates(self) -> Vec<Vec<u8>> {
        self.certificates
    }

    /// The labels of PEM blocks that are no certificates, such as `PRIVATE KEY`, in the file's order.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The bytes behind the last certificate of a DER file, which are no certificate.
    #[must_use]
    pub fn behind(&self) -> &[u8] {
        &self.behind
    }

    /// The certificate at the leaf's end.
    #[must_use]
    pub fn leaf(&self) -> Option<&[u8]> {
        let leaf = match self.order() {
            ListOrder::RootFirst => self.certificates.last(),
            ListOrder::LeafFirst => self.certificates.first(),
        };
        leaf.map(Vec::as_slice)
    }

    /// Adds the certificates of another list.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.certificates.append(&mut other.certificates);
        self.passed_over.append(&mut other.passed_over);
        self.behind.append(&mut other.behind);
    }

    /// The longer one of two lists, where it begins or ends with the other: a leaf beside its chain.
    pub(crate) fn longer(self, other: Self) -> Option<Self> {
        let (long, short) = if self.certificates.len() < other.certificates.len() {
            (other, self)
        } else {
            (self, other)
        };
        let (all, some) = (&long.certificates, &short.certificates);
        (all.starts_with(some) || all.ends_with(some)).then_some(long)
    }

    /// Which end of the list the root is at. Where neither end is one that issued itself, the first certificate decides that
    /// the one beside it issued. Certificates that cannot be read say nothing.
    #[must_use]
    pub fn order(&self) -> ListOrder {
        let ders = self.certificates.iter().map(|der| Untrusted::new(der.as_slice()));
        let parsed: Vec<_> = ders.map(|der| X509Certificate::parse(der).ok()).collect();
        let is_root = |end: Option<&Option<X509Certificate<'_>>>| {
            end.is_some_and(|end| end.is_some_and(|certificate| certificate.is_self_issued()))
        };
        match (is_root(parsed.first()), is_root(parsed.last())) {
            (true, false) => return ListOrder::RootFirst,
            (false, true) => return ListOrder::LeafFirst,
            _ => {}
        }
        let order = parsed.windows(2).find_map(|pair| match pair {
            [Some(first), Some(second)] if second.issuer() == first.subject() => {
                Some(ListOrder::RootFirst)
            }
            [Some(first), Some(second)] if first.issuer() == second.subject() => {
                Some(ListOrder::LeafFirst)
            }
            _ => None,
        });
        order.unwrap_or(ListOrder::RootFirst)
    }

    /// The same certificates from the root's side to the leaf, each behind its issuer, where they are one chain in no
    /// order. Otherwise the list stays as it is.
    #[must_use]
    pub fn by_issuer(mut self) -> Self {
        if self.misplaced().is_some()
            && let Some(order) = self.path()
        {
            let certificates = order.into_iter().filter_map(|index| self.certificates.get(index));
            self.certificates = certificates.cloned().collect();
        }
        self
    }

    /// The numbers of the certificates from the root's side to the leaf; `None` where they are not one chain.
    fn path(&self) -> Option<Vec<usize>> {
        let ders = self.certificates.iter().map(|der| Untrusted::new(der.as_slice()));
        let parsed: Vec<_> =
            ders.map(|der| X509Certificate::parse(der).ok()).collect::<Option<_>>()?;
        let mut issued = HashMap::new();
        let mut roots = Vec::new();
        let subjects: HashSet<&[u8]> = parsed.iter().map(|own| own.subject().der()).collect();
        for (index, own) in parsed.iter().enumerate() {
            if own.is_self_issued() || !subjects.contains(own.issuer().der()) {
                roots.push(index);
            } else if issued.insert(own.issuer().der(), index).is_some() {
                return None;
            }
        }
        let [root] = roots[..] else { return None };
        let mut path = vec![root];
        while path.len() <= parsed.len()
            && let Some(next) = path.last().and_then(|last| parsed.get(*last))
            && let Some(next) = issued.remove(next.subject().der())
        {
            path.push(next);
        }
        (path.len() == parsed.len()).then_some(path)
    }

    /// The number of a certificate whose issuer is in the list, but not beside it: the list is in no order.
    #[must_use]
    pub fn misplaced(&self) -> Option<usize> {
        let ders = self.certificates.iter().map(|der| Untrusted::new(der.as_slice()));
        let mut parsed: Vec<_> = ders.map(|der| X509Certificate::parse(der).ok()).collect();
        let order = self.order();
        if order == ListOrder::LeafFirst {
            parsed.reverse();
        }
        let subjects: HashSet<&[u8]> =
            parsed.iter().flatten().map(|certificate| certificate.subject().der()).collect();
        let misplaced = parsed.iter().enumerate().find_map(|(index, own)| {
            let own = own.filter(|own| !own.is_self_issued())?;
            let above = index.checked_sub(1).and_then(|above| *parsed.get(above)?);
            let is_misplaced = !above.is_some_and(|above| above.subject() == own.issuer());
            (is_misplaced && subjects.contains(own.issuer().der())).then_some(index)
        })?;
        Some(match order {
            ListOrder::RootFirst => misplaced,
            ListOrder::LeafFirst => parsed.len() - 1 - misplaced,
        })
    }

    /// The chain structure of DSP0274 (§Certificates and certificate chains): Length, RootHash, and the certificates
    /// from the root's side to the leaf.
    ///
    /// The certificates are in the order of [`Self::order`]. If there is no root, RootHash is that of the anchor that issued the first certificate; without such an anchor RootHash is
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
        let mut ordered: Vec<&[u8]> = self.certificates.iter().map(Vec::as_slice).collect();
        if self.order() == ListOrder::LeafFirst {
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

/// Splits a DER SEQUENCE off, by its length alone.
fn split_certificate(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, content): (&[u8], usize) = match bytes {
        [0x30, 0x81, digits @ ..] => (digits.get(..1)?, 3),
        [0x30, 0x82, digits @ ..] => (digits.get(..2)?, 4),
        [0x30, 0x83, digits @ ..] => (digits.get(..3)?, 5),
        _ => return None,
    };
    let len = digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit));
    bytes.split_at_checked(len + content)
}

/// Whether a SEQUENCE begins like a Certificate, with another one that is long: keys and PKCS #12 begin with a number, a
/// SubjectPublicKeyInfo with a short AlgorithmIdentifier.
const fn is_shaped(der: &[u8]) -> bool {
    matches!(
        der,
        [0x30, 0x81, _, 0x30, 0x81..=0x83, ..]
            | [0x30, 0x82, _, _, 0x30, 0x81..=0x83, ..]
            | [0x30, 0x83, _, _, _, 0x30, 0x81..=0x83, ..]
    )
}

fn is_self_issued(der: &[u8]) -> bool {
    X509Certificate::parse(Untrusted::new(der))
        .is_ok_and(|certificate| certificate.is_self_issued())
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
