//! Following a connection from its messages alone: which [`Cx`] the next message is decoded with.

mod agreement;
mod guess;
mod last_request;

use spdm_untrusted::Untrusted;

use crate::any::{Request, Response};
use crate::any_message::AnyMessage;
use crate::cx::Cx;
use crate::error::DecodeError;
use crate::header::Header;
use crate::record_protection::RecordProtection;
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Trace};
use agreement::Agreement;
use last_request::LastRequest;

/// Any number of bytes may follow: the message alone tells where it ends.
const ANYTHING_FOLLOWS: usize = usize::MAX;

/// Follows a connection: fed with its requests and responses in order, it knows the [`Cx`] of the next one.
///
/// It learns the version, the capabilities and the algorithms from the negotiation, and from each request what
/// the form of its response depends on: whether a signature or a summary hash was asked for. GET_VERSION begins a
/// new connection.
///
/// Nothing is checked against what was offered, and what a message says is taken as it is: this is for tools
/// that show or re-encode messages. A requester, or whoever decides over trust, must not take sizes from it: a
/// `Connection` of spdm-requester derives its contexts only from a negotiation that it checked against the requests. Where the negotiation
/// is not among the messages, the sizes are guessed: those with which a message ends where its bytes end.
///
/// ```
/// use spdm_codec::Follower;
/// use spdm_untrusted::Untrusted;
///
/// let mut follower = Follower::new(0);
/// for message in [&[0x10, 0x84, 0, 0][..], &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12]] {
///     println!("{}", follower.decode(Untrusted::new(message))?.code());
/// }
/// # Ok::<(), spdm_codec::DecodeError>(())
/// ```
///
/// [`Self::decode`] follows the messages that the Requester and the Responder exchange outside of sessions. What
/// travels inside of others (records, chunks, encapsulated messages) the caller unpacks and decodes with
/// [`Self::cx`] and a [`Strand`] for each session and direction.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    padding: usize,
    agreement: Agreement,
    plain: Strand,
}

/// Requests and the responses to them: those outside of sessions, those of one session, or those of one of
/// these that are encapsulated. A [`Follower`] keeps here what the last request asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Strand {
    requests_by: Side,
    last_request: LastRequest,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Side {
    /// The Requester of the connection.
    Requester,
    /// The Responder of the connection. It sends requests in encapsulated messages only.
    Responder,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Requester => Self::Responder,
            Self::Responder => Self::Requester,
        }
    }
}

impl Strand {
    /// Before the first request; `requests_by` sends the requests.
    #[must_use]
    pub const fn new(requests_by: Side) -> Self {
        Self { requests_by, last_request: LastRequest::NOTHING }
    }
}

impl Follower {
    /// Nothing is known but how many bytes the transport may append to a message (DOE: 3, others: 0).
    #[must_use]
    pub const fn new(padding: usize) -> Self {
        Self { padding, agreement: Agreement::NOTHING, plain: Strand::new(Side::Requester) }
    }

    /// The context of the next message outside of sessions, which is `bytes`.
    #[must_use]
    pub fn next_cx(&self, bytes: Untrusted<&[u8]>) -> Cx {
        self.cx(&self.plain, self.padding, bytes)
    }

    /// Decodes the next message outside of sessions, and learns from it.
    ///
    /// # Errors
    /// [`DecodeError`] as for the message; such a message teaches nothing.
    pub fn decode<'a>(
        &mut self,
        bytes: Untrusted<&'a [u8]>,
    ) -> Result<AnyMessage<'a>, DecodeError> {
        self.decode_traced(bytes, &mut NoTrace)
    }

    /// [`Self::decode`] that shows every field to `trace` on the way.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_traced<'a, T: Trace<'a>>(
        &mut self,
        bytes: Untrusted<&'a [u8]>,
        trace: &mut T,
    ) -> Result<AnyMessage<'a>, DecodeError> {
        let message = AnyMessage::decode_traced(bytes, &self.next_cx(bytes), trace)?;
        let mut plain = self.plain;
        self.learn(&mut plain, &message);
        self.plain = plain;
        Ok(message)
    }

    /// What to decode the next message of `strand` with; the transport may have appended `padding` bytes to it.
    ///
    /// The version is that of the message itself where it is one: [`Message::decode`](crate::Message::decode)
    /// then succeeds for a message of another version than the negotiated one.
    #[must_use]
    pub fn cx(&self, strand: &Strand, padding: usize, bytes: Untrusted<&[u8]>) -> Cx {
        let header = Header::peek(bytes);
        let version = header.ok().and_then(|header| SpdmVersion::from_byte(header.version));
        let cx = self.agreement.cx(version, strand.requests_by).with_padding(padding);
        let cx = strand.last_request.refine(cx, self.agreement.hash_len());
        let Ok(header) = header else { return cx };
        let fits = |cx: &Cx| AnyMessage::decode(bytes, cx).is_ok();
        if self.agreement.is_complete() || fits(&cx) {
            return cx;
        }
        guess::sizes(header.code, cx, strand.last_request, fits).unwrap_or(cx)
    }

    /// Learns from a message that was decoded.
    ///
    /// GET_VERSION ends all sessions: the strands of the connection before are of no use any more.
    pub fn learn(&mut self, strand: &mut Strand, message: &AnyMessage<'_>) {
        match message {
            AnyMessage::Request(request) => self.learn_request(strand, request),
            AnyMessage::Response(response) => self.learn_response(response),
        }
    }

    fn learn_request(&mut self, strand: &mut Strand, request: &Request<'_>) {
        match request {
            Request::GetVersion(_) => {
                self.agreement = Agreement::NOTHING;
                self.plain = Strand::new(Side::Requester);
                *strand = Strand::new(strand.requests_by);
            }
            Request::GetCapabilities(decoded) => {
                self.agreement.get_capabilities(version(decoded.bytes), &decoded.message);
            }
            Request::NegotiateAlgorithms(decoded) => {
                self.agreement.offer(decoded.message.other_params);
            }
            _ => {}
        }
        strand.last_request = LastRequest::by(request).unwrap_or(strand.last_request);
    }

    fn learn_response(&mut self, response: &Response<'_>) {
        match response {
            Response::Capabilities(decoded) => {
                self.agreement.capabilities(version(decoded.bytes), &decoded.message);
            }
            Response::Algorithms(decoded) => {
                self.agreement.algorithms(version(decoded.bytes), &decoded.message);
            }
            _ => {}
        }
    }

    /// The version of the connection: that of GET_CAPABILITIES, or of the first message of the negotiation that
    /// is there; 1.0 before.
    #[must_use]
    pub fn version(&self) -> SpdmVersion {
        self.agreement.version()
    }

    /// How the records of the connection's sessions are protected. Without a negotiation they are taken for
    /// encrypted.
    #[must_use]
    pub fn record_protection(&self) -> RecordProtection {
        self.agreement.record_protection()
    }

    /// How many of the bytes are the next message of `strand`, where messages follow each other with nothing in
    /// between; all, where that cannot be told or nothing that looks like a message follows.
    #[must_use]
    pub fn extent(&self, strand: &Strand, padding: usize, bytes: Untrusted<&[u8]>) -> usize {
        let all = bytes.into_inner_less_safe();
        let cx = self.cx(strand, padding, bytes);
        if AnyMessage::decode(bytes, &cx).is_ok() {
            return all.len();
        }
        let message = AnyMessage::decode(bytes, &cx.with_padding(ANYTHING_FOLLOWS));
        let len = message.map_or(all.len(), |message| message.bytes().len());
        let behind = all.get(len..).unwrap_or_default();
        if looks_like_a_message(Untrusted::new(behind)) { len } else { all.len() }
    }
}

/// The version that a decoded message states.
fn version(message: &[u8]) -> Option<SpdmVersion> {
    SpdmVersion::from_byte(*message.first()?)
}

fn looks_like_a_message(bytes: Untrusted<&[u8]>) -> bool {
    Header::peek(bytes).is_ok_and(|header| {
        SpdmVersion::from_byte(header.version).is_some() && header.code.name().is_some()
    })
}
