//! What DSP0274 asks of a leaf certificate ("Leaf certificate" in its section on certificates).

use spdm_codec::SpdmVersion;

use crate::certificate::Certificate;
use crate::chain::{CertModel, Chain, ChainContext};
use crate::error::{ChainError, Check, Rule};
use crate::oid::Oid;

/// Where devices differ: how much of the leaf's profile is demanded.
///
/// Demanded under every profile: no cA TRUE, digitalSignature where keyUsage is present, no extKeyUsage for
/// requesters alone, and no hardware identity in the leaf of an alias chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Profile {
    /// That basicConstraints is present. [`Demand::AsSpecified`]: from 1.3 on.
    pub basic_constraints: Demand,
    /// That keyUsage is present. [`Demand::AsSpecified`]: except in the generic model.
    pub key_usage: Demand,
    /// That keyUsage has no keyCertSign. [`Demand::AsSpecified`]: always (RFC 5280 §4.2.1.3: only with cA TRUE).
    pub no_key_cert_sign: Demand,
    /// That a device certificate, or one above an alias certificate, has the hardware identity OID.
    /// [`Demand::AsSpecified`]: not demanded, DSP0274 only recommends it.
    pub hardware_identity: Demand,
}

impl Profile {
    /// What DSP0274 demands of each version and model, and no more; the default. Leaves of NVIDIA H100, which
    /// speak 1.1 and have neither basicConstraints nor extKeyUsage, pass.
    pub const COMPATIBLE: Self = Self {
        basic_constraints: Demand::AsSpecified,
        key_usage: Demand::AsSpecified,
        no_key_cert_sign: Demand::AsSpecified,
        hardware_identity: Demand::AsSpecified,
    };

    /// Also what DSP0274 recommends, and what newer versions demand of older ones.
    pub const STRICT: Self = Self {
        basic_constraints: Demand::Always,
        key_usage: Demand::Always,
        no_key_cert_sign: Demand::Always,
        hardware_identity: Demand::Always,
    };
}

impl Default for Profile {
    fn default() -> Self {
        Self::COMPATIBLE
    }
}

/// When something is demanded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Demand {
    /// In no case.
    Never,
    /// Where the specification does, for the negotiated version and the slot's model.
    AsSpecified,
    /// In every case.
    Always,
}

impl Demand {
    const fn applies(self, specified: bool) -> bool {
        match self {
            Self::Never => false,
            Self::AsSpecified => specified,
            Self::Always => true,
        }
    }
}

pub(crate) fn check(chain: &Chain<'_>, profile: Profile) -> Result<(), ChainError> {
    let index = chain.certificate_count() - 1;
    let context = chain.context();
    check_basic_constraints(chain.leaf(), context, profile)
        .and_then(|()| check_key_usage(chain.leaf(), context, profile))
        .and_then(|()| check_extended_key_usage(chain.leaf()))
        .and_then(|()| check_hardware_identity(chain, profile))
        .map_err(|rule| ChainError::new(Check::LeafProfile, rule).in_certificate(index))
}

fn check_basic_constraints(
    leaf: &Certificate<'_>,
    context: &ChainContext,
    profile: Profile,
) -> Result<(), Rule> {
    let specified = match context.version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => false,
        SpdmVersion::V1_3 | SpdmVersion::V1_4 => true,
    };
    match leaf.basic_constraints() {
        Some(constraints) if constraints.is_ca => Err(Rule::LeafIsCa),
        None if profile.basic_constraints.applies(specified) => Err(Rule::BasicConstraintsMissing),
        _ => Ok(()),
    }
}

fn check_key_usage(
    leaf: &Certificate<'_>,
    context: &ChainContext,
    profile: Profile,
) -> Result<(), Rule> {
    let specified = context.model != CertModel::GenericCert;
    match leaf.key_usage() {
        None if profile.key_usage.applies(specified) => Err(Rule::KeyUsageMissing),
        None => Ok(()),
        Some(usage) if !usage.digital_signature() => Err(Rule::DigitalSignature),
        Some(usage) if usage.key_cert_sign() && profile.no_key_cert_sign.applies(true) => {
            Err(Rule::LeafKeyCertSign)
        }
        Some(_) => Ok(()),
    }
}

/// A chain is a responder's here.
fn check_extended_key_usage(leaf: &Certificate<'_>) -> Result<(), Rule> {
    let names = |role: Oid<'_>| leaf.extended_key_usage().any(|purpose| purpose == role);
    if names(Oid::DMTF_REQUESTER_AUTH) && !names(Oid::DMTF_RESPONDER_AUTH) {
        return Err(Rule::RequesterOnly);
    }
    Ok(())
}

fn check_hardware_identity(chain: &Chain<'_>, profile: Profile) -> Result<(), Rule> {
    let demanded = profile.hardware_identity.applies(false);
    let leaf_has = chain.leaf().has_hardware_identity();
    match chain.context().model {
        CertModel::AliasCert if leaf_has => Err(Rule::HardwareIdentityInAlias),
        CertModel::AliasCert if demanded => {
            let above = chain.certificates().any(|above| above.has_hardware_identity());
            if above { Ok(()) } else { Err(Rule::HardwareIdentityMissing) }
        }
        CertModel::DeviceCert if demanded && !leaf_has => Err(Rule::HardwareIdentityMissing),
        CertModel::AliasCert
        | CertModel::DeviceCert
        | CertModel::GenericCert
        | CertModel::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{CertModel, ChainContext, ChainError, Check, Demand, Profile, Rule, SpdmVersion};
    use crate::appraisal::Outcome;
    use crate::chain::Chain;
    use crate::policy::{Policy, ValidityCheck};
    use crate::testing::{
        CONTEXT, TRUE, Template, basic_constraints, certificates, extended_key_usage,
        hardware_identity, key_usage, structure,
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
        match (Policy { profile, ..policy }).appraise(&chain).leaf_profile() {
            Outcome::Fail(error) => {
                let expected = ChainError::new(Check::LeafProfile, error.rule).in_certificate(1);
                assert_eq!(error, expected);
                Some(error.rule)
            }
            outcome => {
                assert_eq!(outcome, Outcome::Pass);
                None
            }
        }
    }

    fn rule_of(context: ChainContext, leaf: &[Vec<u8>]) -> Option<Rule> {
        rule_under(Profile::COMPATIBLE, context, leaf)
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
            let never = Profile { basic_constraints: Demand::Never, ..Profile::COMPATIBLE };
            assert_eq!(rule_under(never, context, &[signing()]), None);
        }
        let strict = rule_under(Profile::STRICT, CONTEXT, &[signing()]);
        assert_eq!(strict, Some(Rule::BasicConstraintsMissing));
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
            let tolerant = Profile { no_key_cert_sign: Demand::Never, ..Profile::COMPATIBLE };
            assert_eq!(rule_under(tolerant, context, &[key_usage(0x84)]), None);
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
    }

    #[test]
    fn hardware_identity_by_model() {
        let with = [signing(), basic_constraints(&[]), hardware_identity()];
        let without = &with[..2];
        let context = |model| ChainContext { model, ..CONTEXT };
        let strict = |model, leaf: &[_]| rule_under(Profile::STRICT, context(model), leaf);
        let compatible = |model, leaf: &[_]| rule_of(context(model), leaf);

        assert_eq!(compatible(CertModel::AliasCert, &with), Some(Rule::HardwareIdentityInAlias));
        assert_eq!(compatible(CertModel::AliasCert, without), None);
        assert_eq!(compatible(CertModel::DeviceCert, without), None);
        let missing = Some(Rule::HardwareIdentityMissing);
        assert_eq!(strict(CertModel::DeviceCert, without), missing);
        assert_eq!(strict(CertModel::DeviceCert, &with), None);
        // No certificate above the alias has it either.
        assert_eq!(strict(CertModel::AliasCert, without), missing);
        assert_eq!(strict(CertModel::GenericCert, without), None);
        assert_eq!(strict(CertModel::Unknown, without), None);
    }
}
