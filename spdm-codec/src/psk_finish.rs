//! PSK_FINISH and PSK_FINISH_RSP.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::finish::{read_opaque_of_1_4, write_opaque_of_1_4};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::opaque::OpaqueData;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// PSK_FINISH (DSP0274 1.1 §PSK_FINISH). H is [`Cx::hash_len`].
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 4 | 2 | OpaqueDataLength o | 1.4 |
/// | 6 | o | OpaqueData | 1.4 |
/// | +0 | H | RequesterVerifyData | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct PskFinish<'a> {
    /// `OpaqueData`, from 1.4 on.
    pub opaque: Option<OpaqueData<'a>>,
    /// `RequesterVerifyData`.
    pub verify_data: &'a [u8],
}

impl<'a> Body<'a> for PskFinish<'a> {
    const BODY_NAME: &'static str = "PSK_FINISH";
    const BODY_CODE: Code = Code::PSK_FINISH;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        let opaque = read_opaque_of_1_4(r, cx)?;
        Ok(Self { opaque, verify_data: r.bytes("RequesterVerifyData", cx.hash_len)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_opaque_of_1_4(w, version, self.opaque.as_ref())?;
        w.bytes(self.verify_data);
        Ok(())
    }
}

/// PSK_FINISH_RSP (DSP0274 1.1 §PSK_FINISH_RSP).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 4 | 2 | OpaqueDataLength o | 1.4 |
/// | 6 | o | OpaqueData | 1.4 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct PskFinishRsp<'a> {
    /// `OpaqueData`, from 1.4 on.
    pub opaque: Option<OpaqueData<'a>>,
}

impl<'a> Body<'a> for PskFinishRsp<'a> {
    const BODY_NAME: &'static str = "PSK_FINISH_RSP";
    const BODY_CODE: Code = Code::PSK_FINISH_RSP;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        Ok(Self { opaque: read_opaque_of_1_4(r, cx)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_opaque_of_1_4(w, version, self.opaque.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::{PskFinish, PskFinishRsp};
    use crate::testing::{every_prefix_fails, one_byte_more, round_trip};
    use crate::{Cx, SpdmVersion};

    #[test]
    fn opaque_data_since_1_4() {
        for (version, opaque) in [(SpdmVersion::V1_1, &[][..]), (SpdmVersion::V1_4, &[0, 0])] {
            let cx = Cx::new(version).with_hash_len(32);
            let bytes = [&[version.to_byte(), 0xE7, 0, 0][..], opaque, &[9; 32]].concat();
            round_trip::<PskFinish<'_>>(&bytes, &cx);
            every_prefix_fails::<PskFinish<'_>>(&bytes, &cx);
            let bytes = [&[version.to_byte(), 0x67, 0, 0][..], opaque].concat();
            round_trip::<PskFinishRsp<'_>>(&bytes, &cx);
            every_prefix_fails::<PskFinishRsp<'_>>(&bytes, &cx);
            one_byte_more::<PskFinishRsp<'_>>(&[&bytes[..], &[0]].concat(), &cx);
        }
    }
}
