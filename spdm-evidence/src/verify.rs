//! Offline verification: the judge over every recording, the policy over every chain.

use std::collections::BTreeSet;

use spdm_codec::{KeySlot, Nonce, SlotId, SpdmVersion};
use spdm_crypto::{HashBank, Provider};
use spdm_requester::{Bench, Error, Incompatible, Negotiated, Proof, Verified};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Chain, ChainContext, Identity, Policy, Profile, SanPolicy, Trusted,
    ValidityCheck,
};

use crate::certificate_list::chain_structure;
use crate::evidence::Evidence;
use crate::exchange::{ChainContent, Recording};
use crate::judgement::{Attempt, FetchedChain, HeldChain, Judge, Judgement, Outcome, fetch_chains};
use crate::reference::Reference;
use crate::report::{Check, Freshness, Report, ReportBuilder};

/// What a caller asks of evidence.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Verifier<'p> {
    /// Hashes and verifies.
    pub provider: &'p Provider,
    /// The roots to trust; without one no chain is.
    pub anchors: &'p [Anchor<'p>],
    /// The time to hold validity periods against.
    pub validity: ValidityCheck,
    /// The name that the leaf must carry.
    pub san: SanPolicy<'p>,
    /// What the leaf must say of itself.
    pub profile: Profile,
    /// The nonce that a signature must cover: that of GET_MEASUREMENTS, or of CHALLENGE where no
    /// measurements are signed.
    pub nonce: Option<Nonce>,
    /// The device's public key (DER SubjectPublicKeyInfo), for devices without a chain (slot 0xFF).
    pub peer_key: Option<&'p [u8]>,
    /// The lowest version to accept.
    pub min_version: Option<SpdmVersion>,
    /// The only slot to report on.
    pub slot: Option<SlotId>,
    /// What the measurements should be.
    pub reference: Option<&'p Reference>,
}

impl<'p> Verifier<'p> {
    /// A verifier that asks for trusted chains only.
    #[must_use]
    pub const fn new(
        provider: &'p Provider,
        anchors: &'p [Anchor<'p>],
        validity: ValidityCheck,
    ) -> Self {
        Self {
            provider,
            anchors,
            validity,
            san: SanPolicy::None,
            profile: Profile::COMPATIBLE,
            nonce: None,
            peer_key: None,
            min_version: None,
            slot: None,
            reference: None,
        }
    }

    /// Judges every recording: one report per connection and slot that was asked for a signature, in the
    /// order of the recordings; at least one per connection. `hashes` has two places.
    pub fn verify(
        &self,
        hashes: &mut (dyn HashBank + 'static),
        evidence: &Evidence,
    ) -> Vec<Report> {
        let several = evidence.recordings.len() > 1;
        let mut remembered = Vec::new();
        let mut reports = Vec::new();
        for (index, recording) in evidence.recordings.iter().enumerate() {
            let target = match several {
                true => format!("{}#{index}", evidence.target),
                false => evidence.target.clone(),
            };
            let mut bench = Bench { provider: self.provider, hashes: &mut *hashes };
            let (negotiated, own) = fetch_chains(recording, &mut bench);
            let chains = match &negotiated {
                Some(negotiated) => self.chains_for(recording, negotiated, &own, &remembered),
                None => Vec::new(),
            };
            reports.extend(self.verify_one(hashes, evidence, recording, &target, &chains));
            remember(&mut remembered, own);
        }
        reports
    }

    /// The chains that a recording may be judged with: those of earlier recordings (a Requester may
    /// remember a chain), those that came with it, its own. The last one of a slot is tried first.
    fn chains_for(
        &self,
        recording: &Recording,
        negotiated: &Negotiated,
        own: &[FetchedChain],
        remembered: &[FetchedChain],
    ) -> Vec<FetchedChain> {
        let (Ok(asym), Ok(hash)) = (negotiated.asym(), negotiated.hash()) else {
            return Vec::new();
        };
        let context = |slot, model| ChainContext::new(slot, negotiated.version, model, asym, hash);
        let earlier = remembered.iter().map(|chain| FetchedChain {
            completed_by: None,
            context: context(chain.context.slot, chain.context.model),
            bytes: chain.bytes.clone(),
        });
        let came_with = recording.chains.iter().filter_map(|chain| {
            let bytes = match &chain.content {
                ChainContent::Structure(bytes) => bytes.clone(),
                ChainContent::Certificates(ders) => {
                    chain_structure(ders, self.anchors, hash, self.provider).ok()?
                }
            };
            let context = context(chain.slot, CertModel::Unknown);
            Some(FetchedChain { completed_by: None, context, bytes })
        });
        earlier.chain(came_with).chain(own.iter().cloned()).collect()
    }

    fn verify_one(
        &self,
        hashes: &mut (dyn HashBank + 'static),
        evidence: &Evidence,
        recording: &Recording,
        target: &str,
        fetched: &[FetchedChain],
    ) -> Vec<Report> {
        let held = fetched.iter().filter_map(|chain| self.hold(chain)).collect::<Vec<_>>();
        let peer_key = self.peer_key;
        let judge = Judge { recording, provider: self.provider, chains: &held, peer_key };
        let judgement = judge.judge(hashes);
        let case = Case { verifier: self, evidence, recording, target, held: &held, judgement };
        let mut slots: Vec<KeySlot> = Vec::new();
        for attempt in &case.judgement.attempts {
            if !slots.contains(&attempt.slot) {
                slots.push(attempt.slot);
            }
        }
        if slots.is_empty() {
            let first =
                held.iter().find(|chain| chain.completed_by.is_some()).or_else(|| held.first());
            return vec![case.report(first.map(|chain| KeySlot::Slot(chain.slot)))];
        }
        let wanted = |slot: &KeySlot| self.slot.is_none_or(|only| *slot == KeySlot::Slot(only));
        let reports: Vec<Report> =
            slots.into_iter().filter(wanted).map(|slot| case.report(Some(slot))).collect();
        if reports.is_empty() { vec![case.report(self.slot.map(KeySlot::Slot))] } else { reports }
    }

    fn hold<'c>(&self, fetched: &'c FetchedChain) -> Option<HeldChain<'c>> {
        let digest = self.provider.hash.digest(fetched.context.hash, &[&fetched.bytes]).ok()?;
        let raw = Untrusted::new(fetched.bytes.as_slice());
        Some(HeldChain {
            completed_by: fetched.completed_by,
            slot: fetched.context.slot,
            digest,
            parsed: Chain::parse(raw, fetched.context, self.provider),
        })
    }

    const fn policy(&self) -> Policy<'p> {
        let mut policy = Policy::new(self.provider, self.anchors, self.validity);
        policy.san = self.san;
        policy.profile = self.profile;
        policy
    }
}

/// How many chains of earlier recordings are kept: one per slot, twice.
const REMEMBERED: usize = 16;

/// Keeps the chains that were fetched last, each once.
fn remember(remembered: &mut Vec<FetchedChain>, own: Vec<FetchedChain>) {
    for chain in own {
        remembered
            .retain(|known| known.context.slot != chain.context.slot || known.bytes != chain.bytes);
        if remembered.len() == REMEMBERED {
            remembered.remove(0);
        }
        remembered.push(chain);
    }
}

/// A recording that was judged.
struct Case<'e, 'c> {
    verifier: &'e Verifier<'e>,
    evidence: &'e Evidence,
    recording: &'e Recording,
    target: &'e str,
    held: &'e [HeldChain<'c>],
    judgement: Judgement<'c>,
}

impl<'c> Case<'_, 'c> {
    fn report(&self, slot: Option<KeySlot>) -> Report {
        let verifier = self.verifier;
        let freshness = verifier.nonce.map_or(Freshness::Unknown, Freshness::Expected);
        let mut report = ReportBuilder::new(self.target, freshness);
        for note in self.recording.notes.iter().chain(&self.evidence.notes) {
            report.note(*note);
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
        let proofs = [challenge, measurements];
        let identity = proofs.iter().rev().flatten().find_map(|attempt| match attempt.outcome {
            Outcome::Verified(possession) => Some(*possession.identity()),
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
        self.show_measurements(&mut report, slot);
        for failure in &self.judgement.failures {
            report.failed(failure);
        }
        if let Some(broken) = &self.recording.broken {
            report.broken(broken);
        }
        if let Some(reference) = verifier.reference {
            report.reference(reference);
        }
        for attempt in proofs.into_iter().flatten() {
            if let (Outcome::Verified(possession), Some(trusted)) = (&attempt.outcome, &trusted) {
                match Verified::new(*possession, trusted) {
                    Ok(verified) => report.verified(&verified),
                    Err(error) => report.failed(&error),
                };
            }
        }
        report.build()
    }

    fn check_negotiated(&self, report: &mut ReportBuilder, negotiated: &Negotiated) {
        if let Some(least) = self.verifier.min_version.filter(|least| negotiated.version < *least) {
            let got = negotiated.version;
            report.rejected(format!("the version is {got}, but {least} or later is required"));
        }
        // What is not implemented here is the verifier's lack, whatever the device does.
        for error in [negotiated.asym().err(), negotiated.hash().err()].into_iter().flatten() {
            if matches!(error, Incompatible::Algorithm { .. }) {
                report.failed(&Error::Incompatible(error));
            }
        }
    }

    /// The attempt to show: a verified one over the expected nonce, then a verified one, then any; the one
    /// with the most measurements; the last.
    fn best(&self, slot: Option<KeySlot>, proof: Proof) -> Option<&Attempt<'c>> {
        let attempts = &self.judgement.attempts;
        let of_slot = attempts.iter().filter(|a| Some(a.slot) == slot && a.proof == proof);
        of_slot.max_by_key(|attempt| {
            let verified = matches!(attempt.outcome, Outcome::Verified(_));
            let expected = self.verifier.nonce == Some(attempt.nonce);
            (verified, expected, attempt.values.len())
        })
    }

    fn attempt(&self, report: &mut ReportBuilder, attempt: &Attempt<'c>) {
        report.asked(attempt.proof, &attempt.nonce);
        let check = match attempt.proof {
            Proof::Measurements => Check::MeasurementsSignature,
            _ => Check::ChallengeSignature,
        };
        match &attempt.outcome {
            Outcome::Verified(possession) => report.possession(possession),
            // The error itself is among the failures.
            Outcome::Failed => report,
            Outcome::Refused(refused) => report.skip(check, refused.to_string()),
            Outcome::NotChecked if attempt.slot == KeySlot::PublicKey => {
                report.skip(check, "the device's public key is not given")
            }
            Outcome::NotChecked => report.skip(check, "no usable certificate chain of this slot"),
        };
    }

    /// The signed measurements of the slot: all of them, or those under the expected nonce; unsigned ones
    /// where nothing in the connection is signed.
    fn show_measurements(&self, report: &mut ReportBuilder, slot: Option<KeySlot>) {
        let signed = |attempt: &&Attempt<'_>| {
            let verified = matches!(attempt.outcome, Outcome::Verified(_));
            attempt.proof == Proof::Measurements && verified
        };
        let mut all = self.judgement.attempts.iter().filter(signed).peekable();
        if all.peek().is_none() {
            let unsigned = self.judgement.unsigned.concat();
            if !unsigned.is_empty() {
                report.skip(Check::MeasurementsFormat, "the measurements are not signed");
            }
            report.measurements(unsigned);
            return;
        }
        let expected = |attempt: &&Attempt<'_>| {
            let fresh = self.verifier.nonce.is_none_or(|nonce| nonce == attempt.nonce);
            Some(attempt.slot) == slot && fresh
        };
        let mut seen = BTreeSet::new();
        let values = all.filter(expected).flat_map(|attempt| &attempt.values);
        let values = values.filter(|value| seen.insert((value.index, value.kind, &value.value)));
        report.measurements(values.cloned().collect());
    }

    /// The chain of a slot: the one whose key signed, else the last one.
    fn chain(
        &self,
        report: &mut ReportBuilder,
        slot: SlotId,
        identity: Option<Identity<'c>>,
    ) -> Option<Trusted<'c>> {
        if self.judgement.digests_checked.contains(&slot) {
            report.digest_checked();
        } else {
            report.skip(Check::ChainDigest, "DIGESTS or the whole chain is not on record");
        }
        let last = self.held.iter().rev().find(|chain| chain.slot == slot);
        let chain = match (identity, last.map(|held| held.parsed)) {
            (Some(Identity::Chain(chain)), _) | (_, Some(Ok(chain))) => chain,
            (_, Some(Err(error))) => {
                report.failed(&Error::Chain(error));
                return None;
            }
            (_, None) => {
                report.skip(Check::ChainFormat, "no certificate chain of this slot");
                return None;
            }
        };
        let appraisal = self.verifier.policy().appraise(&chain);
        report.chain(&appraisal, self.verifier.provider);
        appraisal.into_trusted().ok()
    }

    /// A device without a chain: its key is trusted because the caller gave it.
    fn provisioned(
        &self,
        report: &mut ReportBuilder,
        identity: Option<Identity<'c>>,
    ) -> Option<Trusted<'c>> {
        report.skip(Check::ChainFormat, "slot 0xFF has a public key instead of a chain");
        match identity {
            Some(Identity::Key(key)) => Some(Trusted::provisioned(key)),
            _ => None,
        }
    }
}
