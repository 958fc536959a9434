//! What FINISH and PSK_FINISH have in common: the end of a handshake.

use spdm_codec::ErrorCode;
use spdm_crypto::{DataSecrets, Direction};

use crate::refusal::Refusal;
use crate::session::{After, Secrets, Session};
use crate::transcript;
use crate::turn::Turn;

/// Compares RequesterVerifyData, the last `hash_len` bytes of the request, and adds the request to the transcript. Where
/// it is wrong, the session ends once that was said.
pub(crate) fn verify(
    turn: &mut Turn<'_>,
    index: usize,
    request: &[u8],
    verify_data: &[u8],
) -> Result<(), Refusal> {
    let th = transcript::session_th(index);
    let before = request.len().saturating_sub(verify_data.len());
    let signed = request.get(..before).unwrap_or_default();
    let digest = transcript::digest(turn.hashes, th, &[signed])?;
    let session = session(turn, index)?;
    let Secrets::Handshake(secrets) = &session.secrets else { return Err(Refusal::unexpected()) };
    if secrets.check_verify_data(Direction::Request, &digest, verify_data).is_err() {
        session.after = After::End;
        return Err(Refusal::new(ErrorCode::DECRYPT_ERROR));
    }
    Ok(turn.hashes.update(th, request)?)
}

/// The handshake is over: derives the keys of the data, which are used once the answer has left.
pub(crate) fn establish(turn: &mut Turn<'_>, index: usize) -> Result<(), Refusal> {
    let th2 = turn.hashes.snapshot(transcript::session_th(index))?;
    let session = session(turn, index)?;
    let Secrets::Handshake(secrets) = &session.secrets else { return Err(Refusal::unexpected()) };
    // Until it is done, a failure ends the session.
    session.after = After::End;
    let DataSecrets { request, response, .. } = secrets.data(&th2)?;
    session.secrets = Secrets::Data { request, response };
    session.after = After::Establish;
    Ok(())
}

pub(crate) fn session<'s>(
    turn: &'s mut Turn<'_>,
    index: usize,
) -> Result<&'s mut Session, Refusal> {
    let slot = turn.sessions.get_mut(index).and_then(|slot| slot.0.as_mut());
    slot.ok_or_else(Refusal::unexpected)
}
