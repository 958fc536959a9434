//! The path from the root to the leaf (RFC 5280 §6.1, without its parts that SPDM has no use for).

use spdm_crypto::Provider;

use crate::anchor::{Origin, Root};
use crate::appraisal::Outcome;
use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::error::{ChainError, Check, Rule};
use crate::policy::{Limits, ValidityCheck};
use crate::signature;

/// A certificate and who issued it.
struct Link<'t> {
    index: u16,
    certificate: Certificate<'t>,
    /// `None` for the root, and for a first certificate whose issuer is not at hand.
    issuer: Option<Certificate<'t>>,
}

fn links<'t>(chain: &Chain<'t>, origin: &Origin<'t>) -> impl Iterator<Item = Link<'t>> {
    let mut above = match origin.root {
        Root::Omitted(anchor) => Some(anchor),
        Root::Anchored | Root::Sent | Root::Unknown => None,
    };
    (0..).zip(chain.certificates()).map(move |(index, certificate)| Link {
        index,
        certificate,
        issuer: above.replace(certificate),
    })
}

pub(crate) fn check_limits(chain: &Chain<'_>, limits: Limits) -> Result<(), ChainError> {
    if chain.bytes().len() > limits.max_bytes {
        Err(ChainError::new(Check::Certificates, Rule::TooManyBytes))
    } else if chain.certificate_count() > limits.max_certificates {
        Err(ChainError::new(Check::Certificates, Rule::TooManyCertificates))
    } else {
        Ok(())
    }
}

/// Everything about the certificates below the root but their signatures. A leaf that is its own root is
/// held to the same rules.
pub(crate) fn check_certificates(
    chain: &Chain<'_>,
    origin: &Origin<'_>,
    validity: ValidityCheck,
) -> Result<(), ChainError> {
    let leaf = chain.certificate_count() - 1;
    let root_is_sent = matches!(origin.root, Root::Anchored | Root::Sent);
    let mut authorities = Authorities { allowed: u32::MAX };
    for Link { index, certificate, issuer } in links(chain, origin) {
        let is_leaf = index == leaf;
        if index == 0 && root_is_sent && !is_leaf {
            continue;
        }
        check_certificate(&certificate, validity)
            .and_then(|()| match issuer {
                Some(issuer) if issuer.subject() != certificate.issuer() => Err(Rule::NameChaining),
                _ => Ok(()),
            })
            .and_then(|()| if is_leaf { Ok(()) } else { authorities.descend(&certificate) })
            .map_err(|rule| ChainError::new(Check::Certificates, rule).in_certificate(index))?;
    }
    Ok(())
}

/// What holds for any certificate.
fn check_certificate(certificate: &Certificate<'_>, validity: ValidityCheck) -> Result<(), Rule> {
    if !matches!(certificate.serial(), [0x01..=0x7F, ..] | [0x00, _, ..]) {
        return Err(Rule::Serial);
    }
    if certificate.has_unknown_critical_extension() {
        return Err(Rule::UnknownCriticalExtension);
    }
    if certificate.issuer().is_empty() || certificate.subject().is_empty() {
        return Err(Rule::EmptyName);
    }
    match validity {
        ValidityCheck::At(now) if now < certificate.not_before().unix() => Err(Rule::NotYetValid),
        ValidityCheck::At(now) if now > certificate.not_after().unix() => Err(Rule::Expired),
        ValidityCheck::At(_) | ValidityCheck::Unchecked => Ok(()),
    }
}

/// The certificate authorities on the way down (RFC 5280 §6.1.4 k to n).
struct Authorities {
    /// How many more that are not self-issued.
    allowed: u32,
}

impl Authorities {
    fn descend(&mut self, authority: &Certificate<'_>) -> Result<(), Rule> {
        let constraints = authority.basic_constraints().filter(|constraints| constraints.is_ca);
        let constraints = constraints.ok_or(Rule::NotCa)?;
        if authority.key_usage().is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(Rule::KeyCertSign);
        }
        if !authority.is_self_issued() {
            self.allowed = self.allowed.checked_sub(1).ok_or(Rule::PathLength)?;
        }
        if let Some(path_len) = constraints.path_len {
            self.allowed = self.allowed.min(path_len);
        }
        Ok(())
    }
}

/// Each signature below the root; also the root's own where nobody vouches for it.
pub(crate) fn check_signatures(
    chain: &Chain<'_>,
    origin: &Origin<'_>,
    provider: &Provider,
) -> Outcome {
    if matches!(origin.root, Root::Unknown) {
        return Outcome::Skipped;
    }
    for Link { index, certificate, issuer } in links(chain, origin) {
        let verified = match (issuer, origin.root) {
            (Some(issuer), _) => signature::verify(&certificate, &issuer, provider),
            (None, Root::Sent) => signature::verify(&certificate, &certificate, provider),
            (None, _) => Ok(()),
        };
        if let Err(rule) = verified {
            return Outcome::Fail(ChainError::new(Check::Signatures, rule).in_certificate(index));
        }
    }
    Outcome::Pass
}
