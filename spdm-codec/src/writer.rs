//! Writes one message into a lent buffer.

use crate::error::EncodeError;
use crate::spdm_version::SpdmVersion;
use crate::wire::{Presence, Wire, WireField};

/// Writes until the buffer is full. [`Self::finish`] reports a buffer that was too short, so that single writes
/// need not return a `Result`.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
    /// Bytes needed up to the field where room ran out.
    needed: Option<usize>,
}

impl<'o> Writer<'o> {
    pub(crate) const fn new(out: &'o mut [u8]) -> Self {
        Self { out, at: 0, needed: None }
    }

    /// A writer that has written the header of a message.
    #[inline(never)]
    pub(crate) fn open(out: &'o mut [u8], header: [u8; 4]) -> Self {
        let mut writer = Self::new(out);
        writer.bytes(&header);
        writer
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The length of what was written.
    // Not inlined: otherwise every message would contain a copy.
    #[inline(never)]
    pub(crate) const fn finish(&self) -> Result<usize, EncodeError> {
        match self.needed {
            None => Ok(self.at),
            Some(needed) => Err(EncodeError::BufferTooSmall { needed }),
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(place) = self.out.get_mut(self.at..end) {
            place.copy_from_slice(bytes);
            self.at = end;
        } else {
            self.needed.get_or_insert(end);
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u24(&mut self, value: u32, field: &'static str) -> Result<(), EncodeError> {
        let [a, b, c, 0] = value.to_le_bytes() else {
            return Err(EncodeError::TooLarge { field });
        };
        self.bytes(&[a, b, c]);
        Ok(())
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// All fields of `wire`.
    ///
    /// [`EncodeError::NotInVersion`] where one has a value that `version` does not have.
    pub(crate) fn wire<F: Wire>(
        &mut self,
        wire: &F,
        version: SpdmVersion,
    ) -> Result<(), EncodeError> {
        self.fields(F::FIELDS, version, wire.as_bytes())
    }

    // Not generic over the struct: one loop for all of them.
    fn fields(
        &mut self,
        fields: &[WireField],
        version: SpdmVersion,
        wire: &[u8],
    ) -> Result<(), EncodeError> {
        let mut rest = wire;
        for field in fields {
            let (value, behind) = rest.split_at_checked(field.len).unwrap_or_default();
            if let Presence::Since(since, field) = field.presence
                && version < since
                && value.iter().any(|byte| *byte != 0)
            {
                return Err(EncodeError::NotInVersion { field });
            }
            rest = behind;
        }
        self.bytes(wire);
        Ok(())
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.u8(0);
        }
    }

    /// A 16-bit length field.
    pub(crate) fn len16(&mut self, len: usize, field: &'static str) -> Result<(), EncodeError> {
        self.u16(u16::try_from(len).map_err(|_| EncodeError::TooLarge { field })?);
        Ok(())
    }

    /// Fills in a 16-bit field that was left open at `at`.
    pub(crate) fn patch16(
        &mut self,
        at: usize,
        value: usize,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        let value = u16::try_from(value).map_err(|_| EncodeError::TooLarge { field })?;
        // If the buffer ends before the field, the write before failed, and `finish` reports it.
        if let Some(place) = self.out.get_mut(at..at.saturating_add(2)) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }
}

/// For a field that the version does not have: `NotInVersion` if the caller gave a value.
pub(crate) const fn absent<V>(value: Option<&V>, field: &'static str) -> Result<(), EncodeError> {
    match value {
        None => Ok(()),
        Some(_) => Err(EncodeError::NotInVersion { field }),
    }
}
