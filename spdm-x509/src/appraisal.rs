//! A policy applied to a chain: one outcome per check, and the conclusion from them.

use crate::chain::{CertificateSpace, Chain, ParsedChain};
use crate::check::Check;
use crate::error::ChainError;
use crate::finding::Finding;
use crate::identity::{Identity, ProvisionedKey};
use crate::leaf;
use crate::ledger::{FindingListener, Ledger};
use crate::origin::Origin;
use crate::outcome::{CheckOutcome, Ending};
use crate::path::{self, PathStart};
use crate::policy::{Policy, ValidityCheck};
use crate::rule::Rule;
use crate::san_policy::{self, SanPolicy};
use crate::trusted::Trusted;
use crate::verified_links::VerifiedLinks;

/// The checks of a policy, in their order.
const CHECKS: [Check; 6] = [
    Check::Root,
    Check::Certificates,
    Check::Signatures,
    Check::Anchor,
    Check::LeafProfile,
    Check::San,
];

/// Every check of a [`Policy`](crate::Policy) on one chain.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Appraisal<'c> {
    pub(crate) chain: Chain<'c>,
    pub(crate) time_checked: bool,
    pub(crate) anchor_index: Option<usize>,
    /// The first certificate whose signature was verified.
    pub(crate) first_below_anchor: u16,
    pub(crate) root: Ending,
    pub(crate) certificates: Ending,
    pub(crate) signatures: Ending,
    pub(crate) anchor: Ending,
    pub(crate) leaf_profile: Ending,
    pub(crate) san: Ending,
}

impl<'c> Appraisal<'c> {
    /// Before any check was made.
    pub(crate) const fn unmade(chain: &Chain<'c>) -> Self {
        Self {
            chain: *chain,
            time_checked: false,
            anchor_index: None,
            first_below_anchor: 0,
            root: Ending::Skipped,
            certificates: Ending::Skipped,
            signatures: Ending::Skipped,
            anchor: Ending::Skipped,
            leaf_profile: Ending::Skipped,
            san: Ending::Skipped,
        }
    }

    /// Every check with its outcome, in the order of [`Check`].
    pub fn outcomes(&self) -> impl Iterator<Item = (Check, CheckOutcome)> + use<> {
        CHECKS.map(|check| (check, self.outcome(check))).into_iter()
    }

    /// How this check ended.
    ///
    /// [`Check::Root`] is skipped where the chain leaves out a root that no anchor is, [`Check::Signatures`] where the
    /// issuer of the first certificate is not known, and [`Check::San`] with
    /// [`SanPolicy::None`](crate::SanPolicy::None).
    #[must_use]
    pub const fn outcome(&self, check: Check) -> CheckOutcome {
        self.ending(check).of(check)
    }

    const fn ending(&self, check: Check) -> Ending {
        match check {
            // A chain is there.
            Check::Format => Ending::Pass,
            Check::Root => self.root,
            Check::Certificates => self.certificates,
            Check::Signatures => self.signatures,
            Check::Anchor => self.anchor,
            Check::LeafProfile => self.leaf_profile,
            Check::San => self.san,
        }
    }

    /// The chain that was appraised.
    #[must_use]
    pub const fn chain(&self) -> &Chain<'c> {
        &self.chain
    }

    /// Which of [`Policy::anchors`](crate::Policy::anchors) the path starts with, counted from 0.
    #[must_use]
    pub const fn anchor_index(&self) -> Option<usize> {
        self.anchor_index
    }

    /// The conclusion: a chain that leads to no trust anchor is told apart from one that is wrong.
    pub fn conclusion(self) -> Conclusion<'c> {
        let wrong = self.outcomes().find_map(|(check, outcome)| match outcome {
            CheckOutcome::Fail(error) if check != Check::Anchor => Some(error),
            _ => None,
        });
        match (wrong, self.outcome(Check::Anchor), self.into_trusted()) {
            (Some(error), ..) => Conclusion::BadChain(error),
            (None, CheckOutcome::Fail(error), _) => Conclusion::UnknownAuthority(error),
            (None, _, Ok(trusted)) => Conclusion::Trusted(trusted),
            (None, _, Err(error)) => Conclusion::BadChain(error),
        }
    }

    /// Trusts the chain where every check passed.
    ///
    /// # Errors
    /// The first failure in the order of [`Check`].
    pub fn into_trusted(self) -> Result<Trusted<'c>, ChainError> {
        match self.objection() {
            Some(error) => Err(error),
            None => Ok(Trusted {
                identity: Identity::Chain(self.chain),
                time_checked: self.time_checked,
                anchor_index: self.anchor_index,
                first_below_anchor: self.first_below_anchor,
            }),
        }
    }

    /// The first failure; where there is none, the first check that trust depends on and that was not made.
    fn objection(&self) -> Option<ChainError> {
        let mut not_made = None;
        for &check in &CHECKS {
            match (self.ending(check), check) {
                (Ending::Fail { certificate, rule }, _) => {
                    return Some(ChainError { certificate, ..ChainError::new(check, rule) });
                }
                // A name is the one thing that a policy may choose not to ask for.
                (Ending::Pass, _) | (Ending::Skipped, Check::San) => {}
                (Ending::Skipped, check) => not_made = not_made.or(Some(check)),
            }
        }
        not_made.map(|check| ChainError::new(check, Rule::NotChecked))
    }
}

/// The conclusion of an [`Appraisal`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "callers must tell all three apart")]
#[must_use]
pub enum Conclusion<'c> {
    /// Every check passed.
    Trusted(Trusted<'c>),
    /// Nothing is wrong with the chain, as far as it can be checked, but it leads to no trust anchor.
    UnknownAuthority(ChainError),
    /// Something is wrong with the chain, or it is not the one that the policy asks for; this comes first.
    BadChain(ChainError),
}

/// Every check of a [`Policy`] on one chain, but for its signatures.
///
/// To verify a signature takes kilobytes of stack. What was read of the certificates can be given up before: a
/// certificate is read once more when its signature is verified.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ContentAppraisal<'c, 't> {
    policy: &'t Policy<'t>,
    appraisal: Appraisal<'c>,
    /// Where the path starts; `None` where no signature is left to verify.
    unverified: Option<PathStart<'t>>,
}

impl<'c> ContentAppraisal<'c, '_> {
    /// Verifies the signatures: the last check. It is made in place: a copy would be on the stack meanwhile.
    pub fn verify_signatures(&mut self) -> &Appraisal<'c> {
        self.verify(&mut Ledger::new(None))
    }

    fn verify(&mut self, ledger: &mut Ledger<'_>) -> &Appraisal<'c> {
        let Self { policy, appraisal, unverified } = self;
        if let Some(start) = unverified.take() {
            ledger.open(Check::Signatures);
            appraisal.signatures = path::check_signatures(&appraisal.chain, &start, policy, ledger);
        }
        appraisal
    }
}

impl<'c> ParsedChain<'_, 'c> {
    /// Makes every check of a policy but for signatures, also where one fails. Those signatures that `links` show
    /// need not be verified: where they are all that count, none is.
    pub fn appraise_contents<'t>(
        &self,
        policy: &'t Policy<'t>,
        links: Option<&VerifiedLinks>,
    ) -> ContentAppraisal<'c, 't>
    where
        'c: 't,
    {
        policy.judge(self, links, &mut Ledger::new(None))
    }
}

impl Policy<'_> {
    /// Makes every check, signatures last, also where one fails. It reads the certificates once more;
    /// [`ParsedChain::appraise_contents`] does not.
    pub fn appraise<'c>(&self, chain: &Chain<'c>) -> Appraisal<'c> {
        self.apply(chain, None, None)
    }

    /// Like [`Self::appraise`], and tells of each rule what came of it, also of those behind the first that is
    /// broken. The rules about the encoding are not among them: every one holds for what is a [`Chain`].
    pub fn explain<'c>(&self, chain: &Chain<'c>, tell: &mut dyn FnMut(Finding)) -> Appraisal<'c> {
        self.apply(chain, None, Some(tell))
    }

    /// [`Self::appraise`] that verifies no signature where `links` show all that count. Else, as for another
    /// chain or for an anchor nearer to the root, it verifies them all.
    pub fn appraise_known<'c>(&self, chain: &Chain<'c>, links: &VerifiedLinks) -> Appraisal<'c> {
        self.apply(chain, Some(links), None)
    }

    /// Trusts the chain where every check passes.
    ///
    /// # Errors
    /// The first failure of [`Self::appraise`], in the order of [`Check`].
    pub fn validate<'c>(&self, chain: &Chain<'c>) -> Result<Trusted<'c>, ChainError> {
        self.appraise(chain).into_trusted()
    }

    /// Trusts a key that was provisioned for slot 0xFF, unless it is revoked. A key has no chain and no name:
    /// nothing else of the policy concerns it.
    ///
    /// # Errors
    /// [`Rule::Revoked`]; [`Rule::UnsupportedHash`] where a revocation cannot be compared.
    pub fn validate_key<'k>(&self, key: ProvisionedKey<'k>) -> Result<Trusted<'k>, ChainError> {
        let error = |rule| Err(ChainError::new(Check::Certificates, rule));
        match self.revocations.concern_key(key.der(), self.provider) {
            Ok(false) => Ok(Trusted::provisioned(key)),
            Ok(true) => error(Rule::Revoked),
            Err(_) => error(Rule::UnsupportedHash),
        }
    }

    /// Makes every check, but for signatures that `links` show.
    fn apply<'c>(
        &self,
        chain: &Chain<'c>,
        links: Option<&VerifiedLinks>,
        listener: FindingListener<'_>,
    ) -> Appraisal<'c> {
        let ledger = &mut Ledger::new(listener);
        *self.judge_again(chain, links, ledger).verify(ledger)
    }

    /// Reads the certificates once more for [`Self::judge`]. Apart, so that they are not on the stack any more while
    /// signatures are verified.
    #[inline(never)]
    fn judge_again<'c: 't, 't>(
        &'t self,
        chain: &Chain<'c>,
        links: Option<&VerifiedLinks>,
        ledger: &mut Ledger<'_>,
    ) -> ContentAppraisal<'c, 't> {
        self.judge(&ParsedChain::again(chain, &mut CertificateSpace::new()), links, ledger)
    }

    /// Makes every check but for signatures.
    fn judge<'c: 't, 't>(
        &'t self,
        parsed: &ParsedChain<'_, 'c>,
        links: Option<&VerifiedLinks>,
        ledger: &mut Ledger<'_>,
    ) -> ContentAppraisal<'c, 't> {
        let chain = parsed.chain();
        let mut appraisal = Appraisal::unmade(chain);
        if let Err(rule) = path::check_limits(chain, self.limits) {
            appraisal.certificates = Ending::Fail { certificate: None, rule };
            return ContentAppraisal { policy: self, appraisal, unverified: None };
        }
        let origin = &Origin::find(self.anchors, parsed, self.provider);
        appraisal.time_checked = self.validity != ValidityCheck::Unchecked;
        appraisal.anchor_index = origin.anchor_index();
        appraisal.first_below_anchor = origin.first_below_anchor();
        ledger.open(Check::Root);
        appraisal.root = origin.check_root(parsed, ledger);
        ledger.open(Check::Certificates);
        appraisal.certificates = path::check_certificates(parsed, origin, self, ledger);
        ledger.open(Check::Anchor);
        appraisal.anchor = origin.check_anchor(parsed, self.profile, ledger);
        let leaf = &parsed.leaf();
        ledger.open(Check::LeafProfile);
        appraisal.leaf_profile =
            leaf::check(parsed, leaf, origin.first_below_anchor(), self.profile, ledger);
        if self.san != SanPolicy::None {
            ledger.open(Check::San);
            appraisal.san = san_policy::check(chain, leaf, self.san, ledger);
        }
        let unverified = if links.is_some_and(|links| links.suffice(chain, origin)) {
            appraisal.signatures = Ending::Pass;
            None
        } else {
            Some(PathStart::at(origin))
        };
        ContentAppraisal { policy: self, appraisal, unverified }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Policy, SanPolicy, ValidityCheck};
    use crate::anchor::Anchor;
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::outcome::CheckOutcome;
    use crate::policy::ChainLimits;
    use crate::rule::Rule;
    use crate::testing::{HASH, Template, certificates, parse, structure};
    use spdm_crypto::rustcrypto::PROVIDER;

    const NOW: u64 = 1_790_000_000;

    #[test]
    fn the_proof_says_what_was_checked() {
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let anchors = [Anchor::Certificate(&sent[0])];
        for (validity, checked) in
            [(ValidityCheck::At(NOW), true), (ValidityCheck::Unchecked, false)]
        {
            let trusted = Policy::new(&PROVIDER, &anchors, validity).validate(&chain).unwrap();
            assert_eq!(trusted.time_checked(), checked);
            assert_eq!(trusted.identity().digest(), chain.digest());
        }
    }

    #[test]
    fn limits_are_inclusive() {
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let anchors = [Anchor::Certificate(&sent[0])];
        let validate = |max_bytes, max_certificates| {
            let limits = ChainLimits { max_bytes, max_certificates };
            let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
            Policy { limits, ..policy }.validate(&chain).map(drop)
        };
        let error = |rule| Err(ChainError::new(Check::Certificates, rule));
        assert_eq!(validate(bytes.len(), 3), Ok(()));
        assert_eq!(validate(bytes.len() - 1, 3), error(Rule::TooManyBytes));
        assert_eq!(validate(bytes.len(), 2), error(Rule::TooManyCertificates));
    }

    #[test]
    fn every_check_is_made_also_where_others_fail() {
        let mut sent = certificates(1);
        sent[1] = Template::authority("Root", "CA 1").with(&[]).signed_by("Mallory");
        sent[2] = Template::leaf("CA 1").with(&[]).signed_by("CA 1");
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let policy = Policy {
            san: SanPolicy::Dmtf { pattern: "*:*:*" },
            ..Policy::new(&PROVIDER, &[], ValidityCheck::At(NOW))
        };
        let appraisal = policy.appraise(&chain);
        let fail = |check, rule| CheckOutcome::Fail(ChainError::new(check, rule));
        let fail_in = |index, check, rule| {
            CheckOutcome::Fail(ChainError::new(check, rule).in_certificate(index))
        };
        let expected = [
            (Check::Root, CheckOutcome::Pass),
            (Check::Certificates, fail_in(1, Check::Certificates, Rule::NotCa)),
            (Check::Signatures, fail_in(1, Check::Signatures, Rule::Signature)),
            (Check::Anchor, fail(Check::Anchor, Rule::NoTrustAnchor)),
            (Check::LeafProfile, fail_in(2, Check::LeafProfile, Rule::KeyUsageMissing)),
            (Check::San, fail_in(2, Check::San, Rule::SanMissing)),
        ];
        assert!(appraisal.outcomes().eq(expected));
        assert!(expected.is_sorted_by_key(|(check, _)| *check));
        let first = ChainError::new(Check::Certificates, Rule::NotCa).in_certificate(1);
        assert_eq!(appraisal.into_trusted().unwrap_err(), first);
    }

    #[test]
    fn a_check_that_was_not_made_gives_no_trust() {
        let sent = certificates(1);
        let bytes = structure(&sent[0], &sent);
        let chain = parse(&bytes).unwrap();
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
        let mut appraisal = policy.appraise(&chain);
        appraisal.signatures = Ending::Skipped;
        let error = ChainError::new(Check::Signatures, Rule::NotChecked);
        assert_eq!(appraisal.into_trusted().unwrap_err(), error);
    }

    #[test]
    fn no_flipped_byte_is_trusted() {
        let sent = certificates(1);
        let mut bytes = structure(&sent[0], &sent);
        let root_hash = PROVIDER.hash.digest(HASH, &[&sent[0]]).unwrap();
        let by_certificate = [Anchor::Certificate(&sent[0])];
        let by_digest = [Anchor::RootHash { hash: HASH, digest: root_hash.as_bytes() }];
        for anchors in [by_certificate, by_digest] {
            let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
            let trusted = |bytes: &[u8]| {
                parse(bytes).and_then(|chain| policy.validate(&chain).map(drop)).is_ok()
            };
            assert!(trusted(&bytes));
            for at in 0..bytes.len() {
                for flip in [0x01, 0x20, 0x80] {
                    bytes[at] ^= flip;
                    assert!(!trusted(&bytes), "byte {at}, bits {flip:02x}");
                    bytes[at] ^= flip;
                }
            }
        }
    }
}
