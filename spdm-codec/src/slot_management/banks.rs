//! BankInfo of SLOT_MANAGEMENT_RESP: which banks there are.

use spdm_untrusted::Untrusted;

use super::read_stated;
use super::requests::MAX_BANK_ID;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::{Reader, next_of};
use crate::slot::SlotMask;
use crate::trace::Trace;
use crate::writer::Writer;

/// Banks count from 0.
const MOST_BANKS: u8 = MAX_BANK_ID + 1;

/// BankInfo: which banks there are.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | RespLength |
/// | 2 | 2 | Reserved |
/// | 4 | 1 | NumBankElements n |
/// | 5 | 3 | Reserved |
/// | 8 | | n times [`BankElement`] |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BankInfo<'a> {
    count: u8,
    elements: &'a [u8],
}

/// A bank.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | ElementLength: 4 |
/// | 1 | 1 | BankID |
/// | 2 | 1 | SlotMask |
/// | 3 | 1 | ModifiableSlotMask |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct BankElement {
    /// `BankID`; banks count from 0.
    pub bank_id: u8,
    /// The slots that the bank has.
    pub slots: SlotMask,
    /// Those of them that can be changed.
    pub modifiable: SlotMask,
}

impl BankElement {
    /// Bytes that a Responder of this version writes.
    pub const LEN: usize = 4;
    const LEAST: u8 = 4;

    fn read<'a, 't, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let at = r.mark("ElementLength");
        let len = r.u8("ElementLength")?;
        let Some(rest) = len.checked_sub(1).filter(|_| len >= Self::LEAST) else {
            return Err(at.value(&Expected::AtLeast(Self::LEAST.into()), len));
        };
        r.within("ElementLength", rest.into(), |r| {
            let bank_id = r.u8("BankID")?;
            let slots = SlotMask(r.u8("SlotMask")?);
            Ok(Self { bank_id, slots, modifiable: SlotMask(r.u8("ModifiableSlotMask")?) })
        })
    }

    /// The four bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; Self::LEN] {
        [Self::LEAST, self.bank_id, self.slots.0, self.modifiable.0]
    }
}

impl<'a> BankInfo<'a> {
    /// These elements, each as [`BankElement::to_bytes`] writes it.
    #[must_use]
    pub const fn new(count: u8, elements: &'a [u8]) -> Self {
        Self { count, elements }
    }

    /// Reads the structure and each of its elements.
    ///
    /// # Errors
    /// [`DecodeError`], also where banks do not count from 0, or where a length or the count lies.
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_stated("BankInfo", structure, cx, |r| {
            r.reserved(2)?;
            let at = r.mark("NumBankElements");
            let count = r.u8("NumBankElements")?;
            if count > MOST_BANKS {
                return Err(at.value(&Expected::Range(0, MOST_BANKS.into()), count));
            }
            r.reserved(3)?;
            let elements = r.remaining();
            for expected in 0..count {
                let at = r.mark("BankID").plus(1);
                let element = BankElement::read(r)?;
                if element.bank_id != expected {
                    return Err(at.value(&Expected::Exactly(expected.into()), element.bank_id));
                }
            }
            r.finish(0)?;
            Ok(Self { count, elements })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.len16(self.elements.len().saturating_add(8), "RespLength")?;
        w.zeros(2);
        w.bytes(&[self.count, 0, 0, 0]);
        w.bytes(self.elements);
        w.finish()
    }

    /// The banks.
    #[must_use]
    pub const fn iter(&self) -> BankElements<'a> {
        BankElements { rest: self.elements }
    }
}

impl<'a> IntoIterator for &BankInfo<'a> {
    type Item = BankElement;
    type IntoIter = BankElements<'a>;

    fn into_iter(self) -> BankElements<'a> {
        self.iter()
    }
}

/// The banks of a [`BankInfo`].
#[derive(Clone, Debug)]
pub struct BankElements<'a> {
    rest: &'a [u8],
}

impl Iterator for BankElements<'_> {
    type Item = BankElement;

    fn next(&mut self) -> Option<BankElement> {
        next_of("BankInfo", &mut self.rest, BankElement::read)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{BankElement, BankInfo};
    use crate::{Cx, DecodeError, SlotMask, SpdmVersion, Untrusted};

    const CX: Cx = Cx::new(SpdmVersion::V1_4).with_hash_len(4);

    fn field<T>(result: Result<T, DecodeError>) -> (&'static str, usize) {
        let error = result.err().unwrap();
        (error.field, error.at)
    }

    fn banks() -> [u8; 16] {
        let bank = |bank_id, slots| BankElement {
            bank_id,
            slots: SlotMask(slots),
            modifiable: SlotMask(slots),
        };
        let elements = [bank(0, 3), bank(1, 1)].map(|bank| bank.to_bytes());
        let mut out = [0xEE; 16];
        assert_eq!(BankInfo::new(2, elements.as_flattened()).encode(&mut out), Ok(16));
        out
    }

    #[test]
    fn p30_banks() {
        let good = banks();
        let info = BankInfo::decode(Untrusted::new(&good), &CX).unwrap();
        let banks: Vec<_> = info.iter().map(|bank| (bank.bank_id, bank.slots.0)).collect();
        assert_eq!(banks, [(0, 3), (1, 1)]);
        let changed = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            field(BankInfo::decode(Untrusted::new(&bytes), &CX))
        };
        // ElementLength: none, too short, past the end.
        for len in [0, 1, 3] {
            assert_eq!(changed(8, len), ("ElementLength", 8));
        }
        assert_eq!(changed(12, 5), ("ElementLength", 13));
        assert_eq!(changed(8, 255), ("ElementLength", 9));
        // NumBankElements.
        assert_eq!(changed(4, 0), ("end of message", 8));
        assert_eq!(changed(4, 1), ("end of message", 12));
        assert_eq!(changed(4, 3).0, "ElementLength");
        assert_eq!(changed(4, 255), ("NumBankElements", 4));
        // BankID.
        assert_eq!(changed(9, 1), ("BankID", 9));
        assert_eq!(changed(13, 0), ("BankID", 13));
        assert_eq!(changed(13, 240), ("BankID", 13));
        for len in 0..good.len() {
            assert!(BankInfo::decode(Untrusted::new(&good[..len]), &CX).is_err());
        }
        // An element of a later version is longer.
        let longer = [13, 0, 0, 0, 1, 0, 0, 0, 5, 0, 1, 1, 0xAA];
        let info = BankInfo::decode(Untrusted::new(&longer), &CX).unwrap();
        assert_eq!(info.into_iter().count(), 1);
    }
}
