//! `mctp:EID` and `mctp:NET,EID`: an endpoint of the kernel's MCTP networks.

mod listing;

use spdm_evidence::CaptureBinding;
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};
use spdm_transport_mctp::{LinuxEndpoint, MctpError, MctpTransport};

use super::OpenDevice;
use crate::args::DeviceArgs;
use crate::line::{DeviceLine, LineError};
pub(super) use listing::list;

pub(super) fn open(endpoint: LinuxEndpoint, args: &DeviceArgs) -> Box<dyn OpenDevice> {
    Box::new(MctpPeer { endpoint, timeout: args.connection.timeout })
}

#[derive(Debug)]
struct MctpPeer {
    endpoint: LinuxEndpoint,
    timeout: Duration,
}

impl OpenDevice for MctpPeer {
    fn connect(&mut self, _: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError> {
        let transport = MctpTransport::new(self.endpoint, LinuxEndpoint::MAX_MESSAGE);
        let transport = transport.with_round_trip(self.timeout);
        Ok(Box::new(EndpointLine { transport, endpoint: self.endpoint }))
    }

    fn capture(&self) -> CaptureBinding {
        CaptureBinding::Mctp
    }
}

#[derive(Debug)]
struct EndpointLine {
    transport: MctpTransport<LinuxEndpoint>,
    endpoint: LinuxEndpoint,
}

impl EndpointLine {
    /// Every sentence names the endpoint.
    fn explain(&self, error: MctpError) -> LineError {
        let text = format!("MCTP endpoint {}: {error}", self.endpoint);
        match error {
            MctpError::Empty
            | MctpError::IntegrityCheck
            | MctpError::MessageType(_)
            | MctpError::TooLong { .. } => LineError::framing(text),
            MctpError::Timeout => LineError::timeout(text),
            MctpError::Os(NO_ADDRESS_FAMILY) => {
                LineError::transport(text).with_hint("this kernel has no MCTP (CONFIG_MCTP)")
            }
            MctpError::Os(NO_LISTENER) => {
                LineError::transport(text).with_hint("nobody at this endpoint takes SPDM messages")
            }
            MctpError::Os(NETWORK_UNREACHABLE | HOST_UNREACHABLE) => LineError::transport(text)
                .with_hint("is there a route to the endpoint? `mctp route` shows them"),
            _ => LineError::transport(text),
        }
    }
}

impl Transport for EndpointLine {
    type Error = LineError;

    fn limits(&self) -> Limits {
        self.transport.limits()
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), LineError> {
        self.transport.send(kind, message, timeout).map_err(|error| self.explain(error))
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        self.transport.receive(buffer, timeout).map_err(|error| self.explain(error))
    }

    fn abandon(&mut self) {
        self.transport.abandon();
    }
}

impl DeviceLine for EndpointLine {
    fn silence(&self) -> Option<String> {
        Some(format!("MCTP endpoint {}", self.endpoint))
    }
}

// Error numbers of Linux that have no name in the standard library.
const NO_LISTENER: i32 = 2;
const NO_ADDRESS_FAMILY: i32 = 97;
const NETWORK_UNREACHABLE: i32 = 101;
const HOST_UNREACHABLE: i32 = 113;
