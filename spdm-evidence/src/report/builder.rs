//! Filling a report, live or offline.

mod bundle;
mod claims;
mod detail;
mod freshness;
mod observed;
mod policy;
mod reference;
mod session;

use std::collections::BTreeMap;

use spdm_codec::{ContentChanged, KeySlot, RequesterNonce, SpdmVersion};
use spdm_crypto::{Digest, Provider};
use spdm_requester::{
    AttestationCheck, CheckStatus, Error, Negotiated, Observation, Observer, Possession, Proof,
    SummaryAgreement, SummaryHash, Verified,
};
use spdm_x509::{ChainError, ValidityCheck};

pub(crate) use bundle::BundleFindings;
pub use claims::TokenOptions;
pub use freshness::Freshness;

use super::objection::Objection;
use super::{
    Basis, BasisSignature, CheckResult, ClaimsSummary, ExitClass, IdentitySummary, MeasuredValue,
    NegotiationCover, Nonces, OtherSlots, ReferenceSummary, Report, ReportErrorKind, SCHEMA,
    SessionSummary,
};
use crate::known_devices::{Fingerprint, KnownDevice};
use crate::listing::Listing;
use crate::note::{Note, NoteCounter};
use crate::policy::VerdictPolicy;
use crate::recording::Broken;
use crate::reference::Subject;
use crate::text::printable_text;
use detail::{holds, untouched, unusable};
use session::NO_IDENTITY;

/// Collects what was found, and draws the conclusion.
///
/// It observes a live attestation ([`Observer`]); the verifier of evidence tells it the same observations.
///
/// ```text
/// let mut report = ReportBuilder::new(target, freshness, provider);
/// requester.examine(plan, source, record).observed_by(&mut report) …
/// report.reference(…);
/// report.build()
/// ```
///
/// The report is `verified` only where [`Self::verified`] was called, no check failed, no error was
/// reported, no required check was skipped, and the expected nonce is covered.
#[derive(Clone, Debug)]
#[must_use]
pub struct ReportBuilder {
    target: String,
    freshness: Freshness,
    provider: Provider,
    required: Vec<AttestationCheck>,
    unfulfilled: Option<Objection>,
    results: BTreeMap<AttestationCheck, (CheckStatus, String)>,
    negotiated: Option<Negotiated>,
    slot: Option<KeySlot>,
    nonces: [Option<RequesterNonce>; 3],
    proven: [bool; 3],
    /// The nonces of the signed GET_MEASUREMENTS whose measurements are shown.
    measured_nonces: Vec<RequesterNonce>,
    claims: Option<ClaimsSummary>,
    session: Option<SessionSummary>,
    negotiation: NegotiationCover,
    identity: IdentitySummary,
    digest: Option<Vec<u8>>,
    fingerprint: Option<Fingerprint>,
    subject: Subject,
    reference: Option<ReferenceSummary>,
    measurements: Vec<MeasuredValue>,
    content_changed: ContentChanged,
    measured_before: Vec<MeasuredValue>,
    signed_summary: Option<SummaryHash>,
    measured_summary: Option<Digest>,
    objection: Option<Objection>,
    contested: Vec<(AttestationCheck, Objection)>,
    other_slots: OtherSlots,
    policy: Option<(VerdictPolicy, ValidityCheck)>,
    authenticated: bool,
    claimed_nonce: Option<RequesterNonce>,
    listing: Option<Listing>,
    notes: Vec<Note>,
}

const fn place(proof: Proof) -> usize {
    match proof {
        Proof::Measurements => 1,
        Proof::KeyExchange => 2,
        _ => 0,
    }
}

impl ReportBuilder {
    /// Nothing found yet. What could steer a terminal is escaped in `target`; `provider` hashes.
    pub fn new(target: &str, freshness: Freshness, provider: &Provider) -> Self {
        Self {
            target: printable_text(target),
            freshness,
            provider: *provider,
            required: Vec::new(),
            unfulfilled: None,
            results: BTreeMap::new(),
            negotiated: None,
            slot: None,
            nonces: [None; 3],
            proven: [false; 3],
            measured_nonces: Vec::new(),
            claims: None,
            session: None,
            negotiation: NegotiationCover::Unsigned,
            identity: IdentitySummary::default(),
            digest: None,
            fingerprint: None,
            subject: Subject::default(),
            reference: None,
            measurements: Vec::new(),
            content_changed: ContentChanged::NotDetected,
            measured_before: Vec::new(),
            signed_summary: None,
            measured_summary: None,
            objection: None,
            contested: Vec::new(),
            other_slots: OtherSlots::Hold,
            policy: None,
            authenticated: false,
            claimed_nonce: None,
            listing: None,
            notes: Vec::new(),
        }
    }

    /// Demands that a check passes: skipping it is not enough.
    pub fn require(&mut self, check: AttestationCheck) -> &mut Self {
        self.required.push(check);
        self
    }

    /// The recorded Requester asked for the signature that the check is about, and the evidence does not have it:
    /// `why` says what is there instead. Nothing is verified, whatever else was signed.
    pub fn unfulfilled(&mut self, check: AttestationCheck, why: &str) -> &mut Self {
        let message = format!("{} was asked for: {why}", check.name());
        self.unfulfilled.get_or_insert_with(|| {
            Objection::new(ReportErrorKind::Required, message, ExitClass::Rejected)
        });
        self
    }

    /// What was left out.
    pub fn note(&mut self, note: Note) -> &mut Self {
        self.notes.push(note);
        self
    }

    /// How the file of the chain counts certificates: errors name them so.
    pub fn listed(&mut self, listing: Listing) -> &mut Self {
        self.listing = Some(listing);
        self
    }

    /// What the connection agreed on.
    pub fn negotiated(&mut self, negotiated: &Negotiated) -> &mut Self {
        self.negotiated = Some(*negotiated);
        self
    }

    /// The slot that the report is about.
    pub fn slot(&mut self, slot: KeySlot) -> &mut Self {
        self.slot = Some(slot);
        self
    }

    /// A check that holds. A failure stays.
    pub fn pass(&mut self, check: AttestationCheck, detail: impl Into<String>) -> &mut Self {
        self.set(check, CheckStatus::Pass, detail.into())
    }

    /// A check that does not hold.
    pub fn fail(&mut self, check: AttestationCheck, detail: impl Into<String>) -> &mut Self {
        self.set(check, CheckStatus::Fail, detail.into())
    }

    /// Why a check is not made. A result stays.
    pub fn skip(&mut self, check: AttestationCheck, detail: impl Into<String>) -> &mut Self {
        self.set(check, CheckStatus::Skipped, detail.into())
    }

    /// The worse result stays; of two equal ones the first.
    fn set(&mut self, check: AttestationCheck, status: CheckStatus, detail: String) -> &mut Self {
        let rank = |status| match status {
            CheckStatus::Skipped => 0,
            CheckStatus::Pass => 1,
            CheckStatus::Fail => 2,
        };
        let known = self.results.get(&check).map(|(known, _)| rank(*known));
        if known.is_none_or(|known| known < rank(status)) {
            self.results.insert(check, (status, detail));
        }
        self
    }

    /// The chain's digest is the one that DIGESTS stated.
    pub fn digest_checked(&mut self) -> &mut Self {
        let check = AttestationCheck::ChainDigest;
        self.pass(check, holds(check))
    }

    fn chain_failed(&mut self, error: &ChainError) -> &mut Self {
        let check = AttestationCheck::of_chain(error.check);
        let mut objection = self.objection_of(&Error::Chain(*error));
        // So that a person can pin it.
        if let (AttestationCheck::ChainAnchor, Some(root)) = (check, &self.identity.root_sha256) {
            let message = &objection.error.message;
            objection.error.message = format!("{message}; SHA-256 of the root: {root}");
        }
        self.fail(check, objection.error.message.clone());
        self.object(objection)
    }

    /// The nonce of a request, also where its answer proves nothing.
    pub fn asked(&mut self, proof: Proof, nonce: &RequesterNonce) -> &mut Self {
        if let Some(known) = self.nonces.get_mut(place(proof)) {
            *known = Some(*nonce);
        }
        self
    }

    /// A signature that verified. One of measurements covers the values that are shown.
    pub fn possession(&mut self, possession: &Possession<'_>) -> &mut Self {
        match possession.proof() {
            Proof::Challenge => self.observe(&Observation::Challenged(possession)),
            Proof::KeyExchange => self.observe(&Observation::KeyExchanged(possession)),
            _ => self.signed(possession),
        }
        self
    }

    fn signed(&mut self, possession: &Possession<'_>) {
        let proof = possession.proof();
        self.asked(proof, possession.nonce());
        self.slot(possession.identity().key_slot());
        if let Some(proven) = self.proven.get_mut(place(proof)) {
            *proven = true;
        }
        if possession.covers_negotiation() {
            self.negotiation = NegotiationCover::Signed;
        }
        if let Some(summary) = possession.summary() {
            self.signed_summary = Some(*summary);
        }
    }

    /// The measurements to be shown. Beside a device that is authenticated, only what it signed is.
    pub fn measurements(&mut self, values: Vec<MeasuredValue>) -> &mut Self {
        self.measurements = values;
        self
    }

    /// Whether the device says that the measurements that are shown changed while they were read: to be called before
    /// [`Self::reference`]. It counts only where the device signed it.
    pub fn content_changed(&mut self, changed: ContentChanged) -> &mut Self {
        self.content_changed = changed;
        self
    }

    /// Measurements that other signatures of the same key cover, and that are not shown for they are not fresh: they are
    /// compared with reference values like those that are.
    pub(crate) fn measured_before(&mut self, values: Vec<MeasuredValue>) -> &mut Self {
        self.measured_before = values;
        self
    }

    /// What a summary hash over the signed measurements would be ([`summary_of`](spdm_requester::summary_of)), to
    /// compare with the one in CHALLENGE_AUTH.
    pub fn measured_summary(&mut self, digest: Option<Digest>) -> &mut Self {
        self.measured_summary = digest;
        self
    }

    /// Compares leaf and root with the device that is `known` for the target, and demands that they are the same: to
    /// be called behind the attestation.
    pub fn known_device(&mut self, known: &KnownDevice) -> &mut Self {
        let check = AttestationCheck::KnownDevice;
        self.require(check);
        let Some(shown) = &self.fingerprint else {
            return self.skip(check, "no certificate chain");
        };
        let chain = known.chain(&self.provider);
        let differs = match chain.as_ref().map(|chain| Fingerprint::of(chain, &self.provider)) {
            Ok(Some(known)) if known == *shown => return self.pass(check, holds(check)),
            Ok(Some(known)) if known.root == shown.root => "the leaf certificate is another one",
            // RootHash is of the negotiated hash: another one may be of the same root.
            Ok(Some(known)) if known.leaf == shown.leaf => "RootHash is another one",
            Ok(Some(_)) => "RootHash and the leaf certificate are other ones",
            Ok(None) => "SHA-256 is not implemented here",
            Err(_) => "the known chain cannot be read",
        };
        let message = format!("not the device that is known for {}: {differs}", known.target());
        self.fail(check, message.clone());
        self.object(Objection::new(ReportErrorKind::Known, message, ExitClass::Rejected))
    }

    /// A device has to be known, but none is for this target.
    pub fn not_known(&mut self, why: impl Into<String>) -> &mut Self {
        let check = AttestationCheck::KnownDevice;
        self.require(check).skip(check, why)
    }

    /// The device was not known for its target, and will be.
    pub fn learned(&mut self) -> &mut Self {
        self.pass(AttestationCheck::KnownDevice, "new: it is known from now on")
    }

    /// An error, certificates counted as in the file.
    fn objection_of(&self, error: &Error) -> Objection {
        let mut objection = Objection::of(error);
        if let (Error::Chain(chain), Some(listing)) = (error, &self.listing) {
            objection.error.message = listing.describe(chain);
            objection.error.offset = None;
        }
        objection
    }

    /// A check of the chain fails for a reason that no rule of `spdm-x509` has, such as what the file is.
    pub fn chain_rejected(&mut self, check: AttestationCheck, why: impl Into<String>) -> &mut Self {
        let (why, kind) = (why.into(), ReportErrorKind::Chain);
        self.fail(check, why.clone());
        self.object(Objection::new(kind, why, ExitClass::Rejected))
    }

    /// A certificate, counted from the root's side, is of an algorithm that this build does not have: nothing can be said
    /// about it.
    pub fn lacks_algorithm(
        &mut self,
        check: AttestationCheck,
        certificate: Option<u16>,
        name: &str,
    ) -> &mut Self {
        let place = match (certificate, &self.listing) {
            (Some(index), Some(listing)) => format!("{}: ", listing.certificate(index)),
            (Some(index), None) => format!("certificate {index}: "),
            (None, _) => String::new(),
        };
        let (why, kind) =
            (format!("{place}this build does not have {name}"), ReportErrorKind::Unsupported);
        self.fail(check, why.clone());
        self.object(Objection::new(kind, why, ExitClass::Usage))
    }

    /// Something went wrong. The first error is the one that is shown.
    pub fn failed(&mut self, error: &Error) -> &mut Self {
        let objection = self.objection_of(error);
        if let Some(check) = AttestationCheck::decided_by(error) {
            self.fail(check, objection.error.message.clone());
            // The message is there: what else it would have shown is not missing.
            let of_message = [AttestationCheck::CHALLENGE, AttestationCheck::MEASUREMENTS]
                .into_iter()
                .find(|checks| checks.contains(&check));
            if let (Some(others), Some(why)) = (of_message, unusable(error)) {
                for other in others {
                    self.skip(other, why.clone());
                }
            }
        }
        self.object(objection)
    }

    /// Something went wrong with another slot of the connection: nothing is verified, but no check of this
    /// slot fails.
    pub fn failed_elsewhere(&mut self, slot: KeySlot, error: &Error) -> &mut Self {
        let mut objection = Objection::of(error);
        objection.error.message = format!("slot {}: {}", slot.to_byte(), objection.error.message);
        self.other_slots = OtherSlots::Failed;
        self.object(objection)
    }

    /// An HMAC, a key or a record of a session is not as it must be.
    pub fn session_failed(&mut self, check: AttestationCheck, why: &str) -> &mut Self {
        let kind = ReportErrorKind::Session;
        self.fail(check, why);
        self.object(Objection::new(kind, why, ExitClass::Rejected))
    }

    /// The recording ends because its messages cannot be put together.
    pub fn broken(&mut self, broken: &Broken) -> &mut Self {
        self.object(Objection::of_broken(broken))
    }

    /// A rule of the caller that is no check of its own, such as the lowest version, does not hold.
    pub fn rejected(&mut self, why: impl Into<String>) -> &mut Self {
        self.object(Objection::new(ReportErrorKind::Policy, why.into(), ExitClass::Rejected))
    }

    /// What breaks the protocol outweighs what is merely rejected; of two equal ones the first stays.
    fn object(&mut self, objection: Objection) -> &mut Self {
        if self.objection.as_ref().is_none_or(|known| known.class < objection.class) {
            self.objection = Some(objection);
        }
        self
    }

    /// The device is authenticated.
    pub fn verified(&mut self, verified: &Verified<'_>) -> &mut Self {
        let digest = verified.identity().digest().as_bytes();
        match &self.digest {
            Some(shown) if shown != digest => return self.failed(&Error::IdentityMismatch),
            _ => self.authenticated = true,
        }
        self
    }

    /// Draws the conclusion.
    #[must_use]
    pub fn build(mut self) -> Report {
        self.judge_measurements();
        // Anybody can sign a nonce: only a trusted device's signature is fresh.
        let fresh = self.judge_freshness().map(|fresh| fresh && self.authenticated);
        self.judge_claimed_nonce();
        self.settle();
        // Whether the device is known is a check only where somebody asks, and so on.
        let occasional = AttestationCheck::OCCASIONAL
            .into_iter()
            .filter(|check| self.results.contains_key(check) || self.required.contains(check));
        let occasional: Vec<AttestationCheck> = occasional.collect();
        let checks: Vec<CheckResult> = AttestationCheck::ALL
            .into_iter()
            .chain(occasional)
            .map(|check| {
                let nothing = || (CheckStatus::Skipped, untouched(check).to_owned());
                let (status, detail) = self.results.remove(&check).unwrap_or_else(nothing);
                CheckResult { check, status, detail }
            })
            .collect();
        let objection = self.objection.take().or_else(|| self.shortcoming(&checks, fresh));
        let verified = objection.is_none();
        let basis = verified.then(|| self.basis(&checks));
        let mut algorithms = self.negotiated.as_ref().map(algorithms).unwrap_or_default();
        if verified
            && self.negotiation == NegotiationCover::Unsigned
            && forget_unsigned(&mut algorithms) > 0
        {
            self.notes.push(Note::UnsignedNegotiation);
        }
        let (exit_class, error) = match objection {
            Some(objection) => (objection.class, Some(objection.error)),
            None => (ExitClass::Ok, None),
        };
        // What is not signed is compared with nothing.
        let [_, measured, _] = self.proven;
        let version = self.negotiated.map(|negotiated| negotiated.version);
        let content_changed =
            (measured && version >= Some(SpdmVersion::V1_2)).then_some(self.content_changed);
        if content_changed == Some(ContentChanged::Changed) {
            self.notes.push(Note::ContentChanged);
        }
        let measured = self.measured_summary.filter(|_| measured);
        let measurement_summary =
            SummaryAgreement::between(self.signed_summary.as_ref(), measured.as_ref());
        let [challenge, measurements, key_exchange] =
            self.nonces.map(|nonce| nonce.map(|nonce| hex::encode(nonce.0)));
        let report = Report {
            schema: SCHEMA,
            target: self.target,
            verified,
            basis,
            checks,
            version: version.map(SpdmVersion::as_str),
            algorithms,
            slot: self.slot.map(KeySlot::to_byte),
            nonces: Nonces { challenge, measurements, key_exchange },
            fresh,
            identity: self.identity,
            leaf_sha256: self.fingerprint.map(|shown| hex::encode(shown.leaf)),
            measurements: self.measurements,
            reference: self.reference,
            content_changed,
            measurement_summary,
            claims: self.claims,
            session: self.session,
            error,
            exit_class,
            other_slots: self.other_slots,
            notes: NoteCounter::count(self.notes),
            policy: None,
        };
        match &self.policy {
            Some((policy, now)) => report.judged_by(policy, &self.required, *now),
            None => report,
        }
    }

    /// Why it is not verified although no error was reported; `None` where it is.
    fn shortcoming(&self, checks: &[CheckResult], fresh: Option<bool>) -> Option<Objection> {
        let new = |kind, message| Some(Objection::new(kind, message, ExitClass::Rejected));
        if let Some(failed) = checks
            .iter()
            .find(|result| result.status == CheckStatus::Fail && !self.is_waived(result.check))
        {
            let message = format!("{}: {}", failed.check.name(), failed.detail);
            return new(ReportErrorKind::Rejected, message);
        }
        let missing = checks.iter().find(|result| {
            result.status == CheckStatus::Skipped
                && self.required.contains(&result.check)
                && !self.is_waived(result.check)
        });
        if let Some(missing) = missing {
            let message = format!("{} is required: {}", missing.check.name(), missing.detail);
            return new(ReportErrorKind::Required, message);
        }
        if !self.authenticated {
            if self.is_of_psk() {
                let message = NO_IDENTITY.to_owned();
                return new(ReportErrorKind::Unproven, message);
            }
            let proofs = [
                AttestationCheck::ChallengeSignature,
                AttestationCheck::MeasurementsSignature,
                AttestationCheck::SessionKeyExchange,
            ];
            let why = checks.iter().find(|result| {
                proofs.contains(&result.check) && result.detail != untouched(result.check)
            });
            let why = why.map(|result| format!(": {}", result.detail)).unwrap_or_default();
            let message = format!("no signature of the device could be verified{why}");
            return new(ReportErrorKind::Unproven, message);
        }
        if fresh == Some(false) {
            return new(
                ReportErrorKind::Nonce,
                "no signature covers the expected nonce".to_owned(),
            );
        }
        self.unfulfilled.clone()
    }

    /// The signatures that were verified.
    fn basis(&self, checks: &[CheckResult]) -> Basis {
        let [challenged, measured, keyed] = self.proven;
        let signed = checks.iter().any(|result| {
            result.check == AttestationCheck::MeasurementsSignature
                && result.status == CheckStatus::Pass
        });
        let measured = measured.then_some(match signed {
            true => BasisSignature::Measurements,
            false => BasisSignature::EmptyMeasurements,
        });
        let challenged = challenged.then_some(BasisSignature::Challenge);
        let keyed = keyed.then_some(BasisSignature::KeyExchange);
        let signatures = challenged.into_iter().chain(measured).chain(keyed).collect();
        Basis { signatures, negotiation: self.negotiation }
    }

    /// Decides over the measurements that are shown, by how many there are. Beside a device that is authenticated,
    /// none is shown that is not signed.
    fn judge_measurements(&mut self) {
        let [_, measured, _] = self.proven;
        if !measured {
            if self.authenticated {
                self.measurements.clear();
            }
            return;
        }
        let status = AttestationCheck::of_signed_blocks(self.measurements.len());
        for check in [AttestationCheck::MeasurementsFormat, AttestationCheck::MeasurementsSignature]
        {
            let detail = match status {
                CheckStatus::Skipped => "no measurement was signed",
                _ => holds(check),
            };
            self.set(check, status, detail.to_owned());
        }
    }
}

/// Takes out what nothing but the negotiation states, and says how much that was. That the signatures verify shows which
/// algorithms made them, and every signed block names its MeasurementSpecification.
fn forget_unsigned(algorithms: &mut BTreeMap<&'static str, Option<String>>) -> usize {
    let signed = ["base_asym", "pqc_asym", "base_hash", "measurement_specification"];
    let unsigned = algorithms.iter_mut().filter(|(category, _)| !signed.contains(category));
    unsigned.filter_map(|(_, selected)| selected.take()).count()
}

/// What was selected, by category.
fn algorithms(negotiated: &Negotiated) -> BTreeMap<&'static str, Option<String>> {
    let selected = &negotiated.selected;
    let structs = &selected.alg_structs;
    let name = |name: Option<&'static str>, bits: u32| match (name, bits) {
        (Some(name), _) => Some(name.to_owned()),
        (None, 0) => None,
        (None, bits) => Some(format!("{bits:#x}")),
    };
    macro_rules! table {
        ($table:ident) => {
            structs.$table.and_then(|a| name(a.name(), a.bits().into()))
        };
    }
    BTreeMap::from([
        ("base_asym", name(selected.base_asym.name(), selected.base_asym.bits())),
        ("base_hash", name(selected.base_hash.name(), selected.base_hash.bits())),
        (
            "measurement_hash",
            name(selected.measurement_hash.name(), selected.measurement_hash.bits()),
        ),
        (
            "measurement_specification",
            name(
                selected.measurement_specification.name(),
                selected.measurement_specification.bits().into(),
            ),
        ),
        ("pqc_asym", name(selected.pqc_asym.name(), selected.pqc_asym.bits())),
        ("dhe", table!(dhe)),
        ("kem", table!(kem)),
        ("aead", table!(aead)),
        ("key_schedule", table!(key_schedule)),
        ("req_base_asym", table!(req_base_asym)),
        ("req_pqc_asym", table!(req_pqc_asym)),
    ])
}
