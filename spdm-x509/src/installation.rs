//! A chain that is going to be installed in a device.

use crate::appraisal::Appraisal;
use crate::certificate::X509Certificate;
use crate::chain::{CertModel, Chain};
use crate::error::ChainError;
use crate::outcome::Ending;
use crate::policy::Policy;
use crate::rule::Rule;

/// Proof that a policy found nothing wrong with a chain that a device is to be given: what SET_CERTIFICATE carries.
///
/// It is no [`Trusted`](crate::Trusted): nobody has shown the key of its last certificate.
#[derive(Clone, Copy, Debug)]
pub struct InstallableChain<'c>(Chain<'c>);

impl<'c> InstallableChain<'c> {
    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain<'c> {
        &self.0
    }
}

impl Policy<'_> {
    /// Makes every check of [`Self::validate`] on a chain before it is installed. In the alias model it ends with the
    /// device certificate CA, behind which the device puts its own certificate: in place of a leaf's profile, the last
    /// certificate has to be that of an authority (DSP0274 §SET_CERTIFICATE).
    ///
    /// # Errors
    /// The first failure, in the order of [`Check`](crate::Check).
    pub fn validate_to_install<'c>(
        &self,
        chain: &Chain<'c>,
    ) -> Result<InstallableChain<'c>, ChainError> {
        let mut appraisal: Appraisal<'c> = self.appraise(chain);
        if chain.context().model == CertModel::AliasCert {
            appraisal.leaf_profile = authority_profile(&chain.leaf(), chain.certificate_count());
        }
        appraisal.into_trusted().map(|_| InstallableChain(*chain))
    }
}

/// The device certificate CA may issue certificates.
fn authority_profile(authority: &X509Certificate<'_>, count: u16) -> Ending {
    let is_ca = authority.basic_constraints().is_some_and(|constraints| constraints.is_ca);
    let signs = authority.key_usage().is_none_or(|usage| usage.key_cert_sign());
    let certificate = count.checked_sub(1);
    match (is_ca, signs) {
        (false, _) => Ending::Fail { certificate, rule: Rule::NotCa },
        (_, false) => Ending::Fail { certificate, rule: Rule::KeyCertSign },
        (true, true) => Ending::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::{CertModel, Chain, Policy, Rule};
    use crate::anchor::Anchor;
    use crate::chain::ChainContext;
    use crate::policy::ValidityCheck;
    use crate::testing::{CONTEXT, Template, certificates, structure};
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn rule_of(sent: &[Vec<u8>], model: CertModel) -> Option<Rule> {
        let bytes = structure(&sent[0], sent);
        let context = ChainContext { model, ..CONTEXT };
        let chain = Chain::parse(Untrusted::new(bytes.as_slice()), context, &PROVIDER).unwrap();
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(1_790_000_000));
        match policy.validate_to_install(&chain) {
            Ok(installable) => {
                assert_eq!(installable.chain().bytes(), bytes);
                None
            }
            Err(error) => Some(error.rule),
        }
    }

    #[test]
    fn p7_what_the_last_certificate_has_to_be() {
        let leaf = certificates(1);
        let mut authority = leaf.clone();
        authority[2] = Template::authority("CA 1", "Device CA").signed_by("CA 1");
        assert_eq!(rule_of(&leaf, CertModel::DeviceCert), None);
        assert_eq!(rule_of(&leaf, CertModel::AliasCert), Some(Rule::NotCa));
        assert_eq!(rule_of(&authority, CertModel::AliasCert), None);
        assert_eq!(rule_of(&authority, CertModel::DeviceCert), Some(Rule::LeafIsCa));
        // Only the profile differs.
        let mut forged = authority.clone();
        forged[2] = Template::authority("CA 1", "Device CA").signed_by("Mallory");
        assert_eq!(rule_of(&forged, CertModel::AliasCert), Some(Rule::Signature));
    }
}
