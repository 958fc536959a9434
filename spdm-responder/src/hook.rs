//! Where others look into a responder, and change what it does.

use core::fmt;

use spdm_codec::{Code, Cx, KeySlot, SpdmVersion};
use spdm_crypto::{Digest, HashBank, HashError, SignError, SignedMessage, SigningContext};

use crate::agreement::{Peer, Suite};
use crate::device::Device;
use crate::draft::Draft;
use crate::transcript;

/// What a hook is told of the message that is being answered.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct About {
    /// `RequestResponseCode` of the request.
    pub code: Code,
    /// How the request came to be looked at.
    pub arrival: Arrival,
    /// What the device's own messages can be decoded with.
    pub cx: Cx,
    /// The session that the request came in.
    pub session: Option<u32>,
    /// What was settled with CAPABILITIES.
    pub peer: Option<Peer>,
    /// The algorithms that ALGORITHMS selected, where signatures were negotiated.
    pub suite: Option<Suite>,
}

impl About {
    pub(crate) const fn new(
        code: Code,
        arrival: Arrival,
        cx: Cx,
        session: Option<u32>,
        peer: Option<Peer>,
        suite: Option<Suite>,
    ) -> Self {
        Self { code, arrival, cx, session, peer, suite }
    }
}

/// How a request came to be looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no other way")]
pub enum Arrival {
    /// It is the message that was received.
    Received,
    /// It was put together out of chunks.
    Reassembled,
    /// RESPOND_IF_READY asked after it.
    AskedAfter,
}

/// What is to happen to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Before {
    /// It is handled.
    Handle,
    /// It is not looked at: the draft is the answer.
    Answer,
    /// It is not answered.
    Silence,
    /// The draft is an ERROR that puts the Requester off: RESPOND_IF_READY with this token has it handled, or
    /// shown to the hook again.
    Later {
        /// `Token` of RESPOND_IF_READY.
        token: u8,
    },
    /// The draft is the answer, and the connection is gone.
    Reset,
}

/// Where a test or an emulator takes part in what a responder does: no handler knows of it. By default nothing changes.
///
/// A device whose keys are slow uses it, too: [`Before::Later`] is ResponseNotReady.
pub trait Hook: fmt::Debug {
    /// A request came, whole or, with the codes of the chunk messages, in parts.
    fn before(&mut self, about: &About, request: &[u8], answer: &mut Draft<'_>) -> Before {
        let _ = (about, request, answer);
        Before::Handle
    }

    /// The answer is complete but for its signature; nothing of it is in a transcript yet.
    fn compose(&mut self, about: &About, request: &[u8], answer: &mut Draft<'_>) {
        let _ = (about, request, answer);
    }

    /// An answer is to be signed into `out`; the length of the signature in bytes.
    ///
    /// # Errors
    /// [`SignError`].
    fn sign(
        &mut self,
        about: &About,
        signing: &mut Signing<'_>,
        device: &mut dyn Device,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        let _ = about;
        signing.sign(device, out)
    }

    /// The answer is about to leave; transcripts have the original. Chunk messages come here with their own code,
    /// the answer that they carry before with its own.
    fn leave(&mut self, about: &About, answer: &mut Draft<'_>) {
        let _ = (about, answer);
    }
}

/// The hook that changes nothing.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit")]
pub struct NoHook;

impl Hook for NoHook {}

/// An answer that is to be signed.
#[derive(Debug)]
pub struct Signing<'s> {
    pub(crate) hashes: &'s mut (dyn HashBank + 'static),
    pub(crate) place: usize,
    pub(crate) context: SigningContext,
    pub(crate) version: SpdmVersion,
    pub(crate) slot: KeySlot,
    pub(crate) suite: Suite,
    pub(crate) request: &'s [u8],
    pub(crate) answer: &'s [u8],
}

impl Signing<'_> {
    /// Which message is signed.
    #[must_use]
    pub const fn context(&self) -> SigningContext {
        self.context
    }

    /// The version of the connection.
    #[must_use]
    pub const fn version(&self) -> SpdmVersion {
        self.version
    }

    /// Whose key signs.
    #[must_use]
    pub const fn slot(&self) -> KeySlot {
        self.slot
    }

    /// The algorithms.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The request, without padding.
    #[must_use]
    pub const fn request(&self) -> &[u8] {
        self.request
    }

    /// The answer up to its signature.
    #[must_use]
    pub const fn answer(&self) -> &[u8] {
        self.answer
    }

    /// The digest of the transcript that ends with another request in place of [`Self::request`].
    ///
    /// # Errors
    /// [`HashError`] where too few hashes were lent.
    pub fn digest_after(&mut self, request: &[u8]) -> Result<Digest, HashError> {
        transcript::digest(self.hashes, self.place, &[request, self.answer])
    }

    /// Signs the transcript with the device's key into `out`; the length in bytes.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&mut self, device: &mut dyn Device, out: &mut [u8]) -> Result<usize, SignError> {
        let digest = self.digest_after(self.request).map_err(|_| SignError::Failed)?;
        let message = SignedMessage::new(self.version, self.context, digest);
        device.sign(self.slot, &self.suite, &message, out)
    }
}
