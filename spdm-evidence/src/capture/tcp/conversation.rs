//! One TCP connection.

use core::net::SocketAddr;

use spdm_transport_doe::MAX_PADDING;
use spdm_transport_tcp::{Binding, DecodedFrame, Frame, Framing};

use super::Segment;
use super::half::{Broken, Half};
use super::recognition::{Recognition, recognise};
use crate::capture::channel::{Channel, Peers};
use crate::capture::events::Events;
use crate::note::Note;

/// How many segments of a connection whose beginning was not captured are tried as the beginning of a frame.
const TRIED: usize = 64;

/// A connection that is followed.
#[derive(Debug)]
pub(super) struct TcpConversation {
    /// Who spoke first, as far as is known, and to whom.
    ends: [SocketAddr; 2],
    forth: Direction,
    back: Direction,
    carries: Carries,
    after: After,
    reset: bool,
    /// A segment of which too little was captured to say that it is no SPDM.
    cut_unseen: bool,
    /// The capture begins with its SYN, which says who is the server.
    has_syn: bool,
    /// Bytes were said.
    spoken: bool,
}

/// What a connection is known to carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// Nothing, or not known yet.
    Unknown,
    Spdm,
    /// Bytes that are not SPDM.
    Other,
}

/// What was known between the same ends before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum After {
    Nothing,
    /// Another connection.
    Connection,
    /// Maybe the beginning of this one, which was given up: it lacks what came before.
    Lost,
}

/// One direction and what is left of its bytes.
#[derive(Debug, Default)]
struct Direction {
    half: Half,
    /// Bytes of a frame that is not complete.
    frame: Vec<u8>,
    /// How many bytes must be there before it is worth to look at them again.
    enough: usize,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug)]
enum Carries {
    /// Not known yet, after so many packets.
    Unknown {
        packets: usize,
    },
    Spdm {
        framing: Framing,
        channel: Channel,
    },
    /// SPDM that cannot be followed any more, which is noted.
    Broken {
        channel: Option<Channel>,
    },
    Other,
}

impl TcpConversation {
    pub(super) fn new(segment: &Segment<'_>, after: After) -> Self {
        // The answer to a SYN that was not captured comes from the other side.
        let ends = match segment.syn && segment.acknowledged.is_some() {
            true => [segment.to, segment.from],
            false => [segment.from, segment.to],
        };
        Self {
            ends,
            forth: Direction::default(),
            back: Direction::default(),
            carries: Carries::Unknown { packets: 0 },
            after,
            reset: false,
            cut_unseen: false,
            has_syn: segment.syn,
            spoken: false,
        }
    }

    /// What it is known to carry.
    pub(super) const fn content(&self) -> Content {
        match self.carries {
            Carries::Spdm { .. } | Carries::Broken { .. } => Content::Spdm,
            Carries::Other if self.spoken => Content::Other,
            Carries::Other | Carries::Unknown { .. } => Content::Unknown,
        }
    }

    /// From the side that spoke first, as far as is known.
    pub(super) const fn ends(&self) -> [SocketAddr; 2] {
        self.ends
    }

    /// The side of the server: the end that it listens at. Without the SYN both may be.
    pub(super) fn servers(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        self.ends.into_iter().skip(usize::from(self.has_syn))
    }

    /// Whether both sides are done.
    pub(super) const fn is_closed(&self) -> bool {
        self.reset || self.forth.half.has_ended() && self.back.half.has_ended()
    }

    /// Whether the segment begins another connection between the same ends.
    pub(super) fn is_replaced_by(&self, segment: &Segment<'_>) -> bool {
        let [client, _] = self.ends;
        let direction = if segment.from == client { &self.forth } else { &self.back };
        let is_first = segment.syn && segment.acknowledged.is_none();
        let given_up = matches!(self.carries, Carries::Other | Carries::Broken { .. });
        let is_reset = self.reset && direction.half.is_from_syn();
        is_first && (given_up || is_reset || direction.half.is_restarted_by(segment.sequence))
    }

    /// Takes a segment; `None` where the connection carries no SPDM.
    pub(super) fn take(&mut self, segment: &Segment<'_>, events: &mut Events) -> Option<()> {
        self.spoken |= !segment.payload.is_empty();
        match &mut self.carries {
            Carries::Other => return None,
            Carries::Broken { .. } => return Some(()),
            Carries::Unknown { packets } => *packets += 1,
            Carries::Spdm { .. } => {}
        }
        if let Err(broken) = self.follow(segment, events) {
            self.break_off(broken, segment.packet, events);
        }
        Some(())
    }

    fn follow(&mut self, segment: &Segment<'_>, events: &mut Events) -> Result<(), Broken> {
        let [client, _] = self.ends;
        let (own, other) = match segment.from == client {
            true => (&mut self.forth, &mut self.back),
            false => (&mut self.back, &mut self.forth),
        };
        if segment.reset {
            self.reset = true;
            return Ok(());
        }
        own.half.insert(segment, &other.half)?;
        if let Some(acknowledged) = segment.acknowledged {
            other.half.acknowledge(acknowledged, &own.half);
        }
        // What is behind the captured part of the segment is missing.
        if segment.cut {
            self.cut_unseen |= recognise(segment.payload) != Recognition::Other;
            return Err(Broken::Lost);
        }
        while self.advance(Way::Forth, events)? | self.advance(Way::Back, events)? {}
        if self.forth.half.is_hopeless() || self.back.half.is_hopeless() {
            return Err(Broken::Lost);
        }
        Ok(())
    }

    /// Takes what one direction said next; whether that was anything.
    fn advance(&mut self, way: Way, events: &mut Events) -> Result<bool, Broken> {
        let (own, other) = match way {
            Way::Forth => (&mut self.forth, &self.back),
            Way::Back => (&mut self.back, &self.forth),
        };
        let Some(bytes) = own.half.advance(other.half.next()) else {
            return Ok(own.half.end_if_complete());
        };
        own.frame.extend_from_slice(&bytes);
        if own.frame.len() < own.enough {
            return Ok(true);
        }
        if let Carries::Unknown { packets } = &self.carries {
            let packets = *packets;
            match recognise(&own.frame) {
                Recognition::Open { .. } => return Ok(true),
                Recognition::Framed(framing) => {
                    if self.after == After::Lost {
                        return Err(Broken::Lost);
                    }
                    let channel = events.open(Peers::Tcp { ends: self.ends });
                    self.carries = Carries::Spdm { framing, channel };
                }
                Recognition::Other if !own.half.is_from_syn() && packets <= TRIED => {
                    own.frame.clear();
                    return Ok(true);
                }
                Recognition::Other => {
                    self.give_up(packets, events);
                    return Ok(false);
                }
            }
        }
        if let Carries::Spdm { framing, channel } = self.carries {
            own.frames(framing, channel, events)?;
        }
        Ok(true)
    }

    /// It is no SPDM.
    fn give_up(&mut self, packets: usize, events: &mut Events) {
        (0..packets).for_each(|_| events.note(Note::OtherPacket));
        self.carries = Carries::Other;
        (self.forth, self.back) = Default::default();
    }

    /// What follows cannot be understood. That matters only where it is SPDM.
    fn break_off(&mut self, broken: Broken, packet: u64, events: &mut Events) {
        let channel = match self.carries {
            Carries::Spdm { channel, .. } => Some(channel),
            Carries::Unknown { packets } if !self.looks_like_spdm() => {
                return self.give_up(packets, events);
            }
            _ => None,
        };
        self.carries = Carries::Broken { channel };
        let ends = self.ends;
        events.note(match broken {
            Broken::Lost => Note::LostBytes { ends, packet },
            Broken::Changed => Note::ChangedBytes { ends, packet },
            Broken::Framing => Note::LostFraming { ends, packet },
        });
        (self.forth, self.back) = Default::default();
    }

    /// Whether bytes of a connection that was not recognised look like SPDM.
    fn looks_like_spdm(&self) -> bool {
        self.cut_unseen
            || [&self.forth, &self.back].into_iter().any(|direction| {
                let begun =
                    matches!(recognise(&direction.frame), Recognition::Open { header: true });
                let framed = |bytes| matches!(recognise(bytes), Recognition::Framed(_));
                self.after == After::Lost && framed(&direction.frame)
                    || begun
                    || direction.half.ahead().any(framed)
            })
    }

    /// Nothing more comes. `packet` is the last one of the capture so far.
    pub(super) fn finish(&mut self, packet: u64, events: &mut Events) {
        let directions = [&self.forth, &self.back];
        let lacks =
            |direction: &&Direction| direction.half.lacks_bytes(!direction.frame.is_empty());
        match self.carries {
            Carries::Other => {}
            // The SYN of the connection before, once more.
            Carries::Unknown { packets: 1 } if self.after == After::Connection => {}
            Carries::Unknown { packets } if !self.looks_like_spdm() => {
                self.give_up(packets, events)
            }
            Carries::Unknown { .. } => self.break_off(Broken::Lost, packet, events),
            Carries::Spdm { .. } if directions.iter().any(lacks) => {
                self.break_off(Broken::Lost, packet, events);
            }
            Carries::Spdm { .. } => {
                if directions.iter().any(|direction| !direction.frame.is_empty()) {
                    events.note(Note::LostBytes { ends: self.ends, packet });
                }
            }
            Carries::Broken { .. } => {}
        }
        if let Carries::Spdm { channel, .. } | Carries::Broken { channel: Some(channel) } =
            self.carries
        {
            events.end(channel);
        }
    }
}

/// From the one who spoke first, or to them.
#[derive(Clone, Copy)]
enum Way {
    Forth,
    Back,
}

impl Direction {
    /// Takes the complete frames.
    fn frames(
        &mut self,
        framing: Framing,
        channel: Channel,
        events: &mut Events,
    ) -> Result<(), Broken> {
        let mut used = 0;
        self.enough = loop {
            let rest = self.frame.get(used..).unwrap_or_default();
            match framing.decode(rest, usize::MAX) {
                Ok(DecodedFrame::Complete { frame, len }) => {
                    match frame {
                        Frame::Message(kind, message) => {
                            events.message(channel, kind.into(), message, padding(framing));
                        }
                        _ => events.note(Note::OtherFrame),
                    }
                    used += len;
                }
                Ok(DecodedFrame::Incomplete { missing }) => break rest.len() + missing,
                Err(_) => return Err(Broken::Framing),
            }
        };
        self.frame.drain(..used);
        Ok(())
    }
}

const fn padding(framing: Framing) -> usize {
    match framing {
        Framing::DmtfEmu(Binding::Doe) => MAX_PADDING,
        _ => 0,
    }
}
