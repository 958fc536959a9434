//! What a connection told on the way, whatever became of it: for hints, and for `spdm info` of a device with which
//! nothing could be agreed on.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, Capability, CapabilityFlags, Code, GetMeasurements,
    MeasurementOperation, Message, PqcAsymAlgo, SlotId, SpdmVersion, SupportedAlgorithms,
    VersionNumberEntry,
};
use spdm_codec::{Cx, Header};
use spdm_evidence::{Recorder, WireRecords};
use spdm_requester::{Accepted, Connection, Error, Exchange, Sink};
use spdm_untrusted::Untrusted;

/// Records a connection, and remembers what it told.
#[derive(Debug)]
pub(crate) struct Overheard {
    pub(crate) recorder: Recorder,
    /// The entries of VERSION, in the device's order.
    pub(crate) versions: Vec<VersionNumberEntry>,
    /// CAPABILITIES, and the version that they are of.
    pub(crate) capabilities: Option<(SpdmVersion, Capability)>,
    /// The algorithms that it supports, where it was asked (1.3).
    pub(crate) supported: Option<Supported>,
    /// The slots with a chain, where DIGESTS told them.
    pub(crate) slots: Option<Vec<SlotId>>,
    /// The measurement that was asked for last, where it was one.
    pub(crate) index: Option<u8>,
    /// Whether anything was asked in a session.
    pub(crate) in_session: bool,
    /// The option that names the slot whose chain was asked for last.
    pub(crate) slot_option: SlotOption,
}

/// How a verb names a slot.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum SlotOption {
    /// `--slot N`, or `--slot any`.
    #[default]
    SlotOrAny,
    /// `--slot N`.
    Slot,
    /// `--session-slot N`.
    SessionSlot,
}

/// Algorithms of the block in CAPABILITIES.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Supported {
    pub(crate) base_asym: BaseAsymAlgo,
    pub(crate) base_hash: BaseHashAlgo,
    pub(crate) pqc_asym: PqcAsymAlgo,
}

impl Overheard {
    /// Nothing yet; `padding` is how many bytes the transport may append to a message, and `records` has those of
    /// sessions.
    pub(crate) fn new(padding: usize, records: Option<WireRecords>) -> Self {
        let recorder = Recorder::new(padding);
        Self {
            recorder: match records {
                Some(records) => recorder.with_records(records),
                None => recorder,
            },
            versions: Vec::new(),
            capabilities: None,
            supported: None,
            slots: None,
            index: None,
            in_session: false,
            slot_option: SlotOption::default(),
        }
    }

    /// Whether the device has all of these capabilities; `false` where it has not said so.
    pub(crate) fn has(&self, flags: CapabilityFlags) -> bool {
        self.capabilities.is_some_and(|(_, capability)| capability.flags.contains(flags))
    }

    fn request(&mut self, request: &[u8]) {
        let header = Header::peek(Untrusted::new(request)).ok();
        let Some(header) = header.filter(|header| header.code == Code::GET_MEASUREMENTS) else {
            return;
        };
        let version = SpdmVersion::from_byte(header.version).unwrap_or(SpdmVersion::V1_0);
        let asked = GetMeasurements::decode(Untrusted::new(request), &Cx::new(version));
        self.index = match asked.map(|asked| asked.message.operation) {
            Ok(MeasurementOperation::Index(index)) => Some(index),
            _ => None,
        };
    }
}

impl Sink for Overheard {
    fn accepted(&mut self, exchange: Exchange<'_>, verdict: &Accepted<'_, '_>, to: &Connection) {
        self.request(exchange.request);
        self.in_session |= exchange.session.is_some();
        match verdict {
            Accepted::Version(version) => self.versions = version.iter().collect(),
            Accepted::Capabilities(message) => {
                let version = Header::peek(Untrusted::new(exchange.request)).ok();
                let version = version.and_then(|header| SpdmVersion::from_byte(header.version));
                self.capabilities = version.map(|version| (version, message.capability));
                if let Some(SupportedAlgorithms(block)) = message.supported_algorithms {
                    let (base_asym, base_hash) = (block.base_asym, block.base_hash);
                    let pqc_asym = block.pqc_asym;
                    self.supported = Some(Supported { base_asym, base_hash, pqc_asym });
                }
            }
            Accepted::Digests(_) => self.slots = Some(to.provisioned_slots().collect()),
            _ => {}
        }
        self.recorder.accepted(exchange, verdict, to);
    }

    fn rejected(&mut self, exchange: Exchange<'_>, error: &Error) {
        self.request(exchange.request);
        self.in_session |= exchange.session.is_some();
        self.recorder.rejected(exchange, error);
    }
}
