//! One request and its answer: what a handler works with.

use spdm_codec::{Cx, Decoded, KeySlot, Message, NONCE_LEN, ResponderNonce, SpdmVersion};
use spdm_crypto::{HashBank, Provider, SigningContext};
use spdm_untrusted::Untrusted;

use crate::agreement::{Agreement, Peer};
use crate::config::{Config, DOUBLEWORD_PADDING};
use crate::device::Device;
use crate::draft::Draft;
use crate::hook::{About, Hook, Signing};
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::SessionSlot;
use crate::transcript;

/// What the handler of one request works with.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    pub(crate) provider: &'t Provider,
    pub(crate) config: &'t Config<'t>,
    pub(crate) device: &'t mut dyn Device,
    pub(crate) hook: &'t mut dyn Hook,
    pub(crate) hashes: &'t mut (dyn HashBank + 'static),
    pub(crate) sessions: &'t mut [SessionSlot],
    /// Where the request came.
    pub(crate) scope: Scope,
    /// The session that a FINISH in the clear belongs to.
    pub(crate) clear_handshake: Option<usize>,
    pub(crate) about: About,
    /// As it was received.
    pub(crate) request: &'t [u8],
}

impl<'t> Turn<'t> {
    /// The request, and its bytes without what a transport appended.
    pub(crate) fn decode<M: Message<'t>>(
        &self,
        version: SpdmVersion,
    ) -> Result<Decoded<'t, M>, Refusal> {
        self.decode_with(Cx::new(version))
    }

    /// [`Self::decode`] of a request that depends on what was negotiated. In a session nothing is appended.
    pub(crate) fn decode_with<M: Message<'t>>(&self, cx: Cx) -> Result<Decoded<'t, M>, Refusal> {
        decode_padded(self.padding(), self.request, cx)
    }

    /// What a transport may have appended.
    pub(crate) const fn padding(&self) -> usize {
        match self.scope {
            Scope::Plain => self.config.padding,
            Scope::Session(_) => 0,
        }
    }

    /// The session that the request came in.
    pub(crate) fn session_id(&self) -> Option<u32> {
        match self.scope {
            Scope::Plain => None,
            Scope::Session(index) => self.sessions.get(index).and_then(SessionSlot::session_id),
        }
    }

    /// The largest response of which the Requester gets no more than fits, in bytes.
    pub(crate) fn portion_room(&self, peer: &Peer, answer: &Draft<'_>) -> usize {
        let sizes = self.config.sizes;
        let own = if peer.chunks() { sizes.max_spdm_msg_size } else { sizes.data_transfer_size };
        let own = usize::try_from(own).unwrap_or(usize::MAX);
        own.min(peer.most()).min(answer.capacity())
    }

    pub(crate) fn is_established(&self, index: usize) -> bool {
        self.sessions.get(index).is_some_and(SessionSlot::is_established)
    }

    /// Where L1 is.
    pub(crate) const fn l1(&self) -> usize {
        match self.scope {
            Scope::Plain => transcript::L1,
            Scope::Session(index) => transcript::session_l1(index),
        }
    }

    /// Shows the answer to the hook, complete but for its signature; `cx` is what it can be decoded with.
    pub(crate) fn compose(&mut self, cx: Cx, answer: &mut Draft<'_>) {
        self.about.cx = cx;
        self.hook.compose(&self.about, self.request, answer);
    }

    /// A nonce that was not there before.
    pub(crate) fn nonce(&mut self) -> Result<ResponderNonce, Refusal> {
        let mut nonce = [0; NONCE_LEN];
        self.device.random(&mut nonce)?;
        Ok(ResponderNonce(nonce))
    }

    /// Appends the signature of the transcript at `place` that ends with `request` and the answer so far.
    pub(crate) fn sign(
        &mut self,
        agreement: &Agreement,
        context: SigningContext,
        slot: KeySlot,
        place: usize,
        request: &[u8],
        answer: &mut Draft<'_>,
    ) -> Result<(), Refusal> {
        let (written, spare) = answer.parts();
        let mut signing = Signing {
            hashes: self.hashes,
            place,
            context,
            version: agreement.peer.version,
            slot,
            suite: agreement.suite()?,
            request,
            answer: written,
        };
        let len = self.hook.sign(&self.about, &mut signing, self.device, spare)?;
        answer.advance(len);
        agreement.peer.check_size(answer.len())
    }

    /// Empties B, also where a request in a session does: what is said in sessions never enters it.
    pub(crate) fn reset_b(&mut self, agreement: &Agreement) -> Result<(), Refusal> {
        match agreement.selection.hash {
            Some(_) => Ok(transcript::reset_b(self.hashes)?),
            None => Ok(()),
        }
    }

    /// Empties M of this scope.
    pub(crate) fn reset_m(&mut self, agreement: &Agreement) -> Result<(), Refusal> {
        let (version, place) = (agreement.peer.version, self.l1());
        match agreement.selection.hash {
            Some(hash) => Ok(transcript::begin_l1(self.hashes, version, hash, place)?),
            None => Ok(()),
        }
    }

    /// Adds an exchange to B.
    pub(crate) fn append_b(
        &mut self,
        agreement: &Agreement,
        request: &[u8],
        answer: &Draft<'_>,
    ) -> Result<(), Refusal> {
        match self.scope {
            Scope::Plain => self.append(agreement, transcript::M1, request, answer),
            Scope::Session(_) => Ok(()),
        }
    }

    /// Adds an exchange to M of this scope.
    pub(crate) fn append_m(
        &mut self,
        agreement: &Agreement,
        request: &[u8],
        answer: &Draft<'_>,
    ) -> Result<(), Refusal> {
        self.append(agreement, self.l1(), request, answer)
    }

    fn append(
        &mut self,
        agreement: &Agreement,
        place: usize,
        request: &[u8],
        answer: &Draft<'_>,
    ) -> Result<(), Refusal> {
        match agreement.selection.hash {
            Some(_) => Ok(transcript::append(self.hashes, place, &[request, answer.as_bytes()])?),
            None => Ok(()),
        }
    }
}

/// A message, and what a transport may have appended.
pub(crate) fn decode_padded<'a, M: Message<'a>>(
    padding: usize,
    message: &'a [u8],
    cx: Cx,
) -> Result<Decoded<'a, M>, Refusal> {
    let decoded = M::decode(Untrusted::new(message), &cx.with_padding(padding))?;
    let appended = message.get(decoded.bytes.len()..).unwrap_or_default();
    // Nobody says what fills up a doubleword; the rest of a drive's block is zeros.
    if padding > DOUBLEWORD_PADDING && appended.iter().any(|byte| *byte != 0) {
        return Err(Refusal::invalid());
    }
    Ok(decoded)
}
