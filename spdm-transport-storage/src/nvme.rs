//! Security Send and Security Receive (NVM Express Base Specification 2.0 §5.24, §5.25): admin commands.

use crate::protocol::TransferDirection;

/// The opcode of Security Send.
pub const SECURITY_SEND: u8 = 0x81;

/// The opcode of Security Receive.
pub const SECURITY_RECEIVE: u8 = 0x82;

/// The fields of the command that are not 0; the namespace is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the command has these")]
pub struct AdminCommand {
    /// The opcode.
    pub opcode: u8,
    /// Command Dword 10: SECP, SPSP1, SPSP0, NSSF.
    pub cdw10: u32,
    /// Command Dword 11: transfer or allocation length in bytes.
    pub cdw11: u32,
}

/// The command that moves `len` bytes.
#[must_use]
pub fn command(
    direction: TransferDirection,
    protocol: u8,
    specific: u16,
    len: u32,
) -> AdminCommand {
    let opcode = match direction {
        TransferDirection::Send => SECURITY_SEND,
        TransferDirection::Receive => SECURITY_RECEIVE,
    };
    let cdw10 = u32::from(protocol) << 24 | u32::from(specific) << 8;
    AdminCommand { opcode, cdw10, cdw11: len }
}

#[cfg(test)]
mod tests {
    use super::{AdminCommand, TransferDirection, command};

    #[test]
    fn commands() {
        let send = AdminCommand { opcode: 0x81, cdw10: 0xe800_1400, cdw11: 4 };
        assert_eq!(command(TransferDirection::Send, 0xe8, 0x0014, 4), send);
        let receive = AdminCommand { opcode: 0x82, cdw10: 0x0102_0300, cdw11: 0x1234_5678 };
        assert_eq!(command(TransferDirection::Receive, 0x01, 0x0203, 0x1234_5678), receive);
    }
}
