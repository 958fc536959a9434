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
