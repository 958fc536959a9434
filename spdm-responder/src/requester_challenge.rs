//! CHALLENGE to a Requester, and its CHALLENGE_AUTH (DSP0274 1.1 §Basic mutual authentication).

use spdm_codec::{
    BasicMutAuth, ChallengeAuth, KeySlot, NONCE_LEN, REQUESTER_CONTEXT_LEN, RequesterContext,
    RequesterNonce, SlotMask, SpdmVersion,
};
use spdm_crypto::{Digest, SigningContext};

use crate::agreement::Agreement;
use crate::draft::Draft;
use crate::encapsulated::MAX_REQUEST;
use crate::flow::{Flow, Step};
use crate::mutual::{KeySource, RequesterKey, identity, requester_suite, verify};
use crate::refusal::Refusal;
use crate::requester_chain::Reading;
use crate::transcript::{self, MUTUAL};
use crate::turn::Turn;

/// What CHALLENGE asks, and what its answer has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) key: RequesterKey,
    /// `CertChainHash`.
    identity: Digest,
    mask: SlotMask,
    pub(crate) nonce: RequesterNonce,
    /// Sent from 1.3 on.
    pub(crate) context: RequesterContext,
}

/// CHALLENGE of the key that a chain has shown.
pub(crate) fn of_chain(
    turn: &mut Turn<'_>,
    key: RequesterKey,
    reading: &Reading,
) -> Result<Step, Refusal> {
    ask(turn, key, reading.digest, reading.mask)
}

/// CHALLENGE of the key that the device was told.
pub(crate) fn of_provisioned_key(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
) -> Result<Step, Refusal> {
    let slot = KeySlot::PublicKey;
    let suite = requester_suite(turn, agreement).ok_or_else(Refusal::unexpected)?;
    let identity = identity(turn, slot, &suite).ok_or_else(Refusal::unexpected)?;
    let key = RequesterKey { slot, source: KeySource::Provisioned };
    ask(turn, key, identity, SlotMask(0))
}

fn ask(
    turn: &mut Turn<'_>,
    key: RequesterKey,
    identity: Digest,
    mask: SlotMask,
) -> Result<Step, Refusal> {
    let (mut nonce, mut context) = ([0; NONCE_LEN], [0; REQUESTER_CONTEXT_LEN]);
    turn.device.random(&mut nonce)?;
    turn.device.random(&mut context)?;
    let (nonce, context) = (RequesterNonce(nonce), RequesterContext(context));
    Ok(Step::Challenge(Asked { key, identity, mask, nonce, context }))
}

/// Takes CHALLENGE_AUTH: its signature is of the key that was asked for.
pub(crate) fn accept(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    flow: &Flow,
    asked: &Asked,
    response: &[u8],
) -> Result<(), Refusal> {
    let version = agreement.peer.version;
    let suite = requester_suite(turn, agreement).ok_or_else(Refusal::unexpected)?;
    let cx = agreement.requester_cx(&suite);
    let decoded = turn.decode_inner::<ChallengeAuth<'_>>(response, cx)?;
    let message = decoded.message;
    let rules = [
        message.slot == asked.key.slot,
        message.basic_mut_auth == BasicMutAuth::NotRequested,
        message.slot_mask == asked.mask,
        message.cert_chain_hash == asked.identity.as_bytes(),
        message.context == (version >= SpdmVersion::V1_3).then_some(asked.context),
    ];
    if rules.contains(&false) {
        return Err(Refusal::invalid());
    }
    let mut room = [0; MAX_REQUEST];
    let mut request = Draft::new(&mut room);
    flow.step.write(version, &mut request)?;
    let before = decoded.bytes.len().saturating_sub(message.signature.len());
    let signed = decoded.bytes.get(..before).unwrap_or_default();
    let digest = transcript::digest(turn.hashes, MUTUAL, &[request.as_bytes(), signed])?;
    let context = SigningContext::RequesterChallengeAuth;
    verify(turn, agreement, context, asked.key, digest, message.signature)
}
