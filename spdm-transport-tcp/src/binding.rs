//! What wraps a message inside the emulator's frames.

use core::fmt;
use core::str::FromStr;

/// What wraps a message inside the frames of [`Framing::DmtfEmu`](crate::Framing::DmtfEmu).
///
/// [`FromStr`] and [`Display`](fmt::Display) use the names of the `--binding` option.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Binding {
    /// Nothing: the bare message. Secured messages cannot be told apart and are refused.
    None,
    /// The MCTP message type byte (DSP0275, DSP0276); no packet header.
    Mctp,
    /// The two-DWORD header of a PCIe data object, zero padded to a DWORD (PCIe 6.0 §6.30.1).
    #[default]
    Doe,
    /// The header of DSP0287.
    Tcp,
    /// Security commands for an NVMe drive (DSP0286), as newer QEMU versions forward them.
    Nvme,
    /// The same for a SCSI drive.
    Scsi,
    /// The same for an ATA drive.
    Ata,
}

impl Binding {
    pub(crate) const fn is_storage(self) -> bool {
        matches!(self, Self::Nvme | Self::Scsi | Self::Ata)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Mctp => "mctp",
            Self::Doe => "doe",
            Self::Tcp => "tcp",
            Self::Nvme => "nvme",
            Self::Scsi => "scsi",
            Self::Ata => "ata",
        })
    }
}

impl FromStr for Binding {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "none" => Ok(Self::None),
            "mctp" => Ok(Self::Mctp),
            "doe" => Ok(Self::Doe),
            "tcp" => Ok(Self::Tcp),
            "nvme" => Ok(Self::Nvme),
            "scsi" => Ok(Self::Scsi),
            "ata" => Ok(Self::Ata),
            _ => Err(UnknownName { expected: BINDINGS }),
        }
    }
}

const BINDINGS: &str = "none, mctp, doe, tcp, nvme, scsi or ata";

/// A name that is no [`Framing`](crate::Framing) or [`Binding`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnknownName {
    /// The names that exist.
    pub expected: &'static str,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl core::error::Error for UnknownName {}
