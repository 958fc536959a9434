//! Messages in a session: sealed just before they are sent, opened as soon as they arrive.

use core::ops::Range;

use spdm_transport::{Instant, MessageKind};

use super::{State, ToSend, Transaction};
use crate::core::{Buffers, Core};
use crate::env::Env;
use crate::error::{Error, SessionFault};
use crate::error_cell::{At, ErrorCell};
use crate::session::{Arrived, SessionHandle, Unsealed};

impl Transaction {
    /// Seals what is to be sent in a record at the start of the receive area: the request itself is needed for the
    /// transcript, and a chunk is encoded there already. Chunks of a response that have come stay in front of it.
    #[inline(never)]
    pub(super) fn seal<'f>(
        &mut self,
        errors: &'f ErrorCell,
        core: &mut Core<'_>,
        session: SessionHandle,
        now: Instant,
    ) -> Result<(), &'f Error> {
        let State::Send(next) = self.state else { return Ok(()) };
        let provider = core.provider;
        let have = self.received();
        let (env, _, Buffers { request, area }) = core.split(errors, self.request_len);
        let area = area.get_mut(have..).unwrap_or_default();
        let message = match &next {
            ToSend::Chunk { len } => Unsealed::InPlace(*len),
            ToSend::RespondIfReady(short) | ToSend::ChunkGet(short) => {
                Unsealed::Bytes(short.as_bytes())
            }
            ToSend::Request | ToSend::NextChunk | ToSend::Anew => Unsealed::Bytes(request),
        };
        // Without memory there are none.
        let sessions = env.sessions.ok_or_else(|| errors.stop(SessionFault::Over))?;
        self.record = Some(sessions.seal(errors, session, &provider, now, message, area)?);
        Ok(())
    }
}

/// Where in the receive area the message is that came at `place`: inside its record, in a session. `None` for a message
/// that belongs elsewhere: the awaited one may still come.
#[inline(never)]
pub(super) fn open<'f>(
    env: &mut Env<'_, 'f>,
    area: &mut [u8],
    kind: MessageKind,
    place: Range<usize>,
    padding: usize,
) -> Result<Option<Range<usize>>, &'f Error> {
    let arrived = Arrived { now: env.connection.now, kind, area, place, padding };
    match (&mut env.sessions, kind) {
        (Some(sessions), _) => sessions.take(env.errors, env.connection.via(), arrived),
        // Without memory for sessions there are none.
        (None, MessageKind::Secured) => {
            Err(env.errors.unexpected(&At("response", "secured message")))
        }
        (None, MessageKind::Plain) => Ok(Some(arrived.place)),
    }
}
