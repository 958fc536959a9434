//! What an attestation is to bring, and the proofs that it ends with.

use core::mem;

use spdm_codec::{KeyUsage, MeasurementAttributes, MeasurementSummary, Nonce};
use spdm_untrusted::Untrusted;
use spdm_x509::{Policy, Trusted};

use super::challenge::{Question, answered};
use super::measure::Reading;
use super::{Measured, Selection, SlotChoice};
use crate::error::Error;
use crate::fault::{Fault, Stop};
use crate::operation::{Ask, Judge, Next, fill};
use crate::possession::{Possession, Verified};
use crate::summary::{SummaryAgreement, summary_of};

/// Which signatures an attestation needs. The peer's capabilities never decide this.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Requirement {
    /// CHALLENGE and signed measurements.
    #[default]
    ChallengeAndMeasurements,
    /// CHALLENGE only.
    Challenge,
    /// Signed measurements only. Through 1.1 their signature does not cover the negotiation: an attacker on
    /// the way could have lowered the version or changed capabilities. Where that matters, set
    /// [`Offer::min_version`](crate::Offer::min_version) to 1.2.
    Measurements,
}

impl Requirement {
    /// What the slot's key must be allowed to sign.
    pub(super) fn uses(self) -> KeyUsage {
        match self {
            Self::ChallengeAndMeasurements => KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT,
            Self::Challenge => KeyUsage::CHALLENGE,
            Self::Measurements => KeyUsage::MEASUREMENT,
        }
    }
}

/// What to attest, and whom to trust.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttestationPlan<'p> {
    /// Whose key is to answer.
    pub slot: SlotChoice,
    /// What the chain must fulfil.
    pub policy: &'p Policy<'p>,
    /// Which signatures are required.
    pub requirement: Requirement,
    /// The nonce of GET_MEASUREMENTS, or of CHALLENGE without measurements; random where `None`.
    pub nonce: Option<Nonce>,
    /// Which measurements `MeasurementSummaryHash` of CHALLENGE_AUTH is to cover.
    pub summary: MeasurementSummary,
    /// Which measurements are asked for.
    pub selection: Selection<'p>,
    /// Attributes of GET_MEASUREMENTS.
    pub attributes: MeasurementAttributes,
}

impl<'p> AttestationPlan<'p> {
    /// Slot 0, CHALLENGE and all measurements, signed, random nonces, no summary hash.
    #[must_use]
    pub const fn new(policy: &'p Policy<'p>) -> Self {
        Self {
            slot: SlotChoice::Slot(spdm_codec::SlotId::ZERO),
            policy,
            requirement: Requirement::ChallengeAndMeasurements,
            nonce: None,
            summary: MeasurementSummary::None,
            selection: Selection::All,
            attributes: MeasurementAttributes::empty(),
        }
    }
}

/// An attested device.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attested<'c, 'm> {
    /// The authenticated device.
    pub verified: Verified<'c>,
    /// Its identity and that it is trusted: what a [`ChainCache`](crate::ChainCache) is made of.
    pub trusted: Trusted<'c>,
    /// Its signed measurements, where they were required.
    pub measured: Option<Measured<'m, 'c>>,
    /// Whether the summary hash is that of these measurements. It is for the caller to judge: DSP0274 does
    /// not say exactly which form of the blocks it covers.
    pub summary: SummaryAgreement,
}

#[derive(Debug)]
enum Part<'p, 'm> {
    /// Nothing is asked before it is known whose signatures count, and nothing after the last one.
    Rest,
    Challenge(Question),
    Measure(Reading<'p, 'm>),
}

/// The signatures of an attestation.
#[derive(Debug)]
pub(super) struct Proofs<'p, 'c, 'm> {
    pub(super) plan: AttestationPlan<'p>,
    record: &'m mut [u8],
    part: Part<'p, 'm>,
    /// Whose they are to be.
    trusted: Option<Trusted<'c>>,
    challenged: Option<Possession<'c>>,
    measured: Option<Measured<'m, 'c>>,
    summary: SummaryAgreement,
}

impl<'p, 'c, 'm> Proofs<'p, 'c, 'm> {
    pub(super) const fn new(plan: AttestationPlan<'p>, record: &'m mut [u8]) -> Self {
        Self {
            plan,
            record,
            part: Part::Rest,
            trusted: None,
            challenged: None,
            measured: None,
            summary: SummaryAgreement::NotAsked,
        }
    }

    /// It is known whose signatures are to come: the next request asks for the first one.
    pub(super) fn begin(&mut self, judge: &Judge<'_>, trusted: Trusted<'c>) -> Result<(), Stop> {
        self.trusted = Some(trusted);
        let chosen = match self.plan.requirement {
            Requirement::Measurements => return self.measure(judge),
            Requirement::Challenge => self.plan.nonce,
            Requirement::ChallengeAndMeasurements => None,
        };
        let (summary, nonce) = (self.plan.summary, nonce(judge, chosen)?);
        self.part = Part::Challenge(Question { summary, nonce });
        Ok(())
    }

    fn measure(&mut self, judge: &Judge<'_>) -> Result<(), Stop> {
        let nonce = nonce(judge, self.plan.nonce)?;
        let (attributes, record) = (self.plan.attributes, mem::take(&mut self.record));
        let reading = Reading::new(self.plan.selection, attributes, Some(nonce), record);
        self.part = Part::Measure(reading);
        Ok(())
    }

    pub(super) fn request(&self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        let identity = self.trusted.as_ref().map(Trusted::identity);
        match (&self.part, identity) {
            (Part::Challenge(question), Some(identity)) => question.request(ask, identity, out),
            (Part::Measure(reading), identity) => reading.request(ask, identity, out),
            (Part::Challenge(_), None) | (Part::Rest, _) => Err(ask.fault().unfinished()),
        }
    }

    pub(super) fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        let identity = self.trusted.as_ref().map(Trusted::identity);
        match (&mut self.part, identity) {
            (Part::Challenge(_), Some(identity)) => {
                self.challenged = Some(answered(judge, identity, request, response)?);
                match self.plan.requirement {
                    Requirement::Challenge => self.part = Part::Rest,
                    _ => self.measure(judge)?,
                }
            }
            (Part::Measure(reading), identity) => {
                if let Some(measured) = reading.answered(judge, identity, request, response)? {
                    self.summary = self.summarize(judge, &measured)?;
                    self.measured = Some(measured);
                    self.part = Part::Rest;
                }
            }
            (Part::Challenge(_), None) | (Part::Rest, _) => return Err(judge.fault().unfinished()),
        }
        Ok(if matches!(self.part, Part::Rest) { Next::Done } else { Next::Again })
    }

    /// Compares the measurements with the summary hash that was signed before them.
    fn summarize(
        &self,
        judge: &Judge<'_>,
        measured: &Measured<'m, 'c>,
    ) -> Result<SummaryAgreement, Stop> {
        let challenged = self.challenged.as_ref();
        let Some(signed) = challenged.and_then(|possession| possession.summary()) else {
            return Ok(SummaryAgreement::NotAsked);
        };
        let hash = judge.agreed()?.hash().map_err(|error| judge.fault().incompatible(error))?;
        let (record, provider) = (&measured.record, judge.provider);
        let all = self.plan.selection == Selection::All;
        let measured = all.then(|| summary_of(self.plan.attributes, record, hash, provider));
        Ok(SummaryAgreement::between(Some(signed), measured.flatten().as_ref()))
    }

    pub(super) fn failed(&mut self) {
        if let Part::Measure(reading) = &mut self.part {
            reading.failed();
        }
    }

    pub(super) fn finish(self, fault: &Fault) -> Result<Attested<'c, 'm>, Stop> {
        let Self { plan, trusted, challenged, measured, summary, .. } = self;
        let trusted = trusted.ok_or_else(|| fault.unfinished())?;
        let signed = measured.as_ref().and_then(|measured| measured.possession.as_ref());
        let (challenge, measurements) = match plan.requirement {
            Requirement::ChallengeAndMeasurements => (challenged.as_ref(), signed),
            Requirement::Challenge => (challenged.as_ref(), challenged.as_ref()),
            Requirement::Measurements => (signed, signed),
        };
        let (Some(challenge), Some(measurements)) = (challenge, measurements) else {
            return Err(fault.unfinished());
        };
        // Both signatures are of the same trusted identity.
        if !measurements.is_of(&trusted) {
            return Err(fault.stop(Error::IdentityMismatch));
        }
        let verified = Verified::new(*challenge, &trusted).map_err(|error| fault.stop(error))?;
        Ok(Attested { verified, trusted, measured, summary })
    }
}

/// Draws the nonce that the caller did not choose.
fn nonce(judge: &Judge<'_>, chosen: Option<Nonce>) -> Result<Nonce, Stop> {
    if let Some(nonce) = chosen {
        return Ok(nonce);
    }
    let mut nonce = Nonce::default();
    fill(judge.provider, judge.fault(), &mut nonce)?;
    Ok(nonce)
}
