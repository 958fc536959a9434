//! RESPOND_IF_READY.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// RESPOND_IF_READY (DSP0274 §RESPOND_IF_READY): header only. The answer is that of the original request.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: RequestCode |
/// | 3 | 1 | Param2: Token |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct RespondIfReady {
    /// `RequestCode` of the original request.
    pub request_code: Code,
    /// `Token` of the ResponseNotReady.
    pub token: u8,
}

impl<'a> Body<'a> for RespondIfReady {
    const BODY_NAME: &'static str = "RESPOND_IF_READY";
    const BODY_CODE: Code = Code::RESPOND_IF_READY;

    fn read<'t, T: Trace<'a>>(
        _: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        Ok(Self { request_code: Code(header.param1), token: header.param2 })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.request_code.0, self.token])
    }

    fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::RespondIfReady;
    use crate::testing::{every_prefix_fails, round_trip};
    use crate::{Code, Cx, SpdmVersion};

    #[test]
    fn code_and_token() {
        let cx = Cx::new(SpdmVersion::V1_1);
        let bytes = [0x11, 0xFF, 0x83, 9];
        let message: RespondIfReady = round_trip(&bytes, &cx);
        assert_eq!(message, RespondIfReady { request_code: Code::CHALLENGE, token: 9 });
        every_prefix_fails::<RespondIfReady>(&bytes, &cx);
    }
}
