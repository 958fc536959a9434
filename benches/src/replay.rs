//! A recorded attestation in place of a device: whoever answers costs nothing.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;

use spdm_codec::{
    BaseAsymAlgo, CapabilityFlags, DheNamedGroup, KemAlgo, PqcAsymAlgo, RecordBinding, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm, Provider, RandomUnavailable, SecureRandom};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, Connection, Offer, Requester, Storage, blocking};
use spdm_transport::{Clock, Duration, Instant, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Policy, ValidityCheck};

/// A moment at which the certificates are valid.
pub const NOW: u64 = 1_790_000_000;
/// What the transport takes and brings, in bytes: a chain of three certificates fits one message.
const MESSAGE: usize = 0x1200;
/// The same for certificates with ML-DSA-87, of which each takes more than 7 KiB.
const LARGE_MESSAGE: usize = 0x8000;

/// What a device is attested with.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    pub name: &'static str,
    pub version: SpdmVersion,
    pub base_asym: BaseAsymAlgo,
    pub pqc_asym: PqcAsymAlgo,
    pub hash: HashAlgorithm,
    /// The largest message, in bytes.
    pub message: usize,
}

/// A suite of SPDM 1.2.
const fn classic(name: &'static str, base_asym: BaseAsymAlgo, hash: HashAlgorithm) -> Suite {
    Suite {
        name,
        version: SpdmVersion::V1_2,
        base_asym,
        pqc_asym: PqcAsymAlgo::empty(),
        hash,
        message: MESSAGE,
    }
}

/// The usual ones.
pub const SUITES: [Suite; 4] = [
    classic("ECDSA_P256/SHA_256", BaseAsymAlgo::ECDSA_P256, HashAlgorithm::Sha256),
    classic("ECDSA_P384/SHA_384", BaseAsymAlgo::ECDSA_P384, HashAlgorithm::Sha384),
    classic("RSASSA_3072/SHA_384", BaseAsymAlgo::RSASSA_3072, HashAlgorithm::Sha384),
    Suite {
        name: "ML_DSA_87/SHA_384",
        version: SpdmVersion::V1_4,
        base_asym: BaseAsymAlgo::empty(),
        pqc_asym: PqcAsymAlgo::ML_DSA_87,
        hash: HashAlgorithm::Sha384,
        message: LARGE_MESSAGE,
    },
];

/// What a session is opened with, besides.
#[derive(Clone, Copy, Debug)]
pub struct SessionSuite {
    pub suite: Suite,
    pub dhe_groups: DheNamedGroup,
    pub kems: KemAlgo,
}

/// The usual ones.
pub const SESSION_SUITES: [SessionSuite; 4] = [
    SessionSuite {
        suite: classic("ECDSA_P256, SECP_256_R1", BaseAsymAlgo::ECDSA_P256, HashAlgorithm::Sha256),
        dhe_groups: DheNamedGroup::SECP_256_R1,
        kems: KemAlgo::empty(),
    },
    SessionSuite {
        suite: classic("ECDSA_P384, SECP_384_R1", BaseAsymAlgo::ECDSA_P384, HashAlgorithm::Sha384),
        dhe_groups: DheNamedGroup::SECP_384_R1,
        kems: KemAlgo::empty(),
    },
    SessionSuite {
        suite: Suite {
            name: "ML_DSA_65, ML_KEM_768",
            version: SpdmVersion::V1_4,
            base_asym: BaseAsymAlgo::empty(),
            pqc_asym: PqcAsymAlgo::ML_DSA_65,
            hash: HashAlgorithm::Sha384,
            message: LARGE_MESSAGE,
        },
        dhe_groups: DheNamedGroup::empty(),
        kems: KemAlgo::ML_KEM_768,
    },
    SessionSuite {
        suite: Suite {
            name: "ML_DSA_87, ML_KEM_1024",
            version: SpdmVersion::V1_4,
            base_asym: BaseAsymAlgo::empty(),
            pqc_asym: PqcAsymAlgo::ML_DSA_87,
            hash: HashAlgorithm::Sha384,
            message: LARGE_MESSAGE,
        },
        dhe_groups: DheNamedGroup::empty(),
        kems: KemAlgo::ML_KEM_1024,
    },
];

impl Suite {
    /// A device with it.
    fn device(self) -> DeviceConfig {
        DeviceConfig {
            versions: vec![self.version],
            base_asym: self.base_asym,
            pqc_asym: self.pqc_asym,
            base_hash: self.hash.base_hash(),
            data_transfer_size: u32::try_from(self.message).expect("a size"),
            max_spdm_msg_size: u32::try_from(self.message).expect("a size"),
            seed: Some(1),
            ..DeviceConfig::default()
        }
    }
}

/// The same number in every run, so that a recorded answer fits.
#[derive(Debug)]
pub struct Fixed;

impl SecureRandom for Fixed {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        out.fill(0x5A);
        Ok(())
    }
}

/// One attestation as it was sent and received.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The largest message, in bytes.
    pub message: usize,
    pub requests: Vec<Vec<u8>>,
    pub responses: Vec<Vec<u8>>,
    pub root: Vec<u8>,
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

/// The emulated device, whose answers are kept.
#[derive(Debug)]
pub struct Recorder<'d> {
    device: &'d mut Device,
    limits: Limits,
    recording: Recording,
    kind: MessageKind,
}

impl<'d> Recorder<'d> {
    fn new(device: &'d mut Device, limits: Limits) -> Self {
        let (recording, kind) = (Recording::default(), MessageKind::Plain);
        Self { device, limits, recording, kind }
    }
}

impl Transport for Recorder<'_> {
    type Error = Infallible;

    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), Infallible> {
        let answer = match kind {
            MessageKind::Plain => self.device.respond(message),
            MessageKind::Secured => self.device.respond_secured(message),
        };
        let answer = answer.expect("the device answers");
        self.kind = kind;
        self.recording.requests.push(message.to_vec());
        self.recording.responses.push(answer);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, Infallible> {
        let answer = self.recording.responses.last().expect("a request was sent");
        buffer[..answer.len()].copy_from_slice(answer);
        Ok(Some(Received { kind: self.kind, len: answer.len() }))
    }

    fn abandon(&mut self) {}
}

impl Recording {
    /// Records an attestation with SPDM 1.2 by the emulated device.
    #[must_use]
    pub fn of(suite: Suite) -> Self {
        let offer = Offer::everything(&PROVIDER);
        let limits = Limits::new(suite.message, suite.message);
        Self::by(suite, offer, limits, &mut Buffers::of(suite.message).message)
    }

    /// [`Self::of`] a requester that offers this, over a transport with these limits, with this buffer for
    /// messages.
    #[must_use]
    pub fn by(suite: Suite, offer: Offer, limits: Limits, message: &mut [u8]) -> Self {
        Self::with(suite, limits, |root, recorder| {
            let anchors = [Anchor::Certificate(root)];
            let provider = Provider { random: &Fixed, ..PROVIDER };
            let policy = Policy::new(&provider, &anchors, ValidityCheck::At(NOW));
            let mut buffers = Buffers::of(suite.message);
            let mut hashes = Bank::<Running, 2>::new();
            let storage = Storage::new(message, &mut hashes, &mut buffers.connection);
            let requester = Requester::new(provider, storage, recorder.limits()).with_offer(offer);
            let plan = AttestationPlan::new(&policy);
            let flow = requester.attest(plan, &mut buffers.chain, &mut buffers.record);
            let result = blocking::run(flow, recorder, &Frozen);
            result.map_err(|failure| failure.error).expect("the device is attested");
        })
    }

    /// Records what `run` does with the emulated device of a suite, over a transport with these limits. The device has the same
    /// chain each time.
    #[must_use]
    pub fn with(suite: Suite, limits: Limits, run: impl FnOnce(&[u8], &mut Recorder<'_>)) -> Self {
        let mut device = Device::new(suite.device()).expect("a device");
        let root = device.trust_anchors().swap_remove(0);
        let mut recorder = Recorder::new(&mut device, limits);
        run(&root, &mut recorder);
        Self { message: suite.message, root, ..recorder.recording }
    }

    /// Records what `run` does with the emulated device of a suite that has sessions.
    #[must_use]
    pub fn of_session(suite: SessionSuite, run: impl FnOnce(&[u8], &mut Recorder<'_>)) -> Self {
        let SessionSuite { suite, dhe_groups, kems } = suite;
        let sessions = CapabilityFlags::KEY_EX_CAP
            | CapabilityFlags::ENCRYPT_CAP
            | CapabilityFlags::MAC_CAP
            | CapabilityFlags::HBEAT_CAP
            | CapabilityFlags::KEY_UPD_CAP;
        let mut device = Device::new(DeviceConfig {
            more_capabilities: sessions,
            dhe_groups,
            kems,
            ..suite.device()
        })
        .expect("a device");
        let root = device.trust_anchors().swap_remove(0);
        let limits = Limits::new(suite.message, suite.message).with_records(RecordBinding::PciDoe);
        let mut recorder = Recorder::new(&mut device, limits);
        run(&root, &mut recorder);
        Self { message: suite.message, root, ..recorder.recording }
    }

    /// Writes the recording to a file.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let size = u32::try_from(self.message).expect("a size").to_be_bytes().to_vec();
        let messages = self.requests.iter().zip(&self.responses).flat_map(|(q, r)| [q, r]);
        let lines: Vec<String> = [&size, &self.root]
            .into_iter()
            .chain(messages)
            .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            .collect();
        fs::write(path, lines.join("\n"))
    }

    /// Reads a file of [`Self::write`].
    ///
    /// # Errors
    /// Of the file system.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let mut lines = text.lines().map(|line| {
            let digits = line.as_bytes().chunks(2);
            let byte = |pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
            digits.map(|pair| byte(pair).expect("hexadecimal")).collect::<Vec<u8>>()
        });
        let size = lines.next().unwrap_or_default();
        let message = size.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
        let root = lines.next().unwrap_or_default();
        let mut recording = Self { message, root, ..Self::default() };
        while let (Some(request), Some(response)) = (lines.next(), lines.next()) {
            recording.requests.push(request);
            recording.responses.push(response);
        }
        Ok(recording)
    }
}

/// Answers the requests of a recording, in their order.
#[derive(Debug)]
pub struct Replay<'r> {
    recording: &'r Recording,
    /// How many requests were sent.
    pub sent: usize,
    kind: MessageKind,
}

impl<'r> Replay<'r> {
    #[must_use]
    pub const fn new(recording: &'r Recording) -> Self {
        Self { recording, sent: 0, kind: MessageKind::Plain }
    }
}

impl Transport for Replay<'_> {
    type Error = Infallible;

    fn limits(&self) -> Limits {
        Limits::new(self.recording.message, self.recording.message)
            .with_records(RecordBinding::PciDoe)
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), Infallible> {
        assert_eq!(self.recording.requests[self.sent], message);
        self.sent += 1;
        self.kind = kind;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, Infallible> {
        let response = &self.recording.responses[self.sent - 1];
        buffer[..response.len()].copy_from_slice(response);
        Ok(Some(Received { kind: self.kind, len: response.len() }))
    }

    fn abandon(&mut self) {}
}

/// What a caller lends.
#[derive(Debug)]
pub struct Buffers {
    pub message: Vec<u8>,
    pub chain: Vec<u8>,
    pub record: [u8; 0x1000],
    pub connection: Connection,
}

impl Buffers {
    /// For messages of so many bytes.
    #[must_use]
    pub fn of(message: usize) -> Self {
        Self {
            message: vec![0; message + 64],
            chain: vec![0; message - 0x200],
            record: [0; 0x1000],
            connection: Connection::default(),
        }
    }
}
