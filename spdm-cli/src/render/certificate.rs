//! Chains and certificates.

use spdm_evidence::Listing;
use spdm_x509::{Chain, ChainError, Finding, Oid, Ruling, X509Certificate};

use super::{Style, Table};
use crate::chain::{Explained, name_of};
use crate::verdict::Verdict;

/// `notAfter` of a certificate without end (RFC 5280 §4.1.2.5).
const NO_END: &str = "9999-12-31T23:59:59Z";

/// Whose chain it is.
pub(crate) fn chain(chain: &Chain<'_>, verdict: &Verdict, style: Style) -> String {
    let context = chain.context();
    let identity = verdict.report.identity();
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    line("subject", identity.subject.clone().unwrap_or_default());
    if !identity.san.is_empty() {
        line("name", identity.san.join(", "));
    }
    line("serial", identity.serial.clone().unwrap_or_default());
    if let Some(root) = &identity.root_sha256 {
        line("root SHA-256", root.clone());
    }
    // The line above says which hash it is.
    line("digest", hex::encode(chain.digest().as_bytes()));
    line("certificates", chain.certificate_count().to_string());
    line("bytes", chain.bytes().len().to_string());
    let trusted = match verdict.error() {
        None => "yes; who has its key was not asked".to_owned(),
        Some((_, why)) => format!("no: {why}"),
    };
    line("trusted", trusted);
    let head = format!("Slot {}: {}, {}", chain.slot(), context.asym, context.hash);
    format!("{}\n{}", style.strong(&head), table.plain(style.whole_in_pipes()))
}

/// Every certificate with what it says, and what is wrong with it.
pub(crate) fn certificates(explained: &Explained<'_>, style: Style) -> String {
    let one = |(index, certificate): (u16, X509Certificate<'_>)| {
        let role = explained.role(index, &certificate);
        let anchor = if explained.is_anchor(&certificate) { ", trust anchor" } else { "" };
        let number = explained.number(index);
        let head = style.strong(&format!("Certificate {number} ({role}{anchor})"));
        let broken = explained.broken(index).map(|rule| format!("  {}\n", style.bad(rule.text())));
        format!("{head}\n{}{}", details(&certificate, style), broken.collect::<String>())
    };
    (0..).zip(explained.chain.certificates()).map(one).collect()
}

/// The certificates of what is no chain.
pub(crate) fn readable(
    certificates: &[Result<X509Certificate<'_>, ChainError>],
    listing: Option<&Listing>,
    style: Style,
) -> String {
    let one = |(index, read): (u16, &Result<X509Certificate<'_>, ChainError>)| {
        let number = listing.map_or_else(|| usize::from(index), |listing| listing.number(index));
        let head = style.strong(&format!("Certificate {number}"));
        match read {
            Ok(certificate) => format!("{head}\n{}", details(certificate, style)),
            Err(error) => {
                format!("{head}\n  {}\n", style.bad(&format!("{}: {error}", error.field)))
            }
        }
    };
    (0..).zip(certificates).map(one).collect()
}

fn details(certificate: &X509Certificate<'_>, style: Style) -> String {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            table.row([name.to_owned(), value]);
        }
    };
    line("subject", certificate.subject().to_string());
    let issuer = match certificate.is_self_issued() {
        true => "itself".to_owned(),
        false => certificate.issuer().to_string(),
    };
    line("issuer", issuer);
    line("serial", hex::encode(certificate.serial()));
    let not_after = certificate.not_after().to_string();
    let end = if not_after == NO_END { "no end" } else { &not_after };
    line("valid", format!("{} to {end}", certificate.not_before()));
    line("key", certificate.key_algorithm().to_string());
    line("signed with", name_of(certificate.signature_oid()));
    line("usage", usage(certificate));
    let list = |items: Vec<String>| items.join(", ");
    line("purposes", list(certificate.extended_key_usage().map(name_of).collect()));
    line("SPDM", list(certificate.spdm_oids().map(name_of).collect()));
    for name in certificate.general_names() {
        let other = name.other_name();
        let known = other.and_then(|other| {
            let kind = match other.kind() {
                Oid::DMTF_DEVICE_INFO => "DMTF",
                Oid::PCI_CMA => "PCIe CMA",
                _ => return None,
            };
            Some(format!("{kind} {}", other.text()?))
        });
        line("name", known.unwrap_or_else(|| name.to_string()));
    }
    if certificate.has_name_constraints() {
        line("names below", "constrained".to_owned());
    }
    for info in spdm_evidence::dice::infos(certificate) {
        line("DICE", info.to_string());
    }
    table.plain(style)
}

/// What the key may be used for, as basicConstraints and keyUsage say.
fn usage(certificate: &X509Certificate<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(constraints) = certificate.basic_constraints() {
        parts.push(match (constraints.is_ca, constraints.path_len) {
            (true, Some(0)) => "issues certificates, but of no authorities".to_owned(),
            (true, Some(len)) => format!("issues certificates, {len} authorities deep"),
            (true, None) => "issues certificates".to_owned(),
            (false, _) => "issues no certificates".to_owned(),
        });
    }
    parts.extend(certificate.key_usage().map(|usage| usage.to_string()));
    parts.join("; ")
}

/// What was found for each rule, check by check and certificate by certificate.
pub(crate) fn explanation(explained: &Explained<'_>, style: Style) -> String {
    let count = explained.chain.certificate_count();
    let mut text = format!("{}\n", style.strong("Rules"));
    text.push_str(&format!(
        "chain.format\n  holds  every rule of the encoding, in all {count} certificates\n"
    ));
    let groups =
        explained.findings.chunk_by(|a, b| (a.check, a.certificate) == (b.check, b.certificate));
    for group in groups {
        if let Some(first) = group.first() {
            let number = first.certificate.map(|index| explained.number(index));
            let place = number.map(|number| format!(", certificate {number}"));
            text.push_str(&format!("{}{}\n", first.check, place.unwrap_or_default()));
        }
        let mut table = Table::default();
        group.iter().for_each(|finding| table.row(row(finding, explained)));
        text.push_str(&table.show(style, |row, column, cell| {
            match (group.get(row).map(|finding| finding.ruling), column) {
                (Some(Ruling::Holds), 0) => style.good(cell),
                (Some(Ruling::Broken), 0) => style.bad(cell),
                (Some(Ruling::Waived), 0) | (_, 2) => style.faint(cell),
                _ => cell.to_owned(),
            }
        }));
    }
    text
}

fn row(finding: &Finding, explained: &Explained<'_>) -> [String; 3] {
    let (ruling, note) = match finding.ruling {
        Ruling::Holds => ("holds", ""),
        Ruling::Broken => ("BROKEN", ""),
        Ruling::Waived => {
            ("waived", " (the demand is not met, and the policy does not require it)")
        }
    };
    let found = format!("{}{note}", explained.found(finding));
    [ruling.to_owned(), finding.rule.demand().to_owned(), found]
}
