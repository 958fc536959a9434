//! Evidence that comes in portions.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use spdm_crypto::HashBank;
use spdm_requester::{AttestationCheck, CheckStatus, Crypto};
use spdm_x509::LinkTable;

use super::Verifier;
use crate::bundle::BundledPart;
use crate::chain_library::{Candidates, ChainLibrary, FetchedChains, RecentChains, StoredChain};
use crate::evidence::Evidence;
use crate::recording::Recording;
use crate::report::{BundleFindings, Report};

/// How many certificate signatures one call of [`Verifier::verify`] remembers: 33 KiB.
const REMEMBERED_LINKS: usize = 1024;

/// Judges evidence that comes in portions, as [`Verifier::verify`] judges it whole: chains and certificate signatures of
/// earlier portions are remembered.
#[derive(Debug)]
pub struct Judge<'v, 'p> {
    verifier: &'v Verifier<'p>,
    links: Box<Mutex<LinkTable<REMEMBERED_LINKS>>>,
    /// The last chains of each slot, the earliest first.
    remembered: Vec<StoredChain<'static>>,
    /// How many connections were judged.
    connections: usize,
    /// There is more than one connection: reports number them.
    several: bool,
}

/// What was found of the last bundle: its parts follow each other.
#[derive(Debug, Default)]
struct LastBundle(Option<(Arc<Vec<u8>>, Arc<BundleFindings>)>);

impl LastBundle {
    /// What was found of the bundle that this is a part of.
    fn of(&mut self, part: &BundledPart, verifier: &Verifier<'_>) -> Arc<BundleFindings> {
        if let Some((bundle, found)) = &self.0
            && Arc::ptr_eq(bundle, &part.bundle)
        {
            return Arc::clone(found);
        }
        let Verifier { provider, anchors, validity, tokens, .. } = verifier;
        let found = BundleFindings::of(&part.bundle, provider, anchors, *validity, tokens);
        let found = Arc::new(found);
        self.0 = Some((Arc::clone(&part.bundle), Arc::clone(&found)));
        found
    }
}

impl<'v, 'p> Judge<'v, 'p> {
    /// A judge that has seen nothing yet.
    #[must_use]
    pub fn new(verifier: &'v Verifier<'p>) -> Self {
        let links = Box::new(Mutex::new(LinkTable::new()));
        Self { verifier, links, remembered: Vec::new(), connections: 0, several: false }
    }

    /// Reports number their connections from the first one on, even where the first portion holds only one.
    pub const fn number_all(&mut self) {
        self.several = true;
    }

    /// Judges the next portion, as [`Verifier::verify`] does. Targets are numbered where a portion holds more than
    /// one connection or is not the first.
    pub fn verify(
        &mut self,
        hashes: &mut (dyn HashBank + 'static),
        evidence: &Evidence,
    ) -> Vec<Report> {
        let evidence = &*self.settled(hashes, evidence);
        let verifier = self.verifier;
        let links = verifier.link_cache.unwrap_or(&*self.links);
        let mut stored: Vec<StoredChain<'_>> = core::mem::take(&mut self.remembered);
        let mut remembered = RecentChains::default();
        for (id, chain) in stored.iter().enumerate() {
            remembered.push(chain.slot, id);
        }
        let mut crypto = Crypto { provider: verifier.provider, hashes: &mut *hashes };
        let recordings = evidence.recordings.iter();
        let fetched: Vec<FetchedChains> = recordings
            .map(|recording| FetchedChains::of(recording, &mut crypto, &mut stored))
            .collect();
        let attached = verifier.attached(evidence, &fetched, &mut stored);
        let library = ChainLibrary::new(verifier.provider, &stored);

        self.several |= evidence.recordings.len() > 1 || self.connections > 0;
        let (mut reports, mut last_bundle) = (Vec::new(), LastBundle::default());
        let parts = evidence.recordings.iter().zip(&fetched).zip(&attached);
        for ((recording, fetched), attached) in parts {
            let target = match self.several {
                true => format!("{}#{}", evidence.target, self.connections),
                false => evidence.target.clone(),
            };
            self.connections += 1;
            // Tried last to first: the chains of this connection, those that came with the evidence, those of
            // earlier connections. A Requester may have remembered a chain and not fetched it again.
            let (mut candidates, mut given) = (remembered.clone(), RecentChains::default());
            for chain in attached.iter().copied().chain(fetched.own()) {
                library.remember(&mut candidates, chain);
                library.remember(&mut given, chain);
            }
            let held =
                Candidates { library: &library, fetched, candidates: &candidates, given: &given };
            let bundle = recording.bundle.as_ref().map(|part| last_bundle.of(part, verifier));
            let bundle = bundle.as_deref();
            reports.extend(verifier.verify_one(hashes, recording, &target, &held, bundle, links));
            for chain in fetched.own() {
                library.remember(&mut remembered, chain);
            }
        }
        self.remembered = remembered.kept(&stored);
        if let Some(first) = reports.first_mut() {
            first.note_first(&evidence.notes);
        }
        reports
    }

    /// The evidence with the hash algorithms that the signatures are over, where the file only names one: what
    /// [`Self::verify`] judges, and what is to be written in another form.
    pub fn settled<'e>(
        &self,
        hashes: &mut (dyn HashBank + 'static),
        evidence: &'e Evidence,
    ) -> Cow<'e, Evidence> {
        let mut settled = Cow::Borrowed(evidence);
        for (index, recording) in evidence.recordings.iter().enumerate() {
            let Some(other) = recording.with_usual_hash() else { continue };
            let mut holds = |recording: &Recording| {
                // As it is, it would be settled once more.
                let recordings = vec![Recording { claimed_hash: None, ..recording.clone() }];
                let chains = evidence.chains.clone();
                let one = Evidence { recordings, chains, ..Evidence::default() };
                let reports = Judge::new(self.verifier).verify(hashes, &one);
                let signature = AttestationCheck::MeasurementsSignature;
                reports.iter().any(|report| report.status(signature) == CheckStatus::Pass)
            };
            if !holds(recording)
                && holds(&other)
                && let Some(place) = settled.to_mut().recordings.get_mut(index)
            {
                *place = other;
            }
        }
        settled
    }
}
