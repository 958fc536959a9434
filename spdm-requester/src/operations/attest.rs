//! The whole attestation as one operation.

use core::mem;

use spdm_codec::{MeasurementAttributes, Nonce, SlotId};
use spdm_untrusted::Untrusted;
use spdm_x509::{Identity, Policy, Trusted};

use super::{Challenge, FetchChain, Measure, Measured, Negotiate, Selection, unfinished};
use crate::error::Error;
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::possession::{Possession, Verified};

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

/// What to attest, and whom to trust.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttestationPlan<'p> {
    /// The slot.
    pub slot: SlotId,
    /// What the chain must fulfil.
    pub policy: &'p Policy<'p>,
    /// Which signatures are required.
    pub requirement: Requirement,
    /// The nonce of GET_MEASUREMENTS, or of CHALLENGE without measurements; random where `None`.
    pub nonce: Option<Nonce>,
    /// Attributes of GET_MEASUREMENTS.
    pub attributes: MeasurementAttributes,
}

impl<'p> AttestationPlan<'p> {
    /// Slot 0, CHALLENGE and signed measurements, random nonces.
    #[must_use]
    pub const fn new(policy: &'p Policy<'p>) -> Self {
        Self {
            slot: SlotId::ZERO,
            policy,
            requirement: Requirement::ChallengeAndMeasurements,
            nonce: None,
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
    /// Its signed measurements, where they were required.
    pub measured: Option<Measured<'m, 'c>>,
}

#[derive(Debug)]
enum Part<'c, 'm> {
    Negotiate(Negotiate),
    FetchChain(FetchChain<'c>),
    Challenge(Challenge<'c>),
    Measure(Measure<'m, 'c>),
    Done,
}

/// An attestation: see [`Requester::attest`](crate::Requester::attest).
#[derive(Debug)]
pub struct Attest<'p, 'c, 'm> {
    plan: AttestationPlan<'p>,
    chain: &'c mut [u8],
    record: &'m mut [u8],
    part: Part<'c, 'm>,
    agreed: Option<Negotiated>,
    trusted: Option<Trusted<'c>>,
    challenged: Option<Possession<'c>>,
    measured: Option<Measured<'m, 'c>>,
}

impl<'p, 'c, 'm> Attest<'p, 'c, 'm> {
    pub(crate) const fn new(
        plan: AttestationPlan<'p>,
        chain: &'c mut [u8],
        record: &'m mut [u8],
    ) -> Self {
        Self {
            plan,
            chain,
            record,
            part: Part::Negotiate(Negotiate::new()),
            agreed: None,
            trusted: None,
            challenged: None,
            measured: None,
        }
    }

    /// Draws the nonce that the caller did not choose.
    fn nonce(&self, judge: &Judge<'_>, chosen: Option<Nonce>) -> Result<Nonce, Error> {
        if let Some(nonce) = chosen {
            return Ok(nonce);
        }
        let mut nonce = Nonce::default();
        judge.provider.random.fill(&mut nonce).map_err(|_| Error::Random)?;
        Ok(nonce)
    }

    fn measure(
        &mut self,
        judge: &Judge<'_>,
        agreed: Negotiated,
        identity: Identity<'c>,
    ) -> Result<Part<'c, 'm>, Error> {
        let nonce = self.nonce(judge, self.plan.nonce)?;
        let (attributes, record) = (self.plan.attributes, mem::take(&mut self.record));
        let selection = Selection::All;
        let measure = Measure::signed(agreed, selection, attributes, identity, nonce, record);
        Ok(Part::Measure(measure))
    }

    /// Takes the result of a part that is done, and picks the next.
    fn proceed(&mut self, judge: &Judge<'_>) -> Result<Next, Error> {
        use sealed::Operation;
        self.part = match mem::replace(&mut self.part, Part::Done) {
            Part::Negotiate(negotiate) => {
                let (agreed, ()) = negotiate.finish()?;
                self.agreed = Some(agreed);
                let buffer = mem::take(&mut self.chain);
                Part::FetchChain(FetchChain::new(agreed, self.plan.slot, buffer))
            }
            Part::FetchChain(fetch) => {
                let (agreed, chain) = fetch.finish()?;
                self.trusted = Some(self.plan.policy.validate(&chain)?);
                let identity = Identity::Chain(chain);
                let chosen = self.plan.nonce;
                match self.plan.requirement {
                    Requirement::Measurements => self.measure(judge, agreed, identity)?,
                    Requirement::Challenge => {
                        let nonce = self.nonce(judge, chosen)?;
                        Part::Challenge(Challenge::new(agreed, identity, nonce))
                    }
                    Requirement::ChallengeAndMeasurements => {
                        let nonce = self.nonce(judge, None)?;
                        Part::Challenge(Challenge::new(agreed, identity, nonce))
                    }
                }
            }
            Part::Challenge(challenge) => {
                let (agreed, possession) = challenge.finish()?;
                self.challenged = Some(possession);
                match self.plan.requirement {
                    Requirement::Challenge => Part::Done,
                    _ => self.measure(judge, agreed, *possession.identity())?,
                }
            }
            Part::Measure(measure) => {
                let (_, measured) = measure.finish()?;
                self.measured = Some(measured);
                Part::Done
            }
            Part::Done => Part::Done,
        };
        Ok(if matches!(self.part, Part::Done) { Next::Done } else { Next::Again })
    }
}

impl<'c, 'm> sealed::Operation for Attest<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Attested<'c, 'm>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        match &mut self.part {
            Part::Negotiate(part) => part.request(ask, out),
            Part::FetchChain(part) => part.request(ask, out),
            Part::Challenge(part) => part.request(ask, out),
            Part::Measure(part) => part.request(ask, out),
            Part::Done => Err(unfinished()),
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        let next = match &mut self.part {
            Part::Negotiate(part) => part.accept(judge, request, response),
            Part::FetchChain(part) => part.accept(judge, request, response),
            Part::Challenge(part) => part.accept(judge, request, response),
            Part::Measure(part) => part.accept(judge, request, response),
            Part::Done => Err(unfinished()),
        };
        match next? {
            Next::Again => Ok(Next::Again),
            Next::Done => self.proceed(judge),
        }
    }

    fn finish(self) -> Result<(Negotiated, Attested<'c, 'm>), Error> {
        let agreed = self.agreed.ok_or_else(unfinished)?;
        let trusted = self.trusted.ok_or_else(unfinished)?;
        let measured = self.measured.as_ref().and_then(|measured| measured.possession);
        let (challenge, measurements) = match self.plan.requirement {
            Requirement::ChallengeAndMeasurements => (self.challenged, measured),
            Requirement::Challenge => (self.challenged, self.challenged),
            Requirement::Measurements => (measured, measured),
        };
        let verified = Verified::new(challenge.ok_or_else(unfinished)?, &trusted)?;
        // Both signatures are of the same trusted identity.
        Verified::new(measurements.ok_or_else(unfinished)?, &trusted)?;
        Ok((agreed, Attested { verified, measured: self.measured }))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        self.agreed
    }
}
