//! GET_KEY_PAIR_INFO, KEY_PAIR_INFO and SET_KEY_PAIR_INFO (1.3).

use bitflags::bitflags;

use crate::algorithm_bits::PqcAsymAlgo;
use crate::code::Code;
use crate::cx::Cx;
use crate::digests::KeyUsage;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::slot::SlotMask;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::{Writer, absent};

bitflags! {
    /// `Capabilities` of a key pair. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct KeyPairCapabilities: u16 {
        /// `GenKeyCap`.
        const GEN_KEY = 1 << 0;
        /// `ErasableCap`.
        const ERASABLE = 1 << 1;
        /// `CertAssocCap`.
        const CERT_ASSOC = 1 << 2;
        /// `KeyUsageCap`.
        const KEY_USAGE = 1 << 3;
        /// `AsymAlgoCap`.
        const ASYM_ALGO = 1 << 4;
        /// `ShareableCap`.
        const SHAREABLE = 1 << 5;
        const _ = !0;
    }
}

bitflags! {
    /// Algorithms of a key pair: unlike [`BaseAsymAlgo`](crate::BaseAsymAlgo) without paddings. Unknown
    /// bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct KeyPairAsymAlgo: u32 {
        /// RSA, 2048 bits.
        const RSA_2048 = 1 << 0;
        /// RSA, 3072 bits.
        const RSA_3072 = 1 << 1;
        /// RSA, 4096 bits.
        const RSA_4096 = 1 << 2;
        /// P-256.
        const ECC_256 = 1 << 3;
        /// P-384.
        const ECC_384 = 1 << 4;
        /// P-521.
        const ECC_521 = 1 << 5;
        /// SM2.
        const SM2 = 1 << 6;
        /// Ed25519.
        const ED25519 = 1 << 7;
        /// Ed448.
        const ED448 = 1 << 8;
        const _ = !0;
    }
}

/// GET_KEY_PAIR_INFO (DSP0274 1.3 §GET_KEY_PAIR_INFO).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 4 | 1 | KeyPairID, from 1 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetKeyPairInfo {
    /// `KeyPairID`.
    pub key_pair_id: u8,
}

impl<'a> Body<'a> for GetKeyPairInfo {
    const BODY_NAME: &'static str = "GET_KEY_PAIR_INFO";
    const BODY_CODE: Code = Code::GET_KEY_PAIR_INFO;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        Ok(Self { key_pair_id: r.u8("KeyPairID")? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u8(self.key_pair_id);
        Ok(())
    }
}

/// A bitmap of [`PqcAsymAlgo`] with a length byte of its own (1.4): the bytes as they are on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SizedPqcAsymAlgo<'a> {
    /// The bitmap, little-endian, of any length up to 255.
    pub bytes: &'a [u8],
}

impl<'a> SizedPqcAsymAlgo<'a> {
    /// The first 32 bits.
    #[must_use]
    pub fn algorithms(&self) -> PqcAsymAlgo {
        let mut bits = [0; 4];
        bits.iter_mut().zip(self.bytes).for_each(|(place, byte)| *place = *byte);
        PqcAsymAlgo::from_bits_retain(u32::from_le_bytes(bits))
    }

    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        fields: [&'static str; 2],
    ) -> Result<Self, &'t DecodeError> {
        let [len_field, field] = fields;
        let len = r.u8(len_field)?;
        Ok(Self { bytes: r.bytes(field, len.into())? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>, field: &'static str) -> Result<(), EncodeError> {
        w.u8(u8::try_from(self.bytes.len()).map_err(|_| EncodeError::TooLarge { field })?);
        w.bytes(self.bytes);
        Ok(())
    }
}

/// The post-quantum part of KEY_PAIR_INFO (1.4).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyPairPqc<'a> {
    /// `PqcAsymAlgoCapabilities`.
    pub capabilities: SizedPqcAsymAlgo<'a>,
    /// `CurrentPqcAsymAlgo`.
    pub current: SizedPqcAsymAlgo<'a>,
}

/// KEY_PAIR_INFO (DSP0274 1.3 §KEY_PAIR_INFO).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 4 | 1 | TotalKeyPairs | |
/// | 5 | 1 | KeyPairID | |
/// | 6 | 2 | Capabilities | |
/// | 8 | 2 | KeyUsageCapabilities | |
/// | 10 | 2 | CurrentKeyUsage | |
/// | 12 | 4 | AsymAlgoCapabilities | |
/// | 16 | 4 | CurrentAsymAlgo | |
/// | 20 | 2 | PublicKeyInfoLen k | |
/// | 22 | 1 | AssocCertSlotMask | |
/// | 23 | k | PublicKeyInfo | |
/// | +0 | 1+n | PqcAsymAlgoCapLen n, PqcAsymAlgoCapabilities | 1.4 |
/// | +0 | 1+n | CurrentPqcAsymAlgoLen n, CurrentPqcAsymAlgo | 1.4 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyPairInfo<'a> {
    /// `TotalKeyPairs`.
    pub total_key_pairs: u8,
    /// `KeyPairID`.
    pub key_pair_id: u8,
    /// `Capabilities`.
    pub capabilities: KeyPairCapabilities,
    /// `KeyUsageCapabilities`.
    pub key_usage_capabilities: KeyUsage,
    /// `CurrentKeyUsage`.
    pub current_key_usage: KeyUsage,
    /// `AsymAlgoCapabilities`.
    pub asym_algo_capabilities: KeyPairAsymAlgo,
    /// `CurrentAsymAlgo`.
    pub current_asym_algo: KeyPairAsymAlgo,
    /// `AssocCertSlotMask`.
    pub assoc_cert_slot_mask: SlotMask,
    /// `PublicKeyInfo`: a DER `AlgorithmIdentifier`.
    pub public_key_info: &'a [u8],
    /// The post-quantum part, from 1.4 on.
    pub pqc: Option<KeyPairPqc<'a>>,
    /// Bytes after the last field. There should be none; older libspdm sends six zero bytes in 1.4.
    pub trailing: &'a [u8],
}

impl<'a> Body<'a> for KeyPairInfo<'a> {
    const BODY_NAME: &'static str = "KEY_PAIR_INFO";
    const BODY_CODE: Code = Code::KEY_PAIR_INFO;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        let total_key_pairs = r.u8("TotalKeyPairs")?;
        let key_pair_id = r.u8("KeyPairID")?;
        let capabilities = KeyPairCapabilities::from_bits_retain(r.u16("Capabilities")?);
        let key_usage_capabilities = KeyUsage::from_bits_retain(r.u16("KeyUsageCapabilities")?);
        let current_key_usage = KeyUsage::from_bits_retain(r.u16("CurrentKeyUsage")?);
        let asym_algo_capabilities =
            KeyPairAsymAlgo::from_bits_retain(r.u32("AsymAlgoCapabilities")?);
        let current_asym_algo = KeyPairAsymAlgo::from_bits_retain(r.u32("CurrentAsymAlgo")?);
        let len = r.u16("PublicKeyInfoLen")?;
        let assoc_cert_slot_mask = SlotMask(r.u8("AssocCertSlotMask")?);
        let public_key_info = r.bytes("PublicKeyInfo", len.into())?;
        let (pqc, trailing) = if cx.version >= SpdmVersion::V1_4 {
            let capabilities =
                SizedPqcAsymAlgo::read(r, ["PqcAsymAlgoCapLen", "PqcAsymAlgoCapabilities"])?;
            let current =
                SizedPqcAsymAlgo::read(r, ["CurrentPqcAsymAlgoLen", "CurrentPqcAsymAlgo"])?;
            (Some(KeyPairPqc { capabilities, current }), r.rest("trailing bytes"))
        } else {
            (None, &[][..])
        };
        Ok(Self {
            total_key_pairs,
            key_pair_id,
            capabilities,
            key_usage_capabilities,
            current_key_usage,
            asym_algo_capabilities,
            current_asym_algo,
            assoc_cert_slot_mask,
            public_key_info,
            pqc,
            trailing,
        })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        w.bytes(&[self.total_key_pairs, self.key_pair_id]);
        w.u16(self.capabilities.bits());
        w.u16(self.key_usage_capabilities.bits());
        w.u16(self.current_key_usage.bits());
        w.u32(self.asym_algo_capabilities.bits());
        w.u32(self.current_asym_algo.bits());
        w.len16(self.public_key_info.len(), "PublicKeyInfoLen")?;
        w.u8(self.assoc_cert_slot_mask.0);
        w.bytes(self.public_key_info);
        if version < SpdmVersion::V1_4 {
            return absent(self.pqc.as_ref(), "PqcAsymAlgoCapLen");
        }
        let pqc = self.pqc.ok_or(EncodeError::Missing { field: "PqcAsymAlgoCapLen" })?;
        pqc.capabilities.write(w, "PqcAsymAlgoCapLen")?;
        pqc.current.write(w, "CurrentPqcAsymAlgoLen")?;
        w.bytes(self.trailing);
        Ok(())
    }
}

/// What SET_KEY_PAIR_INFO wants of a key pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct DesiredKeyPair<'a> {
    /// `DesiredKeyUsage`.
    pub key_usage: KeyUsage,
    /// `DesiredAsymAlgo`.
    pub asym_algo: KeyPairAsymAlgo,
    /// `DesiredAssocCertSlotMask`.
    pub assoc_cert_slot_mask: SlotMask,
    /// `DesiredPqcAsymAlgo`, from 1.4 on.
    pub pqc_asym_algo: Option<SizedPqcAsymAlgo<'a>>,
}

/// Param1 of SET_KEY_PAIR_INFO, and what follows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum KeyPairOperation<'a> {
    /// 0: `ParameterChange`.
    ParameterChange(DesiredKeyPair<'a>),
    /// 1: `KeyPairErase`.
    Erase,
    /// 2: `GenerateKeyPair`.
    Generate(DesiredKeyPair<'a>),
}

/// SET_KEY_PAIR_INFO (DSP0274 1.3 §SET_KEY_PAIR_INFO).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: Operation | |
/// | 4 | 1 | KeyPairID; the last field of an erase | |
/// | 5 | 1 | Reserved | |
/// | 6 | 2 | DesiredKeyUsage | |
/// | 8 | 4 | DesiredAsymAlgo | |
/// | 12 | 1 | DesiredAssocCertSlotMask | |
/// | 13 | 1+n | DesiredPqcAsymAlgoLen n, DesiredPqcAsymAlgo | 1.4 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SetKeyPairInfo<'a> {
    /// `KeyPairID`.
    pub key_pair_id: u8,
    /// The operation.
    pub operation: KeyPairOperation<'a>,
}

impl<'a> DesiredKeyPair<'a> {
    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>, cx: &Cx) -> Result<Self, &'t DecodeError> {
        r.reserved(1)?;
        Ok(Self {
            key_usage: KeyUsage::from_bits_retain(r.u16("DesiredKeyUsage")?),
            asym_algo: KeyPairAsymAlgo::from_bits_retain(r.u32("DesiredAsymAlgo")?),
            assoc_cert_slot_mask: SlotMask(r.u8("DesiredAssocCertSlotMask")?),
            pqc_asym_algo: if cx.version >= SpdmVersion::V1_4 {
                let fields = ["DesiredPqcAsymAlgoLen", "DesiredPqcAsymAlgo"];
                Some(SizedPqcAsymAlgo::read(r, fields)?)
            } else {
                None
            },
        })
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        let field = "DesiredPqcAsymAlgoLen";
        w.u8(0);
        w.u16(self.key_usage.bits());
        w.u32(self.asym_algo.bits());
        w.u8(self.assoc_cert_slot_mask.0);
        if version < SpdmVersion::V1_4 {
            return absent(self.pqc_asym_algo.as_ref(), field);
        }
        self.pqc_asym_algo.ok_or(EncodeError::Missing { field })?.write(w, field)
    }
}

impl<'a> Body<'a> for SetKeyPairInfo<'a> {
    const BODY_NAME: &'static str = "SET_KEY_PAIR_INFO";
    const BODY_CODE: Code = Code::SET_KEY_PAIR_INFO;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let at = r.param1("Operation");
        let key_pair_id = r.u8("KeyPairID")?;
        let operation = match header.param1 {
            0 => KeyPairOperation::ParameterChange(DesiredKeyPair::read(r, cx)?),
            1 => KeyPairOperation::Erase,
            2 => KeyPairOperation::Generate(DesiredKeyPair::read(r, cx)?),
            other => return Err(at.value(&Expected::AtMost(2), other)),
        };
        Ok(Self { key_pair_id, operation })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let operation = match self.operation {
            KeyPairOperation::ParameterChange(_) => 0,
            KeyPairOperation::Erase => 1,
            KeyPairOperation::Generate(_) => 2,
        };
        Ok([operation, 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        w.u8(self.key_pair_id);
        match &self.operation {
            KeyPairOperation::ParameterChange(desired) | KeyPairOperation::Generate(desired) => {
                desired.write(w, version)
            }
            KeyPairOperation::Erase => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GetKeyPairInfo, KeyPairInfo, KeyPairOperation, SetKeyPairInfo};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, PqcAsymAlgo, SpdmVersion};

    #[test]
    fn info() {
        let cx = Cx::new(SpdmVersion::V1_3);
        every_prefix_fails::<GetKeyPairInfo>(&[0x13, 0xFC, 0, 0, 1], &cx);
        round_trip::<GetKeyPairInfo>(&[0x13, 0xFC, 0, 0, 1], &cx);
        let mut bytes = std::vec![0x13, 0x7C, 0, 0, 2, 1, 0x3F, 0, 0x0F, 0, 2, 0, 0x10, 0, 0, 0];
        bytes.extend([0x10, 0, 0, 0, 3, 0, 1, 0x30, 1, 0]);
        let message: KeyPairInfo<'_> = round_trip(&bytes, &cx);
        assert_eq!((message.total_key_pairs, message.public_key_info.len()), (2, 3));
        every_prefix_fails::<KeyPairInfo<'_>>(&bytes, &cx);
        one_byte_more::<KeyPairInfo<'_>>(&[&bytes[..], &[0]].concat(), &cx);
        bytes[0] = 0x14;
        bytes.extend([2, 7, 0, 4, 4, 0, 0, 0]);
        let cx = Cx::new(SpdmVersion::V1_4);
        let message: KeyPairInfo<'_> = round_trip(&bytes, &cx);
        let pqc = message.pqc.unwrap();
        assert_eq!(pqc.capabilities.algorithms().bits(), 7);
        assert_eq!(pqc.current.algorithms(), PqcAsymAlgo::ML_DSA_87);
        bytes.extend([0; 6]);
        let message: KeyPairInfo<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.trailing, [0; 6]);
    }

    #[test]
    fn set() {
        let cx = Cx::new(SpdmVersion::V1_3);
        let message: SetKeyPairInfo<'_> = round_trip(&[0x13, 0xFD, 1, 0, 4], &cx);
        assert_eq!(message.operation, KeyPairOperation::Erase);
        let bytes = [0x13, 0xFD, 2, 0, 4, 0, 2, 0, 0x10, 0, 0, 0, 1];
        round_trip::<SetKeyPairInfo<'_>>(&bytes, &cx);
        every_prefix_fails::<SetKeyPairInfo<'_>>(&bytes, &cx);
        expect_value::<SetKeyPairInfo<'_>>(&[0x13, 0xFD, 3, 0, 4], &cx, "Operation", 2, 3);
        let cx = Cx::new(SpdmVersion::V1_4);
        let bytes = [0x14, 0xFD, 0, 0, 4, 0, 2, 0, 0, 0, 0, 0, 1, 4, 1, 0, 0, 0];
        round_trip::<SetKeyPairInfo<'_>>(&bytes, &cx);
        every_prefix_fails::<SetKeyPairInfo<'_>>(&bytes, &cx);
    }
}
