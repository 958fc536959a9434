//! SPDM over TCP: DSP0287, and the socket framing that the DMTF emulator and QEMU speak.
//!
//! ```text
//! Framing::Dsp0287           PayloadLength u16 | BindingVersion 1 | MessageType 5, 6 | message       (little-endian)
//! Framing::DmtfEmu(binding)  Command u32 | TransportType u32 | PayloadSize u32 | payload             (big-endian)
//!                            payload:  None  message
//!                                      Mctp  MessageType 5, 6 | message
//!                                      Doe   Vendor ID 1 | type 1, 2 | Length in DWORDs | message | zeros
//!                                      Tcp   the header of Dsp0287 | message
//!                                      Nvme, Scsi, Ata  security commands (DSP0286), see SecuritySocket
//! ```
//!
//! * [`Framing::encode`] and [`Framing::decode`] work on bytes alone.
//! * [`TcpTransport`] is a blocking [`Transport`](spdm_transport::Transport) to a device; with the feature `tokio` there
//!   is `AsyncTcpTransport` too.
//! * [`Listener`] is the device's end; or the requester's, where devices connect to it.
//! * [`SecuritySocket`] is a drive behind the storage bindings, for `spdm_transport_storage::StorageTransport`.
//!
//! The peer is not trusted: a header is checked before its payload is read, memory follows the bytes that came, each call
//! has one deadline, and a stream whose position is unknown is closed. TCP neither authenticates nor hides
//! anything; that is what SPDM is for.
//!
//! ```
//! use core::time::Duration;
//! use spdm_transport::{MessageKind, Transport};
//! use spdm_transport_tcp::{Framing, Listener, TcpTransport};
//!
//! let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287)?;
//! let address = listener.local_addr()?;
//! let device = std::thread::spawn(move || {
//!     let mut requester = listener.accept()?;
//!     while let Some((kind, _request)) = requester.next()? {
//!         requester.answer(kind, &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12])?;
//!     }
//!     Ok::<(), spdm_transport_tcp::TcpError>(())
//! });
//!
//! let timeout = Duration::from_secs(5);
//! let mut transport = TcpTransport::connect(address, Framing::Dsp0287, timeout)?;
//! transport.send(MessageKind::Plain, &[0x10, 0x84, 0, 0], timeout)?;
//! let mut buffer = [0; 64];
//! let version = transport.receive(&mut buffer, timeout)?;
//! assert_eq!(version.map(|received| received.len), Some(8));
//! transport.close()?;
//! # device.join().unwrap()?;
//! # Ok::<(), spdm_transport_tcp::TcpError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "tokio")]
mod asynchronous;
mod binding;
mod doe;
mod dsp0287;
mod emulator;
mod error;
mod frame;
mod framing;
mod link;
mod listener;
mod quick_ack;
mod security;
mod security_socket;
mod socket;
mod transport;

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use asynchronous::AsyncTcpTransport;
pub use binding::{Binding, UnknownName};
pub use error::{FrameEncodeError, TcpError};
pub use frame::{BindingRefusal, Command, DecodedFrame, Frame};
pub use framing::{DSP0287_PORT, Framing};
pub use listener::{Listener, ServerConnection};
pub use security_socket::{SecurityError, SecuritySocket};
pub use transport::TcpTransport;

/// Programs move these between threads.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<(TcpTransport, Listener, ServerConnection, SecuritySocket)>();
    is_send::<spdm_transport_storage::StorageTransport<SecuritySocket, ()>>();
    is_send::<(TcpError, SecurityError)>();
    #[cfg(feature = "tokio")]
    is_send::<AsyncTcpTransport>();
};
