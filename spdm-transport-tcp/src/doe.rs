//! The header of a PCIe data object (PCIe 6.0 §6.30.1), little-endian DWORDs: vendor id and object type; length.

use spdm_codec::Expected;
use spdm_transport::MessageKind;

use crate::error::{EncodeError, FrameError};
use crate::frame::{Frame, wire_len};

pub(crate) const HEADER_LEN: usize = 8;
pub(crate) const MAX_PADDING: usize = DWORD - 1;

const DWORD: usize = 4;
const PCI_SIG: u16 = 0x0001;
pub(crate) const DISCOVERY: u8 = 0x00;
const CMA_SPDM: u8 = 0x01;
const SECURED_CMA_SPDM: u8 = 0x02;

/// Length has 18 bits; the longest object is written as 0.
const LENGTH_MODULUS: u32 = 1 << 18;

/// Appends `frame` as one object.
pub(crate) fn encode(frame: Frame<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match frame {
        Frame::Message(kind, message) => {
            let object_type = match kind {
                MessageKind::Plain => CMA_SPDM,
                MessageKind::Secured => SECURED_CMA_SPDM,
            };
            object(object_type, message, out);
            Ok(())
        }
        Frame::Discovery(dword) => {
            object(DISCOVERY, &dword, out);
            Ok(())
        }
        Frame::Command(..) | Frame::RoleInquiry | Frame::Refusal(_) => {
            Err(EncodeError::NotInFraming)
        }
    }
}

/// Decodes `payload`, which must be one object and nothing else.
pub(crate) fn decode(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some((header, content)) = payload.split_first_chunk::<HEADER_LEN>() else {
        return Err(FrameError {
            field: "PayloadSize",
            expected: Expected::AtLeast(u64::from(wire_len(HEADER_LEN))),
            got: wire_len(payload.len()),
        });
    };
    let [v0, v1, object_type, reserved, l0, l1, l2, _] = *header;
    let vendor = u16::from_le_bytes([v0, v1]);
    if vendor != PCI_SIG {
        return Err(FrameError {
            field: "Vendor ID",
            expected: Expected::Exactly(u64::from(PCI_SIG)),
            got: u32::from(vendor),
        });
    }
    if reserved != 0 {
        return Err(FrameError {
            field: "Reserved",
            expected: Expected::Exactly(0),
            got: u32::from(reserved),
        });
    }
    let length = match u32::from_le_bytes([l0, l1, l2, 0]) % LENGTH_MODULUS {
        0 => LENGTH_MODULUS,
        dwords => dwords,
    };
    let len = u64::from(length) * 4;
    if len != u64::from(wire_len(payload.len())) {
        return Err(FrameError {
            field: "PayloadSize",
            expected: Expected::Exactly(len),
            got: wire_len(payload.len()),
        });
    }
    match (object_type, content) {
        (CMA_SPDM, _) => Ok(Frame::Message(MessageKind::Plain, content)),
        (SECURED_CMA_SPDM, _) => Ok(Frame::Message(MessageKind::Secured, content)),
        (DISCOVERY, &[b0, b1, b2, b3]) => Ok(Frame::Discovery([b0, b1, b2, b3])),
        (DISCOVERY, _) => {
            Err(FrameError { field: "Length", expected: Expected::Exactly(3), got: length })
        }
        _ => Err(wrong_type(object_type)),
    }
}

/// The answer to a discovery request, of a mailbox with the objects that this framing carries: vendor id, type and
/// the next index (PCIe 6.0 §6.30.1.1).
pub(crate) const fn discover([index, ..]: [u8; 4]) -> [u8; 4] {
    let [v0, v1] = PCI_SIG.to_le_bytes();
    match index {
        0 => [v0, v1, DISCOVERY, 1],
        1 => [v0, v1, CMA_SPDM, 2],
        2 => [v0, v1, SECURED_CMA_SPDM, 0],
        _ => [0xff, 0xff, 0, 0],
    }
}

/// A discovery object came where a message was awaited, or an object of an unknown type.
pub(crate) fn wrong_type(object_type: u8) -> FrameError {
    FrameError {
        field: "Data Object Type",
        expected: Expected::Range(u64::from(CMA_SPDM), u64::from(SECURED_CMA_SPDM)),
        got: u32::from(object_type),
    }
}

fn object(object_type: u8, content: &[u8], out: &mut Vec<u8>) {
    let dwords = wire_len((HEADER_LEN + content.len()).div_ceil(DWORD)) % LENGTH_MODULUS;
    let [v0, v1] = PCI_SIG.to_le_bytes();
    out.extend_from_slice(&[v0, v1, object_type, 0]);
    out.extend_from_slice(&dwords.to_le_bytes());
    out.extend_from_slice(content);
    let padding = content.len().next_multiple_of(DWORD) - content.len();
    out.extend(core::iter::repeat_n(0, padding));
}
