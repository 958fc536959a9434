//! Which request is legal when, and what it changes.

use spdm_codec::{Code, ErrorCode, Header, SpdmVersion};
use spdm_untrusted::Untrusted;

use crate::agreement::{Agreement, Authentication, Phase};
use crate::config::Config;
use crate::connection::{Connection, Retry};
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;
use crate::{
    algorithms, capabilities, certificate, challenge, digests, measurements, transcript, version,
};

impl Connection {
    /// Answers a whole request, with ERROR where it has to be refused; whether the same request again is a retry.
    pub(crate) fn answer(&mut self, turn: &mut Turn<'_>, answer: &mut Draft<'_>) -> Retry {
        let version = self.refusal_version(turn.config, turn.request);
        match self.try_answer(turn, answer) {
            Ok(()) => retry(turn.request),
            Err(refusal) => {
                refusal.write(version, answer);
                Retry::No
            }
        }
    }

    /// The version of an ERROR to this request. GET_CAPABILITIES chooses the version of the connection: also the
    /// refusal of one is in it, where the device has it.
    fn refusal_version(&self, config: &Config<'_>, request: &[u8]) -> SpdmVersion {
        let chosen = match (&self.phase, Header::peek(Untrusted::new(request))) {
            (Phase::AfterVersion, Ok(header)) if header.code == Code::GET_CAPABILITIES => {
                announced(config, header)
            }
            _ => None,
        };
        chosen.unwrap_or_else(|| self.version())
    }

    fn try_answer(&mut self, turn: &mut Turn<'_>, answer: &mut Draft<'_>) -> Result<(), Refusal> {
        let header = Header::peek(Untrusted::new(turn.request))?;
        match header.code {
            Code::GET_VERSION => self.get_version(turn, header, answer),
            Code::GET_CAPABILITIES => self.get_capabilities(turn, header, answer),
            Code::NEGOTIATE_ALGORITHMS => self.negotiate_algorithms(turn, header, answer),
            code if !code.is_request() => Err(Refusal::invalid()),
            _ => match &mut self.phase {
                Phase::Negotiated(agreement) => agreement.answer(turn, header, answer),
                _ => Err(Refusal::unexpected()),
            },
        }
    }

    fn get_version(
        &mut self,
        turn: &mut Turn<'_>,
        header: Header,
        answer: &mut Draft<'_>,
    ) -> Result<(), Refusal> {
        check_version(header, SpdmVersion::V1_0)?;
        let request = version::respond(turn, answer)?;
        self.phase = Phase::AfterVersion;
        self.begin_negotiation();
        self.add_to_negotiation(request, answer.as_bytes())
    }

    fn get_capabilities(
        &mut self,
        turn: &mut Turn<'_>,
        header: Header,
        answer: &mut Draft<'_>,
    ) -> Result<(), Refusal> {
        let Phase::AfterVersion = self.phase else { return Err(Refusal::unexpected()) };
        let version = announced(turn.config, header)
            .ok_or_else(|| Refusal::new(ErrorCode::VERSION_MISMATCH))?;
        let (peer, request) = capabilities::respond(turn, version, answer)?;
        self.add_to_negotiation(request, answer.as_bytes())?;
        self.phase = Phase::AfterCapabilities(peer);
        Ok(())
    }

    fn negotiate_algorithms(
        &mut self,
        turn: &mut Turn<'_>,
        header: Header,
        answer: &mut Draft<'_>,
    ) -> Result<(), Refusal> {
        let Phase::AfterCapabilities(peer) = self.phase else {
            return Err(Refusal::unexpected());
        };
        check_version(header, peer.version)?;
        let (selection, request) = algorithms::respond(turn, &peer, answer)?;
        self.add_to_negotiation(request, answer.as_bytes())?;
        if let Some(suite) = selection.suite {
            transcript::begin(turn.hashes, peer.version, suite.hash, self.negotiation())?;
        }
        let authentication = Authentication::Outstanding;
        self.phase = Phase::Negotiated(Agreement { peer, selection, authentication });
        Ok(())
    }
}

impl Agreement {
    fn answer(
        &mut self,
        turn: &mut Turn<'_>,
        header: Header,
        answer: &mut Draft<'_>,
    ) -> Result<(), Refusal> {
        check_version(header, self.peer.version)?;
        if header.code != Code::GET_MEASUREMENTS {
            turn.reset_m(self)?;
        }
        match header.code {
            Code::GET_DIGESTS => digests::respond(turn, self, answer),
            Code::GET_CERTIFICATE => certificate::respond(turn, self, answer),
            Code::CHALLENGE => {
                challenge::respond(turn, self, answer)?;
                self.authentication = Authentication::Answered;
                Ok(())
            }
            Code::GET_MEASUREMENTS => measurements::respond(turn, self, answer),
            Code::RESPOND_IF_READY => Err(Refusal::unexpected()),
            code => Err(Refusal::unsupported(code)),
        }
    }
}

/// The version of a message, where VERSION lists it.
fn announced(config: &Config<'_>, header: Header) -> Option<SpdmVersion> {
    SpdmVersion::from_byte(header.version).filter(|version| config.versions.contains(version))
}

fn check_version(header: Header, version: SpdmVersion) -> Result<(), Refusal> {
    if header.version == version.to_byte() {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::VERSION_MISMATCH))
}

/// Whether the same request again can only be a retry: the negotiation happens once, and signatures are asked for with
/// a nonce.
fn retry(request: &[u8]) -> Retry {
    let Ok(header) = Header::peek(Untrusted::new(request)) else { return Retry::No };
    match header.code {
        Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS | Code::CHALLENGE => Retry::SameAnswer,
        Code::GET_MEASUREMENTS if header.param1 & 1 != 0 => Retry::SameAnswer,
        _ => Retry::No,
    }
}
