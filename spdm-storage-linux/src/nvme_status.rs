//! The status field of NVMe completions.

use core::fmt;

/// How a controller refused a command (NVM Express Base Specification 2.0 §3.3.3.2.1): the status field without the
/// phase tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NvmeStatus(u16);

impl NvmeStatus {
    /// `None` for success: status code and type are 0.
    pub(crate) const fn of(field: u16) -> Option<Self> {
        if field & 0x7ff == 0 { None } else { Some(Self(field)) }
    }

    /// The field.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Status Code Type: 0 generic, 1 command specific, 2 media, 3 path, 7 vendor specific.
    #[must_use]
    pub const fn code_type(self) -> u8 {
        self.0.to_be_bytes()[0] & 7
    }

    /// Status Code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// Do Not Retry: the same command is expected to fail again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        self.0 & 0x4000 != 0
    }

    /// Whether the command was lost on its way: Linux gives such a status for commands that the drive never saw, or that
    /// were taken back, as when the drive is being removed.
    #[must_use]
    pub const fn is_of_path(self) -> bool {
        self.code_type() == 3
    }

    const fn words(self) -> Option<&'static str> {
        Some(match (self.code_type(), self.code()) {
            (0, 0x01) => "Invalid Command Opcode",
            (0, 0x02) => "Invalid Field in Command",
            (0, 0x04) => "Data Transfer Error",
            (0, 0x05) => "Commands Aborted due to Power Loss Notification",
            (0, 0x06) => "Internal Error",
            (0, 0x07) => "Command Abort Requested",
            (0, 0x0b) => "Invalid Namespace or Format",
            (0, 0x0c) => "Command Sequence Error",
            (0, 0x15) => "Operation Denied",
            (0, 0x1c) => "Sanitize Failed",
            (0, 0x1d) => "Sanitize In Progress",
            (0, 0x20) => "Namespace is Write Protected",
            (0, 0x21) => "Command Interrupted",
            (0, 0x22) => "Transient Transport Error",
            (3, 0x00) => "Internal Path Error",
            (3, 0x70) => "Host Pathing Error",
            (3, 0x71) => "Command Aborted By Host",
            _ => return None,
        })
    }
}

impl fmt::Display for NvmeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => f.write_str(words)?,
            None => write!(f, "status code {:#04x} of type {}", self.code(), self.code_type())?,
        }
        write!(f, " ({:#06x}", self.0)?;
        f.write_str(if self.is_final() { ", Do Not Retry)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::NvmeStatus;

    #[test]
    fn statuses() {
        for field in [0, 0x1800, 0x2000, 0x4000] {
            assert_eq!(NvmeStatus::of(field), None, "success, whatever stands beside it");
        }
        for (field, text) in [
            (0x4002, "Invalid Field in Command (0x4002, Do Not Retry)"),
            (0x0001, "Invalid Command Opcode (0x0001)"),
            (0x0371, "Command Aborted By Host (0x0371)"),
            (0x47c5, "status code 0xc5 of type 7 (0x47c5, Do Not Retry)"),
            (0x0100, "status code 0x00 of type 1 (0x0100)"),
        ] {
            assert_eq!(NvmeStatus::of(field).unwrap().to_string(), text);
        }
    }
}
