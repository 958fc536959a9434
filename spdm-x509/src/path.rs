//! The path from the root to the leaf (RFC 5280 §6.1, without its parts that SPDM has no use for).

use crate::certificate::X509Certificate;
use crate::chain::{Chain, ParsedChain};
use crate::ledger::Ledger;
use crate::name_constraints::Constraints;
use crate::origin::{Origin, Root};
use crate::outcome::Ending;
use crate::policy::{ChainLimits, Policy, ValidityCheck};
use crate::profile::{Demand, Profile, Tolerance};
use crate::public_key::PublicKey;
use crate::rule::Rule;
use crate::signature::{LinkCheck, SignedCertificate};

/// The first limit that the chain exceeds.
pub(crate) fn check_limits(chain: &Chain<'_>, limits: ChainLimits) -> Result<(), Rule> {
    if chain.bytes().len() > limits.max_bytes {
        Err(Rule::TooManyBytes)
    } else if chain.certificate_count() > limits.max_certificates {
        Err(Rule::TooManyCertificates)
    } else {
        Ok(())
    }
}

/// Everything about the certificates below the root but their signatures. A leaf that is its own root is
/// held to the same rules.
#[inline(never)]
pub(crate) fn check_certificates(
    parsed: &ParsedChain<'_, '_>,
    origin: &Origin<'_>,
    policy: &Policy<'_>,
    ledger: &mut Ledger<'_>,
) -> Ending {
    let leaf = parsed.chain().certificate_count() - 1;
    let first = origin.first_below_anchor().min(leaf);
    let mut authorities = Authorities::below(origin.anchor.as_ref(), policy.profile);
    let mut above = None;
    if let Some(anchor) = origin.anchor.as_ref().filter(|_| origin.root == Root::Omitted) {
        check_revocation(anchor, policy, ledger);
        above = Some(anchor.subject());
    }
    for (index, certificate) in parsed.certificates() {
        let issuer = above.replace(certificate.subject());
        ledger.turn_to(Some(index));
        check_revocation(&certificate, policy, ledger);
        if index < first {
            continue;
        }
        check_certificate(&certificate, policy, ledger);
        if let Some(issuer) = issuer {
            ledger.ask(Rule::NameChaining, issuer == certificate.issuer());
        }
        let is_exempt = certificate.is_self_issued() && index != leaf;
        let names = certificate.subject_alt_name();
        let are_permitted = || authorities.constraints.permit(certificate.subject(), names);
        ledger.ask(Rule::NameConstraints, is_exempt || are_permitted());
        if index != leaf {
            authorities.descend(&certificate, ledger);
        } else if !authorities.can_evaluate {
            // Where the anchor itself issued the leaf, no authority in between has told.
            ledger.ask(Rule::TooManyNameConstraints, false);
        }
    }
    ledger.ending()
}

fn check_revocation(
    certificate: &X509Certificate<'_>,
    policy: &Policy<'_>,
    ledger: &mut Ledger<'_>,
) {
    if policy.revocations.is_empty() {
        return;
    }
    match policy.revocations.concern(certificate, policy.provider) {
        Ok(is_revoked) => ledger.ask(Rule::Revoked, !is_revoked),
        Err(_) => ledger.ask(Rule::UnsupportedHash, false),
    };
}

/// What holds for any certificate.
fn check_certificate(
    certificate: &X509Certificate<'_>,
    policy: &Policy<'_>,
    ledger: &mut Ledger<'_>,
) {
    let profile = policy.profile;
    let extensions = certificate.extensions();
    let mut tolerate = |rule, holds, tolerance: Tolerance| {
        ledger.ask_waivable(rule, holds, !tolerance.accepts());
    };
    let serial = certificate.serial();
    let is_negative = serial.first().is_some_and(|first| first & 0x80 != 0);
    let zero = if is_negative { Tolerance::Refuse } else { profile.zero_serial };
    tolerate(Rule::Serial, !is_negative && serial != [0], zero);
    let octets = serial.strip_prefix(&[0]).unwrap_or(serial).len();
    tolerate(Rule::LongSerial, octets <= MAX_SERIAL, profile.long_serial);
    tolerate(Rule::ExplicitDefault, !extensions.has_explicit_false, profile.explicit_false);
    let is_trimmed = !extensions.has_untrimmed_key_usage;
    tolerate(Rule::UntrimmedKeyUsage, is_trimmed, profile.untrimmed_key_usage);
    let is_usual = !certificate.has_early_generalized_time();
    tolerate(Rule::GeneralizedTime, is_usual, profile.generalized_time);
    tolerate(Rule::CriticalDice, !extensions.has_critical_dice, profile.critical_dice);
    ledger.ask(Rule::UnknownCriticalExtension, !extensions.has_unknown_critical);
    let has_names = !certificate.issuer().is_empty() && !certificate.subject().is_empty();
    ledger.ask(Rule::EmptyName, has_names);
    if let ValidityCheck::At(now) = policy.validity {
        ledger.ask(Rule::NotYetValid, now >= certificate.not_before().unix());
        ledger.ask(Rule::Expired, now <= certificate.not_after().unix());
    }
}

/// The longest serialNumber, in octets of its magnitude (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;

/// The certificate authorities on the way down (RFC 5280 §6.1.4 g to n).
struct Authorities<'t> {
    /// How many more that are not self-issued.
    allowed: u32,
    constraints: Constraints<'t>,
    /// Whether the anchor's nameConstraints can be evaluated.
    can_evaluate: bool,
}

impl<'t> Authorities<'t> {
    /// Those below this anchor. A chain without a trust anchor has none.
    fn below(anchor: Option<&X509Certificate<'t>>, profile: Profile) -> Self {
        let mut authorities =
            Self { allowed: u32::MAX, constraints: Constraints::NONE, can_evaluate: true };
        if let Some(anchor) = anchor.filter(|_| profile.anchor != Demand::Never) {
            let path_len = anchor.basic_constraints().and_then(|constraints| constraints.path_len);
            authorities.allowed = path_len.unwrap_or(u32::MAX);
            authorities.can_evaluate = authorities.constraints.add(anchor.name_constraints());
        }
        authorities
    }

    fn descend(&mut self, authority: &X509Certificate<'t>, ledger: &mut Ledger<'_>) {
        let constraints = authority.basic_constraints();
        ledger.ask(Rule::NotCa, constraints.is_some_and(|constraints| constraints.is_ca));
        let may_sign = authority.key_usage().is_none_or(|usage| usage.key_cert_sign());
        ledger.ask(Rule::KeyCertSign, may_sign);
        let is_counted = !authority.is_self_issued();
        ledger.ask(Rule::PathLength, !is_counted || self.allowed > 0);
        self.allowed = self.allowed.saturating_sub(u32::from(is_counted));
        if let Some(path_len) = constraints.and_then(|constraints| constraints.path_len) {
            self.allowed = self.allowed.min(path_len);
        }
        let can_evaluate = self.constraints.add(authority.name_constraints()) && self.can_evaluate;
        ledger.ask(Rule::TooManyNameConstraints, can_evaluate);
    }
}

/// What the signatures below an [`Origin`] depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathStart<'t> {
    root: Root,
    first_below_anchor: u16,
    /// Of the trust anchor that the path starts with, where there is one.
    anchor_key: Option<PublicKey<'t>>,
}

impl<'t> PathStart<'t> {
    pub(crate) fn at(origin: &Origin<'t>) -> Self {
        Self {
            root: origin.root,
            first_below_anchor: origin.first_below_anchor(),
            anchor_key: origin.anchor.as_ref().map(X509Certificate::public_key),
        }
    }
}

/// Each signature below the root; also the root's own where the root is no trust anchor. Of each certificate no more
/// is on the stack than its signature takes.
#[inline(never)]
pub(crate) fn check_signatures(
    chain: &Chain<'_>,
    start: &PathStart<'_>,
    policy: &Policy<'_>,
    ledger: &mut Ledger<'_>,
) -> Ending {
    let mut above: Option<PublicKey<'_>> = match start.root {
        Root::Unknown => return Ending::Skipped,
        Root::Omitted => start.anchor_key,
        Root::Anchored(_) | Root::Sent => None,
    };
    let link = LinkCheck {
        provider: policy.provider,
        cache: policy.link_cache,
        negotiated: chain.context().hash,
        explicit_trailer_field: policy.profile.explicit_trailer_field,
    };
    for (index, der) in (0..).zip(chain.certificate_ders()) {
        let signed = SignedCertificate::again(der);
        let own = signed.public_key;
        let issuer = above.replace(own);
        ledger.turn_to(Some(index));
        let issuer = match (issuer, start.root) {
            // Whoever issued it is not at hand.
            (None, Root::Sent) if !signed.is_self_issued => return Ending::Skipped,
            (None, Root::Sent) => Some(own),
            (issuer, _) => issuer,
        };
        let counts = index >= start.first_below_anchor || start.root == Root::Sent;
        match issuer.filter(|_| counts) {
            Some(issuer) => link.check(&signed, &issuer, ledger),
            // Only the first certificate can be without an issuer, and it counts only below an anchor that was
            // left out, which `Origin::find` sets. Without one the check fails.
            None if counts => {
                ledger.ask(Rule::NotChecked, false);
            }
            None => {}
        }
        if ledger.has_failed() && !ledger.is_heard() {
            return ledger.ending();
        }
    }
    ledger.ending()
}

#[cfg(test)]
mod tests {
    use super::{Demand, Profile, Rule, ValidityCheck};
    use crate::anchor::Anchor;
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::oid::Oid;
    use crate::policy::Policy;
    use crate::testing::{
        BASIC_CONSTRAINTS, FALSE, HASH, KEY_USAGE, TRUE, Template, basic_constraints, certificates,
        extension, key, key_usage, name, parse, structure, tlv,
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

    fn validate_under(profile: Profile, sent: &[Vec<u8>]) -> Result<(), ChainError> {
        let bytes = structure(&sent[0], sent);
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
        Policy { profile, ..policy }.validate(&parse(&bytes)?).map(drop)
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
        let with = |oid: &[u8], critical| {
            let mut ca = authority();
            ca.extensions.push(extension(oid, critical, &[0x30, 0]));
            with_authority(&ca)
        };
        assert_eq!(validate(&with(&[0x2A], &[])), Ok(()));
        assert_eq!(validate(&with(&[0x2A], TRUE)), refused(1, Rule::UnknownCriticalExtension));
        for last in [1, 5, 9] {
            let dice = [Oid::DICE.as_bytes(), &[last]].concat();
            assert_eq!(validate(&with(&dice, &[])), Ok(()));
            let critical = with(&dice, TRUE);
            assert_eq!(validate(&critical), refused(1, Rule::CriticalDice));
            assert_eq!(validate_under(Profile::COMPATIBLE, &critical), Ok(()));
        }
        // Not below the arc, but the arc itself.
        let arc = with(Oid::DICE.as_bytes(), TRUE);
        let unknown = refused(1, Rule::UnknownCriticalExtension);
        assert_eq!(validate_under(Profile::COMPATIBLE, &arc), unknown);
    }

    #[test]
    fn each_tolerance() {
        type Mutation = (fn(&mut Template), Rule);
        let mutations: [Mutation; 6] = [
            (|t| t.serial = tlv(2, &[&[0]]), Rule::Serial),
            (|t| t.serial = tlv(2, &[&[1; 21]]), Rule::LongSerial),
            (|t| t.extensions.push(extension(&[0x2A], FALSE, &[])), Rule::ExplicitDefault),
            (
                |t| {
                    t.extensions.retain(|extension| !is_key_usage(extension));
                    let bits = tlv(3, &[&[0, 0x84]]);
                    t.extensions.push(extension(KEY_USAGE, TRUE, &bits));
                },
                Rule::UntrimmedKeyUsage,
            ),
            (
                |t| {
                    let dates = [b"20200101000000Z", b"20991231235959Z"].map(|d| tlv(24, &[d]));
                    t.validity = tlv(0x30, &[&dates[0], &dates[1]]);
                },
                Rule::GeneralizedTime,
            ),
            (
                |t| {
                    let value = tlv(0x30, &[&[1, 1, 0]]);
                    let is_leaf = t.subject == name("Leaf");
                    if is_leaf {
                        t.extensions[0] = extension(BASIC_CONSTRAINTS, TRUE, &value);
                    } else {
                        t.extensions.push(extension(&[0x2A], FALSE, &[]));
                    }
                },
                Rule::ExplicitDefault,
            ),
        ];
        for (number, (mutate, rule)) in mutations.into_iter().enumerate() {
            let (mut ca, mut leaf) = (authority(), Template::leaf("Root"));
            mutate(&mut ca);
            mutate(&mut leaf);
            for sent in
                [with_authority(&ca), std::vec![certificates(0).remove(0), leaf.signed_by("Root")]]
            {
                assert_eq!(validate(&sent), refused(1, rule), "mutation {number}");
                let compatible = validate_under(Profile::COMPATIBLE, &sent);
                assert_eq!(compatible, Ok(()), "mutation {number}");
            }
        }
        // A negative serial number is tolerated nowhere.
        let mut ca = authority();
        ca.serial = tlv(2, &[&[0x80]]);
        let sent = with_authority(&ca);
        assert_eq!(validate_under(Profile::COMPATIBLE, &sent), refused(1, Rule::Serial));
        // And twenty octets are not too long, whatever the first bit.
        ca.serial = tlv(2, &[&[&[0, 0x80][..], &[1; 19]].concat()]);
        assert_eq!(validate(&with_authority(&ca)), Ok(()));
    }

    fn is_key_usage(extension: &[u8]) -> bool {
        extension.starts_with(&key_usage(0x84)[..7])
    }

    #[test]
    fn no_expiry_is_written_as_dsp0274_recommends() {
        let mut leaf = Template::leaf("Root");
        let dates = [b"19700101000000Z", b"99991231235959Z"].map(|date| tlv(24, &[date]));
        leaf.validity = tlv(0x30, &[&dates[0], &dates[1]]);
        let sent = [certificates(0).remove(0), leaf.signed_by("Root")];
        assert_eq!(validate(&sent), Ok(()));
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
    fn of_the_anchor_validity_serial_and_signature_do_not_count() {
        let mut root = Template::authority("Root", "Root");
        root.serial = tlv(2, &[&[0]]);
        let date = tlv(0x17, &[b"000101000000Z"]);
        root.validity = tlv(0x30, &[&date, &date]);
        let mut sent = certificates(1);
        sent[0] = root.signed_by("Nobody");
        assert_eq!(validate(&sent), Ok(()));
    }

    /// Who pins the certificate of one device must not thereby trust every device that this one makes up.
    /// Devices of old have such certificates: their keys must not make other devices.
    #[test]
    fn a_pinned_device_without_extensions_vouches_for_no_other() {
        let device = Template::authority("Vendor", "Device").with(&[]).signed_by("Vendor");
        let forged = Template::leaf("Device").signed_by("Device");
        let bytes = structure(&device, &[forged]);
        let anchors = [Anchor::Certificate(&device)];
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
        for profile in [Profile::STRICT, Profile::COMPATIBLE] {
            let error = (Policy { profile, ..policy }).validate(&parse(&bytes).unwrap());
            let expected = ChainError::new(Check::Anchor, Rule::AnchorNotCa);
            assert_eq!(error.unwrap_err(), expected);
        }
    }

    #[test]
    fn an_anchor_that_may_not_issue_vouches_for_itself_only() {
        let anchored = |extensions: &[Vec<u8>], profile| {
            let mut sent = certificates(0);
            sent[0] = Template::authority("Root", "Root").with(extensions).signed_by("Root");
            let in_chain = validate_under(profile, &sent);
            let bytes = structure(&sent[0], &sent[1..]);
            let anchors = [Anchor::Certificate(&sent[0])];
            let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
            let omitted = Policy { profile, ..policy }.validate(&parse(&bytes).unwrap()).map(drop);
            assert_eq!(in_chain, omitted);
            // The same by its digest, and where it is to be an authority below the root.
            let digest = PROVIDER.hash.digest(HASH, &[&sent[0]]).unwrap();
            let bytes = structure(&sent[0], &sent);
            for anchor in [
                Anchor::RootHash { hash: HASH, digest: digest.as_bytes() },
                Anchor::Intermediate(&sent[0]),
            ] {
                let anchors = [anchor];
                let policy = Policy { profile, anchors: &anchors, ..policy };
                assert_eq!(policy.validate(&parse(&bytes).unwrap()).map(drop), in_chain);
            }
            in_chain
        };
        let never = Profile { anchor: Demand::Never, ..Profile::STRICT };
        let no = Err(ChainError::new(Check::Anchor, Rule::AnchorNotCa));
        for (extensions, strict, compatible) in [
            (std::vec![basic_constraints(&[TRUE])], Ok(()), Ok(())),
            (std::vec![basic_constraints(&[TRUE]), key_usage(0x04)], Ok(()), Ok(())),
            (Vec::new(), no, Ok(())),
            (std::vec![key_usage(0x04)], no, Ok(())),
            (std::vec![key_usage(0x80)], no, no),
            (std::vec![basic_constraints(&[])], no, no),
            (std::vec![basic_constraints(&[TRUE]), key_usage(0x80)], no, no),
        ] {
            assert_eq!(anchored(&extensions, Profile::STRICT), strict);
            assert_eq!(anchored(&extensions, Profile::COMPATIBLE), compatible);
            assert_eq!(anchored(&extensions, never), Ok(()));
        }
    }

    #[test]
    fn constraints_of_the_anchor_bind() {
        let mut sent = certificates(2);
        let limit = |path_len| basic_constraints(&[TRUE, &[2, 1, path_len]]);
        sent[0] = Template::authority("Root", "Root").with(&[limit(1)]).signed_by("Root");
        assert_eq!(validate(&sent), refused(2, Rule::PathLength));
        let never = Profile { anchor: Demand::Never, ..Profile::STRICT };
        assert_eq!(validate_under(never, &sent), Ok(()));
        sent[0] = Template::authority("Root", "Root").with(&[limit(2)]).signed_by("Root");
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
