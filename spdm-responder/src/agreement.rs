//! What Requester and device agreed on.

use spdm_codec::{
    CapabilityFlags, ConnectionKeys, Cx, MeasurementHashAlgo, MeasurementSpecification,
    MelSpecification, OpaqueFormat, SpdmVersion, TransferSizes,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::refusal::Refusal;

/// The signature and hash algorithms of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "one of each is selected")]
pub struct Suite {
    /// What signs.
    pub asym: AsymAlgorithm,
    /// The base hash.
    pub hash: HashAlgorithm,
}

/// What CAPABILITIES settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// The version of the connection.
    pub version: SpdmVersion,
    /// What the device can do in this version.
    pub flags: CapabilityFlags,
    /// What the Requester can do in this version.
    pub requester: CapabilityFlags,
    /// What the Requester receives at most, from 1.2 on.
    pub sizes: Option<TransferSizes>,
}

impl Peer {
    pub(crate) const fn new(
        version: SpdmVersion,
        flags: CapabilityFlags,
        requester: CapabilityFlags,
        sizes: Option<TransferSizes>,
    ) -> Self {
        Self { version, flags, requester, sizes }
    }

    /// Capabilities that both sides have.
    #[must_use]
    pub fn both(&self) -> CapabilityFlags {
        self.flags & self.requester
    }

    /// Whether large messages travel in chunks (CHUNK_CAP of both sides).
    #[must_use]
    pub fn chunks(&self) -> bool {
        self.both().contains(CapabilityFlags::CHUNK_CAP)
    }

    /// The largest response that the Requester takes, chunked or not, in bytes.
    pub(crate) fn most(&self) -> usize {
        if !self.chunks() {
            return self.room();
        }
        let whole = self.sizes.and_then(|sizes| usize::try_from(sizes.max_spdm_msg_size).ok());
        whole.unwrap_or(usize::MAX)
    }

    /// The largest message that the Requester takes, in bytes.
    pub(crate) fn room(&self) -> usize {
        let one = self.sizes.and_then(|sizes| usize::try_from(sizes.data_transfer_size).ok());
        one.unwrap_or(usize::MAX)
    }

    /// Refuses a response that the Requester could not receive.
    pub(crate) fn check_size(&self, len: usize) -> Result<(), Refusal> {
        if len > self.most() { Err(Refusal::too_large(len)) } else { Ok(()) }
    }
}

/// What ALGORITHMS selected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    /// Absent where no capability needs them.
    pub(crate) suite: Option<Suite>,
    pub(crate) measurement_specification: MeasurementSpecification,
    pub(crate) measurement_hash: MeasurementHashAlgo,
    pub(crate) opaque: OpaqueFormat,
    /// ResponderMultiKeyConn (1.3).
    pub(crate) keys: ConnectionKeys,
    /// RequesterMultiKeyConnSel (1.3).
    pub(crate) requester_keys: ConnectionKeys,
    pub(crate) mel: MelSpecification,
}

/// A connection after ALGORITHMS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    pub(crate) peer: Peer,
    pub(crate) selection: Selection,
    pub(crate) authentication: Authentication,
}

impl Agreement {
    /// What the device's own messages can be decoded with.
    pub(crate) fn cx(&self) -> Cx {
        let (asym, hash) = match self.selection.suite {
            Some(suite) => (suite.asym.signature_len(), suite.hash.digest_len()),
            None => (0, 0),
        };
        Cx::new(self.peer.version)
            .with_hash_len(hash)
            .with_signature_len(asym)
            .with_connection_keys(self.selection.keys)
            .with_opaque_format(self.selection.opaque)
    }

    pub(crate) fn suite(&self) -> Result<Suite, Refusal> {
        self.selection.suite.ok_or_else(Refusal::unexpected)
    }
}

/// Whether CHALLENGE was answered on this connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Authentication {
    Outstanding,
    Answered,
}

/// How far the negotiation is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    NotStarted,
    AfterVersion,
    AfterCapabilities(Peer),
    Negotiated(Agreement),
}
