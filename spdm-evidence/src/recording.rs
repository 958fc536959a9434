//! A connection on record: its exchanges, and what is known besides.

use core::fmt;

use spdm_codec::{ChunkError, Code, DecodeError, ErrorCode, SlotId};
use spdm_requester::Negotiated;

use crate::note::Note;

/// One request and its final answer, chunks reassembled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "recorders build it")]
pub struct RecordedExchange {
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
    pub exchanges: Vec<RecordedExchange>,
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

/// Why a recording ends early: the messages cannot be put together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Broken {
    /// A message that has to be understood to go on cannot be decoded.
    Decode(DecodeError),
    /// A chunk breaks a rule.
    Chunk(ChunkError),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Chunk(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Broken {}

impl From<DecodeError> for Broken {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<ChunkError> for Broken {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Decode(error) => Self::Decode(error),
            other => Self::Chunk(other),
        }
    }
}
