//! The asynchronous client, on tokio.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use spdm_transport::{AsyncTransport, Limits, MessageKind, Received};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time;

use crate::error::{FrameEncodeError, TcpError};
use crate::frame::{Command, Frame};
use crate::framing::Framing;
use crate::link::{Link, MAX_CONTROL_FRAMES, ReadProgress, is_retry};
use crate::quick_ack::acknowledge;

/// [`TcpTransport`](crate::TcpTransport) for tokio.
///
/// A dropped `receive` loses nothing. A dropped `send` has sent nothing, or closes: half a frame cannot be taken
/// back.
///
/// With [`Framing::DmtfEmu`], dropping the transport sends the shutdown command if that is possible at once;
/// [`close`](Self::close) waits for the answer.
#[derive(Debug)]
pub struct AsyncTcpTransport {
    link: Link<TcpStream>,
    limits: Limits,
    /// Where to connect again; `None` when the device opened the connection.
    peer: Option<SocketAddr>,
}

impl AsyncTcpTransport {
    /// Connects to the first address that answers, within `timeout` for all of them.
    ///
    /// # Errors
    /// [`TcpError::Timeout`]; [`TcpError::Io`] of the last address.
    pub async fn connect(
        addr: impl ToSocketAddrs,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, TcpError> {
        let stream = connect(addr, timeout).await?;
        let peer = stream.peer_addr()?;
        Self::over(stream, framing, Some(peer))
    }

    /// Connects again to the address that answered before; see
    /// [`TcpTransport::reconnect`](crate::TcpTransport::reconnect).
    ///
    /// # Errors
    /// [`TcpError::Closed`] when the device had opened the connection; otherwise as [`connect`](Self::connect), and
    /// the connection is closed.
    pub async fn reconnect(&mut self, timeout: Duration) -> Result<(), TcpError> {
        let peer = self.peer.ok_or(TcpError::Closed)?;
        self.send_shutdown();
        self.link.close();
        self.link = Link::new(connect(peer, timeout).await?, self.link.framing);
        Ok(())
    }

    /// Takes over a connection, for example one that the device opened (DSP0287 1.0, Role-Inquiry).
    ///
    /// # Errors
    /// [`TcpError::Encode`] for a framing of security commands, which have [`SecuritySocket`](crate::SecuritySocket);
    /// [`TcpError::Io`] when the socket cannot be configured.
    pub fn from_stream(stream: TcpStream, framing: Framing) -> Result<Self, TcpError> {
        stream.set_nodelay(true)?;
        Self::over(stream, framing, None)
    }

    fn over(
        stream: TcpStream,
        framing: Framing,
        peer: Option<SocketAddr>,
    ) -> Result<Self, TcpError> {
        if framing.is_storage() {
            return Err(FrameEncodeError::NotInFraming.into());
        }
        Ok(Self { link: Link::new(stream, framing), limits: framing.limits(), peer })
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub const fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.limits = self.limits.with_round_trip(round_trip);
        self
    }

    /// Ends the connection as the framing wants it; see [`TcpTransport::close`](crate::TcpTransport::close).
    ///
    /// # Errors
    /// When the shutdown command could not be sent. That no answer came is no error.
    pub async fn close(mut self) -> Result<(), TcpError> {
        if self.link.framing == Framing::Dsp0287 {
            return Ok(());
        }
        let timeout = self.limits.round_trip;
        self.send_frame(Frame::Command(Command::SHUTDOWN, &[]), timeout).await?;
        let max = self.limits.max_receive;
        // An answer that is late or wrong ends the connection as well.
        let _ = time::timeout(timeout, self.link.await_shutdown(max)).await;
        self.link.close();
        Ok(())
    }

    async fn send_frame(&mut self, frame: Frame<'_>, timeout: Duration) -> Result<(), TcpError> {
        if self.link.stream.is_none() {
            return Err(TcpError::Closed);
        }
        self.link.framing.encode(frame, &mut self.link.outbound)?;
        let result = time::timeout(timeout, self.link.write_outbound())
            .await
            .unwrap_or(Err(TcpError::Timeout));
        if result.is_err() {
            self.link.close();
        }
        result
    }

    async fn next_message(&mut self, buffer: &mut [u8]) -> Result<Option<Received>, TcpError> {
        for _ in 0..MAX_CONTROL_FRAMES {
            self.link.read_frame(buffer.len()).await?;
            if let Some(received) = self.link.deliver(buffer)? {
                return Ok(Some(received));
            }
        }
        Err(TcpError::TooManyControlFrames)
    }
}

async fn connect(addr: impl ToSocketAddrs, timeout: Duration) -> Result<TcpStream, TcpError> {
    let stream = time::timeout(timeout, TcpStream::connect(addr)).await;
    let stream = stream.map_err(|_| TcpError::Timeout)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl AsyncTransport for AsyncTcpTransport {
    type Error = TcpError;

    fn limits(&self) -> Limits {
        self.limits
    }

    async fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), TcpError> {
        self.send_frame(Frame::Message(kind, message), timeout).await
    }

    async fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, TcpError> {
        let result = time::timeout(timeout, self.next_message(buffer)).await.unwrap_or(Ok(None));
        if result.is_err() {
            self.link.close();
        }
        result
    }

    fn abandon(&mut self) {
        self.link.close();
    }
}

impl AsyncTcpTransport {
    /// Sends the shutdown command, if the framing has one and it can go at once.
    fn send_shutdown(&mut self) {
        let shutdown = Frame::Command(Command::SHUTDOWN, &[]);
        // Fails where the framing has no such command.
        if self.link.framing.encode(shutdown, &mut self.link.outbound).is_ok()
            && let Some(stream) = &self.link.stream
        {
            // An error in a drop cannot be reported.
            let _ = stream.try_write(&self.link.outbound);
        }
    }
}

impl Drop for AsyncTcpTransport {
    fn drop(&mut self) {
        self.send_shutdown();
    }
}

impl Link<TcpStream> {
    /// Reads until a frame is complete. Keeps what came when it is dropped.
    async fn read_frame(&mut self, max_message: usize) -> Result<(), TcpError> {
        loop {
            let reading = self.read_with(max_message, |stream, space| stream.try_read(space))?;
            match (reading, &self.stream) {
                (ReadProgress::Complete, _) => return Ok(()),
                (ReadProgress::Pending, Some(stream)) => {
                    if self.owes_acknowledgement {
                        acknowledge(stream);
                    }
                    stream.readable().await?;
                }
                (ReadProgress::Progress, _) | (ReadProgress::Pending, None) => {}
            }
        }
    }

    /// Writes the outbound frame. The stream is put aside from the first byte to the last, and so closed when
    /// this is dropped in between.
    async fn write_outbound(&mut self) -> Result<(), TcpError> {
        let mut rest = &*self.outbound;
        let Some(stream) = &self.stream else { return Err(TcpError::Closed) };
        stream.writable().await?;
        let stream = self.stream.take().ok_or(TcpError::Closed)?;
        loop {
            match stream.try_write(rest) {
                Ok(0) => return Err(TcpError::Io(io::ErrorKind::WriteZero)),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if is_retry(error.kind()) => {}
                Err(error) => return Err(error.into()),
            }
            if rest.is_empty() {
                break;
            }
            stream.writable().await?;
        }
        self.stream = Some(stream);
        self.owes_acknowledgement = false;
        Ok(())
    }

    /// Reads until the peer has answered the shutdown command, or is gone.
    async fn await_shutdown(&mut self, max_message: usize) -> Result<(), TcpError> {
        for _ in 0..MAX_CONTROL_FRAMES {
            self.read_frame(max_message).await?;
            if let Some(Frame::Command(Command::SHUTDOWN, _)) = self.frame(max_message)? {
                break;
            }
            self.consume();
        }
        Ok(())
    }
}
