//! What a request asks for, as far as the form of its response depends on it.

use crate::any::Request;
use crate::challenge::MeasurementSummary;
use crate::cx::Cx;

/// What the form of the next response depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LastRequest {
    pub(super) signature: Option<SignatureAsked>,
    pub(super) summary: Option<MeasurementSummary>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SignatureAsked {
    Yes,
    No,
}

impl LastRequest {
    pub(super) const NOTHING: Self = Self { signature: None, summary: None };

    /// [`None`] for a request that asks for nothing of that kind: also for those that fetch the response to an
    /// earlier one.
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

    /// The context of the response.
    pub(super) fn refine(self, cx: Cx, hash_len: usize) -> Cx {
        let cx = cx.with_summary_len(self.summary_len(hash_len));
        match self.signature {
            Some(SignatureAsked::No) => cx.with_signature_len(0),
            Some(SignatureAsked::Yes) | None => cx,
        }
    }
}
