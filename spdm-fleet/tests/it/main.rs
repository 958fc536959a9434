//! Many devices, without any.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod arrivals;
mod deploy;
mod freshness;
mod invented;
mod journal;
mod lies;
mod memory_site;
mod runner;
mod sample;
mod schedule;
mod silence;
mod stand;
mod tally;
mod target_state;
mod targets;
mod views;
