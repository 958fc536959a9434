//! A recording becomes a report for each slot.

use std::collections::{HashMap, HashSet};

use spdm_codec::{Code, ContentChanged, KeySlot, SlotId};
use spdm_crypto::Digest;
use spdm_requester::{
    AttestationCheck, Error, Incompatible, Negotiated, Observation, Observer as _, Proof,
    SummaryAgreement, Verified,
};
use spdm_x509::{Identity, Policy, Trusted};

use super::{Signatures, Verifier};
use crate::chain_library::Candidates;
use crate::note::Note;
use crate::recording::Recording;
use crate::replay::{Attempt, AttemptOutcome, Judgement};
use crate::report::{BundleFindings, Freshness, Report, ReportBuilder};
use crate::session_judge::{Opening, SessionFindings};

/// A recording, and what the judge said about it.
pub(super) struct JudgedRecording<'e, 'c> {
    pub(super) verifier: &'e Verifier<'e>,
    pub(super) policy: Policy<'e>,
    pub(super) recording: &'e Recording,
    pub(super) target: &'e str,
    pub(super) held: &'e Candidates<'e, 'c>,
    pub(super) judgement: Judgement<'c>,
    /// What was found of the bundle that the recording is a part of.
    pub(super) bundle: Option<&'e BundleFindings>,
}

impl<'c> JudgedRecording<'_, 'c> {
    /// The report on a slot; on the connection alone where nobody asked a slot for a signature.
    pub(super) fn report(&self, slot: Option<KeySlot>) -> Report {
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
        let used = self.judgement.negotiated.as_ref().and_then(|n| n.hash().ok());
        if let (Some(named), Some(used)) = (self.recording.claimed_hash, used)
            && named != used
        {
            report.note(Note::OtherHash { named: named.name(), used: used.name() });
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
        report.claims(&verifier.tokens);
        if let (Some(part), Some(found)) = (&self.recording.bundle, self.bundle) {
            report.bundle(part, found);
        }
        if let Some(policy) = verifier.verdict_policy {
            report.policy(policy, verifier.validity);
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
            if is_fresh {
                report.measured_with(attempt.nonce);
            }
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
        report.opaque(all().map(|attempt| attempt.opaque.clone()).collect());
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
