//! Captures: pcap and pcapng files, and the SPDM messages in them.

mod link;
mod writer;

use pcap_file::PcapError;
use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::{Block, PcapNgParser};

use crate::error::Error;
use crate::note::Note;
use link::{Frames, LinkType};
pub use writer::{CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter};

const PCAPNG: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
const PCAP: [[u8; 4]; 4] = [
    [0xA1, 0xB2, 0xC3, 0xD4],
    [0xD4, 0xC3, 0xB2, 0xA1],
    [0xA1, 0xB2, 0x3C, 0x4D],
    [0x4D, 0x3C, 0xB2, 0xA1],
];

/// Whether a message travelled openly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// An SPDM message.
    Plain,
    /// A secured message of DSP0277.
    Secured,
}

/// A message as it was captured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CapturedMessage {
    /// Plain or secured.
    pub layer: Layer,
    /// The message without the transport's headers, with its padding.
    pub bytes: Vec<u8>,
}

/// The messages of a capture file, in order.
///
/// Link types: 291 (MCTP), 292 (PCI DOE), 147 (DOE object or bare message), 148 (DSP0287), 113 (Linux
/// cooked with ETH_P_MCTP).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capture {
    /// The messages.
    pub messages: Vec<CapturedMessage>,
    /// How many bytes the transport may append to a message.
    pub padding: usize,
    /// What was left out.
    pub notes: Vec<Note>,
}

impl Capture {
    /// Whether the file begins like a capture.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> bool {
        bytes.first_chunk::<4>().is_some_and(|magic| *magic == PCAPNG || PCAP.contains(magic))
    }

    /// Reads a pcap or pcapng file. A file that ends inside a packet gives what precedes it and a
    /// [`Note`].
    ///
    /// # Errors
    /// [`Error::Capture`] for a damaged file, [`Error::LinkType`] where a packet is of another link type.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut frames = Frames::default();
        if bytes.starts_with(&PCAPNG) {
            read_pcapng(bytes, &mut frames)?;
        } else {
            read_pcap(bytes, &mut frames)?;
        }
        Ok(frames.finish())
    }
}

fn read_pcap(bytes: &[u8], frames: &mut Frames) -> Result<(), Error> {
    let (mut rest, parser) = PcapParser::new(bytes).map_err(damaged)?;
    let link = LinkType::new(u32::from(parser.header().datalink))?;
    while !rest.is_empty() {
        match parser.next_raw_packet(rest) {
            Ok((behind, packet)) => {
                frames.packet(link, &packet.data, packet.incl_len < packet.orig_len);
                rest = behind;
            }
            Err(PcapError::IncompleteBuffer) => {
                frames.note(Note::CutPacket { bytes: rest.len() });
                break;
            }
            Err(error) => return Err(damaged(error)),
        }
    }
    Ok(())
}

fn read_pcapng(bytes: &[u8], frames: &mut Frames) -> Result<(), Error> {
    let (mut rest, mut parser) = PcapNgParser::new(bytes).map_err(damaged)?;
    while !rest.is_empty() {
        let (behind, block) = match parser.next_block(rest) {
            Ok(next) => next,
            Err(PcapError::IncompleteBuffer) => {
                frames.note(Note::CutPacket { bytes: rest.len() });
                break;
            }
            Err(error) => return Err(damaged(error)),
        };
        let (interface, data, original) = match &block {
            Block::EnhancedPacket(packet) => {
                (packet.interface_id, &packet.data, packet.original_len)
            }
            Block::SimplePacket(packet) => (0, &packet.data, packet.original_len),
            Block::Packet(packet) => {
                (u32::from(packet.interface_id), &packet.data, packet.original_len)
            }
            _ => {
                rest = behind;
                continue;
            }
        };
        let interface = usize::try_from(interface).ok().and_then(|i| parser.interfaces().get(i));
        let interface = interface.ok_or(Error::Capture("a packet of an unknown interface"))?;
        // A simple packet block states only the original length, and its data may be padded.
        let original = usize::try_from(original).unwrap_or(usize::MAX);
        let whole = data.get(..original.min(data.len())).unwrap_or_default();
        frames.packet(LinkType::new(u32::from(interface.linktype))?, whole, whole.len() < original);
        rest = behind;
    }
    Ok(())
}

fn damaged(error: PcapError) -> Error {
    Error::Capture(match error {
        PcapError::IncompleteBuffer => "it ends inside the header",
        PcapError::InvalidField(what) => what,
        PcapError::InvalidInterfaceId(_) => "a packet of an unknown interface",
        _ => "a text in it is not UTF-8",
    })
}
