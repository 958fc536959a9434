//! HEARTBEAT and HEARTBEAT_ACK (DSP0274 1.1 §HEARTBEAT).

use spdm_codec::{Heartbeat, HeartbeatAck};

use crate::agreement::Agreement;
use crate::closing::session;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// `index` is an established session.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    if session(turn, index)?.heartbeat_period == 0 {
        return Err(Refusal::unexpected());
    }
    turn.decode_with::<Heartbeat>(agreement.cx())?;
    answer.encode(&HeartbeatAck, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}
