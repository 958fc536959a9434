//! One end of a connection, without the I/O.

use std::io;

use spdm_transport::{Allowed, FieldError, MessageKind, Received};

use spdm_transport_doe::ObjectType;

use crate::doe;
use crate::error::TcpError;
use crate::frame::{Command, DecodedFrame, Frame, wire_len};
use crate::framing::Framing;

/// How many frames that are no messages are taken while a message is awaited.
pub(crate) const MAX_CONTROL_FRAMES: usize = 16;

/// A stream and the frames on their way. `S` is the stream; it is gone once the connection is closed.
#[derive(Debug)]
pub(crate) struct Link<S> {
    pub(crate) framing: Framing,
    pub(crate) stream: Option<S>,
    /// The frame that is to be sent.
    pub(crate) outbound: Vec<u8>,
    /// The frame that is being received, or the one that was received last. Never more than one.
    inbound: Vec<u8>,
    /// Whether bytes came after the last frame that was sent: nothing has acknowledged them yet.
    pub(crate) owes_acknowledgement: bool,
}

impl<S> Link<S> {
    pub(crate) const fn new(stream: S, framing: Framing) -> Self {
        Self {
            framing,
            stream: Some(stream),
            outbound: Vec::new(),
            inbound: Vec::new(),
            owes_acknowledgement: false,
        }
    }

    /// Drops the stream, and with it what was under way.
    pub(crate) fn close(&mut self) {
        self.stream = None;
        self.inbound.clear();
    }

    /// Forgets the frame that was received.
    pub(crate) fn consume(&mut self) {
        self.inbound.clear();
    }

    /// The frame that was received, if it is complete.
    pub(crate) fn frame(&self, max_message: usize) -> Result<Option<Frame<'_>>, FieldError> {
        match self.framing.decode(&self.inbound, max_message)? {
            DecodedFrame::Complete { frame, .. } => Ok(Some(frame)),
            DecodedFrame::Incomplete { .. } => Ok(None),
        }
    }

    /// Lets `read` continue the frame, without a byte of the next.
    pub(crate) fn read_with(
        &mut self,
        max_message: usize,
        read: impl FnOnce(&mut S, &mut [u8]) -> io::Result<usize>,
    ) -> Result<ReadProgress, TcpError> {
        let DecodedFrame::Incomplete { missing } =
            self.framing.decode(&self.inbound, max_message)?
        else {
            return Ok(ReadProgress::Complete);
        };
        let stream = self.stream.as_mut().ok_or(TcpError::Closed)?;
        let filled = self.inbound.len();
        self.inbound.resize(filled + missing.min(READ_STEP), 0);
        let result = read(stream, self.inbound.get_mut(filled..).unwrap_or_default());
        self.inbound.truncate(filled + result.as_ref().map_or(0, |n| *n));
        match result {
            Ok(0) if filled == 0 => Err(TcpError::PeerClosed),
            Ok(0) => Err(TcpError::Truncated { got: filled, missing }),
            Ok(_) => {
                self.owes_acknowledgement = true;
                Ok(ReadProgress::Progress)
            }
            Err(error) if is_retry(error.kind()) => Ok(ReadProgress::Pending),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a message to a requester's buffer. `None` for a frame that a requester may ignore.
    pub(crate) fn deliver(&mut self, buffer: &mut [u8]) -> Result<Option<Received>, TcpError> {
        let received = match self.frame(buffer.len())? {
            Some(Frame::Message(kind, message)) => Some(copy(kind, message, buffer)?),
            // A device that connects to its requester says so; the request that follows is the answer.
            Some(Frame::RoleInquiry) => None,
            None => return Ok(None),
            Some(Frame::Refusal(refusal)) => return Err(TcpError::Refused(refusal)),
            Some(Frame::Discovery(_)) => return Err(doe::wrong_type(ObjectType::DISCOVERY).into()),
            Some(Frame::Command(Command(got), _)) => {
                let allowed = Allowed::Exactly(Command::MESSAGE.0);
                return Err(FieldError { field: "Command", allowed, got }.into());
            }
        };
        self.consume();
        Ok(received)
    }
}

/// What came of one attempt to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReadProgress {
    /// The frame is complete.
    Complete,
    /// Bytes came.
    Progress,
    /// No bytes came yet.
    Pending,
}

/// Whether an error of the operating system means "nothing yet".
pub(crate) fn is_retry(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn copy(kind: MessageKind, message: &[u8], buffer: &mut [u8]) -> Result<Received, FieldError> {
    let len = message.len();
    let room = buffer.len();
    let target = buffer.get_mut(..len).ok_or_else(|| FieldError {
        field: "PayloadSize",
        allowed: Allowed::AtMost(wire_len(room)),
        got: wire_len(len),
    })?;
    target.copy_from_slice(message);
    Ok(Received { kind, len })
}

/// Memory for a frame is taken in steps of this many bytes, as they come.
const READ_STEP: usize = 16 * 1024;
