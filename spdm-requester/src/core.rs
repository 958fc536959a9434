//! What outlives a flow: the lent memory, and what the caller decided.

use core::fmt;
use core::ops::Range;

use spdm_codec::{
    CapabilityFlags, Chunk, Code, MIN_DATA_TRANSFER_SIZE, RecordBinding, RecordPrivacy,
    SpdmVersion, TransferSizes,
};
use spdm_crypto::{HashBank, Provider, RecordForm, TAG_LEN};
use spdm_transport::Limits;
use spdm_untrusted::Untrusted;

use crate::config::{Bounds, Offer, Timing};
use crate::connection::Connection;
#[cfg(feature = "mutual-auth")]
use crate::encapsulation::Encapsulation;
use crate::env::{Ask, Env};
use crate::error::{Bound, Buffer, Error, Incompatible};
use crate::error_cell::ErrorCell;
#[cfg(feature = "mutual-auth")]
use crate::local_identity::LocalIdentity;
use crate::session::{SessionBank, SessionHandle, SessionSlot};
use crate::sink::Sink;

/// Memory that a requester works in, lent by the caller.
#[non_exhaustive]
pub struct Storage<'a> {
    /// Holds one request and behind it one response, chunks put together. The larger, the fewer round trips a
    /// certificate chain takes; [`Offer::longest_request`] + 42 + 16 bytes are the least from 1.2 on, 4 KiB are
    /// comfortable, ML-DSA needs 8 KiB.
    pub message: &'a mut [u8],
    /// Running hashes: two places; with sessions one more, and one for each session.
    pub hashes: &'a mut (dyn HashBank + 'static),
    /// What is known of the connection: two kilobytes, lent so that a requester is small where it is moved from
    /// phase to phase. It is forgotten at the start.
    pub connection: &'a mut Connection,
    sessions: Option<&'a mut (dyn SessionBank + 'static)>,
    #[cfg(feature = "mutual-auth")]
    identity: Option<&'a LocalIdentity<'a>>,
}

impl<'a> Storage<'a> {
    /// All three; no memory for sessions.
    #[must_use]
    pub fn new(
        message: &'a mut [u8],
        hashes: &'a mut (dyn HashBank + 'static),
        connection: &'a mut Connection,
    ) -> Self {
        Self {
            message,
            hashes,
            connection,
            sessions: None,
            #[cfg(feature = "mutual-auth")]
            identity: None,
        }
    }

    /// Memory for sessions. [`Requester::restart`](crate::Requester::restart) ends them, a requester that is dropped does
    /// not: their keys are erased when the memory is lent again, dropped, or told to with
    /// [`Sessions::erase`](crate::Sessions::erase).
    #[must_use]
    pub fn with_sessions(mut self, sessions: &'a mut (dyn SessionBank + 'static)) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Who the requester is, where the device wants to authenticate it. [`Offer::with_identity`] announces it; an offer of
    /// the caller's has to do the same.
    #[cfg(feature = "mutual-auth")]
    #[must_use]
    pub const fn with_identity(mut self, identity: &'a LocalIdentity<'a>) -> Self {
        self.identity = Some(identity);
        self
    }
}

impl fmt::Debug for Storage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("message", &self.message.len()).finish_non_exhaustive()
    }
}

/// What the caller decided, and what the transport can do.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) offer: Offer,
    pub(crate) timing: Timing,
    pub(crate) bounds: Bounds,
    /// Bytes of [`Storage::message`].
    message_len: u32,
    /// Bytes that a record adds to a message at most; 0 without sessions.
    overhead: u8,
    /// `Handle` of the next large request.
    handle: u8,
}

impl Settings {
    /// What a response may occupy of the message buffer behind a request of `request_len` bytes, in bytes,
    /// without padding.
    fn area(&self, request_len: usize) -> usize {
        let behind = length(self.message_len).saturating_sub(request_len);
        behind.saturating_sub(self.limits.padding).saturating_sub(self.overhead())
    }

    /// The largest message that the transport delivers, in bytes, in a record or not.
    fn max_receive(&self) -> usize {
        self.limits.max_receive.saturating_sub(self.overhead())
    }

    fn overhead(&self) -> usize {
        self.overhead.into()
    }

    /// What a message may be longer by than [`Self::room`] where it arrives.
    pub(crate) fn around(&self) -> usize {
        self.limits.padding.saturating_add(self.overhead())
    }

    /// Bytes that the headers of chunks need behind a whole message: chunks are compacted in place.
    fn chunk_headers(&self) -> usize {
        let chunks = self.offer.capabilities.contains(CapabilityFlags::CHUNK_CAP);
        if chunks { Chunk::MAX_HEADER_LEN } else { 0 }
    }

    /// Bytes of the smallest message buffer that can hold a request and the smallest response.
    fn least_message_len(&self) -> usize {
        let response = length(MIN_DATA_TRANSFER_SIZE).saturating_add(self.limits.padding);
        response.saturating_add(self.offer.longest_request)
    }

    /// What is received at most behind a request of [`Offer::longest_request`]: in one message, and put
    /// together from chunks. GET_CAPABILITIES says so, and [`Core::request_room`] keeps it true.
    pub(crate) fn sizes(&self) -> TransferSizes {
        let bytes = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let (area, headers) = (self.area(self.offer.longest_request), self.chunk_headers());
        let whole = bytes(area.saturating_sub(headers));
        let one = whole
            .min(bytes(self.max_receive()))
            .min(self.offer.data_transfer_size.max(MIN_DATA_TRANSFER_SIZE));
        let max_spdm_msg_size = if headers > 0 { whole } else { one };
        TransferSizes { data_transfer_size: one, max_spdm_msg_size }
    }

    /// The largest response that comes in one message of this version behind a request of at most
    /// [`Offer::longest_request`], in bytes, without padding.
    pub(crate) fn room(&self, version: SpdmVersion) -> usize {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => {
                self.area(self.offer.longest_request).min(self.max_receive())
            }
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => {
                length(self.sizes().data_transfer_size)
            }
        }
    }

    /// `Handle` of a large request: another one each time.
    pub(crate) const fn take_handle(&mut self) -> u8 {
        let handle = self.handle;
        self.handle = handle.wrapping_add(1);
        handle
    }

    /// How large CHUNK_SEND may be, where a request of `len` bytes has to travel in chunks.
    pub(crate) fn chunk_unit<'f>(
        &self,
        errors: &'f ErrorCell,
        connection: &Connection,
        code: Code,
        len: usize,
    ) -> Result<Option<usize>, &'f Error> {
        let before_sizes = matches!(code, Code::GET_VERSION | Code::GET_CAPABILITIES);
        let sizes = connection.responder().sizes.filter(|_| !before_sizes);
        let max_send = self.limits.max_send.saturating_sub(self.overhead());
        let mut one = max_send;
        if let Some(sizes) = sizes {
            let limit = sizes.max_spdm_msg_size;
            if len > length(limit) {
                let field = "MaxSPDMmsgSize";
                let error = Incompatible::RequestTooLarge { len, field, limit };
                return Err(errors.incompatible(error));
            }
            one = one.min(length(sizes.data_transfer_size));
        }
        if len <= one {
            return Ok(None);
        }
        // A chunk is encoded where its acknowledgement is received: behind the request.
        let unit = one.min(self.area(len));
        if sizes.is_some() && connection.chunks() && unit >= length(MIN_DATA_TRANSFER_SIZE) {
            return Ok(Some(unit));
        }
        match sizes {
            Some(sizes) if len <= max_send => {
                let (field, limit) = ("DataTransferSize", sizes.data_transfer_size);
                Err(errors.incompatible(Incompatible::RequestTooLarge { len, field, limit }))
            }
            _ => Err(errors.stop(Error::Bound(Bound::Send(max_send)))),
        }
    }
}

/// Everything that outlives a flow.
pub(crate) struct Core<'a> {
    pub(crate) message: &'a mut [u8],
    hashes: &'a mut (dyn HashBank + 'static),
    pub(crate) connection: &'a mut Connection,
    pub(crate) sessions: Option<&'a mut (dyn SessionBank + 'static)>,
    pub(crate) provider: Provider,
    sink: Option<&'a mut (dyn Sink + Send + 'a)>,
    pub(crate) settings: Settings,
    #[cfg(feature = "mutual-auth")]
    pub(crate) identity: Option<&'a LocalIdentity<'a>>,
    #[cfg(feature = "mutual-auth")]
    pub(crate) encapsulation: Encapsulation,
}

/// The message buffer, divided for one exchange.
pub(crate) struct Buffers<'x> {
    /// The request.
    pub(crate) request: &'x [u8],
    /// What lies behind it: where responses are received.
    pub(crate) area: &'x mut [u8],
}

impl<'x> Buffers<'x> {
    /// The response that is at `place` in the receive area.
    pub(crate) fn response(self, place: Range<usize>) -> Untrusted<&'x [u8]> {
        let area: &'x [u8] = self.area;
        Untrusted::new(area.get(place).unwrap_or_default())
    }
}

impl<'a> Core<'a> {
    /// A connection that is not negotiated, with default settings.
    pub(crate) fn new(provider: Provider, storage: Storage<'a>, limits: Limits) -> Self {
        let Storage { message, hashes, connection, mut sessions, .. } = storage;
        #[cfg(feature = "mutual-auth")]
        let identity = storage.identity;
        connection.renew(limits.padding);
        if let Some(sessions) = &mut sessions {
            sessions.end_all();
        }
        let overhead = match (&sessions, limits.records) {
            (Some(_), Some(binding)) => record_overhead(binding),
            _ => 0,
        };
        let settings = Settings {
            limits,
            #[cfg(not(feature = "mutual-auth"))]
            offer: Offer::everything(&provider),
            #[cfg(feature = "mutual-auth")]
            offer: identity.map_or_else(
                || Offer::everything(&provider),
                |identity| Offer::everything(&provider).with_identity(identity),
            ),
            timing: Timing::default(),
            bounds: Bounds::default(),
            message_len: u32::try_from(message.len()).unwrap_or(u32::MAX),
            overhead,
            handle: 0,
        };
        Self {
            message,
            hashes,
            connection,
            sessions,
            provider,
            sink: None,
            settings,
            #[cfg(feature = "mutual-auth")]
            identity,
            #[cfg(feature = "mutual-auth")]
            encapsulation: Encapsulation::None,
        }
    }

    /// Shows exchanges to another sink, which may live shorter than the memory.
    pub(crate) fn with_sink<'b>(self, sink: &'b mut (dyn Sink + Send + 'b)) -> Core<'b>
    where
        'a: 'b,
    {
        Core {
            message: self.message,
            hashes: self.hashes,
            connection: self.connection,
            sessions: self.sessions,
            provider: self.provider,
            sink: Some(sink),
            settings: self.settings,
            #[cfg(feature = "mutual-auth")]
            identity: self.identity,
            #[cfg(feature = "mutual-auth")]
            encapsulation: self.encapsulation,
        }
    }

    /// The session of this handle; `None` where it is over.
    pub(crate) fn slot(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        self.sessions.as_deref_mut()?.slot(session)
    }

    /// Messages travel in this session from now on.
    pub(crate) fn enter(&mut self, session: SessionHandle) {
        let measured = self.slot(session).map_or(0, |slot| slot.measured);
        self.connection.enter(session, measured);
    }

    /// Messages travel in the clear again. A handshake that is not complete is none.
    pub(crate) fn leave(&mut self) {
        #[cfg(feature = "mutual-auth")]
        {
            self.encapsulation = Encapsulation::None;
        }
        let via = self.connection.via();
        let measured = self.connection.leave_session();
        let Some(sessions) = self.sessions.as_deref_mut() else { return };
        sessions.end_flow();
        if let Some(slot) = via.and_then(|session| sessions.slot(session)) {
            slot.left(measured);
        }
    }

    /// Ends every session: the connection is over.
    pub(crate) fn end_sessions(&mut self) {
        self.leave();
        if let Some(sessions) = self.sessions.as_deref_mut() {
            sessions.end_all();
        }
    }

    /// How long the next request may be: the response that was announced as the largest has room behind it. Where
    /// none was announced, that is the smallest that every side has to take.
    pub(crate) fn request_room(&self) -> usize {
        let settings = &self.settings;
        let response = match self.connection.announced_sizes() {
            Some(sizes) => length(sizes.max_spdm_msg_size).saturating_add(settings.chunk_headers()),
            None => length(MIN_DATA_TRANSFER_SIZE),
        };
        settings.area(response)
    }

    /// What the next request is made of, and where it is written.
    pub(crate) fn ask<'f>(
        &mut self,
        errors: &'f ErrorCell,
    ) -> Result<(Ask<'_, 'f>, &mut [u8]), &'f Error> {
        let (needed, len) = (self.settings.least_message_len(), self.message.len());
        if len < needed {
            let buffer = Buffer::Message;
            return Err(errors.stop(Error::BufferTooSmall { buffer, needed, len }));
        }
        let limit = self.request_room();
        let Self { message, connection, sessions, provider, settings, .. } = self;
        let ask = Ask {
            sessions: sessions.as_deref(),
            records: settings.limits.records,
            room: settings.room(connection.version()),
            sizes: settings.sizes(),
            message_len: message.len(),
            connection,
            provider,
            offer: &settings.offer,
            errors,
        };
        Ok((ask, message.get_mut(..limit).unwrap_or_default()))
    }

    /// Borrows the parts; the request at the start of the message buffer has `request_len` bytes.
    #[inline(never)]
    pub(crate) fn split<'f>(
        &mut self,
        errors: &'f ErrorCell,
        request_len: usize,
    ) -> (Env<'_, 'f>, &mut Settings, Buffers<'_>) {
        let Self { message, hashes, connection, sessions, provider, sink, settings, .. } = self;
        // The request was written there, so it fits. Were it longer, it would be empty here, and no answer to it
        // is accepted.
        let (request, area) = message.split_at_mut_checked(request_len).unwrap_or_default();
        let sink = sink.as_deref_mut().map(|sink| -> &mut (dyn Sink + Send) { sink });
        let sessions = sessions.as_mut().map(|sessions| &mut **sessions);
        let hashes = &mut **hashes;
        let env = Env {
            connection,
            provider,
            hashes,
            sessions,
            sink,
            errors,
            #[cfg(feature = "mutual-auth")]
            identity: self.identity,
            #[cfg(feature = "mutual-auth")]
            encapsulation: &mut self.encapsulation,
        };
        (env, settings, Buffers { request, area })
    }
}

#[cfg(feature = "mutual-auth")]
impl Core<'_> {
    /// How long the next request may be at most, in chunks where both sides know them.
    pub(crate) fn most_to_send(&self) -> usize {
        let one = self.settings.limits.max_send.saturating_sub(self.settings.overhead());
        match self.connection.responder().sizes {
            None => one,
            Some(sizes) if self.connection.chunks() => length(sizes.max_spdm_msg_size),
            Some(sizes) => one.min(length(sizes.data_transfer_size)),
        }
        .min(self.request_room())
    }

    /// What a request is made of that needs more than [`Self::ask`] lends, such as signatures, and where it is written.
    pub(crate) fn compose<'f>(&mut self, errors: &'f ErrorCell) -> (Env<'_, 'f>, &mut [u8]) {
        let limit = self.request_room();
        let (env, _, Buffers { area, .. }) = self.split(errors, 0);
        (env, area.get_mut(..limit).unwrap_or_default())
    }
}

/// Bytes that a record adds to a message at most.
fn record_overhead(binding: RecordBinding) -> u8 {
    let form = RecordForm { binding, privacy: RecordPrivacy::Encrypted, session_id: 0 };
    let len = form.head_len().saturating_add(binding.max_random_len()).saturating_add(TAG_LEN);
    // 60 at most.
    u8::try_from(len).unwrap_or(u8::MAX)
}

fn length(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
