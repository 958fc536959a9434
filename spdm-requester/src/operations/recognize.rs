//! Is it still the same device?

use spdm_codec::{MeasurementSummary, Nonce};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use super::{Challenge, Negotiate, unfinished};
use crate::config::Offer;
use crate::error::Error;
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::possession::Possession;

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "no allocator to move the parts to")]
enum Part<'c> {
    Negotiate(Negotiate),
    Challenge(Challenge<'c>),
}

/// The proof that a device is the one that it was: see [`Requester::recognize`](crate::Requester::recognize).
#[derive(Debug)]
pub struct Recognize<'c> {
    identity: Identity<'c>,
    nonce: Nonce,
    part: Part<'c>,
}

impl<'c> Recognize<'c> {
    pub(crate) const fn new(identity: Identity<'c>, nonce: Nonce) -> Self {
        Self { identity, nonce, part: Part::Negotiate(Negotiate::new()) }
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

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let offer = self.offer(ask.offer);
        match &mut self.part {
            Part::Negotiate(part) => part.request(&Ask { offer: &offer, ..*ask }, out),
            Part::Challenge(part) => part.request(ask, out),
        }
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        match &mut self.part {
            Part::Challenge(part) => part.accept(judge, request, response),
            Part::Negotiate(part) => {
                if part.accept(judge, request, response)? == Next::Done {
                    let agreed = judge.connection.negotiated().copied().ok_or_else(unfinished)?;
                    let summary = MeasurementSummary::None;
                    let challenge = Challenge::new(agreed, self.identity, summary, self.nonce);
                    self.part = Part::Challenge(challenge);
                }
                Ok(Next::Again)
            }
        }
    }

    fn finish(self) -> Result<(Negotiated, Possession<'c>), Error> {
        match self.part {
            Part::Negotiate(_) => Err(unfinished()),
            Part::Challenge(part) => part.finish(),
        }
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        match &self.part {
            Part::Negotiate(part) => part.phase_after_refusal(),
            Part::Challenge(part) => part.phase_after_refusal(),
        }
    }
}
