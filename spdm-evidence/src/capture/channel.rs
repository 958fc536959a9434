//! Who talks to whom in a capture.

use core::fmt;
use core::net::SocketAddr;

/// One of the conversations that a capture holds side by side: the messages of two peers, in order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Channel {
    /// Its number, from 0, in the order of the first messages.
    pub number: usize,
    /// Who talks.
    pub peers: Peers,
}

/// Where packets were captured. The same addresses on another wire are others.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Wire {
    /// The interface of the capture.
    pub(super) interface: u32,
    /// The interface of the machine that captured, where Linux cooked packets name it.
    pub(super) index: u32,
    /// The virtual networks, from the outside in; 0 for none.
    pub(super) vlans: [u16; 3],
}

/// The two ends of a [`Channel`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Peers {
    /// Nothing in the packets says so: data objects, bare messages, DSP0287 without its TCP segments.
    Interface {
        /// The interface of the capture.
        interface: u32,
    },
    /// Two MCTP endpoints, the one with the smaller ID first.
    Mctp {
        /// The interface of the capture.
        interface: u32,
        /// Their endpoint IDs.
        endpoints: [u8; 2],
    },
    /// A TCP connection; the side that spoke first is the first one.
    Tcp {
        /// Addresses and ports.
        ends: [SocketAddr; 2],
    },
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface { interface } => write!(f, "interface {interface}"),
            Self::Mctp { endpoints: [low, high], .. } => {
                write!(f, "MCTP endpoints {low} and {high}")
            }
            Self::Tcp { ends: [client, server] } => write!(f, "TCP {client} to {server}"),
        }
    }
}
