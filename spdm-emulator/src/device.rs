//! The device: one request in, one response out.

use core::time::Duration;

use spdm_codec::{Code, Header, MeasurementHashAlgo};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_untrusted::Untrusted;

use crate::chunking::{Incoming, Sizes, Transfers, Way};
use crate::config::MAX_PADDING;
use crate::config::{DeviceConfig, preferred_hashes};
use crate::entropy::Entropy;
use crate::error::DeviceError;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::key_ring::KeyRing;
use crate::misbehaviour::{Attempt, Deferral, TOKEN, defer, on_wire};
use crate::responder::Responder;
use crate::script::{Act, Counters, Delivery, LinkState, ScriptStep};
use crate::turn::{History, Turn};

/// A software SPDM device (Responder) with its keys, certificates and one connection.
///
/// It keeps no more than its last exchange and a few hashes, whatever a Requester sends.
#[derive(Debug)]
pub struct Device {
    config: DeviceConfig,
    keys: KeyRing,
    entropy: Entropy,
    history: History,
    connection: Responder,
    transfers: Transfers,
    counters: Counters,
    /// The last response that left the device.
    last: Option<Vec<u8>>,
}

impl Device {
    /// Makes the keys and certificates of a device. To make an RSA key takes up to seconds, unless there is a
    /// [`DeviceConfig::seed`]; all others take milliseconds.
    ///
    /// # Errors
    /// [`DeviceError`] where the configuration makes no device, or a key could not be made.
    pub fn new(config: DeviceConfig) -> Result<Self, DeviceError> {
        if config.versions.is_empty() {
            return Err(DeviceError::NoVersion);
        }
        if config.padding > MAX_PADDING {
            return Err(DeviceError::Padding { padding: config.padding });
        }
        let measurement_hash = config.measurement_hash;
        if measurement_hash != MeasurementHashAlgo::RAW_BIT_STREAM
            && HashAlgorithm::from_measurement_hash(measurement_hash).is_none()
        {
            return Err(DeviceError::MeasurementHash);
        }
        let entropy = Entropy::new(config.seed).map_err(|_| DeviceError::RandomUnavailable)?;
        let keys = KeyRing::new(&config, &entropy)?;
        if !preferred_hashes(config.base_hash).any(|hash| keys.supports(hash)) {
            return Err(DeviceError::NoHash);
        }
        Ok(Self {
            config,
            keys,
            entropy,
            history: History::default(),
            connection: Responder::default(),
            transfers: Transfers::default(),
            counters: Counters::default(),
            last: None,
        })
    }

    /// What the device was made from.
    #[must_use]
    pub const fn config(&self) -> &DeviceConfig {
        &self.config
    }

    /// Answers one request, transport framing removed; zeros may follow it, as many as
    /// [`DeviceConfig::request_padding`] allows.
    ///
    /// `None` where a device stays silent: the request has no complete header, or a fault says so. Of what a
    /// script does to the transport ([`Self::deliver`]) only loss shows here.
    ///
    /// A repeated GET_CAPABILITIES, NEGOTIATE_ALGORITHMS, CHALLENGE or signed GET_MEASUREMENTS that equals
    /// the request before it is taken for a retry and gets the same answer again.
    pub fn respond(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.deliver(request).messages.into_iter().next().map(|(_, message)| message)
    }

    /// Answers one request, and tells what arrives when.
    pub fn deliver(&mut self, request: &[u8]) -> Delivery {
        let mut delivery = Delivery::default();
        let Ok(header) = Header::peek(Untrusted::new(request)) else { return delivery };
        let script = core::mem::take(&mut self.config.script);
        let acts = self.counters.acts(&script, header.code);
        if !acts.contains(&&Act::LoseRequest) {
            let response = self.take(&script, &acts, header, request);
            self.line(&acts, response, &mut delivery);
        }
        self.config.script = script;
        delivery
    }

    /// What a transport does to a response.
    fn line(&mut self, acts: &[&Act], response: Option<Vec<u8>>, delivery: &mut Delivery) {
        let Some(response) = response else { return };
        let before = self.last.replace(response.clone());
        let mut messages = vec![(Duration::ZERO, response)];
        for act in acts {
            match act {
                Act::LoseResponse => messages.clear(),
                Act::Delay(time) => messages.iter_mut().for_each(|(after, _)| *after += *time),
                Act::Duplicate(time) => {
                    let again = messages.first().cloned();
                    messages.extend(again.map(|(after, message)| (after + *time, message)));
                }
                Act::Stale => {
                    if let (Some((_, message)), Some(before)) = (messages.first_mut(), &before) {
                        message.clone_from(before);
                    }
                }
                Act::Disconnect => {
                    messages.clear();
                    delivery.line = LinkState::Down;
                }
                _ => {}
            }
        }
        delivery.messages = messages;
    }

    /// Answers a message that arrived.
    fn take(
        &mut self,
        script: &[ScriptStep],
        acts: &[&Act],
        header: Header,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let (request, way, arrival) = match pending(&mut self.history, header) {
            Some(request) => (request, Way::Direct, Attempt::Again),
            None => match self.receive(acts, header.code, message)? {
                Incoming::Request { bytes, way } => (bytes, way, Attempt::First),
                Incoming::Part(reply) => return Some(self.part(acts, header.code, reply)),
            },
        };
        let code = Header::peek(Untrusted::new(request.as_slice())).ok()?.code;
        // What came in chunks is a request of its own.
        let acts_of_request = match way {
            Way::Direct => acts.to_vec(),
            Way::Chunked { .. } => self.counters.acts(script, code),
        };
        let response = self.answer(&acts_of_request, arrival, code, &request)?;
        let (sizes, peer) = (self.sizes(), self.connection.peer().copied());
        let reply = self.transfers.send(sizes, peer.as_ref(), way, response);
        Some(match way {
            Way::Direct => self.padded(reply),
            Way::Chunked { .. } => self.part(acts, header.code, reply),
        })
    }

    /// Puts requests together.
    fn receive(&mut self, acts: &[&Act], code: Code, message: &[u8]) -> Option<Incoming> {
        if matches!(code, Code::CHUNK_SEND | Code::CHUNK_GET)
            && let Some(deferral) = self.defer(acts, Attempt::First, code, message)
        {
            return self.deferred(deferral).map(Incoming::Part);
        }
        let (sizes, peer) = (self.sizes(), self.connection.peer().copied());
        Some(self.transfers.receive(sizes, peer.as_ref(), message))
    }

    /// The response to a whole request, as it leaves the device.
    fn answer(
        &mut self,
        acts: &[&Act],
        arrival: Attempt,
        code: Code,
        request: &[u8],
    ) -> Option<Vec<u8>> {
        let mut response = match self.defer(acts, arrival, code, request) {
            Some(deferral) => self.deferred(deferral)?,
            None => {
                let changes = acts.iter().filter_map(|act| match act {
                    Act::Change(edit) => Some(edit.clone()),
                    _ => None,
                });
                let changes = changes.collect();
                let faults = self.faults(code);
                let Self { config, keys, entropy, history, connection, .. } = self;
                let mut turn = Turn { config, keys, entropy, history, faults, changes };
                connection.answer(&mut turn, request)
            }
        };
        self.tamper(acts, code, &mut response);
        Some(response)
    }

    /// Whether script or faults answer in place of the device.
    fn defer(
        &mut self,
        acts: &[&Act],
        arrival: Attempt,
        code: Code,
        request: &[u8],
    ) -> Option<Deferral> {
        let refusal = acts.iter().find_map(|act| match act {
            Act::Refuse { code, data, extended } => {
                Some(ErrorAnswer { code: *code, data: *data, extended: extended.clone() })
            }
            _ => None,
        });
        if let Some(refusal) = refusal {
            return Some(Deferral::Error(refusal));
        }
        let faults = self.faults(code);
        let version = self.connection.version();
        let Self { config, keys, entropy, history, .. } = self;
        let mut turn = Turn { config, keys, entropy, history, faults, changes: Vec::new() };
        defer(&mut turn, arrival, code, request, version)
    }

    fn deferred(&mut self, deferral: Deferral) -> Option<Vec<u8>> {
        let version = self.connection.version();
        match deferral {
            Deferral::Error(refusal) => Some(refusal.encode(version)),
            Deferral::Resynch(refusal) => {
                self.connection = Responder::default();
                self.transfers.reset();
                Some(refusal.encode(version))
            }
            Deferral::Broken(bytes) => Some(bytes),
            Deferral::Silence => None,
        }
    }

    /// A chunk message, or an ERROR in place of one, as it leaves the device.
    fn part(&self, acts: &[&Act], code: Code, mut reply: Vec<u8>) -> Vec<u8> {
        self.tamper(acts, code, &mut reply);
        self.padded(reply)
    }

    /// Changes a message behind the back of the transcripts.
    fn tamper(&self, acts: &[&Act], code: Code, bytes: &mut Vec<u8>) {
        on_wire(&self.faults(code), code, self.connection.peer(), bytes);
        let cx = self.connection.cx();
        for act in acts {
            match act {
                Act::Tamper(edit) => edit.apply(&cx, bytes),
                Act::Replace(other) => bytes.clone_from(other),
                _ => {}
            }
        }
    }

    fn faults(&self, code: Code) -> Vec<Fault> {
        let target = self.config.fault_target;
        let faults = self.config.faults.iter().copied();
        faults.filter(|fault| fault.concerns(code, target)).collect()
    }

    fn padded(&self, mut message: Vec<u8>) -> Vec<u8> {
        message.resize(message.len() + self.config.padding, 0);
        message
    }

    fn sizes(&self) -> Sizes {
        let bytes = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
        Sizes {
            one: bytes(self.config.data_transfer_size),
            whole: bytes(self.config.max_spdm_msg_size),
            padding: self.config.request_padding,
        }
    }

    /// Replaces the script from the next request on.
    pub fn set_script(&mut self, script: Vec<ScriptStep>) {
        self.config.script = script;
        self.counters = Counters::default();
    }

    /// Replaces the configured faults from the next request on.
    pub fn set_faults(&mut self, faults: Vec<Fault>) {
        self.config.faults = faults;
    }

    /// Power off and on: the connection and what faults remember are gone, keys and certificates stay.
    pub fn reset(&mut self) {
        self.history = History::default();
        self.connection = Responder::default();
        self.transfers = Transfers::default();
        self.counters = Counters::default();
        self.last = None;
    }

    /// The algorithms that the device has keys for, the preferred one first.
    pub fn algorithms(&self) -> impl Iterator<Item = AsymAlgorithm> {
        self.keys.asyms()
    }

    /// The DER root certificate of the chains of an algorithm.
    #[must_use]
    pub fn trust_anchor_der(&self, asym: AsymAlgorithm) -> Option<Vec<u8>> {
        self.keys.first(asym)?.certificates().first().cloned()
    }

    /// The DER root certificates of all chains; none where the public key is provisioned.
    #[must_use]
    pub fn trust_anchors(&self) -> Vec<Vec<u8>> {
        self.keys.trust_anchors()
    }

    /// [`Self::trust_anchors`] as one PEM text.
    #[must_use]
    pub fn trust_anchors_pem(&self) -> String {
        self.keys.trust_anchors_pem()
    }

    /// The DER `SubjectPublicKeyInfo` of the key in the lowest slot: what is provisioned to Requesters for
    /// slot 0xFF.
    #[must_use]
    pub fn public_key_spki(&self, asym: AsymAlgorithm) -> Option<Vec<u8>> {
        self.keys.first(asym).map(|identity| identity.spki_der())
    }
}

/// The request that RESPOND_IF_READY asks after. Any other request gives it up; RESPOND_IF_READY again is taken for a
/// retry.
fn pending(history: &mut History, received: Header) -> Option<Vec<u8>> {
    let pending = history.pending.take()?;
    let code = Header::peek(Untrusted::new(pending.as_slice())).ok()?.code;
    let asked = received.code == Code::RESPOND_IF_READY;
    if asked && Code(received.param1) == code && received.param2 == TOKEN {
        history.pending = Some(pending.clone());
        return Some(pending);
    }
    None
}
