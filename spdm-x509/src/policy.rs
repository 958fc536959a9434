//! What it takes to be trusted.

use spdm_crypto::Provider;

use crate::anchor::{Anchor, Origin};
use crate::appraisal::{Appraisal, Ending, Trusted};
use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::error::{ChainError, Check};
use crate::finding::{Finding, Ledger, Listener};
use crate::identity::ProvisionedKey;
use crate::leaf_profile;
use crate::links::VerifiedLinks;
use crate::path;
use crate::profile::Profile;
use crate::revocation::Revocations;
use crate::rule::Rule;
use crate::san_policy::{self, SanPolicy};

/// What a caller asks of a chain before it is trusted.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Policy<'a> {
    /// Hashes and verifies.
    pub provider: &'a Provider,
    /// The roots to trust; without one no chain is.
    pub anchors: &'a [Anchor<'a>],
    /// What is not trusted, whoever vouches for it.
    pub revocations: Revocations<'a>,
    /// The time to hold validity periods against.
    pub validity: ValidityCheck,
    /// The name that the leaf must carry.
    pub san: SanPolicy<'a>,
    /// What certificates must say of themselves.
    pub profile: Profile,
    /// The largest chain.
    pub limits: Limits,
}

/// The time to hold validity periods against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ValidityCheck {
    /// Seconds since 1970-01-01T00:00:00Z.
    At(u64),
    /// No clock: expired chains pass, and [`Trusted::time_checked`] says so.
    Unchecked,
}

/// Bounds on the work that one chain can cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Limits {
    /// Bytes of the whole structure.
    pub max_bytes: usize,
    /// Certificates, and so signatures.
    pub max_certificates: u16,
}

impl Limits {
    /// 1 MiB, although Length says no more than 64 KiB before 1.4, and sixteen certificates.
    pub const DEFAULT: Self = Self { max_bytes: 0x10_0000, max_certificates: 16 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl<'a> Policy<'a> {
    /// A policy with [`SanPolicy::None`], [`Profile::STRICT`], [`Limits::DEFAULT`] and nothing revoked.
    #[must_use]
    pub const fn new(
        provider: &'a Provider,
        anchors: &'a [Anchor<'a>],
        validity: ValidityCheck,
    ) -> Self {
        Self {
            provider,
            anchors,
            revocations: Revocations::NONE,
            validity,
            san: SanPolicy::None,
            profile: Profile::STRICT,
            limits: Limits::DEFAULT,
        }
    }

    /// Makes every check, signatures last, also where one fails.
    pub fn appraise<'c>(&self, chain: &Chain<'c>) -> Appraisal<'c> {
        self.judge(chain, None, None)
    }

    /// Like [`Self::appraise`], and tells of each rule what came of it, also of those behind the first that is
    /// broken. The rules about the encoding are not among them: every one holds for what is a [`Chain`].
    pub fn explain<'c>(&self, chain: &Chain<'c>, tell: &mut dyn FnMut(Finding)) -> Appraisal<'c> {
        self.judge(chain, None, Some(tell))
    }

    /// Makes every check, but for signatures that `links` show.
    pub(crate) fn judge<'c>(
        &self,
        chain: &Chain<'c>,
        links: Option<&VerifiedLinks>,
        listener: Listener<'_>,
    ) -> Appraisal<'c> {
        let mut appraisal = Appraisal::unmade(chain);
        if let Err(rule) = path::check_limits(chain, self.limits) {
            appraisal.certificates = Ending::Fail { certificate: None, rule };
            return appraisal;
        }
        let origin = Origin::find(self.anchors, chain, self.provider);
        appraisal.time_checked = self.validity != ValidityCheck::Unchecked;
        appraisal.anchor_index = origin.anchor_index();
        appraisal.first_judged = origin.first_judged();
        let ledger = &mut Ledger::new(listener);
        self.judge_path(chain, &origin, &mut appraisal, ledger);
        self.judge_leaf(chain, &mut appraisal, ledger);
        ledger.open(Check::Signatures);
        appraisal.signatures = if links.is_some_and(|links| links.suffice(chain, &origin)) {
            ledger.ending()
        } else {
            path::check_signatures(chain, &origin, self, ledger)
        };
        appraisal
    }

    /// Makes every check on what the certificates of the path say. A call of its own, as is the next one: the
    /// stack that it needs is not held while signatures are verified, which needs more.
    #[inline(never)]
    fn judge_path(
        &self,
        chain: &Chain<'_>,
        origin: &Origin<'_>,
        appraisal: &mut Appraisal<'_>,
        ledger: &mut Ledger<'_>,
    ) {
        let anchor = origin.anchor_der(chain).map(Certificate::read_again);
        let anchor = anchor.as_ref().and_then(|read| read.as_ref().ok());
        ledger.open(Check::Root);
        appraisal.root = origin.check_root(chain, ledger);
        ledger.open(Check::Certificates);
        appraisal.certificates = path::check_certificates(chain, origin, anchor, self, ledger);
        ledger.open(Check::Anchor);
        appraisal.anchor = origin.check_anchor(chain, anchor, self.profile, ledger);
    }

    /// Makes every check on what the leaf says of itself. Without a leaf, which cannot be, these are checks that
    /// were not made.
    #[inline(never)]
    fn judge_leaf(
        &self,
        chain: &Chain<'_>,
        appraisal: &mut Appraisal<'_>,
        ledger: &mut Ledger<'_>,
    ) {
        let Ok(leaf) = &Certificate::read_again(chain.leaf_der()) else { return };
        let first = appraisal.first_judged;
        ledger.open(Check::LeafProfile);
        appraisal.leaf_profile = leaf_profile::check(chain, leaf, first, self.profile, ledger);
        if self.san != SanPolicy::None {
            ledger.open(Check::San);
            appraisal.san = san_policy::check(chain, leaf, self.san, ledger);
        }
    }

    /// Trusts the chain where every check passes.
    ///
    /// # Errors
    /// The first failure of [`Self::appraise`], in the order of [`Check`](crate::Check).
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
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Ending, Limits, Policy, SanPolicy, ValidityCheck};
    use crate::appraisal::Outcome;
    use crate::error::{ChainError, Check};
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
            let limits = Limits { max_bytes, max_certificates };
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
        let fail = |check, rule| Outcome::Fail(ChainError::new(check, rule));
        let fail_in =
            |index, check, rule| Outcome::Fail(ChainError::new(check, rule).in_certificate(index));
        let expected = [
            (Check::Root, Outcome::Pass),
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
