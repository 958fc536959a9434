//! KEY_UPDATE by the device (DSP0274 1.1 §KEY_UPDATE): a new key for what it sends.

use spdm_codec::{KeyOperation, KeyUpdate, KeyUpdateAck};

use crate::agreement::Agreement;
use crate::closing::session;
use crate::flow::Step;
use crate::key_update;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::turn::Turn;

/// Takes KEY_UPDATE_ACK. That of UpdateKey is acknowledged under the new key, with VerifyNewKey.
pub(crate) fn accept(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    owner: Scope,
    asked: KeyUpdate,
    response: &[u8],
) -> Result<Option<Step>, Refusal> {
    let KeyUpdateAck { operation, tag } =
        turn.decode_inner::<KeyUpdateAck>(response, agreement.cx())?.message;
    let Scope::Session(index) = owner else { return Err(Refusal::unexpected()) };
    if (operation, tag) != (asked.operation, asked.tag) {
        return Err(Refusal::invalid());
    }
    match operation {
        KeyOperation::VerifyNewKey => Ok(None),
        KeyOperation::UpdateKey | KeyOperation::UpdateAllKeys => {
            let mut tag = [0];
            turn.device.random(&mut tag)?;
            let [tag] = tag;
            key_update::update_responses(session(turn, index)?)?;
            let operation = KeyOperation::VerifyNewKey;
            Ok(Some(Step::KeyUpdate(KeyUpdate { operation, tag })))
        }
    }
}
