//! From the bytes of a packet to an SPDM message and back, per link type.

use std::collections::{BTreeMap, BTreeSet};

use spdm_transport_doe::{MAX_PADDING, ObjectHeader, ObjectType};

use super::{Capture, CapturedMessage, Layer};
use crate::error::Error;
use crate::note::Note;

/// Vendor ID of the PCI-SIG, with which the DOE objects of SPDM begin (PCIe 6.0 §6.30.1).
const PCI_SIG: [u8; 2] = ObjectType::CMA_SPDM.vendor.to_le_bytes();
/// ETH_P_MCTP.
pub(super) const ETH_P_MCTP: [u8; 2] = [0x00, 0xFA];
const SLL_HEADER_LEN: usize = 16;
pub(super) const START_OF_MESSAGE: u8 = 0x80;
pub(super) const END_OF_MESSAGE: u8 = 0x40;
/// Tag owner and tag: together with the endpoints they name a message.
const TAG: u8 = 0x0F;
const INTEGRITY_CHECK: u8 = 0x80;
const PLAIN: u8 = 0x05;
const SECURED: u8 = 0x06;

/// How packets of an interface are framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LinkType {
    Mctp,
    PciDoe,
    /// 147, USER0: DOE objects or bare messages.
    User0,
    /// 148: DSP0287.
    Tcp,
    /// 113: Linux cooked.
    LinuxSll,
}

impl LinkType {
    pub(super) const fn new(link: u32) -> Result<Self, Error> {
        Ok(match link {
            113 => Self::LinuxSll,
            147 => Self::User0,
            148 => Self::Tcp,
            291 => Self::Mctp,
            292 => Self::PciDoe,
            _ => return Err(Error::LinkType(link)),
        })
    }

    pub(super) const fn number(self) -> u32 {
        match self {
            Self::LinuxSll => 113,
            Self::User0 => 147,
            Self::Tcp => 148,
            Self::Mctp => 291,
            Self::PciDoe => 292,
        }
    }
}

impl Layer {
    /// The message type of MCTP (DSP0275, DSP0276), which DSP0287 uses too.
    pub(super) const fn message_type(self) -> u8 {
        match self {
            Self::Plain => PLAIN,
            Self::Secured => SECURED,
        }
    }
}

/// Collects the messages of a capture.
#[derive(Debug, Default)]
pub(super) struct Frames {
    capture: Capture,
    /// MCTP messages that are not complete yet, by endpoints and tag.
    fragments: BTreeMap<[u8; 3], Partial>,
    /// Destination and source of the MCTP messages that were SPDM.
    speakers: BTreeSet<[u8; 2]>,
}

/// An MCTP message that is not complete yet.
#[derive(Debug)]
enum Partial {
    /// What was in its packets, and the number of the last one.
    Kept { bytes: Vec<u8>, sequence: u8 },
    /// One of its packets is missing, which is noted; the others are of no use.
    Lost,
}

/// A message starts with any number, and each packet has the next one (DSP0236 §8.1).
const fn follows(sequence: u8, before: u8) -> bool {
    sequence == (before + 1) % 4
}

/// What the type byte of an MCTP message says; `None` for messages that are not SPDM.
const fn layer_of(message_type: u8) -> Option<Layer> {
    match message_type & !INTEGRITY_CHECK {
        PLAIN => Some(Layer::Plain),
        SECURED => Some(Layer::Secured),
        _ => None,
    }
}

impl Frames {
    pub(super) fn note(&mut self, note: Note) {
        self.capture.notes.push(note);
    }

    /// Takes a packet; `cut` where the capture holds only the beginning of it.
    pub(super) fn packet(&mut self, link: LinkType, packet: &[u8], cut: bool) {
        if cut {
            return self.note(Note::CutPacket { bytes: packet.len() });
        }
        let taken = match link {
            LinkType::Mctp => self.mctp(packet),
            LinkType::LinuxSll => match packet.split_at_checked(SLL_HEADER_LEN) {
                Some((header, inside)) if header.ends_with(&ETH_P_MCTP) => self.mctp(inside),
                _ => None,
            },
            LinkType::PciDoe => self.doe(packet),
            LinkType::User0 if packet.starts_with(&PCI_SIG) => self.doe(packet),
            LinkType::User0 => self.message(Layer::Plain, packet),
            LinkType::Tcp => self.dsp0287(packet),
        };
        if taken.is_none() {
            self.note(Note::OtherPacket);
        }
    }

    pub(super) fn finish(mut self) -> Capture {
        for partial in self.fragments.into_values() {
            if let Partial::Kept { bytes, .. } = partial {
                self.capture.notes.push(Note::CutPacket { bytes: bytes.len() });
            }
        }
        self.capture
    }

    #[expect(clippy::unnecessary_wraps, reason = "the way every link type ends")]
    fn message(&mut self, layer: Layer, bytes: &[u8]) -> Option<()> {
        self.capture.messages.push(CapturedMessage { layer, bytes: bytes.to_vec() });
        Some(())
    }

    fn mctp(&mut self, packet: &[u8]) -> Option<()> {
        let ([_, destination, source, flags], payload) = packet.split_first_chunk::<4>()?;
        let key = [*destination, *source, flags & TAG];
        let (start, end) = (flags & START_OF_MESSAGE != 0, flags & END_OF_MESSAGE != 0);
        let sequence = flags >> 4 & 3;
        let mut bytes = match self.fragments.remove(&key) {
            // A message that starts anew ends the one before, which was never completed.
            Some(Partial::Kept { bytes, .. }) if start => {
                self.lost(&bytes);
                Vec::new()
            }
            _ if start => Vec::new(),
            Some(Partial::Kept { bytes, sequence: before }) if follows(sequence, before) => bytes,
            Some(Partial::Kept { bytes, .. }) => {
                self.lost(&bytes)?;
                return self.pass_over(key, *flags);
            }
            Some(Partial::Lost) => return self.pass_over(key, *flags),
            // The first packet, with the type, is missing. Between those who speak SPDM it is taken for SPDM.
            None if self.speakers.contains(&[*destination, *source]) => {
                self.note(Note::LostPacket);
                return self.pass_over(key, *flags);
            }
            None => return None,
        };
        bytes.extend_from_slice(payload);
        if !end {
            self.fragments.insert(key, Partial::Kept { bytes, sequence });
            return Some(());
        }
        let (message_type, message) = bytes.split_first()?;
        let layer = layer_of(*message_type)?;
        self.speakers.insert([*destination, *source]);
        self.message(layer, message)
    }

    /// Packets of this message are not in the capture; `None` where it is not SPDM.
    fn lost(&mut self, bytes: &[u8]) -> Option<()> {
        layer_of(*bytes.first()?)?;
        self.note(Note::LostPacket);
        Some(())
    }

    /// Leaves out a packet of a message that is noted as lost.
    #[expect(clippy::unnecessary_wraps, reason = "the way every link type ends")]
    fn pass_over(&mut self, key: [u8; 3], flags: u8) -> Option<()> {
        if flags & END_OF_MESSAGE == 0 {
            self.fragments.insert(key, Partial::Lost);
        }
        Some(())
    }

    fn doe(&mut self, packet: &[u8]) -> Option<()> {
        let (header, content) = packet.split_first_chunk()?;
        let header = ObjectHeader::decode(*header);
        let message = content.get(..header.content_len()?)?;
        self.capture.padding = MAX_PADDING;
        match header.object {
            ObjectType::DISCOVERY => Some(()),
            ObjectType::CMA_SPDM => self.message(Layer::Plain, message),
            ObjectType::SECURED_CMA_SPDM => self.message(Layer::Secured, message),
            _ => None,
        }
    }

    fn dsp0287(&mut self, packet: &[u8]) -> Option<()> {
        let ([l0, l1, _, message_type], message) = packet.split_first_chunk::<4>()?;
        // PayloadLength counts BindingVersion and MessageType.
        let len = usize::from(u16::from_le_bytes([*l0, *l1])).checked_sub(2)?;
        let message = message.get(..len)?;
        match *message_type {
            PLAIN => self.message(Layer::Plain, message),
            SECURED => self.message(Layer::Secured, message),
            _ => None,
        }
    }
}
