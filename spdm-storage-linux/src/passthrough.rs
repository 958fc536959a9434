//! What carries a command to a drive and brings back how it ended: the seam between commands and system calls.

use core::fmt;
use core::time::Duration;

use spdm_transport_storage::nvme::AdminCommand;

/// The data of a command, and which way it goes.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Transfer<'d> {
    /// To the drive.
    ToDrive(&'d [u8]),
    /// From the drive; what it does not fill stays as it was.
    FromDrive(&'d mut [u8]),
}

/// Admin commands of an NVMe controller.
pub trait NvmeAdmin {
    /// Carries out one command. `Ok` has what the controller said, 0 for success: its status field without the phase tag
    /// (NVM Express Base Specification 2.0 §3.3.3.2.1).
    ///
    /// # Errors
    /// When the command did not reach the controller, or was taken back from it.
    fn admin(
        &mut self,
        command: AdminCommand,
        data: Transfer<'_>,
        timeout: Duration,
    ) -> Result<i32, OsError>;
}

/// SCSI commands.
pub trait ScsiGeneric {
    /// Carries out one command of up to 16 bytes.
    ///
    /// # Errors
    /// When it was not even tried. That it was, and failed, is for [`ScsiOutcome`] to say.
    fn execute(
        &mut self,
        command: &[u8],
        data: Transfer<'_>,
        timeout: Duration,
    ) -> Result<ScsiOutcome, OsError>;
}

/// Room for sense data: 18 bytes are usual, and 252 the most that there can be.
pub type SenseBuffer = [u8; SENSE_LEN];

const SENSE_LEN: usize = 64;

/// How a SCSI command ended, in the numbers of Linux' SG_IO. Nothing in it was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "who carries commands builds it")]
pub struct ScsiOutcome {
    /// What the drive says (SAM-5 §5.3).
    pub status: u8,
    /// What the host's adapter says.
    pub host_status: u16,
    /// What the kernel's drivers say.
    pub driver_status: u16,
    /// How many of the bytes that were asked for did not move.
    pub residual: i32,
    /// Sense data.
    pub sense: SenseBuffer,
    /// How many bytes of `sense` were written.
    pub sense_len: u8,
}

impl ScsiOutcome {
    /// A command that moved all of its data.
    pub const GOOD: Self = Self {
        status: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        sense: [0; SENSE_LEN],
        sense_len: 0,
    };
}

/// An error of the operating system, by its number (errno).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is that number")]
pub struct OsError(pub i32);

impl OsError {
    /// EPERM: a right is missing.
    pub const NOT_PERMITTED: Self = Self(1);
    /// EINTR: the command was taken back before it was done.
    pub const INTERRUPTED: Self = Self(4);
    /// ENXIO: the device is gone.
    pub const NO_ADDRESS: Self = Self(6);
    /// EACCES: a right is missing.
    pub const ACCESS: Self = Self(13);
    /// ENODEV: the device is gone.
    pub const NO_DEVICE: Self = Self(19);
    /// EINVAL: no such command, or more data than the kernel moves at once.
    pub const INVALID: Self = Self(22);
    /// ENOTTY: a device of another kind.
    pub const OTHER_DEVICE: Self = Self(25);
}

/// In the operating system's words.
impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl core::error::Error for OsError {}

/// The least that a command is given: the kernel ends an NVMe admin command that takes longer by resetting the
/// controller, under every file system on it. A question that is asked with the last millisecond of somebody's patience
/// must not do that. The block layer gives commands on `/dev/sdX` no less, either (BLK_MIN_SG_TIMEOUT).
#[cfg(any(target_os = "linux", test))]
const LEAST: Duration = Duration::from_secs(7);

/// `timeout` in the unit of both calls, whole milliseconds: rounded up, at least [`LEAST`].
#[cfg(any(target_os = "linux", test))]
pub(crate) fn milliseconds(timeout: Duration) -> u32 {
    // More than this is a negative number to parts of the kernel.
    const MOST: u32 = i32::MAX.cast_unsigned();
    let micros = timeout.max(LEAST).as_micros();
    u32::try_from(micros.div_ceil(1000)).unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::{Duration, OsError, milliseconds};

    #[test]
    fn time_limits() {
        // 0 would mean "the kernel's own limit" to it.
        assert_eq!(milliseconds(Duration::ZERO), 7000);
        assert_eq!(milliseconds(Duration::from_secs(7)), 7000);
        assert_eq!(milliseconds(Duration::from_micros(8_000_001)), 8001);
        assert_eq!(milliseconds(Duration::from_secs(60)), 60_000);
        assert_eq!(milliseconds(Duration::MAX), 0x7fff_ffff);
        assert_eq!(milliseconds(Duration::from_millis(0x8000_0000)), 0x7fff_ffff);
    }

    #[test]
    fn errors_in_words() {
        assert!(OsError(5).to_string().starts_with("Input/output error"));
    }
}
