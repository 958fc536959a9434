//! SPDM over the security commands of drives (DSP0286). `no_std`, no allocation, no unsafe.
//!
//! ```text
//! requester ── StorageTransport ── SecurityProtocol::send, receive ── NVMe Security Send, Receive
//!                                                                    │ SCSI SECURITY PROTOCOL OUT, IN
//!                                                                    └ ATA TRUSTED SEND, RECEIVE
//!
//! IF-SEND SPDM message · IF-RECV pending info, until an answer is there · IF-RECV SPDM message
//! ```
//!
//! * [`SecurityProtocol`] is what a driver implements: two commands with bytes. [`nvme`], [`scsi`] and [`ata`] say what
//!   the commands look like on the wire.
//! * [`StorageTransport`] asks whether the drive knows SPDM, and carries messages.
//! * [`Specific`], [`Discovery`], [`PendingInfo`] and [`ProtocolList`] are the payloads, for both ends.
//!
//! The drive is not trusted: lengths are checked before memory is used for them, and the answer to a request that was
//! given up is never delivered as that of a later one.
//!
//! ```
//! use core::time::Duration;
//! use spdm_transport::{Clock, Instant, MessageKind, Transport};
//! use spdm_transport_storage::{
//!     DMTF, Discovery, SpdmOperation, PendingInfo, ProtocolList, SecurityProtocol, Specific, StorageTransport,
//! };
//!
//! /// A drive in this process, which answers each request with VERSION.
//! struct Drive;
//!
//! impl SecurityProtocol for Drive {
//!     type Error = core::convert::Infallible;
//!
//!     fn max_transfer(&self) -> usize {
//!         4096
//!     }
//!
//!     fn send(&mut self, _: u8, _: u16, _: &[u8], _: Duration) -> Result<(), Self::Error> {
//!         Ok(())
//!     }
//!
//!     fn receive(
//!         &mut self,
//!         protocol: u8,
//!         specific: u16,
//!         buffer: &mut [u8],
//!         _: Duration,
//!     ) -> Result<usize, Self::Error> {
//!         let answer: &[u8] = match (protocol, Specific::decode(specific).map(|s| s.operation)) {
//!             (0, _) => &ProtocolList::encode(&[0, DMTF]),
//!             (_, Ok(SpdmOperation::Discovery)) => &Discovery::new(1).encode(),
//!             (_, Ok(SpdmOperation::PendingInfo)) => &PendingInfo { response: Some(8) }.encode(),
//!             _ => &[0x10, 0x04, 0, 0, 0, 1, 0, 0x12],
//!         };
//!         let len = answer.len().min(buffer.len());
//!         buffer[..len].copy_from_slice(&answer[..len]);
//!         Ok(len)
//!     }
//! }
//!
//! struct Stopped;
//!
//! impl Clock for Stopped {
//!     fn now(&self) -> Instant {
//!         Instant::default()
//!     }
//!     fn sleep_until(&self, _: Instant) {}
//! }
//!
//! let (timeout, mut buffer) = (Duration::from_secs(1), [0; 64]);
//! let mut transport = StorageTransport::open(Drive, Stopped, &mut buffer, timeout)?;
//! transport.send(MessageKind::Plain, &[0x10, 0x84, 0, 0], timeout)?;
//! let version = transport.receive(&mut buffer, timeout)?;
//! assert_eq!(version.map(|received| received.len), Some(8));
//! # Ok::<(), spdm_transport_storage::StorageError<core::convert::Infallible>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod ata;
mod discovery;
mod error;
pub mod nvme;
mod pending;
mod protocol;
mod protocol_list;
pub mod scsi;
mod specific;
mod transport;

pub use discovery::Discovery;
pub use error::StorageError;
pub use pending::PendingInfo;
pub use protocol::{SecurityProtocol, TransferDirection};
pub use protocol_list::ProtocolList;
pub use specific::{ConnectionId, SpdmOperation, Specific};
pub use transport::StorageTransport;

/// The security protocol of DMTF (DSP0286; SPC-5 assigns the number).
pub const DMTF: u8 = 0xe8;
