//! Faults of chains, DIGESTS and CERTIFICATE.

use spdm_codec::{
    Certificate, CertificateModel, Cx, GetCertificate, Message as _, SlotId, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::device_identity::DeviceIdentity;
use crate::fault::Fault;
use crate::misbehaviour::encode;
use crate::patch::{patch, put};

/// Offset of Param1 and Param2 in every message.
const PARAM1: usize = 2;
const PARAM2: usize = 3;
/// Offset of the first digest in DIGESTS.
const DIGEST: usize = 4;
/// Portions of a device that shows its chain in several: too short for any chain.
const SHORT_PORTION: usize = 256;
/// Portions of a device that does not look at what was asked for.
const LONG_PORTION: usize = 600;

/// Changes CERTIFICATE; `chain` is that of the slot.
pub(super) fn misbehave(
    faults: &[Fault],
    request: &GetCertificate,
    chain: &[u8],
    cx: &Cx,
    bytes: &mut Vec<u8>,
) {
    let Ok(honest) = Certificate::decode(Untrusted::new(bytes.as_slice()), cx) else { return };
    let honest = honest.message;
    let answer = Answer {
        portion: honest.portion.to_vec(),
        remainder: usize::try_from(honest.remainder).unwrap_or(usize::MAX),
    };
    let model = honest.model;
    *bytes = portion(faults, request, chain, cx.version, model, answer);
}

/// CERTIFICATE behind the end of the chain, from a device whose chain never ends.
pub(super) fn behind_the_end(
    faults: &[Fault],
    request: &GetCertificate,
    chain: &[u8],
    version: SpdmVersion,
) -> Option<Vec<u8>> {
    let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
    if offset < chain.len() || !faults.contains(&Fault::RemainderNeverEnds) {
        return None;
    }
    let answer = Answer { portion: Vec::new(), remainder: 0 };
    Some(portion(faults, request, chain, version, CertificateModel::None, answer))
}

fn portion(
    faults: &[Fault],
    request: &GetCertificate,
    chain: &[u8],
    version: SpdmVersion,
    model: CertificateModel,
    honest: Answer,
) -> Vec<u8> {
    let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let asked = usize::try_from(request.length).unwrap_or(usize::MAX);
    let rest = chain.get(offset..).unwrap_or_default();
    let answer = faults
        .iter()
        .fold(honest, |answer, fault| misbehave_portion(*fault, answer, rest, asked, offset));
    let remainder = u32::try_from(answer.remainder).unwrap_or(u32::MAX);
    let (slot, form) = (request.slot, request.form);
    let portion = &answer.portion;
    let remainder = remainder.min(form.max_len());
    let mut bytes = encode(&Certificate { slot, model, form, portion, remainder }, version);
    for fault in faults {
        misbehave_certificate(*fault, version, slot, &mut bytes);
    }
    bytes
}

/// What CERTIFICATE says of the chain.
struct Answer {
    portion: Vec<u8>,
    remainder: usize,
}

/// Changes a chain structure.
pub(crate) fn misbehave_chain(
    fault: Fault,
    identity: &DeviceIdentity,
    hash_len: usize,
    chain: &mut Vec<u8>,
) {
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

/// Changes DIGESTS.
pub(super) fn misbehave_digests(fault: Fault, hash_len: usize, bytes: &mut Vec<u8>) {
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
