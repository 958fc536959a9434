//! Large messages in chunks (DSP0274 1.2 §Large SPDM message transfer mechanism), the Responder's side.

use spdm_codec::{
    Chunk, ChunkAckAttributes, ChunkAttributes, ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck,
    Code, ErrorCode, Header, MIN_DATA_TRANSFER_SIZE, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::agreement::PeerCapabilities;
use crate::error_answer::ErrorAnswer;
use crate::responder::decode_padded;
use crate::turn::encode;

/// CHUNK_SEND and CHUNK_RESPONSE without LargeMessageSize and chunk.
const HEADER_LEN: usize = 12;
/// LargeMessageSize.
const SIZE_LEN: usize = 4;

/// What the device can do of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// What it receives and sends in one message, in bytes.
    pub(crate) one: usize,
    /// What it puts together, in bytes.
    pub(crate) whole: usize,
    /// What a transport may have appended to a message that is received, in bytes.
    pub(crate) padding: usize,
}

impl Sizes {
    /// The longest message that is taken, with what was appended.
    const fn longest(self) -> usize {
        self.one.saturating_add(self.padding)
    }
}

/// The transfer that is under way: of a request or of a response, never both.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    request: Option<LargeRequest>,
    response: Option<LargeResponse>,
    handle: u8,
}

#[derive(Debug)]
struct LargeRequest {
    handle: u8,
    next: u32,
    total: usize,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct LargeResponse {
    next: u32,
    sent: usize,
    bytes: Vec<u8>,
}

/// How a request came, and so how its response goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// In one message.
    Direct,
    /// In chunks; this was the last one.
    Chunked { handle: u8, seq_no: u32 },
}

/// What a message of a Requester is.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request.
    Request { bytes: Vec<u8>, way: Way },
    /// A part of a transfer, which is answered with this.
    Part(Vec<u8>),
}

impl Transfers {
    /// The connection starts over.
    pub(crate) fn reset(&mut self) {
        (self.request, self.response) = (None, None);
    }

    /// Takes a message that was received.
    pub(crate) fn receive(
        &mut self,
        sizes: Sizes,
        peer: Option<&PeerCapabilities>,
        message: &[u8],
    ) -> Incoming {
        let code = Header::peek(Untrusted::new(message)).map(|header| header.code);
        let version = peer.map_or(SpdmVersion::V1_0, |peer| peer.version);
        let refuse = |refusal: ErrorAnswer| Incoming::Part(refusal.encode(version));
        let direct = || Incoming::Request { bytes: message.to_vec(), way: Way::Direct };
        match (code, peer) {
            (Ok(Code::GET_VERSION), _) => {
                self.reset();
                direct()
            }
            (Ok(code @ (Code::CHUNK_SEND | Code::CHUNK_GET)), Some(peer)) if peer.chunks => {
                let too_long = message.len() > sizes.longest();
                let result = match code {
                    _ if too_long => Err(ErrorAnswer::new(ErrorCode::REQUEST_TOO_LARGE)),
                    Code::CHUNK_GET => self.chunk_get(sizes, peer, message).map(Incoming::Part),
                    _ => self.chunk_send(sizes, peer, message),
                };
                result.unwrap_or_else(refuse)
            }
            // Nothing interrupts a transfer, and it goes on afterwards.
            (_, Some(_)) if self.request.is_some() || self.response.is_some() => {
                refuse(ErrorAnswer::unexpected())
            }
            (_, Some(peer))
                if peer.version >= SpdmVersion::V1_2 && message.len() > sizes.longest() =>
            {
                refuse(ErrorAnswer::new(ErrorCode::REQUEST_TOO_LARGE))
            }
            _ => direct(),
        }
    }

    /// Makes a message of a response.
    pub(crate) fn send(
        &mut self,
        sizes: Sizes,
        peer: Option<&PeerCapabilities>,
        way: Way,
        response: Vec<u8>,
    ) -> Vec<u8> {
        let Some(peer) = peer.filter(|peer| peer.chunks) else { return response };
        let embedded = match way {
            Way::Direct => response.clone(),
            Way::Chunked { handle, seq_no } => {
                let attributes = ChunkAckAttributes::empty();
                let ack = ChunkSendAck { attributes, handle, seq_no, response: &response };
                encode(&ack, peer.version).unwrap_or_default()
            }
        };
        if embedded.len() <= sizes.one.min(peer.room()) {
            return embedded;
        }
        self.handle = self.handle.wrapping_add(1);
        self.response = Some(LargeResponse { next: 0, sent: 0, bytes: response });
        let large = ErrorAnswer::new(ErrorCode::LARGE_RESPONSE);
        ErrorAnswer { extended: vec![self.handle], ..large }.encode(peer.version)
    }

    fn chunk_get(
        &mut self,
        sizes: Sizes,
        peer: &PeerCapabilities,
        message: &[u8],
    ) -> Result<Vec<u8>, ErrorAnswer> {
        let version = peer.version;
        let large = self.response.as_mut().ok_or_else(ErrorAnswer::unexpected)?;
        let asked = decode_padded::<ChunkGet>(sizes.padding, message, version)?.message;
        if asked.handle != self.handle || asked.seq_no != large.next {
            return Err(ErrorAnswer::invalid());
        }
        let first = large.next == 0;
        let header = if first { HEADER_LEN + SIZE_LEN } else { HEADER_LEN };
        let room = sizes.one.min(peer.room()).saturating_sub(header);
        let rest = large.bytes.get(large.sent..).unwrap_or_default();
        let bytes = rest.get(..room).unwrap_or(rest);
        let last = bytes.len() == rest.len();
        let total = u32::try_from(large.bytes.len()).unwrap_or(u32::MAX);
        let chunk = Chunk {
            attributes: if last { ChunkAttributes::LAST_CHUNK } else { ChunkAttributes::empty() },
            handle: self.handle,
            seq_no: large.next,
            large_message_size: first.then_some(total),
            bytes,
        };
        let response = encode(&ChunkResponse(chunk), version)?;
        large.sent += bytes.len();
        large.next += 1;
        if last {
            self.response = None;
        }
        Ok(response)
    }

    fn chunk_send(
        &mut self,
        sizes: Sizes,
        peer: &PeerCapabilities,
        message: &[u8],
    ) -> Result<Incoming, ErrorAnswer> {
        if self.response.is_some() {
            return Err(ErrorAnswer::unexpected());
        }
        let chunk = decode_padded::<ChunkSend<'_>>(sizes.padding, message, peer.version)?.message.0;
        let (handle, seq_no) = (chunk.handle, chunk.seq_no);
        let done =
            self.request.take().map_or_else(|| begin(sizes, &chunk), |large| large.add(&chunk));
        let ack = |attributes, response: &[u8]| {
            encode(&ChunkSendAck { attributes, handle, seq_no, response }, peer.version)
        };
        match done {
            Err(refusal) => {
                let response = refusal.encode(peer.version);
                Ok(Incoming::Part(ack(ChunkAckAttributes::EARLY_ERROR_DETECTED, &response)?))
            }
            Ok(large) if large.bytes.len() == large.total => {
                let way = Way::Chunked { handle, seq_no };
                Ok(Incoming::Request { bytes: large.bytes, way })
            }
            Ok(large) => {
                self.request = Some(large);
                Ok(Incoming::Part(ack(ChunkAckAttributes::empty(), &[])?))
            }
        }
    }
}

fn begin(sizes: Sizes, chunk: &Chunk<'_>) -> Result<LargeRequest, ErrorAnswer> {
    let smallest = usize::try_from(MIN_DATA_TRANSFER_SIZE).unwrap_or(usize::MAX);
    let total = chunk.large_message_size.and_then(|size| usize::try_from(size).ok());
    let total = total.ok_or_else(ErrorAnswer::invalid)?;
    if total <= smallest || total > sizes.whole {
        return Err(ErrorAnswer::invalid());
    }
    LargeRequest { handle: chunk.handle, next: 0, total, bytes: Vec::new() }.add(chunk)
}

impl LargeRequest {
    fn add(mut self, chunk: &Chunk<'_>) -> Result<Self, ErrorAnswer> {
        let smallest = usize::try_from(MIN_DATA_TRANSFER_SIZE).unwrap_or(usize::MAX);
        let header = if chunk.seq_no == 0 { HEADER_LEN + SIZE_LEN } else { HEADER_LEN };
        let last = chunk.attributes.contains(ChunkAttributes::LAST_CHUNK);
        self.bytes.extend(chunk.bytes);
        let rules = [
            chunk.handle == self.handle,
            chunk.seq_no == self.next,
            self.bytes.len() <= self.total,
            last == (self.bytes.len() == self.total),
            last || header + chunk.bytes.len() >= smallest,
        ];
        self.next += 1;
        if rules.contains(&false) { Err(ErrorAnswer::invalid()) } else { Ok(self) }
    }
}
