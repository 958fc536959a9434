//! GET_DIGESTS and GET_CERTIFICATE, until a chain is complete.

use core::mem;

use spdm_codec::{
    CapabilityFlags, CertificateForm, CertificateRequest, GetCertificate, Message, SlotId,
    SpdmVersion,
};
use spdm_crypto::{Digest, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext};

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
    /// How the chain is to be read, once it is complete.
    context: Option<ChainContext>,
    chain: Option<Chain<'c>>,
}

impl<'c> FetchChain<'c> {
    pub(crate) const fn new(agreed: Negotiated, slot: SlotId, buffer: &'c mut [u8]) -> Self {
        Self { agreed, slot, buffer, have: 0, remainder: None, context: None, chain: None }
    }

    pub(super) const fn slot(&self) -> SlotId {
        self.slot
    }

    /// The buffer, for another chain.
    pub(super) fn into_buffer(self) -> &'c mut [u8] {
        self.buffer
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

    /// Takes the next portion; afterwards [`Self::look`] and [`Self::into_chain`] can read the chain.
    pub(super) fn collect(
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
        self.context = Some(self.agreed.chain_context(self.slot, message.model)?);
        Ok(Next::Done)
    }

    /// Reads the chain, and leaves the buffer where it is.
    pub(super) fn look(&self, judge: &Judge<'_>) -> Result<Chain<'_>, Error> {
        let context = self.context.ok_or_else(unfinished)?;
        read(self.buffer.get(..self.have).unwrap_or_default(), context, judge)
    }

    /// Reads the chain; the buffer is not written again.
    pub(super) fn into_chain(self, judge: &Judge<'_>) -> Result<Chain<'c>, Error> {
        let context = self.context.ok_or_else(unfinished)?;
        read(self.buffer.get(..self.have).unwrap_or_default(), context, judge)
    }
}

/// Reads a chain, which has to be the one that DIGESTS announced. It is hashed once.
fn read<'b>(bytes: &'b [u8], context: ChainContext, judge: &Judge<'_>) -> Result<Chain<'b>, Error> {
    let Judge { connection, provider, .. } = judge;
    match Chain::parse(Untrusted::new(bytes), context, provider) {
        Ok(chain) => {
            connection.check_chain_digest(context.slot, chain.digest())?;
            Ok(chain)
        }
        Err(error) => {
            // Another chain than announced comes before one that cannot be read.
            let digest = digest(bytes, context, provider)?;
            connection.check_chain_digest(context.slot, &digest)?;
            Err(error.into())
        }
    }
}

fn digest(bytes: &[u8], context: ChainContext, provider: &Provider) -> Result<Digest, Error> {
    let digest = provider.hash.digest(context.hash, &[bytes]);
    digest.map_err(|error| Error::Hash(error.into()))
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
        let next = self.collect(judge, request, response)?;
        if next == Next::Done {
            let empty = Self::new(self.agreed, self.slot, &mut []);
            self.chain = Some(mem::replace(self, empty).into_chain(judge)?);
        }
        Ok(next)
    }

    fn finish(self) -> Result<(Negotiated, Chain<'c>), Error> {
        Ok((self.agreed, self.chain.ok_or_else(unfinished)?))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        Some(self.agreed)
    }
}
