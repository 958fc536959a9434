//! One session: its keys, its place among the lent ones, and when which key is used.

use core::fmt;

use spdm_codec::{Handshake, KeyOperation};
use spdm_crypto::{DataSecret, HandshakeSecrets, KeyScheduleError, RecordStream};

#[cfg(feature = "events")]
use crate::events::SubscribedTypes;
use crate::mutual::Requester;

/// Room for one session, lent by the caller: plain data, erased at each end of a session and when it is dropped.
#[derive(Default)]
pub struct SessionSlot(pub(crate) Option<Session>);

impl SessionSlot {
    /// Room without a session; `const`, so that it can be a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The session that is here.
    #[must_use]
    pub fn session_id(&self) -> Option<u32> {
        self.0.as_ref().map(|session| session.id)
    }

    /// HeartbeatPeriod of the session that is here, in seconds: after twice as long without a message it is to be ended
    /// with [`Self::end`]. 0 for never. A device does well to bound handshakes that are not finished, too.
    #[must_use]
    pub fn heartbeat_period(&self) -> u8 {
        self.0.as_ref().map_or(0, |session| session.heartbeat_period)
    }

    /// Ends and erases the session that is here: for a device that watches the clock, or whose firmware changed.
    pub fn end(&mut self) {
        self.0 = None;
    }

    /// Whether the session that is here is to be told of events.
    #[cfg(feature = "events")]
    #[must_use]
    pub fn wants_events(&self) -> bool {
        self.0.as_ref().is_some_and(|session| session.subscription != SubscribedTypes::NONE)
    }

    /// Whether the session that is here is established.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.0.as_ref().is_some_and(|session| session.is_established())
    }
}

impl fmt::Debug for SessionSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSlot")
            .field("session_id", &self.session_id())
            .finish_non_exhaustive()
    }
}

/// How a session began: FINISH ends one handshake, PSK_FINISH the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SessionKind {
    KeyExchange(Handshake),
    PreSharedKey,
}

#[expect(clippy::large_enum_variant, reason = "it is in lent memory, and no allocator is there")]
pub(crate) enum Secrets {
    Handshake(HandshakeSecrets),
    Data { request: DataSecret, response: DataSecret },
}

/// KEY_UPDATE that waits for VerifyNewKey.
pub(crate) struct Update {
    pub(crate) operation: KeyOperation,
    pub(crate) tag: u8,
    /// What the Requester may still use.
    pub(crate) old_requests: RecordStream,
}

/// Which request key a record was under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyUsed {
    /// The one that is due.
    Due,
    /// The one before KEY_UPDATE, which is used until VerifyNewKey.
    Old,
}

/// What happens once the answer was sealed.
pub(crate) enum After {
    Nothing,
    /// The data keys take the place of the handshake's.
    Establish,
    End,
}

pub(crate) struct Session {
    pub(crate) id: u32,
    pub(crate) kind: SessionKind,
    pub(crate) secrets: Secrets,
    pub(crate) requests: RecordStream,
    pub(crate) responses: RecordStream,
    pub(crate) update: Option<Update>,
    /// What the record that is being answered was opened with.
    pub(crate) used: KeyUsed,
    pub(crate) heartbeat_period: u8,
    /// Who the Requester is.
    pub(crate) requester: Requester,
    pub(crate) after: After,
    /// The events that are told in it.
    #[cfg(feature = "events")]
    pub(crate) subscription: SubscribedTypes,
    /// `EventInstanceID` of the next event; behind the last number there is none.
    #[cfg(all(feature = "events", feature = "mutual-auth"))]
    pub(crate) next_event: Option<u32>,
}

impl Session {
    pub(crate) const fn is_established(&self) -> bool {
        matches!(self.secrets, Secrets::Data { .. }) && !matches!(self.after, After::Establish)
    }

    /// Records are sealed with the keys of the data from now on.
    fn take_data_keys(&mut self) -> Result<(), KeyScheduleError> {
        if let Secrets::Data { request, response } = &self.secrets {
            self.requests = self.requests.renewed(request.record_key()?);
            self.responses = self.responses.renewed(response.record_key()?);
        }
        Ok(())
    }

    pub(crate) const fn is_clear_handshake(&self) -> bool {
        matches!(self.kind, SessionKind::KeyExchange(Handshake::InTheClear))
            && matches!(self.secrets, Secrets::Handshake(_))
    }
}

/// An answer left under the keys that it had to leave with: what follows from it.
pub(crate) fn settle(slot: &mut SessionSlot) {
    let Some(session) = &mut slot.0 else { return };
    let lives = match core::mem::replace(&mut session.after, After::Nothing) {
        After::Nothing => true,
        After::Establish => session.take_data_keys().is_ok(),
        After::End => false,
    };
    if !lives {
        *slot = SessionSlot::new();
    }
}
