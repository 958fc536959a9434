//! Damaged files: an error or a report, never a panic and never a verdict that the file does not earn.

use std::fs;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{Capture, Error, Evidence, Note, ReadOptions, Verifier};
use spdm_x509::ValidityCheck;

use crate::verify;

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

pub(crate) fn truncated_and_flipped_files() {
    let folder = test_corpus::folder();
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

pub(crate) fn pcapng_holds_the_same_messages() {
    let folder = test_corpus::folder();
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

/// What was behind the cut could be the signature that fails.
pub(crate) fn the_end_inside_a_packet_is_an_error() {
    let folder = test_corpus::folder();
    let file = fs::read(folder.join("captures/ver1.2_NONE_p384_sha384_conn.pcap")).unwrap();
    let whole = Capture::read(&file).unwrap();
    let cut = &file[..file.len() - 1];
    let kept = Capture::read(cut).unwrap();
    assert_eq!(kept.messages, whole.messages[..whole.messages.len() - 1]);
    assert!(matches!(kept.notes[..], [Note::CutPacket { .. }]));
    assert!(matches!(read(cut), Err(Error::Incomplete(Note::CutPacket { .. }))));
}
