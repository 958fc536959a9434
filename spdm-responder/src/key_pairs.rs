//! GET_KEY_PAIR_INFO, KEY_PAIR_INFO and SET_KEY_PAIR_INFO (DSP0274 1.3 §GET_KEY_PAIR_INFO, §SET_KEY_PAIR_INFO).

use spdm_codec::{
    CapabilityFlags, Code, DesiredKeyPair, ErrorCode, GetKeyPairInfo, KeyPairCapabilities,
    KeyPairInfo, KeyPairOperation, KeyPairPqc, SetKeyPairInfo, SetKeyPairInfoAck, SizedPqcAsymAlgo,
    SlotMask, SpdmVersion,
};

use crate::agreement::Agreement;
use crate::draft::Draft;
use crate::provisioning::{
    Change, KeyPair, KeyPairChange, KeyPairWanted, Provisioning, TakesEffect, admit, permit,
    provisioning,
};
use crate::refusal::Refusal;
use crate::turn::Turn;

/// KEY_PAIR_INFO.
pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    admit(turn, agreement, Code::GET_KEY_PAIR_INFO)?;
    let id = turn.decode_with::<GetKeyPairInfo>(agreement.cx())?.message.key_pair_id;
    let version = agreement.peer.version;
    let sets = agreement.peer.flags.contains(CapabilityFlags::SET_KEY_PAIR_INFO_CAP);
    let device = provisioning(turn)?;
    let total_key_pairs = device.total_key_pairs();
    let pair = known(device, id)?;
    let capabilities = pair.pqc_capabilities.bits().to_le_bytes();
    let current = pair.pqc.bits().to_le_bytes();
    let pqc = KeyPairPqc {
        capabilities: SizedPqcAsymAlgo { bytes: &capabilities },
        current: SizedPqcAsymAlgo { bytes: &current },
    };
    let message = KeyPairInfo {
        total_key_pairs,
        key_pair_id: id,
        capabilities: if sets { pair.capabilities } else { KeyPairCapabilities::empty() },
        key_usage_capabilities: pair.usage_capabilities,
        current_key_usage: pair.usage,
        asym_algo_capabilities: pair.asym_capabilities,
        current_asym_algo: pair.asym,
        assoc_cert_slot_mask: pair.slots,
        public_key_info: pair.public_key_info,
        pqc: (version >= SpdmVersion::V1_4).then_some(pqc),
        trailing: &[],
    };
    answer.encode(&message, version)?;
    agreement.peer.check_size(answer.len())?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

/// SET_KEY_PAIR_INFO_ACK.
pub(crate) fn respond_to_change(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    admit(turn, agreement, Code::SET_KEY_PAIR_INFO)?;
    let request: SetKeyPairInfo<'_> = turn.decode_with(agreement.cx())?.message;
    permit(turn, &Change::KeyPair)?;
    let id = request.key_pair_id;
    let change = match request.operation {
        KeyPairOperation::ParameterChange(desired) => KeyPairChange::Parameters(wanted(&desired)),
        KeyPairOperation::Erase => KeyPairChange::Erase,
        KeyPairOperation::Generate(desired) => KeyPairChange::Generate(wanted(&desired)),
    };
    let device = provisioning(turn)?;
    check(device, id, &change)?;
    let effect = device.change_key_pair(id, &change)?;
    let may_wait = agreement.peer.flags.contains(CapabilityFlags::SET_KEY_PAIR_RESET_CAP);
    match effect {
        TakesEffect::AfterReset if may_wait => return Err(Refusal::new(ErrorCode::RESET_REQUIRED)),
        TakesEffect::AfterReset => return Err(Refusal::new(ErrorCode::OPERATION_FAILED)),
        TakesEffect::Now => {}
    }
    answer.encode(&SetKeyPairInfoAck, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

fn wanted(desired: &DesiredKeyPair<'_>) -> KeyPairWanted {
    KeyPairWanted {
        usage: desired.key_usage,
        asym: desired.asym_algo,
        pqc: desired.pqc_asym_algo.map(|algo| algo.algorithms()).unwrap_or_default(),
        slots: desired.assoc_cert_slot_mask,
    }
}

fn known(device: &dyn Provisioning, id: u8) -> Result<KeyPair<'_>, Refusal> {
    let pair = device.key_pair(id).filter(|_| (1..=device.total_key_pairs()).contains(&id));
    pair.ok_or_else(Refusal::invalid)
}

/// Whether the key pair can be changed so, in the order of DSP0274's text.
fn check(device: &dyn Provisioning, id: u8, change: &KeyPairChange) -> Result<(), Refusal> {
    type C = KeyPairCapabilities;
    let failed = || Refusal::new(ErrorCode::OPERATION_FAILED);
    let demand = |holds: bool, refusal: Refusal| if holds { Ok(()) } else { Err(refusal) };
    let invalid = Refusal::invalid;
    let pair = known(device, id)?;
    let can = |capability| pair.capabilities.contains(capability);
    let (wanted, generates) = match change {
        KeyPairChange::Erase => {
            demand(can(C::ERASABLE), invalid())?;
            return demand(pair.slots == SlotMask(0), failed());
        }
        KeyPairChange::Generate(wanted) => (wanted, true),
        KeyPairChange::Parameters(wanted) => (wanted, false),
    };
    demand(!generates || can(C::GEN_KEY), invalid())?;
    let other_slots = wanted.slots != pair.slots && wanted.slots != SlotMask(0);
    demand(!other_slots || can(C::CERT_ASSOC), invalid())?;
    demand(wanted.usage.is_empty() || can(C::KEY_USAGE), invalid())?;
    demand(pair.usage_capabilities.contains(wanted.usage), invalid())?;
    let chooses = !wanted.asym.is_empty() || !wanted.pqc.is_empty();
    let chosen = wanted.asym.bits().count_ones().saturating_add(wanted.pqc.bits().count_ones());
    demand(!chooses || can(C::ASYM_ALGO), invalid())?;
    demand(chosen <= 1, invalid())?;
    let possible =
        pair.asym_capabilities.contains(wanted.asym) && pair.pqc_capabilities.contains(wanted.pqc);
    demand(possible, invalid())?;
    demand(wanted.slots.count() <= 1 || can(C::SHAREABLE), invalid())?;
    let has_algorithm = !pair.asym.is_empty() || !pair.pqc.is_empty();
    if generates {
        demand(pair.slots == SlotMask(0), failed())?;
        demand(chooses || has_algorithm, failed())?;
    } else {
        let same = wanted.asym == pair.asym && wanted.pqc == pair.pqc;
        let has_key = !pair.public_key_info.is_empty();
        demand(!chooses || same || !has_key, invalid())?;
    }
    let (asym, pqc) = if chooses { (wanted.asym, wanted.pqc) } else { (pair.asym, pair.pqc) };
    let others = (1..=device.total_key_pairs()).filter(|other| *other != id);
    let taken = others
        .filter_map(|other| device.key_pair(other))
        .any(|other| (other.asym, other.pqc) == (asym, pqc) && other.slots.0 & wanted.slots.0 != 0);
    demand(!taken, failed())
}
