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
    check_model(agreement, &request)?;
    let (slot, suite) = (request.slot, agreement.suite()?);
    let total = provisioning(turn)?.total_key_pairs();
    if request.key_pair_id > total {
        return Err(Refusal::invalid());
    }
    let effect = match request.operation {
        SetCertificateOperation::Install(structure) => {
            let certificates = check_structure(turn, agreement, &suite, structure)?;
            permit(turn, &Change::Slot(slot))?;
            let model = match request.model {
                CertificateModel::None => implied_model(agreement),
                model => model,
            };
            let key_pair_id = request.key_pair_id;
            let offered = ChainOffered { slot, key_pair_id, model, suite, certificates };
            provisioning(turn)?.install(&offered)?
        }
        SetCertificateOperation::Erase => {
            permit(turn, &Change::Slot(slot))?;
            provisioning(turn)?.erase(slot, &suite)?
        }
    };
    if effect == TakesEffect::AfterReset {
        return Err(Refusal::new(ErrorCode::RESET_REQUIRED));
    }
    answer.encode(&SetCertificateRsp { slot }, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

/// Which key pair and model there has to be (1.3).
fn check_model(agreement: &Agreement, request: &SetCertificate<'_>) -> Result<(), Refusal> {
    let multi = agreement.selection.keys == ConnectionKeys::Multi;
    let installs = matches!(request.operation, SetCertificateOperation::Install(_));
    let has_model = request.model != CertificateModel::None;
    let generic_in_0 =
        request.slot == SlotId::ZERO && request.model == CertificateModel::GenericCert;
    let fits = (request.key_pair_id != 0) == multi && has_model == (multi && installs);
    if fits && !generic_in_0 { Ok(()) } else { Err(Refusal::invalid()) }
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
