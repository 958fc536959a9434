//! Recording a connection as evidence.

use spdm_codec::ErrorCode;
use spdm_evidence::{Evidence, Exchange, Negotiation, Recording};
use spdm_requester::{Connection, Error, Sink, Verdict};

/// Keeps every exchange of one connection.
#[derive(Debug)]
pub(crate) struct Recorder {
    recording: Recording,
    /// The last answer was Busy or ResponseNotReady: another one to the same request follows.
    waiting: bool,
}

impl Recorder {
    /// `padding` is how many bytes the transport may append to a message.
    pub(crate) const fn new(padding: usize) -> Self {
        Self { recording: Recording::new(Negotiation::Recorded, padding), waiting: false }
    }

    /// The connection as it was recorded.
    pub(crate) fn into_recording(self) -> Recording {
        self.recording
    }

    fn exchange(&mut self, request: &[u8], response: &[u8]) {
        let response = Some(response.to_vec());
        match self.recording.exchanges.last_mut() {
            Some(last) if self.waiting && last.request == request => {
                last.interim.extend(last.response.take());
                last.response = response;
            }
            _ => {
                let request = request.to_vec();
                self.recording.exchanges.push(Exchange { request, interim: Vec::new(), response });
            }
        }
    }
}

impl Sink for Recorder {
    fn accepted(
        &mut self,
        exchange: spdm_requester::Exchange<'_>,
        verdict: &Verdict<'_, '_>,
        _: &Connection,
    ) {
        self.exchange(exchange.request, exchange.response.into_inner_less_safe());
        self.waiting = matches!(
            verdict,
            Verdict::Error(error)
                if matches!(error.code, ErrorCode::BUSY | ErrorCode::RESPONSE_NOT_READY)
        );
    }

    fn rejected(&mut self, exchange: spdm_requester::Exchange<'_>, _: &Error) {
        self.exchange(exchange.request, exchange.response.into_inner_less_safe());
        self.waiting = false;
    }
}

/// Evidence of these connections.
pub(crate) fn evidence(target: &str, recordings: Vec<Recording>) -> Evidence {
    let mut evidence = Evidence::new(target);
    evidence.created = Some(crate::time::now());
    evidence.recordings = recordings;
    evidence
}
