//! GET_CERTIFICATE and CERTIFICATE (DSP0274 §GET_CERTIFICATE).

use spdm_codec::{
    CapabilityFlags, Certificate, CertificateForm, CertificateModel, CertificateRequest, Code,
    ConnectionKeys, GetCertificate,
};

use crate::agreement::Agreement;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let peer = &agreement.peer;
    let decoded = turn.decode::<GetCertificate>(peer.version)?;
    let request = decoded.message;
    if !peer.flags.contains(CapabilityFlags::CERT_CAP) {
        return Err(Refusal::unsupported(Code::GET_CERTIFICATE));
    }
    let large = request.form == CertificateForm::Large;
    if large && !peer.flags.contains(CapabilityFlags::LARGE_RESP_CAP) {
        return Err(Refusal::invalid());
    }
    // The size of a slot's storage matters to SET_CERTIFICATE only.
    if request.request == CertificateRequest::SlotSize {
        return Err(Refusal::invalid());
    }
    #[cfg(feature = "provisioning")]
    crate::provisioning::check_reset(turn, Some(request.slot))?;
    let suite = agreement.suite()?;
    let chain = turn.device.chain(request.slot, &suite).ok_or_else(Refusal::invalid)?;
    let size = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
    let rest = chain.get(size(request.offset)..).unwrap_or_default();
    if rest.is_empty() {
        return Err(Refusal::invalid());
    }
    let header = if large { 16 } else { 8 };
    let room = turn.portion_room(peer, answer).saturating_sub(header);
    let len = rest.len().min(size(request.length)).min(room);
    let remainder = u32::try_from(rest.len() - len).unwrap_or(u32::MAX);
    let model = match agreement.selection.keys {
        ConnectionKeys::Multi => turn.device.slot_key(request.slot).model,
        _ => CertificateModel::None,
    };
    let message = Certificate {
        slot: request.slot,
        model,
        form: request.form,
        portion: rest.get(..len).unwrap_or_default(),
        remainder: remainder.min(request.form.max_len()),
    };
    answer.encode(&message, peer.version)?;
    turn.compose(agreement.cx(), answer);
    turn.append_b(agreement, decoded.bytes, answer)
}
