//! Captures that are written and read again.

use core::time::Duration;
use std::io::{self, ErrorKind, Write};
use std::time::UNIX_EPOCH;

use crate::pcap::{FILE_HEADER_LEN, FORMS, PACKET_HEADER_LEN, at, packets};
use spdm_evidence::{
    Capture, CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter, Layer, Note,
};

const BINDINGS: [CaptureBinding; 4] =
    [CaptureBinding::Bare, CaptureBinding::Mctp, CaptureBinding::PciDoe, CaptureBinding::Dsp0287];
const GET_VERSION: [u8; 4] = [0x10, 0x84, 0, 0];
const VERSION: [u8; 10] = [0x10, 0x04, 0, 0, 0, 2, 0, 0x11, 0, 0x12];
const RECORD: [u8; 5] = [1, 2, 3, 4, 5];

type Message<'m> = (CaptureDirection, Layer, &'m [u8]);

fn write(form: CaptureForm, binding: CaptureBinding, messages: &[Message<'_>]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), form, binding).unwrap();
    for (direction, layer, message) in messages {
        writer.write(at(1_700_000_000_123_456), *direction, *layer, message).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_written_can_be_read() {
    for form in FORMS {
        for binding in BINDINGS {
            let mut messages = vec![
                (CaptureDirection::Sent, Layer::Plain, &GET_VERSION[..]),
                (CaptureDirection::Received, Layer::Plain, &VERSION[..]),
            ];
            if binding != CaptureBinding::Bare {
                messages.push((CaptureDirection::Sent, Layer::Secured, &RECORD[..]));
                messages.push((CaptureDirection::Received, Layer::Secured, &RECORD[..]));
            }
            let capture = Capture::read(&write(form, binding, &messages)).unwrap();
            assert_eq!(capture.notes, [], "{form:?} {binding:?}");
            assert_eq!(capture.messages.len(), messages.len());
            let dword = if binding == CaptureBinding::PciDoe { 4 } else { 1 };
            assert!(capture.messages.iter().all(|message| message.padding == dword - 1));
            for (read, (_, layer, message)) in capture.messages.iter().zip(messages) {
                let mut padded = message.to_vec();
                padded.resize(message.len().next_multiple_of(dword), 0);
                assert_eq!((read.layer, &read.bytes), (layer, &padded), "{form:?} {binding:?}");
            }
        }
    }
}

/// They begin with four reserved bytes, as no message and no data object does.
#[test]
fn secured_messages_of_drives_are_told_apart_without_a_header() {
    let record = [0, 0, 0, 0, 1, 2, 3, 4, 5];
    for form in FORMS {
        let messages = [
            (CaptureDirection::Sent, Layer::Plain, &GET_VERSION[..]),
            (CaptureDirection::Sent, Layer::Secured, &record),
        ];
        let file = write(form, CaptureBinding::Bare, &messages);
        assert_eq!(packets(&file), (147, vec![&GET_VERSION[..], &record]), "{form:?}");
        let capture = Capture::read(&file).unwrap();
        assert_eq!(capture.notes, []);
        let read = capture.messages.iter().map(|message| (message.layer, &message.bytes[..]));
        assert!(read.eq(messages.map(|(_, layer, message)| (layer, message))), "{form:?}");
    }
}

#[test]
fn every_length_survives() {
    for form in FORMS {
        for binding in BINDINGS {
            for len in (1..80).chain([255, 256, 4096, 65_533]) {
                let message = vec![0x10; len];
                let file =
                    write(form, binding, &[(CaptureDirection::Received, Layer::Plain, &message)]);
                let capture = Capture::read(&file).unwrap();
                let [read] = &capture.messages[..] else { unreachable!("{capture:?}") };
                let (start, padding) = read.bytes.split_at(len);
                assert_eq!(start, message, "{form:?} {binding:?}");
                assert!(padding.len() <= read.padding && padding.iter().all(|byte| *byte == 0));
            }
        }
    }
}

#[test]
fn layouts() {
    let request = [(CaptureDirection::Sent, Layer::Plain, &GET_VERSION[..])];
    let response = [(CaptureDirection::Received, Layer::Secured, &RECORD[..])];
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
        &[(CaptureDirection::Sent, Layer::Plain, &GET_VERSION)],
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
    writer.write(early, CaptureDirection::Sent, Layer::Plain, &GET_VERSION).unwrap();
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
            writer.write(time, CaptureDirection::Sent, Layer::Plain, &GET_VERSION).unwrap();
            let message = vec![0x10; len];
            let error =
                writer.write(time, CaptureDirection::Received, layer, &message).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{binding:?}");
            assert!(error.to_string().contains(why), "{binding:?}: {error}");
            writer.write(time, CaptureDirection::Received, Layer::Plain, &VERSION).unwrap();
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
    let error =
        writer.write(at(0), CaptureDirection::Sent, Layer::Plain, &GET_VERSION).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}
