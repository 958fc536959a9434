//! Device files that carry commands.

use core::time::Duration;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use spdm_transport_storage::nvme::AdminCommand;

use crate::passthrough::{NvmeAdmin, OsError, ScsiGeneric, ScsiOutcome, Transfer, milliseconds};
use crate::sys;

/// An NVMe controller's file. Only [`DriveNode`](crate::DriveNode) makes one, after the kernel said what it is.
#[derive(Debug)]
pub struct NvmeFile(File);

/// A SCSI device's file. Only [`DriveNode`](crate::DriveNode) makes one, after the kernel said what it is.
#[derive(Debug)]
pub struct ScsiFile(File);

impl NvmeFile {
    pub(crate) const fn new(file: File) -> Self {
        Self(file)
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ScsiFile {
    pub(crate) const fn new(file: File) -> Self {
        Self(file)
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl NvmeAdmin for NvmeFile {
    fn admin(
        &mut self,
        command: AdminCommand,
        data: Transfer<'_>,
        timeout: Duration,
    ) -> Result<i32, OsError> {
        sys::nvme_admin(self, command, data, milliseconds(timeout))
    }
}

impl ScsiGeneric for ScsiFile {
    fn execute(
        &mut self,
        command: &[u8],
        data: Transfer<'_>,
        timeout: Duration,
    ) -> Result<ScsiOutcome, OsError> {
        sys::sg_io(self, command, data, milliseconds(timeout))
    }
}
