//! Whether a TCP connection carries SPDM, and how: its first frame tells.

use spdm_codec::{Code, SpdmVersion};
use spdm_transport::MessageKind;
use spdm_transport_tcp::{Binding, Command, DecodedFrame, Frame, Framing};

/// The framings that are recognised. Those of drives carry security commands, not messages.
const FRAMINGS: [Framing; 5] = [
    Framing::Dsp0287,
    Framing::DmtfEmu(Binding::None),
    Framing::DmtfEmu(Binding::Mctp),
    Framing::DmtfEmu(Binding::Doe),
    Framing::DmtfEmu(Binding::Tcp),
];

const COMMANDS: [Command; 5] =
    [Command::MESSAGE, Command::CONTINUE, Command::SHUTDOWN, Command::UNKNOWN, Command::HELLO];

/// What the first bytes of a direction say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Recognition {
    Framed(Framing),
    /// More bytes are needed. `header` says whether a header is there that fits.
    Open {
        header: bool,
    },
    Other,
}

/// Recognises the framing of a stream that begins so.
pub(super) fn recognise(bytes: &[u8]) -> Recognition {
    let mut open = None;
    for framing in FRAMINGS {
        match framing.decode(bytes, usize::MAX) {
            Ok(DecodedFrame::Complete { frame, .. }) if is_plausible(framing, &frame) => {
                return Recognition::Framed(framing);
            }
            Ok(DecodedFrame::Incomplete { .. }) if may_begin(framing, bytes) => {
                let header = bytes.len() >= header_len(framing);
                open = Some(open.unwrap_or(false) || header);
            }
            _ => {}
        }
    }
    open.map_or(Recognition::Other, |header| Recognition::Open { header })
}

/// Bytes after which [`Framing::decode`] has checked the header.
const fn header_len(framing: Framing) -> usize {
    match framing {
        Framing::DmtfEmu(_) => 12,
        _ => 4,
    }
}

/// The emulator's frames begin with a command: not every number is one.
fn may_begin(framing: Framing, bytes: &[u8]) -> bool {
    match framing {
        Framing::DmtfEmu(_) => COMMANDS.iter().any(|command| {
            let command = command.0.to_be_bytes();
            let len = bytes.len().min(command.len());
            bytes.get(..len) == command.get(..len)
        }),
        _ => true,
    }
}

/// Whether what looks like a frame contains what such a frame contains.
fn is_plausible(framing: Framing, frame: &Frame<'_>) -> bool {
    match frame {
        Frame::Message(MessageKind::Plain, message) => {
            // A version that is not known does not make another protocol of a message with such a code.
            let version = message.first().and_then(|version| SpdmVersion::from_byte(*version));
            version.is_some() || message.get(1).is_some_and(|code| Code(*code).name().is_some())
        }
        Frame::Command(command, _) => COMMANDS.contains(command),
        // Four bytes of anything may be such a header.
        Frame::Refusal(_) => framing != Framing::Dsp0287,
        _ => true,
    }
}
