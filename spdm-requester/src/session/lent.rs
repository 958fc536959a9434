//! The memory of sessions, while a requester has it.

use core::ops::{Deref, DerefMut};

use super::bank::SessionBank;

/// Memory of sessions that was lent, if it was. With the requester all sessions in it are over: their keys are erased there,
/// for nobody could use or close them.
pub(crate) struct LentSessions<'a>(Option<&'a mut (dyn SessionBank + 'static)>);

impl<'a> LentSessions<'a> {
    pub(crate) const fn new(sessions: Option<&'a mut (dyn SessionBank + 'static)>) -> Self {
        Self(sessions)
    }
}

impl<'a> Deref for LentSessions<'a> {
    type Target = Option<&'a mut (dyn SessionBank + 'static)>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for LentSessions<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for LentSessions<'_> {
    fn drop(&mut self) {
        if let Some(sessions) = &mut self.0 {
            sessions.end_all();
        }
    }
}
