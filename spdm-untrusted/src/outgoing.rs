//! The other direction: a buffer that goes to the peer, filled by a closure, never sent unwritten.

use core::fmt;

/// A lent buffer for bytes that leave for the peer.
///
/// Only what the closure of [`Self::write`] reports as written can be taken out, so stale content of the
/// buffer (an earlier response, a key) never leaves by accident.
pub struct Outgoing<'a> {
    buffer: &'a mut [u8],
    written: usize,
}

/// The closure claimed more bytes than the buffer has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TooLong {
    /// What the closure claimed, in bytes.
    pub claimed: usize,
    /// What the buffer holds, in bytes.
    pub capacity: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes were claimed of a buffer of {}", self.claimed, self.capacity)
    }
}

impl core::error::Error for TooLong {}

impl<'a> Outgoing<'a> {
    /// An empty outgoing message over `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, written: 0 }
    }

    /// Lets `fill` write the message from the start of the buffer; it returns the length in bytes.
    ///
    /// # Errors
    /// What `fill` returns, or [`TooLong`] converted into it; then nothing counts as written.
    pub fn write<E: From<TooLong>>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.written = 0;
        let claimed = fill(self.buffer)?;
        if claimed > self.buffer.len() {
            return Err(TooLong { claimed, capacity: self.buffer.len() }.into());
        }
        self.written = claimed;
        Ok(())
    }

    /// What was written: the only bytes that may leave.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.written).unwrap_or_default()
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("written", &self.written).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Outgoing, TooLong};

    #[test]
    fn only_written_bytes_leave() {
        let mut buffer = [0xAA; 8];
        let mut out = Outgoing::new(&mut buffer);
        assert_eq!(out.written(), b"");
        out.write::<TooLong>(|b| {
            b[..2].copy_from_slice(&[1, 2]);
            Ok(2)
        })
        .unwrap();
        assert_eq!(out.written(), [1, 2]);
    }

    #[test]
    fn a_false_claim_leaves_nothing() {
        let mut buffer = [0; 4];
        let mut out = Outgoing::new(&mut buffer);
        out.write::<TooLong>(|_| Ok(4)).unwrap();
        assert_eq!(out.write(|_| Ok(5)), Err(TooLong { claimed: 5, capacity: 4 }));
        assert_eq!(out.written(), b"");
    }
}
