//! Offline verification: every recording is judged like a live connection, every chain appraised by the policy.

mod judge;
mod judged_recording;

use std::borrow::Cow;

use spdm_codec::{CertificateModel, KeySlot, RequesterNonce, SlotId, SpdmVersion};
use spdm_crypto::{HashAlgorithm, HashBank, Provider};
use spdm_requester::{Compat, Proof};
use spdm_x509::{
    Anchor, ChainLimits, LinkCache, Policy, Profile, Revocations, SanPolicy, ValidityCheck,
};

pub use self::judge::Judge;
use self::judged_recording::JudgedRecording;
use crate::chain_library::{Candidates, ChainId, FetchedChains, StoredChain, latest};
use crate::evidence::Evidence;
use crate::host::HostIdentity;
use crate::policy::VerdictPolicy;
use crate::recording::{ChainContent, Recording, SlotChain};
use crate::reference::Reference;
use crate::replay::Replay;
use crate::report::{BundleFindings, Report, TokenOptions};
use crate::secrets::Secrets;

/// Which signatures a verdict needs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Signatures<'p> {
    /// Those that the recorded Requester asked for, at least one: a CHALLENGE, a GET_MEASUREMENTS with a signature or a
    /// KEY_EXCHANGE whose signed answer is not in the evidence leaves the device unverified.
    #[default]
    AsRequested,
    /// Whichever are in the evidence, at least one.
    Any,
    /// Each of these, of the same slot in the same connection; that of MEASUREMENTS over one block at least.
    Each(&'p [Proof]),
}

impl<'p> Signatures<'p> {
    /// What must have signed.
    const fn proofs(self) -> &'p [Proof] {
        match self {
            Self::AsRequested | Self::Any => &[],
            Self::Each(proofs) => proofs,
        }
    }
}

/// What a caller asks of evidence.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Verifier<'p> {
    /// The crypto backend.
    pub provider: &'p Provider,
    /// The roots to trust; without an anchor no chain is trusted.
    pub anchors: &'p [Anchor<'p>],
    /// Certificates and keys to reject even if the chain is otherwise valid.
    pub revocations: Revocations<'p>,
    /// The time at which certificates must be valid.
    pub validity: ValidityCheck,
    /// The name that the leaf must carry.
    pub san: SanPolicy<'p>,
    /// What the certificates of a chain must contain.
    pub profile: Profile,
    /// The largest chain.
    pub limits: ChainLimits,
    /// The signatures that must be there.
    pub required: Signatures<'p>,
    /// The nonce that a signature must cover: that of GET_MEASUREMENTS, or of CHALLENGE where no
    /// GET_MEASUREMENTS is on record, or RandomData of KEY_EXCHANGE where it is all there is.
    pub nonce: Option<RequesterNonce>,
    /// The device's public key (DER SubjectPublicKeyInfo), for devices without a chain (slot 0xFF).
    pub peer_key: Option<&'p [u8]>,
    /// The host's certificate chain structure, for a slot that the device did not read in the evidence: it may know it
    /// beforehand (MutAuthRequested 1). Nothing that the host signs verifies a device.
    pub host_chain: Option<&'p [u8]>,
    /// The host's public key (DER SubjectPublicKeyInfo), for hosts without a chain (slot 0xFF).
    pub host_key: Option<&'p [u8]>,
    /// The lowest version to accept.
    pub min_version: Option<SpdmVersion>,
    /// The only slot to report on.
    pub slot: Option<SlotId>,
    /// What the measurements should be.
    pub reference: Option<&'p Reference<'p>>,
    /// What is known of tokens in measurement manifests.
    pub tokens: TokenOptions<'p>,
    /// What a verdict needs beyond the checks.
    pub verdict_policy: Option<&'p VerdictPolicy>,
    /// Workarounds for known devices.
    pub compat: Compat,
    /// What opens the sessions of captures that were read with [`Records::Kept`](crate::Records::Kept): their HMACs,
    /// keys and records are judged then, and what is signed inside counts.
    pub secrets: Option<&'p Secrets>,
    /// Certificate signatures that were verified before, shared with other verifiers. Without one the
    /// connections of one call of [`Self::verify`] share a store of their own.
    pub link_cache: Option<&'p dyn LinkCache>,
}

impl<'p> Verifier<'p> {
    /// A verifier that asks for a trusted chain and the signatures that the recorded Requester asked for, at least
    /// one.
    #[must_use]
    pub const fn new(
        provider: &'p Provider,
        anchors: &'p [Anchor<'p>],
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
            required: Signatures::AsRequested,
            nonce: None,
            peer_key: None,
            host_chain: None,
            host_key: None,
            min_version: None,
            slot: None,
            reference: None,
            tokens: TokenOptions::NONE,
            verdict_policy: None,
            compat: Compat::NONE,
            secrets: None,
            link_cache: None,
        }
    }

    /// Judges every recording. Returns one report per connection and slot that was asked for a signature, in the
    /// order of the recordings, and at least one per connection. `hashes` needs two places.
    pub fn verify(
        &self,
        hashes: &mut (dyn HashBank + 'static),
        evidence: &Evidence,
    ) -> Vec<Report> {
        Judge::new(self).verify(hashes, evidence)
    }

    /// Stores the chains that came with the evidence, and returns which of them each recording may use.
    fn attached<'e>(
        &self,
        evidence: &'e Evidence,
        fetched: &[FetchedChains],
        stored: &mut Vec<StoredChain<'e>>,
    ) -> Vec<Vec<ChainId>> {
        let mut shared: Vec<(HashAlgorithm, Vec<ChainId>)> = Vec::new();
        let mut attached = Vec::new();
        for (recording, fetched) in evidence.recordings.iter().zip(fetched) {
            let hash = fetched.negotiated.as_ref().and_then(|negotiated| negotiated.hash().ok());
            let Some(hash) = hash else {
                attached.push(Vec::new());
                continue;
            };
            let known = shared.iter().find(|(of, _)| *of == hash).map(|(_, ids)| ids.clone());
            let mut ids = known.unwrap_or_else(|| {
                let ids = self.store(&evidence.chains, hash, stored);
                shared.push((hash, ids.clone()));
                ids
            });
            ids.extend(self.store(&recording.chains, hash, stored));
            attached.push(ids);
        }
        attached
    }

    fn store<'e>(
        &self,
        chains: &'e [SlotChain],
        hash: HashAlgorithm,
        stored: &mut Vec<StoredChain<'e>>,
    ) -> Vec<ChainId> {
        let start = stored.len();
        for chain in chains {
            let bytes = match &*chain.content {
                ChainContent::Structure(bytes) => Cow::Borrowed(bytes.as_slice()),
                ChainContent::Certificates(list) => {
                    match list.to_structure(self.anchors, hash, self.provider) {
                        Ok(bytes) => Cow::Owned(bytes),
                        Err(_) => continue,
                    }
                }
            };
            stored.push(StoredChain { slot: chain.slot, model: CertificateModel::None, bytes });
        }
        latest(start..stored.len(), stored)
    }

    fn verify_one<'c>(
        &self,
        hashes: &mut (dyn HashBank + 'static),
        recording: &Recording,
        target: &str,
        held: &Candidates<'_, 'c>,
        bundle: Option<&BundleFindings>,
        links: &dyn LinkCache,
    ) -> Vec<Report>
    where
        'p: 'c,
    {
        let (provider, peer_key, compat) = (self.provider, self.peer_key, self.compat);
        let secrets = self.secrets;
        let host = HostIdentity { chain: self.host_chain, key: self.host_key };
        let replay = Replay { recording, provider, held, peer_key, host, compat, secrets };
        let judgement = replay.run(hashes);
        let policy = self.policy(links);
        let verifier = self;
        let case = JudgedRecording { verifier, policy, recording, target, held, judgement, bundle };
        let mut slots: Vec<KeySlot> = Vec::new();
        for attempt in &case.judgement.attempts {
            if !slots.contains(&attempt.slot) {
                slots.push(attempt.slot);
            }
        }
        if slots.is_empty() {
            return vec![case.report(held.first_slot().map(KeySlot::Slot))];
        }
        let wanted = |slot: &KeySlot| self.slot.is_none_or(|only| *slot == KeySlot::Slot(only));
        let reports: Vec<Report> =
            slots.into_iter().filter(wanted).map(|slot| case.report(Some(slot))).collect();
        if reports.is_empty() { vec![case.report(self.slot.map(KeySlot::Slot))] } else { reports }
    }

    const fn policy<'a>(&'a self, links: &'a dyn LinkCache) -> Policy<'a> {
        let mut policy = Policy::new(self.provider, self.anchors, self.validity);
        policy.san = self.san;
        policy.profile = self.profile;
        policy.limits = self.limits;
        policy.revocations = self.revocations;
        policy.link_cache = Some(links);
        policy
    }
}
