//! `tcp:HOST:PORT`: a device behind a socket.

use std::sync::Arc;

use spdm_evidence::CaptureBinding;
use spdm_transport::{Duration, StdClock};
use spdm_transport_storage::{SecurityProtocol, StorageError, StorageTransport};
use spdm_transport_tcp::{Binding, Framing, SecurityError, SecuritySocket, TcpError, TcpTransport};

use super::{Endpoint, Place, Scheme};
use crate::args::{FramingArgs, LinkArgs};
use crate::carrier::{Carrier, LineError, Route};
use crate::exit::Failure;

pub(super) const SCHEME: Scheme = Scheme {
    syntax: "tcp:HOST:PORT",
    parse: |address| {
        let (host, port) = address.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        if host.is_empty() {
            return None;
        }
        Some(Arc::new(Address(address.to_owned())))
    },
    list: None,
};

/// `HOST:PORT`.
#[derive(Debug)]
struct Address(String);

impl Place for Address {
    fn open(&self, args: &LinkArgs) -> Result<Box<dyn Endpoint>, Failure> {
        let framing = framing(&args.framing)?;
        Ok(Box::new(Server { address: self.0.clone(), framing, timeout: args.timeout }))
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

#[derive(Debug)]
struct Server {
    address: String,
    framing: Framing,
    timeout: Duration,
}

impl Endpoint for Server {
    fn connect(&mut self) -> Result<Box<dyn Carrier + '_>, LineError> {
        let (address, timeout) = (self.address.as_str(), self.timeout);
        if self.framing.is_storage() {
            let drive = SecuritySocket::connect(address, self.framing, timeout)?;
            let mut scratch = vec![0; drive.max_transfer()];
            let transport = StorageTransport::open(drive, StdClock::new(), &mut scratch, timeout)?;
            return Ok(Box::new(transport.with_round_trip(timeout)));
        }
        let transport = TcpTransport::connect(address, self.framing, timeout)?;
        Ok(Box::new(transport.with_round_trip(timeout)))
    }

    /// The emulator's own frame header is no part of a packet.
    fn capture(&self) -> CaptureBinding {
        match self.framing {
            Framing::DmtfEmu(Binding::Mctp) => CaptureBinding::Mctp,
            Framing::DmtfEmu(Binding::Doe) => CaptureBinding::PciDoe,
            Framing::Dsp0287 | Framing::DmtfEmu(Binding::Tcp) => CaptureBinding::Dsp0287,
            _ => CaptureBinding::Bare,
        }
    }
}

impl Route for TcpTransport {
    fn hang_up(self) {
        // The verdict is there: how the peer takes the end does not matter.
        let _ = self.close();
    }
}

impl Route for StorageTransport<SecuritySocket, StdClock> {}

impl From<StorageError<SecurityError>> for LineError {
    fn from(error: StorageError<SecurityError>) -> Self {
        match error {
            StorageError::Command(SecurityError::Tcp(error)) => error.into(),
            StorageError::Field(_) | StorageError::Short { .. } | StorageError::TooLong { .. } => {
                Self::framing(error)
            }
            _ => Self::transport(error),
        }
    }
}

impl From<TcpError> for LineError {
    fn from(error: TcpError) -> Self {
        match error {
            TcpError::Frame(_) => Self::framing(error)
                .with_hint("is --framing (and --binding) what the device speaks?"),
            TcpError::Timeout => Self::timeout(error),
            _ => Self::transport(error),
        }
    }
}
