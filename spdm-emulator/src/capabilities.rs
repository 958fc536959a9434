//! CAPABILITIES.

use spdm_codec::{
    AlgStructs, AlgorithmsBlock, BaseHashAlgo, Capabilities, Capability, CapabilityExtFlags,
    CapabilityFlags, Cx, ExtAlgorithms, ExternalAlgStructs, GetCapabilities,
    MIN_DATA_TRANSFER_SIZE, MeasurementSpecification, MelSpecification, NegotiateAlgorithms,
    OtherParams, PqcAsymAlgo, SpdmVersion, SupportedAlgorithms, TransferSizes,
};
use spdm_crypto::AsymAlgorithm;

use crate::agreement::PeerCapabilities;
use crate::algorithms::supported_hashes;
use crate::config::{DeviceConfig, DeviceModel, KeyProvisioning};
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::patch::{patch, put};
use crate::turn::{Turn, encode};

/// Offsets in CAPABILITIES.
const RESERVED: usize = 4;
const CT_EXPONENT: usize = 5;
const FLAGS: usize = 8;
const DATA_TRANSFER_SIZE: usize = 12;
const MAX_SPDM_MSG_SIZE: usize = 16;
const BLOCK_LENGTH: usize = 22;

pub(crate) fn respond(
    turn: &Turn<'_>,
    version: SpdmVersion,
    request: &GetCapabilities,
) -> Result<(PeerCapabilities, Vec<u8>), ErrorAnswer> {
    if let Some(capability) = &request.capability {
        check_requester(version, request.algorithms_block, capability)?;
    }
    let flags = flags(turn.config, version);
    let requester = request.capability.map(|capability| capability.flags).unwrap_or_default()
        & CapabilityFlags::defined_for_requester(version);
    let peer = PeerCapabilities {
        version,
        flags,
        requester,
        sizes: request.capability.and_then(|capability| capability.sizes),
        chunks: (flags & requester).contains(CapabilityFlags::CHUNK_CAP),
    };
    let sizes = (version >= SpdmVersion::V1_2).then_some(TransferSizes {
        data_transfer_size: turn.config.data_transfer_size,
        max_spdm_msg_size: if flags.contains(CapabilityFlags::CHUNK_CAP) {
            turn.config.max_spdm_msg_size
        } else {
            turn.config.data_transfer_size
        },
    });
    let capability = Capability {
        ct_exponent: turn.config.ct_exponent,
        ext_flags: CapabilityExtFlags::empty(),
        flags,
        sizes,
    };
    let plain = Capabilities { capability, supported_algorithms: None };
    let block = SupportedAlgorithms(NegotiateAlgorithms {
        measurement_specification: MeasurementSpecification::DMTF,
        other_params: OtherParams::OPAQUE_DATA_FMT_0 | OtherParams::OPAQUE_DATA_FMT_1,
        base_asym: turn.keys.asyms().filter_map(AsymAlgorithm::base_asym).collect(),
        base_hash: supported_hashes(turn)
            .fold(BaseHashAlgo::empty(), |set, hash| set | hash.base_hash()),
        pqc_asym: match version {
            SpdmVersion::V1_4 => turn.keys.asyms().filter_map(AsymAlgorithm::pqc_asym).collect(),
            _ => PqcAsymAlgo::empty(),
        },
        mel_specification: MelSpecification::empty(),
        ext_asym: ExtAlgorithms::default(),
        ext_hash: ExtAlgorithms::default(),
        alg_structs: AlgStructs::default(),
        external: ExternalAlgStructs::default(),
    });
    let with_block = Capabilities { capability, supported_algorithms: Some(block) };
    let unsolicited = turn.has(Fault::UnsolicitedAlgorithmsBlock) && version >= SpdmVersion::V1_3;
    let mut bytes = encode(&plain, version)?;
    if unsolicited || request.algorithms_block == AlgorithmsBlock::Requested {
        let long = encode(&with_block, version)?;
        // The Requester has to take the plain form, too: without chunking it is the only one that fits.
        if unsolicited || peer.check_size(&long).is_ok() {
            bytes = long;
        }
    }
    for fault in &turn.faults {
        misbehave(*fault, version, flags, &mut bytes);
    }
    turn.change(&Cx::new(version), &mut bytes);
    Ok((peer, bytes))
}

/// What the device can do, in this version.
fn flags(config: &DeviceConfig, version: SpdmVersion) -> CapabilityFlags {
    let measurements = CapabilityFlags::MEAS_CAP_SIG | CapabilityFlags::MEAS_FRESH_CAP;
    let common = CapabilityFlags::CHAL_CAP | measurements | CapabilityFlags::LARGE_RESP_CAP;
    let flags = config.capabilities.unwrap_or_else(|| {
        let keys = match (config.provisioning, config.model) {
            (KeyProvisioning::PublicKey, _) => CapabilityFlags::PUB_KEY_ID_CAP,
            (KeyProvisioning::Certificates, DeviceModel::DeviceCert) => CapabilityFlags::CERT_CAP,
            (KeyProvisioning::Certificates, DeviceModel::AliasCert) => {
                CapabilityFlags::CERT_CAP | CapabilityFlags::ALIAS_CERT_CAP
            }
        };
        common | keys | config.more_capabilities
    });
    flags & CapabilityFlags::defined_for_responder(version)
}

/// What the specification demands of a Requester's capabilities (DSP0274 §GET_CAPABILITIES).
fn check_requester(
    version: SpdmVersion,
    block: AlgorithmsBlock,
    capability: &Capability,
) -> Result<(), ErrorAnswer> {
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
    if rules.contains(&false) { Err(ErrorAnswer::invalid()) } else { Ok(()) }
}

fn misbehave(fault: Fault, version: SpdmVersion, flags: CapabilityFlags, bytes: &mut [u8]) {
    let since = |first| version >= first;
    let signs = CapabilityFlags::MEAS_CAP_NO_SIG | CapabilityFlags::MEAS_CAP_SIG;
    let mut announce = |flags: CapabilityFlags| put(bytes, FLAGS, &flags.bits().to_le_bytes());
    match fault {
        Fault::ReservedBytes => patch(bytes, RESERVED, |_| 0xA5),
        Fault::CtExponent32 => patch(bytes, CT_EXPONENT, |_| 32),
        Fault::CtExponent255 => patch(bytes, CT_EXPONENT, |_| 255),
        Fault::MeasCapReserved => announce(flags | signs),
        Fault::MeasFreshWithoutMeas => {
            announce((flags - signs) | CapabilityFlags::MEAS_FRESH_CAP);
        }
        Fault::PskCapReserved if since(SpdmVersion::V1_1) => {
            let psk = CapabilityFlags::PSK_CAP | CapabilityFlags::PSK_CAP_CONTEXT;
            announce(flags | psk | CapabilityFlags::MAC_CAP);
        }
        Fault::KeyExWithoutMac if since(SpdmVersion::V1_1) => {
            announce(flags | CapabilityFlags::KEY_EX_CAP);
        }
        Fault::MacWithoutKeyEx if since(SpdmVersion::V1_1) => {
            announce(flags | CapabilityFlags::MAC_CAP);
        }
        Fault::CertAndPubKey if since(SpdmVersion::V1_1) => {
            announce(flags | CapabilityFlags::CERT_CAP | CapabilityFlags::PUB_KEY_ID_CAP);
        }
        Fault::ChalWithoutCert => {
            // Without the signed measurements, which would need the key as well.
            let others =
                flags - CapabilityFlags::CERT_CAP - CapabilityFlags::ALIAS_CERT_CAP - signs;
            let others = others - CapabilityFlags::MEAS_FRESH_CAP - CapabilityFlags::PUB_KEY_ID_CAP;
            announce(others | CapabilityFlags::CHAL_CAP);
        }
        Fault::EpInfoCapReserved if since(SpdmVersion::V1_3) => {
            let both = CapabilityFlags::EP_INFO_CAP_NO_SIG | CapabilityFlags::EP_INFO_CAP_SIG;
            announce(flags | both);
        }
        Fault::MultiKeyCapReserved if since(SpdmVersion::V1_3) => {
            let both = CapabilityFlags::MULTI_KEY_CAP_ONLY | CapabilityFlags::MULTI_KEY_CAP_NEG;
            announce(flags | both | CapabilityFlags::GET_KEY_PAIR_INFO_CAP);
        }
        Fault::DataTransferSize41 if since(SpdmVersion::V1_2) => {
            put(bytes, DATA_TRANSFER_SIZE, &41_u32.to_le_bytes());
            put(bytes, MAX_SPDM_MSG_SIZE, &41_u32.to_le_bytes());
        }
        Fault::MaxSmallerThanDts if since(SpdmVersion::V1_2) => {
            put(bytes, DATA_TRANSFER_SIZE, &0x1200_u32.to_le_bytes());
            put(bytes, MAX_SPDM_MSG_SIZE, &0x11FF_u32.to_le_bytes());
        }
        Fault::SizesDifferWithoutChunk if since(SpdmVersion::V1_2) => {
            announce(flags - CapabilityFlags::CHUNK_CAP);
            put(bytes, DATA_TRANSFER_SIZE, &0x1200_u32.to_le_bytes());
            put(bytes, MAX_SPDM_MSG_SIZE, &0x1201_u32.to_le_bytes());
        }
        Fault::AlgorithmsBlockLength => patch(bytes, BLOCK_LENGTH, |len| len.wrapping_add(1)),
        _ => {}
    }
}
