//! TRUSTED SEND and TRUSTED RECEIVE (ACS-4 §7.49, §7.51), and through a SCSI layer (SAT-4 §12.2.2).

use crate::protocol::TransferDirection;

/// Data moves in blocks of this many bytes.
pub const BLOCK_LEN: usize = 512;

/// How the data of a command moves between host and drive.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the commands have these two forms")]
pub enum AtaTransfer {
    /// By the host's processor: every host and every drive can.
    #[default]
    Pio,
    /// By the host's DMA engine. A host without one may take serious harm: Linux' driver for such hosts crashes.
    Dma,
}

/// The registers of the command that are not 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the command has these")]
pub struct AtaRegisters {
    /// COMMAND.
    pub command: u8,
    /// FEATURE: the security protocol.
    pub feature: u8,
    /// COUNT: how many blocks, bits 7 to 0.
    pub count: u8,
    /// LBA, from bit 0: how many blocks, bits 15 to 8; SPSP0; SPSP1.
    pub lba: [u8; 3],
}

/// The registers of the command that moves this many blocks.
#[must_use]
pub const fn registers(
    direction: TransferDirection,
    transfer: AtaTransfer,
    protocol: u8,
    specific: u16,
    blocks: u16,
) -> AtaRegisters {
    let command = match (direction, transfer) {
        (TransferDirection::Send, AtaTransfer::Pio) => 0x5e,
        (TransferDirection::Send, AtaTransfer::Dma) => 0x5f,
        (TransferDirection::Receive, AtaTransfer::Pio) => 0x5c,
        (TransferDirection::Receive, AtaTransfer::Dma) => 0x5d,
    };
    let [blocks_high, blocks_low] = blocks.to_be_bytes();
    let [spsp1, spsp0] = specific.to_be_bytes();
    AtaRegisters { command, feature: protocol, count: blocks_low, lba: [blocks_high, spsp0, spsp1] }
}

/// ATA PASS-THROUGH (12) with that command, for a drive behind a SCSI layer, whose transfer length is COUNT: up to
/// 255 blocks.
#[must_use]
pub const fn cdb(
    direction: TransferDirection,
    transfer: AtaTransfer,
    protocol: u8,
    specific: u16,
    blocks: u8,
) -> [u8; 12] {
    let blocks = u16::from_be_bytes([0, blocks]);
    let AtaRegisters { command, feature, count, lba: [low, mid, high] } =
        registers(direction, transfer, protocol, specific, blocks);
    let (transfer, flags) = pass_through(direction, transfer);
    [0xa1, transfer, flags, feature, count, low, mid, high, 0, command, 0, 0]
}

/// ATA PASS-THROUGH (16) with that command, which does not share its operation code with one of CD drives. Up to 255
/// blocks.
#[must_use]
pub const fn cdb16(
    direction: TransferDirection,
    transfer: AtaTransfer,
    protocol: u8,
    specific: u16,
    blocks: u8,
) -> [u8; 16] {
    let blocks = u16::from_be_bytes([0, blocks]);
    let AtaRegisters { command, feature, count, lba: [low, mid, high] } =
        registers(direction, transfer, protocol, specific, blocks);
    let (transfer, flags) = pass_through(direction, transfer);
    [0x85, transfer, flags, 0, feature, 0, count, 0, low, 0, mid, 0, high, 0, command, 0]
}

/// PROTOCOL, and T_DIR, BYT_BLOK and T_LENGTH: blocks, as many as COUNT says.
const fn pass_through(direction: TransferDirection, transfer: AtaTransfer) -> (u8, u8) {
    match (direction, transfer) {
        (TransferDirection::Receive, AtaTransfer::Pio) => (4 << 1, 0x0e),
        (TransferDirection::Send, AtaTransfer::Pio) => (5 << 1, 0x06),
        (TransferDirection::Receive, AtaTransfer::Dma) => (6 << 1, 0x0e),
        (TransferDirection::Send, AtaTransfer::Dma) => (6 << 1, 0x06),
    }
}

#[cfg(test)]
mod tests {
    use super::AtaTransfer::{Dma, Pio};
    use super::TransferDirection::{Receive, Send};
    use super::{AtaRegisters, cdb, cdb16, registers};

    #[test]
    fn commands() {
        let send = AtaRegisters { command: 0x5e, feature: 0xe8, count: 2, lba: [1, 0x14, 0] };
        assert_eq!(registers(Send, Pio, 0xe8, 0x0014, 0x0102), send);
        assert_eq!(
            cdb(Send, Pio, 0xe8, 0x0014, 1),
            [0xa1, 0x0a, 0x06, 0xe8, 1, 0, 0x14, 0, 0, 0x5e, 0, 0]
        );
        assert_eq!(
            cdb(Receive, Pio, 0x01, 0x0203, 255),
            [0xa1, 0x08, 0x0e, 1, 255, 0, 3, 2, 0, 0x5c, 0, 0]
        );
        assert_eq!(
            cdb(Send, Dma, 0xe8, 0x0014, 1),
            [0xa1, 0x0c, 0x06, 0xe8, 1, 0, 0x14, 0, 0, 0x5f, 0, 0]
        );
    }

    /// As Linux took them.
    #[test]
    fn commands_of_sixteen_bytes() {
        assert_eq!(
            cdb16(Receive, Pio, 0xe8, 0x0004, 1),
            [0x85, 0x08, 0x0e, 0, 0xe8, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0x5c, 0]
        );
        assert_eq!(
            cdb16(Send, Pio, 0xe8, 0x0014, 1),
            [0x85, 0x0a, 0x06, 0, 0xe8, 0, 1, 0, 0, 0, 0x14, 0, 0, 0, 0x5e, 0]
        );
        assert_eq!(
            cdb16(Receive, Dma, 0x01, 0x0203, 255),
            [0x85, 0x0c, 0x0e, 0, 1, 0, 255, 0, 0, 0, 3, 0, 2, 0, 0x5d, 0]
        );
    }
}
