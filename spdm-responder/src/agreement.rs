//! What Requester and device agreed on.

use spdm_codec::{
    BaseAsymAlgo, CapabilityFlags, ConnectionKeys, Cx, Handshake, MeasurementHashAlgo,
    MeasurementSpecification, MelSpecification, OpaqueFormat, PqcAsymAlgo, RecordPrivacy,
    SpdmVersion, TransferSizes,
};
use spdm_crypto::{AeadAlgorithm, AsymAlgorithm, HashAlgorithm, KeyExchangeAlgorithm};

use crate::mutual::{self, Requester};
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

    /// Whether both sides can make sessions with a pre-shared key (PSK_CAP).
    pub(crate) fn pre_shared_keys(&self) -> bool {
        let both = CapabilityFlags::PSK_CAP | CapabilityFlags::PSK_CAP_CONTEXT;
        self.requester.contains(CapabilityFlags::PSK_CAP) && self.flags.intersects(both)
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
    /// The base hash: that of the suite, and there with PSK sessions, too.
    pub(crate) hash: Option<HashAlgorithm>,
    /// What sessions are made with.
    pub(crate) key_exchange: Option<KeyExchangeAlgorithm>,
    /// What their records are sealed with.
    pub(crate) aead: Option<AeadAlgorithm>,
    pub(crate) measurement_specification: MeasurementSpecification,
    pub(crate) measurement_hash: MeasurementHashAlgo,
    pub(crate) opaque: OpaqueFormat,
    /// ResponderMultiKeyConn (1.3).
    pub(crate) keys: ConnectionKeys,
    /// RequesterMultiKeyConnSel (1.3).
    pub(crate) requester_keys: ConnectionKeys,
    pub(crate) mel: MelSpecification,
    /// ReqBaseAsymAlg and ReqPqcAsymAlg: at most one of them.
    pub(crate) requester_asym: (Option<BaseAsymAlgo>, Option<PqcAsymAlgo>),
}

/// A connection after ALGORITHMS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    pub(crate) peer: Peer,
    pub(crate) selection: Selection,
    pub(crate) authentication: Authentication,
    pub(crate) window: DigestsWindow,
    /// Who the Requester is, outside of sessions.
    pub(crate) requester: Requester,
}

impl Agreement {
    /// What the device's own messages can be decoded with.
    pub(crate) fn cx(&self) -> Cx {
        let asym = self.selection.suite.map_or(0, |suite| suite.asym.signature_len());
        let hash = self.selection.hash.map_or(0, HashAlgorithm::digest_len);
        Cx::new(self.peer.version)
            .with_hash_len(hash)
            .with_signature_len(asym)
            .with_requester_signature_len(mutual::signature_len(&self.selection))
            .with_connection_keys(self.selection.keys)
            .with_opaque_format(self.selection.opaque)
            .with_handshake(self.handshake())
    }

    /// Whether FINISH comes outside of its session.
    pub(crate) fn handshake(&self) -> Handshake {
        if self.peer.both().contains(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP) {
            Handshake::InTheClear
        } else {
            Handshake::Secured
        }
    }

    /// Whether records are encrypted.
    pub(crate) fn privacy(&self) -> RecordPrivacy {
        if self.peer.both().contains(CapabilityFlags::ENCRYPT_CAP) {
            RecordPrivacy::Encrypted
        } else {
            RecordPrivacy::Authenticated
        }
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

/// Which DIGESTS enters the transcripts of sessions on a connection with several keys (1.3): the first, where nothing
/// but GET_DIGESTS came since ALGORITHMS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DigestsWindow {
    Open,
    Closed,
}

/// How far the negotiation is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    NotStarted,
    AfterVersion,
    AfterCapabilities(Peer),
    Negotiated(Agreement),
}
