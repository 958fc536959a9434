//! What device and Requester agreed on.

use spdm_codec::{
    CapabilityFlags, Code, MeasurementHashAlgo, MeasurementSpecification, Message, Nonce,
    OpaqueFormat, SpdmVersion,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::config::DeviceConfig;
use crate::entropy::Entropy;
use crate::fault::Fault;
use crate::identity::KeyRing;
use crate::refusal::Refusal;
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
    /// What the Requester receives at most, from 1.2 on.
    pub(crate) data_transfer_size: Option<u32>,
}

impl Peer {
    /// Refuses a response that the Requester could not receive.
    pub(crate) fn check_size(&self, response: &[u8]) -> Result<(), Refusal> {
        let limit = self.data_transfer_size.and_then(|size| usize::try_from(size).ok());
        match limit {
            Some(limit) if response.len() > limit => Err(Refusal::too_large(response.len())),
            _ => Ok(()),
        }
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
    pub(crate) nonce: Option<Nonce>,
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
}

impl Turn<'_> {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
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
