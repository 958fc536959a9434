//! The whole attestation as one operation.

use core::mem;

use spdm_untrusted::Untrusted;
use spdm_x509::{ChainError, Trusted};

use super::attestation::{AttestationPlan, Attested, Proofs};
use super::fetch_chain::Portions;
use super::{GetDigests, Negotiate, SlotChoice};
use crate::chain_cache::ChainCache;
use crate::error::{Error, Incompatible};
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};

#[derive(Debug)]
enum Part<'c> {
    Negotiate(Negotiate),
    GetDigests(GetDigests),
    FetchChain(Portions<'c>),
    Proofs,
}

/// An attestation: see [`Requester::attest`](crate::Requester::attest).
#[derive(Debug)]
pub struct Attest<'p, 'c, 'm> {
    buffer: &'c mut [u8],
    cache: ChainCache<'c>,
    part: Part<'c>,
    /// Why the policy refused the first slot that was tried.
    refused: Option<ChainError>,
    proofs: Proofs<'p, 'c, 'm>,
}

impl<'p, 'c, 'm> Attest<'p, 'c, 'm> {
    pub(crate) const fn new(
        plan: AttestationPlan<'p>,
        cache: ChainCache<'c>,
        buffer: &'c mut [u8],
        record: &'m mut [u8],
    ) -> Self {
        let part = Part::Negotiate(Negotiate::new());
        Self { buffer, cache, part, refused: None, proofs: Proofs::new(plan, record) }
    }

    /// It is known whose signature is expected.
    fn identified(&mut self, judge: &Judge<'_>, trusted: Trusted<'c>) -> Result<(), Stop> {
        self.part = Part::Proofs;
        self.proofs.begin(judge, trusted)
    }

    /// Tries the slots from `first` on. One that is known and trusted needs no GET_CERTIFICATE.
    fn try_slots(&mut self, judge: &Judge<'_>, first: u8) -> Result<(), Stop> {
        let (fault, agreed) = (judge.fault(), judge.agreed()?);
        let (choice, uses) = (self.proofs.plan.slot, self.proofs.plan.requirement.uses());
        let mut first = first;
        while let Some(slot) = choice.next(first, uses, judge.connection, agreed) {
            let announced = judge.connection.slot_key(slot).map(|key| key.model);
            let context = agreed.chain_context(slot, announced.unwrap_or_default());
            let context = context.map_err(|error| fault.incompatible(error))?;
            let digest = judge.connection.slot_digest(slot);
            let Some((chain, links)) = digest.and_then(|digest| self.cache.find(&context, digest))
            else {
                self.part = Part::FetchChain(Portions::new(slot, mem::take(&mut self.buffer)));
                return Ok(());
            };
            match self.proofs.plan.policy.validate_known(chain, &links) {
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
        let (policy, fault) = (self.proofs.plan.policy, judge.fault());
        let mut links = None;
        if !matches!(self.proofs.plan.slot, SlotChoice::Slot(_)) {
            // Only a chain that is trusted keeps the buffer; it is read twice, but its signatures are not.
            let looked = portions
                .look(judge)
                .and_then(|chain| policy.validate(&chain).map_err(|error| fault.stop(error)));
            match looked {
                Ok(trusted) => links = trusted.links(),
                Err(stop) => {
                    let Error::Chain(error) = fault.error(stop) else { return Err(stop) };
                    self.refused = self.refused.or(Some(error));
                    let next = portions.slot().get().saturating_add(1);
                    self.buffer = portions.into_buffer();
                    return self.try_slots(judge, next);
                }
            }
        }
        let chain = portions.into_chain(judge)?;
        let trusted = match &links {
            Some(links) => policy.validate_known(&chain, links),
            None => policy.validate(&chain),
        };
        self.identified(judge, trusted.map_err(|error| fault.stop(error))?)
    }
}

impl<'c, 'm> sealed::Operation for Attest<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = Attested<'c, 'm>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        match &mut self.part {
            Part::Negotiate(part) => part.request(ask, out),
            Part::GetDigests(part) => part.request(ask, out),
            Part::FetchChain(part) => part.request(ask, out),
            Part::Proofs => self.proofs.request(ask, out),
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        match &mut self.part {
            Part::Negotiate(part) => {
                if part.accept(judge, request, response)? == Next::Done {
                    self.part = Part::GetDigests(GetDigests::new());
                }
            }
            Part::GetDigests(part) => {
                part.accept(judge, request, response)?;
                self.try_slots(judge, 0)?;
            }
            Part::FetchChain(part) => {
                if part.answered(judge, request, response)? == Next::Done {
                    let portions = mem::replace(part, Portions::new(part.slot(), &mut []));
                    self.fetched(judge, portions)?;
                }
            }
            Part::Proofs => return self.proofs.accept(judge, request, response),
        }
        Ok(Next::Again)
    }

    fn failed(&mut self) {
        self.proofs.failed();
    }

    fn finish(self, fault: &Fault) -> Result<Attested<'c, 'm>, Stop> {
        self.proofs.finish(fault)
    }
}
