//! Faults of CHALLENGE_AUTH.

use spdm_codec::{MeasurementSummary, NONCE_LEN, SpdmVersion};

use crate::fault::Fault;
use crate::misbehaviour::opaque;
use crate::patch::patch;

/// Offsets in CHALLENGE_AUTH.
const PARAM1: usize = 2;
const PARAM2: usize = 3;
const CERT_CHAIN_HASH: usize = 4;

/// Changes CHALLENGE_AUTH up to its signature. `summary` is the one that was asked for, `whole` the hash over all
/// measurements.
pub(super) fn misbehave(
    faults: &[Fault],
    version: SpdmVersion,
    summary: MeasurementSummary,
    whole: &[u8],
    bytes: &mut Vec<u8>,
) {
    let hash_len = whole.len();
    let summary_at = CERT_CHAIN_HASH + hash_len + NONCE_LEN;
    let mut summary_len = if summary == MeasurementSummary::None { 0 } else { hash_len };
    if faults.contains(&Fault::SummaryHashMissing) {
        bytes.splice(summary_at..summary_at + summary_len, []);
        summary_len = 0;
    }
    if faults.contains(&Fault::SummaryHashUnsolicited) && summary_len == 0 {
        bytes.splice(summary_at..summary_at, whole.iter().copied());
        summary_len = hash_len;
    }
    if faults.contains(&Fault::SummaryHashDiffers) && summary_len > 0 {
        patch(bytes, summary_at, |byte| byte ^ 1);
    }
    let opaque_at = summary_at + summary_len;
    let opaque_len = opaque::len(bytes, opaque_at);
    for fault in faults {
        misbehave_fields(*fault, version, bytes);
        opaque::misbehave_context(*fault, version, bytes);
        opaque::misbehave(*fault, version, opaque_at, opaque_len, bytes);
    }
}

fn misbehave_fields(fault: Fault, version: SpdmVersion, bytes: &mut [u8]) {
    match fault {
        Fault::WrongChainHash => patch(bytes, CERT_CHAIN_HASH, |byte| byte ^ 1),
        Fault::ChallengeOtherSlot => patch(bytes, PARAM1, |byte| byte ^ 1),
        Fault::ChallengeSlotNotInMask => patch(bytes, PARAM2, |_| 0),
        Fault::BasicMutAuth if version >= SpdmVersion::V1_1 => {
            patch(bytes, PARAM1, |byte| byte | 0x80);
        }
        _ => {}
    }
}
