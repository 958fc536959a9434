//! Blocking I/O with one deadline for each call.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::error::TcpError;
use crate::frame::Frame;
use crate::link::{Link, Reading, is_retry};

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

impl Link<TcpStream> {
    /// Sends `frame` in one write, unless the peer takes it in pieces.
    pub(crate) fn send(&mut self, frame: Frame<'_>, deadline: Deadline) -> Result<(), TcpError> {
        let stream = self.stream.as_mut().ok_or(TcpError::Closed)?;
        self.framing.encode(frame, &mut self.outbound)?;
        let result = write_all(stream, &self.outbound, deadline);
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

    fn read_frame(&mut self, max_message: usize, deadline: Deadline) -> Result<(), TcpError> {
        loop {
            let reading = self.read_with(max_message, |stream, space| {
                stream.set_read_timeout(deadline.left())?;
                stream.read(space)
            })?;
            if reading == Reading::Complete || deadline.has_passed() {
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
