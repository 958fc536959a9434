//! Errors out of line: functions return a flag, and what happened stands in one place. A value of an error
//! would be copied by each of the many functions that it goes through, which costs text and stack.

use core::cell::Cell;

use spdm_codec::{Code, Cx, DecodeError, Decoded, Expected, Header, Message};
use spdm_untrusted::Untrusted;

use crate::error::{Error, Incompatible, Misbehaviour, Misuse, Violation};

/// Something failed; the [`Fault`] at hand says what. Only a fault makes one.
#[expect(
    unnameable_types,
    reason = "sealed: appears in the signatures of `sealed::Operation` only"
)]
#[derive(Clone, Copy, Debug)]
pub struct Stop(());

/// A field of a message: message and field in the specification's spelling.
pub(crate) struct At(pub(crate) &'static str, pub(crate) &'static str);

/// Why something failed, once it did.
#[expect(
    unnameable_types,
    reason = "sealed: appears in the signatures of `sealed::Operation` only"
)]
#[derive(Debug)]
pub struct Fault {
    error: Cell<Option<Error>>,
}

impl Fault {
    pub(crate) const fn new() -> Self {
        Self { error: Cell::new(None) }
    }

    /// Runs something that stands alone: its error comes by value.
    pub(crate) fn out_of<R>(run: impl FnOnce(&Self) -> Result<R, Stop>) -> Result<R, Error> {
        let fault = Self::new();
        run(&fault).map_err(|stop| fault.error(stop))
    }

    /// What stopped.
    pub(crate) fn error(&self, Stop(()): Stop) -> Error {
        // Nobody else makes a `Stop`, so there is one.
        self.error.get().unwrap_or(Error::Misuse(Misuse::Unfinished))
    }

    #[cold]
    #[inline(never)]
    fn put(&self, error: &Error) -> Stop {
        self.error.set(Some(*error));
        Stop(())
    }

    #[inline]
    pub(crate) fn stop(&self, error: impl Into<Error>) -> Stop {
        self.put(&error.into())
    }

    /// The peer broke a rule of the protocol.
    #[cold]
    #[inline(never)]
    pub(crate) fn misbehaved(&self, at: &At, violation: Violation) -> Stop {
        let At(message, field) = *at;
        self.stop(Error::Misbehaved(Misbehaviour { message, field, violation }))
    }

    /// A field has another value than is expected.
    pub(crate) fn value(&self, at: &At, expected: &Expected, got: impl TryInto<u64>) -> Stop {
        self.of_value(at, expected, got.try_into().unwrap_or(u64::MAX))
    }

    #[cold]
    #[inline(never)]
    fn of_value(&self, at: &At, expected: &Expected, got: u64) -> Stop {
        self.misbehaved(at, Violation::Value { expected: *expected, got })
    }

    /// Bytes are not equal to those that they come `from`.
    #[cold]
    #[inline(never)]
    pub(crate) fn differs(&self, at: &At, from: &'static str) -> Stop {
        self.misbehaved(at, Violation::Differs { from })
    }

    /// The message or field may not come here.
    #[cold]
    #[inline(never)]
    pub(crate) fn unexpected(&self, at: &At) -> Stop {
        self.misbehaved(at, Violation::Unexpected)
    }

    /// The request may not be sent in this state.
    #[cold]
    #[inline(never)]
    pub(crate) fn order(&self, request: Code) -> Stop {
        self.misuse(Misuse::Order { request })
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn misuse(&self, misuse: Misuse) -> Stop {
        self.stop(Error::Misuse(misuse))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn incompatible(&self, what: Incompatible) -> Stop {
        self.stop(what)
    }

    /// The output of an operation that is not complete.
    #[cold]
    #[inline(never)]
    pub(crate) fn unfinished(&self) -> Stop {
        self.misuse(Misuse::Unfinished)
    }

    /// Our own request is not one.
    #[cold]
    #[inline(never)]
    pub(crate) fn request_error(&self, error: &DecodeError) -> Stop {
        self.misuse(Misuse::Request(*error))
    }

    #[cold]
    #[inline(never)]
    fn decode_error(&self, error: &DecodeError) -> Stop {
        self.stop(*error)
    }

    /// Decodes our own request.
    pub(crate) fn decode_request<'a, M: Message<'a>>(
        &self,
        bytes: &'a [u8],
        cx: &Cx,
    ) -> Result<Decoded<'a, M>, Stop> {
        M::decode(Untrusted::new(bytes), cx).map_err(|error| self.request_error(&error))
    }

    /// Decodes a message of the peer.
    pub(crate) fn decode<'a, M: Message<'a>>(
        &self,
        bytes: Untrusted<&'a [u8]>,
        cx: &Cx,
    ) -> Result<Decoded<'a, M>, Stop> {
        M::decode(bytes, cx).map_err(|error| self.decode_error(&error))
    }

    /// Reads the header of a message of the peer.
    pub(crate) fn peek(&self, bytes: Untrusted<&[u8]>) -> Result<Header, Stop> {
        Header::peek(bytes).map_err(|error| self.decode_error(&error))
    }
}
