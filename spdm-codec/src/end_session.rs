//! END_SESSION.

use bitflags::bitflags;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

bitflags! {
    /// Param1 of END_SESSION.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct EndSessionAttributes: u8 {
        /// `NegotiatedStateClearing`: what was negotiated is not kept.
        const CLEAR_NEGOTIATED_STATE = 1 << 0;
    }
}

/// END_SESSION (DSP0274 1.1 §END_SESSION): header only, inside a session.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: attributes; bit 0 NegotiatedStateClearing |
/// | 3 | 1 | Param2: reserved |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EndSession {
    /// Param1.
    pub attributes: EndSessionAttributes,
}

impl<'a> Body<'a> for EndSession {
    const BODY_NAME: &'static str = "END_SESSION";
    const BODY_CODE: Code = Code::END_SESSION;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let attributes = EndSessionAttributes::from_bits_truncate(header.param1);
        r.note_reserved(header.param1 & !attributes.bits() | header.param2);
        Ok(Self { attributes })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.attributes.bits(), 0])
    }

    fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{EndSession, EndSessionAttributes};
    use crate::testing::{every_prefix_fails, round_trip};
    use crate::{Cx, SpdmVersion};

    #[test]
    fn attributes() {
        let cx = Cx::new(SpdmVersion::V1_1);
        let message: EndSession = round_trip(&[0x11, 0xEC, 1, 0], &cx);
        assert_eq!(message.attributes, EndSessionAttributes::CLEAR_NEGOTIATED_STATE);
        every_prefix_fails::<EndSession>(&[0x11, 0xEC, 1, 0], &cx);
    }
}
