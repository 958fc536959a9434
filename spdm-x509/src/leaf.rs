//! What DSP0274 asks of a leaf certificate ("Leaf certificate" in its section on certificates).

use spdm_codec::SpdmVersion;

use crate::certificate::X509Certificate;
use crate::chain::{CertModel, Chain, ChainHolder, ParsedChain};
use crate::ledger::Ledger;
use crate::oid::Oid;
use crate::outcome::Ending;
use crate::profile::Profile;
use crate::rule::Rule;

/// `first_below_anchor` is the first certificate below the anchor: those above the anchor are not trusted.
pub(crate) fn check(
    parsed: &ParsedChain<'_, '_>,
    leaf: &X509Certificate<'_>,
    first_below_anchor: u16,
    profile: Profile,
    ledger: &mut Ledger<'_>,
) -> Ending {
    let chain = parsed.chain();
    ledger.turn_to(Some(chain.certificate_count() - 1));
    check_basic_constraints(chain, leaf, profile, ledger);
    check_key_usage(chain, leaf, profile, ledger);
    ledger.ask(Rule::LeafNameConstraints, !leaf.has_name_constraints());
    check_extended_key_usage(chain, leaf, profile, ledger);
    check_hardware_identity(parsed, leaf, first_below_anchor, profile, ledger);
    ledger.ending()
}

fn check_basic_constraints(
    chain: &Chain<'_>,
    leaf: &X509Certificate<'_>,
    profile: Profile,
    ledger: &mut Ledger<'_>,
) {
    let specified = match chain.context().version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => false,
        SpdmVersion::V1_3 | SpdmVersion::V1_4 => true,
    };
    let constraints = leaf.basic_constraints();
    ledger.ask(Rule::LeafIsCa, constraints.is_none_or(|constraints| !constraints.is_ca));
    let demanded = profile.basic_constraints.applies(specified);
    ledger.ask_waivable(Rule::BasicConstraintsMissing, constraints.is_some(), demanded);
}

fn check_key_usage(
    chain: &Chain<'_>,
    leaf: &X509Certificate<'_>,
    profile: Profile,
    ledger: &mut Ledger<'_>,
) {
    let usage = leaf.key_usage();
    let demanded = profile.key_usage.applies(chain.context().model != CertModel::GenericCert);
    ledger.ask_waivable(Rule::KeyUsageMissing, usage.is_some(), demanded);
    let Some(usage) = usage else { return };
    ledger.ask(Rule::DigitalSignature, usage.digital_signature());
    let demanded = profile.no_key_cert_sign.applies(true);
    ledger.ask_waivable(Rule::LeafKeyCertSign, !usage.key_cert_sign(), demanded);
}

fn check_extended_key_usage(
    chain: &Chain<'_>,
    leaf: &X509Certificate<'_>,
    profile: Profile,
    ledger: &mut Ledger<'_>,
) {
    let names = |role: Oid<'_>| leaf.extended_key_usage().any(|purpose| purpose == role);
    let is_responder = names(Oid::DMTF_RESPONDER_AUTH);
    if chain.context().holder == ChainHolder::Requester {
        ledger.ask(Rule::ResponderOnly, names(Oid::DMTF_REQUESTER_AUTH) || !is_responder);
        return;
    }
    ledger.ask(Rule::RequesterOnly, is_responder || !names(Oid::DMTF_REQUESTER_AUTH));
    let demanded = profile.responder_role.applies(false);
    ledger.ask_waivable(Rule::ResponderMissing, is_responder, demanded);
}

fn check_hardware_identity(
    parsed: &ParsedChain<'_, '_>,
    leaf: &X509Certificate<'_>,
    first_below_anchor: u16,
    profile: Profile,
    ledger: &mut Ledger<'_>,
) {
    let leaf_has = leaf.has_hardware_identity();
    let demanded = profile.hardware_identity.applies(false);
    let anchor = first_below_anchor.saturating_sub(1);
    let any_has = || {
        let mut certificates = parsed.certificates().filter(|(index, _)| *index >= anchor);
        certificates.any(|(_, certificate)| certificate.has_hardware_identity())
    };
    let has = match parsed.chain().context().model {
        CertModel::AliasCert => {
            ledger.ask(Rule::HardwareIdentityInAlias, !leaf_has);
            any_has()
        }
        CertModel::DeviceCert => leaf_has,
        // The model is the peer's to announce; what the caller demands is not.
        CertModel::GenericCert | CertModel::Unknown if demanded => any_has(),
        CertModel::GenericCert | CertModel::Unknown => return,
    };
    ledger.ask_waivable(Rule::HardwareIdentityMissing, has, demanded);
}

#[cfg(test)]
mod tests {
    use super::{CertModel, Profile, Rule, SpdmVersion};
    use crate::anchor::Anchor;
    use crate::chain::{Chain, ChainContext};
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::outcome::CheckOutcome;
    use crate::policy::{Policy, ValidityCheck};
    use crate::profile::Demand;
    use crate::testing::{
        CONTEXT, NAME_CONSTRAINTS, TRUE, Template, basic_constraints, certificates,
        directory_subtrees, extended_key_usage, extension, hardware_identity, key_usage, structure,
    };
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn rule_under(profile: Profile, context: ChainContext, leaf: &[Vec<u8>]) -> Option<Rule> {
        let mut sent = certificates(0);
        sent[1] = Template::leaf("Root").with(leaf).signed_by("Root");
        let bytes = structure(&sent[0], &sent);
        let chain = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER).unwrap();
        let policy = Policy::new(&PROVIDER, &[], ValidityCheck::Unchecked);
        match (Policy { profile, ..policy }).appraise(&chain).outcome(Check::LeafProfile) {
            CheckOutcome::Fail(error) => {
                let expected = ChainError::new(Check::LeafProfile, error.rule).in_certificate(1);
                assert_eq!(error, expected);
                Some(error.rule)
            }
            outcome => {
                assert_eq!(outcome, CheckOutcome::Pass);
                None
            }
        }
    }

    fn rule_of(context: ChainContext, leaf: &[Vec<u8>]) -> Option<Rule> {
        rule_under(Profile::STRICT, context, leaf)
    }

    fn signing() -> Vec<u8> {
        key_usage(0x80)
    }

    #[test]
    fn basic_constraints_by_version() {
        for version in SpdmVersion::ALL {
            let context = ChainContext { version, ..CONTEXT };
            let missing = (version >= SpdmVersion::V1_3).then_some(Rule::BasicConstraintsMissing);
            assert_eq!(rule_of(context, &[signing()]), missing);
            let ca = [signing(), basic_constraints(&[TRUE])];
            assert_eq!(rule_of(context, &ca), Some(Rule::LeafIsCa));
            assert_eq!(rule_of(context, &[signing(), basic_constraints(&[])]), None);
            assert_eq!(rule_under(Profile::COMPATIBLE, context, &[signing()]), None);
        }
        let always = Profile { basic_constraints: Demand::Always, ..Profile::STRICT };
        let missing = Some(Rule::BasicConstraintsMissing);
        assert_eq!(rule_under(always, CONTEXT, &[signing()]), missing);
    }

    #[test]
    fn key_usage_by_model() {
        for model in [
            CertModel::Unknown,
            CertModel::DeviceCert,
            CertModel::AliasCert,
            CertModel::GenericCert,
        ] {
            let context = ChainContext { model, ..CONTEXT };
            let missing = (model != CertModel::GenericCert).then_some(Rule::KeyUsageMissing);
            assert_eq!(rule_of(context, &[]), missing);
            assert_eq!(rule_of(context, &[key_usage(0x40)]), Some(Rule::DigitalSignature));
            assert_eq!(rule_of(context, &[key_usage(0x84)]), Some(Rule::LeafKeyCertSign));
            assert_eq!(rule_under(Profile::COMPATIBLE, context, &[key_usage(0x84)]), None);
            assert_eq!(rule_under(Profile::COMPATIBLE, context, &[]), None);
            let nothing = rule_under(Profile::COMPATIBLE, context, &[key_usage(0x40)]);
            assert_eq!(nothing, Some(Rule::DigitalSignature));
        }
    }

    #[test]
    fn roles() {
        let purposes =
            |last_arcs: &[u8]| rule_of(CONTEXT, &[signing(), extended_key_usage(last_arcs)]);
        assert_eq!(purposes(&[4]), Some(Rule::RequesterOnly));
        assert_eq!(purposes(&[4, 1]), Some(Rule::RequesterOnly));
        assert_eq!(purposes(&[4, 3]), None);
        assert_eq!(purposes(&[3]), None);
        assert_eq!(purposes(&[1]), None);
        let always = Profile { responder_role: Demand::Always, ..Profile::STRICT };
        let demanded = |leaf: &[_]| rule_under(always, CONTEXT, leaf);
        assert_eq!(demanded(&[signing()]), Some(Rule::ResponderMissing));
        let other = [signing(), extended_key_usage(&[1])];
        assert_eq!(demanded(&other), Some(Rule::ResponderMissing));
        assert_eq!(demanded(&[signing(), extended_key_usage(&[3])]), None);
    }

    #[test]
    fn roles_of_a_requester() {
        let purposes = |last_arcs: &[u8]| {
            rule_of(CONTEXT.of_requester(), &[signing(), extended_key_usage(last_arcs)])
        };
        assert_eq!(purposes(&[3]), Some(Rule::ResponderOnly));
        assert_eq!(purposes(&[3, 1]), Some(Rule::ResponderOnly));
        assert_eq!(purposes(&[4, 3]), None);
        assert_eq!(purposes(&[4]), None);
        assert_eq!(purposes(&[1]), None);
        assert_eq!(rule_of(CONTEXT.of_requester(), &[signing()]), None);
    }

    #[test]
    fn name_constraints_are_for_authorities() {
        let value = directory_subtrees(&["Leaf"], &[]);
        for critical in [&[][..], TRUE] {
            let leaf = [signing(), extension(NAME_CONSTRAINTS, critical, &value)];
            assert_eq!(rule_of(CONTEXT, &leaf), Some(Rule::LeafNameConstraints));
        }
    }

    #[test]
    fn hardware_identity_by_model() {
        let with = [signing(), basic_constraints(&[]), hardware_identity()];
        let without = &with[..2];
        let context = |model| ChainContext { model, ..CONTEXT };
        let always = Profile { hardware_identity: Demand::Always, ..Profile::STRICT };
        let strict = |model, leaf: &[_]| rule_under(always, context(model), leaf);
        for profile in [Profile::STRICT, Profile::COMPATIBLE] {
            let usual = |model, leaf: &[_]| rule_under(profile, context(model), leaf);
            assert_eq!(usual(CertModel::AliasCert, &with), Some(Rule::HardwareIdentityInAlias));
            assert_eq!(usual(CertModel::AliasCert, without), None);
            assert_eq!(usual(CertModel::DeviceCert, without), None);
        }
        let missing = Some(Rule::HardwareIdentityMissing);
        assert_eq!(strict(CertModel::DeviceCert, without), missing);
        assert_eq!(strict(CertModel::DeviceCert, &with), None);
        // No certificate above the alias has it either.
        assert_eq!(strict(CertModel::AliasCert, without), missing);
        // The peer chooses the model, and with it nothing of what is demanded.
        for model in [CertModel::GenericCert, CertModel::Unknown] {
            assert_eq!(strict(model, without), missing);
            assert_eq!(strict(model, &with), None);
            assert_eq!(rule_under(Profile::STRICT, context(model), without), None);
        }
    }

    /// Whoever signed it: nobody looks at what is above an intermediate anchor.
    #[test]
    fn a_hardware_identity_above_the_anchor_is_nobodys() {
        let mut sent = certificates(1);
        let forged = Template::authority("Forged", "Forged").with(&[
            basic_constraints(&[TRUE]),
            key_usage(0x04),
            hardware_identity(),
        ]);
        sent[0] = forged.signed_by("Forged");
        let alias = Template::leaf("CA 1").with(&[signing(), basic_constraints(&[])]);
        sent[2] = alias.signed_by("CA 1");
        let bytes = structure(&sent[0], &sent);
        let context = ChainContext { model: CertModel::AliasCert, ..CONTEXT };
        let chain = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER).unwrap();
        let anchors = [Anchor::Intermediate(&sent[1])];
        let always = Profile { hardware_identity: Demand::Always, ..Profile::STRICT };
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
        assert_eq!(policy.validate(&chain).err(), None);
        let error = (Policy { profile: always, ..policy }).validate(&chain).unwrap_err();
        assert_eq!(error.rule, Rule::HardwareIdentityMissing);
    }
}
