//! PSK_EXCHANGE and PSK_EXCHANGE_RSP.

use spdm_codec::{
    Code, MeasCap, MeasurementSummary, PskExchange, PskExchangeRsp, SecuredMessageVersion,
};
use spdm_crypto::Digest;
use spdm_untrusted::Untrusted;

use super::Connection;
use super::key_exchange::{check_heartbeat, check_opaque, session_id};
use crate::answer::Answer;
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::operation::open_psk_session::check_context;
use crate::summary::SummaryHash;
use crate::transcript::{Crypto, RunningTranscript};

const MESSAGE: &str = "PSK_EXCHANGE_RSP";

/// A session whose PSK_EXCHANGE_RSP was accepted, but for its HMAC: that takes the pre-shared key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BegunPskSession<'r> {
    /// The message.
    pub message: PskExchangeRsp<'r>,
    /// The transcript hash TH1, of which the secrets of the handshake are made: everything up to the HMAC.
    pub th1: Digest,
    /// `SessionID`: the Responder's half is the high one.
    pub session_id: u32,
    /// The version of DSP0277 that was selected; `None` where none was offered.
    pub secured_version: Option<SecuredMessageVersion>,
    /// How many records a key protects at most, as a power of two: what the device says (DSP0277 1.3 §AEAD limit).
    pub aead_limit: u8,
    /// What the HMAC says of the measurements, where PSK_EXCHANGE asked for it.
    pub summary: Option<SummaryHash>,
}

impl Connection {
    /// [`Self::accept`] for PSK_EXCHANGE_RSP, the message that begins a session with a pre-shared key: its fields are
    /// compared with the request and the negotiation. Its HMAC is not checked yet.
    ///
    /// The session has this index among those of the connection. Its transcript, A and both messages up to the HMAC, is
    /// in the place of the bank that [`Crypto::hashes`] says, and goes on with what the caller adds. An ERROR in answer
    /// is one for [`Self::accept`].
    ///
    /// # Errors
    /// Those of [`Self::accept`]; then no session begins.
    pub fn begin_psk_session<'r>(
        &mut self,
        crypto: &mut Crypto<'_>,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
        index: usize,
    ) -> Result<BegunPskSession<'r>, Error> {
        ErrorCell::by_value(|errors| {
            let answer = self.answer_to(errors, Code::PSK_EXCHANGE, request, response)?;
            self.accept_psk_exchange(errors, crypto, &answer, index)
        })
    }

    /// Checks PSK_EXCHANGE_RSP but for its HMAC. The transcript of the session with this index begins: A, both messages up
    /// to the HMAC (DSP0274 §Transcript for PSK_EXCHANGE).
    #[inline(never)]
    pub(crate) fn accept_psk_exchange<'f, 'r>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        index: usize,
    ) -> Result<BegunPskSession<'r>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        self.check_size(errors, answer)?;
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
        let (secured_version, aead_limit) =
            check_opaque(errors, MESSAGE, &question.opaque, &message.opaque)?;
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
        Ok(BegunPskSession { message, th1, session_id, secured_version, aead_limit, summary })
    }
}
