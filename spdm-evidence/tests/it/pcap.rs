//! pcap files, byte by byte.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use spdm_evidence::CaptureForm;

pub(crate) const FORMS: [CaptureForm; 2] = [CaptureForm::Wireshark, CaptureForm::Dmtf];
pub(crate) const FILE_HEADER_LEN: usize = 24;
pub(crate) const PACKET_HEADER_LEN: usize = 16;

pub(crate) fn at(microseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(microseconds)
}

/// Link type, and the packets of a little-endian pcap file.
pub(crate) fn packets(file: &[u8]) -> (u32, Vec<&[u8]>) {
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
