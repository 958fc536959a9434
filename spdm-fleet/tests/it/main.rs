//! Many devices, without any.
#![expect(clippy::unwrap_used, reason = "tests say what they expect with a panic")]

mod freshness;
mod journal;
mod lies;
mod sample;
mod views;
