//! Captures that are written and read again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what they expect with a panic"
)]

use core::time::Duration;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use spdm_evidence::{Capture, CaptureBinding, CaptureForm, CaptureWriter, Direction, Layer, Note};

const FORMS: [CaptureForm; 2] = [CaptureForm::Wireshark, CaptureForm::Dmtf];
const BINDINGS: [CaptureBinding; 4] =
    [CaptureBinding::Bare, CaptureBinding::Mctp, CaptureBinding::PciDoe, CaptureBinding::Dsp0287];
const GET_VERSION: [u8; 4] = [0x10, 0x84, 0, 0];
const VERSION: [u8; 10] = [0x10, 0x04, 0, 0, 0, 2, 0, 0x11, 0, 0x12];
const RECORD: [u8; 5] = [1, 2, 3, 4, 5];

const FILE_HEADER_LEN: usize = 24;
const PACKET_HEADER_LEN: usize = 16;

type Message<'m> = (Direction, Layer, &'m [u8]);

fn at(microseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(microseconds)
}

fn write(form: CaptureForm, binding: CaptureBinding, messages: &[Message<'_>]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), form, binding).unwrap();
    for (direction, layer, message) in messages {
        writer.write(at(1_700_000_000_123_456), *direction, *layer, message).unwrap();
    }
    writer.finish().unwrap()
}

/// Link type, and the packets of a little-endian pcap file.
fn packets(file: &[u8]) -> (u32, Vec<&[u8]>) {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut packets = Vec::new();
    let mut at = FILE_HEADER_LEN;
    while at < file.len() {
        let len = usize::try_from(number(at + 8)).unwrap();
        let start = at + PACKET_HEADER_LEN;
        // The corpus has files that end inside a packet.
        let Some(packet) = file.get(start..start + len) else { break };
        packets.push(packet);
        at = start + len;
    }
    (number(20), packets)
}

#[test]
fn what_is_written_can_be_read() {
    for form in FORMS {
        for binding in BINDINGS {
            let mut messages = vec![
                (Direction::Sent, Layer::Plain, &GET_VERSION[..]),
                (Direction::Received, Layer::Plain, &VERSION[..]),
            ];
            if binding != CaptureBinding::Bare {
                messages.push((Direction::Sent, Layer::Secured, &RECORD[..]));
                messages.push((Direction::Received, Layer::Secured, &RECORD[..]));
            }
            let capture = Capture::read(&write(form, binding, &messages)).unwrap();
            assert_eq!(capture.notes, [], "{form:?} {binding:?}");
            assert_eq!(capture.messages.len(), messages.len());
            let dword = if binding == CaptureBinding::PciDoe { 4 } else { 1 };
            assert_eq!(capture.padding, dword - 1);
            for (read, (_, layer, message)) in capture.messages.iter().zip(messages) {
                let mut padded = message.to_vec();
                padded.resize(message.len().next_multiple_of(dword), 0);
                assert_eq!((read.layer, &read.bytes), (layer, &padded), "{form:?} {binding:?}");
            }
        }
    }
}

#[test]
fn every_length_survives() {
    for form in FORMS {
        for binding in BINDINGS {
            for len in (1..80).chain([255, 256, 4096, 65_533]) {
                let message = vec![0x10; len];
                let file = write(form, binding, &[(Direction::Received, Layer::Plain, &message)]);
                let capture = Capture::read(&file).unwrap();
                let [read] = &capture.messages[..] else { unreachable!("{capture:?}") };
                let (start, padding) = read.bytes.split_at(len);
                assert_eq!(start, message, "{form:?} {binding:?}");
                assert!(padding.len() <= capture.padding && padding.iter().all(|byte| *byte == 0));
            }
        }
    }
}

#[test]
fn layouts() {
    let request = [(Direction::Sent, Layer::Plain, &GET_VERSION[..])];
    let response = [(Direction::Received, Layer::Secured, &RECORD[..])];
    let sll = |direction: u8, flags: u8, message_type: u8| {
        let mut header = vec![0, direction, 0x01, 0x22];
        header.extend([0; 10]);
        header.extend([0x00, 0xFA, 0x01, 0x00, 0x00, flags, message_type]);
        header
    };
    let doe_request = [0x01, 0, 0x01, 0, 0x03, 0, 0, 0, 0x10, 0x84, 0, 0].to_vec();
    let doe_response = [0x01, 0, 0x02, 0, 0x04, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0].to_vec();
    let tcp_request = [0x06, 0, 0x01, 0x05, 0x10, 0x84, 0, 0].to_vec();
    let tcp_response = [0x07, 0, 0x01, 0x06, 1, 2, 3, 4, 5].to_vec();
    for (form, binding, link, sent, received) in [
        (
            CaptureForm::Wireshark,
            CaptureBinding::Mctp,
            113,
            [sll(4, 0xC8, 0x05), GET_VERSION.to_vec()].concat(),
            [sll(0, 0xC0, 0x06), RECORD.to_vec()].concat(),
        ),
        (
            CaptureForm::Dmtf,
            CaptureBinding::Mctp,
            291,
            [0, 0, 0, 0xC0, 0x05, 0x10, 0x84, 0, 0].to_vec(),
            [0, 0, 0, 0xC0, 0x06, 1, 2, 3, 4, 5].to_vec(),
        ),
        (
            CaptureForm::Wireshark,
            CaptureBinding::PciDoe,
            147,
            doe_request.clone(),
            doe_response.clone(),
        ),
        (CaptureForm::Dmtf, CaptureBinding::PciDoe, 292, doe_request, doe_response),
        (
            CaptureForm::Wireshark,
            CaptureBinding::Dsp0287,
            148,
            tcp_request.clone(),
            tcp_response.clone(),
        ),
        (CaptureForm::Dmtf, CaptureBinding::Dsp0287, 148, tcp_request, tcp_response),
    ] {
        let file = write(form, binding, &[request, response].concat());
        assert_eq!(packets(&file), (link, vec![&sent[..], &received]), "{form:?} {binding:?}");
    }
    for form in FORMS {
        let file = write(form, CaptureBinding::Bare, &request);
        assert_eq!(packets(&file), (147, vec![&GET_VERSION[..]]), "{form:?}");
    }
}

#[test]
fn headers_are_those_of_pcap_2_4_with_microseconds() {
    let file = write(
        CaptureForm::Dmtf,
        CaptureBinding::Bare,
        &[(Direction::Sent, Layer::Plain, &GET_VERSION)],
    );
    let mut expected = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    expected.extend([0, 0, 4, 0, 147, 0, 0, 0]);
    expected.extend(1_700_000_000_u32.to_le_bytes());
    expected.extend(123_456_u32.to_le_bytes());
    expected.extend([4, 0, 0, 0, 4, 0, 0, 0]);
    expected.extend(GET_VERSION);
    assert_eq!(file, expected);
}

#[test]
fn a_clock_before_1970_is_1970() {
    let mut writer =
        CaptureWriter::new(Vec::new(), CaptureForm::Dmtf, CaptureBinding::Bare).unwrap();
    let early = UNIX_EPOCH - Duration::from_secs(1);
    writer.write(early, Direction::Sent, Layer::Plain, &GET_VERSION).unwrap();
    assert_eq!(writer.finish().unwrap()[FILE_HEADER_LEN..][..8], [0; 8]);
}

#[test]
fn what_a_packet_cannot_hold_is_refused_and_the_file_stays_whole() {
    for (binding, layer, len, why) in [
        (CaptureBinding::Bare, Layer::Secured, 8, "a bare secured message cannot be told"),
        (CaptureBinding::Dsp0287, Layer::Plain, 65_534, "too long for DSP0287"),
        (CaptureBinding::Bare, Layer::Plain, 0x4_0001, "too long for a capture"),
        (CaptureBinding::PciDoe, Layer::Plain, 0x4_0000, "too long for a capture"),
        (CaptureBinding::Mctp, Layer::Secured, 0x4_0000, "too long for a capture"),
    ] {
        for form in FORMS {
            let mut writer = CaptureWriter::new(Vec::new(), form, binding).unwrap();
            let time = at(0);
            writer.write(time, Direction::Sent, Layer::Plain, &GET_VERSION).unwrap();
            let message = vec![0x10; len];
            let error = writer.write(time, Direction::Received, layer, &message).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{binding:?}");
            assert!(error.to_string().contains(why), "{binding:?}: {error}");
            writer.write(time, Direction::Received, Layer::Plain, &VERSION).unwrap();
            let capture = Capture::read(&writer.finish().unwrap()).unwrap();
            assert_eq!((capture.messages.len(), capture.notes), (2, Vec::<Note>::new()));
        }
    }
}

/// Takes this many bytes, then the disk is full.
#[derive(Debug)]
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told() {
    let new = |room| CaptureWriter::new(Disk(room), CaptureForm::Dmtf, CaptureBinding::Bare);
    assert_eq!(new(FILE_HEADER_LEN - 1).unwrap_err().kind(), ErrorKind::StorageFull);
    let mut writer = new(FILE_HEADER_LEN + PACKET_HEADER_LEN).unwrap();
    let error = writer.write(at(0), Direction::Sent, Layer::Plain, &GET_VERSION).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

/// The captures of the corpus, or none with a message where it is not at hand.
fn corpus() -> Vec<PathBuf> {
    let required = std::env::var("SPDM_CORPUS_REQUIRED").is_ok_and(|value| value == "1");
    let Some(folder) = std::env::var_os("SPDM_CORPUS").filter(|folder| !folder.is_empty()) else {
        assert!(!required, "SPDM_CORPUS is required, but not set");
        println!("skipped: SPDM_CORPUS is not set");
        return Vec::new();
    };
    let entries = std::fs::read_dir(PathBuf::from(folder).join("captures")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    assert!(!files.is_empty());
    files
}

#[test]
fn captures_of_the_dmtf_tools_are_written_as_they_are() {
    for path in corpus() {
        let file = std::fs::read(&path).unwrap();
        let (link, original) = packets(&file);
        let binding = match link {
            147 => CaptureBinding::Bare,
            148 => CaptureBinding::Dsp0287,
            291 => CaptureBinding::Mctp,
            292 => CaptureBinding::PciDoe,
            other => unreachable!("link type {other}"),
        };
        let capture = Capture::read(&file).unwrap();
        for form in FORMS {
            let mut writer = CaptureWriter::new(Vec::new(), form, binding).unwrap();
            for message in &capture.messages {
                let sent = message.bytes.get(1).is_some_and(|code| code & 0x80 != 0);
                let direction = if sent { Direction::Sent } else { Direction::Received };
                writer.write(at(0), direction, message.layer, &message.bytes).unwrap();
            }
            let again = writer.finish().unwrap();
            let read = Capture::read(&again).unwrap();
            assert_eq!(read.messages, capture.messages, "{}", path.display());
            if form == CaptureForm::Dmtf {
                let discovery = |packet: &&&[u8]| link != 292 || packet.get(2) != Some(&0);
                let original: Vec<_> = original.iter().filter(discovery).copied().collect();
                assert_eq!(packets(&again), (link, original), "{}", path.display());
            }
        }
    }
}
