//! Chains that were trusted before.

use spdm_crypto::Digest;
use spdm_x509::{Chain, ChainContext, Identity, Trusted, VerifiedLinks};

/// Chains of earlier attestations, lent by the caller: whose digest DIGESTS states need not be fetched, and
/// the signatures inside it not be verified again.
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
    known: &'c [Trusted<'c>],
}

impl<'c> ChainCache<'c> {
    /// Nothing is known.
    pub const EMPTY: Self = Self { known: &[] };

    /// These chains are known. Provisioned keys among them are of no use here.
    #[must_use]
    pub const fn new(known: &'c [Trusted<'c>]) -> Self {
        Self { known }
    }

    /// The chain of this digest that was read in this way, and the proof about its signatures.
    pub(crate) fn find(
        &self,
        context: &ChainContext,
        digest: &Digest,
    ) -> Option<(&'c Chain<'c>, VerifiedLinks)> {
        self.known.iter().find_map(|trusted| match trusted.identity() {
            Identity::Chain(chain) if chain.context() == context && chain.digest() == digest => {
                trusted.links().map(|links| (chain, links))
            }
            _ => None,
        })
    }
}
