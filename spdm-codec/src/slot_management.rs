//! SLOT_MANAGEMENT and SLOT_MANAGEMENT_RESP (1.4). Experimental, and what this folder holds is all of it: no released
//! source for the layouts was at hand, and no recording. They come from definitions and reviews of changes that others
//! have not published yet, so the structures are parsed by their declared lengths.

mod bank_details;
mod banks;
mod requests;
mod slot_bytes;
mod sub_codes;

use spdm_untrusted::Untrusted;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::{Reader, read_from};
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Trace};
use crate::writer::Writer;

pub use bank_details::{
    BankAttributes, BankDetails, KeyAlgorithms, SlotAttributes, SlotElement, SlotElements,
};
pub use banks::{BankElement, BankElements, BankInfo};
pub use requests::{
    MAX_BANK_ID, ManageBank, ManageSlot, SlotAddress, SlotCertificate, SlotCsrRequest,
};
pub use slot_bytes::SlotBytes;
pub use sub_codes::SlotSubCodes;

/// `SubCode`: Param1 of both messages. Unknown values survive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with names")]
pub struct SlotManagementSubCode(pub u8);

impl SlotManagementSubCode {
    /// Which sub codes there are.
    pub const SUPPORTED_SUB_CODES: Self = Self(0x00);
    /// Which banks there are.
    pub const GET_BANK_INFO: Self = Self(0x01);
    /// The slots of a bank.
    pub const GET_BANK_DETAILS: Self = Self(0x02);
    /// The chain of a slot.
    pub const GET_CERTIFICATE_CHAIN: Self = Self(0x03);
    /// A certificate signing request.
    pub const GET_CSR: Self = Self(0x04);
    /// Selects or configures a bank.
    pub const MANAGE_BANK: Self = Self(0x20);
    /// Erases a slot.
    pub const MANAGE_SLOT: Self = Self(0x21);
    /// Installs a chain.
    pub const SET_CERTIFICATE: Self = Self(0x22);
}

/// `MgmtStructOffset` counts from the first byte of the message; the structure follows the header.
const STRUCT_OFFSET: u16 = 8;

/// The body that both messages share (DSP0274 1.4 §SLOT_MANAGEMENT).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: SubCode |
/// | 4 | 2 | MgmtStructOffset: 0 without a structure, else 8 or more |
/// | 6 | 2 | Reserved |
/// | 8 | | structure of the sub code, to the end of the message |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotManagementBody<'a> {
    /// `SubCode`.
    pub sub_code: SlotManagementSubCode,
    /// Bytes between the header and the structure, where a Responder leaves some.
    pub gap: &'a [u8],
    /// The structure, transport padding included: its own length says where it ends.
    pub structure: Option<&'a [u8]>,
}

impl<'a> SlotManagementBody<'a> {
    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let sub_code = SlotManagementSubCode(header.param1);
        let at = r.mark("MgmtStructOffset");
        let offset = r.u16("MgmtStructOffset")?;
        r.reserved(2)?;
        if offset == 0 {
            return Ok(Self { sub_code, gap: &[], structure: None });
        }
        let gap = offset
            .checked_sub(STRUCT_OFFSET)
            .ok_or_else(|| at.value(&Expected::AtLeast(STRUCT_OFFSET.into()), offset))?;
        let gap = r.bytes("gap", gap.into())?;
        Ok(Self { sub_code, gap, structure: Some(r.rest("MgmtStruct")) })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let Some(structure) = self.structure else {
            w.zeros(4);
            return Ok(());
        };
        let field = "MgmtStructOffset";
        w.len16(self.gap.len().saturating_add(STRUCT_OFFSET.into()), field)?;
        w.zeros(2);
        w.bytes(self.gap);
        w.bytes(structure);
        Ok(())
    }
}

/// SLOT_MANAGEMENT (DSP0274 1.4 §SLOT_MANAGEMENT).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotManagement<'a>(pub SlotManagementBody<'a>);

/// SLOT_MANAGEMENT_RESP (DSP0274 1.4 §SLOT_MANAGEMENT_RESP).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotManagementResp<'a>(pub SlotManagementBody<'a>);

impl<'a> Body<'a> for SlotManagement<'a> {
    const BODY_NAME: &'static str = "SLOT_MANAGEMENT";
    const BODY_CODE: Code = Code::SLOT_MANAGEMENT;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        SlotManagementBody::read(r, header).map(Self)
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.0.sub_code.0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        self.0.write(w)
    }
}

impl<'a> Body<'a> for SlotManagementResp<'a> {
    const BODY_NAME: &'static str = "SLOT_MANAGEMENT_RESP";
    const BODY_CODE: Code = Code::SLOT_MANAGEMENT_RESP;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        SlotManagementBody::read(r, header).map(Self)
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.0.sub_code.0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        self.0.write(w)
    }
}

/// Reads a structure that begins with `RespLength`, which counts from its first byte, and what a transport has appended.
fn read_stated<'a, R>(
    name: &'static str,
    structure: Untrusted<&'a [u8]>,
    cx: &Cx,
    read: impl for<'t> FnOnce(&mut Reader<'a, 't, NoTrace>) -> Result<R, &'t DecodeError>,
) -> Result<R, DecodeError> {
    structure.validate_with(|raw| {
        read_from(name, raw, NoTrace, |r| {
            let at = r.mark("RespLength");
            let len = r.u16("RespLength")?;
            let Some(rest) = len.checked_sub(2) else {
                return Err(at.value(&Expected::AtLeast(2), len));
            };
            let value = r.within("RespLength", rest.into(), read)?;
            r.finish(cx.padding)?;
            Ok(value)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{SlotAddress, SlotManagement, SlotManagementResp};
    use crate::testing::{expect_value, round_trip};
    use crate::{Cx, Message as _, SlotId, SpdmVersion};
    use spdm_untrusted::Untrusted;

    #[test]
    fn p30_structures_by_their_offset() {
        let cx = Cx::new(SpdmVersion::V1_4);
        round_trip::<SlotManagement<'_>>(&[0x14, 0x88, 0, 0, 0, 0, 0, 0], &cx);
        let address = SlotAddress { bank_id: 3, slot: SlotId::new(1).unwrap() };
        let bytes = [&[0x14, 0x88, 2, 0, 8, 0, 0, 0][..], &address.to_bytes()].concat();
        let message: SlotManagement<'_> = round_trip(&bytes, &cx);
        let structure = message.0.structure.unwrap();
        assert_eq!(SlotAddress::decode(Untrusted::new(structure), &cx), Ok(address));
        let bytes = [0x14, 0x08, 1, 0, 10, 0, 0, 0, 0xAA, 0xBB, 4, 0, 0, 0];
        let message: SlotManagementResp<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.0.gap, [0xAA, 0xBB]);
        for offset in 1..8 {
            let bytes = [0x14, 0x08, 1, 0, offset, 0, 0, 0];
            let got = offset.into();
            expect_value::<SlotManagementResp<'_>>(&bytes, &cx, "MgmtStructOffset", 4, got);
        }
        let past_the_end = [0x14, 0x08, 1, 0, 9, 0, 0, 0];
        let error = SlotManagementResp::decode(Untrusted::new(&past_the_end), &cx).unwrap_err();
        assert_eq!((error.field, error.at), ("gap", 8));
    }
}
