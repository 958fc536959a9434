//! The whole attestation as one operation.

use core::mem;

use spdm_codec::{KeyUsage, MeasurementAttributes, MeasurementSummary, Nonce};
use spdm_untrusted::Untrusted;
use spdm_x509::{ChainError, Policy, ProvisionedKey, SanPolicy, Trusted};

use super::challenge::{Question, answered};
use super::fetch_chain::Portions;
use super::measure::Reading;
use super::{GetDigests, Measured, Negotiate, Selection, SlotChoice};
use crate::chain_cache::ChainCache;
use crate::error::{Error, Incompatible, Misuse};
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, fill, sealed};
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
    FetchChain(Portions<'c>),
    Challenge(Question),
    Measure(Reading<'p, 'm>),
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
    /// Why the policy refused the first slot that was tried.
    refused: Option<ChainError>,
    /// Whose signatures are expected.
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
            refused: None,
            trusted: None,
            challenged: None,
            measured: None,
            summary: SummaryAgreement::NotAsked,
        }
    }

    /// Tries the slots from `first` on. One that is known and trusted needs no GET_CERTIFICATE.
    fn try_slots(&mut self, judge: &Judge<'_>, first: u8) -> Result<(), Stop> {
        let (fault, agreed) = (judge.fault(), judge.agreed()?);
        let (choice, uses) = (self.plan.slot, self.plan.requirement.uses());
        let mut first = first;
        while let Some(slot) = choice
            .next(first, uses, judge.connection, agreed)
            .map_err(|error| fault.incompatible(error))?
        {
            let Source::Slots { buffer, cache } = &mut self.source else { break };
            let announced = judge.connection.slot_key(slot).map(|key| key.model);
            let context = agreed.chain_context(slot, announced.unwrap_or_default());
            let context = context.map_err(|error| fault.incompatible(error))?;
            let digest = judge.connection.slot_digest(slot);
            let Some((chain, links)) = digest.and_then(|digest| cache.find(&context, digest))
            else {
                self.part = Part::FetchChain(Portions::new(slot, mem::take(buffer)));
                return Ok(());
            };
            match self.plan.policy.validate_known(chain, &links) {
                Ok(trusted) => return self.identified(judge, trusted),
                Err(error) => self.refused = self.refused.or(Some(error)),
            }
            first = slot.get().saturating_add(1);
        }
        Err(match (self.refused, choice) {
            (Some(error), _) => fault.stop(error),
            (None, SlotChoice::Slot(slot)) => {
                fault.incompatible(Incompatible::SlotEmpty { slot: slot.get() })
            }
            (None, _) => fault.incompatible(Incompatible::NoSlot),
        })
    }

    /// A chain is complete: it is the one, or the next slot is tried with the same buffer.
    fn fetched(&mut self, judge: &Judge<'_>, portions: Portions<'c>) -> Result<(), Stop> {
        let (policy, fault) = (self.plan.policy, judge.fault());
        if let SlotChoice::Slot(_) = self.plan.slot {
            let chain = portions.into_chain(judge)?;
            let trusted = policy.validate(&chain).map_err(|error| fault.stop(error))?;
            return self.identified(judge, trusted);
        }
        // Only a chain that is trusted keeps the buffer; it is read twice, but its signatures are not.
        let looked = portions.look(judge).and_then(|chain| {
            Ok(policy.validate(&chain).map_err(|error| fault.stop(error))?.links())
        });
        match looked {
            Ok(Some(links)) => {
                let chain = portions.into_chain(judge)?;
                let trusted = policy.validate_known(&chain, &links);
                self.identified(judge, trusted.map_err(|error| fault.stop(error))?)
            }
            Ok(None) => Err(fault.unfinished()),
            Err(stop) => {
                let Error::Chain(error) = fault.error(stop) else { return Err(stop) };
                self.refused = self.refused.or(Some(error));
                let next = portions.slot().get().saturating_add(1);
                if let Source::Slots { buffer, .. } = &mut self.source {
                    *buffer = portions.into_buffer();
                }
                self.try_slots(judge, next)
            }
        }
    }

    /// The caller vouches for the key, unless it is revoked. A name that the policy asks for no key can have.
    fn provisioned(&mut self, judge: &Judge<'_>, spki_der: &'c [u8]) -> Result<(), Stop> {
        let (policy, fault, agreed) = (self.plan.policy, judge.fault(), judge.agreed()?);
        if policy.san != SanPolicy::None {
            return Err(fault.misuse(Misuse::Identity));
        }
        let asym = agreed.asym().map_err(|error| fault.incompatible(error))?;
        let hash = agreed.hash().map_err(|error| fault.incompatible(error))?;
        let key = ProvisionedKey::parse(Untrusted::new(spki_der), asym, hash, judge.provider);
        let trusted = key.and_then(|key| policy.validate_key(key));
        self.identified(judge, trusted.map_err(|error| fault.stop(error))?)
    }

    /// It is known whose signature is expected.
    fn identified(&mut self, judge: &Judge<'_>, trusted: Trusted<'c>) -> Result<(), Stop> {
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

    /// Compares the measurements with the summary hash that was signed before them.
    fn summarize(
        &self,
        judge: &Judge<'_>,
        measured: &Measured<'m, 'c>,
    ) -> Result<SummaryAgreement, Stop> {
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
        let fault = judge.fault();
        let hash = judge.agreed()?.hash().map_err(|error| fault.incompatible(error))?;
        let digest = judge.provider.hash.digest(hash, &[measured.record.as_bytes()]);
        let digest = digest.map_err(|error| fault.stop(Error::Hash(error.into())))?;
        Ok(match digest == summary.digest {
            true => SummaryAgreement::Agrees,
            false => SummaryAgreement::Differs,
        })
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

impl<'c, 'm> sealed::Operation for Attest<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Attested<'c, 'm>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        let identity = self.trusted.as_ref().map(Trusted::identity);
        match (&mut self.part, identity) {
            (Part::Negotiate(part), _) => part.request(ask, out),
            (Part::GetDigests(part), _) => part.request(ask, out),
            (Part::FetchChain(part), _) => part.request(ask, out),
            (Part::Challenge(part), Some(identity)) => part.request(ask, identity, out),
            (Part::Measure(part), identity) => part.request(ask, identity, out),
            (Part::Challenge(_), None) | (Part::Done, _) => Err(ask.fault().unfinished()),
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        let identity = self.trusted.as_ref().map(Trusted::identity);
        match (&mut self.part, identity) {
            (Part::Negotiate(part), _) => {
                if part.accept(judge, request, response)? == Next::Done {
                    match self.source {
                        Source::Slots { .. } => self.part = Part::GetDigests(GetDigests::new()),
                        Source::Key(spki_der) => self.provisioned(judge, spki_der)?,
                    }
                }
            }
            (Part::GetDigests(part), _) => {
                part.accept(judge, request, response)?;
                self.try_slots(judge, 0)?;
            }
            (Part::FetchChain(part), _) => {
                if part.answered(judge, request, response)? == Next::Done {
                    let empty = Portions::new(part.slot(), &mut []);
                    let portions = mem::replace(part, empty);
                    self.fetched(judge, portions)?;
                }
            }
            (Part::Challenge(_), Some(identity)) => {
                self.challenged = Some(answered(judge, identity, request, response)?);
                match self.plan.requirement {
                    Requirement::Challenge => self.part = Part::Done,
                    _ => self.measure(judge)?,
                }
            }
            (Part::Measure(part), identity) => {
                if let Some(measured) = part.answered(judge, identity, request, response)? {
                    self.summary = self.summarize(judge, &measured)?;
                    self.measured = Some(measured);
                    self.part = Part::Done;
                }
            }
            (Part::Challenge(_), None) | (Part::Done, _) => return Err(judge.fault().unfinished()),
        }
        Ok(if matches!(self.part, Part::Done) { Next::Done } else { Next::Again })
    }

    fn finish(self, fault: &Fault) -> Result<Attested<'c, 'm>, Stop> {
        let Self { plan, trusted, challenged, measured, summary, .. } = self;
        let trusted = trusted.ok_or_else(|| fault.unfinished())?;
        let signed = measured.as_ref().and_then(|measured| measured.possession.as_ref());
        let (challenge, measurements) = match plan.requirement {
            Requirement::ChallengeAndMeasurements => (challenged.as_ref(), signed),
            Requirement::Challenge => (challenged.as_ref(), challenged.as_ref()),
            Requirement::Measurements => (signed, signed),
        };
        // Both signatures are of the same trusted identity.
        let verify = |possession: Option<&Possession<'c>>| {
            let possession = possession.ok_or_else(|| fault.unfinished())?;
            Verified::new(*possession, &trusted).map_err(|error| fault.stop(error))
        };
        verify(measurements)?;
        Ok(Attested { verified: verify(challenge)?, trusted, measured, summary })
    }
}
