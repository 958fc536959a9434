//! A large request on its way: CHUNK_SEND after CHUNK_SEND.

use spdm_codec::{Chunk, ChunkAttributes, ChunkSend, Message, SentChunk, SpdmVersion};

use super::{Transaction, Transfer};
use crate::core::{Buffers, Core};
use crate::error::Error;
use crate::error_cell::ErrorCell;

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
    fn encode<'f>(
        &mut self,
        errors: &'f ErrorCell,
        version: SpdmVersion,
        request: &[u8],
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let size = u32::try_from(request.len()).unwrap_or(u32::MAX);
        let mut chunk = Chunk {
            attributes: ChunkAttributes::empty(),
            handle: self.chunk.handle,
            seq_no: self.chunk.seq_no,
            large_message_size: (self.chunk.seq_no == 0).then_some(size),
            bytes: request.get(self.done..).unwrap_or_default(),
        };
        let room = self.unit.saturating_sub(chunk.header_len());
        match chunk.bytes.get(..room) {
            Some(part) if part.len() < chunk.bytes.len() => chunk.bytes = part,
            _ => chunk.attributes = ChunkAttributes::LAST_CHUNK,
        }
        let written = ChunkSend(chunk).encode(version, out).map_err(|error| errors.stop(error))?;
        self.len = chunk.bytes.len();
        self.chunk.attributes = chunk.attributes;
        Ok(written)
    }
}

impl Transaction {
    /// Encodes the chunk that is to be sent into the receive area.
    pub(super) fn load_chunk<'f>(
        &mut self,
        errors: &'f ErrorCell,
        core: &mut Core<'_>,
    ) -> Result<usize, &'f Error> {
        let Transfer::Sending(sending) = &mut self.transfer else {
            return Err(errors.unfinished());
        };
        let (_, _, Buffers { request, area }) = core.split(errors, self.request_len);
        sending.encode(errors, self.version, request, area)
    }
}
