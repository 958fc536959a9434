//! Cursor over one message; knows the name and offset of what it reads.

use core::cell::OnceCell;

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{DecodeError, DecodeErrorKind, Expected};
use crate::spdm_version::SpdmVersion;
use crate::trace::{Field, NoTrace, Trace};
use crate::wire::{Wire, WireField};

/// Stores the error of one decoding. Functions that fail return a reference to it: one word in a register, where a
/// [`DecodeError`] by value (72 bytes) would be copied in each of the many layers of a decoder.
#[derive(Debug)]
pub(crate) struct ErrorSlot {
    /// The message or structure that is read.
    message: &'static str,
    error: OnceCell<DecodeError>,
}

impl ErrorSlot {
    const fn new(message: &'static str) -> Self {
        Self { message, error: OnceCell::new() }
    }

    /// Stores an error. Decoding ends with the first error, so the slot is empty; if it were not, the first
    /// error would stay.
    #[cold]
    #[inline(never)]
    fn fail(&self, field: &'static str, at: usize, kind: DecodeErrorKind) -> &DecodeError {
        self.error.get_or_init(|| DecodeError { message: self.message, field, at, kind })
    }

    #[cold]
    #[inline(never)]
    fn value(&self, field: &'static str, at: usize, expected: &Expected, got: u32) -> &DecodeError {
        self.fail(field, at, DecodeErrorKind::Value { expected: *expected, got: got.into() })
    }

    #[cold]
    #[inline(never)]
    fn truncated(
        &self,
        field: &'static str,
        at: usize,
        needed: usize,
        left: usize,
    ) -> &DecodeError {
        self.fail(field, at, DecodeErrorKind::Truncated { needed, left })
    }
}

/// Reads `bytes`, called `message` in errors.
pub(crate) fn read_from<'a, T: Trace<'a>, R>(
    message: &'static str,
    bytes: &'a [u8],
    trace: T,
    read: impl for<'t> FnOnce(&mut Reader<'a, 't, T>) -> Result<R, &'t DecodeError>,
) -> Result<R, DecodeError> {
    read_or(message, bytes, trace, read, |error| *error)
}

/// [`read_from`] that hands its error to `fail` where it lies.
pub(crate) fn read_or<'a, T: Trace<'a>, R, E>(
    message: &'static str,
    bytes: &'a [u8],
    trace: T,
    read: impl for<'t> FnOnce(&mut Reader<'a, 't, T>) -> Result<R, &'t DecodeError>,
    fail: impl FnOnce(&DecodeError) -> E,
) -> Result<R, E> {
    let slot = ErrorSlot::new(message);
    read(&mut Reader::new(bytes, trace, &slot)).map_err(fail)
}

/// Reads the next of several elements; `rest` is what follows it. Decoding has checked all of them. If one
/// could not be read again, the iteration would end there.
pub(crate) fn next_of<'a, R>(
    message: &'static str,
    rest: &mut &'a [u8],
    read: impl for<'t> FnOnce(&mut Reader<'a, 't, NoTrace>) -> Result<R, &'t DecodeError>,
) -> Option<R> {
    let slot = ErrorSlot::new(message);
    let r = &mut Reader::new(rest, NoTrace, &slot);
    let element = read(r).ok()?;
    *rest = r.remaining();
    Some(element)
}

/// A cursor over the bytes. `T` is shown each field.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Debug)]
pub struct Reader<'a, 't, T> {
    rest: &'a [u8],
    at: usize,
    reserved: u8,
    trace: T,
    slot: &'t ErrorSlot,
}

/// A place in the message that an error found later can name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark<'t> {
    slot: &'t ErrorSlot,
    field: &'static str,
    at: usize,
}

impl<'t> Mark<'t> {
    /// The same place under the name of a field inside.
    pub(crate) const fn named(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }

    /// The place `bytes` further on, in the same field.
    pub(crate) const fn plus(mut self, bytes: usize) -> Self {
        self.at += bytes;
        self
    }

    // Inlined, so that a mark is not written to memory for an error that seldom occurs. No field with a checked
    // value has more than 32 bits.
    #[inline(always)]
    pub(crate) fn value(self, expected: &Expected, got: impl Into<u32>) -> &'t DecodeError {
        self.slot.value(self.field, self.at, expected, got.into())
    }
}

impl<'a, 't, T: Trace<'a>> Reader<'a, 't, T> {
    /// At the start of `bytes`.
    const fn new(bytes: &'a [u8], trace: T, slot: &'t ErrorSlot) -> Self {
        Self { rest: bytes, at: 0, reserved: 0, trace, slot }
    }

    /// Offset of the next byte.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next byte to be read is the start of `field`.
    pub(crate) const fn mark(&self, field: &'static str) -> Mark<'t> {
        Mark { slot: self.slot, field, at: self.position() }
    }

    /// Param1, which was read with the header.
    pub(crate) const fn param1(&self, field: &'static str) -> Mark<'t> {
        Mark { slot: self.slot, field, at: 2 }
    }

    /// Param2, which was read with the header.
    pub(crate) const fn param2(&self, field: &'static str) -> Mark<'t> {
        Mark { slot: self.slot, field, at: 3 }
    }

    fn truncated(&self, field: &'static str, needed: usize) -> &'t DecodeError {
        self.slot.truncated(field, self.position(), needed, self.rest.len())
    }

    fn take<F>(&mut self, field: &'static str) -> Result<&'a F, &'t DecodeError>
    where
        F: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        // `F: Unaligned`, so the size is the only way to fail.
        let Ok((value, rest)) = F::ref_from_prefix(self.rest) else {
            return Err(self.truncated(field, size_of::<F>()));
        };
        let bytes = self.rest.get(..size_of::<F>()).unwrap_or_default();
        self.trace.field(Field { name: field, at: self.at, bytes });
        self.rest = rest;
        self.at += size_of::<F>();
        Ok(value)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, &'t DecodeError> {
        self.take::<u8>(field).copied()
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, &'t DecodeError> {
        self.take::<U16>(field).map(|v| v.get())
    }

    /// A 24-bit integer.
    pub(crate) fn u24(&mut self, field: &'static str) -> Result<u32, &'t DecodeError> {
        let [a, b, c] = *self.array::<3>(field)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, &'t DecodeError> {
        self.take::<U32>(field).map(|v| v.get())
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, &'t DecodeError> {
        self.take::<U64>(field).map(|v| v.get())
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8; N], &'t DecodeError> {
        self.take::<[u8; N]>(field)
    }

    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        len: usize,
    ) -> Result<&'a [u8], &'t DecodeError> {
        let Some((value, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(field, len));
        };
        if len > 0 {
            self.trace.field(Field { name: field, at: self.at, bytes: value });
        }
        self.rest = rest;
        self.at += len;
        Ok(value)
    }

    /// The fields of `F`. Those that `version` does not have are reserved, and zero in the result.
    pub(crate) fn wire<F: Wire>(&mut self, version: SpdmVersion) -> Result<F, &'t DecodeError> {
        let Ok((mut wire, rest)) = F::read_from_prefix(self.rest) else {
            // Fails at the field that is missing. One is: otherwise there would be enough bytes for `F`, and the
            // error of the next line would come instead.
            self.fields(F::FIELDS, version)?;
            return Err(self.truncated("Reserved", size_of::<F>()));
        };
        if self.trace.ignores_fields() {
            self.rest = rest;
            self.at += size_of::<F>();
        } else {
            self.fields(F::FIELDS, version)?;
        }
        self.note_reserved(wire.clear_reserved(version));
        Ok(wire)
    }

    /// Each field by itself, for the trace and for the error that names one.
    // Not generic over the struct: one loop for all of them.
    #[cold]
    #[inline(never)]
    fn fields(
        &mut self,
        fields: &[WireField],
        version: SpdmVersion,
    ) -> Result<(), &'t DecodeError> {
        for field in fields {
            self.bytes(field.presence.name_in(version), field.len)?;
        }
        Ok(())
    }

    /// Reads the next `len` bytes as if the message ended after them; what `read` leaves of them is skipped.
    pub(crate) fn within<R>(
        &mut self,
        field: &'static str,
        len: usize,
        read: impl FnOnce(&mut Self) -> Result<R, &'t DecodeError>,
    ) -> Result<R, &'t DecodeError> {
        let Some((inside, behind)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(field, len));
        };
        self.rest = inside;
        let value = read(self)?;
        self.at += self.rest.len();
        self.rest = behind;
        Ok(value)
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
    pub(crate) fn reserved(&mut self, len: usize) -> Result<(), &'t DecodeError> {
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
    pub(crate) fn finish(&self, padding: usize) -> Result<(), &'t DecodeError> {
        let count = self.rest.len();
        if count > padding {
            let kind = DecodeErrorKind::Trailing { count, allowed: padding };
            return Err(self.slot.fail("end of message", self.at, kind));
        }
        Ok(())
    }

    /// [`Self::finish`] that returns the bytes of the message, with which `raw` begins.
    pub(crate) fn end(&self, raw: &'a [u8], padding: usize) -> Result<&'a [u8], &'t DecodeError> {
        self.finish(padding)?;
        Ok(raw.get(..self.at).unwrap_or_default())
    }
}

/// Lengths on the wire are at most 32 bits; `usize` holds them on every target we support.
pub(crate) fn length(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
