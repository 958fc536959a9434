//! Which request is legal when, and what enters which transcript.

use spdm_codec::{
    Challenge, Code, Cx, Decoded, ErrorCode, GetCapabilities, GetCertificate, GetDigests,
    GetMeasurements, GetVersion, Header, Message, NegotiateAlgorithms, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::agreement::{
    Agreement, Authentication, NegotiationState, PeerCapabilities, SigningSuite,
};
use crate::config::MAX_PADDING;
use crate::device_transcript::DeviceTranscript;
use crate::error_answer::ErrorAnswer;
use crate::turn::Turn;
use crate::{algorithms, capabilities, certificates, challenge, measurements, version};

/// Longer than any request that the device understands.
const MAX_REQUEST: usize = 0x1000;

/// One connection, from GET_VERSION on.
#[derive(Debug, Default)]
pub(crate) struct Responder {
    phase: NegotiationState,
    /// A of the transcripts, while it grows.
    negotiation: Vec<u8>,
    /// The exchange before this one, where a repetition of its request is a retry.
    repeatable: Option<AnsweredRequest>,
}

#[derive(Debug)]
struct AnsweredRequest {
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Responder {
    /// The version of ERROR.
    pub(crate) fn version(&self) -> SpdmVersion {
        self.peer().map_or(SpdmVersion::V1_0, |peer| peer.version)
    }

    /// What the device's own messages can be decoded with.
    pub(crate) fn cx(&self) -> Cx {
        match &self.phase {
            NegotiationState::Agreement(negotiated) => negotiated.cx(),
            _ => Cx::new(self.version()),
        }
    }

    pub(crate) fn peer(&self) -> Option<&PeerCapabilities> {
        match &self.phase {
            NegotiationState::NotStarted | NegotiationState::AfterVersion => None,
            NegotiationState::AfterCapabilities(peer) => Some(peer),
            NegotiationState::Agreement(negotiated) => Some(&negotiated.peer),
        }
    }

    /// Answers a request, with ERROR where it has to be refused.
    pub(crate) fn answer(&mut self, turn: &mut Turn<'_>, request: &[u8]) -> Vec<u8> {
        if let Some(before) = &self.repeatable
            && before.request == request
        {
            return before.response.clone();
        }
        self.repeatable = None;
        let version = self.refusal_version(turn, request);
        match self.try_answer(turn, request) {
            Ok(response) => {
                if is_repeatable(request) {
                    let (request, response) = (request.to_vec(), response.clone());
                    self.repeatable = Some(AnsweredRequest { request, response });
                }
                response
            }
            Err(refusal) => refusal.encode(version),
        }
    }

    /// The version of an ERROR to this request. GET_CAPABILITIES chooses the version of the connection: also the
    /// refusal of one is in it, where the device has it.
    fn refusal_version(&self, turn: &Turn<'_>, request: &[u8]) -> SpdmVersion {
        let chosen = match (&self.phase, Header::peek(Untrusted::new(request))) {
            (NegotiationState::AfterVersion, Ok(header))
                if header.code == Code::GET_CAPABILITIES =>
            {
                announced(turn, header)
            }
            _ => None,
        };
        chosen.unwrap_or_else(|| self.version())
    }

    fn try_answer(&mut self, turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, ErrorAnswer> {
        let header = Header::peek(Untrusted::new(request))?;
        if request.len() > MAX_REQUEST {
            return Err(ErrorAnswer::invalid());
        }
        match header.code {
            Code::GET_VERSION => self.get_version(turn, header, request),
            Code::GET_CAPABILITIES => self.get_capabilities(turn, header, request),
            Code::NEGOTIATE_ALGORITHMS => self.negotiate_algorithms(turn, header, request),
            code if !code.is_request() => Err(ErrorAnswer::invalid()),
            _ => match &mut self.phase {
                NegotiationState::Agreement(negotiated) => negotiated.answer(turn, header, request),
                _ => Err(ErrorAnswer::unexpected()),
            },
        }
    }

    fn get_version(
        &mut self,
        turn: &Turn<'_>,
        header: Header,
        request: &[u8],
    ) -> Result<Vec<u8>, ErrorAnswer> {
        check_version(header, SpdmVersion::V1_0)?;
        let request = decode::<GetVersion>(turn, request, SpdmVersion::V1_0)?;
        let response = version::respond(turn)?;
        self.phase = NegotiationState::AfterVersion;
        self.negotiation = [request.bytes, &response].concat();
        Ok(response)
    }

    fn get_capabilities(
        &mut self,
        turn: &Turn<'_>,
        header: Header,
        request: &[u8],
    ) -> Result<Vec<u8>, ErrorAnswer> {
        let NegotiationState::AfterVersion = self.phase else {
            return Err(ErrorAnswer::unexpected());
        };
        let version =
            announced(turn, header).ok_or_else(|| ErrorAnswer::new(ErrorCode::VERSION_MISMATCH))?;
        let request = decode::<GetCapabilities>(turn, request, version)?;
        let (peer, response) = capabilities::respond(turn, version, &request.message)?;
        self.phase = NegotiationState::AfterCapabilities(peer);
        self.negotiation.extend(request.bytes);
        self.negotiation.extend(&response);
        Ok(response)
    }

    fn negotiate_algorithms(
        &mut self,
        turn: &Turn<'_>,
        header: Header,
        request: &[u8],
    ) -> Result<Vec<u8>, ErrorAnswer> {
        let NegotiationState::AfterCapabilities(peer) = self.phase else {
            return Err(ErrorAnswer::unexpected());
        };
        check_version(header, peer.version)?;
        let request = decode::<NegotiateAlgorithms<'_>>(turn, request, peer.version)?;
        let (selection, response) = algorithms::respond(turn, &peer, &request.message)?;
        self.negotiation.extend(request.bytes);
        self.negotiation.extend(&response);
        let suite = match selection.algorithms {
            Some((asym, hash)) => {
                let transcript = DeviceTranscript::new(peer.version, hash, &self.negotiation)?;
                Some(SigningSuite { asym, hash, transcript })
            }
            None => None,
        };
        let authentication = Authentication::Outstanding;
        let negotiated = Agreement { peer, selection, suite, authentication };
        self.phase = NegotiationState::Agreement(Box::new(negotiated));
        Ok(response)
    }
}

impl Agreement {
    fn answer(
        &mut self,
        turn: &mut Turn<'_>,
        header: Header,
        request: &[u8],
    ) -> Result<Vec<u8>, ErrorAnswer> {
        check_version(header, self.peer.version)?;
        if header.code != Code::GET_MEASUREMENTS {
            self.transcript(DeviceTranscript::reset_m);
        }
        match header.code {
            Code::GET_DIGESTS => self.get_digests(turn, request),
            Code::GET_CERTIFICATE => self.get_certificate(turn, request),
            Code::CHALLENGE => self.challenge(turn, request),
            Code::GET_MEASUREMENTS => {
                let response = self.get_measurements(turn, request);
                if response.is_err() {
                    self.transcript(DeviceTranscript::reset_m);
                }
                response
            }
            Code::RESPOND_IF_READY => Err(ErrorAnswer::unexpected()),
            code => Err(ErrorAnswer::unsupported(code)),
        }
    }

    fn get_digests(&mut self, turn: &Turn<'_>, request: &[u8]) -> Result<Vec<u8>, ErrorAnswer> {
        let request = decode::<GetDigests>(turn, request, self.peer.version)?;
        self.transcript(DeviceTranscript::reset_b);
        let response = certificates::digests(turn, self)?;
        self.transcript(|transcript| transcript.append_b(request.bytes, &response));
        Ok(response)
    }

    fn get_certificate(&mut self, turn: &Turn<'_>, request: &[u8]) -> Result<Vec<u8>, ErrorAnswer> {
        let request = decode::<GetCertificate>(turn, request, self.peer.version)?;
        let response = certificates::certificate(turn, self, &request.message)?;
        self.transcript(|transcript| transcript.append_b(request.bytes, &response));
        Ok(response)
    }

    fn challenge(&mut self, turn: &mut Turn<'_>, request: &[u8]) -> Result<Vec<u8>, ErrorAnswer> {
        let request = decode::<Challenge>(turn, request, self.peer.version)?;
        let response = challenge::respond(turn, self, &request.message, request.bytes)?;
        self.transcript(DeviceTranscript::reset_b);
        self.authentication = Authentication::Answered;
        Ok(response)
    }

    fn get_measurements(
        &mut self,
        turn: &mut Turn<'_>,
        request: &[u8],
    ) -> Result<Vec<u8>, ErrorAnswer> {
        let request = decode::<GetMeasurements>(turn, request, self.peer.version)?;
        if self.authentication == Authentication::Outstanding {
            self.transcript(DeviceTranscript::reset_b);
        }
        let response = measurements::respond(turn, self, &request.message, request.bytes)?;
        match request.message.signature {
            Some(_) => self.transcript(DeviceTranscript::reset_m),
            None => self.transcript(|transcript| transcript.append_m(request.bytes, &response)),
        }
        Ok(response)
    }

    /// Changes the transcripts, where signatures were negotiated.
    fn transcript(&mut self, change: impl FnOnce(&mut DeviceTranscript)) {
        if let Some(suite) = &mut self.suite {
            change(&mut suite.transcript);
        }
    }
}

/// The version of a message, where VERSION lists it.
fn announced(turn: &Turn<'_>, header: Header) -> Option<SpdmVersion> {
    SpdmVersion::from_byte(header.version).filter(|version| turn.config.versions.contains(version))
}

fn check_version(header: Header, version: SpdmVersion) -> Result<(), ErrorAnswer> {
    if header.version == version.to_byte() {
        return Ok(());
    }
    Err(ErrorAnswer::new(ErrorCode::VERSION_MISMATCH))
}

fn decode<'a, M: Message<'a>>(
    turn: &Turn<'_>,
    request: &'a [u8],
    version: SpdmVersion,
) -> Result<Decoded<'a, M>, ErrorAnswer> {
    decode_padded(turn.config.request_padding, request, version)
}

/// A message, and what a transport may have appended.
pub(crate) fn decode_padded<'a, M: Message<'a>>(
    padding: usize,
    message: &'a [u8],
    version: SpdmVersion,
) -> Result<Decoded<'a, M>, ErrorAnswer> {
    let cx = Cx::new(version).with_padding(padding);
    let decoded = M::decode(Untrusted::new(message), &cx)?;
    let appended = message.get(decoded.bytes.len()..).unwrap_or_default();
    // Nobody says what fills up a doubleword; the rest of a drive's block is zeros.
    if padding > MAX_PADDING && appended.iter().any(|byte| *byte != 0) {
        return Err(ErrorAnswer::invalid());
    }
    Ok(decoded)
}

/// Whether the same request again can only be a retry: the negotiation happens once, and signatures are
/// asked for with a nonce.
fn is_repeatable(request: &[u8]) -> bool {
    let Ok(header) = Header::peek(Untrusted::new(request)) else { return false };
    match header.code {
        Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS | Code::CHALLENGE => true,
        Code::GET_MEASUREMENTS => header.param1 & 1 != 0,
        _ => false,
    }
}
