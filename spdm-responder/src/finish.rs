//! FINISH and FINISH_RSP (DSP0274 1.1 §FINISH).

use spdm_codec::{ErrorCode, Finish, FinishRsp, Handshake, OpaqueData, SpdmVersion};
use spdm_crypto::Direction;

use crate::agreement::Agreement;
use crate::closing::{establish, session, verify};
use crate::draft::Draft;
use crate::mutual;
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
    let scope = turn.scope;
    let index = match scope {
        Scope::Plain => turn.clear_handshake.ok_or_else(|| Refusal::session_required(version))?,
        Scope::Session(index) => index,
    };
    let session = session(turn, index)?;
    let in_clear = match session.kind {
        SessionKind::PreSharedKey => return Err(Refusal::unexpected()),
        SessionKind::KeyExchange(handshake) => handshake == Handshake::InTheClear,
    };
    if !matches!(session.secrets, Secrets::Handshake(_)) {
        return Err(Refusal::unexpected());
    }
    if in_clear != (scope == Scope::Plain) {
        return Err(Refusal::session_required(version));
    }
    let decoded = turn.decode_with::<Finish<'_>>(agreement.cx())?;
    mutual::check_finish(turn, index, &decoded.message)?;
    let verify_data = decoded.message.verify_data;
    if in_clear && is_of_another(turn, index, decoded.bytes, verify_data) {
        return Err(Refusal::new(ErrorCode::DECRYPT_ERROR));
    }
    mutual::verify_finish(turn, agreement, index, decoded.bytes, &decoded.message)?;
    verify(turn, index, decoded.bytes, verify_data)?;
    let opaque = (version >= SpdmVersion::V1_4).then_some(OpaqueData::EMPTY);
    answer.encode(&FinishRsp { opaque, verify_data: &[] }, version)?;
    turn.compose(agreement.cx(), answer);
    let th = transcript::session_th(index);
    if in_clear {
        let digest = transcript::digest(turn.hashes, th, &[answer.as_bytes()])?;
        if let Secrets::Handshake(secrets) = &crate::closing::session(turn, index)?.secrets {
            answer.append(secrets.verify_data(Direction::Response, &digest)?.as_bytes())?;
        }
    }
    turn.hashes.update(th, answer.as_bytes())?;
    establish(turn, index)?;
    mutual::finished(turn, index);
    Ok(())
}

/// Whether FINISH is one of an older session whose handshake is in the clear, too: the latest stays as it is.
fn is_of_another(turn: &mut Turn<'_>, latest: usize, request: &[u8], verify_data: &[u8]) -> bool {
    let signed = request.get(..request.len().saturating_sub(verify_data.len())).unwrap_or_default();
    for (index, slot) in turn.sessions.iter().enumerate() {
        let Some(session) = slot.0.as_ref().filter(|session| session.is_clear_handshake()) else {
            continue;
        };
        let th = transcript::session_th(index);
        let digest = transcript::digest(turn.hashes, th, &[signed]);
        if let (Ok(digest), Secrets::Handshake(secrets)) = (digest, &session.secrets)
            && index != latest
            && secrets.check_verify_data(Direction::Request, &digest, verify_data).is_ok()
        {
            return true;
        }
    }
    false
}
