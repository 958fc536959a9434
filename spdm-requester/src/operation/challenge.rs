//! CHALLENGE.

use spdm_codec::{CapabilityFlags, KeySlot, MeasCap, MeasurementSummary, RequesterNonce};
use spdm_x509::Identity;

use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::possession::Possession;
use crate::requester::Requester;

/// What CHALLENGE asks, without the identity that has to answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) summary: MeasurementSummary,
    pub(super) nonce: RequesterNonce,
}

impl Question {
    pub(super) fn request<'f>(
        &self,
        ask: &Ask<'_, 'f>,
        identity: &Identity<'_>,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let agreed = ask.require(CapabilityFlags::CHAL_CAP, "CHAL_CAP")?;
        agreed.check_identity(ask.errors, identity)?;
        let slot = identity.key_slot();
        if slot == KeySlot::PublicKey {
            ask.require(CapabilityFlags::PUB_KEY_ID_CAP, "PUB_KEY_ID_CAP")?;
        }
        let nonce = self.nonce;
        // A Responder without measurements refuses the request otherwise.
        let summary = match agreed.responder.flags.meas_cap() {
            MeasCap::None => MeasurementSummary::None,
            _ => self.summary,
        };
        let context = ask.context(agreed.version)?;
        let message = spdm_codec::Challenge { slot, summary, nonce, context };
        ask.encode(&message, agreed.version, out)
    }
}

/// Has CHALLENGE_AUTH accepted, which proves possession of the key.
pub(super) fn answered<'f, 'c>(
    env: &mut Env<'_, 'f>,
    identity: &Identity<'c>,
    answer: &Answer<'_, '_>,
) -> Result<Possession<'c>, &'f Error> {
    match env.accept(answer, Some(identity))? {
        #[cfg(feature = "mutual-auth")]
        Accepted::ChallengeAuth { message, possession: Some(possession) } => {
            if message.basic_mut_auth == spdm_codec::BasicMutAuth::Requested {
                env.begin_basic()?;
            }
            Ok(possession)
        }
        #[cfg(not(feature = "mutual-auth"))]
        Accepted::ChallengeAuth { possession: Some(possession), .. } => Ok(possession),
        _ => Err(env.errors.unfinished()),
    }
}

/// The proof that the device holds a key: see [`Requester::challenge`](crate::Requester::challenge).
#[derive(Debug)]
pub struct ProvePossession<'c> {
    identity: Identity<'c>,
    question: Question,
    possession: Option<Possession<'c>>,
}

impl<'c> ProvePossession<'c> {
    pub(crate) const fn new(
        identity: Identity<'c>,
        summary: MeasurementSummary,
        nonce: RequesterNonce,
    ) -> Self {
        Self { identity, question: Question { summary, nonce }, possession: None }
    }
}

impl<'a> Requester<'a, Negotiated> {
    /// CHALLENGE with a nonce: proves that the device holds the key of `identity`. With a `summary`,
    /// [`Possession::summary`](crate::Possession::summary) says what it covers; a device without MEAS_CAP has none
    /// and is not asked for it.
    #[must_use]
    pub fn challenge<'c>(
        self,
        identity: Identity<'c>,
        summary: MeasurementSummary,
        nonce: RequesterNonce,
    ) -> Flow<'a, ProvePossession<'c>> {
        Flow::new(self.core, ProvePossession::new(identity, summary, nonce))
    }
}

impl<'c> sealed::Operation for ProvePossession<'c> {
    type Phase = Negotiated;
    type Output = Possession<'c>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        self.question.request(ask, &self.identity, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        self.possession = Some(answered(env, &self.identity, answer)?);
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Possession<'c>, &'f Error> {
        self.possession.ok_or_else(|| errors.unfinished())
    }
}
