//! Why a command of a drive failed.

use core::fmt;

use crate::host_status::{HostStatus, ScsiStatus};
use crate::nvme_status::NvmeStatus;
use crate::passthrough::OsError;
use crate::sense::Sense;

/// Why a command of a drive failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DriveError {
    /// The kernel took the command back: the drive did not answer in time, or was reset.
    Cancelled,
    /// The drive is gone.
    Gone,
    /// The kernel's drivers report an error that is neither the drive's nor the adapter's, in Linux' numbers.
    Driver(u16),
    /// The adapter did not get the command to its end.
    Host(HostStatus),
    /// More data than one command can carry, or none.
    Length {
        /// The most, in bytes.
        max: usize,
        /// What was asked for, in bytes.
        got: usize,
    },
    /// The drive says that it has no security commands.
    NoSecurityCommands,
    /// The device is of another kind: it takes none of these commands.
    NotADrive,
    /// The controller refused the command, or the kernel says in its place that it did not get there.
    Nvme(NvmeStatus),
    /// The operating system refused otherwise.
    Os(OsError),
    /// A right is missing.
    Permission {
        /// Its name.
        right: &'static str,
    },
    /// The drive claims to have left more bytes than were asked for, or fewer than none.
    Residual {
        /// What was asked for, in bytes.
        asked: usize,
        /// What it claims, in bytes.
        residual: i32,
    },
    /// The drive refused the command, and says why.
    Sense(Sense),
    /// The drive refused the command.
    Status(ScsiStatus),
    /// The drive describes itself with less data than the description has.
    ShortData {
        /// The description.
        name: &'static str,
        /// Its least length in bytes.
        least: usize,
        /// What came, in bytes.
        got: usize,
    },
    /// The controller's status is no status: the number that the kernel gave.
    UnknownStatus(i32),
}

impl DriveError {
    /// An error of the call; `right` is what it needs.
    pub(crate) const fn of_call(error: OsError, right: &'static str) -> Self {
        match error {
            OsError::NOT_PERMITTED | OsError::ACCESS => Self::Permission { right },
            OsError::INTERRUPTED => Self::Cancelled,
            OsError::NO_ADDRESS | OsError::NO_DEVICE => Self::Gone,
            OsError::OTHER_DEVICE => Self::NotADrive,
            _ => Self::Os(error),
        }
    }

    /// Whether the drive took too long.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::Host(status) => status.is_timeout(),
            Self::Cancelled => true,
            _ => false,
        }
    }
}

impl fmt::Display for DriveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str(
                "the kernel took the command back: the drive did not answer in time, or was reset",
            ),
            Self::Gone => f.write_str("the drive is gone"),
            Self::Driver(number) => {
                write!(f, "the kernel's driver reports an error (driver status {number:#04x})")
            }
            Self::Host(status) => write!(f, "the command did not get through: {status}"),
            Self::Length { max, got } => {
                write!(f, "{got} bytes for one command, but 1 to {max} can be carried")
            }
            Self::NoSecurityCommands => {
                f.write_str("the drive says that it has no security commands")
            }
            Self::NotADrive => f.write_str("the device is no drive that takes these commands"),
            Self::Nvme(status) if status.is_of_path() => {
                write!(f, "the command did not get through: {status}")
            }
            Self::Nvme(status) => write!(f, "the drive refused the command: {status}"),
            Self::Os(error) => write!(f, "the command was not carried out: {error}"),
            Self::Permission { right } => {
                write!(f, "security commands need root, or {right}")
            }
            Self::Residual { asked, residual } => {
                write!(f, "the drive says that {residual} of {asked} bytes did not move")
            }
            Self::Sense(sense) => write!(f, "the drive refused the command: {sense}"),
            Self::Status(status) => write!(f, "the drive refused the command: {status}"),
            Self::ShortData { name, least, got } => {
                write!(f, "{name} has {got} bytes, but at least {least} are expected")
            }
            Self::UnknownStatus(number) => {
                write!(f, "the kernel gave {number:#x}, which is no NVMe status")
            }
        }
    }
}

impl core::error::Error for DriveError {}
