//! Offline verification: every recording is judged like a live connection, every chain appraised by the policy.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use spdm_codec::{
    CertificateModel, Code, ContentChanged, KeySlot, RequesterNonce, SlotId, SpdmVersion,
};
use spdm_crypto::{Digest, HashAlgorithm, HashBank, Provider};
use spdm_requester::{
    AttestationCheck, Compat, Crypto, Error, Incompatible, Negotiated, Observation, Observer as _,
    Proof, SummaryAgreement, Verified,
};
use spdm_x509::{
    Anchor, ChainLimits, Identity, LinkCache, LinkTable, Policy, Profile, Revocations, SanPolicy,
    Trusted, ValidityCheck,
};

use crate::chain_library::{
    Candidates, ChainId, ChainLibrary, FetchedChains, RecentChains, StoredChain, latest,
};
use crate::evidence::Evidence;
use crate::host::HostIdentity;
use crate::note::Note;
use crate::recording::{ChainContent, Recording, SlotChain};
use crate::reference::Reference;
use crate::replay::{Attempt, AttemptOutcome, Judgement, Replay};
use crate::report::{Freshness, Report, ReportBuilder};
use crate::secrets::Secrets;
use crate::session_judge::{Opening, SessionFindings};

/// How many certificate signatures one call of [`Verifier::verify`] remembers: 33 KiB.
const REMEMBERED_LINKS: usize = 1024;

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
    pub reference: Option<&'p Reference>,
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
        let case = JudgedRecording { verifier: self, policy, recording, target, held, judgement };
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
        let mut reports = Vec::new();
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
            reports.extend(verifier.verify_one(hashes, recording, &target, &held, links));
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
}

/// A recording, and what the judge said about it.
struct JudgedRecording<'e, 'c> {
    verifier: &'e Verifier<'e>,
    policy: Policy<'e>,
    recording: &'e Recording,
    target: &'e str,
    held: &'e Candidates<'e, 'c>,
    judgement: Judgement<'c>,
}

impl<'c> JudgedRecording<'_, 'c> {
    fn report(&self, slot: Option<KeySlot>) -> Report {
        let verifier = self.verifier;
        let expected = |nonce| Freshness::Expected { proof: self.nonce_of(), nonce };
        let freshness = verifier.nonce.map_or(Freshness::Unknown, expected);
        let mut report = ReportBuilder::new(self.target, freshness, verifier.provider);
        for proof in verifier.required.proofs() {
            report.require(signature_check(*proof));
        }
        for note in &self.recording.notes {
            report.note(*note);
        }
        if let Some(nonce) = self.recording.claimed_nonce {
            report.claimed_nonce(nonce);
        }
        if let Some(slot) = slot {
            report.slot(slot);
        }
        if let Some(negotiated) = &self.judgement.negotiated {
            report.negotiated(negotiated);
            self.check_negotiated(&mut report, negotiated);
        }
        let challenge = self.best(slot, Proof::Challenge);
        let measurements = self.best(slot, Proof::Measurements);
        let key_exchange = self.best(slot, Proof::KeyExchange);
        let proofs = [key_exchange, challenge, measurements];
        let identity = proofs.iter().rev().flatten().find_map(|attempt| match attempt.outcome {
            AttemptOutcome::Verified(possession) => Some(*possession.identity()),
            _ => None,
        });
        let trusted = match slot {
            Some(KeySlot::PublicKey) => self.provisioned(&mut report, identity),
            Some(KeySlot::Slot(slot)) => self.chain(&mut report, slot, identity),
            None => None,
        };
        for attempt in proofs.into_iter().flatten() {
            self.attempt(&mut report, attempt);
        }
        if verifier.required == Signatures::AsRequested {
            self.require_requested(&mut report, slot);
        }
        self.show_measurements(&mut report, measurements);
        self.judge_signed(&mut report, [challenge, measurements]);
        for failure in &self.judgement.failures {
            match failure.slot {
                Some(other) if Some(other) != slot => {
                    report.failed_elsewhere(other, &failure.error)
                }
                _ => report.failed(&failure.error),
            };
        }
        match (&self.judgement.sessions, self.recording.records.len()) {
            (Some(found), _) => show_sessions(&mut report, found),
            (None, 0) => {}
            (None, messages) => {
                report.note(Note::Secured { messages });
            }
        }
        self.judgement.host.found().show(&mut report);
        if let Some(broken) = &self.recording.broken {
            report.broken(broken);
        }
        if let Some(reference) = verifier.reference {
            report.reference(reference);
        }
        // Every signature of the slot must be by the one identity that the report shows.
        let of_slot = self.judgement.attempts.iter().filter(|attempt| Some(attempt.slot) == slot);
        for attempt in of_slot {
            let AttemptOutcome::Verified(possession) = &attempt.outcome else { continue };
            match (&trusted, identity) {
                (Some(trusted), _) => match Verified::new(*possession, trusted) {
                    Ok(verified) => report.verified(&verified),
                    Err(error) => report.failed(&error),
                },
                (None, Some(shown)) if shown.digest() != possession.identity().digest() => {
                    report.failed(&Error::IdentityMismatch)
                }
                (None, _) => &mut report,
            };
        }
        report.build()
    }

    /// Which request should have carried the expected nonce.
    fn nonce_of(&self) -> Proof {
        let has = |code: Code| {
            let mut exchanges = self.recording.exchanges.iter();
            exchanges.any(|exchange| exchange.request.get(1) == Some(&code.0))
        };
        // Also in a session, which is not among the exchanges: a key log lets its owner seal an old answer there, and the
        // nonce of KEY_EXCHANGE says nothing of it.
        let mut attempts = self.judgement.attempts.iter();
        let measured = attempts.any(|attempt| attempt.proof == Proof::Measurements);
        if measured || has(Code::GET_MEASUREMENTS) {
            Proof::Measurements
        } else if has(Code::KEY_EXCHANGE) && !has(Code::CHALLENGE) {
            Proof::KeyExchange
        } else {
            Proof::Challenge
        }
    }

    fn check_negotiated(&self, report: &mut ReportBuilder, negotiated: &Negotiated) {
        if let Some(least) = self.verifier.min_version.filter(|least| negotiated.version < *least) {
            let got = negotiated.version;
            report.rejected(format!("the version is {got}, but {least} or later is required"));
        }
        // An algorithm that is not implemented here is no fault of the device.
        for error in [negotiated.asym().err(), negotiated.hash().err()].into_iter().flatten() {
            if matches!(error, Incompatible::Algorithm { .. }) {
                report.failed(&Error::Incompatible(error));
            }
        }
    }

    /// The attempt to report. Preferred, in this order: a verified one, one over the expected nonce, one with
    /// measurements, the last one.
    fn best(&self, slot: Option<KeySlot>, proof: Proof) -> Option<&Attempt<'c>> {
        let attempts = &self.judgement.attempts;
        let of_slot = attempts.iter().filter(|a| Some(a.slot) == slot && a.proof == proof);
        of_slot.max_by_key(|attempt| {
            let verified = matches!(attempt.outcome, AttemptOutcome::Verified(_));
            let expected = self.verifier.nonce == Some(attempt.nonce);
            (verified, expected, !attempt.values.is_empty())
        })
    }

    fn attempt(&self, report: &mut ReportBuilder, attempt: &Attempt<'c>) {
        report.asked(attempt.proof, &attempt.nonce);
        match &attempt.outcome {
            AttemptOutcome::Verified(possession) => {
                report.possession(possession);
            }
            outcome => {
                if let Some(why) = unproven(outcome, attempt) {
                    report.skip(signature_check(attempt.proof), why);
                }
            }
        }
    }

    /// Everything that the recorded Requester asked the slot's key to sign must be there: what is missing could be what
    /// fails. The same request may come again, answered or not; one over another nonce is another request.
    fn require_requested(&self, report: &mut ReportBuilder, slot: Option<KeySlot>) {
        for proof in [Proof::Challenge, Proof::Measurements, Proof::KeyExchange] {
            let attempts = self.judgement.attempts.iter();
            let requested = attempts.filter(|a| Some(a.slot) == slot && a.proof == proof);
            let verified = |a: &&Attempt<'_>| matches!(a.outcome, AttemptOutcome::Verified(_));
            let answered: HashSet<_> =
                requested.clone().filter(verified).map(|attempt| attempt.nonce.0).collect();
            // A device that was Busy gets another KEY_EXCHANGE, with a nonce of its own (DSP0274 §KEY_EXCHANGE).
            let made_anew = |attempt: &&Attempt<'_>| {
                proof == Proof::KeyExchange && !answered.is_empty() && attempt.was_busy()
            };
            let mut missing = requested
                .rev()
                .filter(|a| !answered.contains(&a.nonce.0))
                .filter(|attempt| !made_anew(attempt));
            let missing = missing.find_map(|attempt| unproven(&attempt.outcome, attempt));
            if let Some(why) = missing {
                report.unfulfilled(signature_check(proof), &why);
            }
        }
        for note in self.recording.notes.iter().filter(|note| note.is_unjudged()) {
            let Note::Stray { code } = *note else { continue };
            let check = match code {
                Code::CHALLENGE_AUTH => AttestationCheck::ChallengeSignature,
                Code::KEY_EXCHANGE_RSP => AttestationCheck::SessionKeyExchange,
                _ => AttestationCheck::MeasurementsSignature,
            };
            report.unfulfilled(check, &format!("the request of a {code} is not on record"));
        }
    }

    /// The measurements that the reported signature covers. Where no signature of the recording verifies, the
    /// unsigned ones.
    fn show_measurements(&self, report: &mut ReportBuilder, shown: Option<&Attempt<'c>>) {
        let verified =
            |attempt: &Attempt<'_>| matches!(attempt.outcome, AttemptOutcome::Verified(_));
        let unsigned = "the measurements are not signed";
        match shown {
            // What all the signatures of the slot cover: `judge_signed`.
            Some(attempt) if verified(attempt) => {}
            _ if self.judgement.attempts.iter().any(verified) => {
                report.skip(AttestationCheck::MeasurementsFormat, unsigned);
            }
            Some(attempt) => {
                report.measurements(attempt.values.clone());
            }
            None => {
                let values = self.judgement.unsigned.concat();
                if !values.is_empty() {
                    report.skip(AttestationCheck::MeasurementsFormat, unsigned);
                }
                report.measurements(values);
            }
        }
    }

    /// Of several signed MEASUREMENTS of a slot each one counts: what the shown one says may be what another contradicts.
    fn judge_signed(&self, report: &mut ReportBuilder, shown: [Option<&Attempt<'c>>; 2]) {
        let [challenge, Some(shown)] = shown else { return };
        let AttemptOutcome::Verified(own) = &shown.outcome else { return };
        // What another key signed is not the device's, and its identity is judged below.
        let is_own = |attempt: &&Attempt<'_>| {
            matches!(&attempt.outcome, AttemptOutcome::Verified(possession)
                if possession.proof() == Proof::Measurements
                    && possession.identity().digest() == own.identity().digest())
        };
        let of_slot = |attempt: &&Attempt<'_>| attempt.slot == shown.slot;
        let all = || self.judgement.attempts.iter().filter(of_slot).filter(is_own);
        // A signature over another nonce than the expected one is not fresh: its values are judged and not shown.
        let nonce = self.verifier.nonce.filter(|nonce| *nonce == shown.nonce);
        let (mut values, mut stale) = (Vec::new(), Vec::new());
        let (mut seen, mut last) = (HashSet::new(), HashMap::new());
        for attempt in all() {
            let is_fresh = nonce.is_none_or(|nonce| nonce == attempt.nonce);
            for value in &attempt.values {
                let about = (value.index, value.kind, value.raw);
                let before = last.insert(about, &value.value);
                if before.is_some_and(|before| *before != value.value) {
                    report.note(Note::ChangedMeasurement { index: value.index });
                }
                if seen.insert((is_fresh, about, &value.value)) {
                    let kept = if is_fresh { &mut values } else { &mut stale };
                    kept.push(value.clone());
                }
            }
        }
        let count = all().count();
        if count > 1 {
            report.note(Note::SeveralMeasurements { count });
        }
        let summary = match challenge.map(|challenge| &challenge.outcome) {
            Some(AttemptOutcome::Verified(possession)) => possession.summary(),
            _ => None,
        };
        let differs = |measured: &&Digest| {
            SummaryAgreement::between(summary, Some(measured)) == SummaryAgreement::Differs
        };
        let differing = all().filter_map(|attempt| attempt.summary.as_ref()).find(differs).copied();
        let changed = |attempt: &&Attempt<'_>| attempt.content_changed == ContentChanged::Changed;
        let content = all().find(changed).unwrap_or(shown).content_changed;
        report.measurements(values).measured_before(stale).content_changed(content);
        report.measured_summary(differing.or(shown.summary));
    }

    /// The chain of a slot: the one whose key signed, else the last one.
    fn chain(
        &self,
        report: &mut ReportBuilder,
        slot: SlotId,
        identity: Option<Identity<'c>>,
    ) -> Option<Trusted<'c>> {
        // Only a signature ties a chain of an earlier connection to this one.
        let negotiated = self.judgement.negotiated.as_ref();
        let failed = |attempt: &Attempt<'_>| {
            attempt.slot == KeySlot::Slot(slot) && matches!(attempt.outcome, AttemptOutcome::Failed)
        };
        let last = match self.judgement.attempts.iter().any(failed) {
            true => self.held.of_slot(slot, negotiated).next(),
            false => self.held.given_of_slot(slot, negotiated).next(),
        };
        let chain = match (identity, last.map(|held| held.parsed)) {
            (Some(Identity::Chain(chain)), _) | (_, Some(Ok(chain))) => chain,
            (_, Some(Err(error))) => {
                report.failed(&Error::Chain(error));
                return None;
            }
            (_, None) => {
                report.skip(AttestationCheck::ChainFormat, "no certificate chain of this slot");
                return None;
            }
        };
        let digest = chain.digest().as_bytes();
        let stated = || self.judgement.stated.iter().filter(|(of, _)| *of == slot);
        if stated().any(|(_, stated)| stated != digest) {
            report.fail(
                AttestationCheck::ChainDigest,
                "DIGESTS states another hash than the chain's",
            );
        } else if self.judgement.digests_checked.contains(&(slot, digest.to_vec())) {
            report.digest_checked();
        } else {
            report
                .skip(AttestationCheck::ChainDigest, "DIGESTS or the whole chain is not on record");
        }
        let appraisal = self.held.library.appraise(&chain, &self.policy);
        report.observe(&Observation::Appraised(&appraisal));
        appraisal.into_trusted().ok()
    }

    /// A device without a chain: its key is trusted because the caller gave it, unless it is revoked.
    fn provisioned(
        &self,
        report: &mut ReportBuilder,
        identity: Option<Identity<'c>>,
    ) -> Option<Trusted<'c>> {
        report.observe(&Observation::ProvisionedKey { policy: Some(&self.policy) });
        let Some(Identity::Key(key)) = identity else { return None };
        match self.policy.validate_key(key) {
            Ok(trusted) => Some(trusted),
            Err(error) => {
                report.failed(&Error::Chain(error));
                None
            }
        }
    }
}

/// What was found with the secrets of sessions.
fn show_sessions(report: &mut ReportBuilder, found: &SessionFindings) {
    for failure in &found.failures {
        report.session_failed(failure.check, &failure.why);
    }
    for (opening, counts) in
        [(Opening::KeyExchange, &found.exchanged), (Opening::Psk, &found.pre_shared)]
    {
        let is_mutual = opening == Opening::KeyExchange && found.mutual > 0;
        match (counts.sessions, is_mutual) {
            (1.., _) => report.pass(opening.check(), counts.to_string()),
            (0, true) => {
                let why = format!("the requester signs FINISH, which is not checked: {counts}");
                report.skip(opening.check(), why)
            }
            (0, false) if counts.hmacs > 0 => {
                report.skip(opening.check(), "no handshake is complete")
            }
            (0, false) => &mut *report,
        };
    }
    if found.mutual > 0 {
        report.note(Note::MutualSessions { count: found.mutual });
    }
    for note in &found.notes {
        report.note(*note);
    }
    if found.unopened > 0 {
        report.note(Note::Secured { messages: found.unopened });
    }
}

/// The check of the signature that a request asked for.
const fn signature_check(proof: Proof) -> AttestationCheck {
    match proof {
        Proof::Measurements => AttestationCheck::MeasurementsSignature,
        Proof::KeyExchange => AttestationCheck::SessionKeyExchange,
        _ => AttestationCheck::ChallengeSignature,
    }
}

/// Why a request for a signature proves nothing; `None` where it does, or where its error is among the failures.
fn unproven(outcome: &AttemptOutcome<'_>, attempt: &Attempt<'_>) -> Option<String> {
    Some(match outcome {
        AttemptOutcome::Verified(_) | AttemptOutcome::Failed => return None,
        AttemptOutcome::Refused(refused) => refused.to_string(),
        AttemptOutcome::NotChecked if attempt.slot == KeySlot::PublicKey => {
            "the device's public key is not given".to_owned()
        }
        AttemptOutcome::NotChecked => {
            "signed, not checked: no usable certificate chain of this slot".to_owned()
        }
        AttemptOutcome::Unanswered => {
            let request = match attempt.proof {
                Proof::Measurements => Code::GET_MEASUREMENTS,
                Proof::KeyExchange => Code::KEY_EXCHANGE,
                _ => Code::CHALLENGE,
            };
            format!("the answer to {request} is not on record")
        }
    })
}
