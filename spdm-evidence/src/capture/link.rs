//! From a packet to what is inside of it, per link type.

use std::collections::BTreeMap;

use etherparse::{EtherType, LaxSlicedPacket};
use spdm_transport_doe::{MAX_PADDING, ObjectHeader, ObjectType};
use spdm_transport_tcp::{DecodedFrame, Frame, Framing};

use super::channel::{Channel, Peers, Wire};
use super::events::Events;
use super::mctp::Mctp;
use super::packets::Packet;
use super::tcp::{NoSegment, Segment, Tcp};
use super::{Layer, STORAGE_RESERVED};
use crate::note::Note;

/// Vendor ID of the PCI-SIG, with which the DOE objects of SPDM begin (PCIe 6.0 §6.30.1).
const PCI_SIG: [u8; 2] = ObjectType::CMA_SPDM.vendor.to_le_bytes();
/// ETH_P_MCTP.
pub(super) const ETH_P_MCTP: [u8; 2] = [0x00, 0xFA];
/// The protocol is in the last two bytes.
const SLL_HEADER_LEN: usize = 16;
/// The protocol is in the first two bytes.
const SLL2_HEADER_LEN: usize = 20;
/// The address family, in the byte order of the machine that captured.
const LOOPBACK_HEADER_LEN: usize = 4;

/// How packets of an interface are framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LinkType {
    Mctp,
    PciDoe,
    /// 147, USER0: DOE objects, bare messages, or the secured ones of drives.
    User0,
    /// 148: DSP0287 without TCP.
    Dsp0287,
    /// 113: Linux cooked.
    LinuxSll,
    /// 276: Linux cooked, version 2.
    LinuxSll2,
    Ethernet,
    /// IPv4 or IPv6 with nothing in front.
    Ip,
    /// 0 and 108: the loopback interface of BSD and macOS.
    Loopback,
}

/// Numbers of link types that are written, too.
pub(super) const LINUX_SLL: u32 = 113;
pub(super) const USER0: u32 = 147;
pub(super) const USER1: u32 = 148;
pub(super) const DMTF_MCTP: u32 = 291;
pub(super) const DMTF_PCI_DOE: u32 = 292;

impl LinkType {
    /// `None` for link types that carry no SPDM.
    pub(super) const fn new(link: u32) -> Option<Self> {
        Some(match link {
            0 | 108 => Self::Loopback,
            1 => Self::Ethernet,
            // DLT_RAW has three numbers; the last two are IPv4 and IPv6 alone.
            12 | 14 | 101 | 228 | 229 => Self::Ip,
            LINUX_SLL => Self::LinuxSll,
            USER0 => Self::User0,
            USER1 => Self::Dsp0287,
            276 => Self::LinuxSll2,
            DMTF_MCTP => Self::Mctp,
            DMTF_PCI_DOE => Self::PciDoe,
            _ => return None,
        })
    }
}

/// Finds the messages in packets.
#[derive(Debug, Default)]
pub(super) struct Links {
    mctp: Mctp,
    tcp: Tcp,
    /// Interfaces whose packets do not say who talks.
    interfaces: BTreeMap<u32, Channel>,
}

impl Links {
    /// Takes a packet.
    pub(super) fn take(&mut self, packet: &Packet<'_>, events: &mut Events) {
        let Some(link) = LinkType::new(packet.link) else {
            return events.note(Note::OtherLink { link: packet.link });
        };
        let bytes = packet.bytes;
        let wire = Wire { interface: packet.interface, ..Wire::default() };
        let taken = match link {
            // Only the headers tell whether what is missing belongs to SPDM.
            LinkType::Ethernet => {
                self.ip(packet, wire, LaxSlicedPacket::from_ethernet(bytes).ok(), events)
            }
            LinkType::Ip => self.ip(packet, wire, LaxSlicedPacket::from_ip(bytes).ok(), events),
            LinkType::Loopback => {
                let inside = bytes.get(LOOPBACK_HEADER_LEN..).unwrap_or_default();
                self.ip(packet, wire, LaxSlicedPacket::from_ip(inside).ok(), events)
            }
            LinkType::LinuxSll => match bytes.split_at_checked(SLL_HEADER_LEN) {
                Some(([.., p0, p1], inside)) => {
                    self.cooked(packet, wire, [*p0, *p1], inside, events)
                }
                _ => unrecognised(packet, events),
            },
            LinkType::LinuxSll2 => match bytes.split_at_checked(SLL2_HEADER_LEN) {
                Some(([p0, p1, _, _, i0, i1, i2, i3, ..], inside)) => {
                    let index = u32::from_be_bytes([*i0, *i1, *i2, *i3]);
                    self.cooked(packet, Wire { index, ..wire }, [*p0, *p1], inside, events)
                }
                _ => unrecognised(packet, events),
            },
            _ if packet.cut => {
                events.note(cut(packet));
                Some(())
            }
            LinkType::Mctp => self.mctp.take(packet, wire, bytes, events),
            LinkType::PciDoe => self.doe(packet, events),
            LinkType::User0 if bytes.starts_with(&PCI_SIG) => self.doe(packet, events),
            LinkType::User0 if bytes.starts_with(&STORAGE_RESERVED) => {
                self.message(packet, Layer::Secured, bytes, 0, events)
            }
            LinkType::User0 => self.message(packet, Layer::Plain, bytes, 0, events),
            LinkType::Dsp0287 => self.dsp0287(packet, events),
        };
        if taken.is_none() {
            events.note(Note::OtherPacket);
        }
    }

    /// The capture ends.
    pub(super) fn finish(mut self, packet: u64, events: &mut Events) {
        if self.mctp.has_spdm() || !self.interfaces.is_empty() {
            self.tcp.is_beside_spdm();
        }
        self.mctp.finish(events);
        self.tcp.finish(packet, events);
        for channel in self.interfaces.into_values() {
            events.end(channel);
        }
    }

    fn cooked(
        &mut self,
        packet: &Packet<'_>,
        wire: Wire,
        protocol: [u8; 2],
        inside: &[u8],
        events: &mut Events,
    ) -> Option<()> {
        if protocol != ETH_P_MCTP {
            let protocol = EtherType(u16::from_be_bytes(protocol));
            return self.ip(
                packet,
                wire,
                Some(LaxSlicedPacket::from_ether_type(protocol, inside)),
                events,
            );
        }
        if packet.cut {
            events.note(cut(packet));
            return Some(());
        }
        self.mctp.take(packet, wire, inside, events)
    }

    fn ip(
        &mut self,
        packet: &Packet<'_>,
        wire: Wire,
        parsed: Option<LaxSlicedPacket<'_>>,
        events: &mut Events,
    ) -> Option<()> {
        let Some(parsed) = parsed else { return unrecognised(packet, events) };
        let mut vlans = parsed.vlan_ids().into_iter().map(|id| id.value());
        let vlans = [(); 3].map(|()| vlans.next().unwrap_or_default());
        let wire = Wire { vlans, ..wire };
        if let Some(segment) = Segment::of(packet.number, &parsed) {
            return self.tcp.take(wire, &segment, events);
        }
        match NoSegment::in_packet(&parsed, packet) {
            NoSegment::Other => return None,
            NoSegment::Fragment => self.tcp.fragment(packet.number, events),
            NoSegment::Tunnel { protocol } => events.note(Note::Tunnel { protocol }),
            NoSegment::Cut => events.note(cut(packet)),
        }
        Some(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the way every link type ends")]
    fn message(
        &mut self,
        packet: &Packet<'_>,
        layer: Layer,
        bytes: &[u8],
        padding: usize,
        events: &mut Events,
    ) -> Option<()> {
        let interface = packet.interface;
        let channel = self.interfaces.entry(interface);
        let channel = channel.or_insert_with(|| events.open(Peers::Interface { interface }));
        events.message(*channel, layer, bytes, padding);
        Some(())
    }

    /// The data objects of a packet.
    fn doe(&mut self, packet: &Packet<'_>, events: &mut Events) -> Option<()> {
        let mut rest = packet.bytes;
        loop {
            let object = rest.split_first_chunk().and_then(|(header, content)| {
                let header = ObjectHeader::decode(*header);
                Some((header.object, header.content_len()?, content))
            });
            let Some((object, len, content)) = object else {
                if rest.len() == packet.bytes.len() {
                    return None;
                }
                note_behind(rest, events);
                return Some(());
            };
            let layer = match object {
                ObjectType::CMA_SPDM => Some(Layer::Plain),
                ObjectType::SECURED_CMA_SPDM => Some(Layer::Secured),
                ObjectType::DISCOVERY => {
                    events.note(Note::OtherFrame);
                    None
                }
                _ => {
                    events.note(Note::OtherPacket);
                    None
                }
            };
            let Some((message, behind)) = content.split_at_checked(len) else {
                if layer.is_some() {
                    events.note(cut(packet));
                }
                return Some(());
            };
            if let Some(layer) = layer {
                self.message(packet, layer, message, MAX_PADDING, events)?;
            }
            if behind.is_empty() {
                return Some(());
            }
            rest = behind;
        }
    }

    /// The frames of a packet.
    fn dsp0287(&mut self, packet: &Packet<'_>, events: &mut Events) -> Option<()> {
        let mut rest = packet.bytes;
        loop {
            match Framing::Dsp0287.decode(rest, usize::MAX) {
                Ok(DecodedFrame::Complete { frame, len }) => {
                    match frame {
                        Frame::Message(kind, message) => {
                            self.message(packet, kind.into(), message, 0, events)?;
                        }
                        _ => events.note(Note::OtherFrame),
                    }
                    rest = rest.get(len..).unwrap_or_default();
                }
                Ok(DecodedFrame::Incomplete { .. })
                    if rest.len() == packet.bytes.len() || rest.iter().any(|byte| *byte != 0) =>
                {
                    events.note(cut(packet));
                    return Some(());
                }
                _ if rest.len() == packet.bytes.len() => return None,
                _ => {
                    note_behind(rest, events);
                    return Some(());
                }
            }
            if rest.is_empty() {
                return Some(());
            }
        }
    }
}

/// A packet whose headers are not complete: where it is cut, it may have been SPDM.
fn unrecognised(packet: &Packet<'_>, events: &mut Events) -> Option<()> {
    packet.cut.then(|| events.note(cut(packet)))
}

/// Only the beginning of a packet is there, or of what is in it.
const fn cut(packet: &Packet<'_>) -> Note {
    Note::CutPacket { packet: packet.number, bytes: packet.bytes.len() }
}

/// What is left behind the last message of a packet and is no message.
fn note_behind(behind: &[u8], events: &mut Events) {
    let bytes = behind.len();
    events.note(match behind.iter().all(|byte| *byte == 0) {
        true => Note::TrailingZeros { bytes },
        false => Note::BehindMessage { bytes },
    });
}
