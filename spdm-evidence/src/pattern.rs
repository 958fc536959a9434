//! Patterns of texts in JSON, for its schemas.

/// The pattern of bytes in hexadecimal, as they are written.
pub const HEX: &str = "^([0-9a-f]{2})*$";
/// The pattern of bytes in hexadecimal, as they are read.
pub(crate) const HEX_OF_ANY_CASE: &str = "^([0-9A-Fa-f]{2})*$";
/// The pattern of 32 bytes in hexadecimal: nonces, and digests of SHA-256.
pub const HEX_32: &str = "^[0-9a-f]{64}$";
/// The pattern of an SPDM version.
pub const VERSION: &str = r"^1\.[0-9]$";
