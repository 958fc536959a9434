//! How an answer leaves: as it is, in CHUNK_SEND_ACK, or to be fetched in chunks.

use spdm_codec::{ChunkAckAttributes, ChunkSendAck, Code, Message as _};

use crate::agreement::Peer;
use crate::chunks::one;
use crate::draft::Draft;
use crate::exchange::{Answer, Parts, Way};
use crate::hook::Arrival;
use crate::refusal::{Refusal, large_response};
use crate::responder::Responder;

impl Responder<'_> {
    /// Makes a message of an answer: the length of what is sent.
    pub(crate) fn leave(
        &mut self,
        parts: &mut Parts<'_>,
        code: Code,
        way: Way,
        answer: Answer,
        out: &mut [u8],
    ) -> usize {
        let peer = self.memory.connection.peer().copied().filter(Peer::chunks);
        let limit = peer.map_or(usize::MAX, |peer| one(&self.config, &peer));
        let about = self.about(parts.scope, code, way.arrival());
        let start = self.memory.connection.kept.request;
        let answer = match (way, answer) {
            (Way::Direct(_), Answer::Kept(len)) if len <= limit && len <= out.len() => {
                let kept = self.memory.message.get(start..start + len).unwrap_or_default();
                out.iter_mut().zip(kept).for_each(|(place, byte)| *place = *byte);
                Answer::Out(len)
            }
            (Way::Chunked { .. }, Answer::Out(len)) => match (peer, self.keep(out, len)) {
                (Some(_), Some(len)) => Answer::Kept(len),
                // The hook ended the connection.
                _ => {
                    let mut answer = Draft::written(out, len);
                    parts.hook.leave(&about, &mut answer);
                    let len = answer.len();
                    return self.part(parts, Code::CHUNK_SEND, len, out);
                }
            },
            (_, answer) => answer,
        };
        let kept = match answer {
            Answer::Kept(len) => {
                let room = self.memory.message.get_mut(start..).unwrap_or_default();
                let mut answer = Draft::written(room, len);
                parts.hook.leave(&about, &mut answer);
                answer.len()
            }
            Answer::Out(len) => {
                let mut answer = Draft::written(out, len);
                parts.hook.leave(&about, &mut answer);
                let len = answer.len();
                if len <= limit {
                    return len;
                }
                self.keep(out, len).unwrap_or_default()
            }
        };
        self.send_large(parts, way, start, kept, out)
    }

    /// Sends an answer that is in the message memory: in CHUNK_SEND_ACK, or to be fetched in chunks.
    fn send_large(
        &mut self,
        parts: &mut Parts<'_>,
        way: Way,
        start: usize,
        len: usize,
        out: &mut [u8],
    ) -> usize {
        let version = self.memory.connection.version();
        let Some(peer) = self.memory.connection.peer().copied().filter(Peer::chunks) else {
            // The caller lent too little for what the device has to say.
            let mut answer = Draft::new(out);
            Refusal::too_large(len).write(version, &mut answer);
            return answer.len();
        };
        let limit = one(&self.config, &peer);
        if let Way::Chunked { handle, seq_no } = way {
            let response = self.memory.message.get(start..start + len).unwrap_or_default();
            let attributes = ChunkAckAttributes::empty();
            let ack = ChunkSendAck { attributes, handle, seq_no, response };
            if let Some(len) = ack.encode(version, out).ok().filter(|len| *len <= limit) {
                return self.part(parts, Code::CHUNK_SEND, len, out);
            }
        }
        let handle = self.memory.connection.transfers.offer(parts.scope, start, len);
        let len = large_response(handle, version, out).unwrap_or_default();
        match way {
            Way::Direct(_) => len,
            Way::Chunked { .. } => self.part(parts, Code::CHUNK_SEND, len, out),
        }
    }

    /// Copies an answer behind the request in the message memory, where it fits.
    fn keep(&mut self, out: &[u8], len: usize) -> Option<usize> {
        let start = self.memory.connection.kept.request;
        let answer = out.get(..len)?;
        let place = self.memory.message.get_mut(start..start.saturating_add(len))?;
        place.copy_from_slice(answer);
        Some(len)
    }

    /// A chunk message, or an ERROR in place of one, is about to leave.
    pub(crate) fn part(
        &self,
        parts: &mut Parts<'_>,
        code: Code,
        len: usize,
        out: &mut [u8],
    ) -> usize {
        let mut answer = Draft::written(out, len);
        parts.hook.leave(&self.about(parts.scope, code, Arrival::Received), &mut answer);
        answer.len()
    }
}
