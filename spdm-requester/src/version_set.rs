//! A set of SPDM versions.

use spdm_codec::SpdmVersion;

/// The versions that VERSION listed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct VersionSet(u8);

impl VersionSet {
    pub(crate) const EMPTY: Self = Self(0);

    const fn bit(version: SpdmVersion) -> u8 {
        1 << (version.to_byte() & 0x07)
    }

    pub(crate) const fn insert(&mut self, version: SpdmVersion) {
        self.0 |= Self::bit(version);
    }

    /// Whether the set has this version.
    pub(crate) const fn contains(self, version: SpdmVersion) -> bool {
        self.0 & Self::bit(version) != 0
    }

    /// The versions, lowest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = SpdmVersion> + use<> {
        SpdmVersion::ALL.into_iter().filter(move |version| self.contains(*version))
    }
}
