//! With the emulated device, in a session.

use spdm_codec::pci_sig::{
    FunctionId, IdeKeyFlags, IdeKeySlot, InterfaceReport, InterfaceState, KpAckStatus, LockFlags,
    LockInterface, MmioAttributes,
};
use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, RecordBinding, VendorDefinedResponse,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, HashAlgorithm};
use spdm_emulator::{Device, DeviceConfig, KeyProvisioning};
use spdm_pci_security::{
    Fault, GetCapabilities, GetState, GetVersion, Go, IdeKey, Interface, KeyProgram, Lock, Payload,
    QueryPort, Question, ReportReader, Start, StartNonce, Stop, StopInterface,
};
use spdm_requester::{
    Connection, Error, Negotiated, Offer, Requester, RunError, SessionHandle, SessionPlan,
    Sessions, Storage, blocking,
};
use spdm_transport::{Duration, Limits, MessageKind, Received, StdClock, Transport};
use spdm_untrusted::Untrusted;
use spdm_x509::{Identity, ProvisionedKey};

const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
const TDI: Interface = Interface::new(FunctionId(0xBEEF));

/// Nothing fails on the way to the device.
#[derive(Clone, Copy, Debug)]
struct Never;

impl core::fmt::Display for Never {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("never")
    }
}

impl core::error::Error for Never {}

struct Line {
    device: Device,
    answer: Option<(MessageKind, Vec<u8>)>,
}

impl Transport for Line {
    type Error = Never;

    fn limits(&self) -> Limits {
        Limits::new(0x1200, 0x1200).with_records(RecordBinding::Mctp)
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), Never> {
        let answer = match kind {
            MessageKind::Plain => self.device.respond(message),
            MessageKind::Secured => self.device.respond_secured(message),
        };
        self.answer = answer.map(|answer| (kind, answer));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Option<Received>, Never> {
        let Some((kind, message)) = self.answer.take() else {
            std::thread::sleep(timeout);
            return Ok(None);
        };
        buffer[..message.len()].copy_from_slice(&message);
        Ok(Some(Received { kind, len: message.len() }))
    }

    fn abandon(&mut self) {
        self.answer = None;
    }
}

/// A requester that has negotiated, and asks.
struct Host<'a, 'l> {
    requester: Option<Requester<'a, Negotiated>>,
    session: SessionHandle,
    line: &'l mut Line,
}

impl Host<'_, '_> {
    /// The answer as the question takes it, read by `look`.
    fn ask<Q: Question, R>(
        &mut self,
        question: &Q,
        look: impl FnOnce(Q::Answer<'_>) -> R,
    ) -> Result<R, Fault> {
        let payload = Payload::of(question).unwrap();
        let mut buffer = [0; 512];
        let requester = self.requester.take().unwrap().in_session(self.session);
        let flow =
            requester.exchange::<_, VendorDefinedResponse<'_>>(payload.request(), &mut buffer);
        let run = blocking::run(flow, self.line, &StdClock::new());
        let (requester, answer) = run.map_err(|failure| failure.error).unwrap();
        self.requester = Some(requester);
        question.judge(&answer).map(look)
    }
}

fn line() -> Line {
    let device = Device::new(DeviceConfig {
        seed: Some(7),
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: BaseHashAlgo::SHA_256,
        provisioning: KeyProvisioning::PublicKey,
        more_capabilities: CapabilityFlags::KEY_EX_CAP
            | CapabilityFlags::MAC_CAP
            | CapabilityFlags::ENCRYPT_CAP,
        records: RecordBinding::Mctp,
        ..DeviceConfig::default()
    });
    Line { device: device.unwrap(), answer: None }
}

/// Runs `test` in a session.
fn in_session(test: impl FnOnce(&mut Host<'_, '_>)) {
    let mut line = line();
    let clock = StdClock::new();
    let (mut message, mut connection) = (vec![0; 0x2000], Connection::new(0));
    let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<2>::new());
    let storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    let requester = Requester::new(PROVIDER, storage, line.limits()).with_offer(offer);
    let run = blocking::run(requester.negotiate(), &mut line, &clock);
    let (requester, ()) = run.map_err(|failure| failure.error).unwrap();
    let (requester, session) = open(requester, &mut line);
    test(&mut Host { requester: Some(requester), session, line: &mut line });
}

fn open<'a>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line,
) -> (Requester<'a, Negotiated>, SessionHandle) {
    let spki = line.device.public_key_spki(ASYM).unwrap();
    let key = ProvisionedKey::parse(Untrusted::new(&spki), ASYM, HashAlgorithm::Sha256, &PROVIDER);
    let flow = requester.open_session(SessionPlan::DEFAULT, Identity::Key(key.unwrap()));
    let run = blocking::run(flow, line, &StdClock::new());
    let (requester, (opened, _)) = run.map_err(|failure| failure.error).unwrap();
    (requester, opened.session)
}

const LOCK: LockInterface = LockInterface {
    flags: LockFlags::NO_FW_UPDATE,
    default_stream_id: 0,
    mmio_reporting_offset: 0x1000_0000,
    bind_p2p_addr_mask: 0,
};

#[test]
fn a_lock_ends_with_its_session() {
    in_session(|host| {
        let lock = Lock::new(LOCK, LockFlags::NO_FW_UPDATE).unwrap();
        let nonce = host.ask(&TDI.ask(lock), |nonce| nonce).unwrap();
        let requester = host.requester.take().unwrap();
        let flow = requester.close_session(host.session);
        let run = blocking::run(flow, host.line, &StdClock::new());
        let (requester, ()) = run.map_err(|failure| failure.error).unwrap();
        let (requester, session) = open(requester, host.line);
        (host.requester, host.session) = (Some(requester), session);
        let state = |host: &mut Host<'_, '_>| host.ask(&TDI.ask(GetState), |state| state).unwrap();
        assert_eq!(state(host), InterfaceState::ERROR);
        let refused = Err(Fault::Refused { code: 4, data: 0 });
        assert_eq!(host.ask(&TDI.ask(Start(nonce)), drop), refused);
        let mut memory = [0; 64];
        let portion = ReportReader::new(&mut memory, 32).next().unwrap();
        assert_eq!(host.ask(&TDI.ask(portion), |_| ()), refused);
        assert_eq!(host.ask(&TDI.ask(lock), drop), refused);
        host.ask(&TDI.ask(StopInterface), drop).unwrap();
        assert_eq!(state(host), InterfaceState::CONFIG_UNLOCKED);
    });
}

#[test]
fn an_interface_is_locked_reported_started_and_stopped() {
    in_session(|host| {
        host.ask(&TDI.ask(GetVersion), |versions| assert_eq!(versions, [0x10])).unwrap();
        let capabilities = host.ask(&TDI.ask(GetCapabilities::default()), |answer| answer).unwrap();
        let state = |host: &mut Host<'_, '_>| host.ask(&TDI.ask(GetState), |state| state).unwrap();
        assert_eq!(state(host), InterfaceState::CONFIG_UNLOCKED);
        let lock = TDI.ask(Lock::new(LOCK, capabilities.lock_flags).unwrap());
        let nonce = host.ask(&lock, |nonce| nonce).unwrap();
        assert_eq!(state(host), InterfaceState::CONFIG_LOCKED);

        let mut memory = [0; 256];
        let mut reader = ReportReader::new(&mut memory, 20);
        let mut portions = 0;
        while let Some(question) = reader.next() {
            host.ask(&TDI.ask(question), |(portion, left)| reader.take(portion, left))
                .unwrap()
                .unwrap();
            portions += 1;
        }
        assert_eq!(portions, 2);
        let report = InterfaceReport::decode(Untrusted::new(reader.report())).unwrap();
        let range = report.ranges().next().unwrap();
        assert_eq!((range.first_page, range.pages), (0x0001_0C00, 16));
        assert_eq!(range.attributes, MmioAttributes::MSI_X_TABLE);
        assert_eq!(report.device_specific, b"tdi");

        host.ask(&TDI.ask(Start(nonce)), |()| ()).unwrap();
        assert_eq!(state(host), InterfaceState::RUN);
        host.ask(&TDI.ask(StopInterface), |()| ()).unwrap();
        assert_eq!(state(host), InterfaceState::CONFIG_UNLOCKED);
    });
}

#[test]
fn what_the_interface_refuses_is_named() {
    let refused = |code| Err(Fault::Refused { code, data: 0 });
    in_session(|host| {
        // Not locked.
        let report = spdm_pci_security::GetReport { offset: 0, length: 16 };
        assert_eq!(host.ask(&TDI.ask(report), |_| ()), refused(0x4));
        assert_eq!(host.ask(&TDI.ask(Start(StartNonce([7; 32]))), drop), refused(0x4));
        // Flags that it does not support, behind our back.
        let flags = LockFlags::BIND_P2P;
        let lock = Lock::new(LockInterface { flags, ..LOCK }, flags).unwrap();
        assert_eq!(host.ask(&TDI.ask(lock), drop), refused(0x1));
        let lock = TDI.ask(Lock::new(LOCK, LOCK.flags).unwrap());
        let nonce = host.ask(&lock, |nonce| nonce).unwrap();
        // Twice; with another nonce; twice.
        assert_eq!(host.ask(&lock, drop), refused(0x4));
        assert_eq!(host.ask(&TDI.ask(Start(StartNonce([7; 32]))), drop), refused(0x102));
        host.ask(&TDI.ask(Start(nonce)), drop).unwrap();
        assert_eq!(host.ask(&TDI.ask(Start(nonce)), drop), refused(0x4));
        // Behind the report.
        let report = spdm_pci_security::GetReport { offset: 0xFFFF, length: 16 };
        assert_eq!(host.ask(&TDI.ask(report), |_| ()), refused(0x1));
        let stranger = Interface::new(FunctionId(0x0101));
        assert_eq!(host.ask(&stranger.ask(GetState), drop), refused(0x101));
    });
}

#[test]
fn keys_are_programmed_and_used() {
    in_session(|host| {
        let last = host.ask(&QueryPort { port_index: 0 }, |port| port.max_port_index).unwrap();
        let key = IdeKey::read(&[7; IdeKey::LEN]).unwrap();
        for sub_stream in 0..3 {
            let flags = IdeKeyFlags::TX | IdeKeyFlags::from_bits_retain(sub_stream << 4);
            let slot = IdeKeySlot { stream_id: 1, flags, port_index: last };
            host.ask(&KeyProgram { slot, key: &key }, drop).unwrap();
            host.ask(&Go(slot), drop).unwrap();
            host.ask(&Stop(slot), drop).unwrap();
        }
        let program = |flags, port_index| {
            let flags = IdeKeyFlags::from_bits_retain(flags);
            KeyProgram { slot: IdeKeySlot { stream_id: 1, flags, port_index }, key: &key }
        };
        let port = Err(Fault::KeyRefused(KpAckStatus::UNSUPPORTED_PORT_INDEX));
        assert_eq!(host.ask(&program(0, last + 1), drop), port);
        let value = Err(Fault::KeyRefused(KpAckStatus::UNSUPPORTED_VALUE));
        assert_eq!(host.ask(&program(0x30, last), drop), value);
    });
}

/// PCIe 6.1: both protocols belong into a session.
#[test]
fn the_device_answers_in_sessions_only() {
    let mut line = line();
    let clock = StdClock::new();
    let (mut message, mut connection) = (vec![0; 0x2000], Connection::new(0));
    let mut hashes = Bank::<Running, 2>::new();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, line.limits());
    let run = blocking::run(requester.negotiate(), &mut line, &clock);
    let (requester, ()) = run.map_err(|failure| failure.error).unwrap();
    let payload = Payload::of(&TDI.ask(GetVersion)).unwrap();
    let mut buffer = [0; 512];
    let flow = requester.exchange::<_, VendorDefinedResponse<'_>>(payload.request(), &mut buffer);
    let refused = blocking::run(flow, &mut line, &clock).map(drop).map_err(|failure| failure.error);
    assert!(matches!(refused, Err(RunError::Requester(Error::Refused(_)))), "{refused:?}");
}
