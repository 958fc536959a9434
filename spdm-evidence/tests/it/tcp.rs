//! Messages in TCP connections. Nothing is put together across something that is missing.

use spdm_evidence::{Capture, Error, Evidence, Layer, Note, Peers, ReadOptions};
use spdm_transport::MessageKind;
use spdm_transport_tcp::{Binding, Framing};

use crate::tcp_packets::{ACK, RESET, SYN, Stream, ethernet, ethertype, file, pcap, pcapng};

const FRAMINGS: [Framing; 5] = [
    Framing::Dsp0287,
    Framing::DmtfEmu(Binding::None),
    Framing::DmtfEmu(Binding::Mctp),
    Framing::DmtfEmu(Binding::Doe),
    Framing::DmtfEmu(Binding::Tcp),
];
const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
const GET_DIGESTS: &[u8] = &[0x12, 0x81, 0, 0];
const MESSAGES: [&[u8]; 6] =
    [GET_VERSION, VERSION, GET_DIGESTS, &[0x12; 600], GET_DIGESTS, &[0x12; 304]];

fn stream(framing: Framing, segment: usize) -> Stream {
    let mut stream = Stream::v4(1111, framing);
    stream.talk(&MESSAGES, segment);
    stream.close();
    stream
}

fn messages(file: &[u8]) -> Vec<Vec<u8>> {
    let capture = Capture::read(file).unwrap();
    assert_eq!(capture.notes, []);
    capture.messages.into_iter().map(|message| message.bytes).collect()
}

fn loss(packets: &[Vec<u8>]) -> Option<Note> {
    match Evidence::read(&file(packets), &ReadOptions::default()) {
        Err(Error::Incomplete(note)) => Some(note),
        _ => None,
    }
}

#[test]
fn every_framing_in_segments_of_every_size() {
    for framing in FRAMINGS {
        for segment in [1, 3, 7, 64, 1460] {
            assert_eq!(messages(&stream(framing, segment).file()), MESSAGES, "{framing:?}");
        }
        let capture = Capture::read(&stream(framing, 100).file()).unwrap();
        let padding = if framing == Framing::DmtfEmu(Binding::Doe) { 3 } else { 0 };
        assert!(capture.messages.iter().all(|message| message.padding == padding));
    }
}

#[test]
fn every_link_type_and_both_versions_of_ip() {
    let framing = Framing::Dsp0287;
    let mut v6 = Stream::new(["[fe80::1]:1111", "[fe80::2]:4194"], framing);
    v6.talk(&MESSAGES, 100);
    for packets in [&stream(framing, 100).packets, &v6.packets] {
        let with = |link: u32, wrap: &dyn Fn(&[u8]) -> Vec<u8>| {
            let file = pcap(link, packets.iter().map(|packet| wrap(packet)));
            assert_eq!(messages(&file), MESSAGES, "link type {link}");
        };
        with(1, &|packet| ethernet(packet));
        // A tag of a virtual network, and what fills up a short frame.
        with(1, &|packet| {
            [&[0; 12][..], &[0x81, 0, 0, 7], &ethertype(packet), packet, &[0; 9]].concat()
        });
        for raw in [12, 14, 101] {
            with(raw, &<[u8]>::to_vec);
        }
        with(0, &|packet| [&[2, 0, 0, 0], packet].concat());
        with(108, &|packet| [&[0, 0, 0, 2], packet].concat());
        with(113, &|packet| [&[0; 14][..], &ethertype(packet), packet].concat());
        with(276, &|packet| [&ethertype(packet)[..], &[0; 18], packet].concat());
        assert_eq!(
            messages(&pcapng(&[1], &packets.iter().map(|p| (0, ethernet(p))).collect::<Vec<_>>())),
            MESSAGES
        );
    }
}

/// A capture may hold packets in another order than they were sent in, also those of two directions.
#[test]
fn segments_out_of_order() {
    for framing in FRAMINGS {
        let packets = stream(framing, 50).packets;
        for at in 0..packets.len() - 1 {
            let mut swapped = packets.clone();
            swapped.swap(at, at + 1);
            assert_eq!(messages(&file(&swapped)), MESSAGES, "{framing:?} {at}");
            let mut later = packets.clone();
            let moved = later.remove(at);
            later.insert((at + 5).min(later.len()), moved);
            assert_eq!(messages(&file(&later)), MESSAGES, "{framing:?} {at}");
        }
    }
}

#[test]
fn segments_that_come_again() {
    let packets = stream(Framing::Dsp0287, 50).packets;
    let twice: Vec<_> =
        packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
    assert_eq!(messages(&file(&twice)), MESSAGES);
    for at in 0..packets.len() {
        let mut again = packets.clone();
        again.push(packets[at].clone());
        assert_eq!(messages(&file(&again)), MESSAGES, "{at}");
    }
    // All of it in one segment, of which parts were there, and an empty byte that keeps the connection alive.
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    let frames =
        [stream.frame(MessageKind::Plain, GET_VERSION), stream.frame(MessageKind::Plain, VERSION)];
    stream.send(0, ACK, &frames[0][..3]);
    let first = u32::MAX - 99;
    stream.packets.push(stream.segment(0, ACK, first, 5001, &frames[0]));
    let next = first.wrapping_add(u32::try_from(frames[0].len()).unwrap());
    stream.packets.push(stream.segment(0, ACK, next.wrapping_sub(1), 5001, &[0xAA]));
    stream.packets.push(stream.segment(1, ACK, 5001, next, &frames[1]));
    assert_eq!(messages(&stream.file()), [GET_VERSION, VERSION]);
}

#[test]
fn other_bytes_in_the_same_place_are_an_error() {
    let stream = stream(Framing::Dsp0287, 50);
    for at in 3..stream.packets.len() - 3 {
        let mut other = stream.packets[at].clone();
        *other.last_mut().unwrap() ^= 1;
        // Behind the segment, and before it while it waits for the one before.
        let mut packets = stream.packets.clone();
        packets.insert(at + 1, other.clone());
        assert!(matches!(loss(&packets), Some(Note::ChangedBytes { .. })), "{at}");
        let mut packets = stream.packets.clone();
        packets.insert(at + 1, packets[at - 1].clone());
        packets[at - 1] = other;
        packets.push(stream.packets[at - 1].clone());
        assert!(loss(&packets).is_some(), "{at}");
    }
}

/// Whatever segment is missing, there is an error and no glue.
#[test]
fn a_missing_segment_is_an_error() {
    for framing in FRAMINGS {
        let whole = stream(framing, 50).packets;
        // Without the handshake, which no message needs, and without FIN.
        for at in 3..whole.len() - 3 {
            let mut packets = whole.clone();
            packets.remove(at);
            let note = loss(&packets);
            assert!(matches!(note, Some(Note::LostBytes { .. })), "{framing:?} {at}: {note:?}");
        }
    }
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&MESSAGES, 1000);
    stream.packets.remove(4);
    let error = Evidence::read(&stream.file(), &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the capture cannot be judged: a packet is missing, as packet 8 shows: bytes of TCP \
         10.0.0.1:1111 to 10.0.0.2:4194 are not there"
    );
}

/// Only what the other side acknowledged shows that the last message is missing.
#[test]
fn the_last_segment_before_an_acknowledgement() {
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&MESSAGES, 1000);
    stream.send(0, ACK, &[]);
    let whole = stream.packets.clone();
    assert_eq!(messages(&file(&whole)), MESSAGES);
    let mut packets = whole;
    packets.remove(packets.len() - 2);
    assert!(matches!(loss(&packets), Some(Note::LostBytes { .. })));
}

#[test]
fn the_beginning_of_a_packet_is_not_the_packet() {
    let stream = stream(Framing::Dsp0287, 1000);
    let cut = 6;
    let mut file = pcap(1, core::iter::empty());
    for (at, packet) in stream.packets.iter().enumerate() {
        let packet = ethernet(packet);
        let kept = if at == cut { 100 } else { packet.len() };
        let [kept_len, len] =
            [kept, packet.len()].map(|len| u32::try_from(len).unwrap().to_le_bytes());
        file.extend([&[0; 8][..], &kept_len, &len, &packet[..kept]].concat());
    }
    let error = Evidence::read(&file, &ReadOptions::default()).unwrap_err();
    let expected = Some(u64::try_from(cut + 1).unwrap());
    assert!(
        matches!(error, Error::Incomplete(Note::LostBytes { packet, .. }) if Some(packet) == expected)
    );
}

#[test]
fn what_no_frame_begins_with() {
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&MESSAGES[..2], 1000);
    stream.send(0, ACK, &[0xFF; 20]);
    assert!(matches!(loss(&stream.packets), Some(Note::LostFraming { packet: 6, .. })));
}

#[test]
fn a_message_that_does_not_end_is_a_cut_one() {
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&MESSAGES[..3], 1000);
    let frame = stream.frame(MessageKind::Plain, MESSAGES[3]);
    stream.send(1, ACK, &frame[..200]);
    let capture = Capture::read(&stream.file()).unwrap();
    assert!(
        matches!(capture.notes[..], [Note::LostBytes { packet: 7, .. }]),
        "{:?}",
        capture.notes
    );
    assert_eq!(capture.messages.len(), 3);
}

/// Connections side by side are told apart, also where their packets alternate.
#[test]
fn several_connections_at_once() {
    let streams: Vec<Stream> = (0..4)
        .map(|number| {
            let mut stream = Stream::v4(2000 + number, FRAMINGS[usize::from(number) % 5]);
            stream
                .talk(&[GET_VERSION, VERSION, &[0x12, 0x81, 0, u8::try_from(number).unwrap()]], 5);
            stream.close();
            stream
        })
        .collect();
    let longest = streams.iter().map(|stream| stream.packets.len()).max().unwrap();
    let mixed: Vec<_> = (0..longest)
        .flat_map(|at| streams.iter().filter_map(move |stream| stream.packets.get(at).cloned()))
        .collect();
    let capture = Capture::read(&file(&mixed)).unwrap();
    assert_eq!((capture.messages.len(), capture.notes.len()), (12, 0));
    for message in &capture.messages {
        let Peers::Tcp { ends: [client, _] } = message.channel.peers else { panic!() };
        if message.bytes.get(1) == Some(&0x81) {
            assert_eq!(u16::from(message.bytes[3]), client.port() - 2000);
        }
    }
    let evidence = Evidence::read(&file(&mixed), &ReadOptions::default()).unwrap();
    assert_eq!(evidence.recordings.len(), 4);
    assert!(evidence.recordings.iter().all(|recording| recording.exchanges.len() == 2));
    // The same ports once more.
    let again = [&streams[0].packets[..], &{
        let mut again = streams[0].clone();
        again.packets.clear();
        let (syn, rest) = ([SYN, SYN | ACK], [GET_VERSION, VERSION]);
        again.send(0, syn[0], &[]);
        again.send(1, syn[1], &[]);
        again.talk(&rest, 1000);
        again.packets
    }]
    .concat();
    let evidence = Evidence::read(&file(&again), &ReadOptions::default()).unwrap();
    assert_eq!(evidence.recordings.len(), 2);
}

/// More connections than are followed: those that are closed cost nothing, and one that goes on after it was given up
/// is an error.
#[test]
fn more_connections_than_are_followed() {
    let open: Vec<Stream> = (0..600)
        .map(|number| {
            let mut stream = Stream::v4(2000 + number, Framing::Dsp0287);
            stream.talk(&[GET_VERSION, VERSION], 1000);
            stream
        })
        .collect();
    let mut packets: Vec<_> = open.iter().flat_map(|stream| stream.packets.clone()).collect();
    let evidence = Evidence::read(&file(&packets), &ReadOptions::default()).unwrap();
    assert_eq!(evidence.recordings.len(), 600);
    let mut first = open[0].clone();
    first.packets.clear();
    first.talk(&[GET_DIGESTS], 1000);
    packets.extend(first.packets);
    assert!(matches!(loss(&packets), Some(Note::LostBytes { .. })));
}

#[test]
fn other_protocols_are_counted_and_left_out() {
    let mut web = Stream::new(["10.0.0.1:1111", "10.0.0.3:80"], Framing::Dsp0287);
    web.send(0, ACK, b"GET / HTTP/1.1\r\n\r\n");
    web.send(1, ACK, b"HTTP/1.1 200 OK\r\n\r\n");
    // A hole in it does not matter.
    web.send(1, ACK, b"hello");
    web.packets.remove(4);
    let mut packets = web.packets;
    let others = packets.len() + 1;
    packets.push(vec![0; 30]);
    packets.extend(stream(Framing::Dsp0287, 100).packets);
    let evidence = Evidence::read(&file(&packets), &ReadOptions::default()).unwrap();
    let [counted] = &evidence.notes[..] else { panic!("{:?}", evidence.notes) };
    assert_eq!((counted.note, counted.count), (Note::OtherPacket, others));
}

/// The capture begins while a message is under way: what is whole behind it is read.
#[test]
fn a_connection_whose_beginning_was_not_captured() {
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&MESSAGES[..4], 100);
    stream.packets.drain(..stream.packets.len() - 3);
    let again = [GET_VERSION, VERSION, GET_DIGESTS];
    stream.talk(&again, 1000);
    let capture = Capture::read(&stream.file()).unwrap();
    let read: Vec<_> = capture.messages.iter().map(|message| &message.bytes[..]).collect();
    assert_eq!((read, capture.notes), (again.to_vec(), vec![]));
    // From a whole message on, which is the negotiation of nothing.
    let mut late = Stream::v4(1111, Framing::Dsp0287);
    late.talk(&[GET_DIGESTS, MESSAGES[3]], 1000);
    let error = Evidence::read(&file(&late.packets[3..]), &ReadOptions::default()).unwrap_err();
    assert_eq!(error, Error::BeginsLate);
    let mut early = late.packets[3..].to_vec();
    early.swap(0, 1);
    // What comes too late even for that is not put behind what it came before.
    assert!(matches!(loss(&early), Some(Note::LostBytes { .. })));
}

#[test]
fn records_of_sessions_are_told_apart() {
    let mut stream = Stream::v4(1111, Framing::DmtfEmu(Binding::Doe));
    stream.talk(&MESSAGES[..2], 1000);
    let record = stream.frame(MessageKind::Secured, &[7; 40]);
    stream.send(0, ACK, &record);
    stream.send(0, RESET | ACK, &[]);
    let capture = Capture::read(&stream.file()).unwrap();
    let layers: Vec<_> = capture.messages.iter().map(|message| message.layer).collect();
    assert_eq!(layers, [Layer::Plain, Layer::Plain, Layer::Secured]);
}
