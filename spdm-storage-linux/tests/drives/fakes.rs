//! What a test puts in the place of the two system calls.

use core::time::Duration;

use spdm_storage_linux::{DriveError, NvmeAdmin, OsError, ScsiGeneric, ScsiOutcome, Transfer};
use spdm_transport_storage::nvme::AdminCommand;

/// What an error says. Under Miri the operating system's words have the error's number already.
pub(crate) fn sentence(error: &DriveError) -> String {
    let text = error.to_string();
    match text.split_once(") (os error") {
        Some((once, _)) if cfg!(miri) => format!("{once})"),
        _ => text,
    }
}

/// How a command ends, and the data that comes with it.
pub(crate) type Ending<E> = (Result<E, OsError>, Vec<u8>);

/// A command that came: its bytes, and the data that went to the drive, or how many bytes were asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Came {
    Sent(Vec<u8>, Vec<u8>),
    Asked(Vec<u8>, usize),
}

/// Ends one command after another as the test says.
#[derive(Debug)]
pub(crate) struct Fake<E> {
    pub(crate) endings: std::vec::IntoIter<Ending<E>>,
    pub(crate) came: Vec<Came>,
}

impl<E> Fake<E> {
    pub(crate) fn new(endings: Vec<Ending<E>>) -> Self {
        Self { endings: endings.into_iter(), came: Vec::new() }
    }

    fn run(&mut self, command: Vec<u8>, data: Transfer<'_>) -> Result<E, OsError> {
        let (ending, answer) = self.endings.next().unwrap();
        match data {
            Transfer::ToDrive(data) => self.came.push(Came::Sent(command, data.to_vec())),
            Transfer::FromDrive(data) => {
                assert!(data.iter().all(|byte| *byte == 0), "nothing old in the buffer");
                self.came.push(Came::Asked(command, data.len()));
                let len = answer.len().min(data.len());
                data[..len].copy_from_slice(&answer[..len]);
            }
        }
        ending
    }
}

impl NvmeAdmin for &mut Fake<i32> {
    fn admin(
        &mut self,
        command: AdminCommand,
        data: Transfer<'_>,
        _: Duration,
    ) -> Result<i32, OsError> {
        let AdminCommand { opcode, cdw10, cdw11 } = command;
        let bytes = [&[opcode][..], &cdw10.to_be_bytes(), &cdw11.to_be_bytes()].concat();
        self.run(bytes, data)
    }
}

impl ScsiGeneric for &mut Fake<ScsiOutcome> {
    fn execute(
        &mut self,
        command: &[u8],
        data: Transfer<'_>,
        _: Duration,
    ) -> Result<ScsiOutcome, OsError> {
        self.run(command.to_vec(), data)
    }
}

/// A SCSI command that ended with sense data.
pub(crate) fn sense(bytes: &[u8]) -> ScsiOutcome {
    let mut outcome = ScsiOutcome { status: 2, driver_status: 8, ..ScsiOutcome::GOOD };
    outcome.sense[..bytes.len()].copy_from_slice(bytes);
    outcome.sense_len = bytes.len().try_into().unwrap();
    outcome
}

/// Sense data of fixed form.
pub(crate) fn fixed(key: u8, code: u8) -> ScsiOutcome {
    sense(&[0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0])
}

/// Some bytes did not move.
pub(crate) fn left(residual: i32) -> ScsiOutcome {
    ScsiOutcome { residual, ..ScsiOutcome::GOOD }
}

/// Every sense key under which a drive fails a command that is not tried again, with additional sense code 0x44, and what is
/// said of it. Not here: RECOVERED ERROR, after which the command was carried out, and UNIT ATTENTION.
pub(crate) const SENSE_KEYS: [(u8, &str); 14] = [
    (0, "the drive refused the command: NO SENSE, internal target failure (00/44/00)"),
    (2, "the drive refused the command: NOT READY, internal target failure (02/44/00)"),
    (3, "the drive refused the command: MEDIUM ERROR, internal target failure (03/44/00)"),
    (4, "the drive refused the command: HARDWARE ERROR, internal target failure (04/44/00)"),
    (5, "the drive refused the command: ILLEGAL REQUEST, internal target failure (05/44/00)"),
    (7, "the drive refused the command: DATA PROTECT, internal target failure (07/44/00)"),
    (8, "the drive refused the command: BLANK CHECK, internal target failure (08/44/00)"),
    (9, "the drive refused the command: VENDOR SPECIFIC, internal target failure (09/44/00)"),
    (10, "the drive refused the command: COPY ABORTED, internal target failure (0a/44/00)"),
    (11, "the drive refused the command: ABORTED COMMAND, internal target failure (0b/44/00)"),
    (12, "the drive refused the command: a reserved sense key, internal target failure (0c/44/00)"),
    (13, "the drive refused the command: VOLUME OVERFLOW, internal target failure (0d/44/00)"),
    (14, "the drive refused the command: MISCOMPARE, internal target failure (0e/44/00)"),
    (15, "the drive refused the command: COMPLETED, internal target failure (0f/44/00)"),
];
