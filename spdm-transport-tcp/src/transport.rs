//! The blocking client.

use core::time::Duration;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};

use spdm_transport::{Limits, MessageKind, Received, Transport};

use crate::error::TcpError;
use crate::frame::{Command, Frame};
use crate::framing::Framing;
use crate::link::{Link, MAX_CONTROL_FRAMES};
use crate::socket::Deadline;

/// A device behind a TCP connection.
///
/// A frame that is cut by a timeout is kept and continued by the next call of [`receive`](Transport::receive).
/// Messages cannot be told apart by anything in their frames, so [`abandon`](Transport::abandon) closes.
///
/// With [`Framing::DmtfEmu`], dropping the transport tells the peer to shut down, and waits a tenth of a second
/// for its answer; [`close`](Self::close) does so with an error to look at. Not so after an error or `abandon`.
#[derive(Debug)]
pub struct TcpTransport {
    link: Link<TcpStream>,
    limits: Limits,
}

impl TcpTransport {
    /// Connects to the first address that answers, within `timeout` for all of them. Resolving a name is the
    /// operating system's affair and can take longer.
    ///
    /// # Errors
    /// [`TcpError::Timeout`]; [`TcpError::Io`] of the last address, or `InvalidInput` where there is none.
    pub fn connect(
        addr: impl ToSocketAddrs,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, TcpError> {
        let deadline = Deadline::after(timeout);
        let mut result = Err(TcpError::Io(io::ErrorKind::InvalidInput));
        for addr in addr.to_socket_addrs()? {
            let attempt = match deadline.left() {
                Some(left) => TcpStream::connect_timeout(&addr, left),
                None => TcpStream::connect(addr),
            };
            result = attempt.map_err(TcpError::from);
            if result.is_ok() || deadline.has_passed() {
                break;
            }
        }
        Self::from_stream(result?, framing)
    }

    /// Takes over a connection, for example one that the device opened (DSP0287 1.0, Role-Inquiry).
    ///
    /// # Errors
    /// [`TcpError::Io`] when the socket cannot be configured.
    pub fn from_stream(stream: TcpStream, framing: Framing) -> Result<Self, TcpError> {
        // A peer that writes header and body separately would otherwise wait for our acknowledgement.
        stream.set_nodelay(true)?;
        Ok(Self { link: Link::new(stream, framing), limits: framing.limits() })
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub const fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.limits = self.limits.with_round_trip(round_trip);
        self
    }

    /// Ends the connection as the framing wants it: [`Framing::DmtfEmu`] sends the shutdown command and waits
    /// one round trip for the answer.
    ///
    /// # Errors
    /// When the command could not be sent. That no answer came is no error.
    pub fn close(mut self) -> Result<(), TcpError> {
        self.shut_down(self.limits.round_trip)
    }

    fn shut_down(&mut self, timeout: Duration) -> Result<(), TcpError> {
        if self.link.framing == Framing::Dsp0287 {
            self.link.close();
            return Ok(());
        }
        let deadline = Deadline::after(timeout);
        self.link.send(Frame::Command(Command::SHUTDOWN, &[]), deadline)?;
        // Closing before the answer was read would reset the connection under the peer's hands.
        for _ in 0..MAX_CONTROL_FRAMES {
            let max = self.limits.max_receive;
            if self.link.fill(max, deadline).is_err() {
                break;
            }
            match self.link.frame(max) {
                Ok(Some(Frame::Command(Command::SHUTDOWN, _)) | None) | Err(_) => break,
                Ok(Some(_)) => self.link.consume(),
            }
        }
        self.link.close();
        Ok(())
    }

    fn next_message(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<Option<Received>, TcpError> {
        for _ in 0..MAX_CONTROL_FRAMES {
            self.link.fill(buffer.len(), deadline)?;
            if let Some(received) = self.link.deliver(buffer)? {
                return Ok(Some(received));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
        }
        Err(TcpError::TooManyControlFrames)
    }
}

impl Transport for TcpTransport {
    type Error = TcpError;

    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), TcpError> {
        self.link.send(Frame::Message(kind, message), Deadline::after(timeout))
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, TcpError> {
        let result = self.next_message(buffer, Deadline::after(timeout));
        if result.is_err() {
            self.link.close();
        }
        result
    }

    fn abandon(&mut self) {
        self.link.close();
    }
}

impl Drop for TcpTransport {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.shut_down(DROP_TIMEOUT);
    }
}

const DROP_TIMEOUT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::{Duration, Framing, TcpTransport};
    use crate::listener::Listener;

    #[test]
    fn both_ends_send_at_once() {
        let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
        let address = listener.local_addr().unwrap();
        let client =
            TcpTransport::connect(address, Framing::Dsp0287, Duration::from_secs(5)).unwrap();
        let server = listener.accept().unwrap();
        assert!(client.link.stream.as_ref().unwrap().nodelay().unwrap());
        assert!(server.link.stream.as_ref().unwrap().nodelay().unwrap());
    }
}
