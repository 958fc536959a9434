//! Frames: what stands on the stream between two headers.

use core::fmt;

use spdm_transport::{Allowed, MessageKind};

/// One frame of a [`Framing`](crate::Framing).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// An SPDM message or secured message, with the padding of its binding.
    Message(MessageKind, &'a [u8]),
    /// A command of the emulator's protocol other than [`Command::MESSAGE`], and its payload.
    Command(Command, &'a [u8]),
    /// A DOE discovery object: its third DWORD as it is on the wire (PCIe 6.0 §6.30.1.1).
    Discovery([u8; 4]),
    /// The peer, which can only be a Responder, asks for a Requester (DSP0287 1.0, MessageType 0xBF).
    RoleInquiry,
    /// An error of the TCP binding.
    Refusal(BindingRefusal),
}

/// A command of the emulator's protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number on the wire")]
pub struct Command(pub u32);

impl Command {
    /// The payload is a message.
    pub const MESSAGE: Self = Self(0x0001);
    /// IF-SEND of a storage binding: a security command with its data, for a drive.
    pub const IF_SEND: Self = Self(0x0002);
    /// IF-RECV of a storage binding: a security command for a drive, or the data that answers it.
    pub const IF_RECV: Self = Self(0x0003);
    /// How a security command ended: a big-endian `u16`, 0 for success, otherwise of the drive's interface.
    pub const STORAGE_STATUS: Self = Self(0x0004);
    /// The client closes, and another may connect.
    pub const CONTINUE: Self = Self(0xfffd);
    /// The client closes, and the server is to end.
    pub const SHUTDOWN: Self = Self(0xfffe);
    /// The server does not know the command that it was sent.
    pub const UNKNOWN: Self = Self(0xffff);
    /// A greeting, for trying the connection.
    pub const HELLO: Self = Self(0xdead);
}

/// Why a peer refuses a message or a role: MessageType 0xC0 to 0xFF (DSP0287 1.0).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct BindingRefusal(u8);

impl BindingRefusal {
    /// The message is too large.
    pub const TOO_LARGE: Self = Self(0xc0);
    /// The message type or binding version is not supported.
    pub const NOT_SUPPORTED: Self = Self(0xc1);
    /// The peer cannot be a Requester.
    pub const CANNOT_BE_REQUESTER: Self = Self(0xc2);
    /// The peer cannot be a Responder.
    pub const CANNOT_BE_RESPONDER: Self = Self(0xc3);

    /// The refusal with this MessageType, if it is one.
    #[must_use]
    pub const fn from_message_type(message_type: u8) -> Option<Self> {
        if message_type >= Self::TOO_LARGE.0 { Some(Self(message_type)) } else { None }
    }

    /// The MessageType on the wire.
    #[must_use]
    pub const fn message_type(self) -> u8 {
        self.0
    }
}

impl fmt::Display for BindingRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TOO_LARGE => f.write_str("the message is too large"),
            Self::NOT_SUPPORTED => f.write_str("the message is not supported"),
            Self::CANNOT_BE_REQUESTER => f.write_str("it cannot be a Requester"),
            Self::CANNOT_BE_RESPONDER => f.write_str("it cannot be a Responder"),
            Self(reserved) => write!(f, "reserved error {reserved:#x}"),
        }
    }
}

/// What [`Framing::decode`](crate::Framing::decode) found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a frame is there or it is not")]
pub enum DecodedFrame<'a> {
    /// A frame.
    Complete {
        /// What it is.
        frame: Frame<'a>,
        /// The bytes that it took, from the first.
        len: usize,
    },
    /// The beginning of a frame.
    Incomplete {
        /// How many bytes must come before it is worth to decode again. They all belong to this frame.
        missing: usize,
    },
}

/// A length on the wire, for sizes that were bounded before.
pub(crate) fn wire_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// MCTP message types (DSP0239 §Message types), which DSP0287 took over.
pub(crate) const fn message_type(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Plain => 0x05,
        MessageKind::Secured => 0x06,
    }
}

/// The reverse of [`message_type`].
pub(crate) const fn message_kind(message_type: u8) -> Option<MessageKind> {
    match message_type {
        0x05 => Some(MessageKind::Plain),
        0x06 => Some(MessageKind::Secured),
        _ => None,
    }
}

/// What a field with a message type may hold.
pub(crate) const MESSAGE_TYPES: Allowed = Allowed::Range(0x05, 0x06);
