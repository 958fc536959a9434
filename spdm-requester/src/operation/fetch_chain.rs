//! GET_DIGESTS and GET_CERTIFICATE, until a chain is complete.

use core::mem;

use spdm_codec::{
    CapabilityFlags, CertificateForm, CertificateRequest, GetCertificate, SlotId, SpdmVersion,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    CertificateSpace, Chain, ChainContext, ChainError, ContentAppraisal, ParsedChain, Policy,
    VerifiedLinks,
};

use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Incompatible};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

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

    /// A complete chain, and what is left of the buffer behind it.
    pub(super) fn split(mut self) -> (Self, &'c mut [u8]) {
        let buffer = mem::take(&mut self.buffer);
        // `have` bytes were put into the buffer, so it has them.
        let (chain, rest) = buffer.split_at_mut_checked(self.have).unwrap_or_default();
        self.buffer = chain;
        (self, rest)
    }

    pub(super) fn request<'f>(
        &self,
        ask: &Ask<'_, 'f>,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let agreed = ask.require(CapabilityFlags::CERT_CAP, "CERT_CAP")?;
        if ask.connection.slot_digest(self.slot).is_none() {
            if ask.connection.provisioned_slots().next().is_some() {
                return Err(empty(ask.errors, self.slot));
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

    fn append<'f>(
        &mut self,
        errors: &'f ErrorCell,
        bytes: &[u8],
        remainder: u32,
    ) -> Result<(), &'f Error> {
        let end = self.have.saturating_add(bytes.len());
        let needed = end.saturating_add(usize::try_from(remainder).unwrap_or(usize::MAX));
        let (buffer, len) = (Buffer::Chain, self.buffer.len());
        if needed > len {
            return Err(errors.stop(Error::BufferTooSmall { buffer, needed, len }));
        }
        self.buffer.get_mut(self.have..end).unwrap_or_default().copy_from_slice(bytes);
        self.have = end;
        self.remainder = Some(remainder);
        Ok(())
    }

    /// Takes the next portion; afterwards [`Self::look`] and [`Self::into_judged`] can read the chain.
    pub(super) fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let Accepted::Certificate { message, .. } = env.accept(answer, None)? else {
            return match env.connection.slot_digest(self.slot) {
                Some(_) => Ok(Next::Again),
                None => Err(empty(env.errors, self.slot)),
            };
        };
        self.append(env.errors, message.portion, message.remainder)?;
        if message.remainder > 0 {
            return Ok(Next::Again);
        }
        let context = env.agreed()?.chain_context(self.slot, message.model);
        self.context = Some(context.map_err(|error| env.errors.incompatible(error))?);
        Ok(Next::Done)
    }

    /// Reads and judges the chain, and leaves the buffer where it is. The inner error is a chain that is refused,
    /// after which another slot can be tried; the outer one ends the operation.
    pub(super) fn look<'f, 'b: 't, 't>(
        &'b self,
        env: &Env<'_, 'f>,
        policy: Option<&'t Policy<'t>>,
    ) -> Result<Result<Judged<'b, 't>, ChainError>, &'f Error> {
        let bytes = self.buffer.get(..self.have).unwrap_or_default();
        judge(bytes, self.context, policy, None, env)
    }

    /// Reads and judges the chain; the buffer is not written again. Signatures that `links` show are not verified.
    pub(super) fn into_judged<'f, 't>(
        self,
        env: &Env<'_, 'f>,
        policy: Option<&'t Policy<'t>>,
        links: Option<&VerifiedLinks>,
    ) -> Result<Result<Judged<'c, 't>, ChainError>, &'f Error>
    where
        'c: 't,
    {
        let bytes = self.buffer.get(..self.have).unwrap_or_default();
        judge(bytes, self.context, policy, links, env)
    }

    /// Reads the chain; no policy judges it.
    pub(super) fn into_chain<'f>(self, env: &Env<'_, 'f>) -> Result<Chain<'c>, &'f Error> {
        match self.into_judged(env, None, None)? {
            Ok(judged) => Ok(judged.chain),
            Err(error) => Err(env.errors.stop(error)),
        }
    }
}

/// A chain that was read, and what a policy, where there is one, says of all but its signatures.
pub(super) struct Judged<'c, 't> {
    pub(super) chain: Chain<'c>,
    pub(super) contents: Option<ContentAppraisal<'c, 't>>,
}

/// Reads and judges a chain. What is read of the certificates is on the stack here, and not any more while their
/// signatures are verified.
#[inline(never)]
fn judge<'f, 'b: 't, 't>(
    bytes: &'b [u8],
    context: Option<ChainContext>,
    policy: Option<&'t Policy<'t>>,
    links: Option<&VerifiedLinks>,
    env: &Env<'_, 'f>,
) -> Result<Result<Judged<'b, 't>, ChainError>, &'f Error> {
    let space = &mut CertificateSpace::new();
    let read = read(bytes, context, env, space)?;
    Ok(read.map(|parsed| Judged {
        chain: *parsed.chain(),
        contents: policy.map(|policy| parsed.appraise_contents(policy, links)),
    }))
}

fn empty(errors: &ErrorCell, slot: SlotId) -> &Error {
    errors.incompatible(Incompatible::SlotEmpty { slot: slot.get() })
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

/// Reads a chain, which has to be the one that DIGESTS announced. It is hashed once. The inner error is what is
/// wrong with the announced chain.
#[inline(never)]
fn read<'f, 'k, 'b>(
    bytes: &'b [u8],
    context: Option<ChainContext>,
    env: &Env<'_, 'f>,
    space: &'k mut CertificateSpace<'b>,
) -> Result<Result<ParsedChain<'k, 'b>, ChainError>, &'f Error> {
    let Env { connection, provider, errors, .. } = env;
    let context = context.ok_or_else(|| errors.unfinished())?;
    match ParsedChain::parse(Untrusted::new(bytes), context, provider, space) {
        Ok(chain) => {
            connection.is_announced(errors, context.slot, chain.chain().digest())?;
            Ok(Ok(chain))
        }
        Err(error) => {
            // Another chain than announced comes before one that cannot be read.
            let digest = provider.hash.digest(context.hash, &[bytes]);
            let digest = digest.map_err(|error| errors.stop(Error::Hash(error.into())))?;
            connection.is_announced(errors, context.slot, &digest)?;
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

impl<'a> Requester<'a, Negotiated> {
    /// The chain of a slot, into the lent buffer: GET_DIGESTS, unless its answer is known, and
    /// GET_CERTIFICATE in the largest portions that fit. The chain must have the announced digest.
    #[must_use]
    pub fn fetch_chain<'c>(self, slot: SlotId, buffer: &'c mut [u8]) -> Flow<'a, FetchChain<'c>> {
        Flow::new(self.core, FetchChain::new(slot, buffer))
    }
}

impl<'c> sealed::Operation for FetchChain<'c> {
    type Phase = Negotiated;
    type Output = Chain<'c>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        self.portions.request(ask, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let next = self.portions.answered(env, answer)?;
        if next == Next::Done {
            let empty = Portions::new(self.portions.slot, &mut []);
            let portions = mem::replace(&mut self.portions, empty);
            self.chain = Some(portions.into_chain(env)?);
        }
        Ok(next)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Chain<'c>, &'f Error> {
        self.chain.ok_or_else(|| errors.unfinished())
    }
}
