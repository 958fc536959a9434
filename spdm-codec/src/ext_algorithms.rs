//! Algorithms of other registries, in the lists of a negotiation.

use core::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::trace::Trace;
use crate::writer::Writer;

/// External algorithms (`ExtAsym`, `ExtHash`), 4 bytes each.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | RegistryID |
/// | 1 | 1 | Reserved |
/// | 2 | 2 | AlgorithmID |
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct ExtAlgorithms<'a>(&'a [u8]);

/// One external algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ExtAlgorithm {
    /// `RegistryID`: the standards body.
    pub registry_id: u8,
    /// `AlgorithmID` in that registry.
    pub algorithm_id: u16,
}

impl<'a> ExtAlgorithms<'a> {
    /// The entries in these bytes.
    pub(crate) const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        count: u8,
        field: &'static str,
    ) -> Result<Self, &'t DecodeError> {
        r.bytes(field, 4 * usize::from(count)).map(Self)
    }

    /// Number of entries.
    pub(crate) fn count(&self) -> Result<u8, EncodeError> {
        u8::try_from(self.0.len() / 4).map_err(|_| EncodeError::TooLarge { field: "ExtAsymCount" })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.bytes(self.0);
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = ExtAlgorithm> + use<'a> {
        self.0.as_chunks().0.iter().map(|[registry_id, _, low, high]| ExtAlgorithm {
            registry_id: *registry_id,
            algorithm_id: u16::from_le_bytes([*low, *high]),
        })
    }
}

impl fmt::Debug for ExtAlgorithms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
