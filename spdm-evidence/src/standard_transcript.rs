//! DMTF Standard Measurement Transcript: the messages that a signed MEASUREMENTS covers, back to back.
//!
//! 1.0 and 1.1: GET_MEASUREMENTS and MEASUREMENTS only. From 1.2 on: the negotiation in front of them.

use spdm_codec::{
    Algorithms, Capabilities, Code, Cx, GetCapabilities, GetMeasurements, GetVersion, Header,
    Measurements, Message, NegotiateAlgorithms, SignatureRequest, SpdmVersion, Version,
};
use spdm_crypto::{
    AsymAlgorithm, Digest, Hash, HashAlgorithm, HashBank, HashError, NoRandom, Provider,
    Unsupported,
};
use spdm_requester::{Connection, Crypto, Negotiated};
use spdm_untrusted::Untrusted;

use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::note::Note;
use crate::recording::{Negotiation, RecordedExchange, Recording};

/// Messages have no length field: decoding tells where one ends, so anything may follow it.
const ANYTHING_FOLLOWS: usize = usize::MAX;

/// Whether the file begins like a transcript: with GET_VERSION or GET_MEASUREMENTS. From 1.2 on the latter is not enough,
/// and [`read_one`] says so.
pub(crate) fn sniff(bytes: &[u8]) -> bool {
    match bytes {
        [0x10, code, ..] if *code == Code::GET_VERSION.0 => true,
        [version, code, ..] if *code == Code::GET_MEASUREMENTS.0 => {
            SpdmVersion::from_byte(*version).is_some()
        }
        _ => false,
    }
}

pub(crate) fn read(bytes: &[u8], presumption: Presumption) -> Result<Evidence, Error> {
    let recordings = vec![read_one(bytes, presumption)?];
    Ok(Evidence { recordings, ..Evidence::default() })
}

/// One transcript. Where its algorithms are only presumed and it cannot be read, the length of the signature may tell
/// which they are.
pub(crate) fn read_one(bytes: &[u8], presumption: Presumption) -> Result<Recording, Error> {
    let error = match read_as(bytes, presumption) {
        Err(error @ (Error::Message(_) | Error::Behind { .. })) => error,
        result => return result,
    };
    if bytes.get(1) != Some(&Code::GET_MEASUREMENTS.0) {
        return Err(error);
    }
    let read = presumption.asym.unwrap_or(Presumption::ASYM);
    let fits = |asym: &AsymAlgorithm| {
        read_as(bytes, Presumption { asym: Some(*asym), ..presumption }).is_ok()
    };
    let fitting: Vec<_> =
        AsymAlgorithm::ALL.into_iter().filter(fits).map(|asym| asym.name()).collect();
    Err(match fitting.is_empty() {
        true => error,
        false => Error::SignatureLength { read: read.name(), fitting, error: Box::new(error) },
    })
}

fn read_as(bytes: &[u8], presumption: Presumption) -> Result<Recording, Error> {
    let mut messages = Messages { rest: bytes };
    let header = Header::peek(Untrusted::new(bytes))?;
    let (negotiated, mut recording) = if header.code == Code::GET_VERSION {
        let exchanges = messages.negotiation()?;
        let mut recording = Recording::new(Negotiation::Recorded, 0);
        recording.exchanges = exchanges;
        let connection = negotiate(&recording.exchanges, 0);
        (connection.and_then(|connection| connection.negotiated().copied()), recording)
    } else {
        let version = SpdmVersion::from_byte(header.version).filter(|v| *v < SpdmVersion::V1_2);
        let version = version.ok_or(Error::Transcript("the negotiation is missing"))?;
        let presumed = presumption.negotiated(version);
        (Some(presumed), Recording::new(Negotiation::Presumed(presumed), 0))
    };
    // A negotiation that `Connection` refuses is kept: the verifier then refuses it and says why.
    let Some(negotiated) = negotiated else { return Ok(recording) };
    let cx = negotiated.cx(ANYTHING_FOLLOWS);
    while !messages.rest.is_empty() {
        if !begins_message(messages.rest) {
            recording.notes.push(trailing_zeros(messages.rest, bytes.len())?);
            break;
        }
        let (request, asked) = messages.next::<GetMeasurements>(&cx)?;
        let signature_len = asked.signature.map_or(0, |_| negotiated.signature_len());
        let cx = cx.with_signature_len(signature_len);
        let (response, _) = messages.next::<Measurements<'_>>(&cx)?;
        recording.exchanges.push(exchange(request, response));
    }
    Ok(recording)
}

/// Whether bytes begin like a message of any version.
fn begins_message(bytes: &[u8]) -> bool {
    matches!(bytes, [version, code, ..]
        if SpdmVersion::from_byte(*version).is_some() && Code(*code).name().is_some())
}

/// Zero bytes at the end of a file are no message, and nothing signs them.
fn trailing_zeros(rest: &[u8], len: usize) -> Result<Note, Error> {
    match rest.iter().all(|byte| *byte == 0) {
        true => Ok(Note::TrailingZeros { bytes: rest.len() }),
        false => Err(Error::Behind { at: len - rest.len(), bytes: rest.len() }),
    }
}

fn exchange(request: &[u8], response: &[u8]) -> RecordedExchange {
    let response = Some(response.to_vec());
    RecordedExchange { request: request.to_vec(), interim: Vec::new(), response }
}

/// The connection after the negotiation. Nothing is hashed or verified.
fn negotiate(exchanges: &[RecordedExchange], padding: usize) -> Option<Connection> {
    let mut crypto = Crypto { provider: &NO_CRYPTO, hashes: &mut NoHash };
    let mut connection = Connection::new(padding);
    for exchange in exchanges {
        let response = Untrusted::new(exchange.response.as_deref()?);
        connection.give_up_request();
        connection.sent(&exchange.request).ok()?;
        connection.accept(&mut crypto, &exchange.request, response, None).ok()?;
        if connection.negotiated().is_some() {
            return Some(connection);
        }
    }
    None
}

/// A backend without any algorithm: enough for the negotiation, which hashes and verifies nothing.
pub(crate) const NO_CRYPTO: Provider = Provider {
    hash: &NoHash,
    verifiers: &[],
    key_exchanges: &[],
    kdfs: &[],
    aeads: &[],
    random: &NoRandom,
};

/// A backend without any hash, and a bank without places.
#[derive(Debug)]
struct NoHash;

impl Hash for NoHash {
    fn supports(&self, _: HashAlgorithm) -> bool {
        false
    }

    fn digest(&self, hash: HashAlgorithm, _: &[&[u8]]) -> Result<Digest, Unsupported> {
        Err(Unsupported::new(hash))
    }
}

impl HashBank for NoHash {
    fn places(&self) -> usize {
        0
    }

    fn start(&mut self, place: usize, _: HashAlgorithm) -> Result<(), HashError> {
        Err(HashError::NoPlace { place, places: 0 })
    }

    fn update(&mut self, place: usize, _: &[u8]) -> Result<(), HashError> {
        Err(HashError::NoPlace { place, places: 0 })
    }

    fn snapshot(&self, place: usize) -> Result<Digest, HashError> {
        Err(HashError::NoPlace { place, places: 0 })
    }

    fn fork(&mut self, _: usize, place: usize) -> Result<(), HashError> {
        Err(HashError::NoPlace { place, places: 0 })
    }

    fn clear(&mut self) {}
}

/// Messages back to back.
struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    fn next<M: Message<'a>>(&mut self, cx: &Cx) -> Result<(&'a [u8], M), Error> {
        let decoded = M::decode(Untrusted::new(self.rest), cx)?;
        self.rest = self.rest.get(decoded.bytes.len()..).unwrap_or_default();
        Ok((decoded.bytes, decoded.message))
    }

    /// GET_VERSION to ALGORITHMS.
    fn negotiation(&mut self) -> Result<Vec<RecordedExchange>, Error> {
        let cx = Cx::new(SpdmVersion::V1_0).with_padding(ANYTHING_FOLLOWS);
        let (get_version, _) = self.next::<GetVersion>(&cx)?;
        let (version, _) = self.next::<Version<'_>>(&cx)?;
        let chosen = Header::peek(Untrusted::new(self.rest))?.version;
        let chosen = SpdmVersion::from_byte(chosen);
        let chosen = chosen.ok_or(Error::Transcript("an unknown version"))?;
        let cx = Cx::new(chosen).with_padding(ANYTHING_FOLLOWS);
        let (get_capabilities, _) = self.next::<GetCapabilities>(&cx)?;
        let (capabilities, _) = self.next::<Capabilities<'_>>(&cx)?;
        let (negotiate_algorithms, _) = self.next::<NegotiateAlgorithms<'_>>(&cx)?;
        let (algorithms, _) = self.next::<Algorithms<'_>>(&cx)?;
        Ok(vec![
            exchange(get_version, version),
            exchange(get_capabilities, capabilities),
            exchange(negotiate_algorithms, algorithms),
        ])
    }
}

impl Recording {
    /// The Standard Measurement Transcript of the last signed MEASUREMENTS of the recording: what an external
    /// verifier needs besides the chain.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where nothing is signed or the negotiation is not on record as it should be,
    /// [`Error::Message`] where a message cannot be decoded.
    pub fn to_standard_transcript(&self) -> Result<Vec<u8>, Error> {
        self.signed_transcript().map(|signed| signed.bytes)
    }

    pub(crate) fn signed_transcript(&self) -> Result<SignedTranscript, Error> {
        let (negotiated, vca) = match self.negotiation {
            Negotiation::Presumed(negotiated) => (negotiated, Vec::new()),
            Negotiation::Recorded => {
                let connection = negotiate(&self.exchanges, self.padding);
                let connection = connection.ok_or(Error::Unwritable("there is no negotiation"))?;
                let negotiated =
                    *connection.negotiated().ok_or(Error::Unwritable("there is no negotiation"))?;
                let since_1_2 = negotiated.version >= SpdmVersion::V1_2;
                (negotiated, if since_1_2 { connection.vca().to_vec() } else { Vec::new() })
            }
        };
        let cx = negotiated.cx(self.padding);
        let mut sequence = Vec::new();
        let (mut signed, mut earlier) = (None, 0);
        for exchange in &self.exchanges {
            let measurement = measurement(exchange, &cx, negotiated.signature_len())?;
            let Some(MeasuredBytes { bytes, request }) = measurement else {
                sequence.clear();
                continue;
            };
            sequence.extend(bytes);
            if let Some(request) = request {
                earlier += usize::from(signed.is_some());
                signed = Some((core::mem::take(&mut sequence), request));
            }
        }
        let (signed, request) =
            signed.ok_or(Error::Unwritable("there are no signed measurements"))?;
        Ok(SignedTranscript { bytes: [vca, signed].concat(), request, negotiated, earlier })
    }
}

/// A transcript, and what its signature is about.
pub(crate) struct SignedTranscript {
    pub(crate) bytes: Vec<u8>,
    pub(crate) request: SignatureRequest,
    pub(crate) negotiated: Negotiated,
    /// How many signed sequences of measurements come before the one that it holds.
    pub(crate) earlier: usize,
}

/// GET_MEASUREMENTS and MEASUREMENTS without what a transport appended.
struct MeasuredBytes {
    bytes: Vec<u8>,
    /// What is asked of a signature, where they are signed.
    request: Option<SignatureRequest>,
}

/// The exact bytes of GET_MEASUREMENTS and MEASUREMENTS, and what is asked of a signature, where they are signed.
fn measurement(
    exchange: &RecordedExchange,
    cx: &Cx,
    signature_len: usize,
) -> Result<Option<MeasuredBytes>, Error> {
    let request = Untrusted::new(exchange.request.as_slice());
    let Some(response) = &exchange.response else { return Ok(None) };
    let response = Untrusted::new(response.as_slice());
    let codes = (Header::peek(request)?.code, Header::peek(response)?.code);
    if codes != (Code::GET_MEASUREMENTS, Code::MEASUREMENTS) {
        return Ok(None);
    }
    let asked = GetMeasurements::decode(request, cx)?;
    let request = asked.message.signature;
    let cx = cx.with_signature_len(request.map_or(0, |_| signature_len));
    let answer = Measurements::decode(response, &cx)?;
    Ok(Some(MeasuredBytes { bytes: [asked.bytes, answer.bytes].concat(), request }))
}
