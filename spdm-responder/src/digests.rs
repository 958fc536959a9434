//! GET_DIGESTS and DIGESTS (DSP0274 §GET_DIGESTS).

use spdm_codec::{
    CapabilityFlags, Code, ConnectionKeys, Digests, GetDigests, SlotId, SlotKeys, SpdmVersion,
};
use spdm_crypto::Digest;

use crate::agreement::{Agreement, Suite};
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

const SLOTS: usize = 8;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let version = agreement.peer.version;
    let request = turn.decode::<GetDigests>(version)?.bytes;
    turn.reset_b(agreement)?;
    if !agreement.peer.flags.contains(CapabilityFlags::CERT_CAP) {
        return Err(Refusal::unsupported(Code::GET_DIGESTS));
    }
    #[cfg(feature = "provisioning")]
    crate::provisioning::check_reset(turn, None)?;
    let suite = agreement.suite()?;
    let provisioned = turn.device.provisioned(&suite);
    let mut digests = [0; SLOTS * Digest::MAX];
    let (mut ids, mut models, mut usages) = ([0; SLOTS], [0; SLOTS], [[0; 2]; SLOTS]);
    let places = digests.chunks_mut(suite.hash.digest_len()).zip(&mut ids).zip(&mut models);
    let mut count = 0;
    for (slot, (((digest, id), model), usage)) in provisioned.slots().zip(places.zip(&mut usages)) {
        let of_chain = chain_hash(turn, slot, &suite)?;
        digest.copy_from_slice(of_chain.as_bytes());
        let key = turn.device.slot_key(slot);
        (*id, *model, *usage) =
            (key.key_pair_id, key.model.to_byte(), key.usage.bits().to_le_bytes());
        count += 1;
    }
    let keys = SlotKeys {
        key_pair_id: ids.get(..count).unwrap_or_default(),
        certificate_info: models.get(..count).unwrap_or_default(),
        key_usage: usages.get(..count).unwrap_or_default(),
    };
    let message = Digests {
        supported: (version >= SpdmVersion::V1_3).then(|| turn.device.supported(&suite)),
        provisioned,
        digests: digests.get(..count * suite.hash.digest_len()).unwrap_or_default(),
        keys: (agreement.selection.keys == ConnectionKeys::Multi).then_some(keys),
    };
    answer.encode(&message, version)?;
    turn.compose(agreement.cx(), answer);
    turn.append_b(agreement, request, answer)
}

/// The hash of a slot's chain, as DIGESTS and CHALLENGE_AUTH carry it.
pub(crate) fn chain_hash(turn: &Turn<'_>, slot: SlotId, suite: &Suite) -> Result<Digest, Refusal> {
    let chain = turn.device.chain(slot, suite).ok_or_else(Refusal::invalid)?;
    Ok(turn.provider.hash.digest(suite.hash, &[chain])?)
}
