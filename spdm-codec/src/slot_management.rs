//! SLOT_MANAGEMENT and SLOT_MANAGEMENT_RESP (1.4). Experimental: no released source for the layouts was at
//! hand, so the structures are parsed by their declared lengths only.

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

/// `SlotAddress`: which slot of which bank a request is about.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | ReqLength: 8 |
/// | 2 | 1 | BankID |
/// | 3 | 1 | SlotID |
/// | 4 | 4 | Reserved |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotAddress {
    /// `BankID`, 0 to 239.
    pub bank_id: u8,
    /// `SlotID`.
    pub slot_id: u8,
}

impl SlotAddress {
    const LEN: u16 = 8;

    /// Reads the address at the start of a structure.
    ///
    /// # Errors
    /// [`DecodeError`] where the structure is too short or says another length.
    pub fn decode(structure: Untrusted<&[u8]>) -> Result<Self, DecodeError> {
        structure.validate_with(|raw| {
            read_from("SlotAddress", raw, NoTrace, |r| {
                let at = r.mark("ReqLength");
                let len = r.u16("ReqLength")?;
                if len != Self::LEN {
                    return Err(at.value(&Expected::Exactly(Self::LEN.into()), len));
                }
                let address = Self { bank_id: r.u8("BankID")?, slot_id: r.u8("SlotID")? };
                r.reserved(4)?;
                Ok(address)
            })
        })
    }

    /// The eight bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 8] {
        let [low, high] = Self::LEN.to_le_bytes();
        [low, high, self.bank_id, self.slot_id, 0, 0, 0, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::{SlotAddress, SlotManagement, SlotManagementResp};
    use crate::testing::{expect_value, round_trip};
    use crate::{Cx, SpdmVersion};
    use spdm_untrusted::Untrusted;

    #[test]
    fn structures_by_their_offset() {
        let cx = Cx::new(SpdmVersion::V1_4);
        round_trip::<SlotManagement<'_>>(&[0x14, 0x88, 0, 0, 0, 0, 0, 0], &cx);
        let address = SlotAddress { bank_id: 3, slot_id: 1 };
        let bytes = [&[0x14, 0x88, 2, 0, 8, 0, 0, 0][..], &address.to_bytes()].concat();
        let message: SlotManagement<'_> = round_trip(&bytes, &cx);
        let structure = message.0.structure.unwrap();
        assert_eq!(SlotAddress::decode(Untrusted::new(structure)), Ok(address));
        let bytes = [0x14, 0x08, 1, 0, 10, 0, 0, 0, 0xAA, 0xBB, 4, 0, 0, 0];
        let message: SlotManagementResp<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.0.gap, [0xAA, 0xBB]);
        let bytes = [0x14, 0x08, 1, 0, 7, 0, 0, 0];
        expect_value::<SlotManagementResp<'_>>(&bytes, &cx, "MgmtStructOffset", 4, 7);
    }
}
