//! M1 and L1 as the device composes them (DSP0274 §Signature generation).

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::Running;
use spdm_crypto::{Digest, HashAlgorithm, RunningHash as _, Unsupported};

/// The running hashes of a connection: only bytes that were sent and received enter, without padding.
///
/// * M1 = A ‖ B ‖ C: negotiation, DIGESTS and CERTIFICATE exchanges, CHALLENGE.
/// * L1 = M, from 1.2 on A ‖ M: consecutive MEASUREMENTS exchanges.
#[derive(Debug)]
pub(crate) struct DeviceTranscript {
    before_b: Running,
    before_m: Running,
    m1: Running,
    l1: Running,
}

impl DeviceTranscript {
    /// `negotiation` is A: the six messages up to ALGORITHMS.
    pub(crate) fn new(
        version: SpdmVersion,
        hash: HashAlgorithm,
        negotiation: &[u8],
    ) -> Result<Self, Unsupported> {
        let empty = Running::start(hash)?;
        let mut before_b = empty.clone();
        before_b.update(negotiation);
        let before_m = match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => empty,
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => before_b.clone(),
        };
        let (m1, l1) = (before_b.clone(), before_m.clone());
        Ok(Self { before_b, before_m, m1, l1 })
    }

    /// Empties B.
    pub(crate) fn reset_b(&mut self) {
        self.m1 = self.before_b.clone();
    }

    /// Empties M.
    pub(crate) fn reset_m(&mut self) {
        self.l1 = self.before_m.clone();
    }

    /// An exchange of GET_DIGESTS or GET_CERTIFICATE.
    pub(crate) fn append_b(&mut self, request: &[u8], response: &[u8]) {
        self.m1.update(request);
        self.m1.update(response);
    }

    /// An exchange of GET_MEASUREMENTS without signature.
    pub(crate) fn append_m(&mut self, request: &[u8], response: &[u8]) {
        self.l1.update(request);
        self.l1.update(response);
    }

    /// The digest of M1 with this CHALLENGE and this CHALLENGE_AUTH without its signature as C.
    pub(crate) fn m1(&self, request: &[u8], response: &[u8]) -> Digest {
        finish(&self.m1, request, response)
    }

    /// The digest of L1 that ends with this exchange, MEASUREMENTS without its signature.
    pub(crate) fn l1(&self, request: &[u8], response: &[u8]) -> Digest {
        finish(&self.l1, request, response)
    }
}

fn finish(running: &Running, request: &[u8], response: &[u8]) -> Digest {
    let mut running = running.clone();
    running.update(request);
    running.update(response);
    running.snapshot()
}
