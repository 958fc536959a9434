//! Writes one message into a lent buffer.

use crate::error::EncodeError;

#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl<'o> Writer<'o> {
    pub(crate) const fn new(out: &'o mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.at.saturating_add(bytes.len());
        let Some(place) = self.out.get_mut(self.at..end) else {
            return Err(EncodeError::BufferTooSmall { needed: end });
        };
        place.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    pub(crate) fn u8(&mut self, value: u8) -> Result<(), EncodeError> {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> Result<(), EncodeError> {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u24(&mut self, value: u32, field: &'static str) -> Result<(), EncodeError> {
        match value.to_le_bytes() {
            [a, b, c, 0] => self.bytes(&[a, b, c]),
            _ => Err(EncodeError::TooLarge { field }),
        }
    }

    pub(crate) fn u32(&mut self, value: u32) -> Result<(), EncodeError> {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn zeros(&mut self, count: usize) -> Result<(), EncodeError> {
        (0..count).try_for_each(|_| self.u8(0))
    }

    /// A 16-bit length field.
    pub(crate) fn len16(&mut self, len: usize, field: &'static str) -> Result<(), EncodeError> {
        self.u16(u16::try_from(len).map_err(|_| EncodeError::TooLarge { field })?)
    }

    /// Fills in a 16-bit field that was left open at `at`.
    pub(crate) fn patch16(
        &mut self,
        at: usize,
        value: usize,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        let value = u16::try_from(value).map_err(|_| EncodeError::TooLarge { field })?;
        let end = at.saturating_add(2);
        let place = self.out.get_mut(at..end).ok_or(EncodeError::BufferTooSmall { needed: end })?;
        place.copy_from_slice(&value.to_le_bytes());
        Ok(())
    }
}

/// A field that `version` has or has not: both mistakes of a caller are errors, none is silent.
pub(crate) const fn absent<V>(value: Option<&V>, field: &'static str) -> Result<(), EncodeError> {
    match value {
        None => Ok(()),
        Some(_) => Err(EncodeError::NotInVersion { field }),
    }
}
