//! What carries SPDM messages: the traits that a custom transport implements. Of the workspace it depends on the
//! codec alone, for the name of a record's form; `no_std`.
//!
//! A transport moves whole messages; it knows nothing of their content. Time is the caller's: microseconds
//! of a [`Clock`], and [`Duration`] for timeouts.
//!
//! ```
//! use core::time::Duration;
//! use spdm_transport::{Limits, MessageKind, Received, Transport};
//!
//! /// Answers every message with itself.
//! struct Echo(Vec<u8>);
//!
//! impl Transport for Echo {
//!     type Error = core::convert::Infallible;
//!
//!     fn limits(&self) -> Limits {
//!         Limits::new(4096, 4096)
//!     }
//!
//!     fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), Self::Error> {
//!         self.0 = message.to_vec();
//!         Ok(())
//!     }
//!
//!     fn receive(
//!         &mut self,
//!         buffer: &mut [u8],
//!         _: Duration,
//!     ) -> Result<Option<Received>, Self::Error> {
//!         let len = self.0.len().min(buffer.len());
//!         buffer[..len].copy_from_slice(&self.0[..len]);
//!         Ok(Some(Received { kind: MessageKind::Plain, len }))
//!     }
//!
//!     fn abandon(&mut self) {
//!         self.0.clear();
//!     }
//! }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

mod clock;
mod field_error;
mod limits;
mod transport;

#[cfg(feature = "std")]
pub use clock::StdClock;
#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use clock::{AsyncClock, Clock, Instant, micros};
pub use field_error::{Allowed, FieldError};
pub use limits::Limits;
/// How [`Limits::records`] says that the records of sessions are carried.
pub use spdm_codec::RecordBinding;
pub use transport::{AsyncTransport, MessageKind, Received, Transport};

/// Re-exported: what timeouts are measured in.
pub use core::time::Duration;

/// Programs move these between threads.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<(Instant, Limits, Received, FieldError)>();
    #[cfg(feature = "std")]
    is_send_and_sync::<StdClock>();
    #[cfg(feature = "tokio")]
    is_send_and_sync::<TokioClock>();
};
