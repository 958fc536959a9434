//! One request and everything until its answer: Busy, ResponseNotReady, chunks, lost messages, deadlines.
//! The same for every operation.

mod arrival;
mod chunk_send;

use spdm_codec::{
    ChunkGet, Code, ErrorCode, ErrorResponse, ExtendedErrorData, Header, LargeMessage, Message,
    RespondIfReady, ResponseNotReady, SpdmVersion,
};
use spdm_transport::{Instant, micros};
use spdm_untrusted::Untrusted;

use crate::config::Bounds;
use crate::error::{Bound, Error, Misuse, Refusal};
use crate::fault::{Fault, Stop};
use crate::requester::{Core, REQUEST_AREA};
pub(crate) use arrival::Arrival;
use chunk_send::Sending;

/// A message of at most eight bytes: RESPOND_IF_READY or CHUNK_GET.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Short {
    bytes: [u8; 8],
    len: usize,
}

impl Short {
    fn new<'m>(
        fault: &Fault,
        message: &impl Message<'m>,
        version: SpdmVersion,
    ) -> Result<Self, Stop> {
        let mut bytes = [0; 8];
        let len = message.encode(version, &mut bytes).map_err(|error| fault.stop(error))?;
        Ok(Self { bytes, len })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outgoing {
    /// The request at the start of the message buffer.
    Request,
    /// A chunk of it, which is not encoded yet.
    NextChunk,
    /// CHUNK_SEND with that chunk: this many bytes at the start of the receive area.
    Chunk {
        /// Bytes.
        len: usize,
    },
    /// RESPOND_IF_READY: for a response that is not ready.
    RespondIfReady(Short),
    /// CHUNK_GET.
    ChunkGet(Short),
}

/// Where an exchange is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// A request is to be made.
    Idle,
    /// Something is to be sent.
    Send(Outgoing),
    /// The answer is awaited.
    Receive { deadline: Instant },
    /// Nothing is to be done until then.
    Wait(Wait),
    /// The operation is complete.
    Done,
}

/// A pause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wait {
    pub(crate) until: Instant,
    then: Outgoing,
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

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) stage: Stage,
    /// Length of the request in bytes.
    request_len: usize,
    code: Code,
    version: SpdmVersion,
    /// Bytes of the largest CHUNK_SEND, where the request is a large one.
    chunk_unit: Option<usize>,
    transfer: Transfer,
    /// What was sent last.
    outstanding: Outgoing,
    started: Option<Instant>,
    round_trips: u16,
    bytes: u32,
    /// Of the request: how often it was not ready, and how often it starts anew because it was Busy.
    not_ready: u8,
    restarts: u8,
    /// Of the message that was sent last.
    busy: u8,
    resends: u8,
}

impl Exchange {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Idle,
            request_len: 0,
            code: Code::GET_VERSION,
            version: SpdmVersion::V1_0,
            chunk_unit: None,
            transfer: Transfer::Whole,
            outstanding: Outgoing::Request,
            started: None,
            round_trips: 0,
            bytes: 0,
            not_ready: 0,
            restarts: 0,
            busy: 0,
            resends: 0,
        }
    }

    /// Bytes of the request at the start of the message buffer.
    pub(crate) const fn request_len(&self) -> usize {
        self.request_len
    }

    /// A new request of `len` bytes is at the start of the message buffer.
    pub(crate) fn begin(&mut self, core: &mut Core<'_>, len: usize) -> Result<(), Stop> {
        let request = core.message.get(..len).unwrap_or_default();
        let fault = &core.connection.fault;
        let header = Header::peek(Untrusted::new(request));
        let header = header.map_err(|error| fault.request_error(&error))?;
        self.version = SpdmVersion::from_byte(header.version)
            .ok_or_else(|| fault.misuse(Misuse::Version { byte: header.version }))?;
        self.chunk_unit = core.chunk_unit(header.code, len)?;
        core.connection.send(request)?;
        self.code = header.code;
        self.request_len = len;
        self.not_ready = 0;
        self.restarts = 0;
        let first = self.start(core);
        self.send_next(first);
        Ok(())
    }

    /// How the request is sent from its beginning.
    fn start(&mut self, core: &mut Core<'_>) -> Outgoing {
        match self.chunk_unit {
            None => {
                self.transfer = Transfer::Whole;
                Outgoing::Request
            }
            Some(unit) => {
                self.transfer = Transfer::Sending(Sending::new(core.take_handle(), unit));
                Outgoing::NextChunk
            }
        }
    }

    /// Another message than before.
    const fn send_next(&mut self, next: Outgoing) {
        self.busy = 0;
        self.resends = 0;
        self.stage = Stage::Send(next);
    }

    /// The last message once more.
    const fn again(&self) -> Outgoing {
        match self.outstanding {
            // The answer was received where the chunk was: it is encoded again.
            Outgoing::NextChunk | Outgoing::Chunk { .. } => Outgoing::NextChunk,
            Outgoing::Request | Outgoing::ChunkGet(_) | Outgoing::RespondIfReady(_) => {
                self.outstanding
            }
        }
    }

    /// Time passed: ends waits, and operations that take too long.
    pub(crate) fn advance(&mut self, core: &mut Core<'_>, now: Instant) -> Result<(), Stop> {
        let bounds = core.bounds;
        let end = self.started.get_or_insert(now).after(bounds.time);
        if self.stage == Stage::Done {
            return Ok(());
        }
        if now > end {
            return Err(core.connection.fault.stop(out_of_time(&bounds)));
        }
        if let Stage::Wait(wait) = self.stage {
            if wait.until > end {
                return Err(core.connection.fault.stop(out_of_time(&bounds)));
            }
            if wait.until <= now {
                let in_time = wait.latest.is_none_or(|latest| now <= latest);
                let then = if in_time { wait.then } else { self.start(core) };
                self.stage = Stage::Send(then);
            }
        }
        let Stage::Send(next) = self.stage else { return Ok(()) };
        if self.round_trips >= bounds.round_trips {
            let bound = Bound::RoundTrips(bounds.round_trips);
            return Err(core.connection.fault.stop(Error::Bound(bound)));
        }
        if next == Outgoing::NextChunk {
            let len = self.load_chunk(core)?;
            self.stage = Stage::Send(Outgoing::Chunk { len });
        }
        Ok(())
    }

    /// The bytes to send.
    pub(crate) fn message<'m>(&'m self, out: &'m Outgoing, core: &'m Core<'_>) -> &'m [u8] {
        let buffer = &core.message;
        match out {
            Outgoing::RespondIfReady(short) | Outgoing::ChunkGet(short) => short.as_bytes(),
            Outgoing::Request => buffer.get(..self.request_len).unwrap_or_default(),
            Outgoing::NextChunk => &[],
            Outgoing::Chunk { len } => {
                buffer.get(REQUEST_AREA..).and_then(|area| area.get(..*len)).unwrap_or_default()
            }
        }
    }

    /// The message was handed to the transport.
    pub(crate) fn sent(&mut self, now: Instant, core: &Core<'_>) {
        if let Stage::Send(out) = self.stage {
            self.outstanding = out;
        }
        self.round_trips = self.round_trips.saturating_add(1);
        let end = self.started.unwrap_or(now).after(core.bounds.time);
        self.stage = Stage::Receive { deadline: now.after_micros(self.timeout(core)).min(end) };
    }

    /// How long the answer to the message that was just sent may take (DSP0274 §Timing requirements).
    fn timeout(&self, core: &Core<'_>) -> u64 {
        let timing = &core.timing;
        let work = match self.code {
            Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS => {
                micros(timing.st1)
            }
            _ => {
                let time = exponential(core.connection.responder().ct_exponent);
                time.max(micros(timing.least_crypto_time))
            }
        };
        micros(core.limits.round_trip).saturating_add(work)
    }

    /// Nothing came in time.
    pub(crate) fn expired(&mut self, core: &mut Core<'_>) -> Result<(), Stop> {
        self.stage = Stage::Idle;
        if self.resends >= core.bounds.resends {
            return Err(core.connection.fault.stop(Error::Timeout { request: self.code }));
        }
        self.resends = self.resends.saturating_add(1);
        self.stage = Stage::Send(self.again());
        Ok(())
    }

    /// What an accepted ERROR leads to.
    fn refused(
        &mut self,
        core: &mut Core<'_>,
        now: Instant,
        error: &ErrorResponse<'_>,
    ) -> Result<(), Stop> {
        match (error.code, error.extended) {
            (ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT, _) => self.busy(core, now),
            (_, ExtendedErrorData::ResponseNotReady(data)) => self.not_ready(core, now, &data),
            (_, ExtendedErrorData::LargeResponse { handle }) => {
                let large = LargeMessage::response(self.version, handle)
                    .at_most(core.sizes().max_spdm_msg_size);
                let large = match self.transfer {
                    Transfer::Sending(_) | Transfer::Sent => large.to_large_request(),
                    Transfer::Whole | Transfer::Receiving(_) => large,
                };
                self.get_chunk(&core.connection.fault, large)
            }
            (code, _) => {
                let refusal = Refusal { request: self.code, code, data: error.data };
                Err(core.connection.fault.stop(Error::Refused(refusal)))
            }
        }
    }

    /// Busy: the same again, after a pause that doubles each time.
    fn busy(&mut self, core: &mut Core<'_>, now: Instant) -> Result<(), Stop> {
        // With a message, or with the request that was handed over before.
        let whole = self.transfer == Transfer::Sent
            || matches!(self.outstanding, Outgoing::RespondIfReady(_));
        let count = if whole { &mut self.restarts } else { &mut self.busy };
        if *count >= core.bounds.busy {
            let bound = Bound::Busy(core.bounds.busy);
            return Err(core.connection.fault.stop(Error::Bound(bound)));
        }
        let factor = exponential(*count);
        *count = count.saturating_add(1);
        let until = now.after_micros(micros(core.timing.busy_delay).saturating_mul(factor));
        let then = if whole { self.start(core) } else { self.again() };
        self.stage = Stage::Wait(Wait { until, then, latest: None });
        Ok(())
    }

    /// ResponseNotReady: RESPOND_IF_READY after RDT and, where the round trip leaves time for it, before
    /// WTMax (DSP0274 §Timing requirements).
    fn not_ready(
        &mut self,
        core: &Core<'_>,
        now: Instant,
        data: &ResponseNotReady,
    ) -> Result<(), Stop> {
        if self.not_ready >= core.bounds.not_ready {
            let bound = Bound::NotReady(core.bounds.not_ready);
            return Err(core.connection.fault.stop(Error::Bound(bound)));
        }
        self.not_ready = self.not_ready.saturating_add(1);
        let message = RespondIfReady { request_code: self.code, token: data.token };
        let then =
            Outgoing::RespondIfReady(Short::new(&core.connection.fault, &message, self.version)?);
        let rdt = exponential(data.rdt_exponent);
        let round_trip = micros(core.limits.round_trip);
        let wt_max = rdt.saturating_mul(data.rdtm.into()).saturating_sub(round_trip);
        let latest = (wt_max > rdt).then(|| now.after_micros(wt_max));
        self.transfer = Transfer::Whole;
        self.busy = 0;
        self.resends = 0;
        self.stage = Stage::Wait(Wait { until: now.after_micros(rdt), then, latest });
        Ok(())
    }

    /// Asks for the next chunk of the response.
    fn get_chunk(&mut self, fault: &Fault, large: LargeMessage) -> Result<(), Stop> {
        let message = ChunkGet { handle: large.handle(), seq_no: large.next_seq_no() };
        let next = Outgoing::ChunkGet(Short::new(fault, &message, self.version)?);
        self.transfer = Transfer::Receiving(large);
        self.send_next(next);
        Ok(())
    }

    /// The operation took the answer.
    pub(crate) const fn answered(&mut self, next: Stage) {
        self.stage = next;
    }

    pub(crate) fn finish(&self, fault: &Fault) -> Result<(), Stop> {
        match self.stage {
            Stage::Done => Ok(()),
            _ => Err(fault.unfinished()),
        }
    }
}

fn out_of_time(bounds: &Bounds) -> Error {
    Error::Bound(Bound::Time(u32::try_from(bounds.time.as_millis()).unwrap_or(u32::MAX)))
}

/// 2 to the power of `exponent`; of exponents of times the judge lets at most 31 pass.
fn exponential(exponent: u8) -> u64 {
    1_u64.checked_shl(exponent.into()).unwrap_or(u64::MAX)
}
