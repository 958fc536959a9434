//! Captures of TCP connections, packet by packet.

use core::net::SocketAddr;

use etherparse::PacketBuilder;
use spdm_transport::MessageKind;
use spdm_transport_tcp::{Frame, Framing};

pub(crate) const ETHERNET: u32 = 1;
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RESET: u8 = 4;
pub(crate) const ACK: u8 = 16;

/// One TCP connection. Sequence numbers of the client begin just below their end.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    ends: [SocketAddr; 2],
    /// Next sequence number of the client and of the server.
    next: [u32; 2],
    framing: Framing,
    /// IP packets.
    pub(crate) packets: Vec<Vec<u8>>,
}

impl Stream {
    /// After the handshake.
    pub(crate) fn new(ends: [&str; 2], framing: Framing) -> Self {
        let mut stream = Self {
            ends: ends.map(|end| end.parse().unwrap()),
            next: [u32::MAX - 100, 5000],
            framing,
            packets: Vec::new(),
        };
        stream.send(0, SYN, &[]);
        stream.send(1, SYN | ACK, &[]);
        stream.send(0, ACK, &[]);
        stream
    }

    pub(crate) fn v4(port: u16, framing: Framing) -> Self {
        Self::new([&format!("10.0.0.1:{port}"), "10.0.0.2:4194"], framing)
    }

    /// A segment of the client (0) or the server (1), and what it did to the sequence numbers.
    pub(crate) fn send(&mut self, side: usize, flags: u8, payload: &[u8]) {
        let (own, other) = (self.next[side], self.next[1 - side]);
        self.packets.push(self.segment(side, flags, own, other, payload));
        let counted = payload.len() + usize::from(flags & (SYN | FIN) != 0);
        self.next[side] = own.wrapping_add(u32::try_from(counted).unwrap());
    }

    /// A segment with these numbers.
    pub(crate) fn segment(
        &self,
        side: usize,
        flags: u8,
        sequence: u32,
        acknowledged: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let (from, to) = (self.ends[side], self.ends[1 - side]);
        let builder = match (from, to) {
            (SocketAddr::V4(from), SocketAddr::V4(to)) => {
                PacketBuilder::ipv4(from.ip().octets(), to.ip().octets(), 64)
            }
            (SocketAddr::V6(from), SocketAddr::V6(to)) => {
                PacketBuilder::ipv6(from.ip().octets(), to.ip().octets(), 64)
            }
            _ => unreachable!(),
        };
        let mut tcp = builder.tcp(from.port(), to.port(), sequence, 1000);
        if flags & SYN != 0 {
            tcp = tcp.syn();
        }
        if flags & FIN != 0 {
            tcp = tcp.fin();
        }
        if flags & RESET != 0 {
            tcp = tcp.rst();
        }
        if flags & ACK != 0 {
            tcp = tcp.ack(acknowledged);
        }
        let mut packet = Vec::new();
        tcp.write(&mut packet, payload).unwrap();
        packet
    }

    pub(crate) fn frame(&self, kind: MessageKind, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.framing.encode(Frame::Message(kind, message), &mut frame).unwrap();
        frame
    }

    /// Plain messages, in turn from both sides, in segments of at most `segment` bytes.
    pub(crate) fn talk(&mut self, messages: &[&[u8]], segment: usize) {
        for (number, message) in messages.iter().enumerate() {
            for part in self.frame(MessageKind::Plain, message).chunks(segment) {
                self.send(number % 2, ACK, part);
            }
        }
    }

    /// Both sides are done.
    pub(crate) fn close(&mut self) {
        self.send(0, FIN | ACK, &[]);
        self.send(1, FIN | ACK, &[]);
        self.send(0, ACK, &[]);
    }

    /// The capture on an Ethernet.
    pub(crate) fn file(&self) -> Vec<u8> {
        file(&self.packets)
    }
}

/// A capture of IP packets on an Ethernet.
pub(crate) fn file(packets: &[Vec<u8>]) -> Vec<u8> {
    pcap(ETHERNET, packets.iter().map(|packet| ethernet(packet)))
}

pub(crate) fn ethernet(packet: &[u8]) -> Vec<u8> {
    [&[0; 12][..], &ethertype(packet), packet].concat()
}

pub(crate) const fn ethertype(packet: &[u8]) -> [u8; 2] {
    match packet {
        [0x60..=0x6F, ..] => [0x86, 0xDD],
        _ => [0x08, 0x00],
    }
}

/// A little-endian pcap file.
pub(crate) fn pcap(link: u32, packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let head = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    let mut file = [&head[..], &link.to_le_bytes()].concat();
    for packet in packets {
        let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
        file.extend([&[0; 8][..], &len, &len, &packet].concat());
    }
    file
}

/// A little-endian pcapng file with these interfaces; packets with the number of theirs.
pub(crate) fn pcapng(links: &[u16], packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().wrapping_neg() % 4];
        let len = u32::try_from(12 + body.len() + padding.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &len, body, &padding, &len].concat()
    };
    let section = [&0x1A2B_3C4D_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xFF; 8]].concat();
    let mut file = block(0x0A0D_0D0A, &section);
    for link in links {
        file.extend(block(1, &[&link.to_le_bytes()[..], &[0; 6]].concat()));
    }
    for (interface, packet) in packets {
        let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
        file.extend(block(
            6,
            &[&interface.to_le_bytes()[..], &[0; 8], &len, &len, packet].concat(),
        ));
    }
    file
}
