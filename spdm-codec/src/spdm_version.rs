//! `SPDMVersion`: the protocol versions.

use core::fmt;

/// A version of DSP0274 that this crate knows, ordered by age.
///
/// Exhaustive on purpose: every decision that depends on the version matches it without a wildcard, so
/// that a future version breaks the build at each of them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "a new version must break each decision, see above")]
pub enum SpdmVersion {
    /// 1.0
    V1_0,
    /// 1.1
    V1_1,
    /// 1.2
    V1_2,
    /// 1.3
    V1_3,
    /// 1.4
    V1_4,
}

impl SpdmVersion {
    /// All versions, oldest first.
    pub const ALL: [Self; 5] = [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3, Self::V1_4];

    /// The version whose `SPDMVersion` byte (major in bits 7:4, minor in 3:0) is `byte`.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x10 => Some(Self::V1_0),
            0x11 => Some(Self::V1_1),
            0x12 => Some(Self::V1_2),
            0x13 => Some(Self::V1_3),
            0x14 => Some(Self::V1_4),
            _ => None,
        }
    }

    /// The `SPDMVersion` byte of every message of this version.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::V1_0 => 0x10,
            Self::V1_1 => 0x11,
            Self::V1_2 => 0x12,
            Self::V1_3 => 0x13,
            Self::V1_4 => 0x14,
        }
    }

    /// `"1.2"` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
            Self::V1_4 => "1.4",
        }
    }
}

impl fmt::Display for SpdmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text was not one of `1.0` to `1.4`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnknownVersion;

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an SPDM version: 1.0, 1.1, 1.2, 1.3 or 1.4 is expected")
    }
}

impl core::error::Error for UnknownVersion {}

impl core::str::FromStr for SpdmVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or(UnknownVersion)
    }
}
