//! Chains that are kept between attestations.

use std::collections::VecDeque;

use spdm_crypto::Provider;
use spdm_requester::KnownChain;
use spdm_x509::{ChainContext, VerifiedLinks};

/// Chains of earlier attestations, with the proof about the signatures in them: what a
/// [`ChainCache`](spdm_requester::ChainCache) is made of.
///
/// Where they are too many, the oldest one goes: a device that shows another chain at every connection does not fill
/// the memory.
#[derive(Clone, Debug)]
pub struct KnownChains {
    most: usize,
    chains: VecDeque<StoredChain>,
}

#[derive(Clone, Debug)]
struct StoredChain {
    context: ChainContext,
    bytes: Vec<u8>,
    links: VerifiedLinks,
}

impl KnownChains {
    /// None yet, and at most so many.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { most, chains: VecDeque::new() }
    }

    /// Keeps a chain, unless it is there already.
    pub fn add(&mut self, known: &KnownChain<'_>) {
        let is_stored = self.chains.iter().any(|stored| stored.links == *known.links());
        if is_stored || self.most == 0 {
            return;
        }
        if self.chains.len() >= self.most {
            self.chains.pop_front();
        }
        let (context, bytes) = (*known.chain().context(), known.chain().bytes().to_vec());
        self.chains.push_back(StoredChain { context, bytes, links: *known.links() });
    }

    /// The chains, read once more.
    #[must_use]
    pub fn recall(&self, provider: &Provider) -> Vec<KnownChain<'_>> {
        let chains = self.chains.iter();
        let recalled = chains.filter_map(|stored| {
            KnownChain::recall(&stored.bytes, stored.context, stored.links, provider)
        });
        recalled.collect()
    }
}
