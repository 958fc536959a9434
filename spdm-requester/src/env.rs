//! What an operation works with: [`Ask`] while it makes a request, [`Env`] while it is answered.

use spdm_codec::{
    CapabilityFlags, EncodeError, Message, REQUESTER_CONTEXT_LEN, RecordBinding, RequesterContext,
    SpdmVersion, TransferSizes,
};
use spdm_crypto::{HashBank, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::config::Offer;
use crate::connection::Connection;
#[cfg(feature = "mutual-auth")]
use crate::encapsulation::Encapsulation;
use crate::error::{Buffer, Error};
use crate::error_cell::ErrorCell;
#[cfg(feature = "mutual-auth")]
use crate::local_identity::LocalIdentity;
use crate::negotiated::Negotiated;
use crate::session::{SessionBank, SessionHandle};
use crate::sink::{Exchange, Sink};
use crate::transcript::Crypto;

/// What an operation may look at while it makes a request.
#[expect(unnameable_types, reason = "sealed")]
#[derive(Clone, Copy, Debug)]
pub struct Ask<'q, 'f> {
    pub(crate) connection: &'q Connection,
    pub(crate) provider: &'q Provider,
    pub(crate) offer: &'q Offer,
    /// The largest response that comes in one message, in bytes, without padding.
    pub(crate) room: usize,
    /// What the Requester receives, from 1.2 on.
    pub(crate) sizes: TransferSizes,
    /// Bytes of the message buffer.
    pub(crate) message_len: usize,
    pub(crate) sessions: Option<&'q (dyn SessionBank + 'static)>,
    /// How the transport carries records.
    pub(crate) records: Option<RecordBinding>,
    pub(crate) errors: &'f ErrorCell,
}

impl<'q, 'f> Ask<'q, 'f> {
    /// What was agreed on.
    pub(crate) fn agreed(&self) -> Result<&'q Negotiated, &'f Error> {
        self.connection.negotiated().ok_or_else(|| self.errors.unfinished())
    }

    /// What was agreed on, where the Responder has all of `flags`; `name` is what the error calls them.
    pub(crate) fn require(
        &self,
        flags: CapabilityFlags,
        name: &'static str,
    ) -> Result<&'q Negotiated, &'f Error> {
        let agreed = self.agreed()?;
        agreed.require(flags, name).map_err(|error| self.errors.incompatible(error))?;
        Ok(agreed)
    }

    /// Encodes a request.
    pub(crate) fn encode<'m>(
        &self,
        message: &impl Message<'m>,
        version: SpdmVersion,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let room = out.len();
        message.encode(version, out).map_err(|error| self.encode_error(&error, room))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn encode_error(&self, error: &EncodeError, room: usize) -> &'f Error {
        let EncodeError::BufferTooSmall { needed } = *error else {
            return self.errors.stop(*error);
        };
        // What is not `room` is kept for the response.
        let needed = self.message_len.saturating_sub(room).saturating_add(needed);
        let (buffer, len) = (Buffer::Message, self.message_len);
        self.errors.stop(Error::BufferTooSmall { buffer, needed, len })
    }

    /// Requester context, from 1.3 on: random.
    pub(crate) fn context(
        &self,
        version: SpdmVersion,
    ) -> Result<Option<RequesterContext>, &'f Error> {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => Ok(None),
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => {
                let mut context = [0; REQUESTER_CONTEXT_LEN];
                fill(self.provider, self.errors, &mut context)?;
                Ok(Some(RequesterContext(context)))
            }
        }
    }
}

/// Random bytes.
pub(crate) fn fill<'f>(
    provider: &Provider,
    errors: &'f ErrorCell,
    bytes: &mut [u8],
) -> Result<(), &'f Error> {
    provider.random.fill(bytes).map_err(|_| errors.stop(Error::Random))
}

/// What an operation has at hand while it takes an answer: the connection that checks it, and what that needs.
#[expect(unnameable_types, reason = "sealed")]
#[expect(missing_debug_implementations, reason = "sealed")]
pub struct Env<'x, 'f> {
    pub(crate) connection: &'x mut Connection,
    pub(crate) provider: &'x Provider,
    pub(crate) hashes: &'x mut dyn HashBank,
    pub(crate) sessions: Option<&'x mut (dyn SessionBank + 'static)>,
    pub(crate) sink: Option<&'x mut (dyn Sink + Send + 'x)>,
    pub(crate) errors: &'f ErrorCell,
    #[cfg(feature = "mutual-auth")]
    pub(crate) identity: Option<&'x LocalIdentity<'x>>,
    #[cfg(feature = "mutual-auth")]
    pub(crate) encapsulation: &'x mut Encapsulation,
}

impl<'f> Env<'_, 'f> {
    /// What was agreed on.
    pub(crate) fn agreed(&self) -> Result<&Negotiated, &'f Error> {
        self.connection.negotiated().ok_or_else(|| self.errors.unfinished())
    }

    /// Messages travel in this session from now on.
    pub(crate) const fn enter(&mut self, session: SessionHandle) {
        self.connection.enter(session, 0);
    }

    /// Has the connection check an answer and accept it, and shows both to the sink.
    #[inline(never)]
    pub(crate) fn accept<'r, 'c>(
        &mut self,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        self.accept_by(answer, |connection, errors, crypto| {
            connection.accept_answer(errors, crypto, answer, identity)
        })
    }

    /// [`Self::accept`] by checks of the caller's.
    pub(crate) fn accept_by<'r, 'c>(
        &mut self,
        answer: &Answer<'_, 'r>,
        check: impl FnOnce(
            &mut Connection,
            &'f ErrorCell,
            &mut Crypto<'_>,
        ) -> Result<Accepted<'r, 'c>, &'f Error>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let mut crypto = Crypto { provider: self.provider, hashes: self.hashes };
        let result = check(self.connection, self.errors, &mut crypto);
        if let Some(sink) = self.sink.as_deref_mut() {
            let Answer { request, response, .. } = *answer;
            let exchange = Exchange { request, response, session: self.connection.via() };
            match &result {
                Ok(verdict) => sink.accepted(exchange, verdict, self.connection),
                Err(error) => sink.rejected(exchange, error),
            }
        }
        result
    }

    /// Shows the sink a response that is refused before the connection sees it.
    pub(crate) fn reject(&mut self, request: &[u8], response: Untrusted<&[u8]>, error: &Error) {
        if let Some(sink) = self.sink.as_deref_mut() {
            let session = self.connection.via();
            sink.rejected(Exchange { request, response, session }, error);
        }
    }
}
