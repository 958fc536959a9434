//! The line to a device: a transport that shows and records every message.

use core::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::time::Instant;

use spdm_codec::{Code, Header};
use spdm_emulator::Device;
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};
use spdm_transport_tcp::{Framing, TcpError, TcpTransport};
use spdm_untrusted::Untrusted;

use crate::args::FramingArgs;
use crate::console::say;
use crate::exit::Failure;
use crate::pcap::CaptureFile;

/// The largest message of an emulated device in this process, in bytes.
const EMULATED_MAX_MESSAGE: usize = 0x1_0000;

/// A transport to any target.
#[derive(Debug)]
pub(crate) struct Line {
    carrier: Carrier,
    monitor: Monitor,
}

/// What carries messages to a device.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one value per process")]
pub(crate) enum Carrier {
    /// A device in this process, and its answer to the last request.
    Emulated {
        device: Device,
        answer: Option<Vec<u8>>,
    },
    Tcp(TcpTransport),
}

impl Carrier {
    /// Connects to a device behind a socket.
    pub(crate) fn connect(
        address: &str,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let transport =
            TcpTransport::connect(address, framing, timeout).map_err(Failure::transport)?;
        Ok(Self::Tcp(transport.with_round_trip(timeout)))
    }
}

/// What happens to the messages on the way.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    capture: Option<CaptureFile<BufWriter<File>>>,
    verbosity: u8,
    sent_at: Option<Instant>,
    /// Why the capture could not be written.
    error: Option<String>,
}

/// Why a message could not be carried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LineError {
    Tcp(TcpError),
    /// The emulated device answers with more than the buffer holds.
    TooLong {
        len: usize,
        room: usize,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(error) => error.fmt(f),
            Self::TooLong { len, room } => {
                write!(f, "a message of {len} bytes came, but {room} fit")
            }
        }
    }
}

impl core::error::Error for LineError {}

impl From<TcpError> for LineError {
    fn from(error: TcpError) -> Self {
        Self::Tcp(error)
    }
}

/// The framing that the options name.
pub(crate) fn framing(args: &FramingArgs) -> Result<Framing, Failure> {
    match (args.framing.0, args.binding) {
        (Framing::Dsp0287, Some(_)) => {
            Err(Failure::usage("--binding belongs to --framing dmtf-emu"))
        }
        (framing, None) => Ok(framing),
        (framing, Some(binding)) => Ok(framing.with_binding(binding.0)),
    }
}

impl Line {
    /// A line over this carrier.
    pub(crate) const fn new(carrier: Carrier, monitor: Monitor) -> Self {
        Self { carrier, monitor }
    }

    /// Hangs up; the emulated device goes on to its next connection.
    pub(crate) fn hang_up(self) -> (Option<Device>, Monitor) {
        let device = match self.carrier {
            Carrier::Emulated { mut device, .. } => {
                device.reset();
                Some(device)
            }
            Carrier::Tcp(transport) => {
                // The verdict is there: how the peer takes the end does not matter.
                let _ = transport.close();
                None
            }
        };
        (device, self.monitor)
    }
}

impl Monitor {
    /// Writes every message to `capture`, and with a `verbosity` above 0 a line to standard error.
    pub(crate) const fn new(capture: Option<CaptureFile<BufWriter<File>>>, verbosity: u8) -> Self {
        Self { capture, verbosity, sent_at: None, error: None }
    }

    /// Writes the rest of the capture.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self.error {
            Some(error) => Err(error),
            None => self.capture.map_or(Ok(()), CaptureFile::finish),
        }
    }

    fn message(&mut self, message: &[u8]) {
        if let Some(capture) = &mut self.capture
            && let Err(error) = capture.message(message)
        {
            self.error.get_or_insert(error);
        }
        let now = Instant::now();
        let header = Header::peek(Untrusted::new(message)).ok();
        let code = header.map(|header| header.code);
        let is_request = code.is_some_and(Code::is_request);
        let elapsed = self.sent_at.map(|sent| now.duration_since(sent));
        if is_request {
            self.sent_at = Some(now);
        }
        if self.verbosity > 0 {
            let name = code.map_or_else(|| "no message".to_owned(), |code| code.to_string());
            let len = message.len();
            match elapsed.filter(|_| !is_request) {
                Some(time) => {
                    let time = time.as_secs_f64() * 1000.0;
                    say(&format!("<- {name} ({len} bytes, {time:.1} ms)"));
                }
                None => say(&format!("-> {name} ({len} bytes)")),
            }
        }
    }
}

impl Transport for Line {
    type Error = LineError;

    fn limits(&self) -> Limits {
        match &self.carrier {
            Carrier::Emulated { .. } => Limits::new(EMULATED_MAX_MESSAGE, EMULATED_MAX_MESSAGE),
            Carrier::Tcp(transport) => transport.limits(),
        }
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), LineError> {
        self.monitor.message(message);
        match &mut self.carrier {
            Carrier::Emulated { device, answer } => *answer = device.respond(message),
            Carrier::Tcp(transport) => transport.send(kind, message, timeout)?,
        }
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        let received = match &mut self.carrier {
            Carrier::Emulated { answer, .. } => match answer.take() {
                None => None,
                Some(answer) => {
                    let (len, room) = (answer.len(), buffer.len());
                    let place = buffer.get_mut(..len).ok_or(LineError::TooLong { len, room })?;
                    place.copy_from_slice(&answer);
                    Some(Received { kind: MessageKind::Plain, len })
                }
            },
            Carrier::Tcp(transport) => transport.receive(buffer, timeout)?,
        };
        if let Some(received) = &received {
            self.monitor.message(buffer.get(..received.len).unwrap_or_default());
        }
        Ok(received)
    }

    fn abandon(&mut self) {
        match &mut self.carrier {
            Carrier::Emulated { answer, .. } => *answer = None,
            Carrier::Tcp(transport) => transport.abandon(),
        }
    }
}
