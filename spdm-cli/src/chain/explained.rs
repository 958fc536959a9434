//! A chain, and what was found for every rule.

use core::fmt;

use serde::Serialize;
use spdm_evidence::Listing;
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, Appraisal, Chain, Conclusion, Finding, Policy, Rule, Ruling, X509Certificate,
};

/// A chain with everything that a policy found.
#[derive(Debug)]
pub(crate) struct Explained<'a> {
    pub(crate) chain: &'a Chain<'a>,
    pub(crate) policy: &'a Policy<'a>,
    pub(crate) appraisal: Appraisal<'a>,
    pub(crate) findings: Vec<Finding>,
    /// How the file counts the certificates, where it is no chain structure.
    pub(crate) listing: Option<Listing>,
}

/// The conclusion of a policy over a chain.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChainOutcome {
    /// A trust anchor vouches for it, and no rule is broken.
    Trusted,
    /// Nothing is wrong with it, but no trust anchor vouches for it.
    UnknownAuthority,
    /// A rule is broken.
    BadChain,
}

/// The role of a certificate in its chain.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum CertificateRole {
    /// The first one, where it is issued by itself.
    Root,
    /// Any other one above the leaf.
    Authority,
    /// The last one: that of the device's key.
    Leaf,
}

impl fmt::Display for CertificateRole {
    /// The word that JSON has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl<'a> Explained<'a> {
    pub(crate) fn new(chain: &'a Chain<'a>, policy: &'a Policy<'a>) -> Self {
        let mut findings = Vec::new();
        let appraisal = policy.explain(chain, &mut |finding| findings.push(finding));
        Self { chain, policy, appraisal, findings, listing: None }
    }

    /// The number of a certificate in the file.
    pub(crate) fn number(&self, index: u16) -> usize {
        self.listing.as_ref().map_or_else(|| usize::from(index), |listing| listing.number(index))
    }

    /// The conclusion.
    pub(crate) fn outcome(&self) -> ChainOutcome {
        match self.appraisal.conclusion() {
            Conclusion::Trusted(_) => ChainOutcome::Trusted,
            Conclusion::UnknownAuthority(_) => ChainOutcome::UnknownAuthority,
            Conclusion::BadChain(_) => ChainOutcome::BadChain,
        }
    }

    /// What is wrong with one certificate: the rules that it breaks.
    pub(crate) fn broken(&self, certificate: u16) -> impl Iterator<Item = Rule> + '_ {
        let findings = self.findings.iter();
        let of_it = findings.filter(move |finding| finding.certificate == Some(certificate));
        of_it.filter(|finding| finding.ruling == Ruling::Broken).map(|finding| finding.rule)
    }

    /// The role of a certificate in the chain.
    pub(crate) fn role(&self, index: u16, certificate: &X509Certificate<'_>) -> CertificateRole {
        if index + 1 == self.chain.certificate_count() {
            CertificateRole::Leaf
        } else if index == 0 && certificate.is_self_issued() {
            CertificateRole::Root
        } else {
            CertificateRole::Authority
        }
    }

    /// Whether the path starts with this certificate of the chain.
    pub(crate) fn is_anchor(&self, certificate: &X509Certificate<'_>) -> bool {
        self.anchor_certificate().is_some_and(|anchor| anchor == *certificate)
    }

    /// What was found, in the words of the certificate.
    pub(crate) fn found(&self, finding: &Finding) -> String {
        let place = finding.certificate.map(usize::from);
        let certificate = place.and_then(|index| self.chain.certificates().nth(index));
        match certificate {
            Some(certificate) => self.found_in(finding, &certificate),
            None if finding.ruling == Ruling::Broken => finding.rule.text().to_owned(),
            None => match self.anchor() {
                Some(anchor) => format!("the anchor is {anchor}"),
                None => format!("{} anchors are configured", self.policy.anchors.len()),
            },
        }
    }

    fn found_in(&self, finding: &Finding, certificate: &X509Certificate<'_>) -> String {
        let constraints = certificate.basic_constraints();
        let usage = certificate.key_usage().map(|usage| usage.to_string());
        let names = || certificate.general_names().map(|name| name.to_string());
        let holds = finding.ruling == Ruling::Holds;
        match finding.rule {
            Rule::Serial | Rule::LongSerial | Rule::Revoked => hex::encode(certificate.serial()),
            Rule::EmptyName => format!("{} below {}", certificate.subject(), certificate.issuer()),
            Rule::NameChaining | Rule::RootNotSelfIssued => certificate.issuer().to_string(),
            Rule::NameConstraints | Rule::LeafNameConstraints | Rule::TooManyNameConstraints => {
                let constrains = certificate.has_name_constraints();
                let own = if constrains { "constrains names below" } else { "constrains no names" };
                match finding.rule {
                    Rule::NameConstraints => {
                        let subject = certificate.subject().to_string();
                        list(core::iter::once(subject).chain(names()).collect(), "no name")
                    }
                    _ => own.to_owned(),
                }
            }
            Rule::NotYetValid => certificate.not_before().to_string(),
            Rule::Expired => certificate.not_after().to_string(),
            Rule::GeneralizedTime => {
                format!("{} to {}", certificate.not_before(), certificate.not_after())
            }
            Rule::NotCa | Rule::LeafIsCa | Rule::BasicConstraintsMissing => match constraints {
                Some(constraints) if constraints.is_ca => "cA TRUE".to_owned(),
                Some(_) => "cA FALSE".to_owned(),
                None => "no basicConstraints".to_owned(),
            },
            Rule::PathLength => {
                let path_len = constraints.and_then(|constraints| constraints.path_len);
                match path_len {
                    Some(len) => format!("its own limit is {len}"),
                    None => "no limit of its own".to_owned(),
                }
            }
            Rule::KeyCertSign
            | Rule::KeyUsageMissing
            | Rule::DigitalSignature
            | Rule::LeafKeyCertSign
            | Rule::UntrimmedKeyUsage => usage.unwrap_or_else(|| "no keyUsage".to_owned()),
            Rule::RequesterOnly | Rule::ResponderOnly | Rule::ResponderMissing => {
                list(certificate.extended_key_usage().map(name_of).collect(), "no extKeyUsage")
            }
            Rule::HardwareIdentityInAlias | Rule::HardwareIdentityMissing => {
                list(certificate.spdm_oids().map(name_of).collect(), "no SPDM extension")
            }
            Rule::SanMissing
            | Rule::SanNameMissing
            | Rule::SanType
            | Rule::SanMismatch
            | Rule::SanDmtfSyntax
            | Rule::SanAmbiguous
            | Rule::SanPattern => list(names().collect(), "no subjectAltName"),
            Rule::SignatureAlgorithm | Rule::ExplicitTrailerField => {
                name_of(certificate.signature_oid())
            }
            Rule::IssuerKey | Rule::UnsupportedAsym => {
                self.issuer_key(finding).unwrap_or_else(|| name_of(certificate.signature_oid()))
            }
            Rule::Signature if holds => format!("verifies under {}", certificate.issuer()),
            Rule::Signature => format!("said to be by {}", certificate.issuer()),
            Rule::RootHash => {
                format!("{} {}", self.chain.context().hash, hex::encode(self.chain.root_hash()))
            }
            _ if holds => String::new(),
            rule => rule.text().to_owned(),
        }
    }

    /// The key that a certificate is signed with, where it is in the chain or a known anchor.
    fn issuer_key(&self, finding: &Finding) -> Option<String> {
        let index = usize::from(finding.certificate?);
        let above = match index.checked_sub(1) {
            Some(above) => self.chain.certificates().nth(above)?,
            None => self.anchor_certificate()?,
        };
        Some(above.key_algorithm().to_string())
    }

    /// The trust anchor, where it is known by more than its digest or in the chain.
    pub(crate) fn anchor_certificate(&self) -> Option<X509Certificate<'a>> {
        let anchor = self.policy.anchors.get(self.appraisal.anchor_index()?)?;
        match anchor {
            Anchor::Certificate(der) | Anchor::Intermediate(der) => {
                X509Certificate::parse(Untrusted::new(*der)).ok()
            }
            _ => self.chain.certificates().next(),
        }
    }

    fn anchor(&self) -> Option<String> {
        self.anchor_certificate().map(|anchor| anchor.subject().to_string())
    }
}

/// The items with commas between them.
fn list(items: Vec<String>, none: &str) -> String {
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}

/// The name of an object identifier, or its numbers.
pub(crate) fn name_of(oid: spdm_x509::Oid<'_>) -> String {
    oid.name().map_or_else(|| oid.to_string(), str::to_owned)
}
