//! An answer while it is written into lent memory.

use spdm_codec::{EncodeError, Message, SpdmVersion};

/// An answer while it is written: the bytes so far, and the lent room behind them.
#[derive(Debug)]
pub struct Draft<'o> {
    room: &'o mut [u8],
    len: usize,
}

impl<'o> Draft<'o> {
    /// Nothing yet, with this room.
    #[must_use]
    pub const fn new(room: &'o mut [u8]) -> Self {
        Self { room, len: 0 }
    }

    /// The first `len` bytes of `room` are the answer, at most all.
    #[must_use]
    pub fn written(room: &'o mut [u8], len: usize) -> Self {
        let len = len.min(room.len());
        Self { room, len }
    }

    /// Bytes so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that there is room for, those written included.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.room.len()
    }

    /// What was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    /// What was written, to be changed.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        self.room.get_mut(..self.len).unwrap_or_default()
    }

    /// Keeps only so many bytes from the start.
    pub const fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`]; nothing is appended then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let needed = self.len.saturating_add(bytes.len());
        let place = self.room.get_mut(self.len..needed);
        place.ok_or(EncodeError::BufferTooSmall { needed })?.copy_from_slice(bytes);
        self.len = needed;
        Ok(())
    }

    /// Puts other bytes in place of all that was written.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`]; nothing changes then.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let before = core::mem::take(&mut self.len);
        self.append(bytes).inspect_err(|_| self.len = before)
    }

    /// Puts a message in place of all that was written.
    pub(crate) fn encode<'m>(
        &mut self,
        message: &impl Message<'m>,
        version: SpdmVersion,
    ) -> Result<(), EncodeError> {
        self.len = 0;
        self.len = message.encode(version, self.room)?;
        Ok(())
    }

    /// What was written, and the room behind it.
    pub(crate) fn parts(&mut self) -> (&[u8], &mut [u8]) {
        let (written, spare) = self.room.split_at_mut(self.len.min(self.room.len()));
        (written, spare)
    }

    /// The first half of the room for the answer, the second for what goes into it.
    pub(crate) fn halves(&mut self) -> (Draft<'_>, &mut [u8]) {
        let middle = self.room.len() / 2;
        let (front, back) = self.room.split_at_mut(middle);
        (Draft::new(front), back)
    }

    /// So many bytes more were written to the room that [`Self::parts`] gave.
    pub(crate) fn advance(&mut self, more: usize) {
        self.len = self.len.saturating_add(more).min(self.room.len());
    }
}

#[cfg(test)]
mod tests {
    use super::Draft;

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut room = [0; 4];
        let mut draft = Draft::new(&mut room);
        draft.append(&[1, 2, 3]).unwrap();
        assert!(draft.append(&[4, 5]).is_err());
        assert!(draft.replace(&[4, 5, 6, 7, 8]).is_err());
        assert_eq!((draft.as_bytes(), draft.capacity()), (&[1, 2, 3][..], 4));
        draft.truncate(7);
        assert_eq!(draft.len(), 3);
        draft.replace(&[9]).unwrap();
        assert_eq!(draft.as_bytes(), [9]);
    }
}
