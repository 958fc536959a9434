//! The device: one request in, one response out.

use spdm_codec::{Code, Header, MeasurementHashAlgo};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_untrusted::Untrusted;

use crate::config::{DeviceConfig, preferred_hashes};
use crate::connection::{History, Turn};
use crate::dispatch::{Connection, MAX_PADDING};
use crate::entropy::Entropy;
use crate::error::DeviceError;
use crate::fault::Fault;
use crate::identity::KeyRing;
use crate::misbehaviour::{Arrival, Deferral, TOKEN, defer, on_wire};

/// A software SPDM device (Responder) with its keys, certificates and one connection.
///
/// It keeps no more than its last exchange and a few hashes, whatever a Requester sends.
#[derive(Debug)]
pub struct Device {
    config: DeviceConfig,
    keys: KeyRing,
    entropy: Entropy,
    history: History,
    connection: Connection,
}

impl Device {
    /// Makes the keys and certificates of a device. Each RSA key takes up to seconds, all others take
    /// milliseconds.
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
            connection: Connection::default(),
        })
    }

    /// What the device was made from.
    #[must_use]
    pub const fn config(&self) -> &DeviceConfig {
        &self.config
    }

    /// Answers one request, transport framing removed; up to three bytes of padding may follow it.
    ///
    /// `None` where a device stays silent: the request has no complete header, or a fault says so.
    ///
    /// A repeated GET_CAPABILITIES, NEGOTIATE_ALGORITHMS, CHALLENGE or signed GET_MEASUREMENTS that equals
    /// the request before it is taken for a retry and gets the same answer again.
    pub fn respond(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let received = Header::peek(Untrusted::new(request)).ok()?;
        let Self { config, keys, entropy, history, connection } = self;
        let waiting = take_pending(history, received);
        let request = waiting.as_deref().unwrap_or(request);
        let code = Header::peek(Untrusted::new(request)).ok()?.code;
        let concerns = |fault: &_| Fault::concerns(*fault, code, config.fault_target);
        let faults = config.faults.iter().copied().filter(concerns).collect();
        let mut turn = Turn { config, keys, entropy, history, faults };
        let version = connection.version();
        let arrival = match waiting {
            Some(_) => Arrival::Again,
            None => Arrival::First,
        };
        let mut response = match defer(&mut turn, arrival, code, request, version) {
            None => connection.answer(&mut turn, request),
            Some(Deferral::Error(refusal)) => refusal.encode(version),
            Some(Deferral::Resynch(refusal)) => {
                *connection = Connection::default();
                refusal.encode(version)
            }
            Some(Deferral::Broken(bytes)) => bytes,
            Some(Deferral::Silence) => return None,
        };
        on_wire(&turn, code, connection.peer(), &mut response);
        response.resize(response.len() + config.padding, 0);
        Some(response)
    }

    /// Replaces the configured faults from the next request on.
    pub fn set_faults(&mut self, faults: Vec<Fault>) {
        self.config.faults = faults;
    }

    /// Power off and on: the connection and what faults remember are gone, keys and certificates stay.
    pub fn reset(&mut self) {
        self.history = History::default();
        self.connection = Connection::default();
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
        self.keys.first(asym).map(|identity| identity.key().to_spki_der())
    }
}

/// The request that RESPOND_IF_READY asks after. Any other request gives it up.
fn take_pending(history: &mut History, received: Header) -> Option<Vec<u8>> {
    let pending = history.pending.take()?;
    let code = Header::peek(Untrusted::new(pending.as_slice())).ok()?.code;
    let asked = received.code == Code::RESPOND_IF_READY;
    (asked && Code(received.param1) == code && received.param2 == TOKEN).then_some(pending)
}
