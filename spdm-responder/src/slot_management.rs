//! SLOT_MANAGEMENT and SLOT_MANAGEMENT_RESP (DSP0274 1.4 §SLOT_MANAGEMENT).

use spdm_codec::{
    BankDetails, BankElement, BankInfo, Code, ErrorCode, KeyAlgorithms, ManageBank, ManageSlot,
    SizedPqcAsymAlgo, SlotAddress, SlotAttributes, SlotBytes, SlotCertificate, SlotCsrRequest,
    SlotElement, SlotElements, SlotManagement, SlotManagementBody, SlotManagementResp,
    SlotManagementSubCode, SpdmVersion,
};
use spdm_crypto::{Digest, HashAlgorithm};
use spdm_untrusted::Untrusted;

use crate::agreement::{Agreement, Suite};
use crate::csr;
use crate::draft::Draft;
use crate::provisioning::{Change, permit, provisioning};
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::set_certificate::{self, Place, settled};
use crate::slot_banks::{BankAlgorithms, SlotBank, SlotBanks};
use crate::turn::Turn;

/// The most banks.
const SLOT_BANKS: usize = 240;
/// Slots of a bank.
const SLOTS: usize = 8;
/// Bytes of a slot in BankDetails, with the longest digest.
const SLOT_LEN: usize = 16 + Digest::MAX;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    type C = SlotManagementSubCode;
    admit(turn, agreement)?;
    let request = turn.decode_with::<SlotManagement<'_>>(agreement.cx())?.message.0;
    let sub_code = request.sub_code;
    let needs_none = match sub_code {
        C::SUPPORTED_SUB_CODES | C::GET_BANK_INFO => true,
        C::GET_BANK_DETAILS
        | C::GET_CERTIFICATE_CHAIN
        | C::GET_CSR
        | C::MANAGE_BANK
        | C::MANAGE_SLOT
        | C::SET_CERTIFICATE => false,
        _ => return Err(Refusal::invalid()),
    };
    if !banks(turn)?.sub_codes().contains(sub_code) {
        return Err(Refusal::unsupported(Code::SLOT_MANAGEMENT));
    }
    if needs_none != request.structure.is_none() {
        return Err(Refusal::invalid());
    }
    let structure = request.structure.unwrap_or_default();
    begin(sub_code, agreement, answer)?;
    match sub_code {
        C::SUPPORTED_SUB_CODES => {
            let codes = banks(turn)?.sub_codes();
            append(answer, |room| Ok(codes.encode(room)?))?;
        }
        C::GET_BANK_INFO => append(answer, |room| bank_info(banks(turn)?, room))?,
        C::GET_BANK_DETAILS => {
            let address = address(turn, agreement, structure)?;
            append(answer, |room| bank_details(turn, agreement, address.bank_id, room))?;
        }
        C::GET_CERTIFICATE_CHAIN => {
            let address = address(turn, agreement, structure)?;
            append(answer, |room| chain(turn, agreement, &address, room))?;
        }
        C::GET_CSR => {
            append(answer, |room| certification_request(turn, agreement, structure, room))?
        }
        C::MANAGE_BANK => manage_bank(turn, agreement, structure)?,
        C::MANAGE_SLOT => erase(turn, agreement, structure)?,
        _ => install(turn, agreement, structure)?,
    }
    agreement.peer.check_size(answer.len())?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

/// What is tested before the fields.
fn admit(turn: &mut Turn<'_>, agreement: &Agreement) -> Result<(), Refusal> {
    let unsupported = Refusal::unsupported(Code::SLOT_MANAGEMENT);
    if agreement.peer.version < SpdmVersion::V1_4 {
        return Err(unsupported);
    }
    if let Scope::Session(index) = turn.scope
        && !turn.is_established(index)
    {
        return Err(Refusal::unexpected());
    }
    let has = turn.device.provisioning().is_some() && turn.device.slot_banks().is_some();
    if has { Ok(()) } else { Err(unsupported) }
}

/// [`admit`] found them there.
fn banks<'t>(turn: &'t mut Turn<'_>) -> Result<&'t mut dyn SlotBanks, Refusal> {
    turn.device.slot_banks().ok_or_else(Refusal::unspecified)
}

fn known(turn: &mut Turn<'_>, bank: u8) -> Result<SlotBank, Refusal> {
    let banks = banks(turn)?;
    let bank = Some(bank).filter(|bank| *bank < banks.count()).and_then(|bank| banks.bank(bank));
    bank.ok_or_else(Refusal::invalid)
}

/// The bank of a slot that can be changed.
fn modifiable(turn: &mut Turn<'_>, address: &SlotAddress) -> Result<SlotBank, Refusal> {
    let bank = known(turn, address.bank_id)?;
    let modifiable = bank.slots.contains(address.slot) && bank.modifiable.contains(address.slot);
    if modifiable { Ok(bank) } else { Err(Refusal::invalid()) }
}

fn hash(agreement: &Agreement) -> Result<HashAlgorithm, Refusal> {
    agreement.selection.hash.ok_or_else(Refusal::unexpected)
}

fn suite(agreement: &Agreement, bank: &SlotBank) -> Result<Suite, Refusal> {
    Ok(Suite { asym: bank.asym, hash: hash(agreement)? })
}

fn address(
    turn: &Turn<'_>,
    agreement: &Agreement,
    structure: &[u8],
) -> Result<SlotAddress, Refusal> {
    let cx = agreement.cx().with_padding(turn.padding());
    Ok(SlotAddress::decode(Untrusted::new(structure), &cx)?)
}

/// Writes the response up to its structure, which only the sub codes that read have.
fn begin(
    sub_code: SlotManagementSubCode,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let reads = sub_code.0 < SlotManagementSubCode::MANAGE_BANK.0;
    let structure = reads.then_some(&[][..]);
    let body = SlotManagementBody { sub_code, gap: &[], structure };
    Ok(answer.encode(&SlotManagementResp(body), agreement.peer.version)?)
}

/// Writes the structure.
fn append(
    answer: &mut Draft<'_>,
    write: impl FnOnce(&mut [u8]) -> Result<usize, Refusal>,
) -> Result<(), Refusal> {
    let (_, room) = answer.parts();
    let len = write(room)?;
    answer.advance(len);
    Ok(())
}

fn bank_info(banks: &mut dyn SlotBanks, room: &mut [u8]) -> Result<usize, Refusal> {
    let mut elements = [0; BankElement::LEN * SLOT_BANKS];
    let mut count = 0;
    let (places, _) = elements.as_chunks_mut::<{ BankElement::LEN }>();
    for (place, bank_id) in places.iter_mut().zip(0..banks.count()) {
        let bank = banks.bank(bank_id).ok_or_else(Refusal::unspecified)?;
        *place = BankElement { bank_id, slots: bank.slots, modifiable: bank.modifiable }.to_bytes();
        count = bank_id.saturating_add(1);
    }
    let len = usize::from(count).saturating_mul(BankElement::LEN);
    let elements = elements.get(..len).unwrap_or_default();
    Ok(BankInfo::new(count, elements).encode(room)?)
}

fn bank_details(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    bank_id: u8,
    room: &mut [u8],
) -> Result<usize, Refusal> {
    let (bank, hash) = (known(turn, bank_id)?, hash(agreement)?);
    let hasher = turn.provider.hash;
    let mut elements = [0; SLOTS * SLOT_LEN];
    let (mut count, mut len) = (0_u16, 0_usize);
    for slot in bank.slots.slots() {
        let banks = banks(turn)?;
        let Some(entry) = banks.slot(bank_id, slot) else { continue };
        let mut digest = Digest::default();
        let mut attributes = SlotAttributes::empty();
        if let Some(chain) = banks.chain(bank_id, slot, hash) {
            digest = hasher.digest(hash, &[chain])?;
            attributes |= SlotAttributes::PROVISIONED;
        }
        if !bank.modifiable.contains(slot) {
            attributes |= SlotAttributes::WRITE_PROTECTED;
        }
        let empty = [0; Digest::MAX];
        let digest = match digest.as_bytes() {
            [] => empty.get(..hash.digest_len()).unwrap_or_default(),
            digest => digest,
        };
        let element = SlotElement {
            slot,
            attributes,
            key_pair_id: entry.key_pair_id,
            certificate_info: entry.model.to_byte(),
            usage: entry.usage,
            size: entry.size,
            digest,
        };
        len = len.saturating_add(element.encode(elements.get_mut(len..).unwrap_or_default())?);
        count = count.saturating_add(1);
    }
    let bytes = elements.get(..len).unwrap_or_default();
    let all = [bank.capabilities, bank.current, bank.available];
    let pqc = all.map(|algorithms| algorithms.pqc.bits().to_le_bytes());
    let [capabilities_pqc, current_pqc, available_pqc] = &pqc;
    let details = BankDetails {
        bank_id,
        attributes: bank.attributes,
        capabilities: algorithms(&bank.capabilities, capabilities_pqc),
        current: algorithms(&bank.current, current_pqc),
        available: algorithms(&bank.available, available_pqc),
        slots: SlotElements { count, bytes, hash_len: hash.digest_len() },
    };
    Ok(details.encode(room)?)
}

const fn algorithms<'p>(algorithms: &BankAlgorithms, pqc: &'p [u8]) -> KeyAlgorithms<'p> {
    KeyAlgorithms { asym: algorithms.asym, pqc: SizedPqcAsymAlgo { bytes: pqc } }
}

fn chain(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    address: &SlotAddress,
    room: &mut [u8],
) -> Result<usize, Refusal> {
    let (bank, hash) = (known(turn, address.bank_id)?, hash(agreement)?);
    if !bank.slots.contains(address.slot) {
        return Err(Refusal::invalid());
    }
    let chain = banks(turn)?.chain(address.bank_id, address.slot, hash);
    Ok(SlotBytes { bytes: chain.ok_or_else(Refusal::invalid)? }.encode(room)?)
}

fn certification_request(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    structure: &[u8],
    room: &mut [u8],
) -> Result<usize, Refusal> {
    let cx = agreement.cx().with_padding(turn.padding());
    let request = SlotCsrRequest::decode(Untrusted::new(structure), &cx)?;
    let bank = known(turn, request.address.bank_id)?;
    if !bank.slots.contains(request.address.slot) {
        return Err(Refusal::invalid());
    }
    let asked = csr::Asked {
        suite: suite(agreement, &bank)?,
        attributes: request.attributes,
        requester_info: request.requester_info,
        opaque: request.opaque.as_bytes(),
    };
    let (front, back) = room.split_at_mut(room.len() / 2);
    let csr = csr::make(provisioning(turn)?, agreement, &asked, back)?;
    Ok(SlotBytes { bytes: csr }.encode(front)?)
}

fn manage_bank(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    structure: &[u8],
) -> Result<(), Refusal> {
    let cx = agreement.cx().with_padding(turn.padding());
    let request = ManageBank::decode(Untrusted::new(structure), &cx)?;
    let (bank_id, hash) = (request.address.bank_id, hash(agreement)?);
    let bank = known(turn, bank_id)?;
    let chosen = BankAlgorithms { asym: request.asym, pqc: request.pqc.algorithms() };
    let unknown = request.pqc.bytes.iter().skip(size_of::<u32>()).any(|byte| *byte != 0);
    if unknown || chosen.count() != 1 || !chosen.within(&bank.available) {
        return Err(Refusal::invalid());
    }
    permit(turn, &Change::Bank)?;
    let banks = banks(turn)?;
    if bank.slots.slots().any(|slot| banks.chain(bank_id, slot, hash).is_some()) {
        return Err(Refusal::new(ErrorCode::INVALID_STATE));
    }
    match chosen == bank.current {
        true => Ok(()),
        false => settled(banks.configure(bank_id, &chosen)?),
    }
}

fn erase(turn: &mut Turn<'_>, agreement: &Agreement, structure: &[u8]) -> Result<(), Refusal> {
    let cx = agreement.cx().with_padding(turn.padding());
    let SlotAddress { bank_id, slot } = ManageSlot::decode(Untrusted::new(structure), &cx)?.address;
    let bank = modifiable(turn, &SlotAddress { bank_id, slot })?;
    let suite = suite(agreement, &bank)?;
    if banks(turn)?.chain(bank_id, slot, suite.hash).is_none() {
        return Err(Refusal::invalid());
    }
    set_certificate::erase(turn, slot, &suite)
}

fn install(turn: &mut Turn<'_>, agreement: &Agreement, structure: &[u8]) -> Result<(), Refusal> {
    let cx = agreement.cx().with_padding(turn.padding());
    let request = SlotCertificate::decode(Untrusted::new(structure), &cx)?;
    let bank = modifiable(turn, &request.address)?;
    let place = Place {
        slot: request.address.slot,
        suite: suite(agreement, &bank)?,
        key_pair_id: request.key_pair_id,
        model: request.model,
    };
    set_certificate::install(turn, agreement, &place, request.chain)
}
