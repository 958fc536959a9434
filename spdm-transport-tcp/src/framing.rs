//! Which bytes surround a message on the stream.

use core::fmt;
use core::str::FromStr;

use spdm_transport::{FieldError, Limits, RecordBinding};
use spdm_transport_doe::MAX_PADDING;

use crate::binding::{Binding, UnknownName};
use crate::error::FrameEncodeError;
use crate::frame::{DecodedFrame, Frame};
use crate::{dsp0287, emulator};

/// The TCP port that DSP0287 devices listen on.
pub const DSP0287_PORT: u16 = 4194;

/// How messages are delimited on a TCP stream.
///
/// [`FromStr`] and [`Display`](fmt::Display) use the names of the `--framing` option: `dsp0287` and `dmtf-emu`. The binding
/// is an option of its own: `dmtf-emu` parses with the [default](Binding::default) one, see
/// [`with_binding`](Self::with_binding).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Framing {
    /// SPDM over TCP Binding Specification: four bytes before each message (DSP0287 1.0).
    #[default]
    Dsp0287,
    /// The test protocol of the DMTF emulator and of QEMU's `spdm_port`: command, transport type and size, then
    /// the message as its binding wraps it.
    DmtfEmu(Binding),
}

impl Framing {
    /// Replaces the binding; [`Self::Dsp0287`] has none and stays as it is.
    #[must_use]
    pub const fn with_binding(self, binding: Binding) -> Self {
        match self {
            Self::Dsp0287 => Self::Dsp0287,
            Self::DmtfEmu(_) => Self::DmtfEmu(binding),
        }
    }

    /// What fits: the largest message in bytes, the padding, a round trip of one second; and how records are carried.
    #[must_use]
    pub const fn limits(self) -> Limits {
        let max = self.max_message();
        let limits = Limits::new(max, max).with_padding(self.padding());
        match self.records() {
            Some(binding) => limits.with_records(binding),
            None => limits,
        }
    }

    /// Bytes before the message.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Self::Dsp0287 => dsp0287::HEADER_LEN,
            Self::DmtfEmu(binding) => emulator::HEADER_LEN + binding.header_len(),
        }
    }

    /// Whether messages travel in security commands: see [`SecuritySocket`](crate::SecuritySocket).
    #[must_use]
    pub const fn is_storage(self) -> bool {
        matches!(self, Self::DmtfEmu(binding) if binding.is_storage())
    }

    const fn max_message(self) -> usize {
        match self {
            Self::Dsp0287 | Self::DmtfEmu(Binding::Tcp) => dsp0287::MAX_MESSAGE,
            Self::DmtfEmu(binding) => emulator::MAX_PAYLOAD - binding.header_len(),
        }
    }

    /// `None` where nothing marks a record.
    const fn records(self) -> Option<RecordBinding> {
        match self {
            Self::Dsp0287 | Self::DmtfEmu(Binding::Tcp) => Some(RecordBinding::Tcp),
            Self::DmtfEmu(Binding::Doe) => Some(RecordBinding::PciDoe),
            Self::DmtfEmu(Binding::Mctp) => Some(RecordBinding::Mctp),
            Self::DmtfEmu(Binding::Nvme | Binding::Scsi | Binding::Ata) => {
                Some(RecordBinding::Storage)
            }
            Self::DmtfEmu(Binding::None) => None,
        }
    }

    const fn padding(self) -> usize {
        match self {
            Self::DmtfEmu(Binding::Doe) => MAX_PADDING,
            Self::Dsp0287 | Self::DmtfEmu(_) => 0,
        }
    }
}

impl Framing {
    /// Replaces the content of `out` by `frame`, so that it can go out in one write. After an error the content
    /// is unspecified.
    ///
    /// # Errors
    /// When the framing has no such frame, or cannot carry a message of this length.
    pub fn encode(self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<(), FrameEncodeError> {
        out.clear();
        if let Frame::Message(_, message) = frame {
            self.check_message(message)?;
        }
        match self {
            Self::Dsp0287 => dsp0287::encode(frame, out),
            Self::DmtfEmu(binding) => emulator::encode(binding, frame, out),
        }
    }

    /// Decodes the frame at the start of `bytes`, with a message of at most `max_message` bytes.
    ///
    /// A header is checked as soon as it is complete, so that no memory is spent on a frame that will be refused.
    ///
    /// # Errors
    /// When the header does not follow the framing, or announces a longer message.
    pub fn decode(self, bytes: &[u8], max_message: usize) -> Result<DecodedFrame<'_>, FieldError> {
        let max_message = max_message.min(self.limits().max_receive);
        match self {
            Self::Dsp0287 => dsp0287::decode(bytes, max_message),
            Self::DmtfEmu(binding) => emulator::decode(binding, bytes, max_message),
        }
    }

    /// Whether a message of this length can be carried.
    pub(crate) const fn check_message(self, message: &[u8]) -> Result<(), FrameEncodeError> {
        let max = self.limits().max_send;
        if message.is_empty() || message.len() > max {
            return Err(FrameEncodeError::MessageLength { max, got: message.len() });
        }
        Ok(())
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dsp0287 => "dsp0287",
            Self::DmtfEmu(_) => "dmtf-emu",
        })
    }
}

impl FromStr for Framing {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "dsp0287" => Ok(Self::Dsp0287),
            "dmtf-emu" => Ok(Self::DmtfEmu(Binding::default())),
            _ => Err(UnknownName { expected: "dsp0287 or dmtf-emu" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, Framing, UnknownName};

    #[test]
    fn names_are_those_of_the_options() {
        for (name, framing) in
            [("dsp0287", Framing::Dsp0287), ("dmtf-emu", Framing::DmtfEmu(Binding::Doe))]
        {
            assert_eq!(name.parse(), Ok(framing));
            assert_eq!(framing.to_string(), name);
        }
        for (name, binding) in [
            ("none", Binding::None),
            ("mctp", Binding::Mctp),
            ("doe", Binding::Doe),
            ("tcp", Binding::Tcp),
            ("nvme", Binding::Nvme),
            ("scsi", Binding::Scsi),
            ("ata", Binding::Ata),
        ] {
            assert_eq!(name.parse(), Ok(binding));
            assert_eq!(binding.to_string(), name);
        }
        assert_eq!(
            "DOE".parse::<Binding>(),
            Err(UnknownName { expected: "none, mctp, doe, tcp, nvme, scsi or ata" })
        );
        assert_eq!("".parse::<Framing>(), Err(UnknownName { expected: "dsp0287 or dmtf-emu" }));
        assert_eq!(
            Framing::DmtfEmu(Binding::Doe).with_binding(Binding::Tcp),
            Framing::DmtfEmu(Binding::Tcp)
        );
        assert_eq!(Framing::Dsp0287.with_binding(Binding::Mctp), Framing::Dsp0287);
    }

    #[test]
    fn limits_follow_from_the_length_fields() {
        let sizes = |framing: Framing| {
            let limits = framing.limits();
            assert_eq!(limits.max_send, limits.max_receive);
            (limits.max_send, limits.padding)
        };
        assert_eq!(sizes(Framing::Dsp0287), (65_533, 0));
        assert_eq!(sizes(Framing::DmtfEmu(Binding::None)), (1_048_576, 0));
        assert_eq!(sizes(Framing::DmtfEmu(Binding::Mctp)), (1_048_575, 0));
        assert_eq!(sizes(Framing::DmtfEmu(Binding::Doe)), (1_048_568, 3));
        assert_eq!(sizes(Framing::DmtfEmu(Binding::Tcp)), (65_533, 0));
        assert_eq!(sizes(Framing::DmtfEmu(Binding::Nvme)), (1_048_569, 0));
    }
}
