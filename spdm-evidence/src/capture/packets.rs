//! The packets of a pcap or pcapng file, one after the other.

use std::io::Read;

use pcap_file::PcapError;
use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::{Block, PcapNgParser};

use crate::error::Error;

pub(super) const PCAPNG: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
pub(super) const PCAP: [[u8; 4]; 4] = [
    [0xA1, 0xB2, 0xC3, 0xD4],
    [0xD4, 0xC3, 0xB2, 0xA1],
    [0xA1, 0xB2, 0x3C, 0x4D],
    [0x4D, 0x3C, 0xB2, 0xA1],
];

/// How much is read at once.
const PORTION: usize = 64 << 10;
/// The longest packet or block. Without a limit the length that one states would decide how much memory is used.
const LONGEST: usize = 16 << 20;
/// The most interfaces of a pcapng section, for the same reason.
const INTERFACES: usize = 1024;
/// The link type is in the lower bits; above it pcap says how long the check sequence of a frame is.
const LINK_TYPE: u32 = 0xFFFF;

/// A packet of a capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'p> {
    /// Its number in the file, from 1, as other tools count.
    pub(super) number: u64,
    /// Interface of pcapng; 0 in pcap.
    pub(super) interface: u32,
    /// Link type by its number in the registry.
    pub(super) link: u32,
    pub(super) bytes: &'p [u8],
    /// The capture holds only the beginning of it.
    pub(super) cut: bool,
}

/// How far a file is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// A packet was taken, or a block passed over that is none.
    More,
    /// A block of this kind was passed over, which is not known.
    Unknown(u32),
    /// The file ends inside a packet, of which so many bytes are there.
    Cut(usize),
    End,
}

/// Reads packets. No more of the file is held than one packet and what was read with it.
#[derive(Debug)]
pub(super) struct Packets<R> {
    source: Window<R>,
    form: Form,
    number: u64,
}

enum Form {
    Pcap(PcapParser),
    PcapNg(PcapNgParser),
}

impl core::fmt::Debug for Form {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Pcap(_) => "pcap",
            Self::PcapNg(_) => "pcapng",
        })
    }
}

impl<R: Read> Packets<R> {
    pub(super) fn new(source: R) -> Result<Self, Error> {
        let mut source = Window { source, bytes: Vec::new(), at: 0 };
        source.more()?;
        let form = if source.rest().starts_with(&PCAPNG) {
            let parser = source.parse(PcapNgParser::new)?;
            Form::PcapNg(parser.ok_or(ENDS_IN_HEADER)?)
        } else {
            let parser = source.parse(PcapParser::new)?;
            Form::Pcap(parser.ok_or(ENDS_IN_HEADER)?)
        };
        Ok(Self { source, form, number: 0 })
    }

    /// The link type of all packets, where the header of the file says it.
    pub(super) fn link(&self) -> Option<u32> {
        match &self.form {
            Form::Pcap(parser) => Some(u32::from(parser.header().datalink) & LINK_TYPE),
            Form::PcapNg(_) => None,
        }
    }

    /// Gives the next packet to `take`.
    pub(super) fn next(&mut self, mut take: impl FnMut(Packet<'_>)) -> Result<Progress, Error> {
        if self.source.rest().is_empty() && self.source.more()? == 0 {
            return Ok(Progress::End);
        }
        let number = self.number.saturating_add(1);
        let found = match &mut self.form {
            Form::Pcap(parser) => self.source.parse(|bytes| {
                let (rest, packet) = parser.next_raw_packet(bytes)?;
                let link = u32::from(parser.header().datalink) & LINK_TYPE;
                let cut = packet.incl_len < packet.orig_len;
                take(Packet { number, interface: 0, link, bytes: &packet.data, cut });
                Ok((rest, (1, Progress::More)))
            })?,
            Form::PcapNg(parser) => {
                let found = self.source.parse(|bytes| {
                    let (rest, block) = parser.next_block(bytes)?;
                    let taken = packet_of(&block, parser, number)?.map(&mut take);
                    let progress = match &block {
                        Block::Unknown(unknown) => Progress::Unknown(unknown.type_),
                        _ => Progress::More,
                    };
                    Ok((rest, (u64::from(taken.is_some()), progress)))
                })?;
                if parser.interfaces().len() > INTERFACES {
                    return Err(Error::Capture("a section has more than 1024 interfaces"));
                }
                found
            }
        };
        match found {
            Some((packets, progress)) => {
                self.number = self.number.saturating_add(packets);
                Ok(progress)
            }
            None => Ok(Progress::Cut(self.source.skip_rest())),
        }
    }
}

/// The packet in a block; `None` where it holds none.
fn packet_of<'b>(
    block: &'b Block<'_>,
    parser: &PcapNgParser,
    number: u64,
) -> Result<Option<Packet<'b>>, PcapError> {
    let (interface, data, original) = match block {
        Block::EnhancedPacket(packet) => {
            (packet.interface_id, &packet.data[..], packet.original_len)
        }
        // It states only the original length, and its data may be padded.
        Block::SimplePacket(packet) => {
            let original = usize::try_from(packet.original_len).unwrap_or(usize::MAX);
            (0, packet.data.get(..original).unwrap_or(&packet.data), packet.original_len)
        }
        Block::Packet(packet) => {
            (u32::from(packet.interface_id), &packet.data[..], packet.original_len)
        }
        _ => return Ok(None),
    };
    let index = usize::try_from(interface).ok();
    let known = index.and_then(|index| parser.interfaces().get(index));
    let known = known.ok_or(PcapError::InvalidInterfaceId(interface))?;
    let original = usize::try_from(original).unwrap_or(usize::MAX);
    let link = u32::from(known.linktype) & LINK_TYPE;
    Ok(Some(Packet { number, interface, link, bytes: data, cut: data.len() < original }))
}

const ENDS_IN_HEADER: Error = Error::Capture("it ends inside the header");

fn damaged(error: PcapError) -> Error {
    Error::Capture(match error {
        PcapError::IncompleteBuffer => "it ends inside the header",
        PcapError::InvalidField(what) => what,
        PcapError::InvalidInterfaceId(_) => "a packet of an unknown interface",
        _ => "a text in it is not UTF-8",
    })
}

/// What was read and not used yet.
#[derive(Debug)]
struct Window<R> {
    source: R,
    bytes: Vec<u8>,
    /// How many of `bytes` are used.
    at: usize,
}

impl<R: Read> Window<R> {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes over what is left; how much that is.
    fn skip_rest(&mut self) -> usize {
        let len = self.rest().len();
        self.at = self.bytes.len();
        len
    }

    /// Reads as many bytes as are there again, at least [`PORTION`]; 0 at the end of the file.
    fn more(&mut self) -> Result<usize, Error> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let most = u64::try_from(self.bytes.len().max(PORTION)).unwrap_or(u64::MAX);
        let read = (&mut self.source).take(most).read_to_end(&mut self.bytes);
        read.map_err(|error| Error::unreadable(&error))
    }

    /// Parses what comes next, and reads until it is whole; `None` where the file ends before.
    fn parse<T>(
        &mut self,
        mut parser: impl FnMut(&[u8]) -> Result<(&[u8], T), PcapError>,
    ) -> Result<Option<T>, Error> {
        loop {
            match parser(self.rest()) {
                Ok((rest, value)) => {
                    self.at = self.bytes.len() - rest.len();
                    return Ok(Some(value));
                }
                Err(PcapError::IncompleteBuffer) if self.rest().len() > LONGEST => {
                    return Err(Error::Capture("a packet or block is longer than 16 MiB"));
                }
                Err(PcapError::IncompleteBuffer) => {
                    if self.more()? == 0 {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(damaged(error)),
            }
        }
    }
}
