//! The name of a session.

use spdm_crypto::Digest;

/// A session of a requester: its place in the lent memory, and which of all sessions that could be there. The handle of a
/// session that is over is refused, and so is that of a session of another requester.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionHandle {
    index: u8,
    generation: u32,
}

impl SessionHandle {
    pub(super) const fn new(index: u8, generation: u32) -> Self {
        Self { index, generation }
    }

    /// Its place in the lent memory.
    #[expect(clippy::as_conversions, reason = "a wider integer, in a const function")]
    pub(crate) const fn index(self) -> usize {
        self.index as usize
    }

    pub(super) const fn generation(self) -> u32 {
        self.generation
    }

    /// The handle of the session that begins in this place: the hash of its handshake, of which no two are alike, tells it
    /// from the sessions of others.
    pub(crate) fn named(self, th1: &Digest) -> Self {
        let name = th1.as_bytes().first_chunk().map(|name| u32::from_le_bytes(*name));
        Self { generation: name.unwrap_or(self.generation), ..self }
    }

    /// `ReqSessionID`: another one for each place, so that no two sessions alive have the same.
    pub(crate) fn req_session_id(self) -> u16 {
        u16::MAX - u16::from(self.index)
    }
}
