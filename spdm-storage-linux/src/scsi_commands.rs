//! SCSI commands with data, and how they ended.

use core::time::Duration;

use crate::buffer::DriveBuffer;
use crate::error::DriveError;
use crate::host_status::{HostStatus, ScsiStatus};
use crate::inquiry::{Inquiry, VpdPage};
use crate::passthrough::{ScsiGeneric, ScsiOutcome, Transfer};
use crate::sense::{Sense, SenseKey};

/// A device that takes SCSI commands, and memory for their data.
#[derive(Debug)]
pub(crate) struct ScsiCommands<S> {
    device: S,
    buffer: DriveBuffer,
}

impl<S: ScsiGeneric> ScsiCommands<S> {
    /// Data of up to `max` bytes.
    pub(crate) fn new(device: S, max: usize) -> Self {
        Self { device, buffer: DriveBuffer::new(max) }
    }

    /// Carries out a command with data to the drive, followed by zeros up to `len` bytes.
    pub(crate) fn write(
        &mut self,
        command: &[u8],
        data: &[u8],
        len: usize,
        timeout: Duration,
    ) -> Result<(), DriveError> {
        let Self { device, buffer } = self;
        let data = buffer.filled(data, len);
        let moved = once_more(|| {
            let outcome = device.execute(command, Transfer::ToDrive(data), timeout);
            judge(outcome.map_err(of_call)?, data.len())
        })?;
        // A drive that took a part of a message has not taken the message.
        match i32::try_from(data.len() - moved) {
            Ok(0) => Ok(()),
            residual => {
                let residual = residual.unwrap_or(i32::MAX);
                Err(DriveError::Residual { asked: data.len(), residual })
            }
        }
    }

    /// Carries out a command with up to `len` bytes from the drive: those that came.
    pub(crate) fn read(
        &mut self,
        command: &[u8],
        len: usize,
        timeout: Duration,
    ) -> Result<&[u8], DriveError> {
        let Self { device, buffer } = self;
        let moved = once_more(|| {
            let data = buffer.cleared(len);
            let asked = data.len();
            let outcome = device.execute(command, Transfer::FromDrive(data), timeout);
            judge(outcome.map_err(of_call)?, asked)
        })?;
        Ok(buffer.written(moved))
    }

    /// Standard INQUIRY data.
    pub(crate) fn inquiry(&mut self, timeout: Duration) -> Result<Inquiry, DriveError> {
        let command = [0x12, 0, 0, 0, Inquiry::LEN, 0];
        Inquiry::decode(self.read(&command, Inquiry::LEN.into(), timeout)?)
    }

    /// The content of a page of vital product data; empty where the device refuses it.
    pub(crate) fn page(&mut self, page: VpdPage, timeout: Duration) -> Result<&[u8], DriveError> {
        let command = [0x12, 1, page.0, 0, VpdPage::LEN, 0];
        match self.read(&command, VpdPage::LEN.into(), timeout) {
            Ok(data) => Ok(page.content(data)),
            Err(DriveError::Sense(sense)) if sense.key == SenseKey::ILLEGAL_REQUEST => Ok(&[]),
            Err(error) => Err(error),
        }
    }
}

/// Runs a command; once more where the drive reports that something happened to it before.
fn once_more<T>(mut run: impl FnMut() -> Result<T, DriveError>) -> Result<T, DriveError> {
    match run() {
        Err(DriveError::Sense(sense)) if sense.key == SenseKey::UNIT_ATTENTION => run(),
        other => other,
    }
}

const fn of_call(error: crate::passthrough::OsError) -> DriveError {
    DriveError::of_call(error, "CAP_SYS_RAWIO")
}

/// How many of `asked` bytes moved. That the call itself went well says nothing.
fn judge(outcome: ScsiOutcome, asked: usize) -> Result<usize, DriveError> {
    let ScsiOutcome { status, host_status, driver_status, residual, sense, sense_len } = outcome;
    if host_status != 0 {
        return Err(DriveError::Host(HostStatus(host_status)));
    }
    match ScsiStatus(status) {
        ScsiStatus::GOOD if matches!(driver_status, 0 | DRIVER_SENSE) => {}
        ScsiStatus::GOOD => return Err(DriveError::Driver(driver_status)),
        status @ ScsiStatus::CHECK_CONDITION => {
            let sense = sense.get(..usize::from(sense_len)).unwrap_or(&sense);
            match Sense::decode(sense) {
                Some(sense) if sense.is_success() => {}
                Some(sense) => return Err(DriveError::Sense(sense)),
                None => return Err(DriveError::Status(status)),
            }
        }
        status => return Err(DriveError::Status(status)),
    }
    let left = usize::try_from(residual).ok().and_then(|residual| asked.checked_sub(residual));
    left.ok_or(DriveError::Residual { asked, residual })
}

/// Sense data is there: what it says decides.
const DRIVER_SENSE: u16 = 8;
