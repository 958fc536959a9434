//! Is it still the same device?

use spdm_codec::{MeasurementSummary, RequesterNonce};
use spdm_x509::Identity;

use super::challenge::{Question, answered};
use super::negotiate::Negotiate;
use crate::answer::Answer;
use crate::config::Offer;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::possession::Possession;
use crate::requester::{Fresh, Requester};

/// What the next answer belongs to.
#[derive(Clone, Copy, Debug)]
enum Part {
    Negotiation,
    Challenge,
}

/// The proof that a device is the one that it was: see [`Requester::recognize`](crate::Requester::recognize).
#[derive(Debug)]
pub struct Recognize<'c> {
    part: Part,
    negotiate: Negotiate,
    identity: Identity<'c>,
    question: Question,
    possession: Option<Possession<'c>>,
}

impl<'c> Recognize<'c> {
    pub(crate) const fn new(identity: Identity<'c>, nonce: RequesterNonce) -> Self {
        let question = Question { summary: MeasurementSummary::None, nonce };
        let (part, negotiate) = (Part::Negotiation, Negotiate::new());
        Self { part, negotiate, identity, question, possession: None }
    }

    /// Only what the key and the digest were made for: anything else could not be compared.
    fn offer(&self, offer: &Offer) -> Offer {
        let mut narrow = *offer;
        narrow.base_asym &= self.identity.asym().base_asym().unwrap_or_default();
        narrow.pqc_asym &= self.identity.asym().pqc_asym().unwrap_or_default();
        narrow.base_hash &= self.identity.hash().base_hash();
        if let Identity::Chain(chain) = &self.identity {
            let version = chain.context().version;
            narrow.min_version = narrow.min_version.max(version);
            narrow.max_version = narrow.max_version.min(version);
        }
        narrow
    }
}

impl<'a> Requester<'a, Fresh> {
    /// Is it the device that it was? Negotiation and CHALLENGE only: the device proves that it still has the
    /// key of `identity` and shows the same chain, which says nothing about who is to be trusted today.
    ///
    /// Only the version and the algorithms of `identity` are offered.
    #[must_use]
    pub fn recognize<'c>(
        self,
        identity: Identity<'c>,
        nonce: RequesterNonce,
    ) -> Flow<'a, Recognize<'c>> {
        Flow::new(self.core, Recognize::new(identity, nonce))
    }
}

impl<'c> sealed::Operation for Recognize<'c> {
    type Phase = Negotiated;
    type Output = Possession<'c>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        match self.part {
            Part::Negotiation => {
                let offer = self.offer(ask.offer);
                self.negotiate.request(&Ask { offer: &offer, ..*ask }, out)
            }
            Part::Challenge => self.question.request(ask, &self.identity, out),
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        match self.part {
            Part::Negotiation => {
                if self.negotiate.answered(env, answer)? == Next::Done {
                    self.part = Part::Challenge;
                }
                Ok(Next::Again)
            }
            Part::Challenge => {
                self.possession = Some(answered(env, &self.identity, answer)?);
                Ok(Next::Done)
            }
        }
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Possession<'c>, &'f Error> {
        self.possession.ok_or_else(|| errors.unfinished())
    }
}
