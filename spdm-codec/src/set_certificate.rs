//! SET_CERTIFICATE and SET_CERTIFICATE_RSP.

use crate::code::Code;
use crate::cx::Cx;
use crate::digests::{CERT_MODEL, CertificateModel};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::slot::SlotId;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

const ERASE: u8 = 0x80;

/// What SET_CERTIFICATE does with the slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum SetCertificateOperation<'a> {
    /// Installs a certificate chain structure.
    Install(&'a [u8]),
    /// `Erase` (1.3): removes the chain.
    Erase,
}

/// SET_CERTIFICATE (DSP0274 1.2 §SET_CERTIFICATE).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: 3:0 SlotID; 6:4 SetCertModel, 7 Erase (1.3) | |
/// | 3 | 1 | Param2: KeyPairID | 1.3 |
/// | 4 | | CertChain, to the end of the message | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SetCertificate<'a> {
    /// `SlotID`.
    pub slot: SlotId,
    /// `SetCertModel` (1.3).
    pub model: CertificateModel,
    /// `KeyPairID` (1.3), 0 without a multi-key connection.
    pub key_pair_id: u8,
    /// Install or erase.
    pub operation: SetCertificateOperation<'a>,
}

fn read_slot<'a, 't, T: Trace<'a>>(
    r: &Reader<'a, 't, T>,
    header: Header,
) -> Result<SlotId, &'t DecodeError> {
    let slot = header.param1 & 0x0F;
    SlotId::new(slot).ok_or_else(|| r.param1("SlotID").value(&Expected::AtMost(7), slot))
}

impl<'a> Body<'a> for SetCertificate<'a> {
    const BODY_NAME: &'static str = "SET_CERTIFICATE";
    const BODY_CODE: Code = Code::SET_CERTIFICATE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let slot = read_slot(r, header)?;
        if cx.version < SpdmVersion::V1_3 {
            r.note_reserved(header.param1 & 0xF0 | header.param2);
            let operation = SetCertificateOperation::Install(r.rest("CertChain"));
            return Ok(Self { slot, model: CertificateModel::None, key_pair_id: 0, operation });
        }
        let bits = (header.param1 >> 4) & 7;
        let model = CertificateModel::from_bits(bits)
            .ok_or_else(|| r.param1("SetCertModel").value(&CERT_MODEL, bits))?;
        let operation = match header.param1 & ERASE {
            0 => SetCertificateOperation::Install(r.rest("CertChain")),
            _ => SetCertificateOperation::Erase,
        };
        Ok(Self { slot, model, key_pair_id: header.param2, operation })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let erase = match self.operation {
            SetCertificateOperation::Install(_) => 0,
            SetCertificateOperation::Erase => ERASE,
        };
        let attributes = self.model.to_byte() << 4 | erase;
        if version < SpdmVersion::V1_3 && (attributes != 0 || self.key_pair_id != 0) {
            return Err(EncodeError::NotInVersion { field: "SetCertModel" });
        }
        Ok([self.slot.get() | attributes, self.key_pair_id])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        if let SetCertificateOperation::Install(chain) = self.operation {
            w.bytes(chain);
        }
        Ok(())
    }
}

/// SET_CERTIFICATE_RSP (DSP0274 1.2 §SET_CERTIFICATE_RSP): header only.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: 3:0 SlotID |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SetCertificateRsp {
    /// `SlotID`.
    pub slot: SlotId,
}

impl<'a> Body<'a> for SetCertificateRsp {
    const BODY_NAME: &'static str = "SET_CERTIFICATE_RSP";
    const BODY_CODE: Code = Code::SET_CERTIFICATE_RSP;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 & 0xF0 | header.param2);
        Ok(Self { slot: read_slot(r, header)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.slot.get(), 0])
    }

    fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{SetCertificate, SetCertificateOperation, SetCertificateRsp};
    use crate::testing::{every_prefix_fails, expect_value, round_trip};
    use crate::{CertificateModel, Cx, Message, SpdmVersion};

    #[test]
    fn install_and_erase() {
        let cx = Cx::new(SpdmVersion::V1_3);
        let message: SetCertificate<'_> = round_trip(&[0x13, 0xEE, 0x21, 7, 1, 2], &cx);
        assert_eq!(message.model, CertificateModel::AliasCert);
        assert_eq!(message.operation, SetCertificateOperation::Install(&[1, 2]));
        let message: SetCertificate<'_> = round_trip(&[0x13, 0xEE, 0x83, 0], &cx);
        assert_eq!(message.operation, SetCertificateOperation::Erase);
        assert!(message.encode(SpdmVersion::V1_2, &mut [0; 8]).is_err());
        expect_value::<SetCertificate<'_>>(&[0x13, 0xEE, 0x40, 0], &cx, "SetCertModel", 2, 4);
        round_trip::<SetCertificate<'_>>(&[0x12, 0xEE, 1, 0, 9], &Cx::new(SpdmVersion::V1_2));
    }

    #[test]
    fn response_names_the_slot() {
        let cx = Cx::new(SpdmVersion::V1_2);
        let message: SetCertificateRsp = round_trip(&[0x12, 0x6E, 5, 0], &cx);
        assert_eq!(message.slot.get(), 5);
        every_prefix_fails::<SetCertificateRsp>(&[0x12, 0x6E, 5, 0], &cx);
        expect_value::<SetCertificateRsp>(&[0x12, 0x6E, 9, 0], &cx, "SlotID", 2, 9);
    }
}
