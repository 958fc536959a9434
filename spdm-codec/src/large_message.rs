//! Large messages (DSP0274 1.2 §Large SPDM message transfer mechanism): the rules by which chunks become one,
//! for live connections and for captures. The bytes are the caller's.

use spdm_untrusted::Untrusted;

use crate::capabilities::MIN_DATA_TRANSFER_SIZE;
use crate::chunk::{Chunk, ChunkAttributes, ChunkSendAck};
use crate::chunk_error::ChunkError;
use crate::code::Code;
use crate::error::Expected;
use crate::header::Header;
use crate::spdm_version::SpdmVersion;

/// A large message while its chunks arrive. Feed it every chunk; append those that it accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LargeMessage {
    message: &'static str,
    version: SpdmVersion,
    handle: u8,
    next: u32,
    have: u32,
    total: Option<u32>,
    /// What is not longer would have fitted the smallest transfer.
    more_than: u32,
    at_most: u32,
}

/// How far a large message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a chunk is the last one or it is not")]
pub enum Progress {
    /// More chunks follow.
    More,
    /// All bytes are there: see [`LargeMessage::check_content`].
    Complete,
}

impl LargeMessage {
    const fn new(message: &'static str, version: SpdmVersion, handle: u8) -> Self {
        Self {
            message,
            version,
            handle,
            next: 0,
            have: 0,
            total: None,
            more_than: MIN_DATA_TRANSFER_SIZE,
            at_most: u32::MAX,
        }
    }

    /// A large request, in CHUNK_SEND.
    #[must_use]
    pub const fn request(version: SpdmVersion, handle: u8) -> Self {
        Self::new("CHUNK_SEND", version, handle)
    }

    /// A large response, in CHUNK_RESPONSE; `handle` is what ERROR(LargeResponse) said.
    #[must_use]
    pub const fn response(version: SpdmVersion, handle: u8) -> Self {
        Self::new("CHUNK_RESPONSE", version, handle)
    }

    /// The response answers a large request: CHUNK_SEND_ACK would have had to carry it.
    #[must_use]
    pub fn to_large_request(mut self) -> Self {
        let header = u32::try_from(ChunkSendAck::header_len(self.version)).unwrap_or(0);
        self.more_than = MIN_DATA_TRANSFER_SIZE.saturating_sub(header);
        self
    }

    /// The receiver's `MaxSPDMmsgSize`.
    #[must_use]
    pub const fn at_most(mut self, max_spdm_msg_size: u32) -> Self {
        self.at_most = max_spdm_msg_size;
        self
    }

    /// `Handle`.
    #[must_use]
    pub const fn handle(&self) -> u8 {
        self.handle
    }

    /// `ChunkSeqNo` of the chunk that comes next.
    #[must_use]
    pub const fn next_seq_no(&self) -> u32 {
        self.next
    }

    /// Bytes that were accepted so far.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.have
    }

    /// Whether no bytes were accepted yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.have == 0
    }

    #[cold]
    #[inline(never)]
    fn value(&self, field: &'static str, expected: Expected, got: u32) -> ChunkError {
        ChunkError::value(self.message, field, expected, got.into())
    }

    /// Checks the next chunk, all or nothing: after an error the transfer is as before. The bytes of an accepted
    /// chunk belong behind those of the chunks before it.
    ///
    /// # Errors
    /// [`ChunkError`] names the field of the chunk message that breaks a rule.
    pub fn add(&mut self, chunk: &Chunk<'_>) -> Result<Progress, ChunkError> {
        if chunk.handle != self.handle {
            let expected = Expected::Exactly(self.handle.into());
            return Err(self.value("Handle", expected, chunk.handle.into()));
        }
        if chunk.seq_no != self.next {
            let expected = Expected::Exactly(self.next.into());
            return Err(self.value("ChunkSeqNo", expected, chunk.seq_no));
        }
        let total = self.total(chunk)?;
        let size = u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX);
        let left = total.saturating_sub(self.have);
        if size > left {
            return Err(self.value("ChunkSize", Expected::AtMost(left.into()), size));
        }
        let progress = self.progress(chunk, size == left)?;
        if progress == Progress::More {
            self.check_not_last(chunk, size)?;
        }
        self.total = Some(total);
        self.have = self.have.saturating_add(size);
        self.next = self.next.saturating_add(1);
        Ok(progress)
    }

    /// LargeMessageSize, which the first chunk states.
    fn total(&self, chunk: &Chunk<'_>) -> Result<u32, ChunkError> {
        let field = "LargeMessageSize";
        match (self.total, chunk.large_message_size) {
            (None, Some(size)) if size <= self.more_than => {
                let least = u64::from(self.more_than).saturating_add(1);
                Err(self.value(field, Expected::AtLeast(least), size))
            }
            (None, Some(size)) if size > self.at_most => {
                Err(self.value(field, Expected::AtMost(self.at_most.into()), size))
            }
            (None, Some(size)) | (Some(size), None) => Ok(size),
            // ChunkSeqNo decides whether the field is there, and it was checked.
            (None, None) | (Some(_), Some(_)) => Err(ChunkError::unexpected(self.message, field)),
        }
    }

    fn progress(&self, chunk: &Chunk<'_>, complete: bool) -> Result<Progress, ChunkError> {
        let last = chunk.attributes.contains(ChunkAttributes::LAST_CHUNK);
        let rule = match (last, complete) {
            (true, true) => return Ok(Progress::Complete),
            (false, false) => return Ok(Progress::More),
            (true, false) => "no LastChunk before LargeMessageSize is reached",
            (false, true) => "LastChunk, for LargeMessageSize is reached",
        };
        let got = u32::from(chunk.attributes.bits());
        Err(self.value("LastChunk", Expected::Rule(rule), got))
    }

    /// Chunks before the last one fill at least the smallest transfer: their number is bounded.
    fn check_not_last(&self, chunk: &Chunk<'_>, size: u32) -> Result<(), ChunkError> {
        let header = u32::try_from(chunk.header_len()).unwrap_or(u32::MAX);
        let least = MIN_DATA_TRANSFER_SIZE.saturating_sub(header);
        if size < least {
            return Err(self.value("ChunkSize", Expected::AtLeast(least.into()), size));
        }
        let narrow = self.version < SpdmVersion::V1_4;
        if narrow && self.next >= u16::MAX.into() {
            let rule = Expected::Rule("LastChunk, for ChunkSeqNo ends here");
            return Err(self.value("LastChunk", rule, 0));
        }
        Ok(())
    }

    /// Checks what the complete message is: some messages never travel in chunks.
    ///
    /// # Errors
    /// [`ChunkError::Decode`] where it has no header, [`ChunkError::Value`] for one that never travels so.
    pub fn check_content(&self, whole: Untrusted<&[u8]>) -> Result<(), ChunkError> {
        let header = Header::peek(whole)?;
        let may_be_large = match header.code {
            Code::CHUNK_SEND
            | Code::CHUNK_SEND_ACK
            | Code::CHUNK_GET
            | Code::CHUNK_RESPONSE
            | Code::GET_VERSION
            | Code::VERSION
            | Code::GET_CAPABILITIES
            | Code::ERROR => false,
            // Without SupportedAlgorithms it fits every transfer.
            Code::CAPABILITIES => header.param1 & 1 != 0,
            _ => true,
        };
        if may_be_large {
            return Ok(());
        }
        let rule = Expected::Rule("a message that may be large");
        Err(self.value("SPDMchunk", rule, header.code.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{LargeMessage, Progress};
    use crate::{Chunk, ChunkAttributes, ChunkError, Expected, SpdmVersion};
    use spdm_untrusted::Untrusted;

    const V1_2: SpdmVersion = SpdmVersion::V1_2;
    const BYTES: [u8; 64] = [0; 64];
    const LAST: ChunkAttributes = ChunkAttributes::LAST_CHUNK;
    const MORE: ChunkAttributes = ChunkAttributes::empty();

    fn chunk(
        seq_no: u32,
        len: usize,
        total: Option<u32>,
        attributes: ChunkAttributes,
    ) -> Chunk<'static> {
        Chunk { attributes, handle: 7, seq_no, large_message_size: total, bytes: &BYTES[..len] }
    }

    fn value(field: &'static str, expected: Expected, got: u64) -> ChunkError {
        ChunkError::Value { message: "CHUNK_RESPONSE", field, expected, got }
    }

    #[test]
    fn chunks_become_the_message() {
        let mut large = LargeMessage::response(V1_2, 7);
        assert!(large.is_empty());
        assert_eq!(large.add(&chunk(0, 30, Some(80), MORE)), Ok(Progress::More));
        assert_eq!((large.len(), large.next_seq_no()), (30, 1));
        assert_eq!(large.add(&chunk(1, 30, None, MORE)), Ok(Progress::More));
        assert_eq!(large.add(&chunk(2, 20, None, LAST)), Ok(Progress::Complete));
        // Or in one, where the sender's transfers are smaller than ours.
        let mut large = LargeMessage::response(V1_2, 7);
        assert_eq!(large.add(&chunk(0, 43, Some(43), LAST)), Ok(Progress::Complete));
    }

    #[test]
    fn n29_first_chunk() {
        let other = Chunk { handle: 6, ..chunk(0, 30, Some(50), MORE) };
        let reached = "LastChunk, for LargeMessageSize is reached";
        let early = "no LastChunk before LargeMessageSize is reached";
        let rows = [
            (other, "Handle", Expected::Exactly(7), 6),
            (chunk(1, 30, None, MORE), "ChunkSeqNo", Expected::Exactly(0), 1),
            (chunk(0, 30, Some(0), MORE), "LargeMessageSize", Expected::AtLeast(43), 0),
            (chunk(0, 30, Some(42), MORE), "LargeMessageSize", Expected::AtLeast(43), 42),
            (
                chunk(0, 30, Some(0x1001), MORE),
                "LargeMessageSize",
                Expected::AtMost(0x1000),
                0x1001,
            ),
            (
                chunk(0, 30, Some(u32::MAX), MORE),
                "LargeMessageSize",
                Expected::AtMost(0x1000),
                0xFFFF_FFFF,
            ),
            (chunk(0, 25, Some(50), MORE), "ChunkSize", Expected::AtLeast(26), 25),
            (chunk(0, 50, Some(49), LAST), "ChunkSize", Expected::AtMost(49), 50),
            (chunk(0, 50, Some(50), MORE), "LastChunk", Expected::Rule(reached), 0),
            (chunk(0, 49, Some(50), LAST), "LastChunk", Expected::Rule(early), 1),
        ];
        for (chunk, field, expected, got) in rows {
            let new = LargeMessage::response(V1_2, 7).at_most(0x1000);
            let mut large = new;
            assert_eq!(large.add(&chunk), Err(value(field, expected, got)));
            assert_eq!(large, new, "all or nothing");
        }
    }

    #[test]
    fn n29_later_chunks() {
        let other = Chunk { handle: 8, ..chunk(1, 30, None, MORE) };
        let reached = "LastChunk, for LargeMessageSize is reached";
        let early = "no LastChunk before LargeMessageSize is reached";
        let rows = [
            (other, "Handle", Expected::Exactly(7), 8),
            (chunk(0, 30, Some(80), MORE), "ChunkSeqNo", Expected::Exactly(1), 0),
            (chunk(2, 30, None, MORE), "ChunkSeqNo", Expected::Exactly(1), 2),
            (chunk(1, 29, None, MORE), "ChunkSize", Expected::AtLeast(30), 29),
            (chunk(1, 51, None, LAST), "ChunkSize", Expected::AtMost(50), 51),
            (chunk(1, 50, None, MORE), "LastChunk", Expected::Rule(reached), 0),
            (chunk(1, 49, None, LAST), "LastChunk", Expected::Rule(early), 1),
        ];
        let mut begun = LargeMessage::response(V1_2, 7);
        begun.add(&chunk(0, 30, Some(80), MORE)).unwrap();
        for (chunk, field, expected, got) in rows {
            let mut large = begun;
            assert_eq!(large.add(&chunk), Err(value(field, expected, got)));
            assert_eq!(large, begun, "all or nothing");
        }
    }

    #[test]
    fn n29_the_sequence_number_does_not_wrap() {
        for version in [V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
            let mut large = LargeMessage::response(version, 7);
            large.add(&chunk(0, 30, Some(u32::MAX), MORE)).unwrap();
            for seq_no in 1..0xFFFF {
                assert_eq!(large.add(&chunk(seq_no, 30, None, MORE)), Ok(Progress::More));
            }
            let rule = "LastChunk, for ChunkSeqNo ends here";
            let expected = match version {
                SpdmVersion::V1_4 => Ok(Progress::More),
                _ => Err(value("LastChunk", Expected::Rule(rule), 0)),
            };
            assert_eq!(large.add(&chunk(0xFFFF, 30, None, MORE)), expected, "{version}");
        }
    }

    #[test]
    fn n29_a_response_to_a_large_request_may_be_smaller() {
        for (version, least) in [(V1_2, 37), (SpdmVersion::V1_4, 35)] {
            let new = LargeMessage::response(version, 7).to_large_request();
            let mut large = new;
            let size = u32::try_from(least).unwrap();
            assert_eq!(large.add(&chunk(0, least, Some(size), LAST)), Ok(Progress::Complete));
            let mut large = new;
            let expected =
                value("LargeMessageSize", Expected::AtLeast(size.into()), u64::from(size) - 1);
            assert_eq!(large.add(&chunk(0, least - 1, Some(size - 1), LAST)), Err(expected));
        }
    }

    #[test]
    fn n29_what_is_never_large() {
        let large = LargeMessage::response(V1_2, 7);
        let check = |code: u8, param1: u8| {
            let mut bytes = BYTES;
            bytes[..3].copy_from_slice(&[0x12, code, param1]);
            large.check_content(Untrusted::new(&bytes))
        };
        let rule = Expected::Rule("a message that may be large");
        for code in [0x05, 0x06, 0x85, 0x86, 0x04, 0x84, 0xE1, 0x61, 0x7F] {
            assert_eq!(check(code, 0), Err(value("SPDMchunk", rule, code.into())), "{code:#x}");
        }
        assert_eq!(check(0x61, 1), Ok(()));
        for code in [0x01, 0x02, 0x03, 0x60, 0x63] {
            assert_eq!(check(code, 0), Ok(()));
        }
        assert!(matches!(
            large.check_content(Untrusted::new(&[0x12, 1, 0])),
            Err(ChunkError::Decode(_))
        ));
    }
}
