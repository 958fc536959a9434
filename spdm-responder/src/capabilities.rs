//! GET_CAPABILITIES and CAPABILITIES (DSP0274 §GET_CAPABILITIES).

use spdm_codec::{
    AlgorithmsBlock, Capabilities, Capability, CapabilityExtFlags, CapabilityFlags, Cx,
    GetCapabilities, MIN_DATA_TRANSFER_SIZE, SpdmVersion, TransferSizes,
};

use crate::agreement::Peer;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// What was settled, and the request's bytes.
pub(crate) fn respond<'t>(
    turn: &mut Turn<'t>,
    version: SpdmVersion,
    answer: &mut Draft<'_>,
) -> Result<(Peer, &'t [u8]), Refusal> {
    let request = turn.decode::<GetCapabilities>(version)?;
    let (message, bytes) = (request.message, request.bytes);
    if let Some(capability) = &message.capability {
        check_requester(version, message.algorithms_block, capability)?;
    }
    let flags = turn.config.flags(version);
    let requester = message.capability.map(|capability| capability.flags).unwrap_or_default()
        & CapabilityFlags::defined_for_requester(version);
    let sizes = message.capability.and_then(|capability| capability.sizes);
    let peer = Peer::new(version, flags, requester, sizes);
    let capability = Capability {
        ct_exponent: turn.config.ct_exponent,
        ext_flags: ext_flags(turn, version),
        flags,
        sizes: announced_sizes(turn, version, flags),
    };
    if message.algorithms_block == AlgorithmsBlock::Requested {
        let block = turn.config.supported_algorithms(version);
        answer.encode(&Capabilities { capability, supported_algorithms: Some(block) }, version)?;
    }
    // The Requester has to take the plain form, too: without chunking it may be the only one that fits.
    if answer.is_empty() || peer.check_size(answer.len()).is_err() {
        answer.encode(&Capabilities { capability, supported_algorithms: None }, version)?;
    }
    turn.compose(Cx::new(version), answer);
    Ok((peer, bytes))
}

/// Banks are there where the device lends them: `Config` has nothing of what is not settled yet.
#[cfg(feature = "experimental")]
fn ext_flags(turn: &mut Turn<'_>, version: SpdmVersion) -> CapabilityExtFlags {
    let manages = version >= SpdmVersion::V1_4
        && turn.device.provisioning().is_some()
        && turn.device.slot_banks().is_some();
    if manages { CapabilityExtFlags::SLOT_MGMT_CAP } else { CapabilityExtFlags::empty() }
}

#[cfg(not(feature = "experimental"))]
fn ext_flags(_: &mut Turn<'_>, _: SpdmVersion) -> CapabilityExtFlags {
    CapabilityExtFlags::empty()
}

fn announced_sizes(
    turn: &Turn<'_>,
    version: SpdmVersion,
    flags: CapabilityFlags,
) -> Option<TransferSizes> {
    let mut sizes = turn.config.sizes;
    if !flags.contains(CapabilityFlags::CHUNK_CAP) {
        sizes.max_spdm_msg_size = sizes.data_transfer_size;
    }
    (version >= SpdmVersion::V1_2).then_some(sizes)
}

/// What the specification demands of a Requester's capabilities (DSP0274 §GET_CAPABILITIES).
fn check_requester(
    version: SpdmVersion,
    block: AlgorithmsBlock,
    capability: &Capability,
) -> Result<(), Refusal> {
    let flags = capability.flags & CapabilityFlags::defined_for_requester(version);
    let chunks = flags.contains(CapabilityFlags::CHUNK_CAP);
    let sizes_fit = capability.sizes.is_none_or(|sizes| {
        sizes.data_transfer_size >= MIN_DATA_TRANSFER_SIZE
            && sizes.max_spdm_msg_size >= sizes.data_transfer_size
            && (chunks || sizes.max_spdm_msg_size == sizes.data_transfer_size)
    });
    let rules = [
        capability.ct_exponent <= 31,
        sizes_fit,
        flags.broken_by_requester(version).is_none(),
        block == AlgorithmsBlock::NotRequested || chunks,
    ];
    if rules.contains(&false) { Err(Refusal::invalid()) } else { Ok(()) }
}
