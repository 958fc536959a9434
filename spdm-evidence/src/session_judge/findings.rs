//! What the judge of sessions has found.

use core::fmt;

use spdm_requester::AttestationCheck;

use crate::note::Note;
use crate::report::MeasuredValue;

/// What was found about the sessions of a recording.
#[derive(Debug, Default)]
pub(crate) struct SessionFindings {
    pub(crate) failures: Vec<SessionFailure>,
    /// Of sessions that KEY_EXCHANGE opens.
    pub(crate) exchanged: SessionCounts,
    /// Of sessions with a pre-shared key.
    pub(crate) pre_shared: SessionCounts,
    /// Sessions whose FINISH is signed by the requester: what it covers is not computed.
    pub(crate) mutual: usize,
    /// Records of sessions that the log says nothing of.
    pub(crate) unopened: usize,
    /// What was left out of the messages in sessions.
    pub(crate) notes: Vec<Note>,
}

/// Measurements that no signature covers, per exchange.
pub(super) type Unsigned = Vec<Vec<MeasuredValue>>;

/// What holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct SessionCounts {
    /// Sessions whose handshake is complete.
    pub(crate) sessions: usize,
    pub(crate) hmacs: usize,
    pub(crate) records: usize,
    /// Keys that a KEY_UPDATE made and a record used.
    pub(crate) updates: usize,
}

impl fmt::Display for SessionCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, hmacs, records, updates } = self;
        write!(f, "{sessions} sessions, {hmacs} HMACs, {records} records, {updates} key updates")
    }
}

/// Something in a session is not as it must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SessionFailure {
    pub(crate) check: AttestationCheck,
    pub(crate) why: String,
}

/// What opened a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opening {
    KeyExchange,
    Psk,
}

impl Opening {
    pub(crate) const fn check(self) -> AttestationCheck {
        match self {
            Self::KeyExchange => AttestationCheck::SessionFinish,
            Self::Psk => AttestationCheck::SessionPsk,
        }
    }
}
