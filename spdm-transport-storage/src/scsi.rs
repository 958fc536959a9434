//! SECURITY PROTOCOL OUT and IN (SPC-5 §6.39, §6.40), big-endian.

use crate::protocol::TransferDirection;

/// The command descriptor block that moves `len` bytes. INC_512 is 0: lengths are in bytes.
#[must_use]
pub const fn cdb(direction: TransferDirection, protocol: u8, specific: u16, len: u32) -> [u8; 12] {
    let opcode = match direction {
        TransferDirection::Send => 0xb5,
        TransferDirection::Receive => 0xa2,
    };
    let [spsp1, spsp0] = specific.to_be_bytes();
    let [l0, l1, l2, l3] = len.to_be_bytes();
    [opcode, protocol, spsp1, spsp0, 0, 0, l0, l1, l2, l3, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::{TransferDirection, cdb};

    #[test]
    fn blocks() {
        assert_eq!(
            cdb(TransferDirection::Send, 0xe8, 0x0014, 4),
            [0xb5, 0xe8, 0, 0x14, 0, 0, 0, 0, 0, 4, 0, 0]
        );
        assert_eq!(
            cdb(TransferDirection::Receive, 0x01, 0x0203, 0x0405_0607),
            [0xa2, 1, 2, 3, 0, 0, 4, 5, 6, 7, 0, 0]
        );
    }
}
