//! TCP connections: segments become messages again, in the order in which they were said.

mod conversation;
mod half;
mod recognition;

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::channel::Wire;
use super::events::Events;
use super::packets::Packet;
use crate::note::Note;
use conversation::{After, Content, TcpConversation};

/// How many connections are followed at once: what a connection leaves in memory is bounded, and so are all of them.
const FOLLOWED: usize = 256;
/// Behind them IP may follow.
const VLAN_TAGS: [EtherType; 4] = [
    EtherType::VLAN_TAGGED_FRAME,
    EtherType::PROVIDER_BRIDGING,
    EtherType::VLAN_DOUBLE_TAGGED_FRAME,
    EtherType::MACSEC,
];

/// What carries packets of another network: what is in them is not looked at.
const TUNNELS: [IpNumber; 7] = [
    IpNumber::IPV4,
    IpNumber::IPV6,
    IpNumber::GRE,
    IpNumber::ENCAPSULATING_SECURITY_PAYLOAD,
    // EtherIP and L2TP.
    IpNumber(97),
    IpNumber(115),
    IpNumber::MPLS_IN_IP,
];

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'p> {
    /// Number of its packet in the file.
    pub(super) packet: u64,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) reset: bool,
    pub(super) payload: &'p [u8],
    /// The capture holds only the beginning of the payload.
    pub(super) cut: bool,
}

impl<'p> Segment<'p> {
    /// The segment in a packet; `None` where it holds none, or only a fragment of one.
    pub(super) fn of(packet: u64, parsed: &LaxSlicedPacket<'p>) -> Option<Self> {
        let Some(TransportSlice::Tcp(tcp)) = &parsed.transport else { return None };
        let (from, to): (IpAddr, IpAddr) = match parsed.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                (header.source_addr().into(), header.destination_addr().into())
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                (header.source_addr().into(), header.destination_addr().into())
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let cut = parsed.net.as_ref()?.ip_payload_ref().is_some_and(|payload| payload.incomplete);
        Some(Self {
            packet,
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            reset: tcp.rst(),
            payload: tcp.payload(),
            cut,
        })
    }
}

/// Why no segment can be read from a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoSegment {
    /// It holds something else.
    Other,
    /// It holds packets of another network, which are not read.
    Tunnel {
        /// The number of the protocol.
        protocol: u8,
    },
    /// Only a fragment of it (RFC 791 §3.2).
    Fragment,
    /// What was captured ends before it is certain that there is none.
    Cut,
}

impl NoSegment {
    /// Why there is none in this packet.
    pub(super) fn in_packet(parsed: &LaxSlicedPacket<'_>, packet: &Packet<'_>) -> Self {
        let Some(payload) = parsed.ip_payload() else {
            // Another protocol, such as ARP, is named in front of it.
            let other = parsed.ether_payload().is_some_and(|payload| {
                ![EtherType::IPV4, EtherType::IPV6].contains(&payload.ether_type)
                    && !VLAN_TAGS.contains(&payload.ether_type)
            });
            return match packet.cut && !other {
                true => Self::Cut,
                false => Self::Other,
            };
        };
        match payload.ip_number {
            IpNumber::TCP if payload.fragmented => Self::Fragment,
            number if TUNNELS.contains(&number) => Self::Tunnel { protocol: number.0 },
            number if number != IpNumber::TCP && !number.is_ipv6_ext_header_value() => Self::Other,
            _ if packet.cut || payload.incomplete => Self::Cut,
            _ => Self::Other,
        }
    }
}

/// The connections of a capture.
#[derive(Debug, Default)]
pub(super) struct Tcp {
    /// By their ends, the smaller address first.
    conversations: HashMap<(Wire, [SocketAddr; 2]), Followed>,
    /// Segments so far: the age of a connection's last one.
    clock: u64,
    /// A connection was given up for the number of them before it was closed.
    forgot: bool,
    /// The first packet with a fragment of TCP.
    fragment: Option<u64>,
    /// SPDM was found on another link.
    beside_spdm: bool,
    /// The servers of connections that carried SPDM.
    spdm: BTreeSet<SocketAddr>,
    /// The servers of connections that were taken for something else: the first connection, and a packet of it.
    others: BTreeMap<SocketAddr, ([SocketAddr; 2], u64)>,
}

#[derive(Debug)]
struct Followed {
    last: u64,
    conversation: TcpConversation,
    content: Content,
}

impl Tcp {
    /// Takes a segment; `None` where its connection carries no SPDM. Where that is not known yet, the connection will
    /// say.
    pub(super) fn take(
        &mut self,
        wire: Wire,
        segment: &Segment<'_>,
        events: &mut Events,
    ) -> Option<()> {
        self.clock = self.clock.saturating_add(1);
        let key = (wire, [segment.from.min(segment.to), segment.from.max(segment.to)]);
        let mut after = After::Nothing;
        let known = self.conversations.get(&key);
        if known.is_some_and(|followed| followed.conversation.is_replaced_by(segment))
            && let Some(mut old) = self.conversations.remove(&key)
        {
            old.conversation.finish(segment.packet, events);
            self.remember(&old.conversation, segment.packet);
            after = After::Connection;
        }
        if !self.conversations.contains_key(&key) {
            // Without content and before its beginning there is nothing to follow.
            if segment.payload.is_empty() && !segment.syn && !segment.cut {
                return None;
            }
            self.make_room(segment.packet, events);
            let after = match after {
                After::Nothing if self.forgot && !segment.syn => After::Lost,
                after => after,
            };
            let conversation = TcpConversation::new(segment, after);
            self.conversations.insert(
                key,
                Followed { last: self.clock, conversation, content: Content::Unknown },
            );
        }
        let followed = self.conversations.get_mut(&key)?;
        followed.last = self.clock;
        let taken = followed.conversation.take(segment, events);
        let before = followed.content;
        followed.content = followed.conversation.content();
        if followed.content != before {
            let seen = (followed.content, followed.conversation.ends());
            let servers = followed.conversation.servers();
            self.remember_servers(seen, servers, segment.packet);
        }
        taken
    }

    /// Keeps what the connection was.
    fn remember(&mut self, conversation: &TcpConversation, packet: u64) {
        let seen = (conversation.content(), conversation.ends());
        self.remember_servers(seen, conversation.servers(), packet);
    }

    fn remember_servers(
        &mut self,
        (content, ends): (Content, [SocketAddr; 2]),
        servers: impl Iterator<Item = SocketAddr>,
        packet: u64,
    ) {
        for server in servers {
            match content {
                Content::Unknown => {}
                Content::Spdm => _ = self.spdm.insert(server),
                Content::Other => _ = self.others.entry(server).or_insert((ends, packet)),
            }
        }
    }

    /// Leaves out a fragment of a segment. Whether that matters is known when the capture ends.
    pub(super) fn fragment(&mut self, packet: u64, events: &mut Events) {
        events.note(Note::Fragment);
        self.fragment.get_or_insert(packet);
    }

    /// SPDM was found elsewhere in the capture: what a fragment holds must not be missing beside it.
    pub(super) const fn is_beside_spdm(&mut self) {
        self.beside_spdm = true;
    }

    /// Gives up the connection that was silent for the longest time, where there are too many.
    fn make_room(&mut self, packet: u64, events: &mut Events) {
        if self.conversations.len() < FOLLOWED {
            return;
        }
        let oldest = self.conversations.iter().min_by_key(|(_, followed)| followed.last);
        let oldest = oldest.map(|(key, _)| *key);
        if let Some(mut old) = oldest.and_then(|key| self.conversations.remove(&key)) {
            self.forgot |= !old.conversation.is_closed();
            old.conversation.finish(packet, events);
            self.remember(&old.conversation, packet);
        }
    }

    /// The capture ends.
    pub(super) fn finish(mut self, packet: u64, events: &mut Events) {
        let mut all: Vec<Followed> = self.conversations.drain().map(|(_, one)| one).collect();
        all.sort_by_key(|followed| followed.last);
        for mut followed in all {
            followed.conversation.finish(packet, events);
            self.remember(&followed.conversation, packet);
        }
        // A server of SPDM says nothing else: it is SPDM that was not recognised.
        let unread = self.others.iter().filter(|(server, _)| self.spdm.contains(server));
        for (ends, packet) in unread.map(|(_, seen)| *seen).take(1) {
            events.note(Note::LostFraming { ends, packet });
        }
        let any_spdm = self.beside_spdm || !self.spdm.is_empty();
        if let Some(packet) = self.fragment.filter(|_| any_spdm) {
            events.note(Note::LostFragment { packet });
        }
    }
}
