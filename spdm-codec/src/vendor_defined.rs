//! VENDOR_DEFINED_REQUEST and VENDOR_DEFINED_RESPONSE.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::{Reader, length};
use crate::spdm_version::SpdmVersion;
use crate::standards_body::StandardsBody;
use crate::trace::Trace;
use crate::writer::Writer;

const LARGE: u8 = 0x80;

/// Which length a vendor-defined message carries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum VendorDefinedForm {
    /// 16 bits.
    #[default]
    Normal,
    /// 32 bits (1.4: Param1 bit 7).
    Large,
}

/// The body that both vendor-defined messages share (DSP0274 §VENDOR_DEFINED_REQUEST).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: 7 large form | 1.4 |
/// | 4 | 2 | StandardID | |
/// | 6 | 1 | VendorIDLen v | |
/// | 7 | v | VendorID | |
/// | +0 | 2 | ReqLength or RespLength p, 0 in the large form | |
/// | +2 | 4 | LargeReqLength or LargeRespLength p | 1.4 |
/// | +0 | p | VendorDefinedReqPayload or VendorDefinedRespPayload | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct VendorDefined<'a> {
    /// Size of the length field.
    pub form: VendorDefinedForm,
    /// `StandardID`.
    pub standard_id: StandardsBody,
    /// `VendorID`, as the standards body defines it.
    pub vendor_id: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> VendorDefined<'a> {
    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let large = if cx.version >= SpdmVersion::V1_4 { LARGE } else { 0 };
        r.note_reserved(header.param1 & !large | header.param2);
        let standard_id = StandardsBody(r.u16("StandardID")?);
        let at = r.mark("VendorIDLen");
        let len = r.u8("VendorIDLen")?;
        if !standard_id.allows(len) {
            return Err(at.value(&Expected::Rule("a length that the standards body allows"), len));
        }
        let vendor_id = r.bytes("VendorID", len.into())?;
        let (form, len) = if header.param1 & large == 0 {
            (VendorDefinedForm::Normal, r.u16("PayloadLength")?.into())
        } else {
            r.reserved(2)?;
            (VendorDefinedForm::Large, r.u32("LargePayloadLength")?)
        };
        Ok(Self { form, standard_id, vendor_id, payload: r.bytes("Payload", length(len))? })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        match self.form {
            VendorDefinedForm::Normal => Ok([0, 0]),
            VendorDefinedForm::Large if version >= SpdmVersion::V1_4 => Ok([LARGE, 0]),
            VendorDefinedForm::Large => Err(EncodeError::NotInVersion { field: "Param1" }),
        }
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.u16(self.standard_id.0);
        let field = "VendorIDLen";
        w.u8(u8::try_from(self.vendor_id.len()).map_err(|_| EncodeError::TooLarge { field })?);
        w.bytes(self.vendor_id);
        let (field, len) = ("PayloadLength", self.payload.len());
        match self.form {
            VendorDefinedForm::Normal => w.len16(len, field)?,
            VendorDefinedForm::Large => {
                w.zeros(2);
                w.u32(u32::try_from(len).map_err(|_| EncodeError::TooLarge { field })?);
            }
        }
        w.bytes(self.payload);
        Ok(())
    }
}

macro_rules! vendor_defined {
    ($(#[doc = $doc:literal])* $name:ident, $text:literal, $code:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[expect(clippy::exhaustive_structs, reason = "callers build it")]
        pub struct $name<'a>(pub VendorDefined<'a>);

        impl<'a> Body<'a> for $name<'a> {
            const BODY_NAME: &'static str = $text;
            const BODY_CODE: Code = Code::$code;

            fn read<'t, T: Trace<'a>>(
                r: &mut Reader<'a, 't, T>,
                header: Header,
                cx: &Cx,
            ) -> Result<Self, &'t DecodeError> {
                VendorDefined::read(r, header, cx).map(Self)
            }

            fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
                self.0.params(version)
            }

            fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
                self.0.write(w)
            }
        }
    };
}

vendor_defined!(
    /// VENDOR_DEFINED_REQUEST (DSP0274 §VENDOR_DEFINED_REQUEST).
    VendorDefinedRequest, "VENDOR_DEFINED_REQUEST", VENDOR_DEFINED_REQUEST
);
vendor_defined!(
    /// VENDOR_DEFINED_RESPONSE (DSP0274 §VENDOR_DEFINED_RESPONSE).
    VendorDefinedResponse, "VENDOR_DEFINED_RESPONSE", VENDOR_DEFINED_RESPONSE
);

#[cfg(test)]
mod tests {
    use super::{VendorDefinedForm, VendorDefinedRequest, VendorDefinedResponse};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, Message, SpdmVersion, StandardsBody};

    #[test]
    fn both_forms() {
        for version in SpdmVersion::ALL {
            let cx = Cx::new(version);
            let bytes = [version.to_byte(), 0xFE, 0, 0, 3, 0, 2, 1, 0, 2, 0, 7, 8];
            let message: VendorDefinedRequest<'_> = round_trip(&bytes, &cx);
            assert_eq!(message.0.standard_id, StandardsBody::PCI_SIG);
            every_prefix_fails::<VendorDefinedRequest<'_>>(&bytes, &cx);
            one_byte_more::<VendorDefinedRequest<'_>>(&[&bytes[..], &[0]].concat(), &cx);
        }
        let cx = Cx::new(SpdmVersion::V1_4);
        let bytes = [0x14, 0x7E, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9];
        let message: VendorDefinedResponse<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.0.form, VendorDefinedForm::Large);
        assert!(message.encode(SpdmVersion::V1_3, &mut [0; 16]).is_err());
        every_prefix_fails::<VendorDefinedResponse<'_>>(&bytes, &cx);
    }

    #[test]
    fn n30_vendor_id_length() {
        let cx = Cx::new(SpdmVersion::V1_1);
        for (id, len) in [(0, 1), (3, 1), (3, 4), (4, 2), (10, 4), (11, 0)] {
            let mut bytes = std::vec![0x11, 0xFE, 0, 0, id, 0, len];
            bytes.extend([0; 8]);
            let field = "VendorIDLen";
            expect_value::<VendorDefinedRequest<'_>>(&bytes, &cx, field, 6, len.into());
        }
        // A body that is not in the registry may have any.
        round_trip::<VendorDefinedRequest<'_>>(&[0x11, 0xFE, 0, 0, 99, 1, 1, 5, 0, 0], &cx);
    }
}
