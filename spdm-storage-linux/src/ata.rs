//! TRUSTED SEND and TRUSTED RECEIVE of an ATA drive, through ATA PASS-THROUGH (16).

use core::time::Duration;

use spdm_transport_storage::ata::{self, AtaTransfer, BLOCK_LEN};
use spdm_transport_storage::{SecurityProtocol, TransferDirection};

use crate::buffer::{MAX_TRANSFER, copied};
use crate::drive_info::DriveInfo;
use crate::error::DriveError;
use crate::identify::IdentifyDevice;
use crate::passthrough::ScsiGeneric;
use crate::scsi_commands::ScsiCommands;

/// An ATA drive behind a layer that passes its commands through.
///
/// Linux' libata refuses these commands unless its parameter `allow_tpm` is 1; [`ScsiDrive`](crate::ScsiDrive) reaches
/// the same drive without it.
#[derive(Debug)]
pub struct AtaDrive<S> {
    commands: ScsiCommands<S>,
    info: DriveInfo,
    transfer: AtaTransfer,
}

impl<S: ScsiGeneric> AtaDrive<S> {
    /// Asks the drive who it is, and whether it has the Trusted Computing feature set.
    ///
    /// # Errors
    /// [`DriveError::NoSecurityCommands`]; otherwise when IDENTIFY DEVICE fails.
    pub fn open(device: S, timeout: Duration) -> Result<Self, DriveError> {
        let mut commands = ScsiCommands::new(device, MAX_TRANSFER);
        let data = commands.read(&IdentifyDevice::CDB, IdentifyDevice::LEN, timeout)?;
        let IdentifyDevice { info, has_trusted } = IdentifyDevice::decode(data)?;
        if !has_trusted {
            return Err(DriveError::NoSecurityCommands);
        }
        Ok(Self { commands, info, transfer: AtaTransfer::Pio })
    }

    /// Lets the host's DMA engine move the data. Without this the processor does, which every host can: with
    /// [`AtaTransfer::Dma`] on a host that cannot, Linux 6.12 crashes. Its `dma_mode` below `/sys/class/ata_device`
    /// says whether it can.
    #[must_use]
    pub const fn with_transfer(mut self, transfer: AtaTransfer) -> Self {
        self.transfer = transfer;
        self
    }

    /// Who the drive says that it is.
    #[must_use]
    pub const fn info(&self) -> &DriveInfo {
        &self.info
    }
}

/// How many blocks `len` bytes are.
fn blocks(len: usize) -> Result<u8, DriveError> {
    let wrong = DriveError::Length { max: MAX_TRANSFER, got: len };
    if !(1..=MAX_TRANSFER).contains(&len) {
        return Err(wrong);
    }
    u8::try_from(len.div_ceil(BLOCK_LEN)).map_err(|_| wrong)
}

impl<S: ScsiGeneric> SecurityProtocol for AtaDrive<S> {
    type Error = DriveError;

    fn max_transfer(&self) -> usize {
        MAX_TRANSFER
    }

    fn send(
        &mut self,
        protocol: u8,
        specific: u16,
        data: &[u8],
        timeout: Duration,
    ) -> Result<(), DriveError> {
        let blocks = blocks(data.len())?;
        let direction = TransferDirection::Send;
        let command = ata::cdb16(direction, self.transfer, protocol, specific, blocks);
        self.commands.write(&command, data, usize::from(blocks) * BLOCK_LEN, timeout)
    }

    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, DriveError> {
        let blocks = blocks(buffer.len().min(MAX_TRANSFER))?;
        let direction = TransferDirection::Receive;
        let command = ata::cdb16(direction, self.transfer, protocol, specific, blocks);
        let data = self.commands.read(&command, usize::from(blocks) * BLOCK_LEN, timeout)?;
        Ok(copied(data, buffer))
    }
}
