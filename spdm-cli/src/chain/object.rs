//! `spdm chain --json`: the key `chain` of a report.

use serde_json::{Value, json};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_x509::{Certificate, Finding, Ruling};

use super::explained::{Explained, name_of};

/// Everything about the chain; the rules where they are asked for.
pub(super) fn chain_object(explained: &Explained<'_>, explain: bool) -> Value {
    let chain = explained.chain;
    let context = chain.context();
    let certificates = (0..).zip(chain.certificates());
    let certificates: Vec<Value> =
        certificates.map(|(index, certificate)| object(index, &certificate, explained)).collect();
    let rules = explained.findings.iter().map(|finding| rule(finding, explained));
    json!({
        "outcome": explained.outcome(),
        "anchor": anchor(explained),
        "version": context.version.as_str(),
        "base_asym": context.asym.name(),
        "base_hash": context.hash.name(),
        "bytes": chain.bytes().len(),
        "digest": hex::encode(chain.digest().as_bytes()),
        "root_hash": hex::encode(chain.root_hash()),
        "certificates": certificates,
        "rules": explain.then(|| rules.collect::<Vec<Value>>()),
    })
}

fn anchor(explained: &Explained<'_>) -> Value {
    let Some(anchor) = explained.anchor_certificate() else { return Value::Null };
    json!({
        "subject": anchor.subject().to_string(),
        "sha256": sha256(anchor.der()),
        "in_chain": explained.chain.certificate_ders().any(|sent| sent == anchor.der()),
    })
}

fn sha256(der: &[u8]) -> Option<String> {
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[der]).ok()?;
    Some(hex::encode(digest.as_bytes()))
}

fn object(index: u16, certificate: &Certificate<'_>, explained: &Explained<'_>) -> Value {
    let constraints = certificate.basic_constraints();
    let broken = explained.broken(index).map(|rule| format!("{rule:?}"));
    json!({
        "index": index,
        "role": explained.role(index, certificate),
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "serial": hex::encode(certificate.serial()),
        "not_before": certificate.not_before().to_string(),
        "not_after": certificate.not_after().to_string(),
        "key": certificate.key_algorithm().to_string(),
        "signature": name_of(certificate.signature_oid()),
        "ca": constraints.map(|constraints| constraints.is_ca),
        "path_len": constraints.and_then(|constraints| constraints.path_len),
        "key_usage": certificate.key_usage().map(|usage| usage.to_string()),
        "ext_key_usage": certificate.extended_key_usage().map(name_of).collect::<Vec<_>>(),
        "spdm_oids": certificate.spdm_oids().map(name_of).collect::<Vec<_>>(),
        "san": certificate.general_names().map(|name| name.to_string()).collect::<Vec<_>>(),
        "dice": spdm_evidence::dice::infos(certificate).iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sha256": sha256(certificate.der()),
        "broken": broken.collect::<Vec<_>>(),
    })
}

fn rule(finding: &Finding, explained: &Explained<'_>) -> Value {
    json!({
        "check": finding.check.name(),
        "certificate": finding.certificate,
        "rule": format!("{:?}", finding.rule),
        "field": finding.rule.field(),
        "status": match finding.ruling {
            Ruling::Holds => "holds",
            Ruling::Broken => "broken",
            Ruling::Waived => "waived",
        },
        "found": explained.found(finding),
    })
}
