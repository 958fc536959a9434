//! SECURITY PROTOCOL OUT and IN of a SCSI device.

use core::time::Duration;

use spdm_transport_storage::ata::BLOCK_LEN;
use spdm_transport_storage::{SecurityProtocol, TransferDirection, scsi};

use crate::buffer::{MAX_TRANSFER, copied};
use crate::drive_info::{DriveInfo, text};
use crate::error::DriveError;
use crate::inquiry::{self, VpdPage};
use crate::passthrough::ScsiGeneric;
use crate::scsi_commands::ScsiCommands;

/// A SCSI device, or an ATA drive behind a layer that translates.
///
/// For an ATA drive lengths are whole blocks of 512 bytes: Linux' libata resets the link at others. They are always given
/// in bytes, as libata does not know the form that counts blocks (INC_512).
#[derive(Debug)]
pub struct ScsiDrive<S> {
    commands: ScsiCommands<S>,
    info: DriveInfo,
    max_transfer: usize,
    is_ata: bool,
}

impl<S: ScsiGeneric> ScsiDrive<S> {
    /// Asks the device who it is, and how much one command may carry.
    ///
    /// # Errors
    /// [`DriveError::NotADrive`] where nothing is connected; otherwise when INQUIRY fails.
    pub fn open(device: S, timeout: Duration) -> Result<Self, DriveError> {
        let mut commands = ScsiCommands::new(device, MAX_TRANSFER);
        let inquiry = commands.inquiry(timeout)?;
        if !inquiry.is_connected {
            return Err(DriveError::NotADrive);
        }
        let (mut info, mut is_ata, mut max_transfer) = (inquiry.info, inquiry.is_ata, MAX_TRANSFER);
        let pages = commands.page(VpdPage::SUPPORTED, timeout)?;
        let has = |page: VpdPage| pages.contains(&page.0);
        let (serial, ata, limits) =
            (has(VpdPage::SERIAL), has(VpdPage::ATA), has(VpdPage::BLOCK_LIMITS));
        is_ata |= ata;
        if serial {
            info.serial = text(commands.page(VpdPage::SERIAL, timeout)?);
        }
        if limits {
            let limits = commands.page(VpdPage::BLOCK_LIMITS, timeout)?;
            max_transfer = inquiry::max_transfer(limits, MAX_TRANSFER);
        }
        Ok(Self { commands, info, max_transfer, is_ata })
    }

    /// Who the device says that it is.
    #[must_use]
    pub const fn info(&self) -> &DriveInfo {
        &self.info
    }

    /// Whether it is an ATA drive behind a layer that translates.
    #[must_use]
    pub const fn is_ata(&self) -> bool {
        self.is_ata
    }

    /// What a command for `len` bytes says and moves.
    fn transfer_len(&self, len: usize) -> Result<(usize, u32), DriveError> {
        let (max, got) = (self.max_transfer, len);
        let wrong = DriveError::Length { max, got };
        if !(1..=max).contains(&len) {
            return Err(wrong);
        }
        let len = if self.is_ata { len.next_multiple_of(BLOCK_LEN) } else { len };
        Ok((len, u32::try_from(len).map_err(|_| wrong)?))
    }
}

impl<S: ScsiGeneric> SecurityProtocol for ScsiDrive<S> {
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
        let (len, wire_len) = self.transfer_len(data.len())?;
        let command = scsi::cdb(TransferDirection::Send, protocol, specific, wire_len);
        self.commands.write(&command, data, len, timeout)
    }

    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, DriveError> {
        let (len, wire_len) = self.transfer_len(buffer.len().min(self.max_transfer))?;
        let command = scsi::cdb(TransferDirection::Receive, protocol, specific, wire_len);
        let data = self.commands.read(&command, len, timeout)?;
        Ok(copied(data, buffer))
    }
}
