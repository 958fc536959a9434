//! Messages that are in a capture and that its reader cannot follow: an error, and never another protocol.

use std::io::{Cursor, Read};

use spdm_evidence::{Capture, Error, Evidence, EvidenceReader, Note, ReadOptions, Unpacked};
use spdm_transport_tcp::Framing;

use crate::tcp_packets::{ACK, ETHERNET, RESET, Stream, ethernet, file, pcap, pcapng};

const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
const GET_DIGESTS: &[u8] = &[0x12, 0x81, 0, 0];

fn stream(port: u16) -> Stream {
    let mut stream = Stream::v4(port, Framing::Dsp0287);
    stream.talk(&[GET_VERSION, VERSION, GET_DIGESTS, &[0x12; 304]], 200);
    stream
}

fn loss(file: &[u8]) -> Option<Note> {
    match Evidence::read(file, &ReadOptions::default()) {
        Err(Error::Incomplete(note)) => Some(note),
        _ => None,
    }
}

/// A pcap file of packets of which only so many bytes were captured.
fn cut_pcap(link: u32, packets: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let head = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    let mut file = [&head[..], &link.to_le_bytes()].concat();
    for (packet, captured) in packets {
        let packet_len = u32::try_from(packet.len()).unwrap().to_le_bytes();
        let captured = &packet[..packet.len().min(*captured)];
        let len = u32::try_from(captured.len()).unwrap().to_le_bytes();
        file.extend([&[0; 8][..], &len, &packet_len, captured].concat());
    }
    file
}

/// Between the same ends, and in front of the SYN of the one that is followed.
#[test]
fn another_connection_with_lower_numbers() {
    let first = stream(1111);
    let mut packets = first.packets.clone();
    let frame = first.frame(spdm_transport::MessageKind::Plain, GET_DIGESTS);
    packets.push(first.segment(0, ACK, u32::MAX - 9000, 4000, &frame));
    assert!(matches!(loss(&file(&packets)), Some(Note::LostBytes { .. })));
}

/// What was said so long ago that it cannot be compared is not taken for a repetition.
#[test]
fn another_connection_with_the_same_numbers() {
    let mut first = stream(1111);
    let big = [0x12; 60_000];
    first.talk(&[&big[..]; 12], 1400);
    assert_eq!(loss(&first.file()), None);
    let mut packets = first.packets.clone();
    packets.extend(stream(1111).packets);
    assert!(matches!(loss(&file(&packets)), Some(Note::LostBytes { .. })));
}

/// After a connection was reset or both sides were done, a SYN begins the next one, whatever its number.
#[test]
fn a_connection_that_begins_with_the_number_of_the_one_before() {
    for reset in [true, false] {
        let mut first = stream(1111);
        match reset {
            true => first.send(0, RESET, &[]),
            false => first.close(),
        }
        let mut packets = first.packets;
        packets.extend(stream(1111).packets);
        let capture = Capture::read(&file(&packets)).unwrap();
        assert_eq!((capture.messages.len(), &capture.notes[..]), (8, &[][..]));
    }
}

/// The ends of a connection that is no SPDM are used again.
#[test]
fn a_connection_after_one_that_is_no_spdm() {
    let mut web = Stream::v4(1111, Framing::Dsp0287);
    web.send(0, ACK, b"GET / HTTP/1.1\r\n\r\n");
    let mut packets = web.packets;
    packets.extend(stream(1111).packets);
    assert_eq!(Capture::read(&file(&packets)).unwrap().messages.len(), 4);
}

/// Whether it is TCP is not certain before the end of the IP header.
#[test]
fn packets_that_are_cut_inside_their_headers() {
    let whole = stream(1111).packets;
    let cut = stream(2222).packets;
    let file = |link: u32, wrap: &dyn Fn(&[u8]) -> Vec<u8>, captured: usize| {
        let whole = whole.iter().map(|packet| (wrap(packet), usize::MAX));
        let cut = cut[3..].iter().map(|packet| (wrap(packet), captured));
        cut_pcap(link, &whole.chain(cut).collect::<Vec<_>>())
    };
    let cooked = |packet: &[u8]| [&[0; 14][..], &[8, 0], packet].concat();
    let cooked_2 = |packet: &[u8]| [&[8, 0][..], &[0; 18], packet].concat();
    for captured in 0..=54 {
        for file in [
            file(ETHERNET, &|packet| ethernet(packet), captured),
            file(101, &<[u8]>::to_vec, captured.min(40)),
            file(113, &cooked, captured),
            file(276, &cooked_2, captured),
        ] {
            assert!(loss(&file).is_some(), "{captured}");
        }
    }
    // A datagram and a packet of ARP are neither.
    let mut datagram = cut[3].clone();
    datagram[9] = 17;
    let arp = [&[0; 12][..], &[8, 6], &[0; 28]].concat();
    let mut packets: Vec<_> = whole.iter().map(|packet| (ethernet(packet), usize::MAX)).collect();
    packets.extend([(ethernet(&datagram), 36), (arp, 20)]);
    let capture = Capture::read(&cut_pcap(ETHERNET, &packets)).unwrap();
    assert_eq!(capture.notes, [Note::OtherPacket; 2]);
    // A packet of MCTP, before its header ends.
    let mctp = [&[0; 14][..], &[0, 0xFA], &[1, 9, 8, 0xC0, 5, 0x10, 0x84, 0, 0]].concat();
    let packets = [(mctp.clone(), usize::MAX), (mctp, 15)];
    assert!(matches!(
        loss(&cut_pcap(113, &packets)),
        Some(Note::CutPacket { packet: 2, bytes: 15 })
    ));
}

/// Fragments of TCP are not put together. Beside SPDM over TCP they are a loss.
#[test]
fn fragments_of_segments() {
    let fragment = |packet: &Vec<u8>| {
        let mut packet = packet.clone();
        packet[6] |= 0x20;
        packet
    };
    let fragments: Vec<_> = stream(2222).packets.iter().map(fragment).collect();
    let alone = Capture::read(&file(&fragments)).unwrap();
    assert_eq!(alone.notes, vec![Note::Fragment; fragments.len()]);
    let whole = stream(1111).packets;
    let packet = u64::try_from(whole.len() + 1).unwrap();
    let both = [&whole[..], &fragments].concat();
    assert_eq!(loss(&file(&both)), Some(Note::LostFragment { packet }));
    // SPDM on another interface is SPDM.
    let mctp = (1, vec![1, 9, 8, 0xC0, 5, 0x10, 0x84, 0, 0]);
    let fragment = (0, ethernet(&fragments[0]));
    let beside = pcapng(&[1, 291], &[mctp, fragment]);
    assert_eq!(loss(&beside), Some(Note::LostFragment { packet: 2 }));
}

/// A block that states a shorter original length than it has bytes hides none of them.
#[test]
fn an_original_length_below_the_captured_one() {
    let packets: Vec<_> = stream(1111).packets.iter().map(|packet| (0, ethernet(packet))).collect();
    let mut file = pcapng(&[1], &packets);
    let whole = Capture::read(&file).unwrap();
    let mut at = 0;
    while let Some(head) = file.get(at..at + 8) {
        let kind = u32::from_le_bytes(head[..4].try_into().unwrap());
        let len = u32::from_le_bytes(head[4..].try_into().unwrap());
        if kind == 6 {
            file[at + 24..at + 28].fill(0);
        }
        at += usize::try_from(len).unwrap();
    }
    assert_eq!(whole.messages.len(), 4);
    assert_eq!(Capture::read(&file).unwrap(), whole);
}

/// A server of SPDM says nothing else.
#[test]
fn other_bytes_at_a_server_of_spdm() {
    let mut silent = Stream::v4(2222, Framing::Dsp0287);
    silent.close();
    let packets = [stream(1111).packets, silent.packets].concat();
    assert_eq!(loss(&file(&packets)), None);
    let mut web = Stream::v4(2222, Framing::Dsp0287);
    web.talk(&[b"GET / HTTP/1.1"], 3);
    web.packets.remove(3);
    let mut shifted = web.clone();
    shifted.packets.drain(..3);
    for other in [web, shifted] {
        for packets in [
            [stream(1111).packets, other.packets.clone()].concat(),
            [other.packets, stream(1111).packets].concat(),
        ] {
            assert!(loss(&file(&packets)).is_some());
        }
    }
    let mut get = Stream::v4(2222, Framing::Dsp0287);
    get.send(0, ACK, b"GET / HTTP/1.1\r\n\r\n");
    let packets = [get.packets, stream(1111).packets].concat();
    assert!(matches!(loss(&file(&packets)), Some(Note::LostFraming { .. })));
}

/// A version that is not known does not make another protocol of it.
#[test]
fn a_first_message_of_an_unknown_version() {
    let mut odd = Stream::v4(1111, Framing::Dsp0287);
    odd.talk(&[&[0x15, 0x84, 0, 0]], 100);
    let capture = Capture::read(&odd.file()).unwrap();
    assert_eq!((capture.messages.len(), &capture.notes[..]), (1, &[][..]));
}

/// The rest of an MCTP message between others, one of whom speaks SPDM.
#[test]
fn an_mctp_message_without_its_beginning() {
    let whole = vec![1, 9, 8, 0xC0, 5, 0x10, 0x84, 0, 0];
    let rest = |destination: u8, source: u8| vec![1, destination, source, 0x50, 1, 2, 3];
    let file = |packets: &[Vec<u8>]| pcap(291, packets.to_vec());
    let packet = 2;
    assert_eq!(loss(&file(&[whole.clone(), rest(10, 8)])), Some(Note::LostPacket { packet }));
    let others = Capture::read(&file(&[whole, rest(11, 10)])).unwrap();
    assert_eq!(others.notes, [Note::Headless]);
    assert_eq!(loss(&file(&[rest(11, 10)])), Some(Note::LostPacket { packet: 1 }));
}

/// What may be a packet in a block that is not known is counted.
#[test]
fn blocks_that_are_not_known() {
    let packets: Vec<_> = stream(1111).packets.iter().map(|packet| (0, ethernet(packet))).collect();
    let mut file = pcapng(&[1], &packets);
    for kind in [0xBAD_u32, 0x8000_0BAD] {
        let len = 16_u32.to_le_bytes();
        file.extend([&kind.to_le_bytes()[..], &len, &[0; 4], &len].concat());
    }
    let notes = [0xBAD, 0x8000_0BAD].map(|kind| Note::UnknownBlock { kind });
    assert_eq!(Capture::read(&file).unwrap().notes, notes);
}

/// zstd passes over frames that are called skippable, with whatever they hold.
#[test]
fn a_skippable_frame_with_content() {
    // An empty frame of zstd.
    let empty = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0];
    let skippable = |content: &[u8]| {
        let len = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&empty[..], &[0x50, 0x2A, 0x4D, 0x18], &len, content].concat()
    };
    let read = |file: Vec<u8>| {
        let mut content = Vec::new();
        Unpacked::new(&file[..]).unwrap().read_to_end(&mut content)
    };
    assert_eq!(read(skippable(&[])).unwrap(), 0);
    let error = read(skippable(b"content")).unwrap_err().to_string();
    assert!(error.contains("a skippable frame in it has content"), "{error}");
}

/// A connection that does not end may not take all of the memory.
#[test]
fn a_connection_without_an_end() {
    let message = vec![0x12; 4 << 20];
    let file = pcap(147, [GET_VERSION.to_vec()]);
    let len = u32::try_from(message.len()).unwrap().to_le_bytes();
    let packet = [&[0; 8][..], &len, &len, &[0x12, 0xE0, 0, 1], &message[4..]].concat();
    let rest = Repeated { packet: &packet, at: 0 };
    let source = Cursor::new(file).chain(rest.take(65 * u64::try_from(packet.len()).unwrap()));
    let mut portions = EvidenceReader::new(source, &ReadOptions::default()).unwrap();
    let error = portions.find_map(Result::err);
    assert_eq!(error, Some(Error::OpenConnections { most: 256 << 20 }));
}

/// The same packet again and again.
struct Repeated<'p> {
    packet: &'p [u8],
    at: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = (&self.packet[self.at..]).read(buffer)?;
        self.at = (self.at + len) % self.packet.len();
        Ok(len)
    }
}
