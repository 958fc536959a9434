//! A recorded conversation in place of a device.

use core::fmt;

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{Provider, RandomUnavailable, SecureRandom};
use spdm_requester::{AttestationPlan, Error, Requester, RunError, blocking};
use spdm_transport::{Clock, Duration, Instant, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Policy, ValidityCheck};

use super::{Memory, NOW, Sim, attest_by, config};

/// The same number in every run, so that a recorded answer fits.
#[derive(Debug)]
pub struct Fixed;

impl SecureRandom for Fixed {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        out.fill(0x5A);
        Ok(())
    }
}

/// [`PROVIDER`] without chance.
pub const DETERMINISTIC: Provider = Provider { random: &Fixed, ..PROVIDER };

/// One attestation as it was sent and received.
#[derive(Clone, Debug)]
pub struct Recording {
    pub version: SpdmVersion,
    pub requests: Vec<Vec<u8>>,
    pub responses: Vec<Vec<u8>>,
    pub anchors: Vec<Vec<u8>>,
    pub limits: Limits,
}

/// Records the attestation of a correct device.
pub fn record(version: SpdmVersion) -> Recording {
    record_from(Sim::new(config(version)), version)
}

/// Records an attestation.
pub fn record_from(mut sim: Sim, version: SpdmVersion) -> Recording {
    let anchors = sim.device.trust_anchors();
    let certificates: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &certificates, ValidityCheck::At(NOW));
    let mut memory = Memory::new();
    let requester = Requester::new(DETERMINISTIC, memory.storage(), sim.limits);
    attest_by(requester, &mut sim, AttestationPlan::new(&policy)).unwrap();
    let Sim { requests, responses, limits, .. } = sim;
    Recording { version, requests, responses, anchors, limits }
}

/// Answers the requests of a recording, in their order, without an allocation.
#[derive(Debug)]
pub struct Replay<'r> {
    recording: &'r Recording,
    /// How many requests were sent.
    pub sent: usize,
}

impl<'r> Replay<'r> {
    pub const fn new(recording: &'r Recording) -> Self {
        Self { recording, sent: 0 }
    }
}

/// Another request than the recorded one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OtherRequest;

impl fmt::Display for OtherRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for OtherRequest {}

impl Transport for Replay<'_> {
    type Error = OtherRequest;

    fn limits(&self) -> Limits {
        self.recording.limits
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), OtherRequest> {
        if self.recording.requests.get(self.sent).is_none_or(|request| request != message) {
            return Err(OtherRequest);
        }
        self.sent += 1;
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        _: Duration,
    ) -> Result<Option<Received>, OtherRequest> {
        let response = &self.recording.responses[self.sent - 1];
        buffer[..response.len()].copy_from_slice(response);
        Ok(Some(Received { kind: MessageKind::Plain, len: response.len() }))
    }

    fn abandon(&mut self) {}
}

/// Time stands still.
#[derive(Clone, Copy, Debug)]
pub struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Instant {
        Instant::default()
    }

    fn sleep_until(&self, _: Instant) {}
}

/// Buffers and anchors of a replay: everything that allocates.
#[derive(Debug)]
pub struct Rehearsal<'r> {
    recording: &'r Recording,
    anchors: Vec<Anchor<'r>>,
    memory: Memory,
    chain: Vec<u8>,
    record: Vec<u8>,
}

impl<'r> Rehearsal<'r> {
    pub fn new(recording: &'r Recording) -> Self {
        Self {
            recording,
            anchors: recording.anchors.iter().map(|root| Anchor::Certificate(root)).collect(),
            memory: Memory::new(),
            chain: vec![0; 0x4000],
            record: vec![0; 0x1000],
        }
    }

    /// Attests against the recording: the number of requests, and how it ended.
    pub fn attest(&mut self) -> (usize, Result<(), RunError<OtherRequest>>) {
        let policy = Policy::new(&PROVIDER, &self.anchors, ValidityCheck::At(NOW));
        let storage = self.memory.storage();
        let requester = Requester::new(DETERMINISTIC, storage, self.recording.limits);
        let plan = AttestationPlan::new(&policy);
        let flow = requester.attest(plan, &mut self.chain, &mut self.record);
        let mut replay = Replay::new(self.recording);
        let result = blocking::run(flow, &mut replay, &Frozen);
        (replay.sent, result.map(drop).map_err(|failure| failure.error))
    }
}

/// How an attestation against a changed recording ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Changed {
    Attested,
    /// The requester refused; `sent` requests were recorded ones.
    Failed {
        sent: usize,
        error: Error,
    },
    /// The requester asked something else behind `sent` recorded requests.
    OtherRequest {
        sent: usize,
    },
}

/// Attests against a recording whose answer number `at` is changed.
pub fn changed(recording: &Recording, at: usize, change: impl FnOnce(&mut Vec<u8>)) -> Changed {
    let mut changed = recording.clone();
    change(&mut changed.responses[at]);
    match Rehearsal::new(&changed).attest() {
        (_, Ok(())) => Changed::Attested,
        (sent, Err(RunError::Requester(error))) => Changed::Failed { sent, error },
        (sent, Err(_)) => Changed::OtherRequest { sent },
    }
}
