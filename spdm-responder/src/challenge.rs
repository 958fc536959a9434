//! CHALLENGE and CHALLENGE_AUTH (DSP0274 §CHALLENGE).

use spdm_codec::{
    CapabilityFlags, Challenge, ChallengeAuth, Code, KeySlot, MeasCap, MeasurementSummary,
    OpaqueData, SlotMask,
};
use spdm_crypto::{Digest, SigningContext};

use crate::agreement::{Agreement, Suite};
use crate::digests::chain_hash;
use crate::draft::Draft;
use crate::measurements::summary_hash;
use crate::mutual;
use crate::refusal::Refusal;
use crate::transcript::M1;
use crate::turn::Turn;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let peer = agreement.peer;
    let decoded = turn.decode::<Challenge>(peer.version)?;
    let request = decoded.message;
    if !peer.flags.contains(CapabilityFlags::CHAL_CAP) {
        return Err(Refusal::unsupported(Code::CHALLENGE));
    }
    if request.summary != MeasurementSummary::None && peer.flags.meas_cap() == MeasCap::None {
        return Err(Refusal::invalid());
    }
    let suite = agreement.suite()?;
    let cert_chain_hash = key_hash(turn, request.slot, &suite)?;
    let summary = summary_hash(turn, agreement, request.summary, answer)?;
    let nonce = turn.nonce()?;
    let basic_mut_auth = mutual::with_challenge(turn, agreement)?;
    let message = ChallengeAuth {
        slot: request.slot,
        basic_mut_auth,
        slot_mask: match request.slot {
            KeySlot::Slot(_) => turn.device.provisioned(&suite),
            KeySlot::PublicKey => SlotMask(0),
        },
        cert_chain_hash: cert_chain_hash.as_bytes(),
        nonce,
        measurement_summary_hash: summary.as_bytes(),
        opaque: OpaqueData::from_bytes(turn.device.opaque_data(agreement.selection.opaque)),
        context: request.context,
        signature: &[],
    };
    answer.encode(&message, peer.version)?;
    turn.compose(agreement.cx(), answer);
    let context = SigningContext::ResponderChallengeAuth;
    turn.sign(agreement, context, request.slot, M1, decoded.bytes, answer)?;
    turn.reset_b(agreement)?;
    mutual::challenge_answered(turn, agreement, basic_mut_auth)
}

/// What says whose key signs: the hash of a slot's chain, or of the public key that was provisioned.
pub(crate) fn key_hash(turn: &Turn<'_>, slot: KeySlot, suite: &Suite) -> Result<Digest, Refusal> {
    match slot {
        KeySlot::Slot(slot) => chain_hash(turn, slot, suite),
        KeySlot::PublicKey => {
            let key = turn.device.public_key(suite).ok_or_else(Refusal::invalid)?;
            Ok(turn.provider.hash.digest(suite.hash, &[key])?)
        }
    }
}
