//! How a file counts the certificates of a chain, and errors in its words.

use spdm_crypto::HashAlgorithm;
use spdm_x509::ChainError;

use crate::certificate_list::{CertificateList, HEADER_LEN, ListOrder};

/// How a file lists the certificates of a chain that [`CertificateList::to_structure`] made. Errors about the chain count
/// from the root's side; whoever has only the file counts as the file does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listing {
    order: ListOrder,
    /// The lengths of the certificates, from the root's side.
    lens: Vec<usize>,
    /// Where the first certificate is in the structure.
    start: usize,
}

impl Listing {
    /// The listing of a file, and the hash of the structure.
    #[must_use]
    pub fn new(list: &CertificateList, hash: HashAlgorithm) -> Self {
        let order = list.order();
        let mut lens: Vec<usize> = list.certificates().iter().map(Vec::len).collect();
        if order == ListOrder::LeafFirst {
            lens.reverse();
        }
        Self { order, lens, start: HEADER_LEN + hash.digest_len() }
    }

    /// The number that a certificate has in the file, from 0. `index` is from the root's side.
    #[must_use]
    pub fn number(&self, index: u16) -> usize {
        let index = usize::from(index);
        match self.order {
            ListOrder::RootFirst => index,
            ListOrder::LeafFirst => self.lens.len().saturating_sub(index + 1),
        }
    }

    /// A certificate in words: `certificate 2 (leaf)`. `index` is from the root's side.
    #[must_use]
    pub fn certificate(&self, index: u16) -> String {
        let leaf = if usize::from(index) + 1 == self.lens.len() { " (leaf)" } else { "" };
        format!("certificate {}{leaf}", self.number(index))
    }

    /// An error about the chain: `certificate 2 (leaf): version is not v3 (byte 9 of it)`.
    pub(crate) fn describe(&self, error: &ChainError) -> String {
        let Some(index) = error.certificate else {
            // The place is one of a structure that the file does not have.
            return error.rule.to_string();
        };
        let before: usize = self.lens.iter().take(usize::from(index)).sum();
        let at = error.at.and_then(|at| at.checked_sub(self.start + before));
        let at = at.map(|at| format!(" (byte {at} of it)")).unwrap_or_default();
        format!("{}: {}{at}", self.certificate(index), error.rule)
    }
}
