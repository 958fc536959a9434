//! Compressed files, several interfaces, and files that are longer than memory should be.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use spdm_evidence::{
    Capture, CaptureReader, Error, Evidence, EvidenceReader, Note, Peers, ReadOptions, Unpacked,
};
use spdm_transport_tcp::Framing;

use crate::tcp_packets::{Stream, ethernet, pcap, pcapng};

const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12];

fn read(file: &[u8]) -> Result<Evidence, Error> {
    Evidence::read(file, &ReadOptions::default())
}

/// A message in an MCTP packet.
fn mctp(destination: u8, source: u8, flags: u8, message: &[u8]) -> Vec<u8> {
    [&[1, destination, source, flags, 5], message].concat()
}

fn capture() -> Vec<u8> {
    pcap(291, [mctp(8, 9, 0xC8, GET_VERSION), mctp(9, 8, 0xC0, VERSION)])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn compressed_files_are_what_is_inside() {
    let file = capture();
    let plain = read(&file).unwrap();
    assert_eq!(plain.recordings[0].exchanges.len(), 1);
    let (first, second) = file.split_at(30);
    // With content it would be an error.
    let skippable = [0x5F, 0x2A, 0x4D, 0x18, 0, 0, 0, 0];
    for packed in [
        gzip(&file),
        zstd(&file),
        [gzip(first), gzip(second)].concat(),
        [zstd(first), zstd(second)].concat(),
        [&zstd(first)[..], &skippable, &zstd(second)].concat(),
    ] {
        assert_eq!(read(&packed), Ok(plain.clone()));
        assert!(Capture::read(&packed).is_ok());
    }
}

/// Evidence of other formats may be compressed, too.
#[test]
fn compressed_evidence_that_is_no_capture() {
    let json = read(&capture()).unwrap().to_json().unwrap();
    let plain = read(json.as_bytes()).unwrap();
    assert_eq!(
        (read(&gzip(json.as_bytes())), read(&zstd(json.as_bytes()))),
        (Ok(plain.clone()), Ok(plain))
    );
}

/// Wherever a compressed file ends, it is damaged: a part of it is never taken for the whole.
#[test]
fn a_compressed_file_that_ends_early_is_an_error() {
    let file = capture();
    for packed in [gzip(&file), zstd(&file)] {
        for len in 5..packed.len() {
            let mut out = Vec::new();
            let read =
                Unpacked::new(&packed[..len]).and_then(|mut file| file.read_to_end(&mut out));
            assert!(read.is_err(), "{len} of {}", packed.len());
            assert!(Evidence::read(&packed[..len], &ReadOptions::default()).is_err());
        }
        let mut damaged = packed.clone();
        let at = damaged.len() / 2;
        damaged[at] ^= 0x10;
        assert!(read(&damaged).is_err());
    }
    let message = read(&gzip(&file)[..60]).unwrap_err().to_string();
    assert_eq!(message, "the gzip data is damaged: it ends too early");
}

/// The header says how much memory is needed.
#[test]
fn a_window_that_is_too_large_is_refused() {
    let header = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8, 0, 0, 0];
    let error = read(&header).unwrap_err();
    assert!(matches!(error, Error::Unreadable(_)), "{error}");
}

#[test]
fn interfaces_of_several_link_types() {
    let mut stream = Stream::v4(1111, Framing::Dsp0287);
    stream.talk(&[GET_VERSION, VERSION], 1000);
    let mut packets = vec![(0, mctp(8, 9, 0xC8, GET_VERSION)), (1, vec![1, 2, 3])];
    packets.extend(stream.packets.iter().map(|packet| (2, ethernet(packet))));
    packets.push((0, mctp(9, 8, 0xC0, VERSION)));
    let file = pcapng(&[291, 127, 1], &packets);
    let evidence = read(&file).unwrap();
    assert_eq!(evidence.recordings.len(), 2);
    assert!(evidence.recordings.iter().all(|recording| recording.exchanges.len() == 1));
    let [counted] = &evidence.notes[..] else { unreachable!("{:?}", evidence.notes) };
    assert_eq!(counted.note, Note::OtherLink { link: 127 });
    assert_eq!(
        counted.to_string(),
        "a packet of link type 127, which carries no SPDM, was left out"
    );
    // Only the others.
    let others = pcapng(&[127], &[(0, vec![1, 2, 3])]);
    assert_eq!(read(&others).unwrap_err(), Error::LinkType(127));
    let unknown = pcapng(&[1], &[(1, vec![1, 2, 3])]);
    assert_eq!(read(&unknown).unwrap_err(), Error::Capture("a packet of an unknown interface"));
}

/// Endpoints that are asked side by side have each their own connection; the null endpoint answers under its own ID.
#[test]
fn mctp_endpoints_side_by_side() {
    let digests: &[u8] = &[0x12, 0x81, 0, 0];
    let packets = [
        mctp(9, 8, 0xC8, GET_VERSION),
        mctp(10, 8, 0xC9, GET_VERSION),
        mctp(8, 10, 0xC1, VERSION),
        mctp(8, 9, 0xC0, VERSION),
        mctp(9, 8, 0xC8, digests),
    ];
    let evidence = read(&pcap(291, packets.clone())).unwrap();
    let exchanges: Vec<_> = evidence.recordings.iter().map(|one| one.exchanges.len()).collect();
    assert_eq!(exchanges, [2, 1]);
    let capture = Capture::read(&pcap(291, packets)).unwrap();
    let peers = |at: usize| capture.messages[at].channel.peers;
    assert_eq!(peers(0), Peers::Mctp { interface: 0, endpoints: [8, 9] });
    assert_eq!((peers(0), peers(1)), (peers(3), peers(2)));

    let null =
        [mctp(0, 8, 0xC8, GET_VERSION), mctp(8, 9, 0xC0, VERSION), mctp(9, 8, 0xC8, digests)];
    let evidence = read(&pcap(291, null)).unwrap();
    assert_eq!((evidence.recordings.len(), evidence.recordings[0].exchanges.len()), (1, 2));
}

#[test]
fn mctp_in_linux_cooked_packets_of_both_versions() {
    let (request, response) = (mctp(9, 8, 0xC8, GET_VERSION), mctp(8, 9, 0xC0, VERSION));
    let cooked = |packet: &[u8]| [&[0; 14][..], &[0x00, 0xFA], packet].concat();
    let cooked2 = |packet: &[u8]| [&[0x00, 0xFA][..], &[0; 18], packet].concat();
    for file in [
        pcap(113, [cooked(&request), cooked(&response)]),
        pcap(276, [cooked2(&request), cooked2(&response)]),
    ] {
        let evidence = read(&file).unwrap();
        assert_eq!(evidence.recordings[0].exchanges[0].response.as_deref(), Some(VERSION));
    }
}

/// A connection whose last message lacks a packet is not judged when the next one begins.
#[test]
fn a_message_that_the_next_connection_cuts_off() {
    let first =
        [mctp(9, 8, 0xC8, GET_VERSION), mctp(8, 9, 0xC0, VERSION), mctp(8, 9, 0x81, &[0x12])];
    let next = [mctp(9, 8, 0xCA, GET_VERSION), mctp(8, 9, 0xC2, VERSION)];
    let file = pcap(291, first.into_iter().chain(next));
    assert_eq!(read(&file).unwrap_err(), Error::Incomplete(Note::LostPacket { packet: 4 }));
}

/// A file that repeats a part of itself without holding it.
struct Repeated {
    head: io::Cursor<Vec<u8>>,
    part: Vec<u8>,
    at: usize,
    left: usize,
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.head.read(buffer)? {
            0 if self.at == self.part.len() && self.left > 0 => {
                (self.at, self.left) = (0, self.left - 1);
                self.read(buffer)
            }
            0 => {
                let len = (&self.part[self.at..]).read(buffer)?;
                self.at += len;
                Ok(len)
            }
            len => Ok(len),
        }
    }
}

/// 128 MiB in connections of 128 KiB come in portions of little more than 1 MiB, and nothing stays behind.
#[test]
fn long_captures_come_in_portions() {
    let connection = [mctp(9, 8, 0xC8, GET_VERSION), mctp(8, 9, 0xC0, VERSION)].into_iter();
    let record = vec![[&[0x12][..], &[0x81; 32_700]].concat(); 4];
    let packets = connection.chain(record.iter().map(|message| mctp(9, 8, 0xC8, message)));
    let mut head = pcap(291, packets);
    let part = head.split_off(24);
    let file = Repeated { head: io::Cursor::new(head), part, at: 0, left: 1023 };
    let (mut portions, mut connections) = (0, 0);
    for portion in EvidenceReader::new(file, &ReadOptions::default()).unwrap() {
        let portion = portion.unwrap();
        assert!(portion.recordings.len() <= 10, "{}", portion.recordings.len());
        portions += 1;
        connections += portion.recordings.len();
    }
    assert_eq!(connections, 1024);
    assert!(portions > 100, "{portions}");
}

/// A stated length is no reason to wait for so many bytes, or to hold them.
#[test]
fn a_packet_without_end() {
    let mut file = pcap(291, []);
    file.extend([&[0; 8][..], &[0xFF; 8]].concat());
    let endless = io::Cursor::new(file).chain(io::repeat(7));
    let error = CaptureReader::new(endless).unwrap().find_map(Result::err).unwrap();
    assert_eq!(error, Error::Capture("a packet or block is longer than 16 MiB"));
}
