//! CHALLENGE_AUTH.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, Challenge, ChallengeAuth, Code, KeySlot, MeasCap,
    MeasurementSummary, NONCE_LEN, OpaqueData, SlotMask, SpdmVersion,
};
use spdm_crypto::SigningContext;
use spdm_crypto::rustcrypto::PROVIDER;

use crate::agreement::{Agreement, SigningSuite};
use crate::certificates::{chain_hash, slot_mask};
use crate::config::KeyProvisioning;
use crate::device_identity::DeviceIdentity;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::measurement_blocks::{self, Representation};
use crate::opaque::{self, opaque_data};
use crate::patch::patch;
use crate::signatures::Unsigned;
use crate::turn::{Turn, encode};

/// Offsets in CHALLENGE_AUTH.
const PARAM1: usize = 2;
const PARAM2: usize = 3;
const CERT_CHAIN_HASH: usize = 4;

/// The identity that a Requester asks to sign.
pub(crate) fn signer<'d>(
    turn: &Turn<'d>,
    suite: &SigningSuite,
    slot: KeySlot,
) -> Result<&'d DeviceIdentity, ErrorAnswer> {
    let keys = turn.keys;
    match (turn.config.provisioning, slot) {
        (KeyProvisioning::Certificates, KeySlot::Slot(slot)) => keys.slot(suite.asym, slot),
        (KeyProvisioning::PublicKey, KeySlot::PublicKey) => keys.first(suite.asym),
        _ => None,
    }
    .ok_or_else(ErrorAnswer::invalid)
}

/// The complete response.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    connection: &Agreement,
    request: &Challenge,
    request_bytes: &[u8],
) -> Result<Vec<u8>, ErrorAnswer> {
    let peer = &connection.peer;
    if !peer.flags.contains(CapabilityFlags::CHAL_CAP) {
        return Err(ErrorAnswer::unsupported(Code::CHALLENGE));
    }
    if request.summary != MeasurementSummary::None && peer.flags.meas_cap() == MeasCap::None {
        return Err(ErrorAnswer::invalid());
    }
    let suite = connection.suite()?;
    let identity = signer(turn, suite, request.slot)?;
    let (cert_chain_hash, mask) = match request.slot {
        KeySlot::Slot(_) => {
            (chain_hash(turn, suite, identity, peer.version)?, slot_mask(turn, suite))
        }
        KeySlot::PublicKey => {
            let key = identity.spki_der();
            let digest = PROVIDER.hash.digest(suite.hash, &[&key])?;
            (digest.as_bytes().to_vec(), SlotMask(0))
        }
    };
    let summary = summary_hash(turn, connection, suite, request.summary)?;
    let opaque = opaque_data(connection.selection.opaque)?;
    let message = ChallengeAuth {
        slot: request.slot,
        basic_mut_auth: BasicMutAuth::NotRequested,
        slot_mask: mask,
        cert_chain_hash: &cert_chain_hash,
        nonce: turn.entropy.nonce(),
        measurement_summary_hash: &summary,
        opaque: OpaqueData::from_bytes(&opaque),
        context: request.context,
        signature: &[],
    };
    let mut response = encode(&message, peer.version)?;
    let opaque_at = CERT_CHAIN_HASH + cert_chain_hash.len() + NONCE_LEN + summary.len();
    for fault in &turn.faults {
        misbehave(*fault, peer.version, &mut response);
        opaque::misbehave_context(*fault, peer.version, &mut response);
        opaque::misbehave(*fault, peer.version, opaque_at, opaque.len(), &mut response);
    }
    turn.change(&connection.cx(), &mut response);
    let unsigned = Unsigned {
        context: SigningContext::ResponderChallengeAuth,
        version: peer.version,
        request: request_bytes,
        nonce: request.nonce,
        response: &response,
    };
    let signature = unsigned.sign(turn, suite, identity.signer())?;
    response.extend(signature);
    peer.check_size(&response)?;
    Ok(response)
}

fn summary_hash(
    turn: &Turn<'_>,
    connection: &Agreement,
    suite: &SigningSuite,
    asked: MeasurementSummary,
) -> Result<Vec<u8>, ErrorAnswer> {
    let mut summary = asked;
    if turn.has(Fault::SummaryHashMissing) {
        summary = MeasurementSummary::None;
    }
    if turn.has(Fault::SummaryHashUnsolicited) && summary == MeasurementSummary::None {
        summary = MeasurementSummary::All;
    }
    if summary == MeasurementSummary::None {
        return Ok(Vec::new());
    }
    let hash = connection.selection.measurement_hash;
    let blocks =
        measurement_blocks::blocks(connection.peer.version, hash, Representation::Digests)?;
    let covered: Vec<u8> = blocks
        .iter()
        .filter(|block| summary == MeasurementSummary::All || block.is_tcb())
        .flat_map(|block| block.bytes.iter().copied())
        .collect();
    let mut digest = PROVIDER.hash.digest(suite.hash, &[&covered])?.as_bytes().to_vec();
    if turn.has(Fault::SummaryHashDiffers) {
        patch(&mut digest, 0, |byte| byte ^ 1);
    }
    Ok(digest)
}

fn misbehave(fault: Fault, version: SpdmVersion, bytes: &mut [u8]) {
    match fault {
        Fault::WrongChainHash => patch(bytes, CERT_CHAIN_HASH, |byte| byte ^ 1),
        Fault::ChallengeOtherSlot => patch(bytes, PARAM1, |byte| byte ^ 1),
        Fault::ChallengeSlotNotInMask => patch(bytes, PARAM2, |_| 0),
        Fault::BasicMutAuth if version >= SpdmVersion::V1_1 => {
            patch(bytes, PARAM1, |byte| byte | 0x80);
        }
        _ => {}
    }
}
