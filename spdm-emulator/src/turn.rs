//! One request and its response: what a handler works with.

use spdm_codec::{Code, Cx, Message, RequesterNonce, SpdmVersion};

use crate::config::DeviceConfig;
use crate::entropy::Entropy;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::key_ring::KeyRing;
use crate::script::Edit;

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
) -> Result<Vec<u8>, ErrorAnswer> {
    let mut out = vec![0; MAX_RESPONSE];
    let len = message.encode(version, &mut out)?;
    out.truncate(len);
    Ok(out)
}
