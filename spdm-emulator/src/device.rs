//! The device: one request in, one response out.

use core::fmt;
use core::time::Duration;

use spdm_codec::{Header, MeasurementHashAlgo, TransferSizes};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AeadAlgorithm, AsymAlgorithm, Bank, HashAlgorithm, KeyExchangeAlgorithm};
use spdm_responder::{Config, Connection, Memory, Responder, SessionSlot, hash_places};
use spdm_untrusted::Untrusted;

use crate::chains::Chains;
use crate::config::MAX_PADDING;
use crate::config::{DeviceConfig, preferred_aeads, preferred_hashes, preferred_key_exchanges};
use crate::device_events::ToldSessions;
use crate::entropy::Entropy;
use crate::error::{DeviceError, StateError};
use crate::fault::Fault;
use crate::key_ring::KeyRing;
use crate::misbehaviour::{History, MAX_RESPONSE, Misbehaviour};
use crate::mutual_authentication::KnownRequester;
use crate::own_device::OwnDevice;
use crate::pci_device::PciDevice;
use crate::provisioned::Provisioned;
use crate::script::{Act, Counters, Delivery, Inside, LinkState, ScriptStep};
use crate::state_file::StateFile;

/// A software SPDM device (Responder) with its keys, certificates and one connection.
///
/// It keeps no more than its last exchange and a few hashes, whatever a Requester sends.
#[derive(Debug)]
pub struct Device {
    config: DeviceConfig,
    keys: KeyRing,
    /// What it prefers, the best first.
    asyms: Vec<AsymAlgorithm>,
    hashes: Vec<HashAlgorithm>,
    key_exchanges: Vec<KeyExchangeAlgorithm>,
    aeads: Vec<AeadAlgorithm>,
    entropy: Entropy,
    /// What it was given since it was made.
    provisioned: Provisioned,
    /// Where that is kept.
    state: Option<StateFile>,
    /// How often random bytes were asked for.
    draws: u64,
    pci: PciDevice,
    history: History,
    chains: Chains,
    requester: KnownRequester,
    told: ToldSessions,
    lent: Box<Lent>,
    counters: Counters,
    /// The last response that left the device.
    last: Option<Vec<u8>>,
}

/// What the responder is lent. Pages that no message reaches are never touched.
struct Lent {
    connection: Connection,
    running: Bank<Running, { hash_places(SESSIONS) }>,
    sessions: [SessionSlot; SESSIONS],
    message: Vec<u8>,
    out: Vec<u8>,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// How many sessions a device has at once.
const SESSIONS: usize = 4;
/// Room for a response that a fault or a script makes long.
const ROOM: usize = MAX_RESPONSE + 0x1_0000;
/// The longest request that is put together, whatever MaxSPDMmsgSize says.
const LONGEST_REQUEST: usize = 0x40_0000;

/// What arrived at a device.
enum Received<'m> {
    Plain(&'m [u8]),
    Secured(&'m [u8]),
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
        let state = config.state.as_deref().map(StateFile::in_folder).transpose()?;
        let entropy = origin(&config, state.as_ref())?;
        let mut keys = KeyRing::new(&config, &entropy)?;
        let hashes = preferred_hashes(config.base_hash).filter(|hash| keys.supports(*hash));
        let hashes: Vec<_> = hashes.collect();
        if hashes.is_empty() {
            return Err(DeviceError::NoHash);
        }
        let whole = config.max_spdm_msg_size.max(config.data_transfer_size);
        let whole = usize::try_from(whole).unwrap_or(usize::MAX).min(LONGEST_REQUEST);
        let lent = Box::new(Lent {
            connection: Connection::new(),
            running: Bank::new(),
            sessions: Default::default(),
            message: vec![0; whole + config.request_padding + ROOM],
            out: vec![0; ROOM],
        });
        let key_exchanges = preferred_key_exchanges(config.dhe_groups, config.kems).collect();
        let aeads = preferred_aeads(config.cipher_suites).collect();
        let asyms = keys.asyms().collect();
        let provisioned = Provisioned::new(&config, &mut keys, &entropy, state.as_ref())?;
        Ok(Self {
            config,
            key_exchanges,
            aeads,
            asyms,
            keys,
            provisioned,
            state,
            hashes,
            entropy,
            draws: 0,
            pci: PciDevice::default(),
            history: History::default(),
            chains: Chains::default(),
            requester: KnownRequester::new(),
            told: ToldSessions::default(),
            lent,
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
            let (response, acts, _) = self.process(&script, acts, Received::Plain(request));
            self.line(&acts, response, &mut delivery);
        }
        self.config.script = script;
        delivery
    }

    /// Answers one record of a session (DSP0277), transport framing removed. `None` where a device stays silent: there
    /// is no such session, what is inside is no SPDM message, or a fault says so.
    pub fn respond_secured(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        self.deliver_secured(record).messages.into_iter().next().map(|(_, record)| record)
    }

    /// Answers one record of a session, and tells what arrives when. A script that loses a request loses its answer,
    /// too: what is inside is known only to the device.
    pub fn deliver_secured(&mut self, record: &[u8]) -> Delivery {
        let mut delivery = Delivery::default();
        let script = core::mem::take(&mut self.config.script);
        let (response, acts, inside) = self.process(&script, Vec::new(), Received::Secured(record));
        self.line(&acts, response, &mut delivery);
        delivery.inside = inside;
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
                Act::LoseRequest | Act::LoseResponse => messages.clear(),
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

    /// Answers what arrived; `acts` is what the script says of it, which for a record shows on the way.
    fn process<'s>(
        &mut self,
        script: &'s [ScriptStep],
        acts: Vec<&'s Act>,
        received: Received<'_>,
    ) -> (Option<Vec<u8>>, Vec<&'s Act>, Option<Inside>) {
        let Self { config, keys, chains, entropy, history, counters, provisioned, state, .. } =
            self;
        let (draws, mut changed) = (&mut self.draws, false);
        let Lent { connection, running, sessions, message: memory, out } = &mut *self.lent;
        self.told.keep(sessions);
        self.pci.keep(sessions);
        chains.prepare(config, keys, connection.suite(), connection.version());
        let offer = Config {
            versions: &config.versions,
            capabilities: config.flags(),
            ct_exponent: config.ct_exponent,
            sizes: TransferSizes {
                data_transfer_size: config.data_transfer_size,
                max_spdm_msg_size: config.max_spdm_msg_size,
            },
            asyms: &self.asyms,
            hashes: &self.hashes,
            measurement_hash: config.measurement_hash,
            opaque_formats: config.opaque_formats(),
            key_exchanges: &self.key_exchanges,
            aeads: &self.aeads,
            heartbeat_period: config.heartbeat_period,
            records: config.records,
            padding: config.request_padding,
        };
        let mut device = OwnDevice {
            config,
            keys,
            chains,
            entropy,
            pci: &mut self.pci,
            requester: &mut self.requester,
            told: &mut self.told,
            version: connection.version(),
            draws,
            provisioned,
            state: state.as_ref(),
            changed: &mut changed,
            shown: Vec::new(),
        };
        let mut hook = Misbehaviour {
            config,
            offer,
            chains,
            entropy,
            history,
            script,
            counters,
            received: acts,
            reassembled: Vec::new(),
            inside: None,
        };
        let memory = Memory { connection, message: memory, hashes: running, sessions };
        let mut responder = Responder::new(PROVIDER, offer, memory);
        let len = match received {
            Received::Plain(message) => responder.process(&mut device, &mut hook, message, out),
            Received::Secured(record) => {
                responder.process_secured(&mut device, &mut hook, &mut record.to_vec(), out)
            }
        };
        let response = len.map(|len| {
            let mut response = out.get(..len).unwrap_or_default().to_vec();
            response.resize(len + config.padding, 0);
            response
        });
        let heard = (response, hook.received, hook.inside);
        if changed {
            chains.forget();
        }
        heard
    }

    /// Replaces the script from the next request on.
    pub fn set_script(&mut self, script: Vec<ScriptStep>) {
        self.config.script = script;
        self.counters = Counters::default();
    }

    /// Replaces the configured faults from the next request on.
    pub fn set_faults(&mut self, faults: Vec<Fault>) {
        self.config.faults = faults;
        self.chains.forget();
    }

    /// Power off and on: the connection and what faults remember are gone, keys and certificates stay. What waited for a
    /// reset takes effect.
    pub fn reset(&mut self) {
        self.provisioned.reset(&mut self.keys);
        self.chains.forget();
        if let Some(state) = &self.state {
            // Where it cannot be written, what waited for the reset still waits for the next one.
            let _ = state.write(&self.provisioned, &self.entropy);
        }
        self.history = History::default();
        self.lent.connection.reset();
        self.lent.sessions.iter_mut().for_each(SessionSlot::end);
        self.counters = Counters::default();
        self.pci = PciDevice::default();
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

/// The origin of the device's secrets: that of the one that is kept, or a new one.
fn origin(config: &DeviceConfig, state: Option<&StateFile>) -> Result<Entropy, DeviceError> {
    let fresh = |seed| Entropy::new(seed).map_err(|_| DeviceError::RandomUnavailable);
    match state.map(StateFile::origin).transpose()?.flatten() {
        None => fresh(config.seed),
        Some(kept) if config.seed.is_none() || config.seed == kept.seed() => Ok(kept),
        Some(_) => Err(StateError::OtherSeed.into()),
    }
}
