//! DIGESTS.

use bitflags::bitflags;

use crate::code::Code;
use crate::cx::{ConnectionKeys, Cx};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::slot::{SlotId, SlotMask};
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// `CertModel`: how a slot's chain was made (DSP0274 1.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateModel {
    /// 0: the slot has no chain, or the connection does not say.
    #[default]
    None,
    /// 1: device certificate.
    DeviceCert,
    /// 2: alias certificate.
    AliasCert,
    /// 3: generic certificate.
    GenericCert,
}

impl CertificateModel {
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::None),
            1 => Some(Self::DeviceCert),
            2 => Some(Self::AliasCert),
            3 => Some(Self::GenericCert),
            _ => None,
        }
    }

    /// The value of the field.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::DeviceCert => 1,
            Self::AliasCert => 2,
            Self::GenericCert => 3,
        }
    }
}

/// The rule that a decoder states when bits 2:0 hold 4 to 7.
pub(crate) const CERT_MODEL: Expected = Expected::AtMost(3);

bitflags! {
    /// `KeyUsageMask` of a slot (1.3). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct KeyUsage: u16 {
        /// KEY_EXCHANGE.
        const KEY_EX = 1 << 0;
        /// CHALLENGE.
        const CHALLENGE = 1 << 1;
        /// GET_MEASUREMENTS.
        const MEASUREMENT = 1 << 2;
        /// GET_ENDPOINT_INFO.
        const ENDPOINT_INFO = 1 << 3;
        /// A use that a standard defines.
        const STANDARDS = 1 << 14;
        /// A use that the vendor defines.
        const VENDOR = 1 << 15;
        const _ = !0;
    }
}

/// What a multi-key connection says of a slot's key (1.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotKey {
    /// `KeyPairID`.
    pub key_pair_id: u8,
    /// `CertificateInfo` bits 2:0.
    pub model: CertificateModel,
    /// `KeyUsageMask`.
    pub usage: KeyUsage,
}

/// One slot of DIGESTS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SlotDigest<'a> {
    /// The slot.
    pub slot: SlotId,
    /// The hash of its whole certificate chain structure, H bytes.
    pub digest: &'a [u8],
    /// Its key, on a multi-key connection.
    pub key: Option<SlotKey>,
}

/// DIGESTS (DSP0274 §DIGESTS): the digest of every provisioned slot's chain.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: SupportedSlotMask | 1.3 |
/// | 3 | 1 | Param2: ProvisionedSlotMask, n bits set | |
/// | 4 | nH | Digest, lowest slot first | |
/// | +0 | n | KeyPairID | 1.3 multi-key |
/// | +n | n | CertificateInfo | 1.3 multi-key |
/// | +2n | 2n | KeyUsageMask | 1.3 multi-key |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Digests<'a> {
    /// `SupportedSlotMask`, from 1.3 on.
    pub supported: Option<SlotMask>,
    /// `ProvisionedSlotMask`.
    pub provisioned: SlotMask,
    /// The digests, H bytes each, lowest slot first.
    pub digests: &'a [u8],
    /// The keys, on a multi-key connection.
    pub keys: Option<SlotKeys<'a>>,
}

/// The three lists about keys in DIGESTS, each with one entry per provisioned slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotKeys<'a> {
    /// `KeyPairID`.
    pub key_pair_id: &'a [u8],
    /// `CertificateInfo`; bits 2:0 are 0 to 3.
    pub certificate_info: &'a [u8],
    /// `KeyUsageMask`, little-endian.
    pub key_usage: &'a [[u8; 2]],
}

impl SlotKeys<'_> {
    fn get(&self, index: usize) -> Option<SlotKey> {
        Some(SlotKey {
            key_pair_id: *self.key_pair_id.get(index)?,
            model: CertificateModel::from_bits(self.certificate_info.get(index)? & 7)?,
            usage: KeyUsage::from_bits_retain(u16::from_le_bytes(*self.key_usage.get(index)?)),
        })
    }
}

impl<'a> Digests<'a> {
    /// The provisioned slots, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = SlotDigest<'a>> + 'a {
        let Self { provisioned, digests, keys, .. } = *self;
        let len = digests.len() / provisioned.count().max(1);
        provisioned.slots().zip(digests.chunks_exact(len.max(1))).enumerate().map(
            move |(index, (slot, digest))| SlotDigest {
                slot,
                digest,
                key: keys.as_ref().and_then(|keys| keys.get(index)),
            },
        )
    }

    /// One slot, where it is provisioned.
    #[must_use]
    pub fn slot(&self, slot: SlotId) -> Option<SlotDigest<'a>> {
        self.iter().find(|entry| entry.slot == slot)
    }
}

impl<'a> Body<'a> for Digests<'a> {
    const BODY_NAME: &'static str = "DIGESTS";
    const BODY_CODE: Code = Code::DIGESTS;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let at_mask = r.param2("ProvisionedSlotMask");
        let supported = if cx.version >= SpdmVersion::V1_3 {
            Some(SlotMask(header.param1))
        } else {
            r.note_reserved(header.param1);
            None
        };
        let provisioned = SlotMask(header.param2);
        let count = provisioned.count();
        if count == 0 {
            return Err(at_mask.value(&Expected::Rule("at least one slot"), header.param2));
        }
        if supported.is_some_and(|supported| !provisioned.is_subset(supported)) {
            let expected = &Expected::Rule("a subset of SupportedSlotMask");
            return Err(at_mask.value(expected, header.param2));
        }
        let digests = r.bytes("Digest", count * cx.hash_len)?;
        let keys = match cx.connection_keys {
            ConnectionKeys::Multi if cx.version >= SpdmVersion::V1_3 => {
                Some(SlotKeys::read(r, count)?)
            }
            ConnectionKeys::Single | ConnectionKeys::Multi => None,
        };
        Ok(Self { supported, provisioned, digests, keys })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let supported = match (version >= SpdmVersion::V1_3, self.supported) {
            (true, Some(mask)) => mask.0,
            (true, None) => return Err(EncodeError::Missing { field: "SupportedSlotMask" }),
            (false, None) => 0,
            (false, Some(_)) => {
                return Err(EncodeError::NotInVersion { field: "SupportedSlotMask" });
            }
        };
        Ok([supported, self.provisioned.0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        w.bytes(self.digests);
        let Some(keys) = &self.keys else { return Ok(()) };
        if version < SpdmVersion::V1_3 {
            return Err(EncodeError::NotInVersion { field: "KeyPairID" });
        }
        w.bytes(keys.key_pair_id);
        w.bytes(keys.certificate_info);
        w.bytes(keys.key_usage.as_flattened());
        Ok(())
    }
}

impl<'a> SlotKeys<'a> {
    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        count: usize,
    ) -> Result<Self, &'t DecodeError> {
        let key_pair_id = r.bytes("KeyPairID", count)?;
        let at = r.mark("CertificateInfo");
        let certificate_info = r.bytes("CertificateInfo", count)?;
        for (index, info) in certificate_info.iter().enumerate() {
            if CertificateModel::from_bits(info & 7).is_none() {
                return Err(at.plus(index).value(&CERT_MODEL, info & 7));
            }
            r.note_reserved(info & !7);
        }
        let key_usage = r.bytes("KeyUsageMask", 2 * count)?.as_chunks().0;
        Ok(Self { key_pair_id, certificate_info, key_usage })
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateModel, Digests, KeyUsage};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{ConnectionKeys, Cx, SlotId, SpdmVersion};
    use std::vec::Vec;

    fn response(version: SpdmVersion, supported: u8, provisioned: u8) -> Vec<u8> {
        let mut bytes = std::vec![version.to_byte(), 0x01, supported, provisioned];
        for slot in 0..8_u8 {
            if provisioned & (1 << slot) != 0 {
                bytes.extend([slot; 32]);
            }
        }
        bytes
    }

    #[test]
    fn slots_and_digests() {
        for version in SpdmVersion::ALL {
            let cx = Cx::new(version).with_hash_len(32);
            let supported = if version >= SpdmVersion::V1_3 { 0xFF } else { 0 };
            let bytes = response(version, supported, 0b1001_0010);
            let message: Digests<'_> = round_trip(&bytes, &cx);
            let slots: Vec<_> = message.iter().map(|e| (e.slot.get(), e.digest[31])).collect();
            assert_eq!(slots, [(1, 1), (4, 4), (7, 7)]);
            assert!(message.slot(SlotId::ZERO).is_none());
            every_prefix_fails::<Digests<'_>>(&bytes, &cx);
            one_byte_more::<Digests<'_>>(&[&bytes[..], &[0]].concat(), &cx);
        }
    }

    #[test]
    fn n15_masks() {
        let cx = Cx::new(SpdmVersion::V1_2).with_hash_len(32);
        let bytes = response(SpdmVersion::V1_2, 0, 0);
        expect_value::<Digests<'_>>(&bytes, &cx, "ProvisionedSlotMask", 3, 0);
        let cx = Cx::new(SpdmVersion::V1_3).with_hash_len(32);
        let bytes = response(SpdmVersion::V1_3, 0b01, 0b11);
        expect_value::<Digests<'_>>(&bytes, &cx, "ProvisionedSlotMask", 3, 0b11);
    }

    #[test]
    fn keys_of_a_multi_key_connection() {
        let cx = Cx::new(SpdmVersion::V1_3)
            .with_hash_len(32)
            .with_connection_keys(ConnectionKeys::Multi);
        let mut bytes = response(SpdmVersion::V1_3, 3, 3);
        bytes.extend([1, 2, 1, 3, 0x0F, 0, 0, 0x80]);
        let message: Digests<'_> = round_trip(&bytes, &cx);
        let second = message.slot(SlotId::new(1).unwrap()).unwrap().key.unwrap();
        assert_eq!((second.key_pair_id, second.model), (2, CertificateModel::GenericCert));
        assert_eq!(second.usage, KeyUsage::VENDOR);
        every_prefix_fails::<Digests<'_>>(&bytes, &cx);
        bytes[71] = 4;
        expect_value::<Digests<'_>>(&bytes, &cx, "CertificateInfo", 71, 4);
        // Before 1.3 there are no such lists, whatever the context says.
        let cx = Cx::new(SpdmVersion::V1_2)
            .with_hash_len(32)
            .with_connection_keys(ConnectionKeys::Multi);
        let bytes = response(SpdmVersion::V1_2, 0, 1);
        assert!(round_trip::<Digests<'_>>(&bytes, &cx).keys.is_none());
    }
}
