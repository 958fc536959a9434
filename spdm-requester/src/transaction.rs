//! One request and everything until its answer: Busy, ResponseNotReady, chunks, lost messages, deadlines.
//! The same for every operation.

mod chunk_send;
mod reception;
mod sealing;

use spdm_codec::{
    ChunkGet, Code, ErrorCode, ErrorResponse, ExtendedErrorData, LargeMessage, Message,
    RespondIfReady, ResponseNotReady, SpdmVersion,
};
use spdm_transport::{Instant, MessageKind, micros};

use crate::config::Bounds;
use crate::core::{Core, Settings};
use crate::error::{Bound, Error, Misuse, Refusal};
use crate::error_cell::ErrorCell;
use crate::operation::Next;
use chunk_send::Sending;

/// A message of at most eight bytes: RESPOND_IF_READY or CHUNK_GET.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Short {
    bytes: [u8; 8],
    len: u8,
}

impl Short {
    fn new<'f, 'm>(
        errors: &'f ErrorCell,
        message: &impl Message<'m>,
        version: SpdmVersion,
    ) -> Result<Self, &'f Error> {
        let mut bytes = [0; 8];
        let len = message.encode(version, &mut bytes).map_err(|error| errors.stop(error))?;
        // Eight at most.
        Ok(Self { bytes, len: u8::try_from(len).unwrap_or(u8::MAX) })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ToSend {
    /// The request at the start of the message buffer.
    Request,
    /// A chunk of it, which is not encoded yet.
    NextChunk,
    /// CHUNK_SEND with that chunk: this many bytes at the start of the receive area.
    Chunk {
        /// Bytes.
        len: usize,
    },
    /// The request, made anew: another key exchange for a device that was Busy with the first one.
    Anew,
    /// RESPOND_IF_READY: for a response that is not ready.
    RespondIfReady(Short),
    /// CHUNK_GET.
    ChunkGet(Short),
}

/// What a transaction waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// A request is to be made.
    Idle,
    /// Something is to be sent.
    Send(ToSend),
    /// The answer is awaited.
    Receive { deadline: Instant },
    /// Nothing is to be done before a point in time.
    Wait(Wait),
    /// The operation is complete.
    Done,
}

/// A pause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wait {
    pub(crate) until: Instant,
    then: ToSend,
    /// Later than this the Responder may have dropped the response: the request starts anew.
    latest: Option<Instant>,
}

/// How the bytes of request and response travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Transfer {
    /// In one message each.
    Whole,
    /// The request, in chunks.
    Sending(Sending),
    /// The request was sent in chunks, and all of them were acknowledged.
    Sent,
    /// The response, in chunks.
    Receiving(LargeMessage),
}

/// What becomes of the session that messages travel in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SessionFate {
    /// It goes on, or there is none.
    GoesOn,
    /// It is over.
    Over,
}

/// A request, from its first byte to the answer that the operation can use.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) state: State,
    /// Bytes of the record that what is to be sent was sealed in: it is in the receive area, behind the chunks of a
    /// response that have come.
    record: Option<u32>,
    /// Length of the request in bytes.
    request_len: usize,
    code: Code,
    version: SpdmVersion,
    /// Bytes of the largest CHUNK_SEND, where the request is a large one.
    chunk_unit: Option<usize>,
    transfer: Transfer,
    /// What was sent last.
    outstanding: ToSend,
    started: Option<Instant>,
    round_trips: u16,
    bytes: u32,
    /// Of the request, also where it was made anew: how often it was not ready, and how often it starts from its beginning
    /// because it was Busy.
    not_ready: u8,
    restarts: u8,
    /// Of the message that was sent last.
    busy: u8,
    resends: u8,
    pub(crate) session: SessionFate,
}

impl Transaction {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Idle,
            record: None,
            request_len: 0,
            code: Code::GET_VERSION,
            version: SpdmVersion::V1_0,
            chunk_unit: None,
            transfer: Transfer::Whole,
            outstanding: ToSend::Request,
            started: None,
            round_trips: 0,
            bytes: 0,
            not_ready: 0,
            restarts: 0,
            busy: 0,
            resends: 0,
            session: SessionFate::GoesOn,
        }
    }

    /// Bytes of the request at the start of the message buffer.
    pub(crate) const fn request_len(&self) -> usize {
        self.request_len
    }

    /// A new request of `len` bytes is at the start of the message buffer.
    pub(crate) fn begin<'f>(
        &mut self,
        errors: &'f ErrorCell,
        core: &mut Core<'_>,
        len: usize,
    ) -> Result<(), &'f Error> {
        let Core { message, connection, settings, .. } = core;
        let header = errors.peek_request(message.get(..len).unwrap_or_default())?;
        self.version = SpdmVersion::from_byte(header.version)
            .ok_or_else(|| errors.misuse(Misuse::Version { byte: header.version }))?;
        self.chunk_unit = settings.chunk_unit(errors, connection, header.code, len)?;
        connection.send(errors, header)?;
        self.code = header.code;
        self.request_len = len;
        self.state = State::Send(self.start(settings));
        Ok(())
    }

    /// How the request is sent from its beginning.
    fn start(&mut self, settings: &mut Settings) -> ToSend {
        match self.chunk_unit {
            None => {
                self.transfer = Transfer::Whole;
                ToSend::Request
            }
            Some(unit) => {
                self.transfer = Transfer::Sending(Sending::new(settings.take_handle(), unit));
                ToSend::NextChunk
            }
        }
    }

    /// Another message than before.
    const fn send_next(&mut self, next: ToSend) {
        self.busy = 0;
        self.resends = 0;
        self.state = State::Send(next);
    }

    /// How the request is sent from its beginning once more.
    fn restart(&mut self, settings: &mut Settings) -> ToSend {
        if self.is_single_use() { ToSend::Anew } else { self.start(settings) }
    }

    /// Whether random data and public value of the request are used once (DSP0274 §KEY_EXCHANGE): instead of the same bytes
    /// again, another request is made.
    const fn is_single_use(&self) -> bool {
        matches!(self.code, Code::KEY_EXCHANGE | Code::PSK_EXCHANGE)
    }

    /// The last message once more.
    const fn again(&self) -> ToSend {
        match self.outstanding {
            // The answer was received where the chunk was: it is encoded again.
            ToSend::NextChunk | ToSend::Chunk { .. } => ToSend::NextChunk,
            ToSend::Request if self.is_single_use() => ToSend::Anew,
            ToSend::Request | ToSend::Anew | ToSend::ChunkGet(_) | ToSend::RespondIfReady(_) => {
                self.outstanding
            }
        }
    }

    /// Time passed: ends waits, and operations that take too long.
    pub(crate) fn advance<'f>(
        &mut self,
        errors: &'f ErrorCell,
        core: &mut Core<'_>,
        now: Instant,
    ) -> Result<(), &'f Error> {
        let bounds = core.settings.bounds;
        let end = self.started.get_or_insert(now).after(bounds.time);
        if self.state == State::Done {
            return Ok(());
        }
        if now > end {
            return Err(errors.stop(out_of_time(&bounds)));
        }
        if let State::Wait(wait) = self.state {
            if wait.until > end {
                return Err(errors.stop(out_of_time(&bounds)));
            }
            if wait.until <= now {
                let in_time = wait.latest.is_none_or(|latest| now <= latest);
                let then = if in_time { wait.then } else { self.restart(&mut core.settings) };
                self.state = State::Send(then);
            }
        }
        let State::Send(next) = self.state else { return Ok(()) };
        if next == ToSend::Anew {
            core.connection.give_up_request();
            self.state = State::Idle;
            return Ok(());
        }
        if self.round_trips >= bounds.round_trips {
            let bound = Bound::RoundTrips(bounds.round_trips);
            return Err(errors.stop(Error::Bound(bound)));
        }
        if next == ToSend::NextChunk {
            let len = self.load_chunk(errors, core)?;
            self.state = State::Send(ToSend::Chunk { len });
        }
        match core.connection.via() {
            Some(session) if self.record.is_none() => self.seal(errors, core, session, now),
            _ => Ok(()),
        }
    }

    /// How the transport has to mark what is to be sent.
    pub(crate) const fn kind(&self) -> MessageKind {
        match self.record {
            None => MessageKind::Plain,
            Some(_) => MessageKind::Secured,
        }
    }

    /// The bytes to send; `buffer` is the message buffer.
    pub(crate) fn message<'m>(&'m self, next: &'m ToSend, buffer: &'m [u8]) -> &'m [u8] {
        let (request, area) = buffer.split_at_checked(self.request_len).unwrap_or_default();
        if let Some(len) = self.record {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            return area
                .get(self.received()..)
                .and_then(|area| area.get(..len))
                .unwrap_or_default();
        }
        match next {
            ToSend::RespondIfReady(short) | ToSend::ChunkGet(short) => short.as_bytes(),
            ToSend::Request => request,
            ToSend::NextChunk | ToSend::Anew => &[],
            ToSend::Chunk { len } => area.get(..*len).unwrap_or_default(),
        }
    }

    /// The message was handed to the transport.
    pub(crate) fn sent(&mut self, now: Instant, core: &Core<'_>) {
        if let State::Send(out) = self.state {
            self.outstanding = out;
        }
        self.record = None;
        self.round_trips = self.round_trips.saturating_add(1);
        let end = self.started.unwrap_or(now).after(core.settings.bounds.time);
        self.state = State::Receive { deadline: now.after_micros(self.timeout(core)).min(end) };
    }

    /// How long the answer to the message that was just sent may take (DSP0274 §Timing requirements).
    fn timeout(&self, core: &Core<'_>) -> u64 {
        let timing = &core.settings.timing;
        let work = match self.code {
            Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS => {
                micros(timing.st1)
            }
            _ => {
                let time = exponential(core.connection.responder().ct_exponent);
                time.max(micros(timing.least_crypto_time))
            }
        };
        micros(core.settings.limits.round_trip).saturating_add(work)
    }

    /// Nothing came in time.
    pub(crate) fn expired<'f>(
        &mut self,
        errors: &'f ErrorCell,
        core: &Core<'_>,
    ) -> Result<(), &'f Error> {
        self.state = State::Idle;
        // In a session the same message would be another record, and the device may have taken the first one.
        if let (Some(_), Some(sessions)) = (core.connection.via(), core.sessions.as_deref()) {
            return Err(sessions.expired(errors, self.code));
        }
        // What FINISH changes in the clear is not known either.
        if self.code == Code::FINISH || self.resends >= core.settings.bounds.resends {
            return Err(errors.stop(Error::Timeout { request: self.code }));
        }
        self.resends = self.resends.saturating_add(1);
        self.state = State::Send(self.again());
        Ok(())
    }

    /// What an accepted ERROR leads to.
    fn refused<'f>(
        &mut self,
        errors: &'f ErrorCell,
        settings: &mut Settings,
        now: Instant,
        error: &ErrorResponse<'_>,
    ) -> Result<(), &'f Error> {
        match (error.code, error.extended) {
            (ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT, _) => self.busy(errors, settings, now),
            (_, ExtendedErrorData::ResponseNotReady(data)) => {
                self.not_ready(errors, settings, now, &data)
            }
            (_, ExtendedErrorData::LargeResponse { handle }) => {
                let large = LargeMessage::response(self.version, handle)
                    .at_most(settings.sizes().max_spdm_msg_size);
                let large = match self.transfer {
                    Transfer::Sending(_) | Transfer::Sent => large.to_large_request(),
                    Transfer::Whole | Transfer::Receiving(_) => large,
                };
                self.get_chunk(errors, large)
            }
            (code, _) => {
                let refusal = Refusal { request: self.code, code, data: error.data };
                Err(errors.stop(Error::Refused(refusal)))
            }
        }
    }

    /// Busy: the same again, after a pause that doubles each time.
    fn busy<'f>(
        &mut self,
        errors: &'f ErrorCell,
        settings: &mut Settings,
        now: Instant,
    ) -> Result<(), &'f Error> {
        // With a message, or with the request that was handed over before.
        let whole = self.transfer == Transfer::Sent
            || matches!(self.outstanding, ToSend::RespondIfReady(_));
        let count = if whole { &mut self.restarts } else { &mut self.busy };
        if *count >= settings.bounds.busy {
            let bound = Bound::Busy(settings.bounds.busy);
            return Err(errors.stop(Error::Bound(bound)));
        }
        let factor = exponential(*count);
        *count = count.saturating_add(1);
        let until = now.after_micros(micros(settings.timing.busy_delay).saturating_mul(factor));
        let then = if whole { self.restart(settings) } else { self.again() };
        self.state = State::Wait(Wait { until, then, latest: None });
        Ok(())
    }

    /// ResponseNotReady: RESPOND_IF_READY after RDT and, where the round trip leaves time for it, before
    /// WTMax (DSP0274 §Timing requirements).
    fn not_ready<'f>(
        &mut self,
        errors: &'f ErrorCell,
        settings: &Settings,
        now: Instant,
        data: &ResponseNotReady,
    ) -> Result<(), &'f Error> {
        if self.not_ready >= settings.bounds.not_ready {
            let bound = Bound::NotReady(settings.bounds.not_ready);
            return Err(errors.stop(Error::Bound(bound)));
        }
        self.not_ready = self.not_ready.saturating_add(1);
        let message = RespondIfReady { request_code: self.code, token: data.token };
        let then = ToSend::RespondIfReady(Short::new(errors, &message, self.version)?);
        let rdt = exponential(data.rdt_exponent);
        let round_trip = micros(settings.limits.round_trip);
        let wt_max = rdt.saturating_mul(data.rdtm.into()).saturating_sub(round_trip);
        let latest = (wt_max > rdt).then(|| now.after_micros(wt_max));
        self.transfer = Transfer::Whole;
        self.busy = 0;
        self.resends = 0;
        self.state = State::Wait(Wait { until: now.after_micros(rdt), then, latest });
        Ok(())
    }

    /// Asks for the next chunk of the response.
    fn get_chunk<'f>(
        &mut self,
        errors: &'f ErrorCell,
        large: LargeMessage,
    ) -> Result<(), &'f Error> {
        let message = ChunkGet { handle: large.handle(), seq_no: large.next_seq_no() };
        let next = ToSend::ChunkGet(Short::new(errors, &message, self.version)?);
        self.transfer = Transfer::Receiving(large);
        self.send_next(next);
        Ok(())
    }

    /// The operation has used the answer: another request follows, or it is complete.
    pub(crate) const fn proceed(&mut self, next: Next) {
        (self.not_ready, self.restarts, self.busy, self.resends) = (0, 0, 0, 0);
        self.state = match next {
            Next::Again => State::Idle,
            Next::Done => State::Done,
        };
    }

    pub(crate) fn finish<'f>(&self, errors: &'f ErrorCell) -> Result<(), &'f Error> {
        match self.state {
            State::Done => Ok(()),
            _ => Err(errors.unfinished()),
        }
    }
}

fn out_of_time(bounds: &Bounds) -> Error {
    Error::Bound(Bound::Time(u32::try_from(bounds.time.as_millis()).unwrap_or(u32::MAX)))
}

/// 2 to the power of `exponent`; the connection accepts no exponent of a time above 31.
fn exponential(exponent: u8) -> u64 {
    1_u64.checked_shl(exponent.into()).unwrap_or(u64::MAX)
}
