//! The registers of a DOE instance, and their bits.

use core::fmt;

/// A register of the Data Object Exchange Extended Capability (PCIe 6.0 §7.9.24).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Register {
    /// DOE Control: Abort, Interrupt Enable, Go.
    Control,
    /// DOE Status; see [`DoeStatus`].
    Status,
    /// DOE Write Data Mailbox: takes one DWORD of an object for each write.
    WriteMailbox,
    /// DOE Read Data Mailbox: shows one DWORD of an object, and the next one after each write.
    ReadMailbox,
}

impl Register {
    /// Bytes from the start of the capability.
    #[must_use]
    pub const fn offset(self) -> u16 {
        match self {
            Self::Control => 0x08,
            Self::Status => 0x0C,
            Self::WriteMailbox => 0x10,
            Self::ReadMailbox => 0x14,
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "DOE Control",
            Self::Status => "DOE Status",
            Self::WriteMailbox => "DOE Write Data Mailbox",
            Self::ReadMailbox => "DOE Read Data Mailbox",
        })
    }
}

pub(crate) const ABORT: u32 = 1 << 0;
pub(crate) const INTERRUPT_ENABLE: u32 = 1 << 1;
pub(crate) const GO: u32 = 1 << 31;

/// A value of DOE Status. `Display` names the bits that are set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DoeStatus(pub u32);

impl DoeStatus {
    /// The mailbox takes no object now.
    #[must_use]
    pub const fn busy(self) -> bool {
        self.0 & 1 != 0
    }

    /// Something went wrong with the object under way.
    #[must_use]
    pub const fn error(self) -> bool {
        self.0 & 1 << 2 != 0
    }

    /// The Read Data Mailbox holds an object.
    #[must_use]
    pub const fn data_object_ready(self) -> bool {
        self.0 & 1 << 31 != 0
    }

    /// Nothing is under way: what an abort must lead to.
    pub(crate) const fn clear(self) -> bool {
        !(self.busy() || self.error() || self.data_object_ready())
    }
}

impl fmt::Display for DoeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DOE Status {:#010x}", self.0)?;
        let bits = [
            (self.busy(), "Busy"),
            (self.error(), "Error"),
            (self.data_object_ready(), "Data Object Ready"),
        ];
        let mut separator = " (";
        for (_, name) in bits.into_iter().filter(|(set, _)| *set) {
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        f.write_str(if separator == ", " { ")" } else { " (no bit set)" })
    }
}
