//! What a Responder says of its banks and slots: the structures of SLOT_MANAGEMENT_RESP.

use bitflags::bitflags;
use spdm_untrusted::Untrusted;

use super::SlotManagementSubCode;
use super::requests::MAX_BANK_ID;
use crate::cx::Cx;
use crate::digests::KeyUsage;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::key_pair_info::{KeyPairAsymAlgo, SizedPqcAsymAlgo};
use crate::reader::{Reader, length, next_of, read_from};
use crate::slot::{SlotId, SlotMask};
use crate::trace::{NoTrace, Trace};
use crate::writer::Writer;

/// Banks count from 0.
const MOST_BANKS: u8 = MAX_BANK_ID + 1;

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

bitflags! {
    /// `BankAttributes`. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct BankAttributes: u8 {
        /// It is the bank that GET_DIGESTS tells of on this connection.
        const SELECTED = 1 << 0;
        /// ManageBank can choose its algorithm.
        const CONFIG_ALGO = 1 << 1;
        const _ = !0;
    }
}

bitflags! {
    /// `SlotAttributes`. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct SlotAttributes: u8 {
        /// It has a chain.
        const PROVISIONED = 1 << 0;
        /// It cannot be changed.
        const WRITE_PROTECTED = 1 << 1;
        const _ = !0;
    }
}

/// Algorithms of keys, as KEY_PAIR_INFO names them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyAlgorithms<'a> {
    /// The classical ones.
    pub asym: KeyPairAsymAlgo,
    /// The post-quantum ones.
    pub pqc: SizedPqcAsymAlgo<'a>,
}

/// BankDetails: a bank and its slots.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | RespLength |
/// | 2 | 1 | BankID |
/// | 3 | 1 | Reserved |
/// | 4 | 2 | NumSlotElements n |
/// | 6 | 1 | BankAttributes |
/// | 7 | 1 | Reserved |
/// | 8 | 4 | AsymAlgoCapabilities |
/// | 12 | 4 | CurrentAsymAlgo |
/// | 16 | 4 | AvailableAsymAlgo |
/// | 20 | 1+m, three times | length and value of the post-quantum capabilities, current and available ones |
/// | +0 | 4 | Reserved |
/// | +4 | | n times [`SlotElement`] |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct BankDetails<'a> {
    /// `BankID`.
    pub bank_id: u8,
    /// `BankAttributes`.
    pub attributes: BankAttributes,
    /// What its algorithm may be.
    pub capabilities: KeyAlgorithms<'a>,
    /// What it is.
    pub current: KeyAlgorithms<'a>,
    /// What it may be as other banks are now.
    pub available: KeyAlgorithms<'a>,
    /// Its slots.
    pub slots: SlotElements<'a>,
}

/// The slots of a bank, each as [`SlotElement::encode`] writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotElements<'a> {
    /// How many.
    pub count: u16,
    /// The elements.
    pub bytes: &'a [u8],
    /// Bytes of a digest.
    pub hash_len: usize,
}

impl<'a> Iterator for SlotElements<'a> {
    type Item = SlotElement<'a>;

    fn next(&mut self) -> Option<SlotElement<'a>> {
        let hash_len = self.hash_len;
        next_of("BankDetails", &mut self.bytes, |r| SlotElement::read(r, hash_len))
    }
}

/// A slot of a bank.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | ElementLength: 16 + h |
/// | 2 | 1 | SlotID |
/// | 3 | 1 | Reserved |
/// | 4 | 1 | SlotAttributes |
/// | 5 | 1 | KeyPairID |
/// | 6 | 1 | CertificateInfo |
/// | 7 | 1 | Reserved |
/// | 8 | 2 | KeyUsage |
/// | 10 | 2 | Reserved |
/// | 12 | 4 | SlotSize |
/// | 16 | h | Digest |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotElement<'a> {
    /// `SlotID`.
    pub slot: SlotId,
    /// `SlotAttributes`.
    pub attributes: SlotAttributes,
    /// `KeyPairID`, 0 for none.
    pub key_pair_id: u8,
    /// `CertificateInfo`, as in DIGESTS.
    pub certificate_info: u8,
    /// `KeyUsage`.
    pub usage: KeyUsage,
    /// `SlotSize`: bytes that a chain may have.
    pub size: u32,
    /// The digest of the chain; zeros for an empty slot.
    pub digest: &'a [u8],
}

impl<'a> SlotElement<'a> {
    const FIXED: u16 = 16;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        hash_len: usize,
    ) -> Result<Self, &'t DecodeError> {
        let at = r.mark("ElementLength");
        let len = r.u16("ElementLength")?;
        let Some(rest) = len.checked_sub(2).filter(|_| len >= Self::FIXED) else {
            return Err(at.value(&Expected::AtLeast(Self::FIXED.into()), len));
        };
        r.within("ElementLength", rest.into(), |r| {
            let at = r.mark("SlotID");
            let slot = r.u8("SlotID")?;
            let slot = SlotId::new(slot).ok_or_else(|| at.value(&Expected::Range(0, 7), slot))?;
            r.reserved(1)?;
            let attributes = SlotAttributes::from_bits_retain(r.u8("SlotAttributes")?);
            let key_pair_id = r.u8("KeyPairID")?;
            let certificate_info = r.u8("CertificateInfo")?;
            r.reserved(1)?;
            let usage = KeyUsage::from_bits_retain(r.u16("KeyUsage")?);
            r.reserved(2)?;
            let size = r.u32("SlotSize")?;
            let digest = r.bytes("Digest", hash_len)?;
            Ok(Self { slot, attributes, key_pair_id, certificate_info, usage, size, digest })
        })
    }

    /// Writes the element: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        let len = self.digest.len().saturating_add(Self::FIXED.into());
        w.len16(len, "ElementLength")?;
        w.bytes(&[self.slot.get(), 0, self.attributes.bits(), self.key_pair_id]);
        w.bytes(&[self.certificate_info, 0]);
        w.u16(self.usage.bits());
        w.zeros(2);
        w.u32(self.size);
        w.bytes(self.digest);
        w.finish()
    }
}

impl<'a> BankDetails<'a> {
    /// Reads the structure and each of its slots.
    ///
    /// # Errors
    /// [`DecodeError`], also where the slots are not in ascending order, or where a length or the count lies.
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        let hash_len = cx.hash_len;
        read_stated("BankDetails", structure, cx, |r| {
            let at = r.mark("BankID");
            let bank_id = r.u8("BankID")?;
            if bank_id > MAX_BANK_ID {
                return Err(at.value(&Expected::Range(0, MAX_BANK_ID.into()), bank_id));
            }
            r.reserved(1)?;
            let count = r.u16("NumSlotElements")?;
            let attributes = BankAttributes::from_bits_retain(r.u8("BankAttributes")?);
            r.reserved(1)?;
            let classical = [
                r.u32("AsymAlgoCapabilities")?,
                r.u32("CurrentAsymAlgo")?,
                r.u32("AvailableAsymAlgo")?,
            ];
            let post_quantum = [
                SizedPqcAsymAlgo::read(r, ["PqcAsymAlgoCapLen", "PqcAsymAlgoCapabilities"])?,
                SizedPqcAsymAlgo::read(r, ["CurrentPqcAsymAlgoLen", "CurrentPqcAsymAlgo"])?,
                SizedPqcAsymAlgo::read(r, ["AvailablePqcAsymAlgoLen", "AvailablePqcAsymAlgo"])?,
            ];
            r.reserved(4)?;
            let bytes = r.remaining();
            let mut least = 0;
            for _ in 0..count {
                let at = r.mark("SlotID").plus(2);
                let slot = SlotElement::read(r, hash_len)?.slot.get();
                if slot < least {
                    return Err(at.value(&Expected::AtLeast(least.into()), slot));
                }
                least = slot.saturating_add(1);
            }
            r.finish(0)?;
            let [asym, current_asym, available_asym] =
                classical.map(KeyPairAsymAlgo::from_bits_retain);
            let [pqc, current_pqc, available_pqc] = post_quantum;
            Ok(Self {
                bank_id,
                attributes,
                capabilities: KeyAlgorithms { asym, pqc },
                current: KeyAlgorithms { asym: current_asym, pqc: current_pqc },
                available: KeyAlgorithms { asym: available_asym, pqc: available_pqc },
                slots: SlotElements { count, bytes, hash_len },
            })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let algorithms = [self.capabilities, self.current, self.available];
        let mut w = Writer::new(out);
        w.zeros(2);
        w.bytes(&[self.bank_id, 0]);
        w.u16(self.slots.count);
        w.bytes(&[self.attributes.bits(), 0]);
        for algorithm in &algorithms {
            w.u32(algorithm.asym.bits());
        }
        for algorithm in &algorithms {
            algorithm.pqc.write(&mut w, "PqcAsymAlgoCapLen")?;
        }
        w.zeros(4);
        w.bytes(self.slots.bytes);
        let len = w.finish()?;
        w.patch16(0, len, "RespLength")?;
        Ok(len)
    }
}

/// GetCertificateChain and GetCSR: bytes behind their length.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | CCLength or CSRLength n, not 0 |
/// | 4 | 4 | Reserved |
/// | 8 | n | the chain structure, or the request |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotBytes<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> SlotBytes<'a> {
    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        structure.validate_with(|raw| {
            read_from("SLOT_MANAGEMENT_RESP", raw, NoTrace, |r| {
                let at = r.mark("Length");
                let len = r.u32("Length")?;
                if len == 0 {
                    return Err(at.value(&Expected::AtLeast(1), len));
                }
                r.reserved(4)?;
                let bytes = r.bytes("CertificateChain or CSR", length(len))?;
                r.finish(cx.padding)?;
                Ok(Self { bytes })
            })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        let len = u32::try_from(self.bytes.len());
        w.u32(len.map_err(|_| EncodeError::TooLarge { field: "Length" })?);
        w.zeros(4);
        w.bytes(self.bytes);
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{
        BankAttributes, BankDetails, BankElement, BankInfo, KeyAlgorithms, SlotAttributes,
        SlotBytes, SlotElement, SlotElements, SlotManagementSubCode, SlotSubCodes,
    };
    use crate::{
        Cx, DecodeError, KeyPairAsymAlgo, KeyUsage, SizedPqcAsymAlgo, SlotId, SlotMask,
        SpdmVersion, Untrusted,
    };

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

    #[test]
    fn p30_a_bank_and_its_slots() {
        let slot = |slot| SlotElement {
            slot: SlotId::new(slot).unwrap(),
            attributes: SlotAttributes::PROVISIONED,
            key_pair_id: 1,
            certificate_info: 1,
            usage: KeyUsage::CHALLENGE,
            size: 0x1_0000,
            digest: &[1, 2, 3, 4],
        };
        let mut elements = [0; 40];
        let (first, second) = elements.split_at_mut(20);
        assert_eq!((slot(0).encode(first), slot(3).encode(second)), (Ok(20), Ok(20)));
        let algorithms = KeyAlgorithms {
            asym: KeyPairAsymAlgo::ECC_256,
            pqc: SizedPqcAsymAlgo { bytes: &[1, 0, 0, 0] },
        };
        let details = BankDetails {
            bank_id: 1,
            attributes: BankAttributes::SELECTED,
            capabilities: algorithms,
            current: algorithms,
            available: algorithms,
            slots: SlotElements { count: 2, bytes: &elements, hash_len: 4 },
        };
        let mut out = [0xEE; 79];
        assert_eq!(details.encode(&mut out), Ok(79));
        assert_eq!(out[..8], [79, 0, 1, 0, 2, 0, 1, 0]);
        assert_eq!(BankDetails::decode(Untrusted::new(&out), &CX), Ok(details));
        assert_eq!(details.slots.map(|slot| slot.slot.get()).collect::<Vec<_>>(), [0, 3]);
        let good = out;
        let changed = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            field(BankDetails::decode(Untrusted::new(&bytes), &CX))
        };
        // ElementLength 0 would never end.
        for len in [0, 1, 15] {
            assert_eq!(changed(39, len), ("ElementLength", 39));
        }
        assert_eq!(changed(39, 16), ("Digest", 55));
        assert_eq!(changed(39, 255), ("ElementLength", 41));
        assert_eq!(changed(40, 255), ("ElementLength", 41));
        // The second is the first one again, or there is no such slot.
        assert_eq!(changed(61, 0), ("SlotID", 61));
        assert_eq!(changed(61, 8), ("SlotID", 61));
        for count in [0, 1] {
            assert_eq!(changed(4, count).0, "end of message");
        }
        assert_eq!(changed(4, 3).0, "ElementLength");
        assert_eq!(changed(5, 255).0, "ElementLength");
        assert_eq!(changed(2, 240), ("BankID", 2));
        for (at, wrong) in [
            (20, "PqcAsymAlgoCapabilities"),
            (25, "CurrentPqcAsymAlgo"),
            (30, "AvailablePqcAsymAlgo"),
        ] {
            assert_eq!(changed(at, 255).0, wrong);
        }
        for len in 0..good.len() {
            assert!(BankDetails::decode(Untrusted::new(&good[..len]), &CX).is_err());
        }
    }

    #[test]
    fn p30_bytes_behind_their_length() {
        let mut out = [0xEE; 11];
        assert_eq!(SlotBytes { bytes: &[1, 2, 3] }.encode(&mut out), Ok(11));
        assert_eq!(SlotBytes::decode(Untrusted::new(&out), &CX).unwrap().bytes, [1, 2, 3]);
        for (stated, wrong) in
            [(0, "Length"), (2, "end of message"), (4, "CertificateChain or CSR")]
        {
            out[0] = stated;
            assert_eq!(field(SlotBytes::decode(Untrusted::new(&out), &CX)).0, wrong);
        }
        out[..4].fill(0xFF);
        let result = SlotBytes::decode(Untrusted::new(&out), &CX);
        assert_eq!(field(result).0, "CertificateChain or CSR");
    }
}
