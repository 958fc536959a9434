//! One exchange: who takes part, how its request came, and where its bytes are.

use crate::device::Device;
use crate::hook::{Arrival, Hook};
use crate::scope::Scope;

/// Who takes part in one exchange.
pub(crate) struct Parts<'p> {
    pub(crate) device: &'p mut dyn Device,
    pub(crate) hook: &'p mut dyn Hook,
    /// Where the exchange takes place.
    pub(crate) scope: Scope,
}

/// How a request came, and so how its answer goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// In one message.
    Direct(Arrival),
    /// In chunks; this was the last one.
    Chunked { handle: u8, seq_no: u32 },
}

impl Way {
    pub(crate) const fn arrival(self) -> Arrival {
        match self {
            Self::Direct(arrival) => arrival,
            Self::Chunked { .. } => Arrival::Reassembled,
        }
    }
}

/// Where a whole request is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'r> {
    Received(&'r [u8]),
    /// In the first bytes of the message memory.
    Stored(usize),
}

/// Where a whole answer is, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// At the start of what is sent.
    Out(usize),
    /// Behind the request in the message memory.
    Kept(usize),
}
