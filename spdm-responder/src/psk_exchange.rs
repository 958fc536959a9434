//! PSK_EXCHANGE and PSK_EXCHANGE_RSP (DSP0274 1.1 §PSK_EXCHANGE).

use spdm_codec::{CapabilityFlags, OpaqueData, PskExchange, PskExchangeRsp, PskResponderContext};
use spdm_crypto::{Digest, Direction};

use crate::agreement::Agreement;
use crate::closing::establish;
use crate::draft::Draft;
use crate::measurements::summary_hash;
use crate::opening::{
    OPAQUE_LEN, check, heartbeat_period, place, reserve, schedule, select_version,
};
use crate::refusal::Refusal;
use crate::session::SessionKind;
use crate::transcript::{self, A};
use crate::turn::Turn;

/// The longest hint of a key, in bytes.
const MAX_HINT: usize = 32;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let peer = &agreement.peer;
    let decoded = turn.decode_with::<PskExchange<'_>>(agreement.cx())?;
    let request = decoded.message;
    check(agreement, request.summary, request.session_policy)?;
    let hash_len = agreement.cx().hash_len;
    if request.psk_hint.len() > MAX_HINT || request.context.0.len() < hash_len {
        return Err(Refusal::invalid());
    }
    let schedule = schedule(turn, agreement)?;
    let mut opaque = [0; OPAQUE_LEN];
    let selected = select_version(agreement, &request.opaque, &mut opaque)?;
    let summary = summary_hash(turn, agreement, request.summary, answer)?;
    let (index, id) = reserve(turn, request.req_session_id)?;
    let mut context = [0; Digest::MAX];
    let gives_context = peer.flags.contains(CapabilityFlags::PSK_CAP_CONTEXT);
    let context = context.get_mut(..if gives_context { hash_len } else { 0 }).unwrap_or_default();
    if gives_context {
        turn.device.random(context)?;
    }
    let [_, _, low, high] = id.to_le_bytes();
    let message = PskExchangeRsp {
        heartbeat_period: heartbeat_period(turn, agreement),
        rsp_session_id: u16::from_le_bytes([low, high]),
        measurement_summary_hash: summary.as_bytes(),
        context: PskResponderContext(context),
        opaque: OpaqueData::from_bytes(opaque.get(..selected.len).unwrap_or_default()),
        verify_data: &[],
    };
    answer.encode(&message, peer.version)?;
    turn.compose(agreement.cx(), answer);
    // No DIGESTS and no chain: only the key says who is there.
    let th = transcript::session_th(index);
    turn.hashes.fork(A, th)?;
    transcript::append(turn.hashes, th, &[decoded.bytes, answer.as_bytes()])?;
    let th1 = turn.hashes.snapshot(th)?;
    let key = turn.device.pre_shared_key(request.psk_hint).ok_or_else(Refusal::invalid)?;
    let secrets = schedule.from_psk(key, &th1)?;
    let verify_data = secrets.verify_data(Direction::Response, &th1)?;
    answer.append(verify_data.as_bytes())?;
    turn.hashes.update(th, verify_data.as_bytes())?;
    peer.check_size(answer.len())?;
    place(turn, agreement, index, id, SessionKind::PreSharedKey, selected.aead_limit, secrets)?;
    #[cfg(feature = "events")]
    crate::events::begin(turn, agreement, index, request.session_policy)?;
    if !gives_context {
        // There is no PSK_FINISH: the session is established at once.
        establish(turn, index)?;
    }
    Ok(())
}
