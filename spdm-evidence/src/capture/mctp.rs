//! MCTP packets (DSP0236): messages are put together, and a missing packet is noticed.

use std::collections::{BTreeMap, BTreeSet};

use spdm_codec::Code;

use super::Layer;
use super::channel::{Channel, Peers, Wire};
use super::events::Events;
use super::packets::Packet;
use crate::note::Note;

pub(super) const START_OF_MESSAGE: u8 = 0x80;
pub(super) const END_OF_MESSAGE: u8 = 0x40;
/// Tag owner and tag: together with the endpoints they name a message.
const TAG: u8 = 0x0F;
const INTEGRITY_CHECK: u8 = 0x80;
const PLAIN: u8 = 0x05;
const SECURED: u8 = 0x06;
/// The endpoint that the physical link names (DSP0236 §8.1).
const NULL_ENDPOINT: u8 = 0;
/// The longest message, in bytes. DSP0274 allows longer ones, but over MCTP they travel in chunks.
const LONGEST: usize = 1 << 20;

impl Layer {
    /// The message type of MCTP (DSP0275, DSP0276), which DSP0287 uses too.
    pub(super) const fn message_type(self) -> u8 {
        match self {
            Self::Plain => PLAIN,
            Self::Secured => SECURED,
        }
    }

    /// What the type byte of an MCTP message says; `None` for messages that are not SPDM.
    pub(super) const fn of(message_type: u8) -> Option<Self> {
        match message_type & !INTEGRITY_CHECK {
            PLAIN => Some(Self::Plain),
            SECURED => Some(Self::Secured),
            _ => None,
        }
    }
}

/// Destination, source, tag owner and tag.
type MessageKey = (Wire, [u8; 3]);

/// Puts the messages of MCTP endpoints together.
#[derive(Debug, Default)]
pub(super) struct Mctp {
    /// Messages that are not complete yet.
    partial: BTreeMap<MessageKey, Partial>,
    /// Destination and source of messages that were SPDM.
    speakers: BTreeSet<(Wire, [u8; 2])>,
    channels: BTreeMap<(Wire, [u8; 2]), Channel>,
    /// Who answers what an endpoint sends to the null endpoint.
    answering: BTreeMap<(Wire, u8), u8>,
    /// Endpoints of packets whose message did not begin in the capture, and the first such packet.
    headless: BTreeMap<(Wire, u8), u64>,
}

/// A message that is not complete yet.
#[derive(Debug)]
enum Partial {
    /// What was in its packets, the sequence number of the last one, and its place in the capture.
    Kept { bytes: Vec<u8>, sequence: u8, packet: u64 },
    /// One of its packets is missing, which is noted; the others are of no use.
    Lost,
}

/// What a message is to its receiver, as far as can be seen.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Role {
    Asks,
    /// Records of a session may be answers, too.
    Answers,
}

/// A message starts with any number, and each packet has the next one (DSP0236 §8.1).
const fn follows(sequence: u8, before: u8) -> bool {
    sequence == (before + 1) % 4
}

impl Mctp {
    /// Takes a packet, which begins at `bytes`; `None` where it is not SPDM.
    pub(super) fn take(
        &mut self,
        packet: &Packet<'_>,
        wire: Wire,
        bytes: &[u8],
        events: &mut Events,
    ) -> Option<()> {
        let ([_, destination, source, flags], payload) = bytes.split_first_chunk::<4>()?;
        let key = (wire, [*destination, *source, flags & TAG]);
        let (start, end) = (flags & START_OF_MESSAGE != 0, flags & END_OF_MESSAGE != 0);
        let sequence = flags >> 4 & 3;
        let lost = Note::LostPacket { packet: packet.number };
        let mut bytes = match self.partial.remove(&key) {
            // A message that starts anew ends the one before, which was never completed.
            Some(Partial::Kept { bytes, .. }) if start => {
                if is_spdm(&bytes) {
                    events.note(lost);
                }
                Vec::new()
            }
            _ if start => Vec::new(),
            Some(Partial::Kept { bytes, sequence: before, .. }) if follows(sequence, before) => {
                bytes
            }
            Some(Partial::Kept { bytes, .. }) => {
                if !is_spdm(&bytes) {
                    return None;
                }
                events.note(lost);
                self.pass_over(key, end);
                return Some(());
            }
            Some(Partial::Lost) => {
                self.pass_over(key, end);
                return Some(());
            }
            // The first packet, with the type, is missing. Between those who speak SPDM it is taken for SPDM.
            None if self.speakers.contains(&(wire, [*destination, *source])) => {
                events.note(lost);
                self.pass_over(key, end);
                return Some(());
            }
            None => {
                for endpoint in [*destination, *source] {
                    self.headless.entry((wire, endpoint)).or_insert(packet.number);
                }
                events.note(Note::Headless);
                return Some(());
            }
        };
        bytes.extend_from_slice(payload);
        if !end {
            let partial = match bytes.len() > LONGEST {
                true if is_spdm(&bytes) => {
                    events.note(lost);
                    Partial::Lost
                }
                true => return None,
                false => Partial::Kept { bytes, sequence, packet: packet.number },
            };
            self.partial.insert(key, partial);
            return Some(());
        }
        let (message_type, message) = bytes.split_first()?;
        let layer = Layer::of(*message_type)?;
        self.speakers.insert((wire, [*destination, *source]));
        let is_request = message.get(1).is_some_and(|code| Code(*code).is_request());
        let role = match layer == Layer::Plain && is_request {
            true => Role::Asks,
            false => Role::Answers,
        };
        let Some(channel) = self.channel(wire, [*destination, *source], role, events) else {
            events.note(Note::NullEndpoint { packet: packet.number });
            return Some(());
        };
        if layer == Layer::Plain && message.get(1) == Some(&Code::GET_VERSION.0) {
            self.settle(wire, *destination, *source, lost, events);
        }
        events.message(channel, layer, message, 0);
        Some(())
    }

    /// Whether a message was SPDM.
    pub(super) fn has_spdm(&self) -> bool {
        !self.speakers.is_empty()
    }

    /// Leaves out a packet of a message that is noted as lost.
    fn pass_over(&mut self, key: MessageKey, end: bool) {
        if !end {
            self.partial.insert(key, Partial::Lost);
        }
    }

    /// A connection begins: what the one before did not complete between these two never will be.
    fn settle(&mut self, wire: Wire, one: u8, other: u8, lost: Note, events: &mut Events) {
        for (destination, source) in [(one, other), (other, one)] {
            let all = (wire, [destination, source, 0])..=(wire, [destination, source, TAG]);
            for (_, partial) in self.partial.range_mut(all) {
                if matches!(partial, Partial::Kept { bytes, .. } if is_spdm(bytes)) {
                    events.note(lost);
                    *partial = Partial::Lost;
                }
            }
        }
    }

    /// The conversation of two endpoints. A request to the null endpoint is answered under the endpoint's own ID; `None`
    /// where another endpoint answered before.
    fn channel(
        &mut self,
        wire: Wire,
        [destination, source]: [u8; 2],
        role: Role,
        events: &mut Events,
    ) -> Option<Channel> {
        let endpoints = [destination.min(source), destination.max(source)];
        if let Some(channel) = self.channels.get(&(wire, endpoints)) {
            return Some(*channel);
        }
        let asked = self.channels.get(&(wire, [NULL_ENDPOINT, destination])).copied();
        let channel = match asked.filter(|_| role == Role::Answers && source != NULL_ENDPOINT) {
            Some(channel) => {
                let answering = *self.answering.entry((wire, destination)).or_insert(source);
                (answering == source).then_some(channel)?
            }
            None => events.open(Peers::Mctp { interface: wire.interface, endpoints }),
        };
        self.channels.insert((wire, endpoints), channel);
        Some(channel)
    }

    /// The capture ends.
    pub(super) fn finish(self, events: &mut Events) {
        // The message of an endpoint that speaks SPDM may have been SPDM; where none does, any may.
        let speaks = |endpoint: &(Wire, u8)| {
            let mut speakers = self.speakers.iter();
            self.speakers.is_empty()
                || speakers.any(|(wire, ends)| *wire == endpoint.0 && ends.contains(&endpoint.1))
        };
        let unread = self.headless.iter().filter(|(endpoint, _)| speaks(endpoint));
        if let Some(packet) = unread.map(|(_, packet)| *packet).min() {
            events.note(Note::LostPacket { packet });
        }
        for partial in self.partial.into_values() {
            match partial {
                Partial::Kept { bytes, packet, .. } if is_spdm(&bytes) => {
                    events.note(Note::LostPacket { packet });
                }
                Partial::Kept { .. } => events.note(Note::OtherPacket),
                Partial::Lost => {}
            }
        }
        let mut channels: Vec<Channel> = self.channels.into_values().collect();
        channels.sort_by_key(|channel| channel.number);
        channels.dedup();
        for channel in channels {
            events.end(channel);
        }
    }
}

fn is_spdm(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|message_type| Layer::of(*message_type).is_some())
}
