//! Faults of ALGORITHMS.

use spdm_codec::{
    Algorithms, BaseAsymAlgo, BaseHashAlgo, MeasurementHashAlgo, NegotiateAlgorithms, OtherParams,
    SpdmVersion,
};

use crate::fault::Fault;
use crate::patch::{patch, put};

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

pub(super) fn misbehave(
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
