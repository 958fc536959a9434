//! GET_MEASUREMENT_EXTENSION_LOG and MEASUREMENT_EXTENSION_LOG (DSP0274 1.3 §GET_MEASUREMENT_EXTENSION_LOG).

use spdm_codec::{
    CapabilityFlags, Code, ErrorCode, GetMeasurementExtensionLog, MeasurementExtensionLogPortion,
    MelSpecification,
};

use crate::agreement::Agreement;
use crate::draft::Draft;
use crate::information::{LogProgress, LogReading};
use crate::refusal::Refusal;
use crate::turn::Turn;

/// Bytes in front of the portion.
const HEADER: usize = 12;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let peer = &agreement.peer;
    if !peer.flags.contains(CapabilityFlags::MEL_CAP) {
        return Err(Refusal::unsupported(Code::GET_MEASUREMENT_EXTENSION_LOG));
    }
    let request = turn.decode_with::<GetMeasurementExtensionLog>(agreement.cx())?.message;
    if agreement.selection.mel != MelSpecification::DMTF {
        return Err(Refusal::unexpected());
    }
    let progress = if request.offset == 0 { LogProgress::Begins } else { LogProgress::GoesOn };
    let reading = LogReading::new(turn.session_id(), progress);
    let failed = || Refusal::new(ErrorCode::OPERATION_FAILED);
    let room = turn.portion_room(peer, answer).saturating_sub(HEADER);
    let information = turn.device.information().ok_or_else(failed)?;
    let log = information.measurement_extension_log(reading).ok_or_else(failed)?;
    let size = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
    let rest = log.get(size(request.offset)..).unwrap_or_default();
    let len = rest.len().min(size(request.length)).min(room);
    if len == 0 {
        return Err(Refusal::invalid());
    }
    let (portion, after) = rest.split_at(len);
    let remainder = u32::try_from(after.len()).map_err(|_| failed())?;
    answer.encode(&MeasurementExtensionLogPortion { portion, remainder }, peer.version)?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}
