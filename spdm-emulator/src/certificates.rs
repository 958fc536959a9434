//! DIGESTS and CERTIFICATE.

use spdm_codec::{
    CapabilityFlags, Certificate, CertificateForm, CertificateModel, CertificateRequest, Code,
    ConnectionKeys, Digests, GetCertificate, KeyUsage, SlotId, SlotKeys, SlotMask, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;

use crate::agreement::{Agreement, SigningSuite};
use crate::config::DeviceModel;
use crate::device_identity::DeviceIdentity;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::patch::{patch, put};
use crate::turn::{Turn, encode};

/// Offset of Param1 and Param2 in every message.
const PARAM1: usize = 2;
const PARAM2: usize = 3;
/// Offset of the first digest in DIGESTS.
const DIGEST: usize = 4;
/// Portions of a device that shows its chain in several: too short for any chain.
const SHORT_PORTION: usize = 256;
/// Portions of a device that does not look at what was asked for.
const LONG_PORTION: usize = 600;

/// The slots that have a chain.
pub(crate) fn slot_mask(turn: &Turn<'_>, suite: &SigningSuite) -> SlotMask {
    let provisioned = SlotMask(u8::MAX).slots().filter(|slot| {
        turn.config.slots.contains(slot) && turn.keys.slot(suite.asym, *slot).is_some()
    });
    SlotMask(provisioned.fold(0, |mask, slot| mask | 1 << slot.get()))
}

/// The chain as this connection sees it.
fn chain(
    turn: &Turn<'_>,
    suite: &SigningSuite,
    identity: &DeviceIdentity,
    version: SpdmVersion,
) -> Vec<u8> {
    let mut chain = identity.chain(suite.hash, version);
    // Not only those that concern this request: every message has to speak of the same chain.
    for fault in &turn.config.faults {
        misbehave_chain(*fault, identity, suite.hash.digest_len(), &mut chain);
    }
    chain
}

/// The hash of a chain, as DIGESTS and CHALLENGE_AUTH carry it.
pub(crate) fn chain_hash(
    turn: &Turn<'_>,
    suite: &SigningSuite,
    identity: &DeviceIdentity,
    version: SpdmVersion,
) -> Result<Vec<u8>, ErrorAnswer> {
    let chain = chain(turn, suite, identity, version);
    Ok(PROVIDER.hash.digest(suite.hash, &[&chain])?.as_bytes().to_vec())
}

pub(crate) fn digests(turn: &Turn<'_>, connection: &Agreement) -> Result<Vec<u8>, ErrorAnswer> {
    let version = connection.peer.version;
    if !connection.peer.flags.contains(CapabilityFlags::CERT_CAP) {
        return Err(ErrorAnswer::unsupported(Code::GET_DIGESTS));
    }
    let suite = connection.suite()?;
    let provisioned = slot_mask(turn, suite);
    let mut digests = Vec::new();
    for identity in provisioned.slots().filter_map(|slot| turn.keys.slot(suite.asym, slot)) {
        digests.extend(chain_hash(turn, suite, identity, version)?);
    }
    let supported = supported_slots(turn, provisioned);
    let models: Vec<u8> =
        provisioned.slots().map(|slot| model(turn, connection, slot).to_byte()).collect();
    // One key pair per slot, of which each may be used for everything.
    let ids: Vec<u8> = provisioned.slots().map(|slot| slot.get() + 1).collect();
    let usage = KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT;
    let usages = vec![usage.bits().to_le_bytes(); ids.len()];
    let keys = SlotKeys { key_pair_id: &ids, certificate_info: &models, key_usage: &usages };
    let message = Digests {
        supported: (version >= SpdmVersion::V1_3).then_some(supported),
        provisioned,
        digests: &digests,
        keys: (connection.selection.keys == ConnectionKeys::Multi).then_some(keys),
    };
    let mut bytes = encode(&message, version)?;
    for fault in &turn.faults {
        misbehave_digests(*fault, suite.hash.digest_len(), &mut bytes);
    }
    turn.change(&connection.cx(), &mut bytes);
    Ok(bytes)
}

pub(crate) fn certificate(
    turn: &Turn<'_>,
    connection: &Agreement,
    request: &GetCertificate,
) -> Result<Vec<u8>, ErrorAnswer> {
    let (version, flags) = (connection.peer.version, connection.peer.flags);
    if !flags.contains(CapabilityFlags::CERT_CAP) {
        return Err(ErrorAnswer::unsupported(Code::GET_CERTIFICATE));
    }
    let large = request.form == CertificateForm::Large;
    if large && !flags.contains(CapabilityFlags::LARGE_RESP_CAP) {
        return Err(ErrorAnswer::invalid());
    }
    // The size of a slot's storage matters to SET_CERTIFICATE only.
    if request.request == CertificateRequest::SlotSize {
        return Err(ErrorAnswer::invalid());
    }
    let suite = connection.suite()?;
    let identity = turn.keys.slot(suite.asym, request.slot).ok_or_else(ErrorAnswer::invalid)?;
    let chain = chain(turn, suite, identity, version);
    let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let asked = usize::try_from(request.length).unwrap_or(usize::MAX);
    let rest = chain.get(offset..).unwrap_or_default();
    let endless = turn.has(Fault::RemainderNeverEnds);
    if rest.is_empty() && !endless {
        return Err(ErrorAnswer::invalid());
    }
    let head = if large { 16 } else { 8 };
    let own = if connection.peer.chunks {
        turn.config.max_spdm_msg_size
    } else {
        turn.config.data_transfer_size
    };
    let own = usize::try_from(own).unwrap_or(usize::MAX);
    let room = own.min(connection.peer.most()).saturating_sub(head);
    let honest = rest.len().min(asked).min(room);
    let answer = Answer {
        portion: rest.get(..honest).unwrap_or_default().to_vec(),
        remainder: rest.len() - honest,
    };
    let answer = turn
        .faults
        .iter()
        .fold(answer, |answer, fault| misbehave_portion(*fault, answer, rest, asked, offset));
    let message = Certificate {
        slot: request.slot,
        model: model(turn, connection, request.slot),
        form: request.form,
        portion: &answer.portion,
        remainder: u32::try_from(answer.remainder).unwrap_or(u32::MAX).min(request.form.max_len()),
    };
    let mut bytes = encode(&message, version)?;
    for fault in &turn.faults {
        misbehave_certificate(*fault, version, request.slot, &mut bytes);
    }
    turn.change(&connection.cx(), &mut bytes);
    Ok(bytes)
}

/// The slots that could have a chain.
fn supported_slots(turn: &Turn<'_>, provisioned: SlotMask) -> SlotMask {
    let more = turn.config.empty_slots.iter().fold(0, |mask, slot| mask | 1 << slot.get());
    SlotMask(provisioned.0 | more)
}

/// CertModel of a slot: said only on a multi-key connection.
fn model(turn: &Turn<'_>, connection: &Agreement, slot: SlotId) -> CertificateModel {
    match (connection.selection.keys, turn.config.model) {
        (ConnectionKeys::Multi, _) if turn.config.generic_slots.contains(&slot) => {
            CertificateModel::GenericCert
        }
        (ConnectionKeys::Multi, DeviceModel::DeviceCert) => CertificateModel::DeviceCert,
        (ConnectionKeys::Multi, DeviceModel::AliasCert) => CertificateModel::AliasCert,
        _ => CertificateModel::None,
    }
}

/// What CERTIFICATE says of the chain.
struct Answer {
    portion: Vec<u8>,
    remainder: usize,
}

fn misbehave_chain(fault: Fault, identity: &DeviceIdentity, hash_len: usize, chain: &mut Vec<u8>) {
    let certificates = 4 + hash_len;
    match fault {
        Fault::ChainLengthMismatch => patch(chain, 0, |len| len.wrapping_add(1)),
        Fault::RootHashMismatch => patch(chain, 4, |byte| byte ^ 1),
        Fault::ChainTrailingBytes => {
            chain.push(0);
            let len = u16::try_from(chain.len()).unwrap_or(u16::MAX);
            put(chain, 0, &len.to_le_bytes());
        }
        Fault::ChainReversed => {
            let reversed: Vec<_> =
                identity.certificates().iter().rev().flatten().copied().collect();
            put(chain, certificates, &reversed);
        }
        Fault::ChainBadSignature => {
            let last = chain.len().saturating_sub(1);
            patch(chain, last, |byte| byte ^ 1);
        }
        _ => {}
    }
}

fn misbehave_digests(fault: Fault, hash_len: usize, bytes: &mut Vec<u8>) {
    match fault {
        Fault::DigestMismatch => {
            for digest in bytes.get_mut(DIGEST..).unwrap_or_default().chunks_mut(hash_len.max(1)) {
                patch(digest, 0, |byte| byte ^ 1);
            }
        }
        Fault::DigestsNoSlot => {
            bytes.truncate(DIGEST);
            patch(bytes, PARAM2, |_| 0);
        }
        Fault::DigestsUnsupportedSlot => patch(bytes, PARAM1, |_| 0),
        Fault::DigestMissing => {
            bytes.truncate(bytes.len().saturating_sub(hash_len));
        }
        _ => {}
    }
}

fn misbehave_portion(
    fault: Fault,
    answer: Answer,
    rest: &[u8],
    asked: usize,
    offset: usize,
) -> Answer {
    let cut = |len: usize| {
        let portion = rest.get(..len.min(answer.portion.len())).unwrap_or_default().to_vec();
        let remainder = rest.len() - portion.len();
        Answer { portion, remainder }
    };
    match fault {
        Fault::LongPortions => {
            let portion = rest.get(..LONG_PORTION).unwrap_or(rest);
            let portion =
                if portion.len() > answer.portion.len() { portion } else { return answer };
            Answer { portion: portion.to_vec(), remainder: rest.len() - portion.len() }
        }
        Fault::OneBytePortions => cut(1),
        Fault::PortionZero => Answer { portion: Vec::new(), remainder: rest.len() },
        Fault::PortionTooLong => {
            let len = asked.saturating_add(1).min(usize::from(u16::MAX));
            let mut portion = rest.get(..len).unwrap_or(rest).to_vec();
            portion.resize(len, 0);
            Answer { portion, remainder: rest.len().saturating_sub(len) }
        }
        Fault::RemainderChanges => {
            let answer = cut(SHORT_PORTION);
            // The total is right in the first portion only.
            let wrong = if offset == 0 { 0 } else { 1 };
            Answer { remainder: answer.remainder + wrong, ..answer }
        }
        Fault::RemainderNeverEnds => {
            let mut portion = cut(SHORT_PORTION).portion;
            if portion.is_empty() {
                portion.resize(asked.min(SHORT_PORTION), 0);
            }
            Answer { portion, remainder: 1000 }
        }
        Fault::ChainTooLong => {
            Answer { remainder: usize::try_from(u32::MAX).unwrap_or(usize::MAX), ..answer }
        }
        _ => answer,
    }
}

fn misbehave_certificate(fault: Fault, version: SpdmVersion, slot: SlotId, bytes: &mut [u8]) {
    match fault {
        Fault::ReservedBytes if version < SpdmVersion::V1_3 => patch(bytes, PARAM2, |_| 0xA5),
        Fault::CertificateOtherSlot => patch(bytes, PARAM1, |byte| byte & 0xF0 | slot.get() ^ 1),
        Fault::CertificateModel if version >= SpdmVersion::V1_3 => patch(bytes, PARAM2, |_| 1),
        _ => {}
    }
}
