//! SCSI, and ATA drives behind a layer that translates.

use spdm_storage_linux::{DriveError, OsError, ScsiDrive, ScsiOutcome, SenseKey};
use spdm_transport_storage::SecurityProtocol;

use super::LONG;
use super::fakes::{Came, Ending, Fake, SENSE_KEYS, fixed, left, sense, sentence};

const GOOD: Result<ScsiOutcome, OsError> = Ok(ScsiOutcome::GOOD);

fn inquiry(vendor: &[u8; 8]) -> Vec<u8> {
    [&[0, 0, 6, 2, 91, 0, 0, 0], &vendor[..], b"Disk            1.0 ", &[0; 60]].concat()
}

/// A drive that has opened; `rest` are the endings of further commands.
fn endings(vendor: &[u8; 8], rest: Vec<Ending<ScsiOutcome>>) -> Vec<Ending<ScsiOutcome>> {
    let mut endings = vec![(GOOD, inquiry(vendor)), (GOOD, vec![0, 0, 0, 2, 0, 0x83])];
    endings.extend(rest);
    endings
}

#[test]
fn commands() {
    let mut fake = Fake::new(vec![
        (GOOD, inquiry(b"ACME    ")),
        (GOOD, vec![0, 0, 0, 3, 0, 0x80, 0xb0]),
        (GOOD, vec![0, 0x80, 0, 4, b' ', b'S', b'4', b'2']),
        (GOOD, [&[0, 0xb0, 0, 60][..], &[0; 4], &[0, 0, 0, 20], &[0; 52]].concat()),
        (GOOD, vec![]),
        (Ok(left(2)), vec![7, 8, 9]),
    ]);
    let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
    let info = drive.info();
    assert_eq!((&*info.model, &*info.serial, &*info.firmware), ("ACME Disk", "S42", "1.0"));
    assert_eq!((drive.max_transfer(), drive.is_ata()), (20 * 512, false));
    drive.send(0xe8, 0x0014, &[1, 2, 3], LONG).unwrap();
    let mut buffer = [0xee; 5];
    assert_eq!(drive.receive(0xe8, 0x0014, &mut buffer, LONG), Ok(3));
    assert_eq!(buffer, [7, 8, 9, 0xee, 0xee]);
    let page = |page| Came::Asked(vec![0x12, 1, page, 0, 252, 0], 252);
    assert_eq!(
        fake.came,
        [
            Came::Asked(vec![0x12, 0, 0, 0, 96, 0], 96),
            page(0),
            page(0x80),
            page(0xb0),
            Came::Sent(vec![0xb5, 0xe8, 0, 0x14, 0, 0, 0, 0, 0, 3, 0, 0], vec![1, 2, 3]),
            Came::Asked(vec![0xa2, 0xe8, 0, 0x14, 0, 0, 0, 0, 0, 5, 0, 0], 5),
        ]
    );
}

/// Whole blocks, counted in bytes.
#[test]
fn ata_drives_behind_a_layer() {
    for by_page in [false, true] {
        let open = if by_page {
            vec![(GOOD, inquiry(b"Bridge  ")), (GOOD, vec![0, 0, 0, 1, 0x89])]
        } else {
            endings(b"ATA     ", vec![])
        };
        let rest = [(GOOD, vec![]), (GOOD, vec![]), (GOOD, vec![5; 1024]), (GOOD, vec![6; 512])];
        let mut fake = Fake::new(open.into_iter().chain(rest).collect());
        let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
        assert!(drive.is_ata());
        drive.send(0xe8, 0x0014, &[1, 2, 3, 4], LONG).unwrap();
        drive.send(0xe8, 0x0014, &[9; 512], LONG).unwrap();
        let mut buffer = [0xee; 600];
        assert_eq!(drive.receive(0xe8, 0x0014, &mut buffer, LONG), Ok(600));
        assert_eq!(buffer, [5; 600]);
        assert_eq!(drive.receive(0xe8, 0x0008, &mut buffer[..32], LONG), Ok(32));
        let mut padded = vec![0; 512];
        padded[..4].copy_from_slice(&[1, 2, 3, 4]);
        let in_bytes =
            |code, specific, high| vec![code, 0xe8, 0, specific, 0, 0, 0, 0, high, 0, 0, 0];
        assert_eq!(
            fake.came[2..],
            [
                Came::Sent(in_bytes(0xb5, 0x14, 2), padded),
                Came::Sent(in_bytes(0xb5, 0x14, 2), vec![9; 512]),
                Came::Asked(in_bytes(0xa2, 0x14, 4), 1024),
                Came::Asked(in_bytes(0xa2, 0x08, 2), 512),
            ]
        );
    }
}

#[test]
fn lengths() {
    let mut fake = Fake::new(endings(b"ATA     ", vec![]));
    let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
    for len in [0, 65537] {
        let error = drive.send(0xe8, 0x14, &vec![0; len], LONG).unwrap_err();
        assert_eq!(error, DriveError::Length { max: 65536, got: len });
    }
    assert!(drive.receive(0xe8, 0x14, &mut [], LONG).is_err());
}

/// What can go wrong, and how it is said.
#[test]
fn faults() {
    let host = |host_status| Ok(ScsiOutcome { host_status, ..ScsiOutcome::GOOD });
    let status = |status| Ok(ScsiOutcome { status, ..ScsiOutcome::GOOD });
    for (ending, said) in [
        (
            Ok(fixed(5, 0x24)),
            "the drive refused the command: ILLEGAL REQUEST, invalid field in CDB (05/24/00)",
        ),
        (
            Ok(fixed(5, 0x20)),
            "the drive refused the command: ILLEGAL REQUEST, invalid command operation code (05/20/00)",
        ),
        (Ok(fixed(2, 0x04)), "the drive refused the command: NOT READY, not ready (02/04/00)"),
        (
            Ok(fixed(4, 0x44)),
            "the drive refused the command: HARDWARE ERROR, internal target failure (04/44/00)",
        ),
        (
            Ok(fixed(7, 0x74)),
            "the drive refused the command: DATA PROTECT, security error (07/74/00)",
        ),
        (
            Ok(fixed(11, 0)),
            "the drive refused the command: ABORTED COMMAND, no additional information (0b/00/00)",
        ),
        (
            Ok(sense(&[])),
            "the drive refused the command: CHECK CONDITION without sense data (0x02)",
        ),
        (
            Ok(sense(&[0x7f; 64])),
            "the drive refused the command: CHECK CONDITION without sense data (0x02)",
        ),
        (status(0x08), "the drive refused the command: BUSY (0x08)"),
        (status(0x18), "the drive refused the command: RESERVATION CONFLICT (0x18)"),
        (status(0x28), "the drive refused the command: TASK SET FULL (0x28)"),
        (status(0x55), "the drive refused the command: an unknown status (0x55)"),
        (host(1), "the command did not get through: the drive is not connected (host status 0x01)"),
        (
            host(3),
            "the command did not get through: the drive did not answer in time (host status 0x03)",
        ),
        (
            host(7),
            "the command did not get through: the kernel gave it up, or the drive is being removed (host status 0x07)",
        ),
        (host(0x99), "the command did not get through: error (host status 0x99)"),
        (
            Ok(ScsiOutcome { driver_status: 6, ..ScsiOutcome::GOOD }),
            "the kernel's driver reports an error (driver status 0x06)",
        ),
        (Ok(left(9)), "the drive says that 9 of 8 bytes did not move"),
        (Ok(left(-1)), "the drive says that -1 of 8 bytes did not move"),
        (Ok(left(i32::MIN)), "the drive says that -2147483648 of 8 bytes did not move"),
        (
            host(0x14),
            "the command did not get through: the medium's transport took too long (host status 0x14)",
        ),
        (
            Err(OsError::INTERRUPTED),
            "the kernel took the command back: the drive did not answer in time, or was reset",
        ),
        (host(4), "the command did not get through: there is no such target (host status 0x04)"),
        (Err(OsError::NO_DEVICE), "the drive is gone"),
        (Err(OsError::NO_ADDRESS), "the drive is gone"),
        (Err(OsError::ACCESS), "security commands need root, or CAP_SYS_RAWIO"),
        (Err(OsError::NOT_PERMITTED), "security commands need root, or CAP_SYS_RAWIO"),
        (Err(OsError::OTHER_DEVICE), "the device is no drive that takes these commands"),
        (Err(OsError(12)), "the command was not carried out: Cannot allocate memory (os error 12)"),
    ] {
        let rest = vec![(ending.clone(), vec![1; 8]), (ending.clone(), vec![])];
        let mut fake = Fake::new(endings(b"ACME    ", rest));
        let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
        let mut buffer = [0xee; 8];
        let error = drive.receive(0xe8, 0x14, &mut buffer, LONG).unwrap_err();
        assert_eq!(sentence(&error), said);
        assert_eq!(buffer, [0xee; 8]);
        assert_eq!(drive.send(0xe8, 0x14, &[1; 8], LONG).unwrap_err(), error);
        assert_eq!(error.is_timeout(), said.contains("in time") || said.contains("too long"));
        assert_eq!(fake.came.len(), 4, "nothing is tried twice");
    }
}

#[test]
fn data_that_does_not_move() {
    let rest = vec![(Ok(left(3)), vec![]), (Ok(left(8)), vec![1; 8])];
    let mut fake = Fake::new(endings(b"ACME    ", rest));
    let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
    // A part of a message is none.
    let error = drive.send(0xe8, 0x14, &[1; 8], LONG).unwrap_err();
    assert_eq!(error, DriveError::Residual { asked: 8, residual: 3 });
    assert_eq!(error.to_string(), "the drive says that 3 of 8 bytes did not move");
    assert_eq!(drive.receive(0xe8, 0x14, &mut [0; 8], LONG), Ok(0));
}

#[test]
fn sense_keys() {
    for (key, said) in SENSE_KEYS {
        let mut fake = Fake::new(endings(b"ACME    ", vec![(Ok(fixed(key, 0x44)), vec![])]));
        let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
        assert_eq!(drive.receive(0xe8, 0x14, &mut [0; 8], LONG).unwrap_err().to_string(), said);
    }
}

/// A drive that was reset says so once, to whoever comes first.
#[test]
fn unit_attention() {
    let attention = || (Ok(fixed(6, 0x29)), vec![0xbb; 8]);
    let rest = vec![attention(), (GOOD, vec![]), attention(), (GOOD, vec![1, 2])];
    let mut fake = Fake::new(endings(b"ACME    ", rest));
    let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
    drive.send(0xe8, 0x14, &[1; 8], LONG).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(drive.receive(0xe8, 0x14, &mut buffer, LONG), Ok(8));
    assert_eq!(buffer, [1, 2, 0, 0, 0, 0, 0, 0], "nothing of the command that failed");
    assert_eq!(fake.came[2], fake.came[3]);
    assert_eq!(fake.came[4], fake.came[5]);

    // One that never stops is asked twice, not for ever.
    let mut fake = Fake::new(endings(b"ACME    ", vec![attention(), attention()]));
    let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
    let error = drive.receive(0xe8, 0x14, &mut buffer, LONG).unwrap_err();
    assert!(matches!(error, DriveError::Sense(sense) if sense.key == SenseKey::UNIT_ATTENTION));
    assert_eq!(fake.came.len(), 4);
}

/// CHECK CONDITION is no failure where the drive recovered.
#[test]
fn recovered_errors() {
    let mut fake = Fake::new(endings(b"ACME    ", vec![(Ok(fixed(1, 0x17)), vec![7; 4])]));
    let mut drive = ScsiDrive::open(&mut fake, LONG).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(drive.receive(0xe8, 0x14, &mut buffer, LONG), Ok(4));
    assert_eq!(buffer, [7; 4]);
}

#[test]
fn what_may_answer_to_inquiry() {
    let mut none = inquiry(b"ACME    ");
    none[0] = 0x7f;
    for (endings, sentence) in [
        (vec![(GOOD, none)], "the device is no drive that takes these commands"),
        (
            vec![(Ok(left(90)), vec![0; 6])],
            "INQUIRY data has 6 bytes, but at least 36 are expected",
        ),
        (
            vec![(Ok(fixed(3, 0x11)), vec![])],
            "the drive refused the command: MEDIUM ERROR (03/11/00)",
        ),
        (
            vec![(GOOD, inquiry(b"ACME    ")), (Err(OsError::NO_DEVICE), vec![])],
            "the drive is gone",
        ),
    ] {
        let mut fake = Fake::new(endings);
        assert_eq!(ScsiDrive::open(&mut fake, LONG).unwrap_err().to_string(), sentence);
    }
    // Pages that are refused, empty, of another number or too long are none.
    for pages in [
        (Ok(fixed(5, 0x24)), vec![]),
        (Ok(left(252)), vec![]),
        (GOOD, vec![0, 0x80, 0, 1, 0x80]),
        (GOOD, vec![0, 0, 0, 0, 0x80, 0xb0]),
    ] {
        let mut fake = Fake::new(vec![(GOOD, inquiry(b"ACME    ")), pages]);
        let drive = ScsiDrive::open(&mut fake, LONG).unwrap();
        assert_eq!((&*drive.info().serial, drive.max_transfer()), ("", 65536));
    }
}
