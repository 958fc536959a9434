//! What a reader of captures and evidence left out.

use core::fmt;

use std::collections::HashMap;

use spdm_codec::Code;

/// Something that a reader left out and that is not an error.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// The file ends inside a packet, or holds only the beginning of one.
    CutPacket {
        /// Bytes that are there.
        bytes: usize,
    },
    /// A message of which a packet is not in the capture. [`Evidence::read`](crate::Evidence::read) refuses such a
    /// capture: what the message said cannot be judged.
    LostPacket,
    /// A packet that is not SPDM.
    OtherPacket,
    /// Secured messages, which need the session's keys.
    Secured {
        /// How many.
        messages: usize,
    },
    /// A message that answers or continues nothing before it.
    Stray {
        /// Its code.
        code: Code,
    },
    /// Zero bytes behind the last message of a transcript, as files that are written in blocks have them.
    TrailingZeros {
        /// How many.
        bytes: usize,
    },
    /// A member of JSON that is called evidence and holds that of something else, such as a processor's quote.
    OtherEvidence,
    /// A member of JSON that is called nonce and lies around the evidence, but cannot be a nonce of SPDM.
    OtherNonce,
    /// No signature covers the negotiation, and the algorithms that only the negotiation states are left out of the
    /// report.
    UnsignedNegotiation,
    /// A request whose response is missing.
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
            Self::LostPacket => f.write_str("a message of which a packet is missing was left out"),
            Self::OtherPacket => f.write_str("a packet that is not SPDM was left out"),
            Self::Secured { messages } => write!(f, "{messages} secured messages were not opened"),
            Self::Stray { code } => write!(f, "{code} fits nothing before it and was left out"),
            Self::TrailingZeros { bytes: 1 } => {
                f.write_str("one zero byte behind the last message was left out")
            }
            Self::TrailingZeros { bytes } => {
                write!(f, "{bytes} zero bytes behind the last message were left out")
            }
            Self::OtherEvidence => f.write_str("evidence that is not of SPDM was left out"),
            Self::OtherNonce => f.write_str("a nonce that is not 32 bytes long was left out"),
            Self::UnsignedNegotiation => f.write_str(
                "no signature covers the negotiation: algorithms that only it states are left out",
            ),
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
