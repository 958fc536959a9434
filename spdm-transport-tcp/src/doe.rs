//! PCIe data objects as payloads of a frame.

use spdm_transport::{Allowed, FieldError};
use spdm_transport_doe::{ObjectHeader, ObjectType};

use crate::error::FrameEncodeError;
use crate::frame::{Frame, wire_len};

/// Appends `frame` as one object, zero padded to a DWORD.
pub(crate) fn encode(frame: Frame<'_>, out: &mut Vec<u8>) -> Result<(), FrameEncodeError> {
    let (object, content) = match &frame {
        Frame::Message(kind, message) => (ObjectType::of(*kind), *message),
        Frame::Discovery(dword) => (ObjectType::DISCOVERY, &dword[..]),
        Frame::Command(..) | Frame::RoleInquiry | Frame::Refusal(_) => {
            return Err(FrameEncodeError::NotInFraming);
        }
    };
    let header = ObjectHeader::new(object, content.len());
    // Unreachable: `Framing::encode` has checked the length, and the longest message is shorter than the longest object.
    let header = header.ok_or(FrameEncodeError::NotInFraming)?;
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(content);
    let padding = content.len().next_multiple_of(4) - content.len();
    out.extend(core::iter::repeat_n(0, padding));
    Ok(())
}

/// Decodes `payload`, which must be one object and nothing else.
pub(crate) fn decode(payload: &[u8]) -> Result<Frame<'_>, FieldError> {
    let wrong = |field, allowed, got| Err(FieldError { field, allowed, got });
    let got = wire_len(payload.len());
    let Some((header, content)) = payload.split_first_chunk() else {
        return wrong("PayloadSize", Allowed::AtLeast(wire_len(ObjectHeader::LEN)), got);
    };
    let ObjectHeader { object, reserved, dwords } = ObjectHeader::decode(*header);
    let vendor = ObjectType::DISCOVERY.vendor;
    if object.vendor != vendor {
        return wrong("Vendor ID", Allowed::Exactly(vendor.into()), object.vendor.into());
    }
    if reserved != 0 {
        return wrong("Reserved", Allowed::Exactly(0), reserved.into());
    }
    // At most 2^20.
    let len = dwords * 4;
    if len != got {
        return wrong("PayloadSize", Allowed::Exactly(len), got);
    }
    match (object.kind(), object, content) {
        (Some(kind), ..) => Ok(Frame::Message(kind, content)),
        (None, ObjectType::DISCOVERY, &[b0, b1, b2, b3]) => Ok(Frame::Discovery([b0, b1, b2, b3])),
        (None, ObjectType::DISCOVERY, _) => wrong("Length", Allowed::Exactly(3), dwords),
        (None, other, _) => Err(wrong_type(other)),
    }
}

/// The answer to a discovery request, of a mailbox with the objects that this framing carries: vendor id, type and
/// the next index (PCIe 6.0 §6.30.1.1).
pub(crate) const fn discover([index, ..]: [u8; 4]) -> [u8; 4] {
    let (object, next) = match index {
        0 => (ObjectType::DISCOVERY, 1),
        1 => (ObjectType::CMA_SPDM, 2),
        2 => (ObjectType::SECURED_CMA_SPDM, 0),
        _ => return [0xff, 0xff, 0, 0],
    };
    let [v0, v1] = object.vendor.to_le_bytes();
    [v0, v1, object.object_type, next]
}

/// A discovery object came where a message was awaited, or an object of an unknown type.
pub(crate) fn wrong_type(object: ObjectType) -> FieldError {
    let first = ObjectType::CMA_SPDM.object_type.into();
    let last = ObjectType::SECURED_CMA_SPDM.object_type.into();
    let allowed = Allowed::Range(first, last);
    FieldError { field: "Data Object Type", allowed, got: object.object_type.into() }
}
