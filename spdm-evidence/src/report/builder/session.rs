//! What a report says of a session.

use spdm_codec::{Handshake, RecordPrivacy, SecuredMessageVersion};
use spdm_requester::{AttestationCheck, Negotiated, Opened, UpdatedKeys};

use super::ReportBuilder;
use super::detail::holds;
use crate::report::session::{
    HandshakeProtection, RecordProtection, SessionEnd, SessionKeys, SessionKind, SessionSummary,
    VendorExchange,
};

/// What a session with a pre-shared key leaves open.
pub(super) const NO_IDENTITY: &str =
    "a pre-shared key proves no identity, only that the device holds the key";

impl ReportBuilder {
    /// A session with the device's identity is asked for.
    pub(super) fn session_asked(&mut self) {
        self.require(AttestationCheck::SessionKeyExchange);
        self.require(AttestationCheck::SessionFinish);
    }

    /// A session with a pre-shared key is asked for: no identity is, and nothing will be verified.
    pub fn psk_session_asked(&mut self) -> &mut Self {
        for check in AttestationCheck::ALL {
            self.skip(check, "a pre-shared key is used instead of an identity");
        }
        self.require(AttestationCheck::SessionPsk)
    }

    /// KEY_EXCHANGE and FINISH opened a session: to be called behind [`Self::negotiated`].
    pub(super) fn session_opened(&mut self, opened: &Opened) {
        self.session = self.negotiated.as_ref().map(|negotiated| {
            let structs = &negotiated.selected.alg_structs;
            let kem = structs.kem.filter(|kem| !kem.is_empty()).and_then(|kem| kem.name());
            let exchange = kem.or_else(|| structs.dhe.and_then(|dhe| dhe.name()));
            summary(negotiated, opened, SessionKind::KeyExchange, exchange)
        });
    }

    /// PSK_EXCHANGE opened a session: to be called behind [`Self::negotiated`].
    pub fn psk_session_opened(&mut self, opened: &Opened) -> &mut Self {
        let Some(negotiated) = self.negotiated else { return self };
        self.session = Some(summary(&negotiated, opened, SessionKind::Psk, None));
        let check = AttestationCheck::SessionPsk;
        // Without a context of the device there is nothing random of its own in the session.
        let detail = match negotiated.responder.flags.psk_cap() {
            1 => "held by the device, or by who plays an old session back: it adds nothing random",
            _ => holds(check),
        };
        self.pass(check, detail)
    }

    /// The device answered HEARTBEAT.
    pub fn session_heartbeat(&mut self) -> &mut Self {
        if let Some(session) = &mut self.session {
            session.heartbeats = session.heartbeats.saturating_add(1);
        }
        self
    }

    /// New keys are in use.
    pub fn session_keys_updated(&mut self, keys: UpdatedKeys) -> &mut Self {
        if let Some(session) = &mut self.session {
            session.key_updates.push(match keys {
                UpdatedKeys::Requests => SessionKeys::Requests,
                UpdatedKeys::Both => SessionKeys::Both,
            });
        }
        self
    }

    /// The device was asked whether it wants something. It sent so many `requests`, and so many of them were `refused` with
    /// ERROR.
    pub fn session_polled(&mut self, requests: u16, refused: u16) -> &mut Self {
        if let Some(session) = &mut self.session {
            let polled = session.polled.get_or_insert_default();
            polled.polls = polled.polls.saturating_add(1);
            polled.requests = polled.requests.saturating_add(requests.into());
            polled.refused = polled.refused.saturating_add(refused.into());
        }
        self
    }

    /// The device answered a vendor-defined message.
    pub fn session_answered(&mut self, exchange: VendorExchange) -> &mut Self {
        if let Some(session) = &mut self.session {
            session.vendor_defined.push(exchange);
        }
        self
    }

    /// END_SESSION was acknowledged. A session of which nothing is said is lost.
    pub fn session_closed(&mut self) -> &mut Self {
        if let Some(session) = &mut self.session {
            session.end = SessionEnd::Closed;
        }
        self
    }

    /// Whether what is known of the device is that it holds a pre-shared key.
    pub(super) fn is_of_psk(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.kind == SessionKind::Psk)
    }
}

fn summary(
    negotiated: &Negotiated,
    opened: &Opened,
    kind: SessionKind,
    exchange: Option<&'static str>,
) -> SessionSummary {
    let handshake = match (kind, negotiated.handshake()) {
        (SessionKind::KeyExchange, Handshake::InTheClear) => HandshakeProtection::InTheClear,
        _ => HandshakeProtection::Secured,
    };
    let aead = negotiated.selected.alg_structs.aead.and_then(|aead| aead.name());
    SessionSummary {
        kind,
        id: format!("{:#010x}", opened.session_id),
        secured_messages: opened.secured_version.map(version),
        key_exchange: exchange.map(str::to_owned),
        aead: aead.map(str::to_owned),
        records: match opened.privacy {
            RecordPrivacy::Authenticated => RecordProtection::Authenticated,
            RecordPrivacy::Encrypted => RecordProtection::Encrypted,
        },
        handshake,
        heartbeat_period: opened.heartbeat_period,
        heartbeats: 0,
        key_updates: Vec::new(),
        polled: None,
        vendor_defined: Vec::new(),
        end: SessionEnd::Lost,
    }
}

/// As DSP0277 writes its versions.
fn version(version: SecuredMessageVersion) -> String {
    let byte = version.version_byte();
    format!("{}.{}", byte >> 4, byte & 0xF)
}
