//! An emulated device behind a transport with simulated time: no sleeps, no threads.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use spdm_codec::Code;
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{
    AttestationPlan, Error, Fresh, Negotiated, Requester, RunError, Storage, blocking,
};
use spdm_transport::{Clock, Duration, Instant, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Policy, ValidityCheck};

/// 2026-11-23.
pub const NOW: u64 = 1_795_392_000;

/// Time that passes only when somebody waits.
#[derive(Clone, Debug, Default)]
pub struct SimClock(Rc<Cell<u64>>);

impl Clock for SimClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.get())
    }

    fn sleep_until(&self, until: Instant) {
        self.0.set(self.0.get().max(until.as_micros()));
    }
}

/// The device, and every request that it got.
#[derive(Debug)]
pub struct Sim {
    pub device: Device,
    pub clock: SimClock,
    pub limits: Limits,
    pub requests: Vec<Vec<u8>>,
    pub responses: Vec<Vec<u8>>,
    answer: Option<Vec<u8>>,
}

impl Sim {
    pub fn new(config: DeviceConfig) -> Self {
        let limits = Limits::new(0x1_0000, 0x1_0000).with_padding(config.padding);
        Self {
            device: Device::new(config).unwrap(),
            clock: SimClock::default(),
            limits,
            requests: Vec::new(),
            responses: Vec::new(),
            answer: None,
        }
    }

    /// The codes of all requests.
    pub fn codes(&self) -> Vec<Code> {
        self.requests.iter().map(|request| Code(request[1])).collect()
    }
}

impl Transport for Sim {
    type Error = Infallible;

    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), Infallible> {
        self.requests.push(message.to_vec());
        self.answer = self.device.respond(message);
        self.responses.extend(self.answer.clone());
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, Infallible> {
        let Some(answer) = self.answer.take() else {
            self.clock.sleep_until(self.clock.now().after(timeout));
            return Ok(None);
        };
        // A transport reports the true length; what does not fit is the requester's to refuse.
        let fits = answer.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&answer[..fits]);
        Ok(Some(Received { kind: MessageKind::Plain, len: answer.len() }))
    }

    fn abandon(&mut self) {
        self.answer = None;
    }
}

/// Memory for one requester.
#[derive(Debug)]
pub struct Memory {
    pub message: Vec<u8>,
    pub hashes: Bank<Running, 2>,
}

impl Memory {
    pub fn new() -> Self {
        Self { message: vec![0; 0x2000], hashes: Bank::new() }
    }

    pub fn storage(&mut self) -> Storage<'_> {
        Storage::new(&mut self.message, &mut self.hashes)
    }
}

/// A requester against `sim` with the default configuration.
pub fn requester<'a>(memory: &'a mut Memory, sim: &Sim) -> Requester<'a, Fresh> {
    Requester::new(PROVIDER, memory.storage(), sim.limits)
}

pub fn error_of<E>(error: RunError<E>) -> Error {
    match error {
        RunError::Requester(error) => error,
        _ => panic!("the simulated transport does not fail"),
    }
}

/// Negotiates.
pub fn negotiated<'a>(
    memory: &'a mut Memory,
    sim: &mut Sim,
) -> Result<Requester<'a, Negotiated>, Error> {
    let clock = sim.clock.clone();
    match blocking::run(requester(memory, sim).negotiate(), sim, &clock) {
        Ok((requester, ())) => Ok(requester),
        Err(failure) => Err(error_of(failure.error)),
    }
}

/// A whole attestation: what was measured, as (index, value).
pub fn attest(sim: &mut Sim) -> Result<Vec<u8>, Error> {
    let anchors = sim.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    attest_with(sim, AttestationPlan::new(&policy))
}

pub fn attest_with(sim: &mut Sim, plan: AttestationPlan<'_>) -> Result<Vec<u8>, Error> {
    let mut memory = Memory::new();
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
    let clock = sim.clock.clone();
    let flow = requester(&mut memory, sim).attest(plan, &mut chain, &mut record);
    match blocking::run(flow, sim, &clock) {
        Ok((_, attested)) => {
            let record = attested.measured.map(|measured| measured.record);
            Ok(record.into_iter().flat_map(|r| r.iter().map(|b| b.index).collect::<Vec<_>>()).collect())
        }
        Err(failure) => Err(error_of(failure.error)),
    }
}
