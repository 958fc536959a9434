//! Following a connection from its messages alone, to decode each of them.

mod asked;
mod guess;
mod negotiated;

use std::collections::BTreeMap;

use spdm_codec::{
    AckPayload, Chunk, ChunkAttributes, Cx, HEADER_LEN, Header, InnerMessage, Request, Response,
    SpdmVersion,
};
use spdm_crypto::Provider;
use spdm_untrusted::Untrusted;

use crate::capture::Layer;
use crate::record::{Record, RecordBinding};
use crate::secrets::Secrets;
use crate::session::Sessions;
use crate::spdm_message::SpdmMessage;
use asked::Asked;
use negotiated::Negotiated;
pub(crate) use negotiated::{Privacy, Protection};

/// Any number of bytes may follow: the message alone tells where it ends.
const ANYTHING_FOLLOWS: usize = usize::MAX;
/// The longest large message that is put together, in bytes.
const MAX_LARGE_MESSAGE: usize = 1 << 20;
/// Messages inside messages are followed this far: a record of a chunk of an encapsulated message of a chunk.
const MAX_DEPTH: usize = 4;

/// A connection, followed message by message: version, negotiated sizes and formats, what the last request
/// asked for, sessions. From that it knows the [`Cx`] of the next message, puts chunks together, finds
/// encapsulated messages and, with the [`Secrets`], opens records.
///
/// Nothing is judged here. GET_VERSION begins a new connection. What no earlier message tells, for there is
/// no negotiation on record, is guessed: the one size with which a message ends where it ends.
///
/// ```
/// use spdm_evidence::{Content, Conversation, Layer, SpdmMessage};
/// use spdm_untrusted::Untrusted;
///
/// let mut conversation = Conversation::new(0);
/// for message in [&[0x10, 0x84, 0, 0][..], &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12]] {
///     for found in conversation.follow(Layer::Plain, message) {
///         let Content::Message(cx) = found.content else { continue };
///         let decoded = SpdmMessage::decode(Untrusted::new(&found.bytes), &cx)?;
///         println!("{} {}", found.depth, decoded.code());
///     }
/// }
/// # Ok::<(), spdm_codec::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Conversation {
    padding: usize,
    negotiated: Negotiated,
    strands: BTreeMap<Place, Strand>,
    sessions: Sessions,
}

/// A message that was found: as it was captured, or inside one that was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Followed {
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
    /// The answer to a large request, inside CHUNK_SEND_ACK.
    ChunkSendAck,
    /// Inside one of the messages of the encapsulated request flow: requests come from the Responder.
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
    Record(Record),
    /// The content of a record that is not SPDM.
    Application,
}

/// Which way a message travels.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Role {
    /// The Requester of the connection asks.
    Direct,
    /// The Responder asks, in encapsulated messages.
    Encapsulated,
}

/// Requests and answers that belong together: outside of sessions or inside of one, and which way.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place {
    session_id: Option<u32>,
    role: Role,
}

/// The state of a place.
#[derive(Debug, Default)]
struct Strand {
    asked: Asked,
    chunks: Vec<u8>,
    req_session_id: u16,
}

/// A message and where it was found.
struct Found<'a> {
    depth: usize,
    origin: Origin,
    place: Place,
    padding: usize,
    bytes: &'a [u8],
}

/// A message inside of the one that was just followed.
struct Inside {
    origin: Origin,
    role: Role,
    bytes: Vec<u8>,
}

impl Conversation {
    const OUTSIDE: Place = Place { session_id: None, role: Role::Direct };

    /// Nothing is known but how many bytes the transport may append to a message (DOE: 3, others: 0).
    #[must_use]
    pub fn new(padding: usize) -> Self {
        Self {
            padding,
            negotiated: Negotiated::NOTHING,
            strands: BTreeMap::new(),
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
    pub fn follow(&mut self, layer: Layer, bytes: &[u8]) -> Vec<Followed> {
        let mut all = Vec::new();
        match layer {
            Layer::Secured => self.record(bytes, &mut all),
            _ => self.message(
                &Found {
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
        let cx = self.cx(Self::OUTSIDE, self.padding, bytes);
        let raw = Untrusted::new(bytes);
        if SpdmMessage::decode(raw, &cx).is_ok() {
            return bytes.len();
        }
        let taken = SpdmMessage::decode(raw, &cx.with_padding(ANYTHING_FOLLOWS));
        let taken = taken.map_or(bytes.len(), |message| message.bytes().len());
        let behind = bytes.get(taken..).unwrap_or_default();
        if looks_like_a_message(behind) { taken } else { bytes.len() }
    }

    fn message(&mut self, found: &Found<'_>, all: &mut Vec<Followed>) {
        let Found { depth, origin, place, padding, bytes } = *found;
        let cx = self.cx(place, padding, bytes);
        all.push(Followed {
            depth,
            origin,
            session_id: place.session_id,
            bytes: bytes.to_vec(),
            content: Content::Message(cx),
        });
        let Ok(message) = SpdmMessage::decode(Untrusted::new(bytes), &cx) else { return };
        let inside = match message {
            SpdmMessage::Request(request) => self.request(place, cx.version, &request),
            SpdmMessage::Response(response) => self.response(place, cx.version, &response),
        };
        if let Some(Inside { origin, role, bytes }) = inside
            && depth < MAX_DEPTH
        {
            let place = Place { role, ..place };
            // An inner message has no length: what was appended to the outer one lies behind it.
            let padding = if origin == Origin::Chunks { 0 } else { padding };
            let inner = Found { depth: depth + 1, origin, place, padding, bytes: &bytes };
            self.message(&inner, all);
        }
    }

    fn record(&mut self, bytes: &[u8], all: &mut Vec<Followed>) {
        let binding = RecordBinding::of(bytes, self.padding);
        let (record, data) =
            self.sessions.open(bytes, binding, self.padding, self.negotiated.protection());
        let session_id = record.session_id;
        let mut push = |depth, origin, bytes: &[u8], content| {
            all.push(Followed { depth, origin, session_id, bytes: bytes.to_vec(), content });
        };
        push(0, Origin::Captured, bytes, Content::Record(record));
        let Some(data) = data else { return };
        match binding.spdm_message(&data) {
            None => push(1, Origin::Record, &data, Content::Application),
            Some(message) => self.message(
                &Found {
                    depth: 1,
                    origin: Origin::Record,
                    place: Place { session_id, role: Role::Direct },
                    padding: 0,
                    bytes: message,
                },
                all,
            ),
        }
    }

    /// What to decode a message with.
    fn cx(&self, place: Place, padding: usize, bytes: &[u8]) -> Cx {
        let raw = Untrusted::new(bytes);
        let header = Header::peek(raw);
        let asked = self.strands.get(&place).map(|strand| strand.asked).unwrap_or_default();
        let version = header.map_or(0, |header| header.version);
        let mut cx = self.negotiated.cx(version, place.role).with_padding(padding);
        cx = cx.with_summary_len(asked.summary_len(self.negotiated.hash_len()));
        if asked.signature == Some(asked::SignatureAsked::No) {
            cx = cx.with_signature_len(0);
        }
        let Ok(header) = header else { return cx };
        if self.negotiated.is_known() || SpdmMessage::decode(raw, &cx).is_ok() {
            return cx;
        }
        let mut guesses = guess::guesses(header.code, cx, asked);
        guesses.find(|guess| SpdmMessage::decode(raw, guess).is_ok()).unwrap_or(cx)
    }

    fn request(
        &mut self,
        place: Place,
        version: SpdmVersion,
        request: &Request<'_>,
    ) -> Option<Inside> {
        if let Request::GetVersion(_) = request {
            self.negotiated = Negotiated::NOTHING;
            self.strands.clear();
            self.sessions.end_all();
        }
        let strand = self.strands.entry(place).or_default();
        strand.asked = Asked::by(request).unwrap_or(strand.asked);
        match request {
            Request::GetCapabilities(decoded) => {
                self.negotiated.get_capabilities(version, &decoded.message);
            }
            Request::NegotiateAlgorithms(decoded) => {
                self.negotiated.offer(decoded.message.other_params);
            }
            Request::KeyExchange(decoded) => {
                strand.req_session_id = decoded.message.req_session_id;
            }
            Request::PskExchange(decoded) => {
                strand.req_session_id = decoded.message.req_session_id;
            }
            Request::ChunkSend(decoded) => return strand.chunk(&decoded.message.0, place.role),
            Request::DeliverEncapsulatedResponse(decoded) => {
                return Inside::encapsulated(decoded.message.response);
            }
            _ => {}
        }
        None
    }

    fn response(
        &mut self,
        place: Place,
        version: SpdmVersion,
        response: &Response<'_>,
    ) -> Option<Inside> {
        let strand = self.strands.entry(place).or_default();
        match response {
            Response::Capabilities(decoded) => {
                self.negotiated.capabilities(version, &decoded.message);
            }
            Response::Algorithms(decoded) => self.negotiated.algorithms(version, &decoded.message),
            Response::KeyExchangeRsp(decoded) => {
                self.sessions.begin(strand.session_id(decoded.message.rsp_session_id));
            }
            Response::PskExchangeRsp(decoded) => {
                self.sessions.begin(strand.session_id(decoded.message.rsp_session_id));
            }
            Response::ChunkResponse(decoded) => {
                return strand.chunk(&decoded.message.0, place.role);
            }
            // What is shorter is what the transport appended.
            Response::ChunkSendAck(decoded) if decoded.message.response.len() >= HEADER_LEN => {
                return Some(Inside {
                    origin: Origin::ChunkSendAck,
                    role: place.role,
                    bytes: decoded.message.response.to_vec(),
                });
            }
            Response::EncapsulatedRequest(decoded) => {
                return Inside::encapsulated(decoded.message.request);
            }
            Response::EncapsulatedResponseAck(decoded) => {
                if let AckPayload::Request(request) = decoded.message.payload {
                    return Inside::encapsulated(request);
                }
            }
            _ => {}
        }
        None
    }
}

impl Inside {
    fn encapsulated(message: InnerMessage<'_>) -> Option<Self> {
        let bytes = message.bytes().into_inner_less_safe().to_vec();
        Some(Self { origin: Origin::Encapsulated, role: Role::Encapsulated, bytes })
    }
}

impl Strand {
    /// DSP0274 §KEY_EXCHANGE_RSP: the Responder's half is the upper one.
    fn session_id(&self, rsp_session_id: u16) -> u32 {
        u32::from(rsp_session_id) << 16 | u32::from(self.req_session_id)
    }

    /// Gives the large message with its last chunk.
    fn chunk(&mut self, chunk: &Chunk<'_>, role: Role) -> Option<Inside> {
        if chunk.seq_no == 0 {
            self.chunks.clear();
        }
        if self.chunks.len() + chunk.bytes.len() <= MAX_LARGE_MESSAGE {
            self.chunks.extend_from_slice(chunk.bytes);
        }
        let last = chunk.attributes.contains(ChunkAttributes::LAST_CHUNK);
        last.then(|| Inside {
            origin: Origin::Chunks,
            role,
            bytes: core::mem::take(&mut self.chunks),
        })
    }
}

fn looks_like_a_message(bytes: &[u8]) -> bool {
    Header::peek(Untrusted::new(bytes)).is_ok_and(|header| {
        SpdmVersion::from_byte(header.version).is_some() && header.code.name().is_some()
    })
}
