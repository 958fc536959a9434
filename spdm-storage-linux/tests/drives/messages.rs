//! Whole exchanges: `StorageTransport` over each driver, against a drive that answers each message with its reverse.

use core::time::Duration;

use spdm_storage_linux::{
    AtaDrive, NvmeAdmin, NvmeDrive, OsError, ScsiDrive, ScsiGeneric, ScsiOutcome, Transfer,
};
use spdm_transport::{MessageKind, StdClock, Transport};
use spdm_transport_storage::nvme::AdminCommand;
use spdm_transport_storage::{
    DMTF, Discovery, PendingInfo, ProtocolList, SecurityProtocol, SpdmOperation, Specific,
    StorageError, StorageTransport,
};

use super::LONG;

/// A drive, whatever its interface.
#[derive(Debug)]
struct Drive {
    protocols: Vec<u8>,
    answer: Option<Vec<u8>>,
    /// What it announces in the place of an answer's length.
    announces: Option<u32>,
    /// How many bytes of an answer it keeps to itself.
    keeps: usize,
    vendor: [u8; 8],
}

impl Drive {
    fn new() -> Self {
        Self {
            protocols: vec![0, DMTF],
            answer: None,
            announces: None,
            keeps: 0,
            vendor: *b"ACME    ",
        }
    }

    /// How many bytes of the data did not move.
    fn security(&mut self, protocol: u8, specific: u16, data: Transfer<'_>) -> usize {
        match data {
            Transfer::ToDrive(data) => {
                // As on ATA: what follows the message cannot be told from it, but for the zeros.
                let len = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                self.answer = Some(data[..len].iter().rev().copied().collect());
            }
            Transfer::FromDrive(data) if protocol == 0 => match self.protocols[..] {
                [a] => fill(data, &ProtocolList::encode(&[a])),
                [a, b] => fill(data, &ProtocolList::encode(&[a, b])),
                _ => panic!(),
            },
            Transfer::FromDrive(data) => match Specific::decode(specific).unwrap().operation {
                SpdmOperation::Discovery => fill(data, &Discovery::new(1).encode()),
                SpdmOperation::PendingInfo => {
                    let len = self.answer.as_ref().map(|answer| answer.len().try_into().unwrap());
                    let response = len.map(|len| self.announces.unwrap_or(len));
                    fill(data, &PendingInfo { response }.encode());
                }
                _ => {
                    let moved = data.len() - self.keeps;
                    fill(&mut data[..moved], &self.answer.take().unwrap());
                    return self.keeps;
                }
            },
        }
        0
    }
}

/// A drive cuts what does not fit.
fn fill(data: &mut [u8], answer: &[u8]) {
    data.iter_mut().zip(answer).for_each(|(place, byte)| *place = *byte);
}

impl NvmeAdmin for Drive {
    fn admin(
        &mut self,
        command: AdminCommand,
        data: Transfer<'_>,
        _: Duration,
    ) -> Result<i32, OsError> {
        let [protocol, s1, s0, _] = command.cdw10.to_be_bytes();
        match (command.opcode, data) {
            (6, Transfer::FromDrive(data)) => data[256] = 1,
            // The interface does not say what did not move.
            (_, data) => _ = self.security(protocol, u16::from_be_bytes([s1, s0]), data),
        }
        Ok(0)
    }
}

impl ScsiGeneric for Drive {
    fn execute(
        &mut self,
        command: &[u8],
        data: Transfer<'_>,
        _: Duration,
    ) -> Result<ScsiOutcome, OsError> {
        let left = match (command[0], data) {
            (0x12, Transfer::FromDrive(data)) if command[1] == 0 => {
                data[8..16].copy_from_slice(&self.vendor);
                0
            }
            (0x12, _) => 0,
            (0x85, Transfer::FromDrive(data)) if command[14] == 0xec => {
                data[96..98].copy_from_slice(&[1, 0x40]);
                0
            }
            (0x85, data) => {
                self.security(command[4], u16::from_be_bytes([command[12], command[10]]), data)
            }
            (_, data) => {
                self.security(command[1], u16::from_be_bytes([command[2], command[3]]), data)
            }
        };
        Ok(ScsiOutcome { residual: left.try_into().unwrap(), ..ScsiOutcome::GOOD })
    }
}

fn exchange<P: SecurityProtocol>(drive: P)
where
    P::Error: PartialEq,
{
    let mut buffer = vec![0; 65536];
    let mut link = StorageTransport::open(drive, StdClock::new(), &mut buffer, LONG).unwrap();
    // Miri copies a thousand times as slowly.
    let lens: &[usize] =
        if cfg!(miri) { &[1, 513] } else { &[1, 4, 511, 512, 513, 4096, 65535, 65536] };
    for len in lens.iter().copied() {
        let message: Vec<u8> = (1..=250).cycle().take(len).collect();
        link.send(MessageKind::Plain, &message, LONG).unwrap();
        let received = link.receive(&mut buffer, LONG).unwrap().unwrap();
        assert_eq!(received.len, len, "exactly what was announced");
        assert!(buffer[..len].iter().eq(message.iter().rev()));
    }
}

#[test]
fn messages_through_every_interface() {
    exchange(NvmeDrive::open(Drive::new(), LONG).unwrap());
    exchange(ScsiDrive::open(Drive::new(), LONG).unwrap());
    exchange(ScsiDrive::open(Drive { vendor: *b"ATA     ", ..Drive::new() }, LONG).unwrap());
    exchange(AtaDrive::open(Drive::new(), LONG).unwrap());
}

#[test]
fn a_drive_without_the_protocol() {
    let drive = Drive { protocols: vec![0], ..Drive::new() };
    let drive = NvmeDrive::open(drive, LONG).unwrap();
    let link = StorageTransport::open(drive, StdClock::new(), &mut [0; 4096], LONG);
    assert_eq!(link.unwrap_err(), StorageError::NoSpdm);
}

/// Sends three bytes, and asks for the answer: how long it is, and what came.
fn ask<P: SecurityProtocol>(drive: P) -> Result<(usize, [u8; 3]), String>
where
    P::Error: core::fmt::Debug + core::fmt::Display,
{
    let mut buffer = vec![0; 100_000];
    let mut link = StorageTransport::open(drive, StdClock::new(), &mut buffer, LONG).unwrap();
    link.send(MessageKind::Plain, &[1, 2, 3], LONG).unwrap();
    match link.receive(&mut buffer, LONG) {
        Ok(received) => Ok((received.unwrap().len, [buffer[0], buffer[1], buffer[2]])),
        Err(error) => Err(error.to_string()),
    }
}

/// A length that a drive names is compared with what there is room for.
#[test]
fn announced_lengths() {
    for announces in [65537, 1 << 24, u32::MAX] {
        let drive = || Drive { announces: Some(announces), ..Drive::new() };
        let said = format!("the drive announced {announces} bytes, but 65536 fit");
        assert_eq!(ask(NvmeDrive::open(drive(), LONG).unwrap()), Err(said.clone()));
        assert_eq!(ask(ScsiDrive::open(drive(), LONG).unwrap()), Err(said.clone()));
        assert_eq!(ask(AtaDrive::open(drive(), LONG).unwrap()), Err(said));
    }
}

/// A drive that moves less than it announced. NVMe does not tell: what did not come is 0, and the answer's reader sees that.
#[test]
fn less_than_announced() {
    let drive = |keeps| Drive { keeps, ..Drive::new() };
    let said = "the drive announced 3 bytes, but 2 came";
    assert_eq!(ask(NvmeDrive::open(drive(1), LONG).unwrap()), Ok((3, [3, 2, 0])));
    assert_eq!(ask(ScsiDrive::open(drive(1), LONG).unwrap()), Err(said.to_owned()));
    assert_eq!(ask(AtaDrive::open(drive(510), LONG).unwrap()), Err(said.to_owned()));
    let ata = Drive { vendor: *b"ATA     ", ..drive(510) };
    assert_eq!(ask(ScsiDrive::open(ata, LONG).unwrap()), Err(said.to_owned()));
    // Of the padding nothing is missed.
    assert_eq!(ask(AtaDrive::open(drive(509), LONG).unwrap()), Ok((3, [3, 2, 1])));
}
