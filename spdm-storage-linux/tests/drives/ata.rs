//! ATA PASS-THROUGH.

use spdm_storage_linux::{AtaDrive, DriveError, OsError, ScsiOutcome, SenseKey};
use spdm_transport_storage::SecurityProtocol;
use spdm_transport_storage::ata::AtaTransfer;

use super::LONG;
use super::fakes::{Came, Ending, Fake, SENSE_KEYS, fixed, left, sense, sentence};

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
    let host = |host_status| Ok(ScsiOutcome { host_status, ..ScsiOutcome::GOOD });
    let status = |status| Ok(ScsiOutcome { status, ..ScsiOutcome::GOOD });
    for (ending, said) in [
        (
            Ok(byte_14),
            "the drive refused the command: ILLEGAL REQUEST, invalid field in CDB (05/24/00), byte 14 of the command",
        ),
        (
            Ok(aborted),
            "the drive refused the command: ABORTED COMMAND, no additional information (0b/00/00); ATA STATUS 0x41, \
             ERROR 0x04: the drive aborted the command",
        ),
        (
            Ok(registers(0x51)),
            "the drive refused the command: RECOVERED ERROR, ATA pass-through information (01/00/1d); ATA STATUS \
             0x51, ERROR 0x04: the drive aborted the command",
        ),
        (Ok(fixed(3, 0x11)), "the drive refused the command: MEDIUM ERROR (03/11/00)"),
        (
            Ok(sense(&[])),
            "the drive refused the command: CHECK CONDITION without sense data (0x02)",
        ),
        (status(0x08), "the drive refused the command: BUSY (0x08)"),
        (status(0x18), "the drive refused the command: RESERVATION CONFLICT (0x18)"),
        (status(0x28), "the drive refused the command: TASK SET FULL (0x28)"),
        (status(0x40), "the drive refused the command: TASK ABORTED (0x40)"),
        (Ok(left(513)), "the drive says that 513 of 512 bytes did not move"),
        (Ok(left(-1)), "the drive says that -1 of 512 bytes did not move"),
        (
            host(3),
            "the command did not get through: the drive did not answer in time (host status 0x03)",
        ),
        (
            host(0x14),
            "the command did not get through: the medium's transport took too long (host status 0x14)",
        ),
        (
            Err(OsError::INTERRUPTED),
            "the kernel took the command back: the drive did not answer in time, or was reset",
        ),
        (host(1), "the command did not get through: the drive is not connected (host status 0x01)"),
        (
            host(7),
            "the command did not get through: the kernel gave it up, or the drive is being removed (host status 0x07)",
        ),
        (host(4), "the command did not get through: there is no such target (host status 0x04)"),
        (Err(OsError::NO_DEVICE), "the drive is gone"),
        (Err(OsError::NO_ADDRESS), "the drive is gone"),
        (
            Ok(ScsiOutcome { driver_status: 6, ..ScsiOutcome::GOOD }),
            "the kernel's driver reports an error (driver status 0x06)",
        ),
        (Err(OsError::ACCESS), "security commands need root, or CAP_SYS_RAWIO"),
        (Err(OsError::NOT_PERMITTED), "security commands need root, or CAP_SYS_RAWIO"),
        (Err(OsError::OTHER_DEVICE), "the device is no drive that takes these commands"),
        (Err(OsError(12)), "the command was not carried out: Cannot allocate memory (os error 12)"),
    ] {
        let rest = vec![(ending.clone(), vec![1; 512]), (ending, vec![])];
        let mut fake = Fake::new(endings(rest));
        let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
        let mut buffer = [0xee; 8];
        let error = drive.receive(0xe8, 0x14, &mut buffer, LONG).unwrap_err();
        assert_eq!(sentence(&error), said);
        assert_eq!(buffer, [0xee; 8]);
        assert_eq!(drive.send(0xe8, 0x14, &[1; 8], LONG).unwrap_err(), error);
        assert_eq!(error.is_timeout(), said.contains("in time") || said.contains("too long"));
        assert_eq!(fake.came.len(), 3, "nothing is tried twice");
    }
    // Some layers give the registers where nothing is wrong.
    let mut fake = Fake::new(endings(vec![(Ok(registers(0x50)), vec![3; 512])]));
    let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
    assert_eq!(drive.receive(0xe8, 0x14, &mut [0; 8], LONG), Ok(8));
}

/// What came counts, up to what was asked for; a part of a message that goes out is none.
#[test]
fn data_that_does_not_move() {
    let rest = vec![
        (Ok(left(508)), vec![1, 2, 3, 4]),
        (Ok(left(512)), vec![]),
        (GOOD, vec![5; 1024]),
        (Ok(left(3)), vec![]),
    ];
    let mut fake = Fake::new(endings(rest));
    let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
    let mut buffer = [0xee; 8];
    assert_eq!(drive.receive(0xe8, 0x14, &mut buffer, LONG), Ok(4));
    assert_eq!(buffer, [1, 2, 3, 4, 0xee, 0xee, 0xee, 0xee]);
    assert_eq!(drive.receive(0xe8, 0x14, &mut buffer, LONG), Ok(0));
    assert_eq!(drive.receive(0xe8, 0x14, &mut buffer, LONG), Ok(8), "not the rest of the block");
    let error = drive.send(0xe8, 0x14, &[1; 8], LONG).unwrap_err();
    assert_eq!(error.to_string(), "the drive says that 3 of 512 bytes did not move");
}

#[test]
fn sense_keys() {
    for (key, said) in SENSE_KEYS {
        let mut fake = Fake::new(endings(vec![(Ok(fixed(key, 0x44)), vec![])]));
        let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
        assert_eq!(drive.receive(0xe8, 0x14, &mut [0; 8], LONG).unwrap_err().to_string(), said);
    }
}

/// As on SCSI: once more, and once only.
#[test]
fn unit_attention() {
    let attention = || (Ok(fixed(6, 0x29)), vec![0xbb; 512]);
    let rest = vec![attention(), (GOOD, vec![1, 2]), attention(), attention()];
    let mut fake = Fake::new(endings(rest));
    let mut drive = AtaDrive::open(&mut fake, LONG).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(drive.receive(0xe8, 0x14, &mut buffer, LONG), Ok(4));
    assert_eq!(buffer, [1, 2, 0, 0], "nothing of the command that failed");
    let error = drive.receive(0xe8, 0x14, &mut buffer, LONG).unwrap_err();
    assert!(matches!(error, DriveError::Sense(sense) if sense.key == SenseKey::UNIT_ATTENTION));
    assert_eq!(
        error.to_string(),
        "the drive refused the command: UNIT ATTENTION, power on, reset, or bus device reset occurred (06/29/00)"
    );
    assert_eq!(fake.came.len(), 5);
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
