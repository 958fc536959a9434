//! GET_DIGESTS.

use spdm_codec::CapabilityFlags;

use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

/// The digests of all slots: see [`Requester::get_digests`](crate::Requester::get_digests).
#[derive(Debug)]
pub struct FetchDigests(());

impl FetchDigests {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl<'a> Requester<'a, Negotiated> {
    /// GET_DIGESTS: afterwards [`Connection::provisioned_slots`](crate::Connection::provisioned_slots) knows the slots.
    #[must_use]
    pub fn get_digests(self) -> Flow<'a, FetchDigests> {
        Flow::new(self.core, FetchDigests::new())
    }
}

impl sealed::Operation for FetchDigests {
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

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<(), &'f Error> {
        Ok(())
    }
}
