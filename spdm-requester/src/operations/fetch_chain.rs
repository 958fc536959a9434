//! GET_DIGESTS and GET_CERTIFICATE, until a chain is complete.

use core::mem;

use spdm_codec::{
    CapabilityFlags, CertificateForm, CertificateRequest, GetCertificate, SlotId, SpdmVersion,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext, ChainError, ParsedChain};

use crate::connection::Verdict;
use crate::error::{Buffer, Error, Incompatible};
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};

/// A chain while its portions arrive.
#[derive(Debug)]
pub(super) struct Portions<'c> {
    slot: SlotId,
    buffer: &'c mut [u8],
    have: usize,
    /// `RemainderLength` of the last portion.
    remainder: Option<u32>,
    /// How the chain is to be read, once it is complete.
    context: Option<ChainContext>,
}

impl<'c> Portions<'c> {
    pub(super) const fn new(slot: SlotId, buffer: &'c mut [u8]) -> Self {
        Self { slot, buffer, have: 0, remainder: None, context: None }
    }

    pub(super) const fn slot(&self) -> SlotId {
        self.slot
    }

    /// The buffer, for another chain.
    pub(super) fn into_buffer(self) -> &'c mut [u8] {
        self.buffer
    }

    pub(super) fn request(&self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        let agreed = ask.require(CapabilityFlags::CERT_CAP, "CERT_CAP")?;
        if ask.connection.slot_digest(self.slot).is_none() {
            if ask.connection.provisioned_slots().next().is_some() {
                return Err(empty(ask.fault(), self.slot));
            }
            return ask.encode(&spdm_codec::GetDigests, agreed.version, out);
        }
        let form = form(agreed);
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
        ask.encode(&message, agreed.version, out)
    }

    fn append(&mut self, fault: &Fault, bytes: &[u8], remainder: u32) -> Result<(), Stop> {
        let end = self.have.saturating_add(bytes.len());
        let needed = end.saturating_add(usize::try_from(remainder).unwrap_or(usize::MAX));
        let (buffer, len) = (Buffer::Chain, self.buffer.len());
        if needed > len {
            return Err(fault.stop(Error::BufferTooSmall { buffer, needed, len }));
        }
        self.buffer.get_mut(self.have..end).unwrap_or_default().copy_from_slice(bytes);
        self.have = end;
        self.remainder = Some(remainder);
        Ok(())
    }

    /// Takes the next portion; afterwards [`Self::look`] and [`Self::into_chain`] can read the chain.
    pub(super) fn answered(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        let Verdict::Certificate { message, .. } = judge.accept(request, response, None)? else {
            return match judge.connection.slot_digest(self.slot) {
                Some(_) => Ok(Next::Again),
                None => Err(empty(judge.fault(), self.slot)),
            };
        };
        self.append(judge.fault(), message.portion, message.remainder)?;
        if message.remainder > 0 {
            return Ok(Next::Again);
        }
        let context = judge.agreed()?.chain_context(self.slot, message.model);
        self.context = Some(context.map_err(|error| judge.fault().incompatible(error))?);
        Ok(Next::Done)
    }

    /// Reads the chain, and leaves the buffer where it is. The inner error is why a chain cannot be read that is the
    /// one that DIGESTS announced.
    pub(super) fn look(
        &self,
        judge: &Judge<'_>,
    ) -> Result<Result<ParsedChain<'_>, ChainError>, Stop> {
        read(self.buffer.get(..self.have).unwrap_or_default(), self.context, judge)
    }

    /// Reads the chain; the buffer is not written again.
    pub(super) fn into_chain(self, judge: &Judge<'_>) -> Result<ParsedChain<'c>, Stop> {
        let chain = read(self.buffer.get(..self.have).unwrap_or_default(), self.context, judge)?;
        chain.map_err(|error| judge.fault().stop(error))
    }
}

fn empty(fault: &Fault, slot: SlotId) -> Stop {
    fault.incompatible(Incompatible::SlotEmpty { slot: slot.get() })
}

fn form(agreed: &Negotiated) -> CertificateForm {
    let large = CapabilityFlags::LARGE_RESP_CAP;
    let both = agreed.requester.flags & agreed.responder.flags;
    if agreed.version >= SpdmVersion::V1_4 && both.contains(large) {
        CertificateForm::Large
    } else {
        CertificateForm::Normal
    }
}

/// Reads a chain, which has to be the one that DIGESTS announced. It is hashed once.
#[inline(never)]
fn read<'b>(
    bytes: &'b [u8],
    context: Option<ChainContext>,
    judge: &Judge<'_>,
) -> Result<Result<ParsedChain<'b>, ChainError>, Stop> {
    let Judge { connection, provider, .. } = judge;
    let fault = &connection.fault;
    let context = context.ok_or_else(|| fault.unfinished())?;
    match ParsedChain::parse(Untrusted::new(bytes), context, provider) {
        Ok(chain) => {
            connection.is_announced(fault, context.slot, chain.chain().digest())?;
            Ok(Ok(chain))
        }
        Err(error) => {
            // Another chain than announced comes before one that cannot be read.
            let digest = provider.hash.digest(context.hash, &[bytes]);
            let digest = digest.map_err(|error| fault.stop(Error::Hash(error.into())))?;
            connection.is_announced(fault, context.slot, &digest)?;
            Ok(Err(error))
        }
    }
}

/// The chain of a slot: see [`Requester::fetch_chain`](crate::Requester::fetch_chain).
#[derive(Debug)]
pub struct FetchChain<'c> {
    portions: Portions<'c>,
    chain: Option<Chain<'c>>,
}

impl<'c> FetchChain<'c> {
    pub(crate) const fn new(slot: SlotId, buffer: &'c mut [u8]) -> Self {
        Self { portions: Portions::new(slot, buffer), chain: None }
    }
}

impl<'c> sealed::Operation for FetchChain<'c> {
    type Phase = Negotiated;
    type Output = Chain<'c>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop> {
        self.portions.request(ask, out)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Stop> {
        let next = self.portions.answered(judge, request, response)?;
        if next == Next::Done {
            let empty = Portions::new(self.portions.slot, &mut []);
            let portions = mem::replace(&mut self.portions, empty);
            self.chain = Some(*portions.into_chain(judge)?.chain());
        }
        Ok(next)
    }

    fn finish(self, fault: &Fault) -> Result<Chain<'c>, Stop> {
        self.chain.ok_or_else(|| fault.unfinished())
    }
}
