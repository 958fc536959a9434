//! ATA PASS-THROUGH.

use spdm_storage_linux::{AtaDrive, DriveError, OsError, ScsiOutcome};
use spdm_transport_storage::SecurityProtocol;
use spdm_transport_storage::ata::AtaTransfer;

use super::LONG;
use super::fakes::{Came, Ending, Fake, fixed, left, sense};

const GOOD: Result<ScsiOutcome, OsError> = Ok(ScsiOutcome::GOOD);

fn identify() -> Vec<u8> {
    let mut data = vec![0; 512];
    data[96..98].copy_from_slice(&[0x01, 0x40]);
    data
}

fn endings(rest: Vec<Ending<ScsiOutcome>>) -> Vec<Ending<ScsiOutcome>> {
    let mut endings = vec![(GOOD, identify())];
    endings.extend(rest);
    endings
}

#[test]
fn commands() {
    let rest = vec![(GOOD, vec![]), (GOOD, vec![7; 1024]), (GOOD, vec![]), (GOOD, vec![])];
    let mut fake = Fake::new(endings(rest));
    let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
    drive.send(0xe8, 0x0014, &[1, 2, 3, 4], LONG).unwrap();
    let mut buffer = [0xee; 513];
    assert_eq!(drive.receive(0xe8, 0x0014, &mut buffer, LONG), Ok(513));
    assert_eq!(buffer, [7; 513]);
    let mut drive = drive.with_transfer(AtaTransfer::Dma);
    drive.send(0xe8, 0x0014, &[1], LONG).unwrap();
    drive.receive(0xe8, 0x0004, &mut buffer[..32], LONG).unwrap();
    let padded = |start: &[u8]| [start, &vec![0; 512 - start.len()]].concat();
    assert_eq!(
        fake.came,
        [
            Came::Asked(vec![0x85, 8, 0x0e, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xec, 0], 512),
            Came::Sent(
                vec![0x85, 10, 6, 0, 0xe8, 0, 1, 0, 0, 0, 0x14, 0, 0, 0, 0x5e, 0],
                padded(&[1, 2, 3, 4])
            ),
            Came::Asked(vec![0x85, 8, 0x0e, 0, 0xe8, 0, 2, 0, 0, 0, 0x14, 0, 0, 0, 0x5c, 0], 1024),
            Came::Sent(
                vec![0x85, 12, 6, 0, 0xe8, 0, 1, 0, 0, 0, 0x14, 0, 0, 0, 0x5f, 0],
                padded(&[1])
            ),
            Came::Asked(vec![0x85, 12, 0x0e, 0, 0xe8, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0x5d, 0], 512),
        ]
    );
}

/// What can go wrong, and how it is said.
#[test]
fn faults() {
    let registers = |status| {
        sense(&[0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, status])
    };
    let byte_14 = sense(&[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xc0, 0, 14]);
    let aborted = sense(&[0xf0, 0, 0x0b, 4, 0x41, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (outcome, sentence) in [
        (
            byte_14,
            "the drive refused the command: ILLEGAL REQUEST, invalid field in CDB (05/24/00), byte 14 of the command",
        ),
        (
            aborted,
            "the drive refused the command: ABORTED COMMAND, no additional information (0b/00/00); ATA STATUS 0x41, \
             ERROR 0x04: the drive aborted the command",
        ),
        (
            registers(0x51),
            "the drive refused the command: RECOVERED ERROR, ATA pass-through information (01/00/1d); ATA STATUS \
             0x51, ERROR 0x04: the drive aborted the command",
        ),
        (left(513), "the drive says that 513 of 512 bytes did not move"),
        (
            ScsiOutcome { host_status: 3, ..ScsiOutcome::GOOD },
            "the command did not get through: the drive did not answer in time (host status 0x03)",
        ),
        (fixed(3, 0x11), "the drive refused the command: MEDIUM ERROR (03/11/00)"),
    ] {
        let rest = vec![(Ok(outcome.clone()), vec![1; 512]), (Ok(outcome), vec![])];
        let mut fake = Fake::new(endings(rest));
        let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
        let mut buffer = [0xee; 8];
        let error = drive.receive(0xe8, 0x14, &mut buffer, LONG).unwrap_err();
        assert_eq!(error.to_string(), sentence);
        assert_eq!(buffer, [0xee; 8]);
        assert_eq!(drive.send(0xe8, 0x14, &[1; 8], LONG).unwrap_err(), error);
    }
    // Some layers give the registers where nothing is wrong.
    let mut fake = Fake::new(endings(vec![(Ok(registers(0x50)), vec![3; 512])]));
    let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
    assert_eq!(drive.receive(0xe8, 0x14, &mut [0; 8], LONG), Ok(8));
}

#[test]
fn what_a_drive_may_say_about_itself() {
    for (ending, sentence) in [
        ((GOOD, vec![]), "the drive says that it has no security commands"),
        ((Ok(left(1)), identify()), "IDENTIFY DEVICE has 511 bytes, but at least 512 are expected"),
        (
            (Ok(fixed(5, 0x20)), vec![]),
            "the drive refused the command: ILLEGAL REQUEST, invalid command operation code (05/20/00)",
        ),
        ((Err(OsError::ACCESS), vec![]), "security commands need root, or CAP_SYS_RAWIO"),
    ] {
        let mut fake = Fake::new(vec![ending]);
        assert_eq!(AtaDrive::open(&mut fake, LONG).unwrap_err().to_string(), sentence);
    }
}

#[test]
#[cfg_attr(miri, ignore = "half a megabyte, which Miri copies for minutes")]
fn lengths() {
    let mut fake = Fake::new(endings(vec![(GOOD, vec![]), (GOOD, vec![])]));
    let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
    for len in [0, 65537, 200_000] {
        let error = drive.send(0xe8, 0x14, &vec![0; len], LONG).unwrap_err();
        assert_eq!(error, DriveError::Length { max: 65536, got: len });
    }
    drive.send(0xe8, 0x14, &vec![1; 65536], LONG).unwrap();
    assert_eq!(drive.receive(0xe8, 0x14, &mut vec![0; 200_000], LONG), Ok(65536));
}
