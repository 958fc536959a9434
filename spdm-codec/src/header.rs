//! The header of a message.

use spdm_untrusted::{Untrusted, Validate};

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, Expected};
use crate::reader::{Reader, read_from};
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Trace};
use crate::wire::{always, wire};

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 4;

/// The 4-byte header of every message (DSP0274 §Generic SPDM message format).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | SPDMVersion |
/// | 1 | 1 | RequestResponseCode |
/// | 2 | 1 | Param1 |
/// | 3 | 1 | Param2 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// `SPDMVersion` as received; [`SpdmVersion::from_byte`] gives it a meaning.
    pub version: u8,
    /// `RequestResponseCode`.
    pub code: Code,
    /// `Param1`.
    pub param1: u8,
    /// `Param2`.
    pub param2: u8,
}

wire! {
    /// The same in every version.
    struct HeaderWire {
        version: u8 = always("SPDMVersion"),
        code: u8 = always("RequestResponseCode"),
        param1: u8 = always("Param1"),
        param2: u8 = always("Param2"),
    }
}

/// [`Self::peek`].
impl Validate<&[u8]> for Header {
    type Context = ();
    type Error = DecodeError;

    fn validate(raw: &[u8], (): ()) -> Result<Self, DecodeError> {
        read_from("message", raw, NoTrace, Self::read)
    }
}

impl Header {
    /// Reads the header of any message.
    ///
    /// # Errors
    /// [`DecodeError`] when there are fewer than four bytes.
    pub fn peek(bytes: Untrusted<&[u8]>) -> Result<Self, DecodeError> {
        bytes.validate(())
    }

    fn read<'a, 't, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let HeaderWire { version, code, param1, param2 } = r.wire(SpdmVersion::V1_0)?;
        Ok(Self { version, code: Code(code), param1, param2 })
    }

    /// Reads the header of a message of this kind.
    pub(crate) fn read_as<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        kind: &'static Kind,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let (at_version, header) = (r.mark("SPDMVersion"), Self::read(r)?);
        let expected = match kind.version {
            VersionRule::Negotiated => Some(cx.version),
            VersionRule::Always1_0 => Some(SpdmVersion::V1_0),
            VersionRule::Any => None,
        };
        if let Some(expected) = expected
            && header.version != expected.to_byte()
        {
            let expected = Expected::Exactly(expected.to_byte().into());
            return Err(at_version.value(&expected, header.version));
        }
        if header.code != kind.code {
            let at = at_version.named("RequestResponseCode").plus(1);
            return Err(at.value(&Expected::Exactly(kind.code.0.into()), header.code.0));
        }
        Ok(header)
    }
}

/// What the header of a kind of message says.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) code: Code,
    pub(crate) version: VersionRule,
}

/// Which `SPDMVersion` a message must carry.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VersionRule {
    /// The negotiated one.
    Negotiated,
    /// 0x10, whatever will be negotiated (GET_VERSION and VERSION).
    Always1_0,
    /// Not checked (ERROR: before negotiation a Responder may use 0x10 or its own).
    Any,
}
