//! What it takes to be trusted.

use spdm_crypto::Provider;

use crate::anchor::Anchor;
use crate::link_cache::LinkCache;
use crate::profile::Profile;
use crate::revocation::Revocations;
use crate::san_policy::SanPolicy;

/// What a caller asks of a chain before it is trusted.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Policy<'a> {
    /// Hashes and verifies.
    pub provider: &'a Provider,
    /// The roots to trust; without one no chain is.
    pub anchors: &'a [Anchor<'a>],
    /// Certificates and keys to refuse even if the chain is valid otherwise.
    pub revocations: Revocations<'a>,
    /// The time to hold validity periods against.
    pub validity: ValidityCheck,
    /// The name that the leaf must carry.
    pub san: SanPolicy<'a>,
    /// What certificates must say of themselves.
    pub profile: Profile,
    /// The largest chain.
    pub limits: ChainLimits,
    /// Signatures of certificates that were verified before. It only saves work: with and without it the same chains
    /// are trusted.
    pub link_cache: Option<&'a dyn LinkCache>,
}

/// The time to hold validity periods against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ValidityCheck {
    /// Seconds since 1970-01-01T00:00:00Z.
    At(u64),
    /// No clock: expired chains pass, and [`Trusted::time_checked`](crate::Trusted::time_checked) says so.
    Unchecked,
}

/// Bounds on the work that one chain can cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct ChainLimits {
    /// Bytes of the whole structure.
    pub max_bytes: usize,
    /// Certificates, and so signatures.
    pub max_certificates: u16,
}

impl ChainLimits {
    /// 1 MiB, although Length says no more than 64 KiB before 1.4, and sixteen certificates.
    pub const DEFAULT: Self = Self { max_bytes: 0x10_0000, max_certificates: 16 };
}

impl Default for ChainLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl<'a> Policy<'a> {
    /// A policy with [`SanPolicy::None`], [`Profile::STRICT`], [`ChainLimits::DEFAULT`] and nothing revoked.
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
            limits: ChainLimits::DEFAULT,
            link_cache: None,
        }
    }
}
