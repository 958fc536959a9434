//! What can go wrong with sysfs.

use core::fmt;
use std::io::ErrorKind;

use rustix::io::Errno;
use spdm_transport::Duration;

/// What can go wrong with a function in sysfs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PciError {
    /// There is no such function.
    Absent,
    /// A driver is bound to the function and may use the mailbox at any time.
    Bound,
    /// A TSM of the platform is connected to the function: it keeps a session over the mailbox.
    Connected,
    /// The operating system refused otherwise.
    Io(ErrorKind),
    /// Another process uses the configuration space.
    Locked {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The kernel is locked down (Secure Boot): no program may write to configuration space.
    Lockdown,
    /// The function has no extended configuration space, or the platform does not reach it.
    NoExtendedSpace,
    /// Opening for writing needs root.
    Permission,
    /// The function sleeps; its mailbox works in D0 only.
    Power(PowerState),
    /// Reading behind the first 64 bytes needs root, or CAP_SYS_ADMIN, when the file is opened.
    Restricted,
}

impl fmt::Display for PciError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "there is no such PCI function",
            Self::Bound => {
                "a driver is bound to the function, and there is no lock between it and others who use the mailbox"
            }
            Self::Connected => {
                "a TSM of the platform is connected to the function and owns its mailbox: two requesters take each other's answers"
            }
            Self::Io(kind) => return kind.fmt(f),
            Self::Locked { waited } => {
                return write!(f, "another process has used the function's configuration space for {waited:?}");
            }
            Self::Lockdown => {
                "the kernel is locked down (Secure Boot) and lets nobody write to configuration space"
            }
            Self::NoExtendedSpace => {
                "the function has no extended configuration space, or the platform does not reach it"
            }
            Self::Permission => "writing to configuration space needs root",
            Self::Power(state) => {
                return write!(
                    f,
                    "the function is in {state}, and its mailbox works in D0 only: write on to its power/control"
                );
            }
            Self::Restricted => {
                "reading configuration space behind its first 64 bytes needs root or CAP_SYS_ADMIN"
            }
        })
    }
}

impl core::error::Error for PciError {}

impl From<Errno> for PciError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NODEV => Self::Absent,
            Errno::ACCESS | Errno::PERM => Self::Permission,
            _ => Self::Io(errno.kind()),
        }
    }
}

impl From<std::io::Error> for PciError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Absent,
            ErrorKind::PermissionDenied => Self::Permission,
            kind => Self::Io(kind),
        }
    }
}

/// A power state of a function (PCIe 6.0 §5.3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PowerState {
    /// Works.
    D0,
    /// Sleeps lightly.
    D1,
    /// Sleeps.
    D2,
    /// Sleeps deeply.
    D3Hot,
    /// Has no power.
    D3Cold,
    /// The kernel does not know.
    Unknown,
}

impl PowerState {
    /// Reads the kernel's name.
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "D0" => Self::D0,
            "D1" => Self::D1,
            "D2" => Self::D2,
            "D3hot" => Self::D3Hot,
            "D3cold" => Self::D3Cold,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::D0 => "D0",
            Self::D1 => "D1",
            Self::D2 => "D2",
            Self::D3Hot => "D3hot",
            Self::D3Cold => "D3cold",
            Self::Unknown => "an unknown power state",
        })
    }
}
