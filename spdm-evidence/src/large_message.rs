//! Large messages in chunks (DSP0274 1.2 §Large SPDM message transfer mechanism).

use spdm_codec::{Chunk, ChunkAttributes, Code, Header, MIN_DATA_TRANSFER_SIZE, SpdmVersion};
use spdm_untrusted::Untrusted;

use crate::assembly::{Broken, ChunkViolation};

/// Header of a chunk message, LargeMessageSize of the first one not counted.
const CHUNK_HEADER_LEN: usize = 12;
const LARGE_MESSAGE_SIZE_LEN: usize = 4;

/// A large message that is being received.
#[derive(Debug)]
pub(crate) struct LargeMessage {
    message: &'static str,
    handle: u8,
    next: u32,
    total: Option<usize>,
    /// A large message has more bytes than this: it would have fitted one transfer else.
    more_than: usize,
    bytes: Vec<u8>,
}

impl LargeMessage {
    /// `message` is CHUNK_SEND or CHUNK_RESPONSE. `overhead` is what a transfer of the whole message would
    /// carry besides: 0, or [`Self::ack_len`] where it answers a large request.
    pub(crate) fn new(message: &'static str, handle: u8, overhead: usize) -> Self {
        let fits = usize::try_from(MIN_DATA_TRANSFER_SIZE).unwrap_or(usize::MAX);
        let more_than = fits.saturating_sub(overhead);
        Self { message, handle, next: 0, total: None, more_than, bytes: Vec::new() }
    }

    /// Bytes of CHUNK_SEND_ACK in front of the embedded response.
    pub(crate) const fn ack_len(version: SpdmVersion) -> usize {
        match version {
            SpdmVersion::V1_4 => 8,
            _ => 6,
        }
    }

    pub(crate) const fn handle(&self) -> u8 {
        self.handle
    }

    /// `ChunkSeqNo` of the chunk that was added last.
    pub(crate) const fn last_seq_no(&self) -> u32 {
        self.next.saturating_sub(1)
    }

    fn violation(&self, field: &'static str, rule: &'static str) -> Broken {
        Broken::Chunk(ChunkViolation { message: self.message, field, rule })
    }

    /// Adds a chunk; gives the whole message with the last one.
    pub(crate) fn add(&mut self, chunk: &Chunk<'_>) -> Result<Option<Vec<u8>>, Broken> {
        let last = chunk.attributes.contains(ChunkAttributes::LAST_CHUNK);
        if chunk.handle != self.handle {
            return Err(self.violation("Handle", "the handle of the large message"));
        }
        if chunk.seq_no != self.next {
            return Err(self.violation("ChunkSeqNo", "the next chunk"));
        }
        let mut header_len = CHUNK_HEADER_LEN;
        if let Some(size) = chunk.large_message_size {
            let total = usize::try_from(size).unwrap_or(usize::MAX);
            if total <= self.more_than {
                let rule = "a size that does not fit one transfer";
                return Err(self.violation("LargeMessageSize", rule));
            }
            self.total = Some(total);
            header_len += LARGE_MESSAGE_SIZE_LEN;
        }
        let smallest = usize::try_from(MIN_DATA_TRANSFER_SIZE).unwrap_or(usize::MAX);
        if !last && header_len + chunk.bytes.len() < smallest {
            return Err(self.violation("ChunkSize", "chunks that fill the smallest transfer"));
        }
        let total = self.total.unwrap_or(0);
        let so_far = self.bytes.len() + chunk.bytes.len();
        if so_far > total {
            return Err(self.violation("ChunkSize", "no more bytes than LargeMessageSize"));
        }
        if last != (so_far == total) {
            return Err(self.violation("LastChunk", "the last chunk completes LargeMessageSize"));
        }
        self.bytes.extend_from_slice(chunk.bytes);
        self.next = self.next.saturating_add(1);
        if !last {
            return Ok(None);
        }
        let whole = core::mem::take(&mut self.bytes);
        self.check_content(&whole)?;
        Ok(Some(whole))
    }

    fn check_content(&self, whole: &[u8]) -> Result<(), Broken> {
        let code = Header::peek(Untrusted::new(whole))?.code;
        let never_large = matches!(
            code,
            Code::CHUNK_SEND
                | Code::CHUNK_SEND_ACK
                | Code::CHUNK_GET
                | Code::CHUNK_RESPONSE
                | Code::GET_VERSION
                | Code::VERSION
        );
        if never_large {
            return Err(self.violation("SPDMchunk", "a message that may be large"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::LargeMessage;
    use crate::assembly::{Broken, ChunkViolation};
    use spdm_codec::{Chunk, ChunkAttributes};

    fn chunk(seq_no: u32, bytes: &[u8], total: Option<u32>, last: bool) -> Chunk<'_> {
        let attributes = if last { ChunkAttributes::LAST_CHUNK } else { ChunkAttributes::empty() };
        Chunk { attributes, handle: 7, seq_no, large_message_size: total, bytes }
    }

    const MESSAGE: [u8; 50] = {
        let mut message = [0; 50];
        message[0] = 0x12;
        message[1] = 0x60;
        message
    };

    fn violation(field: &'static str, rule: &'static str) -> Broken {
        Broken::Chunk(ChunkViolation { message: "CHUNK_RESPONSE", field, rule })
    }

    #[test]
    fn chunks_become_the_message() {
        let mut large = LargeMessage::new("CHUNK_RESPONSE", 7, 0);
        assert_eq!(large.add(&chunk(0, &MESSAGE[..30], Some(50), false)), Ok(None));
        assert_eq!(large.add(&chunk(1, &MESSAGE[30..], None, true)), Ok(Some(MESSAGE.to_vec())));
    }

    #[test]
    fn every_rule_of_a_chunk() {
        let rows = [
            (
                Chunk { handle: 6, ..chunk(0, &MESSAGE[..30], Some(50), false) },
                "Handle",
                "the handle of the large message",
            ),
            (chunk(1, &MESSAGE[..30], None, false), "ChunkSeqNo", "the next chunk"),
            (
                chunk(0, &MESSAGE[..30], Some(42), false),
                "LargeMessageSize",
                "a size that does not fit one transfer",
            ),
            (
                chunk(0, &MESSAGE[..25], Some(50), false),
                "ChunkSize",
                "chunks that fill the smallest transfer",
            ),
            (
                chunk(0, &MESSAGE, Some(49), true),
                "ChunkSize",
                "no more bytes than LargeMessageSize",
            ),
            (
                chunk(0, &MESSAGE, Some(50), false),
                "LastChunk",
                "the last chunk completes LargeMessageSize",
            ),
            (
                chunk(0, &MESSAGE[..49], Some(50), true),
                "LastChunk",
                "the last chunk completes LargeMessageSize",
            ),
            (chunk(0, &[0x06; 50], Some(50), true), "SPDMchunk", "a message that may be large"),
        ];
        for (chunk, field, rule) in rows {
            let mut large = LargeMessage::new("CHUNK_RESPONSE", 7, 0);
            assert_eq!(large.add(&chunk), Err(violation(field, rule)));
        }
    }
}
