//! What device and Requester agreed on.

use spdm_codec::{
    CapabilityFlags, ConnectionKeys, Cx, MeasurementHashAlgo, MeasurementSpecification,
    MelSpecification, OpaqueFormat, SpdmVersion, TransferSizes,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::device_transcript::DeviceTranscript;
use crate::error_answer::ErrorAnswer;

/// How far the negotiation is.
#[derive(Debug, Default)]
pub(crate) enum NegotiationState {
    #[default]
    NotStarted,
    AfterVersion,
    AfterCapabilities(PeerCapabilities),
    Agreement(Box<Agreement>),
}

/// After CAPABILITIES.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerCapabilities {
    pub(crate) version: SpdmVersion,
    /// What the device can do in this version.
    pub(crate) flags: CapabilityFlags,
    /// What the Requester can do in this version.
    pub(crate) requester: CapabilityFlags,
    /// What the Requester receives at most, from 1.2 on.
    pub(crate) sizes: Option<TransferSizes>,
    /// Whether both sides can chunk.
    pub(crate) chunks: bool,
}

impl PeerCapabilities {
    /// Refuses a response that the Requester could not receive.
    pub(crate) fn check_size(&self, response: &[u8]) -> Result<(), ErrorAnswer> {
        if response.len() > self.most() {
            return Err(ErrorAnswer::too_large(response.len()));
        }
        Ok(())
    }

    /// The largest response that the Requester takes, chunked or not, in bytes.
    pub(crate) fn most(&self) -> usize {
        if !self.chunks {
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
}

/// What ALGORITHMS selected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelectedAlgorithms {
    /// Absent where no capability needs them.
    pub(crate) algorithms: Option<(AsymAlgorithm, HashAlgorithm)>,
    pub(crate) measurement_specification: MeasurementSpecification,
    pub(crate) measurement_hash: MeasurementHashAlgo,
    pub(crate) opaque: OpaqueFormat,
    /// ResponderMultiKeyConn (1.3).
    pub(crate) keys: ConnectionKeys,
    /// RequesterMultiKeyConnSel (1.3).
    pub(crate) requester_keys: ConnectionKeys,
    pub(crate) mel: MelSpecification,
}

/// After ALGORITHMS.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) peer: PeerCapabilities,
    pub(crate) selection: SelectedAlgorithms,
    pub(crate) suite: Option<SigningSuite>,
    pub(crate) authentication: Authentication,
}

impl Agreement {
    /// What the device's own messages can be decoded with.
    pub(crate) fn cx(&self) -> Cx {
        let (asym, hash) = match self.selection.algorithms {
            Some((asym, hash)) => (asym.signature_len(), hash.digest_len()),
            None => (0, 0),
        };
        Cx::new(self.peer.version)
            .with_hash_len(hash)
            .with_signature_len(asym)
            .with_connection_keys(self.selection.keys)
            .with_opaque_format(self.selection.opaque)
    }

    pub(crate) fn suite(&self) -> Result<&SigningSuite, ErrorAnswer> {
        self.suite.as_ref().ok_or_else(ErrorAnswer::unexpected)
    }
}

/// The algorithms of signatures and what they are over.
#[derive(Debug)]
pub(crate) struct SigningSuite {
    pub(crate) asym: AsymAlgorithm,
    pub(crate) hash: HashAlgorithm,
    pub(crate) transcript: DeviceTranscript,
}

/// Whether CHALLENGE was answered on this connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Authentication {
    Outstanding,
    Answered,
}
