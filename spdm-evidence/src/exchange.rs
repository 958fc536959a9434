//! A connection on record: its exchanges, and what is known besides.

use core::fmt;

use std::collections::HashMap;

use spdm_codec::{Code, ErrorCode, SlotId};
use spdm_requester::Negotiated;

use crate::assembly::Broken;

/// One request and its final answer, chunks reassembled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "recorders build it")]
pub struct Exchange {
    /// The request.
    pub request: Vec<u8>,
    /// ERROR answers that were not the last word: Busy, ResponseNotReady, RequestInFlight, LargeResponse.
    pub interim: Vec<Vec<u8>>,
    /// The answer, where there is one on record.
    pub response: Option<Vec<u8>>,
}

/// Whether a message is an ERROR after which the answer is still to come.
pub(crate) const fn is_interim(message: &[u8]) -> bool {
    match message {
        [_, code, error, ..] if *code == Code::ERROR.0 => matches!(
            ErrorCode(*error),
            ErrorCode::BUSY
                | ErrorCode::RESPONSE_NOT_READY
                | ErrorCode::REQUEST_IN_FLIGHT
                | ErrorCode::LARGE_RESPONSE
        ),
        _ => false,
    }
}

/// Where the negotiated parameters come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Negotiation {
    /// GET_VERSION to ALGORITHMS are on record.
    Recorded,
    /// They are not, but known (1.0 and 1.1 only).
    Presumed(Negotiated),
}

/// A certificate chain that came with the evidence instead of in a CERTIFICATE.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "recorders build it")]
pub struct SlotChain {
    /// The slot.
    pub slot: SlotId,
    /// The certificates.
    pub content: ChainContent,
}

/// A certificate chain in one of two forms.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChainContent {
    /// The structure of DSP0274: Length, RootHash, certificates.
    Structure(Vec<u8>),
    /// DER certificates, root or leaf first; the structure is made of them.
    Certificates(Vec<Vec<u8>>),
}

/// One connection, from GET_VERSION to the next GET_VERSION.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recording {
    /// Where the negotiated parameters come from.
    pub negotiation: Negotiation,
    /// How many bytes the transport may have appended to a message.
    pub padding: usize,
    /// The exchanges, in order.
    pub exchanges: Vec<Exchange>,
    /// Chains that are not in the exchanges.
    pub chains: Vec<SlotChain>,
    /// Why the recording ends early.
    pub broken: Option<Broken>,
    /// What was left out.
    pub notes: Vec<Note>,
}

impl Recording {
    /// A recording without exchanges.
    #[must_use]
    pub const fn new(negotiation: Negotiation, padding: usize) -> Self {
        Self {
            negotiation,
            padding,
            exchanges: Vec::new(),
            chains: Vec::new(),
            broken: None,
            notes: Vec::new(),
        }
    }
}

/// What a reader left out, and why that is no error.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// The file ends inside a packet, or holds only the beginning of one.
    CutPacket {
        /// Bytes that are there.
        bytes: usize,
    },
    /// A packet that is not SPDM.
    OtherPacket,
    /// Secured messages, which need the session's keys.
    Secured {
        /// How many.
        messages: usize,
    },
    /// A message that fits nothing before it.
    Stray {
        /// Its code.
        code: Code,
    },
    /// A request whose answer is not on record.
    Unanswered {
        /// Its code.
        code: Code,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutPacket { bytes } => {
                write!(f, "a packet of which only {bytes} bytes are there was left out")
            }
            Self::OtherPacket => f.write_str("a packet that is not SPDM was left out"),
            Self::Secured { messages } => write!(f, "{messages} secured messages were not opened"),
            Self::Stray { code } => write!(f, "{code} fits nothing before it and was left out"),
            Self::Unanswered { code } => write!(f, "there is no answer to {code}"),
        }
    }
}

/// A note, and how often there is the same one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CountedNote {
    /// The note.
    pub note: Note,
    /// How often; at least once.
    pub count: usize,
}

impl CountedNote {
    /// Counts equal notes, in the order of their first occurrence.
    pub(crate) fn all(notes: impl IntoIterator<Item = Note>) -> Vec<Self> {
        let mut places = HashMap::new();
        let mut counted: Vec<Self> = Vec::new();
        for note in notes {
            let place = *places.entry(note).or_insert(counted.len());
            match counted.get_mut(place) {
                Some(known) => known.count += 1,
                None => counted.push(Self { note, count: 1 }),
            }
        }
        counted
    }
}

impl fmt::Display for CountedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)?;
        match self.count {
            1 => Ok(()),
            count => write!(f, " ({count} times)"),
        }
    }
}
