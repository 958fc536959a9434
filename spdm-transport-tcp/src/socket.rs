//! Blocking I/O with one deadline for each call.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Instant;

use crate::error::TcpError;
use crate::frame::{Command, Frame};
use crate::framing::Framing;
use crate::link::{Link, MAX_CONTROL_FRAMES, ReadProgress, is_retry};
use crate::quick_ack::acknowledge_if_empty;

/// When to give up; `None` is never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    /// In `timeout`; never, where that is beyond the clock's range.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// What is left, as sockets want it: not zero, which they refuse.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|deadline| {
            deadline.saturating_duration_since(Instant::now()).max(SHORTEST_TIMEOUT)
        })
    }
}

/// A call with a timeout of zero looks at least this long.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// Connects to the first address that answers before the deadline.
pub(crate) fn connect(addr: impl ToSocketAddrs, deadline: Deadline) -> Result<TcpStream, TcpError> {
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
    let stream = result?;
    // Each frame goes out in one write: there is nothing that it could wait for.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How long a connection that is dropped waits for the peer to answer the shutdown command.
pub(crate) const DROP_TIMEOUT: Duration = Duration::from_millis(100);

impl Link<TcpStream> {
    /// Ends the connection as the framing wants it: the emulator's with a command, and its answer.
    pub(crate) fn shut_down(
        &mut self,
        max_message: usize,
        timeout: Duration,
    ) -> Result<(), TcpError> {
        if self.framing == Framing::Dsp0287 {
            self.close();
            return Ok(());
        }
        let deadline = Deadline::after(timeout);
        self.send(Frame::Command(Command::SHUTDOWN, &[]), deadline)?;
        // Closing before the answer was read would reset the connection, and the peer could lose what it still reads.
        for _ in 0..MAX_CONTROL_FRAMES {
            if self.fill(max_message, deadline).is_err() {
                break;
            }
            match self.frame(max_message) {
                Ok(Some(Frame::Command(Command::SHUTDOWN, _)) | None) | Err(_) => break,
                Ok(Some(_)) => self.consume(),
            }
        }
        self.close();
        Ok(())
    }

    /// Sends `frame` in one write, unless the peer takes it in pieces.
    pub(crate) fn send(&mut self, frame: Frame<'_>, deadline: Deadline) -> Result<(), TcpError> {
        let stream = self.stream.as_mut().ok_or(TcpError::Closed)?;
        self.framing.encode(frame, &mut self.outbound)?;
        let result = write_all(stream, &self.outbound, deadline);
        self.owes_acknowledgement = false;
        if result.is_err() {
            self.close();
        }
        result
    }

    /// Reads until a frame is complete or the deadline has passed. Closes on errors.
    pub(crate) fn fill(&mut self, max_message: usize, deadline: Deadline) -> Result<(), TcpError> {
        let result = self.read_frame(max_message, deadline);
        if result.is_err() {
            self.close();
        }
        result
    }

    /// [`fill`](Self::fill) without closing.
    pub(crate) fn read_frame(
        &mut self,
        max_message: usize,
        deadline: Deadline,
    ) -> Result<(), TcpError> {
        loop {
            let owes_acknowledgement = self.owes_acknowledgement;
            let reading = self.read_with(max_message, |stream, space| {
                stream.set_read_timeout(deadline.left())?;
                if owes_acknowledgement {
                    acknowledge_if_empty(stream);
                }
                stream.read(space)
            })?;
            if reading == ReadProgress::Complete || deadline.has_passed() {
                return Ok(());
            }
        }
    }
}

fn write_all(stream: &mut TcpStream, mut bytes: &[u8], deadline: Deadline) -> Result<(), TcpError> {
    while !bytes.is_empty() {
        stream.set_write_timeout(deadline.left())?;
        match stream.write(bytes) {
            Ok(0) => return Err(TcpError::Io(io::ErrorKind::WriteZero)),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if is_retry(error.kind()) => {}
            Err(error) => return Err(error.into()),
        }
        if !bytes.is_empty() && deadline.has_passed() {
            return Err(TcpError::Timeout);
        }
    }
    Ok(())
}
