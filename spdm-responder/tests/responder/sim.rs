//! A device with one key, and a connection to it.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, CertificateModel, Challenge, Cx, EncodeError,
    EndpointInfoSubCode, EventGroups, KeySlot, KeyUsage, MeasurementHashAlgo, MeasurementSummary,
    Message, OtherParams, RecordBinding, RequesterNonce, SlotId, SlotKey, SlotMask, SpdmVersion,
    TransferSizes,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running, SoftwareKey};
use spdm_crypto::{
    AeadAlgorithm, AsymAlgorithm, Bank, EcCurve, HashAlgorithm, KeyExchangeAlgorithm, PreSharedKey,
    Provider, PskBytes, RandomUnavailable, SignError, SignedMessage,
};
use spdm_responder::{
    ApplicationData, Config, Connection, Coverage, Device, EventSource, Hook, Information,
    LogProgress, LogReading, MeasuredBlock, MeasurementWanted, Memory, NoHook, Responder,
    SessionSlot, Suite, hash_places,
};
use spdm_untrusted::Untrusted;

#[cfg(feature = "provisioning")]
#[path = "lab.rs"]
pub(crate) mod lab;

pub(crate) const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
pub(crate) const HASH: HashAlgorithm = HashAlgorithm::Sha256;
pub(crate) const PSK: &[u8] = b"TestPskData\0";
const SESSIONS: usize = 4;

/// What both sides can do of sessions, but for their pre-shared keys.
pub(crate) const SESSION_FLAGS: CapabilityFlags = CapabilityFlags::ENCRYPT_CAP
    .union(CapabilityFlags::MAC_CAP)
    .union(CapabilityFlags::KEY_EX_CAP)
    .union(CapabilityFlags::HBEAT_CAP)
    .union(CapabilityFlags::KEY_UPD_CAP);

/// Two measurements, one chain of bytes that are no certificates: a responder does not look.
#[derive(Debug)]
pub(crate) struct OneKey {
    pub(crate) key: SoftwareKey,
    pub(crate) chain: Vec<u8>,
    /// What the key is for (1.3).
    pub(crate) usage: KeyUsage,
    /// What it wants to know of its Requester.
    #[cfg(feature = "mutual-auth")]
    pub(crate) policy: Option<crate::host::Policy>,
    #[cfg(feature = "provisioning")]
    pub(crate) lab: lab::Lab,
    counter: u8,
    /// Entries of the measurement extension log as it is now; `None` while it cannot be had.
    pub(crate) log_entries: Option<u32>,
    /// The log as each reader began to read it.
    readings: Vec<(Option<u32>, Vec<u8>)>,
    pub(crate) endpoint_info: Vec<u8>,
    /// Vendor (none is DMTF), type and detail of events.
    #[cfg(feature = "mutual-auth")]
    pub(crate) to_tell: Vec<(&'static [u8], u16, &'static [u8])>,
}

/// A log with so many entries.
pub(crate) fn log_of(entries: u32) -> Vec<u8> {
    let mut log = [entries, entries * 13, 0, 0].map(u32::to_le_bytes).concat();
    for entry in 1..=entries {
        log.extend(entry.to_le_bytes());
        log.extend([5, 0, 0, 0, 0x89, 2, 0, 0xAA, 0xBB]);
    }
    log
}

/// Both groups that the device tells of: DMTF's, and one of a vendor with one type.
pub(crate) const EVENT_GROUPS: &[u8] = &[
    0, 0, 4, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, // DMTF
    3, 2, 0x36, 0x1B, 1, 0, 7, 0, 0, 0, 0, 0, 9, 0, 0, 0,
];

impl Information for OneKey {
    fn measurement_extension_log(&mut self, reading: LogReading) -> Option<&[u8]> {
        let entries = self.log_entries?;
        if reading.progress == LogProgress::Begins {
            self.readings.retain(|(reader, _)| *reader != reading.session_id);
            self.readings.push((reading.session_id, log_of(entries)));
        }
        let mut readings = self.readings.iter();
        readings.find(|(reader, _)| *reader == reading.session_id).map(|(_, log)| &log[..])
    }

    fn endpoint_info(&self, sub_code: EndpointInfoSubCode) -> Option<&[u8]> {
        let known = sub_code == EndpointInfoSubCode::DEVICE_CLASS_IDENTIFIER;
        known.then_some(&self.endpoint_info)
    }
}

impl EventSource for OneKey {
    fn supported(&self) -> EventGroups<'_> {
        EventGroups { count: 2, list: EVENT_GROUPS }
    }

    #[cfg(feature = "mutual-auth")]
    fn pending(
        &self,
        _: u32,
        _: &spdm_responder::WantedEvents<'_>,
    ) -> Option<spdm_responder::EventToTell<'_>> {
        let (vendor_id, type_id, detail) = *self.to_tell.first()?;
        let id = match vendor_id {
            [] => spdm_codec::StandardsBody::DMTF,
            _ => spdm_codec::StandardsBody::PCI_SIG,
        };
        let group = spdm_codec::VendorHeader { id, vendor_id };
        Some(spdm_responder::EventToTell { group, type_id, detail })
    }
}

impl OneKey {
    pub(crate) fn new() -> Self {
        let key = SoftwareKey::from_seed(ASYM, [7; 32]).unwrap();
        let chain = (0..=255).cycle().take(1000).collect();
        Self {
            key,
            chain,
            usage: KeyUsage::KEY_EX,
            #[cfg(feature = "mutual-auth")]
            policy: None,
            #[cfg(feature = "provisioning")]
            lab: lab::Lab::default(),
            counter: 0,
            log_entries: Some(3),
            readings: Vec::new(),
            #[cfg(feature = "mutual-auth")]
            to_tell: Vec::new(),
            endpoint_info: vec![1, 0, 0, 0, 7, 0, 0, 1, 3, 0x12, 0x34, 0x56],
        }
    }
}

impl Device for OneKey {
    fn provisioned(&self, _: &Suite) -> SlotMask {
        SlotMask(1)
    }

    fn chain(&self, slot: SlotId, _: &Suite) -> Option<&[u8]> {
        (slot == SlotId::ZERO).then_some(&self.chain)
    }

    fn slot_key(&self, _: SlotId) -> SlotKey {
        let model = CertificateModel::DeviceCert;
        SlotKey { key_pair_id: 1, model, usage: self.usage }
    }

    fn sign(
        &mut self,
        _: KeySlot,
        suite: &Suite,
        message: &SignedMessage,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        message.sign(&self.key, suite.hash, out)
    }

    fn pre_shared_key(&self, hint: &[u8]) -> Option<&dyn PreSharedKey> {
        const KEY: PskBytes<'_> = PskBytes(PSK);
        (hint == b"hint").then_some(&KEY)
    }

    #[cfg(feature = "mutual-auth")]
    fn requester_authentication(
        &mut self,
    ) -> Option<&mut dyn spdm_responder::RequesterAuthentication> {
        self.policy
            .as_mut()
            .map(|policy| -> &mut dyn spdm_responder::RequesterAuthentication { policy })
    }

    #[cfg(feature = "mutual-auth")]
    fn own_requests(&mut self) -> Option<&mut dyn spdm_responder::OwnRequests> {
        self.policy.as_mut().map(|policy| -> &mut dyn spdm_responder::OwnRequests { policy })
    }

    fn information(&mut self) -> Option<&mut dyn Information> {
        Some(self)
    }

    fn event_source(&mut self) -> Option<&mut dyn EventSource> {
        Some(self)
    }

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.counter = self.counter.wrapping_add(1);
        out.fill(self.counter);
        Ok(())
    }

    fn application_data(&mut self) -> Option<&mut dyn ApplicationData> {
        Some(self)
    }

    #[cfg(feature = "provisioning")]
    fn provisioning(&mut self) -> Option<&mut dyn spdm_responder::Provisioning> {
        Some(&mut self.lab)
    }

    #[cfg(feature = "experimental")]
    fn slot_banks(&mut self) -> Option<&mut dyn spdm_responder::SlotBanks> {
        (!self.lab.banks.is_empty()).then_some(&mut self.lab)
    }

    fn measurement_count(&self, _: SpdmVersion) -> u8 {
        2
    }

    fn measurement(
        &self,
        nth: u8,
        _: &MeasurementWanted,
        out: &mut [u8],
    ) -> Result<MeasuredBlock, EncodeError> {
        let block = [nth + 1, 1, 7, 0, 0x80, 4, 0, nth, 2, 3, 4];
        let needed = block.len();
        let place = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        place.copy_from_slice(&block);
        let coverage = if nth == 0 { Coverage::TrustedComputingBase } else { Coverage::AllOnly };
        Ok(MeasuredBlock { index: nth + 1, len: needed, coverage })
    }
}

/// Data with MCTP message type 0x7E come back as they are, those with 0x7F as if they were of SPDM.
impl ApplicationData for OneKey {
    fn answer(&mut self, data: &[u8], _: u32, out: &mut [u8]) -> Option<usize> {
        let (kind, rest) = data.split_first()?;
        let kind = match kind {
            0x7E => 0x7E,
            0x7F => 5,
            _ => return None,
        };
        let (first, place) = out.split_first_mut()?;
        *first = kind;
        place.get_mut(..rest.len())?.copy_from_slice(rest);
        Some(data.len())
    }
}

pub(crate) fn config() -> Config<'static> {
    Config {
        versions: &SpdmVersion::ALL,
        capabilities: CapabilityFlags::CERT_CAP
            | CapabilityFlags::CHAL_CAP
            | CapabilityFlags::MEAS_CAP_SIG
            | CapabilityFlags::CHUNK_CAP,
        ct_exponent: 14,
        sizes: TransferSizes { data_transfer_size: 0x1200, max_spdm_msg_size: 0x1200 },
        asyms: &[ASYM],
        hashes: &[HASH],
        measurement_hash: MeasurementHashAlgo::SHA_256,
        opaque_formats: OtherParams::OPAQUE_DATA_FMT_1,
        key_exchanges: &[KeyExchangeAlgorithm::Ecdh(EcCurve::P256)],
        aeads: &[AeadAlgorithm::Aes256Gcm],
        heartbeat_period: 240,
        records: RecordBinding::PciDoe,
        padding: 3,
    }
}

/// With sessions of both kinds.
pub(crate) fn with_sessions() -> Config<'static> {
    let flags = config().capabilities | SESSION_FLAGS | CapabilityFlags::PSK_CAP_CONTEXT;
    Config { capabilities: flags, ..config() }
}

/// `MELspecification` in NEGOTIATE_ALGORITHMS.
const MEL_SPECIFICATION: usize = 31;

/// A device, and what its responder is lent.
pub(crate) struct Sim {
    pub(crate) device: OneKey,
    pub(crate) config: Config<'static>,
    pub(crate) connection: Box<Connection>,
    bank: Bank<Running, { hash_places(SESSIONS) }>,
    pub(crate) sessions: [SessionSlot; SESSIONS],
    pub(crate) message: Vec<u8>,
    pub(crate) out: Vec<u8>,
    /// What was received and sent, negotiation first.
    pub(crate) said: Vec<u8>,
    /// A.
    pub(crate) negotiation: Vec<u8>,
    /// D: DIGESTS that enters TH.
    pub(crate) digests: Vec<u8>,
    /// What the responder computes with.
    pub(crate) provider: Provider,
    /// `MELspecification` of NEGOTIATE_ALGORITHMS from 1.3 on.
    pub(crate) mel_offered: u8,
    /// `SessionPolicy` of KEY_EXCHANGE.
    pub(crate) session_policy: u8,
    /// What carries the responder out.
    pub(crate) runner: Runner,
}

/// What carries something out, and may look at how.
#[derive(Clone, Copy)]
pub(crate) struct Runner(pub(crate) fn(&mut dyn FnMut()));

impl Runner {
    fn run<R>(self, run: impl FnOnce() -> R) -> R {
        let (mut run, mut result) = (Some(run), None);
        (self.0)(&mut || result = run.take().map(|run| run()));
        result.unwrap()
    }
}

impl Sim {
    pub(crate) fn new(config: Config<'static>) -> Self {
        Self {
            device: OneKey::new(),
            config,
            connection: Box::default(),
            bank: Bank::new(),
            sessions: Default::default(),
            message: vec![0; 0x4000],
            out: vec![0; 0x1200],
            said: Vec::new(),
            negotiation: Vec::new(),
            digests: Vec::new(),
            provider: PROVIDER,
            mel_offered: 1,
            session_policy: 0,
            runner: Runner(|run| run()),
        }
    }

    /// A connection after ALGORITHMS.
    pub(crate) fn negotiated(config: Config<'static>, version: SpdmVersion) -> Self {
        let mut sim = Self::new(config);
        sim.negotiate(version);
        sim
    }

    pub(crate) fn negotiate(&mut self, version: SpdmVersion) {
        self.negotiate_with(negotiation(&self.config, version));
    }

    pub(crate) fn negotiate_with(&mut self, requests: [Vec<u8>; 3]) {
        let before = self.said.len();
        let version = requests[1][0];
        for mut request in requests {
            if request[1] == 0xE3 && version >= 0x13 {
                request[MEL_SPECIFICATION] = self.mel_offered;
            }
            let answer = self.send(&request).unwrap();
            assert_ne!(answer[1], 0x7F, "{version:#x} {answer:02x?}");
        }
        self.negotiation = self.said[before..].to_vec();
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.send_with(&mut NoHook, request)
    }

    pub(crate) fn send_with(&mut self, hook: &mut dyn Hook, request: &[u8]) -> Option<Vec<u8>> {
        let memory = Memory {
            connection: &mut self.connection,
            message: &mut self.message,
            hashes: &mut self.bank,
            sessions: &mut self.sessions,
        };
        let mut responder = Responder::new(self.provider, self.config, memory);
        let (device, out) = (&mut self.device, &mut self.out);
        let len = self.runner.run(|| responder.process(device, hook, request, out))?;
        let answer = self.out[..len].to_vec();
        self.said.extend(request);
        self.said.extend(&answer);
        Some(answer)
    }

    pub(crate) fn send_record(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        self.send_record_with(&mut NoHook, record)
    }

    pub(crate) fn send_record_with(
        &mut self,
        hook: &mut dyn Hook,
        record: &[u8],
    ) -> Option<Vec<u8>> {
        let memory = Memory {
            connection: &mut self.connection,
            message: &mut self.message,
            hashes: &mut self.bank,
            sessions: &mut self.sessions,
        };
        let mut record = record.to_vec();
        let mut responder = Responder::new(self.provider, self.config, memory);
        let (device, out) = (&mut self.device, &mut self.out);
        let len = self.runner.run(|| responder.process_secured(device, hook, &mut record, out))?;
        Some(self.out[..len].to_vec())
    }

    /// How many sessions there are.
    pub(crate) fn alive(&self) -> usize {
        self.sessions.iter().filter(|slot| slot.session_id().is_some()).count()
    }
}

/// GET_VERSION, GET_CAPABILITIES and NEGOTIATE_ALGORITHMS, of a Requester that can do what the device can of sessions.
pub(crate) fn negotiation(config: &Config<'_>, version: SpdmVersion) -> [Vec<u8>; 3] {
    negotiation_of(config, version, |flags| flags)
}

/// [`negotiation`] of a Requester whose flags are adjusted.
pub(crate) fn negotiation_of(
    config: &Config<'_>,
    version: SpdmVersion,
    adjust: impl Fn(CapabilityFlags) -> CapabilityFlags,
) -> [Vec<u8>; 3] {
    let (byte, sizes) = (version.to_byte(), config.sizes);
    let session_flags = SESSION_FLAGS | CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
    let mut flags = config.capabilities & session_flags;
    if config.capabilities.intersects(CapabilityFlags::PSK_CAP | CapabilityFlags::PSK_CAP_CONTEXT) {
        flags |= CapabilityFlags::PSK_CAP;
    }
    if config.capabilities.contains(CapabilityFlags::MUT_AUTH_CAP) {
        flags |= CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP;
        flags |= config.capabilities & (CapabilityFlags::MUT_AUTH_CAP | CapabilityFlags::ENCAP_CAP);
    }
    flags = adjust(flags);
    let mut capabilities = vec![byte, 0xE1, 0, 0];
    if version > SpdmVersion::V1_0 {
        if version >= SpdmVersion::V1_2 {
            flags |= CapabilityFlags::CHUNK_CAP;
        }
        capabilities.extend([0, 14, 0, 0]);
        capabilities.extend(flags.bits().to_le_bytes());
    }
    if version >= SpdmVersion::V1_2 {
        capabilities.extend(sizes.data_transfer_size.to_le_bytes());
        capabilities.extend(sizes.max_spdm_msg_size.to_le_bytes());
    }
    let mut algorithms = vec![byte, 0xE3, 0, 0, 32, 0, 1, 2];
    if config.capabilities.contains(CapabilityFlags::MULTI_KEY_CAP_ONLY) && byte >= 0x13 {
        algorithms[7] |= 0x10;
    }
    algorithms.extend(BaseAsymAlgo::ECDSA_P256.bits().to_le_bytes());
    algorithms.extend(BaseHashAlgo::SHA_256.bits().to_le_bytes());
    algorithms.extend([0; 16]);
    if version < SpdmVersion::V1_2 {
        algorithms[7] = 0;
    }
    if version > SpdmVersion::V1_0 && flags.contains(CapabilityFlags::MAC_CAP) {
        let groups = config.key_exchanges.iter().filter_map(|exchange| exchange.dhe_group());
        let [low, high] = groups.fold(0, |set, group| set | group.bits()).to_le_bytes();
        let kems = config.key_exchanges.iter().filter_map(|exchange| exchange.kem());
        let [kem_low, kem_high] = kems.fold(0, |set, kem| set | kem.bits()).to_le_bytes();
        let mut tables = vec![[3, 0x20, 7, 0], [5, 0x20, 1, 0]];
        if low | high != 0 {
            tables.insert(0, [2, 0x20, low, high]);
        }
        if kem_low | kem_high != 0 {
            tables.push([7, 0x20, kem_low, kem_high]);
        }
        if flags.contains(CapabilityFlags::MUT_AUTH_CAP) {
            // ReqBaseAsymAlg: one that the device cannot verify, and ECDSA_P256.
            tables.insert(tables.len().min(2), [4, 0x20, 0x10, 2]);
        }
        algorithms[2] = u8::try_from(tables.len()).unwrap();
        algorithms[4] += 4 * algorithms[2];
        algorithms.extend(tables.as_flattened());
    }
    [vec![0x10, 0x84, 0, 0], capabilities, algorithms]
}

pub(crate) fn challenge(version: SpdmVersion, nonce: u8) -> Vec<u8> {
    let mut out = [0; 64];
    let context = (version >= SpdmVersion::V1_3).then_some(spdm_codec::RequesterContext([9; 8]));
    let message = Challenge {
        slot: KeySlot::Slot(SlotId::ZERO),
        summary: MeasurementSummary::None,
        nonce: RequesterNonce([nonce; 32]),
        context,
    };
    let len = message.encode(version, &mut out).unwrap();
    out[..len].to_vec()
}

pub(crate) fn decode<'a, M: Message<'a>>(bytes: &'a [u8], cx: &Cx) -> M {
    M::decode(Untrusted::new(bytes), cx).unwrap().message
}
