//! OpaqueData of CHALLENGE_AUTH and MEASUREMENTS.

use spdm_codec::{OpaqueData, OpaqueElement, OpaqueFormat, SpdmVersion};

use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::patch::{patch, put};

/// PCI-SIG among the standards bodies, and a vendor of that registry.
const PCI_SIG: u8 = 3;
const VENDOR: [u8; 2] = 0x1B36_u16.to_le_bytes();
const DATA: &[u8] = b"spdm-emulator";
const ELEMENT: OpaqueElement<'static> =
    OpaqueElement { id: PCI_SIG, vendor_id: &VENDOR, data: DATA };

/// One vendor's element where the format is a table, the vendor's bytes where it is free.
pub(crate) fn opaque_data(format: OpaqueFormat) -> Result<Vec<u8>, ErrorAnswer> {
    let mut out = vec![0; 64];
    match format {
        OpaqueFormat::Table => {
            let len = OpaqueData::encode_table(format, &[ELEMENT], &mut out)?;
            out.truncate(len);
            Ok(out)
        }
        OpaqueFormat::FreeForm => Ok(DATA.to_vec()),
        _ => Ok(Vec::new()),
    }
}

/// Offsets in a table behind OpaqueDataLength, which has two bytes.
const LENGTH_LEN: usize = 2;
const TOTAL_ELEMENTS: usize = LENGTH_LEN;
const ELEMENT_DATA_LEN: usize = LENGTH_LEN + 4 + 2 + VENDOR.len();

/// More than the 1024 bytes that are allowed, and a multiple of 4.
const TOO_LONG: u16 = 1028;

/// Changes the OpaqueData of a message; `at` is the offset of OpaqueDataLength.
pub(crate) fn misbehave(
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
pub(crate) fn misbehave_context(fault: Fault, version: SpdmVersion, bytes: &mut [u8]) {
    if fault == Fault::ContextMismatch && version >= SpdmVersion::V1_3 {
        let last = bytes.len().saturating_sub(1);
        patch(bytes, last, |byte| byte ^ 1);
    }
}
