//! Who judges what others collected.

use core::time::Duration;

use spdm_codec::{Code, NONCE_LEN, RequesterNonce};
use spdm_crypto::KdfError;
use spdm_evidence::{Evidence, Format, ReadOptions, Recording, sha256_hex};

use crate::attester::Attempt;
use crate::coverage::{SIGNATURE_REQUESTED, covers};
use crate::evidence_message::{CollectFailure, EvidenceMessage};
use crate::item::{Item, ItemId};
use crate::nonce::{NonceFault, NonceKind, Nonces};
use crate::outcome::{EvidenceFile, Fault, Finding, OutcomeKind, Reason};
use crate::timestamp::Timestamp;
use crate::want::{Want, WantedMeasurements};

/// The check of an outcome where a collector hands on another item than the submitted one.
pub const ITEM_CHECK: &str = "item";
/// The check of an outcome where evidence is not of this attempt, or old.
pub const FRESHNESS_CHECK: &str = "freshness";
/// The check of an outcome where evidence cannot be read.
pub const EVIDENCE_CHECK: &str = "evidence";

/// Evidence whose item and nonce hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Case<'c> {
    /// The item, as it was submitted.
    pub item: &'c Item,
    /// One connection.
    pub evidence: &'c Evidence,
    /// What was to be collected. Whoever judges must require no less.
    pub want: &'c Want,
    /// The nonce that the deciding signature must cover. Whoever judges must require it.
    pub nonce: RequesterNonce,
}

/// Judges evidence, in the thread of the caller. Several threads call it at once.
pub trait Judge: Sync {
    /// The verdict over evidence. It is a function of the evidence and of what this judge was made with. A panic becomes
    /// [`OutcomeKind::InternalError`].
    fn judge(&self, case: &Case<'_>) -> Attempt;
}

/// Where a judge has the item from, which no collector has touched.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Submitted<'s> {
    /// From the list of whoever submits, and what was to be collected.
    Listed(&'s Item, &'s Want),
    /// From the message, under the mark of whoever submits.
    Sealed,
}

/// Believes a collector nothing, and asks a [`Judge`] for the verdict over what is left.
///
/// The deciding signature is that of MEASUREMENTS, and that of CHALLENGE_AUTH where nothing was measured: its nonce must be ours.
/// One is enough: the signature of MEASUREMENTS proves the possession of the same key as that of CHALLENGE_AUTH, which may be
/// older, and all that CHALLENGE_AUTH says besides is compared with the measurements.
#[derive(Clone, Copy)]
pub struct EvidenceCheck<'b> {
    nonces: Nonces<'b>,
    window: Duration,
    judge: &'b dyn Judge,
}

impl core::fmt::Debug for EvidenceCheck<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EvidenceCheck").field("window", &self.window).finish_non_exhaustive()
    }
}

impl<'b> EvidenceCheck<'b> {
    /// A check that takes evidence whose nonce is not older than `window`.
    #[must_use]
    pub const fn new(nonces: Nonces<'b>, window: Duration, judge: &'b dyn Judge) -> Self {
        Self { nonces, window, judge }
    }

    /// Judges a message. `now` is the time on this machine's clock.
    #[must_use]
    pub fn judge(
        &self,
        message: &EvidenceMessage,
        submitted: Submitted<'_>,
        now: Timestamp,
    ) -> Attempt {
        let mut attempt = self.verdict(message, submitted, now).unwrap_or_else(|refused| {
            let Refused { kind, fault, check, detail } = refused;
            Attempt::without_device(kind, fault, check, detail)
        });
        if let Some(evidence) = &message.evidence {
            attempt.evidence = self.digest(evidence.get().as_bytes());
        }
        (attempt.device_ms, attempt.round_trips) = (message.device_ms, message.round_trips);
        attempt
    }

    /// Why nobody with the key submitted this attempt at this item; `None` where somebody did. A collector can make up a message,
    /// but none that was submitted.
    #[must_use]
    pub fn invented(&self, message: &EvidenceMessage) -> Option<String> {
        let everything = Want::default();
        let repeated = message.want.as_ref().unwrap_or(&everything);
        let refused = self.submitted(message, repeated, Submitted::Sealed).err()?;
        // What cannot be checked is undecidable, and not made up.
        (refused.check == ITEM_CHECK).then(|| format!("{ITEM_CHECK}: {}", refused.detail))
    }

    fn verdict(
        &self,
        message: &EvidenceMessage,
        submitted: Submitted<'_>,
        now: Timestamp,
    ) -> Result<Attempt, Refused> {
        let everything = Want::default();
        let repeated = message.want.as_ref().unwrap_or(&everything);
        let (item, want) = self.submitted(message, repeated, submitted)?;
        let Some(json) = &message.evidence else {
            return Ok(without_evidence(message.failure.as_ref()));
        };
        let options = ReadOptions { format: Some(Format::Json), ..ReadOptions::default() };
        let evidence = Evidence::read(json.get().as_bytes(), &options)
            .map_err(|error| Refused::evidence(error.to_string()))?;
        let [recording] = evidence.recordings.as_slice() else {
            let got = evidence.recordings.len();
            return Err(Refused::evidence(format!("it holds {got} connections instead of one")));
        };
        let (kind, nonce) = deciding_nonce(recording, &want.measurements)?;
        let checked = self.nonces.check(&nonce, kind, item, message.attempt, now, self.window)?;
        checked.map_err(Refused::stale)?;
        // A collector that leaves measurements out leaves out what could be what is wrong.
        let wanted = &want.measurements;
        if *wanted != WantedMeasurements::None && !covers(recording, wanted, &nonce) {
            let detail = format!("the device was not asked for what was wanted: {wanted}");
            return Err(Refused::evidence(detail));
        }
        Ok(self.judge.judge(&Case { item, want, evidence: &evidence, nonce }))
    }

    /// The item as it was submitted, where the message is about it, and what was to be collected: `repeated` is what the
    /// collector says of that.
    fn submitted<'m>(
        &self,
        message: &'m EvidenceMessage,
        repeated: &'m Want,
        submitted: Submitted<'m>,
    ) -> Result<(&'m Item, &'m Want), Refused> {
        let given = &message.item;
        let own = ItemId::of(
            self.nonces.provider(),
            &given.job,
            &given.target.target,
            &given.target.class,
        );
        if own.as_ref() != Some(&given.item) {
            return Err(Refused::item("the collector changed job, target or class"));
        }
        match submitted {
            Submitted::Listed(item, want) if item.item == given.item => Ok((item, want)),
            Submitted::Listed(..) => Err(Refused::item("it is the evidence of another item")),
            Submitted::Sealed => {
                let seal = message.seal.as_deref().unwrap_or_default();
                match self.nonces.has_sealed(given, message.attempt, repeated, seal)? {
                    true => Ok((given, repeated)),
                    false => Err(Refused::item("nobody with the key submitted this item")),
                }
            }
        }
    }

    fn digest(&self, evidence: &[u8]) -> Option<EvidenceFile> {
        let sha256 = sha256_hex(self.nonces.provider(), &[evidence])?;
        let bytes = u64::try_from(evidence.len()).ok()?;
        Some(EvidenceFile { sha256, file: None, bytes })
    }
}

/// Why a message does not come to a verdict.
struct Refused {
    kind: OutcomeKind,
    fault: Fault,
    check: &'static str,
    detail: String,
}

impl Refused {
    fn item(detail: &str) -> Self {
        let detail = detail.to_owned();
        Self { kind: OutcomeKind::Rejected, fault: Fault::Transport, check: ITEM_CHECK, detail }
    }

    fn evidence(detail: String) -> Self {
        Self { kind: OutcomeKind::Rejected, fault: Fault::Transport, check: EVIDENCE_CHECK, detail }
    }

    fn stale(fault: NonceFault) -> Self {
        let whose = match fault {
            NonceFault::Ahead { .. } => Fault::Configuration,
            NonceFault::NotOurs | NonceFault::Old { .. } => Fault::Transport,
        };
        Self {
            kind: OutcomeKind::Rejected,
            fault: whose,
            check: FRESHNESS_CHECK,
            detail: fault.to_string(),
        }
    }
}

/// The backend lacks something.
impl From<KdfError> for Refused {
    fn from(error: KdfError) -> Self {
        let detail = error.to_string();
        Self { kind: OutcomeKind::Undecidable, fault: Fault::Us, check: FRESHNESS_CHECK, detail }
    }
}

/// A collector says why there is nothing to judge. A verdict it has none.
fn without_evidence(failure: Option<&CollectFailure>) -> Attempt {
    match failure {
        Some(CollectFailure { outcome: OutcomeKind::Verified | OutcomeKind::Rejected, .. })
        | None => Attempt::without_device(
            OutcomeKind::Undecidable,
            Fault::Transport,
            EVIDENCE_CHECK,
            "the collector sent no evidence",
        ),
        Some(CollectFailure { outcome, fault, reason, passing }) => {
            let Reason { check, detail, .. } = reason.clone().unwrap_or_else(|| Reason {
                check: "collector".to_owned(),
                index: None,
                detail: "the collector does not say why".to_owned(),
            });
            let (check, detail) = (shortened(&check, MAX_CHECK), shortened(&detail, MAX_DETAIL));
            // Nobody stopped the job: it was not tried, and that is no outcome of an item.
            let outcome = match outcome {
                OutcomeKind::Cancelled => OutcomeKind::Undecidable,
                other => *other,
            };
            let mut attempt = Attempt::without_device(outcome, *fault, &check, detail);
            attempt.finding = Finding { passing: *passing, ..attempt.finding };
            attempt
        }
    }
}

/// Characters of what a collector says that are kept.
const MAX_CHECK: usize = 64;
const MAX_DETAIL: usize = 2048;

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Where the nonce is in CHALLENGE and in GET_MEASUREMENTS with a signature (DSP0274 §CHALLENGE, §GET_MEASUREMENTS).
const NONCE_OFFSET: usize = 4;

/// The nonce of the last request for the deciding signature: where measurements were wanted, no other one decides.
fn deciding_nonce(
    recording: &Recording,
    wanted: &WantedMeasurements,
) -> Result<(NonceKind, RequesterNonce), Refused> {
    let of = |code: Code| {
        let requests = recording.exchanges.iter().map(|exchange| exchange.request.as_slice());
        requests.rev().filter(move |request| request.get(1) == Some(&code.0))
    };
    let mut measuring = of(Code::GET_MEASUREMENTS).peekable();
    let is_measured = *wanted != WantedMeasurements::None || measuring.peek().is_some();
    let (kind, request, without) = if is_measured {
        let is_signed = |request: &&[u8]| {
            request.get(2).is_some_and(|attributes| attributes & SIGNATURE_REQUESTED != 0)
        };
        let why = "no measurements were to be signed: the device has none, or the collector did not ask for them";
        (NonceKind::Measurements, measuring.find(is_signed), why)
    } else {
        (NonceKind::Challenge, of(Code::CHALLENGE).next(), "nothing in it was to be signed")
    };
    let nonce = request
        .and_then(|request| request.get(NONCE_OFFSET..)?.first_chunk::<NONCE_LEN>())
        .ok_or_else(|| Refused::evidence(without.to_owned()))?;
    Ok((kind, RequesterNonce(*nonce)))
}
