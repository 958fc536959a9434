//! PSK_FINISH and PSK_FINISH_RSP (DSP0274 1.1 §PSK_FINISH).

use spdm_codec::{OpaqueData, PskFinish, PskFinishRsp, SpdmVersion};

use crate::agreement::Agreement;
use crate::closing::{establish, session, verify};
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::{Secrets, SessionKind};
use crate::transcript;
use crate::turn::Turn;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let version = agreement.peer.version;
    let Scope::Session(index) = turn.scope else {
        return Err(Refusal::session_required(version));
    };
    let session = session(turn, index)?;
    if session.kind != SessionKind::PreSharedKey
        || !matches!(session.secrets, Secrets::Handshake(_))
    {
        return Err(Refusal::unexpected());
    }
    let decoded = turn.decode_with::<PskFinish<'_>>(agreement.cx())?;
    verify(turn, index, decoded.bytes, decoded.message.verify_data)?;
    let opaque = (version >= SpdmVersion::V1_4).then_some(OpaqueData::EMPTY);
    answer.encode(&PskFinishRsp { opaque }, version)?;
    turn.compose(agreement.cx(), answer);
    turn.hashes.update(transcript::session_th(index), answer.as_bytes())?;
    establish(turn, index)
}
