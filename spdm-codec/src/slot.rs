//! Certificate slots.

use core::fmt;

/// A certificate slot, 0 to 7.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SlotId(u8);

impl SlotId {
    /// Slot 0, which the device's vendor provisions.
    pub const ZERO: Self = Self(0);

    /// The slot with this number; `None` above 7.
    #[must_use]
    pub const fn new(slot: u8) -> Option<Self> {
        if slot <= 7 { Some(Self(slot)) } else { None }
    }

    /// The number, 0 to 7.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The number as an index into an array of eight.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A set of slots: `SupportedSlotMask`, `ProvisionedSlotMask` and the mask in CHALLENGE_AUTH.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SlotMask(pub u8);

impl SlotMask {
    /// Whether the set has this slot.
    #[must_use]
    pub const fn contains(self, slot: SlotId) -> bool {
        self.0 & (1 << slot.0) != 0
    }

    /// Whether all slots of this set are in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The number of slots in the set.
    #[must_use]
    pub fn count(self) -> usize {
        self.slots().count()
    }

    /// The slots, lowest first.
    pub fn slots(self) -> impl Iterator<Item = SlotId> {
        (0..8).map(SlotId).filter(move |slot| self.contains(*slot))
    }
}

/// Which key answers: the one of a slot, or a public key that was provisioned to us (slot 0xFF on the
/// wire, 0xF where the field is a nibble).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 knows these two")]
pub enum KeySlot {
    /// The leaf key of this slot's chain.
    Slot(SlotId),
    /// The provisioned raw public key.
    PublicKey,
}

impl KeySlot {
    /// The value in an 8-bit field (CHALLENGE).
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Slot(slot) => slot.get(),
            Self::PublicKey => 0xFF,
        }
    }

    /// The value in a 4-bit field (CHALLENGE_AUTH, GET_MEASUREMENTS).
    #[must_use]
    pub const fn to_nibble(self) -> u8 {
        self.to_byte() & 0x0F
    }

    /// Reads an 8-bit field.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match (SlotId::new(byte), byte) {
            (Some(slot), _) => Some(Self::Slot(slot)),
            (None, 0xFF) => Some(Self::PublicKey),
            (None, _) => None,
        }
    }

    /// Reads a 4-bit field; higher bits are ignored.
    #[must_use]
    pub const fn from_nibble(nibble: u8) -> Option<Self> {
        match nibble & 0x0F {
            0x0F => Some(Self::PublicKey),
            slot => Self::from_byte(slot),
        }
    }
}
