//! KEY_UPDATE and KEY_UPDATE_ACK.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// `KeyOperation`: Param1 of KEY_UPDATE and KEY_UPDATE_ACK.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum KeyOperation {
    /// 1: `UpdateKey`, of the sender's direction.
    UpdateKey,
    /// 2: `UpdateAllKeys`, of both directions.
    UpdateAllKeys,
    /// 3: `VerifyNewKey`.
    VerifyNewKey,
}

impl KeyOperation {
    /// The value of the field.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::UpdateKey => 1,
            Self::UpdateAllKeys => 2,
            Self::VerifyNewKey => 3,
        }
    }

    fn read<'a, 't, T: Trace<'a>>(
        r: &Reader<'a, 't, T>,
        header: Header,
    ) -> Result<Self, &'t DecodeError> {
        match header.param1 {
            1 => Ok(Self::UpdateKey),
            2 => Ok(Self::UpdateAllKeys),
            3 => Ok(Self::VerifyNewKey),
            other => Err(r.param1("KeyOperation").value(&Expected::Range(1, 3), other)),
        }
    }
}

/// KEY_UPDATE (DSP0274 1.1 §KEY_UPDATE): header only, inside a session.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: KeyOperation |
/// | 3 | 1 | Param2: Tag |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyUpdate {
    /// `KeyOperation`.
    pub operation: KeyOperation,
    /// `Tag`.
    pub tag: u8,
}

/// KEY_UPDATE_ACK (DSP0274 1.1 §KEY_UPDATE_ACK): header only, inside a session; echoes both parameters.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: KeyOperation |
/// | 3 | 1 | Param2: Tag |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyUpdateAck {
    /// `KeyOperation`.
    pub operation: KeyOperation,
    /// `Tag`.
    pub tag: u8,
}

impl<'a> Body<'a> for KeyUpdate {
    const BODY_NAME: &'static str = "KEY_UPDATE";
    const BODY_CODE: Code = Code::KEY_UPDATE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        Ok(Self { operation: KeyOperation::read(r, header)?, tag: header.param2 })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.operation.to_byte(), self.tag])
    }

    fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<'a> Body<'a> for KeyUpdateAck {
    const BODY_NAME: &'static str = "KEY_UPDATE_ACK";
    const BODY_CODE: Code = Code::KEY_UPDATE_ACK;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        Ok(Self { operation: KeyOperation::read(r, header)?, tag: header.param2 })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.operation.to_byte(), self.tag])
    }

    fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyOperation, KeyUpdate, KeyUpdateAck};
    use crate::testing::{every_prefix_fails, expect_value, round_trip};
    use crate::{Cx, SpdmVersion};

    #[test]
    fn operations() {
        let cx = Cx::new(SpdmVersion::V1_2);
        for operation in
            [KeyOperation::UpdateKey, KeyOperation::UpdateAllKeys, KeyOperation::VerifyNewKey]
        {
            let bytes = [0x12, 0xE9, operation.to_byte(), 7];
            let message: KeyUpdate = round_trip(&bytes, &cx);
            assert_eq!(message, KeyUpdate { operation, tag: 7 });
            every_prefix_fails::<KeyUpdate>(&bytes, &cx);
            let bytes = [0x12, 0x69, operation.to_byte(), 7];
            round_trip::<KeyUpdateAck>(&bytes, &cx);
        }
        for wrong in [0, 4, 255] {
            expect_value::<KeyUpdate>(
                &[0x12, 0xE9, wrong, 0],
                &cx,
                "KeyOperation",
                2,
                wrong.into(),
            );
        }
    }
}
