//! A large request on its way: CHUNK_SEND after CHUNK_SEND.

use spdm_codec::{Chunk, ChunkAttributes, ChunkSend, Message, SpdmVersion};

use super::{Exchange, Transfer};
use crate::fault::{Fault, Stop};
use crate::large_message::{CHUNK_HEADER_LEN, LARGE_MESSAGE_SIZE_LEN, SentChunk};
use crate::requester::Core;

/// How far a large request is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sending {
    /// Bytes of the largest CHUNK_SEND.
    unit: usize,
    /// Bytes of the request in front of this chunk.
    done: usize,
    /// Bytes of the request in this chunk, once it is encoded.
    len: usize,
    chunk: SentChunk,
}

impl Sending {
    pub(super) const fn new(handle: u8, unit: usize) -> Self {
        let chunk = SentChunk { handle, seq_no: 0, attributes: ChunkAttributes::empty() };
        Self { unit, done: 0, len: 0, chunk }
    }

    /// The chunk that was sent last.
    pub(super) const fn chunk(&self) -> &SentChunk {
        &self.chunk
    }

    /// The chunk was acknowledged, and another one follows.
    pub(super) const fn proceed(&mut self) {
        self.done = self.done.saturating_add(self.len);
        self.len = 0;
        self.chunk.seq_no = self.chunk.seq_no.saturating_add(1);
    }

    /// Writes CHUNK_SEND and returns its length in bytes.
    fn encode(
        &mut self,
        fault: &Fault,
        version: SpdmVersion,
        request: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Stop> {
        let size = u32::try_from(request.len()).unwrap_or(u32::MAX);
        let first = self.chunk.seq_no == 0;
        let header = CHUNK_HEADER_LEN + if first { LARGE_MESSAGE_SIZE_LEN } else { 0 };
        let rest = request.get(self.done..).unwrap_or_default();
        let len = rest.len().min(self.unit.saturating_sub(header));
        let last = len == rest.len();
        let attributes = if last { ChunkAttributes::LAST_CHUNK } else { ChunkAttributes::empty() };
        let message = ChunkSend(Chunk {
            attributes,
            handle: self.chunk.handle,
            seq_no: self.chunk.seq_no,
            large_message_size: first.then_some(size),
            bytes: rest.get(..len).unwrap_or_default(),
        });
        let written = message.encode(version, out).map_err(|error| fault.stop(error))?;
        self.len = len;
        self.chunk.attributes = attributes;
        Ok(written)
    }
}

impl Exchange {
    /// Encodes the chunk that is to be sent into the receive area.
    pub(super) fn load_chunk(&mut self, core: &mut Core<'_>) -> Result<usize, Stop> {
        let Transfer::Sending(sending) = &mut self.transfer else {
            return Err(core.connection.fault.unfinished());
        };
        let (judge, request, area) = core.split(self.request_len)?;
        sending.encode(judge.fault(), self.version, request, area)
    }
}
