//! What adapters and drives say about a SCSI command beside sense data.

use core::fmt;

/// Why the host's adapter did not get a command to its end, in Linux' numbers (`DID_…` of scsi/scsi_status.h).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostStatus(pub(crate) u16);

impl HostStatus {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether the command took too long.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self.0, 3 | 0x14)
    }

    const fn words(self) -> &'static str {
        match self.0 {
            1 => "the drive is not connected",
            2 => "the bus stayed busy",
            3 => "the drive did not answer in time",
            4 => "there is no such target",
            5 => "the command was aborted",
            6 => "parity error",
            // Also what the kernel gives while a drive is being removed.
            7 => "the kernel gave it up, or the drive is being removed",
            8 => "the bus or the drive was reset",
            0x0b => "soft error",
            0x0d => "the command was put back",
            0x0e => "the transport was disrupted",
            0x0f => "the transport failed",
            0x14 => "the medium's transport took too long",
            _ => "error",
        }
    }
}

impl fmt::Display for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (host status {:#04x})", self.words(), self.0)
    }
}

/// A status of a drive that comes without sense data (SAM-5 §5.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScsiStatus(pub(crate) u8);

impl ScsiStatus {
    pub(crate) const GOOD: Self = Self(0);
    pub(crate) const CHECK_CONDITION: Self = Self(2);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    const fn words(self) -> &'static str {
        match self.0 {
            0x02 => "CHECK CONDITION without sense data",
            0x04 => "CONDITION MET",
            0x08 => "BUSY",
            0x18 => "RESERVATION CONFLICT",
            0x28 => "TASK SET FULL",
            0x30 => "ACA ACTIVE",
            0x40 => "TASK ABORTED",
            _ => "an unknown status",
        }
    }
}

impl fmt::Display for ScsiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.words(), self.0)
    }
}
