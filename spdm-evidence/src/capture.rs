//! Captures: pcap and pcapng files, and the SPDM messages in them.

mod channel;
mod events;
mod link;
mod mctp;
mod packets;
mod tcp;
mod writer;

use core::iter::FusedIterator;
use std::io::Read;

use spdm_transport::{MessageKind, RecordBinding};

use crate::error::Error;
use crate::note::Note;
use crate::unpacked::Unpacked;
pub use channel::{Channel, Peers};
use events::Events;
use link::{LinkType, Links};
use packets::{PCAP, PCAPNG, Packets, Progress};
pub use writer::{CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter};

/// What a secured message of a drive begins with (DSP0286). No message and no data object does, and no record.
pub(crate) const STORAGE_RESERVED: [u8; RecordBinding::Storage.reserved_len()] =
    [0; RecordBinding::Storage.reserved_len()];

/// Whether a message travelled openly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// An SPDM message.
    Plain,
    /// A secured message of DSP0277.
    Secured,
}

impl From<MessageKind> for Layer {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Plain => Self::Plain,
            MessageKind::Secured => Self::Secured,
        }
    }
}

/// A message as it was captured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CapturedMessage {
    /// The conversation that it belongs to.
    pub channel: Channel,
    /// Plain or secured.
    pub layer: Layer,
    /// The message without the transport's headers, with its padding.
    pub bytes: Vec<u8>,
    /// How many bytes the transport may have appended to it.
    pub padding: usize,
}

/// What a [`CaptureReader`] finds.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CaptureEvent {
    /// A message.
    Message(CapturedMessage),
    /// Nothing more comes in a conversation.
    End(Channel),
    /// Something was left out.
    Note(Note),
}

/// Reads the messages of a pcap or pcapng file, which may be compressed with gzip or zstd, in the order in which they
/// were said.
///
/// Link types: 291 (MCTP), 292 (PCI DOE), 147 (DOE object or bare message), 148 (DSP0287); MCTP in 113 and 276 (Linux
/// cooked); TCP connections with the frames of DSP0287 or of the DMTF emulator in 1 (Ethernet), 0 and 108 (loopback),
/// 101, 12, 14, 228, 229 (IP), 113 and 276. Packets of other link types are left out.
///
/// Nothing is put together across something that is missing: see [`Note::is_loss`].
///
/// Memory: the longest packet, for each MCTP message or TCP connection that is not complete what came of it, and for
/// TCP at most 256 KiB that came too early.
///
/// ```
/// use spdm_evidence::{CaptureEvent, CaptureReader};
///
/// fn messages(file: std::fs::File) -> Result<usize, spdm_evidence::Error> {
///     let mut count = 0;
///     for event in CaptureReader::new(file)? {
///         count += usize::from(matches!(event?, CaptureEvent::Message(_)));
///     }
///     Ok(count)
/// }
/// ```
#[derive(Debug)]
pub struct CaptureReader<R: Read> {
    packets: Packets<Unpacked<R>>,
    links: Option<Links>,
    /// Number of the last packet.
    packet: u64,
    events: Events,
}

impl<R: Read> CaptureReader<R> {
    /// Reads the header of the file.
    ///
    /// # Errors
    /// [`Error::Capture`] where there is none, [`Error::Unreadable`] for an error of `source`, [`Error::LinkType`] for
    /// pcap of another link type.
    pub fn new(source: R) -> Result<Self, Error> {
        Self::unpacked(Unpacked::new(source).map_err(|error| Error::unreadable(&error))?)
    }

    /// [`Self::new`] for a file that was looked at before.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn unpacked(source: Unpacked<R>) -> Result<Self, Error> {
        let packets = Packets::new(source)?;
        match packets.link() {
            Some(link) if LinkType::new(link).is_none() => Err(Error::LinkType(link)),
            _ => Ok(Self {
                packets,
                links: Some(Links::default()),
                packet: 0,
                events: Events::default(),
            }),
        }
    }

    /// Reads on, until something is found or the file ends.
    fn read_on(&mut self) -> Result<(), Error> {
        while let Some(links) = &mut self.links {
            let (packet, events) = (&mut self.packet, &mut self.events);
            let progress = self.packets.next(|found| {
                *packet = found.number;
                links.take(&found, events);
            });
            match progress {
                Ok(Progress::More) => {}
                Ok(Progress::Unknown(kind)) => self.events.note(Note::UnknownBlock { kind }),
                Ok(Progress::Cut(bytes)) => {
                    let packet = self.packet.saturating_add(1);
                    self.events.note(Note::CutPacket { packet, bytes });
                    self.end();
                }
                Ok(Progress::End) => self.end(),
                Err(error) => {
                    self.links = None;
                    return Err(error);
                }
            }
            if !self.events.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(links) = self.links.take() {
            links.finish(self.packet, &mut self.events);
        }
    }
}

impl<R: Read> Iterator for CaptureReader<R> {
    type Item = Result<CaptureEvent, Error>;

    /// The next message or note; an error ends the reading.
    fn next(&mut self) -> Option<Self::Item> {
        if self.events.is_empty()
            && let Err(error) = self.read_on()
        {
            return Some(Err(error));
        }
        self.events.next().map(Ok)
    }
}

impl<R: Read> FusedIterator for CaptureReader<R> {}

/// The messages of a capture file, in order: all that a [`CaptureReader`] finds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capture {
    /// The messages.
    pub messages: Vec<CapturedMessage>,
    /// What was left out.
    pub notes: Vec<Note>,
}

impl Capture {
    /// Whether the file begins like a capture that is not compressed.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> bool {
        bytes.first_chunk::<4>().is_some_and(|magic| *magic == PCAPNG || PCAP.contains(magic))
    }

    /// Reads a pcap or pcapng file. A file that ends inside a packet gives what precedes it and a
    /// [`Note`].
    ///
    /// # Errors
    /// As [`CaptureReader`], at whatever place.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut capture = Self::default();
        for event in CaptureReader::new(bytes)? {
            match event? {
                CaptureEvent::Message(message) => capture.messages.push(message),
                CaptureEvent::Note(note) => capture.notes.push(note),
                CaptureEvent::End(_) => {}
            }
        }
        Ok(capture)
    }
}
