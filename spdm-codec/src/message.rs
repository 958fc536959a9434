//! The [`Message`] trait: from bytes to a message and back.

use spdm_untrusted::{Untrusted, Validate};

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::{Header, Kind, VersionRule};
use crate::reader::read_or;
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Seen, Trace};
use crate::writer::Writer;

/// A decoded message and the bytes it was decoded from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decoded<'a, M> {
    /// The meaning.
    pub message: M,
    /// Exactly the bytes of the message, transport padding cut off: what enters a transcript.
    pub bytes: &'a [u8],
    reserved_nonzero: bool,
}

impl<M> Decoded<'_, M> {
    /// Whether a reserved byte or bit was not zero. It is ignored, as the specification demands, but
    /// re-encoding such a message does not give the same bytes.
    #[must_use]
    pub const fn reserved_nonzero(&self) -> bool {
        self.reserved_nonzero
    }
}

pub(crate) mod sealed {
    use crate::code::Code;
    use crate::cx::Cx;
    use crate::error::{DecodeError, EncodeError};
    use crate::header::{Header, VersionRule};
    use crate::reader::Reader;
    use crate::spdm_version::SpdmVersion;
    use crate::trace::Trace;
    use crate::writer::Writer;

    /// The body of a message: what [`super::Message`] is built from.
    #[expect(unnameable_types, reason = "sealed")]
    pub trait Body<'a>: Sized {
        /// The specification's name.
        const BODY_NAME: &'static str;
        /// `RequestResponseCode`.
        const BODY_CODE: Code;
        /// Which version byte the header carries.
        const VERSION: VersionRule = VersionRule::Negotiated;

        /// Reads what follows the header.
        fn read<'t, T: Trace<'a>>(
            r: &mut Reader<'a, 't, T>,
            header: Header,
            cx: &Cx,
        ) -> Result<Self, &'t DecodeError>;

        /// `Param1` and `Param2`.
        fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError>;

        /// Writes what follows the header.
        fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError>;
    }
}

/// Reads the message that is `raw`.
fn read_message<'a, M: sealed::Body<'a>, T: Trace<'a>, E>(
    raw: &'a [u8],
    cx: &Cx,
    trace: T,
    fail: impl FnOnce(&DecodeError) -> E,
) -> Result<Decoded<'a, M>, E> {
    let kind = const { &Kind { name: M::BODY_NAME, code: M::BODY_CODE, version: M::VERSION } };
    read_or(
        kind.name,
        raw,
        trace,
        |r| {
            let header = Header::read_as(r, kind, cx)?;
            let message = M::read(r, header, cx)?;
            let bytes = r.end(raw, cx.padding)?;
            Ok(Decoded { message, bytes, reserved_nonzero: r.reserved_nonzero() })
        },
        fail,
    )
}

/// [`Message::decode`] where the kind of message follows from the type of the result.
impl<'a, M: sealed::Body<'a>> Validate<&'a [u8]> for Decoded<'a, M> {
    type Context = Cx;
    type Error = DecodeError;

    fn validate(raw: &'a [u8], cx: Cx) -> Result<Self, DecodeError> {
        read_message(raw, &cx, NoTrace, |error| *error)
    }
}

/// A request or response of DSP0274: decodes from and encodes to bytes. Sealed.
pub trait Message<'a>: sealed::Body<'a> {
    /// The specification's name, for example `GET_VERSION`.
    const NAME: &'static str = Self::BODY_NAME;
    /// The `RequestResponseCode`.
    const CODE: Code = Self::BODY_CODE;

    /// Decodes a message whose kind the caller knows. Lists inside borrow from `bytes` and are checked
    /// here once, so that iterating over them cannot fail.
    ///
    /// # Errors
    /// [`DecodeError`] with field, offset and kind: bytes missing, bytes left over (more than
    /// [`Cx::padding`]), another version or code, or a value that the version does not allow.
    fn decode(bytes: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Decoded<'a, Self>, DecodeError> {
        Self::decode_or(bytes, cx, |error| *error)
    }

    /// [`Self::decode`] that makes the caller's own error of the [`DecodeError`]. Where many kinds of messages are
    /// decoded, this is smaller than `decode` with `map_err`, which copies the error for each kind.
    ///
    /// # Errors
    /// What `fail` returns.
    fn decode_or<E>(
        bytes: Untrusted<&'a [u8]>,
        cx: &Cx,
        fail: impl FnOnce(&DecodeError) -> E,
    ) -> Result<Decoded<'a, Self>, E> {
        bytes.validate_with(|raw| read_message(raw, cx, NoTrace, fail))
    }

    /// [`Self::decode`] that shows every field to `trace` on the way.
    ///
    /// # Errors
    /// As [`Self::decode`].
    fn decode_traced<T: Trace<'a>>(
        bytes: Untrusted<&'a [u8]>,
        cx: &Cx,
        trace: &mut T,
    ) -> Result<Decoded<'a, Self>, DecodeError> {
        bytes.validate_with(|raw| read_message(raw, cx, Seen(trace), |error| *error))
    }

    /// Encodes the whole message into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short, or when a field is given that `version` does not have,
    /// or missing though it has it. `out` may then hold a part of the message.
    fn encode(&self, version: SpdmVersion, out: &mut [u8]) -> Result<usize, EncodeError> {
        let version_byte = match Self::VERSION {
            VersionRule::Negotiated | VersionRule::Any => version.to_byte(),
            VersionRule::Always1_0 => SpdmVersion::V1_0.to_byte(),
        };
        let [param1, param2] = self.params(version)?;
        let mut w = Writer::open(out, [version_byte, Self::BODY_CODE.0, param1, param2]);
        self.write(&mut w, version)?;
        w.finish()
    }
}

impl<'a, M: sealed::Body<'a>> Message<'a> for M {}
