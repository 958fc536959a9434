//! What a responder keeps of a connection.

use spdm_codec::{Code, Cx, SpdmVersion};

use crate::agreement::{Peer, Phase, Suite};
use crate::chunks::Transfers;
use crate::refusal::Refusal;
use crate::scope::Scope;

/// The longest negotiation that is kept, in bytes: six messages, the longest offer included.
const MAX_NEGOTIATION: usize = 1024;

/// One connection, from GET_VERSION on: plain data, lent to each [`Responder`](crate::Responder).
#[derive(Debug)]
pub struct Connection {
    pub(crate) phase: Phase,
    /// A of the transcripts, while it grows.
    negotiation: [u8; MAX_NEGOTIATION],
    negotiation_len: usize,
    pub(crate) transfers: Transfers,
    pub(crate) pending: Option<Pending>,
    pub(crate) kept: Kept,
    /// The session that a FINISH in the clear belongs to: that of the latest KEY_EXCHANGE.
    pub(crate) clear_handshake: Option<usize>,
}

/// The exchange in the lent message memory: the request, and the answer behind it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    /// Bytes of the request.
    pub(crate) request: usize,
    /// Bytes of the answer.
    pub(crate) answer: usize,
    /// Whether the same request again can only be a retry.
    pub(crate) retry: Retry,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Retry {
    #[default]
    No,
    /// The same request is answered with the same bytes.
    SameAnswer,
}

/// The request in the lent message memory, for which the Requester was put off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) code: Code,
    pub(crate) token: u8,
    /// Bytes of the request.
    pub(crate) len: usize,
    /// Where RESPOND_IF_READY has to come.
    pub(crate) scope: Scope,
}

impl Connection {
    /// A connection that has not begun; `const`, so that it can be a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::NotStarted,
            negotiation: [0; MAX_NEGOTIATION],
            negotiation_len: 0,
            transfers: Transfers::new(),
            pending: None,
            kept: Kept { request: 0, answer: 0, retry: Retry::No },
            clear_handshake: None,
        }
    }

    /// Forgets everything but sessions, as a reset of the device does: their slots are the caller's.
    pub const fn reset(&mut self) {
        self.phase = Phase::NotStarted;
        self.negotiation_len = 0;
        self.transfers = Transfers::new();
        self.pending = None;
        self.kept = Kept { request: 0, answer: 0, retry: Retry::No };
        self.clear_handshake = None;
    }

    /// What CAPABILITIES settled.
    #[must_use]
    pub const fn peer(&self) -> Option<&Peer> {
        match &self.phase {
            Phase::NotStarted | Phase::AfterVersion => None,
            Phase::AfterCapabilities(peer) => Some(peer),
            Phase::Negotiated(agreement) => Some(&agreement.peer),
        }
    }

    /// The algorithms that ALGORITHMS selected, where signatures were negotiated.
    #[must_use]
    pub const fn suite(&self) -> Option<Suite> {
        match &self.phase {
            Phase::Negotiated(agreement) => agreement.selection.suite,
            _ => None,
        }
    }

    /// The version of the connection; 1.0 before there is one.
    #[must_use]
    pub fn version(&self) -> SpdmVersion {
        self.peer().map_or(SpdmVersion::V1_0, |peer| peer.version)
    }

    /// What the device's own messages can be decoded with.
    pub(crate) fn cx(&self) -> Cx {
        match &self.phase {
            Phase::Negotiated(agreement) => agreement.cx(),
            _ => Cx::new(self.version()),
        }
    }

    /// A starts over.
    pub(crate) const fn begin_negotiation(&mut self) {
        self.negotiation_len = 0;
    }

    /// Adds an exchange to A.
    pub(crate) fn add_to_negotiation(
        &mut self,
        request: &[u8],
        answer: &[u8],
    ) -> Result<(), Refusal> {
        let mut end = self.negotiation_len;
        for part in [request, answer] {
            let place = self.negotiation.get_mut(end..end.saturating_add(part.len()));
            place.ok_or_else(Refusal::invalid)?.copy_from_slice(part);
            end += part.len();
        }
        self.negotiation_len = end;
        Ok(())
    }

    /// A so far.
    pub(crate) fn negotiation(&self) -> &[u8] {
        self.negotiation.get(..self.negotiation_len).unwrap_or_default()
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}
