//! `tcp:HOST:PORT`: a device behind a socket.

use core::net::SocketAddr;
use std::net::ToSocketAddrs;

use spdm_evidence::CaptureBinding;
use spdm_transport::{Duration, StdClock};
use spdm_transport_storage::{SecurityProtocol, StorageError, StorageTransport};
use spdm_transport_tcp::{
    Binding, DSP0287_PORT, Framing, SecurityError, SecuritySocket, TcpError, TcpTransport,
};

use super::OpenDevice;
use crate::args::DeviceArgs;
use crate::exit::Failure;
use crate::interrupt;
use crate::line::{DeviceLine, LineError, TransportLine};
use crate::target::ServerName;

/// The port of QEMU's `spdm_port` and of the DMTF emulator, as their documentation has it.
const DMTF_EMU_PORT: u16 = 2323;
/// What a wrong framing looks like, too.
const FRAMING_HINT: &str = "is --framing (and --binding) what the device speaks?";

pub(super) fn open(server: &ServerName, args: &DeviceArgs) -> Result<Box<dyn OpenDevice>, Failure> {
    let framing = args.connection.framing.framing()?;
    Ok(Box::new(Server { name: server.clone(), framing, timeout: args.connection.timeout }))
}

#[derive(Debug)]
struct Server {
    name: ServerName,
    framing: Framing,
    timeout: Duration,
}

impl Server {
    /// The port that the framing has where the target names none.
    const fn port(&self) -> u16 {
        match (self.name.port, self.framing) {
            (Some(port), _) => port,
            (None, Framing::DmtfEmu(_)) => DMTF_EMU_PORT,
            (None, _) => DSP0287_PORT,
        }
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, LineError> {
        let host = self.name.host.as_str();
        let addresses = (host, self.port()).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        match addresses {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            _ => Err(LineError::transport(format_args!("cannot resolve the name {host}"))),
        }
    }

    /// Names the port where the target does not.
    fn explain(&self, error: impl Into<LineError>) -> LineError {
        let mut error = error.into();
        if self.name.port.is_none() {
            let (message, port) = (&error.message, self.port());
            error.message = format!("port {port}, the default of {}: {message}", self.framing);
        }
        error
    }
}

impl OpenDevice for Server {
    fn connect(&mut self, timeout: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError> {
        let (addresses, round_trip) = (self.addresses()?, self.timeout);
        let addresses = addresses.as_slice();
        if self.framing.is_storage() {
            let drive = SecuritySocket::connect(addresses, self.framing, timeout);
            let drive = drive.map_err(|error| self.explain(error))?;
            let mut scratch = vec![0; drive.max_transfer()];
            // Nothing else has been answered yet.
            let transport = StorageTransport::open(drive, StdClock::new(), &mut scratch, timeout)
                .map_err(|error| LineError::from(error).with_hint(FRAMING_HINT))?;
            return Ok(Box::new(TransportLine(transport.with_round_trip(round_trip))));
        }
        let transport = TcpTransport::connect(addresses, self.framing, timeout);
        let transport = transport.map_err(|error| self.explain(error))?;
        Ok(Box::new(TransportLine(transport.with_round_trip(round_trip))))
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

impl DeviceLine for TransportLine<TcpTransport> {
    fn hang_up(self: Box<Self>) {
        // The verdict is there: how the peer takes the end does not matter.
        let _ = self.0.close();
    }

    /// A frame that was cut goes on.
    fn longest_wait(&self) -> Duration {
        interrupt::STEP
    }

    fn unanswered_hint(&self) -> Option<&'static str> {
        Some(FRAMING_HINT)
    }
}

impl DeviceLine for TransportLine<StorageTransport<SecuritySocket, StdClock>> {
    fn unanswered_hint(&self) -> Option<&'static str> {
        Some(FRAMING_HINT)
    }
}

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
            TcpError::Frame(_) => Self::framing(error).with_hint(FRAMING_HINT),
            TcpError::Timeout => Self::timeout(error),
            _ => Self::transport(error),
        }
    }
}
