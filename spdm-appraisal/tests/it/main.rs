//! CoRIM, SWID tags and comparison, with files that are made here.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod build;
mod bundle;
mod comparing;
mod manifest;
mod nvidia;
mod reading;
mod setting;
mod signing;
#[cfg(feature = "swid")]
mod swid;
#[cfg(feature = "swid")]
mod swid_file;
#[cfg(feature = "swid")]
mod swid_signature;
#[path = "../../../spdm-x509/src/testing.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-x509")]
mod testing;
mod token;
mod values;
