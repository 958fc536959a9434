//! A TCP connection whose packets are shuffled, and what may come of it.

use std::collections::BTreeMap;

use spdm_evidence::Capture;
use spdm_transport_tcp::{Binding, Framing};

use crate::tcp_packets::{Stream, file};

const FRAMINGS: [Framing; 5] = [
    Framing::Dsp0287,
    Framing::DmtfEmu(Binding::None),
    Framing::DmtfEmu(Binding::Mctp),
    Framing::DmtfEmu(Binding::Doe),
    Framing::DmtfEmu(Binding::Tcp),
];
/// Requests and responses, each another one.
fn messages() -> Vec<Vec<u8>> {
    let message = |number: u8| {
        let code = if number.is_multiple_of(2) { 0x84 } else { 0x04 };
        [&[0x10, code, number, 0][..], &vec![number; 4 * usize::from(number * number)]].concat()
    };
    (0..8).map(message).collect()
}

/// The first bytes say how the messages are cut into segments, two each of the others what happens to the packets.
pub(crate) fn shuffled(data: &[u8]) {
    let [framing, segment, steps @ ..] = data else { return };
    let messages = messages();
    let framing = FRAMINGS[usize::from(*framing) % FRAMINGS.len()];
    let mut stream = Stream::v4(1111, framing);
    let parts: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    stream.talk(&parts, 1 + usize::from(*segment));
    if segment.is_multiple_of(2) {
        stream.close();
    }
    let mut packets = stream.packets.clone();
    let mut is_whole = true;
    for step in steps.chunks_exact(2) {
        let at = usize::from(step[1]) % packets.len().max(1);
        let Some(packet) = packets.get(at).cloned() else { break };
        match step[0] % 4 {
            0 => packets.insert((at + usize::from(step[0] / 4)) % packets.len(), packet),
            1 => {
                packets.remove(at);
                packets.insert((at + usize::from(step[0] / 4)).min(packets.len()), packet);
            }
            2 => {
                packets.remove(at);
                is_whole = false;
            }
            _ => packets.swap(at, 0),
        }
        if packets.len() > 1 << 10 {
            break;
        }
    }
    let capture = Capture::read(&file(&packets)).unwrap();
    let mut channels: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
    for message in &capture.messages {
        channels.entry(message.channel.number).or_default().push(&message.bytes);
    }
    // A packet in front of the handshake is one of an earlier connection. What is missing may show later.
    let is_whole = is_whole && capture.notes.is_empty();
    for read in channels.values() {
        let is_part = match capture.notes.is_empty() {
            true => parts.windows(read.len()).any(|part| part == read),
            false => read.iter().all(|message| parts.contains(message)),
        };
        assert!(is_part, "{data:?}: {read:x?}");
    }
    // Nobody acknowledges the last message.
    if is_whole {
        let ends = channels.values().any(|read| read.last() == parts.last());
        assert!(ends, "{data:?}");
    }
}

/// A few thousand of what the fuzz target of this name tries.
#[test]
fn shuffled_connections() {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    shuffled(&[36, 123, 32, 57]);
    for _ in 0..3000 {
        let len = 2 + usize::from(next() % 24);
        shuffled(&(0..len).map(|_| next()).collect::<Vec<_>>());
    }
}
