//! MEASUREMENTS.

use spdm_codec::{
    Code, ContentChanged, GetMeasurements, KeySlot, MeasCap, MeasurementAttributes,
    MeasurementOperation, MeasurementRecord, MeasurementSpecification, Measurements, NONCE_LEN,
    OpaqueData, SlotId, SpdmVersion,
};
use spdm_crypto::SigningContext;

use crate::agreement::Agreement;
use crate::challenge::signer;
use crate::config::KeyProvisioning;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::measurement_blocks::{self, Block, Representation};
use crate::opaque::{self, opaque_data};
use crate::patch::{patch, put};
use crate::signatures::Unsigned;
use crate::turn::{Turn, encode};

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

/// The complete response.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    connection: &Agreement,
    request: &GetMeasurements,
    request_bytes: &[u8],
) -> Result<Vec<u8>, ErrorAnswer> {
    let (peer, selection) = (&connection.peer, &connection.selection);
    match (peer.flags.meas_cap(), request.signature) {
        (MeasCap::None | MeasCap::Reserved, _) => {
            return Err(ErrorAnswer::unsupported(Code::GET_MEASUREMENTS));
        }
        (MeasCap::NoSignature, Some(_)) => return Err(ErrorAnswer::invalid()),
        _ => {}
    }
    if selection.measurement_specification != MeasurementSpecification::DMTF {
        return Err(ErrorAnswer::unexpected());
    }
    if turn.has(Fault::ReplayMeasurements)
        && request.signature.is_some()
        && let Some(replayed) = &turn.history.measurements
    {
        return Ok(replayed.clone());
    }
    let raw = MeasurementAttributes::RAW_BIT_STREAM_REQUESTED;
    let wanted = if request.attributes.contains(raw) {
        Representation::RawBitStreams
    } else {
        Representation::Digests
    };
    let all = measurement_blocks::blocks(peer.version, selection.measurement_hash, wanted)?;
    let total = u8::try_from(all.len()).unwrap_or(u8::MAX);
    let (mut record, mut total_indices) = match request.operation {
        MeasurementOperation::Count => (Vec::new(), total),
        MeasurementOperation::Index(index) => {
            (all.iter().filter(|block| block.index == index).cloned().collect(), 0)
        }
        MeasurementOperation::All => (all.clone(), 0),
    };
    if record.is_empty() && request.operation != MeasurementOperation::Count {
        return Err(ErrorAnswer::invalid());
    }
    for fault in &turn.faults {
        misbehave_blocks(*fault, request.operation, &all, &mut record);
        if *fault == Fault::CountWithBlocks && request.operation == MeasurementOperation::Count {
            total_indices = total;
        }
    }
    let response = unsigned_response(turn, connection, request, &record, total_indices)?;
    let Some(signature) = request.signature.filter(|_| !turn.has(Fault::UnsignedMeasurements))
    else {
        peer.check_size(&response)?;
        return Ok(response);
    };
    let suite = connection.suite()?;
    let unsigned = Unsigned {
        context: SigningContext::ResponderMeasurements,
        version: peer.version,
        request: request_bytes,
        nonce: signature.nonce,
        response: &response,
    };
    let identity = signer(turn, suite, slot(turn, request))?;
    let signature = unsigned.sign(turn, suite, identity.signer())?;
    let response = [response, signature].concat();
    peer.check_size(&response)?;
    turn.history.measurements = Some(response.clone());
    Ok(response)
}

/// The slot whose key signs; without a signature, the one that would.
fn slot(turn: &Turn<'_>, request: &GetMeasurements) -> KeySlot {
    let default = match turn.config.provisioning {
        KeyProvisioning::Certificates => KeySlot::Slot(SlotId::ZERO),
        KeyProvisioning::PublicKey => KeySlot::PublicKey,
    };
    request.signature.and_then(|signature| signature.slot).unwrap_or(default)
}

/// What a signed answer says of the measurements that it covers.
fn changed(turn: &Turn<'_>) -> ContentChanged {
    match (turn.has(Fault::ContentChanged), turn.has(Fault::NoChangeDetection)) {
        (true, _) => ContentChanged::Changed,
        (false, true) => ContentChanged::NotDetected,
        (false, false) => ContentChanged::Unchanged,
    }
}

/// The response up to its signature.
fn unsigned_response(
    turn: &mut Turn<'_>,
    connection: &Agreement,
    request: &GetMeasurements,
    blocks: &[Block],
    total_indices: u8,
) -> Result<Vec<u8>, ErrorAnswer> {
    let version = connection.peer.version;
    let record: Vec<u8> = blocks.iter().flat_map(|block| block.bytes.iter().copied()).collect();
    let count = u8::try_from(blocks.len()).unwrap_or(u8::MAX);
    let opaque = opaque_data(connection.selection.opaque)?;
    let content_changed = match request.signature {
        Some(_) if version >= SpdmVersion::V1_2 => changed(turn),
        _ => ContentChanged::NotDetected,
    };
    let message = Measurements {
        total_indices,
        slot: (version >= SpdmVersion::V1_1).then_some(slot(turn, request)),
        content_changed,
        record: MeasurementRecord::from_encoded(count, &record),
        nonce: turn.entropy.nonce(),
        opaque: OpaqueData::from_bytes(&opaque),
        context: request.context,
        signature: &[],
    };
    let mut response = encode(&message, version)?;
    let opaque_at = RECORD + record.len() + NONCE_LEN;
    for fault in &turn.faults {
        misbehave(*fault, version, &mut response);
        opaque::misbehave_context(*fault, version, &mut response);
        opaque::misbehave(*fault, version, opaque_at, opaque.len(), &mut response);
    }
    turn.change(&connection.cx(), &mut response);
    Ok(response)
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

fn misbehave(fault: Fault, version: SpdmVersion, bytes: &mut [u8]) {
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
