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
    vendor: [u8; 8],
}

impl Drive {
    fn new() -> Self {
        Self { protocols: vec![0, DMTF], answer: None, announces: None, vendor: *b"ACME    " }
    }

    fn security(&mut self, protocol: u8, specific: u16, data: Transfer<'_>) {
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
                _ => fill(data, &self.answer.take().unwrap()),
            },
        }
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
            (_, data) => self.security(protocol, u16::from_be_bytes([s1, s0]), data),
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
        match (command[0], data) {
            (0x12, Transfer::FromDrive(data)) if command[1] == 0 => {
                data[8..16].copy_from_slice(&self.vendor);
            }
            (0x12, _) => {}
            (0x85, Transfer::FromDrive(data)) if command[14] == 0xec => {
                data[96..98].copy_from_slice(&[1, 0x40]);
            }
            (0x85, data) => {
                self.security(command[4], u16::from_be_bytes([command[12], command[10]]), data);
            }
            (_, data) => {
                self.security(command[1], u16::from_be_bytes([command[2], command[3]]), data);
            }
        }
        Ok(ScsiOutcome::GOOD)
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

/// A length that a drive names is compared with what there is room for.
#[test]
fn announced_lengths() {
    for announces in [65537, 1 << 24, u32::MAX] {
        let drive = Drive { announces: Some(announces), ..Drive::new() };
        let drive = AtaDrive::open(drive, LONG).unwrap();
        let mut buffer = vec![0; 100_000];
        let mut link = StorageTransport::open(drive, StdClock::new(), &mut buffer, LONG).unwrap();
        link.send(MessageKind::Plain, &[1], LONG).unwrap();
        let error = link.receive(&mut buffer, LONG).unwrap_err();
        assert_eq!(error, StorageError::TooLong { room: 65536, announced: announces });
    }
}
