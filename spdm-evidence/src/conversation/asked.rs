//! What a request asks for, as far as the form of its answer depends on it.

use spdm_codec::{MeasurementSummary, Request};

/// What the last request asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Asked {
    pub(super) signature: Option<SignatureAsked>,
    pub(super) summary: Option<MeasurementSummary>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SignatureAsked {
    Yes,
    No,
}

impl Asked {
    /// [`None`] for a request that asks for nothing of that kind: also for those that fetch the answer to
    /// an earlier one.
    pub(super) fn by(request: &Request<'_>) -> Option<Self> {
        let asked = |signed: bool, summary| {
            let signature = if signed { SignatureAsked::Yes } else { SignatureAsked::No };
            Some(Self { signature: Some(signature), summary })
        };
        match request {
            Request::Challenge(decoded) => asked(true, Some(decoded.message.summary)),
            Request::GetMeasurements(decoded) => asked(decoded.message.signature.is_some(), None),
            Request::GetEndpointInfo(decoded) => asked(decoded.message.nonce.is_some(), None),
            Request::KeyExchange(decoded) => asked(true, Some(decoded.message.summary)),
            Request::PskExchange(decoded) => asked(false, Some(decoded.message.summary)),
            _ => None,
        }
    }

    /// MSH, given H.
    pub(super) const fn summary_len(self, hash_len: usize) -> usize {
        match self.summary {
            None | Some(MeasurementSummary::None) => 0,
            Some(_) => hash_len,
        }
    }
}
