//! END_SESSION and END_SESSION_ACK (DSP0274 1.1 §END_SESSION).

use spdm_codec::{EndSession, EndSessionAck};

use crate::agreement::Agreement;
use crate::closing::session;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::session::After;
use crate::turn::Turn;

/// `index` is an established session. It ends once the answer was sealed.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    turn.decode_with::<EndSession>(agreement.cx())?;
    answer.encode(&EndSessionAck, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    session(turn, index)?.after = After::End;
    Ok(())
}
