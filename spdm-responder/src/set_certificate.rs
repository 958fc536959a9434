//! SET_CERTIFICATE and SET_CERTIFICATE_RSP (DSP0274 §SET_CERTIFICATE).

use der::{Decode as _, Header, Reader as _, SliceReader, Tag};
use spdm_codec::{
    CapabilityFlags, CertChain, CertificateModel, Code, ConnectionKeys, ErrorCode, SetCertificate,
    SetCertificateOperation, SetCertificateRsp, SlotId, SpdmVersion,
};
use spdm_crypto::HashAlgorithm;
use spdm_untrusted::Untrusted;

use crate::agreement::{Agreement, Suite};
use crate::draft::Draft;
use crate::provisioning::{
    ChainOffered, Change, TakesEffect, admit, implied_model, permit, provisioning,
};
use crate::refusal::Refusal;
use crate::turn::Turn;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    admit(turn, agreement, Code::SET_CERTIFICATE)?;
    let request: SetCertificate<'_> = turn.decode_with(agreement.cx())?.message;
    let slot = request.slot;
    let place = Place {
        slot,
        suite: agreement.suite()?,
        key_pair_id: request.key_pair_id,
        model: request.model,
    };
    match request.operation {
        SetCertificateOperation::Install(structure) => {
            install(turn, agreement, &place, structure)?;
        }
        SetCertificateOperation::Erase => {
            if place.model != CertificateModel::None {
                return Err(Refusal::invalid());
            }
            check_key_pair(turn, agreement, place.key_pair_id)?;
            erase(turn, slot, &place.suite)?;
        }
    }
    answer.encode(&SetCertificateRsp { slot }, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}
/// Where a chain is put, and as what.
pub(crate) struct Place {
    pub(crate) slot: SlotId,
    /// What its key signs with.
    pub(crate) suite: Suite,
    /// The key pair and the model on a multi-key connection (1.3).
    pub(crate) key_pair_id: u8,
    pub(crate) model: CertificateModel,
}

/// Puts a chain structure into a slot.
pub(crate) fn install(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    place: &Place,
    structure: &[u8],
) -> Result<(), Refusal> {
    let &Place { slot, suite, key_pair_id, model } = place;
    let multi = agreement.selection.keys == ConnectionKeys::Multi;
    let generic_in_0 = slot == SlotId::ZERO && model == CertificateModel::GenericCert;
    if (model != CertificateModel::None) != multi || generic_in_0 {
        return Err(Refusal::invalid());
    }
    check_key_pair(turn, agreement, key_pair_id)?;
    let certificates = check_structure(turn, agreement, &suite, structure)?;
    permit(turn, &Change::Slot(slot))?;
    let model = match model {
        CertificateModel::None => implied_model(agreement),
        model => model,
    };
    let offered = ChainOffered { slot, key_pair_id, model, suite, certificates };
    settled(provisioning(turn)?.install(&offered)?)
}

/// Removes the chain of a slot.
pub(crate) fn erase(turn: &mut Turn<'_>, slot: SlotId, suite: &Suite) -> Result<(), Refusal> {
    permit(turn, &Change::Slot(slot))?;
    settled(provisioning(turn)?.erase(slot, suite)?)
}

/// A reset that is due is told with an ERROR.
pub(crate) const fn settled(effect: TakesEffect) -> Result<(), Refusal> {
    match effect {
        TakesEffect::Now => Ok(()),
        TakesEffect::AfterReset => Err(Refusal::new(ErrorCode::RESET_REQUIRED)),
    }
}

/// Which key pair there has to be (1.3).
fn check_key_pair(turn: &mut Turn<'_>, agreement: &Agreement, id: u8) -> Result<(), Refusal> {
    let multi = agreement.selection.keys == ConnectionKeys::Multi;
    let total = provisioning(turn)?.total_key_pairs();
    if (id != 0) == multi && id <= total { Ok(()) } else { Err(Refusal::invalid()) }
}

/// The certificates of a chain whose Length and RootHash are right. What is behind Length, a transport has appended.
fn check_structure<'r>(
    turn: &Turn<'_>,
    agreement: &Agreement,
    suite: &Suite,
    bytes: &'r [u8],
) -> Result<&'r [u8], Refusal> {
    let version = agreement.peer.version;
    let structure = bytes.get(..stated_length(version, bytes)?).ok_or_else(Refusal::invalid)?;
    let padding = bytes.get(structure.len()..).unwrap_or_default();
    if !padding.is_empty() && turn.padding() < padding.len() {
        return Err(Refusal::invalid());
    }
    let large = CapabilityFlags::LARGE_RESP_CAP;
    let is_large = u16::try_from(structure.len()).is_err();
    if is_large && !agreement.peer.both().contains(large) {
        return Err(Refusal::invalid());
    }
    let chain = CertChain::decode(Untrusted::new(structure), version, suite.hash.digest_len())?;
    check_root_hash(turn, suite.hash, &chain)?;
    Ok(chain.certificates)
}

/// `Length`, of two bytes before 1.4.
fn stated_length(version: SpdmVersion, bytes: &[u8]) -> Result<usize, Refusal> {
    let header = bytes.first_chunk::<{ CertChain::HEADER_LEN }>().ok_or_else(Refusal::invalid)?;
    let [low, high, ..] = *header;
    let len = match version {
        SpdmVersion::V1_4 => u32::from_le_bytes(*header),
        _ => u16::from_le_bytes([low, high]).into(),
    };
    usize::try_from(len).map_err(|_| Refusal::invalid())
}

/// RootHash is the hash of the first certificate.
fn check_root_hash(
    turn: &Turn<'_>,
    hash: HashAlgorithm,
    chain: &CertChain<'_>,
) -> Result<(), Refusal> {
    let first = first_certificate(chain.certificates).ok_or_else(Refusal::unspecified)?;
    let digest = turn.provider.hash.digest(hash, &[first])?;
    // As every other fault of a chain.
    if digest.as_bytes() == chain.root_hash { Ok(()) } else { Err(Refusal::unspecified()) }
}

fn first_certificate(certificates: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(certificates).ok()?;
    let header = Header::decode(&mut reader).ok().filter(|header| header.tag() == Tag::Sequence)?;
    reader.read_slice(header.length()).ok()?;
    certificates.get(..usize::try_from(reader.position()).ok()?)
}
