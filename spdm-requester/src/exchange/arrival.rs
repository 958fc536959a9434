//! What a message that arrived is: the response, a part of it, or a reason to wait.

use core::ops::Range;

use spdm_codec::{
    Acknowledged, ChunkResponse, ChunkSendAck, Code, Cx, ErrorCode, ErrorResponse,
    ExtendedErrorData, Header, LargeMessage, Progress,
};
use spdm_transport::{Instant, MessageKind, Received};
use spdm_untrusted::Untrusted;

use super::chunk_send::Sending;
use super::{Exchange, Outgoing, Stage, Transfer};
use crate::connection::Verdict;
use crate::error::{Bound, Error, Misuse};
use crate::fault::{At, Fault, Stop};
use crate::requester::{Core, REQUEST_AREA};

/// What follows from a message that arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Arrival {
    /// The response is still to come.
    Pending,
    /// The response: these bytes of the receive area.
    Response(Range<usize>),
}

impl Exchange {
    /// The part of the message buffer that the transport may write the next message to: behind the chunks
    /// that are there.
    pub(crate) fn receive_area(&self, core: &Core<'_>) -> Range<usize> {
        let area = REQUEST_AREA..core.message.len();
        let start = area.start.saturating_add(self.have()).min(area.end.max(area.start));
        let most = core.room(self.version).saturating_add(core.limits.padding);
        start..area.end.max(start).min(start.saturating_add(most))
    }

    /// Bytes of the response that are there.
    fn have(&self) -> usize {
        match &self.transfer {
            Transfer::Receiving(large) => usize::try_from(large.len()).unwrap_or(usize::MAX),
            Transfer::Whole | Transfer::Sending(_) | Transfer::Sent => 0,
        }
    }

    /// A message is in the receive area.
    pub(crate) fn receive(
        &mut self,
        core: &mut Core<'_>,
        now: Instant,
        received: Received,
    ) -> Result<Arrival, Stop> {
        if received.kind == MessageKind::Secured {
            return Err(core.connection.fault.unexpected(&At("response", "secured message")));
        }
        if received.len > self.receive_area(core).len() {
            return Err(core.connection.fault.misuse(Misuse::Overrun));
        }
        // Whatever is wrong with it: the answer has come.
        self.stage = Stage::Idle;
        self.bytes = self.bytes.saturating_add(u32::try_from(received.len).unwrap_or(u32::MAX));
        if self.bytes > core.bounds.bytes {
            let bound = Bound::Bytes(core.bounds.bytes);
            return Err(core.connection.fault.stop(Error::Bound(bound)));
        }
        let start = self.have();
        let place = start..start.saturating_add(received.len);
        let code = self.look(core, place.clone())?.code;
        match self.transfer {
            Transfer::Receiving(large) if code != Code::ERROR => {
                self.chunk_response(core, large, place)
            }
            Transfer::Sending(sending) if code != Code::ERROR => {
                self.chunk_send_ack(core, now, sending, place)
            }
            _ => self.answer(core, now, place),
        }
    }

    fn look(&self, core: &mut Core<'_>, place: Range<usize>) -> Result<Header, Stop> {
        let (mut judge, request, area) = core.split(self.request_len)?;
        let response = Untrusted::new(area.get(place).unwrap_or_default());
        judge.fault().peek(response).inspect_err(|stop| judge.reject(request, response, *stop))
    }

    /// A message that is no chunk.
    fn answer(
        &mut self,
        core: &mut Core<'_>,
        now: Instant,
        place: Range<usize>,
    ) -> Result<Arrival, Stop> {
        let (mut judge, request, area) = core.split(self.request_len)?;
        let response = Untrusted::new(area.get(place.clone()).unwrap_or_default());
        let header = judge.fault().peek(response)?;
        if header.code != Code::ERROR {
            return Ok(Arrival::Response(place));
        }
        self.check_error(judge.fault(), ErrorCode(header.param1))
            .inspect_err(|stop| judge.reject(request, response, *stop))?;
        let Verdict::Error(error) = judge.accept(request, response, None)? else {
            return Err(judge.fault().unexpected(&At("ERROR", "ErrorCode")));
        };
        let error = said(&error);
        self.refused(core, now, &error)?;
        Ok(Arrival::Pending)
    }

    /// While chunks travel there is nothing to get ready, and no other large response.
    fn check_error(&self, fault: &Fault, code: ErrorCode) -> Result<(), Stop> {
        let in_transfer = match &self.transfer {
            Transfer::Whole | Transfer::Sent => false,
            Transfer::Sending(sending) => !sending.chunk().is_last(),
            Transfer::Receiving(_) => true,
        };
        match code {
            ErrorCode::RESPONSE_NOT_READY | ErrorCode::LARGE_RESPONSE if in_transfer => {
                let field = code.name().unwrap_or("ErrorCode");
                Err(fault.unexpected(&At("ERROR", field)))
            }
            _ => Ok(()),
        }
    }

    fn chunk_response(
        &mut self,
        core: &mut Core<'_>,
        mut large: LargeMessage,
        place: Range<usize>,
    ) -> Result<Arrival, Stop> {
        let cx = Cx::new(self.version).with_padding(core.limits.padding);
        let (mut judge, request, area) = core.split(self.request_len)?;
        let (start, message) = (place.start, area.get(place).unwrap_or_default());
        let message = Untrusted::new(message);
        let added = add(judge.fault(), &mut large, message, &cx);
        let (progress, chunk) = added.inspect_err(|stop| judge.reject(request, message, *stop))?;
        let chunk = start.saturating_add(chunk.start)..start.saturating_add(chunk.end);
        // Compacted in place: behind the chunks before it.
        if chunk.end > area.len() {
            return Err(judge.fault().misuse(Misuse::Overrun));
        }
        area.copy_within(chunk, start);
        if progress == Progress::More {
            self.get_chunk(judge.fault(), large)?;
            return Ok(Arrival::Pending);
        }
        let whole = 0..usize::try_from(large.len()).unwrap_or(usize::MAX);
        let response = Untrusted::new(area.get(whole.clone()).unwrap_or_default());
        large
            .check_content(response)
            .map_err(|error| judge.fault().stop(error))
            .inspect_err(|stop| judge.reject(request, response, *stop))?;
        self.transfer = Transfer::Whole;
        Ok(Arrival::Response(whole))
    }

    fn chunk_send_ack(
        &mut self,
        core: &mut Core<'_>,
        now: Instant,
        mut sending: Sending,
        place: Range<usize>,
    ) -> Result<Arrival, Stop> {
        let cx = Cx::new(self.version).with_padding(core.limits.padding);
        let (mut judge, request, area) = core.split(self.request_len)?;
        let message = Untrusted::new(area.get(place.clone()).unwrap_or_default());
        let acknowledged = acknowledge(judge.fault(), &sending, message, &cx)
            .inspect_err(|stop| judge.reject(request, message, *stop))?;
        let embedded = match acknowledged {
            Acknowledged::Next => {
                sending.proceed();
                self.transfer = Transfer::Sending(sending);
                self.send_next(Outgoing::NextChunk);
                return Ok(Arrival::Pending);
            }
            Acknowledged::Response(response) | Acknowledged::EarlyError(response) => {
                response.into_inner_less_safe().len()
            }
        };
        // It has no length field: it runs to the end of the acknowledgement.
        self.transfer = Transfer::Sent;
        self.answer(core, now, place.end.saturating_sub(embedded)..place.end)
    }
}

/// Judges a CHUNK_RESPONSE: where in it the chunk is.
fn add(
    fault: &Fault,
    large: &mut LargeMessage,
    message: Untrusted<&[u8]>,
    cx: &Cx,
) -> Result<(Progress, Range<usize>), Stop> {
    let chunk = fault.decode::<ChunkResponse<'_>>(message, cx)?.message.0;
    let start = chunk.header_len();
    let progress = large.add(&chunk).map_err(|error| fault.stop(error))?;
    Ok((progress, start..start.saturating_add(chunk.bytes.len())))
}

/// What an ERROR says, without the bytes that mean nothing here.
fn said(error: &ErrorResponse<'_>) -> ErrorResponse<'static> {
    let extended = match error.extended {
        ExtendedErrorData::ResponseNotReady(data) => ExtendedErrorData::ResponseNotReady(data),
        ExtendedErrorData::LargeResponse { handle } => ExtendedErrorData::LargeResponse { handle },
        _ => ExtendedErrorData::Other(&[]),
    };
    ErrorResponse { code: error.code, data: error.data, extended }
}

fn acknowledge<'a>(
    fault: &Fault,
    sending: &Sending,
    message: Untrusted<&'a [u8]>,
    cx: &Cx,
) -> Result<Acknowledged<'a>, Stop> {
    let ack = fault.decode::<ChunkSendAck<'_>>(message, cx)?.message;
    sending.chunk().acknowledge(&ack, cx.padding).map_err(|error| fault.stop(error))
}
