//! Which request is legal when, and what it changes.

use spdm_codec::{CapabilityFlags, Code, ConnectionKeys, ErrorCode, Header, SpdmVersion};
use spdm_untrusted::Untrusted;

use crate::agreement::{Agreement, Authentication, DigestsWindow, Phase};
use crate::config::Config;
use crate::connection::{Connection, Retry};
use crate::draft::Draft;
#[cfg(feature = "mutual-auth")]
use crate::encapsulated;
#[cfg(feature = "events")]
use crate::events;
use crate::mutual::{self, Requester};
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::SessionSlot;
use crate::transcript::TH_BASE;
use crate::turn::Turn;
use crate::{
    algorithms, capabilities, certificate, challenge, digests, end_session, finish, heartbeat,
    key_exchange, key_update, measurements, psk_exchange, psk_finish, transcript, vendor_defined,
    version,
};
#[cfg(feature = "information")]
use crate::{endpoint_info, measurement_extension_log};

impl Connection {
    /// Answers a whole request, with ERROR where it has to be refused; whether the same request again is a retry.
    pub(crate) fn answer(&mut self, turn: &mut Turn<'_>, answer: &mut Draft<'_>) -> Retry {
        let version = self.refusal_version(turn.config, turn.request);
        match self.try_answer(turn, answer) {
            Ok(()) if turn.scope == Scope::Plain => retry(turn.request),
            Ok(()) => Retry::No,
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
        let begins = matches!(
            header.code,
            Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS
        );
        if begins && turn.scope != Scope::Plain {
            return Err(Refusal::unexpected());
        }
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
        turn.sessions.iter_mut().for_each(|slot| *slot = SessionSlot::new());
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
        if let Some(hash) = selection.hash {
            transcript::begin(turn.hashes, peer.version, hash, self.negotiation())?;
        }
        self.phase = Phase::Negotiated(Agreement {
            peer,
            selection,
            authentication: Authentication::Outstanding,
            window: DigestsWindow::Open,
            requester: Requester::default(),
        });
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
        let code = header.code;
        mutual::check_in_flight(turn, &self.requester, code)?;
        let digests_count = self.window == DigestsWindow::Open && code == Code::GET_DIGESTS;
        self.window = if digests_count { DigestsWindow::Open } else { DigestsWindow::Closed };
        if code != Code::GET_MEASUREMENTS {
            turn.reset_m(self)?;
        }
        let session = self.admit(turn, code)?;
        if empties_b(code) && self.authentication == Authentication::Outstanding {
            turn.reset_b(self)?;
        }
        match (code, session) {
            (Code::GET_DIGESTS, _) => {
                digests::respond(turn, self, answer)?;
                self.enter_digests(turn, digests_count, answer)
            }
            (Code::GET_CERTIFICATE, _) => certificate::respond(turn, self, answer),
            (Code::CHALLENGE, _) => {
                challenge::respond(turn, self, answer)?;
                self.authentication = Authentication::Answered;
                Ok(())
            }
            (Code::GET_MEASUREMENTS, _) => measurements::respond(turn, self, answer),
            (Code::KEY_EXCHANGE, _) => key_exchange::respond(turn, self, answer),
            (Code::FINISH, _) => finish::respond(turn, self, answer),
            (Code::PSK_EXCHANGE, _) => psk_exchange::respond(turn, self, answer),
            (Code::PSK_FINISH, _) => psk_finish::respond(turn, self, answer),
            (Code::HEARTBEAT, Some(index)) => heartbeat::respond(turn, self, index, answer),
            (Code::KEY_UPDATE, Some(index)) => key_update::respond(turn, self, index, answer),
            (Code::END_SESSION, Some(index)) => end_session::respond(turn, self, index, answer),
            #[cfg(feature = "information")]
            (Code::GET_MEASUREMENT_EXTENSION_LOG, _) => {
                measurement_extension_log::respond(turn, self, answer)
            }
            #[cfg(feature = "information")]
            (Code::GET_ENDPOINT_INFO, _) => endpoint_info::respond(turn, self, answer),
            #[cfg(feature = "events")]
            (Code::GET_SUPPORTED_EVENT_TYPES, Some(_)) => {
                events::supported_types(turn, self, answer)
            }
            #[cfg(feature = "events")]
            (Code::SUBSCRIBE_EVENT_TYPES, Some(index)) => {
                events::subscribe(turn, self, index, answer)
            }
            #[cfg(feature = "provisioning")]
            (Code::GET_CSR, _) => crate::csr::respond(turn, self, answer),
            #[cfg(feature = "provisioning")]
            (Code::SET_CERTIFICATE, _) => crate::set_certificate::respond(turn, self, answer),
            #[cfg(feature = "provisioning")]
            (Code::GET_KEY_PAIR_INFO, _) => crate::key_pairs::respond(turn, self, answer),
            #[cfg(feature = "provisioning")]
            (Code::SET_KEY_PAIR_INFO, _) => crate::key_pairs::respond_to_change(turn, self, answer),
            #[cfg(feature = "experimental")]
            (Code::SLOT_MANAGEMENT, _) => crate::slot_management::respond(turn, self, answer),
            (Code::VENDOR_DEFINED_REQUEST, _) => vendor_defined::respond(turn, self, answer),
            #[cfg(feature = "mutual-auth")]
            (Code::GET_ENCAPSULATED_REQUEST, _) => encapsulated::respond(turn, self, answer),
            #[cfg(feature = "mutual-auth")]
            (Code::DELIVER_ENCAPSULATED_RESPONSE, _) => encapsulated::deliver(turn, self, answer),
            (Code::RESPOND_IF_READY, _) => Err(Refusal::unexpected()),
            (code, _) => Err(Refusal::unsupported(code)),
        }
    }

    /// The first DIGESTS, where the connection has several keys, is what TH of a key exchange begins with.
    fn enter_digests(
        &mut self,
        turn: &mut Turn<'_>,
        counts: bool,
        answer: &Draft<'_>,
    ) -> Result<(), Refusal> {
        if !counts {
            return Ok(());
        }
        self.window = DigestsWindow::Closed;
        let several = self.selection.keys == ConnectionKeys::Multi;
        if several && turn.hashes.places() > TH_BASE && self.selection.hash.is_some() {
            turn.hashes.update(TH_BASE, answer.as_bytes())?;
        }
        Ok(())
    }

    /// Which request may come where: its capability first, then the session that it needs or must not be in. The
    /// established session that it is in.
    fn admit(&self, turn: &Turn<'_>, code: Code) -> Result<Option<usize>, Refusal> {
        let (peer, both) = (&self.peer, self.peer.both());
        let sessions = !turn.sessions.is_empty() && peer.version >= SpdmVersion::V1_1;
        let capable = match code {
            Code::KEY_EXCHANGE | Code::FINISH => both.contains(CapabilityFlags::KEY_EX_CAP),
            Code::PSK_EXCHANGE => peer.pre_shared_keys(),
            Code::PSK_FINISH => {
                peer.pre_shared_keys() && peer.flags.contains(CapabilityFlags::PSK_CAP_CONTEXT)
            }
            Code::HEARTBEAT => both.contains(CapabilityFlags::HBEAT_CAP),
            Code::KEY_UPDATE => both.contains(CapabilityFlags::KEY_UPD_CAP),
            Code::END_SESSION => {
                both.contains(CapabilityFlags::KEY_EX_CAP) || peer.pre_shared_keys()
            }
            Code::GET_SUPPORTED_EVENT_TYPES | Code::SUBSCRIBE_EVENT_TYPES => {
                peer.flags.contains(CapabilityFlags::EVENT_CAP)
            }
            _ => return self.admit_others(turn, code),
        };
        if !capable || !sessions {
            return Err(Refusal::unsupported(code));
        }
        match (code, turn.scope) {
            // They look for their session themselves.
            (Code::FINISH | Code::PSK_FINISH, _) => Ok(None),
            (Code::KEY_EXCHANGE | Code::PSK_EXCHANGE, Scope::Plain) => Ok(None),
            (Code::KEY_EXCHANGE | Code::PSK_EXCHANGE, Scope::Session(_)) => {
                Err(Refusal::unexpected())
            }
            (_, Scope::Plain) => Err(Refusal::session_required(peer.version)),
            (_, Scope::Session(index)) if turn.is_established(index) => Ok(Some(index)),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// Requests that need no session.
    fn admit_others(&self, turn: &Turn<'_>, code: Code) -> Result<Option<usize>, Refusal> {
        let Scope::Session(index) = turn.scope else { return Ok(None) };
        let known = matches!(
            code,
            Code::GET_DIGESTS
                | Code::GET_CERTIFICATE
                | Code::GET_MEASUREMENTS
                | Code::CHALLENGE
                | Code::GET_MEASUREMENT_EXTENSION_LOG
                | Code::GET_ENDPOINT_INFO
        );
        if known && (code == Code::CHALLENGE || !turn.is_established(index)) {
            return Err(Refusal::unexpected());
        }
        Ok(None)
    }
}

/// Requests that empty B before CHALLENGE was answered (DSP0274 §CHALLENGE_AUTH, M1/M2).
const fn empties_b(code: Code) -> bool {
    matches!(
        code,
        Code::KEY_EXCHANGE
            | Code::FINISH
            | Code::PSK_EXCHANGE
            | Code::PSK_FINISH
            | Code::KEY_UPDATE
            | Code::HEARTBEAT
            | Code::END_SESSION
            | Code::GET_ENCAPSULATED_REQUEST
            | Code::DELIVER_ENCAPSULATED_RESPONSE
            | Code::GET_MEASUREMENT_EXTENSION_LOG
    )
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
