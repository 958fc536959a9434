//! The blocking server: what an emulated device listens on.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};

use spdm_transport::MessageKind;

use crate::binding::Binding;
use crate::error::{FrameEncodeError, TcpError};
use crate::frame::{BindingRefusal, Command, Frame};
use crate::framing::Framing;
use crate::link::{Link, MAX_CONTROL_FRAMES};
use crate::security::{self, Drive, SecurityStatus};
use crate::socket::{Deadline, connect};
use crate::transport::TcpTransport;
use crate::{doe, dsp0287};

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
        Ok(ServerConnection::over(Link::new(stream, self.framing)))
    }

    /// Waits for a device that looks for its requester, and `timeout` for its Role-Inquiry (DSP0287 1.0). In the
    /// TCP binding of the emulator's framing the inquiry comes without a frame, as the DMTF emulator sends it.
    ///
    /// # Errors
    /// [`TcpError::Encode`] for framings that have no inquiry; [`TcpError::Timeout`] when none came, [`TcpError::Frame`]
    /// when something else did; [`TcpError::Io`].
    pub fn accept_device(&self, timeout: Duration) -> Result<TcpTransport, TcpError> {
        check_role_inquiry(self.framing)?;
        let (stream, _) = self.socket.accept()?;
        stream.set_nodelay(true)?;
        let mut link = Link::new(stream, Framing::Dsp0287);
        link.fill(0, Deadline::after(timeout))?;
        match link.frame(0)? {
            Some(Frame::RoleInquiry) => {}
            Some(Frame::Refusal(refusal)) => return Err(TcpError::Refused(refusal)),
            _ => return Err(TcpError::Timeout),
        }
        link.consume();
        link.framing = self.framing;
        TcpTransport::over(link, None)
    }
}

/// A requester that connected.
#[derive(Debug)]
pub struct ServerConnection {
    pub(crate) link: Link<TcpStream>,
    timeout: Option<Duration>,
    /// With a storage binding.
    drive: Option<Drive>,
}

impl ServerConnection {
    fn over(link: Link<TcpStream>) -> Self {
        let drive = match link.framing {
            Framing::DmtfEmu(binding) if binding.is_storage() => Some(Drive::new(binding)),
            _ => None,
        };
        Self { link, timeout: None, drive }
    }

    /// Connects to a requester that waits for devices, and sends the Role-Inquiry (DSP0287 1.0). A requester that
    /// does not want to be one refuses: [`next`](Self::next) gives its refusal.
    ///
    /// # Errors
    /// [`TcpError::Encode`] for framings that have no inquiry; [`TcpError::Timeout`]; [`TcpError::Io`] of the last
    /// address.
    pub fn connect(
        addr: impl ToSocketAddrs,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Self, TcpError> {
        check_role_inquiry(framing)?;
        let deadline = Deadline::after(timeout);
        let mut link = Link::new(connect(addr, deadline)?, Framing::Dsp0287);
        link.send(Frame::RoleInquiry, deadline)?;
        link.framing = framing;
        Ok(Self::over(link))
    }

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
    /// closed: this end cannot be a Requester. So is what DSP0287 does not have: NOT_SUPPORTED.
    /// With a storage binding the security commands other than IF-SEND of a message are answered here too.
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
            Some(Frame::Command(Command::IF_SEND, payload)) => Ok(security::message(payload)),
            _ => Ok(None),
        }
    }

    /// Sends `message`; with a storage binding, keeps it until it is fetched.
    ///
    /// # Errors
    /// [`TcpError::Encode`] when it does not fit the framing; otherwise the connection is closed.
    pub fn answer(&mut self, kind: MessageKind, message: &[u8]) -> Result<(), TcpError> {
        if let Some(drive) = &mut self.drive {
            if self.link.stream.is_none() {
                return Err(TcpError::Closed);
            }
            self.link.framing.check_message(message)?;
            drive.keep(kind, message);
            return Ok(());
        }
        self.link.send(Frame::Message(kind, message), self.deadline())
    }

    /// Answers frames until a message is there (`true`) or the peer has gone.
    fn await_message(&mut self) -> Result<bool, TcpError> {
        let deadline = self.deadline();
        let max = self.max_message();
        let mut control_frames = 0;
        while control_frames < MAX_CONTROL_FRAMES {
            self.link.consume();
            self.fill(max, deadline)?;
            match self.security_command(max, deadline)? {
                Security::Message => return Ok(true),
                // A host may ask a drive as often as it likes, and ends it with the connection.
                Security::Answered => continue,
                Security::NoCommand => control_frames += 1,
            }
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
                Some(Frame::RoleInquiry) => {
                    (Frame::Refusal(BindingRefusal::CANNOT_BE_REQUESTER), false)
                }
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

    /// Reads a frame. What DSP0287 does not have is refused before the connection is closed.
    fn fill(&mut self, max: usize, deadline: Deadline) -> Result<(), TcpError> {
        let result = self.link.read_frame(max, deadline);
        if let Err(TcpError::Frame(error)) = &result
            && self.link.framing == Framing::Dsp0287
            && matches!(error.field, dsp0287::BINDING_VERSION_FIELD | dsp0287::MESSAGE_TYPE_FIELD)
        {
            // Whether the peer hears it or not, the connection is over.
            let _ = self.link.send(Frame::Refusal(BindingRefusal::NOT_SUPPORTED), deadline);
        }
        result
    }

    /// Answers a security command.
    fn security_command(&mut self, max: usize, deadline: Deadline) -> Result<Security, TcpError> {
        let (Some(drive), Some(Frame::Command(command, payload))) =
            (&mut self.drive, self.link.frame(max)?)
        else {
            return Ok(Security::NoCommand);
        };
        let result = match command {
            Command::IF_SEND => drive.if_send(payload).map(|_| None),
            Command::IF_RECV => drive.if_recv(payload).map(Some),
            _ => return Ok(Security::NoCommand),
        };
        let SecurityStatus(status) = result.as_ref().err().copied().unwrap_or_default();
        let status = status.to_be_bytes();
        self.link.send(Frame::Command(Command::STORAGE_STATUS, &status), deadline)?;
        match result {
            Ok(None) => Ok(Security::Message),
            Ok(Some(data)) => {
                self.link.send(Frame::Command(Command::IF_RECV, &data), deadline)?;
                Ok(Security::Answered)
            }
            Err(_) => Ok(Security::Answered),
        }
    }

    const fn max_message(&self) -> usize {
        self.link.framing.limits().max_receive
    }

    fn deadline(&self) -> Deadline {
        self.timeout.map_or(Deadline::NEVER, Deadline::after)
    }
}

/// What a frame was to an emulated drive.
enum Security {
    /// Nothing.
    NoCommand,
    /// A command that is answered.
    Answered,
    /// An IF-SEND of a message.
    Message,
}

/// Whether a device can open the connection.
fn check_role_inquiry(framing: Framing) -> Result<(), TcpError> {
    match framing {
        Framing::Dsp0287 | Framing::DmtfEmu(Binding::Tcp) => Ok(()),
        Framing::DmtfEmu(_) => Err(FrameEncodeError::NotInFraming.into()),
    }
}

/// What the emulator greets with, its NUL included.
const SERVER_HELLO: &[u8] = b"Server Hello!\0";
