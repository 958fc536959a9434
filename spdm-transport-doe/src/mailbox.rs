//! A DOE instance, as its registers.

use crate::config_space::{ALL_ONES, ConfigSpace, ExtendedCapability};
use crate::error::DoeError;
use crate::register::{DoeStatus, Register};

/// Bytes of the capability.
const CAPABILITY_LEN: u16 = 0x18;

/// One DOE instance of a function.
#[derive(Debug)]
pub struct Mailbox<S> {
    space: S,
    offset: u16,
    version: u8,
}

impl<S: ConfigSpace> Mailbox<S> {
    /// The instance behind this capability; `None` where it is none, or does not fit configuration space.
    pub fn new(space: S, capability: ExtendedCapability) -> Option<Self> {
        let ExtendedCapability { id, version, offset } = capability;
        let is_mailbox = id == ExtendedCapability::DOE && capability.has_room(CAPABILITY_LEN);
        is_mailbox.then_some(Self { space, offset, version })
    }

    /// Where the capability begins, in bytes.
    pub const fn offset(&self) -> u16 {
        self.offset
    }

    /// Capability Version.
    pub const fn version(&self) -> u8 {
        self.version
    }

    pub(crate) fn read(&mut self, register: Register) -> Result<u32, DoeError<S::Error>> {
        let value = self.space.read(self.offset + register.offset());
        value.map_err(|error| DoeError::Access { register, error })
    }

    pub(crate) fn write(
        &mut self,
        register: Register,
        value: u32,
    ) -> Result<(), DoeError<S::Error>> {
        let written = self.space.write(self.offset + register.offset(), value);
        written.map_err(|error| DoeError::Access { register, error })
    }

    /// DOE Status of a function that is there.
    pub(crate) fn status(&mut self) -> Result<DoeStatus, DoeError<S::Error>> {
        match self.read(Register::Status)? {
            ALL_ONES => Err(DoeError::Gone),
            status => Ok(DoeStatus(status)),
        }
    }
}
