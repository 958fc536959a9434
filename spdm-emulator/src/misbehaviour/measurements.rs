//! Faults of MEASUREMENTS.

use spdm_codec::{GetMeasurements, MeasurementOperation, NONCE_LEN, SpdmVersion};

use crate::fault::Fault;
use crate::measurement_blocks::Block;
use crate::misbehaviour::opaque;
use crate::patch::{patch, put};

/// Offsets in MEASUREMENTS.
const PARAM2: usize = 3;
const NUMBER_OF_BLOCKS: usize = 4;
const RECORD_LENGTH: usize = 5;
const RECORD: usize = 8;

/// Offsets in a measurement block.
const INDEX: usize = 0;
const SPECIFICATION: usize = 1;
const SIZE: usize = 2;
const VALUE_SIZE: usize = 5;

/// ContentChanged in Param2.
const CHANGED: u8 = 0x10;
const CHANGED_BITS: u8 = 0x30;

/// Changes MEASUREMENTS up to its signature; `all` are the measurements in the form that was asked for.
pub(super) fn misbehave(
    faults: &[Fault],
    version: SpdmVersion,
    request: &GetMeasurements,
    all: &[Block],
    bytes: &mut Vec<u8>,
) {
    let mut record: Vec<Block> =
        all.iter().filter(|block| is_asked(request, block)).cloned().collect();
    for fault in faults {
        misbehave_blocks(*fault, request.operation, all, &mut record);
    }
    let old = bytes.get(RECORD_LENGTH..RECORD).and_then(|len| len.first_chunk::<3>());
    let old =
        old.map_or(0, |[a, b, c]| usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16);
    let new: Vec<u8> = record.iter().flat_map(|block| block.bytes.iter().copied()).collect();
    let opaque_at = RECORD + new.len() + NONCE_LEN;
    put(bytes, RECORD_LENGTH, new.len().to_le_bytes().get(..3).unwrap_or_default());
    patch(bytes, NUMBER_OF_BLOCKS, |_| u8::try_from(record.len()).unwrap_or(u8::MAX));
    bytes.splice(RECORD..RECORD + old, new);
    let opaque_len = opaque::len(bytes, opaque_at);
    for fault in faults {
        match fault {
            _ if version < SpdmVersion::V1_2 || request.signature.is_none() => {}
            Fault::ContentChanged => patch(bytes, PARAM2, |param| param & !CHANGED_BITS | CHANGED),
            Fault::NoChangeDetection if !faults.contains(&Fault::ContentChanged) => {
                patch(bytes, PARAM2, |param| param & !CHANGED_BITS);
            }
            _ => {}
        }
    }
    for fault in faults {
        misbehave_fields(*fault, version, bytes);
        opaque::misbehave_context(*fault, version, bytes);
        opaque::misbehave(*fault, version, opaque_at, opaque_len, bytes);
    }
}

fn is_asked(request: &GetMeasurements, block: &Block) -> bool {
    match request.operation {
        MeasurementOperation::Count => false,
        MeasurementOperation::Index(index) => index == block.index,
        MeasurementOperation::All => true,
    }
}

fn misbehave_blocks(
    fault: Fault,
    operation: MeasurementOperation,
    all: &[Block],
    record: &mut Vec<Block>,
) {
    if fault == Fault::CountWithBlocks && operation == MeasurementOperation::Count {
        record.extend(all.iter().take(1).cloned());
    }
    if fault == Fault::DuplicateIndex {
        record.extend(record.first().cloned());
    }
    let last = record.len().saturating_sub(1);
    let block = match fault {
        Fault::BlockPastEnd => record.get_mut(last),
        _ => record.first_mut(),
    };
    let Some(Block { bytes, .. }) = block else { return };
    match fault {
        Fault::BlockSize => put(bytes, SIZE, &2_u16.to_le_bytes()),
        Fault::BlockPastEnd => {
            patch(bytes, SIZE, |size| size.wrapping_add(1));
            patch(bytes, VALUE_SIZE, |size| size.wrapping_add(1));
        }
        Fault::ValueSize => patch(bytes, VALUE_SIZE, |size| size.wrapping_add(1)),
        Fault::DigestSize => {
            bytes.pop();
            patch(bytes, SIZE, |size| size.wrapping_sub(1));
            patch(bytes, VALUE_SIZE, |size| size.wrapping_sub(1));
        }
        // An index that the device does not have otherwise.
        Fault::IndexMismatch => patch(bytes, INDEX, |_| 0x7E),
        Fault::IndexZero => patch(bytes, INDEX, |_| 0),
        Fault::Index255 => patch(bytes, INDEX, |_| 0xFF),
        Fault::TwoSpecBits => patch(bytes, SPECIFICATION, |_| 3),
        Fault::SpecNotSelected => patch(bytes, SPECIFICATION, |_| 2),
        _ => {}
    }
}

fn misbehave_fields(fault: Fault, version: SpdmVersion, bytes: &mut [u8]) {
    match fault {
        Fault::RecordLengthMismatch => patch(bytes, RECORD_LENGTH, |len| len.wrapping_add(1)),
        Fault::BlocksMismatch => patch(bytes, NUMBER_OF_BLOCKS, |count| count.wrapping_add(1)),
        Fault::MeasurementsOtherSlot if version >= SpdmVersion::V1_1 => {
            patch(bytes, PARAM2, |param| param ^ 1);
        }
        Fault::ContentChangedReserved if version >= SpdmVersion::V1_2 => {
            patch(bytes, PARAM2, |param| param | 0x30);
        }
        _ => {}
    }
}
