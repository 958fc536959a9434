//! The header of the TCP binding (DSP0287 1.0): PayloadLength `u16`, BindingVersion `u8`, MessageType `u8`,
//! little-endian.

use spdm_transport::{Allowed, FieldError, MessageKind};

use crate::error::FrameEncodeError;
use crate::frame::{
    BindingRefusal, DecodedFrame, Frame, MESSAGE_TYPES, message_kind, message_type, wire_len,
};

pub(crate) const HEADER_LEN: usize = 4;

/// PayloadLength counts these bytes of the header too: BindingVersion and MessageType. That is how libspdm
/// reads the specification; frames without a message have PayloadLength 0 there.
const COUNTED_HEADER: u16 = 2;

/// The longest message that PayloadLength can express.
pub(crate) const MAX_MESSAGE: usize = 0xffff - 2;

pub(crate) const BINDING_VERSION_FIELD: &str = "BindingVersion";
pub(crate) const MESSAGE_TYPE_FIELD: &str = "MessageType";

const BINDING_VERSION: u8 = 1;
const ROLE_INQUIRY: u8 = 0xbf;

/// Appends `frame`.
pub(crate) fn encode(frame: Frame<'_>, out: &mut Vec<u8>) -> Result<(), FrameEncodeError> {
    let (payload_length, message_type, message) = match frame {
        Frame::Message(kind, message) => {
            let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
            (len.saturating_add(COUNTED_HEADER), message_type(kind), message)
        }
        Frame::RoleInquiry => (0, ROLE_INQUIRY, &[][..]),
        Frame::Refusal(refusal) => (0, refusal.message_type(), &[][..]),
        Frame::Command(..) | Frame::Discovery(_) => return Err(FrameEncodeError::NotInFraming),
    };
    out.extend_from_slice(&payload_length.to_le_bytes());
    out.extend_from_slice(&[BINDING_VERSION, message_type]);
    out.extend_from_slice(message);
    Ok(())
}

/// Decodes the frame at the start of `bytes`.
pub(crate) fn decode(bytes: &[u8], max_message: usize) -> Result<DecodedFrame<'_>, FieldError> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Ok(DecodedFrame::Incomplete { missing: HEADER_LEN - bytes.len() });
    };
    let (announced, message_len) = parse(*header, max_message)?;
    let Some(message) = rest.get(..message_len) else {
        return Ok(DecodedFrame::Incomplete { missing: message_len - rest.len() });
    };
    Ok(DecodedFrame::Complete { frame: announced.with(message), len: HEADER_LEN + message_len })
}

/// Decodes `payload`, which must be one frame and nothing else.
pub(crate) fn decode_whole(payload: &[u8]) -> Result<Frame<'_>, FieldError> {
    let Some((header, message)) = payload.split_first_chunk::<HEADER_LEN>() else {
        return Err(FieldError {
            field: "PayloadSize",
            allowed: Allowed::AtLeast(wire_len(HEADER_LEN)),
            got: wire_len(payload.len()),
        });
    };
    let (announced, message_len) = parse(*header, MAX_MESSAGE)?;
    if message_len != message.len() {
        let len = HEADER_LEN + message_len;
        return Err(FieldError {
            field: "PayloadSize",
            allowed: Allowed::Exactly(wire_len(len)),
            got: wire_len(payload.len()),
        });
    }
    Ok(announced.with(message))
}

/// What a header announces.
enum AnnouncedFrame {
    Message(MessageKind),
    RoleInquiry,
    Refusal(BindingRefusal),
}

impl AnnouncedFrame {
    const fn with(self, message: &[u8]) -> Frame<'_> {
        match self {
            Self::Message(kind) => Frame::Message(kind, message),
            Self::RoleInquiry => Frame::RoleInquiry,
            Self::Refusal(refusal) => Frame::Refusal(refusal),
        }
    }
}

/// What comes, and how many bytes of message.
fn parse(
    header: [u8; HEADER_LEN],
    max_message: usize,
) -> Result<(AnnouncedFrame, usize), FieldError> {
    let [low, high, version, message_type] = header;
    if version != BINDING_VERSION {
        return Err(FieldError {
            field: BINDING_VERSION_FIELD,
            allowed: Allowed::Exactly(BINDING_VERSION.into()),
            got: u32::from(version),
        });
    }
    let announced = if let Some(kind) = message_kind(message_type) {
        AnnouncedFrame::Message(kind)
    } else if message_type == ROLE_INQUIRY {
        AnnouncedFrame::RoleInquiry
    } else if let Some(refusal) = BindingRefusal::from_message_type(message_type) {
        AnnouncedFrame::Refusal(refusal)
    } else {
        return Err(FieldError {
            field: MESSAGE_TYPE_FIELD,
            allowed: MESSAGE_TYPES,
            got: u32::from(message_type),
        });
    };

    let payload_length = u16::from_le_bytes([low, high]);
    let wrong =
        |allowed| FieldError { field: "PayloadLength", allowed, got: u32::from(payload_length) };
    if !matches!(announced, AnnouncedFrame::Message(_)) {
        return if payload_length == 0 {
            Ok((announced, 0))
        } else {
            Err(wrong(Allowed::Exactly(0)))
        };
    }
    let message_len = usize::from(payload_length.saturating_sub(COUNTED_HEADER));
    if message_len == 0 {
        return Err(wrong(Allowed::AtLeast(u32::from(COUNTED_HEADER) + 1)));
    }
    if message_len > max_message {
        let most = wire_len(max_message).saturating_add(u32::from(COUNTED_HEADER));
        return Err(wrong(Allowed::AtMost(most)));
    }
    Ok((announced, message_len))
}
