//! Security Send and Security Receive of an NVMe controller.

use core::time::Duration;

use spdm_transport_storage::nvme::{self, AdminCommand};
use spdm_transport_storage::{SecurityProtocol, TransferDirection};

use crate::buffer::{DriveBuffer, MAX_TRANSFER, copied};
use crate::drive_info::DriveInfo;
use crate::error::DriveError;
use crate::identify::IdentifyController;
use crate::nvme_status::NvmeStatus;
use crate::passthrough::{NvmeAdmin, Transfer};

/// The opcode of Identify.
pub(crate) const IDENTIFY: u8 = 0x06;

/// An NVMe controller.
///
/// The interface does not say how many bytes came: [`receive`](SecurityProtocol::receive) gives as many as were asked
/// for, and what the controller did not write is 0.
#[derive(Debug)]
pub struct NvmeDrive<N> {
    admin: N,
    info: DriveInfo,
    max_transfer: usize,
    buffer: DriveBuffer,
}

impl<N: NvmeAdmin> NvmeDrive<N> {
    /// Asks the controller who it is, how much one command may carry, and whether it has security commands.
    ///
    /// # Errors
    /// [`DriveError::NoSecurityCommands`]; otherwise when Identify fails.
    pub fn open(mut admin: N, timeout: Duration) -> Result<Self, DriveError> {
        let mut buffer = DriveBuffer::new(MAX_TRANSFER);
        // CNS 1: the controller.
        let identify = AdminCommand { opcode: IDENTIFY, cdw10: 1, cdw11: 0 };
        let data = buffer.cleared(IdentifyController::LEN);
        run(&mut admin, identify, Transfer::FromDrive(data), timeout)?;
        let controller = IdentifyController::decode(data);
        if !controller.has_security {
            return Err(DriveError::NoSecurityCommands);
        }
        let max_transfer = controller.max_transfer(MAX_TRANSFER);
        Ok(Self { admin, info: controller.info, max_transfer, buffer })
    }

    /// Who the controller says that it is.
    #[must_use]
    pub const fn info(&self) -> &DriveInfo {
        &self.info
    }

    fn command(
        &self,
        direction: TransferDirection,
        protocol: u8,
        specific: u16,
        len: usize,
    ) -> Result<AdminCommand, DriveError> {
        let (max, got) = (self.max_transfer, len);
        let len = u32::try_from(len).ok().filter(|_| (1..=max).contains(&got));
        let len = len.ok_or(DriveError::Length { max, got })?;
        Ok(nvme::command(direction, protocol, specific, len))
    }
}

/// Carries out a command, and judges how it ended.
fn run(
    admin: &mut impl NvmeAdmin,
    command: AdminCommand,
    data: Transfer<'_>,
    timeout: Duration,
) -> Result<(), DriveError> {
    let status = admin.admin(command, data, timeout);
    let status = status.map_err(|error| DriveError::of_call(error, "CAP_SYS_ADMIN"))?;
    // Fifteen bits; what is more was never a status.
    match u16::try_from(status).ok().filter(|status| *status < 0x8000) {
        Some(status) => {
            NvmeStatus::of(status).map_or(Ok(()), |status| Err(DriveError::Nvme(status)))
        }
        None => Err(DriveError::UnknownStatus(status)),
    }
}

impl<N: NvmeAdmin> SecurityProtocol for NvmeDrive<N> {
    type Error = DriveError;

    fn max_transfer(&self) -> usize {
        self.max_transfer
    }

    fn send(
        &mut self,
        protocol: u8,
        specific: u16,
        data: &[u8],
        timeout: Duration,
    ) -> Result<(), DriveError> {
        let command = self.command(TransferDirection::Send, protocol, specific, data.len())?;
        let data = self.buffer.filled(data, data.len());
        run(&mut self.admin, command, Transfer::ToDrive(data), timeout)
    }

    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, DriveError> {
        let len = buffer.len().min(self.max_transfer);
        let command = self.command(TransferDirection::Receive, protocol, specific, len)?;
        let data = self.buffer.cleared(len);
        run(&mut self.admin, command, Transfer::FromDrive(data), timeout)?;
        Ok(copied(data, buffer))
    }
}
