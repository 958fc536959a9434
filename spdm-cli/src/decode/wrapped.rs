//! What transports put in front of a message: pasted bytes often have it still.

use core::time::Duration;
use std::borrow::Cow;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError};
use spdm_codec::{Code, SpdmVersion};
use spdm_evidence::Layer;

/// Message types of MCTP.
const PLAIN: u8 = 0x05;
const SECURED: u8 = 0x06;
const INTEGRITY_CHECK: u8 = 0x80;
/// First packet of an MCTP message.
const START: u8 = 0x80;
/// Where an Ethernet frame says what is in it, and where a packet of Linux cooked does.
const ETHERTYPE: usize = 12;
const COOKED_PROTOCOL: usize = 14;

/// Whether the bytes begin like a message.
fn begins_message(bytes: &[u8]) -> bool {
    matches!(bytes, [version, code, ..]
        if SpdmVersion::from_byte(*version).is_some() && Code(*code).name().is_some())
}

/// Whether the bytes begin like a message, or like one with its MCTP message type or the header of a data object. Of
/// records of a session that cannot be said.
pub(super) fn begins(bytes: &[u8]) -> bool {
    begins_message(bytes)
        || matches!(typed(bytes), Some((Layer::Plain, _)))
        || link(bytes) == Some(Link::DataObject)
}

/// The message behind an MCTP message type.
pub(super) fn typed(bytes: &[u8]) -> Option<(Layer, &[u8])> {
    match bytes {
        [message_type, message @ ..] => match message_type & !INTEGRITY_CHECK {
            PLAIN if begins_message(message) => Some((Layer::Plain, message)),
            // A record begins with a session, and that with anything; it has 14 bytes around its content.
            SECURED if message.len() > 14 => Some((Layer::Secured, message)),
            _ => None,
        },
        [] => None,
    }
}

/// Packets of a link, by how they begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Link {
    DataObject,
    Mctp,
    Ethernet,
    LinuxCooked,
}

impl Link {
    /// The link type of captures.
    const fn number(self) -> u32 {
        match self {
            Self::DataObject => 292,
            Self::Mctp => 291,
            Self::Ethernet => 1,
            Self::LinuxCooked => 113,
        }
    }
}

fn link(bytes: &[u8]) -> Option<Link> {
    let protocol = |at: usize| bytes.get(at..at + 2);
    let is_ip = |protocol: Option<&[u8]>| {
        matches!(protocol, Some([0x08, 0x00] | [0x86, 0xDD] | [0x81, 0x00]))
    };
    match bytes {
        // Vendor ID of the PCI-SIG, and CMA-SPDM or secured CMA-SPDM.
        [0x01, 0x00, 0x01 | 0x02, _, _, _, _, 0x00, ..] => Some(Link::DataObject),
        [0x00 | 0x01, _, _, flags, inside @ ..]
            if flags & START != 0 && typed(inside).is_some() =>
        {
            Some(Link::Mctp)
        }
        _ if is_ip(protocol(ETHERTYPE)) => Some(Link::Ethernet),
        _ if protocol(COOKED_PROTOCOL) == Some(&[0x00, 0xFA])
            || is_ip(protocol(COOKED_PROTOCOL)) =>
        {
            Some(Link::LinuxCooked)
        }
        _ => None,
    }
}

/// A capture of these pieces, where the first is a packet of a link.
pub(super) fn as_capture(pieces: &[Vec<u8>]) -> Result<Option<Vec<u8>>, PcapError> {
    let first = pieces.first().filter(|first| !begins_message(first) && typed(first).is_none());
    let Some(link) = first.and_then(|first| link(first)) else { return Ok(None) };
    let header = PcapHeader { datalink: DataLink::from(link.number()), ..PcapHeader::default() };
    let header = PcapHeader { snaplen: u32::MAX, ..header };
    let mut writer = PcapWriter::with_header(Vec::new(), header)?;
    for piece in pieces.iter().flat_map(|piece| packets(link, piece)) {
        let orig_len = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let data = Cow::Borrowed(piece);
        writer.write_packet(&PcapPacket { timestamp: Duration::ZERO, orig_len, data })?;
    }
    Ok(Some(writer.into_writer()))
}

/// Data objects say how long they are, and may follow each other.
fn packets(link: Link, piece: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    let mut rest = piece;
    while link == Link::DataObject
        && let [_, _, _, _, l0, l1, l2, _, ..] = rest
        && let dwords @ 3.. = u32::from_le_bytes([*l0, *l1, *l2, 0]) & 0x3_FFFF
        && let Ok(dwords) = usize::try_from(dwords)
        && let Some((object, behind)) = rest.split_at_checked(4 * dwords)
    {
        packets.push(object);
        rest = behind;
    }
    if !rest.is_empty() {
        packets.push(rest);
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::{Link, as_capture, begins, link, typed};
    use spdm_evidence::{Capture, Layer};

    const GET_VERSION: [u8; 4] = [0x10, 0x84, 0, 0];

    #[test]
    fn headers_are_recognised() {
        assert!(begins(&GET_VERSION) && !begins(&[0xFF, 0x84, 0, 0]));
        let with_type = [&[5][..], &GET_VERSION].concat();
        assert_eq!(typed(&with_type), Some((Layer::Plain, &GET_VERSION[..])));
        assert_eq!(typed(&GET_VERSION), None);
        let cooked = [&[0; 14][..], &[0, 0xFA, 1, 8, 9, 0xC8], &with_type].concat();
        let ethernet = [&[0; 12][..], &[8, 0, 0x45]].concat();
        assert_eq!(link(&cooked), Some(Link::LinuxCooked));
        assert_eq!(link(&ethernet), Some(Link::Ethernet));
        assert_eq!(link(&GET_VERSION), None);
    }

    #[test]
    fn packets_become_a_capture() {
        let object = [&[1, 0, 1, 0, 3, 0, 0, 0], &GET_VERSION[..]].concat();
        let mctp = [&[1, 8, 9, 0xC8, 5], &GET_VERSION[..]].concat();
        for (pieces, count) in [
            (vec![object.clone(), object.clone()], 2),
            (vec![[object.clone(), object].concat()], 2),
            (vec![mctp], 1),
        ] {
            let capture = Capture::read(&as_capture(&pieces).unwrap().unwrap()).unwrap();
            let messages: Vec<_> = capture.messages.iter().map(|message| &message.bytes).collect();
            assert_eq!((messages, capture.notes.len()), (vec![&GET_VERSION.to_vec(); count], 0));
        }
        assert!(as_capture(&[GET_VERSION.to_vec()]).unwrap().is_none());
        assert!(as_capture(&[]).unwrap().is_none());
    }
}
