//! Live devices: from options to a requester on a connection.

use std::io::BufWriter;
use std::path::Path;

use spdm_codec::{CapabilityFlags, ConnectionKeys, MelSpecification, PciIdentity};
use spdm_crypto::{HashBank, Provider};
use spdm_evidence::{ReportErrorKind, SecretsLog};
use spdm_requester::{
    AlphaVersions, Bounds, Connection, Fresh, LocalIdentity, LoggedSessions, Offer, Requester,
    SessionBank, Sessions, Storage,
};
use spdm_transport::{Duration, Transport};

use crate::args::{DeviceArgs, compat};
use crate::backend::Crypto;
use crate::console::Console;
use crate::device::{self, OpenDevice};
use crate::examination::HasIdentity;
use crate::exit::Failure;
use crate::file::{OutputPlace, OutputStream};
use crate::host::Host;
use crate::interrupt;
use crate::line::LineError;
use crate::overheard::Overheard;
use crate::pcap::CaptureFile;
use crate::run_time::{Progress, RunTime};
use crate::secrets_file::{SecretsFile, SharedLog};
use crate::tap::{Tap, TapRecording};
use crate::target::Address;
use crate::waiting::Waiting;

/// Bytes of a request and of the largest response that is taken.
const MESSAGE_LEN: usize = 64 + 0x8000;
/// Bytes by which the longest request is longer with sessions, and what a record adds to a message.
const HANDSHAKE_LEN: usize = 0x800;
/// Bytes by which the longest request is longer where the host signs, too.
const IDENTITY_LEN: usize = 0x2000;
/// Bytes that one operation may bring: the largest measurement record in small chunks.
const MOST_BYTES: u32 = 1 << 24;

/// An open device with its options, for one or more connections.
#[derive(Debug)]
pub(crate) struct LiveDevice<'l> {
    pub(crate) args: &'l DeviceArgs,
    pub(crate) crypto: Crypto,
    device: Box<dyn OpenDevice>,
    recording: TapRecording,
    run_time: RunTime,
    sessions: Option<SessionOffer>,
    /// `--secrets-out`.
    secrets: Option<SecretsFile<'l>>,
    /// Who the host is.
    host: Option<&'l Host>,
    /// Bytes of the longest request of a person's own.
    own_request: usize,
    /// The formats of the measurement extension log that are offered.
    mel_specification: MelSpecification,
    peer_key: PeerKeyOption<'l>,
    /// What is announced besides.
    more_capabilities: CapabilityFlags,
    /// Where a person is told what is being waited for.
    waiting_columns: Option<usize>,
}

/// What a person is told while a device is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telling {
    /// Above 0, every message is shown.
    verbosity: u8,
    /// The columns of a terminal that says what is being waited for.
    waiting_columns: Option<usize>,
}

impl Telling {
    /// As the options want it.
    pub(crate) fn of(console: &Console) -> Self {
        Self { verbosity: console.verbosity(), waiting_columns: console.waiting_columns() }
    }
}

/// Memory that a requester works in.
#[derive(Debug)]
pub(crate) struct Memory<'l> {
    message: Vec<u8>,
    crypto: Crypto,
    hashes: Box<dyn HashBank>,
    connection: Box<Connection>,
    sessions: Option<(SessionOffer, SessionMemory)>,
    identity: Option<LocalIdentity<'l>>,
    /// Bytes of the longest request of a person's own.
    own_request: usize,
    mel_specification: MelSpecification,
    more_capabilities: CapabilityFlags,
}

/// Memory of sessions.
#[derive(Debug)]
enum SessionMemory {
    /// Nobody is told their secrets.
    Silent(Box<Sessions<1>>),
    /// `--secrets-out`.
    Logged(Box<LoggedSessions<SharedLog, 1>>),
}

impl SessionMemory {
    fn lend(&mut self) -> &mut (dyn SessionBank + 'static) {
        match self {
            Self::Silent(sessions) => sessions.as_mut(),
            Self::Logged(sessions) => sessions.as_mut(),
        }
    }
}

/// Whether the verb has `--peer-key`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PeerKeyOption<'l> {
    /// It has no such option, or does not need it.
    Lacking,
    /// It was not given.
    Unused,
    /// The file.
    Given(&'l Path),
}

/// The sessions that are offered to a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SessionOffer {
    /// With the device's identity.
    Identity,
    /// That, with a handshake in the clear.
    ClearHandshake,
    /// With a pre-shared key.
    Psk,
}

impl SessionOffer {
    fn of(self, offer: Offer, provider: &Provider) -> Offer {
        let offer = offer.with_sessions(provider);
        match self {
            Self::Identity => offer,
            Self::ClearHandshake => offer.with_clear_handshake(),
            Self::Psk => offer.with_psk(),
        }
    }
}

impl<'l> Memory<'l> {
    pub(crate) fn new(device: &LiveDevice<'l>) -> Self {
        let crypto = device.crypto;
        let connection = Box::default();
        let sessions = device.sessions.map(|offer| {
            let memory = match &device.secrets {
                None => SessionMemory::Silent(Box::default()),
                Some(file) => SessionMemory::Logged(Box::new(LoggedSessions::new(file.log()))),
            };
            (offer, memory)
        });
        let mut len = if sessions.is_some() { MESSAGE_LEN + HANDSHAKE_LEN } else { MESSAGE_LEN };
        let identity = device.host.map(Host::identity);
        if identity.is_some() {
            len += IDENTITY_LEN;
        }
        let (own_request, mel_specification) = (device.own_request, device.mel_specification);
        let more_capabilities = device.more_capabilities;
        let message = vec![0; len + own_request];
        let hashes = crypto.bank();
        Self {
            message,
            crypto,
            hashes,
            connection,
            sessions,
            identity,
            own_request,
            mel_specification,
            more_capabilities,
        }
    }

    /// Whether the host was given an identity.
    pub(crate) const fn has_identity(&self) -> HasIdentity {
        if self.identity.is_some() { HasIdentity::Yes } else { HasIdentity::No }
    }

    /// The cryptography of the connection.
    pub(crate) const fn provider(&self) -> &'static Provider {
        self.crypto.provider
    }
}

impl<'l> LiveDevice<'l> {
    /// Opens the device and the capture file; the time of a run of one round begins.
    pub(crate) fn new(
        args: &'l DeviceArgs,
        crypto: Crypto,
        telling: Telling,
    ) -> Result<Self, Failure> {
        let run_time = RunTime::new(args.deadline, 1);
        if !matches!(args.target.address(), Address::Tcp(_)) {
            args.connection.framing.check_unused()?;
        }
        args.connection.check()?;
        interrupt::catch()?;
        let device = device::open(args)?;
        let capture = match &args.pcap {
            None => None,
            Some(path) => {
                let (out, binding) = (BufWriter::new(OutputStream::open(path)?), device.capture());
                let capture = CaptureFile::new(out, args.pcap_format, binding);
                Some(capture.map_err(Failure::usage)?)
            }
        };
        let recording = TapRecording::new(capture, telling.verbosity);
        let waiting_columns = telling.waiting_columns;
        Ok(Self {
            args,
            crypto,
            device,
            recording,
            run_time,
            sessions: None,
            secrets: None,
            host: None,
            own_request: 0,
            mel_specification: MelSpecification::empty(),
            peer_key: PeerKeyOption::Lacking,
            more_capabilities: CapabilityFlags::empty(),
            waiting_columns,
        })
    }

    /// Connections have sessions, and offer them.
    pub(crate) fn offer_sessions(&mut self, offer: SessionOffer) {
        self.sessions = Some(offer);
    }

    /// The host proves who it is where the device wants to know.
    pub(crate) fn identify(&mut self, host: Option<&'l Host>) {
        self.host = host;
    }

    /// A request of a person's own will have so many bytes.
    pub(crate) fn sends(&mut self, len: usize) {
        self.own_request = len;
    }

    /// Encapsulated requests of the device are answered.
    pub(crate) fn serves_device(&mut self) {
        self.more_capabilities |= CapabilityFlags::ENCAP_CAP;
    }

    /// So much time passes on purpose.
    pub(crate) fn waits(&mut self, time: Duration) {
        self.run_time = RunTime::waiting(self.args.deadline, time);
    }

    /// The device may be known by the key in this file.
    pub(crate) fn takes_peer_key(&mut self, path: Option<&'l Path>) {
        self.peer_key = path.map_or(PeerKeyOption::Unused, PeerKeyOption::Given);
    }

    /// Whether the verb has `--peer-key`.
    pub(crate) const fn peer_key(&self) -> PeerKeyOption<'l> {
        self.peer_key
    }

    /// The format of the measurement extension log is negotiated.
    pub(crate) fn offer_extension_log(&mut self) {
        self.mel_specification = MelSpecification::DMTF;
    }

    /// The secrets of sessions go to this file, where one is given.
    pub(crate) fn log_secrets(
        &mut self,
        path: Option<&'l Path>,
        log: SecretsLog,
    ) -> Result<(), Failure> {
        let place = self.output_place();
        self.secrets = path.map(|path| SecretsFile::create(path, log, place)).transpose()?;
        Ok(())
    }

    /// The run has so many rounds.
    pub(crate) fn repeat(&mut self, rounds: u32) {
        self.run_time = RunTime::new(self.args.deadline, rounds);
    }

    /// Where files are written that are complete only at the end. After [`Self::settle`] a file may not be put in
    /// another's place any more.
    pub(crate) fn output_place(&self) -> OutputPlace {
        if self.device.is_privileged() { OutputPlace::Itself } else { OutputPlace::Beside }
    }

    /// Whether another round may begin.
    pub(crate) fn goes_on(&self) -> bool {
        self.run_time.goes_on()
    }

    /// The anchors that an emulated device brings.
    pub(crate) fn anchors(&self) -> Vec<Vec<u8>> {
        self.device.anchors()
    }

    /// The PCI function that the target is.
    pub(crate) fn pci_identity(&self) -> Option<PciIdentity> {
        self.device.pci_identity()
    }

    /// Gives up rights that only opening the device needed: from here on no file is opened. What a device says is
    /// read without them.
    pub(crate) fn settle(&self) -> Result<(), Failure> {
        #[cfg(target_os = "linux")]
        if self.device.is_privileged() {
            crate::rights::give_up()?;
        }
        Ok(())
    }

    /// The name of the target in results.
    pub(crate) fn name(&self) -> String {
        self.args.target.to_string()
    }

    /// A new connection to the device.
    pub(crate) fn connect(&mut self) -> Result<Tap<'_>, LineError> {
        let run_time = self.run_time;
        let nothing = Progress::default();
        let left = run_time.left().ok_or_else(|| run_time.over(&nothing))?;
        let timeout = self.args.connection.timeout;
        let waiting = Waiting::begin(self.waiting_columns);
        let line = self.device.connect(timeout.min(left)).map_err(|error| match error.kind {
            ReportErrorKind::Timeout if left < timeout => run_time.over(&nothing),
            ReportErrorKind::Timeout => error.named("--timeout"),
            _ => error,
        })?;
        if self.sessions.is_some() && line.limits().records.is_none() {
            return Err(no_records(self.args));
        }
        Ok(Tap::new(line, &mut self.recording, run_time, waiting))
    }

    /// Writes the rest of the capture, and the secrets.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.secrets.map_or(Ok(()), SecretsFile::write)?;
        self.recording.finish().map_err(|error| match &self.args.pcap {
            Some(path) => Failure::usage(format!("{}: {error}", path.display())),
            None => Failure::usage(error),
        })
    }
}

/// A requester for one connection; `heard` sees every exchange.
pub(crate) fn requester<'a>(
    args: &DeviceArgs,
    line: &Tap<'_>,
    memory: &'a mut Memory<'_>,
    heard: &'a mut Overheard,
) -> Requester<'a, Fresh> {
    let Memory {
        message,
        crypto,
        hashes,
        connection,
        sessions,
        identity,
        own_request,
        mel_specification,
        more_capabilities,
    } = memory;
    let mut bounds = Bounds::default();
    // A device may hand out its chain byte by byte; time bounds it.
    bounds.round_trips = u16::MAX;
    bounds.bytes = MOST_BYTES;
    bounds.time = line.clock().left().unwrap_or_default();
    let mut offer = offer(args, crypto.provider);
    offer.longest_request = offer.longest_request.max(*own_request);
    offer.mel_specification = *mel_specification;
    offer.capabilities |= *more_capabilities;
    let mut storage = Storage::new(message, hashes.as_mut(), connection);
    if let Some((sessions_offer, sessions)) = sessions {
        offer = sessions_offer.of(offer, crypto.provider);
        storage = storage.with_sessions(sessions.lend());
    }
    if let Some(identity) = identity {
        offer = offer.with_identity(identity);
        storage = storage.with_identity(identity);
    }
    Requester::new(*crypto.provider, storage, line.limits())
        .with_offer(offer)
        .with_bounds(bounds)
        .with_compat(compat(&args.connection.compat))
        .with_sink(heard)
}

/// A way to a device on which nothing marks the records of sessions.
fn no_records(args: &DeviceArgs) -> LineError {
    let way = match args.target.address() {
        Address::Tcp(_) => "this --binding carries no sessions",
        _ => "this way to a device carries no sessions",
    };
    LineError::usage(way)
}

/// What the options offer a device.
pub(crate) fn offer(args: &DeviceArgs, provider: &Provider) -> Offer {
    let mut offer = Offer::everything(provider);
    if let Some(least) = args.connection.min_version {
        offer.min_version = least;
    }
    offer.max_version = args.connection.max_version;
    if args.connection.alpha_versions {
        offer.alpha_versions = AlphaVersions::Taken;
    }
    offer.data_transfer_size = args.connection.transfer_size.unwrap_or(u32::MAX);
    if args.connection.multi_key {
        offer.connection_keys = ConnectionKeys::Multi;
    }
    if let Some(list) = &args.connection.base_asym {
        (offer.base_asym, offer.pqc_asym) = (list.base, list.pqc);
    }
    if let Some(list) = &args.connection.base_hash {
        offer.base_hash = list.0;
    }
    offer
}
