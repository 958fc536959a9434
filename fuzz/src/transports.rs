//! Frames of sockets and serial lines, and what drives send.

use spdm_transport_mctp::serial::{Deframer, MAX_PACKET, frame, max_frame};
use spdm_transport_storage::{Discovery, PendingInfo, ProtocolList, Specific};
use spdm_transport_tcp::{Binding, DecodedFrame, Framing};

/// The largest message that a connection takes.
pub const MAX_MESSAGE: usize = 512;

/// Every framing of a socket.
pub const FRAMINGS: [Framing; 8] = [
    Framing::Dsp0287,
    Framing::DmtfEmu(Binding::None),
    Framing::DmtfEmu(Binding::Mctp),
    Framing::DmtfEmu(Binding::Doe),
    Framing::DmtfEmu(Binding::Tcp),
    Framing::DmtfEmu(Binding::Nvme),
    Framing::DmtfEmu(Binding::Scsi),
    Framing::DmtfEmu(Binding::Ata),
];

/// Reads the bytes as frames of every kind, and as what drives send.
pub fn read(data: &[u8]) {
    for framing in FRAMINGS {
        stream(framing, data);
    }
    serial(data);
    if let Ok(discovery) = Discovery::decode(data) {
        assert!((1..=4).contains(&discovery.connections()));
        let again = Discovery::decode(&discovery.encode()).map(|again| again.connections());
        assert_eq!(again, Ok(discovery.connections()));
    }
    if let Ok(pending) = PendingInfo::decode(data) {
        assert_eq!(PendingInfo::decode(&pending.encode()), Ok(pending));
        assert_ne!(pending.response, Some(0));
    }
    if let Ok(list) = ProtocolList::decode(data) {
        assert!(!list.contains(0xe8) || data[8..].contains(&0xe8));
    }
    if let Some(bytes) = data.first_chunk() {
        let specific = u16::from_be_bytes(*bytes);
        if let Ok(decoded) = Specific::decode(specific) {
            assert_eq!(decoded.encode(), specific);
        }
    }
}

/// Reads frame after frame, as a connection does: never more than one, never beyond the largest.
fn stream(framing: Framing, mut data: &[u8]) {
    let mut again = Vec::new();
    loop {
        match framing.decode(data, MAX_MESSAGE) {
            Ok(DecodedFrame::Complete { frame, len }) => {
                assert!(len > 0 && len <= framing.header_len() + MAX_MESSAGE.max(64));
                if framing.encode(frame, &mut again).is_ok() {
                    let decoded = framing.decode(&again, usize::MAX);
                    assert_eq!(decoded, Ok(DecodedFrame::Complete { frame, len: again.len() }));
                }
                data = &data[len..];
            }
            Ok(DecodedFrame::Incomplete { missing }) => {
                assert!(missing > 0);
                assert!(data.len() + missing <= framing.header_len() + MAX_MESSAGE.max(64));
                return;
            }
            Err(_) => return,
        }
    }
}

fn serial(data: &[u8]) {
    let (mut deframer, mut out) = (Deframer::new(), [0; max_frame(MAX_PACKET)]);
    for byte in data {
        if let Some(Ok(packet)) = deframer.push(*byte) {
            let len = frame(packet, &mut out).expect("it was one");
            let mut other = Deframer::new();
            let last =
                out[..len].iter().filter_map(|byte| other.push(*byte).map(|p| p == Ok(packet)));
            assert_eq!(last.last(), Some(true));
        }
    }
}
