//! KEY_UPDATE and KEY_UPDATE_ACK (DSP0274 1.1 §KEY_UPDATE).

use spdm_codec::{KeyOperation, KeyUpdate, KeyUpdateAck};

use crate::agreement::Agreement;
use crate::closing::session;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::session::{KeyUsed, Secrets, Session, Update};
use crate::turn::Turn;

/// `index` is an established session.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let KeyUpdate { operation, tag } = turn.decode_with::<KeyUpdate>(agreement.cx())?.message;
    answer.encode(&KeyUpdateAck { operation, tag }, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    let session = session(turn, index)?;
    match (operation, &session.update) {
        (KeyOperation::VerifyNewKey, Some(_)) if session.used == KeyUsed::Due => {
            session.update = None;
            Ok(())
        }
        // Its acknowledgement was lost: the same again.
        (_, Some(update))
            if (update.operation, update.tag) == (operation, tag)
                && session.used == KeyUsed::Old =>
        {
            Ok(())
        }
        (KeyOperation::VerifyNewKey, None) | (_, Some(_)) => Err(Refusal::invalid()),
        (operation, None) => update(session, operation, tag),
    }
}

/// A new key for what the device sends, from the next record on. A failure leaves the old one.
#[cfg(feature = "mutual-auth")]
pub(crate) fn update_responses(session: &mut Session) -> Result<(), Refusal> {
    let Secrets::Data { response, .. } = &mut session.secrets else {
        return Err(Refusal::unexpected());
    };
    let new_response = response.updated()?;
    session.responses = session.responses.renewed(new_response.record_key()?);
    *response = new_response;
    Ok(())
}

/// Derives first, commits last: a failure leaves both directions as they were. The acknowledgement of UpdateAllKeys is
/// the first record under the new key.
fn update(session: &mut Session, operation: KeyOperation, tag: u8) -> Result<(), Refusal> {
    let Secrets::Data { request, response } = &mut session.secrets else {
        return Err(Refusal::unexpected());
    };
    let new_request = request.updated()?;
    let requests = session.requests.renewed(new_request.record_key()?);
    if operation == KeyOperation::UpdateAllKeys {
        let new_response = response.updated()?;
        session.responses = session.responses.renewed(new_response.record_key()?);
        *response = new_response;
    }
    *request = new_request;
    let old_requests = core::mem::replace(&mut session.requests, requests);
    session.update = Some(Update { operation, tag, old_requests });
    Ok(())
}
