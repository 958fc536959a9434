//! ALGORITHMS.

use spdm_codec::{
    AlgStructs, Algorithms, BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, ConnectionKeys, Cx,
    ExtAlgorithms, MeasCap, MeasurementHashAlgo, MeasurementSpecification, MelSpecification,
    NegotiateAlgorithms, OpaqueFormat, OtherParams, SpdmVersion,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::agreement::{PeerCapabilities, SelectedAlgorithms};
use crate::config::preferred_hashes;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::patch::{patch, put};
use crate::turn::{Turn, encode};

/// Offsets in ALGORITHMS.
const STRUCT_COUNT: usize = 2;
const LENGTH: usize = 4;
const MEASUREMENT_SPECIFICATION: usize = 6;
const OTHER_PARAMS: usize = 7;
const MEASUREMENT_HASH: usize = 8;
const BASE_ASYM: usize = 12;
const BASE_HASH: usize = 16;
const PQC_ASYM: usize = 20;
const RESERVED: usize = 24;
const MEL: usize = 31;
const EXT_ASYM_COUNT: usize = 32;

/// The hash algorithms of the device, the preferred one first.
pub(crate) fn supported_hashes(turn: &Turn<'_>) -> impl Iterator<Item = HashAlgorithm> {
    preferred_hashes(turn.config.base_hash).filter(|hash| turn.keys.supports(*hash))
}

pub(crate) fn respond(
    turn: &Turn<'_>,
    peer: &PeerCapabilities,
    request: &NegotiateAlgorithms<'_>,
) -> Result<(SelectedAlgorithms, Vec<u8>), ErrorAnswer> {
    check_lists(peer.version, request)?;
    let selection = select(turn, peer, request)?;
    let other_params = match selection.opaque {
        OpaqueFormat::Table => OtherParams::OPAQUE_DATA_FMT_1,
        OpaqueFormat::FreeForm if peer.version >= SpdmVersion::V1_2 => {
            OtherParams::OPAQUE_DATA_FMT_0
        }
        _ => OtherParams::empty(),
    };
    let other_params = match selection.requester_keys {
        ConnectionKeys::Multi => other_params | OtherParams::MULTI_KEY_CONN,
        _ => other_params,
    };
    let asym = selection.algorithms.and_then(|(asym, _)| asym.base_asym());
    let pqc = selection.algorithms.and_then(|(asym, _)| asym.pqc_asym());
    let hash = selection.algorithms.map(|(_, hash)| hash.base_hash());
    let algorithms = Algorithms {
        measurement_specification: selection.measurement_specification,
        other_params,
        measurement_hash: selection.measurement_hash,
        base_asym: asym.unwrap_or_default(),
        base_hash: hash.unwrap_or_default(),
        pqc_asym: pqc.unwrap_or_default(),
        mel_specification: selection.mel,
        ext_asym: ExtAlgorithms::default(),
        ext_hash: ExtAlgorithms::default(),
        // The device has no sessions: there is nothing to select.
        alg_structs: AlgStructs::default(),
    };
    let mut bytes = encode(&algorithms, peer.version)?;
    for fault in &turn.faults {
        misbehave(*fault, peer.version, request, &algorithms, &mut bytes);
    }
    turn.change(&Cx::new(peer.version), &mut bytes);
    Ok((selection, bytes))
}

/// How many external algorithms an offer may name (DSP0274 §NEGOTIATE_ALGORITHMS); the device has none of them.
fn check_lists(version: SpdmVersion, request: &NegotiateAlgorithms<'_>) -> Result<(), ErrorAnswer> {
    let most = if version == SpdmVersion::V1_0 { 8 } else { 20 };
    let lists = request.ext_asym.iter().chain(request.ext_hash.iter());
    let count = lists.count() + request.external.iter().count();
    if count > most { Err(ErrorAnswer::invalid()) } else { Ok(()) }
}

fn select(
    turn: &Turn<'_>,
    peer: &PeerCapabilities,
    request: &NegotiateAlgorithms<'_>,
) -> Result<SelectedAlgorithms, ErrorAnswer> {
    let asym = turn.keys.asyms().find(|asym| {
        let exists = *asym != AsymAlgorithm::Ed25519 || peer.version >= SpdmVersion::V1_2;
        exists && asym.base_asym().is_some_and(|bit| request.base_asym.contains(bit))
            || peer.version >= SpdmVersion::V1_4
                && asym.pqc_asym().is_some_and(|bit| request.pqc_asym.contains(bit))
    });
    let hash = supported_hashes(turn).find(|hash| request.base_hash.contains(hash.base_hash()));
    let algorithms = if needs_signatures(peer.flags) {
        Some(asym.zip(hash).ok_or_else(ErrorAnswer::invalid)?)
    } else {
        None
    };
    let measures = peer.flags.meas_cap() != MeasCap::None
        && request.measurement_specification.contains(MeasurementSpecification::DMTF);
    let (measurement_specification, measurement_hash) = if measures {
        (MeasurementSpecification::DMTF, turn.config.measurement_hash)
    } else {
        (MeasurementSpecification::empty(), MeasurementHashAlgo::empty())
    };
    let no_format = turn.config.faults.contains(&Fault::OpaqueWhenNone);
    let opaque = match peer.version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::FreeForm,
        _ if no_format => OpaqueFormat::None,
        _ if request.other_params.contains(OtherParams::OPAQUE_DATA_FMT_1) => OpaqueFormat::Table,
        _ if request.other_params.contains(OtherParams::OPAQUE_DATA_FMT_0) => {
            OpaqueFormat::FreeForm
        }
        _ => OpaqueFormat::None,
    };
    let (keys, requester_keys) = connection_keys(peer, request)?;
    let logs = peer.version >= SpdmVersion::V1_3
        && peer.flags.contains(CapabilityFlags::MEL_CAP)
        && request.mel_specification.contains(MelSpecification::DMTF);
    let mel = if logs { MelSpecification::DMTF } else { MelSpecification::empty() };
    Ok(SelectedAlgorithms {
        algorithms,
        measurement_specification,
        measurement_hash,
        opaque,
        keys,
        requester_keys,
        mel,
    })
}

/// Whether some capability needs a key and a hash.
fn needs_signatures(flags: CapabilityFlags) -> bool {
    flags.intersects(
        CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP | CapabilityFlags::PUB_KEY_ID_CAP,
    ) || flags.meas_cap() == MeasCap::Signature
}

/// Whether the device and whether the Requester use several keys (1.3).
fn connection_keys(
    peer: &PeerCapabilities,
    request: &NegotiateAlgorithms<'_>,
) -> Result<(ConnectionKeys, ConnectionKeys), ErrorAnswer> {
    if peer.version < SpdmVersion::V1_3 {
        return Ok((ConnectionKeys::Single, ConnectionKeys::Single));
    }
    let asked = request.other_params.contains(OtherParams::MULTI_KEY_CONN);
    let keys = match (peer.flags.multi_key_cap(), asked) {
        (0 | 2, false) => ConnectionKeys::Single,
        (1 | 2, true) => ConnectionKeys::Multi,
        _ => return Err(ErrorAnswer::invalid()),
    };
    let requester_keys = match peer.requester.multi_key_cap() {
        1 => ConnectionKeys::Multi,
        _ => ConnectionKeys::Single,
    };
    Ok((keys, requester_keys))
}

fn misbehave(
    fault: Fault,
    version: SpdmVersion,
    request: &NegotiateAlgorithms<'_>,
    selected: &Algorithms<'_>,
    bytes: &mut Vec<u8>,
) {
    let since = |first| version >= first;
    let mut select_asym = |bits: BaseAsymAlgo| put(bytes, BASE_ASYM, &bits.bits().to_le_bytes());
    match fault {
        Fault::ReservedBytes => patch(bytes, RESERVED, |_| 0xA5),
        Fault::AlgorithmNotOffered => {
            let bit = not_offered(request.base_asym.bits());
            select_asym(BaseAsymAlgo::from_bits_retain(bit));
        }
        Fault::TwoAsymBits => {
            let other = BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384;
            select_asym(selected.base_asym | other);
        }
        Fault::NoAsym => select_asym(BaseAsymAlgo::empty()),
        Fault::HashNotOffered => {
            let bit = not_offered(request.base_hash.bits());
            put(bytes, BASE_HASH, &bit.to_le_bytes());
        }
        Fault::TwoHashBits => {
            let both = selected.base_hash | BaseHashAlgo::SHA_256 | BaseHashAlgo::SHA_384;
            put(bytes, BASE_HASH, &both.bits().to_le_bytes());
        }
        Fault::NoHash => put(bytes, BASE_HASH, &[0; 4]),
        Fault::AlgorithmsLength => patch(bytes, LENGTH, |length| length.wrapping_add(4)),
        Fault::UnsortedAlgStructs if since(SpdmVersion::V1_1) => {
            append_structs(bytes, &[[3, 0x20, 0x02, 0], [2, 0x20, 0x10, 0]]);
        }
        Fault::DuplicateAlgStruct if since(SpdmVersion::V1_1) => {
            append_structs(bytes, &[[3, 0x20, 0x02, 0], [3, 0x20, 0x02, 0]]);
        }
        Fault::UnknownAlgStruct if since(SpdmVersion::V1_1) => {
            append_structs(bytes, &[[9, 0x20, 0x01, 0]]);
        }
        Fault::UnsolicitedAlgStruct if since(SpdmVersion::V1_1) => {
            let offered = request.alg_structs.dhe.unwrap_or_default().bits();
            let [low, high, ..] = not_offered(offered.into()).to_le_bytes();
            append_structs(bytes, &[[2, 0x20, low, high]]);
        }
        Fault::ExtAlgorithmSelected => {
            append(bytes, &[0, 0, 1, 0]);
            patch(bytes, EXT_ASYM_COUNT, |_| 1);
        }
        Fault::MeasurementHashZero => put(bytes, MEASUREMENT_HASH, &[0; 4]),
        Fault::MeasurementHashTwoBits => {
            let both = MeasurementHashAlgo::SHA_256 | MeasurementHashAlgo::SHA_384;
            let bits = selected.measurement_hash | both;
            put(bytes, MEASUREMENT_HASH, &bits.bits().to_le_bytes());
        }
        Fault::MeasurementSpecNotOffered => {
            let [bit, ..] =
                not_offered(request.measurement_specification.bits().into()).to_le_bytes();
            patch(bytes, MEASUREMENT_SPECIFICATION, |_| bit);
        }
        Fault::OpaqueFormatNotOffered if since(SpdmVersion::V1_2) => {
            let [bit, ..] =
                not_offered(request.other_params.opaque_format().bits().into()).to_le_bytes();
            patch(bytes, OTHER_PARAMS, |_| bit);
        }
        Fault::TwoOpaqueFormats if since(SpdmVersion::V1_2) => {
            patch(bytes, OTHER_PARAMS, |params| params | 3);
        }
        Fault::MultiKeyNotOffered if since(SpdmVersion::V1_3) => {
            let bit = OtherParams::MULTI_KEY_CONN.bits();
            patch(bytes, OTHER_PARAMS, |params| params | bit);
        }
        Fault::MelNotOffered if since(SpdmVersion::V1_3) => patch(bytes, MEL, |_| 1),
        Fault::PqcNotOffered if since(SpdmVersion::V1_4) => {
            let bit = not_offered(request.pqc_asym.bits());
            put(bytes, PQC_ASYM, &bit.to_le_bytes());
        }
        _ => {}
    }
}

/// The lowest bit that is not in the offer; the highest where all are.
fn not_offered(offered: u32) -> u32 {
    1_u32.checked_shl(offered.trailing_ones()).unwrap_or(1 << 31)
}

fn append(bytes: &mut Vec<u8>, entry: &[u8; 4]) {
    bytes.extend(entry);
    patch(bytes, LENGTH, |length| length.wrapping_add(4));
}

fn append_structs(bytes: &mut Vec<u8>, structs: &[[u8; 4]]) {
    for entry in structs {
        append(bytes, entry);
        patch(bytes, STRUCT_COUNT, |count| count.wrapping_add(1));
    }
}
