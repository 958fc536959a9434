//! BankDetails of SLOT_MANAGEMENT_RESP: a bank and its slots.

use bitflags::bitflags;
use spdm_untrusted::Untrusted;

use super::read_stated;
use super::requests::MAX_BANK_ID;
use crate::cx::Cx;
use crate::digests::KeyUsage;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::key_pair_info::{KeyPairAsymAlgo, SizedPqcAsymAlgo};
use crate::reader::{Reader, next_of};
use crate::slot::SlotId;
use crate::trace::Trace;
use crate::writer::Writer;

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

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{
        BankAttributes, BankDetails, KeyAlgorithms, SlotAttributes, SlotElement, SlotElements,
    };
    use crate::{
        Cx, DecodeError, KeyPairAsymAlgo, KeyUsage, SizedPqcAsymAlgo, SlotId, SpdmVersion,
        Untrusted,
    };

    const CX: Cx = Cx::new(SpdmVersion::V1_4).with_hash_len(4);

    fn field<T>(result: Result<T, DecodeError>) -> (&'static str, usize) {
        let error = result.err().unwrap();
        (error.field, error.at)
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
}
