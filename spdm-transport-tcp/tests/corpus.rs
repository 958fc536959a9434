//! Captures of the DMTF reference implementation, frame by frame. They are found through `SPDM_CORPUS`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use spdm_transport::MessageKind::Plain;
use spdm_transport_tcp::{Binding, DecodedFrame, Frame, Framing};

/// Link types of the captures, the transport type that the emulator gives them, and what its capture adds to the
/// payload of a frame: the MCTP packet header.
const LINK_TYPES: [(u32, u32, Binding, usize); 4] = [
    (147, 0, Binding::None, 0),
    (148, 3, Binding::Tcp, 0),
    (291, 1, Binding::Mctp, 4),
    (292, 2, Binding::Doe, 0),
];

fn captured_frames_decode_and_encode_to_themselves() {
    let mut frames = BTreeMap::new();
    for path in captures() {
        let capture = fs::read(&path).unwrap();
        let (header, records) = capture.split_first_chunk::<24>().unwrap();
        let link_type = u32::from_le_bytes(*header.last_chunk().unwrap());
        let (_, transport, binding, skipped) =
            LINK_TYPES.into_iter().find(|(known, ..)| *known == link_type).unwrap();
        for packet in packets(records) {
            let payload = packet.get(skipped..).unwrap();
            let size = u32::try_from(payload.len()).unwrap();
            let mut wire = Vec::new();
            for word in [1, transport, size] {
                wire.extend_from_slice(&u32::to_be_bytes(word));
            }
            wire.extend_from_slice(payload);
            check(Framing::DmtfEmu(binding), &wire, &path);
            if binding == Binding::Tcp {
                check(Framing::Dsp0287, payload, &path);
            }
            *frames.entry(binding.to_string()).or_insert(0_u32) += 1;
        }
    }
    println!("{frames:?}");
    assert_eq!(frames.len(), LINK_TYPES.len());
}

fn check(framing: Framing, wire: &[u8], path: &Path) {
    let decoded = framing.decode(wire, usize::MAX);
    let Ok(DecodedFrame::Complete { frame, len }) = decoded else {
        panic!("{path:?}: {decoded:?}")
    };
    assert_eq!(len, wire.len(), "{path:?}");
    match frame {
        Frame::Message(Plain, message) => {
            let version = message.first().unwrap();
            assert!((0x10..=0x14).contains(version), "{path:?}: {version:#x}");
        }
        Frame::Message(..) | Frame::Discovery(_) => {}
        _ => panic!("{path:?}: {frame:?}"),
    }
    let mut again = Vec::new();
    framing.encode(frame, &mut again).unwrap();
    assert!(again == wire, "{path:?}");
}

/// The whole packets of a little-endian pcap file; some captures end inside their last.
fn packets(mut records: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let Some((header, rest)) = records.split_first_chunk::<16>() {
        let [.., c0, c1, c2, c3, _, _, _, _] = *header;
        let captured = usize::try_from(u32::from_le_bytes([c0, c1, c2, c3])).unwrap();
        let Some((packet, rest)) = rest.split_at_checked(captured) else { break };
        packets.push(packet);
        records = rest;
    }
    packets
}

fn captures() -> Vec<PathBuf> {
    let folder = test_corpus::folder().join("captures");
    let captures: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcap"))
        .collect();
    assert!(!captures.is_empty(), "no captures");
    captures
}

fn main() {
    test_corpus::run([test_corpus::test(captured_frames_decode_and_encode_to_themselves)]);
}
