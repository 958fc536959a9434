//! Measurement blocks and the DMTF measurement format inside them.

use core::mem;

use spdm_untrusted::{Untrusted, Validate};
use zerocopy::byteorder::little_endian::U16;

use crate::algorithm_bits::MeasurementSpecification;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::{Reader, next_of, read_from};
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Trace};
use crate::wire::{always, wire};
use crate::writer::Writer;

/// Index of the measurement manifest, by convention.
pub const MANIFEST_INDEX: u8 = 0xFD;
/// Index of the device mode, by convention.
pub const DEVICE_MODE_INDEX: u8 = 0xFE;

/// Length of ValueType and ValueSize in bytes.
const DMTF_HEAD: u16 = 3;
const RAW_BIT_STREAM: u8 = 0x80;

/// `DMTFSpecMeasurementValueType` bits 6:0 (DSP0274 §DMTF specification for the Measurement field).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MeasurementType {
    /// 0: immutable ROM.
    ImmutableRom,
    /// 1: mutable firmware.
    MutableFirmware,
    /// 2: hardware configuration, such as straps.
    HardwareConfiguration,
    /// 3: firmware configuration.
    FirmwareConfiguration,
    /// 4: freeform measurement manifest.
    FreeformManifest,
    /// 5: device mode (1.2).
    DeviceMode,
    /// 6: version of mutable firmware (1.2).
    FirmwareVersion,
    /// 7: security version number of mutable firmware (1.2).
    FirmwareSecurityVersion,
    /// 8: hash-extended measurement (1.3).
    HashExtended,
    /// 9: informational (1.3).
    Informational,
    /// 10: structured measurement manifest (1.3).
    StructuredManifest,
    /// A value that no version up to 1.4 defines.
    Other(u8),
}

impl MeasurementType {
    /// The type of `DMTFSpecMeasurementValueType`; bit 7 is ignored.
    #[must_use]
    pub const fn from_bits(value_type: u8) -> Self {
        match value_type & !RAW_BIT_STREAM {
            0 => Self::ImmutableRom,
            1 => Self::MutableFirmware,
            2 => Self::HardwareConfiguration,
            3 => Self::FirmwareConfiguration,
            4 => Self::FreeformManifest,
            5 => Self::DeviceMode,
            6 => Self::FirmwareVersion,
            7 => Self::FirmwareSecurityVersion,
            8 => Self::HashExtended,
            9 => Self::Informational,
            10 => Self::StructuredManifest,
            other => Self::Other(other),
        }
    }

    /// Bits 6:0.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::ImmutableRom => 0,
            Self::MutableFirmware => 1,
            Self::HardwareConfiguration => 2,
            Self::FirmwareConfiguration => 3,
            Self::FreeformManifest => 4,
            Self::DeviceMode => 5,
            Self::FirmwareVersion => 6,
            Self::FirmwareSecurityVersion => 7,
            Self::HashExtended => 8,
            Self::Informational => 9,
            Self::StructuredManifest => 10,
            Self::Other(other) => other & !RAW_BIT_STREAM,
        }
    }

    /// A name in snake case for reports, for example `mutable_firmware`; `unknown` for [`Self::Other`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImmutableRom => "immutable_rom",
            Self::MutableFirmware => "mutable_firmware",
            Self::HardwareConfiguration => "hardware_configuration",
            Self::FirmwareConfiguration => "firmware_configuration",
            Self::FreeformManifest => "freeform_manifest",
            Self::DeviceMode => "device_mode",
            Self::FirmwareVersion => "firmware_version",
            Self::FirmwareSecurityVersion => "firmware_security_version",
            Self::HashExtended => "hash_extended",
            Self::Informational => "informational",
            Self::StructuredManifest => "structured_manifest",
            Self::Other(_) => "unknown",
        }
    }
}

/// Whether a measurement value is a digest or the measured bytes themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum MeasurementForm {
    /// Bit 7 clear: a digest by the negotiated MeasurementHashAlgo.
    Digest,
    /// Bit 7 set: a raw bit stream.
    RawBitStream,
}

/// A measurement in the DMTF format.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | DMTFSpecMeasurementValueType: 7 raw bit stream, 6:0 type |
/// | 1 | 2 | DMTFSpecMeasurementValueSize v |
/// | 3 | v | DMTFSpecMeasurementValue |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct DmtfMeasurement<'a> {
    /// What was measured.
    pub value_type: MeasurementType,
    /// Digest or raw.
    pub form: MeasurementForm,
    /// `DMTFSpecMeasurementValue`.
    pub value: &'a [u8],
}

/// The value of a [`MeasurementType::DeviceMode`] measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct DeviceMode {
    /// `OperationalModeCapabilities`.
    pub operational_mode_capabilities: u32,
    /// `OperationalModeState`.
    pub operational_mode_state: u32,
    /// `DeviceModeCapabilities`.
    pub device_mode_capabilities: u32,
    /// `DeviceModeState`.
    pub device_mode_state: u32,
}

impl<'a> DmtfMeasurement<'a> {
    /// `size` is what the structure around it leaves for the value, where it says so.
    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        size: Option<u16>,
    ) -> Result<Self, &'t DecodeError> {
        let value_type = r.u8("DMTFSpecMeasurementValueType")?;
        let at = r.mark("DMTFSpecMeasurementValueSize");
        let got = r.u16("DMTFSpecMeasurementValueSize")?;
        let size = size.unwrap_or(got);
        if got != size {
            return Err(at.value(&Expected::Exactly(size.into()), got));
        }
        let form = match value_type & RAW_BIT_STREAM {
            0 => MeasurementForm::Digest,
            _ => MeasurementForm::RawBitStream,
        };
        let value_type = MeasurementType::from_bits(value_type);
        let value = r.bytes("DMTFSpecMeasurementValue", size.into())?;
        Ok(Self { value_type, form, value })
    }

    /// The four words of a device mode measurement; `None` for other types and sizes.
    #[must_use]
    pub fn device_mode(&self) -> Option<DeviceMode> {
        let ([a, b, c, d], []) = self.value.as_chunks::<4>() else { return None };
        (self.value_type == MeasurementType::DeviceMode).then_some(DeviceMode {
            operational_mode_capabilities: u32::from_le_bytes(*a),
            operational_mode_state: u32::from_le_bytes(*b),
            device_mode_capabilities: u32::from_le_bytes(*c),
            device_mode_state: u32::from_le_bytes(*d),
        })
    }
}

impl DeviceMode {
    /// The 16 bytes of the value.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 16] {
        let words = [
            self.operational_mode_capabilities,
            self.operational_mode_state,
            self.device_mode_capabilities,
            self.device_mode_state,
        ];
        let mut bytes = [0; 16];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// The content of a measurement block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Measurement<'a> {
    /// `MeasurementSpecification` is DMTF.
    Dmtf(DmtfMeasurement<'a>),
    /// Another single bit.
    Other {
        /// `MeasurementSpecification`.
        specification: MeasurementSpecification,
        /// `Measurement`.
        bytes: &'a [u8],
    },
}

/// A measurement block (DSP0274 §Measurement block).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | Index, 1 to 0xFE |
/// | 1 | 1 | MeasurementSpecification, one bit |
/// | 2 | 2 | MeasurementSize m |
/// | 4 | m | Measurement |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct MeasurementBlock<'a> {
    /// `Index`.
    pub index: u8,
    /// `Measurement`.
    pub measurement: Measurement<'a>,
}

wire! {
    /// A block before `Measurement`: the same in every version.
    struct BlockHead {
        index: u8 = always("Index"),
        specification: u8 = always("MeasurementSpecification"),
        size: U16 = always("MeasurementSize"),
    }
}

impl<'a> MeasurementBlock<'a> {
    /// `MeasurementSpecification`.
    #[must_use]
    pub const fn specification(&self) -> MeasurementSpecification {
        match self.measurement {
            Measurement::Dmtf(_) => MeasurementSpecification::DMTF,
            Measurement::Other { specification, .. } => specification,
        }
    }

    /// Encodes the block into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or the value is longer than its field can say.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        let size = match self.measurement {
            Measurement::Dmtf(DmtfMeasurement { value, .. }) => {
                value.len().saturating_add(DMTF_HEAD.into())
            }
            Measurement::Other { bytes, .. } => bytes.len(),
        };
        let size =
            u16::try_from(size).map_err(|_| EncodeError::TooLarge { field: "MeasurementSize" })?;
        let head = BlockHead {
            index: self.index,
            specification: self.specification().bits(),
            size: size.into(),
        };
        w.wire(&head, SpdmVersion::V1_0)?;
        match self.measurement {
            Measurement::Dmtf(DmtfMeasurement { value_type, form, value }) => {
                w.u8(value_type.to_bits()
                    | match form {
                        MeasurementForm::Digest => 0,
                        MeasurementForm::RawBitStream => RAW_BIT_STREAM,
                    });
                w.len16(value.len(), "DMTFSpecMeasurementValueSize")?;
                w.bytes(value);
            }
            Measurement::Other { bytes, .. } => w.bytes(bytes),
        }
        w.finish()
    }

    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
    ) -> Result<Self, &'t DecodeError> {
        let at = r.mark("Index");
        let BlockHead { index, specification, size } = r.wire(SpdmVersion::V1_0)?;
        if matches!(index, 0 | 0xFF) {
            return Err(at.value(&Expected::Range(1, 0xFE), index));
        }
        let specification = MeasurementSpecification::from_bits_retain(specification);
        if !specification.is_single() {
            let at = at.named("MeasurementSpecification").plus(1);
            return Err(at.value(&Expected::Rule("one bit"), specification.bits()));
        }
        let at = at.named("MeasurementSize").plus(2);
        let size = size.get();
        if specification != MeasurementSpecification::DMTF {
            let bytes = r.bytes("Measurement", size.into())?;
            return Ok(Self { index, measurement: Measurement::Other { specification, bytes } });
        }
        let value_size = size
            .checked_sub(DMTF_HEAD)
            .ok_or_else(|| at.value(&Expected::AtLeast(DMTF_HEAD.into()), size))?;
        let measurement = DmtfMeasurement::read(r, Some(value_size))?;
        Ok(Self { index, measurement: Measurement::Dmtf(measurement) })
    }
}

/// A measurement record whose blocks were checked: every size, every index once, nothing left over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MeasurementRecord<'a> {
    bytes: &'a [u8],
    blocks: u8,
}

/// [`MeasurementRecord::decode`] with `NumberOfBlocks`.
impl<'a> Validate<&'a [u8]> for MeasurementRecord<'a> {
    type Context = u8;
    type Error = DecodeError;

    fn validate(raw: &'a [u8], blocks: u8) -> Result<Self, DecodeError> {
        read_from("MeasurementRecord", raw, NoTrace, |r| Self::read(r, blocks, raw.len()))
    }
}

impl<'a> MeasurementRecord<'a> {
    /// No blocks.
    pub const EMPTY: Self = Self { bytes: &[], blocks: 0 };

    /// `NumberOfBlocks` encoded blocks, to be sent.
    #[must_use]
    pub const fn from_encoded(blocks: u8, bytes: &'a [u8]) -> Self {
        Self { bytes, blocks }
    }

    /// Checks a record that stands alone, for example in stored evidence.
    ///
    /// # Errors
    /// [`DecodeError`] as for MEASUREMENTS, with offsets from the start of the record.
    pub fn decode(bytes: Untrusted<&'a [u8]>, blocks: u8) -> Result<Self, DecodeError> {
        bytes.validate(blocks)
    }

    /// `NumberOfBlocks`.
    #[must_use]
    pub const fn number_of_blocks(&self) -> u8 {
        self.blocks
    }

    /// `MeasurementRecordData`.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The blocks, in the Responder's order.
    pub fn iter(&self) -> impl Iterator<Item = MeasurementBlock<'a>> + 'a {
        let mut rest = self.bytes;
        core::iter::from_fn(move || next_of("MEASUREMENTS", &mut rest, MeasurementBlock::read))
    }

    /// Reads `blocks` blocks that fill exactly `len` bytes.
    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        blocks: u8,
        len: usize,
    ) -> Result<Self, &'t DecodeError> {
        r.within("MeasurementRecordData", len, |r| {
            let bytes = r.remaining();
            let mut seen = [0_u32; 8];
            for _ in 0..blocks {
                let at = r.mark("Index");
                let index = MeasurementBlock::read(r)?.index;
                let bit = 1 << (index % 32);
                let word = seen.get_mut(usize::from(index / 32));
                if word.is_none_or(|word| mem::replace(word, *word | bit) & bit != 0) {
                    return Err(
                        at.value(&Expected::Rule("an index that did not occur before"), index)
                    );
                }
            }
            if r.left() > 0 {
                let at = r.mark("NumberOfBlocks");
                return Err(at.value(&Expected::Rule("blocks up to the end of the record"), blocks));
            }
            Ok(Self { bytes, blocks })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        DeviceMode, DmtfMeasurement, Measurement, MeasurementBlock, MeasurementForm,
        MeasurementRecord, MeasurementType,
    };
    use crate::MeasurementSpecification;
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn decode(bytes: &[u8], blocks: u8) -> Result<MeasurementRecord<'_>, (&'static str, usize)> {
        MeasurementRecord::decode(Untrusted::new(bytes), blocks).map_err(|e| (e.field, e.at))
    }

    #[test]
    fn blocks_round_trip() {
        let mode = DeviceMode {
            operational_mode_capabilities: 0x3F,
            operational_mode_state: 4,
            device_mode_capabilities: 0x1F,
            device_mode_state: 1,
        };
        let dmtf = |value_type, form, value| {
            Measurement::Dmtf(DmtfMeasurement { value_type, form, value })
        };
        let mode_bytes = mode.to_bytes();
        let specification = MeasurementSpecification::from_bits_retain(4);
        let blocks = [
            (1, dmtf(MeasurementType::ImmutableRom, MeasurementForm::Digest, &[7; 48][..])),
            (2, Measurement::Other { specification, bytes: &[1, 2, 3] }),
            (0xFD, dmtf(MeasurementType::FreeformManifest, MeasurementForm::RawBitStream, &[])),
            (0xFE, dmtf(MeasurementType::DeviceMode, MeasurementForm::RawBitStream, &mode_bytes)),
        ]
        .map(|(index, measurement)| MeasurementBlock { index, measurement });
        let mut bytes = Vec::new();
        for block in &blocks {
            let mut out = [0; 64];
            let len = block.encode(&mut out).unwrap();
            bytes.extend(&out[..len]);
        }
        let record = decode(&bytes, 4).unwrap();
        assert_eq!(record.iter().collect::<Vec<_>>(), blocks);
        let Measurement::Dmtf(last) = blocks[3].measurement else { panic!() };
        assert_eq!(last.device_mode(), Some(mode));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len], 4).is_err());
        }
    }

    #[test]
    fn types_keep_their_bits() {
        for bits in 0..0x80 {
            assert_eq!(MeasurementType::from_bits(bits | 0x80).to_bits(), bits);
        }
    }

    #[test]
    fn n21_blocks() {
        let good = [1, 1, 4, 0, 0x80, 1, 0, 0xAA];
        assert!(decode(&good, 1).is_ok());
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            bytes
        };
        assert_eq!(decode(&with(0, 0), 1), Err(("Index", 0)));
        assert_eq!(decode(&with(0, 0xFF), 1), Err(("Index", 0)));
        assert_eq!(decode(&with(1, 0), 1), Err(("MeasurementSpecification", 1)));
        assert_eq!(decode(&with(1, 3), 1), Err(("MeasurementSpecification", 1)));
        assert_eq!(decode(&with(2, 2), 1), Err(("MeasurementSize", 2)));
        assert_eq!(decode(&with(2, 3), 1), Err(("DMTFSpecMeasurementValueSize", 5)));
        assert_eq!(decode(&with(2, 5), 1), Err(("DMTFSpecMeasurementValueSize", 5)));
        assert_eq!(decode(&with(5, 2), 1), Err(("DMTFSpecMeasurementValueSize", 5)));
        assert_eq!(decode(&good, 0), Err(("NumberOfBlocks", 0)));
        assert_eq!(decode(&good, 2), Err(("Index", 8)));
        let twice = [good, good].concat();
        assert_eq!(decode(&twice, 2), Err(("Index", 8)));
        assert_eq!(decode(&twice, 1), Err(("NumberOfBlocks", 8)));
        assert_eq!(decode(&with(7, 0)[..7], 1), Err(("DMTFSpecMeasurementValue", 7)));
    }
}
