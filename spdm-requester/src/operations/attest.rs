//! The whole attestation as one operation.

use core::mem;

use spdm_codec::{KeyUsage, MeasurementAttributes, MeasurementSummary, Nonce};
use spdm_untrusted::Untrusted;
use spdm_x509::{ChainError, Identity, Policy, ProvisionedKey, SanPolicy, Trusted};

use super::{
    Challenge, FetchChain, GetDigests, Measure, Measured, Negotiate, Selection, SlotChoice,
    unfinished,
};
use crate::chain_cache::ChainCache;
use crate::error::{Error, Incompatible, Misuse};
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

impl Requirement {
    /// What the slot's key must be allowed to sign.
    fn uses(self) -> KeyUsage {
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
    /// Its identity and that it is trusted: what a [`ChainCache`] is made of.
    pub trusted: Trusted<'c>,
    /// Its signed measurements, where they were required.
    pub measured: Option<Measured<'m, 'c>>,
    /// Whether the summary hash is that of these measurements. It is for the caller to judge: DSP0274 does
    /// not say exactly which form of the blocks it covers.
    pub summary: SummaryAgreement,
}

/// What `MeasurementSummaryHash` of a CHALLENGE_AUTH says of the measurements that came after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SummaryAgreement {
    /// There is none.
    NotAsked,
    /// It covers blocks that are not at hand: those of the trusted computing base are the device's to
    /// choose, others were not asked for, or in another form.
    NotKnown,
    /// It is the hash of the measured blocks.
    Agrees,
    /// It is another one.
    Differs,
}

#[derive(Debug)]
enum Part<'p, 'c, 'm> {
    Negotiate(Negotiate),
    GetDigests(GetDigests),
    FetchChain(FetchChain<'c>),
    Challenge(Challenge<'c>),
    Measure(Measure<'p, 'm, 'c>),
    Done,
}

/// Where the identity comes from.
#[derive(Debug)]
enum Source<'c> {
    /// The device's slots; the buffer is for a chain.
    Slots { buffer: &'c mut [u8], cache: ChainCache<'c> },
    /// A DER SubjectPublicKeyInfo.
    Key(&'c [u8]),
}

/// An attestation: see [`Requester::attest`](crate::Requester::attest).
#[derive(Debug)]
pub struct Attest<'p, 'c, 'm> {
    plan: AttestationPlan<'p>,
    source: Source<'c>,
    record: &'m mut [u8],
    part: Part<'p, 'c, 'm>,
    agreed: Option<Negotiated>,
    /// Why the policy refused the first slot that was tried.
    refused: Option<ChainError>,
    trusted: Option<Trusted<'c>>,
    challenged: Option<Possession<'c>>,
    measured: Option<Measured<'m, 'c>>,
    summary: SummaryAgreement,
}

impl<'p, 'c, 'm> Attest<'p, 'c, 'm> {
    pub(crate) const fn by_chain(
        plan: AttestationPlan<'p>,
        cache: ChainCache<'c>,
        buffer: &'c mut [u8],
        record: &'m mut [u8],
    ) -> Self {
        Self::new(plan, Source::Slots { buffer, cache }, record)
    }

    pub(crate) const fn by_key(
        plan: AttestationPlan<'p>,
        spki_der: &'c [u8],
        record: &'m mut [u8],
    ) -> Self {
        Self::new(plan, Source::Key(spki_der), record)
    }

    const fn new(plan: AttestationPlan<'p>, source: Source<'c>, record: &'m mut [u8]) -> Self {
        Self {
            plan,
            source,
            record,
            part: Part::Negotiate(Negotiate::new()),
            agreed: None,
            refused: None,
            trusted: None,
            challenged: None,
            measured: None,
            summary: SummaryAgreement::NotAsked,
        }
    }

    /// The slot from `first` on to try next. One that is known and trusted needs no GET_CERTIFICATE.
    fn next_slot(
        &mut self,
        judge: &Judge<'_>,
        agreed: Negotiated,
        first: u8,
    ) -> Result<Part<'p, 'c, 'm>, Error> {
        let (choice, uses) = (self.plan.slot, self.plan.requirement.uses());
        let mut first = first;
        while let Some(slot) = choice.next(first, uses, judge.connection, &agreed)? {
            let Source::Slots { buffer, cache } = &mut self.source else { break };
            let announced = judge.connection.slot_key(slot).map(|key| key.model);
            let context = agreed.chain_context(slot, announced.unwrap_or_default())?;
            let digest = judge.connection.slot_digest(slot);
            let Some((chain, links)) = digest.and_then(|digest| cache.find(&context, digest))
            else {
                return Ok(Part::FetchChain(FetchChain::new(agreed, slot, mem::take(buffer))));
            };
            match self.plan.policy.validate_known(&chain, &links) {
                Ok(trusted) => return self.identified(judge, agreed, trusted),
                Err(error) => self.refused = self.refused.or(Some(error)),
            }
            first = slot.get().saturating_add(1);
        }
        match (self.refused, choice) {
            (Some(error), _) => Err(error.into()),
            (None, SlotChoice::Slot(slot)) => {
                Err(Incompatible::SlotEmpty { slot: slot.get() }.into())
            }
            (None, _) => Err(Incompatible::NoSlot.into()),
        }
    }

    /// A chain is complete: it is the one, or the next slot is tried with the same buffer.
    fn fetched(
        &mut self,
        judge: &Judge<'_>,
        agreed: Negotiated,
        fetch: FetchChain<'c>,
    ) -> Result<Part<'p, 'c, 'm>, Error> {
        let policy = self.plan.policy;
        if let SlotChoice::Slot(_) = self.plan.slot {
            let trusted = policy.validate(&fetch.into_chain(judge)?)?;
            return self.identified(judge, agreed, trusted);
        }
        // Only a chain that is trusted keeps the buffer; it is read twice, but its signatures are not.
        let looked = fetch.look(judge).and_then(|chain| Ok(policy.validate(&chain)?.links()));
        match looked {
            Ok(Some(links)) => {
                let chain = fetch.into_chain(judge)?;
                let trusted = policy.validate_known(&chain, &links)?;
                self.identified(judge, agreed, trusted)
            }
            Err(Error::Chain(error)) => {
                self.refused = self.refused.or(Some(error));
                let next = fetch.slot().get().saturating_add(1);
                if let Source::Slots { buffer, .. } = &mut self.source {
                    *buffer = fetch.into_buffer();
                }
                self.next_slot(judge, agreed, next)
            }
            Ok(None) => Err(unfinished()),
            Err(error) => Err(error),
        }
    }

    /// The caller vouches for the key, unless it is revoked. A name that the policy asks for no key can have.
    fn provisioned(
        &mut self,
        judge: &Judge<'_>,
        agreed: Negotiated,
        spki_der: &'c [u8],
    ) -> Result<Part<'p, 'c, 'm>, Error> {
        if self.plan.policy.san != SanPolicy::None {
            return Err(Error::Misuse(Misuse::Identity));
        }
        let (asym, hash) = (agreed.asym()?, agreed.hash()?);
        let key = ProvisionedKey::parse(Untrusted::new(spki_der), asym, hash, judge.provider)?;
        self.identified(judge, agreed, self.plan.policy.validate_key(key)?)
    }

    /// It is known whose signature is expected.
    fn identified(
        &mut self,
        judge: &Judge<'_>,
        agreed: Negotiated,
        trusted: Trusted<'c>,
    ) -> Result<Part<'p, 'c, 'm>, Error> {
        self.trusted = Some(trusted);
        let identity = *trusted.identity();
        let chosen = match self.plan.requirement {
            Requirement::Measurements => return self.measure(judge, agreed, identity),
            Requirement::Challenge => self.plan.nonce,
            Requirement::ChallengeAndMeasurements => None,
        };
        let nonce = nonce(judge, chosen)?;
        Ok(Part::Challenge(Challenge::new(agreed, identity, self.plan.summary, nonce)))
    }

    fn measure(
        &mut self,
        judge: &Judge<'_>,
        agreed: Negotiated,
        identity: Identity<'c>,
    ) -> Result<Part<'p, 'c, 'm>, Error> {
        let nonce = nonce(judge, self.plan.nonce)?;
        let (attributes, record) = (self.plan.attributes, mem::take(&mut self.record));
        let selection = self.plan.selection;
        let measure = Measure::signed(agreed, selection, attributes, identity, nonce, record);
        Ok(Part::Measure(measure))
    }

    /// Compares the measurements with the summary hash that was signed before them.
    fn summarize(
        &self,
        judge: &Judge<'_>,
        agreed: &Negotiated,
        measured: &Measured<'m, 'c>,
    ) -> Result<SummaryAgreement, Error> {
        let challenged = self.challenged.as_ref();
        let Some(summary) = challenged.and_then(|possession| possession.summary()) else {
            return Ok(SummaryAgreement::NotAsked);
        };
        let comparable = summary.covers == MeasurementSummary::All
            && self.plan.selection == Selection::All
            && !self.plan.attributes.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED)
            && measured.record.iter().is_sorted_by_key(|block| block.index);
        if !comparable {
            return Ok(SummaryAgreement::NotKnown);
        }
        let digest = judge.provider.hash.digest(agreed.hash()?, &[measured.record.as_bytes()]);
        let digest = digest.map_err(|error| Error::Hash(error.into()))?;
        Ok(match digest == summary.digest {
            true => SummaryAgreement::Agrees,
            false => SummaryAgreement::Differs,
        })
    }

    /// Takes the result of a part that is done, and picks the next.
    fn proceed(&mut self, judge: &Judge<'_>) -> Result<Next, Error> {
        use sealed::Operation;
        self.part = match mem::replace(&mut self.part, Part::Done) {
            Part::Negotiate(negotiate) => {
                let (agreed, ()) = negotiate.finish()?;
                self.agreed = Some(agreed);
                match self.source {
                    Source::Slots { .. } => Part::GetDigests(GetDigests::new(agreed)),
                    Source::Key(spki_der) => self.provisioned(judge, agreed, spki_der)?,
                }
            }
            Part::GetDigests(digests) => {
                let (agreed, ()) = digests.finish()?;
                self.next_slot(judge, agreed, 0)?
            }
            Part::FetchChain(fetch) => {
                let agreed = self.agreed.ok_or_else(unfinished)?;
                self.fetched(judge, agreed, fetch)?
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
                let (agreed, measured) = measure.finish()?;
                self.summary = self.summarize(judge, &agreed, &measured)?;
                self.measured = Some(measured);
                Part::Done
            }
            Part::Done => Part::Done,
        };
        Ok(if matches!(self.part, Part::Done) { Next::Done } else { Next::Again })
    }
}

/// Draws the nonce that the caller did not choose.
fn nonce(judge: &Judge<'_>, chosen: Option<Nonce>) -> Result<Nonce, Error> {
    if let Some(nonce) = chosen {
        return Ok(nonce);
    }
    let mut nonce = Nonce::default();
    judge.provider.random.fill(&mut nonce).map_err(|_| Error::Random)?;
    Ok(nonce)
}

impl<'c, 'm> sealed::Operation for Attest<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Attested<'c, 'm>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        match &mut self.part {
            Part::Negotiate(part) => part.request(ask, out),
            Part::GetDigests(part) => part.request(ask, out),
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
            Part::GetDigests(part) => part.accept(judge, request, response),
            Part::FetchChain(part) => part.collect(judge, request, response),
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
        let (measured, summary) = (self.measured, self.summary);
        Ok((agreed, Attested { verified, trusted, measured, summary }))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        self.agreed
    }
}
