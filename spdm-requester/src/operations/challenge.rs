//! CHALLENGE.

use spdm_codec::{CapabilityFlags, KeySlot, MeasurementSummary, Message, Nonce, SpdmVersion};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use super::unfinished;
use crate::connection::Verdict;
use crate::error::Error;
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::possession::Possession;

/// The proof that the device holds a key: see [`Requester::challenge`](crate::Requester::challenge).
#[derive(Debug)]
pub struct Challenge<'c> {
    agreed: Negotiated,
    identity: Identity<'c>,
    summary: MeasurementSummary,
    nonce: Nonce,
    possession: Option<Possession<'c>>,
}

impl<'c> Challenge<'c> {
    pub(crate) const fn new(
        agreed: Negotiated,
        identity: Identity<'c>,
        summary: MeasurementSummary,
        nonce: Nonce,
    ) -> Self {
        Self { agreed, identity, summary, nonce, possession: None }
    }
}

impl<'c> sealed::Operation for Challenge<'c> {
    type Phase = Negotiated;
    type Output = Possession<'c>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        self.agreed.require(CapabilityFlags::CHAL_CAP, "CHAL_CAP")?;
        self.agreed.check_identity(&self.identity)?;
        if self.identity.key_slot() == KeySlot::PublicKey {
            self.agreed.require(CapabilityFlags::PUB_KEY_ID_CAP, "PUB_KEY_ID_CAP")?;
        }
        let message = spdm_codec::Challenge {
            slot: self.identity.key_slot(),
            summary: self.summary,
            nonce: self.nonce,
            context: match self.agreed.version {
                SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => None,
                SpdmVersion::V1_3 | SpdmVersion::V1_4 => Some(ask.random()?),
            },
        };
        Ok(message.encode(self.agreed.version, out)?)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        let verdict = judge.accept(request, response, Some(&self.identity))?;
        if let Verdict::ChallengeAuth { possession, .. } = verdict {
            self.possession = possession;
        }
        Ok(Next::Done)
    }

    fn finish(self) -> Result<(Negotiated, Possession<'c>), Error> {
        Ok((self.agreed, self.possession.ok_or_else(unfinished)?))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        Some(self.agreed)
    }
}
