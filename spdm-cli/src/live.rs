//! Live connections: from options to a requester on a line.

use std::fs::File;
use std::io::BufWriter;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{Bounds, Fresh, Offer, Requester, Storage};
use spdm_transport::{Duration, Transport};

use crate::args::LinkArgs;
use crate::console::Console;
use crate::exit::Failure;
use crate::file;
use crate::line::{Carrier, Line, Monitor, framing};
use crate::pcap::CaptureFile;
use crate::recorder::Recorder;
use crate::target::Target;

/// Bytes of a request and of the largest response that is taken.
const MESSAGE_LEN: usize = 64 + 0x8000;
/// The longest that one operation may take, whatever the device does.
const LONGEST: Duration = Duration::from_secs(60);

/// A target with its options, for one or more connections.
#[derive(Debug)]
pub(crate) struct Link<'l> {
    args: &'l LinkArgs,
    /// The emulated device, while no line leads to it.
    device: Option<Device>,
    monitor: Monitor,
}

/// Memory that a requester works in.
#[derive(Debug)]
pub(crate) struct Memory {
    message: Vec<u8>,
    hashes: Bank<Running, 2>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { message: vec![0; MESSAGE_LEN], hashes: Bank::new() }
    }
}

impl<'l> Link<'l> {
    /// Makes the emulated device, opens the capture file.
    pub(crate) fn new(args: &'l LinkArgs, console: &Console) -> Result<Self, Failure> {
        if args.min_version > args.max_version {
            return Err(Failure::usage("--min-version is above --max-version"));
        }
        let framing = framing(&args.framing)?;
        let (device, framing) = match args.target {
            Target::Emulated => (Some(device(args)?), None),
            Target::Tcp { .. } => (None, Some(framing)),
        };
        let capture = match &args.pcap {
            None => None,
            Some(path) => {
                let file = File::create(path).map_err(|error| file::of(path, &error))?;
                Some(
                    CaptureFile::new(BufWriter::new(file), args.pcap_format, framing)
                        .map_err(Failure::usage)?,
                )
            }
        };
        Ok(Self { args, device, monitor: Monitor::new(capture, console.verbosity()) })
    }

    /// The anchors that an emulated device brings.
    pub(crate) fn anchors(&self) -> Vec<Vec<u8>> {
        self.device.as_ref().map(Device::trust_anchors).unwrap_or_default()
    }

    /// The name of the target in results.
    pub(crate) fn name(&self) -> String {
        self.args.target.to_string()
    }

    /// A line to the device.
    pub(crate) fn connect(&mut self) -> Result<Line, Failure> {
        let carrier = match (&self.args.target, self.device.take()) {
            (Target::Tcp { address }, _) => {
                Carrier::connect(address, framing(&self.args.framing)?, self.args.timeout)?
            }
            (Target::Emulated, Some(device)) => Carrier::Emulated { device, answer: None },
            (Target::Emulated, None) => return Err(Failure::transport("the device is busy")),
        };
        Ok(Line::new(carrier, core::mem::take(&mut self.monitor)))
    }

    /// Ends a connection.
    pub(crate) fn disconnect(&mut self, line: Line) {
        (self.device, self.monitor) = line.hang_up();
    }

    /// Writes the rest of the capture.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.monitor.finish().map_err(|error| match &self.args.pcap {
            Some(path) => Failure::usage(format!("{}: {error}", path.display())),
            None => Failure::usage(error),
        })
    }

    /// A requester for one connection; `recorder` sees every exchange.
    pub(crate) fn requester<'a>(
        &self,
        line: &Line,
        memory: &'a mut Memory,
        recorder: &'a mut Recorder,
    ) -> Requester<'a, Fresh> {
        let Memory { message, hashes } = memory;
        let mut bounds = Bounds::default();
        // A device may hand out its chain byte by byte; time bounds it.
        bounds.round_trips = u16::MAX;
        bounds.time = LONGEST.max(self.args.timeout.saturating_mul(4));
        Requester::new(PROVIDER, Storage::new(message, hashes), line.limits())
            .with_offer(self.offer())
            .with_bounds(bounds)
            .with_sink(recorder)
    }

    fn offer(&self) -> Offer {
        let mut offer = Offer::everything(&PROVIDER);
        offer.min_version = self.args.min_version;
        offer.max_version = self.args.max_version;
        if let Some(list) = &self.args.base_asym {
            offer.base_asym = list.0;
        }
        if let Some(list) = &self.args.base_hash {
            offer.base_hash = list.0;
        }
        offer
    }
}

/// The emulated device. It makes RSA keys only where RSA is asked for: they take seconds.
fn device(args: &LinkArgs) -> Result<Device, Failure> {
    let mut config = DeviceConfig::default();
    if let Some(list) = &args.base_asym {
        config.base_asym = list.0;
    }
    Device::new(config).map_err(Failure::usage)
}
