//! Seeing each field while a message is decoded.

/// One field as it stands in the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Field<'a> {
    /// The specification's name.
    pub name: &'static str,
    /// Offset from the first byte of the message.
    pub at: usize,
    /// The bytes; integers are little-endian.
    pub bytes: &'a [u8],
}

/// Receives every field of a message in the order of the wire.
///
/// The decoder itself calls it, so a dump can never disagree with what was decoded. When decoding fails,
/// all fields up to the faulty one have been seen.
pub trait Trace<'a> {
    /// Called once per field, also for reserved ones.
    fn field(&mut self, field: Field<'a>);

    /// Whether [`Self::field`] does nothing. Fields of fixed size that follow each other are then read at once
    /// and may not be shown. `false` unless a trace says otherwise.
    fn ignores_fields(&self) -> bool {
        false
    }
}

impl<'a, F: FnMut(Field<'a>)> Trace<'a> for F {
    fn field(&mut self, field: Field<'a>) {
        self(field);
    }
}

/// A caller's trace. A reader holds its trace by value, so that [`NoTrace`] takes no space in it.
#[derive(Debug)]
pub(crate) struct Seen<'t, T>(pub(crate) &'t mut T);

impl<'a, T: Trace<'a>> Trace<'a> for Seen<'_, T> {
    fn field(&mut self, field: Field<'a>) {
        self.0.field(field);
    }

    fn ignores_fields(&self) -> bool {
        self.0.ignores_fields()
    }
}

/// Ignores every field; compiles to nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoTrace;

impl<'a> Trace<'a> for NoTrace {
    #[inline]
    fn field(&mut self, _: Field<'a>) {}

    #[inline]
    fn ignores_fields(&self) -> bool {
        true
    }
}
