//! Sessions with the emulated device, whose responder shares no check with the requester.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, Code, DheNamedGroup, ErrorCode, KemAlgo,
    MeasurementSummary, RecordBinding, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, PskBytes};
use spdm_emulator::{Device, DeviceConfig, KeyProvisioning, SharedKey};
use spdm_requester::{
    Connection, Negotiated, Offer, Requester, Selection, SessionHandle, SessionPlan, Sessions,
    Storage, UpdatedKeys, blocking,
};
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};

use spdm_x509::Identity;

use crate::session_peer::{HINT, Never, PSK, deliver};
use crate::sessions::key;
use crate::sim::{SimClock, since};

type F = CapabilityFlags;

/// The device behind a transport.
pub(crate) struct Emulated {
    pub(crate) device: Device,
    binding: RecordBinding,
    clock: SimClock,
    pending: Option<(MessageKind, Vec<u8>)>,
}

impl Emulated {
    pub(crate) const fn new(device: Device, binding: RecordBinding, clock: SimClock) -> Self {
        Self { device, binding, clock, pending: None }
    }
}

impl Transport for Emulated {
    type Error = Never;

    fn limits(&self) -> Limits {
        let limits = Limits::new(0x1200, 0x1200).with_records(self.binding);
        match self.binding {
            RecordBinding::PciDoe => limits.with_padding(3),
            _ => limits,
        }
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), Never> {
        let answer = match kind {
            MessageKind::Plain => self.device.respond(message),
            MessageKind::Secured => self.device.respond_secured(message),
        };
        self.pending = answer.map(|answer| (kind, answer));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Option<Received>, Never> {
        deliver(self.pending.take(), &self.clock, buffer, timeout)
    }

    fn abandon(&mut self) {
        self.pending = None;
    }
}

pub(crate) struct Setup {
    version: SpdmVersion,
    pub(crate) binding: RecordBinding,
    pub(crate) flags: F,
    groups: DheNamedGroup,
    kems: KemAlgo,
}

impl Setup {
    pub(crate) const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);

    pub(crate) fn new(version: SpdmVersion) -> Self {
        Self {
            version,
            binding: RecordBinding::PciDoe,
            flags: F::ENCRYPT_CAP | F::PSK_CAP_CONTEXT,
            groups: DheNamedGroup::SECP_256_R1,
            kems: KemAlgo::empty(),
        }
    }

    pub(crate) fn over(version: SpdmVersion, binding: RecordBinding) -> Self {
        Self { binding, ..Self::new(version) }
    }

    /// A session with the device, by KEY_EXCHANGE.
    pub(crate) fn in_a_session(
        &self,
        device: &mut Emulated,
        clock: &SimClock,
        then: impl FnOnce(Requester<'_, Negotiated>, &mut Emulated, SessionHandle),
    ) {
        let (mut message, mut connection) = (vec![0; 0x2000], Connection::new(0));
        let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<2>::new());
        let storage =
            Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
        let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        let requester = Requester::new(PROVIDER, storage, device.limits()).with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), device, clock).unwrap();
        let spki = device.device.public_key_spki(Self::ASYM).unwrap();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let (requester, (opened, _)) = blocking::run(flow, device, clock).unwrap();
        then(requester, device, opened.session);
    }

    pub(crate) fn device(&self) -> Device {
        let common = F::KEY_EX_CAP | F::MAC_CAP | F::HBEAT_CAP | F::KEY_UPD_CAP;
        Device::new(DeviceConfig {
            seed: Some(7),
            versions: vec![self.version],
            base_asym: BaseAsymAlgo::ECDSA_P256,
            base_hash: BaseHashAlgo::SHA_256,
            provisioning: KeyProvisioning::PublicKey,
            more_capabilities: common | self.flags,
            dhe_groups: self.groups,
            kems: self.kems,
            pre_shared_keys: vec![SharedKey { hint: HINT.to_vec(), key: PSK.to_vec() }],
            records: self.binding,
            padding: if self.binding == RecordBinding::PciDoe { 2 } else { 0 },
            ..DeviceConfig::default()
        })
        .unwrap()
    }

    /// Both kinds of sessions, used, with new keys, and closed.
    fn run(&self) {
        let clock = SimClock::default();
        let mut device = Emulated::new(self.device(), self.binding, clock.clone());
        let (mut message, mut connection) = (vec![0; 0x2000], Connection::new(0));
        let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<2>::new());
        let storage =
            Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
        let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
        offer.capabilities |= self.flags & F::HANDSHAKE_IN_THE_CLEAR_CAP;
        let requester = Requester::new(PROVIDER, storage, device.limits()).with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
        let spki = device.device.public_key_spki(Self::ASYM).unwrap();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let (requester, (first, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let requester = use_it(requester, &mut device, first.session);
        let psk = PskBytes(PSK);
        let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
        let (requester, (second, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let requester = use_it(requester, &mut device, second.session);
        let requester = use_it(requester, &mut device, first.session);
        let flow = requester.close_session(first.session);
        let (requester, ()) = blocking::run(flow, &mut device, &clock).unwrap();
        use_it(requester, &mut device, second.session);
    }
}

fn use_it<'a>(
    requester: Requester<'a, Negotiated>,
    device: &mut Emulated,
    session: SessionHandle,
) -> Requester<'a, Negotiated> {
    let clock = device.clock.clone();
    let (requester, ()) = blocking::run(requester.heartbeat(session), device, &clock).unwrap();
    let flow = requester.update_keys(session, UpdatedKeys::Requests);
    let (requester, ()) = blocking::run(flow, device, &clock).unwrap();
    let flow = requester.update_keys(session, UpdatedKeys::Both);
    let (requester, ()) = blocking::run(flow, device, &clock).unwrap();
    let (requester, ()) = blocking::run(requester.heartbeat(session), device, &clock).unwrap();
    requester
}

#[test]
fn sessions_with_the_emulated_device_in_every_version_and_on_every_transport() {
    for version in since(SpdmVersion::V1_1) {
        for binding in
            [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp, RecordBinding::Storage]
        {
            for more in [F::empty(), F::HANDSHAKE_IN_THE_CLEAR_CAP] {
                let setup = Setup::new(version);
                Setup { binding, flags: setup.flags | more, ..setup }.run();
            }
        }
        let setup = Setup::new(version);
        Setup { flags: F::PSK_CAP, ..setup }.run();
        let setup = Setup::new(version);
        Setup { flags: F::ENCRYPT_CAP | F::PSK_CAP, ..setup }.run();
    }
}

#[test]
fn sessions_with_the_emulated_device_by_every_key_exchange() {
    for groups in DheNamedGroup::all().iter().filter(|group| PROVIDER.dhe_groups().contains(*group))
    {
        Setup { groups, ..Setup::new(SpdmVersion::V1_2) }.run();
    }
    for kems in PROVIDER.kems().iter() {
        let none = DheNamedGroup::empty();
        Setup { groups: none, kems, ..Setup::new(SpdmVersion::V1_4) }.run();
    }
}

/// Each session has a transcript of its own: what is measured in the other one meanwhile is no part of what is signed.
#[test]
fn measurements_in_two_sessions_are_signed_apart() {
    for version in since(SpdmVersion::V1_1) {
        let (setup, clock) = (Setup::new(version), SimClock::default());
        let mut device = Emulated::new(setup.device(), setup.binding, clock.clone());
        let spki = device.device.public_key_spki(AsymAlgorithm::Ecdsa(EcCurve::P256)).unwrap();
        let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 5>::new());
        let (mut connection, mut sessions) = (Connection::new(0), Sessions::<2>::new());
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        let requester =
            Requester::new(PROVIDER, storage.with_sessions(&mut sessions), device.limits())
                .with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let (requester, (first, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let (mut requester, (second, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let mut record = vec![0; 0x1000];
        let both = [first.session, second.session];
        for session in both {
            let flow = requester.in_session(session).measure_unsigned(
                Selection::Indices(&[1]),
                Default::default(),
                &mut record,
            );
            requester = blocking::run(flow, &mut device, &clock).unwrap().0;
        }
        for session in both {
            let nonce = requester.nonce().unwrap();
            let flow = requester.in_session(session).measure_signed(
                Selection::Indices(&[2]),
                Default::default(),
                key(&spki),
                nonce,
                &mut record,
            );
            let (next, measured) = blocking::run(flow, &mut device, &clock).unwrap();
            assert!(measured.possession.is_some(), "{version}");
            requester = next;
        }
    }
}

/// The device behind a line that answers the first CHUNK_GET with Busy.
struct BusyWithChunk {
    inner: Emulated,
    was_busy: bool,
    key_exchanges: usize,
}

impl Transport for BusyWithChunk {
    type Error = Never;

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], timeout: Duration) -> Result<(), Never> {
        let code = (kind == MessageKind::Plain).then(|| Code(message[1]));
        self.key_exchanges += usize::from(code == Some(Code::KEY_EXCHANGE));
        if code == Some(Code::CHUNK_GET) && !self.was_busy {
            self.was_busy = true;
            let busy = vec![message[0], Code::ERROR.0, ErrorCode::BUSY.0, 0];
            self.inner.pending = Some((kind, busy));
            return Ok(());
        }
        self.inner.send(kind, message, timeout)
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Option<Received>, Never> {
        self.inner.receive(buffer, timeout)
    }

    fn abandon(&mut self) {
        self.inner.abandon();
    }
}

/// What the device has answered is fetched again; only a KEY_EXCHANGE that it did not take is made anew.
#[test]
fn s28_busy_with_a_chunk_of_the_answer_does_not_begin_another_key_exchange() {
    let mut setup = Setup::new(SpdmVersion::V1_2);
    setup.flags |= F::CHUNK_CAP;
    let mut config = setup.device().config().clone();
    (config.data_transfer_size, config.max_spdm_msg_size) = (200, 0x1000);
    let device = Device::new(config).unwrap();
    let spki = device.public_key_spki(AsymAlgorithm::Ecdsa(EcCurve::P256)).unwrap();
    let clock = SimClock::default();
    let inner = Emulated::new(device, setup.binding, clock.clone());
    let mut line = BusyWithChunk { inner, was_busy: false, key_exchanges: 0 };
    let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 4>::new());
    let (mut connection, mut sessions) = (Connection::new(0), Sessions::<1>::new());
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    let requester = Requester::new(PROVIDER, storage.with_sessions(&mut sessions), line.limits())
        .with_offer(offer);
    let (requester, ()) = blocking::run(requester.negotiate(), &mut line, &clock).unwrap();
    line.was_busy = false;
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let (requester, (opened, _)) = blocking::run(flow, &mut line, &clock).unwrap();
    assert_eq!((line.was_busy, line.key_exchanges), (true, 1));
    blocking::run(requester.close_session(opened.session), &mut line, &clock).unwrap();
}

/// What is said in a session is no part of B, but empties it as the same request in the clear does: seen with the reference
/// implementation.
#[test]
fn a_challenge_after_a_request_in_a_session_is_signed_over_the_same_transcript() {
    for version in since(SpdmVersion::V1_1) {
        let mut setup = Setup::new(version);
        setup.flags |= F::CERT_CAP;
        let mut config = setup.device().config().clone();
        config.provisioning = KeyProvisioning::Certificates;
        let clock = SimClock::default();
        let mut device = Emulated::new(Device::new(config).unwrap(), setup.binding, clock.clone());
        let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 4>::new());
        let (mut connection, mut sessions) = (Connection::new(0), Sessions::<1>::new());
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        let requester =
            Requester::new(PROVIDER, storage.with_sessions(&mut sessions), device.limits())
                .with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
        let (requester, _) = blocking::run(requester.get_digests(), &mut device, &clock).unwrap();
        let (mut first, mut second) = (vec![0; 0x2000], vec![0; 0x2000]);
        let flow = requester.fetch_chain(SlotId::ZERO, &mut first);
        let (requester, chain) = blocking::run(flow, &mut device, &clock).unwrap();
        let identity = Identity::Chain(chain);
        let flow = requester.open_session(SessionPlan::DEFAULT, identity);
        let (requester, (opened, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let (requester, _) = blocking::run(requester.get_digests(), &mut device, &clock).unwrap();
        let flow = requester.fetch_chain(SlotId::ZERO, &mut second);
        let (requester, _) = blocking::run(flow, &mut device, &clock).unwrap();
        let requester = use_it(requester, &mut device, opened.session);
        let nonce = requester.nonce().unwrap();
        let flow = requester.challenge(identity, MeasurementSummary::None, nonce);
        blocking::run(flow, &mut device, &clock).unwrap();
    }
}
