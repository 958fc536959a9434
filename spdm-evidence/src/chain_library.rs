//! The chains of the evidence: each is parsed and hashed once per set of algorithms, however often it is tried.

use core::cell::RefCell;
use core::ops::Range;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use spdm_codec::{CertificateModel, SlotId};
use spdm_crypto::{Digest, Provider};
use spdm_requester::{Accepted, Crypto, Error, Negotiated};
use spdm_untrusted::Untrusted;
use spdm_x509::{Appraisal, Chain, ChainContext, ChainError, Policy};

use crate::recording::Recording;

/// How many chains of one slot and origin are tried: the last ones.
const TRIED: usize = 16;
/// Slots of a device.
const SLOTS: usize = 8;

/// The bytes of a chain, from CERTIFICATE messages or from the evidence itself.
#[derive(Clone, Debug)]
pub(crate) struct StoredChain<'e> {
    pub(crate) slot: SlotId,
    /// The certificate model that CERTIFICATE stated.
    pub(crate) model: CertificateModel,
    pub(crate) bytes: Cow<'e, [u8]>,
}

/// Index of a chain in the [`ChainLibrary`].
pub(crate) type ChainId = usize;

/// A chain, read with the algorithms of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParsedChain<'c> {
    pub(crate) digest: Digest,
    /// The chain, or why it cannot be used.
    pub(crate) parsed: Result<Chain<'c>, ChainError>,
}

/// The chains that a recording fetched.
#[derive(Debug, Default)]
pub(crate) struct FetchedChains {
    pub(crate) negotiated: Option<Negotiated>,
    /// The chains, in the order of their completion.
    own: Range<ChainId>,
    /// Which exchange completed which chain.
    completed: BTreeMap<usize, ChainId>,
}

impl FetchedChains {
    /// First pass: the chains that the recording holds go to the end of `stored`. Errors end it; the second
    /// pass reports them.
    pub(crate) fn of(
        recording: &Recording,
        crypto: &mut Crypto<'_>,
        stored: &mut Vec<StoredChain<'_>>,
    ) -> Self {
        let start = stored.len();
        let mut completed = BTreeMap::new();
        let mut portions: [Vec<u8>; SLOTS] = Default::default();
        let Ok(mut connection) = recording.connection() else { return Self::default() };
        let mut negotiated = connection.negotiated().copied();
        for (index, exchange) in recording.exchanges.iter().enumerate() {
            let Some(response) = &exchange.response else { continue };
            connection.give_up_request();
            if connection.sent(&exchange.request).is_err() {
                break;
            }
            let response = Untrusted::new(response.as_slice());
            let verdict = connection.accept(crypto, &exchange.request, response, None);
            // After ERROR(RequestResynch) nothing is negotiated any more; what was before still names the algorithms.
            negotiated = connection.negotiated().copied().or(negotiated);
            let (offset, message) = match verdict {
                Ok(Accepted::Certificate { offset, message }) => (offset, message),
                Ok(_) | Err(Error::Incompatible(_)) => continue,
                Err(_) => break,
            };
            let Some(chain) = portions.get_mut(message.slot.index()) else { continue };
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            if message.portion.is_empty() || at > chain.len() {
                continue;
            }
            chain.truncate(at);
            chain.extend_from_slice(message.portion);
            if message.remainder == 0 {
                let bytes = Cow::Owned(core::mem::take(chain));
                completed.insert(index, stored.len());
                stored.push(StoredChain { slot: message.slot, model: message.model, bytes });
            }
        }
        Self { negotiated, own: start..stored.len(), completed }
    }

    /// The chains that the recording holds, in the order of their completion.
    pub(crate) fn own(&self) -> Range<ChainId> {
        self.own.clone()
    }

    /// The chain that an exchange completed.
    pub(crate) fn completed_by(&self, exchange: usize) -> Option<ChainId> {
        self.completed.get(&exchange).copied()
    }
}

/// Of these chains the last ones of each slot, at most [`TRIED`], in their order: a file may hold any number of them, for
/// any number of connections.
pub(crate) fn latest(chains: Range<ChainId>, stored: &[StoredChain<'_>]) -> Vec<ChainId> {
    let mut kept: Vec<ChainId> = Vec::new();
    for id in chains.rev() {
        let Some(chain) = stored.get(id) else { continue };
        let of_slot = || {
            let kept = kept.iter().filter_map(|kept| stored.get(*kept));
            kept.filter(|other| other.slot == chain.slot)
        };
        if of_slot().count() < TRIED && of_slot().all(|other| other.bytes != chain.bytes) {
            kept.push(id);
        }
    }
    kept.reverse();
    kept
}

/// The last chains of each slot, at most [`TRIED`].
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentChains([Vec<ChainId>; SLOTS]);

impl RecentChains {
    pub(crate) fn push(&mut self, slot: SlotId, chain: ChainId) {
        if let Some(of_slot) = self.0.get_mut(slot.index()) {
            if of_slot.len() == TRIED {
                of_slot.remove(0);
            }
            of_slot.push(chain);
        }
    }

    /// The last one first.
    pub(crate) fn of_slot(&self, slot: SlotId) -> impl Iterator<Item = ChainId> {
        self.0.get(slot.index()).into_iter().flatten().rev().copied()
    }

    /// The chains themselves, those of a slot from the earliest on. In another connection than the one that fetched
    /// them their model means nothing, see [`ChainLibrary::hold`].
    pub(crate) fn kept(&self, stored: &[StoredChain<'_>]) -> Vec<StoredChain<'static>> {
        let kept = self.0.iter().flatten().filter_map(|chain| stored.get(*chain));
        kept.map(|chain| StoredChain {
            slot: chain.slot,
            model: chain.model,
            bytes: Cow::Owned(chain.bytes.to_vec()),
        })
        .collect()
    }

    fn forget(&mut self, slot: SlotId, mut forgotten: impl FnMut(ChainId) -> bool) {
        if let Some(of_slot) = self.0.get_mut(slot.index()) {
            of_slot.retain(|chain| !forgotten(*chain));
        }
    }
}

/// The chains, and what became of those that were tried.
#[derive(Debug)]
pub(crate) struct ChainLibrary<'c> {
    provider: &'c Provider,
    stored: &'c [StoredChain<'c>],
    held: RefCell<HashMap<(ChainId, ChainContext), ParsedChain<'c>>>,
    /// What the policy says of each chain, by its digest: many connections have the same one, and signatures that do not
    /// verify are in no [`LinkCache`](spdm_x509::LinkCache).
    appraised: RefCell<HashMap<(ChainContext, Vec<u8>), Appraisal<'c>>>,
}

impl<'c> ChainLibrary<'c> {
    pub(crate) fn new(provider: &'c Provider, stored: &'c [StoredChain<'c>]) -> Self {
        Self { provider, stored, held: RefCell::default(), appraised: RefCell::default() }
    }

    /// What the policy says of a chain. All calls have to be with the same policy.
    pub(crate) fn appraise(&self, chain: &Chain<'c>, policy: &Policy<'_>) -> Appraisal<'c> {
        let key = (*chain.context(), chain.digest().as_bytes().to_vec());
        let mut appraised = self.appraised.borrow_mut();
        *appraised.entry(key).or_insert_with(|| policy.appraise(chain))
    }

    pub(crate) fn slot(&self, chain: ChainId) -> Option<SlotId> {
        self.stored.get(chain).map(|stored| stored.slot)
    }

    /// Adds a chain to the last ones, in place of the same chain fetched earlier.
    pub(crate) fn remember(&self, recent: &mut RecentChains, chain: ChainId) {
        let Some(new) = self.stored.get(chain) else { return };
        let same = |known: ChainId| self.stored.get(known).is_some_and(|k| k.bytes == new.bytes);
        recent.forget(new.slot, same);
        recent.push(new.slot, chain);
    }

    /// The chain as a connection sees it; `None` where an algorithm is not implemented. A model that
    /// CERTIFICATE stated counts only in the connection that fetched it.
    pub(crate) fn hold(
        &self,
        chain: ChainId,
        negotiated: &Negotiated,
        fetched: &FetchedChains,
    ) -> Option<ParsedChain<'c>> {
        let stored = self.stored.get(chain)?;
        let model = match fetched.own.contains(&chain) {
            true => stored.model,
            false => CertificateModel::None,
        };
        let context = negotiated.chain_context(stored.slot, model).ok()?;
        if let Some(held) = self.held.borrow().get(&(chain, context)) {
            return Some(*held);
        }
        let bytes: &'c [u8] = &stored.bytes;
        let digest = self.provider.hash.digest(context.hash, &[bytes]).ok()?;
        let parsed = Chain::parse(Untrusted::new(bytes), context, self.provider);
        let held = ParsedChain { digest, parsed };
        self.held.borrow_mut().insert((chain, context), held);
        Some(held)
    }
}

/// The chains that a recording may be judged with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidates<'h, 'c> {
    pub(crate) library: &'h ChainLibrary<'c>,
    pub(crate) fetched: &'h FetchedChains,
    pub(crate) candidates: &'h RecentChains,
    /// Those that the connection fetched, or that came with the evidence.
    pub(crate) given: &'h RecentChains,
}

impl<'c> Candidates<'_, 'c> {
    /// The chains of a slot, the last one first; none without a negotiation.
    pub(crate) fn of_slot(
        &self,
        slot: SlotId,
        negotiated: Option<&Negotiated>,
    ) -> impl Iterator<Item = ParsedChain<'c>> {
        let hold = move |chain| self.library.hold(chain, negotiated?, self.fetched);
        self.candidates.of_slot(slot).filter_map(hold)
    }

    /// [`Self::of_slot`] without the chains of earlier connections: nothing ties them to this one.
    pub(crate) fn given_of_slot(
        &self,
        slot: SlotId,
        negotiated: Option<&Negotiated>,
    ) -> impl Iterator<Item = ParsedChain<'c>> {
        let hold = move |chain| self.library.hold(chain, negotiated?, self.fetched);
        self.given.of_slot(slot).filter_map(hold)
    }

    /// [`Self::of_slot`], but first what was complete before `exchange`.
    pub(crate) fn at(
        &self,
        exchange: usize,
        slot: SlotId,
        negotiated: &Negotiated,
    ) -> Vec<ParsedChain<'c>> {
        let is_later = |chain: &ChainId| {
            let before = self.fetched.completed.range(..exchange).next_back();
            self.fetched.own.contains(chain) && before.is_none_or(|(_, last)| chain > last)
        };
        let (later, before): (Vec<ChainId>, Vec<ChainId>) =
            self.candidates.of_slot(slot).partition(is_later);
        let ordered = before.into_iter().chain(later);
        ordered.filter_map(|chain| self.library.hold(chain, negotiated, self.fetched)).collect()
    }

    /// The digest of the chain that an exchange completed.
    pub(crate) fn completed_by(&self, exchange: usize, negotiated: &Negotiated) -> Option<Digest> {
        let chain = self.fetched.completed_by(exchange)?;
        Some(self.library.hold(chain, negotiated, self.fetched)?.digest)
    }

    /// The slot to report on where no signature was asked for.
    pub(crate) fn first_slot(&self) -> Option<SlotId> {
        let own = self.fetched.own().find_map(|chain| self.library.slot(chain));
        let any = || {
            (0..8).filter_map(SlotId::new).find(|slot| self.given.of_slot(*slot).next().is_some())
        };
        own.or_else(any)
    }
}
