//! PSK_EXCHANGE and PSK_EXCHANGE_RSP.

use spdm_codec::{
    Code, MeasCap, MeasurementSummary, PskExchange, PskExchangeRsp, SecuredMessageVersion,
};
use spdm_crypto::Digest;

use super::Connection;
use super::key_exchange::{check_heartbeat, check_opaque, session_id};
use crate::answer::Answer;
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::operation::open_psk_session::check_context;
use crate::summary::SummaryHash;
use crate::transcript::{Crypto, RunningTranscript};

const MESSAGE: &str = "PSK_EXCHANGE_RSP";

/// What a PSK_EXCHANGE_RSP brought, before its HMAC is checked, and the transcript so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PskKeyed<'r> {
    pub(crate) message: PskExchangeRsp<'r>,
    /// TH1: up to the HMAC.
    pub(crate) th1: Digest,
    /// `SessionID`.
    pub(crate) session_id: u32,
    /// The version of DSP0277 that was selected; `None` where none was offered.
    pub(crate) secured_version: Option<SecuredMessageVersion>,
    pub(crate) summary: Option<SummaryHash>,
}

impl Connection {
    /// Checks PSK_EXCHANGE_RSP but for its HMAC. The transcript of the session with this index begins: A, both messages up
    /// to the HMAC (DSP0274 §Transcript for PSK_EXCHANGE).
    #[inline(never)]
    pub(crate) fn accept_psk_exchange<'f, 'r>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        index: usize,
    ) -> Result<PskKeyed<'r>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::PSK_EXCHANGE));
        };
        let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
        let cx = negotiated.cx(self.padding);
        let asked = errors.decode_request::<PskExchange<'_>>(request, &cx)?;
        let question = &asked.message;
        let measures = negotiated.responder.flags.meas_cap() != MeasCap::None;
        let summary = question.summary != MeasurementSummary::None && measures;
        let cx = cx.with_padding(self.answer_padding()).with_summary_len(if summary {
            negotiated.hash_len()
        } else {
            0
        });
        let decoded = errors.decode::<PskExchangeRsp<'_>>(response, &cx)?;
        let message = decoded.message;
        check_heartbeat(errors, MESSAGE, negotiated, message.heartbeat_period)?;
        check_context(errors, negotiated, &message)?;
        let secured_version = check_opaque(errors, MESSAGE, &question.opaque, &message.opaque)?;
        let (requester, responder) = (question.req_session_id, message.rsp_session_id);
        let session_id = session_id(errors, MESSAGE, requester, responder)?;

        let covered = decoded.bytes.len().saturating_sub(message.verify_data.len());
        let covered = decoded.bytes.get(..covered).unwrap_or_default();
        let place = RunningTranscript::place_of_session(index);
        let hashes = &mut *crypto.hashes;
        let th1 = hashes
            .start(place, hash)
            .and_then(|()| hashes.update(place, self.vca.as_bytes()))
            .and_then(|()| hashes.update(place, asked.bytes))
            .and_then(|()| hashes.update(place, covered))
            .and_then(|()| hashes.snapshot(place))
            .map_err(|error| errors.stop(error))?;
        let summary = SummaryHash::new(question.summary, message.measurement_summary_hash);
        (self.pending, self.large) = (None, false);
        Ok(PskKeyed { message, th1, session_id, secured_version, summary })
    }
}
