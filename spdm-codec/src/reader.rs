//! Cursor over one message; knows the name and offset of what it reads.

use core::cell::Cell;

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{DecodeError, DecodeErrorKind, Expected};
use crate::trace::{Field, NoTrace, Trace};

/// Reading stopped; the [`Fault`] says why. Of no size, so that nothing but a flag goes through the layers of
/// a decoder; errors with names and values would have to be copied at each.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Clone, Copy, Debug)]
pub struct Stop(());

/// Why reading stopped, once it did.
#[derive(Debug)]
pub(crate) struct Fault {
    error: Cell<DecodeError>,
}

impl Fault {
    const fn new(message: &'static str) -> Self {
        // Means something only after `stop`: nobody else makes a `Stop`.
        let kind = DecodeErrorKind::Truncated { needed: 0, left: 0 };
        Self { error: Cell::new(DecodeError { message, field: message, at: 0, kind }) }
    }

    #[cold]
    #[inline(never)]
    fn stop(&self, field: &'static str, at: usize, kind: DecodeErrorKind) -> Stop {
        self.error.set(DecodeError { field, at, kind, ..self.error.get() });
        Stop(())
    }

    #[cold]
    #[inline(never)]
    fn value(&self, field: &'static str, at: usize, expected: Expected, got: u64) -> Stop {
        self.stop(field, at, DecodeErrorKind::Value { expected, got })
    }

    #[cold]
    #[inline(never)]
    fn truncated(&self, field: &'static str, at: usize, needed: usize, left: usize) -> Stop {
        self.stop(field, at, DecodeErrorKind::Truncated { needed, left })
    }
}

/// Reads `bytes`, called `message` in errors.
pub(crate) fn read_from<'a, T: Trace<'a>, R>(
    message: &'static str,
    bytes: &'a [u8],
    trace: &mut T,
    read: impl FnOnce(&mut Reader<'a, '_, T>) -> Result<R, Stop>,
) -> Result<R, DecodeError> {
    let fault = Fault::new(message);
    let (rest, len) = (bytes, bytes.len());
    let result = read(&mut Reader { rest, len, reserved: 0, trace, fault: &fault });
    result.map_err(|Stop(())| fault.error.get())
}

/// Reads the next of several elements, all of which were checked before; `rest` is what follows it.
pub(crate) fn next_of<'a, R>(
    message: &'static str,
    rest: &mut &'a [u8],
    read: impl FnOnce(&mut Reader<'a, '_, NoTrace>) -> Result<R, Stop>,
) -> Option<R> {
    let read = read_from(message, rest, &mut NoTrace, |r| Ok((read(r)?, r.remaining())));
    let (element, behind) = read.ok()?;
    *rest = behind;
    Some(element)
}

/// A cursor. `T` sees each field.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Debug)]
pub struct Reader<'a, 't, T> {
    rest: &'a [u8],
    len: usize,
    reserved: u8,
    trace: &'t mut T,
    fault: &'t Fault,
}

/// A place in the message to blame later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark<'t> {
    fault: &'t Fault,
    field: &'static str,
    at: usize,
}

impl Mark<'_> {
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

    pub(crate) fn value(self, expected: Expected, got: impl Into<u64>) -> Stop {
        self.fault.value(self.field, self.at, expected, got.into())
    }
}

impl<'a, 't, T: Trace<'a>> Reader<'a, 't, T> {
    /// Offset of the next byte.
    pub(crate) const fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next byte to be read is the start of `field`.
    pub(crate) const fn mark(&self, field: &'static str) -> Mark<'t> {
        Mark { fault: self.fault, field, at: self.position() }
    }

    /// Blames Param1, which was read with the header.
    pub(crate) const fn param1(&self, field: &'static str) -> Mark<'t> {
        Mark { fault: self.fault, field, at: 2 }
    }

    /// Blames Param2, which was read with the header.
    pub(crate) const fn param2(&self, field: &'static str) -> Mark<'t> {
        Mark { fault: self.fault, field, at: 3 }
    }

    fn truncated(&self, field: &'static str, needed: usize) -> Stop {
        self.fault.truncated(field, self.position(), needed, self.rest.len())
    }

    fn take<F>(&mut self, field: &'static str) -> Result<&'a F, Stop>
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

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Stop> {
        self.take::<u8>(field).copied()
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Stop> {
        self.take::<U16>(field).map(|v| v.get())
    }

    /// A 24-bit integer.
    pub(crate) fn u24(&mut self, field: &'static str) -> Result<u32, Stop> {
        let [a, b, c] = *self.array::<3>(field)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Stop> {
        self.take::<U32>(field).map(|v| v.get())
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Stop> {
        self.take::<U64>(field).map(|v| v.get())
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8; N], Stop> {
        self.take::<[u8; N]>(field)
    }

    pub(crate) fn bytes(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], Stop> {
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
    ) -> Result<Reader<'a, '_, T>, Stop> {
        let Some((inside, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(field, len));
        };
        let end = self.position() + len;
        self.rest = rest;
        let (trace, fault) = (&mut *self.trace, self.fault);
        Ok(Reader { rest: inside, len: end, reserved: 0, trace, fault })
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
    pub(crate) fn reserved(&mut self, len: usize) -> Result<(), Stop> {
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
    pub(crate) fn finish(&self, padding: usize) -> Result<(), Stop> {
        let count = self.rest.len();
        if count > padding {
            let kind = DecodeErrorKind::Trailing { count, allowed: padding };
            return Err(self.fault.stop("end of message", self.position(), kind));
        }
        Ok(())
    }
}

/// Lengths on the wire are at most 32 bits; `usize` holds them on every target we support.
pub(crate) fn length(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
