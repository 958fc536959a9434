//! What a received message is: the answer, a part of it, or a reason to wait.

use core::cell::Cell;
use core::ops::Range;

use spdm_codec::{
    Acknowledged, ChunkResponse, ChunkSendAck, Code, Cx, ErrorCode, LargeMessage, Progress,
};
use spdm_transport::{Instant, Received};
use spdm_untrusted::Untrusted;

use super::chunk_send::Sending;
use super::sealing::open;
use super::{State, ToSend, Transaction, Transfer};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::core::{Buffers, Settings};
use crate::env::Env;
use crate::error::{Bound, Error, Misuse};
use crate::error_cell::{At, ErrorCell};

impl Transaction {
    /// Where in the receive area, of `len` bytes, the transport may write the next message: behind the chunks that
    /// are there.
    pub(crate) fn place(&self, settings: &Settings, len: usize) -> Range<usize> {
        let start = self.received().min(len);
        let most = settings.room(self.version).saturating_add(settings.around());
        start..len.min(start.saturating_add(most))
    }

    /// Bytes of the response at the start of the receive area, of which further chunks are to come.
    pub(super) fn received(&self) -> usize {
        match &self.transfer {
            Transfer::Receiving(large) => usize::try_from(large.len()).unwrap_or(usize::MAX),
            Transfer::Whole | Transfer::Sending(_) | Transfer::Sent => 0,
        }
    }

    /// A message is in the receive area: the answer to the request, once that is complete. Not inlined: what is read of
    /// chunks is off the stack while the operation takes the answer.
    #[inline(never)]
    pub(crate) fn receive<'x, 'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        settings: &mut Settings,
        buffers: Buffers<'x>,
        now: Instant,
        received: Received,
    ) -> Result<Option<Answer<'x, 'x>>, &'f Error> {
        let errors = env.errors;
        let Buffers { request, area } = buffers;
        let place = self.place(settings, area.len());
        if received.len > place.len() {
            return Err(errors.misuse(Misuse::Overrun));
        }
        self.bytes = self.bytes.saturating_add(u32::try_from(received.len).unwrap_or(u32::MAX));
        let start = place.start;
        let place = start..start.saturating_add(received.len);
        let opened = open(env, area, received.kind, place, settings.limits.padding);
        if let Ok(None) = opened {
            // The answer may still come.
            return Ok(None);
        }
        // Whatever is wrong with it: the answer has come.
        self.state = State::Idle;
        if self.bytes > settings.bounds.bytes {
            return Err(errors.stop(Error::Bound(Bound::Bytes(settings.bounds.bytes))));
        }
        let place = opened?.unwrap_or_default();
        let message = Untrusted::new(area.get(place.clone()).unwrap_or_default());
        let header = errors.peek(message);
        let header = header.inspect_err(|error| env.reject(request, message, error))?;
        let buffers = Buffers { request, area };
        match self.transfer {
            Transfer::Receiving(large) if header.code != Code::ERROR => {
                self.chunk_response(env, buffers, large, start, place)
            }
            Transfer::Sending(sending) if header.code != Code::ERROR => {
                self.chunk_send_ack(env, settings, buffers, now, sending, place)
            }
            _ => {
                let request = buffers.request;
                let answer = Answer { request, response: buffers.response(place), header };
                self.answer(env, settings, now, answer)
            }
        }
    }

    /// A message that is no chunk.
    fn answer<'x, 'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        settings: &mut Settings,
        now: Instant,
        answer: Answer<'x, 'x>,
    ) -> Result<Option<Answer<'x, 'x>>, &'f Error> {
        if answer.header.code != Code::ERROR {
            return Ok(Some(answer));
        }
        let errors = env.errors;
        self.check_error(errors, ErrorCode(answer.header.param1))
            .inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        let Accepted::Error(error) = env.accept(&answer, None)? else {
            return Err(errors.unexpected(&At("ERROR", "ErrorCode")));
        };
        self.refused(errors, settings, now, &error)?;
        Ok(None)
    }

    /// While chunks travel there is nothing to get ready, and no other large response.
    fn check_error<'f>(&self, errors: &'f ErrorCell, code: ErrorCode) -> Result<(), &'f Error> {
        let in_transfer = match &self.transfer {
            Transfer::Whole | Transfer::Sent => false,
            Transfer::Sending(sending) => !sending.chunk().is_last(),
            Transfer::Receiving(_) => true,
        };
        match code {
            ErrorCode::RESPONSE_NOT_READY | ErrorCode::LARGE_RESPONSE if in_transfer => {
                let field = code.name().unwrap_or("ErrorCode");
                Err(errors.unexpected(&At("ERROR", field)))
            }
            _ => Ok(()),
        }
    }

    fn chunk_response<'x, 'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        buffers: Buffers<'x>,
        mut large: LargeMessage,
        start: usize,
        place: Range<usize>,
    ) -> Result<Option<Answer<'x, 'x>>, &'f Error> {
        let cx = Cx::new(self.version).with_padding(env.connection.padding());
        let (errors, Buffers { request, area }) = (env.errors, buffers);
        let at = place.start;
        let message = Untrusted::new(area.get(place).unwrap_or_default());
        let (progress, chunk) = add(errors, &mut large, message, &cx)
            .inspect_err(|error| env.reject(request, message, error))?;
        let chunk = at.saturating_add(chunk.start)..at.saturating_add(chunk.end);
        // Compacted in place: behind the chunks before it, which end at `start`.
        let bytes = Cell::from_mut(&mut *area).as_slice_of_cells();
        let from = bytes.get(chunk).ok_or_else(|| errors.misuse(Misuse::Overrun))?;
        let to = bytes.get(start..).unwrap_or_default();
        for (to, from) in to.iter().zip(from) {
            to.set(from.get());
        }
        if progress == Progress::More {
            self.get_chunk(errors, large)?;
            return Ok(None);
        }
        let whole = 0..usize::try_from(large.len()).unwrap_or(usize::MAX);
        let response = Buffers { request, area }.response(whole);
        large
            .check_content(response)
            .map_err(|error| errors.stop(error))
            .inspect_err(|error| env.reject(request, response, error))?;
        self.transfer = Transfer::Whole;
        Ok(Some(Answer { request, response, header: errors.peek(response)? }))
    }

    fn chunk_send_ack<'x, 'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        settings: &mut Settings,
        buffers: Buffers<'x>,
        now: Instant,
        mut sending: Sending,
        place: Range<usize>,
    ) -> Result<Option<Answer<'x, 'x>>, &'f Error> {
        let cx = Cx::new(self.version).with_padding(env.connection.padding());
        let errors = env.errors;
        let message = Untrusted::new(buffers.area.get(place.clone()).unwrap_or_default());
        let acknowledged = acknowledge(errors, &sending, message, &cx)
            .inspect_err(|error| env.reject(buffers.request, message, error))?;
        let embedded = match acknowledged {
            Acknowledged::Next => {
                sending.proceed();
                self.transfer = Transfer::Sending(sending);
                self.send_next(ToSend::NextChunk);
                return Ok(None);
            }
            Acknowledged::Response(response) | Acknowledged::EarlyError(response) => {
                response.into_inner_less_safe().len()
            }
        };
        // It has no length field: it runs to the end of the acknowledgement.
        self.transfer = Transfer::Sent;
        let request = buffers.request;
        let response = buffers.response(place.end.saturating_sub(embedded)..place.end);
        let header = errors.peek(response)?;
        self.answer(env, settings, now, Answer { request, response, header })
    }
}

/// Checks a CHUNK_RESPONSE: where in it the chunk is.
fn add<'f>(
    errors: &'f ErrorCell,
    large: &mut LargeMessage,
    message: Untrusted<&[u8]>,
    cx: &Cx,
) -> Result<(Progress, Range<usize>), &'f Error> {
    let chunk = errors.decode::<ChunkResponse<'_>>(message, cx)?.message.0;
    let start = chunk.header_len();
    let progress = large.add(&chunk).map_err(|error| errors.stop(error))?;
    Ok((progress, start..start.saturating_add(chunk.bytes.len())))
}

fn acknowledge<'f, 'a>(
    errors: &'f ErrorCell,
    sending: &Sending,
    message: Untrusted<&'a [u8]>,
    cx: &Cx,
) -> Result<Acknowledged<'a>, &'f Error> {
    let ack = errors.decode::<ChunkSendAck<'_>>(message, cx)?.message;
    sending.chunk().acknowledge(&ack, cx.padding).map_err(|error| errors.stop(error))
}
