//! Messages in a session: sealed just before they are sent, opened as soon as they arrive.

use core::ops::Range;

use spdm_transport::{Instant, MessageKind};

use super::{State, ToSend, Transaction};
use crate::core::{Buffers, Core};
use crate::env::Env;
use crate::error::{Buffer, Error, SessionFault};
use crate::error_cell::ErrorCell;
use crate::session::SessionHandle;

impl Transaction {
    /// Seals what is to be sent in a record at the start of the receive area: the request itself is needed for the
    /// transcript, and a chunk is encoded there already.
    pub(super) fn seal<'f>(
        &mut self,
        errors: &'f ErrorCell,
        core: &mut Core<'_>,
        session: SessionHandle,
        now: Instant,
    ) -> Result<(), &'f Error> {
        let State::Send(next) = self.state else { return Ok(()) };
        let message_len = core.message.len();
        let provider = core.provider;
        let (env, _, Buffers { request, area }) = core.split(errors, self.request_len);
        let Some(sessions) = env.sessions else {
            return Err(errors.stop(SessionFault::Over));
        };
        let (head, room) = (sessions.head_len(session), area.len());
        let message = match &next {
            ToSend::Chunk { len } => {
                let end = head.saturating_add(*len);
                if end <= room {
                    area.copy_within(..*len, head);
                }
                *len
            }
            ToSend::Request | ToSend::NextChunk | ToSend::Anew => put(area, head, request),
            ToSend::RespondIfReady(short) | ToSend::ChunkGet(short) => {
                put(area, head, short.as_bytes())
            }
        };
        let sealed = sessions.seal(session, &provider, now, area, message);
        self.record = Some(sealed.map_err(|fault| match fault {
            SessionFault::Encode(spdm_codec::EncodeError::BufferTooSmall { needed }) => {
                let needed = message_len.saturating_sub(room).saturating_add(needed);
                errors.stop(Error::BufferTooSmall {
                    buffer: Buffer::Message,
                    needed,
                    len: message_len,
                })
            }
            fault => errors.stop(fault),
        })?);
        Ok(())
    }

    /// Where in the receive area the message is that came at `place`: inside its record, in a session.
    pub(super) fn open<'f>(
        env: &mut Env<'_, 'f>,
        area: &mut [u8],
        kind: MessageKind,
        place: Range<usize>,
        padding: usize,
        now: Instant,
    ) -> Result<Range<usize>, &'f Error> {
        let errors = env.errors;
        let (session, sessions) = match (*env.via, &mut env.sessions, kind) {
            (None, _, MessageKind::Plain) => return Ok(place),
            (Some(session), Some(sessions), MessageKind::Secured) => (session, sessions),
            (Some(_), _, MessageKind::Plain) => {
                return Err(errors.stop(SessionFault::PlainMessage));
            }
            (_, _, MessageKind::Secured) => {
                let at = crate::error_cell::At("response", "secured message");
                return Err(errors.unexpected(&at));
            }
        };
        let record = area.get_mut(place.clone()).unwrap_or_default();
        let opened = sessions.open(session, now, record, padding);
        let opened = opened.map_err(|fault| errors.stop(fault))?;
        Ok(place.start.saturating_add(opened.start)..place.start.saturating_add(opened.end))
    }
}

/// Writes a message behind the head of its record; its length in bytes. Where it does not fit, sealing says so.
fn put(area: &mut [u8], head: usize, message: &[u8]) -> usize {
    let place = area.get_mut(head..).unwrap_or_default();
    place.iter_mut().zip(message).for_each(|(place, byte)| *place = *byte);
    message.len()
}
