//! The blocking client of the storage bindings: a driver for an emulated drive.

use core::fmt;
use core::time::Duration;
use std::net::{TcpStream, ToSocketAddrs};

use spdm_transport::{Allowed, FieldError};
use spdm_transport_storage::ata::BLOCK_LEN;
use spdm_transport_storage::{DMTF, ProtocolList, SecurityProtocol};

use crate::binding::Binding;
use crate::error::{FrameEncodeError, TcpError};
use crate::frame::{Command, Frame, wire_len};
use crate::framing::Framing;
use crate::link::Link;
use crate::security::{SecurityCommand, SecurityStatus};
use crate::socket::{DROP_TIMEOUT, Deadline, connect};

/// An emulated drive behind a TCP connection: what QEMU's drives do with the security commands of their guest. With
/// [`StorageTransport`](spdm_transport_storage::StorageTransport) over it, messages reach the emulated device.
///
/// Dropping it tells the peer to shut down.
#[derive(Debug)]
pub struct SecuritySocket {
    link: Link<TcpStream>,
    /// The command and its data, together.
    payload: Vec<u8>,
}

/// Why a security command failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecurityError {
    /// The drive refused it with this status of its interface; the connection stays open.
    Refused(u16),
    /// The connection failed, and is closed.
    Tcp(TcpError),
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => {
                write!(f, "the drive refused the security command with status {status:#06x}")
            }
            Self::Tcp(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SecurityError {}

impl From<TcpError> for SecurityError {
    fn from(error: TcpError) -> Self {
        Self::Tcp(error)
    }
}

impl SecuritySocket {
    /// Connects to the first address that answers, within `timeout` for all of them.
    ///
    /// # Errors
    /// [`TcpError::Encode`] when `framing` is not that of a storage binding; [`TcpError::Timeout`]; [`TcpError::Io`] of
    /// the last address.
    pub fn connect(
        addr: impl ToSocketAddrs,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, TcpError> {
        if !framing.is_storage() {
            return Err(FrameEncodeError::NotInFraming.into());
        }
        let stream = connect(addr, Deadline::after(timeout))?;
        Ok(Self { link: Link::new(stream, framing), payload: Vec::new() })
    }

    const fn binding(&self) -> Option<Binding> {
        match self.link.framing {
            Framing::DmtfEmu(binding) => Some(binding),
            Framing::Dsp0287 => None,
        }
    }

    /// Whether data goes in whole blocks: as with a real drive, what is behind a message is zeros.
    fn moves_blocks(&self) -> bool {
        self.binding() == Some(Binding::Ata)
    }

    /// How many bytes move for data of this length.
    fn moved(&self, len: usize) -> usize {
        if self.moves_blocks() { len.next_multiple_of(BLOCK_LEN) } else { len }
    }

    /// Sends a command with its data, followed by zeros up to `moved` bytes, and awaits how it ended.
    fn command(
        &mut self,
        command: Command,
        security: SecurityCommand,
        data: &[u8],
        moved: usize,
        deadline: Deadline,
    ) -> Result<(), SecurityError> {
        self.payload.clear();
        self.payload.extend_from_slice(&security.encode());
        self.payload.extend_from_slice(data);
        self.payload.resize(SecurityCommand::LEN + moved, 0);
        self.link.consume();
        self.link.send(Frame::Command(command, &self.payload), deadline)?;
        let status = self.await_frame(Command::STORAGE_STATUS, 0, deadline)?;
        let Some(status) = status.first_chunk::<2>().filter(|_| status.len() == 2) else {
            let got = wire_len(status.len());
            return Err(self.wrong("PayloadSize", Allowed::Exactly(2), got).into());
        };
        let status = SecurityStatus(u16::from_be_bytes(*status));
        let done = self.binding().is_some_and(|binding| status.is_success(binding));
        if done { Ok(()) } else { Err(SecurityError::Refused(status.0)) }
    }

    /// The payload of the next frame, which must be of this command. Without it, everything that follows would be
    /// out of step: the connection is closed.
    fn await_frame(
        &mut self,
        command: Command,
        max: usize,
        deadline: Deadline,
    ) -> Result<Vec<u8>, TcpError> {
        self.link.consume();
        self.link.fill(max, deadline)?;
        match self.link.frame(max)? {
            Some(Frame::Command(got, payload)) if got == command => Ok(payload.to_vec()),
            Some(Frame::Command(Command(got), _)) => {
                Err(self.wrong("Command", Allowed::Exactly(command.0), got))
            }
            _ => {
                self.link.close();
                Err(TcpError::Timeout)
            }
        }
    }

    fn wrong(&mut self, field: &'static str, allowed: Allowed, got: u32) -> TcpError {
        self.link.close();
        FieldError { field, allowed, got }.into()
    }
}

impl SecurityProtocol for SecuritySocket {
    type Error = SecurityError;

    /// Whole blocks on ATA.
    fn max_transfer(&self) -> usize {
        let max = self.link.framing.limits().max_send;
        if self.moves_blocks() { max - max % BLOCK_LEN } else { max }
    }

    fn send(
        &mut self,
        protocol: u8,
        specific: u16,
        data: &[u8],
        timeout: Duration,
    ) -> Result<(), SecurityError> {
        let moved = self.moved(data.len());
        let security = SecurityCommand { protocol, specific, length: wire_len(moved) };
        self.command(Command::IF_SEND, security, data, moved, Deadline::after(timeout))
    }

    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, SecurityError> {
        // The list of protocols is the drive's own: QEMU's does not ask the peer for it.
        if (protocol, specific) == (ProtocolList::PROTOCOL, 0) {
            let list = ProtocolList::encode(&[ProtocolList::PROTOCOL, DMTF]);
            let len = list.len().min(buffer.len());
            buffer.iter_mut().zip(list).for_each(|(place, byte)| *place = byte);
            return Ok(len);
        }
        let deadline = Deadline::after(timeout);
        let moved = self.moved(buffer.len());
        let length = wire_len(moved);
        let security = SecurityCommand { protocol, specific, length };
        self.command(Command::IF_RECV, security, &[], 0, deadline)?;
        let data = self.await_frame(Command::IF_RECV, moved, deadline)?;
        if data.len() > moved {
            let allowed = Allowed::AtMost(length);
            return Err(self.wrong("PayloadSize", allowed, wire_len(data.len())).into());
        }
        buffer.iter_mut().zip(&data).for_each(|(place, byte)| *place = *byte);
        Ok(data.len().min(buffer.len()))
    }
}

impl Drop for SecuritySocket {
    fn drop(&mut self) {
        // An error in a drop cannot be reported.
        let _ = self.link.shut_down(self.max_transfer(), DROP_TIMEOUT);
    }
}
