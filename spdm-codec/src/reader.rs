//! Cursor over one message; knows the name and offset of what it reads.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{DecodeError, DecodeErrorKind, Expected};
use crate::trace::{Field, Trace};

/// A cursor. `T` sees each field.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Debug)]
pub struct Reader<'a, 't, T> {
    message: &'static str,
    rest: &'a [u8],
    len: usize,
    reserved: u8,
    trace: &'t mut T,
}

/// A place in the message to blame later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    message: &'static str,
    field: &'static str,
    at: usize,
}

impl Mark {
    /// The same place under the name of a field inside.
    pub(crate) const fn named(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }

    /// The place `bytes` further on, in the same field.
    pub(crate) const fn plus(mut self, bytes: usize) -> Self {
        self.at = self.at.saturating_add(bytes);
        self
    }

    pub(crate) fn value(self, expected: Expected, got: impl Into<u64>) -> DecodeError {
        self.error(DecodeErrorKind::Value { expected, got: got.into() })
    }

    pub(crate) const fn error(self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { message: self.message, field: self.field, at: self.at, kind }
    }
}

impl<'a, 't, T: Trace<'a>> Reader<'a, 't, T> {
    pub(crate) const fn new(message: &'static str, bytes: &'a [u8], trace: &'t mut T) -> Self {
        Self { message, rest: bytes, len: bytes.len(), reserved: 0, trace }
    }

    /// Offset of the next byte.
    pub(crate) const fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next byte to be read is the start of `field`.
    pub(crate) const fn mark(&self, field: &'static str) -> Mark {
        Mark { message: self.message, field, at: self.position() }
    }

    /// Blames Param1, which was read with the header.
    pub(crate) const fn param1(&self, field: &'static str) -> Mark {
        Mark { message: self.message, field, at: 2 }
    }

    /// Blames Param2, which was read with the header.
    pub(crate) const fn param2(&self, field: &'static str) -> Mark {
        Mark { message: self.message, field, at: 3 }
    }

    fn truncated(&self, field: &'static str, needed: usize) -> DecodeError {
        self.mark(field).error(DecodeErrorKind::Truncated { needed, left: self.rest.len() })
    }

    fn take<F>(&mut self, field: &'static str) -> Result<&'a F, DecodeError>
    where
        F: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        // `F: Unaligned`, so the size is the only way to fail.
        let Ok((value, rest)) = F::ref_from_prefix(self.rest) else {
            return Err(self.truncated(field, size_of::<F>()));
        };
        let at = self.position();
        let bytes = self.rest.get(..size_of::<F>()).unwrap_or_default();
        self.trace.field(Field { name: field, at, bytes });
        self.rest = rest;
        Ok(value)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.take::<u8>(field).copied()
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.take::<U16>(field).map(|v| v.get())
    }

    /// A 24-bit integer.
    pub(crate) fn u24(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let [a, b, c] = *self.array::<3>(field)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.take::<U32>(field).map(|v| v.get())
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.take::<U64>(field).map(|v| v.get())
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8; N], DecodeError> {
        self.take::<[u8; N]>(field)
    }

    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        len: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let Some((value, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(field, len));
        };
        if len > 0 {
            let at = self.position();
            self.trace.field(Field { name: field, at, bytes: value });
        }
        self.rest = rest;
        Ok(value)
    }

    /// Splits off the next `len` bytes as a reader of their own that counts offsets on.
    pub(crate) fn within(
        &mut self,
        field: &'static str,
        len: usize,
    ) -> Result<Reader<'a, '_, T>, DecodeError> {
        let Some((inside, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(field, len));
        };
        let end = self.position() + len;
        self.rest = rest;
        let message = self.message;
        Ok(Reader { message, rest: inside, len: end, reserved: 0, trace: &mut *self.trace })
    }

    /// What is left, without consuming it.
    pub(crate) const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self, field: &'static str) -> &'a [u8] {
        let len = self.rest.len();
        self.bytes(field, len).unwrap_or_default()
    }

    /// Reserved bytes: ignored, but noted when they are not zero.
    pub(crate) fn reserved(&mut self, len: usize) -> Result<(), DecodeError> {
        let bytes = self.bytes("Reserved", len)?;
        for byte in bytes {
            self.note_reserved(*byte);
        }
        Ok(())
    }

    /// Notes bits of a byte that was already read and is reserved in this version.
    pub(crate) const fn note_reserved(&mut self, bits: u8) {
        self.reserved |= bits;
    }

    pub(crate) const fn reserved_nonzero(&self) -> bool {
        self.reserved != 0
    }

    /// Ends the message; `padding` is what the transport may append (DOE: 3, MCTP: 0).
    pub(crate) fn finish(&self, padding: usize) -> Result<(), DecodeError> {
        let count = self.rest.len();
        if count > padding {
            let kind = DecodeErrorKind::Trailing { count, allowed: padding };
            return Err(self.mark("end of message").error(kind));
        }
        Ok(())
    }
}

/// Lengths on the wire are at most 32 bits; `usize` holds them on every target we support.
pub(crate) fn length(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
