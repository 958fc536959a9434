//! The name of a session.

/// A session of a requester: its place in the lent memory, and which of the sessions that were there. The handle of a
/// session that is over is refused.
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

    /// `ReqSessionID`: another one for each place, so that no two sessions alive have the same.
    pub(crate) fn req_session_id(self) -> u16 {
        u16::MAX - u16::from(self.index)
    }
}
