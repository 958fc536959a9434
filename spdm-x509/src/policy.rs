//! What it takes to be trusted.

use spdm_crypto::Provider;

use crate::anchor::{Anchor, Origin};
use crate::appraisal::{Appraisal, Outcome, Trusted};
use crate::chain::Chain;
use crate::error::ChainError;
use crate::leaf_profile::{self, Profile};
use crate::path;
use crate::san_policy::{self, SanPolicy};

/// What a caller asks of a chain before it is trusted.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Policy<'a> {
    /// Hashes and verifies.
    pub provider: &'a Provider,
    /// The roots to trust; without one no chain is.
    pub anchors: &'a [Anchor<'a>],
    /// The time to hold validity periods against.
    pub validity: ValidityCheck,
    /// The name that the leaf must carry.
    pub san: SanPolicy<'a>,
    /// What the leaf must say of itself.
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
    /// 64 KiB less one, which is what Length could say before 1.4, and sixteen certificates.
    pub const DEFAULT: Self = Self { max_bytes: 0xFFFF, max_certificates: 16 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl<'a> Policy<'a> {
    /// A policy with [`SanPolicy::None`], [`Profile::COMPATIBLE`] and [`Limits::DEFAULT`].
    #[must_use]
    pub const fn new(
        provider: &'a Provider,
        anchors: &'a [Anchor<'a>],
        validity: ValidityCheck,
    ) -> Self {
        Self {
            provider,
            anchors,
            validity,
            san: SanPolicy::None,
            profile: Profile::COMPATIBLE,
            limits: Limits::DEFAULT,
        }
    }

    /// Makes every check, signatures last, also where one fails.
    pub fn appraise<'c>(&self, chain: &Chain<'c>) -> Appraisal<'c> {
        if let Err(error) = path::check_limits(chain, self.limits) {
            return Appraisal::oversized(chain, error);
        }
        let origin = Origin::find(self.anchors, chain, self.provider);
        Appraisal {
            chain: *chain,
            time_checked: self.validity != ValidityCheck::Unchecked,
            root: origin.root_outcome(chain),
            certificates: path::check_certificates(chain, &origin, self.validity).into(),
            anchor: origin.anchor_outcome(),
            leaf_profile: leaf_profile::check(chain, self.profile).into(),
            san: match self.san {
                SanPolicy::None => Outcome::Skipped,
                san => san_policy::check(chain, san).into(),
            },
            signatures: path::check_signatures(chain, &origin, self.provider),
        }
    }

    /// Trusts the chain where every check passes.
    ///
    /// # Errors
    /// The first failure of [`Self::appraise`], in the order of [`Check`](crate::Check).
    pub fn validate<'c>(&self, chain: &Chain<'c>) -> Result<Trusted<'c>, ChainError> {
        self.appraise(chain).into_trusted()
    }
}
