//! SPDM over MCTP: message types 5 (DSP0275) and 6 (DSP0276) on the request channels of the [`mctp`] crate, so that any
//! MCTP stack serves. `no_std`, no allocation, no unsafe.
//!
//! ```text
//! requester ── MctpTransport, AsyncMctpTransport ── Endpoint::open ── ReqChannel, AsyncReqChannel
//!                                                                      │ mctp-linux     AF_MCTP (feature `linux`)
//!                                                                      │ mctp-estack    SMBus/I2C, serial, USB
//!                                                                      └ any other
//! ```
//!
//! Each request gets a channel of its own, and with it a message tag of its own: that is how a late answer is told
//! from the answer to a later request. The channel of a request that was given up stays open for a while, so
//! that its tag is not handed out again at once.
//!
//! What the stack checks, and what is checked here:
//!
//! | | by |
//! |---|---|
//! | packet header, sequence, reassembly, source EID, tag | the stack: what does not fit never becomes a message |
//! | integrity check bit, message type, length, usable EID | this crate: [`MctpError`] |
//!
//! ```
//! use core::time::Duration;
//! use mctp::{Eid, Error, MsgIC, MsgType, ReqChannel, Result};
//! use spdm_transport::{MessageKind, Received, Transport};
//! use spdm_transport_mctp::{MctpTransport, ReceiveTimeout};
//!
//! /// A stack with one endpoint, which answers each request with VERSION.
//! struct Channel;
//!
//! impl ReqChannel for Channel {
//!     fn send_vectored(&mut self, _: MsgType, _: MsgIC, _: &[&[u8]]) -> Result<()> {
//!         Ok(())
//!     }
//!
//!     fn recv<'f>(&mut self, buffer: &'f mut [u8]) -> Result<(MsgType, MsgIC, &'f mut [u8])> {
//!         let message = buffer.get_mut(..8).ok_or(Error::NoSpace)?;
//!         message.copy_from_slice(&[0x10, 0x04, 0, 0, 0, 1, 0, 0x12]);
//!         Ok((mctp::MCTP_TYPE_SPDM, MsgIC(false), message))
//!     }
//!
//!     fn remote_eid(&self) -> Eid {
//!         Eid(9)
//!     }
//! }
//!
//! impl ReceiveTimeout for Channel {
//!     fn set_receive_timeout(&mut self, _: Duration) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! let mut transport = MctpTransport::new(|| Ok(Channel), 4096);
//! let timeout = Duration::from_secs(1);
//! transport.send(MessageKind::Plain, &[0x10, 0x84, 0, 0], timeout)?;
//! let version = transport.receive(&mut [0; 64], timeout)?;
//! assert_eq!(version, Some(Received { kind: MessageKind::Plain, len: 8 }));
//! # Ok::<(), spdm_transport_mctp::MctpError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "linux")]
extern crate std;

mod asynchronous;
mod blocking;
mod channels;
mod endpoint;
mod error;
#[cfg(all(feature = "linux", target_os = "linux"))]
mod linux;
#[cfg(all(feature = "linux", target_os = "linux"))]
mod message_types;
pub mod serial;

pub use asynchronous::AsyncMctpTransport;
pub use blocking::{MctpTransport, ReceiveTimeout};
pub use endpoint::Endpoint;
pub use error::{MctpError, StackError};
#[cfg(all(feature = "linux", target_os = "linux"))]
#[cfg_attr(docsrs, doc(cfg(feature = "linux")))]
pub use linux::{
    InquiryError, LinkEndpoint, LinuxChannel, LinuxEndpoint, LinuxLink, LinuxListener,
    PhysicalBinding, TableError, message_types,
};
#[cfg(all(feature = "linux", target_os = "linux"))]
#[cfg_attr(docsrs, doc(cfg(feature = "linux")))]
pub use message_types::{MessageTypes, MessageTypesError};

/// Programs move these between threads; a transport, if its endpoint and channels can be moved.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<(MctpError, serial::Deframer)>();
    is_send::<MctpTransport<fn() -> mctp::Result<()>>>();
    is_send::<AsyncMctpTransport<fn() -> mctp::Result<()>, ()>>();
    #[cfg(all(feature = "linux", target_os = "linux"))]
    is_send::<(MctpTransport<LinuxEndpoint>, LinuxListener)>();
};
