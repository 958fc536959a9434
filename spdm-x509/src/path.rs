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
            // Whoever issued it is not at hand.
            (None, Root::Sent) if !certificate.is_self_issued() => return Outcome::Skipped,
            (None, Root::Sent) => signature::verify(&certificate, &certificate, provider),
            (None, _) => Ok(()),
        };
        if let Err(rule) = verified {
            return Outcome::Fail(ChainError::new(Check::Signatures, rule).in_certificate(index));
        }
    }
    Outcome::Pass
}

#[cfg(test)]
mod tests {
    use super::{ChainError, Check, Rule, ValidityCheck};
    use crate::anchor::Anchor;
    use crate::policy::Policy;
    use crate::testing::{
        NAME_CONSTRAINTS, TRUE, Template, basic_constraints, certificates, extension, key,
        key_usage, name, parse, structure, tlv,
    };
    use spdm_crypto::rustcrypto::PROVIDER;
    use std::vec::Vec;

    const NOW: u64 = 1_790_000_000;

    fn validate_at(validity: ValidityCheck, sent: &[Vec<u8>]) -> Result<(), ChainError> {
        let bytes = structure(&sent[0], sent);
        let anchors = [Anchor::Certificate(&sent[0])];
        Policy::new(&PROVIDER, &anchors, validity).validate(&parse(&bytes)?).map(drop)
    }

    fn validate(sent: &[Vec<u8>]) -> Result<(), ChainError> {
        validate_at(ValidityCheck::At(NOW), sent)
    }

    fn refused(index: u16, rule: Rule) -> Result<(), ChainError> {
        Err(ChainError::new(Check::Certificates, rule).in_certificate(index))
    }

    /// A chain whose only intermediate authority is `ca`, signed by its issuer.
    fn with_authority(ca: &Template) -> Vec<Vec<u8>> {
        let mut sent = certificates(1);
        sent[1] = ca.signed_by("Root");
        sent
    }

    fn authority() -> Template {
        Template::authority("Root", "CA 1")
    }

    #[test]
    fn chains_of_any_depth() {
        for authorities in [0, 1, 2, 14] {
            assert_eq!(validate(&certificates(authorities)), Ok(()));
        }
    }

    #[test]
    fn each_rule_of_a_certificate() {
        type Mutation = (fn(&mut Template), Rule);
        let mutations: [Mutation; 6] = [
            (|t| t.serial = tlv(2, &[&[0]]), Rule::Serial),
            (|t| t.serial = tlv(2, &[&[0x80]]), Rule::Serial),
            (|t| t.issuer = name(""), Rule::EmptyName),
            (|t| t.subject = name(""), Rule::EmptyName),
            (|t| t.issuer = name("Other"), Rule::NameChaining),
            (|t| t.issuer = name("root"), Rule::NameChaining),
        ];
        for (number, (mutate, rule)) in mutations.into_iter().enumerate() {
            let (mut ca, mut leaf) = (authority(), Template::leaf("Root"));
            mutate(&mut ca);
            mutate(&mut leaf);
            assert_eq!(validate(&with_authority(&ca)), refused(1, rule), "mutation {number}");
            let sent = [certificates(0).remove(0), leaf.signed_by("Root")];
            assert_eq!(validate(&sent), refused(1, rule), "mutation {number} of the leaf");
        }
    }

    #[test]
    fn critical_extensions_must_be_understood() {
        let with = |critical| {
            let mut ca = authority();
            ca.extensions.push(extension(NAME_CONSTRAINTS, critical, &[0x30, 0]));
            validate(&with_authority(&ca))
        };
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(TRUE), refused(1, Rule::UnknownCriticalExtension));
    }

    #[test]
    fn validity_is_inclusive() {
        let mut ca = authority();
        let [from, to] = [b"260101000000Z", b"261231235959Z"].map(|date| tlv(0x17, &[date]));
        ca.validity = tlv(0x30, &[&from, &to]);
        let sent = with_authority(&ca);
        let (first, last) = (1_767_225_600, 1_798_761_599);
        assert_eq!(validate_at(ValidityCheck::At(first), &sent), Ok(()));
        assert_eq!(validate_at(ValidityCheck::At(last), &sent), Ok(()));
        let early = validate_at(ValidityCheck::At(first - 1), &sent);
        assert_eq!(early, refused(1, Rule::NotYetValid));
        let late = validate_at(ValidityCheck::At(last + 1), &sent);
        assert_eq!(late, refused(1, Rule::Expired));
        assert_eq!(validate_at(ValidityCheck::Unchecked, &sent), Ok(()));
    }

    #[test]
    fn authorities_must_say_so() {
        let with =
            |extensions: &[Vec<u8>]| validate(&with_authority(&authority().with(extensions)));
        assert_eq!(with(&[]), refused(1, Rule::NotCa));
        assert_eq!(with(&[basic_constraints(&[]), key_usage(0x04)]), refused(1, Rule::NotCa));
        let no_cert_sign = [basic_constraints(&[TRUE]), key_usage(0x02)];
        assert_eq!(with(&no_cert_sign), refused(1, Rule::KeyCertSign));
        assert_eq!(with(&[basic_constraints(&[TRUE])]), Ok(()));
    }

    #[test]
    fn path_length_counts_authorities_below() {
        let limited = |path_len| {
            let mut sent = certificates(3);
            let constraints = basic_constraints(&[TRUE, &[2, 1, path_len]]);
            sent[1] = authority().with(&[constraints]).signed_by("Root");
            validate(&sent)
        };
        assert_eq!(limited(2), Ok(()));
        assert_eq!(limited(1), refused(3, Rule::PathLength));
        assert_eq!(limited(0), refused(2, Rule::PathLength));
    }

    #[test]
    fn self_issued_authorities_do_not_count_for_path_length() {
        let constraints = basic_constraints(&[TRUE, &[2, 1, 0]]);
        let sent = [
            certificates(0).remove(0),
            authority().with(&[constraints]).signed_by("Root"),
            Template::authority("CA 1", "CA 1").signed_by("CA 1"),
            Template::leaf("CA 1").signed_by("CA 1"),
        ];
        assert_eq!(validate(&sent), Ok(()));
    }

    #[test]
    fn of_the_anchor_only_name_and_key_count() {
        let mut root = Template::authority("Root", "Root").with(&[]);
        root.serial = tlv(2, &[&[0]]);
        let date = tlv(0x17, &[b"000101000000Z"]);
        root.validity = tlv(0x30, &[&date, &date]);
        let mut sent = certificates(1);
        sent[0] = root.signed_by("Nobody");
        assert_eq!(validate(&sent), Ok(()));
    }

    #[test]
    fn a_leaf_that_is_its_own_anchor_is_held_to_the_rules() {
        let mut leaf = Template::leaf("Leaf");
        assert_eq!(validate(&[leaf.signed_by("Leaf")]), Ok(()));
        leaf.serial = tlv(2, &[&[0]]);
        assert_eq!(validate(&[leaf.signed_by("Leaf")]), refused(0, Rule::Serial));
    }

    #[test]
    fn signatures_are_those_of_the_issuer() {
        let fails =
            |index, rule| Err(ChainError::new(Check::Signatures, rule).in_certificate(index));
        let mut sent = certificates(1);
        sent[1] = authority().signed_by("Mallory");
        assert_eq!(validate(&sent), fails(1, Rule::Signature));

        let mut leaf = Template::leaf("CA 1");
        let sha1 = [0x30, 0x09, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1];
        leaf.inner_algorithm = sha1.to_vec();
        leaf.outer_algorithm = sha1.to_vec();
        let mut sent = certificates(1);
        sent[2] = leaf.signed_by("CA 1");
        assert_eq!(validate(&sent), fails(2, Rule::SignatureAlgorithm));

        let mut ca = authority();
        let ed25519 = tlv(0x30, &[&[6, 3, 0x2B, 0x65, 0x70]]);
        ca.public_key = tlv(0x30, &[&ed25519, &tlv(3, &[&[0], &key("CA 1").public_key()[..32]])]);
        assert_eq!(validate(&with_authority(&ca)), fails(2, Rule::IssuerKey));
    }
}
