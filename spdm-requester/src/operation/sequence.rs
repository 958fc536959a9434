//! The steps of an attestation: negotiation, the key that must sign, and the signatures. There is no other place
//! where it is decided that a device is verified.
//!
//! ```text
//!  Negotiate ──> FetchDigests ──> FetchChain … (slot after slot, where there is a choice)
//!      │                            │
//!      └ provisioned key, or none   └──> Challenge ──> Session ──> Measure ──> Over
//! ```

mod signer_search;

use core::mem;

use spdm_codec::{NONCE_LEN, RequesterNonce, SlotId, SpdmVersion};
use spdm_crypto::Digest;
use spdm_x509::{Appraisal, Chain, ChainError, Identity, Trusted};

use super::attestation_plan::{AttestationPlan, KeySource};
use super::challenge::{Question, answered};
use super::examined::Examined;
use super::fetch_chain::Portions;
use super::fetch_digests::FetchDigests;
use super::measure::{Measured, Reading, Selection};
use super::negotiate::Negotiate;
use crate::answer::Answer;
use crate::chain_cache::KnownChain;
use crate::env::{Ask, Env, fill};
use crate::error::{Error, Misuse};
use crate::observer::{Audience, ChainOrigin, Observation, SignedParts};
use crate::operation::Next;
use crate::operation::sealed::Operation;
use crate::possession::{Possession, Proof};
use crate::summary::{SummaryAgreement, summary_of};
use crate::verified::Verified;

/// When an attestation ends early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Persistence {
    /// At the first thing that is wrong.
    FirstFailure,
    /// Only where there is no connection any more: it goes on with a key that is not trusted, and without what the
    /// device refuses.
    AsFarAsPossible,
}

/// Where the measurements are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Where {
    InTheClear,
    /// In a session: the sequence stops before it, and goes on with [`Sequence::measurements`].
    InSession,
}

/// The course of an operation, as a type: a program that only attests does not link what only an examination or a
/// session needs.
pub(super) trait Course<'c> {
    const PERSISTENCE: Persistence;
    const MEASURES: Where = Where::InTheClear;

    /// The proof by KEY_EXCHANGE, where a session was opened.
    fn keyed(&self) -> Option<&Possession<'c>> {
        None
    }
}

/// [`Persistence::FirstFailure`].
#[derive(Debug)]
pub(super) struct UntilFailure;

impl Course<'_> for UntilFailure {
    const PERSISTENCE: Persistence = Persistence::FirstFailure;
}

/// [`Persistence::AsFarAsPossible`].
#[derive(Debug)]
pub(super) struct ToTheEnd;

impl Course<'_> for ToTheEnd {
    const PERSISTENCE: Persistence = Persistence::AsFarAsPossible;
}

/// What the next answer belongs to.
#[derive(Debug)]
enum Step<'p, 'c, 'm> {
    Negotiate(Negotiate),
    FetchDigests(FetchDigests),
    FetchChain(Portions<'c>),
    Challenge(Question),
    /// A session is opened, by who runs the sequence.
    Session,
    Measure(Reading<'p, 'm>),
    Over,
}

/// Whose key must sign.
#[derive(Debug)]
enum Signer<'c> {
    /// It is not known yet, or nothing is to be signed.
    Unknown,
    /// An identity that the policy does not trust, or that no policy judges.
    NotTrusted(Identity<'c>),
    Trusted(Trusted<'c>),
}

impl<'c> Signer<'c> {
    const fn identity(&self) -> Option<&Identity<'c>> {
        match self {
            Self::Unknown => None,
            Self::NotTrusted(identity) => Some(identity),
            Self::Trusted(trusted) => Some(trusted.identity()),
        }
    }
}

/// The first chain that can be read, to be taken where none is trusted.
#[derive(Clone, Copy, Debug)]
enum FirstReadable<'c> {
    Known(&'c KnownChain<'c>),
    /// It is in the buffer as long as no other chain is fetched.
    Fetched(SlotId),
}

/// An attestation, step by step.
#[derive(Debug)]
pub(super) struct Sequence<'p, 'c, 'm, P> {
    pub(super) plan: AttestationPlan<'p>,
    pub(super) audience: Audience<'p>,
    source: KeySource<'c>,
    record: &'m mut [u8],
    pub(super) course: P,
    step: Step<'p, 'c, 'm>,
    /// Of the slots that were tried.
    first_readable: Option<FirstReadable<'c>>,
    /// Why the chain that was tried first is not taken.
    objection: Option<ChainError>,
    signer: Signer<'c>,
    challenged: Option<Possession<'c>>,
    pub(super) measured: Option<Measured<'m, 'c>>,
    pub(super) summary: SummaryAgreement,
    /// The first thing that went wrong, where it did not end the attestation.
    error: Option<Error>,
}

impl<'p, 'c, 'm, P: Course<'c>> Sequence<'p, 'c, 'm, P> {
    pub(super) const fn new(
        plan: AttestationPlan<'p>,
        source: KeySource<'c>,
        record: &'m mut [u8],
        course: P,
    ) -> Self {
        // What nobody signs needs no signed negotiation either, and KEY_EXCHANGE_RSP signs it in every version.
        let least = match (&source, P::MEASURES) {
            (KeySource::Nothing, _) | (_, Where::InSession) => SpdmVersion::V1_0,
            _ => plan.least_version(),
        };
        Self {
            plan,
            audience: Audience::NOBODY,
            source,
            record,
            course,
            step: Step::Negotiate(Negotiate::at_least(least)),
            first_readable: None,
            objection: None,
            signer: Signer::Unknown,
            challenged: None,
            measured: None,
            summary: SummaryAgreement::NotAsked,
            error: None,
        }
    }

    pub(super) fn request<'f>(
        &mut self,
        ask: &Ask<'_, 'f>,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        match (&mut self.step, self.signer.identity()) {
            (Step::Negotiate(step), _) => {
                if !step.has_begun() {
                    let signed = match self.source {
                        KeySource::Nothing => SignedParts::Nothing,
                        KeySource::Chain { .. } | KeySource::Provisioned { .. } => {
                            SignedParts::AsRequired
                        }
                    };
                    self.audience.tell(&Observation::Begun { plan: &self.plan, signed });
                    if P::MEASURES == Where::InSession {
                        self.audience.tell(&Observation::SessionAsked);
                    }
                }
                step.request(ask, out)
            }
            (Step::FetchDigests(step), _) => step.request(ask, out),
            (Step::FetchChain(portions), _) => portions.request(ask, out),
            (Step::Challenge(question), Some(identity)) => question.request(ask, identity, out),
            (Step::Measure(reading), identity) => reading.request(ask, identity, out),
            // The step before Challenge sets the signer, and nothing is requested after the end.
            (Step::Challenge(_), None) | (Step::Session | Step::Over, _) => {
                Err(ask.errors.unfinished())
            }
        }
    }

    pub(super) fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        match (&mut self.step, self.signer.identity()) {
            (Step::Negotiate(step), _) => {
                if step.answered(env, answer)? == Next::Done {
                    self.audience.tell(&Observation::Negotiated(env.agreed()?));
                    self.find_key(env)?;
                }
            }
            (Step::FetchDigests(step), _) => {
                step.answered(env, answer)?;
                self.try_slots(env, 0)?;
            }
            (Step::FetchChain(portions), _) => {
                if portions.answered(env, answer)? == Next::Done {
                    let portions = mem::replace(portions, Portions::new(portions.slot(), &mut []));
                    self.fetched(env, portions)?;
                }
            }
            (Step::Challenge(_), Some(identity)) => {
                let possession = answered(env, identity, answer)?;
                self.audience.tell(&Observation::Challenged(&possession));
                self.proven(env, &possession)?;
                self.challenged = Some(possession);
                self.after_challenge(env)?;
            }
            (Step::Measure(reading), identity) => {
                if let Some(measured) = reading.answered(env, identity, answer)? {
                    self.step = Step::Over;
                    self.measured(env, measured)?;
                }
            }
            (Step::Challenge(_), None) | (Step::Session | Step::Over, _) => {
                return Err(env.errors.unfinished());
            }
        }
        Ok(self.next())
    }

    pub(super) const fn next(&self) -> Next {
        match self.step {
            Step::Over => Next::Done,
            _ => Next::Again,
        }
    }

    /// The device refuses what was asked last, or lacks what it takes; the connection is as before. What may follow:
    /// `None` where the attestation ends.
    pub(super) fn refused<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        let challenge = match &mut self.step {
            Step::Challenge(_) => true,
            Step::Measure(reading) => {
                reading.failed();
                false
            }
            _ => return Ok(None),
        };
        self.audience.tell(&Observation::Failed(error));
        self.error = self.error.or(Some(*error));
        if challenge {
            self.after_challenge(env)?;
        } else {
            self.step = Step::Over;
        }
        Ok(Some(self.next()))
    }

    /// The attestation ends with this error.
    pub(super) fn stopped(&mut self, error: &Error) {
        self.audience.tell(&Observation::Failed(error));
    }

    /// Nothing that is not signed stays in the caller's buffer.
    pub(super) fn failed(&mut self) {
        if let Step::Measure(reading) = &mut self.step {
            reading.failed();
        }
    }

    /// This is the chain whose key must sign.
    fn settle<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        chain: &Chain<'c>,
        origin: ChainOrigin,
        appraisal: Option<&Appraisal<'c>>,
    ) -> Result<(), &'f Error> {
        self.audience.tell(&Observation::Chain { chain, origin });
        let not_trusted = Signer::NotTrusted(Identity::Chain(*chain));
        self.signer = match appraisal {
            None => not_trusted,
            Some(appraisal) => {
                self.audience.tell(&Observation::Appraised(appraisal));
                match (appraisal.into_trusted(), P::PERSISTENCE) {
                    (Ok(trusted), _) => Signer::Trusted(trusted),
                    (Err(error), Persistence::FirstFailure) => {
                        return Err(env.errors.stop(error));
                    }
                    (Err(error), Persistence::AsFarAsPossible) => {
                        self.error = Some(Error::Chain(error));
                        not_trusted
                    }
                }
            }
        };
        self.first_signature(env)
    }

    /// It is known whose signatures are to come.
    fn first_signature<'f>(&mut self, env: &Env<'_, 'f>) -> Result<(), &'f Error> {
        let requirement = self.plan.requirement;
        if !requirement.has_challenge() {
            return self.after_challenge(env);
        }
        let chosen = self.plan.nonce.filter(|_| !requirement.has_measurements());
        let question = Question { summary: self.plan.summary, nonce: nonce(env, chosen)? };
        let (proof, nonce) = (Proof::Challenge, &question.nonce);
        self.audience.tell(&Observation::Asked { proof, nonce });
        self.step = Step::Challenge(question);
        Ok(())
    }

    fn after_challenge<'f>(&mut self, env: &Env<'_, 'f>) -> Result<(), &'f Error> {
        if P::MEASURES == Where::InSession {
            self.step = Step::Session;
            return Ok(());
        }
        self.measurements(env)
    }

    /// What is left is measuring, where that is required.
    pub(super) fn measurements<'f>(&mut self, env: &Env<'_, 'f>) -> Result<(), &'f Error> {
        if self.plan.requirement.has_measurements() {
            return self.measure(env);
        }
        self.step = Step::Over;
        Ok(())
    }

    /// Nothing is asked any more.
    pub(super) fn withhold(&mut self) {
        self.audience.tell(&Observation::Withheld);
        self.step = Step::Over;
    }

    /// Whose session is to be opened now; `None` in every other step.
    pub(super) const fn awaits_session(&self) -> Option<&Identity<'c>> {
        match self.step {
            Step::Session => self.signer.identity(),
            _ => None,
        }
    }

    /// Asks for measurements; signed ones, where it is known by whom.
    fn measure<'f>(&mut self, env: &Env<'_, 'f>) -> Result<(), &'f Error> {
        let nonce = match self.signer {
            Signer::Unknown => None,
            Signer::NotTrusted(_) | Signer::Trusted(_) => Some(nonce(env, self.plan.nonce)?),
        };
        if let Some(nonce) = &nonce {
            self.audience.tell(&Observation::Asked { proof: Proof::Measurements, nonce });
        }
        let (attributes, record) = (self.plan.attributes, mem::take(&mut self.record));
        self.step = Step::Measure(Reading::new(self.plan.selection, attributes, nonce, record));
        Ok(())
    }

    // Apart: it is not on the stack while signatures are verified.
    #[inline(never)]
    fn measured<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        measured: Measured<'m, 'c>,
    ) -> Result<(), &'f Error> {
        let (record, possession) = (&measured.record, measured.possession.as_ref());
        let signed = self.course.keyed().and_then(Possession::summary);
        let signed = signed.or_else(|| self.challenged.as_ref().and_then(Possession::summary));
        let signed = signed.copied();
        let signed = signed.as_ref();
        let summary = match (signed, possession) {
            (Some(_), Some(_)) => self.summary_of(env, &measured)?,
            _ => None,
        };
        self.summary = SummaryAgreement::between(signed, summary.as_ref());
        let summary = summary.as_ref();
        let content_changed = measured.content_changed;
        self.audience.tell(&Observation::Measured { record, possession, content_changed, summary });
        if let Some(possession) = possession {
            self.proven(env, possession)?;
        }
        self.measured = Some(measured);
        Ok(())
    }

    /// What a summary hash over these measurements would be.
    fn summary_of<'f>(
        &self,
        env: &Env<'_, 'f>,
        measured: &Measured<'m, 'c>,
    ) -> Result<Option<Digest>, &'f Error> {
        let hash = env.agreed()?.hash().map_err(|error| env.errors.incompatible(error))?;
        let all = self.plan.selection == Selection::All;
        let summary =
            all.then(|| summary_of(self.plan.attributes, &measured.record, hash, env.provider));
        Ok(summary.flatten())
    }

    /// The device holds the key; where that is trusted, too, the device is authenticated.
    pub(super) fn proven<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        possession: &Possession<'c>,
    ) -> Result<(), &'f Error> {
        if let Signer::Trusted(trusted) = &self.signer {
            let verified = Verified::new(*possession, trusted);
            let verified = verified.map_err(|error| env.errors.stop(error))?;
            self.audience.tell(&Observation::Verified(&verified));
        }
        Ok(())
    }

    /// Whether the device is verified: by every signature that is required, of the identity that is trusted.
    pub(super) fn verdict(&self) -> Result<Verified<'c>, Error> {
        let unfinished = Error::Misuse(Misuse::Unfinished);
        self.verified().unwrap_or_else(|| Err(self.error.unwrap_or(unfinished)))
    }

    /// `None` where a signature that is required is missing, or the identity is not trusted.
    fn verified(&self) -> Option<Result<Verified<'c>, Error>> {
        let requirement = self.plan.requirement;
        let trusted = self.trusted()?;
        let measured = self.measured.as_ref().and_then(|measured| measured.possession.as_ref());
        let signatures = [
            (requirement.has_measurements(), measured),
            (requirement.has_challenge(), self.challenged.as_ref()),
            (P::MEASURES == Where::InSession, self.course.keyed()),
        ];
        let mut verified = None;
        for (_, possession) in signatures.into_iter().filter(|(is_required, _)| *is_required) {
            verified = Some(Verified::new(*possession?, trusted));
            if let Some(Err(_)) = verified {
                break;
            }
        }
        verified
    }

    /// Who must sign, where the policy trusts it.
    pub(super) const fn trusted(&self) -> Option<&Trusted<'c>> {
        match &self.signer {
            Signer::Trusted(trusted) => Some(trusted),
            Signer::NotTrusted(_) | Signer::Unknown => None,
        }
    }

    /// What was found.
    pub(super) fn examined(&self) -> Examined<'c, 'm> {
        let Self { signer, course, challenged, measured, summary, .. } = self;
        Examined {
            verified: self.verdict(),
            identity: signer.identity().copied(),
            trusted: self.trusted().copied(),
            challenged: *challenged,
            keyed: course.keyed().copied(),
            measured: *measured,
            summary: *summary,
        }
    }
}

/// Draws the nonce that the caller did not choose.
fn nonce<'f>(
    env: &Env<'_, 'f>,
    chosen: Option<RequesterNonce>,
) -> Result<RequesterNonce, &'f Error> {
    if let Some(nonce) = chosen {
        return Ok(nonce);
    }
    let mut nonce = [0; NONCE_LEN];
    fill(env.provider, env.errors, &mut nonce)?;
    Ok(RequesterNonce(nonce))
}
