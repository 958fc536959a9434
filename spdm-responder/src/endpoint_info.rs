//! GET_ENDPOINT_INFO and ENDPOINT_INFO (DSP0274 1.3 §GET_ENDPOINT_INFO).

use spdm_codec::{
    CapabilityFlags, Code, ConnectionKeys, EndpointInfo, EndpointInfoSignature, GetEndpointInfo,
    KeySlot, KeyUsage,
};
use spdm_crypto::SigningContext;

use crate::agreement::{Agreement, Suite};
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::transcript::A;
use crate::turn::Turn;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let peer = &agreement.peer;
    let unsupported = Refusal::unsupported(Code::GET_ENDPOINT_INFO);
    if peer.flags.ep_info_cap() == 0 {
        return Err(unsupported);
    }
    let decoded = turn.decode_with::<GetEndpointInfo>(agreement.cx())?;
    let request = &decoded.message;
    let signs = peer.flags.contains(CapabilityFlags::EP_INFO_CAP_SIG);
    if request.nonce.is_some() && !signs {
        return Err(unsupported);
    }
    let suite = match request.nonce {
        Some(_) => Some(agreement.suite()?),
        None => None,
    };
    if let Some(suite) = &suite {
        check_slot(turn, agreement, request.slot, suite)?;
    }
    let signature = match suite {
        Some(_) => Some(EndpointInfoSignature { nonce: turn.nonce()?, bytes: &[] }),
        None => None,
    };
    let information = turn.device.information().ok_or(unsupported)?;
    let info = information.endpoint_info(request.sub_code).ok_or_else(Refusal::invalid)?;
    let slot = request.slot;
    answer.encode(&EndpointInfo { slot, info, signature }, peer.version)?;
    if suite.is_none() {
        peer.check_size(answer.len())?;
        turn.compose(agreement.cx().with_signature_len(0), answer);
        return Ok(());
    }
    turn.compose(agreement.cx(), answer);
    // Of this exchange alone, wherever it takes place.
    turn.sign(agreement, SigningContext::ResponderEndpointInfo, slot, A, decoded.bytes, answer)
}

/// The slot has a key that may sign this.
fn check_slot(
    turn: &Turn<'_>,
    agreement: &Agreement,
    slot: KeySlot,
    suite: &Suite,
) -> Result<(), Refusal> {
    let may_sign = match slot {
        KeySlot::PublicKey => turn.device.public_key(suite).is_some(),
        KeySlot::Slot(slot) => {
            let single = agreement.selection.keys != ConnectionKeys::Multi;
            let usage = || turn.device.slot_key(slot).usage;
            turn.device.chain(slot, suite).is_some()
                && (single || usage().contains(KeyUsage::ENDPOINT_INFO))
        }
    };
    if may_sign { Ok(()) } else { Err(Refusal::invalid()) }
}
