//! Chains that were trusted before.

use spdm_crypto::{Digest, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext, Identity, Trusted, VerifiedLinks};

/// A chain of an earlier attestation, and the proof about the signatures in it.
#[derive(Clone, Copy, Debug)]
pub struct KnownChain<'c> {
    chain: Chain<'c>,
    links: VerifiedLinks,
}

impl<'c> KnownChain<'c> {
    /// The chain that was trusted; `None` for a provisioned key, which has none.
    #[must_use]
    pub const fn new(trusted: &Trusted<'c>) -> Option<Self> {
        match (trusted.identity(), trusted.links()) {
            (Identity::Chain(chain), Some(links)) => Some(Self { chain: *chain, links }),
            _ => None,
        }
    }

    /// A chain whose bytes were kept, read once more; `None` unless `links` speak of it.
    #[must_use]
    pub fn recall(
        bytes: &'c [u8],
        context: ChainContext,
        links: VerifiedLinks,
        provider: &Provider,
    ) -> Option<Self> {
        let chain = Chain::parse(Untrusted::new(bytes), context, provider).ok()?;
        links.cover(&chain).then_some(Self { chain, links })
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain<'c> {
        &self.chain
    }

    /// The proof about its signatures.
    #[must_use]
    pub const fn links(&self) -> &VerifiedLinks {
        &self.links
    }
}

/// Previously trusted chains, lent by the caller. If DIGESTS announces the digest of one of them, it is neither
/// fetched nor are the signatures in it verified again.
///
/// Everything else is judged again under the policy of the day: trust anchor, time, profile and name. And
/// the device has to answer for this digest: CHALLENGE_AUTH and MEASUREMENTS are signed by its key.
///
/// What is not judged again is by which algorithms and by which provider the links were verified: a provider
/// that lacks an algorithm of the upper certificates, but has the leaf's, takes a known chain all the same. A
/// caller who withdraws an algorithm drops the chains that it knows.
///
/// What to put in is [`Attested::trusted`](crate::Attested::trusted) of an earlier attestation, as long as
/// the buffer of its chain lives.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChainCache<'c> {
    known: &'c [KnownChain<'c>],
}

impl<'c> ChainCache<'c> {
    /// Nothing is known.
    pub const EMPTY: Self = Self { known: &[] };

    /// These chains are known.
    #[must_use]
    pub const fn new(known: &'c [KnownChain<'c>]) -> Self {
        Self { known }
    }

    /// The chain of this digest that was read in this way.
    pub(crate) fn find(
        &self,
        context: &ChainContext,
        digest: &Digest,
    ) -> Option<&'c KnownChain<'c>> {
        self.known
            .iter()
            .find(|known| known.chain.context() == context && known.chain.digest() == digest)
    }
}
