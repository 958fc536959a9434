//! GET_DIGESTS.

use spdm_codec::CapabilityFlags;

use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};

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

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = ask.require(CapabilityFlags::CERT_CAP, "CERT_CAP")?;
        ask.encode(&spdm_codec::GetDigests, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        env.accept(answer, None)?;
        Ok(Next::Done)
    }

    fn finish(self, _: &ErrorCell) -> Result<(), &Error> {
        Ok(())
    }
}
