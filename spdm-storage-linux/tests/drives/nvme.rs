//! NVMe.

use spdm_storage_linux::{DriveError, NvmeDrive, OsError};
use spdm_transport_storage::SecurityProtocol;

use super::LONG;
use super::fakes::{Came, Ending, Fake, sentence};

fn identify() -> Vec<u8> {
    let mut data = vec![0; 4096];
    data[4..7].copy_from_slice(b"S42");
    data[24..29].copy_from_slice(b"Model");
    data[64..66].copy_from_slice(b"F1");
    data[256] = 1;
    data
}

#[test]
fn commands() {
    let mut fake =
        Fake::new(vec![(Ok(0), identify()), (Ok(0), vec![]), (Ok(0), vec![7, 8]), (Ok(0), vec![])]);
    let mut drive = NvmeDrive::open(&mut fake, LONG).unwrap();
    let info = drive.info();
    assert_eq!((&*info.model, &*info.serial, &*info.firmware), ("Model", "S42", "F1"));
    assert_eq!(drive.max_transfer(), 65536);
    drive.send(0xe8, 0x0014, &[1, 2, 3, 4, 5], LONG).unwrap();
    // The buffer's length is all that can be told; the drive's bytes end in zeros.
    let mut buffer = [0xee; 5];
    assert_eq!(drive.receive(0xe8, 0x0014, &mut buffer, LONG), Ok(5));
    assert_eq!(buffer, [7, 8, 0, 0, 0]);
    // Not more than one command carries, however large the buffer is.
    assert_eq!(drive.receive(0, 0, &mut vec![0; 70_000], LONG), Ok(65536));
    let command = |opcode, cdw10: u32, cdw11: u32| {
        [&[opcode][..], &cdw10.to_be_bytes(), &cdw11.to_be_bytes()].concat()
    };
    assert_eq!(
        fake.came,
        [
            Came::Asked(command(0x06, 1, 0), 4096),
            Came::Sent(command(0x81, 0xe800_1400, 5), vec![1, 2, 3, 4, 5]),
            Came::Asked(command(0x82, 0xe800_1400, 5), 5),
            Came::Asked(command(0x82, 0, 65536), 65536),
        ]
    );
}

#[test]
fn what_a_drive_does_not_have() {
    let mut fake = Fake::new(vec![(Ok(0), vec![0; 4096])]);
    let error = NvmeDrive::open(&mut fake, LONG).unwrap_err();
    assert_eq!(error.to_string(), "the drive says that it has no security commands");
    // A drive that writes nothing says nothing.
    let mut fake = Fake::new(vec![(Ok(0), vec![])]);
    assert_eq!(NvmeDrive::open(&mut fake, LONG).unwrap_err(), DriveError::NoSecurityCommands);
}

#[test]
fn lengths() {
    let mut data = identify();
    data[77] = 1;
    let mut fake = Fake::new(vec![(Ok(0), data), (Ok(0), vec![])]);
    let mut drive = NvmeDrive::open(&mut fake, LONG).unwrap();
    assert_eq!(drive.max_transfer(), 8192);
    for len in [0, 8193] {
        let error = drive.send(0xe8, 0x14, &vec![0; len], LONG).unwrap_err();
        let expected = format!("{len} bytes for one command, but 1 to 8192 can be carried");
        assert_eq!(error.to_string(), expected);
    }
    let error = drive.receive(0xe8, 0x14, &mut [], LONG).unwrap_err();
    assert_eq!(error, DriveError::Length { max: 8192, got: 0 });
    assert_eq!(drive.receive(0xe8, 0x14, &mut [0; 9000], LONG), Ok(8192));
}

/// What can go wrong, and how it is said.
#[test]
fn faults() {
    for (ending, said) in [
        (
            Ok(0x4002),
            "the drive refused the command: Invalid Field in Command (0x4002, Do Not Retry)",
        ),
        (Ok(0x0001), "the drive refused the command: Invalid Command Opcode (0x0001)"),
        (Ok(0x4004), "the drive refused the command: Data Transfer Error (0x4004, Do Not Retry)"),
        (Ok(0x0371), "the command did not get through: Command Aborted By Host (0x0371)"),
        (Ok(0x0100), "the drive refused the command: status code 0x00 of type 1 (0x0100)"),
        (
            Ok(0x4281),
            "the drive refused the command: status code 0x81 of type 2 (0x4281, Do Not Retry)",
        ),
        (Ok(0x0370), "the command did not get through: Host Pathing Error (0x0370)"),
        (
            Ok(0x47c5),
            "the drive refused the command: status code 0xc5 of type 7 (0x47c5, Do Not Retry)",
        ),
        (Ok(0x8000), "the kernel gave 0x8000, which is no NVMe status"),
        (Ok(-1), "the kernel gave 0xffffffff, which is no NVMe status"),
        (
            Err(OsError::INTERRUPTED),
            "the kernel took the command back: the drive did not answer in time, or was reset",
        ),
        (Err(OsError::NO_DEVICE), "the drive is gone"),
        (Err(OsError::NO_ADDRESS), "the drive is gone"),
        (Err(OsError::ACCESS), "security commands need root, or CAP_SYS_ADMIN"),
        (Err(OsError::NOT_PERMITTED), "security commands need root, or CAP_SYS_ADMIN"),
        (Err(OsError::OTHER_DEVICE), "the device is no drive that takes these commands"),
        (Err(OsError::INVALID), "the command was not carried out: Invalid argument (os error 22)"),
        (Err(OsError(5)), "the command was not carried out: Input/output error (os error 5)"),
    ] {
        let endings: Vec<Ending<i32>> =
            vec![(Ok(0), identify()), (ending, vec![1; 8]), (ending, vec![])];
        let mut fake = Fake::new(endings);
        let mut drive = NvmeDrive::open(&mut fake, LONG).unwrap();
        let mut buffer = [0xee; 8];
        let error = drive.receive(0xe8, 0x14, &mut buffer, LONG).unwrap_err();
        assert_eq!(sentence(&error), said);
        // Data of a command that failed is nobody's.
        assert_eq!(buffer, [0xee; 8]);
        assert_eq!(drive.send(0xe8, 0x14, &[1], LONG).unwrap_err(), error);
        assert_eq!(error.is_timeout(), ending == Err(OsError::INTERRUPTED));
        // Nothing is tried twice.
        assert_eq!(fake.came.len(), 3);
        let mut fake = Fake::new(vec![(ending, identify())]);
        assert_eq!(NvmeDrive::open(&mut fake, LONG).unwrap_err(), error);
    }
}
