//! What earlier messages tell about later ones: version, sizes, and the request that a response answers.
//!
//! Nothing is judged here. What no earlier message tells is taken from the response itself, where only one
//! size makes it end where it ends.

use spdm_codec::{
    Chunk, ChunkAttributes, Code, ConnectionKeys, Cx, HEADER_LEN, Header, MeasurementSummary,
    OpaqueFormat, OtherParams, Request, Response, SpdmVersion,
};
use spdm_untrusted::Untrusted;

/// Any number of bytes may follow: the message alone tells where it ends.
const ANYTHING_FOLLOWS: usize = usize::MAX;
/// H of every hash algorithm, likely ones first.
const HASH_LENS: [usize; 3] = [48, 32, 64];
/// S of every signature algorithm, likely ones first.
const SIGNATURE_LENS: [usize; 16] =
    [96, 64, 132, 256, 384, 512, 114, 2420, 3309, 4627, 7856, 17088, 16224, 35664, 29792, 49856];
/// The longest large message that is put together, in bytes.
const MAX_LARGE_MESSAGE: usize = 1 << 20;

/// The state of a connection, as far as decoding depends on it.
#[derive(Debug)]
pub(super) struct Context {
    padding: usize,
    version: SpdmVersion,
    hash_len: usize,
    signature_len: usize,
    opaque_format: OpaqueFormat,
    keys: ConnectionKeys,
    responder_is_multi_key: bool,
    multi_key_offered: bool,
    asked: Asked,
    chunks: Vec<u8>,
    whole: Option<Vec<u8>>,
}

/// What the last request asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Asked {
    signature: Option<SignatureAsked>,
    summary: Option<MeasurementSummary>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SignatureAsked {
    Yes,
    No,
}

impl Context {
    /// Nothing is known but how many bytes the transport may append.
    pub(super) const fn new(padding: usize) -> Self {
        Self {
            padding,
            version: SpdmVersion::V1_0,
            hash_len: 0,
            signature_len: 0,
            opaque_format: OpaqueFormat::FreeForm,
            keys: ConnectionKeys::Single,
            responder_is_multi_key: false,
            multi_key_offered: false,
            asked: Asked { signature: None, summary: None },
            chunks: Vec::new(),
            whole: None,
        }
    }

    /// What to decode this message with.
    pub(super) fn cx(&self, message: &[u8]) -> Cx {
        let Ok(header) = Header::peek(Untrusted::new(message)) else { return self.known(0) };
        let cx = self.known(header.version);
        if decodes(message, &cx) {
            return cx;
        }
        let guess = self.guesses(header.code, cx).find(|guess| decodes(message, guess));
        guess.unwrap_or(cx)
    }

    /// The version is the message's own: a wrong one shows, but hides nothing.
    fn known(&self, version: u8) -> Cx {
        let version = SpdmVersion::from_byte(version).unwrap_or(self.version);
        let signature_len = match self.asked.signature {
            Some(SignatureAsked::No) => 0,
            _ => self.signature_len,
        };
        let summary_len = match self.asked.summary {
            None | Some(MeasurementSummary::None) => 0,
            Some(_) => self.hash_len,
        };
        Cx::new(version)
            .with_padding(self.padding)
            .with_hash_len(self.hash_len)
            .with_summary_len(summary_len)
            .with_signature_len(signature_len)
            .with_connection_keys(self.keys)
            .with_opaque_format(self.opaque_format)
    }

    /// Sizes that are possible where the negotiation is not on record.
    fn guesses(&self, code: Code, cx: Cx) -> impl Iterator<Item = Cx> {
        let known = self.hash_len;
        let hashes = HASH_LENS.into_iter().filter(move |len| known == 0 || *len == known);
        let signed = self.asked.signature;
        let known = self.signature_len;
        let signatures = [0].into_iter().chain(SIGNATURE_LENS).filter(move |len| match signed {
            Some(SignatureAsked::No) => *len == 0,
            Some(SignatureAsked::Yes) => *len > 0 && (known == 0 || *len == known),
            None => *len == 0 || known == 0 || *len == known,
        });
        let of_measurements = signatures.clone().map(move |len| cx.with_signature_len(len));
        let of_challenge = hashes.clone().flat_map(move |hash_len| {
            let signatures = signatures.clone().filter(|len| *len > 0);
            signatures.flat_map(move |len| {
                let cx = cx.with_hash_len(hash_len).with_signature_len(len);
                [cx.with_summary_len(0), cx.with_summary_len(hash_len)]
            })
        });
        let of_digests = hashes.map(move |len| cx.with_hash_len(len));
        let when = |wanted: Code| usize::from(code == wanted);
        of_measurements
            .take(when(Code::MEASUREMENTS) * usize::MAX)
            .chain(of_challenge.take(when(Code::CHALLENGE_AUTH) * usize::MAX))
            .chain(of_digests.take(when(Code::DIGESTS) * usize::MAX))
    }

    /// How many of the bytes are the first message; all, where that cannot be told or nothing that looks like
    /// a message follows.
    pub(super) fn extent(&self, bytes: &[u8]) -> usize {
        let cx = self.cx(bytes);
        if decodes(bytes, &cx) {
            return bytes.len();
        }
        let raw = Untrusted::new(bytes);
        let open = cx.with_padding(ANYTHING_FOLLOWS);
        let is_request = Header::peek(raw).is_ok_and(|header| header.code.is_request());
        let taken = if is_request {
            Request::decode(raw, &open).map(|request| request.bytes().len())
        } else {
            Response::decode(raw, &open).map(|response| response.bytes().len())
        };
        let taken = taken.unwrap_or(bytes.len());
        let behind = bytes.get(taken..).unwrap_or_default();
        if looks_like_a_message(behind) { taken } else { bytes.len() }
    }

    /// Learns from a request.
    pub(super) fn request(&mut self, request: &Request<'_>) {
        match request {
            Request::GetVersion(_) => *self = Self::new(self.padding),
            Request::GetCapabilities(decoded) => self.saw_version(decoded.bytes),
            Request::NegotiateAlgorithms(decoded) => {
                let other_params = decoded.message.other_params;
                self.multi_key_offered = other_params.contains(OtherParams::MULTI_KEY_CONN);
            }
            Request::Challenge(decoded) => {
                let summary = Some(decoded.message.summary);
                self.asked = Asked { signature: Some(SignatureAsked::Yes), summary };
            }
            Request::GetMeasurements(decoded) => {
                let signature = match decoded.message.signature {
                    Some(_) => SignatureAsked::Yes,
                    None => SignatureAsked::No,
                };
                self.asked = Asked { signature: Some(signature), summary: None };
            }
            Request::ChunkSend(decoded) => self.chunk(&decoded.message.0),
            _ => {}
        }
    }

    /// Learns from a response.
    pub(super) fn response(&mut self, response: &Response<'_>) {
        match response {
            Response::Capabilities(decoded) => {
                self.saw_version(decoded.bytes);
                let flags = decoded.message.capability.flags;
                self.responder_is_multi_key = flags.multi_key_cap() != 0;
            }
            Response::Algorithms(decoded) => {
                self.saw_version(decoded.bytes);
                let message = &decoded.message;
                let pqc = message.pqc_asym.signature_len();
                let signature_len = pqc.or_else(|| message.base_asym.signature_len());
                self.signature_len = signature_len.unwrap_or(0);
                self.hash_len = message.base_hash.digest_len().unwrap_or(0);
                self.opaque_format = opaque_format(self.version, message.other_params);
                self.keys = if self.multi_key_offered && self.responder_is_multi_key {
                    ConnectionKeys::Multi
                } else {
                    ConnectionKeys::Single
                };
            }
            // What is shorter is the transport's padding.
            Response::ChunkSendAck(decoded) if decoded.message.response.len() >= HEADER_LEN => {
                self.whole = Some(decoded.message.response.to_vec());
            }
            Response::ChunkResponse(decoded) => self.chunk(&decoded.message.0),
            _ => {}
        }
    }

    fn saw_version(&mut self, message: &[u8]) {
        let version = message.first().copied().and_then(SpdmVersion::from_byte);
        self.version = version.unwrap_or(self.version);
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) {
        if chunk.seq_no == 0 {
            self.chunks.clear();
        }
        if self.chunks.len() + chunk.bytes.len() <= MAX_LARGE_MESSAGE {
            self.chunks.extend_from_slice(chunk.bytes);
        }
        if chunk.attributes.contains(ChunkAttributes::LAST_CHUNK) {
            self.whole = Some(core::mem::take(&mut self.chunks));
        }
    }

    /// The large message that the last message completed.
    pub(super) const fn reassembled(&mut self) -> Option<Vec<u8>> {
        self.whole.take()
    }
}

fn opaque_format(version: SpdmVersion, selected: OtherParams) -> OpaqueFormat {
    let format = selected.opaque_format();
    if version < SpdmVersion::V1_2 || format == OtherParams::OPAQUE_DATA_FMT_0 {
        OpaqueFormat::FreeForm
    } else if format == OtherParams::OPAQUE_DATA_FMT_1 {
        OpaqueFormat::Table
    } else {
        OpaqueFormat::None
    }
}

fn decodes(message: &[u8], cx: &Cx) -> bool {
    let raw = Untrusted::new(message);
    let is_request = Header::peek(raw).is_ok_and(|header| header.code.is_request());
    if is_request { Request::decode(raw, cx).is_ok() } else { Response::decode(raw, cx).is_ok() }
}

fn looks_like_a_message(bytes: &[u8]) -> bool {
    Header::peek(Untrusted::new(bytes)).is_ok_and(|header| {
        SpdmVersion::from_byte(header.version).is_some() && header.code.name().is_some()
    })
}
