//! From the messages of a capture to recordings: retries and waiting are collapsed, chunks held to their rules.
//!
//! What is collapsed never enters a transcript (DSP0274 §Transcript and transcript hash calculation).

use spdm_codec::{
    Acknowledged, Chunk, ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck, Code, Cx, ErrorCode,
    ErrorResponse, ExtendedErrorData, Follower, Header, LargeMessage, Message, Progress, SentChunk,
    SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::note::Note;
use crate::recording::{Broken, CapturedRecord, Negotiation, RecordedExchange, Recording};

/// What is still to come for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waiting {
    /// The response.
    Answer,
    /// The same request again (Busy) or RESPOND_IF_READY.
    Retry,
}

#[derive(Debug)]
struct Pending {
    exchange: RecordedExchange,
    waiting: Waiting,
    /// The last CHUNK_SEND of a large request.
    chunked: Option<SentChunk>,
}

/// A message that was captured.
struct Captured<'m> {
    code: Code,
    bytes: &'m [u8],
    /// With the version of the connection: what a chunk or an ERROR of another version means is not known.
    cx: Cx,
}

/// A large message on its way: the rules of its chunks, and the bytes of those that kept them.
#[derive(Debug)]
struct Transfer {
    rules: LargeMessage,
    bytes: Vec<u8>,
}

impl Transfer {
    const fn new(rules: LargeMessage) -> Self {
        Self { rules, bytes: Vec::new() }
    }

    /// Adds a chunk; gives the large message with the last one.
    fn add(&mut self, chunk: &Chunk<'_>) -> Result<Option<Vec<u8>>, Broken> {
        let progress = self.rules.add(chunk)?;
        self.bytes.extend_from_slice(chunk.bytes);
        match progress {
            Progress::More => Ok(None),
            Progress::Complete => {
                let whole = core::mem::take(&mut self.bytes);
                self.rules.check_content(Untrusted::new(&whole))?;
                Ok(Some(whole))
            }
        }
    }
}

/// Collects the exchanges of messages, which are in order. What comes before the first GET_VERSION belongs to no
/// recording and leaves notes.
#[derive(Debug)]
pub(crate) struct Collector {
    padding: usize,
    /// Knows the version of the current recording.
    follower: Follower,
    /// The version of a session, whose negotiation is elsewhere.
    version: Option<SpdmVersion>,
    done: Vec<Recording>,
    early: Vec<Note>,
    current: Option<Recording>,
    pending: Option<Pending>,
    large_request: Option<Transfer>,
    /// The CHUNK_SEND before.
    sent: Option<SentChunk>,
    large_response: Option<Transfer>,
}

impl Collector {
    pub(crate) fn new(padding: usize) -> Self {
        Self {
            padding,
            follower: Follower::new(padding),
            version: None,
            done: Vec::new(),
            early: Vec::new(),
            current: None,
            pending: None,
            large_request: None,
            sent: None,
            large_response: None,
        }
    }

    /// Collects the exchanges of a session, whose messages have no padding.
    pub(crate) fn of_session(version: SpdmVersion) -> Self {
        let current = Some(Recording::new(Negotiation::Recorded, 0));
        Self { version: Some(version), current, ..Self::new(0) }
    }

    /// Of a session: the exchanges that are complete, what was left out, and why no more come.
    pub(crate) fn exchanges(&mut self) -> (Vec<RecordedExchange>, Vec<Note>, Option<Broken>) {
        let Some(recording) = &mut self.current else { return Default::default() };
        let (exchanges, notes) = (&mut recording.exchanges, &mut recording.notes);
        (core::mem::take(exchanges), core::mem::take(notes), recording.broken)
    }

    /// Of a session: the exchange that nothing more comes for.
    pub(crate) fn unanswered(&mut self) -> Vec<RecordedExchange> {
        self.settle();
        self.exchanges().0
    }

    /// A record of a session, which only its keys can open.
    pub(crate) fn take_record(&mut self, record: &[u8]) {
        let Some(recording) = &mut self.current else { return };
        let exchange = recording.exchanges.len();
        recording.records.push(CapturedRecord { exchange, bytes: record.to_vec() });
    }

    /// Whether there is a recording that is not complete.
    pub(crate) const fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) {
        self.settle();
        self.done.extend(self.current.take());
    }

    /// The recordings that are complete, and the notes that belong to none; those that were not asked for before.
    pub(crate) fn collected(&mut self) -> (Vec<Recording>, Vec<Note>) {
        (core::mem::take(&mut self.done), core::mem::take(&mut self.early))
    }

    fn note(&mut self, note: Note) {
        if let Some(recording) = &mut self.current {
            recording.notes.push(note);
        }
    }

    /// Takes the next message.
    pub(crate) fn take(&mut self, message: &[u8]) {
        let header = match Header::peek(Untrusted::new(message)) {
            Ok(header) => header,
            Err(_) if self.current.is_none() => return self.early.push(Note::OtherPacket),
            Err(error) => return self.break_off(error.into()),
        };
        if header.code == Code::GET_VERSION {
            self.end();
            self.follower = Follower::new(self.padding);
            self.current = Some(Recording::new(Negotiation::Recorded, self.padding));
        }
        let Some(recording) = &self.current else {
            return self.early.push(Note::Stray { code: header.code });
        };
        if recording.broken.is_some() {
            return;
        }
        // The Requester states the version of the connection in it. What cannot be decoded states none.
        if header.code == Code::GET_CAPABILITIES {
            let _ = self.follower.decode(Untrusted::new(message));
        }
        let version = self.version.unwrap_or_else(|| self.follower.version());
        let cx = Cx::new(version).with_padding(self.padding);
        let captured = Captured { code: header.code, bytes: message, cx };
        let result = match header.code.is_request() {
            true => self.request(captured),
            false => self.response(captured),
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

    fn request(&mut self, captured: Captured<'_>) -> Result<(), Broken> {
        let Captured { code, bytes: message, cx } = captured;
        let raw = Untrusted::new(message);
        match code {
            Code::CHUNK_SEND => {
                let chunk = ChunkSend::decode(raw, &cx)?.message.0;
                if chunk.seq_no == 0 {
                    self.settle();
                    let rules = LargeMessage::request(cx.version, chunk.handle);
                    self.large_request = Some(Transfer::new(rules));
                }
                let Some(transfer) = &mut self.large_request else {
                    self.note(Note::Stray { code });
                    return Ok(());
                };
                let complete = transfer.add(&chunk)?;
                let Chunk { handle, seq_no, attributes, .. } = chunk;
                let sent = SentChunk { handle, seq_no, attributes };
                self.sent = Some(sent);
                if let Some(request) = complete {
                    self.large_request = None;
                    self.begin(request, Some(sent));
                }
            }
            Code::CHUNK_GET => {
                ChunkGet::decode(raw, &cx)?;
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
        let exchange = RecordedExchange { request, interim: Vec::new(), response: None };
        self.pending = Some(Pending { exchange, waiting: Waiting::Answer, chunked });
    }

    fn response(&mut self, captured: Captured<'_>) -> Result<(), Broken> {
        match captured.code {
            Code::CHUNK_RESPONSE => self.chunk_response(captured),
            Code::CHUNK_SEND_ACK => self.chunk_send_ack(captured.bytes, &captured.cx),
            code => self.answer(code, captured.bytes, &captured.cx),
        }
    }

    fn chunk_response(&mut self, captured: Captured<'_>) -> Result<(), Broken> {
        let Captured { bytes, cx, .. } = captured;
        let chunk = ChunkResponse::decode(Untrusted::new(bytes), &cx)?.message.0;
        let Some(transfer) = &mut self.large_response else {
            self.note(Note::Stray { code: Code::CHUNK_RESPONSE });
            return Ok(());
        };
        if let Some(response) = transfer.add(&chunk)? {
            self.large_response = None;
            self.complete(response);
        }
        Ok(())
    }

    fn chunk_send_ack(&mut self, message: &[u8], cx: &Cx) -> Result<(), Broken> {
        let ack = ChunkSendAck::decode(Untrusted::new(message), cx)?.message;
        let pending = self.pending.as_ref().and_then(|pending| pending.chunked);
        let sending = self.sent.filter(|_| self.large_request.is_some());
        let Some(sent) = sending.or(pending) else {
            self.note(Note::Stray { code: Code::CHUNK_SEND_ACK });
            // The answer in it may be signed.
            if let Ok(header) = Header::peek(Untrusted::new(ack.response)) {
                self.stray(header.code, ack.response);
            }
            return Ok(());
        };
        match sent.acknowledge(&ack, self.padding)? {
            Acknowledged::Next => Ok(()),
            Acknowledged::EarlyError(error) if self.pending.is_none() => {
                // What it was is not on record as a whole.
                self.give_up_large_request();
                ErrorResponse::decode(error, cx)?;
                Ok(())
            }
            Acknowledged::Response(response) | Acknowledged::EarlyError(response) => {
                let header = Header::peek(response)?;
                self.answer(header.code, response.into_inner_less_safe(), cx)
            }
        }
    }

    /// A response that is no chunk.
    fn answer(&mut self, code: Code, message: &[u8], cx: &Cx) -> Result<(), Broken> {
        let in_transfer = self.large_response.is_some();
        let Some(pending) = &mut self.pending else {
            if self.large_request.is_some() {
                self.give_up_large_request();
            } else {
                self.stray(code, message);
            }
            return Ok(());
        };
        if code == Code::ERROR {
            let error = ErrorResponse::decode(Untrusted::new(message), cx)?.message;
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
                    let large = LargeMessage::response(cx.version, handle);
                    let large = match pending.chunked {
                        Some(_) => large.to_large_request(),
                        None => large,
                    };
                    pending.exchange.interim.push(message.to_vec());
                    self.large_response = Some(Transfer::new(large));
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

    /// A response without a request. That it is the one before once more, only its bytes show.
    fn stray(&mut self, code: Code, message: &[u8]) {
        let Some(recording) = &mut self.current else { return };
        let last = recording.exchanges.last().and_then(|exchange| exchange.response.as_deref());
        recording.notes.push(match last == Some(message) {
            true => Note::Repeated { code },
            false => Note::Stray { code },
        });
    }

    fn give_up_large_request(&mut self) {
        if self.large_request.take().is_some() {
            self.note(Note::Unfinished { code: Code::CHUNK_SEND });
        }
    }

    /// Nothing more comes for the request that is pending.
    fn settle(&mut self) {
        self.give_up_large_request();
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
    use super::Collector;
    use crate::note::Note;
    use crate::recording::{RecordedExchange, Recording};
    use spdm_codec::Code;

    const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
    const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
    const GET_DIGESTS: &[u8] = &[0x12, 0x81, 0, 0];
    const DIGESTS: &[u8] = &[0x12, 0x01, 0, 0];
    const BUSY: &[u8] = &[0x12, 0x7F, 3, 0];
    const NOT_READY: &[u8] = &[0x12, 0x7F, 0x42, 0, 1, 0x81, 5, 2];
    const RESPOND_IF_READY: &[u8] = &[0x12, 0xFF, 0x81, 5];

    fn collect<'m>(messages: impl IntoIterator<Item = &'m [u8]>) -> (Vec<Recording>, Vec<Note>) {
        let mut collector = Collector::new(0);
        messages.into_iter().for_each(|message| collector.take(message));
        collector.end();
        collector.collected()
    }

    fn exchange(request: &[u8], interim: &[&[u8]], response: Option<&[u8]>) -> RecordedExchange {
        RecordedExchange {
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
            let (recordings, early) = collect(all);
            assert_eq!(early, []);
            let [recording] = &recordings[..] else { panic!() };
            assert_eq!(recording.exchanges[1..], [exchange(GET_DIGESTS, &interim, Some(DIGESTS))]);
            assert_eq!(recording.notes, []);
        }
    }

    #[test]
    fn what_is_given_up_keeps_its_last_answer() {
        let all = [GET_VERSION, VERSION, GET_DIGESTS, BUSY, GET_VERSION, VERSION];
        let (recordings, _) = collect(all);
        assert_eq!(recordings.len(), 2);
        assert_eq!(recordings[0].exchanges[1], exchange(GET_DIGESTS, &[], Some(BUSY)));
    }

    #[test]
    fn strays_and_missing_answers_are_noted() {
        let all = [DIGESTS, GET_VERSION, VERSION, DIGESTS, RESPOND_IF_READY, GET_DIGESTS];
        let (recordings, early) = collect([&[0x12][..]].into_iter().chain(all));
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

    /// What chunks carry is put together by their rules alone: a message that no rule has taken adds nothing.
    #[test]
    fn a_chunk_inside_an_acknowledgement_that_nobody_asked_for_is_no_part() {
        let capabilities =
            [&[0x12, 0xE1, 0, 0, 0, 0, 0, 0][..], &[0; 4], &[0, 16, 0, 0, 0, 16, 0, 0]];
        let large: Vec<u8> = [0x12, 0x01, 0, 1].into_iter().chain([7; 96]).collect();
        let chunk = |attributes, number, head: &[u8], bytes: &[u8]| {
            let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            [&[0x12, 0x06, attributes, 9, number, 0, 0, 0], &len[..], head, bytes].concat()
        };
        let first = chunk(0, 0, &[100, 0, 0, 0], &large[..60]);
        let last = chunk(1, 1, &[], &large[60..]);
        for nested in [chunk(0, 1, &[], &[5; 8]), chunk(0, 0, &[100, 0, 0, 0], &[5; 60])] {
            let stray = [&[0x12, 0x05, 0, 3, 0, 0][..], &nested].concat();
            let error = [0x12, 0x7F, 0x0F, 0, 9];
            let all: [&[u8]; 8] = [
                GET_VERSION,
                VERSION,
                &capabilities.concat(),
                GET_DIGESTS,
                &error,
                &first,
                &stray,
                &last,
            ];
            let (recordings, _) = collect(all);
            let [recording] = &recordings[..] else { panic!() };
            assert_eq!(recording.broken, None);
            let exchange = recording.exchanges.last().unwrap();
            assert_eq!(exchange.response.as_deref(), Some(&large[..]));
            assert!(recording.notes.contains(&Note::Stray { code: Code::CHUNK_SEND_ACK }));
        }
    }
}
