//! AF_MCTP: the MCTP stack of Linux, 5.15 and later.

mod inquiry;
mod links;
mod route_socket;

use core::fmt;
use core::str::FromStr;
use std::io::ErrorKind;
use std::time::Instant;
use std::vec::Vec;

use mctp::{Eid, Error, Listener, MCTP_TYPE_SPDM, MsgIC, MsgType, ReqChannel, RespChannel};
use mctp_linux::{MctpLinuxListener, MctpLinuxReq};
use spdm_transport::Duration;

use crate::blocking::ReceiveTimeout;
use crate::endpoint::Endpoint;
use crate::error::MctpError;
pub use inquiry::{InquiryError, message_types};
pub use links::{LinkEndpoint, LinuxLink, PhysicalBinding};
pub use route_socket::TableError;

/// An endpoint of the kernel's MCTP networks.
///
/// [`FromStr`] and [`Display`](fmt::Display) write it `EID` or `NET,EID`, in decimal; hexadecimal with `0x` is read too.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinuxEndpoint {
    eid: Eid,
    network: Option<u32>,
}

impl LinuxEndpoint {
    /// The longest message in bytes: with the message type, 64 KiB, which is the most that the kernel reassembles.
    pub const MAX_MESSAGE: usize = 0xffff;

    /// The endpoint with this ID in this network, or in the kernel's default network.
    ///
    /// # Errors
    /// [`MctpError::EndpointId`]: null, reserved or broadcast.
    pub fn new(eid: u8, network: Option<u32>) -> Result<Self, MctpError> {
        let eid = Eid::new_normal(eid).map_err(|_| MctpError::EndpointId(eid))?;
        Ok(Self { eid, network })
    }

    /// The endpoint ID.
    #[must_use]
    pub const fn eid(&self) -> u8 {
        self.eid.0
    }

    /// The network; `None` for the kernel's default.
    #[must_use]
    pub const fn network(&self) -> Option<u32> {
        self.network
    }
}

impl Endpoint for LinuxEndpoint {
    type Channel = LinuxChannel;

    fn open(&mut self) -> Result<LinuxChannel, Error> {
        let request = MctpLinuxReq::new(self.eid, self.network)?;
        Ok(LinuxChannel { request, timeout: Duration::ZERO })
    }
}

impl fmt::Display for LinuxEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            Some(network) => write!(f, "{network},{}", self.eid),
            None => self.eid.fmt(f),
        }
    }
}

impl FromStr for LinuxEndpoint {
    type Err = MctpError;

    /// # Errors
    /// [`MctpError::EndpointId`] for one that cannot be used, 0 where the text is no address at all.
    fn from_str(text: &str) -> Result<Self, MctpError> {
        let (network, eid) = match text.split_once(',') {
            Some((network, eid)) => (Some(network), eid),
            None => (None, text),
        };
        let network = network.map(number).transpose()?;
        let eid = u8::try_from(number(eid)?).map_err(|_| MctpError::EndpointId(0))?;
        Self::new(eid, network)
    }
}

fn number(text: &str) -> Result<u32, MctpError> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16)
        }
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse(),
        _ => return Err(MctpError::EndpointId(0)),
    };
    parsed.map_err(|_| MctpError::EndpointId(0))
}

/// A socket for one request. The kernel assigns the tag, splits and reassembles, and gives it only what comes
/// from that endpoint with that tag, for six seconds (`MCTP_KEY_LIFETIME`): later answers are lost.
pub struct LinuxChannel {
    request: MctpLinuxReq,
    timeout: Duration,
}

impl ReqChannel for LinuxChannel {
    fn send_vectored(
        &mut self,
        message_type: MsgType,
        check: MsgIC,
        buffers: &[&[u8]],
    ) -> mctp::Result<()> {
        self.request.send_vectored(message_type, check, buffers)
    }

    fn recv<'f>(&mut self, buffer: &'f mut [u8]) -> mctp::Result<(MsgType, MsgIC, &'f mut [u8])> {
        let deadline = Instant::now().checked_add(self.timeout);
        // The kernel silently cuts what is too long. Room for one byte more shows that.
        let mut message = std::vec![0; buffer.len() + 1];
        loop {
            let left = deadline.map(|deadline| {
                deadline.saturating_duration_since(Instant::now()).clamp(SHORTEST, LONGEST)
            });
            self.request.as_socket().set_read_timeout(left)?;
            let received = match self.request.recv(&mut message) {
                Err(Error::Io(error)) => match error.kind() {
                    ErrorKind::Interrupted
                        if deadline.is_none_or(|deadline| Instant::now() < deadline) =>
                    {
                        continue;
                    }
                    ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                        Err(Error::TimedOut)
                    }
                    _ => Err(Error::Io(error)),
                },
                received => received,
            };
            let (message_type, check, message) = received?;
            let place = buffer.get_mut(..message.len()).ok_or(Error::NoSpace)?;
            place.copy_from_slice(message);
            return Ok((message_type, check, place));
        }
    }

    fn remote_eid(&self) -> Eid {
        self.request.remote_eid()
    }
}

impl ReceiveTimeout for LinuxChannel {
    fn set_receive_timeout(&mut self, timeout: Duration) -> mctp::Result<()> {
        self.timeout = timeout;
        Ok(())
    }
}

impl fmt::Debug for LinuxChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxChannel")
            .field("eid", &self.request.remote_eid())
            .finish_non_exhaustive()
    }
}

/// A responder's end: answers requests of type 5 that come from any endpoint.
pub struct LinuxListener {
    listener: MctpLinuxListener,
    request: Vec<u8>,
}

impl LinuxListener {
    /// Listens in `network`, or in all.
    ///
    /// # Errors
    /// [`MctpError::Os`]: without AF_MCTP, or when another process listens.
    pub fn bind(network: Option<u32>) -> Result<Self, MctpError> {
        let listener = MctpLinuxListener::new(MCTP_TYPE_SPDM, network)?;
        Ok(Self { listener, request: std::vec![0; LinuxEndpoint::MAX_MESSAGE + 1] })
    }

    /// Waits for a request and sends what `answer` makes of it.
    ///
    /// # Errors
    /// [`MctpError::IntegrityCheck`], [`MctpError::TooLong`] for requests that were not looked at; otherwise when the
    /// kernel refuses.
    pub fn serve(
        &mut self,
        answer: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<(), MctpError> {
        let (_, check, request, mut channel) = self.listener.recv(&mut self.request)?;
        if check.0 {
            return Err(MctpError::IntegrityCheck);
        }
        if request.len() > LinuxEndpoint::MAX_MESSAGE {
            return Err(MctpError::TooLong { room: LinuxEndpoint::MAX_MESSAGE });
        }
        match answer(request) {
            Some(answer) => Ok(channel.send(&answer)?),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LinuxListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxListener")
            .field("network", &self.listener.net())
            .finish_non_exhaustive()
    }
}

/// A socket takes a timeout of zero for none at all.
const SHORTEST: Duration = Duration::from_millis(1);
/// What every kernel's seconds can hold.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{LinuxEndpoint, MctpError};

    #[test]
    fn addresses() {
        for (text, eid, network) in [
            ("9", 9, None),
            ("0x1d", 0x1d, None),
            ("1,254", 254, Some(1)),
            ("4294967295,8", 8, Some(u32::MAX)),
        ] {
            let endpoint: LinuxEndpoint = text.parse().unwrap();
            assert_eq!((endpoint.eid(), endpoint.network()), (eid, network), "{text}");
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        for (text, eid) in [
            ("", 0),
            ("0", 0),
            ("7", 7),
            ("255", 255),
            ("256", 0),
            ("265", 0),
            ("+9", 0),
            ("0x", 0),
            ("0x+9", 0),
            ("a", 0),
            ("9,", 0),
            (",9", 0),
            ("1,2,9", 0),
            ("4294967296,9", 0),
            (" 9", 0),
        ] {
            assert_eq!(text.parse::<LinuxEndpoint>(), Err(MctpError::EndpointId(eid)), "{text}");
        }
    }
}
