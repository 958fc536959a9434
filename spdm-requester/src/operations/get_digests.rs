//! GET_DIGESTS.

use spdm_codec::{CapabilityFlags, Message};
use spdm_untrusted::Untrusted;

use crate::error::Error;
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};

/// The digests of all slots: see [`Requester::get_digests`](crate::Requester::get_digests).
#[derive(Debug)]
pub struct GetDigests {
    agreed: Negotiated,
}

impl GetDigests {
    pub(crate) const fn new(agreed: Negotiated) -> Self {
        Self { agreed }
    }
}

impl sealed::Operation for GetDigests {
    type Phase = Negotiated;
    type Output = ();

    fn request(&mut self, _: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        self.agreed.require(CapabilityFlags::CERT_CAP, "CERT_CAP")?;
        Ok(spdm_codec::GetDigests.encode(self.agreed.version, out)?)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        judge.accept(request, response, None)?;
        Ok(Next::Done)
    }

    fn finish(self) -> Result<(Negotiated, ()), Error> {
        Ok((self.agreed, ()))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        Some(self.agreed)
    }
}
