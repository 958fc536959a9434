//! How a device is reached: from a [`Target`](crate::target::Target) to a [`DeviceLine`].
//!
//! ```text
//! Target ── open ──> OpenDevice ── connect ──> DeviceLine     Tap: a DeviceLine that records
//! (parsed)           (one file for each kind)  (one connection)
//! ```
//!
//! A kind of device is one variant of [`Address`], and one file below this one with an [`OpenDevice`].

#[cfg(target_os = "linux")]
mod drive;
mod emulated;
mod listing;
#[cfg(target_os = "linux")]
mod mctp;
#[cfg(target_os = "linux")]
mod pci;
mod tcp;

use core::fmt;

use spdm_codec::PciIdentity;
use spdm_evidence::CaptureBinding;
use spdm_transport::Duration;

use crate::args::{DeviceArgs, ListArgs};
use crate::exit::Failure;
use crate::line::{DeviceLine, LineError};
use crate::target::Address;
pub(crate) use emulated::{PROVISIONING, SESSIONS, chunking};
pub(crate) use listing::{FoundDevice, Listing};

/// A device that connections lead to, one after another.
pub(crate) trait OpenDevice: fmt::Debug {
    /// A new connection, made within `timeout` where making one takes an answer.
    ///
    /// # Errors
    /// The transport's.
    fn connect(&mut self, timeout: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError>;

    /// What captures show around a message.
    fn capture(&self) -> CaptureBinding;

    /// The trust anchors that it brings: only a device in this process has some.
    fn anchors(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// The PCI function that it is: its leaf has to name it.
    fn pci_identity(&self) -> Option<PciIdentity> {
        None
    }

    /// Whether opening it needed rights that nothing later needs.
    fn is_privileged(&self) -> bool {
        false
    }
}

/// Makes or opens the device that the options name, but does not talk to it yet.
///
/// # Errors
/// What a person can do something about: rights, options, a device that is not there.
pub(crate) fn open(args: &DeviceArgs) -> Result<Box<dyn OpenDevice>, Failure> {
    match args.target.address() {
        Address::Emulated => emulated::open(args),
        #[cfg(target_os = "linux")]
        Address::Pci(address) => pci::open(*address, args),
        Address::Tcp(server) => tcp::open(server, args),
        #[cfg(target_os = "linux")]
        Address::Mctp(endpoint) => Ok(mctp::open(*endpoint, args)),
        #[cfg(target_os = "linux")]
        Address::Drive(name) => drive::open(name, args),
        #[cfg(not(target_os = "linux"))]
        Address::Drive(name) => Err(Failure::usage(format!(
            "{}: the security commands of drives are reached under Linux only",
            name.node.display()
        ))),
    }
}

/// What this machine has, one kind of device after another.
#[cfg(target_os = "linux")]
pub(crate) fn listings(args: &ListArgs) -> Vec<Listing> {
    vec![pci::list(args), mctp::list(), drive::list()]
}

/// What cannot be looked for here: only Linux shows its functions and links in files.
#[cfg(not(target_os = "linux"))]
pub(crate) fn listings(_: &ListArgs) -> Vec<Listing> {
    let unknown = |title| {
        let mut listing = Listing::new(title);
        listing.notes.push("not looked for: this needs Linux".to_owned());
        listing
    };
    [
        "PCI functions with a mailbox (DOE)",
        "MCTP endpoints",
        "Drives with SPDM in their security commands",
    ]
    .map(unknown)
    .into()
}
