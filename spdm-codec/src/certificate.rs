//! GET_CERTIFICATE and CERTIFICATE.

use crate::code::Code;
use crate::cx::Cx;
use crate::digests::{CERT_MODEL, CertificateModel};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::{Reader, length};
use crate::slot::SlotId;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

const LARGE_CERT_CHAIN: u8 = 0x80;
const SLOT_SIZE_REQUESTED: u8 = 0x01;

/// Which offsets and lengths GET_CERTIFICATE and CERTIFICATE carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum CertificateForm {
    /// 16 bits.
    Normal,
    /// 32 bits (1.4: Param1 bit 7).
    Large,
}

impl CertificateForm {
    /// The largest offset, length and chain in bytes.
    #[must_use]
    pub const fn max_len(self) -> u32 {
        match self {
            Self::Normal => 0xFFFF,
            Self::Large => u32::MAX,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Large => LARGE_CERT_CHAIN,
        }
    }

    fn write(
        self,
        w: &mut Writer<'_>,
        fields: [(u32, &'static str); 2],
    ) -> Result<(), EncodeError> {
        if matches!(self, Self::Large) {
            w.zeros(4);
        }
        for (value, field) in fields {
            match self {
                Self::Normal => {
                    w.u16(u16::try_from(value).map_err(|_| EncodeError::TooLarge { field })?);
                }
                Self::Large => w.u32(value),
            }
        }
        Ok(())
    }

    /// Slot and form out of Param1: bits 3:0 and, from 1.4 on, bit 7.
    fn read_param1<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<(SlotId, Self), &'t DecodeError> {
        let large = if cx.version >= SpdmVersion::V1_4 { LARGE_CERT_CHAIN } else { 0 };
        r.note_reserved(header.param1 & !(0x0F | large));
        let slot = header.param1 & 0x0F;
        let slot = SlotId::new(slot)
            .ok_or_else(|| r.param1("SlotID").value(&Expected::AtMost(7), slot))?;
        let form = if header.param1 & large == 0 { Self::Normal } else { Self::Large };
        Ok((slot, form))
    }

    fn check(self, version: SpdmVersion) -> Result<(), EncodeError> {
        match self {
            Self::Large if version < SpdmVersion::V1_4 => {
                Err(EncodeError::NotInVersion { field: "LargeCertChain" })
            }
            _ => Ok(()),
        }
    }
}

/// What GET_CERTIFICATE asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum CertificateRequest {
    /// A portion of the chain.
    Portion,
    /// The size of the slot's storage (1.3: Param2 bit 0); offset and length are 0.
    SlotSize,
}

/// GET_CERTIFICATE (DSP0274 §GET_CERTIFICATE): 8 bytes, 16 in the large form.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: 3:0 SlotID, 7 LargeCertChain (1.4) | |
/// | 3 | 1 | Param2: 0 SlotSizeRequested | 1.3 |
/// | 4 | 2 | Offset, 0 in the large form | |
/// | 6 | 2 | Length, 0 in the large form | |
/// | 8 | 4 | LargeOffset | 1.4 |
/// | 12 | 4 | LargeLength | 1.4 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetCertificate {
    /// `SlotID`.
    pub slot: SlotId,
    /// What is asked for.
    pub request: CertificateRequest,
    /// Size of the fields.
    pub form: CertificateForm,
    /// `Offset` or `LargeOffset` in bytes.
    pub offset: u32,
    /// `Length` or `LargeLength` in bytes: the largest portion wanted.
    pub length: u32,
}

impl<'a> Body<'a> for GetCertificate {
    const BODY_NAME: &'static str = "GET_CERTIFICATE";
    const BODY_CODE: Code = Code::GET_CERTIFICATE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let (slot, form) = CertificateForm::read_param1(r, header, cx)?;
        let size_bit = if cx.version >= SpdmVersion::V1_3 { SLOT_SIZE_REQUESTED } else { 0 };
        r.note_reserved(header.param2 & !size_bit);
        let request = match header.param2 & size_bit {
            0 => CertificateRequest::Portion,
            _ => CertificateRequest::SlotSize,
        };
        let (offset, length) = match form {
            CertificateForm::Normal => (r.u16("Offset")?.into(), r.u16("Length")?.into()),
            CertificateForm::Large => {
                r.reserved(4)?;
                (r.u32("LargeOffset")?, r.u32("LargeLength")?)
            }
        };
        Ok(Self { slot, request, form, offset, length })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        self.form.check(version)?;
        let size = match self.request {
            CertificateRequest::Portion => 0,
            CertificateRequest::SlotSize if version >= SpdmVersion::V1_3 => SLOT_SIZE_REQUESTED,
            CertificateRequest::SlotSize => {
                return Err(EncodeError::NotInVersion { field: "SlotSizeRequested" });
            }
        };
        Ok([self.slot.get() | self.form.bit(), size])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        self.form.write(w, [(self.offset, "Offset"), (self.length, "Length")])
    }
}

/// CERTIFICATE (DSP0274 §CERTIFICATE): a portion of a slot's chain.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: 3:0 SlotID, 7 LargeCertChain (1.4) | |
/// | 3 | 1 | Param2: 2:0 CertModel | 1.3 |
/// | 4 | 2 | PortionLength p, 0 in the large form | |
/// | 6 | 2 | RemainderLength, 0 in the large form | |
/// | 8 | 4 | LargePortionLength p | 1.4 |
/// | 12 | 4 | LargeRemainderLength | 1.4 |
/// | 8 or 16 | p | CertChain | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Certificate<'a> {
    /// `SlotID`.
    pub slot: SlotId,
    /// `CertModel`, from 1.3 on; else `None`.
    pub model: CertificateModel,
    /// Size of the fields.
    pub form: CertificateForm,
    /// The bytes of the chain.
    pub portion: &'a [u8],
    /// `RemainderLength`: bytes of the chain that follow this portion.
    pub remainder: u32,
}

impl<'a> Body<'a> for Certificate<'a> {
    const BODY_NAME: &'static str = "CERTIFICATE";
    const BODY_CODE: Code = Code::CERTIFICATE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let (slot, form) = CertificateForm::read_param1(r, header, cx)?;
        let bits = if cx.version >= SpdmVersion::V1_3 { 0x07 } else { 0 };
        r.note_reserved(header.param2 & !bits);
        let bits = header.param2 & bits;
        let model = CertificateModel::from_bits(bits)
            .ok_or_else(|| r.param2("CertModel").value(&CERT_MODEL, bits))?;
        let (portion, remainder): (u32, u32) = match form {
            CertificateForm::Normal => {
                (r.u16("PortionLength")?.into(), r.u16("RemainderLength")?.into())
            }
            CertificateForm::Large => {
                r.reserved(4)?;
                (r.u32("LargePortionLength")?, r.u32("LargeRemainderLength")?)
            }
        };
        let portion = r.bytes("CertChain", length(portion))?;
        Ok(Self { slot, model, form, portion, remainder })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        self.form.check(version)?;
        if version < SpdmVersion::V1_3 && self.model != CertificateModel::None {
            return Err(EncodeError::NotInVersion { field: "CertModel" });
        }
        Ok([self.slot.get() | self.form.bit(), self.model.to_byte()])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        let portion = u32::try_from(self.portion.len())
            .map_err(|_| EncodeError::TooLarge { field: "PortionLength" })?;
        self.form.write(w, [(portion, "PortionLength"), (self.remainder, "RemainderLength")])?;
        w.bytes(self.portion);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Certificate, CertificateForm, CertificateRequest, GetCertificate};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{CertificateModel, Cx, Message, SpdmVersion};
    use spdm_untrusted::Untrusted;

    #[test]
    fn normal_form() {
        for version in SpdmVersion::ALL {
            let cx = Cx::new(version);
            let v = version.to_byte();
            let bytes = [v, 0x82, 3, 0, 0x34, 0x12, 0xFF, 0xFF];
            let message: GetCertificate = round_trip(&bytes, &cx);
            assert_eq!((message.slot.get(), message.offset, message.length), (3, 0x1234, 0xFFFF));
            every_prefix_fails::<GetCertificate>(&bytes, &cx);
            let bytes = [v, 0x02, 3, 0, 2, 0, 5, 0, 0xAA, 0xBB];
            let message: Certificate<'_> = round_trip(&bytes, &cx);
            assert_eq!((message.portion, message.remainder), (&[0xAA, 0xBB][..], 5));
            every_prefix_fails::<Certificate<'_>>(&bytes, &cx);
            one_byte_more::<Certificate<'_>>(&[&bytes[..], &[0]].concat(), &cx);
            let bytes = [v, 0x02, 9, 0, 0, 0, 0, 0];
            expect_value::<Certificate<'_>>(&bytes, &cx, "SlotID", 2, 9);
        }
    }

    #[test]
    fn large_form_is_of_1_4() {
        let cx = Cx::new(SpdmVersion::V1_4);
        let bytes = [0x14, 0x82, 0x81, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF];
        let message: GetCertificate = round_trip(&bytes, &cx);
        assert_eq!((message.form, message.offset), (CertificateForm::Large, 0x1_0000));
        let bytes = [0x14, 0x02, 0x80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 7];
        let message: Certificate<'_> = round_trip(&bytes, &cx);
        assert_eq!((message.portion, message.remainder), (&[7][..], 0x1_0000));
        assert_eq!(message.model, CertificateModel::DeviceCert);
        every_prefix_fails::<Certificate<'_>>(&bytes, &cx);
        assert!(message.encode(SpdmVersion::V1_3, &mut [0; 32]).is_err());
        let normal = [0x13, 0x02, 0x80, 0, 0, 0, 0, 0];
        let cx = Cx::new(SpdmVersion::V1_3);
        let decoded = Certificate::decode(Untrusted::new(&normal), &cx).unwrap();
        assert!(decoded.reserved_nonzero());
        assert_eq!(decoded.message.form, CertificateForm::Normal);
    }

    #[test]
    fn size_request_and_model_are_of_1_3() {
        let cx = Cx::new(SpdmVersion::V1_3);
        let message: GetCertificate = round_trip(&[0x13, 0x82, 0, 1, 0, 0, 0, 0], &cx);
        assert_eq!(message.request, CertificateRequest::SlotSize);
        assert!(message.encode(SpdmVersion::V1_2, &mut [0; 32]).is_err());
        let bytes = [0x13, 0x02, 0, 4, 0, 0, 0, 0];
        expect_value::<Certificate<'_>>(&bytes, &cx, "CertModel", 3, 4);
    }
}
