//! The blocking server: what an emulated device listens on.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};

use spdm_transport::MessageKind;

use crate::doe;
use crate::error::TcpError;
use crate::frame::{Command, Frame, Refusal};
use crate::framing::Framing;
use crate::link::{Link, MAX_CONTROL_FRAMES};
use crate::socket::Deadline;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    framing: Framing,
}

impl Listener {
    /// Listens on `addr`; port 0 lets the operating system choose one.
    ///
    /// # Errors
    /// [`TcpError::Io`].
    pub fn bind(addr: impl ToSocketAddrs, framing: Framing) -> Result<Self, TcpError> {
        Ok(Self { socket: TcpListener::bind(addr)?, framing })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// [`TcpError::Io`].
    pub fn local_addr(&self) -> Result<SocketAddr, TcpError> {
        Ok(self.socket.local_addr()?)
    }

    /// Waits for a requester.
    ///
    /// # Errors
    /// [`TcpError::Io`].
    pub fn accept(&self) -> Result<ServerConnection, TcpError> {
        let (stream, _) = self.socket.accept()?;
        stream.set_nodelay(true)?;
        Ok(ServerConnection { link: Link::new(stream, self.framing), timeout: None })
    }
}

/// A requester that connected.
#[derive(Debug)]
pub struct ServerConnection {
    pub(crate) link: Link<TcpStream>,
    timeout: Option<Duration>,
}

impl ServerConnection {
    /// Sets how long [`next`](Self::next) waits for a whole message and [`answer`](Self::answer) for room; without
    /// this, for ever.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The next message; `None` when the peer closed the connection or shut it down.
    ///
    /// Frames that are no messages are answered here, as the DMTF emulator does: a greeting with a greeting,
    /// DOE discovery with the three objects of CMA, shutdown and continue with themselves before the
    /// connection is closed, other commands with [`Command::UNKNOWN`]. A Role-Inquiry is refused and
    /// closed: this end cannot be a Requester.
    ///
    /// # Errors
    /// [`TcpError::Frame`], [`TcpError::Truncated`], [`TcpError::Timeout`], [`TcpError::Io`];
    /// [`TcpError::TooManyControlFrames`] when no message comes between them. The connection is closed.
    #[expect(
        clippy::should_implement_trait,
        reason = "the message is lent, which an iterator cannot do"
    )]
    pub fn next(&mut self) -> Result<Option<(MessageKind, &[u8])>, TcpError> {
        match self.await_message() {
            Ok(true) => {}
            Ok(false) | Err(TcpError::PeerClosed) => {
                self.link.close();
                return Ok(None);
            }
            Err(error) => {
                self.link.close();
                return Err(error);
            }
        }
        match self.link.frame(self.max_message())? {
            Some(Frame::Message(kind, message)) => Ok(Some((kind, message))),
            _ => Ok(None),
        }
    }

    /// Sends `message`.
    ///
    /// # Errors
    /// [`TcpError::Encode`] when it does not fit the framing; otherwise the connection is closed.
    pub fn answer(&mut self, kind: MessageKind, message: &[u8]) -> Result<(), TcpError> {
        self.link.send(Frame::Message(kind, message), self.deadline())
    }

    /// Answers frames until a message is there (`true`) or the peer has gone.
    fn await_message(&mut self) -> Result<bool, TcpError> {
        let deadline = self.deadline();
        let max = self.max_message();
        for _ in 0..MAX_CONTROL_FRAMES {
            self.link.consume();
            self.link.fill(max, deadline)?;
            let (reply, stays) = match self.link.frame(max)? {
                Some(Frame::Message(..)) => return Ok(true),
                Some(Frame::Command(Command::HELLO, _)) => {
                    (Frame::Command(Command::HELLO, SERVER_HELLO), true)
                }
                Some(Frame::Command(command @ (Command::SHUTDOWN | Command::CONTINUE), _)) => {
                    (Frame::Command(command, &[]), false)
                }
                Some(Frame::Command(..)) => (Frame::Command(Command::UNKNOWN, &[]), true),
                Some(Frame::Discovery(request)) => (Frame::Discovery(doe::discover(request)), true),
                Some(Frame::RoleInquiry) => (Frame::Refusal(Refusal::CANNOT_BE_REQUESTER), false),
                Some(Frame::Refusal(refusal)) => return Err(TcpError::Refused(refusal)),
                None => return Err(TcpError::Timeout),
            };
            self.link.send(reply, deadline)?;
            if !stays {
                return Ok(false);
            }
        }
        Err(TcpError::TooManyControlFrames)
    }

    const fn max_message(&self) -> usize {
        self.link.framing.limits().max_receive
    }

    fn deadline(&self) -> Deadline {
        self.timeout.map_or(Deadline::NEVER, Deadline::after)
    }
}

/// What the emulator greets with, its NUL included.
const SERVER_HELLO: &[u8] = b"Server Hello!\0";
