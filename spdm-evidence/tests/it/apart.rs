//! Conversations that look like one by their addresses, and what lies between messages.

use etherparse::PacketBuilder;
use spdm_evidence::{Capture, Error, Evidence, Note, ReadOptions};
use spdm_transport_tcp::{Binding, Command, Frame, Framing};

use crate::tcp_packets::{ACK, ETHERNET, Stream, ethernet, ethertype, file, pcap, pcapng};

const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
const OTHER: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x13];
const MCTP: u32 = 291;
const LINUX_SLL2: u32 = 276;

/// A connection with this VERSION; its numbers and ports are those of any other.
fn stream(version: &[u8]) -> Vec<Vec<u8>> {
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&[GET_VERSION, version], 1000);
    stream.packets
}

/// Two lists of packets, in turn.
fn in_turn(one: Vec<Vec<u8>>, other: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    one.into_iter().zip(other).flat_map(|(one, other)| [one, other]).collect()
}

/// The messages of each channel, by its number.
fn channels(file: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let capture = Capture::read(file).unwrap();
    assert_eq!(capture.notes, []);
    let mut channels = Vec::new();
    for message in capture.messages {
        let number = message.channel.number;
        channels.resize(channels.len().max(number + 1), Vec::new());
        channels[number].push(message.bytes);
    }
    channels
}

fn loss(file: &[u8]) -> Option<Note> {
    match Evidence::read(file, &ReadOptions::default()) {
        Err(Error::Incomplete(note)) => Some(note),
        _ => None,
    }
}

fn sll2(index: u8, protocol: [u8; 2], packet: &[u8]) -> Vec<u8> {
    [&protocol[..], &[0, 0, 0, 0, 0, index], &[0; 12], packet].concat()
}

/// The same addresses and sequence numbers, on two networks.
#[test]
fn tcp_connections_of_different_wires() {
    let expected = [[GET_VERSION, VERSION], [GET_VERSION, OTHER]];
    let tagged = |packet: &Vec<u8>, id: u8| {
        [&[0; 12][..], &[0x81, 0, 0, id], &ethertype(packet), packet].concat()
    };
    let (one, other) = (stream(VERSION), stream(OTHER));
    let tag = |packets: &[Vec<u8>], id| packets.iter().map(|p| tagged(p, id)).collect();
    let vlans = pcap(ETHERNET, in_turn(tag(&one, 5), tag(&other, 6)));
    assert_eq!(channels(&vlans), expected);
    let cook = |packets: &[Vec<u8>], index| {
        packets.iter().map(|packet| sll2(index, ethertype(packet), packet)).collect()
    };
    assert_eq!(channels(&pcap(LINUX_SLL2, in_turn(cook(&one, 2), cook(&other, 3)))), expected);
    let numbered = |packets: Vec<Vec<u8>>, interface: u32| {
        packets.into_iter().map(move |packet| (interface, ethernet(&packet)))
    };
    let both = numbered(one, 0).zip(numbered(other, 1)).flat_map(|(one, other)| [one, other]);
    assert_eq!(channels(&pcapng(&[1, 1], &both.collect::<Vec<_>>())), expected);
}

fn mctp(destination: u8, source: u8, message: &[u8]) -> Vec<u8> {
    [&[1, destination, source, 0xC8, 5], message].concat()
}

/// Endpoints without an ID, on two links.
#[test]
fn null_endpoints_of_different_links() {
    let link = |index, version| {
        let packets = [mctp(0, 0, GET_VERSION), mctp(0, 0, version)];
        packets.iter().map(|packet| sll2(index, [0, 0xFA], packet)).collect()
    };
    let both = pcap(LINUX_SLL2, in_turn(link(2, VERSION), link(3, OTHER)));
    assert_eq!(channels(&both), [[GET_VERSION, VERSION], [GET_VERSION, OTHER]]);
}

/// Whoever answers first is the one behind the null endpoint; a second one makes it unknown who was asked.
#[test]
fn two_endpoints_answer_for_the_null_endpoint() {
    let first = [mctp(0, 8, GET_VERSION), mctp(8, 9, VERSION), mctp(9, 8, &[0x12, 0x81, 0, 0])];
    let own = [mctp(10, 8, GET_VERSION), mctp(8, 10, OTHER)];
    let known = pcap(MCTP, [&first[..], &own].concat());
    assert_eq!(
        channels(&known),
        [vec![GET_VERSION, VERSION, &[0x12, 0x81, 0, 0]], vec![GET_VERSION, OTHER]]
    );
    let unknown = pcap(MCTP, [&first[..], &[mctp(0, 8, GET_VERSION), mctp(8, 10, OTHER)]].concat());
    assert_eq!(loss(&unknown), Some(Note::NullEndpoint { packet: 5 }));
}

/// What is said beside messages, and what carries other networks.
#[test]
fn frames_and_packets_without_messages_are_counted() {
    let framing = Framing::DmtfEmu(Binding::None);
    let mut stream = Stream::v4(1111, framing);
    let mut greeting = Vec::new();
    framing.encode(Frame::Command(Command(0xDEAD), b"Client Hello!"), &mut greeting).unwrap();
    stream.send(0, ACK, &greeting);
    stream.talk(&[GET_VERSION, VERSION], 1000);
    let mut tunnel = Vec::new();
    let gre = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    gre.write(&mut tunnel, etherparse::IpNumber::GRE, &[0; 40]).unwrap();
    stream.packets.push(tunnel);
    let capture = Capture::read(&file(&stream.packets)).unwrap();
    assert_eq!(capture.notes, [Note::OtherFrame, Note::Tunnel { protocol: 47 }]);
    assert_eq!(
        capture.notes[1].to_string(),
        "a packet of IP protocol 47 (GRE) was left out: what it carries is not read"
    );
    assert_eq!(capture.messages.len(), 2);
    let discovery = vec![1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
    let capture = Capture::read(&pcap(292, [discovery])).unwrap();
    assert_eq!(capture.notes, [Note::OtherFrame]);
}
