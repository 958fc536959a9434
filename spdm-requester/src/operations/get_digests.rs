//! GET_DIGESTS.

use spdm_codec::CapabilityFlags;
use spdm_untrusted::Untrusted;

use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};

/// The digests of all slots: see [`Requester::get_digests`](crate::Requester::get_digests).
#[derive(Debug)]
pub struct GetDigests(());

impl GetDigests {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl sealed::Operation for GetDigests {
    type Phase = Negotiated;
    type Output = ();

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        let agreed = ask.require(CapabilityFlags::CERT_CAP, "CERT_CAP")?;
        ask.encode(&spdm_codec::GetDigests, agreed.version, out)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        judge.accept(request, response, None)?;
        Ok(Next::Done)
    }

    fn finish(self, _: &Fault) -> Result<(), Stop> {
        Ok(())
    }
}
