//! The signatures inside a chain, verified once and for all: the proof, and what it saves.

use spdm_crypto::Digest;

use crate::chain::{Chain, ChainContext};
use crate::identity::Identity;
use crate::origin::{Origin, Root};
use crate::trusted::Trusted;

/// Proof that the certificates of one chain sign each other, from its trust anchor to its leaf.
///
/// It comes from a [`Trusted`] only, and speaks of the chain of this digest alone, read in the same way. A
/// signature does not expire: whoever holds the proof need not verify it again. Everything that can change
/// does not follow from it: who is trusted, the time, the rules for the leaf, and its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VerifiedLinks {
    context: ChainContext,
    digest: Digest,
    /// The first certificate whose signature was verified.
    first: u16,
}

impl VerifiedLinks {
    /// The digest of the chain.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether the proof speaks of this chain.
    #[must_use]
    pub fn cover(&self, chain: &Chain<'_>) -> bool {
        self.context == *chain.context() && self.digest == *chain.digest()
    }

    /// Whether every signature that counts from this origin on is shown.
    ///
    /// A root that the chain leaves out is the same one as before: RootHash, which the digest covers, names
    /// it. Where the path starts above the certificate that it started with before, the signatures between
    /// are not shown; nor is the one of a root that is no trust anchor.
    pub(crate) fn suffice(&self, chain: &Chain<'_>, origin: &Origin<'_>) -> bool {
        let anchored = matches!(origin.root, Root::Anchored(_) | Root::Omitted);
        self.cover(chain) && anchored && self.first <= origin.first_below_anchor()
    }
}

impl Trusted<'_> {
    /// The proof about the chain's signatures; `None` for a provisioned key, which has none.
    #[must_use]
    pub const fn links(&self) -> Option<VerifiedLinks> {
        match self.identity() {
            Identity::Chain(chain) => Some(VerifiedLinks {
                context: *chain.context(),
                digest: *chain.digest(),
                first: self.first_below_anchor,
            }),
            Identity::Key(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {

    use super::{Chain, ChainContext};
    use crate::anchor::Anchor;
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::identity::ProvisionedKey;
    use crate::policy::{Policy, ValidityCheck};
    use crate::profile::Profile;
    use crate::revocation::{Revocation, Revocations};
    use crate::rule::Rule;
    use crate::san_policy::SanPolicy;
    use crate::testing::{ASYM, CONTEXT, HASH, Template, certificates, key, parse, structure};
    use crate::{Trusted, chain::CertModel};
    use spdm_codec::{SlotId, SpdmVersion};
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_untrusted::Untrusted;
    use test_counting::COUNTING;

    const NOW: u64 = 1_790_000_000;

    /// How many signatures `run` verifies.
    fn verified<R>(run: impl FnOnce() -> R) -> (usize, R) {
        test_counting::verified();
        let result = run();
        (test_counting::verified(), result)
    }

    fn refused(check: Check, rule: Rule) -> Option<ChainError> {
        Some(ChainError::new(check, rule))
    }

    #[test]
    fn a_known_chain_costs_no_signature() {
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW));
        let (count, trusted) = verified(|| policy.validate(&chain).unwrap());
        assert_eq!(count, 2);
        let links = trusted.links().unwrap();
        assert!(links.cover(&chain));
        let (count, again) =
            verified(|| policy.appraise_known(&chain, &links).into_trusted().unwrap());
        assert_eq!((count, again.identity().digest()), (0, chain.digest()));
        assert!(again.time_checked());
    }

    #[test]
    fn a_root_that_the_chain_leaves_out_is_the_one_of_the_proof() {
        let all = certificates(1);
        let (root, sent) = all.split_first().unwrap();
        let bytes = structure(root, sent);
        let chain = parse(&bytes).unwrap();
        let anchors = [Anchor::Certificate(root)];
        let policy = Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW));
        let (count, trusted) = verified(|| policy.validate(&chain).unwrap());
        assert_eq!(count, 2);
        let links = trusted.links().unwrap();
        assert_eq!(
            verified(|| policy.appraise_known(&chain, &links).into_trusted().is_ok()),
            (0, true)
        );
        // One of the same name and key, which RootHash does not name.
        let twin = Template::authority("Root", "Root").with(&[]).signed_by("Root");
        let anchors = [Anchor::Certificate(&twin)];
        let policy = Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW));
        let error = policy.appraise_known(&chain, &links).into_trusted().err();
        assert_eq!(error, refused(Check::Anchor, Rule::UnknownAuthority));
    }

    #[test]
    fn what_can_change_counts_again() {
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW));
        let links = policy.validate(&chain).unwrap().links().unwrap();
        // Where the root is no trust anchor, its own signature counts, too, and the proof does not show it.
        let unknown = |policy: Policy<'_>| {
            verified(|| policy.appraise_known(&chain, &links).into_trusted().err())
        };
        let judge = |policy: Policy<'_>| {
            let (count, result) = unknown(policy);
            assert_eq!(count, 0);
            result
        };
        assert_eq!(judge(policy), None);
        assert_eq!(
            unknown(Policy { anchors: &[], ..policy }),
            (3, refused(Check::Anchor, Rule::NoTrustAnchor))
        );
        let other = Template::authority("Root", "Root").signed_by("Other");
        let anchors = [Anchor::Certificate(&other)];
        assert_eq!(
            unknown(Policy { anchors: &anchors, ..policy }),
            (3, refused(Check::Anchor, Rule::UnknownAuthority))
        );
        let late = ValidityCheck::At(u64::MAX);
        let error = judge(Policy { validity: late, ..policy });
        assert_eq!(
            error.map(|error| (error.check, error.rule)),
            Some((Check::Certificates, Rule::Expired))
        );
        let san = SanPolicy::Dmtf { pattern: "nobody:*:*" };
        assert_eq!(judge(Policy { san, ..policy }).map(|error| error.check), Some(Check::San));
        let authority = chain.certificates().nth(1).unwrap();
        let (issuer, serial) = (authority.issuer().der(), authority.serial());
        let revoked = [Revocation::Certificate { issuer, serial }];
        let error = judge(Policy { revocations: Revocations::new(&revoked), ..policy });
        let expected = ChainError::new(Check::Certificates, Rule::Revoked).in_certificate(0);
        assert_eq!(error, Some(expected));
        let strict = judge(Policy { profile: Profile::STRICT, ..policy });
        assert_eq!(strict, policy_error(&chain, Policy { profile: Profile::STRICT, ..policy }));
    }

    #[test]
    fn a_proof_from_an_intermediate_anchor_on_shows_nothing_above_it() {
        let mut sent = certificates(1);
        sent[1] = Template::authority("Root", "CA 1").signed_by("Mallory");
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let intermediate = [Anchor::Intermediate(&sent[1])];
        let policy = Policy::new(&COUNTING, &intermediate, ValidityCheck::At(NOW));
        let (count, trusted) = verified(|| policy.validate(&chain).unwrap());
        assert_eq!(count, 1);
        let links = trusted.links().unwrap();
        assert_eq!(
            verified(|| policy.appraise_known(&chain, &links).into_trusted().is_ok()),
            (0, true)
        );
        // Root never signed it.
        let root = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&COUNTING, &root, ValidityCheck::At(NOW));
        let (count, result) =
            verified(|| policy.appraise_known(&chain, &links).into_trusted().err());
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(1);
        assert_eq!((count, result), (1, Some(error)));
        // The other way round, less is needed than is shown.
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let root = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&COUNTING, &root, ValidityCheck::At(NOW));
        let links = policy.validate(&chain).unwrap().links().unwrap();
        let intermediate = [Anchor::Intermediate(&sent[1])];
        let policy = Policy::new(&COUNTING, &intermediate, ValidityCheck::At(NOW));
        assert_eq!(
            verified(|| policy.appraise_known(&chain, &links).into_trusted().is_ok()),
            (0, true)
        );
    }

    fn policy_error(chain: &Chain<'_>, policy: Policy<'_>) -> Option<ChainError> {
        policy.validate(chain).err()
    }

    #[test]
    fn the_proof_of_one_chain_is_none_of_another() {
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&COUNTING, &anchors, ValidityCheck::At(NOW));
        let links = policy.validate(&parse(&bytes).unwrap()).unwrap().links().unwrap();
        // The leaf is forged.
        let mut forged = sent.clone();
        forged[2] = Template::leaf("CA 1").signed_by("Mallory");
        let forged = structure(&sent[0], &forged);
        let chain = parse(&forged).unwrap();
        assert!(!links.cover(&chain));
        let (count, result) =
            verified(|| policy.appraise_known(&chain, &links).into_trusted().err());
        let error = ChainError::new(Check::Signatures, Rule::Signature).in_certificate(2);
        assert_eq!((count, result), (2, Some(error)));
        // The same bytes, read in another way.
        for context in [
            ChainContext { slot: SlotId::new(1).unwrap(), ..CONTEXT },
            ChainContext { version: SpdmVersion::V1_1, ..CONTEXT },
            ChainContext { model: CertModel::AliasCert, ..CONTEXT },
        ] {
            assert_ne!(context, CONTEXT);
            let chain = Chain::parse(Untrusted::new(&bytes), context, &PROVIDER).unwrap();
            assert!(!links.cover(&chain), "{context:?}");
        }
    }

    #[test]
    fn a_provisioned_key_has_no_links() {
        let der = key("Device").to_spki_der();
        let key = ProvisionedKey::parse(Untrusted::new(&der), ASYM, HASH, &PROVIDER).unwrap();
        assert_eq!(Trusted::provisioned(key).links(), None);
    }
}
