//! Cursor over one message; knows the name and offset of what it reads.

use core::cell::Cell;

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{DecodeError, DecodeErrorKind, Expected};
use crate::message::Header;
use crate::spdm_version::SpdmVersion;
use crate::trace::{Field, NoTrace, Trace};

/// Reading stopped; the [`Fault`] says why. Of no size, so that nothing but a flag goes through the layers of
/// a decoder; errors with names and values would have to be copied at each.
#[derive(Clone, Copy, Debug)]
pub struct Stop(());

/// Why reading stopped, once it did: where [`Message::decode_or`](crate::Message::decode_or) leaves its error.
#[derive(Debug)]
pub struct Fault {
    message: Cell<&'static str>,
    error: Cell<Option<DecodeError>>,
}

impl Default for Fault {
    fn default() -> Self {
        Self::new()
    }
}

impl Fault {
    /// Nothing was read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { message: Cell::new(""), error: Cell::new(None) }
    }

    /// The last error, if there was one.
    #[must_use]
    pub const fn error(&self) -> Option<DecodeError> {
        self.error.get()
    }

    /// Why reading stopped.
    #[cold]
    #[inline(never)]
    fn of(&self, Stop(()): Stop) -> DecodeError {
        // Nobody else makes a `Stop`, so there is one.
        let kind = DecodeErrorKind::Truncated { needed: 0, left: 0 };
        let message = self.message.get();
        self.error.get().unwrap_or(DecodeError { message, field: message, at: 0, kind })
    }

    #[cold]
    #[inline(never)]
    fn stop(&self, field: &'static str, at: usize, kind: DecodeErrorKind) -> Stop {
        self.error.set(Some(DecodeError { message: self.message.get(), field, at, kind }));
        Stop(())
    }

    #[cold]
    #[inline(never)]
    fn value(&self, field: &'static str, at: usize, expected: &Expected, got: u32) -> Stop {
        self.stop(field, at, DecodeErrorKind::Value { expected: *expected, got: got.into() })
    }

    #[cold]
    #[inline(never)]
    fn truncated(&self, field: &'static str, at: usize, needed: usize, left: usize) -> Stop {
        self.stop(field, at, DecodeErrorKind::Truncated { needed, left })
    }

    /// Runs something that stands alone: its error comes by value.
    pub(crate) fn out_of<R>(run: impl FnOnce(&Self) -> Result<R, Stop>) -> Result<R, DecodeError> {
        let fault = Self::new();
        run(&fault).map_err(|stop| fault.of(stop))
    }
}

/// Reads `bytes`, called `message` in errors.
pub(crate) fn read_from<'a, T: Trace<'a>, R>(
    message: &'static str,
    bytes: &'a [u8],
    trace: T,
    read: impl FnOnce(&mut Reader<'a, '_, T>) -> Result<R, Stop>,
) -> Result<R, DecodeError> {
    Fault::out_of(|fault| read(&mut Reader::new(message, bytes, trace, fault)))
}

/// Reads the next of several elements, all of which were checked before; `rest` is what follows it.
pub(crate) fn next_of<'a, R>(
    message: &'static str,
    rest: &mut &'a [u8],
    read: impl FnOnce(&mut Reader<'a, '_, NoTrace>) -> Result<R, Stop>,
) -> Option<R> {
    let fault = Fault::new();
    let r = &mut Reader::new(message, rest, NoTrace, &fault);
    let element = read(r).ok()?;
    *rest = r.remaining();
    Some(element)
}

/// A cursor. `T` sees each field.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Debug)]
pub struct Reader<'a, 't, T> {
    rest: &'a [u8],
    at: usize,
    reserved: u8,
    /// The header, once a right one was read.
    pub(crate) header: Option<Header>,
    trace: T,
    fault: &'t Fault,
}

/// One of several fields of fixed size that follow each other.
pub(crate) struct Fixed {
    name: &'static str,
    len: u8,
    /// The first version that has the field; its bytes are reserved before, and always where there is none.
    since: Option<SpdmVersion>,
}

impl Fixed {
    pub(crate) const fn always(len: u8, name: &'static str) -> Self {
        Self::since(SpdmVersion::V1_0, len, name)
    }

    pub(crate) const fn since(version: SpdmVersion, len: u8, name: &'static str) -> Self {
        Self { name, len, since: Some(version) }
    }

    pub(crate) const fn reserved(len: u8) -> Self {
        Self { name: "Reserved", len, since: None }
    }
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
        self.at += bytes;
        self
    }

    // Inline, or else each mark would be laid out in memory for a call that seldom comes. No field that can
    // be blamed has more than 32 bits.
    #[inline(always)]
    pub(crate) fn value(self, expected: &Expected, got: impl Into<u32>) -> Stop {
        self.fault.value(self.field, self.at, expected, got.into())
    }
}

impl<'a, 't, T: Trace<'a>> Reader<'a, 't, T> {
    /// At the start of `bytes`, called `message` in errors.
    pub(crate) fn new(message: &'static str, bytes: &'a [u8], trace: T, fault: &'t Fault) -> Self {
        fault.message.set(message);
        Self { rest: bytes, at: 0, reserved: 0, header: None, trace, fault }
    }

    /// The header of the message that was opened.
    pub(crate) fn header(&self) -> Result<Header, Stop> {
        self.header.ok_or(Stop(()))
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
        let bytes = self.rest.get(..size_of::<F>()).unwrap_or_default();
        self.trace.field(Field { name: field, at: self.at, bytes });
        self.rest = rest;
        self.at += size_of::<F>();
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
            self.trace.field(Field { name: field, at: self.at, bytes: value });
        }
        self.rest = rest;
        self.at += len;
        Ok(value)
    }

    /// Several fields at once: a table takes less room than code for each.
    fn fields(&mut self, fields: &[Fixed], version: SpdmVersion) -> Result<(), Stop> {
        for field in fields {
            if field.since.is_some_and(|since| version >= since) {
                self.bytes(field.name, field.len.into())?;
            } else {
                self.reserved(field.len.into())?;
            }
        }
        Ok(())
    }

    /// The `fields`, which are those of `F`; what `version` reserves may hold anything.
    pub(crate) fn fixed<F>(
        &mut self,
        fields: &'static [Fixed],
        version: SpdmVersion,
    ) -> Result<&'a F, Stop>
    where
        F: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        let all = F::ref_from_prefix(self.rest);
        self.fields(fields, version)?;
        // The fields were there, so all of `F` was.
        all.map(|(all, _)| all).map_err(|_| self.truncated("Reserved", size_of::<F>()))
    }

    /// Reads the next `len` bytes as if they were all; what `read` leaves of them is skipped.
    pub(crate) fn within<R>(
        &mut self,
        field: &'static str,
        len: usize,
        read: impl FnOnce(&mut Self) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
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
            return Err(self.fault.stop("end of message", self.at, kind));
        }
        Ok(())
    }

    /// [`Self::finish`] that returns the bytes of the message, with which `raw` begins.
    pub(crate) fn end(&self, raw: &'a [u8], padding: usize) -> Result<&'a [u8], Stop> {
        self.finish(padding)?;
        Ok(raw.get(..self.at).unwrap_or_default())
    }
}

/// Lengths on the wire are at most 32 bits; `usize` holds them on every target we support.
pub(crate) fn length(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
