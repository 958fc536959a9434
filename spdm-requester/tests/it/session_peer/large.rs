//! Large messages, both ways, in the clear and in sessions.

use spdm_codec::{
    Chunk, ChunkAttributes, ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck, Code, ErrorCode,
};

use super::Peer;

const HANDLE: u8 = 7;

/// What is under way.
#[derive(Default)]
pub(super) struct Large {
    /// Of a request.
    arrived: Vec<u8>,
    /// Of a response that the requester has not fetched yet, with the session that it belongs to.
    held: Option<(Option<usize>, Vec<u8>)>,
    /// DataTransferSize of the requester.
    pub(super) fits: Option<usize>,
}

impl Peer {
    /// A piece of a large request: it is acknowledged, the last one with the answer to the whole.
    pub(super) fn chunk_send(&mut self, session: Option<usize>, request: &[u8]) -> Vec<u8> {
        let ChunkSend(chunk) = self.decode(request);
        self.large.arrived.extend(chunk.bytes);
        let mut response = Vec::new();
        if chunk.attributes.contains(ChunkAttributes::LAST_CHUNK) {
            let whole = core::mem::take(&mut self.large.arrived);
            response = self.answer(session, &whole);
        }
        self.encode(&ChunkSendAck {
            attributes: Default::default(),
            handle: chunk.handle,
            seq_no: chunk.seq_no,
            response: &response,
        })
    }

    /// ERROR(LargeResponse) instead of an answer that the requester does not receive at once.
    pub(super) fn held(&mut self, session: Option<usize>, answer: Vec<u8>) -> Vec<u8> {
        if self.large.fits.is_none_or(|fits| answer.len() <= fits) {
            return answer;
        }
        self.large.held = Some((session, answer));
        vec![self.version.to_byte(), Code::ERROR.0, ErrorCode::LARGE_RESPONSE.0, 0, HANDLE]
    }

    /// A piece of the answer that is held.
    pub(super) fn chunk_get(&mut self, session: Option<usize>, request: &[u8]) -> Vec<u8> {
        let ChunkGet { handle, seq_no } = self.decode(request);
        let (of, answer) = self.large.held.take().unwrap();
        assert_eq!((of, handle), (session, HANDLE));
        let room = self.large.fits.unwrap() - Chunk::MAX_HEADER_LEN;
        let begin = usize::try_from(seq_no).unwrap() * room;
        let bytes = &answer[begin..answer.len().min(begin + room)];
        let last = begin + bytes.len() == answer.len();
        let encoded = self.encode(&ChunkResponse(Chunk {
            attributes: if last { ChunkAttributes::LAST_CHUNK } else { ChunkAttributes::empty() },
            handle,
            seq_no,
            large_message_size: (seq_no == 0).then(|| u32::try_from(answer.len()).unwrap()),
            bytes,
        }));
        self.large.held = (!last).then_some((session, answer));
        encoded
    }
}
