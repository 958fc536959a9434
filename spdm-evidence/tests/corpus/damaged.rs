//! Damaged files: an error or a report, never a panic and never a verdict that the file does not earn.

use std::fs;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{Capture, CountedNote, Error, Evidence, Note, ReadOptions, Verifier};
use spdm_x509::ValidityCheck;

use crate::{folder, verify};

fn read(bytes: &[u8]) -> Result<Evidence, Error> {
    Evidence::read(bytes, &ReadOptions::default())
}

/// Reads and judges; without anchors nothing is verified.
fn survive(bytes: &[u8]) {
    let Ok(evidence) = read(bytes) else { return };
    let verifier = Verifier::new(&PROVIDER, &[], ValidityCheck::Unchecked);
    for report in verify(&verifier, &evidence) {
        assert!(!report.verified());
        assert!(serde_json::to_string(&report).is_ok());
    }
}

/// Every file of the corpus that is small enough to be damaged in many places.
const FILES: [&str; 5] = [
    "captures/aliascert_v1.2.pcap",
    "captures/hash_SM3_256_p384_v12_MCTP_mbedtls.pcap",
    "captures/meas_nosig_v1.4_MCTP.pcap",
    "nvidia/switch_evidence.json",
    "nvidia/hopperAttestationReport.txt",
];

#[test]
fn truncated_and_flipped_files() {
    let Some(folder) = folder::folder() else { return };
    for name in FILES {
        let file = fs::read(folder.join(name)).unwrap();
        let step = file.len() / 200 + 1;
        for at in (0..file.len()).step_by(step) {
            survive(&file[..at]);
            let mut flipped = file.clone();
            flipped[at] ^= 1 << (at % 8);
            survive(&flipped);
            flipped[at] = 0xFF;
            survive(&flipped);
        }
    }
}

/// The packets of a capture as a pcapng of the same link type.
fn as_pcapng(pcap: &[u8]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().wrapping_neg() % 4];
        let len = u32::try_from(12 + body.len() + padding.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &len, body, &padding, &len].concat()
    };
    let section = [&0x1A2B_3C4D_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xFF; 8]].concat();
    let interface = [&pcap[20..22], &[0; 6]].concat();
    let mut out = [block(0x0A0D_0D0A, &section), block(1, &interface)].concat();
    let mut rest = &pcap[24..];
    while let Some((header, behind)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes(header[8..12].try_into().unwrap());
        let (data, behind) = behind.split_at(usize::try_from(len).unwrap());
        let head = [&[0; 12][..], &header[8..12], &header[12..16]].concat();
        out.extend(block(6, &[&head, data].concat()));
        rest = behind;
    }
    out
}

#[test]
fn pcapng_holds_the_same_messages() {
    let Some(folder) = folder::folder() else { return };
    for name in ["ver1.2_NONE_p384_sha384_conn", "ver1.0_TCP_p384_sha384_conn"] {
        let pcap = fs::read(folder.join(format!("captures/{name}.pcap"))).unwrap();
        let pcapng = as_pcapng(&pcap);
        let evidence = read(&pcapng).unwrap();
        assert_eq!(evidence, read(&pcap).unwrap());
        // Reading is cheap: every bit. The verdict is not.
        for file in [&pcap, &pcapng] {
            for bit in 0..file.len() * 8 {
                let mut flipped = file.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                _ = Capture::read(&flipped);
            }
        }
        for at in (0..pcapng.len()).step_by(97) {
            survive(&pcapng[..at]);
            let mut flipped = pcapng.clone();
            flipped[at] ^= 1 << (at % 8);
            survive(&flipped);
        }
    }
}

#[test]
fn the_end_inside_a_packet_is_a_note() {
    let Some(folder) = folder::folder() else { return };
    let file = fs::read(folder.join("captures/ver1.2_NONE_p384_sha384_conn.pcap")).unwrap();
    let whole = read(&file).unwrap();
    let cut = read(&file[..file.len() - 1]).unwrap();
    let [whole, kept] = [&whole, &cut].map(|evidence| &evidence.recordings[0].exchanges);
    assert_eq!(kept[..kept.len() - 1], whole[..whole.len() - 1]);
    assert_eq!(kept.last().unwrap().response, None);
    assert!(matches!(cut.notes[..], [CountedNote { note: Note::CutPacket { .. }, count: 1, .. }]));
}

#[test]
fn files_of_no_format() {
    assert_eq!(read(b"").unwrap_err(), Error::Format);
    assert_eq!(read(b"hello").unwrap_err(), Error::Format);
    assert_eq!(read(b"[]").unwrap_err(), Error::Empty);
    assert!(matches!(read(b"{}").unwrap_err(), Error::Json(_)));
    assert!(matches!(read(&[0x10, 0x84]).unwrap_err(), Error::Message(_)));
    let other = br#"{"format": "x", "version": 1, "exchanges": []}"#;
    assert_eq!(read(other).unwrap_err(), Error::Format);
    let later = br#"{"format": "spdm-evidence", "version": 2, "exchanges": []}"#;
    assert_eq!(read(later).unwrap_err(), Error::SchemaVersion(2));
    let odd = br#"{"format": "spdm-evidence", "version": 1, "exchanges": [{"request": "1"}]}"#;
    assert_eq!(read(odd).unwrap_err(), Error::Hex { field: "request" });
    let header = |link: u32| {
        let head = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        [&head[..], &link.to_le_bytes()].concat()
    };
    assert_eq!(read(&header(1)).unwrap_err(), Error::LinkType(1));
    assert_eq!(read(&header(291)).unwrap_err(), Error::Empty);
}

/// Link types that the corpus does not have.
#[test]
fn cooked_mctp_and_doe_as_user0() {
    let message = [0x10, 0x84, 0, 0];
    let capture = |link: u32, packets: &[&[u8]]| {
        let head = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        let mut file = [&head[..], &link.to_le_bytes()].concat();
        for packet in packets {
            let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
            file.extend([&[0; 8][..], &len, &len, packet].concat());
        }
        read(&file).map(|evidence| evidence.recordings[0].exchanges[0].request.clone())
    };
    let cooked = |flags: u8, payload: &[u8]| {
        [&[0; 14][..], &[0x00, 0xFA], &[1, 8, 9, flags], payload].concat()
    };
    let whole = cooked(0xC8, &[&[5], &message[..]].concat());
    assert_eq!(capture(113, &[&whole]), Ok(message.to_vec()));
    let (first, last) = (cooked(0x88, &[5, 0x10, 0x84]), cooked(0x58, &[0, 0]));
    assert_eq!(capture(113, &[&first, &last]), Ok(message.to_vec()));
    assert_eq!(capture(113, &[&last]), Err(Error::Empty));
    let object = [&[1, 0, 1, 0, 3, 0, 0, 0], &message[..]].concat();
    assert_eq!(capture(147, &[&object]), Ok(message.to_vec()));
    assert_eq!(capture(147, &[&message]), Ok(message.to_vec()));
    assert_eq!(capture(292, &[&object]), Ok(message.to_vec()));
}
