//! A sink that records what live requesters exchange.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use spdm_codec::{Code, SlotId};
use spdm_requester::{Accepted, Connection, Error, MeasurementSignature, Sink};

use crate::evidence::Evidence;
use crate::recording::{
    CapturedRecord, ChainContent, Negotiation, RecordedExchange, Recording, SlotChain, is_interim,
};
use crate::wire_records::WireRecords;

/// Records every exchange of one or more connections, including those whose response was refused: there is evidence
/// whatever the verdict is.
///
/// Each GET_VERSION begins a connection. Where there is a limit, the oldest connections go first; the newest
/// one stays, however large it is.
///
/// What travels in a session is recorded as it was on the wire, where [`Self::with_records`] says who sees that; its
/// plain messages never are, since nothing would say that they were inside. Otherwise they are counted in a note.
///
/// ```
/// use spdm_evidence::Recorder;
/// use spdm_requester::{Fresh, Requester};
///
/// fn recorded<'a>(requester: Requester<'a, Fresh>, recorder: &'a mut Recorder) -> Requester<'a, Fresh> {
///     requester.with_sink(recorder)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Recorder {
    padding: usize,
    limit: usize,
    /// Bytes of messages, chains and OpaqueData that are kept.
    kept: usize,
    recordings: VecDeque<Recording>,
    dropped: u64,
    records: Option<WireRecords>,
    /// Of the newest connection.
    signed_opaque: BTreeSet<SignedOpaque>,
}

/// OpaqueData of a MEASUREMENTS whose signature was verified.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SignedOpaque {
    /// The digest of the chain or key that signed.
    pub(crate) signer: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

impl Recorder {
    /// An empty recorder; `padding` is how many bytes the transport may append to a message.
    #[must_use]
    pub const fn new(padding: usize) -> Self {
        Self {
            padding,
            limit: usize::MAX,
            kept: 0,
            recordings: VecDeque::new(),
            dropped: 0,
            records: None,
            signed_opaque: BTreeSet::new(),
        }
    }

    /// Records the records of sessions, which the transport puts there.
    #[must_use]
    pub fn with_records(mut self, records: WireRecords) -> Self {
        self.records = Some(records);
        self
    }

    /// Keeps at most so many bytes of messages and chains, and of what is kept beside them for
    /// [`ReportBuilder::recorded`](crate::ReportBuilder::recorded).
    #[must_use]
    pub const fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Adds a chain structure of DSP0274 to the newest connection that was not fetched in it: one out of a
    /// [`ChainCache`](spdm_requester::ChainCache).
    pub fn chain(&mut self, slot: SlotId, structure: &[u8]) {
        let chain =
            SlotChain { slot, content: Arc::new(ChainContent::Structure(structure.to_vec())) };
        if let Some(recording) = self.recordings.back_mut() {
            recording.chains.push(chain);
            self.kept += structure.len();
        }
        self.shed();
    }

    /// Adds the last request of the newest connection, where no answer to it was recorded: whoever judges the evidence
    /// sees that it was asked.
    pub fn sent(&mut self, request: &[u8]) {
        self.take_records();
        let Some(recording) = self.recordings.back_mut() else { return };
        if recording.exchanges.last().is_some_and(|last| last.request == request) {
            return;
        }
        self.kept += request.len();
        recording.exchanges.push(RecordedExchange {
            request: request.to_vec(),
            interim: Vec::new(),
            response: None,
        });
        self.shed();
    }

    /// How many connections were dropped for the limit.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The connections that are kept, the oldest one first, up to the last exchange that was complete.
    pub fn recordings(&self) -> impl Iterator<Item = &Recording> {
        self.recordings.iter()
    }

    /// The connections that are kept, the oldest one first.
    #[must_use]
    pub fn into_recordings(mut self) -> Vec<Recording> {
        self.take_records();
        self.recordings.into()
    }

    /// The connections as evidence about `target`.
    #[must_use]
    pub fn into_evidence(self, target: &str) -> Evidence {
        Evidence { recordings: self.into_recordings(), ..Evidence::new(target) }
    }

    /// What the device of the newest connection signed besides its measurements.
    pub(crate) const fn signed_opaque(&self) -> &BTreeSet<SignedOpaque> {
        &self.signed_opaque
    }

    fn add(&mut self, exchange: spdm_requester::Exchange<'_>) {
        let request = exchange.request;
        self.take_records();
        if exchange.session.is_some() {
            return self.inside();
        }
        if request.get(1) == Some(&Code::GET_VERSION.0) && !self.is_awaited(request) {
            self.forget_opaque();
            self.recordings.push_back(Recording::new(Negotiation::Recorded, self.padding));
        }
        if self.recordings.is_empty() {
            self.recordings.push_back(Recording::new(Negotiation::Recorded, self.padding));
        }
        let awaited = self.is_awaited(request);
        let response = exchange.response.into_inner_less_safe().to_vec();
        let Some(recording) = self.recordings.back_mut() else { return };
        self.kept += response.len();
        match recording.exchanges.last_mut() {
            // It was Busy or not ready: this is another answer to the same request.
            Some(last) if awaited => {
                last.interim.extend(last.response.take());
                last.response = Some(response);
            }
            _ => {
                self.kept += request.len();
                let (request, response) = (request.to_vec(), Some(response));
                recording.exchanges.push(RecordedExchange {
                    request,
                    interim: Vec::new(),
                    response,
                });
            }
        }
        self.shed();
    }

    /// An exchange in a session: its records are what there is of it.
    fn inside(&mut self) {
        if self.records.is_none()
            && let Some(recording) = self.recordings.back_mut()
        {
            recording.count_secured(2);
        }
    }

    /// The records that have passed belong behind the last exchange.
    fn take_records(&mut self) {
        let records = self.records.as_ref().map(WireRecords::take).unwrap_or_default();
        let Some(recording) = self.recordings.back_mut() else { return };
        let exchange = recording.exchanges.len();
        if !records.is_empty() {
            recording.record_binding = self.records.as_ref().map(WireRecords::binding);
        }
        for bytes in records {
            self.kept += bytes.len();
            recording.records.push(CapturedRecord { exchange, bytes });
        }
        self.shed();
    }

    /// Whether this is the last request again, whose answer was Busy or the like.
    fn is_awaited(&self, request: &[u8]) -> bool {
        let last = self.recordings.back().and_then(|recording| recording.exchanges.last());
        last.is_some_and(|last| {
            last.request == request && last.response.as_deref().is_some_and(is_interim)
        })
    }

    /// OpaqueData of a MEASUREMENTS whose signature was verified, each once.
    fn opaque(&mut self, opaque: SignedOpaque) {
        let len = opaque.bytes.len();
        if self.signed_opaque.insert(opaque) {
            self.kept += len;
            self.shed();
        }
    }

    /// A new connection may be to another device.
    fn forget_opaque(&mut self) {
        let opaque = core::mem::take(&mut self.signed_opaque);
        self.kept -= opaque.iter().map(|opaque| opaque.bytes.len()).sum::<usize>();
    }

    fn shed(&mut self) {
        while self.kept > self.limit && self.recordings.len() > 1 {
            self.kept -= self.recordings.pop_front().as_ref().map_or(0, size);
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

/// Bytes of messages and chains.
fn size(recording: &Recording) -> usize {
    let exchanges = recording.exchanges.iter().map(|exchange| {
        let answers = exchange.interim.iter().chain(&exchange.response);
        exchange.request.len() + answers.map(Vec::len).sum::<usize>()
    });
    let chains = recording.chains.iter().map(|chain| match &*chain.content {
        ChainContent::Structure(structure) => structure.len(),
        ChainContent::Certificates(list) => list.certificates().iter().map(Vec::len).sum(),
    });
    let records = recording.records.iter().map(|record| record.bytes.len());
    exchanges.chain(chains).chain(records).sum()
}

impl Sink for Recorder {
    fn accepted(
        &mut self,
        exchange: spdm_requester::Exchange<'_>,
        verdict: &Accepted<'_, '_>,
        _: &Connection,
    ) {
        self.add(exchange);
        if let Accepted::Measurements {
            message,
            signature: MeasurementSignature::Verified { possession, .. },
        } = verdict
        {
            let signer = possession.identity().digest().as_bytes().to_vec();
            self.opaque(SignedOpaque { signer, bytes: message.opaque.as_bytes().to_vec() });
        }
    }

    fn rejected(&mut self, exchange: spdm_requester::Exchange<'_>, _: &Error) {
        self.add(exchange);
    }
}
