//! GET_MEASUREMENTS and MEASUREMENTS.

use bitflags::bitflags;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::measurement_block::MeasurementRecord;
use crate::message::sealed::Body;
use crate::nonce::{RequesterContext, RequesterNonce, ResponderNonce};
use crate::opaque::OpaqueData;
use crate::reader::{Reader, length};
use crate::slot::KeySlot;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

bitflags! {
    /// Param1 of GET_MEASUREMENTS.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct MeasurementAttributes: u8 {
        /// `SignatureRequested`.
        const SIGNATURE_REQUESTED = 1 << 0;
        /// `RawBitStreamRequested` (1.2).
        const RAW_BIT_STREAM_REQUESTED = 1 << 1;
        /// `NewMeasurementRequested` (1.3).
        const NEW_MEASUREMENT_REQUESTED = 1 << 2;
    }
}

impl MeasurementAttributes {
    const fn defined(version: SpdmVersion) -> Self {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => Self::SIGNATURE_REQUESTED,
            SpdmVersion::V1_2 => Self::SIGNATURE_REQUESTED.union(Self::RAW_BIT_STREAM_REQUESTED),
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => Self::all(),
        }
    }
}

/// `Measurement operation`: Param2 of GET_MEASUREMENTS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "these are all values of the field")]
pub enum MeasurementOperation {
    /// 0: how many indices there are.
    Count,
    /// 1 to 0xFE: the measurement of this index.
    Index(u8),
    /// 0xFF: all measurements.
    All,
}

impl MeasurementOperation {
    /// The value of the field.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Count => 0,
            Self::Index(index) => index,
            Self::All => 0xFF,
        }
    }

    /// Reads the field.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Count,
            0xFF => Self::All,
            index => Self::Index(index),
        }
    }
}

/// The part of GET_MEASUREMENTS that is there when a signature is requested.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SignatureRequest {
    /// `Nonce`.
    pub nonce: RequesterNonce,
    /// `SlotIDParam` bits 3:0, from 1.1 on.
    pub slot: Option<KeySlot>,
}

/// GET_MEASUREMENTS (DSP0274 §GET_MEASUREMENTS).
///
/// | offset | bytes | field | |
/// |---|---|---|---|
/// | 2 | 1 | Param1: attributes | |
/// | 3 | 1 | Param2: operation | |
/// | 4 | 32 | Nonce | with signature |
/// | 36 | 1 | SlotIDParam | with signature, 1.1 |
/// | 4 or 37 | 8 | RequesterContext | 1.3 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetMeasurements {
    /// Attributes other than `SignatureRequested`, which [`Self::signature`] stands for.
    pub attributes: MeasurementAttributes,
    /// What is asked for.
    pub operation: MeasurementOperation,
    /// Nonce and slot, where a signature is requested.
    pub signature: Option<SignatureRequest>,
    /// `RequesterContext`, from 1.3 on.
    pub context: Option<RequesterContext>,
}

impl<'a> Body<'a> for GetMeasurements {
    const BODY_NAME: &'static str = "GET_MEASUREMENTS";
    const BODY_CODE: Code = Code::GET_MEASUREMENTS;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let defined = MeasurementAttributes::defined(cx.version);
        r.note_reserved(header.param1 & !defined.bits());
        let attributes = MeasurementAttributes::from_bits_truncate(header.param1) & defined;
        let signature = if attributes.contains(MeasurementAttributes::SIGNATURE_REQUESTED) {
            let nonce = r.array("Nonce")?;
            let slot = if cx.version >= SpdmVersion::V1_1 {
                let at = r.mark("SlotIDParam");
                let param = r.u8("SlotIDParam")?;
                r.note_reserved(param & 0xF0);
                let expected = &Expected::Rule("a slot or a public key");
                Some(KeySlot::from_nibble(param).ok_or_else(|| at.value(expected, param))?)
            } else {
                None
            };
            Some((nonce, slot))
        } else {
            None
        };
        let context = RequesterContext::read(r, cx)?;
        Ok(Self {
            attributes: attributes - MeasurementAttributes::SIGNATURE_REQUESTED,
            operation: MeasurementOperation::from_byte(header.param2),
            signature: signature
                .map(|(nonce, slot)| SignatureRequest { nonce: RequesterNonce(*nonce), slot }),
            context: context.copied().map(RequesterContext),
        })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let unknown = self.attributes - MeasurementAttributes::defined(version);
        if !unknown.is_empty() {
            let raw = unknown.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED);
            let field = if raw { "RawBitStreamRequested" } else { "NewMeasurementRequested" };
            return Err(EncodeError::NotInVersion { field });
        }
        let signature = match self.signature {
            Some(_) => MeasurementAttributes::SIGNATURE_REQUESTED,
            None => MeasurementAttributes::empty(),
        };
        Ok([(self.attributes | signature).bits(), self.operation.to_byte()])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        if let Some(SignatureRequest { nonce, slot }) = &self.signature {
            w.bytes(&nonce.0);
            match (version, slot) {
                (SpdmVersion::V1_0, None) => {}
                (SpdmVersion::V1_0, Some(_)) => {
                    return Err(EncodeError::NotInVersion { field: "SlotIDParam" });
                }
                (_, Some(slot)) => w.u8(slot.to_nibble()),
                (_, None) => return Err(EncodeError::Missing { field: "SlotIDParam" }),
            }
        }
        RequesterContext::write(self.context, w, version)
    }
}

/// `content changed`: Param2 bits 5:4 of MEASUREMENTS (1.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the fourth value is reserved")]
pub enum ContentChanged {
    /// 0: the Responder does not detect changes, or the version has no such bits.
    #[default]
    NotDetected,
    /// 1: a measurement changed while the sequence was going on.
    Changed,
    /// 2: none changed.
    Unchanged,
}

/// MEASUREMENTS (DSP0274 §MEASUREMENTS). S is [`Cx::signature_len`], 0 where no signature was requested.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: number of indices, for operation 0 | |
/// | 3 | 1 | Param2: 3:0 SlotID (1.1), 5:4 content changed (1.2) | |
/// | 4 | 1 | NumberOfBlocks | |
/// | 5 | 3 | MeasurementRecordLength l | |
/// | 8 | l | MeasurementRecordData | |
/// | +0 | 32 | Nonce | |
/// | +32 | 2 | OpaqueDataLength o | |
/// | +34 | o | OpaqueData | |
/// | +0 | 8 | RequesterContext | 1.3 |
/// | +0 | S | Signature | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Measurements<'a> {
    /// Param1: the number of indices where operation 0 was requested; reserved otherwise.
    pub total_indices: u8,
    /// `SlotID`, from 1.1 on.
    pub slot: Option<KeySlot>,
    /// `content changed` (1.2).
    pub content_changed: ContentChanged,
    /// `MeasurementRecordData`.
    pub record: MeasurementRecord<'a>,
    /// `Nonce` of the Responder.
    pub nonce: ResponderNonce,
    /// `OpaqueData`.
    pub opaque: OpaqueData<'a>,
    /// `RequesterContext`, from 1.3 on.
    pub context: Option<RequesterContext>,
    /// `Signature`; empty where none was requested.
    pub signature: &'a [u8],
}

impl<'a> Body<'a> for Measurements<'a> {
    const BODY_NAME: &'static str = "MEASUREMENTS";
    const BODY_CODE: Code = Code::MEASUREMENTS;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let slot = if cx.version >= SpdmVersion::V1_1 {
            let expected = &Expected::Rule("a slot or a public key");
            let at = r.param2("SlotID");
            let nibble = header.param2 & 0x0F;
            Some(KeySlot::from_nibble(nibble).ok_or_else(|| at.value(expected, nibble))?)
        } else {
            r.note_reserved(header.param2 & 0x0F);
            None
        };
        let content_changed = if cx.version >= SpdmVersion::V1_2 {
            match (header.param2 >> 4) & 3 {
                0 => ContentChanged::NotDetected,
                1 => ContentChanged::Changed,
                2 => ContentChanged::Unchanged,
                reserved => {
                    let at = r.param2("content changed");
                    return Err(at.value(&Expected::AtMost(2), reserved));
                }
            }
        } else {
            r.note_reserved(header.param2 & 0x30);
            ContentChanged::NotDetected
        };
        r.note_reserved(header.param2 & 0xC0);
        let blocks = r.u8("NumberOfBlocks")?;
        let len = length(r.u24("MeasurementRecordLength")?);
        let record = MeasurementRecord::read(r, blocks, len)?;
        let nonce = r.array("Nonce")?;
        let opaque = OpaqueData::read(r, cx.opaque_format)?;
        let context = RequesterContext::read(r, cx)?;
        let signature = r.bytes("Signature", cx.signature_len)?;
        Ok(Self {
            total_indices: header.param1,
            slot,
            content_changed,
            record,
            nonce: ResponderNonce(*nonce),
            opaque,
            context: context.copied().map(RequesterContext),
            signature,
        })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let slot = match (version, self.slot) {
            (SpdmVersion::V1_0, None) => 0,
            (SpdmVersion::V1_0, Some(_)) => {
                return Err(EncodeError::NotInVersion { field: "SlotID" });
            }
            (_, Some(slot)) => slot.to_nibble(),
            (_, None) => return Err(EncodeError::Missing { field: "SlotID" }),
        };
        let changed = match self.content_changed {
            ContentChanged::NotDetected => 0,
            _ if version < SpdmVersion::V1_2 => {
                return Err(EncodeError::NotInVersion { field: "content changed" });
            }
            ContentChanged::Changed => 1 << 4,
            ContentChanged::Unchanged => 2 << 4,
        };
        Ok([self.total_indices, slot | changed])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        let field = "MeasurementRecordLength";
        let record = self.record.as_bytes();
        w.u8(self.record.number_of_blocks());
        w.u24(u32::try_from(record.len()).map_err(|_| EncodeError::TooLarge { field })?, field)?;
        w.bytes(record);
        w.bytes(&self.nonce.0);
        self.opaque.write(w)?;
        RequesterContext::write(self.context, w, version)?;
        w.bytes(self.signature);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ContentChanged, GetMeasurements, MeasurementAttributes, MeasurementOperation, Measurements,
    };
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, KeySlot, Message, SlotId, SpdmVersion};
    use std::vec::Vec;

    fn context(version: SpdmVersion) -> &'static [u8] {
        if version >= SpdmVersion::V1_3 { &[9; 8] } else { &[] }
    }

    #[test]
    fn requests_with_and_without_signature() {
        for version in SpdmVersion::ALL {
            let cx = Cx::new(version);
            let plain = [&[version.to_byte(), 0xE0, 0, 0xFF][..], context(version)].concat();
            let message: GetMeasurements = round_trip(&plain, &cx);
            assert_eq!(message.operation, MeasurementOperation::All);
            every_prefix_fails::<GetMeasurements>(&plain, &cx);
            let mut signed = std::vec![version.to_byte(), 0xE0, 1, 3];
            signed.extend([7; 32]);
            if version >= SpdmVersion::V1_1 {
                signed.push(2);
            }
            signed.extend(context(version));
            let message: GetMeasurements = round_trip(&signed, &cx);
            assert_eq!(message.operation, MeasurementOperation::Index(3));
            assert!(message.attributes.is_empty());
            let slot =
                (version >= SpdmVersion::V1_1).then_some(KeySlot::Slot(SlotId::new(2).unwrap()));
            assert_eq!(message.signature.unwrap().slot, slot);
            every_prefix_fails::<GetMeasurements>(&signed, &cx);
        }
    }

    #[test]
    fn attributes_by_version() {
        let message = GetMeasurements {
            attributes: MeasurementAttributes::RAW_BIT_STREAM_REQUESTED,
            operation: MeasurementOperation::Count,
            signature: None,
            context: None,
        };
        assert!(message.encode(SpdmVersion::V1_1, &mut [0; 8]).is_err());
        assert_eq!(message.encode(SpdmVersion::V1_2, &mut [0; 8]), Ok(4));
    }

    fn response(version: SpdmVersion, signature: usize) -> Vec<u8> {
        let slot = if version >= SpdmVersion::V1_1 { 0x01 } else { 0 };
        let mut bytes = std::vec![version.to_byte(), 0x60, 0, slot, 2, 15, 0, 0];
        bytes.extend([1, 1, 4, 0, 0x81, 1, 0, 0xAA]);
        bytes.extend([2, 1, 3, 0, 0x01, 0, 0]);
        bytes.extend([7; 32]);
        bytes.extend([2, 0, 0xEE, 0xFF]);
        bytes.extend(context(version));
        bytes.extend(std::vec![0xAB; signature]);
        bytes
    }

    #[test]
    fn responses_with_and_without_signature() {
        for version in SpdmVersion::ALL {
            for signature in [0, 96] {
                let cx = Cx::new(version).with_signature_len(signature);
                let bytes = response(version, signature);
                let message: Measurements<'_> = round_trip(&bytes, &cx);
                let indices: Vec<u8> = message.record.iter().map(|block| block.index).collect();
                assert_eq!(indices, [1, 2]);
                assert_eq!(message.opaque.as_bytes(), [0xEE, 0xFF]);
                every_prefix_fails::<Measurements<'_>>(&bytes, &cx);
                one_byte_more::<Measurements<'_>>(&[&bytes[..], &[0]].concat(), &cx);
            }
        }
    }

    #[test]
    fn n21_record_length_and_slot() {
        let cx = Cx::new(SpdmVersion::V1_2).with_signature_len(96);
        let mut bytes = response(SpdmVersion::V1_2, 96);
        bytes[5] = 14;
        let error = Measurements::decode(spdm_untrusted::Untrusted::new(&bytes), &cx).unwrap_err();
        assert_eq!((error.field, error.at), ("DMTFSpecMeasurementValueSize", 21));
        let mut bytes = response(SpdmVersion::V1_2, 96);
        bytes[3] = 8;
        expect_value::<Measurements<'_>>(&bytes, &cx, "SlotID", 3, 8);
        bytes[3] = 0x30;
        expect_value::<Measurements<'_>>(&bytes, &cx, "content changed", 3, 3);
        bytes[3] = 0x10;
        let message: Measurements<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.content_changed, ContentChanged::Changed);
    }
}
