//! `tcp:HOST:PORT`: a device behind a socket.

use spdm_evidence::CaptureBinding;
use spdm_transport::{Duration, StdClock};
use spdm_transport_storage::{SecurityProtocol, StorageError, StorageTransport};
use spdm_transport_tcp::{Binding, Framing, SecurityError, SecuritySocket, TcpError, TcpTransport};

use super::OpenDevice;
use crate::args::DeviceArgs;
use crate::exit::Failure;
use crate::line::{DeviceLine, LineError, TransportLine};

pub(super) fn open(address: &str, args: &DeviceArgs) -> Result<Box<dyn OpenDevice>, Failure> {
    let framing = args.framing.framing()?;
    Ok(Box::new(Server { address: address.to_owned(), framing, timeout: args.timeout }))
}

#[derive(Debug)]
struct Server {
    address: String,
    framing: Framing,
    timeout: Duration,
}

impl OpenDevice for Server {
    fn connect(&mut self, timeout: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError> {
        let (address, round_trip) = (self.address.as_str(), self.timeout);
        if self.framing.is_storage() {
            let drive = SecuritySocket::connect(address, self.framing, timeout)?;
            let mut scratch = vec![0; drive.max_transfer()];
            let transport = StorageTransport::open(drive, StdClock::new(), &mut scratch, timeout)?;
            return Ok(Box::new(TransportLine(transport.with_round_trip(round_trip))));
        }
        let transport = TcpTransport::connect(address, self.framing, timeout)?;
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
}

impl DeviceLine for TransportLine<StorageTransport<SecuritySocket, StdClock>> {}

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
