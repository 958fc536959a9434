//! The file `config` of a function.

use std::fs::File;
use std::io::ErrorKind;
use std::thread;
use std::time::Instant;
use std::vec::Vec;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use spdm_codec::PciIdentity;
use spdm_transport::Duration;

use super::error::PciError;
use crate::config_space::{ConfigError, ConfigSpace, ExtendedCapabilities, ExtendedCapability};
use crate::identity::pci_identity;

/// What the kernel shows to everybody, in bytes.
const UNRESTRICTED: u16 = 64;
/// Bytes of a configuration space with extended capabilities.
const EXTENDED_LEN: u64 = 4096;
/// Between two tries to get the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// An open configuration space. Each access is one system call of four bytes.
#[derive(Debug)]
pub struct SysfsConfig {
    file: File,
    /// Bytes of the configuration space, as far as the platform reaches it.
    len: u64,
}

impl SysfsConfig {
    pub(super) fn new(file: File) -> Result<Self, PciError> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    /// Whether there is room for extended capabilities: conventional PCI has none.
    #[must_use]
    pub const fn is_extended(&self) -> bool {
        self.len >= EXTENDED_LEN
    }

    /// Keeps other processes out that take this lock too, until this value is dropped. The kernel does not take it.
    ///
    /// # Errors
    /// [`PciError::Locked`] when another process has kept it for longer than `timeout`.
    pub fn lock(&self, timeout: Duration) -> Result<(), PciError> {
        let started = Instant::now();
        loop {
            match retry_on_intr(|| flock(&self.file, FlockOperation::NonBlockingLockExclusive)) {
                Err(Errno::WOULDBLOCK) if started.elapsed() < timeout => {
                    thread::sleep(LOCK_INTERVAL)
                }
                Err(Errno::WOULDBLOCK) => return Err(PciError::Locked { waited: timeout }),
                other => return Ok(other?),
            }
        }
    }

    /// The DOE instances that it lists; none where it is not [extended](Self::is_extended).
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn mailboxes(&self) -> Result<Vec<ExtendedCapability>, ConfigError<PciError>> {
        if !self.is_extended() {
            return Ok(Vec::new());
        }
        let all = ExtendedCapabilities::new(self);
        let is_doe = |found: &ExtendedCapability| found.id == ExtendedCapability::DOE;
        all.filter(|found| found.as_ref().map_or(true, is_doe)).collect()
    }

    /// Who the function says that it is; see [`pci_identity`].
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn identity(&self) -> Result<PciIdentity, ConfigError<PciError>> {
        pci_identity(&mut &*self)
    }
}

/// The file is shared: several mailboxes of a function use it at the same time.
impl ConfigSpace for &SysfsConfig {
    type Error = PciError;

    fn read(&mut self, offset: u16) -> Result<u32, PciError> {
        let mut dword = [0; 4];
        match retry_on_intr(|| pread(&self.file, &mut dword[..], offset.into()))? {
            4 => Ok(u32::from_le_bytes(dword)),
            0 if u64::from(offset) >= self.len => Err(PciError::NoExtendedSpace),
            // Before the end of the file: the kernel shows the beginning only.
            0 if offset >= UNRESTRICTED => Err(PciError::Restricted),
            _ => Err(PciError::Io(ErrorKind::UnexpectedEof)),
        }
    }

    fn write(&mut self, offset: u16, value: u32) -> Result<(), PciError> {
        match retry_on_intr(|| pwrite(&self.file, &value.to_le_bytes(), offset.into())) {
            Ok(4) => Ok(()),
            Ok(_) => Err(PciError::Io(ErrorKind::WriteZero)),
            // The file is open for writing: rights were enough, the kernel's lockdown forbids it.
            Err(Errno::PERM) => Err(PciError::Lockdown),
            Err(error) => Err(error.into()),
        }
    }
}

impl ConfigSpace for SysfsConfig {
    type Error = PciError;

    fn read(&mut self, offset: u16) -> Result<u32, PciError> {
        (&*self).read(offset)
    }

    fn write(&mut self, offset: u16, value: u32) -> Result<(), PciError> {
        (&*self).write(offset, value)
    }
}
