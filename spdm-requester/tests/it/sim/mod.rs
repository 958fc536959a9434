//! An emulated device behind a transport with simulated time: no sleeps, no threads.

#![allow(dead_code, unreachable_pub, reason = "shared by two binaries; each uses its part")]

pub mod cause;
pub mod failed;
pub mod replay;
pub mod trusting;

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use spdm_codec::{BaseAsymAlgo, Code, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm};
use spdm_emulator::{Device, DeviceConfig, Fault, LinkState};
use spdm_requester::{
    AttestationPlan, Connection, Error, Fresh, Negotiated, Requester, RunError, Storage, blocking,
};
use spdm_transport::{Clock, Duration, Instant, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Policy, ValidityCheck};

/// 2026-11-23.
pub const NOW: u64 = 1_795_392_000;

pub const V1_0: SpdmVersion = SpdmVersion::V1_0;
pub const V1_1: SpdmVersion = SpdmVersion::V1_1;
pub const V1_2: SpdmVersion = SpdmVersion::V1_2;
pub const V1_3: SpdmVersion = SpdmVersion::V1_3;
pub const V1_4: SpdmVersion = SpdmVersion::V1_4;

/// Versions from `first` on.
pub fn since(first: SpdmVersion) -> impl Iterator<Item = SpdmVersion> {
    SpdmVersion::ALL.into_iter().filter(move |version| *version >= first)
}

/// SHA-256.
pub const HASH_LEN: usize = 32;

/// The requests of an attestation with a chain that fits one portion.
pub const FLOW: [Code; 7] = [
    Code::GET_VERSION,
    Code::GET_CAPABILITIES,
    Code::NEGOTIATE_ALGORITHMS,
    Code::GET_DIGESTS,
    Code::GET_CERTIFICATE,
    Code::CHALLENGE,
    Code::GET_MEASUREMENTS,
];

/// [`FLOW`] up to a request.
pub fn until(last: Code) -> &'static [Code] {
    let at = FLOW.iter().position(|code| *code == last).unwrap();
    &FLOW[..=at]
}

/// A device of one version with a small key, the same in every run.
pub fn config(version: SpdmVersion) -> DeviceConfig {
    DeviceConfig {
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HashAlgorithm::Sha256.base_hash(),
        seed: Some(1),
        ..DeviceConfig::default()
    }
}

/// [`config`] with a fault.
pub fn faulty(version: SpdmVersion, fault: Fault) -> Sim {
    Sim::new(DeviceConfig { faults: vec![fault], ..config(version) })
}

/// [`faulty`] where only the answer to one request is concerned.
pub fn faulty_at(version: SpdmVersion, fault: Fault, target: Code) -> Sim {
    let fault_target = Some(target);
    Sim::new(DeviceConfig { faults: vec![fault], fault_target, ..config(version) })
}

/// [`config`] behind an attacker who changes the answers to one request.
pub fn attacked(
    version: SpdmVersion,
    request: Code,
    change: impl FnMut(&mut Vec<u8>) + 'static,
) -> Sim {
    let mut sim = Sim::new(config(version));
    sim.tamper(request, change);
    sim
}

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

/// Why the simulated transport fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SimError {
    /// The response does not fit into the buffer.
    TooLong { len: usize, room: usize },
    /// The connection broke.
    Disconnected,
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for SimError {}

/// What an attacker does to a message.
type Change = Box<dyn FnMut(&mut Vec<u8>)>;

/// The device, what passed between it and the requester, and an attacker in the middle.
pub struct Sim {
    pub device: Device,
    pub clock: SimClock,
    pub limits: Limits,
    /// As the requester sent them.
    pub requests: Vec<Vec<u8>>,
    /// As the requester got them.
    pub responses: Vec<Vec<u8>>,
    /// How many exchanges the driver gave up.
    pub abandoned: usize,
    on_requests: Vec<(Code, Change)>,
    on_responses: Vec<(Code, Change)>,
    /// What is on its way, and when it arrives.
    on_the_way: Vec<(Instant, Vec<u8>)>,
    line: LinkState,
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
            abandoned: 0,
            on_requests: Vec::new(),
            on_responses: Vec::new(),
            on_the_way: Vec::new(),
            line: LinkState::Up,
        }
    }

    /// The codes of all requests.
    pub fn codes(&self) -> Vec<Code> {
        self.requests.iter().map(|request| Code(request[1])).collect()
    }

    /// The response that the requester got to the first request of this code.
    pub fn response_to(&self, request: Code) -> &[u8] {
        let at = self.codes().iter().position(|code| *code == request).unwrap();
        &self.responses[at]
    }

    /// Changes the answers to a request on their way.
    pub fn tamper(&mut self, request: Code, change: impl FnMut(&mut Vec<u8>) + 'static) {
        self.on_responses.push((request, Box::new(change)));
    }

    /// Changes a request on its way.
    pub fn tamper_request(&mut self, request: Code, change: impl FnMut(&mut Vec<u8>) + 'static) {
        self.on_requests.push((request, Box::new(change)));
    }

    /// Ends all misbehaviour; forgets what passed.
    pub fn heal(&mut self) {
        self.device.set_faults(Vec::new());
        self.device.set_script(Vec::new());
        self.on_requests.clear();
        self.on_responses.clear();
        self.requests.clear();
        self.responses.clear();
        self.on_the_way.clear();
        self.line = LinkState::Up;
    }

    fn pass(&mut self, message: &[u8]) {
        let code = Code(message[1]);
        let mut request = message.to_vec();
        for (_, change) in self.on_requests.iter_mut().filter(|(of, _)| *of == code) {
            change(&mut request);
        }
        let mut delivery = self.device.deliver(&request);
        for (_, change) in self.on_responses.iter_mut().filter(|(of, _)| *of == code) {
            delivery.messages.iter_mut().for_each(|(_, message)| change(message));
        }
        self.requests.push(message.to_vec());
        self.responses.extend(delivery.messages.first().map(|(_, message)| message.clone()));
        let now = self.clock.now();
        let arrivals = delivery.messages.into_iter().map(|(after, m)| (now.after(after), m));
        self.on_the_way.extend(arrivals);
        self.line = delivery.line;
    }
}

impl Transport for Sim {
    type Error = SimError;

    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), SimError> {
        match self.line {
            LinkState::Up => self.pass(message),
            LinkState::Down => return Err(SimError::Disconnected),
        }
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, SimError> {
        if self.line == LinkState::Down {
            return Err(SimError::Disconnected);
        }
        let until = self.clock.now().after(timeout);
        let first = self.on_the_way.iter().enumerate().min_by_key(|(_, (arrival, _))| *arrival);
        let Some(at) = first.filter(|(_, (arrival, _))| *arrival <= until).map(|(at, _)| at) else {
            self.clock.sleep_until(until);
            return Ok(None);
        };
        let (arrival, answer) = self.on_the_way.remove(at);
        self.clock.sleep_until(arrival);
        let (len, room) = (answer.len(), buffer.len());
        let place = buffer.get_mut(..len).ok_or(SimError::TooLong { len, room })?;
        place.copy_from_slice(&answer);
        Ok(Some(Received { kind: MessageKind::Plain, len }))
    }

    fn abandon(&mut self) {
        self.on_the_way.clear();
        self.abandoned += 1;
    }
}

/// Memory for one requester.
#[derive(Debug)]
pub struct Memory {
    pub message: Vec<u8>,
    pub hashes: Bank<Running, 2>,
    pub connection: Connection,
}

impl Memory {
    pub fn new() -> Self {
        let connection = Connection::default();
        Self { message: vec![0; 0x2000], hashes: Bank::new(), connection }
    }

    pub fn storage(&mut self) -> Storage<'_> {
        Storage::new(&mut self.message, &mut self.hashes, &mut self.connection)
    }
}

/// A requester against `sim` with the default configuration.
pub fn requester<'a>(memory: &'a mut Memory, sim: &Sim) -> Requester<'a, Fresh> {
    Requester::new(PROVIDER, memory.storage(), sim.limits)
}

pub fn error_of<E: fmt::Debug>(error: RunError<E>) -> Error {
    match error {
        RunError::Requester(error) => error,
        other => panic!("the transport failed: {other:?}"),
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

/// A whole attestation: the indices that were measured.
pub fn attest(sim: &mut Sim) -> Result<Vec<u8>, Error> {
    with_policy(sim, |sim, policy| attest_with(sim, AttestationPlan::new(policy)))
}

/// Trusts the device's own roots.
pub fn with_policy<R>(sim: &mut Sim, run: impl FnOnce(&mut Sim, &Policy<'_>) -> R) -> R {
    let anchors = sim.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    run(sim, &Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW)))
}

pub fn attest_with(sim: &mut Sim, plan: AttestationPlan<'_>) -> Result<Vec<u8>, Error> {
    let mut memory = Memory::new();
    let requester = requester(&mut memory, sim);
    attest_by(requester, sim, plan)
}

/// [`attest_with`] by a requester that has been set up.
pub fn attest_by(
    requester: Requester<'_, Fresh>,
    sim: &mut Sim,
    plan: AttestationPlan<'_>,
) -> Result<Vec<u8>, Error> {
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
    let clock = sim.clock.clone();
    let flow = requester.attest(plan, &mut chain, &mut record);
    match blocking::run(flow, sim, &clock) {
        Ok((_, attested)) => {
            let record = attested.measured.map(|measured| measured.record);
            Ok(record
                .into_iter()
                .flat_map(|r| r.iter().map(|b| b.index).collect::<Vec<_>>())
                .collect())
        }
        Err(failure) => Err(error_of(failure.error)),
    }
}
