//! Linux: configuration space through sysfs.
//!
//! Root, or CAP_SYS_ADMIN when the file is opened, is needed for everything behind the first 64 bytes. A file
//! that is open stays usable when those rights are given up: open first, then drop them.
//!
//! The kernel has no lock for a mailbox. It uses one itself while it enumerates devices, and for CXL; an own exchange that
//! meets a mailbox that is Busy it aborts. [`PciFunction::open`] therefore refuses a function whose driver is bound, and one
//! that a TSM of the platform is connected to, unless told otherwise; other processes that do the same as this one are
//! kept out with flock.

mod address;
mod config;
mod error;
mod function;
mod tsm;

pub use address::{PciAddress, PciAddressSyntax};
pub use config::SysfsConfig;
pub use error::{PciError, PowerState};
pub use function::{BoundDriver, ConnectedTsm, PciFunction};
pub use tsm::Tsm;
