//! GET_DIGESTS and GET_CERTIFICATE, until a chain is complete.

use core::mem;

use spdm_codec::{
    CapabilityFlags, CertificateForm, CertificateModel, CertificateRequest, GetCertificate,
    Message, SlotId, SpdmVersion,
};
use spdm_untrusted::Untrusted;
use spdm_x509::Chain;

use super::unfinished;
use crate::connection::Verdict;
use crate::error::{Buffer, Error, Incompatible};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};

/// The chain of a slot: see [`Requester::fetch_chain`](crate::Requester::fetch_chain).
#[derive(Debug)]
pub struct FetchChain<'c> {
    agreed: Negotiated,
    slot: SlotId,
    buffer: &'c mut [u8],
    have: usize,
    /// `RemainderLength` of the last portion.
    remainder: Option<u32>,
    chain: Option<Chain<'c>>,
}

impl<'c> FetchChain<'c> {
    pub(crate) const fn new(agreed: Negotiated, slot: SlotId, buffer: &'c mut [u8]) -> Self {
        Self { agreed, slot, buffer, have: 0, remainder: None, chain: None }
    }

    fn form(&self) -> CertificateForm {
        let large = CapabilityFlags::LARGE_RESP_CAP;
        let both = self.agreed.requester.flags & self.agreed.responder.flags;
        if self.agreed.version >= SpdmVersion::V1_4 && both.contains(large) {
            CertificateForm::Large
        } else {
            CertificateForm::Normal
        }
    }

    fn portion(&mut self, bytes: &[u8], remainder: u32) -> Result<(), Error> {
        let end = self.have.saturating_add(bytes.len());
        let needed = end.saturating_add(usize::try_from(remainder).unwrap_or(usize::MAX));
        let len = self.buffer.len();
        if needed > len {
            return Err(Error::BufferTooSmall { buffer: Buffer::Chain, needed, len });
        }
        self.buffer.get_mut(self.have..end).unwrap_or_default().copy_from_slice(bytes);
        self.have = end;
        self.remainder = Some(remainder);
        Ok(())
    }

    fn complete(&mut self, judge: &Judge<'_>, model: CertificateModel) -> Result<(), Error> {
        // The buffer is not written again: what was `&mut` is `&` from here on.
        let bytes: &'c [u8] = mem::take(&mut self.buffer).get(..self.have).unwrap_or_default();
        let digest = judge
            .provider
            .hash
            .digest(self.agreed.hash()?, &[bytes])
            .map_err(|error| Error::Hash(error.into()))?;
        judge.connection.check_chain_digest(self.slot, &digest)?;
        let context = self.agreed.chain_context(self.slot, model)?;
        self.chain = Some(Chain::parse(Untrusted::new(bytes), context, judge.provider)?);
        Ok(())
    }
}

impl<'c> sealed::Operation for FetchChain<'c> {
    type Phase = Negotiated;
    type Output = Chain<'c>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        self.agreed.require(CapabilityFlags::CERT_CAP, "CERT_CAP")?;
        if ask.connection.slot_digest(self.slot).is_none() {
            if ask.connection.provisioned_slots().next().is_some() {
                return Err(Incompatible::SlotEmpty { slot: self.slot.get() }.into());
            }
            return Ok(spdm_codec::GetDigests.encode(self.agreed.version, out)?);
        }
        let form = self.form();
        let header = match form {
            CertificateForm::Normal => 8,
            CertificateForm::Large => 16,
        };
        let most = u32::try_from(ask.room.saturating_sub(header)).unwrap_or(u32::MAX);
        let most = most.min(ask.offer.certificate_length.max(1));
        let length = most.min(form.max_len()).min(self.remainder.unwrap_or(u32::MAX));
        let offset = u32::try_from(self.have).unwrap_or(u32::MAX);
        let request = CertificateRequest::Portion;
        let message = GetCertificate { slot: self.slot, request, form, offset, length };
        Ok(message.encode(self.agreed.version, out)?)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        let Verdict::Certificate { message, .. } = judge.accept(request, response, None)? else {
            return match judge.connection.slot_digest(self.slot) {
                Some(_) => Ok(Next::Again),
                None => Err(Incompatible::SlotEmpty { slot: self.slot.get() }.into()),
            };
        };
        self.portion(message.portion, message.remainder)?;
        if message.remainder > 0 {
            return Ok(Next::Again);
        }
        self.complete(judge, message.model)?;
        Ok(Next::Done)
    }

    fn finish(self) -> Result<(Negotiated, Chain<'c>), Error> {
        Ok((self.agreed, self.chain.ok_or_else(unfinished)?))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        Some(self.agreed)
    }
}
