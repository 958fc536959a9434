//! VENDOR_DEFINED_REQUEST and VENDOR_DEFINED_RESPONSE (DSP0274 §VENDOR_DEFINED_REQUEST).

use spdm_codec::{Code, VendorDefined, VendorDefinedRequest, VendorDefinedResponse};

use crate::agreement::Agreement;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// The device says what is in the answer, which is in the request's form.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let unsupported = || Refusal::unsupported(Code::VENDOR_DEFINED_REQUEST);
    if turn.device.vendor_messages().is_none() {
        return Err(unsupported());
    }
    let VendorDefinedRequest(asked) = turn.decode_with(agreement.cx())?.message;
    let session = turn.session_id();
    let (mut front, room) = answer.halves();
    let messages = turn.device.vendor_messages();
    let len = messages.and_then(|messages| messages.answer(&asked, session, room));
    let len = len.ok_or_else(unsupported)?;
    let payload = room.get(..len).ok_or_else(Refusal::unspecified)?;
    let told = VendorDefinedResponse(VendorDefined { payload, ..asked });
    front.encode(&told, agreement.peer.version)?;
    let len = front.len();
    answer.advance(len);
    agreement.peer.check_size(answer.len())?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}
