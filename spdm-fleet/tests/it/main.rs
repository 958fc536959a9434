//! Many devices, without any.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what they expect with a panic"
)]

mod journal;
mod sample;
