//! Chains and certificates.

use spdm_x509::{Certificate, Chain, Check, Policy};

use super::{Style, Table};
use crate::verdict::Verdict;

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
    line("digest", format!("{} ({})", hex::encode(chain.digest().as_bytes()), context.hash));
    line("certificates", chain.certificate_count().to_string());
    line("bytes", chain.bytes().len().to_string());
    let trusted = match verdict.error() {
        None => "yes; who has its key was not asked".to_owned(),
        Some((_, why)) => format!("no: {why}"),
    };
    line("trusted", trusted);
    let head = format!("Slot {}: {}, {}", chain.slot(), context.asym, context.hash);
    format!("{}\n{}", style.strong(&head), table.plain())
}

/// Every certificate with what it says.
pub(crate) fn certificates(chain: &Chain<'_>, style: Style) -> String {
    let last = chain.certificate_count().saturating_sub(1);
    let one = |(index, certificate): (u16, Certificate<'_>)| {
        let role = if index == last { " (leaf)" } else { "" };
        let head = format!("Certificate {index}{role}");
        format!("{}\n{}", style.strong(&head), details(&certificate))
    };
    (0..).zip(chain.certificates()).map(one).collect()
}

fn details(certificate: &Certificate<'_>) -> String {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            table.row([name.to_owned(), value]);
        }
    };
    line("subject", certificate.subject().to_string());
    line("issuer", certificate.issuer().to_string());
    line("serial", hex::encode(certificate.serial()));
    line("valid", format!("{} to {}", certificate.not_before(), certificate.not_after()));
    line("key", certificate.key_algorithm().to_string());
    line("signature", certificate.signature_oid().to_string());
    if let Some(constraints) = certificate.basic_constraints() {
        let path = constraints.path_len.map(|len| format!(", pathLenConstraint {len}"));
        let authority = if constraints.is_ca { "TRUE" } else { "FALSE" };
        line("basicConstraints", format!("cA {authority}{}", path.unwrap_or_default()));
    }
    let list = |oids: Vec<String>| oids.join(", ");
    line("extKeyUsage", list(certificate.extended_key_usage().map(|o| o.to_string()).collect()));
    line("SPDM extension", list(certificate.spdm_oids().map(|oid| oid.to_string()).collect()));
    let names = certificate.other_names().map(|name| match name.text() {
        Some(text) => format!("{} = {text}", name.kind()),
        None => format!("{} (no text)", name.kind()),
    });
    line("subjectAltName", list(names.collect()));
    table.plain()
}

/// What each check of a chain looks at, and how it ended.
pub(crate) fn explanation(chain: &Chain<'_>, policy: &Policy<'_>, style: Style) -> String {
    let mut table = Table::default();
    table.row([Check::Format.name().to_owned(), looks_at(Check::Format).to_owned()]);
    for (check, _) in policy.appraise(chain).outcomes() {
        table.row([check.name().to_owned(), looks_at(check).to_owned()]);
    }
    format!("{}\n{}", style.strong("What is checked"), table.plain())
}

const fn looks_at(check: Check) -> &'static str {
    match check {
        Check::Format => "Length, strict DER of every certificate, a usable leaf key",
        Check::Root => "RootHash is the digest of the root, which issued itself",
        Check::Certificates => {
            "below the root: names, validity, critical extensions, authorities, path lengths"
        }
        Check::Signatures => {
            "each certificate is signed by the one before; the root is not checked"
        }
        Check::Anchor => "the root is one of --trust or --trust-root-hash",
        Check::LeafProfile => "keyUsage, basicConstraints, extKeyUsage and SPDM OIDs of the leaf",
        Check::San => "the name that --san asks for",
        _ => "",
    }
}
