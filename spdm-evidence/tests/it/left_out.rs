//! What a reader leaves out: what could hide a failing signature is an error or not verified, and the rest is noted.

use spdm_codec::{BaseAsymAlgo, Code, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_evidence::{
    Capture, Error, Evidence, Note, Proof, ReadOptions, Report, ReportErrorKind, Signatures,
    Verifier,
};
use spdm_x509::{Anchor, ValidityCheck};

use crate::requests::attestation;

const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);
/// USER0: data objects and bare messages.
const USER0: u32 = 147;
/// DSP0287 without TCP.
const USER1: u32 = 148;

/// A capture of these packets.
fn pcap<P: AsRef<[u8]>>(link: u32, packets: &[P]) -> Vec<u8> {
    let magic = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    let mut file = [&magic[..], &link.to_le_bytes()].concat();
    for packet in packets {
        let packet = packet.as_ref();
        let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
        file.extend([&[0; 8][..], &len, &len, packet].concat());
    }
    file
}

fn device() -> Device {
    let config = DeviceConfig {
        versions: vec![SpdmVersion::V1_2],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        seed: Some(1),
        ..DeviceConfig::default()
    };
    Device::new(config).unwrap()
}

/// Requests and responses of an attestation, one after the other.
fn exchange(device: &mut Device) -> Vec<Vec<u8>> {
    let exchanges = attestation().into_iter().flat_map(|request| {
        let response = device.respond(&request).unwrap();
        [request, response]
    });
    exchanges.collect()
}

fn read(file: &[u8]) -> Result<Evidence, Error> {
    Evidence::read(file, &ReadOptions::default())
}

fn verify(file: &[u8], device: &Device, required: Signatures<'_>) -> Vec<Report> {
    let roots = device.trust_anchors();
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier { required, ..Verifier::new(&PROVIDER, &anchors, AT) };
    verifier.verify(&mut Bank::<Running, 2>::new(), &read(file).unwrap())
}

fn verdicts(reports: &[Report]) -> Vec<bool> {
    reports.iter().map(Report::verified).collect()
}

/// Wherever a capture is cut, it is no verdict: the end of the file, the beginning of a packet, a data object or frame
/// that is shorter than it says.
#[test]
fn a_cut_packet_is_an_error() {
    let mut device = device();
    let messages = exchange(&mut device);
    let whole = pcap(USER0, &messages);
    assert_eq!(verdicts(&verify(&whole, &device, Signatures::AsRequested)), [true]);
    let last = messages.last().unwrap().len();
    for missing in 1..16 + last {
        let cut = read(&whole[..whole.len() - missing]);
        assert!(matches!(cut, Err(Error::Incomplete(Note::CutPacket { .. }))), "{missing}");
    }
    // The whole last packet is missing: nothing is cut, and its request has no answer.
    let shorter = &whole[..whole.len() - 16 - last];
    let reports = verify(shorter, &device, Signatures::AsRequested);
    assert_eq!(reports[0].error().unwrap().kind, ReportErrorKind::Required);

    // Of the last packet only the beginning was captured.
    let mut snapped = pcap(USER0, &messages);
    let original = snapped.len() - last - 4;
    snapped[original] = snapped[original].wrapping_add(1);
    assert!(matches!(read(&snapped), Err(Error::Incomplete(Note::CutPacket { .. }))));

    let object = |message: &[u8]| {
        let padding = vec![0; message.len().wrapping_neg() % 4];
        let dwords = u32::try_from(2 + (message.len() + padding.len()) / 4).unwrap();
        [&[1, 0, 1, 0][..], &dwords.to_le_bytes(), message, &padding].concat()
    };
    let frame = |message: &[u8]| {
        let len = u16::try_from(message.len() + 2).unwrap().to_le_bytes();
        [&len[..], &[1, 5], message].concat()
    };
    let kinds: [(u32, Vec<Vec<u8>>); 2] = [
        (USER0, messages.iter().map(|message| object(message)).collect()),
        (USER1, messages.iter().map(|message| frame(message)).collect()),
    ];
    for (link, mut packets) in kinds {
        let whole = pcap(link, &packets);
        assert_eq!(verdicts(&verify(&whole, &device, Signatures::AsRequested)), [true], "{link}");
        let last = packets.last_mut().unwrap();
        last.extend([0xAA; 3]);
        let behind = read(&pcap(link, &packets)).unwrap_err();
        assert!(matches!(behind, Error::Incomplete(_)), "{link}");
        let last = packets.last_mut().unwrap();
        let len = last.len();
        last[len - 3..].fill(0);
        let behind = read(&pcap(link, &packets)).unwrap();
        assert_eq!(behind.notes[0].note, Note::TrailingZeros { bytes: 3 }, "{link}");
        let last = packets.last_mut().unwrap();
        last.truncate(last.len() - 4);
        let cut = read(&pcap(link, &packets));
        assert!(matches!(cut, Err(Error::Incomplete(Note::CutPacket { .. }))), "{link}");
    }
}

/// Several data objects or frames in one packet are several messages.
#[test]
fn messages_behind_each_other_in_a_packet() {
    let object = |message: &[u8]| [&[1, 0, 1, 0, 3, 0, 0, 0][..], message].concat();
    let frame = |message: &[u8]| [&[6, 0, 1, 5][..], message].concat();
    let messages = [[0x10, 0x84, 0, 0], [0x10, 0x7F, 1, 0]];
    let files = [
        pcap(USER0, &[messages.map(|message| object(&message)).concat()]),
        pcap(USER1, &[messages.map(|message| frame(&message)).concat()]),
    ];
    for file in files {
        let capture = Capture::read(&file).unwrap();
        let found: Vec<_> = capture.messages.iter().map(|message| &message.bytes[..]).collect();
        assert_eq!(found, messages);
        assert_eq!(capture.notes, []);
    }
}

/// A signed answer without its request cannot be checked; the same answer once more hides nothing.
#[test]
fn a_signed_answer_without_its_request_is_not_verified() {
    let mut device = device();
    let messages = exchange(&mut device);
    let without = |left_out: usize| {
        let kept = messages.iter().enumerate().filter(|(at, _)| *at != left_out);
        pcap(USER0, &kept.map(|(_, message)| message.clone()).collect::<Vec<_>>())
    };
    let reports = verify(&without(12), &device, Signatures::AsRequested);
    let error = reports[0].error().unwrap();
    let expected =
        "measurements.signature was asked for: the request of a MEASUREMENTS is not on record";
    assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Required, expected));
    let reports = verify(&without(12), &device, Signatures::Each(&[Proof::Challenge]));
    assert_eq!(reports[0].basis().unwrap().to_string(), "CHALLENGE alone");
    let reports = verify(&without(10), &device, Signatures::AsRequested);
    assert!(!reports[0].verified());

    let mut twice = messages.clone();
    twice.push(messages.last().unwrap().clone());
    let reports = verify(&pcap(USER0, &twice), &device, Signatures::AsRequested);
    assert_eq!(verdicts(&reports), [true]);
    assert_eq!(reports[0].notes()[0].note, Note::Repeated { code: Code::MEASUREMENTS });
}

/// An acknowledgement that nobody waits for may carry an answer: one that was signed counts.
#[test]
fn a_signed_answer_in_a_stray_acknowledgement_is_not_verified() {
    let mut device = device();
    let messages = exchange(&mut device);
    let acknowledgement = |answer: &[u8]| [&[0x12, 5, 0, 1, 0, 0][..], answer].concat();
    let last = messages.last().unwrap();
    let mut other = last.clone();
    *other.last_mut().unwrap() ^= 1;
    for (answer, verified) in [(&other[..], false), (last, true), (&[], true)] {
        let file = pcap(USER0, &[&messages[..], &[acknowledgement(answer)]].concat());
        let reports = verify(&file, &device, Signatures::AsRequested);
        assert_eq!(verdicts(&reports), [verified], "{}", answer.len());
    }
    // Before the first GET_VERSION nothing says what is in it.
    let file = pcap(USER0, &[&[acknowledgement(&other)], &messages[..]].concat());
    assert_eq!(verdicts(&verify(&file, &device, Signatures::AsRequested)), [true, false]);
}

/// A capture begins in the middle of a connection, and another one follows: the first is not passed over.
#[test]
fn a_connection_whose_beginning_is_missing_is_not_passed_over() {
    let mut device = device();
    let first = exchange(&mut device);
    device.reset();
    let second = exchange(&mut device);
    // From CHALLENGE on; from GET_MEASUREMENTS on.
    for from in [10, 12] {
        let file = pcap(USER0, &[&first[from..], &second[..]].concat());
        let reports = verify(&file, &device, Signatures::AsRequested);
        assert_eq!(verdicts(&reports), [true, false]);
        let error = reports[1].error().unwrap();
        let expected =
            "the negotiation is not in the file: answers come before the first GET_VERSION";
        assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Unproven, expected));
    }
    // Nothing of it was signed: a note.
    let file = pcap(USER0, &[&first[6..10], &second[..]].concat());
    let evidence = read(&file).unwrap();
    assert_eq!((evidence.recordings.len(), evidence.notes.len()), (1, 4));
    assert_eq!(read(&pcap(USER0, &first[10..])).unwrap_err(), Error::BeginsLate);
}

/// A large request that its chunks do not complete was never asked; it leaves a note.
#[test]
fn an_unfinished_request_is_noted() {
    let mut device = device();
    let mut messages = exchange(&mut device);
    messages.push([&[0x12, 0x85, 0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 44, 0, 0, 0][..], &[0; 4]].concat());
    let evidence = read(&pcap(USER0, &messages)).unwrap();
    let notes = &evidence.recordings[0].notes;
    assert_eq!(notes[..], [Note::Unfinished { code: Code::CHUNK_SEND }]);
}

/// Packets that are none of SPDM are counted.
#[test]
fn what_is_no_spdm_is_counted() {
    let file = pcap(USER0, &[[1, 0, 9, 0, 3, 0, 0, 0, 1, 2, 3, 4]; 3]);
    let capture = Capture::read(&file).unwrap();
    assert_eq!(capture.notes, [Note::OtherPacket; 3]);
    assert_eq!(capture.messages, []);
}
