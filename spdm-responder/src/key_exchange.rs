//! KEY_EXCHANGE and KEY_EXCHANGE_RSP (DSP0274 1.1 §KEY_EXCHANGE).

use spdm_codec::{
    CapabilityFlags, ConnectionKeys, ErrorCode, Handshake, KeyExchange, KeyExchangeRsp, KeySlot,
    KeyUsage, OpaqueData,
};
use spdm_crypto::{Direction, KeyExchangeError, SharedSecret, SigningContext};

use crate::agreement::Agreement;
use crate::challenge::key_hash;
use crate::closing::session;
use crate::draft::Draft;
use crate::measurements::summary_hash;
use crate::mutual;
use crate::opening::{
    OPAQUE_LEN, check, heartbeat_period, place, reserve, schedule, select_version,
};
use crate::refusal::Refusal;
use crate::session::SessionKind;
use crate::transcript::{self, TH_BASE};
use crate::turn::Turn;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let peer = &agreement.peer;
    let algorithm = agreement.selection.key_exchange.ok_or_else(Refusal::invalid)?;
    let cx = agreement.cx().with_exchange_lens(algorithm.request_len(), algorithm.response_len());
    let decoded = turn.decode_with::<KeyExchange<'_>>(cx)?;
    let request = decoded.message;
    check(agreement, request.summary, request.session_policy)?;
    let suite = agreement.suite()?;
    if request.slot == KeySlot::PublicKey && peer.flags.contains(CapabilityFlags::CERT_CAP) {
        return Err(Refusal::invalid());
    }
    // The slot's key has to be one for sessions, where the connection says what keys are for.
    if let (ConnectionKeys::Multi, KeySlot::Slot(slot)) = (agreement.selection.keys, request.slot)
        && !turn.device.slot_key(slot).usage.contains(KeyUsage::KEY_EX)
    {
        return Err(Refusal::invalid());
    }
    let demand = mutual::in_session(turn, agreement)?;
    let cert_chain_hash = key_hash(turn, request.slot, &suite)?;
    let schedule = schedule(turn, agreement)?;
    let mut opaque = [0; OPAQUE_LEN];
    let selected = select_version(agreement, &request.opaque, &mut opaque)?;
    let summary = summary_hash(turn, agreement, request.summary, answer)?;
    let (index, id) = reserve(turn, request.req_session_id)?;
    let (mut front, back) = answer.halves();
    let exchange = back.get_mut(..algorithm.response_len()).ok_or_else(Refusal::unspecified)?;
    let mut shared = SharedSecret::new();
    turn.provider
        .respond_key_exchange(algorithm, request.exchange_data, exchange, &mut shared)
        .map_err(|error| match error {
            KeyExchangeError::InvalidPeer => Refusal::invalid(),
            _ => Refusal::new(ErrorCode::UNSPECIFIED),
        })?;
    let random_data = turn.nonce()?;
    let [_, _, low, high] = id.to_le_bytes();
    let message = KeyExchangeRsp {
        heartbeat_period: heartbeat_period(turn, agreement),
        rsp_session_id: u16::from_le_bytes([low, high]),
        mut_auth: demand.requested(),
        req_slot: demand.slot(),
        random_data,
        exchange_data: exchange,
        measurement_summary_hash: summary.as_bytes(),
        opaque: OpaqueData::from_bytes(opaque.get(..selected.len).unwrap_or_default()),
        signature: &[],
        verify_data: &[],
    };
    front.encode(&message, peer.version)?;
    let len = front.len();
    answer.advance(len);
    turn.compose(cx, answer);
    // TH1: A, DIGESTS where it counts, the hash of the chain, and both messages.
    let th = transcript::session_th(index);
    turn.hashes.fork(TH_BASE, th)?;
    turn.hashes.update(th, cert_chain_hash.as_bytes())?;
    let context = SigningContext::ResponderKeyExchangeRsp;
    turn.sign(agreement, context, request.slot, th, decoded.bytes, answer)?;
    transcript::append(turn.hashes, th, &[decoded.bytes, answer.as_bytes()])?;
    let th1 = turn.hashes.snapshot(th)?;
    let secrets = schedule.from_key_exchange(&shared, &th1)?;
    drop(shared);
    let handshake = agreement.handshake();
    if handshake == Handshake::Secured {
        let verify_data = secrets.verify_data(Direction::Response, &th1)?;
        answer.append(verify_data.as_bytes())?;
        turn.hashes.update(th, verify_data.as_bytes())?;
    }
    peer.check_size(answer.len())?;
    let requester = demand.enter(turn, th)?;
    place(
        turn,
        agreement,
        index,
        id,
        SessionKind::KeyExchange(handshake),
        selected.aead_limit,
        secrets,
    )?;
    session(turn, index)?.requester = requester;
    #[cfg(feature = "events")]
    crate::events::begin(turn, agreement, index, request.session_policy)?;
    if handshake == Handshake::InTheClear {
        turn.clear_handshake = Some(index);
    }
    Ok(())
}
