//! TRUSTED SEND and TRUSTED RECEIVE (ACS-4 §7.49, §7.51), in the PIO form, and through a SCSI layer (SAT-4 §12.2.2).
//! No peer has been seen that carries SPDM this way.

use crate::protocol::TransferDirection;

/// Data moves in blocks of this many bytes.
pub const BLOCK_LEN: usize = 512;

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
    protocol: u8,
    specific: u16,
    blocks: u16,
) -> AtaRegisters {
    let command = match direction {
        TransferDirection::Send => 0x5e,
        TransferDirection::Receive => 0x5c,
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
    protocol: u8,
    specific: u16,
    blocks: u8,
) -> [u8; 12] {
    // PIO Data-Out or Data-In; T_DIR, BYT_BLOK and T_LENGTH: blocks, as many as COUNT says.
    let (transfer, flags) = match direction {
        TransferDirection::Send => (5 << 1, 0x06),
        TransferDirection::Receive => (4 << 1, 0x0e),
    };
    let AtaRegisters { command, feature, count, lba: [low, mid, high] } =
        registers(direction, protocol, specific, u16::from_be_bytes([0, blocks]));
    [0xa1, transfer, flags, feature, count, low, mid, high, 0, command, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::{AtaRegisters, TransferDirection, cdb, registers};

    #[test]
    fn commands() {
        let send = AtaRegisters { command: 0x5e, feature: 0xe8, count: 2, lba: [1, 0x14, 0] };
        assert_eq!(registers(TransferDirection::Send, 0xe8, 0x0014, 0x0102), send);
        assert_eq!(
            cdb(TransferDirection::Send, 0xe8, 0x0014, 1),
            [0xa1, 0x0a, 0x06, 0xe8, 1, 0, 0x14, 0, 0, 0x5e, 0, 0]
        );
        assert_eq!(
            cdb(TransferDirection::Receive, 0x01, 0x0203, 255),
            [0xa1, 0x08, 0x0e, 1, 255, 0, 3, 2, 0, 0x5c, 0, 0]
        );
    }
}
