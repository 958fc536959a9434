//! DIGESTS and CERTIFICATE of a Requester (DSP0274 1.1 §Mutual authentication): its chain comes into the device's room.

use spdm_codec::{
    CertChain, Certificate, CertificateForm, CertificateModel, ConnectionKeys, Digests, KeySlot,
    KeyUsage, SlotId, SlotMask,
};
use spdm_crypto::Digest;
use spdm_untrusted::Untrusted;

use crate::agreement::{Agreement, Suite};
use crate::draft::Draft;
use crate::encapsulated::MAX_REQUEST;
use crate::flow::{Flow, Purpose, Step};
use crate::mutual::{KeySource, Proof, Requester, RequesterKey, asked_slot, requester_suite};
use crate::refusal::Refusal;
use crate::requester_authentication::{Judgement, RequesterChain};
use crate::scope::Scope;
use crate::transcript::{self, MUTUAL};
use crate::turn::Turn;

/// DELIVER_ENCAPSULATED_RESPONSE and CERTIFICATE before the portion.
const HEADERS_LEN: usize = 4 + 8;

/// A chain of which so many bytes are there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) slot: SlotId,
    /// What DIGESTS says: the slots that have a chain, the digest of this one, and its model.
    pub(crate) mask: SlotMask,
    pub(crate) digest: Digest,
    model: CertificateModel,
    /// Bytes so far, and of the whole chain once its first portion is there.
    pub(crate) have: usize,
    total: Option<usize>,
    /// What a portion has at most.
    pub(crate) length: u16,
    /// What the whole chain may have at most.
    room: usize,
}

/// What of a chain is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rest {
    More,
    Nothing,
}

impl Reading {
    pub(crate) fn rest(&self) -> Rest {
        if self.total == Some(self.have) { Rest::Nothing } else { Rest::More }
    }

    pub(crate) const fn is_new(&self) -> bool {
        self.have == 0
    }

    /// How many portions a chain has at most.
    pub(crate) fn rounds(&self) -> usize {
        self.room.div_ceil(usize::from(self.length).max(1))
    }
}

/// Takes DIGESTS, and begins to read the chain of the slot whose key is to sign.
pub(crate) fn digests(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    owner: Scope,
    asked: &Flow,
    response: &[u8],
) -> Result<Reading, Refusal> {
    let suite = requester_suite(turn, agreement).ok_or_else(Refusal::unexpected)?;
    let cx = agreement.requester_cx(&suite);
    let decoded = turn.decode_inner::<Digests<'_>>(response, cx)?;
    let policy = turn.device.requester_authentication().ok_or_else(Refusal::unexpected)?;
    let KeySlot::Slot(slot) = asked_slot(policy, &agreement.peer) else {
        return Err(Refusal::unexpected());
    };
    let room = policy.room().len();
    let found = decoded.message.slot(slot).ok_or_else(Refusal::invalid)?;
    let use_ = match asked.purpose {
        Purpose::Challenge => KeyUsage::CHALLENGE,
        Purpose::Session | Purpose::Own(_) => KeyUsage::KEY_EX,
    };
    // Where the connection says what keys are for, the key has to be one for this.
    if found.key.is_some_and(|key| !key.usage.contains(use_)) {
        return Err(Refusal::invalid());
    }
    let digest = Digest::new(found.digest).ok_or_else(Refusal::invalid)?;
    match (asked.purpose, owner) {
        (Purpose::Challenge, _) => append(turn, agreement, &asked.step, decoded.bytes)?,
        (Purpose::Session, Scope::Session(index))
            if agreement.selection.requester_keys == ConnectionKeys::Multi =>
        {
            turn.hashes.update(transcript::session_th(index), decoded.bytes)?;
        }
        _ => {}
    }
    take_room(turn, agreement, owner);
    Ok(Reading {
        slot,
        mask: decoded.message.provisioned,
        digest,
        model: found.key.map_or(CertificateModel::None, |key| key.model),
        have: 0,
        total: None,
        length: portion_len(turn, room),
        room,
    })
}

/// The largest portion that comes in one message.
fn portion_len(turn: &Turn<'_>, room: usize) -> u16 {
    let message = usize::try_from(turn.config.sizes.data_transfer_size).unwrap_or(usize::MAX);
    let len = message.saturating_sub(HEADERS_LEN).min(room);
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// The room is this context's now: what another has of a chain in it, counts no more.
fn take_room(turn: &mut Turn<'_>, agreement: &mut Agreement, owner: Scope) {
    let connection = Some((Scope::Plain, &mut agreement.requester));
    let sessions = turn.sessions.iter_mut().enumerate().filter_map(|(index, slot)| {
        let session = slot.0.as_mut()?;
        Some((Scope::Session(index), &mut session.requester))
    });
    for (scope, requester) in connection.into_iter().chain(sessions) {
        if scope != owner && requester.needs_room() {
            *requester = Requester { proof: Proof::Missed, flow: None };
        }
    }
}

impl Requester {
    fn needs_room(&self) -> bool {
        let judged = |key: &RequesterKey| key.source == KeySource::Judged;
        let flow = self.flow.as_ref().is_some_and(|flow| match &flow.step {
            Step::GetCertificate(_) => true,
            Step::Challenge(asked) => judged(&asked.key),
            Step::Announced | Step::GetDigests | Step::KeyUpdate(_) | Step::EndSession => false,
            #[cfg(feature = "events")]
            Step::SendEvent => false,
        });
        flow || matches!(&self.proof, Proof::Due(key) if judged(key))
    }
}

/// Takes CERTIFICATE.
pub(crate) fn portion(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    asked: &Flow,
    reading: &Reading,
    response: &[u8],
) -> Result<Reading, Refusal> {
    let suite = requester_suite(turn, agreement).ok_or_else(Refusal::unexpected)?;
    let cx = agreement.requester_cx(&suite);
    let decoded = turn.decode_inner::<Certificate<'_>>(response, cx)?;
    let message = decoded.message;
    let end = reading.have.saturating_add(message.portion.len());
    let remainder = usize::try_from(message.remainder).map_err(|_| Refusal::invalid())?;
    let total = end.saturating_add(remainder);
    let announced = cx.connection_keys == ConnectionKeys::Single || message.model == reading.model;
    let rules = [
        message.slot == reading.slot,
        message.form == CertificateForm::Normal,
        announced,
        !message.portion.is_empty(),
        message.portion.len() <= usize::from(reading.length),
        total <= reading.room,
        reading.total.is_none_or(|first| first == total),
    ];
    if rules.contains(&false) {
        return Err(Refusal::invalid());
    }
    let policy = turn.device.requester_authentication().ok_or_else(Refusal::unexpected)?;
    let place = policy.room().get_mut(reading.have..end).ok_or_else(Refusal::invalid)?;
    place.copy_from_slice(message.portion);
    if asked.purpose == Purpose::Challenge {
        append(turn, agreement, &asked.step, decoded.bytes)?;
    }
    let model = message.model;
    Ok(Reading { have: end, total: Some(total), model, ..*reading })
}

/// The chain is there: whether it is the one that DIGESTS has announced, and the device trusts it.
pub(crate) fn judge(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    reading: &Reading,
) -> Result<RequesterKey, Refusal> {
    let suite = requester_suite(turn, agreement).ok_or_else(Refusal::unexpected)?;
    let Suite { asym, hash } = suite;
    let (hashes, version) = (turn.provider.hash, agreement.peer.version);
    let policy = turn.device.requester_authentication().ok_or_else(Refusal::unexpected)?;
    let chain = policy.room().get(..reading.have).ok_or_else(Refusal::invalid)?;
    if hashes.digest(hash, &[chain])? != reading.digest {
        return Err(Refusal::invalid());
    }
    CertChain::decode(Untrusted::new(chain), version, hash.digest_len())?;
    let (slot, len, model) = (reading.slot, reading.have, reading.model);
    let chain = RequesterChain { slot, len, version, model, suite };
    if policy.judge(&chain) != Judgement::Trusted {
        return Err(Refusal::invalid());
    }
    turn.provider.check_key(asym, policy.judged_key()).map_err(|_| Refusal::invalid())?;
    Ok(RequesterKey { slot: KeySlot::Slot(slot), source: KeySource::Judged })
}

/// From now on TH names the Requester.
pub(crate) fn enter(turn: &mut Turn<'_>, owner: Scope, reading: &Reading) -> Result<(), Refusal> {
    let Scope::Session(index) = owner else { return Err(Refusal::unexpected()) };
    Ok(turn.hashes.update(transcript::session_th(index), reading.digest.as_bytes())?)
}

/// Adds a request and its answer to what CHALLENGE_AUTH signs.
fn append(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    step: &Step,
    response: &[u8],
) -> Result<(), Refusal> {
    let mut room = [0; MAX_REQUEST];
    let mut request = Draft::new(&mut room);
    step.write(agreement.peer.version, &mut request)?;
    Ok(transcript::append(turn.hashes, MUTUAL, &[request.as_bytes(), response])?)
}
