//! Is it still the same device?

use spdm_codec::{MeasurementSummary, RequesterNonce};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use super::Negotiate;
use super::challenge::{Question, answered};
use crate::config::Offer;
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::possession::Possession;

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

impl<'c> sealed::Operation for Recognize<'c> {
    type Phase = Negotiated;
    type Output = Possession<'c>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        match self.part {
            Part::Negotiation => {
                let offer = self.offer(ask.offer);
                self.negotiate.request(&Ask { offer: &offer, ..*ask }, out)
            }
            Part::Challenge => self.question.request(ask, &self.identity, out),
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        match self.part {
            Part::Negotiation => {
                if self.negotiate.accept(judge, request, response)? == Next::Done {
                    self.part = Part::Challenge;
                }
                Ok(Next::Again)
            }
            Part::Challenge => {
                self.possession = Some(answered(judge, &self.identity, request, response)?);
                Ok(Next::Done)
            }
        }
    }

    fn finish(self, fault: &Fault) -> Result<Possession<'c>, Stop> {
        self.possession.ok_or_else(|| fault.unfinished())
    }
}
