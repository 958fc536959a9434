//! Faults of OpaqueData in CHALLENGE_AUTH and MEASUREMENTS.

use spdm_codec::SpdmVersion;

use crate::fault::Fault;
use crate::own_device::OPAQUE_VENDOR;
use crate::patch::{patch, put};

/// Offsets in a table behind OpaqueDataLength, which has two bytes.
const LENGTH_LEN: usize = 2;
const TOTAL_ELEMENTS: usize = LENGTH_LEN;
const ELEMENT_DATA_LEN: usize = LENGTH_LEN + 4 + 2 + OPAQUE_VENDOR.len();

/// More than the 1024 bytes that are allowed, and a multiple of 4.
const TOO_LONG: u16 = 1028;

/// OpaqueDataLength at this offset.
pub(super) fn len(bytes: &[u8], at: usize) -> usize {
    let len = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied();
    usize::from(len.map_or(0, u16::from_le_bytes))
}

/// Changes the OpaqueData of a message, which has `len` bytes; `at` is the offset of OpaqueDataLength.
pub(super) fn misbehave(
    fault: Fault,
    version: SpdmVersion,
    at: usize,
    len: usize,
    bytes: &mut Vec<u8>,
) {
    let table = version >= SpdmVersion::V1_2 && len > ELEMENT_DATA_LEN;
    match fault {
        Fault::OpaqueTooLong => {
            let more = usize::from(TOO_LONG).saturating_sub(len);
            put(bytes, at, &TOO_LONG.to_le_bytes());
            let end = at + LENGTH_LEN + len;
            bytes.splice(end..end, core::iter::repeat_n(0, more));
        }
        Fault::OpaquePastEnd => put(bytes, at, &1024_u16.to_le_bytes()),
        Fault::OpaqueWhenNone if version >= SpdmVersion::V1_2 && len == 0 => {
            put(bytes, at, &4_u16.to_le_bytes());
            let end = at + LENGTH_LEN;
            bytes.splice(end..end, [0; 4]);
        }
        Fault::OpaqueElementPastEnd if table => {
            put(bytes, at + ELEMENT_DATA_LEN, &1024_u16.to_le_bytes());
        }
        Fault::OpaqueNoElements if table => patch(bytes, at + TOTAL_ELEMENTS, |_| 0),
        Fault::OpaqueMissingElement if table => patch(bytes, at + TOTAL_ELEMENTS, |_| 2),
        _ => {}
    }
}

/// RequesterContext is what a message before its signature ends with (1.3).
pub(super) fn misbehave_context(fault: Fault, version: SpdmVersion, bytes: &mut [u8]) {
    if fault == Fault::ContextMismatch && version >= SpdmVersion::V1_3 {
        let last = bytes.len().saturating_sub(1);
        patch(bytes, last, |byte| byte ^ 1);
    }
}
