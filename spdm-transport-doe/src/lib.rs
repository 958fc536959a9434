//! SPDM over PCIe Data Object Exchange (PCIe 6.0 §6.30, §7.9.24), as Component Measurement and Authentication uses it
//! (§6.31).
//!
//! ```text
//! DoeTransport    messages         spdm_transport::{Transport, AsyncTransport}
//!   engine        data objects     busy, error, abort, ready, stale data, deadlines
//!   Mailbox       registers        Control, Status, Write and Read Data Mailbox
//!   ConfigSpace   32-bit accesses  what a platform provides
//! ```
//!
//! A platform implements [`ConfigSpace`]: one read and one write of 32 bits. [`ExtendedCapabilities`] finds the
//! mailboxes of a function, of which there may be several, and [`pci_identity`] reads the name that its
//! certificate must carry. On Linux, [`linux`] has all that for sysfs (feature `linux`).
//!
//! ```
//! # use spdm_transport::{Clock, Transport};
//! use spdm_transport_doe::{ConfigError, ConfigSpace, DoeTransport, ExtendedCapabilities, Mailbox};
//!
//! /// The first mailbox of a function.
//! fn first<S: ConfigSpace, C: Clock>(
//!     mut space: S,
//!     clock: C,
//! ) -> Result<Option<impl Transport>, ConfigError<S::Error>> {
//!     for capability in ExtendedCapabilities::new(&mut space) {
//!         let capability = capability?;
//!         if capability.id == spdm_transport_doe::ExtendedCapability::DOE {
//!             return Ok(Mailbox::new(space, capability).map(|found| DoeTransport::new(found, clock)));
//!         }
//!     }
//!     Ok(None)
//! }
//! ```
//!
//! The device is not trusted: every loop over what it says has a bound, its lengths are held against the caller's buffer
//! before anything is read, and after any fault the object under way is aborted, so that nothing of it can be
//! taken for the answer to a later request. Who answers, and with what, is for SPDM to find out.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, all(feature = "linux", target_os = "linux")))]
extern crate std;

mod asynchronous;
mod config_space;
mod discovery;
mod engine;
mod error;
mod identity;
#[cfg(all(feature = "linux", target_os = "linux"))]
#[cfg_attr(docsrs, doc(cfg(feature = "linux")))]
pub mod linux;
mod mailbox;
mod mailbox_timing;
mod object;
mod register;
mod transport;

pub use config_space::{ConfigError, ConfigSpace, ExtendedCapabilities, ExtendedCapability};
pub use error::DoeError;
pub use identity::pci_identity;
pub use mailbox::Mailbox;
pub use mailbox_timing::MailboxTiming;
pub use object::{MAX_CONTENT, MAX_PADDING, ObjectHeader, ObjectType};
pub use register::{DoeStatus, Register};
pub use transport::{DEFAULT_MAX_RECEIVE, DoeTransport};

/// Programs move these between threads; a transport, if its configuration space and clock can be moved.
#[cfg(all(feature = "linux", target_os = "linux"))]
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<(linux::SysfsConfig, DoeTransport<linux::SysfsConfig, ()>)>();
    is_send::<DoeTransport<&linux::SysfsConfig, ()>>();
};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
