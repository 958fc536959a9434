//! What is wrong with a file that should hold a chain, in the words of the file.

use spdm_evidence::{AttestationCheck, ChainContent, Listing, ReportBuilder, missing_algorithm};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainError, KeyAlgorithm, Policy, Rule, X509Certificate};

use crate::console::Console;
use crate::pem;

/// What is wrong with a file before its certificates are looked at.
pub(super) fn flaw_of(content: &ChainContent) -> Option<(AttestationCheck, String)> {
    match content {
        ChainContent::Certificates(list) => {
            let behind = || Some((AttestationCheck::ChainFormat, pem::behind(list)?));
            let misplaced = || {
                let number = list.misplaced()?;
                let why = format!(
                    "certificate {number} does not stand beside the one that issued it: the file is neither root \
                     first nor leaf first"
                );
                Some((AttestationCheck::ChainCertificates, why))
            };
            behind().or_else(misplaced)
        }
        ChainContent::Structure(bytes) => {
            Some((AttestationCheck::ChainFormat, behind_structure(bytes)?))
        }
        _ => None,
    }
}

/// What lies behind a chain structure whose Length is right, as flash memory or a fixed buffer has it.
fn behind_structure(bytes: &[u8]) -> Option<String> {
    let [low, high, 0, 0, ..] = *bytes else { return None };
    let length = usize::from(u16::from_le_bytes([low, high]));
    let (structure, behind) = bytes.split_at_checked(length)?;
    let count = fill(structure).filter(|_| !behind.is_empty())?;
    let (last, more) = (count - 1, behind.len());
    let bytes = if more == 1 { "byte" } else { "bytes" };
    Some(format!(
        "no certificate follows behind certificate {last}, at offset {length}, where Length ends: {more} {bytes}, {}",
        pem::described(behind)
    ))
}

/// How many certificates fill a structure to its end, whatever the length of its RootHash.
fn fill(structure: &[u8]) -> Option<usize> {
    lists(structure).find_map(|mut rest| {
        let mut count = 0;
        while let Some((_, behind)) = split_certificate(rest) {
            (rest, count) = (behind, count + 1);
        }
        (rest.is_empty() && count > 0).then_some(count)
    })
}

/// What follows RootHash, for each length that it may have.
fn lists(structure: &[u8]) -> impl Iterator<Item = &[u8]> {
    [32, 48, 64].into_iter().filter_map(move |digest| structure.get(4 + digest..))
}

/// The certificates of a structure that is no chain, as far as they can be told apart.
pub(super) fn readable(structure: &[u8]) -> Vec<Result<X509Certificate<'_>, ChainError>> {
    let lists = lists(structure).map(|mut rest| {
        let mut certificates = Vec::new();
        while let Some((certificate, behind)) = split_certificate(rest) {
            certificates.push(X509Certificate::parse(Untrusted::new(certificate)));
            rest = behind;
        }
        certificates
    });
    lists.max_by_key(|list| list.iter().filter(|read| read.is_ok()).count()).unwrap_or_default()
}

/// Splits a DER certificate off, by its length alone.
fn split_certificate(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, content) = match *bytes {
        [0x30, 0x82, high, low, ..] => (vec![high, low], 4),
        [0x30, 0x83, high, middle, low, ..] => (vec![high, middle, low], 5),
        _ => return None,
    };
    let len = digits.into_iter().fold(0, |len, digit| len << 8 | usize::from(digit));
    bytes.split_at_checked(len + content)
}

/// The leaf's key, where no algorithm of this build fits it.
pub(super) fn key_of<'s>(structure: &'s [u8], error: &ChainError) -> Option<KeyAlgorithm<'s>> {
    let index = error.certificate.filter(|_| error.rule == Rule::KeyAlgorithm)?;
    let certificates = readable(structure);
    Some(certificates.get(usize::from(index))?.as_ref().ok()?.key_algorithm())
}

/// A key that is of no algorithm of SPDM, or of one that this build does not have.
pub(super) fn strange_key<'r>(
    report: &'r mut ReportBuilder,
    error: &ChainError,
    key: KeyAlgorithm<'_>,
    listing: Option<&Listing>,
) -> &'r mut ReportBuilder {
    let check = AttestationCheck::ChainFormat;
    let missing = match key {
        KeyAlgorithm::Other(oid) => missing_algorithm(oid),
        _ => None,
    };
    if let Some(name) = missing {
        return report.lacks_algorithm(check, error.certificate, name);
    }
    let index = error.certificate.unwrap_or_default();
    let place = listing.map_or_else(|| format!("certificate {index}"), |l| l.certificate(index));
    let why = format!("{place}: no signature algorithm of SPDM has a key of {key}");
    report.chain_rejected(check, why)
}

/// What a person can do about a chain that is too long.
pub(super) fn hint(chain: &Chain<'_>, policy: &Policy<'_>, console: &Console) {
    let count = chain.certificate_count();
    if count > policy.limits.max_certificates {
        console.note(&format!("hint: --max-certificates {count} allows them"));
    }
}
