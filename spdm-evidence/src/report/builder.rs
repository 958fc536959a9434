//! Filling a report, live or offline.

use std::collections::BTreeMap;

use spdm_codec::{KeySlot, RequesterNonce};
use spdm_crypto::{Digest, HashAlgorithm, Provider};
use spdm_requester::{
    Error, Negotiated, Possession, Proof, SummaryAgreement, SummaryHash, Verified,
};
use spdm_x509::{Appraisal, ChainError, CheckOutcome, SanPolicy};

use super::fault::Fault;
use super::{
    Check, CheckResult, ExitClass, IdentitySummary, MeasuredValue, Nonces, Report, Status,
};
use crate::note::Note;
use crate::recording::Broken;
use crate::reference::Reference;

/// What is known about the nonces in the requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Freshness {
    /// This run chose them: live.
    Own,
    /// One request must have this one: offline.
    Expected {
        /// Of the two requests for a signature, the one that it belongs to.
        proof: Proof,
        /// The nonce.
        nonce: RequesterNonce,
    },
    /// Nothing: whether the evidence is fresh cannot be said.
    Unknown,
}

/// Collects what was found, and draws the conclusion.
///
/// ```text
/// ReportBuilder::new(target, freshness)
///     .require(…)                    what the options demand
///     .negotiated(…)  .chain(…)  .possession(…)  .measurements(…)  .failed(…)  .verified(…)
///     .build()
/// ```
///
/// The report is `verified` only where [`Self::verified`] was called, no check failed, no error was
/// reported, no required check was skipped, and the expected nonce is covered.
#[derive(Clone, Debug)]
#[must_use]
pub struct ReportBuilder {
    target: String,
    freshness: Freshness,
    required: Vec<Check>,
    results: BTreeMap<Check, (Status, String)>,
    negotiated: Option<Negotiated>,
    slot: Option<KeySlot>,
    nonces: [Option<RequesterNonce>; 2],
    proven: [bool; 2],
    identity: IdentitySummary,
    digest: Option<Vec<u8>>,
    measurements: Vec<MeasuredValue>,
    signed_summary: Option<SummaryHash>,
    measured_summary: Option<Digest>,
    fault: Option<Fault>,
    authenticated: bool,
    notes: Vec<Note>,
}

/// The detail of a check that nobody touched.
const fn untouched(check: Check) -> &'static str {
    match check {
        Check::ChallengeNonce | Check::ChallengeChainHash | Check::ChallengeSignature => {
            "no CHALLENGE_AUTH"
        }
        Check::MeasurementsFormat | Check::MeasurementsNonce | Check::MeasurementsSignature => {
            "no signed MEASUREMENTS"
        }
        Check::MeasurementsReference => "no reference values are given",
        _ => "no certificate chain",
    }
}

/// The detail of a check on a chain that passes.
const fn held(check: Check) -> &'static str {
    match check {
        Check::ChainRoot => "RootHash is that of a root certificate",
        Check::ChainCertificates => "names, validity and authority hold down to the leaf",
        Check::ChainSignatures => "every certificate is signed by the one above",
        Check::ChainAnchor => "the root is a trust anchor",
        Check::LeafProfile => "the leaf is as the profile demands",
        Check::LeafSan => "the leaf carries the name that is asked for",
        _ => "ok",
    }
}

const fn place(proof: Proof) -> usize {
    match proof {
        Proof::Measurements => 1,
        _ => 0,
    }
}

impl ReportBuilder {
    /// Nothing found yet. What could steer a terminal is escaped in `target`.
    pub fn new(target: &str, freshness: Freshness) -> Self {
        Self {
            target: printable(target),
            freshness,
            required: Vec::new(),
            results: BTreeMap::new(),
            negotiated: None,
            slot: None,
            nonces: [None; 2],
            proven: [false; 2],
            identity: IdentitySummary::default(),
            digest: None,
            measurements: Vec::new(),
            signed_summary: None,
            measured_summary: None,
            fault: None,
            authenticated: false,
            notes: Vec::new(),
        }
    }

    /// Demands that a check passes: skipping it is not enough.
    pub fn require(&mut self, check: Check) -> &mut Self {
        self.required.push(check);
        self
    }

    /// What was left out.
    pub fn note(&mut self, note: Note) -> &mut Self {
        self.notes.push(note);
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
    pub fn pass(&mut self, check: Check, detail: impl Into<String>) -> &mut Self {
        self.set(check, Status::Pass, detail.into())
    }

    /// A check that does not hold.
    pub fn fail(&mut self, check: Check, detail: impl Into<String>) -> &mut Self {
        self.set(check, Status::Fail, detail.into())
    }

    /// Why a check is not made. A result stays.
    pub fn skip(&mut self, check: Check, detail: impl Into<String>) -> &mut Self {
        self.set(check, Status::Skipped, detail.into())
    }

    /// The worse result stays; of two equal ones the first.
    fn set(&mut self, check: Check, status: Status, detail: String) -> &mut Self {
        let rank = |status| match status {
            Status::Skipped => 0,
            Status::Pass => 1,
            Status::Fail => 2,
        };
        let known = self.results.get(&check).map(|(known, _)| rank(*known));
        if known.is_none_or(|known| known < rank(status)) {
            self.results.insert(check, (status, detail));
        }
        self
    }

    /// The chain's digest is the one that DIGESTS stated.
    pub fn digest_checked(&mut self) -> &mut Self {
        self.pass(Check::ChainDigest, "DIGESTS states the hash of the chain")
    }

    /// A chain whose form is right, and every check of a policy on it.
    pub fn chain(&mut self, appraisal: &Appraisal<'_>, provider: &Provider) -> &mut Self {
        let chain = appraisal.chain();
        let leaf = chain.leaf();
        let texts = leaf.other_names().filter_map(|name| name.text());
        self.identity = IdentitySummary {
            subject: Some(leaf.subject().to_string()),
            serial: Some(hex::encode(leaf.serial())),
            san: texts.map(|text| text.to_string()).collect(),
            root_sha256: root_sha256(chain, provider),
        };
        self.digest = Some(chain.digest().as_bytes().to_vec());
        self.slot(KeySlot::Slot(chain.slot()));
        let count = chain.certificate_count();
        self.pass(Check::ChainFormat, format!("{count} certificates"));
        for (check, outcome) in appraisal.outcomes() {
            let check = Check::of_chain(check);
            match outcome {
                CheckOutcome::Pass => self.pass(check, held(check)),
                CheckOutcome::Fail(error) => self.chain_failed(&error),
                CheckOutcome::Skipped if check == Check::LeafSan => {
                    self.skip(check, "no name is asked for")
                }
                CheckOutcome::Skipped => self.skip(check, "the root certificate is not at hand"),
            };
        }
        self
    }

    /// A provisioned public key (slot 0xFF): it has no chain, and no name where one is asked for.
    pub fn provisioned_key(&mut self, san: &SanPolicy<'_>) -> &mut Self {
        self.slot(KeySlot::PublicKey);
        for check in Check::ALL.into_iter().filter(|check| check.name().starts_with("chain.")) {
            self.skip(check, "slot 0xFF has a public key instead of a chain");
        }
        if *san != SanPolicy::None {
            self.require(Check::LeafSan).skip(Check::LeafSan, "a public key carries no name");
        }
        self
    }

    fn chain_failed(&mut self, error: &ChainError) -> &mut Self {
        let check = Check::of_chain(error.check);
        let mut fault = Fault::of(&Error::Chain(*error));
        // So that a person can pin it.
        if let (Check::ChainAnchor, Some(root)) = (check, &self.identity.root_sha256) {
            fault.error.message = format!("{error}; SHA-256 of the root: {root}");
        }
        self.fail(check, fault.error.message.clone());
        self.fault(fault)
    }

    /// The nonce of a request, also where its answer proves nothing.
    pub fn asked(&mut self, proof: Proof, nonce: &RequesterNonce) -> &mut Self {
        if let Some(known) = self.nonces.get_mut(place(proof)) {
            *known = Some(*nonce);
        }
        self
    }

    /// A signature that verified.
    pub fn possession(&mut self, possession: &Possession<'_>) -> &mut Self {
        let proof = possession.proof();
        self.asked(proof, possession.nonce());
        self.slot(possession.identity().key_slot());
        if let Some(proven) = self.proven.get_mut(place(proof)) {
            *proven = true;
        }
        if proof == Proof::Challenge {
            self.signed_summary = possession.summary().copied();
            self.pass(Check::ChallengeChainHash, "CertChainHash is that of the device's key");
            self.pass(Check::ChallengeSignature, "signed by the device's key");
        }
        self
    }

    /// The measurements to be shown. Beside a device that is authenticated, only what it signed is.
    pub fn measurements(&mut self, values: Vec<MeasuredValue>) -> &mut Self {
        self.measurements = values;
        self
    }

    /// What a summary hash over the signed measurements would be ([`summary_of`](spdm_requester::summary_of)), to
    /// compare with the one in CHALLENGE_AUTH.
    pub fn measured_summary(&mut self, digest: Option<Digest>) -> &mut Self {
        self.measured_summary = digest;
        self
    }

    /// Compares the measurements with reference values, and demands that they match: to be called behind
    /// [`Self::measurements`] and [`Self::possession`], for unsigned measurements match nothing.
    pub fn reference(&mut self, reference: &Reference) -> &mut Self {
        let check = Check::MeasurementsReference;
        self.require(check);
        if !self.proven.get(place(Proof::Measurements)).is_some_and(|proven| *proven) {
            return self.skip(check, "no signed measurements");
        }
        match reference.compare(&mut self.measurements) {
            Ok(count) => self.pass(check, format!("{count} reference values match")),
            Err(mismatch) => {
                self.fail(check, mismatch.clone());
                self.fault(Fault::new(Some(check), "reference", mismatch, ExitClass::Rejected))
            }
        }
    }

    /// Something went wrong. The first error is the one that is shown.
    pub fn failed(&mut self, error: &Error) -> &mut Self {
        let fault = Fault::of(error);
        if let Some(check) = fault.check {
            self.fail(check, fault.error.message.clone());
        }
        self.fault(fault)
    }

    /// Something went wrong with another slot of the connection: nothing is verified, but no check of this
    /// slot fails.
    pub fn failed_elsewhere(&mut self, slot: KeySlot, error: &Error) -> &mut Self {
        let mut fault = Fault::of(error);
        fault.error.message = format!("slot {}: {}", slot.to_byte(), fault.error.message);
        self.fault(fault)
    }

    /// The recording ends because its messages cannot be put together.
    pub fn broken(&mut self, broken: &Broken) -> &mut Self {
        self.fault(Fault::of_broken(broken))
    }

    /// A rule of the caller that is no check of its own, such as the lowest version, does not hold.
    pub fn rejected(&mut self, why: impl Into<String>) -> &mut Self {
        self.fault(Fault::new(None, "policy", why.into(), ExitClass::Rejected))
    }

    /// What breaks the protocol outweighs what is merely rejected; of two equal ones the first stays.
    fn fault(&mut self, fault: Fault) -> &mut Self {
        if self.fault.as_ref().is_none_or(|known| known.class < fault.class) {
            self.fault = Some(fault);
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
        let checks: Vec<CheckResult> = Check::ALL
            .into_iter()
            .map(|check| {
                let nothing = || (Status::Skipped, untouched(check).to_owned());
                let (status, detail) = self.results.remove(&check).unwrap_or_else(nothing);
                CheckResult { check, status, detail }
            })
            .collect();
        let fault = self.fault.take().or_else(|| self.shortcoming(&checks, fresh));
        let verified = fault.is_none();
        let (exit_class, error) = match fault {
            Some(fault) => (fault.class, Some(fault.error)),
            None => (ExitClass::Ok, None),
        };
        // What is not signed is compared with nothing.
        let [_, measured] = self.proven;
        let measured = self.measured_summary.filter(|_| measured);
        let measurement_summary =
            SummaryAgreement::between(self.signed_summary.as_ref(), measured.as_ref());
        let [challenge, measurements] =
            self.nonces.map(|nonce| nonce.map(|nonce| hex::encode(nonce.0)));
        Report {
            schema: 1,
            target: self.target,
            verified,
            checks,
            version: self.negotiated.map(|negotiated| negotiated.version.as_str()),
            algorithms: self.negotiated.as_ref().map(algorithms).unwrap_or_default(),
            slot: self.slot.map(KeySlot::to_byte),
            nonces: Nonces { challenge, measurements },
            fresh,
            identity: self.identity,
            measurements: self.measurements,
            measurement_summary,
            error,
            exit_class,
            notes: self.notes,
        }
    }

    /// Why it is not verified although no error was reported; `None` where it is.
    fn shortcoming(&self, checks: &[CheckResult], fresh: Option<bool>) -> Option<Fault> {
        let new =
            |check, kind, message| Some(Fault::new(check, kind, message, ExitClass::Rejected));
        if let Some(failed) = checks.iter().find(|result| result.status == Status::Fail) {
            let message = format!("{}: {}", failed.check.name(), failed.detail);
            return new(Some(failed.check), "rejected", message);
        }
        let missing = checks.iter().find(|result| {
            result.status == Status::Skipped && self.required.contains(&result.check)
        });
        if let Some(missing) = missing {
            let message = format!("{} is required: {}", missing.check.name(), missing.detail);
            return new(Some(missing.check), "required", message);
        }
        if !self.authenticated {
            let proofs = [Check::ChallengeSignature, Check::MeasurementsSignature];
            let why = checks.iter().find(|result| {
                proofs.contains(&result.check) && result.detail != untouched(result.check)
            });
            let why = why.map(|result| format!(": {}", result.detail)).unwrap_or_default();
            let message = format!("no signature of the device could be verified{why}");
            return new(None, "unproven", message);
        }
        if fresh == Some(false) {
            return new(None, "nonce", "no signature covers the expected nonce".to_owned());
        }
        None
    }

    /// A signature that covers no measurement says nothing about measurements.
    fn judge_measurements(&mut self) {
        let [_, measured] = self.proven;
        match (measured, self.measurements.is_empty()) {
            (true, true) => {
                for check in [Check::MeasurementsFormat, Check::MeasurementsSignature] {
                    self.skip(check, "no measurement was signed");
                }
            }
            (true, false) => {
                self.pass(Check::MeasurementsFormat, "every block is well formed");
                self.pass(Check::MeasurementsSignature, "signed by the device's key");
            }
            (false, _) if self.authenticated => self.measurements.clear(),
            (false, _) => {}
        }
    }

    /// Sets the two nonce checks.
    fn judge_freshness(&mut self) -> Option<bool> {
        let [challenged, measured] = self.proven;
        let rows = [
            (challenged, Check::ChallengeNonce, "CHALLENGE_AUTH"),
            (measured, Check::MeasurementsNonce, "MEASUREMENTS"),
        ];
        match self.freshness {
            Freshness::Own => {
                for (proven, check, message) in rows {
                    if proven {
                        self.pass(check, format!("{message} signs the nonce of this run"));
                    }
                }
                Some(challenged || measured)
            }
            Freshness::Unknown => {
                for (proven, check, _) in rows {
                    if proven {
                        self.skip(check, "no nonce is given to compare with");
                    }
                }
                None
            }
            Freshness::Expected { proof, nonce: expected } => {
                if challenged && proof == Proof::Measurements {
                    let detail = "the given nonce is that of GET_MEASUREMENTS";
                    self.skip(Check::ChallengeNonce, detail);
                }
                let [of_challenge, of_measurements] = self.nonces;
                let (signed, check, nonce) = match proof {
                    Proof::Measurements => (measured, Check::MeasurementsNonce, of_measurements),
                    _ => (challenged, Check::ChallengeNonce, of_challenge),
                };
                if !signed {
                    return Some(false);
                }
                let same = nonce == Some(expected);
                if same {
                    self.pass(check, "the signature covers the given nonce");
                } else {
                    let detail = "the signed nonce is not the given one";
                    self.fail(check, detail);
                    self.fault(Fault::new(Some(check), "nonce", detail, ExitClass::Rejected));
                }
                Some(same)
            }
        }
    }
}

/// Escapes every character that has no picture of its own: control characters, line separators, and what
/// changes the direction of text. Backslashes and quotes stay, for paths have them.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '\'' | '"' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// SHA-256 of the chain's root, where it is in the chain or RootHash is SHA-256 already.
fn root_sha256(chain: &spdm_x509::Chain<'_>, provider: &Provider) -> Option<String> {
    let hash = chain.context().hash;
    let first = chain.certificate_ders().next()?;
    let digest = provider.hash.digest(hash, &[first]).ok()?;
    if digest.as_bytes() == chain.root_hash() {
        let digest = provider.hash.digest(HashAlgorithm::Sha256, &[first]).ok()?;
        return Some(hex::encode(digest.as_bytes()));
    }
    (hash == HashAlgorithm::Sha256).then(|| hex::encode(chain.root_hash()))
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
