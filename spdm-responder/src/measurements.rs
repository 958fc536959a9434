//! GET_MEASUREMENTS and MEASUREMENTS (DSP0274 §GET_MEASUREMENTS), and the summary of measurements in other messages.

use spdm_codec::{
    Code, ContentChanged, GetMeasurements, KeySlot, MeasCap, MeasurementAttributes,
    MeasurementForm, MeasurementOperation, MeasurementRecord, MeasurementSpecification,
    MeasurementSummary, Measurements, OpaqueData, SlotId, SpdmVersion,
};
use spdm_crypto::{Digest, SigningContext};

use crate::agreement::{Agreement, Authentication, Suite};
use crate::device::{Coverage, MeasurementWanted};
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::transcript::SCRATCH;
use crate::turn::Turn;

/// M is emptied where the request is refused.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let result = try_respond(turn, agreement, answer);
    if result.is_err() {
        turn.reset_m(agreement)?;
    }
    result
}

fn try_respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let (peer, selection) = (&agreement.peer, &agreement.selection);
    let decoded = turn.decode::<GetMeasurements>(peer.version)?;
    let request = &decoded.message;
    if agreement.authentication == Authentication::Outstanding {
        turn.reset_b(agreement)?;
    }
    match (peer.flags.meas_cap(), request.signature) {
        (MeasCap::None | MeasCap::Reserved, _) => {
            return Err(Refusal::unsupported(Code::GET_MEASUREMENTS));
        }
        (MeasCap::NoSignature, Some(_)) => return Err(Refusal::invalid()),
        _ => {}
    }
    if selection.measurement_specification != MeasurementSpecification::DMTF {
        return Err(Refusal::unexpected());
    }
    let slot = signing_slot(turn, agreement, request);
    write(turn, agreement, request, slot, answer)?;
    turn.compose(agreement.cx(), answer);
    if request.signature.is_none() {
        peer.check_size(answer.len())?;
        return turn.append_m(agreement, decoded.bytes, answer);
    }
    let suite = agreement.suite()?;
    check_slot(turn, slot, &suite)?;
    let context = SigningContext::ResponderMeasurements;
    turn.sign(agreement, context, slot, turn.l1(), decoded.bytes, answer)?;
    turn.reset_m(agreement)
}

/// The slot whose key signs; without a signature, the one that would.
fn signing_slot(turn: &Turn<'_>, agreement: &Agreement, request: &GetMeasurements) -> KeySlot {
    let provisioned_key =
        agreement.selection.suite.is_some_and(|suite| turn.device.public_key(&suite).is_some());
    let default = if provisioned_key { KeySlot::PublicKey } else { KeySlot::Slot(SlotId::ZERO) };
    request.signature.and_then(|signature| signature.slot).unwrap_or(default)
}

fn check_slot(turn: &Turn<'_>, slot: KeySlot, suite: &Suite) -> Result<(), Refusal> {
    let known = match slot {
        KeySlot::Slot(slot) => turn.device.chain(slot, suite).is_some(),
        KeySlot::PublicKey => turn.device.public_key(suite).is_some(),
    };
    if known { Ok(()) } else { Err(Refusal::invalid()) }
}

/// Writes the response up to its signature.
fn write(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    request: &GetMeasurements,
    slot: KeySlot,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let version = agreement.peer.version;
    let raw = request.attributes.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED);
    let wanted = MeasurementWanted {
        version,
        hash: agreement.selection.measurement_hash,
        form: if raw { MeasurementForm::RawBitStream } else { MeasurementForm::Digest },
    };
    let (mut front, back) = answer.halves();
    let total = turn.device.measurement_count(version);
    let (mut blocks, mut len) = (0_u8, 0);
    for nth in 0..total {
        let place = back.get_mut(len..).unwrap_or_default();
        let block = turn.device.measurement(nth, &wanted, place)?;
        let asked = match request.operation {
            MeasurementOperation::Count => false,
            MeasurementOperation::Index(index) => index == block.index,
            MeasurementOperation::All => true,
        };
        if asked {
            len += block.len;
            blocks += 1;
        }
    }
    if blocks == 0 && request.operation != MeasurementOperation::Count {
        return Err(Refusal::invalid());
    }
    let record = back.get(..len).unwrap_or_default();
    let nonce = turn.nonce()?;
    let message = Measurements {
        total_indices: if request.operation == MeasurementOperation::Count { total } else { 0 },
        slot: (version >= SpdmVersion::V1_1).then_some(slot),
        content_changed: match request.signature {
            Some(_) if version >= SpdmVersion::V1_2 => ContentChanged::Unchanged,
            _ => ContentChanged::NotDetected,
        },
        record: MeasurementRecord::from_encoded(blocks, record),
        nonce,
        opaque: OpaqueData::from_bytes(turn.device.opaque_data(agreement.selection.opaque)),
        context: request.context,
        signature: &[],
    };
    front.encode(&message, version)?;
    let len = front.len();
    answer.advance(len);
    Ok(())
}

/// The base hash over the blocks that the summary covers, in the order of indices; empty where none is asked for.
/// Blocks are written into `scratch` one by one.
pub(crate) fn summary_hash(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    asked: MeasurementSummary,
    scratch: &mut Draft<'_>,
) -> Result<Digest, Refusal> {
    if asked == MeasurementSummary::None {
        return Ok(Digest::default());
    }
    let wanted = MeasurementWanted {
        version: agreement.peer.version,
        hash: agreement.selection.measurement_hash,
        form: MeasurementForm::Digest,
    };
    let hash = agreement.selection.hash.ok_or_else(Refusal::unexpected)?;
    turn.hashes.start(SCRATCH, hash)?;
    let (_, place) = scratch.parts();
    for nth in 0..turn.device.measurement_count(wanted.version) {
        let block = turn.device.measurement(nth, &wanted, place)?;
        if asked == MeasurementSummary::All || block.coverage == Coverage::TrustedComputingBase {
            turn.hashes.update(SCRATCH, place.get(..block.len).unwrap_or_default())?;
        }
    }
    Ok(turn.hashes.snapshot(SCRATCH)?)
}
