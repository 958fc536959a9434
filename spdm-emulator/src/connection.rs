//! What device and Requester agreed on.

use spdm_codec::{
    CapabilityFlags, Code, ConnectionKeys, Cx, MeasurementHashAlgo, MeasurementSpecification,
    MelSpecification, Message, OpaqueFormat, RequesterNonce, SpdmVersion, TransferSizes,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::config::DeviceConfig;
use crate::entropy::Entropy;
use crate::fault::Fault;
use crate::identity::KeyRing;
use crate::refusal::Refusal;
use crate::script::Edit;
use crate::transcript::Transcript;

/// How far the negotiation is.
#[derive(Debug, Default)]
pub(crate) enum Phase {
    #[default]
    NotStarted,
    AfterVersion,
    AfterCapabilities(Peer),
    Negotiated(Box<Negotiated>),
}

/// After CAPABILITIES.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
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

impl Peer {
    /// Refuses a response that the Requester could not receive.
    pub(crate) fn check_size(&self, response: &[u8]) -> Result<(), Refusal> {
        if response.len() > self.most() {
            return Err(Refusal::too_large(response.len()));
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
pub(crate) struct Selection {
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
pub(crate) struct Negotiated {
    pub(crate) peer: Peer,
    pub(crate) selection: Selection,
    pub(crate) suite: Option<Suite>,
    pub(crate) authentication: Authentication,
}

impl Negotiated {
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

    pub(crate) fn suite(&self) -> Result<&Suite, Refusal> {
        self.suite.as_ref().ok_or_else(Refusal::unexpected)
    }
}

/// The algorithms of signatures and what they are over.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) asym: AsymAlgorithm,
    pub(crate) hash: HashAlgorithm,
    pub(crate) transcript: Transcript,
}

/// Whether CHALLENGE was answered on this connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Authentication {
    Outstanding,
    Answered,
}

/// What faults remember; it survives GET_VERSION.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The Requester's nonce in the signed request before.
    pub(crate) nonce: Option<RequesterNonce>,
    /// The signed MEASUREMENTS that is replayed.
    pub(crate) measurements: Option<Vec<u8>>,
    /// The request that was answered with Busy.
    pub(crate) busy: Option<Code>,
    /// The request that waits for RESPOND_IF_READY.
    pub(crate) pending: Option<Vec<u8>>,
}

/// What the handler of one request works with.
#[derive(Debug)]
pub(crate) struct Turn<'d> {
    pub(crate) config: &'d DeviceConfig,
    pub(crate) keys: &'d KeyRing,
    pub(crate) entropy: &'d mut Entropy,
    pub(crate) history: &'d mut History,
    /// The faults that concern this request.
    pub(crate) faults: Vec<Fault>,
    /// What the script changes in the response before it is signed.
    pub(crate) changes: Vec<Edit>,
}

impl Turn<'_> {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Lets the script change a response; `cx` is what it can be decoded with.
    pub(crate) fn change(&self, cx: &Cx, response: &mut Vec<u8>) {
        for edit in &self.changes {
            edit.apply(cx, response);
        }
    }
}

/// The longest response that the device makes itself.
const MAX_RESPONSE: usize = 0x1_1000;

pub(crate) fn encode<'a>(
    message: &impl Message<'a>,
    version: SpdmVersion,
) -> Result<Vec<u8>, Refusal> {
    let mut out = vec![0; MAX_RESPONSE];
    let len = message.encode(version, &mut out)?;
    out.truncate(len);
    Ok(out)
}
