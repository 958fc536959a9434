//! Following a connection from its messages alone: decoding each of them, and what is inside of it.

use std::collections::BTreeMap;

use spdm_codec::{
    AckPayload, AnyMessage, Chunk, ChunkAttributes, Cx, Follower, HEADER_LEN, InnerMessage,
    Request, Response, Side, Strand,
};
use spdm_crypto::Provider;
use spdm_untrusted::Untrusted;

use crate::capture::Layer;
use crate::secrets::Secrets;
use crate::secured_record::{SecuredRecord, binding_of};
use crate::session::Sessions;

/// Messages inside messages are followed this far: a record of a chunk of an encapsulated message of a chunk.
const MAX_DEPTH: usize = 4;

/// A connection, followed message by message: a [`Follower`] knows the [`Cx`] of the next message; chunks are
/// put together, encapsulated messages found and, with the [`Secrets`], records opened.
///
/// Nothing is checked against the rules of the protocol here: what can be decoded is shown. GET_VERSION begins a
/// new connection.
///
/// ```
/// use spdm_codec::AnyMessage;
/// use spdm_evidence::{Content, Conversation, Layer};
/// use spdm_untrusted::Untrusted;
///
/// let mut conversation = Conversation::new(0);
/// for message in [&[0x10, 0x84, 0, 0][..], &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12]] {
///     for found in conversation.follow(Layer::Plain, message) {
///         let Content::Message(cx) = found.content else { continue };
///         let decoded = AnyMessage::decode(Untrusted::new(&found.bytes), &cx)?;
///         println!("{} {}", found.depth, decoded.code());
///     }
/// }
/// # Ok::<(), spdm_codec::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Conversation {
    padding: usize,
    follower: Follower,
    channels: BTreeMap<Place, Channel>,
    sessions: Sessions,
}

/// A message that was found: as it was captured, or inside one that was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FoundMessage {
    /// 0 for what was captured, 1 for what was inside that, and so on.
    pub depth: usize,
    /// Where it comes from.
    pub origin: Origin,
    /// The session that it travels in.
    pub session_id: Option<u32>,
    /// Its bytes, with what the transport appended.
    pub bytes: Vec<u8>,
    /// What it is.
    pub content: Content,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// It was captured as it is.
    Captured,
    /// Put together from the chunks of CHUNK_SEND or CHUNK_RESPONSE.
    Chunks,
    /// The response to a large request, inside CHUNK_SEND_ACK.
    ChunkSendAck,
    /// InnerPart one of the messages of the encapsulated request flow: requests come from the Responder.
    Encapsulated,
    /// The content of a record of a session.
    Record,
}

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A message of SPDM, to be decoded with this context.
    Message(Cx),
    /// A record of a session.
    Record(SecuredRecord),
    /// The content of a record that is not SPDM.
    Application,
}

/// Where requests and their responses travel: outside of sessions or inside of one, and who asks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place {
    session_id: Option<u32>,
    requests_by: Side,
}

/// The state of a place.
#[derive(Debug)]
struct Channel {
    strand: Strand,
    /// Chunks of a large request.
    request: Vec<u8>,
    /// Chunks of a large response.
    response: Vec<u8>,
    req_session_id: u16,
}

/// A message and where it was found.
struct MessageInPlace<'a> {
    depth: usize,
    origin: Origin,
    place: Place,
    padding: usize,
    bytes: &'a [u8],
}

/// A message inside of the one that was just decoded.
struct InnerPart {
    origin: Origin,
    requests_by: Side,
    bytes: Vec<u8>,
}

impl Conversation {
    const OUTSIDE: Place = Place { session_id: None, requests_by: Side::Requester };

    /// Nothing is known but how many bytes the transport may append to a message (DOE: 3, others: 0).
    #[must_use]
    pub fn new(padding: usize) -> Self {
        Self {
            padding,
            follower: Follower::new(padding),
            channels: BTreeMap::new(),
            sessions: Sessions::default(),
        }
    }

    /// Opens records with these keys and the provider's AEADs.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets, provider: &Provider) -> Self {
        self.sessions = Sessions::new(secrets, provider);
        self
    }

    /// Takes the next message of a capture, and gives it back with everything that was inside of it, in
    /// reading order. What cannot be decoded teaches nothing.
    pub fn follow(&mut self, layer: Layer, bytes: &[u8]) -> Vec<FoundMessage> {
        let mut all = Vec::new();
        match layer {
            Layer::Secured => self.record(bytes, &mut all),
            _ => self.message(
                &MessageInPlace {
                    depth: 0,
                    origin: Origin::Captured,
                    place: Self::OUTSIDE,
                    padding: self.padding,
                    bytes,
                },
                &mut all,
            ),
        }
        all
    }

    /// How many of the bytes are the next message, where messages follow each other with nothing in
    /// between; all, where that cannot be told or nothing that looks like a message follows.
    #[must_use]
    pub fn extent(&self, bytes: &[u8]) -> usize {
        let strand = self.strand(Self::OUTSIDE);
        self.follower.extent(&strand, self.padding, Untrusted::new(bytes))
    }

    fn strand(&self, place: Place) -> Strand {
        let known = self.channels.get(&place).map(|channel| channel.strand);
        known.unwrap_or_else(|| Strand::new(place.requests_by))
    }

    fn message(&mut self, found: &MessageInPlace<'_>, all: &mut Vec<FoundMessage>) {
        let MessageInPlace { depth, origin, place, padding, bytes } = *found;
        let raw = Untrusted::new(bytes);
        let cx = self.follower.cx(&self.strand(place), padding, raw);
        all.push(FoundMessage {
            depth,
            origin,
            session_id: place.session_id,
            bytes: bytes.to_vec(),
            content: Content::Message(cx),
        });
        let Ok(message) = AnyMessage::decode(raw, &cx) else { return };
        if let AnyMessage::Request(Request::GetVersion(_)) = message {
            self.channels.clear();
            self.sessions.end_all();
        }
        let channel = self.channels.entry(place).or_insert_with(|| Channel::new(place));
        self.follower.learn(&mut channel.strand, &message);
        let inside = match &message {
            AnyMessage::Request(request) => channel.request(request, place.requests_by),
            AnyMessage::Response(response) => {
                channel.response(response, place.requests_by, &mut self.sessions)
            }
        };
        if let Some(InnerPart { origin, requests_by, bytes }) = inside
            && depth < MAX_DEPTH
        {
            let place = Place { requests_by, ..place };
            // An inner message has no length: what was appended to the outer one lies behind it.
            let padding = if origin == Origin::Chunks { 0 } else { padding };
            let inner = MessageInPlace { depth: depth + 1, origin, place, padding, bytes: &bytes };
            self.message(&inner, all);
        }
    }

    fn record(&mut self, bytes: &[u8], all: &mut Vec<FoundMessage>) {
        let binding = binding_of(bytes, self.padding);
        let protection = self.follower.record_protection();
        let (record, data) = self.sessions.open(bytes, binding, self.padding, protection);
        let session_id = record.session_id;
        let mut push = |depth, origin, bytes: &[u8], content| {
            all.push(FoundMessage { depth, origin, session_id, bytes: bytes.to_vec(), content });
        };
        push(0, Origin::Captured, bytes, Content::Record(record));
        let Some(data) = data else { return };
        match binding.spdm_message(&data) {
            None => push(1, Origin::Record, &data, Content::Application),
            Some(message) => self.message(
                &MessageInPlace {
                    depth: 1,
                    origin: Origin::Record,
                    place: Place { session_id, requests_by: Side::Requester },
                    padding: 0,
                    bytes: message,
                },
                all,
            ),
        }
    }
}

impl Channel {
    const fn new(place: Place) -> Self {
        Self {
            strand: Strand::new(place.requests_by),
            request: Vec::new(),
            response: Vec::new(),
            req_session_id: 0,
        }
    }

    fn request(&mut self, request: &Request<'_>, requests_by: Side) -> Option<InnerPart> {
        match request {
            Request::KeyExchange(decoded) => self.req_session_id = decoded.message.req_session_id,
            Request::PskExchange(decoded) => self.req_session_id = decoded.message.req_session_id,
            Request::ChunkSend(decoded) => {
                return InnerPart::chunks(&mut self.request, &decoded.message.0, requests_by);
            }
            Request::DeliverEncapsulatedResponse(decoded) => {
                return Some(InnerPart::encapsulated(decoded.message.response));
            }
            _ => {}
        }
        None
    }

    fn response(
        &mut self,
        response: &Response<'_>,
        requests_by: Side,
        sessions: &mut Sessions,
    ) -> Option<InnerPart> {
        match response {
            Response::KeyExchangeRsp(decoded) => {
                sessions.begin(self.session_id(decoded.message.rsp_session_id));
            }
            Response::PskExchangeRsp(decoded) => {
                sessions.begin(self.session_id(decoded.message.rsp_session_id));
            }
            Response::ChunkResponse(decoded) => {
                return InnerPart::chunks(&mut self.response, &decoded.message.0, requests_by);
            }
            // What is shorter is what the transport appended.
            Response::ChunkSendAck(decoded) if decoded.message.response.len() >= HEADER_LEN => {
                let bytes = decoded.message.response.to_vec();
                return Some(InnerPart { origin: Origin::ChunkSendAck, requests_by, bytes });
            }
            Response::EncapsulatedRequest(decoded) => {
                return Some(InnerPart::encapsulated(decoded.message.request));
            }
            Response::EncapsulatedResponseAck(decoded) => {
                if let AckPayload::Request(request) = decoded.message.payload {
                    return Some(InnerPart::encapsulated(request));
                }
            }
            _ => {}
        }
        None
    }

    /// DSP0274 §KEY_EXCHANGE_RSP: the Responder's half is the upper one.
    fn session_id(&self, rsp_session_id: u16) -> u32 {
        u32::from(rsp_session_id) << 16 | u32::from(self.req_session_id)
    }
}

impl InnerPart {
    fn encapsulated(message: InnerMessage<'_>) -> Self {
        let bytes = message.bytes().into_inner_less_safe().to_vec();
        Self { origin: Origin::Encapsulated, requests_by: Side::Responder, bytes }
    }

    /// Adds a chunk to those before it; gives the large message with the last one. Whether the chunks keep the
    /// rules of the transfer is not looked at here: [`spdm_codec::LargeMessage`] has them.
    fn chunks(before: &mut Vec<u8>, chunk: &Chunk<'_>, requests_by: Side) -> Option<Self> {
        if chunk.seq_no == 0 {
            before.clear();
        }
        before.extend_from_slice(chunk.bytes);
        let is_last = chunk.attributes.contains(ChunkAttributes::LAST_CHUNK);
        is_last.then(|| Self {
            origin: Origin::Chunks,
            requests_by,
            bytes: core::mem::take(before),
        })
    }
}
