//! CHALLENGE.

use spdm_codec::{CapabilityFlags, KeySlot, MeasurementSummary, RequesterNonce};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use crate::connection::Verdict;
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::possession::Possession;

/// What CHALLENGE asks, whoever is to answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) summary: MeasurementSummary,
    pub(super) nonce: RequesterNonce,
}

impl Question {
    pub(super) fn request(
        &self,
        ask: &Ask<'_>,
        identity: &Identity<'_>,
        out: &mut [u8],
    ) -> Result<usize, Stop> {
        let agreed = ask.require(CapabilityFlags::CHAL_CAP, "CHAL_CAP")?;
        agreed.check_identity(ask.fault(), identity)?;
        let slot = identity.key_slot();
        if slot == KeySlot::PublicKey {
            ask.require(CapabilityFlags::PUB_KEY_ID_CAP, "PUB_KEY_ID_CAP")?;
        }
        let Self { summary, nonce } = *self;
        let context = ask.context(agreed.version)?;
        let message = spdm_codec::Challenge { slot, summary, nonce, context };
        ask.encode(&message, agreed.version, out)
    }
}

/// Judges CHALLENGE_AUTH.
pub(super) fn answered<'c>(
    judge: &mut Judge<'_>,
    identity: &Identity<'c>,
    request: &[u8],
    response: Untrusted<&[u8]>,
) -> Result<Possession<'c>, Stop> {
    match judge.accept(request, response, Some(identity))? {
        Verdict::ChallengeAuth { possession: Some(possession), .. } => Ok(possession),
        _ => Err(judge.fault().unfinished()),
    }
}

/// The proof that the device holds a key: see [`Requester::challenge`](crate::Requester::challenge).
#[derive(Debug)]
pub struct Challenge<'c> {
    identity: Identity<'c>,
    question: Question,
    possession: Option<Possession<'c>>,
}

impl<'c> Challenge<'c> {
    pub(crate) const fn new(
        identity: Identity<'c>,
        summary: MeasurementSummary,
        nonce: RequesterNonce,
    ) -> Self {
        Self { identity, question: Question { summary, nonce }, possession: None }
    }
}

impl<'c> sealed::Operation for Challenge<'c> {
    type Phase = Negotiated;
    type Output = Possession<'c>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        self.question.request(ask, &self.identity, out)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        self.possession = Some(answered(judge, &self.identity, request, response)?);
        Ok(Next::Done)
    }

    fn finish(self, fault: &Fault) -> Result<Possession<'c>, Stop> {
        self.possession.ok_or_else(|| fault.unfinished())
    }
}
