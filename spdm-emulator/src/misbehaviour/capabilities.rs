//! Faults of CAPABILITIES.

use spdm_codec::{Capabilities, CapabilityFlags, Cx, Message as _, SpdmVersion};
use spdm_responder::Config;
use spdm_untrusted::Untrusted;

use crate::fault::Fault;
use crate::misbehaviour::encode;
use crate::patch::{patch, put};

/// Offsets in CAPABILITIES.
const RESERVED: usize = 4;
const CT_EXPONENT: usize = 5;
const FLAGS: usize = 8;
const DATA_TRANSFER_SIZE: usize = 12;
const MAX_SPDM_MSG_SIZE: usize = 16;
const BLOCK_LENGTH: usize = 22;

/// Changes CAPABILITIES; `config` is what the device offers.
pub(super) fn misbehave(
    faults: &[Fault],
    config: &Config<'_>,
    version: SpdmVersion,
    bytes: &mut Vec<u8>,
) {
    let Ok(honest) = Capabilities::decode(Untrusted::new(bytes.as_slice()), &Cx::new(version))
    else {
        return;
    };
    let capability = honest.message.capability;
    if faults.contains(&Fault::UnsolicitedAlgorithmsBlock) && version >= SpdmVersion::V1_3 {
        let supported_algorithms = Some(config.supported_algorithms(version));
        *bytes = encode(&Capabilities { capability, supported_algorithms }, version);
    }
    for fault in faults {
        misbehave_fields(*fault, version, capability.flags, bytes);
    }
}

fn misbehave_fields(fault: Fault, version: SpdmVersion, flags: CapabilityFlags, bytes: &mut [u8]) {
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
