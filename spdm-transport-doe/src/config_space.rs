//! The configuration space of a PCIe function, and what it lists.

use core::fmt;

/// Access to the configuration space of one function: all that a platform has to provide.
///
/// Every access is one of 32 bits; it must be neither split nor merged nor repeated. Offsets are in bytes,
/// multiples of 4 below 4096.
pub trait ConfigSpace {
    /// Why an access failed.
    type Error: core::error::Error;

    /// Reads a DWORD. A function that is gone reads as all ones.
    ///
    /// # Errors
    /// When the platform refuses the access.
    fn read(&mut self, offset: u16) -> Result<u32, Self::Error>;

    /// Writes a DWORD.
    ///
    /// # Errors
    /// When the platform refuses the access.
    fn write(&mut self, offset: u16, value: u32) -> Result<(), Self::Error>;
}

/// A borrowed configuration space is one.
impl<S: ConfigSpace + ?Sized> ConfigSpace for &mut S {
    type Error = S::Error;

    fn read(&mut self, offset: u16) -> Result<u32, Self::Error> {
        (**self).read(offset)
    }

    fn write(&mut self, offset: u16, value: u32) -> Result<(), Self::Error> {
        (**self).write(offset, value)
    }
}

/// What reads of a function that does not answer return.
pub(crate) const ALL_ONES: u32 = u32::MAX;

/// Where extended capabilities begin; below is what conventional PCI knew.
const EXTENDED: u16 = 0x100;
/// Bytes of configuration space.
const CONFIG_LEN: u16 = 4096;
/// DWORDs of extended configuration space: no list without a loop is longer.
const EXTENDED_DWORDS: usize = (4096 - 256) / 4;

/// An entry of a function's list of extended capabilities (PCIe 6.0 §7.6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "platforms without such a list build it")]
pub struct ExtendedCapability {
    /// PCI Express Extended Capability ID.
    pub id: u16,
    /// Capability Version.
    pub version: u8,
    /// Where it begins, in bytes from the start of configuration space.
    pub offset: u16,
}

impl ExtendedCapability {
    /// The ID of Device Serial Number.
    pub const DEVICE_SERIAL_NUMBER: u16 = 0x0003;
    /// The ID of Data Object Exchange.
    pub const DOE: u16 = 0x002E;

    /// Whether this many bytes from its start are in configuration space.
    pub(crate) fn has_room(self, len: u16) -> bool {
        self.offset.checked_add(len).is_some_and(|end| end <= CONFIG_LEN)
    }
}

/// What is wrong with a configuration space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigError<E> {
    /// The platform refused an access.
    Access {
        /// The offset of the DWORD, in bytes.
        offset: u16,
        /// Why.
        error: E,
    },
    /// A capability's registers leave configuration space.
    Beyond(ExtendedCapability),
    /// The list of extended capabilities comes back to an entry, or leaves extended configuration space.
    CapabilityList {
        /// The entry whose Next Capability Offset is wrong, or 0x100 - 4 for the start.
        offset: u16,
        /// What it is.
        next: u16,
    },
    /// The function does not answer: everything reads as all ones.
    Gone,
}

impl<E: fmt::Display> fmt::Display for ConfigError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access { offset, error } => {
                write!(f, "configuration space at {offset:#05x}: {error}")
            }
            Self::Beyond(ExtendedCapability { id, offset, .. }) => write!(
                f,
                "the extended capability {id:#06x} at {offset:#05x} leaves configuration space"
            ),
            Self::CapabilityList { offset, next } => write!(
                f,
                "Next Capability Offset of the extended capability at {offset:#05x} is {next:#05x}, which is not in the list's space or was seen before"
            ),
            Self::Gone => f.write_str(
                "the function does not answer: its configuration space reads as all ones",
            ),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ConfigError<E> {}

/// The extended capabilities of a function, in the order of its list.
///
/// The list is the device's: an entry that was seen before ends it with an error, so that it yields no entry twice
/// and at most 960.
#[derive(Debug)]
pub struct ExtendedCapabilities<S> {
    space: S,
    /// The entry that points to `next`.
    offset: u16,
    /// Where the next entry is; 0 at the end.
    next: u16,
    seen: [u32; EXTENDED_DWORDS / 32],
}

impl<S: ConfigSpace> ExtendedCapabilities<S> {
    /// The capabilities of this function.
    pub const fn new(space: S) -> Self {
        Self { space, offset: EXTENDED - 4, next: EXTENDED, seen: [0; EXTENDED_DWORDS / 32] }
    }

    /// Notes that the entry at `offset` is looked at; `false` where it was before, or is no place for one.
    fn is_new(&mut self, offset: u16) -> bool {
        let Some(place) = offset.checked_sub(EXTENDED) else { return false };
        let place = usize::from(place / 4);
        let (Some(word), bit) = (self.seen.get_mut(place / 32), 1 << (place % 32)) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn entry(&mut self) -> Result<Option<ExtendedCapability>, ConfigError<S::Error>> {
        // The two lowest bits are reserved.
        let offset = self.next & !3;
        if !self.is_new(offset) {
            let (offset, next) = (self.offset, self.next);
            return Err(ConfigError::CapabilityList { offset, next });
        }
        let header = self.space.read(offset);
        let header = header.map_err(|error| ConfigError::Access { offset, error })?;
        let first = offset == EXTENDED;
        match header {
            // Also where there is no extended configuration space (PCIe 6.0 §7.9.28: Null Capability).
            0 | ALL_ONES if first => return Ok(None),
            ALL_ONES => return Err(ConfigError::Gone),
            _ => {}
        }
        let [id0, id1, ..] = header.to_le_bytes();
        let [version, _] = u16_of(header >> 16).to_le_bytes();
        self.offset = offset;
        self.next = u16_of(header >> 20);
        Ok(Some(ExtendedCapability {
            id: u16::from_le_bytes([id0, id1]),
            version: version & 0xF,
            offset,
        }))
    }
}

impl<S: ConfigSpace> Iterator for ExtendedCapabilities<S> {
    type Item = Result<ExtendedCapability, ConfigError<S::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == 0 {
            return None;
        }
        let entry = self.entry().transpose();
        if !matches!(entry, Some(Ok(_))) {
            self.next = 0;
        }
        entry
    }
}

/// The low half.
pub(crate) const fn u16_of(dword: u32) -> u16 {
    let [low, high, ..] = dword.to_le_bytes();
    u16::from_le_bytes([low, high])
}
