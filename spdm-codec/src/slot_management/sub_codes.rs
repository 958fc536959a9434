//! SupportedSubCodes of SLOT_MANAGEMENT_RESP.

use spdm_untrusted::Untrusted;

use super::{SlotManagementSubCode, read_stated};
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::writer::Writer;

/// SupportedSubCodes: what a Responder takes.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | RespLength: 36 |
/// | 2 | 2 | Reserved |
/// | 4 | 8 | SubCode n: bit n mod 8 of byte n / 8 |
/// | 12 | 24 | Reserved |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SlotSubCodes([u8; 8]);

impl SlotSubCodes {
    const LEN: u16 = 36;

    /// These, and one more. Sub codes above 63 have no bit.
    #[must_use]
    pub const fn with(self, sub_code: SlotManagementSubCode) -> Self {
        let mask = match sub_code.0 {
            0..64 => 1_u64 << sub_code.0,
            _ => 0,
        };
        Self((u64::from_le_bytes(self.0) | mask).to_le_bytes())
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, sub_code: SlotManagementSubCode) -> bool {
        sub_code.0 < 64 && u64::from_le_bytes(self.0) >> sub_code.0 & 1 == 1
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = SlotManagementSubCode> {
        (0..64).map(SlotManagementSubCode).filter(move |sub_code| self.contains(*sub_code))
    }

    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(structure: Untrusted<&[u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_stated("SupportedSubCodes", structure, cx, |r| {
            r.reserved(2)?;
            let bitmap = *r.array("SubCodes")?;
            r.rest("Reserved");
            Ok(Self(bitmap))
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.u16(Self::LEN);
        w.zeros(2);
        w.bytes(&self.0);
        w.zeros(24);
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{SlotManagementSubCode, SlotSubCodes};
    use crate::{Cx, DecodeError, SpdmVersion, Untrusted};

    const CX: Cx = Cx::new(SpdmVersion::V1_4).with_hash_len(4);

    fn field<T>(result: Result<T, DecodeError>) -> (&'static str, usize) {
        let error = result.err().unwrap();
        (error.field, error.at)
    }

    #[test]
    fn p30_sub_codes() {
        let (reset, set) = (SlotManagementSubCode(5), SlotManagementSubCode::SET_CERTIFICATE);
        let codes = SlotSubCodes::default().with(SlotManagementSubCode(0)).with(set);
        let codes = codes.with(SlotManagementSubCode(64)).with(SlotManagementSubCode(255));
        let mut out = [0xEE; 36];
        assert_eq!(codes.encode(&mut out), Ok(36));
        assert_eq!(out[..12], [36, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0]);
        let read = SlotSubCodes::decode(Untrusted::new(&out), &CX).unwrap();
        assert_eq!(read, codes);
        assert!(read.contains(set) && !read.contains(reset));
        assert!(!read.contains(SlotManagementSubCode(64)));
        assert!(!read.contains(SlotManagementSubCode(128)));
        assert_eq!(read.iter().map(|code| code.0).collect::<Vec<_>>(), [0, 0x22]);
        for (stated, wrong) in [(0, "RespLength"), (1, "RespLength"), (11, "SubCodes")] {
            out[0] = stated;
            assert_eq!(field(SlotSubCodes::decode(Untrusted::new(&out), &CX)).0, wrong);
        }
        for stated in [37, 0xFF] {
            out[0] = stated;
            let result = SlotSubCodes::decode(Untrusted::new(&out), &CX);
            assert_eq!(field(result), ("RespLength", 2));
        }
        // A later version may have less reserved.
        out[0] = 12;
        assert!(SlotSubCodes::decode(Untrusted::new(&out[..12]), &CX).is_ok());
        assert!(SlotSubCodes::decode(Untrusted::new(&out), &CX).is_err());
    }
}
