//! Large messages in chunks (DSP0274 1.2 §Large SPDM message transfer mechanism), the Responder's side. The bytes are
//! in the lent message memory.

use spdm_codec::{
    Chunk, ChunkAttributes, ChunkGet, ChunkResponse, ChunkSend, Cx, MIN_DATA_TRANSFER_SIZE,
    Message as _,
};

use crate::agreement::Peer;
use crate::config::Config;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::turn::decode_padded;

/// CHUNK_SEND and CHUNK_RESPONSE without LargeMessageSize and chunk.
const HEADER_LEN: usize = 12;
/// LargeMessageSize.
const SIZE_LEN: usize = 4;

/// The transfer that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfers {
    pub(crate) transfer: Transfer,
    /// Where all of its messages travel.
    pub(crate) scope: Scope,
    /// Of the last large response.
    handle: u8,
}

/// Of a request or of a response, never of both.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transfer {
    None,
    Request(LargeRequest),
    Response(LargeResponse),
}

/// A request whose first bytes are at the start of the message memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeRequest {
    handle: u8,
    next: u32,
    total: usize,
    have: usize,
}

/// A response in the message memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeResponse {
    next: u32,
    /// Where the bytes that were not sent begin.
    at: usize,
    end: usize,
    total: usize,
}

/// What a chunk did to a large request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Received {
    More,
    /// All of so many bytes are there.
    Whole(usize),
    /// It broke a rule, which ends the transfer.
    Broken(Refusal),
}

impl Transfers {
    pub(crate) const fn new() -> Self {
        Self { transfer: Transfer::None, scope: Scope::Plain, handle: 0 }
    }

    pub(crate) const fn reset(&mut self) {
        self.transfer = Transfer::None;
    }

    pub(crate) const fn is_active(&self) -> bool {
        !matches!(self.transfer, Transfer::None)
    }

    /// A response of `len` bytes at `start` of the message memory is to be fetched: its handle.
    pub(crate) const fn offer(&mut self, scope: Scope, start: usize, len: usize) -> u8 {
        self.scope = scope;
        self.handle = self.handle.wrapping_add(1);
        let end = start.saturating_add(len);
        self.transfer = Transfer::Response(LargeResponse { next: 0, at: start, end, total: len });
        self.handle
    }

    /// Writes CHUNK_RESPONSE into `out`.
    pub(crate) fn chunk_get(
        &mut self,
        config: &Config<'_>,
        peer: &Peer,
        padding: usize,
        message: &[u8],
        memory: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Refusal> {
        let Transfer::Response(large) = &mut self.transfer else {
            return Err(Refusal::unexpected());
        };
        let asked = decode_padded::<ChunkGet>(padding, message, Cx::new(peer.version))?.message;
        if asked.handle != self.handle || asked.seq_no != large.next {
            return Err(Refusal::invalid());
        }
        let first = large.next == 0;
        let header = if first { HEADER_LEN + SIZE_LEN } else { HEADER_LEN };
        let room = one(config, peer).min(out.len()).saturating_sub(header);
        let rest = memory.get(large.at..large.end).unwrap_or_default();
        let bytes = rest.get(..room).unwrap_or(rest);
        let last = bytes.len() == rest.len();
        let chunk = Chunk {
            attributes: if last { ChunkAttributes::LAST_CHUNK } else { ChunkAttributes::empty() },
            handle: self.handle,
            seq_no: large.next,
            large_message_size: first.then(|| u32::try_from(large.total).unwrap_or(u32::MAX)),
            bytes,
        };
        let len = ChunkResponse(chunk).encode(peer.version, out)?;
        large.at += bytes.len();
        large.next += 1;
        if last {
            self.transfer = Transfer::None;
        }
        Ok(len)
    }

    /// Takes a chunk of a request into `memory`.
    pub(crate) fn chunk_send(
        &mut self,
        config: &Config<'_>,
        chunk: &ChunkSend<'_>,
        memory: &mut [u8],
    ) -> Received {
        let whole = usize::try_from(config.sizes.max_spdm_msg_size).unwrap_or(usize::MAX);
        let chunk = &chunk.0;
        let begun = match core::mem::replace(&mut self.transfer, Transfer::None) {
            Transfer::Request(large) => Ok(large),
            Transfer::None | Transfer::Response(_) => begin(chunk, whole.min(memory.len())),
        };
        match begun.and_then(|large| large.add(chunk, memory)) {
            Err(refusal) => Received::Broken(refusal),
            Ok(large) if large.have == large.total => Received::Whole(large.total),
            Ok(large) => {
                self.transfer = Transfer::Request(large);
                Received::More
            }
        }
    }
}

/// The largest message that both sides take, in bytes.
pub(crate) fn one(config: &Config<'_>, peer: &Peer) -> usize {
    usize::try_from(config.sizes.data_transfer_size).unwrap_or(usize::MAX).min(peer.room())
}

fn begin(chunk: &Chunk<'_>, most: usize) -> Result<LargeRequest, Refusal> {
    let total = chunk.large_message_size.and_then(|size| usize::try_from(size).ok());
    let total = total.ok_or_else(Refusal::invalid)?;
    if total <= smallest() || total > most {
        return Err(Refusal::invalid());
    }
    Ok(LargeRequest { handle: chunk.handle, next: 0, total, have: 0 })
}

fn smallest() -> usize {
    usize::try_from(MIN_DATA_TRANSFER_SIZE).unwrap_or(usize::MAX)
}

impl LargeRequest {
    fn add(mut self, chunk: &Chunk<'_>, memory: &mut [u8]) -> Result<Self, Refusal> {
        let header = if chunk.seq_no == 0 { HEADER_LEN + SIZE_LEN } else { HEADER_LEN };
        let last = chunk.attributes.contains(ChunkAttributes::LAST_CHUNK);
        let end = self.have.saturating_add(chunk.bytes.len());
        let rules = [
            chunk.handle == self.handle,
            chunk.seq_no == self.next,
            end <= self.total,
            last == (end == self.total),
            last || header + chunk.bytes.len() >= smallest(),
        ];
        if rules.contains(&false) {
            return Err(Refusal::invalid());
        }
        let place = memory.get_mut(self.have..end).ok_or_else(Refusal::invalid)?;
        place.copy_from_slice(chunk.bytes);
        self.have = end;
        self.next += 1;
        Ok(self)
    }
}
