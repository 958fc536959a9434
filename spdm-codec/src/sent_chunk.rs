//! A CHUNK_SEND that was sent, and the rules for what acknowledges it (DSP0274 1.2 §CHUNK_SEND_ACK).

use spdm_untrusted::Untrusted;

use crate::chunk::{ChunkAckAttributes, ChunkAttributes, ChunkSendAck};
use crate::chunk_error::ChunkError;
use crate::code::Code;
use crate::error::Expected;
use crate::error_response::ErrorCode;
use crate::header::Header;

/// A CHUNK_SEND that was sent: what its CHUNK_SEND_ACK is checked against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SentChunk {
    /// `Handle`.
    pub handle: u8,
    /// `ChunkSeqNo`.
    pub seq_no: u32,
    /// Param1: whether it was the last one.
    pub attributes: ChunkAttributes,
}

/// What CHUNK_SEND_ACK means.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum Acknowledged<'a> {
    /// The next chunk may come.
    Next,
    /// The response to the large request, which is complete.
    Response(Untrusted<&'a [u8]>),
    /// An ERROR that ends the large request early.
    EarlyError(Untrusted<&'a [u8]>),
}

/// What errors call the message.
const MESSAGE: &str = "CHUNK_SEND_ACK";

impl SentChunk {
    /// Whether it was the last one.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.attributes.contains(ChunkAttributes::LAST_CHUNK)
    }

    /// Checks the acknowledgement of this chunk; `padding` is how many bytes the transport may have
    /// appended to it.
    ///
    /// # Errors
    /// [`ChunkError`] names the field that breaks a rule.
    pub fn acknowledge<'a>(
        &self,
        ack: &ChunkSendAck<'a>,
        padding: usize,
    ) -> Result<Acknowledged<'a>, ChunkError> {
        if ack.handle != self.handle {
            let expected = Expected::Exactly(self.handle.into());
            return Err(ChunkError::value(MESSAGE, "Handle", expected, ack.handle.into()));
        }
        if ack.seq_no != self.seq_no {
            let expected = Expected::Exactly(self.seq_no.into());
            return Err(ChunkError::value(MESSAGE, "ChunkSeqNo", expected, ack.seq_no.into()));
        }
        let response = Untrusted::new(ack.response);
        let rule = |rule, got: usize| {
            let got = u64::try_from(got).unwrap_or(u64::MAX);
            let expected = Expected::Rule(rule);
            Err(ChunkError::value(MESSAGE, "ResponseToLargeRequest", expected, got))
        };
        if ack.attributes.contains(ChunkAckAttributes::EARLY_ERROR_DETECTED) {
            let header = Header::peek(response)?;
            if header.code != Code::ERROR {
                return rule("ERROR, for EarlyErrorDetected is set", usize::from(header.code.0));
            }
            if matches!(
                ErrorCode(header.param1),
                ErrorCode::LARGE_RESPONSE | ErrorCode::RESPONSE_NOT_READY
            ) {
                return rule("an ERROR that ends the large request", usize::from(header.param1));
            }
            return Ok(Acknowledged::EarlyError(response));
        }
        if !self.is_last() {
            if ack.response.len() > padding {
                return rule("nothing before the last chunk", ack.response.len());
            }
            return Ok(Acknowledged::Next);
        }
        let code = Header::peek(response)?.code;
        if matches!(code, Code::CHUNK_RESPONSE | Code::CHUNK_SEND_ACK) {
            return rule("no message of the chunk transfer", usize::from(code.0));
        }
        Ok(Acknowledged::Response(response))
    }
}

#[cfg(test)]
mod tests {
    use super::{Acknowledged, SentChunk};
    use crate::{ChunkAckAttributes, ChunkAttributes, ChunkError, ChunkSendAck, Expected};

    const LAST: ChunkAttributes = ChunkAttributes::LAST_CHUNK;
    const MORE: ChunkAttributes = ChunkAttributes::empty();

    #[test]
    fn n29_acknowledgements() {
        const ERROR: &[u8] = &[0x12, 0x7F, 1, 0];
        let sent = SentChunk { handle: 7, seq_no: 3, attributes: MORE };
        let last = SentChunk { attributes: LAST, ..sent };
        let attributes = ChunkAckAttributes::empty();
        let ack = ChunkSendAck { attributes, handle: 7, seq_no: 3, response: &[] };
        let message = "CHUNK_SEND_ACK";
        let value = |field, expected, got| ChunkError::Value { message, field, expected, got };
        let error = |sent: SentChunk, ack: ChunkSendAck<'static>| {
            sent.acknowledge(&ack, 3).map(drop).unwrap_err()
        };
        assert!(matches!(sent.acknowledge(&ack, 3), Ok(Acknowledged::Next)));
        let padded = ChunkSendAck { response: &[0; 3], ..ack };
        assert!(matches!(sent.acknowledge(&padded, 3), Ok(Acknowledged::Next)));
        let nothing = Expected::Rule("nothing before the last chunk");
        let more = ChunkSendAck { response: ERROR, ..ack };
        assert_eq!(error(sent, more), value("ResponseToLargeRequest", nothing, 4));
        assert!(matches!(last.acknowledge(&more, 3), Ok(Acknowledged::Response(_))));
        assert!(matches!(error(last, padded), ChunkError::Decode(_)));
        let handle = ChunkSendAck { handle: 8, ..more };
        assert_eq!(error(last, handle), value("Handle", Expected::Exactly(7), 8));
        let seq_no = ChunkSendAck { seq_no: 4, ..more };
        assert_eq!(error(last, seq_no), value("ChunkSeqNo", Expected::Exactly(3), 4));
        let early = ChunkSendAck { attributes: ChunkAckAttributes::EARLY_ERROR_DETECTED, ..more };
        assert!(matches!(sent.acknowledge(&early, 3), Ok(Acknowledged::EarlyError(_))));
        let no_error = ChunkSendAck { response: &[0x12, 1, 0, 0], ..early };
        let rule = Expected::Rule("ERROR, for EarlyErrorDetected is set");
        assert_eq!(error(last, no_error), value("ResponseToLargeRequest", rule, 1));
        for code in [0x0F, 0x42] {
            let response = [0x12, 0x7F, code, 0, 1, 1, 1, 1];
            let early = ChunkSendAck { response: &response, ..early };
            let rule = Expected::Rule("an ERROR that ends the large request");
            let error = last.acknowledge(&early, 3).map(drop).unwrap_err();
            assert_eq!(error, value("ResponseToLargeRequest", rule, code.into()));
        }
        let nested = ChunkSendAck { response: &[0x12, 6, 0, 0], ..more };
        let rule = Expected::Rule("no message of the chunk transfer");
        assert_eq!(error(last, nested), value("ResponseToLargeRequest", rule, 6));
    }
}
