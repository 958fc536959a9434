//! The blocking client.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::{TcpStream, ToSocketAddrs};

use spdm_transport::{Limits, MessageKind, Received, Transport};

use crate::error::{FrameEncodeError, TcpError};
use crate::frame::Frame;
use crate::framing::Framing;
use crate::link::{Link, MAX_CONTROL_FRAMES};
use crate::socket::{DROP_TIMEOUT, Deadline, connect};

/// A device behind a TCP connection.
///
/// A frame that is cut by a timeout is kept and continued by the next call of [`receive`](Transport::receive).
/// Messages cannot be told apart by anything in their frames, so [`abandon`](Transport::abandon) closes.
///
/// With [`Framing::DmtfEmu`], dropping the transport tells the peer to shut down, and waits a tenth of a second
/// for its answer; [`close`](Self::close) does so and reports errors. After an error or `abandon` nothing is sent.
///
/// A connection that was lost or closed is opened again by [`reconnect`](Self::reconnect).
#[derive(Debug)]
pub struct TcpTransport {
    link: Link<TcpStream>,
    limits: Limits,
    /// Where to connect again; `None` when the device opened the connection.
    peer: Option<SocketAddr>,
}

impl TcpTransport {
    /// Connects to the first address that answers, within `timeout` for all of them. The operating
    /// system resolves names, which can take longer.
    ///
    /// # Errors
    /// [`TcpError::Timeout`]; [`TcpError::Io`] of the last address, or `InvalidInput` where there is none.
    pub fn connect(
        addr: impl ToSocketAddrs,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, TcpError> {
        let stream = connect(addr, Deadline::after(timeout))?;
        let peer = stream.peer_addr()?;
        Self::over(Link::new(stream, framing), Some(peer))
    }

    /// Takes over a connection. For one that the device opened, see
    /// [`Listener::accept_device`](crate::Listener::accept_device).
    ///
    /// # Errors
    /// [`TcpError::Encode`] for a framing of security commands, which have [`SecuritySocket`](crate::SecuritySocket);
    /// [`TcpError::Io`] when the socket cannot be configured.
    pub fn from_stream(stream: TcpStream, framing: Framing) -> Result<Self, TcpError> {
        stream.set_nodelay(true)?;
        Self::over(Link::new(stream, framing), None)
    }

    pub(crate) fn over(link: Link<TcpStream>, peer: Option<SocketAddr>) -> Result<Self, TcpError> {
        if link.framing.is_storage() {
            return Err(FrameEncodeError::NotInFraming.into());
        }
        let limits = link.framing.limits();
        Ok(Self { link, limits, peer })
    }

    /// Connects again to the address that answered before; what was under way is forgotten. For the device this is
    /// a new connection: every session is over, and the next request is GET_VERSION.
    ///
    /// # Errors
    /// [`TcpError::Closed`] when the device had opened the connection; otherwise as [`connect`](Self::connect), and
    /// the connection is closed.
    pub fn reconnect(&mut self, timeout: Duration) -> Result<(), TcpError> {
        let peer = self.peer.ok_or(TcpError::Closed)?;
        let deadline = Deadline::after(timeout);
        // The peer may be gone already; one that is not need not wait for us.
        let _ = self.link.shut_down(self.limits.max_receive, DROP_TIMEOUT.min(timeout));
        self.link = Link::new(connect(peer, deadline)?, self.link.framing);
        Ok(())
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
        self.link.shut_down(self.limits.max_receive, self.limits.round_trip)
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
        // An error in a drop cannot be reported.
        let _ = self.link.shut_down(self.limits.max_receive, DROP_TIMEOUT);
    }
}

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
