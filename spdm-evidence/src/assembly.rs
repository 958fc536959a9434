//! From single messages to exchanges: chunks are reassembled, retries and waiting are collapsed.
//!
//! What is collapsed never enters a transcript (DSP0274 §Transcript and transcript hash calculation).

use core::fmt;

use spdm_codec::{
    Acknowledged, Chunk, ChunkError, ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck, Code, Cx,
    DecodeError, ErrorCode, ErrorResponse, ExtendedErrorData, Header, LargeMessage, Message,
    Progress, SentChunk, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::exchange::{Exchange, Negotiation, Note, Recording};

/// Why a recording ends early: the messages cannot be put together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Broken {
    /// A message that has to be understood to go on cannot be decoded.
    Decode(DecodeError),
    /// A chunk breaks a rule.
    Chunk(ChunkError),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Chunk(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Broken {}

impl From<DecodeError> for Broken {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<ChunkError> for Broken {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Decode(error) => Self::Decode(error),
            other => Self::Chunk(other),
        }
    }
}

/// A large message and its bytes.
#[derive(Debug)]
struct Chunked {
    large: LargeMessage,
    bytes: Vec<u8>,
}

impl Chunked {
    const fn new(large: LargeMessage) -> Self {
        Self { large, bytes: Vec::new() }
    }

    /// Adds a chunk; gives the whole message with the last one.
    fn add(&mut self, chunk: &Chunk<'_>) -> Result<Option<Vec<u8>>, Broken> {
        let progress = self.large.add(chunk)?;
        self.bytes.extend_from_slice(chunk.bytes);
        match progress {
            Progress::More => Ok(None),
            Progress::Complete => {
                let whole = core::mem::take(&mut self.bytes);
                self.large.check_content(Untrusted::new(&whole))?;
                Ok(Some(whole))
            }
        }
    }
}

/// Puts the messages of a capture together, in order. What comes before the first GET_VERSION belongs to no
/// recording and leaves notes.
pub(crate) fn assemble<'m>(
    messages: impl IntoIterator<Item = &'m [u8]>,
    padding: usize,
) -> (Vec<Recording>, Vec<Note>) {
    let mut assembler = Assembler::new(padding);
    for message in messages {
        assembler.take(message);
    }
    assembler.finish()
}

/// Whether the answer to a request is still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waiting {
    /// For the answer.
    Answer,
    /// For the same request again (Busy) or for RESPOND_IF_READY.
    Retry,
}

#[derive(Debug)]
struct Pending {
    exchange: Exchange,
    waiting: Waiting,
    /// The last CHUNK_SEND of a large request.
    chunked: Option<SentChunk>,
}

#[derive(Debug)]
struct Assembler {
    padding: usize,
    version: SpdmVersion,
    done: Vec<Recording>,
    early: Vec<Note>,
    current: Option<Recording>,
    pending: Option<Pending>,
    large_request: Option<Chunked>,
    /// The CHUNK_SEND before.
    sent: Option<SentChunk>,
    large_response: Option<Chunked>,
}

impl Assembler {
    const fn new(padding: usize) -> Self {
        Self {
            padding,
            version: SpdmVersion::V1_0,
            done: Vec::new(),
            early: Vec::new(),
            current: None,
            pending: None,
            large_request: None,
            sent: None,
            large_response: None,
        }
    }

    fn finish(mut self) -> (Vec<Recording>, Vec<Note>) {
        self.settle();
        self.done.extend(self.current.take());
        (self.done, self.early)
    }

    fn note(&mut self, note: Note) {
        if let Some(recording) = &mut self.current {
            recording.notes.push(note);
        }
    }

    const fn cx(&self) -> Cx {
        Cx::new(self.version).with_padding(self.padding)
    }

    fn take(&mut self, message: &[u8]) {
        let header = match Header::peek(Untrusted::new(message)) {
            Ok(header) => header,
            Err(_) if self.current.is_none() => return self.early.push(Note::OtherPacket),
            Err(error) => return self.break_off(error.into()),
        };
        if header.code == Code::GET_VERSION {
            self.settle();
            self.done.extend(self.current.take());
            self.version = SpdmVersion::V1_0;
            self.current = Some(Recording::new(Negotiation::Recorded, self.padding));
        }
        let Some(recording) = &self.current else {
            return self.early.push(Note::Stray { code: header.code });
        };
        if recording.broken.is_some() {
            return;
        }
        let result = if header.code.is_request() {
            self.request(header.code, message)
        } else {
            self.response(header.code, message)
        };
        if let Err(broken) = result {
            self.break_off(broken);
        }
    }

    /// The recording ends here: what follows cannot be understood.
    fn break_off(&mut self, broken: Broken) {
        self.settle();
        if let Some(recording) = &mut self.current {
            recording.broken = Some(broken);
        }
    }

    fn request(&mut self, code: Code, message: &[u8]) -> Result<(), Broken> {
        let raw = Untrusted::new(message);
        match code {
            Code::CHUNK_SEND => {
                let chunk = ChunkSend::decode(raw, &self.cx())?.message.0;
                if chunk.seq_no == 0 {
                    self.settle();
                    let large = LargeMessage::request(self.version, chunk.handle);
                    self.large_request = Some(Chunked::new(large));
                }
                let Some(large) = &mut self.large_request else {
                    self.note(Note::Stray { code });
                    return Ok(());
                };
                let whole = large.add(&chunk)?;
                let Chunk { handle, seq_no, attributes, .. } = chunk;
                let sent = SentChunk { handle, seq_no, attributes };
                self.sent = Some(sent);
                if let Some(whole) = whole {
                    self.large_request = None;
                    self.begin(whole, Some(sent));
                }
            }
            Code::CHUNK_GET => {
                ChunkGet::decode(raw, &self.cx())?;
                if self.large_response.is_none() {
                    self.note(Note::Stray { code });
                }
            }
            Code::RESPOND_IF_READY => match &mut self.pending {
                Some(pending) if pending.waiting == Waiting::Retry => {
                    pending.waiting = Waiting::Answer;
                }
                _ => self.note(Note::Stray { code }),
            },
            _ => match &mut self.pending {
                // A repetition: the request enters transcripts once.
                Some(pending) if pending.exchange.request == message => {
                    pending.waiting = Waiting::Answer;
                }
                _ => {
                    self.settle();
                    self.begin(message.to_vec(), None);
                }
            },
        }
        Ok(())
    }

    fn begin(&mut self, request: Vec<u8>, chunked: Option<SentChunk>) {
        if let [version, code, ..] = *request
            && Code(code) == Code::GET_CAPABILITIES
            && let Some(version) = SpdmVersion::from_byte(version)
        {
            self.version = version;
        }
        let exchange = Exchange { request, interim: Vec::new(), response: None };
        self.pending = Some(Pending { exchange, waiting: Waiting::Answer, chunked });
    }

    fn response(&mut self, code: Code, message: &[u8]) -> Result<(), Broken> {
        match code {
            Code::CHUNK_RESPONSE => self.chunk_response(message),
            Code::CHUNK_SEND_ACK => self.chunk_send_ack(message),
            _ => self.answer(code, message),
        }
    }

    fn chunk_response(&mut self, message: &[u8]) -> Result<(), Broken> {
        let chunk = ChunkResponse::decode(Untrusted::new(message), &self.cx())?.message.0;
        let Some(large) = &mut self.large_response else {
            self.note(Note::Stray { code: Code::CHUNK_RESPONSE });
            return Ok(());
        };
        if let Some(whole) = large.add(&chunk)? {
            self.large_response = None;
            self.complete(whole);
        }
        Ok(())
    }

    fn chunk_send_ack(&mut self, message: &[u8]) -> Result<(), Broken> {
        let ack = ChunkSendAck::decode(Untrusted::new(message), &self.cx())?.message;
        let pending = self.pending.as_ref().and_then(|pending| pending.chunked);
        let sending = self.sent.filter(|_| self.large_request.is_some());
        let Some(sent) = sending.or(pending) else {
            self.note(Note::Stray { code: Code::CHUNK_SEND_ACK });
            return Ok(());
        };
        match sent.acknowledge(&ack, self.padding)? {
            Acknowledged::Next => Ok(()),
            Acknowledged::EarlyError(error) if self.pending.is_none() => {
                // The large request is given up. What it was is not on record as a whole.
                self.large_request = None;
                ErrorResponse::decode(error, &self.cx())?;
                Ok(())
            }
            Acknowledged::Response(response) | Acknowledged::EarlyError(response) => {
                let header = Header::peek(response)?;
                self.answer(header.code, response.into_inner_less_safe())
            }
        }
    }

    /// A response that is no chunk.
    fn answer(&mut self, code: Code, message: &[u8]) -> Result<(), Broken> {
        let version = self.version;
        let in_transfer = self.large_response.is_some();
        let Some(pending) = &mut self.pending else {
            if self.large_request.take().is_none() {
                self.note(Note::Stray { code });
            }
            return Ok(());
        };
        if code == Code::ERROR {
            let cx = Cx::new(version).with_padding(self.padding);
            let error = ErrorResponse::decode(Untrusted::new(message), &cx)?.message;
            match (error.code, error.extended) {
                (ErrorCode::BUSY | ErrorCode::RESPONSE_NOT_READY, _) if !in_transfer => {
                    pending.exchange.interim.push(message.to_vec());
                    pending.waiting = Waiting::Retry;
                    return Ok(());
                }
                // CHUNK_GET comes again.
                (ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT, _) if in_transfer => return Ok(()),
                (_, ExtendedErrorData::LargeResponse { handle }) => {
                    if in_transfer {
                        // The judge refuses a second one.
                        pending.exchange.interim.push(message.to_vec());
                        return Ok(());
                    }
                    let large = LargeMessage::response(version, handle);
                    let large = match pending.chunked {
                        Some(_) => large.to_large_request(),
                        None => large,
                    };
                    pending.exchange.interim.push(message.to_vec());
                    self.large_response = Some(Chunked::new(large));
                    return Ok(());
                }
                _ => {}
            }
        }
        self.large_response = None;
        self.complete(message.to_vec());
        Ok(())
    }

    fn complete(&mut self, response: Vec<u8>) {
        if let (Some(mut pending), Some(recording)) = (self.pending.take(), &mut self.current) {
            pending.exchange.response = Some(response);
            recording.exchanges.push(pending.exchange);
        }
    }

    /// Nothing more comes for the request that is pending.
    fn settle(&mut self) {
        self.large_request = None;
        let transfer = self.large_response.take();
        let (Some(mut pending), Some(recording)) = (self.pending.take(), &mut self.current) else {
            return;
        };
        if pending.waiting == Waiting::Retry && transfer.is_none() {
            pending.exchange.response = pending.exchange.interim.pop();
        }
        if pending.exchange.response.is_none() {
            let code = pending.exchange.request.get(1).copied().map_or(Code::ERROR, Code);
            recording.notes.push(Note::Unanswered { code });
        }
        recording.exchanges.push(pending.exchange);
    }
}

#[cfg(test)]
mod tests {
    use super::assemble;
    use crate::exchange::{Exchange, Note};
    use spdm_codec::Code;

    const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
    const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
    const GET_DIGESTS: &[u8] = &[0x12, 0x81, 0, 0];
    const DIGESTS: &[u8] = &[0x12, 0x01, 0, 0];
    const BUSY: &[u8] = &[0x12, 0x7F, 3, 0];
    const NOT_READY: &[u8] = &[0x12, 0x7F, 0x42, 0, 1, 0x81, 5, 2];
    const RESPOND_IF_READY: &[u8] = &[0x12, 0xFF, 0x81, 5];

    fn exchange(request: &[u8], interim: &[&[u8]], response: Option<&[u8]>) -> Exchange {
        Exchange {
            request: request.to_vec(),
            interim: interim.iter().map(|message| message.to_vec()).collect(),
            response: response.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn waiting_and_retries_are_one_exchange() {
        for (messages, interim) in [
            (vec![GET_DIGESTS, NOT_READY, RESPOND_IF_READY, DIGESTS], vec![NOT_READY]),
            (vec![GET_DIGESTS, BUSY, GET_DIGESTS, BUSY, GET_DIGESTS, DIGESTS], vec![BUSY, BUSY]),
            (vec![GET_DIGESTS, GET_DIGESTS, DIGESTS], vec![]),
        ] {
            let all = [&[GET_VERSION, VERSION][..], &messages].concat();
            let (recordings, early) = assemble(all, 0);
            assert_eq!(early, []);
            let [recording] = &recordings[..] else { panic!() };
            assert_eq!(recording.exchanges[1..], [exchange(GET_DIGESTS, &interim, Some(DIGESTS))]);
            assert_eq!(recording.notes, []);
        }
    }

    #[test]
    fn what_is_given_up_keeps_its_last_answer() {
        let all = [GET_VERSION, VERSION, GET_DIGESTS, BUSY, GET_VERSION, VERSION];
        let (recordings, _) = assemble(all, 0);
        assert_eq!(recordings.len(), 2);
        assert_eq!(recordings[0].exchanges[1], exchange(GET_DIGESTS, &[], Some(BUSY)));
    }

    #[test]
    fn strays_and_missing_answers_are_noted() {
        let all = [DIGESTS, GET_VERSION, VERSION, DIGESTS, RESPOND_IF_READY, GET_DIGESTS];
        let (recordings, early) = assemble([&[0x12][..]].into_iter().chain(all), 0);
        assert_eq!(early, [Note::OtherPacket, Note::Stray { code: Code::DIGESTS }]);
        let [recording] = &recordings[..] else { panic!() };
        assert_eq!(recording.exchanges[1], exchange(GET_DIGESTS, &[], None));
        let expected = [
            Note::Stray { code: Code::DIGESTS },
            Note::Stray { code: Code::RESPOND_IF_READY },
            Note::Unanswered { code: Code::GET_DIGESTS },
        ];
        assert_eq!(recording.notes, expected);
    }
}
