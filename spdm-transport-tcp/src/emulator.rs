//! The frame header of the DMTF emulator and of QEMU: command, transport type and payload size, big-endian `u32` each.

use spdm_transport::{Allowed, FieldError, MessageKind};
use spdm_transport_doe::ObjectHeader;

use crate::binding::Binding;
use crate::error::FrameEncodeError;
use crate::frame::{
    Command, DecodedFrame, Frame, MESSAGE_TYPES, message_kind, message_type, wire_len,
};
use crate::security::SecurityCommand;
use crate::{doe, dsp0287};

pub(crate) const HEADER_LEN: usize = 12;

/// The largest payload of a message frame: the largest data object (PCIe 6.0 §6.30.1).
pub(crate) const MAX_PAYLOAD: usize = 1 << 20;

/// The largest payload of any other command: greetings are 14 bytes.
const MAX_COMMAND_PAYLOAD: usize = 64;

/// Appends `frame` to the empty `out`.
pub(crate) fn encode(
    binding: Binding,
    frame: Frame<'_>,
    out: &mut Vec<u8>,
) -> Result<(), FrameEncodeError> {
    let command = match frame {
        Frame::Command(Command::MESSAGE, _) => return Err(FrameEncodeError::NotInFraming),
        Frame::Command(command, _) => command,
        _ => Command::MESSAGE,
    };
    out.extend_from_slice(&command.0.to_be_bytes());
    out.extend_from_slice(&transport_type(binding).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let max = most_payload(binding, command, MAX_PAYLOAD - binding.header_len());
    match frame {
        Frame::Command(_, payload) if payload.len() > max => {
            return Err(FrameEncodeError::MessageLength { max, got: payload.len() });
        }
        Frame::Command(_, payload) => out.extend_from_slice(payload),
        _ => binding.encode(frame, out)?,
    }
    let size = wire_len(out.len() - HEADER_LEN).to_be_bytes();
    if let Some([.., s0, s1, s2, s3]) = out.first_chunk_mut::<HEADER_LEN>() {
        [*s0, *s1, *s2, *s3] = size;
    }
    Ok(())
}

/// Decodes the frame at the start of `bytes`.
pub(crate) fn decode(
    binding: Binding,
    bytes: &[u8],
    max_message: usize,
) -> Result<DecodedFrame<'_>, FieldError> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Ok(DecodedFrame::Incomplete { missing: HEADER_LEN - bytes.len() });
    };
    let [c0, c1, c2, c3, t0, t1, t2, t3, s0, s1, s2, s3] = *header;
    let command = Command(u32::from_be_bytes([c0, c1, c2, c3]));
    let transport = u32::from_be_bytes([t0, t1, t2, t3]);
    let size = u32::from_be_bytes([s0, s1, s2, s3]);

    if transport != transport_type(binding) {
        return Err(FieldError {
            field: "TransportType",
            allowed: Allowed::Exactly(transport_type(binding)),
            got: transport,
        });
    }
    let least = if command == Command::MESSAGE { least_payload(binding) } else { 0 };
    let most = most_payload(binding, command, max_message);
    let wrong = |allowed| FieldError { field: "PayloadSize", allowed, got: size };
    if size < wire_len(least) {
        return Err(wrong(Allowed::AtLeast(wire_len(least))));
    }
    if size > wire_len(most) {
        return Err(wrong(Allowed::AtMost(wire_len(most))));
    }
    let size = usize::try_from(size).unwrap_or(most);
    let Some(payload) = rest.get(..size) else {
        return Ok(DecodedFrame::Incomplete { missing: size - rest.len() });
    };
    let frame = match command {
        Command::MESSAGE => binding.decode(payload)?,
        _ => Frame::Command(command, payload),
    };
    Ok(DecodedFrame::Complete { frame, len: HEADER_LEN + size })
}

const fn transport_type(binding: Binding) -> u32 {
    match binding {
        Binding::None => 0,
        Binding::Mctp => 1,
        Binding::Doe => 2,
        // The DMTF emulator's number for TCP is QEMU's for SCSI.
        Binding::Tcp | Binding::Scsi => 3,
        Binding::Nvme => 4,
        Binding::Ata => 5,
    }
}

/// What a frame of this command may carry.
const fn most_payload(binding: Binding, command: Command, max_message: usize) -> usize {
    match command {
        Command::MESSAGE => binding.header_len() + max_message,
        Command::IF_SEND | Command::IF_RECV if binding.is_storage() => {
            binding.header_len() + max_message
        }
        _ => MAX_COMMAND_PAYLOAD,
    }
}

/// The header of the binding and one byte, but for the TCP binding, which has frames without content.
const fn least_payload(binding: Binding) -> usize {
    match binding {
        Binding::Tcp | Binding::Nvme | Binding::Scsi | Binding::Ata => binding.header_len(),
        Binding::None | Binding::Mctp | Binding::Doe => binding.header_len() + 1,
    }
}

impl Binding {
    /// Bytes between the emulator's frame header and the message.
    pub(crate) const fn header_len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Mctp => 1,
            Self::Doe => ObjectHeader::LEN,
            Self::Tcp => dsp0287::HEADER_LEN,
            Self::Nvme | Self::Scsi | Self::Ata => SecurityCommand::LEN,
        }
    }

    /// Appends the payload of a message frame.
    pub(crate) fn encode(
        self,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameEncodeError> {
        match (self, frame) {
            (Self::Tcp, frame) => return dsp0287::encode(frame, out),
            (Self::Doe, frame) => return doe::encode(frame, out),
            (Self::None, Frame::Message(MessageKind::Plain, message)) => {
                out.extend_from_slice(message);
            }
            (Self::Mctp, Frame::Message(kind, message)) => {
                out.push(message_type(kind));
                out.extend_from_slice(message);
            }
            _ => return Err(FrameEncodeError::NotInFraming),
        }
        Ok(())
    }

    /// Decodes the whole payload of a message frame.
    pub(crate) fn decode(self, payload: &[u8]) -> Result<Frame<'_>, FieldError> {
        match self {
            Self::None => Ok(Frame::Message(MessageKind::Plain, payload)),
            Self::Mctp => {
                let (got, message) = payload.split_first().unwrap_or((&0, &[]));
                let kind = message_kind(*got).ok_or_else(|| FieldError {
                    field: "MessageType",
                    allowed: MESSAGE_TYPES,
                    got: u32::from(*got),
                })?;
                Ok(Frame::Message(kind, message))
            }
            Self::Doe => doe::decode(payload),
            Self::Tcp => dsp0287::decode_whole(payload),
            Self::Nvme | Self::Scsi | Self::Ata => Err(FieldError {
                field: "Command",
                allowed: Allowed::Range(Command::IF_SEND.0, Command::STORAGE_STATUS.0),
                got: Command::MESSAGE.0,
            }),
        }
    }
}
