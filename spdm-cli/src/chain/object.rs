//! `spdm chain --json`: the key `chain` of a report.

use serde::Serialize;
use spdm_crypto::rustcrypto::PROVIDER;
#[cfg(test)]
use spdm_evidence::schema;
use spdm_evidence::sha256_hex;
use spdm_x509::{Finding, Ruling, X509Certificate};

use super::explained::{CertificateRole, ChainOutcome, Explained, name_of};

/// What the chain says.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct ChainObject {
    /// An unknown authority vouches for a chain that nothing else is wrong with.
    outcome: ChainOutcome,
    /// The trust anchor that vouches for the chain.
    anchor: Option<AnchorObject>,
    /// The version that the chain was read for.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    version: &'static str,
    /// The signature algorithm of the leaf's key, in the name of DSP0274.
    base_asym: &'static str,
    /// The hash algorithm of digest and root_hash, in the name of DSP0274.
    base_hash: &'static str,
    /// The length of the chain structure.
    bytes: usize,
    /// The digest of the chain structure.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    digest: String,
    /// RootHash of the chain structure.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    root_hash: String,
    /// From the root's side to the leaf.
    certificates: Vec<CertificateObject>,
    /// With --explain: every rule in the order of judgement. The README of spdm-x509 lists them.
    rules: Option<Vec<RuleObject>>,
}

/// A trust anchor.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct AnchorObject {
    subject: String,
    /// SHA-256 of the certificate.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX_32)))]
    sha256: Option<String>,
    /// False where the chain leaves it out.
    in_chain: bool,
}

/// A certificate of the chain.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct CertificateObject {
    index: u16,
    role: CertificateRole,
    subject: String,
    issuer: String,
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    serial: String,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    not_before: String,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    not_after: String,
    /// The algorithm of the key.
    key: String,
    /// The algorithm of the signature.
    signature: String,
    /// Null without basicConstraints.
    ca: Option<bool>,
    path_len: Option<u32>,
    key_usage: Option<String>,
    ext_key_usage: Vec<String>,
    /// The object identifiers of DSP0274 in the SPDM extension.
    spdm_oids: Vec<String>,
    san: Vec<String>,
    /// Statements of TCG DICE extensions; compared with nothing.
    dice: Vec<String>,
    /// SHA-256 of the certificate.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX_32)))]
    sha256: Option<String>,
    /// The rules that this certificate breaks.
    broken: Vec<String>,
}

/// What was found for a rule.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct RuleObject {
    /// The check that the rule belongs to.
    check: &'static str,
    /// The index of the certificate; null where the rule is about the chain as a whole.
    certificate: Option<u16>,
    rule: String,
    /// The field that the rule is about.
    field: &'static str,
    #[serde(with = "RulingWord")]
    status: Ruling,
    /// What the certificate has there.
    found: String,
}

/// Whether a rule holds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Ruling"))]
#[serde(remote = "Ruling", rename_all = "lowercase")]
enum RulingWord {
    /// It is broken.
    Broken,
    /// It holds.
    Holds,
    /// It is not met, and the policy does not require it.
    Waived,
}

impl ChainObject {
    /// Everything about the chain; the rules where they are asked for.
    pub(super) fn new(explained: &Explained<'_>, explain: bool) -> Self {
        let chain = explained.chain;
        let context = chain.context();
        let certificates = (0..).zip(chain.certificates());
        let certificates = certificates
            .map(|(index, certificate)| CertificateObject::new(index, &certificate, explained));
        let rules = explained.findings.iter().map(|finding| RuleObject::new(finding, explained));
        Self {
            outcome: explained.outcome(),
            anchor: AnchorObject::of(explained),
            version: context.version.as_str(),
            base_asym: context.asym.name(),
            base_hash: context.hash.name(),
            bytes: chain.bytes().len(),
            digest: hex::encode(chain.digest().as_bytes()),
            root_hash: hex::encode(chain.root_hash()),
            certificates: certificates.collect(),
            rules: explain.then(|| rules.collect()),
        }
    }
}

impl AnchorObject {
    fn of(explained: &Explained<'_>) -> Option<Self> {
        let anchor = explained.anchor_certificate()?;
        Some(Self {
            subject: anchor.subject().to_string(),
            sha256: sha256_hex(&PROVIDER, &[anchor.der()]),
            in_chain: explained.chain.certificate_ders().any(|sent| sent == anchor.der()),
        })
    }
}

impl CertificateObject {
    fn new(index: u16, certificate: &X509Certificate<'_>, explained: &Explained<'_>) -> Self {
        let constraints = certificate.basic_constraints();
        let dice = spdm_evidence::dice::infos(certificate);
        Self {
            index,
            role: explained.role(index, certificate),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: hex::encode(certificate.serial()),
            not_before: certificate.not_before().to_string(),
            not_after: certificate.not_after().to_string(),
            key: certificate.key_algorithm().to_string(),
            signature: name_of(certificate.signature_oid()),
            ca: constraints.map(|constraints| constraints.is_ca),
            path_len: constraints.and_then(|constraints| constraints.path_len),
            key_usage: certificate.key_usage().map(|usage| usage.to_string()),
            ext_key_usage: certificate.extended_key_usage().map(name_of).collect(),
            spdm_oids: certificate.spdm_oids().map(name_of).collect(),
            san: certificate.general_names().map(|name| name.to_string()).collect(),
            dice: dice.iter().map(ToString::to_string).collect(),
            sha256: sha256_hex(&PROVIDER, &[certificate.der()]),
            broken: explained.broken(index).map(|rule| format!("{rule:?}")).collect(),
        }
    }
}

impl RuleObject {
    fn new(finding: &Finding, explained: &Explained<'_>) -> Self {
        Self {
            check: finding.check.name(),
            certificate: finding.certificate,
            rule: format!("{:?}", finding.rule),
            field: finding.rule.field(),
            status: finding.ruling,
            found: explained.found(finding),
        }
    }
}
