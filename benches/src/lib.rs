//! What the benchmarks share.

use spdm_codec::{Cx, OpaqueFormat, SpdmVersion};

pub mod floor;
pub mod replay;
pub mod samples;

/// The version of all samples.
pub const VERSION: SpdmVersion = SpdmVersion::V1_2;

/// P-384 and SHA-384.
pub fn cx() -> Cx {
    Cx::new(VERSION)
        .with_hash_len(48)
        .with_signature_len(96)
        .with_opaque_format(OpaqueFormat::Table)
}
