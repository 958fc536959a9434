//! Where the error of an operation is kept.
//!
//! An [`Error`] has 80 bytes. Functions return `Result<T, &'f Error>`: the error is written once, into the
//! [`ErrorCell`] that outlives the operation, and what travels is a reference to it. By value, each `?` on the
//! way would copy it, which costs 10 KB of flash. The reference cannot exist without its error, and the cell
//! takes only one: nothing replaces it.

use core::cell::OnceCell;

use spdm_codec::{Code, Cx, DecodeError, Decoded, Expected, Header, Message};
use spdm_untrusted::Untrusted;

use crate::error::{Error, Incompatible, Misbehaviour, Misuse, Violation};

/// A field of a message: message and field in the specification's spelling.
pub(crate) struct At(pub(crate) &'static str, pub(crate) &'static str);

/// The error that ended an operation, once there is one.
#[expect(
    unnameable_types,
    reason = "sealed: appears in the signatures of `sealed::Operation` only"
)]
#[derive(Debug)]
pub struct ErrorCell(OnceCell<Error>);

impl ErrorCell {
    pub(crate) const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// Runs a single step that has no operation around it: its error is returned by value.
    pub(crate) fn by_value<R>(
        run: impl for<'f> FnOnce(&'f Self) -> Result<R, &'f Error>,
    ) -> Result<R, Error> {
        let errors = Self::new();
        run(&errors).map_err(|error| *error)
    }

    /// What ended the operation, if something did.
    pub(crate) fn get(&self) -> Option<&Error> {
        self.0.get()
    }

    /// Takes the error out, for an operation that goes on without what was refused. `&mut self`: no reference to it is left.
    pub(crate) fn take(&mut self) -> Option<Error> {
        self.0.take()
    }

    /// Keeps the error. An operation ends with its first error, so there is no other one yet; were there one,
    /// it would stay and be returned.
    #[cold]
    #[inline(never)]
    fn put(&self, error: &Error) -> &Error {
        self.0.get_or_init(|| *error)
    }

    #[inline]
    pub(crate) fn stop(&self, error: impl Into<Error>) -> &Error {
        self.put(&error.into())
    }

    /// The peer broke a rule of the protocol.
    #[cold]
    #[inline(never)]
    pub(crate) fn misbehaved(&self, at: &At, violation: Violation) -> &Error {
        let At(message, field) = *at;
        self.stop(Error::Misbehaved(Misbehaviour { message, field, violation }))
    }

    /// A field has another value than is expected.
    pub(crate) fn value(&self, at: &At, expected: &Expected, got: impl TryInto<u64>) -> &Error {
        self.of_value(at, expected, got.try_into().unwrap_or(u64::MAX))
    }

    #[cold]
    #[inline(never)]
    fn of_value(&self, at: &At, expected: &Expected, got: u64) -> &Error {
        self.misbehaved(at, Violation::Value { expected: *expected, got })
    }

    /// Bytes are not equal to those that they come `from`.
    #[cold]
    #[inline(never)]
    pub(crate) fn differs(&self, at: &At, from: &'static str) -> &Error {
        self.misbehaved(at, Violation::Differs { from })
    }

    /// The message or field may not come here.
    #[cold]
    #[inline(never)]
    pub(crate) fn unexpected(&self, at: &At) -> &Error {
        self.misbehaved(at, Violation::Unexpected)
    }

    /// The request may not be sent in this state.
    #[cold]
    #[inline(never)]
    pub(crate) fn order(&self, request: Code) -> &Error {
        self.misuse(Misuse::Order { request })
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn misuse(&self, misuse: Misuse) -> &Error {
        self.stop(Error::Misuse(misuse))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn incompatible(&self, what: Incompatible) -> &Error {
        self.stop(what)
    }

    /// The output of an operation that is not complete.
    #[cold]
    #[inline(never)]
    pub(crate) fn unfinished(&self) -> &Error {
        self.misuse(Misuse::Unfinished)
    }

    /// Our own request cannot be decoded.
    #[cold]
    #[inline(never)]
    fn request_error(&self, error: &DecodeError) -> &Error {
        self.misuse(Misuse::Request(*error))
    }

    #[cold]
    #[inline(never)]
    fn decode_error(&self, error: &DecodeError) -> &Error {
        self.stop(*error)
    }

    /// Decodes our own request.
    pub(crate) fn decode_request<'a, M: Message<'a>>(
        &self,
        bytes: &'a [u8],
        cx: &Cx,
    ) -> Result<Decoded<'a, M>, &Error> {
        M::decode_or(Untrusted::new(bytes), cx, |error| self.request_error(error))
    }

    /// Decodes a message of the peer.
    pub(crate) fn decode<'a, M: Message<'a>>(
        &self,
        bytes: Untrusted<&'a [u8]>,
        cx: &Cx,
    ) -> Result<Decoded<'a, M>, &Error> {
        M::decode_or(bytes, cx, |error| self.decode_error(error))
    }

    /// Reads the header of our own request.
    pub(crate) fn peek_request(&self, bytes: &[u8]) -> Result<Header, &Error> {
        Header::peek(Untrusted::new(bytes)).map_err(|error| self.request_error(&error))
    }

    /// Reads the header of a message of the peer.
    pub(crate) fn peek(&self, bytes: Untrusted<&[u8]>) -> Result<Header, &Error> {
        Header::peek(bytes).map_err(|error| self.decode_error(&error))
    }
}
