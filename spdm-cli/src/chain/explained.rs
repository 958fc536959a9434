//! A chain, and what was found for every rule.

use spdm_x509::{Appraisal, Certificate, Chain, Finding, Policy, Rule, Ruling, Verdict};

/// A chain with everything that a policy found.
#[derive(Debug)]
pub(crate) struct Explained<'a> {
    pub(crate) chain: &'a Chain<'a>,
    pub(crate) policy: &'a Policy<'a>,
    pub(crate) appraisal: Appraisal<'a>,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Explained<'a> {
    pub(crate) fn new(chain: &'a Chain<'a>, policy: &'a Policy<'a>) -> Self {
        let mut findings = Vec::new();
        let appraisal = policy.explain(chain, &mut |finding| findings.push(finding));
        Self { chain, policy, appraisal, findings }
    }

    /// The verdict in a word for programs.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.appraisal.verdict() {
            Verdict::Trusted(_) => "trusted",
            Verdict::UnknownAuthority(_) => "unknown_authority",
            Verdict::BadChain(_) => "bad_chain",
        }
    }

    /// What is wrong with one certificate: the rules that it breaks.
    pub(crate) fn broken(&self, certificate: u16) -> impl Iterator<Item = Rule> + '_ {
        let findings = self.findings.iter();
        let of_it = findings.filter(move |finding| finding.certificate == Some(certificate));
        of_it.filter(|finding| finding.ruling == Ruling::Broken).map(|finding| finding.rule)
    }

    /// The role of a certificate in the chain.
    pub(crate) fn role(&self, index: u16, certificate: &Certificate<'_>) -> &'static str {
        if index + 1 == self.chain.certificate_count() {
            "leaf"
        } else if index == 0 && certificate.is_self_issued() {
            "root"
        } else {
            "authority"
        }
    }

    /// Whether the path starts with this certificate of the chain.
    pub(crate) fn is_anchor(&self, certificate: &Certificate<'_>) -> bool {
        let anchor = self.appraisal.anchor_index().and_then(|index| self.policy.anchors.get(index));
        match anchor {
            Some(spdm_x509::Anchor::Certificate(der) | spdm_x509::Anchor::Intermediate(der)) => {
                *der == certificate.der()
            }
            Some(_) => certificate.is_self_issued(),
            None => false,
        }
    }

    /// What was found, in the words of the certificate.
    pub(crate) fn found(&self, finding: &Finding) -> String {
        let certificate =
            finding.certificate.and_then(|index| self.chain.certificates().nth(index.into()));
        certificate.map(|certificate| self.found_in(finding.rule, &certificate)).unwrap_or_default()
    }

    fn found_in(&self, rule: Rule, certificate: &Certificate<'_>) -> String {
        let constraints = certificate.basic_constraints();
        let usage = certificate.key_usage().map(|usage| usage.to_string());
        let names = || certificate.general_names().map(|name| name.to_string());
        let list = |items: Vec<String>, none: &str| match items.as_slice() {
            [] => none.to_owned(),
            items => items.join(", "),
        };
        match rule {
            Rule::Serial | Rule::LongSerial | Rule::Revoked => hex::encode(certificate.serial()),
            Rule::EmptyName => format!("{} / {}", certificate.issuer(), certificate.subject()),
            Rule::NameChaining | Rule::RootNotSelfIssued => certificate.issuer().to_string(),
            Rule::NameConstraints => list(
                core::iter::once(certificate.subject().to_string()).chain(names()).collect(),
                "no name",
            ),
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
                path_len.map_or("no limit of its own".to_owned(), |len| len.to_string())
            }
            Rule::KeyCertSign
            | Rule::KeyUsageMissing
            | Rule::DigitalSignature
            | Rule::LeafKeyCertSign
            | Rule::UntrimmedKeyUsage => usage.unwrap_or_else(|| "no keyUsage".to_owned()),
            Rule::RequesterOnly | Rule::ResponderMissing => {
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
            | Rule::SanAmbiguous => list(names().collect(), "no subjectAltName"),
            Rule::SignatureAlgorithm | Rule::IssuerKey | Rule::Signature => {
                name_of(certificate.signature_oid())
            }
            Rule::RootHash => hex::encode(self.chain.root_hash()),
            _ => String::new(),
        }
    }
}

/// The name of an object identifier, or its numbers.
pub(crate) fn name_of(oid: spdm_x509::Oid<'_>) -> String {
    oid.name().map_or_else(|| oid.to_string(), str::to_owned)
}
