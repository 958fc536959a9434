//! Any message: a request or a response, as its code says.

use spdm_untrusted::{Untrusted, Validate};

use crate::any::{Request, Response};
use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::Header;
use crate::trace::{NoTrace, Trace};

/// Any message of DSP0274.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "bit 7 of the code has two values")]
pub enum AnyMessage<'a> {
    /// Bit 7 of the code is set.
    Request(Request<'a>),
    /// Bit 7 of the code is clear.
    Response(Response<'a>),
}

/// [`Self::decode`].
impl<'a> Validate<&'a [u8]> for AnyMessage<'a> {
    type Context = Cx;
    type Error = DecodeError;

    fn validate(raw: &'a [u8], cx: Cx) -> Result<Self, DecodeError> {
        Self::decode(Untrusted::new(raw), &cx)
    }
}

impl<'a> AnyMessage<'a> {
    /// Decodes the message that its code names.
    ///
    /// # Errors
    /// [`DecodeError`] as for the message.
    pub fn decode(bytes: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        Self::decode_traced(bytes, cx, &mut NoTrace)
    }

    /// [`Self::decode`] that shows every field to `trace` on the way.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_traced<T: Trace<'a>>(
        bytes: Untrusted<&'a [u8]>,
        cx: &Cx,
        trace: &mut T,
    ) -> Result<Self, DecodeError> {
        if Header::peek(bytes)?.code.is_request() {
            Request::decode_traced(bytes, cx, trace).map(Self::Request)
        } else {
            Response::decode_traced(bytes, cx, trace).map(Self::Response)
        }
    }

    /// The `RequestResponseCode`.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Request(request) => request.code(),
            Self::Response(response) => response.code(),
        }
    }

    /// Encodes the message again, in the version of its header, and returns its length in bytes. Where no
    /// reserved byte or bit was set, these are [`Self::bytes`].
    ///
    /// # Errors
    /// [`EncodeError`] as for the message.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        match self {
            Self::Request(request) => request.encode(out),
            Self::Response(response) => response.encode(out),
        }
    }

    /// Exactly the bytes of the message, without what the transport appended.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Request(request) => request.bytes(),
            Self::Response(response) => response.bytes(),
        }
    }
}
